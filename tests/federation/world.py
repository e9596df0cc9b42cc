"""A whole federation of real programs: kube-apiservers with their controllers and KWOK, one more
for the federation, feddns-controllers, and a DNS server for each member; each a process.

    with World(Site("us", "us", "us-a"), Site("eu", "europe", "eu-a")) as world:
        world.federation.kubectl("create", "-f", …)
        world.addresses("us", "nginx.default.fellowship.svc.cluster.local.")

A cloud is played by a thread: load balancers get an address of their cluster, on loopback.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

from tests.clusterprograms import ClusterFailed
from tests.controllers.running import CRD, SYSTEM, Federation
from tests.realcluster import RealCluster
from tests.serving import environment, free_port, loopback

NAME, DOMAIN = "fellowship", "example.com"
PATIENCE = 30.0
START_PATIENCE = 60.0
"""Everything starts at once, and an API server that starts leaves little to the others."""


class Site(NamedTuple):
    """A member to be."""

    name: str
    region: str
    zone: str


class World:
    """See the module's docstring."""

    def __init__(self, *sites: Site, monitor_period: str = "2s", controllers: bool = True) -> None:
        """Without `controllers` members make no Pods and no slices of their own."""
        self.sites = {site.name: site for site in sites}
        self.federation = RealCluster("federation")
        self.members = {
            site.name: RealCluster(site.name, controllers=controllers) for site in sites
        }
        self._all = [self.federation, *self.members.values()]
        self.registry = Federation(self.federation, self.members)
        self._period = monitor_period
        self._balancers = loopback().rpartition(".")[0]
        self._places = {name: (loopback(), 0) for name in self.members}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = threading.Event()
        self._cloud = threading.Thread(target=self._play_cloud, name="cloud", daemon=True)
        self._stack = contextlib.ExitStack()

    # --- life --------------------------------------------------------------------------------

    def __enter__(self) -> World:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stopping.set()
        if self._cloud.is_alive():
            self._cloud.join(10)
        for name in list(self._processes):
            self.end(name)
        self._stack.close()

    def _start(self) -> None:
        # What a thread starts ends with the thread, so they live as long as this.
        pool = self._stack.enter_context(ThreadPoolExecutor(len(self._all)))
        for one in self._all:
            self._stack.callback(one.stop)
        list(pool.map(RealCluster.start, self._all))
        self.federation.apply(CRD.read_text())
        self.federation.kubectl("wait", "--for=condition=Established", "crd", "--all")
        self.federation.namespace(SYSTEM)
        for name, member in self.members.items():
            site = self.sites[name]
            member.add_node(f"{name}-1", site.zone, site.region)
            data = {"federations": f"{NAME}={DOMAIN}"}
            where = "/api/v1/namespaces/kube-system/configmaps"
            member.request("POST", where, {"metadata": {"name": "kube-dns"}, "data": data})
            self.registry.register(name)
        self._cloud.start()
        self.start_controllers()
        for name in self.members:
            self.start_dns(name)
        for name in self.members:
            self.registry.until(
                lambda name=name: self.registry.is_ready(name), f"{name} is ready", START_PATIENCE
            )

    # --- processes ---------------------------------------------------------------------------

    def start_controllers(self) -> None:
        self._run(
            "controllers", "controllers", "--federation-kubeconfig",
            str(self.federation.kubeconfig), "--federation-name", NAME, "--zone-name", DOMAIN,
            "--cluster-monitor-period", self._period, "--leader-elect=false",
        )  # fmt: skip

    def start_dns(self, name: str) -> None:
        address, port = self._places[name]
        port = port or free_port(address)
        self._places[name] = address, port
        self._run(
            f"dns-{name}", "feddns", "serve", "--kubeconfig", str(self.members[name].kubeconfig),
            "--federation-kubeconfig", str(self.federation.kubeconfig), "--federation-name", NAME,
            "--cluster-name", name, "--listen", f"{address}:{port}", "--metrics", "none",
            "--processes", "0", "--no-forward", "--lame-duck", "0",
        )  # fmt: skip

    def end(self, name: str, *, kill: bool = False) -> None:
        """End a process: `controllers`, `dns-us`, …"""
        process = self._processes.pop(name)
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def log(self, name: str) -> str:
        return (self.federation.home / f"{name}.log").read_text(errors="replace")

    def _run(self, name: str, module: str, *arguments: str) -> None:
        with (self.federation.home / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments], stdout=log, stderr=log,
                env=environment(),
            )  # fmt: skip

    # --- the cloud ---------------------------------------------------------------------------

    def balancer(self, name: str) -> str:
        """The address of a member's load balancers; nothing answers there, so a probe fails."""
        return f"{self._balancers}.{list(self.members).index(name) + 1}"

    def _play_cloud(self) -> None:
        while not self._stopping.wait(0.1):
            for name, member in self.members.items():
                with contextlib.suppress(ClusterFailed, OSError):
                    self._give_addresses(name, member)

    def _give_addresses(self, name: str, member: RealCluster) -> None:
        for one in member.request("GET", "/api/v1/services")["items"]:
            metadata, balancer = one["metadata"], one["status"]["loadBalancer"]
            if one["spec"]["type"] == "LoadBalancer" and not balancer.get("ingress"):
                path = f"/api/v1/namespaces/{metadata['namespace']}/services/{metadata['name']}"
                ingress = [{"ip": self.balancer(name)}]
                member.patch(f"{path}/status", {"status": {"loadBalancer": {"ingress": ingress}}})

    # --- what is asked -----------------------------------------------------------------------

    def dig(self, member: str, name: str) -> list[str]:
        """Targets and addresses of the answer of a member's DNS server; none: no answer."""
        address, port = self._places[member]
        query = dns.message.make_query(name, "A")
        try:
            reply = dns.query.udp(query, address, timeout=1, port=port)
        except (dns.exception.Timeout, OSError):
            return []
        return [
            str(each.target if rrset.rdtype == dns.rdatatype.CNAME else each.address)
            for rrset in reply.answer
            for each in rrset
        ]

    def addresses(self, member: str, name: str) -> set[str]:
        return {one for one in self.dig(member, name) if one[0].isdigit()}

    def until(self, is_so: Callable[[], bool], what: str, patience: float = PATIENCE) -> float:
        """Wait for it; how many seconds that took."""
        began = time.monotonic()
        while not is_so():
            passed = time.monotonic() - began
            assert passed < patience, (
                f"not within {patience:g} s: {what}\n{self.log('controllers')}"
            )
            time.sleep(0.01)
        return time.monotonic() - began
