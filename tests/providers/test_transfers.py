"""Zone transfers as they come: whole, in pieces, and broken."""

from __future__ import annotations

import dns.message
import dns.rrset
import dns.zone
import hypothesis.strategies as st
import pytest
from hypothesis import given

from feddns.providers import rdata, transfers
from feddns.providers.rdata import Broken
from feddns.providers.recordsets import RecordSet, record_set
from feddns.providers.transfers import Copy, Transfer

ZONE = "example.com."


def soa(serial: int) -> str:
    return f"@ 300 SOA ns hostmaster {serial} 7200 1800 86400 60"


def message(*lines: str) -> bytes:
    """A reply whose answers are these lines, each a record."""
    reply = dns.message.Message(id=7)
    reply.flags |= 0x8400
    for line in lines:
        name, ttl, type, rest = line.split(" ", 3)
        origin = dns.name.from_text(ZONE)
        data = dns.rdata.from_text("IN", type, rest, origin, relativize=False)
        owner = dns.name.from_text(name, origin)
        reply.answer.append(dns.rrset.from_rdata(owner, int(ttl), data))
    return reply.to_wire(max_size=65535)


def transferred(known: int | None, *messages: list[str]) -> Transfer:
    transfer = Transfer(known)
    for lines in messages:
        assert not transfer.is_done
        transfer.feed(transfers.read(message(*lines)).answers)
    return transfer


def records(*lines: str) -> set[RecordSet]:
    found = set()
    for line in lines:
        name, ttl, type, *values = line.split(" ")
        found.add(record_set(f"{name}.{ZONE}", type, int(ttl), values))
    return found


WHOLE = [
    soa(5), "@ 300 NS ns", "web 180 A 192.0.2.1", "WEB 180 A 192.0.2.2", "web 60 AAAA 2001:db8::1",
    'note 60 TXT "a b" "c\\"d"', "@ 300 MX 10 mail", "@ 300 DNSKEY 257 3 13 aGVsbG8=",
    "web 60 RRSIG A 13 3 60 20300101000000 20250101000000 1 @ aGVsbG8=", "web 60 NSEC note A",
    "@ 0 NSEC3PARAM 1 0 0 -", "@ 0 TYPE65534 \\# 5 0d00010000", "sub 60 NS ns.sub", soa(5),
]  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_a_whole_zone(size: int) -> None:
    """In however many messages; without what the server makes by itself."""
    pieces = [WHOLE[start : start + size] for start in range(0, len(WHOLE), size)]
    transfer = transferred(None, *pieces)
    assert transfer.is_done
    assert transfer.is_whole
    copy = Copy(ZONE, transfer)
    assert copy.serial == 5
    assert {record.key: record.values for record in copy.records()} == {
        (f"web.{ZONE}", "A"): ("192.0.2.1", "192.0.2.2"),
        (f"web.{ZONE}", "AAAA"): ("2001:db8::1",),
        (f"note.{ZONE}", "TXT"): ('"a b" "c\\"d"',),
        (ZONE, "MX"): ("10 mail.example.com.",),
        (ZONE, "DNSKEY"): ("257 3 13 aGVsbG8=",),
        (f"sub.{ZONE}", "NS"): ("ns.sub.example.com.",),
    }


def whole(serial: int, *lines: str) -> Copy:
    return Copy(ZONE, transferred(None, [soa(serial), *lines, soa(serial)]))


BEFORE = "web 180 A 192.0.2.1", "web 180 A 192.0.2.2", "api 60 A 192.0.2.3"


def test_nothing_new() -> None:
    for lines in ([soa(5)], [soa(4)], [soa(5), soa(5)]):  # 4: a server that is behind
        transfer = transferred(5, lines)
        assert transfer.is_done
        assert not transfer.steps


@pytest.mark.parametrize("size", [1, 3, 100])
def test_what_changed_in_pieces(size: int) -> None:
    pieces = [
        soa(7),
        soa(5), "web 180 A 192.0.2.1", "api 60 A 192.0.2.3", soa(6), "new 60 A 192.0.2.4",
        soa(6), "new 60 A 192.0.2.4", "web 180 A 192.0.2.2",
        soa(7), "new 90 A 192.0.2.5", "web 30 A 192.0.2.2",
        soa(7),
    ]  # fmt: skip
    messages = [pieces[start : start + size] for start in range(0, len(pieces), size)]
    transfer = transferred(5, *messages)
    assert transfer.is_done
    assert not transfer.is_whole
    copy = whole(5, *BEFORE)
    copy.follow(transfer)
    assert copy.serial == 7
    assert set(copy.records()) == records("web 30 A 192.0.2.2", "new 90 A 192.0.2.5")


