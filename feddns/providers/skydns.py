r"""Record sets ↔ keys of etcd, as SkyDNS had them and CoreDNS' etcd plugin reads them.

    web.shop.example.com. A 192.0.2.1 192.0.2.2        one key for each value:
    /skydns/com/example/shop/web/dbbd1dfc              {"host":"192.0.2.1","ttl":180,
                                                        "targetstrip":1,"group":"web.shop.example.com"}
    a key, read                                        is
    targetstrip n, or the group is the name above it   of the name without its n last labels, or one
    neither                                            of the name that it spells, `is_exact`
    below dns/apex of the zone                         of the zone itself
    host                                               A, AAAA, MX with mail, SRV with port, CNAME
    text                                               TXT: one text in strings of 255, with \DDD
    no JSON of that form                               no record set; CoreDNS answers SERVFAIL for
                                                       all names above it, `is_broken`

CoreDNS answers a name from all keys below it, however deep, and takes from them those of one group:
that of the shortest key.  So the group of a key is its name, and names may nest; the claim of a
record set is below it, and so may another record set be.  The last label is a hash of the value, as
Kubernetes Federation made it (FNV-1a, 32 bits); targetstrip takes it off the targets of SRV.

CoreDNS knows no TTL 0 (it makes 300 of it): such a record gets 1, and `feddns/ttl` remembers 0.

Pure.  Called by `skydnsedits` and `coredns`.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import msgspec

from feddns import names
from feddns.errors import NameRefused, Rejected
from feddns.providers import rdata
from feddns.providers.recordsets import (
    AAAA,
    CNAME,
    TXT,
    A,
    RecordSet,
    canonical,
    quoted_octets,
    record_set,
)

PREFIX = "skydns"
TTL = 300
"""What CoreDNS makes of a key that says none."""
PRIORITY = 10
MX, SRV = "MX", "SRV"

_APEX = "/dns/apex"
_STRING = 255
_LABELS = re.compile(r"(?:[-_a-z0-9]{1,63}\.)+\Z")
_WILDCARDS = ("*", "any")
_ESCAPE = re.compile(rb"\\(?:([0-9]{3})|(.?))", re.DOTALL)
_Uint32 = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]


class Value(msgspec.Struct, omit_defaults=True):
    """The JSON of a key."""

    host: str = ""
    text: str = ""
    port: int = 0
    priority: int = 0
    weight: int = 0
    mail: bool = False
    ttl: _Uint32 = 0
    targetstrip: int = 0
    group: str = ""
    real_ttl: _Uint32 | None = msgspec.field(name="feddns/ttl", default=None)


class Entry(msgspec.Struct, frozen=True):
    """A key as it was read.  `name` is of its records, `path` the key that this name spells."""

    key: str
    raw: bytes
    revision: int
    name: str
    path: str
    value: Value | None

    @property
    def is_broken(self) -> bool:
        return self.value is None

    @property
    def is_exact(self) -> bool:
        return self.key == self.path

    @property
    def has_host(self) -> bool:
        return self.value is not None and bool(self.value.host)

    def is_under(self, path: str) -> bool:
        return self.key.startswith(f"{path}/")


# --- keys ---------------------------------------------------------------------------------------


class Layout:
    """Where the names of one zone are.  `root` is the key of the zone, all others are below it."""

    def __init__(self, zone: str, prefix: str = PREFIX) -> None:
        self.zone = zone
        self.root = f"/{prefix.strip('/')}" + _spelt(zone)
        self._name_at = functools.lru_cache(4096)(self._named)

    def path(self, name: str, type: str) -> str:
        """The key that a name spells; its values are one below.

        Raises `Rejected` for a name outside the zone, and for one that CoreDNS would not find.
        """
        if name != self.zone and not name.endswith(f".{self.zone}"):
            raise Rejected(f"{name} is not in {self.zone}")
        if not _LABELS.match(name):
            raise Rejected(
                f"{name}: a key that CoreDNS reads has a-z, 0-9, - and _ in its labels only"
            )
        if found := [label for label in name.split(".") if label in _WILDCARDS]:
            raise Rejected(f"{name}: CoreDNS takes the label {found[0]} for any name at its place")
        if name == self.zone and type in (A, AAAA):
            return self.root + _APEX
        return self.root + _spelt(name[: len(name) - len(self.zone)])

    def above(self, path: str) -> Iterator[str]:
        """The keys that the names above spell, up to the zone's, which is not among them."""
        while (path := path.rpartition("/")[0]) and len(path) > len(self.root):
            yield path

    def entry(self, key: str, raw: bytes, revision: int) -> Entry | None:
        """None for what belongs to no name in the zone that CoreDNS would be asked for."""
        value = _decoded(raw)
        below = key[len(self.root) :]
        if not key.startswith(f"{self.root}/") or self._name_at(below) is None:
            return None
        path = below
        if value is not None:
            path = self._stripped(below, value)
        if path == _APEX or path.rpartition("/")[0] == _APEX:
            return Entry(key, raw, revision, self.zone, self.root + _APEX, value)
        name = self._name_at(path)
        assert name is not None, "what is above a name is one"
        return Entry(key, raw, revision, name, self.root + path, value)

    def _stripped(self, below: str, value: Value) -> str:
        if value.targetstrip > 0:
            cut = below.split("/")
            return "/".join(cut[: max(len(cut) - value.targetstrip, 1)])
        above = below.rpartition("/")[0]
        if value.group and self._name_at(above) == f"{value.group.rstrip('.')}.":
            return above
        return below

    def _named(self, below: str) -> str | None:
        """The name that a key spells below `root`; None when it is none in lower case."""
        labels = below.split("/")[:0:-1]
        text = "".join(f"{label}." for label in labels) + self.zone
        try:
            return text if canonical(text) == text else None
        except NameRefused:
            return None


