"""What to do next for one zone, so that it holds what is wanted: a state machine without a clock.

    known of the zone        and                                 next
    nothing                  –                                   Read: all pages, soon
    all                      a batch that was refused            Send: half of what is suspected
    all                      changes that may be done            Send: as many as one call takes
    all                      the hour of the audit               Read: its pages, with pauses
    all                      nothing                             Wait
    any                      a call is under way                 Wait, for what comes of it
    any                      a failure, or no call left          Wait, until then

    came of a call           what is known after it              then
    sent                     it was done                         goes on
    Throttled                nothing of it was done              the same after `after` s; the whole
                                                                 account waits
    ProviderAway, changing   perhaps it was done: nothing        backs off, reads, plans anew
    ProviderAway, reading    as before                           backs off, reads from the start
    Outdated                 it was not done; nothing else       reads, plans anew; the second time
                                                                 it is taken as Rejected
    Rejected                 nothing of it was done              halves, until the one stands alone:
                                                                 that one is quarantined
    OperatorNeeded           nothing of it was done              says so; again after 60 s, 120 s, …
    any of these with `done` so many were done                   it is about the next one
    the same, not atomic,    nothing                             reads; it is about the first one
    without `done`                                               that is still to be done

What is wanted may change at any time; it gathers while a call is under way or waits for its turn.
Removals of more than a share of what is ours wait for `approve`, the rest does not wait for them.
A change in quarantine is tried again when another is wanted, and after a time.

Pure: `now` is a clock that only goes forward.  Called by the controllers, from one thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from feddns.errors import FeddnsError, Outdated, ProviderAway, Rejected, Throttled
from feddns.providers import plan, reading
from feddns.providers.agenda import Agenda
from feddns.providers.backoff import Backoff
from feddns.providers.base import Limits
from feddns.providers.budget import Budget
from feddns.providers.desired import Wanted
from feddns.providers.history import Applied
from feddns.providers.ownership import Holdings, Registry
from feddns.providers.plan import Held, Plan, Policy, Proof, Reason
from feddns.providers.reading import Reading
from feddns.providers.recordsets import Change, RecordSet
from feddns.providers.suspects import Quarantine, Suspects
from feddns.providers.telling import News, Telling
from feddns.providers.wishes import Wishes

__all__ = ["Keeper", "News", "Read", "Send", "Settings", "Wait"]

_OUTDATED_RETRY = 60.0


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds.

    `share`, `least`: see `plan.guard`; what was removed within `window` counts too.  `gather`: how
    long the first change waits for company.  `retry`: when a change in quarantine is tried again.
    `is_dry`: nothing is sent; `proposed` says what would be.
    """

    policy: Policy = Policy.SYNC
    share: float = plan.SHARE
    least: int = plan.LEAST
    window: float = 600.0
    audit: float = 3600.0
    gather: float = 0.05
    retry: float = 3600.0
    is_dry: bool = False


class Read(NamedTuple):
    """One page of `Provider.list`, of a new listing or of the one that was begun."""

    is_new: bool


class Send(NamedTuple):
    """One call of `Provider.apply`."""

    changes: tuple[Change, ...]


class Wait(NamedTuple):
    """Nothing until then, or until something is wanted; None: until then only."""

    until: float | None


