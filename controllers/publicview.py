"""The federation as the public zone needs it: the view that the DNS servers have, of whole objects.

    an object                              what is touched
    a Service that means something else    that Service
    the same, but for its version          nothing
    a Service that cannot be read          that Service: it is `unreadable`, and keeps what it has
    a Service that is gone                 that Service
    a Cluster with other zones or region   every Service
    a Cluster that cannot be read, or      the same: it is not registered, as for the DNS servers
    that is gone

Pure.  Called by `publiczone`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import msgspec

from feddns import snapshot
from feddns.events import Gone, Put
from feddns.kube import resources
from feddns.kube.objects import Changed
from feddns.kube.resources import Role
from feddns.services import FederatedService
from feddns.snapshot import Snapshot, View
from feddns.topology import Cluster

_KINDS = resources.KINDS[Role.FEDERATION]
_SERVICE = _KINDS["v1", "Service"]
_CLUSTER = _KINDS["federation.feddns.dev/v1beta1", "Cluster"]


class _Metadata(msgspec.Struct, gc=False):
    generation: int = 0


class _Generated(msgspec.Struct, gc=False):
    metadata: _Metadata


_generated = msgspec.json.Decoder(_Generated).decode


class PublicView:
    """`reasons`: by Service, why some of it is left out; `unreadable`: those that say nothing."""

    def __init__(self) -> None:
        self.reasons: dict[str, list[str]] = {}
        self.unreadable: set[str] = set()
        self._world = Snapshot(view=View())
        self._generations: dict[str, int] = {}

    @property
    def view(self) -> View:
        assert self._world.view is not None
        return self._world.view

    def service(self, name: str) -> FederatedService | None:
        """By `shop/web`."""
        namespace, _, own = name.partition("/")
        return self.view.services.get((namespace.encode(), own.encode()))

    def generation(self, name: str) -> int:
        """Of the object, 0 where its API counts none."""
        return self._generations.get(name, 0)

    def names(self) -> list[str]:
        """Of all Services that are there, readable or not."""
        known = {f"{one.decode()}/{two.decode()}" for one, two in self.view.services}
        return sorted(known | self.unreadable)

    def services_changed(self, events: Iterable[Changed]) -> list[str]:
        """Namespace and name of those that are touched."""
        return [
            name
            for event in events
            if self._service_changed(name := f"{event.namespace}/{event.name}", event.new)
        ]

    def _service_changed(self, name: str, raw: bytes | None) -> bool:
        before, reasons_before = self.service(name), self.reasons.pop(name, [])
        was_readable = name not in self.unreadable
        self.unreadable.discard(name)
        if raw is None:
            self._generations.pop(name, None)
            self._take(None, before)
            return before is not None or not was_readable
        outcome = resources.read_as(_SERVICE, raw)
        if outcome.refused:
            self.unreadable.add(name)
        if outcome.reasons:
            self.reasons[name] = outcome.reasons
        if outcome.refused:
            return was_readable or outcome.reasons != reasons_before
        after = cast(FederatedService, outcome.objects[0])
        after = msgspec.structs.replace(after, version="")
        self._generations[name] = _generated(raw).metadata.generation
        self._take(after, before)
        return after != before or not was_readable or outcome.reasons != reasons_before

    def clusters_changed(self, events: Iterable[Changed]) -> bool:
        """Whether the zones, regions or names of Clusters are others now."""
        before = self.view.clusters
        for event in events:
            known = self.view.clusters.get(event.name)
            found = None
            if event.new is not None:
                outcome = resources.read_as(_CLUSTER, event.new)
                if not outcome.refused:
                    found = cast(Cluster, outcome.objects[0])
                    found = msgspec.structs.replace(found, version="")
            self._take(found, known)
        return before != self.view.clusters

    def _take(
        self, after: FederatedService | Cluster | None, before: FederatedService | Cluster | None
    ) -> None:
        if after is not None and after != before:
            self._world = snapshot.apply(self._world, Put(after))
        elif after is None and before is not None:
            self._world = snapshot.apply(self._world, Gone(before))
