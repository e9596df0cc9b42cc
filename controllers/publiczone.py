"""The public zone of a federation: what its API says → what the keeper of the zone is to do.

    what is known of a Service                 it wants
    it is read, its host names are known       what `desired` says
    a host name is not known, and it was       the same, without that name
    wanted before, or has shards that it had
    not when it was met first
    a host name is not known, else             what is there of it, until the name is known
    it cannot be read, and was never read      what is there of it
    it cannot be read any more                 what it wanted when it was read
    it is gone                                 nothing

Nothing is wanted before the Services and the Clusters have been read whole, so nothing is removed
either; the plan carries the proof.  A restart changes nothing that is as it should be.

    the standing of a Service   is                                              its records are
    Settled                     all is as it wants                              right
    Pending                     something is to be done, or under way           on their way
    RecordConflict              what is not ours is in the way                  in part missing
    RecordRejected              the provider does not take it: its words        in part missing
    WaitsForApproval            a plan waits for an operator                    too many
    RecordHeld                  the policy leaves it so                         not as wanted
    NameLeftOut                 a name that it asks for cannot be               right otherwise
    NotPublic                   it is of another type, and all is gone          none

Pure: `now` is a clock that only goes forward.  `zonethread` ◇ runs it, and does what `next` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from controllers.counts import Durations
from controllers.publicview import PublicView
from feddns import names
from feddns.errors import FeddnsError, Rejected
from feddns.kube.objects import Changed
from feddns.names import Name
from feddns.providers import desired, keeper
from feddns.providers.base import Limits
from feddns.providers.desired import Host, Naming, Wanted
from feddns.providers.history import Applied
from feddns.providers.keeper import Keeper, News, Read, Send, Wait
from feddns.providers.ownership import Registry
from feddns.providers.plan import Held, Plan, Reason, Source
from feddns.providers.recordsets import RecordSet
from feddns.services import FederatedService, Shard

SERVICES, CLUSTERS = "services", "clusters"
SETTLED, PENDING, NOT_PUBLIC = "Settled", "Pending", "NotPublic"
NAME_LEFT_OUT = "NameLeftOut"
RECORD_CONFLICT, RECORD_REJECTED = "RecordConflict", "RecordRejected"
RECORD_HELD, WAITS_FOR_APPROVAL = "RecordHeld", "WaitsForApproval"
_AT_ONCE = 200
"""Services that are thought about between two looks at what else there is."""
_BREATH = 0.001
"""Seconds between them."""
_REST = 1.0
"""A zone with nothing to do for so many seconds is at rest, unless it waits after a failure."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Of one zone.  `suffix`: what names end with, if not the zone."""

    federation: str
    zone: str
    registry: Registry
    suffix: str = ""
    ttl: int = desired.TTL
    none_healthy: str = "none"
    keeper: keeper.Settings = keeper.Settings()

    def naming(self, limits: Limits) -> Naming:
        """Raises `SettingRefused`."""
        made = desired.naming(self.federation, self.zone, self.suffix, limits)
        return msgspec.structs.replace(made, ttl=self.ttl, none_healthy=self.none_healthy)


class Standing(NamedTuple):
    """How it is with a Service's records: `reason` of the module's table, and words."""

    reason: str
    words: str = ""


class State(msgspec.Struct, frozen=True):
    """The zone as a whole.  `audited`: when it was read last, by the clock of `now`."""

    pending: Plan | None = None
    proposed: Plan | None = None
    quarantine: Mapping[str, str] = {}
    held: tuple[Held, ...] = ()
    audited: float | None = None
    ours: int = 0
    foreign: int = 0
    is_at_rest: bool = False
    calls: Mapping[str, int] = {}
    """See `Keeper.counts`."""
    hosts: frozenset[Name] = frozenset()
    """Names of load balancers that are to be resolved."""


class Report(NamedTuple):
    """What is new since the last one."""

    news: list[News]
    applied: list[Applied]
    standings: dict[str, Standing]
    state: State


