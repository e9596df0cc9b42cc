"""Names as text and as octets; labels and addresses in names."""

from __future__ import annotations

import ipaddress

import dns.name
import dns.reversename
import hypothesis.strategies as st
import pytest
from hypothesis import given

from feddns import names
from feddns.errors import NameRefused

labels = st.binary(min_size=1, max_size=63)
names_of_bytes = (
    st.lists(labels, max_size=8)
    .filter(lambda parts: sum(map(len, parts)) + len(parts) < 255)
    .map(names.from_labels)
)
addresses = st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16))


@given(names_of_bytes)
def test_parse_of_format_is_the_name(name: bytes) -> None:
    assert names.parse(names.format(name)) == name


@given(names_of_bytes)
def test_dnspython_reads_our_text_and_we_read_its(name: bytes) -> None:
    assert dns.name.from_text(names.format(name)).to_wire() == name
    theirs = dns.name.from_wire(name, 0)[0].to_text()
    assert names.parse(theirs) == name


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        name = names.parse(text)
    except NameRefused:
        return
    assert 1 <= len(name) <= 255
    assert names.from_labels(names.labels_of(name)) == name


@given(names_of_bytes)
def test_labels_and_offsets_agree(name: bytes) -> None:
    parts = names.labels_of(name)
    assert names.from_labels(parts) == name
    assert names.label_count(name) == len(parts)
    assert [name[at + 1 : at + 1 + name[at]] for at in names.offsets(name)] == parts


@given(st.lists(labels, max_size=3), names_of_bytes)
def test_joined_is_under(parts: list[bytes], suffix: bytes) -> None:
    try:
        name = names.join(parts, suffix)
    except NameRefused:
        assert sum(map(len, parts)) + len(parts) + len(suffix) > 255
        return
    assert names.labels_of(name) == [*parts, *names.labels_of(suffix)]
    assert names.is_under(name, suffix)
    assert names.is_under(suffix, name) == (not parts)


@given(names_of_bytes, names_of_bytes)
def test_is_under_is_what_dnspython_says(name: bytes, other: bytes) -> None:
    name, other = name.lower(), other.lower()
    ours, theirs = dns.name.from_wire(name, 0)[0], dns.name.from_wire(other, 0)[0]
    assert names.is_under(name, other) == ours.is_subdomain(theirs)


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("", b"\0"),
        (".", b"\0"),
        ("a", b"\1a\0"),
        ("a.", b"\1a\0"),
        ("a.b", b"\1a\1b\0"),
        (r"a\.b", b"\3a.b\0"),
        (r"a\046b", b"\3a.b\0"),
        (r"\000\255", b"\2\0\xff\0"),
        (r"a\\b", b"\3a\\b\0"),
        ("A-b_C", b"\5A-b_C\0"),
        ("*.a", b"\1*\1a\0"),
        ("a" * 63, b"\x3f" + b"a" * 63 + b"\0"),
        (".".join("a" * 127), b"\1a" * 127 + b"\0"),
    ],
)
def test_parse(text: str, wire: bytes) -> None:
    assert names.parse(text) == wire


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a..b", "has an empty label"), ("..", "has an empty label"), (".a", "has an empty label"),
        ("a.b..", "has an empty label"), ("a" * 64, "is not of 1 to 63 octets"),
        (".".join("a" * 128), "at most 255"), ("a\\", "broken escape"), (r"\256", "broken escape"),
        ("ü.example", "is not ASCII"),
    ],
)  # fmt: skip
def test_refused(text: str, reason: str) -> None:
    with pytest.raises(NameRefused, match=reason):
        names.parse(text)


@pytest.mark.parametrize(
    ("name", "suffix", "is_under"),
    [("a.b", "b", True), ("b", "b", True), ("b", "a.b", False), ("ab", "b", False),
     ("a.b", ".", True), (".", ".", True), ("a.b", "c", False), (r"a\.b", "b", False),
     (r"x\003abc", "abc", False)],
)  # fmt: skip
def test_is_under(name: str, suffix: str, is_under: bool) -> None:
    assert names.is_under(names.parse(name), names.parse(suffix)) is is_under


LABELS = [
    ("a", True, True), ("a-b", True, True), ("a1", True, True), ("1a", True, False),
    ("1", True, False), ("", False, False), ("-a", False, False), ("a-", False, False),
    ("A", False, False), ("a_b", False, False), ("*", False, False), ("_tcp", False, False),
    ("a.b", False, False), ("a" * 63, True, True), ("a" * 64, False, False), ("a\n", False, False),
]  # fmt: skip


@pytest.mark.parametrize(("label", "rfc1123", "rfc1035"), LABELS)
def test_labels_of_kubernetes(label: str, rfc1123: bool, rfc1035: bool) -> None:
    assert names.is_dns_label(label.encode()) is rfc1123
    assert names.is_dns_1035_label(label.encode()) is rfc1035


@pytest.mark.parametrize(
    ("text", "good"),
    [("ab.cd", True), ("abcd", True), ("a.b.c.d", True), ("1.2.3.4", True), ("", False),
     (".", False), ("a.", False), (".a", False), ("a..b", False), ("A.b", False), ("*.x", False),
     ("-b", False), ("b c", False), ("é", False), (".".join(["a" * 62] * 4) + ".b", True),
     (".".join(["a" * 62] * 4) + ".bc", False)],
)  # fmt: skip
def test_subdomains(text: str, good: bool) -> None:
    assert names.is_dns_subdomain(text) is good


# --- addresses --------------------------------------------------------------------------------


@given(addresses)
def test_undashed_of_dashed_is_the_address(address: bytes) -> None:
    label = names.dashed(address)
    assert len(label) <= 63
    assert names.undashed(label) == address


@given(st.binary(max_size=70))
def test_whatever_is_undashed_is_an_address(label: bytes) -> None:
    address = names.undashed(label)
    assert address is None or len(address) in (4, 16)


@pytest.mark.parametrize(
    ("address", "label"),
    [("10.1.2.3", "10-1-2-3"), ("fd00:10:244:5::", "fd00-10-244-5--0"), ("::a:b", "--a-b"),
     ("::", "--0"), ("::1", "--1"), ("2001:db8::1", "2001-db8--1"), ("2001:1::1", "2001-1--1"),
     ("2001:1::", "2001-1--0"), ("2001:db8:0:1:2:3:4:5", "2001-db8-0-1-2-3-4-5")],
)  # fmt: skip
def test_dashed(address: str, label: str) -> None:
    packed = ipaddress.ip_address(address).packed
    assert names.dashed(packed) == label.encode()
    assert names.undashed(label.encode()) == packed


@pytest.mark.parametrize(
    "label",
    ["", "-", "1", "10-1-2", "10-1-2-3-4", "256-1-2-3", "01-1-2-3", "fd00--1%1", "fd00::1",
     "10.1.2.3", "g--1", "1--2--3", "FD00--1", "10-1-2-٣", "fd00--1\n", "1-2-3-4-5-6-7-8-9"],
)  # fmt: skip
def test_not_dashed(label: str) -> None:
    assert names.undashed(label.encode()) is None


@given(addresses)
def test_reverse_names_are_dnspython_s(address: bytes) -> None:
    theirs = dns.reversename.from_address(str(ipaddress.ip_address(address)))
    assert names.reverse_name(address) == theirs.to_wire()
