"""Random kills while objects change; afterwards the members hold what the federation wants.

    chaos = Chaos(world, seed)
    chaos.run(20)           # seconds
    chaos.settle()          # everything runs again; returns when all is right, or fails

    what happens                              to whom
    created, changed, deleted                 ConfigMaps, Secrets, Services of the federation
    changed and deleted behind its back       copies in members
    made by others                            ConfigMaps in members: they must stay as they are
    ready, not ready                          the slices of a Service in a member
    kill -9, started again a little later     API servers and etcds of all clusters, the controllers

All the while every member's DNS is asked: an address of a shard that has been dead for longer than
PROMISE, with all that is needed to know it running, must not be in an answer.

`python -m tests.federation.chaos --minutes 5 [--seed N]` runs longer.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from tests.clusterprograms import ClusterFailed
from tests.federation.world import DOMAIN, NAME, Site, World
from tests.realcluster import RealCluster

PROMISE = 12.0
NAMESPACE = "chaos"
SITES = Site("us", "us", "us-a"), Site("eu", "europe", "eu-a")
LABEL = "federation.feddns.dev/federation"
_MOST = 12
_SETTLED = 90.0
_TROUBLE = (ClusterFailed, OSError, TimeoutError)


class Chaos:
    """See the module's docstring."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.counts: dict[str, int] = {}
        self.wrong: list[str] = []
        self._chance = random.Random(seed)
        self._foreign: dict[tuple[str, str], str] = {}
        self._dead: dict[tuple[str, str], float] = {}
        self._up: dict[str, float] = {}
        self._down: dict[str, tuple[float, Callable[[], None]]] = {}
        self._asking = threading.Event()
        # What a thread starts ends with the thread: these live as long as this.
        self._pool = ThreadPoolExecutor(_MOST)
        self._starting: dict[str, Future[None]] = {}

    # --- the storm ---------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        """Do random things for so long."""
        with contextlib.suppress(ClusterFailed):
            self.world.federation.namespace(NAMESPACE)
        asking = threading.Thread(target=self._ask, name="asking", daemon=True)
        asking.start()
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                self._revive(time.monotonic())
                self._act()
                time.sleep(self._chance.uniform(0.0, 0.04))
        finally:
            self._revive_all()
            self._asking.set()
            asking.join(30)

    def _act(self) -> None:
        actions: list[tuple[int, Callable[[], None]]] = [
            (30, self._create), (20, self._change), (6, self._delete), (20, self._shard),
            (6, self._drift), (2, self._alien), (2, self._kill),
        ]  # fmt: skip
        (act,) = self._chance.choices([one for _, one in actions], [many for many, _ in actions])
        name = act.__name__.strip("_")
        try:
            act()
        except _TROUBLE:
            name += ", not answered"  # whatever came of it is read at the end
        self.counts[name] = self.counts.get(name, 0) + 1

    # --- what happens ------------------------------------------------------------------------

    def _create(self) -> None:
        plural, name = self._any()
        body: dict[str, Any] = {"metadata": {"name": name}}
        if plural == "services":
            body["spec"] = {"type": "LoadBalancer", "ports": [{"name": "http", "port": 80}]}
        elif plural == "configmaps":
            body["data"] = {"value": str(self._chance.random())}
        else:
            body["data"] = {"value": base64.b64encode(self._chance.randbytes(9)).decode()}
        self.world.federation.request("POST", _path(plural), body)

    def _change(self) -> None:
        plural, name = self._any()
        value = base64.b64encode(self._chance.randbytes(9)).decode()
        change: dict[str, Any] = {"data": {"value": value}}
        if plural == "services":
            change = {"metadata": {"labels": {"value": value.strip("=").replace("+", "-")
                                              .replace("/", "-").strip("-") or "x"}}}  # fmt: skip
        self.world.federation.patch(f"{_path(plural)}/{name}", change)

    def _delete(self) -> None:
        plural, name = self._any()
        self.world.federation.request("DELETE", f"{_path(plural)}/{name}")

    def _shard(self) -> None:
        member, service = self._member(), self._name()
        is_ready = self._chance.random() < 0.6
        api = self.world.members[member]
        endpoint = {"addresses": ["10.1.2.3"], "conditions": {"ready": is_ready}}
        labels = {"kubernetes.io/service-name": service}
        metadata = {"name": service, "namespace": NAMESPACE, "labels": labels}
        path = _path("endpointslices", "apis/discovery.k8s.io/v1")
        one = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata,
               "addressType": "IPv4", "endpoints": [endpoint], "ports": []}  # fmt: skip
        # While it is not known whether it was taken, nothing is promised.
        self._dead.pop((member, service), None)
        try:
            api.request("POST", path, one)
        except ClusterFailed as error:
            if error.status != 409:
                raise
            api.patch(f"{path}/{service}", {"endpoints": [endpoint]})
        if not is_ready:
            self._dead[member, service] = time.monotonic()

    def _drift(self) -> None:
        api = self.world.members[self._member()]
        path = f"{_path('configmaps')}/{self._name()}"
        if self._chance.random() < 0.5:
            api.request("DELETE", path)
        else:
            api.patch(path, {"data": {"value": "changed behind its back"}})

    def _alien(self) -> None:
        member, name = self._member(), f"alien-{self._chance.randrange(_MOST)}"
        if (member, name) not in self._foreign:
            value = str(self._chance.random())
            body = {"metadata": {"name": name}, "data": {"value": value}}
            self.world.members[member].request("POST", _path("configmaps"), body)
            self._foreign[member, name] = value

    def _kill(self) -> None:
        running = [name for name in self._parts() if name not in self._down]
        name = self._chance.choice(running)
        back = time.monotonic() + self._chance.uniform(0.2, 3.0)
        self._down[name] = back, self._ended(name)
        self._up.pop(name, None)

    def _parts(self) -> Iterator[str]:
        yield "controllers"
        for name in ("federation", *self.world.members):
            yield f"api {name}"
            yield f"etcd {name}"

    def _ended(self, name: str) -> Callable[[], None]:
        """Kill it; what starts it again."""
        if name == "controllers":
            self.world.end(name, kill=True)
            return self.world.start_controllers
        what, _, cluster = name.partition(" ")
        one = self._cluster(cluster)
        if what == "api":
            one.kill_api()
            return one.start_api
        one.end("etcd", signal.SIGKILL)
        return one.start_etcd

    def _cluster(self, name: str) -> RealCluster:
        return self.world.federation if name == "federation" else self.world.members[name]

    def _revive(self, now: float) -> None:
        """Start what is due, beside the storm."""
        for name, (back, start) in list(self._down.items()):
            if back <= now and name not in self._starting:
                if name.startswith("api") and f"etcd {name[4:]}" in self._down:
                    continue  # an API server does not come up without its etcd
                self._starting[name] = self._pool.submit(start)
        for name, starting in list(self._starting.items()):
            if starting.done():
                starting.result()
                del self._starting[name], self._down[name]
                self._up[name] = time.monotonic()

    def _revive_all(self) -> None:
        while self._down:
            self._revive(float("inf"))
            time.sleep(0.02)

    # --- what must hold ----------------------------------------------------------------------

    def _ask(self) -> None:
        while not self._asking.wait(0.1):
            for member in self.world.members:
                for number in range(_MOST):
                    self._check(member, f"one-{number}")

    def _check(self, member: str, service: str) -> None:
        before = dict(self._dead)
        found = self.world.addresses(member, _question(service))
        for other in self.world.members:
            since = before.get((other, service))
            if since is None or self.world.balancer(other) not in found:
                continue
            needed = ("controllers", "api federation", "etcd federation", f"api {other}",
                      f"etcd {other}")  # fmt: skip
            if any(part in self._down for part in needed):
                continue
            since = max(since, *(self._up.get(part, 0.0) for part in needed))
            late = time.monotonic() - since
            if late > PROMISE and self._dead.get((other, service)) == before[other, service]:
                self.wrong.append(f"{member} gives {service} of {other}, dead {late:.1f} s")

    def settle(self) -> float:
        """Until the members hold what the federation wants; how many seconds that took."""
        taken = self.world.until(lambda: not self.differences(), "settled", _SETTLED)
        for (member, name), value in self._foreign.items():
            one = self.world.members[member].request("GET", f"{_path('configmaps')}/{name}")
            assert one["data"] == {"value": value}, f"{member}: {name} was not ours"
        return taken

    def differences(self) -> list[str]:
        """What members have and should not, or have not and should."""
        found = []
        for plural in ("configmaps", "secrets", "services"):
            wanted = {
                one["metadata"]["name"]: _content(plural, one)
                for one in self._objects(self.world.federation, plural)
                if not one["metadata"].get("deletionTimestamp")
            }
            for name, member in self.world.members.items():
                there = {
                    one["metadata"]["name"]: _content(plural, one)
                    for one in self._objects(member, plural)
                    if LABEL in (one["metadata"].get("labels") or {})
                }
                found += [
                    f"{name}: {plural} {key}: {there.get(key)} instead of {wanted.get(key)}"
                    for key in wanted.keys() | there.keys()
                    if wanted.get(key) != there.get(key)
                ]
        return found

    def _objects(self, api: RealCluster, plural: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = api.request("GET", _path(plural))["items"]
        return items

    # --- chance ------------------------------------------------------------------------------

    def _any(self) -> tuple[str, str]:
        return self._chance.choice(("configmaps", "secrets", "services")), self._name()

    def _name(self) -> str:
        return f"one-{self._chance.randrange(_MOST)}"

    def _member(self) -> str:
        return self._chance.choice(list(self.world.members))


def _path(plural: str, root: str = "api/v1") -> str:
    return f"/{root}/namespaces/{NAMESPACE}/{plural}"


def _question(service: str) -> str:
    return f"{service}.{NAMESPACE}.{NAME}.svc.cluster.local."


def _content(plural: str, one: dict[str, Any]) -> Any:
    """What is compared."""
    if plural != "services":
        return one.get("data")
    labels = one["metadata"].get("labels") or {}
    ports = [(port["name"], port["port"]) for port in one["spec"]["ports"]]
    return one["spec"]["type"], ports, labels.get("value")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    asked = parser.parse_args()
    print(f"seed {asked.seed}, {DOMAIN}, {asked.minutes:g} minutes", flush=True)
    with World(*SITES, controllers=False) as world:
        chaos = Chaos(world, asked.seed)
        chaos.run(asked.minutes * 60)
        print(chaos.counts, flush=True)
        print(f"settled after {chaos.settle():.1f} s; wrong answers: {chaos.wrong}")


if __name__ == "__main__":
    main()