def _spelt(name: str) -> str:
    return "".join(f"/{label}" for label in name.rstrip(".").split(".")[::-1] if label)


def _decoded(raw: bytes) -> Value | None:
    """None for what CoreDNS cannot read; to it the case of fields is nothing, and null is none."""
    try:
        if (value := _DECODER.decode(raw)).host or value.text:
            return value
    except msgspec.DecodeError:
        pass
    try:
        fields = msgspec.json.decode(raw, type=dict[str, Any])
        said = {name.lower(): one for name, one in fields.items() if one is not None}
        return msgspec.convert(said, Value)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


_DECODER = msgspec.json.Decoder(Value)
_ENCODER = msgspec.json.Encoder()


# --- reading ------------------------------------------------------------------------------------


def record_sets(entries: Iterable[Entry]) -> list[RecordSet]:
    """The record sets of these keys; of several TTLs the smallest."""
    found: dict[tuple[str, str], tuple[int, list[str]]] = {}
    for entry in entries:
        for type, value in records(entry):
            ttl, values = found.get((entry.name, type), (2**32, []))
            found[entry.name, type] = min(ttl, ttl_of(entry)), [*values, value]
    return [record_set(*key, ttl, values) for key, (ttl, values) in found.items()]


def ttl_of(entry: Entry) -> int:
    value = entry.value
    if value is None:
        return TTL
    return (value.ttl or TTL) if value.real_ttl is None else value.real_ttl


def records(entry: Entry) -> Iterator[tuple[str, str]]:
    """Type and value of each record that the key stands for."""
    value = entry.value
    if value is None:
        return
    if value.host and (record := _host(value)):
        yield record
    if value.text:
        yield TXT, quoted_octets(b"".join(strings(value.text)))


