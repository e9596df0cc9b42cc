"""DNS cookies: the vectors of RFC 9018, the table, and whatever octets come."""

from __future__ import annotations

import ipaddress
import struct

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import hypothesis.strategies as st
import pytest
from hypothesis import given
from siphash24 import siphash24

from feddns.resolver import cookies, counts, wire
from feddns.resolver.cookies import Asked, Cookies
from feddns.resolver.responder import Peer
from tests import asking, zonetext
from tests.asking import Server, query

SECRET = "e5e973e5a6b2a43f48e7dc849e37bfcf"
CLIENT = bytes.fromhex("2464c4abcf10c957")
WEB = "web.default.svc"
WORLD = """
service default/web 10.96.0.1
service zoo/crowd headless
slice zoo/crowd-a of crowd {}
synced
""".format(" ".join(f"10.244.0.{number}" for number in range(1, 121)))
NOW = 1_559_731_985


def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


# --- RFC 9018, appendix A ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secrets", "address", "now", "asked", "replied", "valid"),
    [
        pytest.param(
            (SECRET,), "198.51.100.100", 0x5CF79F11,
            "2464c4abcf10c957",
            "2464c4abcf10c957010000005cf79f111f8130c3eee29480", False, id="A.1",
        ),
        pytest.param(
            (SECRET,), "198.51.100.100", 0x5CF7A871,
            "2464c4abcf10c957010000005cf79f111f8130c3eee29480",
            "2464c4abcf10c957010000005cf7a871d4a564a1442aca77", True, id="A.2",
        ),
        pytest.param(
            (SECRET,), "203.0.113.203", 0x5CF7A9AC,
            "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
            "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e", False, id="A.3, over an hour old",
        ),
        pytest.param(
            (SECRET,), "203.0.113.203", 0x5CF78F71 + 60,
            "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
            "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", True, id="A.3, when it was new",
        ),
        pytest.param(
            ("445536bcd2513298075a5d379663c962", "dd3bdf9344b678b185a6f5cb60fca715"),
            "2001:db8:220:1:59de:d0f4:8769:82b8", 0x5CF7C609,
            "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
            "22681ab97d52c298010000005cf7c609a6bb79d16625507a", True, id="A.4",
        ),
    ],
)  # fmt: skip
def test_the_vectors(
    secrets: tuple[str, ...], address: str, now: int, asked: str, replied: str, valid: bool
) -> None:
    made = Cookies(*map(bytes.fromhex, secrets))
    option, good = made.judge(bytes.fromhex(asked), packed(address), now)
    assert option.hex() == "000a0018" + replied
    assert good is valid


def test_siphash_of_the_reference() -> None:
    """Vectors of the SipHash-2-4 paper, appendix A, and of its reference program."""
    key = bytes(range(16))
    assert siphash24(bytes(range(15)), key=key).digest()[::-1].hex() == "a129ca6149be45e5"
    assert siphash24(b"", key=key).digest().hex() == "310e0edd47db6f72"


# --- time, address, secret -----------------------------------------------------------------------

MADE = Cookies(bytes.fromhex(SECRET))
HERE = packed("192.0.2.7")
GOOD = MADE.make(CLIENT, HERE, NOW)[4:]


@pytest.mark.parametrize(
    ("later", "valid", "renewed"),
    [
        (-301, False, True), (-300, True, False), (0, True, False), (1800, True, False),
        (1801, True, True), (3600, True, True), (3601, False, True), (1 << 31, False, True),
    ],
)  # fmt: skip
def test_the_window(later: int, valid: bool, renewed: bool) -> None:
    option, good = MADE.judge(GOOD, HERE, NOW + later)
    assert good is valid
    assert option == (MADE.make(CLIENT, HERE, NOW + later) if renewed else b"\0\x0a\0\x18" + GOOD)


def test_the_year_2106() -> None:
    cookie = MADE.make(CLIENT, HERE, (1 << 32) - 10)[4:]
    assert MADE.judge(cookie, HERE, (1 << 32) + 10)[1]


@pytest.mark.parametrize("address", ["192.0.2.8", "2001:db8::7"])
def test_a_cookie_of_another_address(address: str) -> None:
    option, valid = MADE.judge(GOOD, packed(address), NOW)
    assert not valid
    assert MADE.judge(option[4:], packed(address), NOW)[1]


