"""A ready answer is never stale: it says what a server that has just started would say.

One responder lives through events and questions of every kind; for each question a new one is made
over the same snapshot.  Addresses rotate, so the octets of a reply are compared without an order.
"""

from __future__ import annotations

from collections.abc import Iterable

import hypothesis.strategies as st
import msgspec
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from feddns import feed
from feddns.config import Settings
from feddns.events import Gone, Put, Stale, Synced
from feddns.resolver.responder import Responder
from feddns.services import Service
from feddns.snapshot import EVERYTHING, Snapshot, View
from feddns.store import Store
from tests import asking, strategies, zonetext
from tests.asking import Server

SETTINGS = st.fixed_dictionaries(
    {"pods": st.sampled_from(["verified", "verified", "insecure"])},
    optional={
        "answer_form": st.sampled_from(["chain", "flattened"]),
        "when_none_healthy": st.sampled_from(["none", "all"]),
        "ignore_empty_services": st.booleans(),
        "endpoint_pod_names": st.booleans(),
        "namespaces": st.sampled_from([["a"], ["fed"]]),
    },
)
EMPTY = Snapshot(view=View())


class CachedIsFresh(RuleBasedStateMachine):
    """See the module's docstring."""

    settings: Settings
    responder: Responder
    store: Store

    @initialize(given=SETTINGS)
    def start(self, given: dict[str, object]) -> None:
        self.settings = asking.settings(reverse_zone=["10.0.0.0/8", "fd00::/8"], **given)
        self.store = Store(EMPTY)
        self.store.commit([Synced()])
        self.responder = Responder(self.settings, self.store, zonetext.SERIAL)
        self.builder = feed.Builder(self.store, EMPTY)
        self.steps = 0

    @rule(events=st.lists(strategies.events, min_size=1, max_size=3), by_feed=st.booleans())
    def change(self, events: list, by_feed: bool) -> None:
        self.steps += 1
        if by_feed:
            self.feed(feed.frames(events, reset=False, commit=True))
        else:
            self.store.commit(events)

    @precondition(lambda self: self.steps % 5 == 4)
    @rule(events=st.lists(strategies.events, max_size=6))
    def begin_anew(self, events: list) -> None:
        self.steps += 1
        self.feed(feed.frames([*events, Synced()], reset=True, commit=True))

    @precondition(lambda self: self.steps % 5 == 2)
    @rule(stale=st.booleans())
    def go_stale(self, stale: bool) -> None:
        self.steps += 1
        self.store.commit([Stale(1.0 if stale else 0.0)])

    def feed(self, frames: Iterable[bytes]) -> None:
        splitter = feed.Splitter()
        for frame in frames:
            splitter.feed(frame)
        while (step := splitter.take()) is not None:
            self.builder.apply(step)

    @invariant()
    def every_answer_is_as_fresh_as_can_be(self) -> None:
        if not hasattr(self, "responder"):
            return
        fresh = self.fresh()
        for message, tcp in MESSAGES:
            assert said(self.responder, message, tcp) == said(fresh, message, tcp)

    def fresh(self) -> Responder:
        """A server that has just started on the same snapshot."""
        return Responder(self.settings, Store(self.store.current), zonetext.SERIAL)


MESSAGES = [
    (asking.query(name, kind, payload=None if index % 3 else 1232).to_wire(), index % 7 == 0)
    for index, (name, kind) in enumerate(strategies.QUESTIONS)
]
# Each as often as it takes to be let into the cache, and to be taken from it.
MESSAGES = [(message, tcp) for message, tcp in MESSAGES for _ in range(2)]


def said(responder: Responder, message: bytes, tcp: bool) -> bytes:
    """The reply's octets in some order: addresses rotate, all else stays where it is."""
    reply = responder.respond(message, asking.TCP if tcp else asking.UDP, 0)
    assert reply is not None
    return bytes(sorted(reply))


TestCachedIsFresh = CachedIsFresh.TestCase
TestCachedIsFresh.settings = settings(max_examples=settings().max_examples)


OF_WEB = [(text, tcp) for text, tcp in MESSAGES[::2] if b"\3web" in text or b"arpa" in text]
changes = st.lists(st.builds(Put, strategies.its_slices), min_size=4)


@given(strategies.one_service, changes, SETTINGS)
def test_slices_of_one_service_that_change(service: Service, changes: list, given: dict) -> None:
    """The answers that stay when a slice changes are the answers that there are afterwards."""
    text = "namespace a\nslice a/ready of web 10.0.0.9\nfederations fed=example.com\nsynced"
    server = Server(text, reverse_zone=["10.0.0.0/8", "fd00::/8"], **given)
    for event in [Put(service), *changes, Gone(changes[-1].object)]:
        server.store.commit([event])
        fresh = Responder(server.settings, Store(server.store.current), zonetext.SERIAL)
        for message, tcp in OF_WEB:
            assert said(server.responder, message, tcp) == said(fresh, message, tcp)


