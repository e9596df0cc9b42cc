"""The whole server as a function: any octets in; an answer, an error or silence out."""

from __future__ import annotations

import itertools
from collections import Counter

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from feddns import names
from feddns.events import Stale
from feddns.resolver import counts
from feddns.resolver.responder import Responder
from feddns.store import Store
from tests import asking, zonetext
from tests.asking import Server, query
from tests.resolver.test_wire import OPT, QUESTION, header, names_of_bytes

WORLD = """
federations fellowship=example.com
node n1 zone=z1 region=r1
cluster gondor zones=z1 region=r1
cluster mordor zones=z3 region=r2
service default/web 10.96.0.1 fd00:96::1 http:80/tcp
slice default/web-a of web 10.244.0.1 10.244.0.2
service default/db headless
slice default/db-a of db db-0=10.244.0.3 db-1=10.244.0.4 10.244.0.5 pg:5432/tcp
service default/blog external web.default.svc.cluster.local
federated default/far http:80/tcp gondor=- mordor=198.51.100.7+2001:db8::7
synced
"""
NAMES = [
    "web.default.svc", "db.default.svc", "blog.default.svc", "far.default.fellowship.svc",
    "web.default.fellowship.svc", "_http._tcp.web.default.svc", "_pg._tcp.db.default.svc",
    "nope.default.svc", "default.svc", "10-1-2-3.default.pod", "cluster.local.", "ns.dns",
    "1.0.96.10.in-addr.arpa.", "4.0.244.10.in-addr.arpa.", "example.com.", ".",
    "far.default.fellowship.svc.z1.r1.example.com.", "www.example.net.",
]  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Server:
    return Server(WORLD, pods="insecure")


def crowd(count: int, **given: object) -> Server:
    endpoints = " ".join(f"h{i}=10.244.{i // 250}.{i % 250 + 1}" for i in range(count))
    return Server(f"""
        service zoo/crowd headless
        slice zoo/crowd-a of crowd {endpoints} pg:5432/tcp
        synced""", **given)  # fmt: skip


# --- whatever comes ---------------------------------------------------------------------------

SERVER = Server(WORLD, pods="insecure")


def _question(name: bytes, kind: int, klass: int, payload: int | None, flags: int) -> bytes:
    opt = b"" if payload is None else b"\x00\x00\x29" + payload.to_bytes(2, "big") + b"\x00" * 6
    head = header(flags=flags, additionals=bool(opt))
    return head + name + kind.to_bytes(2, "big") + klass.to_bytes(2, "big") + opt


