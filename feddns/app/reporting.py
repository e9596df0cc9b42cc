"""What the watching process tells about the server, gathered when somebody asks.

    from                        what
    the notice board            settings, restarts, whether it ends
    the regions                 the answering processes, caches, questions
    the sources                 objects, refusals, how each source is followed
    /proc                       memory

Nothing here may keep the loop for long: objects are walked in pieces.  I/O.  Called by `watching`;
`control` serves what comes of it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from feddns import __version__, names
from feddns import inventory as inventories
from feddns import snapshot as world
from feddns.app import health
from feddns.app.control import Desk
from feddns.app.memory import Readable
from feddns.app.pressure import memory_of
from feddns.app.sources import Kept
from feddns.config import Settings, values
from feddns.events import Event, Put, Synced
from feddns.federations import Federations
from feddns.inventory import Inventory
from feddns.nameservers import Nameservers
from feddns.report import Cache, Federation, Notice, Process, Refused, Report, Source, Upstream
from feddns.resolver import counts
from feddns.resolver.counts import RESTARTS, counter, gauge
from feddns.services import FederatedService
from feddns.snapshot import Snapshot
from feddns.topology import Cluster, Node

if TYPE_CHECKING:
    from feddns.app.watching import Watching

_MOST_REFUSED = 100
_SAMPLE_EVERY = 5.0
_SAMPLES = 3
_PIECE = 2000
_ROWS = list(counts.rows())
_HITS = [slot for slot, row in _ROWS if row.ready]
_MISSES = [slot for slot, row in _ROWS if not row.ready]
Few = Federations | Node | Cluster | Nameservers
_TAGS = frozenset(kind.__name__ for kind in (Federations, Node, Cluster, Nameservers))


class Sample(NamedTuple):
    """Questions of each answering process at a time of the monotonic clock."""

    when: float
    questions: list[int]


class Reporter:
    """See `control.Known`."""

    def __init__(self, watching: Watching, regions: Sequence[Readable], desk: Desk) -> None:
        self._watching = watching
        self._regions = regions
        self._desk = desk
        self._samples: deque[Sample] = deque(maxlen=_SAMPLES)

    async def run(self) -> None:
        """Note now and then how many questions there were, for ever."""
        while True:
            self._samples.append(self._sample())
            await asyncio.sleep(_SAMPLE_EVERY)

    def ready(self) -> dict[str, str]:
        return health.readiness(self._regions, time.monotonic(), self._desk.board.read())

    def everything(self) -> tuple[Iterable[Event], bool]:
        return self._watching.everything()

    def changed(self) -> float:
        return self._watching.changed

    async def report(self) -> Report:
        notice = self._desk.board.read()
        sockets = self._desk.sockets
        few, federated = await _few(list(self._watching.sources.objects()))
        snapshot = self._small_world(few)
        inventory = self._watching.inventory()
        refusals = self._watching.sources.refusals()
        return Report(
            version=__version__,
            now=time.time(),
            notice=msgspec.structs.replace(notice, settings={}),
            listen=[str(listener.address) for listener in sockets.listeners],
            metrics=str(sockets.metrics_asked or ""),
            control=sockets.control_name,
            processes=self._processes(notice),
            sources=self._sources(inventory),
            objects=inventory.objects,
            ignored=inventory.ignored,
            federations=_federations(snapshot, federated),
            zone=snapshot.location.zone,
            region=snapshot.location.region,
            upstreams=_upstreams(snapshot, self._desk.settings, inventory),
            caches=self._caches(),
            refused=[_refused(one.path, one.line, one.reason) for one in refusals[:_MOST_REFUSED]],
            refused_more=max(0, len(refusals) - _MOST_REFUSED),
            changed=inventory.changed,
            trouble=snapshot.view_trouble(),
        )

    # --- processes -------------------------------------------------------------------------------

    def _sample(self) -> Sample:
        found = []
        for region in self._regions:
            numbers = region.read()
            found.append(sum(numbers[slot] for slot, _ in _ROWS))
        return Sample(time.monotonic(), found)

    def _processes(self, notice: Notice) -> list[Process]:
        own = os.getpid()
        found = []
        if notice.supervisor != own:
            memory = memory_of(notice.supervisor)
            found.append(Process("supervisor", notice.supervisor, memory))
            found.append(Process("watching", own, memory_of(own), notice.watcher_restarts))
        now = self._sample()
        before = self._samples[0] if self._samples else now
        seconds = now.when - before.when
        for index, region in enumerate(self._regions):
            grown = now.questions[index] - before.questions[index]
            rate = grown / seconds if seconds > 0.5 else 0.0
            found.append(_process(index, region.read(), now.questions[index], rate))
        return found

    def _caches(self) -> list[Cache]:
        regions = [region.read() for region in self._regions]

        def total(slots: Iterable[int]) -> int:
            chosen = list(slots)
            return sum(numbers[slot] for numbers in regions for slot in chosen)

        entries, octets = total([gauge("answers_ready")]), total([gauge("answers_ready_bytes")])
        found = [Cache("ready answers", entries, octets, total(_HITS), total(_MISSES))]
        if self._desk.settings.forward:
            kept = [gauge("forward_entries"), gauge("forward_bytes")]
            counted = [counter("forward_hits"), counter("forward_misses")]
            forward = [total([slot]) for slot in (*kept, *counted)]
            found.append(Cache("from upstream", *forward))
        return found

    # --- the world -------------------------------------------------------------------------------

    def _sources(self, inventory: Inventory) -> list[Source]:
        found = []
        settings = self._desk.settings
        followed = "followed" if self._watching.synced.is_set() else "being read"
        for folder in (*settings.manifests, *settings.federation_manifests):
            found.append(Source(folder, followed, last_event=inventory.changed))
        for row in inventory.informers:
            found.append(
                Source(
                    f"{row.source} {row.resource}".strip(), row.phase, row.objects,
                    row.last_event, row.lists, row.watches, sum(row.errors.values()),
                    row.last_error,
                )
            )  # fmt: skip
        return found

    def _small_world(self, few: list[Few]) -> Snapshot:
        """A world of only what says where we are and what we take part in."""
        settings = self._desk.settings
        snapshot = Snapshot(
            federation=settings.federation_name.encode("utf-8"), cluster=settings.cluster_name
        )
        for thing in few:
            snapshot = world.apply(snapshot, Put(thing))
        if self._watching.has_view:
            snapshot = world.apply(snapshot, Synced(federation=True))
        return snapshot


def _process(index: int, numbers: tuple[int, ...], questions: int, rate: float) -> Process:
    pid = numbers[gauge("process_id")]
    return Process(
        role=f"answering-{index}",
        pid=pid,
        memory=memory_of(pid) if pid else 0,
        restarts=numbers[RESTARTS],
        ready=bool(numbers[gauge("ready")]),
        stale_since=numbers[gauge("stale_since_ns")] / 1e9,
        turned=numbers[gauge("turned_ns")] / 1e9,
        snapshot_version=numbers[gauge("snapshot_version")],
        snapshot_changed=numbers[gauge("snapshot_changed_ns")] / 1e9,
        questions=questions,
        a_second=rate,
        tcp_connections=numbers[gauge("tcp_connections")],
        unsent=numbers[gauge("replies_unsent")],
    )


def _refused(path: str, line: int, reason: str) -> Refused:
    return Refused(f"{path}:{line}" if path and line else path, reason)


def _federations(snapshot: Snapshot, federated: int) -> list[Federation]:
    """Each with its domain, and whether the ladder is climbed here or in the public zone."""
    viewed = snapshot.viewed_federation()
    found = []
    for name, domain in sorted(snapshot.federations.items()):
        text = "the public zone only"
        if name == viewed and snapshot.view is not None:
            text = f"{len(snapshot.view.clusters)} clusters, {federated} services"
        found.append(Federation(name.decode(), names.format(domain), text))
    return found


def _upstreams(snapshot: Snapshot, settings: Settings, inventory: Inventory) -> list[Upstream]:
    """The servers that some process has asked or is to ask, with what they are asked for."""
    pairs = [(stub.domain, server) for stub in settings.stub_domain for server in stub.servers]
    for stub in snapshot.nameservers.stub_domains:
        pairs += [(stub.domain, values.Nameserver(server)) for server in stub.servers]
    domains: dict[str, list[str]] = {}
    for domain, server in pairs:
        domains.setdefault(str(server), []).append(names.format(domain))
    rows: dict[str, list[inventories.Upstream]] = {server: [] for server in domains}
    for told in inventory.upstreams.values():
        for row in told:
            rows.setdefault(row.server, []).append(row)
    return [
        _upstream(address, " ".join(dict.fromkeys(domains.get(address, []))), told)
        for address, told in sorted(rows.items())
    ]


def _upstream(server: str, domain: str, told: list[inventories.Upstream]) -> Upstream:
    """What all processes together know of it."""
    latencies = [row.latency for row in told if row.latency]
    return Upstream(
        address=server,
        domain=domain,
        healthy=all(row.up and not row.loops for row in told),
        latency=sum(latencies) / len(latencies) if latencies else 0.0,
        questions=sum(row.asked for row in told),
        failures=sum(row.timeouts + row.errors + row.refusals for row in told),
    )


# --- objects ----------------------------------------------------------------------------------


async def _few(objects: list[Kept]) -> tuple[list[Few], int]:
    """The objects of the few kinds that a report is about, and how many federated services."""
    found: list[Few] = []
    federated = 0
    for start in range(0, len(objects), _PIECE):
        for thing in objects[start : start + _PIECE]:
            if isinstance(thing, msgspec.Raw):
                tag = _tag(thing)
                federated += tag == "FederatedService"
                if tag in _TAGS:
                    found.append(msgspec.msgpack.decode(thing, type=Few))
            else:
                federated += isinstance(thing, FederatedService)
                if isinstance(thing, Few):
                    found.append(thing)
        await asyncio.sleep(0)
    return found, federated


def _tag(raw: msgspec.Raw) -> str:
    """The name of the kind: the first text of a short array."""
    with memoryview(raw) as view:
        if view[0] & 0xF0 != 0x90 or view[1] & 0xE0 != 0xA0:
            return ""
        return bytes(view[2 : 2 + (view[1] & 31)]).decode("utf-8", "replace")
