"""Which record sets of a zone are ours: those beside which a TXT record of ours says so.

    in the zone                                        is
    a record set and a claim of ours                   ours
    a claim of ours alone                              ours: an orphan, `Owned.record` is None
    a record set without a claim, or with another's    foreign
    another's claim, any other TXT record              foreign
    a claim of ours among other TXT values             foreign, and its record set too: it is no
                                                       longer ours alone

A claim is ours when it has our owner id and says `feddns/generation`: an external-dns that was
given our owner id by mistake does not lose its records to us.  A claim for A counts for an ALIAS at
its name.  Claims are found by the names that the registry gives them.

Pure.  Called by `plan`, `keeper`, and `feddns zone show`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from feddns.providers import claims, sealing
from feddns.providers.claims import Registry, registry
from feddns.providers.recordsets import (
    AAAA,
    ALIAS,
    CNAME,
    TXT,
    A,
    Change,
    Key,
    RecordSet,
    quoted,
    record_set,
    unquoted,
)

__all__ = ["CLAIM_TTL", "Holdings", "Mark", "Owned", "Registry", "claim", "divide", "registry"]

CLAIM_TTL = 300
LONGEST_LIST = 800
"""Octets that names of clusters take in a claim; for those beyond there is a `...`."""
LONGEST_STRING = 255
_MORE = "+..."

_OURS = (A, AAAA, CNAME, ALIAS)
_OWNER, _RESOURCE = "external-dns/owner", "external-dns/resource"
_CLUSTERS, _GENERATION = "feddns/clusters", "feddns/generation"


class Mark(msgspec.Struct, frozen=True):
    """Where a record set comes from.  `resource` is `service/shop/web`; `clusters` sorted."""

    resource: str
    clusters: tuple[str, ...] = ()
    generation: int = 0

    @property
    def service(self) -> str:
        """`shop/web`."""
        return self.resource.partition("/")[2]


class Owned(NamedTuple):
    """A record set of ours with the TXT record that says so; `record` None: an orphaned claim."""

    record: RecordSet | None
    claim: RecordSet
    mark: Mark


def claim(record: RecordSet, mark: Mark, registry: Registry, nonce: bytes = b"") -> RecordSet:
    """The TXT record set beside `record`.  The same for the same arguments, sealed or not.

    Raises `NameRefused` when the name gets too long for DNS.
    """
    name = registry.name_of(record.key)
    text = _text(mark, registry, mark.clusters)
    if registry.key:
        text = _sealed(name, mark, registry, nonce)
    return record_set(name, TXT, CLAIM_TTL, (quoted(text),))


def _text(mark: Mark, registry: Registry, clusters: tuple[str, ...]) -> str:
    joined = "+".join(clusters)
    if len(joined) > LONGEST_LIST:
        joined = joined[: max(joined.rfind("+", 0, LONGEST_LIST), 0)]
        clusters = ()
    return claims.write({
        _OWNER: registry.owner,
        _RESOURCE: mark.resource,
        _CLUSTERS: joined + (_MORE if len(clusters) < len(mark.clusters) else ""),
        _GENERATION: str(mark.generation),
    })  # fmt: skip


def _sealed(name: str, mark: Mark, registry: Registry, nonce: bytes) -> str:
    """With as many clusters as one string of a TXT record takes: external-dns reads no more."""
    clusters = mark.clusters
    while True:
        text = sealing.seal(_text(mark, registry, clusters), name, registry.key, nonce)
        if len(text) <= LONGEST_STRING or not clusters:
            return text
        clusters = clusters[: len(clusters) // 2]


def _mark(record: RecordSet, registry: Registry) -> Mark | None:
    """What a TXT record set says, when it is a claim of ours and nothing else."""
    if len(record.values) != 1:
        return None
    text = unquoted(record.values[0])
    if registry.key:
        text = sealing.unseal(text, registry.key) or text
    labels = claims.read(text)
    if labels is None or labels.get(_OWNER) != registry.owner:
        return None
    generation = labels.get(_GENERATION, "")
    if not (generation.isascii() and generation.isdigit()):
        return None
    clusters = tuple(part for part in labels.get(_CLUSTERS, "").split("+") if part)
    return Mark(labels.get(_RESOURCE, ""), clusters, int(generation))


def divide(records: Iterable[RecordSet], registry: Registry) -> Holdings:
    """The record sets of a zone, ours and the others'."""
    holdings = Holdings(registry)
    for record in records:
        holdings.put(record)
    return holdings


