"""Which record sets of a zone are ours: those beside which a TXT record of ours says so.

    in the zone                                        is
    a record set and a claim with our owner id         ours
    a claim with our owner id alone                    ours: an orphan, `Owned.record` is None
    a record set without a claim, or with another's    foreign
    another's claim, any other TXT record              foreign
    a claim of ours among other TXT values             foreign, and its record set too: it is no
                                                       longer ours alone
    A claim for A counts for an ALIAS at its name.  Claims are found by the names that the registry
    gives them; external-dns with an owner id of its own finds ours and leaves them alone.

Pure.  Called by `plan`, `keeper`, and `feddns zone show`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from feddns.providers.claims import Registry, registry
from feddns.providers.recordsets import Change, Key, RecordSet

__all__ = ["CLAIM_TTL", "Holdings", "Mark", "Owned", "Registry", "claim", "divide", "registry"]

CLAIM_TTL = 300


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

    @property
    def key(self) -> Key:
        """Of the record set; of an orphan, of what it claims."""
        raise NotImplementedError


def claim(record: RecordSet, mark: Mark, registry: Registry, nonce: bytes = b"") -> RecordSet:
    """The TXT record set beside `record`.  The same for the same arguments, sealed or not.

    Raises `NameRefused` when the name gets too long for DNS.
    """
    raise NotImplementedError


def divide(records: Iterable[RecordSet], registry: Registry) -> Holdings:
    """The record sets of a zone, ours and the others'."""
    raise NotImplementedError


class Holdings:
    """What lies in a zone.  Follows changes without another reading; each costs what it touches.

    `ours` and `foreign` hold every record set of the zone but our claims, which are in `Owned`.
    They are for reading.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.ours: dict[Key, Owned] = {}
        self.foreign: dict[Key, RecordSet] = {}

    def owned_at(self, name: str) -> list[Owned]:
        """What is ours at a name, orphans too."""
        raise NotImplementedError

    def foreign_at(self, name: str) -> list[RecordSet]:
        """What others have at a name, their claims too where they have this name."""
        raise NotImplementedError

    def owned_names(self) -> Iterator[str]:
        """Each name at which something is ours, once, in no order."""
        raise NotImplementedError

    def put(self, record: RecordSet) -> None:
        """A record set, or a claim, is there now, in place of any of its key."""
        raise NotImplementedError

    def remove(self, key: Key) -> None:
        """No such record set is there now; nothing happens when there was none."""
        raise NotImplementedError

    def follow(self, change: Change) -> None:
        """The change was done."""
        raise NotImplementedError

    def records(self) -> Iterator[RecordSet]:
        """All of the zone, in no order."""
        raise NotImplementedError
