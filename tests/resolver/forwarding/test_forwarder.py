"""A question in flight: every row of `forwarder`'s tables, in virtual time."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import hypothesis.strategies as st
import pytest
from hypothesis import given

from feddns.resolver.forwarding import forwarder, messages
from tests.resolver.forwarding.upstream import Outside

WWW = "www.example.net."
ONE = f"{WWW} 300 A 192.0.2.10"
SOA = "example.net. 60 SOA ns.example.net. h.example.net. 1 2 3 4 30"
TWO = {"upstream": ["192.0.2.1", "192.0.2.2"]}


# --- an answer ----------------------------------------------------------------------------------


def test_an_answer_is_given_to_who_asked_and_kept() -> None:
    outside = Outside()
    asker = outside.ask(WWW)
    assert not asker.is_answered
    assert outside.reply(ONE)
    assert asker.answer == ["www.example.net. 300 IN A 192.0.2.10"]
    assert outside.open == []
    outside.now += 100
    again = outside.ask(WWW)
    assert again.answer == ["www.example.net. 200 IN A 192.0.2.10"]
    assert len(outside.sent) == 1
    assert (outside.forwarder.coarse.hits, outside.forwarder.numbers.misses) == (1, 1)


def test_all_who_ask_the_same_are_served_by_one_message() -> None:
    outside = Outside()
    askers = [outside.ask(WWW), outside.ask(WWW.upper()), outside.ask(WWW, tcp=True)]
    askers.append(outside.ask(WWW, payload=None))
    assert len(outside.sent) == 1
    assert outside.forwarder.waiting == 4
    outside.reply(ONE)
    assert outside.forwarder.waiting == 0
    assert [len(asker.answer) for asker in askers] == [1, 1, 1, 1]
    assert [asker.reply.id for asker in askers] == [4711, 4712, 4713, 4714]
    assert askers[1].reply.question[0].name.to_text() == WWW.upper()
    assert askers[3].reply.edns < 0


@pytest.mark.parametrize(
    "other", [{"kind": "AAAA"}, {"want_dnssec": True}, {"flags": dns.flags.RD | dns.flags.CD}]
)
def test_another_type_do_or_cd_is_another_question(other: dict[str, object]) -> None:
    outside = Outside()
    outside.ask(WWW)
    outside.ask(WWW, **other)
    assert len(outside.sent) == 2


def test_what_the_client_wants_is_passed_on() -> None:
    outside = Outside()
    outside.ask("WwW.example.NET.", "MX", want_dnssec=True, flags=dns.flags.CD)
    question = outside.question()
    assert question.question[0].to_text() == "www.example.net. IN MX"
    assert question.flags & dns.flags.CD
    assert not question.flags & dns.flags.RD
    assert question.ednsflags & dns.flags.DO
    assert question.payload == 1232
    outside.ask(WWW, payload=None)
    assert outside.question().edns == 0
    assert not outside.question().ednsflags & dns.flags.DO
    assert outside.question().flags & dns.flags.RD


def test_each_message_has_an_id_of_its_own() -> None:
    outside = Outside()
    outside.ask(WWW)
    outside.ask("other.example.net.")
    assert outside.sent[0].ident != outside.sent[1].ident


# --- what does not match ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: bytes((raw[0] ^ 1,)) + raw[1:],  # another id
        lambda raw: raw[:2] + bytes((raw[2] & 0x7F,)) + raw[3:],  # a question
        lambda raw: raw[:2] + bytes((raw[2] | 0x20,)) + raw[3:],  # another opcode
        lambda raw: raw.replace(b"\x03www", b"\x03wwx", 1),  # another name
        lambda raw: raw.replace(b"\x00\x01\x00\x01", b"\x00\x1c\x00\x01", 1),  # another type
        lambda raw: raw[:11],
        lambda raw: b"",
        lambda raw: raw[:4] + b"\x00\x02" + raw[6:],
        lambda raw: raw[:4] + bytes(8),  # a bare header that says NOERROR
    ],
)
def test_a_reply_that_does_not_match_is_waited_on(change: object) -> None:
    outside = Outside()
    asker = outside.ask(WWW)
    reply = dns.message.make_response(outside.question())
    reply.answer = []
    raw = reply.to_wire()
    assert callable(change)
    assert not outside.receive(outside.sent[0], change(raw))
    assert not asker.is_answered
    assert outside.reply(ONE)
    assert len(asker.answer) == 1


def test_a_reply_in_another_spelling_matches() -> None:
    outside = Outside()
    asker = outside.ask(WWW)
    reply = dns.message.make_response(outside.question())
    raw = reply.to_wire().replace(b"\x03www", b"\x03WwW", 1)
    assert outside.receive(outside.sent[0], raw)
    assert asker.rcode == "NOERROR"


# --- other ways to the same server --------------------------------------------------------------


def test_truncated_goes_on_over_tcp() -> None:
    outside = Outside()
    asker = outside.ask(WWW)
    outside.reply(flags=dns.flags.TC)
    assert [exchange.tcp for exchange in outside.sent] == [False, True]
    outside.reply(ONE)
    assert len(asker.answer) == 1


def test_a_server_without_tcp_is_passed_over() -> None:
    outside = Outside(**TWO)
    asker = outside.ask(WWW)
    outside.reply(flags=dns.flags.TC)
    outside.forwarder.failed(outside.sent[-1], "over TCP: connection refused")
    assert outside.whom() == ["192.0.2.1", "192.0.2.1", "192.0.2.2"]
    outside.reply(ONE)
    assert len(asker.answer) == 1


@pytest.mark.parametrize("rcode", ["FORMERR", "NOTIMP", "BADVERS"])
def test_a_server_without_edns_is_asked_without_from_then_on(rcode: str) -> None:
    outside = Outside()
    asker = outside.ask(WWW)
    outside.reply(rcode=rcode)
    assert [exchange.edns for exchange in outside.sent] == [True, False]
    assert outside.question().edns < 0
    outside.reply(ONE)
    assert len(asker.answer) == 1
    outside.ask("other.example.net.")
    assert not outside.sent[-1].edns
    outside.now += 3600
    outside.ask("third.example.net.")
    assert outside.sent[-1].edns


def test_a_bare_header_is_enough_to_say_formerr() -> None:
    outside = Outside()
    outside.ask(WWW)
    ident = outside.sent[0].ident.to_bytes(2, "big")
    assert outside.receive(outside.sent[0], ident + b"\x80\x01" + bytes(8))
    assert not outside.sent[1].edns


def test_a_server_that_says_formerr_either_way_is_not_remembered() -> None:
    outside = Outside()
    asker = outside.ask(WWW)
    outside.reply(rcode="FORMERR")
    outside.reply(rcode="FORMERR")
    assert asker.rcode == "FORMERR"
    outside.now += 10
    outside.ask(WWW)
    assert outside.sent[-1].edns


# --- the next server ----------------------------------------------------------------------------


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "YXRRSET"])
def test_a_server_in_trouble_is_passed_over(rcode: str) -> None:
    outside = Outside(**TWO)
    asker = outside.ask(WWW)
    outside.reply(rcode=rcode)
    assert outside.whom() == ["192.0.2.1", "192.0.2.2"]
    outside.reply(ONE)
    assert len(asker.answer) == 1


def test_when_all_refuse_the_last_rcode_is_given_and_remembered_shortly() -> None:
    outside = Outside(**TWO)
    asker = outside.ask(WWW)
    outside.reply(rcode="SERVFAIL")
    outside.reply(rcode="REFUSED")
    assert asker.rcode == "REFUSED"
    assert asker.error == (
        23, "192.0.2.1:53 says SERVFAIL; 192.0.2.2:53 says REFUSED",
    )  # fmt: skip
    assert outside.ask(WWW).rcode == "REFUSED"
    assert len(outside.sent) == 2
    outside.now += messages.FAILURE_TTL
    assert not outside.ask(WWW).is_answered


def test_upstream_s_own_words_are_passed_on() -> None:
    outside = Outside()
    asker = outside.ask(WWW)
    reply = dns.message.make_response(outside.question())
    reply.set_rcode(dns.rcode.SERVFAIL)
    reply.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode.DNSSEC_BOGUS, "expired")])
    outside.receive(outside.sent[0], reply.to_wire())
    assert (asker.rcode, asker.error) == ("SERVFAIL", (6, "expired"))


def test_a_reply_cut_short_is_a_server_in_trouble() -> None:
    outside = Outside()
    asker = outside.ask(WWW)
    reply = dns.message.make_response(outside.question())
    raw = bytearray(reply.to_wire())
    raw[7] = 1
    assert outside.receive(outside.sent[0], bytes(raw))
    assert asker.rcode == "SERVFAIL"
    assert asker.error == (23, "192.0.2.1:53 sends what cannot be read")


def test_a_server_that_cannot_be_reached_is_passed_over() -> None:
    outside = Outside(**TWO)
    outside.unreachable = {"192.0.2.1:53"}
    asker = outside.ask(WWW)
    assert outside.whom() == ["192.0.2.2"]
    outside.forwarder.failed(outside.sent[0], "connection refused")
    assert asker.rcode == "SERVFAIL"
    assert asker.error == (
        23, "192.0.2.1:53 cannot be reached; 192.0.2.2:53 connection refused",
    )  # fmt: skip


def test_when_none_can_be_reached_the_reply_is_there_at_once() -> None:
    outside = Outside()
    outside.unreachable = {"192.0.2.1:53"}
    assert outside.ask(WWW).rcode == "SERVFAIL"
    assert (outside.forwarder.waiting, outside.forwarder.in_flight) == (0, 0)


# --- silence ------------------------------------------------------------------------------------


def test_a_silent_server_is_passed_over_in_its_time() -> None:
    outside = Outside(**TWO)
    asker = outside.ask(WWW)
    outside.wait(0.45)
    assert outside.whom() == ["192.0.2.1"]
    outside.wait(0.1)
    assert outside.whom() == ["192.0.2.1", "192.0.2.2"]
    outside.reply(ONE)
    assert len(asker.answer) == 1


def test_a_late_answer_still_counts() -> None:
    outside = Outside(**TWO)
    asker = outside.ask(WWW)
    outside.wait(0.6)
    assert len(outside.sent) == 2
    outside.reply(ONE, exchange=outside.sent[0])
    assert len(asker.answer) == 1
    assert outside.open == []


def test_who_was_quick_before_has_less_time() -> None:
    outside = Outside(**TWO)
    outside.ask(WWW)
    outside.now += 0.002
    outside.reply(ONE)
    outside.ask("other.example.net.")
    outside.wait(0.125)
    assert outside.whom() == ["192.0.2.1", "192.0.2.1", "192.0.2.2"]


def test_the_budget_ends_the_wait_and_names_who_was_silent() -> None:
    outside = Outside(**TWO, upstream_budget=4)
    asker = outside.ask(WWW)
    outside.wait(3.9)
    assert not asker.is_answered
    assert len(outside.sent) > 3
    outside.wait(0.2)
    assert asker.rcode == "SERVFAIL"
    assert asker.error == (22, "no answer from 192.0.2.1:53, 192.0.2.2:53")
    assert (outside.open, outside.forwarder.waiting) == ([], 0)
    assert outside.ask(WWW).rcode == "SERVFAIL"


def test_three_silences_in_a_row_and_the_server_comes_last() -> None:
    outside = Outside(**TWO)
    for number in range(3):
        outside.ask(f"n{number}.example.net.")
        outside.wait(0.6)
        outside.reply()
    assert outside.server_of("192.0.2.1").is_down
    assert any("192.0.2.1:53 is down: it does not answer" in line for line in outside.told)
    before = len(outside.sent)
    outside.ask("later.example.net.")
    assert outside.whom()[before] == "192.0.2.2"


def test_a_server_that_is_down_is_found_up_by_a_copy_of_a_question() -> None:
    outside = Outside(**TWO)
    server = outside.server_of("192.0.2.1")
    for _ in range(3):
        server.note_failure(outside.now, timeout=True)
    outside.ask("first.example.net.")
    assert outside.whom() == ["192.0.2.2"]
    outside.now += 1.0
    outside.ask("second.example.net.")
    assert outside.whom() == ["192.0.2.2", "192.0.2.2", "192.0.2.1"]
    outside.ask("third.example.net.")
    assert len(outside.sent) == 4
    outside.reply(exchange=outside.sent[2])
    assert not server.is_down
    assert outside.told == ["upstream 192.0.2.1:53 is up"]
    outside.ask("fourth.example.net.")
    assert outside.whom()[-1] == "192.0.2.1"


# --- too many -----------------------------------------------------------------------------------


def test_above_the_limit_nothing_more_is_asked() -> None:
    outside = Outside(upstream_outstanding=2)
    askers = [outside.ask(f"n{number}.example.net.") for number in range(3)]
    assert len(outside.sent) == 2
    assert askers[2].rcode == "SERVFAIL"
    assert askers[2].error == (
        23, "2 forwarded questions wait already (--upstream-outstanding)",
    )  # fmt: skip
    outside.reply()
    assert not outside.ask("n4.example.net.").is_answered
    assert outside.forwarder.numbers.refused_full == 1


def test_many_askers_of_one_question_count_too() -> None:
    outside = Outside(upstream_outstanding=2)
    askers = [outside.ask(WWW) for _ in range(3)]
    assert [asker.is_answered for asker in askers] == [False, False, True]


# --- stale copies -------------------------------------------------------------------------------


def stale(**given: object) -> Outside:
    outside = Outside(**given)
    outside.ask(WWW)
    outside.reply(ONE)
    outside.now += 300
    return outside


def test_a_stale_copy_is_given_when_upstream_is_slow() -> None:
    outside = stale()
    asker = outside.ask(WWW)
    outside.wait(1.7)
    assert not asker.is_answered
    outside.wait(0.15)
    assert asker.answer == ["www.example.net. 30 IN A 192.0.2.10"]
    assert asker.error is not None
    assert asker.error[0] == 3
    assert outside.forwarder.in_flight == 1
    soon = outside.ask(WWW)
    assert soon.is_answered
    outside.reply(f"{WWW} 300 A 192.0.2.20")
    assert outside.ask(WWW).answer == ["www.example.net. 300 IN A 192.0.2.20"]
    assert outside.forwarder.numbers.stale == 2


def test_a_stale_copy_is_given_at_once_when_all_servers_are_down() -> None:
    outside = stale()
    for _ in range(3):
        outside.server_of("192.0.2.1").note_failure(outside.now, timeout=True)
    assert outside.ask(WWW).answer == ["www.example.net. 30 IN A 192.0.2.10"]
    assert outside.forwarder.in_flight == 1


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED"])
def test_a_stale_copy_is_better_than_an_rcode_and_is_not_tried_again_for_a_while(
    rcode: str,
) -> None:
    outside = stale()
    asker = outside.ask(WWW)
    outside.reply(rcode=rcode)
    assert len(asker.answer) == 1
    asked = len(outside.sent)
    assert len(outside.ask(WWW).answer) == 1
    assert len(outside.sent) == asked
    outside.now += forwarder.RECHECK
    assert not outside.ask(WWW).is_answered


def test_a_denial_wins_over_a_stale_copy() -> None:
    outside = stale()
    asker = outside.ask(WWW)
    outside.reply(rcode="NXDOMAIN", authority=(SOA,))
    assert asker.rcode == "NXDOMAIN"


def test_a_stale_copy_has_its_end() -> None:
    outside = stale(serve_stale=60)
    outside.now += 60
    asker = outside.ask(WWW)
    outside.reply(rcode="SERVFAIL")
    assert asker.rcode == "SERVFAIL"


def test_above_the_limit_a_stale_copy_is_given() -> None:
    outside = stale(upstream_outstanding=1)
    outside.ask("other.example.net.")
    assert len(outside.ask(WWW).answer) == 1


# --- prefetch -----------------------------------------------------------------------------------


def test_what_is_popular_is_fetched_before_its_end() -> None:
    outside = Outside()
    outside.ask(WWW)
    outside.reply(f"{WWW} 20 A 192.0.2.10")
    for _ in range(18):
        outside.wait(1.0)
        assert len(outside.sent) == 1
        assert len(outside.ask(WWW).answer) == 1
    outside.wait(0.3)
    assert len(outside.sent) == 2
    assert outside.forwarder.numbers.prefetches == 1
    outside.reply(f"{WWW} 20 A 192.0.2.20")
    outside.wait(2)
    assert outside.ask(WWW).answer[0].endswith("192.0.2.20")


def test_what_is_asked_once_is_not_fetched_again() -> None:
    outside = Outside()
    outside.ask(WWW)
    outside.reply(f"{WWW} 20 A 192.0.2.10")
    outside.wait(25)
    assert outside.forwarder.numbers.prefetches == 0


# --- servers come and go ------------------------------------------------------------------------


def test_the_config_map_is_followed() -> None:
    outside = Outside()
    outside.ask(WWW)
    outside.server.happen("nameservers 192.0.2.7:53 corp.example=192.0.2.8:53")
    outside.ask("other.example.net.")
    outside.ask("x.corp.example.")
    assert outside.whom() == ["192.0.2.1", "192.0.2.7", "192.0.2.8"]
    assert [row.server for row in outside.forwarder.report()] == ["192.0.2.7:53", "192.0.2.8:53"]


def test_resolv_conf_is_the_last_resort() -> None:
    outside = Outside(upstream=[])
    assert outside.ask(WWW).rcode == "REFUSED"
    assert outside.ask(WWW).rcode == "REFUSED"
    outside.relay.set_fallback(("192.0.2.53:53",))
    assert not outside.ask(WWW).is_answered
    assert outside.whom() == ["192.0.2.53"]


def test_the_report_counts() -> None:
    outside = Outside(**TWO)
    outside.ask(WWW)
    outside.now += 0.003
    outside.reply(rcode="SERVFAIL")
    outside.wait(0.6)
    one, two = outside.forwarder.report()
    assert (one.asked, one.answered, one.refusals, one.in_flight) == (1, 1, 1, 0)
    assert (two.asked, two.timeouts, two.answered, two.in_flight) == (2, 1, 0, 2)
    assert sum(one.buckets) == 1
    assert one.buckets[3] == 1
    assert one.seconds == pytest.approx(0.003)


def test_memory_is_given_up() -> None:
    outside = Outside()
    outside.ask(WWW)
    outside.reply(ONE)
    outside.forwarder.give_up_memory()
    assert (len(outside.forwarder.copies), outside.forwarder.copies.bytes) == (0, 0)
    outside.ask(WWW)
    assert len(outside.sent) == 2


# --- whatever happens ---------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["ask", "ask", "tcp", "chain", "answer", "denial", "SERVFAIL", "REFUSED", "FORMERR",
             "truncated", "refuse", "garbage", "unreachable", "reachable", "wait", "long", "world",
             "loop"]
        ),
        st.integers(0, 5),
    ),
    max_size=40,
)  # fmt: skip


@given(STEPS)
def test_every_asker_gets_one_reply_in_time(steps: list[tuple[str, int]]) -> None:
    """And nothing is left behind: no socket, no waiting, no message in flight."""
    outside = Outside(
        "service default/blog external n1.example.net\nsynced", probes=True, upstream_budget=2,
        upstream_outstanding=8, **TWO,
    )  # fmt: skip
    askers = []
    for step, number in steps:
        exchange = outside.open[number % len(outside.open)] if outside.open else None
        if step in ("ask", "tcp"):
            askers.append(outside.ask(f"n{number}.example.net.", tcp=step == "tcp"))
        elif step == "chain":
            askers.append(outside.ask("blog.default.svc.cluster.local."))
        elif step == "wait":
            outside.wait(number / 10)
        elif step == "long":
            outside.wait(1.0 + number)
        elif step == "world":
            outside.server.happen(f"nameservers 192.0.2.{1 + number}:53")
        elif step == "unreachable":
            outside.unreachable.add(f"192.0.2.{1 + number}:53")
        elif step == "reachable":
            outside.unreachable.clear()
        elif exchange is None:
            continue
        elif step == "refuse":
            outside.forwarder.failed(exchange, "connection refused")
        elif step == "garbage":
            outside.receive(exchange, exchange.message[:2] + b"\x81\x80" + bytes(number))
        elif step == "truncated":
            outside.reply(flags=dns.flags.TC, exchange=exchange)
        elif step == "loop":
            outside.ask_wire(exchange.message)
        elif step in ("answer", "denial"):
            name = outside.question(exchange).question[0].name.to_text()
            records = [f"{name} {number} A 192.0.2.10"] if step == "answer" else []
            outside.reply(*records, exchange=exchange)
        else:
            outside.reply(rcode=step, exchange=exchange)
    outside.wait(2.1)
    assert [len(asker.replies) for asker in askers] == [1] * len(askers)
    assert all(asker.replies[0][:2] == asker.message[:2] for asker in askers)
    outside.wait(4.0)
    assert (outside.forwarder.waiting, outside.forwarder.in_flight) == (0, 0)
    probes = [exchange for exchange in outside.open if exchange.question.probed is None]
    assert probes == []
    assert all(row.in_flight >= 0 for row in outside.forwarder.report())
