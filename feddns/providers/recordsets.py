"""Record sets of a zone as text, in one spelling, and a change of some of them.

    type            values, canonical
    A, AAAA         addresses as `ipaddress` writes them, sorted by number
    CNAME           one absolute name, lower case, with its final dot
    ALIAS           the same: the addresses of another name, where a provider has such records; it
                    stands for A and AAAA at its name
    TXT             each record quoted, as in a zone file
    any other       as the provider writes it, sorted

Equal values are equal record sets, in whatever order and spelling a provider keeps them.  Names are
absolute and lower case.  Pure.  Called by everything in this room.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import msgspec

from feddns import names
from feddns.errors import NameRefused

A, AAAA, CNAME, ALIAS, TXT = "A", "AAAA", "CNAME", "ALIAS", "TXT"
Key = tuple[str, str]
"""Name and type."""


class RecordSet(msgspec.Struct, frozen=True, order=True):
    """All records of one name and type.  `ttl` in seconds; of an ALIAS it is the provider's."""

    name: str
    type: str
    ttl: int
    values: tuple[str, ...]

    @property
    def key(self) -> Key:
        return self.name, self.type

    def __str__(self) -> str:
        """`web.shop.svc.example.com. 180 A 192.0.2.1 192.0.2.2`."""
        return f"{self.name} {self.ttl} {self.type} {' '.join(self.values)}"


class Change(msgspec.Struct, frozen=True):
    """What happens to one name, together with the TXT records that say whose it is: all or nothing.

    `removals` are as they were read: a zone that has something else there has been changed by
    somebody, and the change is `Outdated`.  What is added must not be there, but for what is
    removed.  `keeps` must be there and stays: the claims of what is changed; a provider that can
    hold the zone to it in the same call does, another one need not look.
    `service` is whose doing it is (`shop/web`; empty when nobody's any more), `why` a few words.
    """

    name: str
    removals: tuple[RecordSet, ...] = ()
    additions: tuple[RecordSet, ...] = ()
    service: str = ""
    why: str = ""
    keeps: tuple[RecordSet, ...] = ()

    @property
    def size(self) -> int:
        """Record sets that are touched, each counted once for each side."""
        return len(self.removals) + len(self.additions)

    def undone(self) -> Change:
        """The change back."""
        return Change(
            self.name, self.additions, self.removals, self.service, f"undo: {self.why}", self.keeps
        )


def record_set(name: str, type: str, ttl: int, values: Iterable[str]) -> RecordSet:
    """The record set in its one spelling.  Raises `NameRefused` for values that cannot be."""
    return RecordSet(canonical(name), type, ttl, _values(type, values))


def contradiction(additions: Iterable[RecordSet]) -> str:
    """A name at which these have a CNAME and something else, which no zone takes; or ""."""
    types: dict[str, set[str]] = {}
    for record in additions:
        types.setdefault(record.name, set()).add(record.type)
    return next((name for name, there in types.items() if CNAME in there and len(there) > 1), "")


def canonical(name: str) -> str:
    """A name as it stands here: absolute, lower case.  Raises `NameRefused`."""
    return names.format(names.parse(name).lower())


def _values(type: str, values: Iterable[str]) -> tuple[str, ...]:
    if type in (A, AAAA):
        found = {_address(type, value) for value in values}
        return tuple(str(address) for address in sorted(found, key=int))
    if type in (CNAME, ALIAS):
        return tuple(sorted({canonical(value) for value in values}))
    return tuple(sorted(set(values)))


def _address(type: str, value: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    kind = ipaddress.IPv4Address if type == A else ipaddress.IPv6Address
    try:
        return kind(value)
    except ValueError:
        raise NameRefused(f"{value!r} is no address of an {type} record") from None


def quoted(text: str) -> str:
    r"""A string of a TXT record as a zone file has it: `"a \"b\""`, in pieces of 255 octets."""
    return quoted_octets(text.encode("utf-8"))


def quoted_octets(raw: bytes) -> str:
    """The same of any octets."""
    pieces = [raw[start : start + 255] for start in range(0, len(raw), 255)] or [b""]
    return " ".join(f'"{"".join(map(_octet, piece))}"' for piece in pieces)


def _octet(octet: int) -> str:
    if octet in b'"\\':
        return f"\\{chr(octet)}"
    return chr(octet) if 0x20 <= octet < 0x7F else f"\\{octet:03d}"


def unquoted(value: str) -> str:
    """The text of a TXT record: its strings joined.  Without quotes the value as it is."""
    if not value.startswith('"'):
        return value
    if value.count('"') == 2 and value.endswith('"') and "\\" not in value:
        return value[1:-1]
    found, inside, position = bytearray(), False, 0
    while position < len(value):
        char = value[position]
        position += 1
        if char == '"':
            inside = not inside
        elif char == "\\" and value[position : position + 3].isdigit():
            found.append(int(value[position : position + 3]) & 0xFF)
            position += 3
        elif char == "\\":
            found += value[position : position + 1].encode()
            position += 1
        elif inside:
            found += char.encode()
    return found.decode("utf-8", "replace")
