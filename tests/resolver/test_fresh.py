"""A ready answer is never stale: it says what a server that has just started would say.

One responder lives through events and questions of every kind; for each question a new one is made
over the same snapshot.  Addresses rotate, so the octets of a reply are compared without an order.
"""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from feddns import feed
from feddns.config import Settings
from feddns.events import Synced
from feddns.resolver.responder import Responder
from feddns.snapshot import Snapshot, View
from feddns.store import Store
from tests import asking, strategies, zonetext

SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "pods": st.sampled_from(["disabled", "insecure", "verified"]),
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

    @rule(events=st.lists(strategies.events, min_size=1, max_size=3))
    def change(self, events: list) -> None:
        self.store.commit(events)

    @rule(events=st.lists(strategies.events, min_size=1, max_size=3))
    def change_by_feed(self, events: list) -> None:
        splitter = feed.Splitter()
        for frame in feed.frames(events, whole=False):
            splitter.feed(frame)
        while (step := splitter.take()) is not None:
            self.builder.apply(step)

    @rule(events=st.lists(strategies.events, max_size=4))
    def begin_anew(self, events: list) -> None:
        splitter = feed.Splitter()
        for frame in feed.frames([*events, Synced()], whole=True):
            splitter.feed(frame)
        while (step := splitter.take()) is not None:
            self.builder.apply(step)

    @rule(stale=st.booleans())
    def go_stale(self, stale: bool) -> None:
        self.responder.mark_stale(stale)

    @invariant()
    def every_answer_is_as_fresh_as_can_be(self) -> None:
        if not hasattr(self, "responder"):
            return
        fresh = self.fresh()
        for message, tcp in MESSAGES:
            assert said(self.responder, message, tcp) == said(fresh, message, tcp)

    def fresh(self) -> Responder:
        """A server that has just started on the same snapshot."""
        fresh = Responder(self.settings, Store(self.store.current), zonetext.SERIAL)
        fresh.mark_stale(self.responder.stale)
        return fresh


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
