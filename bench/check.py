"""Is the answer right?  Asked before anything is timed, and at a server's start.

A server's answer to a question is compared with what the zone says: rcode and record data, not
order, TTL, authority or additional section.  This module must not time anything.  `rounds` calls
`first_wrong`; `rounds` and `scale` call `wait_until_right`, `scale` `exchange`.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Sequence

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset

from bench.processes import Running
from bench.zone import Answer, Answers

Question = tuple[str, str]

SAMPLE = 25
ADDRESS = "127.0.0.1"


def first_wrong(
    port: int, questions: Sequence[Question], answers: Answers, tcp: bool
) -> str | None:
    """The first of a sample of `questions` that is not answered right, told; else None."""
    for name, kind in questions[:: max(1, len(questions) // SAMPLE)]:
        expected = answers.of(name, kind)
        try:
            got = ask(port, name, kind, tcp)
        except (dns.exception.DNSException, OSError, EOFError) as error:
            return f"{name} {kind}: {type(error).__name__} {error}".rstrip()
        if got != expected:
            return f"{name} {kind}: {got}, expected {expected}"
    return None


def ask(port: int, name: str, kind: str, tcp: bool = False) -> Answer:
    query = dns.message.make_query(name, kind)
    if tcp:
        return read_answer(dns.query.tcp(query, ADDRESS, timeout=3, port=port), kind)
    with contextlib.suppress(dns.exception.Timeout):
        return read_answer(dns.query.udp(query, ADDRESS, timeout=1, port=port), kind)
    return read_answer(dns.query.udp(query, ADDRESS, timeout=3, port=port), kind)


def read_answer(message: dns.message.Message, kind: str) -> Answer:
    wanted = dns.rdatatype.from_text(kind)
    data = (
        str(rdata).split(" ", 2)[2] if kind == "SRV" else str(rdata)
        for rrset in message.answer
        if rrset.rdtype == wanted
        for rdata in rrset
    )
    return Answer(dns.rcode.to_text(message.rcode()), frozenset(data))


def wait_until_right(
    server: Running, port: int, question: Question, expected: Answer, patience: float
) -> float | str:
    """Seconds from exec to the first right answer, or why there was none."""
    name, kind = question
    query = dns.message.make_query(name, kind)
    wire = query.to_wire()
    last = "no answer"
    while time.perf_counter() < server.started + patience:
        if (reply := exchange(port, wire, 0.05)) is not None:
            now = time.perf_counter()
            got = read_answer(dns.message.from_wire(reply), kind)
            if got == expected:
                return now - server.started
            last = str(got)
        if death := server.death():
            return death
        time.sleep(0.001)
    return f"not right after {patience:.0f} s: {last}; {server.last_words()}"


def exchange(port: int, wire: bytes, timeout: float) -> bytes | None:
    """One question from a socket of its own, so that no late answer is taken for this one's."""
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        client.connect((ADDRESS, port))
        with contextlib.suppress(OSError):
            client.send(wire)
            return client.recv(4096)
    return None