class PublicZone:
    """See the module's docstring.  `told`: from hearing of a change to the provider's word that it
    is done."""

    def __init__(self, settings: Settings, limits: Limits, told: Durations | None = None) -> None:
        self.told = told or Durations()
        self.hosts: frozenset[Name] = frozenset()
        """Names of load balancers that are to be resolved."""
        self._naming = settings.naming(limits)
        self._is_dry = settings.keeper.is_dry
        self._seen = PublicView()
        zone = names.format(self._naming.zone)
        self._keeper = Keeper(zone, settings.keeper, settings.registry, limits)
        self._versions: dict[str, str | None] = {SERVICES: None, CLUSTERS: None}
        self._touched: dict[str, None] = {}
        self._hosts: dict[Name, Host] = {}
        self._needed: dict[str, frozenset[Name]] = {}
        self._kept: dict[str, tuple[Shard, ...] | None] = {}
        """Services that keep what is there of them, with the shards that they have."""
        self._keeping: set[str] = set()
        """Those of them of which it is not known yet what is there."""
        self._wished: set[str] = set()
        self._heard: dict[str, float] = {}
        self._flight: frozenset[str] = frozenset()
        self._open: dict[str, None] = {}
        """Services whose standing may be another by now."""
        self._pending: set[str] = set()
        self._standings: dict[str, Standing] = {}
        self._fresh: dict[str, Standing] = {}
        self._is_at_rest = self._is_failing = False
        self._state = State()

    # --- what is heard ---------------------------------------------------------------------------

    def services_changed(self, events: Iterable[Changed], now: float) -> None:
        self._touch(self._seen.services_changed(events), now)

    def clusters_changed(self, events: Iterable[Changed], now: float) -> None:
        if self._seen.clusters_changed(events):
            self._touch(self._seen.names(), now)

    def read_whole(self, source: str, version: str, now: float) -> None:
        """All that there was of SERVICES or CLUSTERS has been told."""
        was_whole = self.is_whole
        self._versions[source] = version
        if self.is_whole and not was_whole:
            self._touch(self._seen.names(), now)

    @property
    def is_whole(self) -> bool:
        return None not in self._versions.values()

    def resolved(self, hosts: Mapping[Name, Host], now: float) -> None:
        """What host names of load balancers resolve to; names that were not asked yet are not in
        it."""
        changed = {name for name, host in hosts.items() if self._hosts.get(name) != host}
        self._hosts.update({name: hosts[name] for name in changed})
        if changed:
            self._touch([one for one, them in self._needed.items() if them & changed], now)

    def approve(self, plan_id: str, now: float) -> bool:
        """Lets the waiting plan go, if it is this one."""
        is_approved = self._keeper.approve(plan_id, now)
        self._open.update(dict.fromkeys(self._standings))
        return is_approved

    def _touch(self, services: Iterable[str], now: float) -> None:
        for name in services:
            self._touched[name] = None
            self._heard.setdefault(name, now)

    # --- what is to be done ----------------------------------------------------------------------

    def next(self, now: float) -> Read | Send | Wait:
        """As `Keeper.next`; after what was heard has been thought about."""
        if self.is_whole:
            self._think(now)
            if self._touched:
                return Wait(now + _BREATH)
            self._keeper.prove(self._proof(), now)
        order = self._keeper.next(now)
        if isinstance(order, Send):
            self._flight = frozenset(change.service for change in order.changes)
        self._is_at_rest = isinstance(order, Wait) and (
            order.until is not None and order.until > now + _REST and not self._is_failing
        )
        if isinstance(order, Wait):
            self._look()
        return order

    def _think(self, now: float) -> None:
        """About some of what was touched."""
        if not self._touched:
            return
        for name in list(self._touched)[:_AT_ONCE]:
            del self._touched[name]
            self._wish(name, now)
        self._want_what_is_there(now)
        self.hosts = frozenset().union(*self._needed.values())

    def _proof(self) -> tuple[Source, ...]:
        return tuple(
            Source(name, version or "", version is not None)
            for name, version in self._versions.items()
        )

    def _wish(self, name: str, now: float) -> None:
        self._open[name] = None
        service = self._seen.service(name)
        if service is None:
            self._needed.pop(name, None)
            if name in self._seen.unreadable:
                self._keep(name, None)
            else:
                self._unkeep(name)
                self._wished.discard(name)
                self._keeper.forget(name, now)
            return
        view = self._seen.view
        needed: frozenset[Name] = frozenset()
        if _has_host_names(service):
            needed = desired.host_names(view, service, self._naming)
        self._needed[name] = needed
        if not needed <= self._hosts.keys() and self._may_keep(name, service.shards):
            self._keep(name, service.shards)
            return
        self._unkeep(name)
        self._wished.add(name)
        generation = self._seen.generation(name)
        wanted = desired.wanted(view, service, self._naming, self._hosts, generation)
        self._keeper.want(name, wanted, now)

    def _may_keep(self, name: str, shards: tuple[Shard, ...]) -> bool:
        """Its shards are those with which it was met first, in this process."""
        return name not in self._wished and self._kept.get(name, shards) == shards

    def _keep(self, name: str, shards: tuple[Shard, ...] | None) -> None:
        if name not in self._kept:
            self._keeping.add(name)
        self._kept[name] = shards

    def _unkeep(self, name: str) -> None:
        self._kept.pop(name, None)
        self._keeping.discard(name)

    def _want_what_is_there(self, now: float) -> None:
        """Of a zone that is not known yet, nothing; `read` comes back to it."""
        holdings = self._keeper.holdings
        if holdings is None or not self._keeping:
            return
        found: dict[str, list[Wanted]] = {name: [] for name in self._keeping}
        for own in holdings.ours.values():
            if own.record is not None and own.mark.service in found:
                found[own.mark.service].append(Wanted(own.record, own.mark))
        self._keeping.clear()
        for name, there in found.items():
            if there or self._seen.service(name) is None:
                self._keeper.want(name, tuple(there), now)
            else:
                del self._kept[name]
                self._wished.add(name)
                self._touch([name], now)

    # --- what came of it -------------------------------------------------------------------------

    def page(self, records: Iterable[RecordSet], now: float) -> None:
        self._keeper.page(records, now)

    def read(self, now: float) -> None:
        self._is_failing = False
        self._keeper.read(now)
        self._want_what_is_there(now)
        self._open.update(dict.fromkeys(self._standings))

    def sent(self, now: float) -> None:
        self._is_failing = False
        self._keeper.sent(now)
        for service in self._flight & self._heard.keys():
            self.told.add(now - self._heard.pop(service))
        self._land()

    def failed(self, error: FeddnsError, now: float, jitter: float = 0.0) -> None:
        self._is_failing = not isinstance(error, Rejected)
        self._keeper.failed(error, now, jitter)
        self._land()

    def _land(self) -> None:
        self._open.update(dict.fromkeys(self._flight))
        self._flight = frozenset()

    # --- what is to be told ----------------------------------------------------------------------

    def report(self) -> Report | None:
        """What is new; None when nothing is."""
        before, self._state = self._state, self._new_state()
        fresh, self._fresh = self._fresh, {}
        news, applied = self._keeper.news(), self._keeper.applied()
        if not (news or applied or fresh or before != self._state):
            return None
        return Report(news, applied, fresh, self._state)

    def _new_state(self) -> State:
        one, holdings = self._keeper, self._keeper.holdings
        return State(
            one.pending, one.proposed if self._is_dry else None, one.quarantine, one.held,
            one.audited, len(holdings.ours) if holdings else 0,
            len(holdings.foreign) if holdings else 0, self._is_at_rest, dict(one.counts),
            self.hosts,
        )  # fmt: skip

    def _look(self) -> None:
        """Looks how it is with the Services that something happened to."""
        if self._is_at_rest or len(self._pending) < _AT_ONCE:
            self._open.update(dict.fromkeys(self._pending))
        if not self._open or self._keeper.audited is None:
            return
        opened, self._open = self._open, {}
        held: dict[str, list[Held]] = {}
        for one in self._keeper.held:
            held.setdefault(one.service, []).append(one)
        quarantine, waiting = self._keeper.quarantine, self._waiting()
        for name in opened:
            wrong = _of_held(held.get(name, ())) or waiting.get(name)
            if words := quarantine.get(name):
                wrong = Standing(RECORD_REJECTED, words)
            self._stand(name, wrong or self._standing(name))

    def _stand(self, name: str, standing: Standing) -> None:
        if standing.reason == PENDING:
            self._pending.add(name)
        else:
            self._pending.discard(name)
            self._heard.pop(name, None)
        if self._standings.get(name) != standing:
            self._fresh[name] = self._standings[name] = standing
        is_gone = self._seen.service(name) is None and name not in self._seen.unreadable
        if is_gone and standing.reason == NOT_PUBLIC:
            del self._standings[name]

    def _waiting(self) -> dict[str, Standing]:
        """Services of which something would go, when an operator says so."""
        if (pending := self._keeper.pending) is None:
            return {}
        standing = Standing(WAITS_FOR_APPROVAL, f"plan {pending.id} waits for an operator")
        return dict.fromkeys((change.service for change in pending.changes), standing)

    def _standing(self, name: str) -> Standing:
        """Of one of which nothing is held."""
        if not self._keeper.settled(name):
            return Standing(PENDING)
        service, reasons = self._seen.service(name), list(self._seen.reasons.get(name, ()))
        if service is None or not service.is_public:
            is_unreadable = name in self._seen.unreadable
            return Standing(NAME_LEFT_OUT, "; ".join(reasons)) if is_unreadable else _NOT_PUBLIC
        if self._may_refuse(service):
            reasons += desired.refusals(self._seen.view, service, self._naming)
        return Standing(NAME_LEFT_OUT, "; ".join(reasons)) if reasons else _SETTLED

    def _may_refuse(self, service: FederatedService) -> bool:
        """Some of what it asks for may be left out; of most Services nothing can."""
        naming, longest = self._naming, max(map(len, self._seen.view.scopes))
        parts = service.name, service.namespace, naming.federation, b"svc", naming.suffix
        return bool(service.names) or sum(len(part) + 1 for part in parts) + longest > 255


_SETTLED, _NOT_PUBLIC = Standing(SETTLED), Standing(NOT_PUBLIC)
_SAID = {
    Reason.CONFLICT: RECORD_CONFLICT,
    Reason.REJECTED: RECORD_REJECTED,
    Reason.POLICY: RECORD_HELD,
}
"""What waits for its sources to be read is on its way."""


def _has_host_names(service: FederatedService) -> bool:
    ingresses = [one for shard in service.shards for one in shard.ingresses]
    return any(one.hostname for one in (*ingresses, *service.known))


def _of_held(held: Sequence[Held]) -> Standing | None:
    for reason, said in _SAID.items():
        if words := list(_words(held, reason)):
            return Standing(said, "; ".join(words))
    return None


def _words(held: Iterable[Held], reason: Reason) -> Iterator[str]:
    for one in held:
        if one.reason == reason:
            yield f"{one.name} {one.type}".rstrip() + f": {one.why}"
