"""A real Kubernetes for a test: etcd and kube-apiserver, and its controllers where they are wanted.

    with RealCluster() as cluster:                      3 s, 320 MB
        cluster.apply(yaml)
        cluster.kubectl("get", "services", "-A")
        cluster.kubeconfig                              of the administrator
        cluster.user_kubeconfig("dns", rules)           of a service account with these rights only
        cluster.kubeconfig_for("dns", cluster.proxy())  the same through a bad network
        cluster.start_controllers()                     Deployments get pods (KWOK) and slices
        cluster.kill_api(), cluster.start_api(), cluster.compact_etcd(), …

    what                  where
    API                   https://<a loopback address of its own>:<port>, RBAC, own certificates
    Services              10.96+number.0.0/16 and fd00:10:96+number::/108
    Pods                  10.244.0.0/16, 10.245.0.0/16, … by number
    logs                  one file for each program in `home`; in the message when a start fails

The programs come from tools/peers.sh, kubectl from the machine.  The methods ask and
change; where the API says no they raise `ClusterFailed` with its words and its status.  Imports
nothing of pytest: tests, bench and tools use it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import signal
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from feddns.apiserver.server import kubeconfig
from feddns.playground.real import commands
from feddns.playground.real.commands import Plan, Ports
from feddns.playground.real.programs import API_PROGRAMS, CONTROLLER_PROGRAMS, STAGES
from tests import certificates, peers
from tests.clusterapi import ADMIN, ADMIN_TOKEN, Api, Object, User
from tests.clusterprograms import ClusterFailed
from tests.etcd import Etcd
from tests.tcpproxy import Proxy

__all__ = ["API_PROGRAMS", "CONTROLLER_PROGRAMS", "ClusterFailed", "RealCluster"]

_SYSTEM = "kube-system"
_numbers = itertools.count(1)


class RealCluster(Api):
    """One cluster.  `number` keeps the ranges of two apart; by default each is the next, from 1."""

    def __init__(
        self, name: str = "cluster", *, number: int | None = None, controllers: bool = False
    ) -> None:
        self.address = (
            f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.{random.randint(1, 254)}"
        )
        self._ports = Ports(*_free_ports(self.address, len(Ports._fields)))
        self.port = self._ports.api
        super().__init__(name, f"https://{self.address}:{self.port}")
        number = next(_numbers) % 100 if number is None else number
        self.service_cidr = f"10.{96 + number}.0.0/16,fd00:10:{96 + number}::/108"
        self.pod_cidr = f"10.{(244 + number) % 256}.0.0/16"
        self.etcd = Etcd(self.address, self._ports.etcd)
        self._controllers = controllers
        self._proxies: list[Proxy] = []

    # --- life ------------------------------------------------------------------------------------

    def __enter__(self) -> RealCluster:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> RealCluster:
        """Start, and wait until the API is ready.  Raises `ClusterFailed`."""
        try:
            certificates.make(self.home / "certs", self.address)
            certificates.make_signing_key(self.home)
            certificates.write_tokens(self.home, ADMIN_TOKEN)
            self.renew_kubeconfigs()
            self.start_etcd()
            self.start_api()
            if self._controllers:
                self.start_controllers()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End every process, by its pid, and remove the folder.  Can be called twice."""
        for proxy in self._proxies:
            proxy.close()
        self.etcd.close()
        super().stop()

    def start_api(self) -> None:
        """Start the API server on the port that it always has, and wait until it is ready."""
        self.run(*commands.api_server(self._plan))
        self.until(self._is_ready, "the API server is ready")

    def stop_api(self) -> None:
        """SIGTERM: the API server takes nobody new; open watches hold it, here for 2 s."""
        self.end("kube-apiserver")

    def kill_api(self) -> None:
        """SIGKILL: connections are reset in the middle of whatever it was."""
        self.end("kube-apiserver", signal.SIGKILL)

    def start_controllers(self) -> None:
        """Start the controllers, the scheduler and KWOK; does nothing when they run."""
        if "kwok" in self.processes:
            return
        lax = self.home / "controllers.kubeconfig"  # outlives a change of certificates
        lax.write_text(json.dumps(kubeconfig(self.name, self.url, ADMIN_TOKEN, None)))
        for command in commands.controllers(self._plan, lax, peers.path(STAGES)):
            self.run(*command)

    # --- etcd ------------------------------------------------------------------------------------

    def put_slices_in_etcd(self, *slices: Object) -> None:
        """Write EndpointSlices past the API server, a hundred in a transaction: thousands a second.

        Each needs metadata.name and metadata.namespace; nothing is validated.
        """
        values = {}
        for given in slices:
            metadata = {
                "uid": f"00000000-0000-4000-8000-{random.getrandbits(48):012x}",
                "creationTimestamp": "2026-01-01T00:00:00Z",
                **given["metadata"],
            }
            key = f"/registry/endpointslices/{metadata['namespace']}/{metadata['name']}"
            head = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice"}
            values[key] = json.dumps({**head, **given, "metadata": metadata}).encode()
        self.etcd.put(values)

    def compact_etcd(self, *, restart: bool = True) -> int:
        """Make every resourceVersion so far too old to be watched from (410); the newest.

        Compaction alone seldom shows: the API server answers watches from its own memory of the
        last events, and only a new one has none.
        """
        revision = self.etcd.compact()
        if restart:
            self.kill_api()
            self.start_api()
        return revision

    # --- who may come ----------------------------------------------------------------------------

    def user_kubeconfig(
        self, name: str, rules: Sequence[Object] = (),
        roles: Mapping[str, Sequence[Object]] | None = None,
    ) -> Path:  # fmt: skip
        """A service account in kube-system with these rights, and a kubeconfig with its token.

        `rules` hold everywhere, `roles` in their namespace.  Called again it changes the rights.
        """
        account = [{"kind": "ServiceAccount", "name": name, "namespace": _SYSTEM}]
        objects = [_object("v1", "ServiceAccount", name, _SYSTEM)]
        for namespace, granted in ({"": rules} | dict(roles or {})).items():
            kind = "Role" if namespace else "ClusterRole"
            role = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
            rbac = ("rbac.authorization.k8s.io/v1", kind, name, namespace)
            objects.append({**_object(*rbac), "rules": list(granted)})
            objects.append({
                **_object(rbac[0], f"{kind}Binding", name, namespace),
                "roleRef": role, "subjects": account,
            })  # fmt: skip
        for one in objects:
            self.put(one)
        if name in self.users:
            return next(iter(self.users[name].kubeconfigs))
        return self.account_kubeconfig(name, _SYSTEM)

    def account_kubeconfig(self, name: str, namespace: str, *, as_user: str = "") -> Path:
        """A kubeconfig of a service account that exists, who is called `as_user` from now on."""
        user = as_user or name
        self.users[user] = User("", (namespace, name))
        self._new_token(user)
        return self.kubeconfig_for(user)

    def kubeconfig_for(self, name: str = ADMIN, proxy: Proxy | None = None) -> Path:
        """A kubeconfig of this user, through the proxy; it follows new tokens and certificates."""
        user = self.users[name]
        path = self.home / f"{name}-{len(user.kubeconfigs)}.kubeconfig"
        user.kubeconfigs[path] = proxy.url if proxy else self.url
        self.renew_kubeconfigs()
        return path

    def proxy(self) -> Proxy:
        """A way to the API that can be made bad; closed with the cluster."""
        proxy = Proxy((self.address, self.port))
        self._proxies.append(proxy)
        return proxy

    def token(self, name: str) -> str:
        return self.users[name].token

    def expire_token(self, name: str, *, restart: bool = False) -> None:
        """Wait until the API takes the user's token no more.

        That is up to 10 s, as it remembers tokens; with `restart` it starts again and forgets.
        """
        user = self.users[name]
        path = f"/api/v1/namespaces/{user.account[0]}/secrets/{user.bound_to}"
        self.request("DELETE", path)
        if restart:
            self.kill_api()
            self.start_api()
        self.until(lambda: self._is_refused(user.token), "the token has expired")

    def renew_token(self, name: str) -> None:
        """Put a new token into the user's kubeconfigs, each replaced in one step."""
        self._new_token(name)
        self.renew_kubeconfigs()

    def rotate_certificates(self, *, renew: bool = True) -> None:
        """A new authority and a new certificate; the API server starts again with them.

        Without `renew` the kubeconfigs have the old authority until `renew_kubeconfigs`.
        """
        certificates.make(self.home / "certs", self.address)
        if renew:
            self.renew_kubeconfigs()
        self.kill_api()
        self.start_api()

    def renew_kubeconfigs(self) -> None:
        """Write every kubeconfig with what holds now, each in one step."""
        authority = (self.home / "certs/ca.crt").read_bytes()
        for user in self.users.values():
            for path, url in user.kubeconfigs.items():
                new = path.with_suffix(".new")
                new.write_text(json.dumps(kubeconfig(self.name, url, user.token, authority)))
                new.replace(path)

    # --- within ----------------------------------------------------------------------------------

    def start_etcd(self) -> None:
        self.run(*commands.etcd(self._plan))

    @property
    def _plan(self) -> Plan:
        return Plan(self.home, self.address, self._ports, self.service_cidr, self.pod_cidr)

    def _is_ready(self) -> bool:
        """The API is ready, and what it makes by itself is there."""
        with contextlib.suppress(OSError, ClusterFailed):
            context = ssl.create_default_context(cafile=str(self.home / "certs/ca.crt"))
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2, context=context):
                return all(
                    self.request("GET", f"/api/v1/namespaces/{name}")
                    for name in (_SYSTEM, "default")
                )
        return False

    def _is_refused(self, token: str) -> bool:
        try:
            self.request("GET", "/api", token=token)
        except ClusterFailed as error:
            return error.status == 401
        return False

    def _new_token(self, name: str) -> None:
        """A token that ends when the Secret it is bound to does."""
        user = self.users[name]
        namespace, account = user.account
        user.bound_to = f"{name}-{random.getrandbits(32):08x}"
        secrets = f"/api/v1/namespaces/{namespace}/secrets"
        secret = self.request("POST", secrets, {"metadata": {"name": user.bound_to}})
        bound = {
            "apiVersion": "v1", "kind": "Secret", "name": user.bound_to,
            "uid": secret["metadata"]["uid"],
        }  # fmt: skip
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        asked = {"spec": {"expirationSeconds": 3600, "boundObjectRef": bound}}
        user.token = self.request("POST", path, asked)["status"]["token"]


def _object(api_version: str, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _free_ports(address: str, count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((address, 0))
        return [one.getsockname()[1] for one in sockets]
