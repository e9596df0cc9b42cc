"""A change of record sets → what is to happen to keys, or why it cannot.

    of a change                                            raised
    a removal, or what it keeps, is not there so           Outdated
    an addition is there already, or what excludes it      Outdated
    a CNAME and something else among the additions         Rejected
    a key that CoreDNS would no longer look at, because    Rejected
      there is one below it now
    keys of others that CoreDNS would mix into the answer  Rejected: without a group, or of another
      for ours, or ours into the answer for theirs         one at the same place

A key that stays as it is, is not written.  The transaction holds etcd to what was read: the keys
that go or are kept are of the same revision, and nothing new is at the names.

Pure.  Called by `coredns`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from feddns.errors import NameRefused, Outdated, Rejected
from feddns.providers import skydns
from feddns.providers.recordsets import CNAME, Change, Key, RecordSet, contradiction
from feddns.providers.skydns import Entry, Layout


class Edit(NamedTuple):
    """`unmoved`: keys with their revisions; `paths`: what is at and below them is not newer."""

    unmoved: Mapping[str, int]
    paths: tuple[str, ...]
    puts: Mapping[str, bytes]
    deletes: tuple[str, ...]

    @property
    def size(self) -> int:
        """Operations of a transaction: etcd counts those of each kind, the most of them matters."""
        compares = len(self.unmoved) + 2 * len(self.paths)
        return max(compares, len(self.puts) + len(self.deletes))


def paths(change: Change, layout: Layout) -> tuple[str, ...]:
    """The keys at and below which to look, none below another.  Raises `Rejected`."""
    touched = {
        layout.path(record.name, record.type)
        for record in (*change.removals, *change.additions, *change.keeps)
    }
    return tuple(sorted(
        path for path in touched if not any(above in touched for above in layout.above(path))
    ))  # fmt: skip


def edit(change: Change, there: Mapping[str, Entry], layout: Layout) -> Edit:
    """`there`: all entries at and below `paths`, and those above that may be in the way."""
    return _Editing(change, there, layout).edit()


class _Editing:
    def __init__(self, change: Change, there: Mapping[str, Entry], layout: Layout) -> None:
        self._change, self._there, self._layout = change, there, layout
        self._by_name: dict[str, list[Entry]] = {}
        for entry in there.values():
            self._by_name.setdefault(entry.name, []).append(entry)
        self._after: dict[str, bytes | None] = {}
        self._unmoved: dict[str, int] = {}

    def edit(self) -> Edit:
        for record in (*self._change.removals, *self._change.keeps):
            self._look(record)
        for record in self._change.removals:
            self._remove(record)
        self._check_additions()
        for record in self._change.additions:
            self._add(record)
        puts = {
            key: raw for key, raw in self._after.items()
            if raw is not None and raw != self._raw(key)
        }  # fmt: skip
        gone = [key for key, raw in self._after.items() if raw is None and key in self._there]
        return Edit(self._unmoved, paths(self._change, self._layout), puts, tuple(gone))

    def _raw(self, key: str) -> bytes | None:
        return self._there[key].raw if key in self._there else None

    # what is there

    def _found(self, key: Key) -> RecordSet | None:
        sets = skydns.record_sets(self._by_name.get(key[0], ()))
        return next((found for found in sets if found.key == key), None)

    def _entries(self, key: Key) -> list[Entry]:
        return [
            entry for entry in self._by_name.get(key[0], ())
            if any(type == key[1] for type, _ in skydns.records(entry))
        ]  # fmt: skip

    def _look(self, record: RecordSet) -> None:
        found = self._found(record.key)
        if found != record:
            zone = self._layout.zone
            raise Outdated(f"{record} is not in {zone}: {found or 'nothing is there'}")
        self._unmoved.update((entry.key, entry.revision) for entry in self._entries(record.key))

    # what goes

    def _remove(self, record: RecordSet) -> None:
        for entry in self._entries(record.key):
            left = skydns.without(entry, record.type)
            if self._after.get(entry.key, entry.raw) != entry.raw:
                left = None  # both of its records go
            self._after[entry.key] = left

    def _stays(self, entry: Entry) -> bool:
        return self._after.get(entry.key, entry.raw) is not None

    # what comes

    def _check_additions(self) -> None:
        removed = {record.key for record in self._change.removals}
        if name := contradiction(self._change.additions):
            raise Rejected(f"{name} cannot have CNAME beside anything else")
        for record in self._change.additions:
            if record.key not in removed and (found := self._found(record.key)):
                zone = self._layout.zone
                raise Outdated(f"{record.name} {record.type} is in {zone} already: {found}")
        for record in self._change.additions:
            for found in skydns.record_sets(self._by_name.get(record.name, ())):
                is_alone = CNAME in (found.type, record.type)
                if found.key not in removed and is_alone and found.type != record.type:
                    raise Outdated(f"{record.name} cannot have {record.type} beside {found.type}")
            self._check_neighbours(record)

    def _check_neighbours(self, record: RecordSet) -> None:
        path = self._layout.path(record.name, record.type)
        for entry in self._there.values():
            if self._stays(entry) and (words := _in_the_way(entry, path, record)):
                raise Rejected(f"{record.name} {record.type}: the key {entry.key} {words}")

    def _add(self, record: RecordSet) -> None:
        try:
            made = skydns.values(record)
        except NameRefused as error:
            raise Rejected(f"{record.name} {record.type}: {error}") from error
        path = self._layout.path(record.name, record.type)
        for value in made:
            raw, label = skydns.encoded(value), skydns.label(value)
            while not self._is_free(f"{path}/{label}", raw):
                label = f"{label}0"
            self._after[f"{path}/{label}"] = raw

    def _is_free(self, key: str, raw: bytes) -> bool:
        now = self._after[key] if key in self._after else self._raw(key)
        return now is None


def _in_the_way(entry: Entry, path: str, record: RecordSet) -> str:
    """What CoreDNS would make of this key and a new one below `path`; "" for nothing bad."""
    if entry.is_broken:
        is_here = entry.key == path or entry.is_under(path)
        return "cannot be read by CoreDNS, which answers SERVFAIL for it here" if is_here else ""
    if entry.is_exact and (path == entry.key or path.startswith(f"{entry.key}/")):
        return (
            "would not be answered any more: CoreDNS does not look at it once there are keys "
            "below it; give it a label of its own and targetstrip 1"
        )
    if not entry.has_host or record.type not in _HOSTS:
        return ""
    assert entry.value is not None
    group = entry.value.group
    if path.startswith(f"{entry.path}/") and not group:
        return f"has no group: CoreDNS would answer {record.name} for {entry.name}, too"
    is_beside = entry.key.rpartition("/")[0] == path and group != record.name.rstrip(".")
    if entry.path.startswith(f"{path}/") and (not group or is_beside):
        return f"has no group of its own: CoreDNS would answer {entry.name} for it, too"
    return ""


_HOSTS = ("A", "AAAA", CNAME)


def neighbours(entries: Iterable[Entry]) -> dict[str, str]:
    """Names, by the key that they spell, below which something is in the way, and which key is."""
    return {
        entry.path: entry.key
        for entry in entries
        if not entry.is_broken
        and (entry.is_exact or (entry.has_host and entry.value and not entry.value.group))
    }
