"""What each program of a cluster is started with.

    program                    beside the plan's addresses and ranges
    etcd                       never waits for the disk: a cluster of the playground or of a test
    kube-apiserver             RBAC, tokens from tokens.csv; Pods need no service account, so that
                               `kubectl run` works at once
    kube-controller-manager    all controllers but those that give nodes their Pod ranges
    kube-scheduler             nothing
    kwok                       takes every node for its own, and plays its kubelet

Pure.  Called by `kubernetes` and by the tests' clusters.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

Command = tuple[str, ...]
"""A program and its flags."""


class Ports(NamedTuple):
    """Where the programs listen, all on the cluster's address."""

    api: int = 6443
    etcd: int = 2379
    peer: int = 2380
    manager: int = 10257
    scheduler: int = 10259
    kwok: int = 10247


class Plan(NamedTuple):
    """One cluster.  `home`: the folder of `keys`, with the certificates in `certs`."""

    home: Path
    address: str
    ports: Ports
    service_cidr: str
    pod_cidr: str

    @property
    def url(self) -> str:
        """Of its API."""
        return f"https://{self.address}:{self.ports.api}"


def etcd(plan: Plan) -> Command:
    """What the API server keeps everything in."""
    client = f"http://{plan.address}:{plan.ports.etcd}"
    peer = f"http://{plan.address}:{plan.ports.peer}"
    return (
        "etcd", f"--data-dir={plan.home}/etcd", "--unsafe-no-fsync", "--log-level=error",
        f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    )  # fmt: skip


def api_server(plan: Plan) -> Command:
    """The API; it waits until etcd is there."""
    certs = plan.home / "certs"
    return (
        "kube-apiserver", f"--etcd-servers=http://{plan.address}:{plan.ports.etcd}",
        f"--secure-port={plan.ports.api}", f"--bind-address={plan.address}",
        "--advertise-address=192.0.2.1",
        f"--tls-cert-file={certs}/tls.crt", f"--tls-private-key-file={certs}/tls.key",
        f"--cert-dir={certs}", f"--service-account-key-file={plan.home}/sa.pub",
        f"--service-account-signing-key-file={plan.home}/sa.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--token-auth-file={plan.home}/tokens.csv", "--authorization-mode=RBAC",
        f"--service-cluster-ip-range={plan.service_cidr}", "--allow-privileged=true",
        "--disable-admission-plugins=ServiceAccount", "--profiling=false",
        "--storage-media-type=application/json",
    )  # fmt: skip


def controllers(plan: Plan, kubeconfig: Path, stages: Path) -> tuple[Command, ...]:
    """What makes a cluster of an API; they end when it is not there yet."""
    common = (f"--kubeconfig={kubeconfig}", "--leader-elect=false",
              f"--bind-address={plan.address}", f"--cert-dir={plan.home}")  # fmt: skip
    return (
        (
            "kube-controller-manager", *common, f"--secure-port={plan.ports.manager}",
            f"--service-account-private-key-file={plan.home}/sa.key", "--controllers=*,-nodeipam",
        ),
        ("kube-scheduler", *common, f"--secure-port={plan.ports.scheduler}"),
        (
            "kwok", f"--kubeconfig={kubeconfig}", "--manage-all-nodes=true",
            f"--cidr={plan.pod_cidr}", "--node-ip=127.0.0.1", f"--config={stages}",
            f"--server-address={plan.address}:{plan.ports.kwok}",
        ),
    )  # fmt: skip