well_formed = st.builds(
    _question,
    st.one_of(st.sampled_from([asking.wire(name) for name in NAMES]), names_of_bytes),
    st.one_of(st.sampled_from([1, 5, 6, 12, 16, 28, 33, 255]), st.integers(0, 65535)),
    st.sampled_from([1, 1, 1, 3, 255]),
    st.sampled_from([None, 0, 100, 512, 1232, 4096, 65535]),
    st.integers(0, 0x7FF),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A well-formed question with a few octets changed, cut out or put in."""
    message = bytearray(draw(well_formed))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(message) - 1)))
        match draw(st.sampled_from("xid")):
            case "x":
                message[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "i":
                message[at:at] = draw(st.binary(max_size=12))
            case _:
                del message[at : at + draw(st.integers(1, 12))]
    return bytes(message)


@given(st.one_of(st.binary(max_size=600), mutated(), well_formed), st.booleans())
@example(b"", False)
@example(b"\x00", True)
@example(header(), False)
def test_any_octets(message: bytes, tcp: bool) -> None:
    reply = SERVER.send(message, tcp=tcp)
    again = SERVER.send(message, tcp=tcp)
    assert (reply is None) == (again is None)
    if reply is None:
        assert len(message) < 12 or message[2] & 0x80
        return
    assert reply[:2] == message[:2]
    assert reply[2] & 0x80
    if not tcp:
        assert len(reply) <= 1232
    if reply[3] & 15 in (1, 4) and len(reply) == 12:
        assert len(reply) <= len(message)
        return
    parsed = asking.check(message, reply)
    assert (
        parsed.question[0].name.to_wire()
        == message[12 : 12 + len(parsed.question[0].name.to_wire())]
    )
    assert parsed.id == int.from_bytes(message[:2], "big")
    assert bool(parsed.flags & dns.flags.RD) == bool(message[2] & 1)
    assert bool(parsed.flags & dns.flags.CD) == bool(message[3] & 0x10)


@given(well_formed)
def test_udp_says_what_tcp_says_when_it_fits(message: bytes) -> None:
    udp, tcp = SERVER.send(message), SERVER.send(message, tcp=True)
    assert udp is not None
    assert tcp is not None
    over_udp, over_tcp = asking.check(message, udp), asking.check(message, tcp)
    assert not over_tcp.flags & dns.flags.TC
    if over_udp.flags & dns.flags.TC:
        ours, theirs = zonetext.read(over_udp), zonetext.read(over_tcp)
        assert set(ours.answer) <= set(theirs.answer)
        return
    ours, theirs = zonetext.read(over_udp).sorted(), zonetext.read(over_tcp).sorted()
    assert ours[:3] == theirs[:3]
    assert ours.additional in ([], theirs.additional)


@given(st.integers(1, 140), st.sampled_from(["A", "SRV"]), st.integers(0, 5000))
def test_cut_answers_are_a_part_and_say_so(count: int, kind: str, payload: int) -> None:
    server = crowd(count)
    question = query("crowd.zoo.svc", kind, payload=payload)
    full = zonetext.read(server.exchange(question, tcp=True)).answer
    for _ in range(3):
        reply = server.exchange(question)
        part = zonetext.read(reply).answer
        assert set(part) <= set(full)
        assert bool(reply.flags & dns.flags.TC) == (len(part) < len(full))
        assert len(set(part)) == len(part)


@pytest.mark.parametrize(
    ("payload", "shown"), [(None, 29), (0, 28), (511, 28), (512, 28), (600, 34), (1232, 73)]
)
def test_120_addresses(payload: int | None, shown: int) -> None:
    server = crowd(120)
    reply = server.exchange(query("crowd.zoo.svc", payload=payload))
    assert len(zonetext.read(reply).answer) == shown
    assert reply.flags & dns.flags.TC
    assert len(zonetext.read(server.exchange(query("crowd.zoo.svc"), tcp=True)).answer) == 120


def test_120_addresses_in_4096_octets() -> None:
    server = crowd(120, edns_size=4096)
    reply = server.exchange(query("crowd.zoo.svc", payload=4096))
    assert len(zonetext.read(reply).answer) == 120
    assert not reply.flags & dns.flags.TC


@given(well_formed)
def test_the_longest_denial_fits(message: bytes) -> None:
    """The longest zone, an identity of many octets, and the least room."""
    reply = LONG.send(message)
    assert reply is not None
    assert len(reply) <= max(512, int.from_bytes(message[-8:-6], "big")) or len(reply) <= 1232


LONG = Server("synced", cluster_domain=f"{'a' * 60}.{'b' * 55}", nsid="é" * 64)


@pytest.mark.parametrize("zone", ["cluster", "reverse"])
def test_a_long_denial_is_never_longer_than_allowed(zone: str) -> None:
    labels = [b"x" * 63, b"y" * 63, b"z" * 30]
    suffix = {"cluster": LONG.settings.cluster_domain, "reverse": names.parse("10.in-addr.arpa")}
    name = names.join(labels, bytes(suffix[zone])) if zone == "reverse" else (
        names.join(labels[:2], bytes(suffix[zone])))  # fmt: skip
    opt = bytes.fromhex("00 0029 0200 00000000 0004 0003 0000")
    message = header(additionals=1) + name + b"\x00\x01\x00\x01" + opt
    LONG.store.commit([Stale(1.0)])
    try:
        for tcp in (False, True):
            for _ in range(3):
                reply = LONG.send(message, tcp=tcp)
                assert reply is not None
                parsed = dns.message.from_wire(reply)
                assert parsed.rcode() == dns.rcode.NXDOMAIN
                if not tcp:
                    assert len(reply) <= 512
    finally:
        LONG.store.commit([Stale(0.0)])


# --- EDNS -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2, 255])
def test_badvers(server: Server, version: int) -> None:
    message = header(additionals=1) + QUESTION + OPT[:6] + bytes((version,)) + OPT[7:]
    reply = server.send(message)
    assert reply is not None
    parsed = dns.message.from_wire(reply)
    assert parsed.rcode() == dns.rcode.BADVERS
    assert parsed.edns == 0
    assert not parsed.answer
    assert not parsed.flags & dns.flags.AA
    assert len(reply) == len(message)


@pytest.mark.parametrize("name", ["web.default.svc", "nope.default.svc", "www.example.net."])
def test_nsid_comes_on_request_only(server: Server, name: str) -> None:
    asked = server.ask(name, options=[dns.edns.GenericOption(3, b"")])
    assert [o.nsid for o in asked.options if o.otype == 3] == [b"unit"]
    assert [o for o in server.ask(name).options if o.otype == 3] == []


def test_no_nsid_when_there_is_none() -> None:
    reply = Server(WORLD, nsid="").ask("ns.dns", options=[dns.edns.GenericOption(3, b"")])
    assert reply.options == ()


@pytest.mark.parametrize("options", [[(10, b"12345678")], [(10, b"")], [(65001, b"x" * 100)]])
def test_unknown_options_are_passed_over(server: Server, options: list) -> None:
    given = [dns.edns.GenericOption(*option) for option in options]
    reply = server.ask("web.default.svc", options=given)
    assert zonetext.read(reply).answer[0].rdata == "10.96.0.1"
    assert reply.options == ()


def test_without_edns_there_is_none(server: Server) -> None:
    for name in ("web.default.svc", "nope.default.svc", "www.example.net."):
        assert server.ask(name, payload=None).edns == -1


def test_extended_errors(server: Server) -> None:
    [error] = server.ask("www.example.net.").options
    assert (error.code, error.text) == (20, "no zone of this server")


# --- case -------------------------------------------------------------------------------------


@given(st.integers(0, 2**25 - 1))
def test_the_case_of_the_question_comes_back(bits: int) -> None:
    flip = iter(format(bits, "025b"))
    mixed = bytes(
        octet ^ 0x20 if 97 <= octet <= 122 and next(flip, "0") == "1" else octet
        for octet in QUESTION[:-4]
    ) + QUESTION[-4:]  # fmt: skip
    reply = SERVER.send(header() + mixed)
    assert reply is not None
    assert reply[12 : 12 + len(mixed)] == mixed
    assert reply[12 + len(mixed) :][:2] == b"\xc0\x0c"
    parsed = dns.message.from_wire(reply)
    assert parsed.answer[0].name.to_wire() == mixed[:-4]


# --- turns ------------------------------------------------------------------------------------


def firsts(server: Server, messages: list[bytes], *, tcp: bool = False) -> Counter[str]:
    """How often each address was the first of an answer."""
    found: Counter[str] = Counter()
    for message in messages:
        reply = server.send(message, tcp=tcp)
        assert reply is not None
        found[dns.message.from_wire(reply).answer[0][0].to_text()] += 1
    return found


@pytest.mark.parametrize("count", [2, 3, 7, 16, 17, 40])
@pytest.mark.parametrize("tcp", [False, True])
def test_every_address_comes_first_equally_often(count: int, tcp: bool) -> None:
    server = crowd(count, edns_size=4096)
    question = query("crowd.zoo.svc").to_wire()
    for _ in range(2):  # until it is known to come again
        server.send(question, tcp=tcp)
    found = firsts(server, [question] * (count * 10), tcp=tcp)
    assert len(found) == count
    assert set(found.values()) == {10}


def test_cut_answers_rotate_through_all_addresses() -> None:
    server = crowd(120)
    question = query("crowd.zoo.svc").to_wire()
    server.send(question)
    seen = set()
    for _ in range(120):
        reply = server.send(question)
        assert reply is not None
        seen |= {record.rdata for record in zonetext.read(asking.check(question, reply)).answer}
    assert len(seen) == 120


def fresh_questions(count: int) -> list[bytes]:
    """The same question with another cookie, another spelling and another id each time."""
    spellings = itertools.cycle(["crowd.zoo.svc", "CROWD.zoo.svc", "crowd.ZOO.svc"])
    return [
        query(
            next(spellings), ident=number * 257 % 65536,
            options=[dns.edns.GenericOption(10, number.to_bytes(8, "big"))],
        ).to_wire()
        for number in range(count)
    ]  # fmt: skip


def test_questions_that_never_come_twice_see_every_address_first_too() -> None:
    found = firsts(crowd(4), fresh_questions(400))
    assert len(found) == 4
    assert min(found.values()) >= 60


def test_so_do_questions_that_are_logged() -> None:
    questions = [query("crowd.zoo.svc", ident=n).to_wire() for n in range(40)]
    found = firsts(crowd(4, log_queries=True), questions)
    assert len(found) == 4


# --- ready answers ----------------------------------------------------------------------------


def test_the_second_time_a_question_is_let_in() -> None:
    server = Server(WORLD)
    question = query("web.default.svc").to_wire()
    for kept in (0, 1, 1):
        server.send(question)
        assert len(server.responder.udp.ready) == kept
    assert len(server.responder.tcp.ready) == 0


def test_a_flood_of_new_names_pushes_out_nothing_that_is_hot() -> None:
    server = Server(WORLD, answer_cache=1)
    hot = [query(name).to_wire() for name in NAMES[:6]]
    for message in hot * 2:
        server.send(message)
    kept = set(server.responder.udp.ready)
    assert len(kept) == 6
    for number in range(20_000):
        name = f"x{number}.default.svc" if number % 2 else f"x{number}.example.net."
        server.send(header() + asking.wire(name) + b"\x00\x01\x00\x01")
    assert kept <= set(server.responder.udp.ready)


def test_the_budget_is_never_passed() -> None:
    server = Server(WORLD, answer_cache=1)
    for number in range(4000):
        message = header() + asking.wire(f"x{number}.default.svc") + b"\x00\x01\x00\x01"
        for _ in range(2):
            server.send(message)
        assert server.responder.udp.bytes <= 3 << 18
    assert server.responder.udp.ready


def test_errors_are_not_kept() -> None:
    server = Server(WORLD)
    for _ in range(4):
        server.send(query("nope.svc", "TYPE250").to_wire())
        server.send(header(questions=0))
        server.send(header(additionals=1) + QUESTION + OPT[:6] + b"\x01" + OPT[7:])
    assert not server.responder.udp.ready


def test_the_message_id_is_the_question_s() -> None:
    server = Server(WORLD)
    for ident in (1, 2, 3, 65535):
        reply = server.send(query("web.default.svc", ident=ident).to_wire())
        assert reply is not None
        assert reply[:2] == ident.to_bytes(2, "big")


# --- counted ----------------------------------------------------------------------------------


def test_every_message_is_counted_once() -> None:
    server = Server(WORLD)
    messages = [
        (query("web.default.svc").to_wire(), False, 1, 0),
        (query("web.default.svc", "AAAA").to_wire(), True, 28, 0),
        (query("nope.default.svc").to_wire(), False, 1, 3),
        (query("nope2.default.svc").to_wire(), False, 1, 3),
        (query("web.default.svc", "TYPE999").to_wire(), False, counts.OTHER, 0),
        (query("www.example.net.").to_wire(), False, 1, 5),
        (query("cluster.local.", "AXFR").to_wire(), True, counts.OTHER, 5),
        (header(questions=0), False, counts.OTHER, 1),
        (header(flags=0x1000), False, counts.OTHER, 4),
        (b"short", False, counts.OTHER, counts.SILENCE),
        (header(flags=0x8000) + QUESTION, True, counts.OTHER, counts.SILENCE),
        (header(additionals=1) + QUESTION + OPT[:6] + b"\x01" + OPT[7:], False, 1, 16),
    ]
    expected: Counter[counts.Row] = Counter()
    for message, tcp, kind, rcode in messages:
        for turn in range(4):
            server.send(message, tcp=tcp)
            ready = turn >= 2 and rcode in (0, 3, 5)
            expected[counts.Row(tcp, kind, rcode, ready)] += 1
    numbers = server.responder.counts
    assert {row: numbers[slot] for slot, row in counts.rows() if numbers[slot]} == expected


def test_a_recorder_sees_the_steps_and_changes_nothing() -> None:
    server = Server(WORLD)
    steps: list[str] = []
    message = query("far.default.fellowship.svc").to_wire()
    told = server.responder.miss(message, False, lambda step, text, **facts: steps.append(step))
    assert told == server.send(message)
    assert "local shard" in steps
    assert "ladder: global" in steps


def test_memory_of_counts_can_be_another_process_s() -> None:
    memory = [0] * counts.SIZE
    responder = Responder(asking.settings(), Store(SERVER.store.current), 1, memory)
    responder.respond(query("web.default.svc").to_wire(), asking.UDP, 0)
    assert sum(memory) == 1
