"""What every piece is given: a federation of APIs, embedded or real, and what runs beside them.

    with federation(plan, ("us", "eu")) as stage:
        with stage.controllers() as controllers:      a process: its CPU and memory are counted
            with stage.dns("eu") as server:           `feddns serve` of that member

The members stand in zones and regions of their own.  This module must not measure.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import processes
from bench.federation import objects, talking
from bench.processes import Launch, Running
from bench.results import Results
from bench.servers import ROOT
from bench.targets import OURS
from tests.clusterapi import Api
from tests.controllers import running
from tests.controllers.running import Federation

NAME, DOMAIN = "fellowship", "example.com"
FEDERATIONS = f"{NAME}={DOMAIN}"
NAMESPACE = "bench"
PERIOD = "3s"
PATIENCE = 120.0
QUIET_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Server:
    """A DNS server that runs."""

    running: Running
    port: int


@dataclass(slots=True)
class Stage:
    """One federation.  `suffix` is of the rows: nothing on embedded APIs, `-real` on real ones."""

    federation: Federation
    folder: Path
    results: Results
    quick: bool
    suffix: str

    @property
    def api(self) -> Api:
        """The federation's."""
        return self.federation.api

    @property
    def members(self) -> dict[str, Api]:
        return self.federation.members

    def put(self, work: str, value: float) -> None:
        """A number of a row."""
        self.results.cell(f"{work}{self.suffix}", OURS).values[0] = value

    def refuse(self, work: str, reason: str, detail: str) -> None:
        self.results.refuse(f"{work}{self.suffix}", OURS, reason, detail)

    # --- programs --------------------------------------------------------------------------------

    @contextlib.contextmanager
    def controllers(self) -> Iterator[Running]:
        """`feddns-controllers`, when every member that is registered is ready."""
        command = [
            sys.executable, "-m", "controllers",
            "--federation-kubeconfig", str(self.api.kubeconfig), "--federation-name", NAME,
            "--zone-name", DOMAIN, "--cluster-monitor-period", PERIOD, "--leader-elect=false",
        ]  # fmt: skip
        one = Running(Launch(command, folder=ROOT), self.folder / "controllers.log")
        try:
            self.until(lambda: all(map(self.federation.is_ready, self.members)), "all are ready")
            yield one
        finally:
            one.stop(patience=10.0)

    @contextlib.contextmanager
    def dns(self, member: str) -> Iterator[Server]:
        """A member's DNS server; it may not answer yet."""
        port = processes.free_port()
        command = [
            sys.executable, "-m", "feddns", "serve",
            "--kubeconfig", str(self.members[member].kubeconfig),
            "--federation-kubeconfig", str(self.api.kubeconfig), "--federation-name", NAME,
            "--cluster-name", member, "--listen", f"127.0.0.1:{port}", "--metrics", "none",
            "--processes", "0", "--no-forward", "--lame-duck", "0",
        ]  # fmt: skip
        one = Running(Launch(command, folder=ROOT), self.folder / f"dns-{member}.log")
        try:
            yield Server(one, port)
        finally:
            one.stop()

    # --- objects ---------------------------------------------------------------------------------

    def path(self, plural: str, name: str = "", *, namespace: str = NAMESPACE) -> str:
        group = "apis/discovery.k8s.io/v1" if plural == "endpointslices" else "api/v1"
        return f"/{group}/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")

    def create(self, api: Api, made: Iterator[objects.Made] | list[objects.Made]) -> float:
        """Make these objects, several at once; the seconds it took."""
        return talking.at_once(api, "POST", ((self.path(plural), one) for plural, one in made))

    def balance(self, member: str, name: str, address: str) -> None:
        """The member's Service has this address and an endpoint that is ready."""
        api = self.members[member]
        ingress = [{"ip": address}]
        api.patch(
            f"{self.path('services', name)}/status",
            {"status": {"loadBalancer": {"ingress": ingress}}},
        )
        api.request("POST", self.path("endpointslices"), objects.endpoint_slice(name))

    # --- time ------------------------------------------------------------------------------------

    def until(
        self,
        holds: Callable[[], object],
        what: str,
        patience: float = PATIENCE,
        pause: float = 0.05,
    ) -> None:
        """Poll.  Raises `NotSo`."""
        deadline = time.monotonic() + patience
        while not holds():
            if time.monotonic() > deadline:
                raise NotSo(f"not within {patience:g} s: {what}")
            time.sleep(pause)

    def until_quiet(self, running: Running, patience: float = PATIENCE) -> None:
        """Until a process has little left to do."""

        def rests() -> bool:
            before = running.run_seconds()
            time.sleep(1.0)
            return running.run_seconds() - before <= QUIET_SHARE

        self.until(rests, "it comes to rest", patience)


class NotSo(Exception):
    """What a piece waited for did not come."""


@contextlib.contextmanager
def federation(folder: Path, names: tuple[str, ...], *, real: bool) -> Iterator[Federation]:
    """APIs with the namespace of the measurements in the federation, and nodes in the members."""
    folder.mkdir(parents=True)
    with (running.on_real if real else running.on_embedded)(*names) as made:
        made.api.namespace(NAMESPACE)
        for name, member in made.members.items():
            member.add_node(f"{name}-1", f"{name}-a", name)
            settings = {"metadata": {"name": "kube-dns"}, "data": {"federations": FEDERATIONS}}
            member.request("POST", "/api/v1/namespaces/kube-system/configmaps", settings)
        yield made


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