def kept(server: Server, *questions: tuple[str, str]) -> list[bool]:
    """Which of the questions have a ready answer; all have one from now on."""
    found = []
    for name, kind in questions:
        message = asking.query(name, kind).to_wire()
        found.append(message[2:] in server.responder.udp.ready)
        for _ in range(2):
            server.responder.respond(message, asking.UDP, 0)
    return found


def test_slices_of_a_service_with_an_address_of_its_own_drop_nothing_else() -> None:
    server = Server("service a/web 10.96.0.1 http:80/tcp\nslice a/s of web 10.244.0.1\nsynced")
    own = [("web.a.svc", "A"), ("web.a.svc", "AAAA"), ("_http._tcp.web.a.svc", "SRV"),
           ("10-244-0-2.web.a.svc", "A")]  # fmt: skip
    assert not any(kept(server, *own))
    server.happen("slice a/s of web 10.244.0.2")
    assert kept(server, *own) == [True, True, True, False]
    server.happen("slice a/s of web 10.244.0.3!unready")
    assert kept(server, *own) == [False] * 4


def test_slices_of_one_family_leave_the_other_alone() -> None:
    server = Server("service a/web headless\nslice a/s of web 10.244.0.1 http:80/tcp\nsynced")
    own = [("web.a.svc", "A"), ("web.a.svc", "AAAA"), ("_http._tcp.web.a.svc", "SRV")]
    assert not any(kept(server, *own))
    server.happen("slice a/s of web 10.244.0.2 http:80/tcp")
    assert kept(server, *own) == [False, True, False]
    server.happen("slice a/t of web fd00::2")
    assert kept(server, *own) == [True, False, False]
    server.happen("slice a/t of web fd00::2 https:443/tcp")
    assert kept(server, *own) == [False, False, False]


def test_a_service_that_comes_after_its_endpoints_names_their_addresses() -> None:
    server = Server("slice default/db-a of db 10.244.0.1\nsynced")
    server.expect("1.0.244.10.in-addr.arpa.", "PTR", "NXDOMAIN")
    server.happen("service default/db headless")
    server.expect("1.0.244.10.in-addr.arpa.", "PTR",
                  "1.0.244.10.in-addr.arpa. PTR 10-244-0-1.db.default.svc")  # fmt: skip


def test_a_service_that_publishes_what_is_not_ready_from_now_on() -> None:
    server = Server("""
        service default/db headless
        slice default/db-a of db 10.244.0.1!unready
        synced""")
    server.expect("1.0.244.10.in-addr.arpa.", "PTR", "NXDOMAIN")
    server.happen("service default/db headless publish-not-ready")
    server.expect("1.0.244.10.in-addr.arpa.", "PTR",
                  "1.0.244.10.in-addr.arpa. PTR 10-244-0-1.db.default.svc")  # fmt: skip


def test_a_pod_that_moves_to_another_address() -> None:
    server = Server("namespace default\npod default/p 10.244.0.1\nsynced", pods="verified")
    server.expect("10-244-0-1.default.pod", "A", "10-244-0-1.default.pod A 10.244.0.1")
    server.expect("10-244-0-2.default.pod", "A", "NXDOMAIN")
    server.happen("pod default/p 10.244.0.2")
    server.expect("10-244-0-1.default.pod", "A", "NXDOMAIN")
    server.expect("10-244-0-2.default.pod", "A", "10-244-0-2.default.pod A 10.244.0.2")


def test_denials_in_short_form_are_fresh_too() -> None:
    server = Server("service default/a 10.96.0.1\nsynced")
    for name in ("one", "two", "three"):
        server.expect(f"{name}.default.svc", "A", "NXDOMAIN")
    known = server.store.current
    server.store.swap(msgspec.structs.replace(known, synced=False), {EVERYTHING})
    assert server.said("four.default.svc").rcode == "SERVFAIL"
    server.store.swap(known, {EVERYTHING})
    server.happen("service default/three 10.96.0.3\nslice default/four-a of four 10.244.0.4")
    server.expect("three.default.svc", "A", "three.default.svc A 10.96.0.3")
    server.expect("four.default.svc", "A", "NXDOMAIN")
    server.happen("federations default=example.com")
    server.expect("two.default.svc", "A", "NODATA")
    server.happen("delete federations default=example.com\ndelete service default/a")
    server.expect("two.default.svc", "A", "NXDOMAIN")
