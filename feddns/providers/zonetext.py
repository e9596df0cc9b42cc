"""A zone as a master file (RFC 1035 §5), and back.

    in the file                         here
    SOA                                 `soa`, None where the file has none
    NS of the apex                      `servers`, None where the file has none
    any other record set                one of `records`
    ;ALIAS name ttl target              a record set of type ALIAS, which no server can read
    a record outside the zone           left out, as servers do
    $ORIGIN, $TTL, $GENERATE            as in BIND; $INCLUDE is refused

Pure (dnspython parses).  Called by the `zonefile` provider and `feddns zone export|import`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.tokenizer
import dns.zone
import dns.zonefile
import msgspec

from feddns import names
from feddns.errors import DocumentRefused, NameRefused
from feddns.providers.recordsets import (
    AAAA,
    ALIAS,
    CNAME,
    TXT,
    A,
    Key,
    RecordSet,
    canonical,
    quoted,
    record_set,
)

SOA, NS = "SOA", "NS"
NEGATIVE_TTL = 60
"""Of a new zone: a name that was asked too early is not denied for long."""

_TIMERS = f"7200 1800 1209600 {NEGATIVE_TTL}"
_TTL = 3600
_LONGEST_TTL = 2**31 - 1
_WHERE = re.compile(r"^<string>:\d+: ")
_ALIAS = re.compile(r";ALIAS (\S+) (\d{1,10}) (\S+)\s*\Z")


class ZoneText(msgspec.Struct, frozen=True):
    """A master file.  `zone` is canonical; `records` sorted, without SOA and NS of the apex."""

    zone: str
    records: tuple[RecordSet, ...] = ()
    soa: RecordSet | None = None
    servers: RecordSet | None = None

    @property
    def serial(self) -> int:
        """Of the SOA; 0 without one."""
        return 0 if self.soa is None else int(self.soa.values[0].split()[2])

    def renewed(self, records: Iterable[RecordSet]) -> ZoneText:
        """With other records, and the next serial (RFC 1982) when there is an SOA."""
        soa = self.soa
        if soa is not None:
            words = soa.values[0].split()
            words[2] = str((int(words[2]) + 1) & 0xFFFFFFFF or 1)
            soa = msgspec.structs.replace(soa, values=(" ".join(words),))
        return ZoneText(self.zone, _sorted(records), soa, self.servers)


def new(zone: str, server: str, mail: str = "", address: str = "") -> ZoneText:
    """An empty zone with an SOA of serial 1 and one name server.

    `address` is of the server, where it lies within the zone.  Raises `NameRefused`.
    """
    zone, server = canonical(zone), canonical(server)
    mail = canonical(mail or f"hostmaster.{zone}")
    records = []
    if address:
        records = [record_set(server, AAAA if ":" in address else A, _TTL, [address])]
    soa = RecordSet(zone, SOA, _TTL, (f"{server} {mail} 1 {_TIMERS}",))
    return ZoneText(zone, tuple(records), soa, RecordSet(zone, NS, _TTL, (server,)))


# --- reading ------------------------------------------------------------------------------------


def read(text: str, zone: str) -> ZoneText:
    """A master file of `zone`, which is the origin at its beginning.

    Raises `DocumentRefused` with the line, `NameRefused` for a zone that is no name.
    """
    zone = canonical(zone)
    found = _records(text, zone)
    for record in _aliases(text, zone):
        found[record.key] = record
    soa, servers = found.pop((zone, SOA), None), found.pop((zone, NS), None)
    return ZoneText(zone, _sorted(found.values()), soa, servers)


def _records(text: str, zone: str) -> dict[Key, RecordSet]:
    parsed, refusal = _parsed(text, zone)
    if refusal is not None:
        before = "\n".join(text.split("\n")[: refusal.line - 1])
        if refusal.line > 1 and _parsed(before, zone)[1] is not None:
            refusal.line -= 1  # dnspython had read the end of the line
        raise refusal
    found: dict[Key, RecordSet] = {}
    for name, rdataset in parsed.iterate_rdatasets():
        made = _record_set(name.to_text(), rdataset)
        if made.key in found:  # signatures are one set for each type that they cover
            made = _together(found[made.key], made)
        found[made.key] = made
    return found


def _parsed(text: str, zone: str) -> tuple[dns.zone.Zone, DocumentRefused | None]:
    parsed = dns.zone.Zone(dns.name.from_text(zone), relativize=False)
    words = dns.tokenizer.Tokenizer(text)
    try:
        with parsed.writer(replacement=True) as transaction:
            reader = dns.zonefile.Reader(words, dns.rdataclass.IN, transaction)
            reader.read()
    except (dns.exception.DNSException, ValueError) as error:
        reason = _WHERE.sub("", str(error))
        if isinstance(error, dns.zonefile.CNAMEAndOtherData):
            reason = f"{reader.last_name}: a CNAME and anything else exclude each other"
        refusal = DocumentRefused(f"no master file of {zone}: {reason}", words.where()[1])
        refusal.__cause__ = error
        return parsed, refusal
    return parsed, None


def _record_set(name: str, rdataset: dns.rdataset.Rdataset) -> RecordSet:
    type = dns.rdatatype.to_text(rdataset.rdtype)
    return record_set(name, type, rdataset.ttl, [rdata.to_text() for rdata in rdataset])


def _together(one: RecordSet, other: RecordSet) -> RecordSet:
    values = {*one.values, *other.values}
    return record_set(one.name, one.type, min(one.ttl, other.ttl), values)


def _aliases(text: str, zone: str) -> Iterator[RecordSet]:
    for number, line in enumerate(text.splitlines(), 1):
        if (match := _ALIAS.match(line)) is None:
            continue
        try:
            made = record_set(match[1], ALIAS, min(int(match[2]), _LONGEST_TTL), [match[3]])
        except NameRefused as refusal:
            raise DocumentRefused(str(refusal), number) from refusal
        if names.is_under(names.parse(made.name), names.parse(zone)):
            yield made


# --- writing ------------------------------------------------------------------------------------


def write(given: ZoneText) -> str:
    """The master file, in the same order for the same records.

    Raises `NameRefused` for values that are not of their type.
    """
    lines = [f"$ORIGIN {given.zone}"]
    for record in (given.soa, given.servers, *_sorted(given.records)):
        if record is not None:
            lines += _lines(record)
    return "\n".join(lines) + "\n"


def _lines(record: RecordSet) -> list[str]:
    name = canonical(record.name)
    if record.type == ALIAS:
        return [f";ALIAS {name} {record.ttl} {canonical(value)}" for value in record.values]
    values = record_set(name, record.type, record.ttl, record.values).values
    if record.type not in (A, AAAA, CNAME):
        values = tuple(_checked(record, value) for value in values)
    return [f"{name} {record.ttl} IN {record.type} {value}" for value in values]


def _checked(record: RecordSet, value: str) -> str:
    if record.type == TXT and not value.startswith('"'):
        value = quoted(value)
    try:
        if "\n" in value:
            raise ValueError("more than one line")
        rdata = dns.rdata.from_text(dns.rdataclass.IN, record.type, value, relativize=False)
    except (dns.exception.DNSException, ValueError) as error:
        raise NameRefused(
            f"{record.name} {record.type} {value!r} cannot stand in a zone file: {error}"
        ) from error
    return rdata.to_text()


def _sorted(records: Iterable[RecordSet]) -> tuple[RecordSet, ...]:
    """From the apex down, what is below a name after it (RFC 4034 §6.1)."""
    return tuple(sorted(records, key=lambda record: (order(record.name), record.type)))


def order(name: str) -> list[bytes]:
    """By what a file is sorted."""
    return names.labels_of(names.parse(name))[::-1]
