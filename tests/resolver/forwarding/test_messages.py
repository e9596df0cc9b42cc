"""What a reply from upstream is good for: lifetimes, OPT records, names without compression."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import pytest

from feddns import names
from feddns.resolver.forwarding import messages
from feddns.resolver.forwarding.messages import Asked, Copy
from tests.resolver.forwarding.upstream import rrset

WWW = "www.example.net."
SOA = "example.net. 60 SOA ns.example.net. h.example.net. 1 2 3 4 30"


def asked(kind: int = 1) -> Asked:
    return Asked(names.parse(WWW) + kind.to_bytes(2, "big") + b"\0\1", 1)


def read(
    *answers: str, kind: str = "A", rcode: int = 0, authority: tuple[str, ...] = (),
    additional: tuple[str, ...] = (), edns: bool = False, flags: int = 0,
) -> Copy:  # fmt: skip
    message = dns.message.make_response(dns.message.make_query(WWW, kind, use_edns=edns))
    message.set_rcode(rcode)
    message.flags |= flags
    message.answer = [rrset(*line.split(None, 3)) for line in answers]
    message.authority = [rrset(*line.split(None, 3)) for line in authority]
    message.additional = [rrset(*line.split(None, 3)) for line in additional]
    question = asked(dns.rdatatype.from_text(kind))
    copy = messages.read(message.to_wire(), question, 5.0, 3600, 300)
    assert copy is not None
    return copy


# --- lifetimes ----------------------------------------------------------------------------------

ROWS = [
    (
        "the smallest TTL",
        {"answers": (f"{WWW} 300 CNAME a.example.", "a.example. 20 A 192.0.2.1")},
        20,
    ),
    ("capped", {"answers": (f"{WWW} 86400 A 192.0.2.1",)}, 3600),
    ("zero", {"answers": (f"{WWW} 0 A 192.0.2.1",)}, 0),
    ("NXDOMAIN: the SOA's minimum", {"rcode": 3, "authority": (SOA,)}, 30),
    ("NODATA: the SOA's minimum", {"authority": (SOA,)}, 30),
    ("the SOA's own TTL", {"rcode": 3, "authority": (SOA.replace(" 60 ", " 10 "),)}, 10),
    ("negative, capped", {"rcode": 3, "authority": ("e. 9999 SOA a. b. 1 2 3 4 9999",)}, 300),
    ("NODATA behind an alias", {"answers": (f"{WWW} 5 CNAME a.example.",), "authority": (SOA,)}, 5),
    ("NXDOMAIN without a SOA", {"rcode": 3}, 0),
    ("a referral", {"authority": ("example.net. 60 NS ns.example.net.",)}, 0),
    ("truncated", {"answers": (f"{WWW} 300 A 192.0.2.1",), "flags": dns.flags.TC}, 0),
    ("SERVFAIL", {"rcode": 2}, messages.FAILURE_TTL),
    ("REFUSED", {"rcode": 5, "authority": (SOA,)}, messages.FAILURE_TTL),
    ("YXDOMAIN", {"rcode": 6, "answers": ("example.net. 70 DNAME example.org.",)}, 70),
    ("ANY", {"kind": "ANY", "answers": (f"{WWW} 40 TXT x",)}, 40),
]


@pytest.mark.parametrize(("given", "seconds"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS])
def test_lifetimes(given: dict[str, object], seconds: float) -> None:
    answers = given.pop("answers", ()) if "answers" in (given := dict(given)) else ()
    copy = read(*answers, **given)
    assert (copy.lifetime, copy.expires) == (seconds, 5.0 + seconds)


def test_a_ttl_with_its_highest_bit_is_zero() -> None:
    raw = asked().question + b"\xc0\x0c\0\1\0\1\xff\xff\xff\xff\0\4\1\2\3\4"
    copy = messages.read(b"\0\0\x80\0\0\1\0\1\0\0\0\0" + raw, asked(), 0.0, 3600, 300)
    assert copy is not None
    assert (copy.lifetime, copy.ttls) == (0, (6, 0))


# --- OPT ----------------------------------------------------------------------------------------


def test_the_opt_record_is_left_out() -> None:
    plain = read(f"{WWW} 300 A 192.0.2.1", additional=("x.example. 60 A 192.0.2.2",))
    with_opt = read(f"{WWW} 300 A 192.0.2.1", additional=("x.example. 60 A 192.0.2.2",), edns=True)
    assert (plain.body, plain.counts, plain.ttls) == (
        with_opt.body, with_opt.counts, with_opt.ttls,
    )  # fmt: skip
    assert plain.counts == (1, 0, 1)
    assert plain.body[: plain.additional] == read(f"{WWW} 300 A 192.0.2.1").body


def test_what_is_behind_an_opt_record_goes_with_it() -> None:
    opt = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"
    extra = b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4\1\2\3\4"
    raw = b"\0\0\x80\0\0\1\0\0\0\0\0\2" + asked().question + opt + extra
    copy = messages.read(raw, asked(), 0.0, 3600, 300)
    assert copy is not None
    assert (copy.counts, copy.body) == ((0, 0, 0), b"")


def test_the_high_bits_of_an_rcode_are_read() -> None:
    assert read(rcode=16, edns=True).rcode == 16


# --- names without compression ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "rdata"),
    [
        ("CNAME", "a.www.example.net."),
        ("MX", "10 mail.example.net."),
        ("SOA", "ns.example.net. h.example.net. 1 2 3 4 5"),
        ("SRV", "1 2 3 a.www.example.net."),
        ("PTR", "www.example.net."),
        ("NAPTR", '1 2 "a" "b" "c" x.example.net.'),
        ("TXT", '"some" "text"'),
        ("DNAME", "example.org."),
        ("AFSDB", "1 afs.example.net."),
        ("RP", "mbox.example.net. txt.example.net."),
    ],
)
def test_records_are_read_out_of_a_copy(kind: str, rdata: str) -> None:
    copy = read(f"{WWW} 300 {kind} {rdata}", kind=kind, authority=(SOA,))
    found = messages.rrsets(copy, asked().question)
    assert found is not None
    (answer,), (soa,) = found
    expected = dns.rdata.from_text("IN", kind, rdata)
    assert answer.owner == names.parse(WWW)
    assert (answer.ttl, answer.rdatas) == (300, (expected.to_wire(),))
    assert soa.owner == names.parse("example.net.")


def test_neighbours_of_one_set_are_grouped() -> None:
    copy = read(f"{WWW} 300 CNAME a.example.", "a.example. 20 A 192.0.2.1 / 192.0.2.2")
    found = messages.rrsets(copy, asked().question)
    assert found is not None
    assert [(rrset.type, len(rrset.rdatas)) for rrset in found[0]] == [(5, 1), (1, 2)]


@pytest.mark.parametrize(
    "record",
    [
        b"\xc0\x21" + bytes(10),  # points at itself
        b"\xc0\xff" + bytes(10),  # forward
        b"\xc0\x02" + bytes(10),  # into the header
        b"\x80" + bytes(10),  # a label type that there is not
        b"\0\0\1\0\1\0\0\0\0\0\5abcd",  # data over the end
    ],
)
def test_a_broken_record_is_none(record: bytes) -> None:
    raw = b"\0\0\x80\0\0\1\0\1\0\0\0\0" + asked().question + record
    assert messages.read(raw, asked(), 0.0, 3600, 300) is None


def test_a_broken_name_in_the_data_breaks_a_chain_only() -> None:
    raw = asked().question + b"\xc0\x0c\0\5\0\1\0\0\0\5\0\2\xc0\xff"
    copy = messages.read(b"\0\0\x80\0\0\1\0\1\0\0\0\0" + raw, asked(), 0.0, 3600, 300)
    assert copy is not None
    assert messages.rrsets(copy, asked().question) is None
