"""One reading of a zone, page by page, while changes of ours go on.

    a record set                         in the end is
    not touched by us meanwhile          what the pages say; the last one, should there be two
    touched by us meanwhile              what we made of it: its page may be older, or newer

Pure.  Called by `keeper`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from feddns.providers.ownership import Holdings, Owned, Registry, divide
from feddns.providers.recordsets import ALIAS, Change, Key, RecordSet

_Found = RecordSet | Owned

SHARE = 0.1
"""An audit takes this part of the calls that may be made."""


class Reading:
    """`pause`: seconds between pages; `pages`: how many came."""

    def __init__(self, now: float, pause: float = 0.0) -> None:
        self.pages, self.pause, self.due = 0, pause, now
        self._records: dict[Key, RecordSet] = {}
        self._touched: set[Key] = set()

    def page(self, records: Iterable[RecordSet], now: float) -> None:
        self._records.update((record.key, record) for record in records)
        self.pages += 1
        self.due = now + self.pause

    def follow(self, change: Change) -> None:
        self._touched.update(record.key for record in (*change.removals, *change.additions))

    def end(self, before: Holdings | None, registry: Registry) -> Holdings:
        """What lies in the zone; `before` is what was known of it."""
        if before is not None and self._touched:
            for key in self._touched:
                self._records.pop(key, None)
            ours = (record for record in before.records() if record.key in self._touched)
            self._records.update((record.key, record) for record in ours)
        return divide(self._records.values(), registry)


def pause(rate: float, pages: int, audit: float) -> float:
    """Seconds between the pages of an audit: none where calls are not counted."""
    if rate <= 0 or pages < 2:
        return 0.0
    return min(1.0 / (rate * SHARE), audit / 2 / pages)


def moved(before: Holdings, after: Holdings) -> tuple[set[str], list[Key]]:
    """Names at which something is another now, and of them what was ours before."""
    ours = _moved(before.ours, after.ours)
    foreign = _moved(before.foreign, after.foreign)
    return {name for name, _ in ours} | {name for name, _ in foreign}, [
        key for key in ours if key in before.ours
    ]


def _moved(before: Mapping[Key, _Found], after: Mapping[Key, _Found]) -> list[Key]:
    gone = [key for key in before if key not in after]
    return gone + [
        key
        for key, value in after.items()
        if before.get(key) != value and not _differs_in_ttl(before.get(key), value)
    ]


def _differs_in_ttl(one: _Found | None, other: _Found) -> bool:
    """An ALIAS has the provider's TTL: it is not another one because that was read."""
    return one is not None and _without_ttl(one) == _without_ttl(other)


def _without_ttl(found: _Found) -> _Found:
    record = found if isinstance(found, RecordSet) else found.record
    if record is None or record.type != ALIAS:
        return found
    plain = RecordSet(record.name, record.type, 0, record.values)
    return plain if isinstance(found, RecordSet) else found._replace(record=plain)
