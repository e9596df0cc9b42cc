"""Names of addresses: PTR in the reverse zones that are served (specification 2.3.3, 2.4.3).

    case  name in front of in-addr.arpa / ip6.arpa          has
    R1    the address of a Service or of a ready endpoint   PTR; NODATA for other types
    R2    another whole address                             MISSING
    R3    the beginning of an address                       NODATA: names may exist below
    R4    anything else                                     MISSING

Names are built back from their octets or nibbles, so that `01.0.0.10` or a 33rd nibble is R4
(K-REVERSE-LONG, K-REVERSE-SVC); NODATA where CoreDNS says NXDOMAIN of names that have something
below or beside (K-REVERSE-TYPES, K-ENT-REVERSE).  A slice whose Service does not exist names
nothing (K-ORPHAN).  Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from feddns import names
from feddns.names import Label, Name
from feddns.records import PTR, RRset
from feddns.resolver.zones import MISSING, NO_DATA, Data, Lookup, Outcome, local
from feddns.services import Kind


def finder(zone: Name) -> tuple[Callable[..., Outcome], list[Label]]:
    """The function for a zone of either family, and the labels of the zone above `arpa`'s."""
    find = find_ipv4 if names.is_under(zone, names.IN_ADDR_ARPA) else find_ipv6
    return find, names.labels_of(zone)[:-2]


def find_ipv4(lookup: Lookup, labels: list[Label], above: list[Label]) -> Outcome:
    """R1 to R4; `above` are the zone's own labels, in front of in-addr.arpa."""
    octets = [*labels, *above]
    if len(octets) > 4 or not all(map(_is_octet, octets)):
        return MISSING
    if len(octets) < 4:
        return NO_DATA
    return _pointer(lookup, bytes(int(octet) for octet in reversed(octets)))


def find_ipv6(lookup: Lookup, labels: list[Label], above: list[Label]) -> Outcome:
    """R1 to R4; `above` are the zone's own labels, in front of ip6.arpa."""
    digits = [*labels, *above]
    if len(digits) > 32 or not all(len(digit) == 1 for digit in digits):
        return MISSING
    nibbles = b"".join(reversed(digits))
    if nibbles.strip(b"0123456789abcdef"):
        return MISSING
    if len(digits) < 32:
        return NO_DATA
    return _pointer(lookup, bytes.fromhex(nibbles.decode("ascii")))


def _is_octet(label: Label) -> bool:
    return label.isdigit() and int(label) < 256 and (len(label) == 1 or label[:1] != b"0")


def _pointer(lookup: Lookup, address: bytes) -> Outcome:
    lookup.depends.append(address)
    targets: dict[Name, int] = {}
    for namespace, name in lookup.snapshot.reverse.get(address, ()):
        lookup.depends.append((namespace, name))
        targets.update(_targets(lookup, namespace, name, address))
    if not targets:
        return MISSING
    if lookup.type != PTR:
        return NO_DATA
    return Data(RRset(lookup.name, PTR, min(targets.values()), tuple(targets)))


def _targets(lookup: Lookup, namespace: Label, name: Label, address: bytes) -> dict[Name, int]:
    """The Service's name for a ClusterIP; the endpoints' names below it for theirs."""
    entry = local.existing(lookup, namespace, name)
    if entry is None or entry.service is None:
        return {}
    owner = local.service_name(lookup, namespace, name)
    seconds = local.ttl(lookup, entry)
    if entry.service.kind is Kind.CLUSTER_IP and address in entry.service.addresses:
        return {owner: seconds}
    return {
        names.join([local.endpoint_label(lookup, endpoint, address)], owner): seconds
        for endpoint in local.with_slices(lookup, entry).endpoints()
        if address in endpoint.addresses
    }
