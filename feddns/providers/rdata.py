"""Values of record sets as octets of a DNS message, and back.

    type              here                                       else
    A, AAAA           by `ipaddress`
    CNAME             by `names`
    TXT               a lone string without escapes              dnspython
    any other                                                    dnspython

The four are nearly all of a public zone, and dnspython takes 60 µs for a claim of ours.  Pure.
Called by `updates` and `transfers`.
"""

from __future__ import annotations

import ipaddress
import re

import dns.exception
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from feddns import names
from feddns.errors import NameRefused
from feddns.names import Name
from feddns.providers.recordsets import AAAA, CNAME, TXT, A, quoted

_PLAIN = re.compile(r'"[ !#-\[\]-~]{0,255}"\Z')
_PLAIN_OCTETS = re.compile(rb"[ !#-\[\]-~]*\Z")
_POINTER = 0xC0


class Broken(ValueError):
    """A message that is not as the protocol has it."""


def type_number(type: str) -> int:
    """Raises `NameRefused`: ALIAS, for one, is no type of DNS."""
    try:
        return int(dns.rdatatype.from_text(type))
    except (dns.exception.DNSException, ValueError):
        raise NameRefused(f"{type} is no type of record that DNS has") from None


def type_name(number: int) -> str:
    return dns.rdatatype.to_text(dns.rdatatype.RdataType.make(number))


# --- writing ------------------------------------------------------------------------------------


def write(type: str, value: str) -> bytes:
    """One value as rdata without compression.  Raises `NameRefused`."""
    if type in (A, AAAA):
        return _packed(type, value)
    if type == CNAME:
        return names.parse(value)
    if type == TXT:
        if _PLAIN.match(value):
            return bytes((len(value) - 2,)) + value[1:-1].encode("ascii")
        if not value.startswith('"'):
            value = quoted(value)
    try:
        rdata = dns.rdata.from_text(dns.rdataclass.IN, type, value, relativize=False)
        octets = rdata.to_wire()
    except (dns.exception.DNSException, ValueError) as error:
        raise NameRefused(f"{value!r} is no {type} record: {error}") from error
    return octets or b""


def _packed(type: str, value: str) -> bytes:
    kind = ipaddress.IPv4Address if type == A else ipaddress.IPv6Address
    try:
        return kind(value).packed
    except ValueError:
        raise NameRefused(f"{value!r} is no address of an {type} record") from None


# --- reading ------------------------------------------------------------------------------------


def read(type: str, message: bytes, start: int, length: int) -> str:
    """The value that stands in `message` there.  Raises `Broken`."""
    rdata = message[start : start + length]
    try:
        if type == A:
            return str(ipaddress.IPv4Address(rdata))
        if type == AAAA:
            return str(ipaddress.IPv6Address(rdata))
        if type == CNAME:
            return names.format(read_name(message, start)[0])
        if type == TXT and rdata and rdata[0] == length - 1 and _PLAIN_OCTETS.match(rdata, 1):
            return f'"{rdata[1:].decode("ascii")}"'
        return dns.rdata.from_wire(
            dns.rdataclass.IN, dns.rdatatype.from_text(type), message, start, length
        ).to_text()
    except (dns.exception.DNSException, ValueError) as error:
        raise Broken(f"an {type} record that cannot be read: {error}") from error


def read_name(message: bytes, position: int) -> tuple[Name, int]:
    """The name there without compression, lower case, and where it ends.  Raises `Broken`."""
    parts: list[bytes] = []
    end, size = 0, 1
    try:
        while length := message[position]:
            if length >= _POINTER:
                # RFC 1035 §4.1.4: a prior occurrence, so it ends.
                target = (length & 0x3F) << 8 | message[position + 1]
                if target >= position:
                    raise Broken("a name that points ahead")
                end, position = end or position + 2, target
                continue
            part = message[position : position + length + 1]
            size += len(part)
            if length > names.LONGEST_LABEL or size > names.LONGEST_NAME:
                raise Broken("a name that is too long")
            parts.append(part)
            position += length + 1
    except IndexError:
        raise Broken("a name that is cut off") from None
    return b"".join(parts).lower() + names.ROOT, end or position + 1