class Keeper:
    """See the module's docstring.

    The caller does what `next` says and reports: for Read `page(records, now)`, and `read(now)` in
    place of a page when there is none left; for Send `sent(now)`; for both `failed(error, now)`.
    """

    def __init__(
        self,
        zone: str,
        settings: Settings,
        registry: Registry,
        limits: Limits,
        budget: Budget | None = None,
    ) -> None:
        """`budget`: of the account; by default one for this zone alone, from `limits`."""
        self._terms = plan.Terms(zone, registry, settings.policy)
        self._settings, self._limits = settings, limits
        self._budget = budget or Budget(limits.rate, limits.burst)
        self._wishes = Wishes()
        self._proof: Proof = ()
        self._agenda = Agenda(zone, settings.share, settings.least, settings.window)
        self._suspects, self._quarantine = Suspects(), Quarantine()
        self._dirty: dict[str, None] = {}
        self._since = 0.0
        """When the first of the dirty names became so."""
        self._held: dict[str, tuple[Held, ...]] = {}
        self._holdings: Holdings | None = None
        self._is_known = False
        """`holdings` are what lies in the zone, as far as can be known."""
        self._reading: Reading | None = None
        self._pages = 0
        self._audit_at = 0.0
        self.audited: float | None = None
        """When it was read completely last."""
        self._flight: tuple[Change, ...] = ()
        self._lost: list[Change] = []
        """What was in flight when it was not known any more what was done."""
        self._is_test = False
        """What is in flight was picked by the suspicion."""
        self._was_test = False
        self._is_reading = False
        self._outdated: frozenset[str] = frozenset()
        self._booked: float | None = None
        self._backoff = Backoff()
        self._telling = Telling(zone)
        self._applied: list[Applied] = []
        self.counts: Counter[str] = Counter()
        """Calls `list` and `apply`, `changes` done, and what was raised, by its name."""

    # what is wanted

    def want(self, service: str, wanted: tuple[Wanted, ...], now: float) -> None:
        """All that this Service (`shop/web`, as in its marks) wants.  The same again is free."""
        self._soil(self._wishes.put(service, wanted), now)

    def forget(self, service: str, now: float) -> None:
        """It wants nothing any more."""
        self.want(service, (), now)

    def prove(self, proof: Proof, now: float) -> None:
        """How far the sources of the wishes are read.

        To be said before what is wanted on the word of a source that is less complete, and after
        all that is wanted of one that is now read completely.
        """
        was_complete, self._proof = plan.is_complete(self._proof), proof
        if plan.is_complete(proof) and not was_complete:
            self._soil(_held_for(self._held, Reason.INCOMPLETE), now)
        if was_complete and not plan.is_complete(proof):
            self._soil([*self._agenda.ready, *self._agenda.waiting], now)

    def _soil(self, names: Iterable[str], now: float) -> None:
        """To be planned anew: what was planned for them is not done."""
        if not self._dirty:
            self._since = now
        for name in names:
            self._dirty[name] = None
            self._agenda.ready.pop(name, None)

    # what is to be done

    def next(self, now: float) -> Read | Send | Wait:
        """What to do now; the same is not said twice, until it is reported what came of it."""
        if self._flight or self._is_reading:
            return Wait(None)
        if now < self._backoff.until:
            return Wait(self._backoff.until)
        self._plan(now)
        is_sending = self._can_send()
        if not is_sending and not self._can_read(now):
            self._booked = None
            return Wait(self._due())
        if self._booked is None or self._booked < self._budget.paused:
            self._booked = self._budget.book(now)
        if now < self._booked:
            return Wait(self._booked)
        self._booked = None
        return self._send() if is_sending else self._read_page(now)

    def _can_send(self) -> bool:
        return self._is_known and bool(self._agenda.ready) and not self._settings.is_dry

    def _can_read(self, now: float) -> bool:
        if self._reading is None and self._is_known and now < self._audit_at:
            return False
        return self._reading is None or self._reading.due <= now

    def _due(self) -> float | None:
        times = [self._reading.due if self._reading else self._audit_at]
        if self._dirty:
            times.append(self._since + self._settings.gather)
        if (at := self._quarantine.next_due()) is not None:
            times.append(at)
        return min(times)

    def _read_page(self, now: float) -> Read:
        is_new = self._reading is None
        if self._reading is None:
            self._reading = Reading(now, self._pause() if self._is_known else 0.0)
        self._is_reading = True
        return Read(is_new)

    def _pause(self) -> float:
        return reading.pause(self._limits.rate, self._pages, self._settings.audit)

    def _send(self) -> Send:
        ready = self._agenda.ready
        names: Iterable[str] = ready
        self._is_test = False
        if self._suspects:
            fresh = [name for name in ready if name not in self._suspects.batch]
            picked = self._suspects.pick(ready)
            # What has nothing to do with the refusal does not wait until its culprit is found.
            self._is_test = bool(picked) and not (fresh and self._was_test)
            names = picked if self._is_test else fresh or ready
        self._was_test = self._is_test
        self._flight = tuple(self._agenda.take(list(names), self._limits))
        self.counts["apply"] += 1
        return Send(self._flight)

    def _plan(self, now: float) -> None:
        """Looks at the dirty names, when they have waited for company."""
        if due := self._quarantine.due(now):
            self._quarantine.lift(due)
            self._soil(due, now)
        if not self._dirty or self._holdings is None or not self._is_known:
            return
        if now < self._since + self._settings.gather:
            return
        names, self._dirty = self._dirty, {}
        for name in names:
            self._agenda.drop(name)
        made = plan.make(self._holdings, self._wishes.names, names, self._terms, self._proof)
        stopped = [one.name for one in made.changes if self._quarantine.stops(one, now)]
        self._quarantine.lift(names.keys() - set(stopped))
        for change in made.changes:
            if change.name not in self._quarantine:
                self._agenda.put(change)
        self._agenda.disapprove(name for name in names if name not in self._agenda)
        self._hold(names, made.held)
        if words := self._agenda.weigh(len(self._holdings.ours), self._proof, now):
            self._telling.waits(words)

    def _hold(self, names: Iterable[str], held: Iterable[Held]) -> None:
        """Keeps what is not done, and tells what is new of it."""
        before = {one for name in names for one in self._held.pop(name, ())}
        for one in held:
            self._held[one.name] = (*self._held.get(one.name, ()), one)
            if one not in before:
                self._telling.held(one)

    # what came of it

    def page(self, records: Iterable[RecordSet], now: float) -> None:
        """One page of the listing that `next` asked for."""
        assert self._reading is not None
        self._is_reading = False
        self.counts["list"] += 1
        self._reading.page(records, now)

    def read(self, now: float) -> None:
        """There was no further page."""
        assert self._reading is not None
        found, self._reading = self._reading, None
        self._is_reading = False
        is_audit, before = self._is_known, self._holdings
        self._holdings = found.end(before if is_audit else None, self._terms.registry)
        self._is_known, self._pages, self.audited = True, found.pages, now
        self._audit_at = now + self._settings.audit - self._pause() * found.pages
        self._backoff.listed()
        self._find_lost(now)
        if before is None:
            self._soil(plan.everything(self._holdings, self._wishes.names), now)
            return
        names, drifted = reading.moved(before, self._holdings)
        self._soil([*names, *self._held], now)
        if is_audit and drifted:
            self._telling.drifted(before, drifted)

    def sent(self, now: float) -> None:
        """All of it was done."""
        flight, self._flight = self._flight, ()
        self._follow(flight, now)
        self._recovered()
        self._outdated = frozenset()
        self._suspects.passed(was_picked=self._is_test)

    def _follow(self, changes: Sequence[Change], now: float) -> None:
        assert self._holdings is not None
        for change in changes:
            self._holdings.follow(change)
            if self._reading is not None:
                self._reading.follow(change)
        self._note(changes, now)

    def _find_lost(self, now: float) -> None:
        """What was done although nobody said so."""
        lost, self._lost = self._lost, []
        if lost and self._holdings is not None:
            there = frozenset(self._holdings.records())
            self._note([change for change in lost if _is_there(change, there)], now)

    def _note(self, changes: Sequence[Change], now: float) -> None:
        if not changes:
            return
        for change in changes:
            self._agenda.done(change, now)
        self.counts["changes"] += len(changes)
        self._applied.append(Applied(now, tuple(changes)))
        self._telling.updated(changes)

    def failed(self, error: FeddnsError, now: float, jitter: float = 0.0) -> None:
        """It was not done, or not known to be.  `jitter`: 0 to 1, makes the wait longer by it."""
        flight, self._flight = self._flight, ()
        was_reading, self._is_reading = self._is_reading, False
        self.counts[type(error).__name__] += 1
        if was_reading:
            self.counts["list"] += 1
            self._reading = None
        if was_reading or not isinstance(error, Rejected):
            self._troubled(error, now, jitter, is_listing=was_reading)
        if flight:
            self._came_of(flight, error, now)

    def _came_of(self, flight: tuple[Change, ...], error: FeddnsError, now: float) -> None:
        done = _done(error, flight, self._limits.is_atomic)
        if done is None:
            self._lose(flight, now)
            names = [change.name for change in flight]
            if isinstance(error, Rejected) or self._is_outdated_again(error, names):
                self._suspects.accuse(names, is_ordered=True)
            return
        self._follow(flight[:done], now)
        flight = flight[done:]
        if isinstance(error, Outdated):
            self._came_outdated(flight, error, now)
        elif isinstance(error, Rejected):
            self._came_rejected(flight, str(error), now + self._settings.retry)
        else:
            self._give_back(flight, is_first=True)

    def _came_outdated(self, flight: tuple[Change, ...], error: FeddnsError, now: float) -> None:
        if self._is_outdated_again(error, [change.name for change in flight]):
            self._came_rejected(flight, f"not as it is read: {error}", now + _OUTDATED_RETRY)
        self._lose(flight, now)

    def _is_outdated_again(self, error: FeddnsError, names: Iterable[str]) -> bool:
        """The first time somebody was quicker; again, it is not as it is read, for good."""
        if not isinstance(error, Outdated):
            return False
        before, self._outdated = self._outdated, frozenset(names)
        return bool(before & self._outdated)

    def _came_rejected(self, flight: tuple[Change, ...], words: str, until: float) -> None:
        """One of them is to blame; the first, where each is done for itself."""
        if len(flight) > 1 and self._limits.is_atomic:
            self._suspects.accuse([change.name for change in flight])
            self._give_back(flight, is_first=False)
            return
        culprit, *rest = flight
        self._quarantine.put(culprit, words, until)
        self._suspects.clear()
        self._give_back(rest, is_first=False)
        self._telling.rejected(culprit, words)

    def _give_back(self, changes: Iterable[Change], *, is_first: bool) -> None:
        """They are to be done later, but for what is planned anew by then."""
        back = [change for change in changes if change.name not in self._dirty]
        self._agenda.give_back(back, is_first=is_first)

    def _lose(self, flight: Iterable[Change], now: float) -> None:
        """What lies in the zone is not known any more: all that was planned is planned anew."""
        self._is_known, self._reading = False, None
        self._lost += flight
        names = [change.name for change in self._lost]
        self._soil([*names, *self._agenda.ready, *self._agenda.waiting], now)

    def _troubled(self, error: FeddnsError, now: float, jitter: float, *, is_listing: bool) -> None:
        if self._backoff.failed(error, now, jitter, is_listing=is_listing):
            self._telling.trouble(error)
        if isinstance(error, Throttled):
            self._budget.pause(now + error.after)

    def _recovered(self) -> None:
        if self._backoff.sent():
            self._telling.is_back()

    # what is to be told

    @property
    def pending(self) -> Plan | None:
        """Removals that wait for an operator."""
        return self._agenda.pending

    def approve(self, plan_id: str, now: float) -> bool:
        """Lets the pending plan go.  False: no such plan waits (any more)."""
        approved = self._agenda.approve(plan_id)
        if approved is None:
            return False
        self._telling.approved(approved)
        return True

    @property
    def proposed(self) -> Plan:
        """What will be done next, without what is pending, with all that is held."""
        return plan.of(self._terms.zone, self._agenda.ready.values(), self.held, self._proof)

    @property
    def quarantine(self) -> Mapping[str, str]:
        """By service, what the provider said of a change that it does not take."""
        return self._quarantine.words()

    @property
    def held(self) -> tuple[Held, ...]:
        """What is not done, of all names: conflicts, the policy, sources not read completely."""
        return tuple(one for name in sorted(self._held) for one in self._held[name])

    def settled(self, service: str) -> bool:
        """The zone holds what it wants, as far as is known, and nothing else of it."""
        if self._holdings is None:
            return False
        names = self._wishes.names_of(service)
        is_open = {name for name in names if self._is_open(name)}
        self._wishes.left(service, names - is_open)
        return not is_open

    def _is_open(self, name: str) -> bool:
        return (
            name in self._dirty
            or name in self._agenda
            or name in self._held
            or name in self._quarantine
            or any(change.name == name for change in self._flight)
        )

    def news(self) -> list[News]:
        """What happened since the last call."""
        return self._telling.take()

    def applied(self) -> list[Applied]:
        """What was done since the last call; the times are this clock's."""
        applied, self._applied = self._applied, []
        return applied

    @property
    def holdings(self) -> Holdings | None:
        """What was known last of the zone, None before it was read.  For reading."""
        return self._holdings


def _done(error: FeddnsError, flight: Sequence[Change], is_atomic: bool) -> int | None:
    """How many of them were done; None when that is not known."""
    if isinstance(error, ProviderAway):
        return None
    done: int | None = getattr(error, "done", None)
    if done is None and (is_atomic or len(flight) == 1):
        return 0
    return done


def _is_there(change: Change, there: Collection[RecordSet]) -> bool:
    """It was done, as it seems."""
    gone = [record for record in change.removals if record not in change.additions]
    return all(record in there for record in change.additions) and not any(
        record in there for record in gone
    )


def _held_for(held: Mapping[str, Sequence[Held]], reason: Reason) -> list[str]:
    return [name for name, found in held.items() if any(one.reason == reason for one in found)]