class Holdings:
    """What lies in a zone.  Follows changes without another reading; each costs what it touches.

    `ours` and `foreign` hold every record set of the zone, our claims as part of what is ours.
    They are for reading.  An orphan's key is that of the record set that its claim is for.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.ours: dict[Key, Owned] = {}
        self.foreign: dict[Key, RecordSet] = {}
        self._foreign_types: dict[str, tuple[str, ...]] = {}
        self._others: dict[Key, RecordSet] = {}  # all that is no claim of ours
        self._claims: dict[Key, tuple[RecordSet, Mark]] = {}  # by the key of what is claimed

    # what is there

    def owned_at(self, name: str) -> list[Owned]:
        """What is ours at a name, orphans too; a claim is where its record set is."""
        return [self.ours[name, type] for type in _OURS if (name, type) in self.ours]

    def foreign_at(self, name: str) -> list[RecordSet]:
        """What others have at a name, their claims too where they have this name."""
        return [self.foreign[name, type] for type in self._foreign_types.get(name, ())]

    def claim_at(self, name: str) -> Owned | None:
        """What is claimed by the TXT record of ours that has this name."""
        claimed = self.registry.claimed(name)
        if claimed is None or claimed not in self._claims:
            return None
        alias = self.ours.get((claimed[0], ALIAS)) if claimed[1] == A else None
        return self.ours.get(claimed) or alias

    def owned_names(self) -> Iterator[str]:
        """Each name at which something is ours, once, in no order."""
        return iter({name for name, _ in self.ours})

    def records(self) -> Iterator[RecordSet]:
        """All of the zone, in no order."""
        yield from self._others.values()
        for record, _ in self._claims.values():
            yield record

    # what happens to it

    def put(self, record: RecordSet) -> None:
        """A record set, or a claim, is there now, in place of any of its key."""
        claimed = self.registry.claimed(record.name) if record.type == TXT else None
        if claimed is None:
            self._others[record.key] = record
            self._judge(record.key)
            return
        mark = _mark(record, self.registry)
        if mark is None:
            self._claims.pop(claimed, None)
            self._others[record.key] = record
        else:
            self._others.pop(record.key, None)
            self._claims[claimed] = record, mark
        self._judge(record.key)
        self._judge(claimed)

    def remove(self, key: Key) -> None:
        """No such record set is there now; nothing happens when there was none."""
        self._others.pop(key, None)
        claimed = self.registry.claimed(key[0]) if key[1] == TXT else None
        if claimed is not None:
            self._claims.pop(claimed, None)
            self._judge(claimed)
        self._judge(key)

    def follow(self, change: Change) -> None:
        """The change was done."""
        for record in change.removals:
            self.remove(record.key)
        for record in change.additions:
            self.put(record)

    def _judge(self, key: Key) -> None:
        """Whose the record set of this key is, or, for A, the ALIAS that stands in its place."""
        name, type = key
        keys = [(name, A), (name, ALIAS)] if type in (A, ALIAS) else [key]
        there = [self._others[key] for key in keys if key in self._others]
        for key in keys:
            self.ours.pop(key, None)
            self._forget_foreign(key)
        claim = self._claims.get(keys[0])
        if claim is not None:
            own = there.pop(0) if there else None
            self.ours[keys[0] if own is None else own.key] = Owned(own, *claim)
        for record in there:
            self.foreign[record.key] = record
            self._foreign_types[name] = (*self._foreign_types.get(name, ()), record.type)

    def _forget_foreign(self, key: Key) -> None:
        if self.foreign.pop(key, None) is None:
            return
        name, type = key
        rest = tuple(other for other in self._foreign_types[name] if other != type)
        if rest:
            self._foreign_types[name] = rest
        else:
            del self._foreign_types[name]
