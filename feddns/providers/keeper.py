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
    Throttled                nothing of it was done              the same after `after` s; the others
                                                                 of the account wait too
    ProviderAway, changing   perhaps it was done: nothing        backs off, reads, plans anew
    ProviderAway, reading    as before                           backs off, reads from the start
    Outdated                 it was not done; not what is there  reads, plans anew; the same once more
                                                                 is taken as Rejected
    Rejected                 nothing of it was done              halves, until the one stands alone:
                                                                 that one is quarantined
    OperatorNeeded           nothing of it was done              says so; again after 60 s, 120 s, …
    any, with `done`         those were done, the next is the    goes on with that
                             culprit
    any, not atomic, without nothing                             reads; the first that is still to be
                                                                 done is the culprit

What is wanted may change at any time; it gathers while a call is under way or waits for its turn.
Removals of more than a share of what is ours wait for `approve`, the rest does not wait for them.
A change in quarantine is tried again when another is wanted, and after a time.

Pure: `now` is a clock that only goes forward.  Called by the controllers, from one thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from feddns.errors import FeddnsError
from feddns.providers import plan
from feddns.providers.base import Limits
from feddns.providers.budget import Budget
from feddns.providers.desired import Wanted
from feddns.providers.history import Applied
from feddns.providers.ownership import Holdings, Registry
from feddns.providers.plan import Held, Plan, Policy, Proof
from feddns.providers.recordsets import Change, RecordSet


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


class News(NamedTuple):
    """For an Event: `reason` in its form; `service` is empty when it is about the zone."""

    reason: str
    service: str
    message: str
    is_warning: bool = False


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
        raise NotImplementedError

    # What is wanted.

    def want(self, service: str, wanted: tuple[Wanted, ...], now: float) -> None:
        """All that this Service (`shop/web`, as in its marks) wants.  The same again costs nothing."""

    def forget(self, service: str, now: float) -> None:
        """It wants nothing any more."""

    def prove(self, proof: Proof, now: float) -> None:
        """How far the sources of the wishes are read; to be said before the wishes that need it."""

    # What is to be done, and what came of it.

    def next(self, now: float) -> Read | Send | Wait:
        raise NotImplementedError

    def page(self, records: Iterable[RecordSet], now: float) -> None: ...

    def read(self, now: float) -> None:
        """The listing is at its end."""

    def sent(self, now: float, clock: float = 0.0) -> Applied:
        """It was done.  `clock`: seconds since 1970, for the record that is returned."""
        raise NotImplementedError

    def failed(self, error: FeddnsError, now: float, jitter: float = 0.0) -> None:
        """`jitter`: 0 to 1, lengthens the back-off by up to a half."""

    # What is to be told.

    pending: Plan | None
    """Removals that wait for an operator."""

    def approve(self, plan_id: str, now: float) -> bool:
        """Lets the pending plan go.  False: no such plan waits (any more)."""
        raise NotImplementedError

    @property
    def proposed(self) -> Plan:
        """What will be done next, without what is pending."""
        raise NotImplementedError

    @property
    def quarantine(self) -> Mapping[str, str]:
        """By service, what the provider said of a change that it will not do."""
        raise NotImplementedError

    @property
    def held(self) -> tuple[Held, ...]:
        """What is not done, of all names; conflicts, the policy, sources not read completely."""
        raise NotImplementedError

    def settled(self, service: str) -> bool:
        """The zone holds what it wants, as far as is known, and nothing else of it."""
        raise NotImplementedError

    def news(self) -> list[News]:
        """What happened since the last call."""
        raise NotImplementedError

    @property
    def holdings(self) -> Holdings | None:
        """What is known of the zone, None before it was read."""
        raise NotImplementedError

    audited: float | None
    """When it was read completely last."""
