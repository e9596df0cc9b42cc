r"""Record sets as Route 53 has them, and as they stand here.

    at Route 53, of one name and type                     here
    values with a TTL                                     the record set
    A and AAAA, both an alias of one load balancer that   ALIAS
    is in our table, without its health
    any other alias, or one with a health check           a record set whose value is Route 53's
                                                          words for it; it may be removed as it is
    any with SetIdentifier (weighted, by region, by       the same, all of them in one; `is_routed`:
    place, failover, …), of a traffic policy              somebody's policy, never removed

    spelling              there                           here
    octets of names       \052 in octal, also for `*`     RFC 1035: decimal, `*` as it is
    octets of texts       \303\274 in octal               RFC 1035: decimal, \" and \\

Route 53 compares what is to be deleted with what it has as it was written, so what somebody wrote
in another spelling is kept as `Found.written`.

Source: Amazon Route 53 API Reference, ResourceRecordSet; Developer Guide, "DNS domain name format",
"TXT record type".  Pure.  Called by `route53`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from feddns.errors import NameRefused
from feddns.providers import awsbalancers
from feddns.providers.recordsets import (
    AAAA,
    ALIAS,
    CNAME,
    TXT,
    A,
    Key,
    RecordSet,
    canonical,
    record_set,
)

ResourceRecordSet = dict[str, Any]
"""As boto3 has it."""

ALIAS_TTL = 60
"""What Route 53 answers with for a load balancer."""
_PLAIN = {"Name", "Type", "TTL", "ResourceRecords"}
_PLAIN_ALIAS = {"Name", "Type", "AliasTarget"}
_ROUTED = {"SetIdentifier", "TrafficPolicyInstanceId"}

_OCTAL = re.compile(r"\\([0-3][0-7]{2})")
_ESCAPE = re.compile(r"\\([0-9]{3})|\\(.)", re.DOTALL)
_IN_TEXT = re.compile(r"\\([0-3][0-7]{2})|\\(.)|([^ -~])", re.DOTALL)
_OUT_TEXT = re.compile(r"\\([0-9]{3})|(\\\\)|([^ -~])")


class Found(NamedTuple):
    """A record set, with what Route 53 has for it where that is not what `write` makes of it."""

    record: RecordSet
    written: tuple[ResourceRecordSet, ...] = ()
    is_routed: bool = False


def read(sets: Iterable[ResourceRecordSet]) -> list[Found]:
    """All record sets of some names."""
    groups: dict[Key, list[ResourceRecordSet]] = {}
    for one in sets:
        groups.setdefault((read_name(one["Name"]), one["Type"]), []).append(one)
    found = {key: _read(key, group) for key, group in groups.items()}
    for name in [name for name, type in found if type == A]:
        if (alias := _alias(found[name, A], found.get((name, AAAA)))) is not None:
            found[name, A] = alias
            del found[name, AAAA]
    return list(found.values())


def write(record: RecordSet) -> tuple[ResourceRecordSet, ...]:
    """What Route 53 is to have for it.  Raises `NameRefused` for an ALIAS that it does not know."""
    name = write_name(record.name)
    if record.type == ALIAS:
        return tuple(_write_alias(name, type, record) for type in (A, AAAA))
    values = [{"Value": write_value(record.type, value)} for value in record.values]
    return (
        {"Name": name, "Type": record.type, "TTL": record.ttl, "ResourceRecords": values},
    )  # fmt: skip


def _read(key: Key, group: Sequence[ResourceRecordSet]) -> Found:
    first = group[0]
    name, type = key
    if len(group) > 1 or first.keys() != _PLAIN:
        is_routed = any(one.keys() & _ROUTED for one in group)
        words = tuple(sorted(map(_words, group)))
        return Found(RecordSet(name, type, first.get("TTL", 0), words), tuple(group), is_routed)
    values = [read_value(type, one["Value"]) for one in first["ResourceRecords"]]
    try:
        record = record_set(name, type, first["TTL"], values)
    except NameRefused:
        return Found(RecordSet(name, type, first["TTL"], tuple(sorted(values))), (first,))
    return Found(record) if _is_ours(first, record) else Found(record, (first,))


def _is_ours(one: ResourceRecordSet, record: RecordSet) -> bool:
    """It is spelled as we do; the order of values is nothing to Route 53."""
    (ours,) = write(record)
    return one["Name"] in (ours["Name"], ours["Name"].replace("*", "\\052")) and sorted(
        value["Value"] for value in one["ResourceRecords"]
    ) == sorted(value["Value"] for value in ours["ResourceRecords"])


def _words(one: ResourceRecordSet) -> str:
    told = {key: value for key, value in one.items() if key not in ("Name", "Type")}
    return json.dumps(told, sort_keys=True)


# --- aliases ------------------------------------------------------------------------------------


def _alias(one: Found, other: Found | None) -> Found | None:
    """A and AAAA of one name, where both are what `write` makes of an ALIAS."""
    if other is None or not _is_plain_alias(one) or not _is_plain_alias(other):
        return None
    target = one.written[0]["AliasTarget"]
    host = read_name(target["DNSName"])
    zone = awsbalancers.hosted_zone(host)
    if other.written[0]["AliasTarget"] != target or target["HostedZoneId"] != zone:
        return None
    if target["EvaluateTargetHealth"]:
        return None
    return Found(RecordSet(one.record.name, ALIAS, ALIAS_TTL, (host,)), one.written + other.written)


def _is_plain_alias(found: Found) -> bool:
    return len(found.written) == 1 and found.written[0].keys() == _PLAIN_ALIAS


def _write_alias(name: str, type: str, record: RecordSet) -> ResourceRecordSet:
    (host,) = record.values
    zone = awsbalancers.hosted_zone(host)
    if not zone:
        raise NameRefused(f"{host} is no load balancer of AWS that can be an alias")
    target = {
        "HostedZoneId": zone,
        "DNSName": write_name(host),
        "EvaluateTargetHealth": False,
    }
    return {"Name": name, "Type": type, "AliasTarget": target}


# --- spelling -----------------------------------------------------------------------------------


def read_name(text: str) -> str:
    """A name of Route 53, canonical; as it is where it is none of DNS."""
    try:
        return canonical(_OCTAL.sub(lambda match: f"\\{int(match[1], 8):03d}", text))
    except NameRefused:
        return text.lower()


def write_name(name: str) -> str:
    if "\\" not in name:
        return name
    return _ESCAPE.sub(lambda match: _octal(int(match[1]) if match[1] else ord(match[2])), name)


def read_value(type: str, value: str) -> str:
    if type == CNAME:
        return read_name(value)
    if type == TXT and value.startswith('"'):
        return _IN_TEXT.sub(_read_escape, value)
    return value


def write_value(type: str, value: str) -> str:
    if type == CNAME:
        return write_name(value)
    if type == TXT and value.startswith('"') and ("\\" in value or not value.isascii()):
        return _OUT_TEXT.sub(_write_escape, value)
    return value


def _read_escape(match: re.Match[str]) -> str:
    octal, char, other = match[1], match[2], match[3]
    if octal:
        return _octet(int(octal, 8))
    return _octet(ord(char)) if char and char.isascii() else _octets(char or other)


def _write_escape(match: re.Match[str]) -> str:
    if match[1]:
        return _octal(int(match[1]) & 0xFF)
    return "".join(map(_octal, (match[3] or "\\").encode()))


def _octets(text: str) -> str:
    return "".join(map(_octet, text.encode()))


def _octet(octet: int) -> str:
    """As `recordsets.quoted` has it."""
    if octet in b'"\\':
        return f"\\{chr(octet)}"
    return chr(octet) if 0x20 <= octet < 0x7F else f"\\{octet:03d}"


def _octal(octet: int) -> str:
    return f"\\{octet:03o}"