@given(st.integers(0, 23), st.integers(1, 255))
def test_a_cookie_with_a_changed_octet(at: int, change: int) -> None:
    changed = GOOD[:at] + bytes((GOOD[at] ^ change,)) + GOOD[at + 1 :]
    option, valid = MADE.judge(changed, HERE, NOW)
    assert not valid
    assert option[4:12] == changed[:8]


def test_a_secret_before_the_previous_one() -> None:
    first, second, third = (bytes((number,)) * 16 for number in range(3))
    cookie = Cookies(first).make(CLIENT, HERE, NOW)[4:]
    assert Cookies(second, first).judge(cookie, HERE, NOW)[1]
    assert not Cookies(third, second).judge(cookie, HERE, NOW)[1]
    assert not Cookies(second).judge(cookie, HERE, NOW)[1]


# --- the option in a message ---------------------------------------------------------------------


def with_options(*options: tuple[int, bytes], name: str = WEB, payload: int = 1232) -> bytes:
    given = [dns.edns.GenericOption(*option) for option in options]
    return query(name, payload=payload, options=given).to_wire()


def test_cut_out() -> None:
    asked = cookies.take(with_options((3, b""), (10, CLIENT), (65001, b"xy")), 1232)
    assert asked is not None
    assert asked == Asked(with_options((3, b""), (65001, b"xy"), payload=1204), CLIENT, 1232)


@pytest.mark.parametrize(
    ("payload", "offered", "limit"),
    [(0, 512, 512), (512, 512, 512), (530, 512, 530), (600, 572, 600), (65535, 1204, 1232)],
)
def test_room_for_the_cookie(payload: int, offered: int, limit: int) -> None:
    asked = cookies.take(with_options((10, CLIENT), payload=payload), 1232)
    assert asked == Asked(with_options(payload=offered), CLIENT, limit)


def test_the_first_of_two_counts() -> None:
    asked = cookies.take(with_options((10, CLIENT), (10, b"x")), 1232)
    assert asked is not None
    assert asked.cookie == CLIENT


@pytest.mark.parametrize(
    "message",
    [
        b"", with_options(), query(WEB, payload=None).to_wire(), with_options((10, CLIENT))[:-1],
        with_options((10, CLIENT)) + b"x", with_options((11, CLIENT)),
    ],
)  # fmt: skip
def test_without_an_option(message: bytes) -> None:
    assert cookies.take(message, 1232) is None


# --- the table -----------------------------------------------------------------------------------


@pytest.fixture
def server() -> Server:
    served = Server(WORLD, cookie_secret=SECRET, edns_size=1232)
    served.now = float(NOW)
    return served


def exchange(server: Server, message: bytes, *, tcp: bool = False) -> dns.message.Message:
    reply = server.send(message, tcp=tcp)
    assert reply is not None
    return asking.check(message, reply)


def cookie_of(reply: dns.message.Message) -> bytes | None:
    found = [option.to_wire() for option in reply.options if option.otype == 10]
    assert len(found) <= 1
    return found[0] if found else None


def asker() -> bytes:
    return packed(asking.CLIENT)


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("name", [WEB, "none.default.svc", "www.example.net.", "crowd.zoo.svc"])
def test_the_answer_is_the_same_but_for_the_cookie(server: Server, name: str, tcp: bool) -> None:
    for _ in range(4):  # built, let in, ready
        plain = zonetext.read(exchange(server, with_options(name=name), tcp=tcp)).sorted()
        reply = exchange(server, with_options((10, CLIENT), name=name), tcp=tcp)
        given = cookie_of(reply)
        assert given == MADE.make(CLIENT, asker(), NOW)[4:]
        said = zonetext.read(reply).sorted()
        if reply.flags & dns.flags.TC:
            assert len(reply.answer[0]) >= 70
        else:
            assert said == plain
        again = exchange(server, with_options((10, given), name=name), tcp=tcp)
        assert cookie_of(again) == given


