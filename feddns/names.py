"""Domain names as wire bytes, and the small grammar of names that Kubernetes uses.

A `Name` is the uncompressed wire form of RFC 1035 §3.1: length octet and label, repeated, ended
by the zero octet of the root.  Length octets are at most 63, below every ASCII letter, so
`name.lower()` lower-cases a name without touching its structure; two names are equal without
regard to case (RFC 4343) when their lower-cased bytes are equal.

This module knows text and bytes.  It must not know which names exist: that is `snapshot` and
`resolver.zones`.  Everybody calls it.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Sequence

from feddns.errors import NameRefused

Name = bytes
Label = bytes

ROOT: Name = b"\x00"
LONGEST_NAME = 255
LONGEST_LABEL = 63

_LABEL_1123 = re.compile(rb"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
_LABEL_1035 = re.compile(rb"[a-z]([-a-z0-9]{0,61}[a-z0-9])?\Z")
_DASHED = re.compile(rb"[-0-9a-f]+\Z")
_ESCAPE = re.compile(rb"\\(?:([0-9]{3})|(.))", re.DOTALL)
_MAPPED = bytes(10) + b"\xff\xff"
_PLAIN = frozenset(range(0x21, 0x7F)) - frozenset(b'."$();@\\')


# --- text -------------------------------------------------------------------------------------


def parse(text: str) -> Name:
    r"""Read the text form of RFC 1035 §5.1, with `\.` and `\DDD`; a final dot is optional.

    Raises `NameRefused` for empty labels, labels over 63 and names over 255 octets.
    """
    if text in (".", ""):
        return ROOT
    try:
        raw = text.encode("ascii")
    except UnicodeEncodeError:
        raise NameRefused(f"{text!r} is not ASCII; write it in IDNA form (xn--…)") from None
    return from_labels(_split_labels(raw, text))


def _split_labels(raw: bytes, text: str) -> list[Label]:
    labels: list[Label] = []
    label = bytearray()
    position = 0
    while position < len(raw):
        octet = raw[position]
        if octet == 0x5C:
            match = _ESCAPE.match(raw, position)
            if match is None or (match[1] and int(match[1]) > 255):
                raise NameRefused(f"{text!r} has a broken escape; write \\DDD with DDD <= 255")
            label.append(int(match[1]) if match[1] else match[2][0])
            position = match.end()
            continue
        if octet == 0x2E:
            labels.append(bytes(label))
            label.clear()
        else:
            label.append(octet)
        position += 1
    if label:
        labels.append(bytes(label))
    if not all(labels):
        raise NameRefused(f"{text!r} has an empty label")
    return labels


def format(name: Name) -> str:
    """The absolute text form, escaped so that `parse` reads it back."""
    if name == ROOT:
        return "."
    return "".join(format_label(label) + "." for label in labels_of(name))


def format_label(label: Label) -> str:
    return "".join(map(_format_octet, label))


def _format_octet(octet: int) -> str:
    if octet in _PLAIN:
        return chr(octet)
    return f"\\{chr(octet)}" if 0x21 <= octet < 0x7F else f"\\{octet:03d}"


# --- bytes ------------------------------------------------------------------------------------


def from_labels(labels: Sequence[Label]) -> Name:
    """Join labels into a name.  Raises `NameRefused` over the limits of RFC 1035 §2.3.4."""
    for label in labels:
        if not 0 < len(label) <= LONGEST_LABEL:
            raise NameRefused(f"label {format_label(label)!r} is not of 1 to 63 octets")
    name = b"".join([bytes((len(label),)) + label for label in labels]) + ROOT
    if len(name) > LONGEST_NAME:
        raise NameRefused(f"name of {len(name)} octets; at most 255 are allowed")
    return name


def labels_of(name: Name) -> list[Label]:
    """The labels, leftmost first, without the root."""
    labels = []
    position = 0
    while length := name[position]:
        labels.append(name[position + 1 : position + 1 + length])
        position += length + 1
    return labels


def offsets(name: Name) -> list[int]:
    """Where each label's length octet stands."""
    found = []
    position = 0
    while length := name[position]:
        found.append(position)
        position += length + 1
    return found


def label_count(name: Name) -> int:
    return len(offsets(name))


def join(labels: Sequence[Label], suffix: Name) -> Name:
    """`labels` in front of `suffix`; `NameRefused` when that is too long."""
    name = from_labels(labels)[:-1] + suffix
    if len(name) > LONGEST_NAME:
        raise NameRefused(f"name of {len(name)} octets; at most 255 are allowed")
    return name


def is_under(name: Name, suffix: Name) -> bool:
    """Whether `name` is `suffix` or below it; both lower-cased."""
    spare = label_count(name) - label_count(suffix)
    if spare < 0:
        return False
    position = 0
    for _ in range(spare):
        position += name[position] + 1
    return name[position:] == suffix


# --- labels of Kubernetes ---------------------------------------------------------------------


def is_dns_label(label: Label) -> bool:
    """An RFC 1123 label as Kubernetes has it: lower case, may start with a digit."""
    return _LABEL_1123.match(label) is not None


def is_dns_1035_label(label: Label) -> bool:
    """An RFC 1035 label as Kubernetes has it: lower case, starts with a letter."""
    return _LABEL_1035.match(label) is not None


def is_dns_subdomain(text: str) -> bool:
    """An RFC 1123 subdomain as Kubernetes has it: lower case labels, at most 253 characters."""
    return 0 < len(text) <= 253 and all(
        _LABEL_1123.match(label) for label in text.encode("utf-8", "replace").split(b".")
    )


# --- addresses in names -----------------------------------------------------------------------


def dashed(address: bytes) -> Label:
    """The label of a packed address: `10-1-2-3`, `fd00-10-244-5--0` for one that ends in `::`.

    Source: coredns-behaviour.md, K-DASH-IP.
    """
    if len(address) == 4:
        return b"-".join([b"%d" % octet for octet in address])
    if address[:12] == _MAPPED:  # text forms of these differ between versions of Python
        return b"--ffff-%x-%x" % (address[12] << 8 | address[13], address[14] << 8 | address[15])
    text = str(ipaddress.IPv6Address(address)).replace(":", "-")
    return (text + "0" if text.endswith("-") else text).encode("ascii")


def undashed(label: Label) -> bytes | None:
    """The packed address that `label` is the dashed form of, or None."""
    if _DASHED.match(label) is None:
        return None
    text = label.decode("ascii")
    with contextlib.suppress(ValueError):
        return ipaddress.IPv4Address(text.replace("-", ".")).packed
    with contextlib.suppress(ValueError):
        return ipaddress.IPv6Address(text.replace("-", ":")).packed
    return None


def reverse_labels(address: bytes) -> list[Label]:
    """The labels in front of `in-addr.arpa` or `ip6.arpa` (RFC 1035 §3.5, RFC 3596 §2.5)."""
    if len(address) == 4:
        return [b"%d" % octet for octet in reversed(address)]
    return [bytes((nibble,)) for nibble in reversed(address.hex().encode("ascii"))]


IN_ADDR_ARPA: Name = parse("in-addr.arpa.")
IP6_ARPA: Name = parse("ip6.arpa.")


def reverse_name(address: bytes) -> Name:
    return join(reverse_labels(address), IN_ADDR_ARPA if len(address) == 4 else IP6_ARPA)
