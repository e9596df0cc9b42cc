"""The contract of a DNS provider: read a zone, change it, or say in one of five ways why not.

    raised            means                                            then
    Throttled         too many calls                                   the same after `after` s
    ProviderAway      no answer, 5xx, a time-out: perhaps it was done  read again, then the same
    Outdated          the zone is not as it was read                   read again, plan anew
    Rejected          something of it is refused for what it is, and   halves, until the one that is
                      nothing of it was done                           refused stands alone
    OperatorNeeded    no such zone, no permission, bad credentials     said, tried again seldom

`apply` does all of its changes or none where `limits.is_atomic`; else each `Change` for itself, in
order, and an error leaves those before it done: the error's `done` says how many, so that the next
one is known for the culprit; without it the zone is read again.  Calls block: they are made from a
thread.
No message holds a secret.  Pure: the adapters do the I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from feddns.providers.recordsets import Change, RecordSet


class Limits(NamedTuple):
    """What a provider can take.

    `changes`: record sets that one `apply` may touch (the sum of `Change.size`), 0 for any number.
    `values`, `octets`: values that it may hold, and their characters in all; what is kept
    (`Change.keeps`) counts for both sides; 0 for any number.
    `rate`, `burst`: calls a second in the long run, and at once; rate 0: no limit.  `has_alias`:
    ALIAS record sets, of names below one of `alias_under` alone where there are any (a provider
    may know its own load balancers only).  `is_atomic`: one `apply` is done whole or not at all.
    """

    changes: int = 0
    rate: float = 0.0
    burst: int = 1
    has_alias: bool = False
    is_atomic: bool = False
    alias_under: tuple[str, ...] = ()
    values: int = 0
    octets: int = 0


class Provider(Protocol):
    """One zone at a provider, opened.  `zone` is its name, canonical."""

    zone: str
    limits: Limits

    def list(self) -> Iterator[Sequence[RecordSet]]:
        """The record sets of the zone, page by page, one call to the provider each.

        All types, the foreign ones too, without SOA and the NS of the apex.  Raises the above; a
        zone is known only when the last page came.
        """

    def apply(self, changes: Sequence[Change]) -> None:
        """One call.  Raises the above; `Outdated` and `Rejected` say what and where."""

    def close(self) -> None: ...


def batch(changes: Iterable[Change], limits: Limits) -> list[Change]:
    """The first of them that one call takes; one at least."""
    taken: list[Change] = []
    most = (limits.changes, limits.values, limits.octets)
    held = (0, 0, 0)
    for change in changes:
        size = _size(change) if limits.values or limits.octets else (change.size, 0, 0)
        held = (held[0] + size[0], held[1] + size[1], held[2] + size[2])
        if taken and any(0 < most_ < held_ for most_, held_ in zip(most, held, strict=True)):
            break
        taken.append(change)
    return taken


def _size(change: Change) -> tuple[int, int, int]:
    """Record sets, values, and their characters."""
    records = (*change.removals, *change.additions, *change.keeps, *change.keeps)
    values = [value for record in records for value in record.values]
    return change.size, len(values), sum(map(len, values))
