"""The two servers that the list is played against.

`real()`: kube-apiserver and etcd, with the two controllers whose work the embedded API does
itself, that for namespaces and the garbage collector.  `embedded()`: `feddns apiserver`, a process
of its own.  Both are `Server`: a place, an authority, the administrator's token.
"""

from __future__ import annotations

import base64
import contextlib
import json
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.clusterapi import ADMIN_TOKEN
from tests.clusterprograms import ClusterFailed
from tests.realcluster import RealCluster

REAL_PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")
_CONTROLLERS = "namespace-controller,garbage-collector-controller"


@dataclass(frozen=True)
class Server:
    """Where an API is, and how the administrator comes in."""

    name: str
    url: str
    authority: str
    """PEM."""
    token: str
    pid: int = 0

    def kubeconfig(self, namespace: str) -> dict[str, Any]:
        """The administrator's, with this namespace."""
        authority = base64.b64encode(self.authority.encode()).decode()
        cluster = {"server": self.url, "certificate-authority-data": authority}
        context = {"cluster": "it", "user": "admin", "namespace": namespace}
        return {
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "it", "cluster": cluster}],
            "contexts": [{"name": "it", "context": context}],
            "users": [{"name": "admin", "user": {"token": self.token}}],
        }  # fmt: skip

    def request(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """One call.  Raises `urllib.error.HTTPError`, `OSError`."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(self.url + path, data, headers, method=method)
        context = ssl.create_default_context(cadata=self.authority)
        with urllib.request.urlopen(asked, timeout=20, context=context) as reply:
            found: dict[str, Any] = json.load(reply)
            return found

    def make_namespace(self, name: str) -> None:
        """The namespace is there."""
        try:
            self.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        except urllib.error.HTTPError as error:
            with error:
                if error.code != 409:
                    raise


@contextlib.contextmanager
def real() -> Iterator[Server]:
    """A kube-apiserver of its own, for as long as this is open."""
    with RealCluster("conformance", number=0) as cluster:
        cluster.run(
            "kube-controller-manager", f"--kubeconfig={cluster.kubeconfig}",
            "--leader-elect=false", "--secure-port=0", f"--controllers={_CONTROLLERS}",
            f"--service-account-private-key-file={cluster.home}/sa.key",
            "--concurrent-namespace-syncs=20", "--concurrent-gc-syncs=5",
        )  # fmt: skip
        authority = (cluster.home / "certs/ca.crt").read_text()
        pid = cluster.processes["kube-apiserver"].pid
        yield Server("real", cluster.url, authority, ADMIN_TOKEN, pid)


@contextlib.contextmanager
def embedded(*flags: str) -> Iterator[Server]:
    """`feddns apiserver` on a port of its own, for as long as this is open."""
    with tempfile.TemporaryDirectory(prefix="feddns-apiserver-") as folder:
        config, log = Path(folder) / "kubeconfig", Path(folder) / "log"
        command = [
            sys.executable, "-m", "feddns", "apiserver", "--data", f"{folder}/data",
            "--listen", "127.0.0.1:0", "--write-kubeconfig", str(config),
            "--service-cluster-ip-range", "10.96.0.0/16,fd00:10:96::/108", "--no-sync", *flags,
        ]  # fmt: skip
        with log.open("wb") as words:
            process = subprocess.Popen(command, stdout=words, stderr=words, cwd=folder)
        try:
            yield _started(process, config, log)
        finally:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()


def _started(process: subprocess.Popen[bytes], config: Path, log: Path) -> Server:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ClusterFailed(f"feddns apiserver ended: {log.read_text(errors='replace')}")
        with contextlib.suppress(OSError, KeyError, TypeError, yaml.YAMLError):
            found = _of_kubeconfig(yaml.safe_load(config.read_text()), process.pid)
            found.request("GET", "/api/v1/namespaces/default")
            return found
        time.sleep(0.02)
    raise ClusterFailed(f"feddns apiserver is not ready: {log.read_text(errors='replace')}")


def _of_kubeconfig(config: dict[str, Any], pid: int) -> Server:
    cluster = config["clusters"][0]["cluster"]
    user = config["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    return Server("embedded", cluster["server"], authority, user["token"], pid)