def test_ready_answers_are_shared(server: Server) -> None:
    for number in range(40):
        exchange(server, with_options((10, number.to_bytes(8, "big"))))
    assert len(server.responder.udp.ready) == 1
    assert server.responder.counts[counts.slot(False, 1, 0, True)] == 38


@pytest.mark.parametrize("name", [WEB, "www.example.net."])
def test_the_option_stands_behind_others(server: Server, name: str) -> None:
    reply = exchange(server, with_options((3, b""), (10, CLIENT), name=name))
    assert [option.otype for option in reply.options if option.otype != 15] == [3, 10]


@pytest.mark.parametrize("size", [0, 1, 7, 9, 15, 41, 100])
@pytest.mark.parametrize("tcp", [False, True])
def test_a_wrong_length(server: Server, size: int, tcp: bool) -> None:
    reply = server.send(with_options((10, b"x" * size)), tcp=tcp)
    assert reply is not None
    assert len(reply) == 12
    assert reply[3] & 15 == dns.rcode.FORMERR
    assert server.responder.counts[counts.slot(tcp, counts.OTHER, 1, False)] == 1


@pytest.mark.parametrize("size", [16, 17, 24, 32, 40])
def test_a_server_cookie_of_somebody_else(server: Server, size: int) -> None:
    reply = exchange(server, with_options((10, CLIENT + b"x" * (size - 8))))
    assert reply.rcode() == dns.rcode.NOERROR
    assert cookie_of(reply) == MADE.make(CLIENT, asker(), NOW)[4:]


def test_an_answer_that_nearly_fills_the_room(server: Server) -> None:
    for payload in range(500, 700):
        message = with_options((10, CLIENT), name="crowd.zoo.svc", payload=payload)
        raw = server.send(message)
        assert raw is not None
        assert len(raw) <= max(512, payload)
        reply = asking.check(message, raw)
        assert reply.flags & dns.flags.TC
        assert cookie_of(reply) is not None
        assert len(reply.answer) == (payload >= 540 or len(reply.answer))


def test_without_a_question(server: Server) -> None:
    """RFC 7873 §5.4."""
    message = b"\x12\x34\x01\x00" + b"\x00" * 7 + b"\x01" + with_options((10, CLIENT))[-23:]
    raw = server.send(message)
    assert raw is not None
    reply = dns.message.from_wire(raw)
    assert (reply.id, reply.rcode(), reply.question) == (0x1234, 0, [])
    assert cookie_of(reply) == MADE.make(CLIENT, asker(), NOW)[4:]


def test_badvers_has_a_cookie_too(server: Server) -> None:
    message = bytearray(with_options((10, CLIENT)))
    message[-17] = 1
    reply = exchange(server, bytes(message))
    assert reply.rcode() == dns.rcode.BADVERS
    assert cookie_of(reply) is not None


def test_a_response_is_not_replied_to(server: Server) -> None:
    for cookie in (CLIENT, b"x"):
        message = bytearray(with_options((10, cookie)))
        message[2] |= 0x80
        assert server.send(bytes(message)) is None


@pytest.mark.parametrize("settings", [{"cookies": False, "cookie_secret": SECRET}, {}])
def test_without_cookies_the_option_is_passed_over(settings: dict) -> None:
    plain = Server(WORLD, **settings)
    for cookie in (CLIENT, b"x"):
        reply = exchange(plain, with_options((10, cookie)))
        assert reply.rcode() == 0
        assert cookie_of(reply) is None


def test_over_ipv6(server: Server) -> None:
    peer = Peer("fe80::1%eth0", 5353)
    reply = server.responder.respond(with_options((10, CLIENT)), peer, server.now)
    assert reply is not None
    assert cookie_of(dns.message.from_wire(reply)) == MADE.make(CLIENT, packed("fe80::1"), NOW)[4:]


# --- above the limit -----------------------------------------------------------------------------


def limited(*, slips: bool) -> Server:
    server = Server(WORLD, cookie_secret=SECRET, rate_limit=1)
    assert server.responder.limiter is not None
    server.responder.limiter.slips = slips
    return server


QUESTION = query(WEB, payload=None).to_wire()[12:]