def _host(value: Value) -> tuple[str, str] | None:
    if address := _address(value.host):
        return (A if address.version == 4 else AAAA), str(address)
    try:
        target = canonical(value.host)
    except NameRefused:
        return None
    priority = value.priority or PRIORITY
    if value.mail:
        return MX, f"{priority} {target}"
    if value.port:
        return SRV, f"{priority} {value.weight} {value.port} {target}"
    return CNAME, target


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """What CoreDNS takes for an address; an IPv4 address in IPv6 is one of IPv4."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        return None if found.scope_id else (found.ipv4_mapped or found)
    return found


def strings(text: str) -> list[bytes]:
    """The strings of the TXT record that CoreDNS makes of a text: cut first, then unescaped."""
    raw = text.encode("utf-8", "replace")
    if len(raw) < _STRING:
        return [_unescaped(raw)]
    return [_unescaped(raw[start : start + _STRING]) for start in range(0, len(raw) + 1, _STRING)]


def _unescaped(raw: bytes) -> bytes:
    return _ESCAPE.sub(lambda found: bytes((int(found[1]) & 0xFF,)) if found[1] else found[2], raw)


# --- writing ------------------------------------------------------------------------------------


def values(record: RecordSet) -> list[Value]:
    """What the keys of a record set say.  Raises `Rejected`."""
    group = record.name.rstrip(".")
    made = []
    for text in record.values:
        value = _said(record, text)
        value.ttl, value.targetstrip, value.group = record.ttl, 1, group
        if not record.ttl:
            value.ttl, value.real_ttl = 1, 0
        made.append(value)
    if not made:
        raise Rejected(f"{record.name} {record.type} has no values")
    return made


def _said(record: RecordSet, text: str) -> Value:
    if record.type in (A, AAAA):
        address = _address(text)
        if address is None or address.version != (4 if record.type == A else 6):
            raise Rejected(f"{record.name} {record.type}: CoreDNS does not take {text} for one")
        return Value(host=text)
    if record.type == CNAME:
        return Value(host=_target(record, text))
    if record.type == TXT:
        return Value(text=_text(record, text))
    raise Rejected(
        f"{record.name} {record.type}: only A, AAAA, CNAME and TXT are written for CoreDNS"
    )


def _target(record: RecordSet, text: str) -> str:
    if len(record.values) > 1:
        raise Rejected(f"{record.name} cannot have {len(record.values)} CNAME records")
    if names.is_under(names.parse(text), names.parse(record.name)):
        raise Rejected(f"{record.name}: CoreDNS takes a CNAME to a name below, {text}, for a loop")
    host = text.rstrip(".")
    return text if _address(host) else host


def _text(record: RecordSet, value: str) -> str:
    """The text of which CoreDNS makes this value."""
    try:
        wire = rdata.write(TXT, value)
    except NameRefused as error:
        raise Rejected(f"{record.name} TXT: {error}") from error
    octets = b"".join(_cut(wire))
    plain = octets.decode("utf-8", "surrogateescape")
    text = "".join(map(_escaped, plain)) if octets else "\\"
    if quoted_octets(octets) != value or b"".join(strings(text)) != octets:
        raise Rejected(f"{record.name} TXT: CoreDNS would cut its text in other places")
    return text


def _cut(wire: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(wire):
        length = wire[position]
        yield wire[position + 1 : position + 1 + length]
        position += 1 + length


def _escaped(char: str) -> str:
    if char == "\\":
        return "\\\\"
    return f"\\{ord(char) - 0xDC00:03d}" if "\udc80" <= char <= "\udcff" else char


def encoded(value: Value) -> bytes:
    return _ENCODER.encode(value)


def label(value: Value) -> str:
    """The last label of the key of a value."""
    hashed = 0x811C9DC5
    for octet in (value.host or value.text).encode():
        hashed = (hashed ^ octet) * 0x01000193 & 0xFFFFFFFF
    return f"{hashed:08x}"


def without(entry: Entry, type: str) -> bytes | None:
    """What stays of a key when its record of this type goes, all else as it is; None: nothing."""
    if all(other == type for other, _ in records(entry)):
        return None
    fields = msgspec.json.decode(entry.raw, type=dict[str, msgspec.Raw])
    gone = ("text",) if type == TXT else ("host", "port", "priority", "weight", "mail")
    return msgspec.json.encode(
        {name: one for name, one in fields.items() if name.lower() not in gone}
    )
