"""Whether an upstream leads back here: every row of `loops`' tables."""

from __future__ import annotations

import dns.message

from feddns.resolver.forwarding import loops
from feddns.resolver.forwarding.loops import Marks
from tests.resolver.forwarding.upstream import MARK, Outside

WWW = "www.example.net."
TWO = {"upstream": ["192.0.2.1", "192.0.2.2"]}


def probe(outside: Outside, address: str = "192.0.2.1:53") -> object:
    return next(
        exchange for exchange in reversed(outside.sent)
        if exchange.question.probed is not None and exchange.server.address == address
    )  # fmt: skip


# --- the mark -----------------------------------------------------------------------------------


def test_each_question_has_the_mark_and_the_number_of_its_server() -> None:
    outside = Outside()
    outside.ask(WWW)
    marks = Marks(MARK)
    assert marks.found(outside.sent[0].message) == loops.number("192.0.2.1:53")
    (option,) = outside.question().options
    assert option.otype == loops.OPTION
    assert Marks(b"other---").found(outside.sent[0].message) is None


def test_a_question_that_comes_back_is_refused_and_its_server_left_out() -> None:
    outside = Outside(**TWO)
    asker = outside.ask(WWW)
    back = outside.ask_wire(outside.sent[0].message)
    assert back.rcode == "REFUSED"
    assert back.error == (0, "this question was sent from here: a loop")
    assert outside.told == ["upstream 192.0.2.1:53 leads back to this server: it is left out"]
    outside.reply(rcode="REFUSED")
    outside.reply(f"{WWW} 300 A 192.0.2.10")
    assert len(asker.answer) == 1
    outside.ask("other.example.net.")
    assert outside.whom() == ["192.0.2.1", "192.0.2.2", "192.0.2.2"]
    assert [row.loops for row in outside.forwarder.report()] == [True, False]


def test_another_server_s_mark_is_none_of_our_business() -> None:
    one, two = Outside(), Outside()
    two.forwarder.loops.marks = Marks(b"other---")
    one.ask(WWW)
    assert not two.ask_wire(one.sent[0].message).is_answered
    assert len(two.sent) == 1


# --- the probe ----------------------------------------------------------------------------------


def test_each_server_is_probed_once_when_it_is_new() -> None:
    outside = Outside(probes=True, **TWO)
    outside.ask(WWW)
    outside.wait(1)
    probes = [e for e in outside.sent if e.question.probed is not None]
    assert {exchange.server.address for exchange in probes} == {"192.0.2.1:53", "192.0.2.2:53"}
    question = outside.question(probes[0]).question[0]
    assert question.name.to_text().endswith(f".{MARK.hex()}.")
    assert question.to_text().endswith("IN HINFO")
    for exchange in probes:
        outside.reply(rcode="NXDOMAIN", exchange=exchange)
    before = len(probes)
    outside.server.happen("nameservers corp.example=192.0.2.9:53")
    outside.ask(WWW)
    outside.wait(1)
    probes = [e for e in outside.sent if e.question.probed is not None][before:]
    assert {exchange.server.address for exchange in probes} == {"192.0.2.9:53"}


def test_a_probe_that_comes_back_is_answered_and_tells_on_its_server() -> None:
    outside = Outside(probes=True)
    outside.ask(WWW)
    outside.wait(0.3)
    sent = probe(outside)
    # A forwarder in between: another id, and none of our options.
    forwarded = dns.message.make_query(outside.question(sent).question[0].name, "HINFO")
    back = outside.ask_wire(forwarded.to_wire())
    assert back.answer[0].endswith('IN HINFO "feddns" "loop"')
    records = [line.replace(" IN ", " ") for line in back.answer]
    assert outside.reply(*records, exchange=sent)
    assert outside.forwarder.report()[0].loops
    asker = outside.ask("other.example.net.")
    assert asker.rcode == "SERVFAIL"
    assert asker.error == (23, "192.0.2.1:53 leads back to this server")


def test_what_leads_back_is_probed_again_with_growing_pauses() -> None:
    outside = Outside(probes=True)
    outside.ask(WWW)
    server = outside.server_of("192.0.2.1")
    outside.wait(0.3)
    back = outside.forwarder.loops.marks.answer(b"\1x\0")
    assert back.ttl == 0
    sent = probe(outside)
    name = outside.question(sent).question[0].name.to_text()
    outside.reply(f'{name} 0 HINFO "feddns" "loop"', exchange=sent)
    assert server.loops
    pause = server.loop_pause
    outside.wait(pause - 1)
    assert probe(outside) is sent
    outside.wait(1.5)
    again = probe(outside)
    assert again is not sent
    name = outside.question(again).question[0].name.to_text()
    outside.reply(f'{name} 0 HINFO "feddns" "loop"', exchange=again)
    assert server.loop_pause == 2 * pause
    outside.wait(2 * pause + 0.5)
    outside.reply(rcode="NXDOMAIN", exchange=probe(outside))
    assert not server.loops
    assert outside.told[-1] == "upstream 192.0.2.1:53 no longer leads back to this server"


def test_an_answer_from_a_server_that_lies_about_everything_is_no_loop() -> None:
    outside = Outside(probes=True)
    outside.ask(WWW)
    outside.wait(0.3)
    name = outside.question(probe(outside)).question[0].name.to_text()
    outside.reply(f'{name} 5 HINFO "RFC8482" ""', exchange=probe(outside))
    assert not outside.forwarder.report()[0].loops


def test_a_probe_without_an_answer_says_nothing_and_is_repeated() -> None:
    outside = Outside(probes=True)
    outside.ask(WWW)
    outside.wait(6)
    assert not outside.forwarder.report()[0].loops
    assert not outside.forwarder.sweep()
    first = probe(outside)
    outside.wait(10)
    assert probe(outside) is not first
