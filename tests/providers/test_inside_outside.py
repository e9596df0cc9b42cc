"""Inside is outside, through a real server: what a member's DNS server answers from a snapshot is
what Knot answers from the public zone that the same snapshot made of it, by DNS UPDATE.

The zone is not emptied between two snapshots: each is reached from the one before, by the changes
that a pass plans, so addresses and aliases take turns at every name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from feddns import ladder, names
from feddns.providers import desired, ownership, plan, rfc2136
from feddns.providers.base import Provider
from feddns.providers.desired import Wanted
from feddns.providers.recordsets import RecordSet
from feddns.resolver.responder import Responder
from feddns.snapshot import Snapshot
from feddns.store import Store
from tests import asking, laddering, world, zonetext
from tests.laddering import DOMAIN, PREFIX, clusters, nodes, shards
from tests.providers.backends import ZONE
from tests.providers.nameservers import Knot

REGISTRY = ownership.registry("feddns-fed")
TERMS = plan.Terms(ZONE, REGISTRY)
PROOF = (plan.Source("services", "1"),)
NAMING = desired.naming("fed", ZONE)

pytestmark = pytest.mark.tool("knotd")


@pytest.fixture(scope="module")
def knot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Knot]:
    server = Knot(tmp_path_factory.mktemp("knot"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def provider(knot: Knot) -> Iterator[Provider]:
    made = rfc2136.Settings(
        zone=ZONE, servers=(f"{knot.address}:{knot.port}",), key_file=str(knot.key_file)
    )
    with contextlib.closing(rfc2136.open(made)) as provider:
        yield provider


@given(clusters, shards, nodes, st.sampled_from(["none", "all"]))
@settings(max_examples=40, deadline=None)
def test_inside_is_outside(
    knot: Knot, provider: Provider, clusters: list, shards: list, nodes: list, policy: str
) -> None:
    made = laddering.snapshot(clusters, shards, nodes, policy)
    zone = keep(provider, made)
    assert {record for record in knot.hands.content() if record.type != "TXT"} == zone
    assert made.view is not None
    server = Responder(asking.settings(), Store(made), 1)
    for scope in made.view.scopes.values():
        name = names.format(ladder.owner(PREFIX, b"fed", scope, DOMAIN))
        for kind in ("A", "AAAA"):
            assert outside(knot, name, kind) == inside(server, name, kind), f"{name} {kind}"
    first = names.format(
        ladder.owner(PREFIX, b"fed", ladder.start(made.view, made.location), DOMAIN)
    )
    found = {
        world.ip(rdata)
        for kind in ("A", "AAAA")
        for _, type, rdata in outside(knot, first, kind)
        if type == kind
    }
    for form in ("chain", "flattened"):
        assert laddering.answered(made, "web.a.fed.svc", form) == found


def keep(provider: Provider, made: Snapshot) -> set[RecordSet]:
    """One pass: read, plan, change.  What the zone should hold without claims."""
    assert made.view is not None
    wanted: dict[str, list[Wanted]] = {}
    for wish in desired.wanted(made.view, made.view.services[b"a", b"web"], NAMING, {}):
        wanted.setdefault(wish.record.name, []).append(wish)
    holdings = ownership.divide((one for page in provider.list() for one in page), REGISTRY)
    everything = sorted(plan.everything(holdings, wanted))
    found = plan.make(holdings, wanted, everything, TERMS, PROOF)
    assert not found.held
    provider.apply(found.changes)
    return {wish.record for wishes in wanted.values() for wish in wishes}


Found = frozenset[tuple[str, str, str]]


def outside(knot: Knot, name: str, kind: str) -> Found:
    """The whole answer of Knot, aliases and all."""
    return said(zonetext.read(knot.hands.ask(name, kind)))


def inside(server: Responder, name: str, kind: str) -> Found:
    question = asking.query(name, kind).to_wire()
    reply = server.respond(question, asking.TCP, 0)
    assert reply is not None
    return said(zonetext.read(asking.check(question, reply)))


def said(reply: zonetext.Said) -> Found:
    return frozenset((one.owner, one.type, one.rdata) for one in reply.answer)
