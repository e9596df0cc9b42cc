"""Resource records: the numbers of RFC 1035 and its kin, and one record set as a value.

Rdata is kept as uncompressed wire bytes; `resolver.wire` compresses the names of the types that
allow it.  This module decides nothing about which records exist.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from feddns.names import Name

A, NS, CNAME, SOA, PTR, HINFO, TXT, AAAA, SRV = 1, 2, 5, 6, 12, 13, 16, 28, 33
OPT, IXFR, AXFR, ANY = 41, 251, 252, 255
IN = 1

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 2, 3, 4, 5, 16
BADCOOKIE = 23

TYPE_NAMES = {
    A: "A", NS: "NS", CNAME: "CNAME", SOA: "SOA", PTR: "PTR", HINFO: "HINFO", 15: "MX", TXT: "TXT",
    AAAA: "AAAA", SRV: "SRV", 35: "NAPTR", OPT: "OPT", 43: "DS", 46: "RRSIG", 47: "NSEC",
    48: "DNSKEY", 64: "SVCB", 65: "HTTPS", IXFR: "IXFR", AXFR: "AXFR", ANY: "ANY", 257: "CAA",
}  # fmt: skip
RCODE_NAMES = {
    NOERROR: "NOERROR", FORMERR: "FORMERR", SERVFAIL: "SERVFAIL", NXDOMAIN: "NXDOMAIN",
    NOTIMP: "NOTIMP", REFUSED: "REFUSED", BADVERS: "BADVERS",
    BADCOOKIE: "BADCOOKIE",
}  # fmt: skip


class RRset(NamedTuple):
    """All records of one owner and type.  `ttl` in seconds, `rdatas` as wire bytes."""

    owner: Name
    type: int
    ttl: int
    rdatas: tuple[bytes, ...]


def type_name(number: int) -> str:
    """The mnemonic, or TYPE### (RFC 3597 §5)."""
    return TYPE_NAMES.get(number, f"TYPE{number}")


def type_number(text: str) -> int | None:
    """The number of a mnemonic or TYPE###; None when it is neither."""
    upper = text.upper()
    for number, name in TYPE_NAMES.items():
        if name == upper:
            return number
    if upper.startswith("TYPE") and upper[4:].isdigit() and int(upper[4:]) < 65536:
        return int(upper[4:])
    return None


def addresses(owner: Name, kind: int, ttl: int, packed: Iterable[bytes]) -> RRset | None:
    """The A (`kind` 1) or AAAA (`kind` 28) record set of packed addresses; None when empty."""
    size = 4 if kind == A else 16
    rdatas = tuple(dict.fromkeys(address for address in packed if len(address) == size))
    return RRset(owner, kind, ttl, rdatas) if rdatas else None


def srv(priority: int, weight: int, port: int, target: Name) -> bytes:
    """SRV rdata (RFC 2782); the target is never compressed."""
    return b"%b%b%b%b" % (
        priority.to_bytes(2, "big"), weight.to_bytes(2, "big"), port.to_bytes(2, "big"), target,
    )  # fmt: skip


def txt(*strings: bytes) -> bytes:
    """TXT rdata: each string with its length octet (RFC 1035 §3.3.14)."""
    return b"".join(bytes((len(string),)) + string for string in strings)


def soa(mname: Name, rname: Name, serial: int, negative_ttl: int) -> bytes:
    """SOA rdata with the timers clients of a cluster are used to: 7200, 1800, 86400."""
    timers = (serial & 0xFFFFFFFF, 7200, 1800, 86400, negative_ttl)
    return mname + rname + b"".join(number.to_bytes(4, "big") for number in timers)
