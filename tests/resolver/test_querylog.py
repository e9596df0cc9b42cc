"""The line of a question."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from feddns.resolver import querylog
from feddns.resolver.responder import Peer
from tests.asking import Server, query
from tests.resolver.test_wire import OPT, QUESTION, header

SERVER = Server("service default/web 10.96.0.1\nsynced")
UDP, TCP = Peer("192.0.2.7", 40212), Peer("2001:db8::7", 53, True)


def line(peer: Peer, message: bytes) -> str:
    return querylog.line(peer, message, SERVER.send(message, tcp=peer.tcp))


def test_as_coredns_writes_it() -> None:
    assert line(UDP, query("web.default.svc", payload=1232, want_dnssec=True).to_wire()) == (
        '192.0.2.7:40212 - 4711 "A IN web.default.svc.cluster.local. udp 58 true 1232" '
        "NOERROR qr,aa,rd 74"
    )
    assert line(TCP, query("nope.default.svc", "AAAA", payload=None).to_wire()) == (
        '[2001:db8::7]:53 - 4711 "AAAA IN nope.default.svc.cluster.local. tcp 48 false 512" '
        "NXDOMAIN qr,aa,rd 102"
    )


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"ab", '192.0.2.7:40212 - 24930 "- udp 2" (shorter than a header) SILENCE'),
        (b"", '192.0.2.7:40212 - 0 "- udp 0" (shorter than a header) SILENCE'),
        (header(flags=0x8000) + QUESTION,
         '192.0.2.7:40212 - 4711 "- udp 47" (a response) SILENCE'),
        (header(flags=0x2000) + QUESTION,
         '192.0.2.7:40212 - 4711 "- udp 47" (opcode 4) NOTIMP qr 12'),
        (header(questions=0),
         '192.0.2.7:40212 - 4711 "- udp 12" (not exactly one question and nothing else) '
         "FORMERR qr,rd 12"),
        (header() + b"\x03a\x00\"\x00\x03\xe7\x00\x03",
         '192.0.2.7:40212 - 4711 "TYPE999 CLASS3 a\\000\\". udp 21 false 512" REFUSED qr,rd 21'),
        (header(additionals=1) + QUESTION + OPT[:6] + b"\x01" + OPT[7:],
         '192.0.2.7:40212 - 4711 "A IN web.default.svc.cluster.local. udp 58 false 1232" '
         "BADVERS qr,rd 58"),
    ],
    ids=["short", "empty", "a response", "an opcode", "no question", "odd octets", "a version"],
)  # fmt: skip
def test_odd_ones(message: bytes, expected: str) -> None:
    assert line(UDP, message) == expected


@given(st.binary(max_size=200), st.one_of(st.none(), st.binary(min_size=12, max_size=40)))
def test_any_octets_make_one_printable_line(message: bytes, reply: bytes | None) -> None:
    made = querylog.line(UDP, message, reply)
    assert made.isprintable()
    assert made.isascii()
