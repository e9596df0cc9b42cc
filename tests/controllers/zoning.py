"""A federation's public zone in virtual time: objects as its API has them, a provider in memory.

zone = Zone()
zone.cluster("us", "us-a", region="us")
zone.service("shop/web", us=["192.0.2.1"], eu=[])        eu: a load balancer, nothing ready
zone.start()                                             all has been read whole
zone.records()                                           `web.shop.f.svc 180 A 192.0.2.1`, …
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from controllers import publiczone
from controllers.publiczone import CLUSTERS, SERVICES, PublicZone, Settings, Standing
from feddns.errors import FeddnsError
from feddns.kube.federation import INGRESSES
from feddns.kube.objects import Changed
from feddns.providers import keeper, memory, ownership
from feddns.providers.keeper import Applied, News
from feddns.providers.memory import Memory
from feddns.providers.recordsets import TXT, Change, RecordSet
from tests.providers.driver import Driver

ZONE = "example.com."
REGISTRY = ownership.registry("feddns-f")
OWN = "federation.feddns.dev/"


def service(name: str, shards: dict[str, list[str] | None], **more: Any) -> bytes:
    """A federated Service; `type`, `generation`, `known` addresses, and annotations of ours."""
    namespace, _, own = name.partition("/")
    given = more.pop("type", "LoadBalancer")
    items = [
        {"cluster": cluster, "items": [_ingress(one) for one in there or ()] or None}
        for cluster, there in shards.items()
    ]
    known = [_ingress(one) for one in more.pop("known", ())]
    metadata = {
        "namespace": namespace, "name": own, "resourceVersion": "1",
        "generation": more.pop("generation", 1),
        "annotations": {
            INGRESSES: more.pop("ingresses", json.dumps({"items": items})),
            **{OWN + key.replace("_", "-"): value for key, value in more.items()},
        },
    }  # fmt: skip
    return json.dumps({
        "apiVersion": "v1", "kind": "Service", "metadata": metadata,
        "spec": {"type": given, "ports": [{"port": 80}]},
        "status": {"loadBalancer": {"ingress": known}},
    }).encode()  # fmt: skip


def _ingress(text: str) -> dict[str, str]:
    return {"ip" if text[-1].isdigit() or ":" in text else "hostname": text}


def cluster(name: str, *zones: str, region: str) -> bytes:
    status = {"zones": list(zones), "region": region}
    head = {"apiVersion": "federation.feddns.dev/v1beta1", "kind": "Cluster"}
    return json.dumps({**head, "metadata": {"name": name}, "status": status}).encode()


class Counting(Memory):
    """The provider, and what it was asked for."""

    def __init__(self, settings: memory.Settings) -> None:
        super().__init__(settings)
        self.sent: list[tuple[Change, ...]] = []
        self.failures: list[FeddnsError] = []

    def apply(self, changes: Sequence[Change]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        super().apply(changes)
        self.sent.append(tuple(changes))


class Zone:
    """See the module's docstring.  What is told is kept in `news`, `applied`, `standings`."""

    def __init__(self, provider: Counting | None = None, **settings: Any) -> None:
        keeping = keeper.Settings(**settings.pop("keeper", {}))
        chosen = Settings(
            federation="f", zone=ZONE, registry=REGISTRY, keeper=keeping, **settings
        )  # fmt: skip
        self.provider = provider or Counting(memory.Settings(zone=ZONE))
        self.zone = PublicZone(chosen, self.provider.limits)
        self.driver = Driver(self.zone, self.provider)  # type: ignore[arg-type]
        self.news: list[News] = []
        self.applied: list[Applied] = []
        self.standings: dict[str, Standing] = {}
        self.said: list[str] = []
        """Reasons of standings, one after the other."""
        self.state = publiczone.State()
        self._objects: dict[tuple[str, str, str], bytes] = {}

    # --- what happens ----------------------------------------------------------------------------

    def service(self, name: str, more: dict[str, Any] | None = None, **shards: Any) -> None:
        self.put_service(name, service(name, shards, **(more or {})))

    def put_service(self, name: str, raw: bytes | None) -> None:
        namespace, _, own = name.partition("/")
        self.zone.services_changed(self._changed(SERVICES, namespace, own, raw), self.driver.now)

    def cluster(self, name: str, *zones: str, region: str) -> None:
        self.put_cluster(name, cluster(name, *zones, region=region))

    def put_cluster(self, name: str, raw: bytes | None) -> None:
        self.zone.clusters_changed(self._changed(CLUSTERS, "", name, raw), self.driver.now)

    def _changed(self, kind: str, namespace: str, name: str, raw: bytes | None) -> list[Changed]:
        at = kind, namespace, name
        old = self._objects.pop(at, None)
        if raw is not None:
            self._objects[at] = raw
        return [Changed(namespace, name, old, raw)]

    def start(self) -> None:
        """Everything has been read whole."""
        self.zone.read_whole(SERVICES, "7", self.driver.now)
        self.zone.read_whole(CLUSTERS, "8", self.driver.now)
        self.settle()

    def settle(self) -> None:
        self.driver.settle()
        self._hear()

    def run(self, seconds: float) -> None:
        self.driver.run(seconds)
        self._hear()

    def again(self) -> Zone:
        """Another process, which knows nothing; the same provider and objects."""
        other = Zone(self.provider)
        for (kind, namespace, name), raw in self._objects.items():
            if kind == SERVICES:
                other.put_service(f"{namespace}/{name}", raw)
            else:
                other.put_cluster(name, raw)
        return other

    # --- what is there ---------------------------------------------------------------------------

    def _hear(self) -> None:
        while (report := self.zone.report()) is not None:
            self.news += report.news
            self.applied += report.applied
            self.standings.update(report.standings)
            self.said += [standing.reason for standing in report.standings.values()]
            self.state = report.state

    def records(self) -> list[str]:
        """Without claims, names without the zone."""
        return [_short(one) for one in self.provider.content() if one.type != TXT]

    def at(self, rung: str, name: str = "web.shop.f.svc") -> str:
        """What the rung's name has, as `A 192.0.2.1`; several types one after the other."""
        owner = f"{name}.{rung}".rstrip(".")
        found = [one.partition(" 180 ") for one in self.records()]
        return ", ".join(what for where, _, what in found if where == owner)


def _short(record: RecordSet) -> str:
    return str(record).replace(f".{ZONE}", "")
