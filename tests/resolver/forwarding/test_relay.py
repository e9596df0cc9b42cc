"""Replies to questions that leave our zones: every row of `relay`'s tables."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from feddns.resolver import counts
from tests import asking
from tests.resolver.forwarding.upstream import Outside, rrset

WORLD = """
federations fellowship=example.com,other=example.org
node n1 zone=z1 region=r1
service default/web 10.96.0.1 http:80/tcp
slice default/web-a of web 10.244.0.1
service default/blog external www.example.net
service default/twice external blog.default.svc.cluster.local
service default/lab external printer.local
service default/self external localhost
synced
"""
WWW = "www.example.net."
BLOG = "blog.default.svc.cluster.local."
FAR = "far.default.fellowship.svc.cluster.local."
PUBLIC = "far.default.fellowship.svc.z1.r1.example.com."
SOA = "example.net. 60 SOA ns.example.net. h.example.net. 1 2 3 4 30"


@pytest.fixture
def outside() -> Outside:
    return Outside(WORLD)


# --- first table: no zone of ours ---------------------------------------------------------------


def test_upstream_s_reply_is_relayed(outside: Outside) -> None:
    asker = outside.ask(WWW)
    outside.reply(f"{WWW} 300 A 192.0.2.10 / 192.0.2.11", authority=(SOA,), flags=dns.flags.AA)
    assert len(asker.answer) == 2
    assert asker.authority == [rrset(*SOA.split(None, 3)).to_text()]
    flags = asker.reply.flags
    assert flags & dns.flags.RA
    assert not flags & (dns.flags.AA | dns.flags.AD | dns.flags.TC)


@pytest.mark.parametrize(
    ("more", "shown"),
    [({}, False), ({"flags": dns.flags.RD | dns.flags.AD}, True), ({"want_dnssec": True}, True)],
)
def test_ad_is_for_those_who_understand_it(
    outside: Outside, more: dict[str, object], shown: bool
) -> None:
    asker = outside.ask(WWW, **more)
    outside.reply(f"{WWW} 300 A 192.0.2.10", flags=dns.flags.AD)
    assert bool(asker.reply.flags & dns.flags.AD) == shown


def test_rd_is_mirrored_and_rd_0_is_forwarded(outside: Outside) -> None:
    asker = outside.ask(WWW, flags=0)
    assert not outside.question().flags & dns.flags.RD
    outside.reply(f"{WWW} 300 A 192.0.2.10")
    assert not asker.reply.flags & dns.flags.RD


def test_names_that_never_leave_are_denied_here(outside: Outside) -> None:
    asker = outside.ask("printer.local.")
    assert asker.rcode == "NXDOMAIN"
    assert asker.authority == ["local. 300 IN SOA local. nobody.invalid. 1 7200 1800 86400 300"]
    assert asker.reply.flags & dns.flags.AA
    assert outside.ask("localhost.").answer == ["localhost. 10800 IN A 127.0.0.1"]
    assert outside.ask("x.localhost.", "MX").rcode == "NOERROR"
    assert outside.ask("127.in-addr.arpa.", "SOA").answer
    assert outside.sent == []


def test_our_own_zones_are_never_forwarded(outside: Outside) -> None:
    assert outside.ask("web.default.svc.cluster.local.").answer
    assert outside.ask("nope.default.svc.cluster.local.").rcode == "NXDOMAIN"
    assert outside.ask("9.9.9.10.in-addr.arpa.", "PTR").rcode == "NXDOMAIN"
    assert outside.sent == []


def test_of_a_viewed_federation_only_its_own_names_stay_here() -> None:
    outside = Outside(
        "federations fellowship=example.com\ncluster mordor zones=z1 region=r1\n"
        "federated default/far http:80/tcp mordor=198.51.100.7\nsynced\nsynced federation",
        view=True,
    )
    assert outside.ask("far.default.fellowship.svc.example.com.").answer
    assert outside.sent == []
    outside.ask("www.example.com.")
    assert len(outside.sent) == 1


def test_without_a_server_it_stays_refused() -> None:
    outside = Outside(WORLD, upstream=[])
    asker = outside.ask(WWW)
    assert (asker.rcode, asker.error) == ("REFUSED", (20, "no zone of this server"))
    assert outside.ask(BLOG).answer == [f"{BLOG} 5 IN CNAME {WWW}"]


def test_transfers_and_meta_types_are_not_forwarded(outside: Outside) -> None:
    assert outside.ask(WWW, "AXFR", tcp=True).rcode == "REFUSED"
    assert outside.ask(WWW, "TSIG").rcode == "NOTIMP"
    assert outside.sent == []


def test_the_reply_fits_the_asker(outside: Outside) -> None:
    records = [
        f"{WWW} 300 TXT {'x' * 250}",
        f"{WWW} 300 TXT {'y' * 250}",
        f"{WWW} 300 TXT {'z' * 250}",
    ]
    small, plain, large = (
        outside.ask(WWW, "TXT", payload=512),
        outside.ask(WWW, "TXT", payload=None),
        outside.ask(WWW, "TXT", payload=1232),
    )
    stream = outside.ask(WWW, "TXT", payload=None, tcp=True)
    outside.reply(*records)
    for asker in (small, plain):
        assert asker.reply.flags & dns.flags.TC
        assert asker.answer == []
        assert len(asker.replies[0]) <= 512
    for asker in (large, stream):
        assert not asker.reply.flags & dns.flags.TC
        assert len(asker.answer) == 3


def test_additional_records_go_before_the_answer_does(outside: Outside) -> None:
    asker = outside.ask(WWW, "MX", payload=512)
    reply = dns.message.make_response(outside.question())
    reply.answer = [rrset(WWW, "300", "MX", "1 mail.example.net.")]
    reply.additional = [
        rrset(f"n{number}.mail.example.net.", "300", "AAAA", "2001:db8::1") for number in range(20)
    ]
    outside.receive(outside.sent[0], reply.to_wire())
    assert len(asker.answer) == 1
    assert asker.reply.additional == []
    assert not asker.reply.flags & dns.flags.TC


# --- ready answers ------------------------------------------------------------------------------


def test_ready_answers_count_down_and_come_to_their_end(outside: Outside) -> None:
    outside.ask(WWW)
    outside.reply(f"{WWW} 10 A 192.0.2.10", authority=(SOA,))
    message = asking.query(WWW, ident=7).to_wire()
    assert outside.ask_wire(message).answer
    key = message[2:]
    assert key in outside.responder.udp.ready
    outside.wait(4)
    asker = outside.ask_wire(message)
    assert asker.answer == [f"{WWW} 6 IN A 192.0.2.10"]
    assert asker.authority[0].startswith("example.net. 56 IN")
    slot = counts.slot(False, 1, 0, True)
    assert outside.responder.counts[slot] == 1
    outside.wait(6)
    assert key not in outside.responder.udp.ready
    assert outside.responder.udp.bytes == 0


def test_a_chain_is_dropped_when_its_local_part_is_touched(outside: Outside) -> None:
    outside.ask(BLOG)
    outside.reply(f"{WWW} 300 A 192.0.2.10")
    message = asking.query(BLOG).to_wire()
    for _ in range(2):
        outside.ask_wire(message)
    assert message[2:] in outside.responder.udp.ready
    outside.server.happen("service default/blog external other.example.net")
    assert message[2:] not in outside.responder.udp.ready
    outside.ask_wire(message)
    assert outside.question().question[0].name.to_text() == "other.example.net."


def test_a_chain_is_dropped_when_upstream_s_ttl_is_over(outside: Outside) -> None:
    outside.ask(BLOG)
    outside.reply(f"{WWW} 3 A 192.0.2.10")
    message = asking.query(BLOG).to_wire()
    outside.ask_wire(message)
    outside.wait(2)
    assert outside.ask_wire(message).answer == [
        f"{BLOG} 5 IN CNAME {WWW}",
        f"{WWW} 1 IN A 192.0.2.10",
    ]
    outside.wait(1)
    assert message[2:] not in outside.responder.udp.ready


def test_a_chain_whose_world_moved_while_it_waited_is_not_kept(outside: Outside) -> None:
    first, second = outside.ask(BLOG), outside.ask(BLOG)
    outside.server.happen("service default/blog external other.example.net")
    outside.reply(f"{WWW} 300 A 192.0.2.10")
    assert first.answer[0] == second.answer[0] == f"{BLOG} 5 IN CNAME {WWW}"
    assert not outside.responder.udp.ready


def test_a_failure_is_not_made_ready(outside: Outside) -> None:
    for _ in range(3):
        outside.ask(WWW)
        if outside.open:
            outside.reply(rcode="SERVFAIL")
    assert not outside.responder.udp.ready


def test_a_stub_domain_that_comes_is_asked_at_once(outside: Outside) -> None:
    outside.ask(WWW)
    outside.reply(f"{WWW} 300 A 192.0.2.10")
    outside.server.happen("nameservers example.net=192.0.2.9:53")
    outside.ask(WWW)
    assert outside.whom()[-1] == "192.0.2.9"


# --- second table: chains -----------------------------------------------------------------------


@pytest.mark.parametrize("name", [BLOG, "twice.default.svc.cluster.local."])
def test_records_at_the_end_of_a_chain(outside: Outside, name: str) -> None:
    asker = outside.ask(name, "A")
    assert outside.question().question[0].name.to_text() == WWW
    outside.reply(f"{WWW} 60 CNAME e.example.net.", "e.example.net. 30 A 192.0.2.10 / 192.0.2.11")
    lines = asker.answer
    assert lines[-4] == f"{BLOG} 5 IN CNAME {WWW}"
    assert lines[-3] == f"{WWW} 60 IN CNAME e.example.net."
    assert sorted(lines[-2:]) == [
        "e.example.net. 30 IN A 192.0.2.10", "e.example.net. 30 IN A 192.0.2.11",
    ]  # fmt: skip
    assert asker.reply.flags & dns.flags.AA
    assert asker.reply.flags & dns.flags.RA
    assert asker.rcode == "NOERROR"


def test_a_chain_is_asked_with_rd(outside: Outside) -> None:
    outside.ask(BLOG, flags=0)
    assert outside.question().flags & dns.flags.RD


@pytest.mark.parametrize(
    ("rcode", "authority", "expected", "soa"),
    [
        ("NOERROR", (SOA,), "NOERROR", True),
        ("NXDOMAIN", (SOA,), "NXDOMAIN", True),
        ("NXDOMAIN", (), "NXDOMAIN", False),
        ("SERVFAIL", (), "SERVFAIL", False),
        ("REFUSED", (), "REFUSED", False),
    ],
)
def test_no_records_at_the_end_of_an_external_name(
    outside: Outside, rcode: str, authority: tuple[str, ...], expected: str, soa: bool
) -> None:
    asker = outside.ask(BLOG)
    outside.reply(rcode=rcode, authority=authority)
    assert asker.answer == [f"{BLOG} 5 IN CNAME {WWW}"]
    assert asker.rcode == expected
    assert [line.split()[0] for line in asker.authority] == (["example.net."] if soa else [])


def test_nobody_answers_for_an_external_name(outside: Outside) -> None:
    asker = outside.ask(BLOG)
    outside.wait(4.1)
    assert asker.answer == [f"{BLOG} 5 IN CNAME {WWW}"]
    assert asker.rcode == "SERVFAIL"
    assert asker.error == (22, "no answer from 192.0.2.1:53")


def test_a_chain_that_ends_in_what_never_leaves(outside: Outside) -> None:
    lab = outside.ask("lab.default.svc.cluster.local.")
    assert lab.answer == ["lab.default.svc.cluster.local. 5 IN CNAME printer.local."]
    assert lab.rcode == "NXDOMAIN"
    local = outside.ask("self.default.svc.cluster.local.")
    assert local.answer[1] == "localhost. 10800 IN A 127.0.0.1"
    assert outside.sent == []


@pytest.mark.parametrize("kind", ["CNAME", "ANY"])
def test_a_chain_is_not_followed_for_who_asks_for_itself(outside: Outside, kind: str) -> None:
    assert outside.ask(BLOG, kind).answer == [f"{BLOG} 5 IN CNAME {WWW}"]
    assert outside.sent == []


def test_a_federated_name_is_asked_for_in_the_public_zone(outside: Outside) -> None:
    asker = outside.ask(FAR)
    assert outside.question().question[0].name.to_text() == PUBLIC
    region = "far.default.fellowship.svc.r1.example.com."
    outside.reply(f"{PUBLIC} 180 CNAME {region}", f"{region} 180 A 198.51.100.7")
    assert asker.answer == [
        f"{FAR} 5 IN CNAME {PUBLIC}", f"{PUBLIC} 180 IN CNAME {region}",
        f"{region} 180 IN A 198.51.100.7",
    ]  # fmt: skip


@pytest.mark.parametrize("rcode", ["NOERROR", "NXDOMAIN"])
def test_a_federated_service_without_a_shard_has_no_records(outside: Outside, rcode: str) -> None:
    asker = outside.ask(FAR)
    outside.reply(rcode=rcode, authority=(SOA.replace("example.net", "example.com"),))
    assert (asker.rcode, asker.answer) == ("NOERROR", [])
    assert asker.authority[0].startswith("cluster.local. 5 IN SOA ns.dns.cluster.local.")
    message = asking.query(FAR).to_wire()
    for _ in range(3):
        outside.wait(1)
        assert outside.ask_wire(message).authority[0].startswith("cluster.local. 5 IN SOA")


def test_when_the_public_zone_cannot_be_asked_the_alias_is_all(outside: Outside) -> None:
    asker = outside.ask(FAR)
    outside.reply(rcode="SERVFAIL")
    assert (asker.rcode, asker.answer) == ("NOERROR", [f"{FAR} 5 IN CNAME {PUBLIC}"])
    assert asker.authority == []
    assert asker.error is not None


def test_a_federation_s_domain_that_never_leaves_has_no_shards() -> None:
    outside = Outside("federations fellowship=corp.test\nsynced")
    asker = outside.ask(FAR)
    assert (asker.rcode, asker.answer) == ("NOERROR", [])
    assert asker.authority[0].startswith("cluster.local.")


def test_a_chain_is_cut_to_what_the_asker_takes(outside: Outside) -> None:
    asker = outside.ask(BLOG, "TXT", payload=512)
    outside.reply(*[f"{WWW} 300 TXT {letter * 250}" for letter in "xyz"])
    assert asker.reply.flags & dns.flags.TC
    assert len(asker.replies[0]) <= 512


# --- cookies ------------------------------------------------------------------------------------


def test_a_late_reply_has_its_asker_s_cookie() -> None:
    outside = Outside(WORLD, cookie_secret="00112233445566778899aabbccddeeff")
    query = asking.query(WWW)
    query.use_edns(0, options=[dns.edns.GenericOption(10, b"12345678")])
    asker = outside.ask_wire(query.to_wire())
    other = outside.ask(WWW)
    outside.reply(f"{WWW} 300 A 192.0.2.10")
    (cookie,) = [option for option in asker.reply.options if option.otype == 10]
    assert cookie.to_wire().startswith(b"12345678")
    assert other.reply.options == ()


# --- anything from upstream ---------------------------------------------------------------------


@given(st.binary(max_size=600))
@example(b"")
def test_no_octets_raise_and_none_are_relayed_unless_they_match(raw: bytes) -> None:
    outside = Outside()
    asker = outside.ask(WWW)
    assert not outside.receive(outside.sent[0], raw)
    assert not asker.is_answered


@given(st.data())
def test_no_octets_behind_a_matching_question_raise(data: st.DataObject) -> None:
    outside = Outside(WORLD)
    name, kind = data.draw(st.sampled_from([(WWW, "A"), (BLOG, "A"), (FAR, "SRV"), (WWW, "ANY")]))
    asker = outside.ask(name, kind)
    exchange = outside.sent[0]
    question = exchange.question.asked.question
    flags = data.draw(st.sampled_from([0x8180, 0x8183, 0x8182, 0x8185, 0x8181, 0x8380]))
    numbers = data.draw(st.lists(st.integers(0, 3), min_size=3, max_size=3))
    records = data.draw(st.lists(st.one_of(st.binary(max_size=40), RECORDS), max_size=6))
    raw = exchange.ident.to_bytes(2, "big") + flags.to_bytes(2, "big") + b"\0\1"
    raw += b"".join(number.to_bytes(2, "big") for number in numbers) + question + b"".join(records)
    assert outside.receive(exchange, raw)
    outside.wait(5)
    (reply,) = asker.replies
    assert reply[:2] == asker.message[:2]
    end = asker.message.index(b"\0\0\x29")
    assert reply[12:end] == asker.message[12:end]
    assert len(reply) <= 1232


def _record(owner: bytes, kind: int, ttl: int, rdata: bytes) -> bytes:
    return owner + kind.to_bytes(2, "big") + b"\0\1" + ttl.to_bytes(4, "big") + (
        len(rdata).to_bytes(2, "big") + rdata
    )  # fmt: skip


RECORDS = st.builds(
    _record,
    st.sampled_from([b"\xc0\x0c", b"\0", b"\xc0\xff", b"\xc0\x20", b"\x01a\xc0\x0c", b"\x80"]),
    st.sampled_from([1, 2, 5, 6, 12, 15, 33, 41, 46, 39, 65535]),
    st.sampled_from([0, 5, 300, 0x7FFFFFFF, 0xFFFFFFFF]),
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from([b"\xc0\x0c", b"\x00\x01\xc0\x0c", b"\xc0\x0c\xc0\x0c" + bytes(20)]),
    ),
)


# --- without asking anybody ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (WWW, "192.0.2.1:53 would be asked (--upstream)"),
        (BLOG, "192.0.2.1:53 would be asked (--upstream)"),
        ("printer.local.", "never forwarded: local. (--never-forward)"),
        (FAR, "192.0.2.1:53 would be asked (--upstream)"),
    ],
)
def test_why_asks_nobody_and_says_who_would_be_asked(
    outside: Outside, name: str, text: str
) -> None:
    steps: list[tuple[str, str]] = []
    message = asking.query(name).to_wire()
    for relay in (outside.relay, None):
        outside.responder.relay = relay
        steps.clear()
        found = outside.responder.miss(
            message, True, lambda step, text, **_: steps.append((step, text))
        )
        assert isinstance(found, bytes)
        assert ("forward", text) in steps
    assert outside.sent == []


@pytest.mark.parametrize(
    ("name", "rcode", "error"),
    [
        (WWW, "REFUSED", (20, "192.0.2.1:53 would be asked (--upstream)")),
        (BLOG, "NOERROR", (0, "192.0.2.1:53 would be asked (--upstream)")),
        ("printer.local.", "NXDOMAIN", None),
        ("localhost.", "NOERROR", None),
    ],
)
def test_ask_foresees(
    outside: Outside, name: str, rcode: str, error: tuple[int, str] | None
) -> None:
    outside.responder.relay = None
    outside.responder.foresees = True
    asker = outside.ask(name)
    assert (asker.rcode, asker.error) == (rcode, error)


def test_with_no_forward_nothing_is_foreseen() -> None:
    outside = Outside(WORLD, forward=False)
    outside.responder.relay = None
    outside.responder.foresees = True
    assert outside.ask(WWW).error == (20, "no zone of this server")
    assert outside.ask("printer.local.").rcode == "REFUSED"
