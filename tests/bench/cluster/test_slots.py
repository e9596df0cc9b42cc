"""The block of ready questions: dnspython reads each, and the open-loop client sends it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.message
import dns.rdatatype

from bench.cluster import openloop, slots

ASKED = [
    ("api-0.default.svc.cluster.local.", "A", "NOERROR"),
    ("api-0.default.svc.cluster.local.", "AAAA", "NOERROR"),
    ("nobody.default.svc.cluster.local.", "A", "NXDOMAIN"),
]


def test_each_slot_has_a_question_with_its_own_id() -> None:
    rcodes, lengths, questions = slots.unpack(slots.pack(ASKED))
    for slot in (0, 1, 2, 3, 40_000, slots.SLOTS - 1):
        start = slot * slots.STRIDE
        message = dns.message.from_wire(bytes(questions[start : start + lengths[slot]]))
        name, kind, rcode = ASKED[slot % 3]
        assert message.id == slot
        assert message.question[0].name.to_text() == name
        assert dns.rdatatype.to_text(message.question[0].rdtype) == kind
        assert rcodes[slot] == (3 if rcode == "NXDOMAIN" else 0)


def test_a_name_of_the_longest_kind_fits() -> None:
    longest = "host-199.example.com.team-049.svc.cluster.local."
    assert len(slots.question(1, longest, "AAAA")) < slots.STRIDE


@contextmanager
def server(drops: int = 0, rcode: int = 0) -> Iterator[int]:
    """Returns every question as an answer with this rcode, but the first ones."""
    bound = socket.socket(type=socket.SOCK_DGRAM)
    bound.bind(("127.0.0.1", 0))
    bound.settimeout(0.2)
    ended = threading.Event()

    def serve() -> None:
        seen = 0
        while not ended.is_set():
            try:
                data, peer = bound.recvfrom(512)
            except TimeoutError:
                continue
            seen += 1
            if seen > drops:
                bound.sendto(data[:2] + bytes((0x84, rcode)) + data[4:], peer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield bound.getsockname()[1]
    finally:
        ended.set()
        thread.join()
        bound.close()


def run(port: int) -> openloop.Client:
    client = openloop.Client(port, slots.pack(ASKED[:1]))
    client.run(0.2, 500)
    client.close()
    return client


def test_the_client_counts_what_comes_back() -> None:
    with server() as port:
        client = run(port)
    assert 0 < client.sent <= 100
    assert client.sent + client.skipped <= 100
    assert len(client.took) == client.sent
    assert client.wrong == 0
    assert all(0 < took < openloop.TIMEOUT for took in client.took)


def test_what_is_lost_is_not_counted_as_answered() -> None:
    with server(drops=5) as port:
        client = run(port)
    assert client.sent - len(client.took) == 5


def test_a_wrong_rcode_is_counted() -> None:
    with server(rcode=2) as port:
        client = run(port)
    assert client.wrong == len(client.took) > 0