def above(server: Server, message: bytes) -> tuple[bytes | None, bool]:
    asked = server.responder.take_cookie(message)
    if asked is None:
        return server.responder.refuse(message), False
    return server.responder.answer_cookie(asked, HERE, NOW, False, True)


@pytest.mark.parametrize("slips", [False, True])
@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        (with_options(), "TC"),
        (query(WEB, payload=None).to_wire(), "TC"),
        (with_options((10, b"x")), "TC"),
        (with_options((10, CLIENT)), "BADCOOKIE"),
        (with_options((10, GOOD[:-1] + b"x")), "BADCOOKIE"),
        (with_options((10, GOOD)), "answer"),
    ],
)
def test_above_the_limit(message: bytes, outcome: str, slips: bool) -> None:
    server = limited(slips=slips)
    raw, valid = above(server, message)
    assert valid is (outcome == "answer")
    told = {
        name: server.responder.counts[counts.counter(f"limited_{name}")]
        for name in ("silence", "truncated", "badcookie")
    }
    if outcome == "answer":
        assert raw is not None
        assert len(dns.message.from_wire(raw).answer) == 1
        assert not any(told.values())
    elif not slips:
        assert raw is None
        assert told == {"silence": 1, "truncated": 0, "badcookie": 0}
    else:
        assert raw is not None
        reply = dns.message.from_wire(raw)
        assert not reply.answer
        assert raw[:2] + raw[12 : 12 + len(QUESTION)] == message[:2] + QUESTION
        assert reply.edns == (0 if message[11] else -1)
        assert bool(reply.flags & dns.flags.TC) == (outcome == "TC")
        assert reply.rcode() == (dns.rcode.BADCOOKIE if outcome == "BADCOOKIE" else 0)
        assert (cookie_of(reply) is not None) == (outcome == "BADCOOKIE")
        assert len(raw) <= len(message) + cookies.ROOM
        assert told["truncated"] + told["badcookie"] == 1


@pytest.mark.parametrize("message", [b"", b"\x00" * 11, b"\x00" * 12, with_options()[:20]])
def test_what_is_no_question_is_not_told_to_come_over_tcp(message: bytes) -> None:
    raw = wire.write_empty(message, wire.TC, b"")
    assert raw is None or len(raw) <= len(message)


# --- whatever comes ------------------------------------------------------------------------------

SERVER = Server(WORLD, cookie_secret=SECRET, rate_limit=5)


@given(st.binary(max_size=80), st.integers(0, 65535), st.booleans(), st.booleans())
def test_any_options(options: bytes, length: int, honest: bool, tcp: bool) -> None:
    """Any octets behind the fixed part of OPT: a reply, an error, silence; never an exception."""
    message = with_options()[:-2] + struct.pack("!H", len(options) if honest else length) + options
    reply = SERVER.send(message, tcp=tcp)
    assert reply is not None
    if len(reply) > 12:
        asking.check(message, reply)
    above(SERVER, message)


@given(st.integers(0, 60), st.binary(min_size=60, max_size=60), st.integers(0, 1 << 32))
def test_any_cookie(size: int, octets: bytes, now: int) -> None:
    option, valid = MADE.judge(octets[:size], HERE, now)
    assert not valid
    if size >= 8:
        assert MADE.judge(option[4:], HERE, now)[1]


@given(st.binary(max_size=120), st.integers(0, 2000))
def test_any_message_and_any_reply(octets: bytes, limit: int) -> None:
    cookies.take(octets, limit)
    cookies.take(b"\0\0\0\0\0\1\0\0\0\0\0\1" + octets, limit)
    cookies.add(octets, MADE.make(CLIENT, HERE, NOW), limit)
    wire.write_empty(octets, 0, b"")


@given(st.text(max_size=40))
def test_a_text_that_looks_like_the_record(text: str) -> None:
    said = text.encode() + b"\0\0)\0\0\0\0\0\0\0\0"[: len(text) % 11]
    opt = b"\0\0)" + bytes(6) + struct.pack("!HHH", len(said) + 4, 15, len(said)) + said
    reply = bytes(12) + opt
    added = cookies.add(reply, b"c" * 28, 4096)
    assert len(added) == len(reply) + 28
    assert struct.unpack_from("!H", added, 21)[0] == len(said) + 4 + 28