def test_the_whole_zone_instead_of_what_changed() -> None:
    """A server that does not remember as far back (RFC 1995 §4)."""
    transfer = transferred(5, [soa(9)], ["@ 300 NS ns", "web 60 A 192.0.2.9"], [soa(9)])
    assert transfer.is_done
    assert transfer.is_whole
    assert set(Copy(ZONE, transfer).records()) == records("web 60 A 192.0.2.9")


def test_a_serial_that_wraps() -> None:
    """RFC 1982: 1 is newer than 4294967295."""
    assert transferred(4_294_967_295, [soa(4_294_967_295)]).is_done
    assert not transferred(4_294_967_295, [soa(1)]).is_done


def test_what_went_and_was_not_there() -> None:
    transfer = transferred(5, [soa(6), soa(5), "gone 60 A 192.0.2.9", soa(6), soa(6)])
    with pytest.raises(Broken, match=r"gone\.example\.com\. A 192\.0\.2\.9 goes"):
        whole(5, *BEFORE).follow(transfer)


@pytest.mark.parametrize(
    ("known", "lines"),
    [(None, ["web 60 A 192.0.2.1"]), (5, ["web 60 A 192.0.2.1"]),
     (None, [soa(5), soa(5), "web 60 A 192.0.2.1"])],
)  # fmt: skip
def test_no_transfer(known: int | None, lines: list[str]) -> None:
    answers = transfers.read(message(*lines)).answers
    with pytest.raises(Broken):
        Transfer(known).feed(answers)


def test_requests() -> None:
    plain = dns.message.from_wire(transfers.request(ZONE, None))
    assert [rrset.to_text() for rrset in plain.question] == ["example.com. IN AXFR"]
    since = dns.message.from_wire(transfers.request(ZONE, 4_000_000_000))
    assert [rrset.to_text() for rrset in since.question] == ["example.com. IN IXFR"]
    (found,) = since.authority
    assert found.name.to_text() == ZONE
    assert found[0].serial == 4_000_000_000


@given(st.binary(max_size=80), st.integers(0, 500), st.integers(0, 255))
def test_any_bytes_are_a_message_or_broken(junk: bytes, place: int, octet: int) -> None:
    raw = bytearray(message(*WHOLE))
    raw[place % len(raw)] = octet
    for octets in (junk, bytes(raw), message(*WHOLE)[:place]):
        try:
            transfer = Transfer(None)
            transfer.feed(transfers.read(octets).answers)
            Copy(ZONE, transfer)
        except Broken:
            pass


# --- values -------------------------------------------------------------------------------------

VALUES = [
    ("A", "192.0.2.1"), ("AAAA", "2001:db8::1"), ("CNAME", "a\\.b.example.com."), ("TXT", '""'),
    ("TXT", '"a b"'), ("TXT", '"a" "b"'), ("TXT", '"\\""'), ("TXT", '"\\195\\188"'),
    ("MX", "10 mx.example.net."), ("SRV", "0 5 5060 sip.example.com."), ("TYPE65280", "\\# 1 ab"),
    ("CAA", '0 issue "ca.example.net"'), ("NS", "ns.example.net."),
]  # fmt: skip


@pytest.mark.parametrize(("type", "value"), VALUES)
def test_values_as_octets_and_back(type: str, value: str) -> None:
    octets = rdata.write(type, value)
    assert octets == dns.rdata.from_text("IN", type, value).to_wire()
    assert rdata.read(type, b"xx" + octets, 2, len(octets)) == value


def test_a_text_without_quotes() -> None:
    assert rdata.write("TXT", "a b") == b"\x03a b"


@given(st.lists(st.binary(max_size=255), min_size=1, max_size=3))
def test_texts_as_dnspython_has_them(strings: list[bytes]) -> None:
    octets = b"".join(bytes((len(string),)) + string for string in strings)
    text = dns.rdata.from_wire("IN", "TXT", octets, 0, len(octets)).to_text()
    assert rdata.read("TXT", octets, 0, len(octets)) == text
    assert rdata.write("TXT", text) == octets
