"""The ladder, and the property that holds its two sides together: the inside view is the outside
view.  Who follows the public zone that `ladder.rungs` makes, from the name where the inside answer
begins, finds the addresses that the inside answer has."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from feddns import ladder, names
from feddns.events import Put, Synced
from feddns.federations import Federation, Federations
from feddns.ladder import Rung
from feddns.resolver.responder import Responder
from feddns.services import Ingress
from feddns.snapshot import Snapshot, View
from feddns.store import Store
from feddns.topology import GLOBAL, Cluster, Node, Scope
from tests import asking, strategies, world, zonetext

DOMAIN = names.parse("example.com")
PREFIX = [b"web", b"a"]

clusters = st.lists(
    st.builds(
        Cluster, st.sampled_from(["c1", "c2", "c3"]),
        st.lists(st.sampled_from(["z1", "z2", "z3"]), unique=True).map(lambda z: tuple(sorted(z))),
        st.sampled_from(["", "r1", "r2"]),
    ),
    unique_by=lambda cluster: cluster.name,
)  # fmt: skip
shards = st.lists(
    st.builds(
        strategies.Shard, st.sampled_from(["c1", "c2", "c3", "c9"]),
        st.lists(st.builds(Ingress, st.sampled_from(strategies.PUBLIC)), max_size=2).map(tuple),
    ),
    max_size=4, unique_by=lambda shard: shard.cluster,
)  # fmt: skip
nodes = st.lists(
    st.builds(Node, st.sampled_from(["n1", "n2"]), st.sampled_from(strategies.ZONES),
              st.sampled_from(strategies.REGIONS)),
    unique_by=lambda node: node.name,
)  # fmt: skip


def snapshot(clusters: list, shards: list, nodes: list, policy: str) -> Snapshot:
    service = strategies.FederatedService(
        b"a", b"web", (), tuple(shards), (Ingress(world.ip("192.0.2.99")),), None, policy
    )
    store = Store(Snapshot(view=View()))
    federations = Federations((Federation(b"fed", DOMAIN),))
    store.commit([*map(Put, [federations, service, *clusters, *nodes]), Synced()])
    return store.current


def public_zone(made: Snapshot) -> dict[bytes, Rung]:
    """The names of the public zone, as the controllers would write them."""
    assert made.view is not None
    service = made.view.services[b"a", b"web"]
    return {
        ladder.owner(PREFIX, b"fed", rung.scope, DOMAIN): rung
        for rung in ladder.rungs(made.view, service, "none")
    }


def follow(zone: dict[bytes, Rung], name: bytes) -> set[bytes]:
    """The addresses that a client finds that follows the zone's aliases from `name`."""
    while True:
        rung = zone[name]
        wider = rung.scope.up()
        if rung.ingresses or wider is None:
            return {ingress.address for ingress in rung.ingresses}
        name = ladder.owner(PREFIX, b"fed", wider, DOMAIN)


def answered(made: Snapshot, name: str, form: str) -> set[bytes]:
    """The addresses, of both families, that the server answers."""
    responder = Responder(asking.settings(answer_form=form), Store(made), 1)
    found = set()
    for kind in ("A", "AAAA"):
        question = asking.query(name, kind).to_wire()
        reply = responder.respond(question, asking.TCP, 0)
        assert reply is not None
        for record in zonetext.read(asking.check(question, reply)).answer:
            if record.type == kind:
                found.add(world.ip(record.rdata))
    return found


@given(clusters, shards, nodes, st.sampled_from(["none", "all"]))
def test_inside_is_outside(clusters: list, shards: list, nodes: list, policy: str) -> None:
    made = snapshot(clusters, shards, nodes, policy)
    assert made.view is not None
    zone = public_zone(made)
    first = ladder.owner(PREFIX, b"fed", ladder.start(made.view, made.location), DOMAIN)
    outside = follow(zone, first)
    for form in ("chain", "flattened"):
        assert answered(made, "web.a.fed.svc", form) == outside
    for name in zone:
        assert answered(made, names.format(name), "chain") == follow(zone, name)


@given(clusters, shards, nodes)
def test_nearest_is_nearest(clusters: list, shards: list, nodes: list) -> None:
    """Decision 4, said without a ladder: healthy here by zone, else by region, else anywhere."""
    made = snapshot(clusters, shards, nodes, "none")
    known = {cluster.name: cluster for cluster in clusters}
    here = made.location
    zone_is_known = any(
        here.zone in cluster.zones and cluster.region == here.region for cluster in clusters
    )
    healthy = [
        (known[shard.cluster], {ingress.address for ingress in shard.ingresses})
        for shard in shards
        if shard.cluster in known and shard.ingresses
    ]
    circles = [
        lambda cluster: cluster.region == here.region and here.zone in cluster.zones,
        lambda cluster: cluster.region == here.region,
        lambda cluster: True,
    ]
    if not here.region:
        circles = circles[2:]
    elif not zone_is_known:
        circles = circles[1:]
    expected: set[bytes] = set()
    for circle in circles:
        expected = expected or {a for cluster, found in healthy if circle(cluster) for a in found}
    assert answered(made, "web.a.fed.svc", "chain") == expected


def test_climb_stops_at_the_first_rung_with_addresses() -> None:
    made = Store(Snapshot(view=View()))
    made.commit(world.events("""
        cluster c1 zones=z1 region=r1
        cluster c2 zones=z2 region=r1
        federated a/web c1=- c2=198.51.100.1"""))  # fmt: skip
    view = made.current.view
    assert view is not None
    service = view.services[b"a", b"web"]
    climbed = ladder.climb(view, service, Scope("z1", "r1"), "none")
    assert [rung.scope for rung in climbed] == [Scope("z1", "r1"), Scope("", "r1")]
    assert [shard.cluster for shard in climbed[-1].shards] == ["c2"]
    assert [rung.scope for rung in ladder.climb(view, service, GLOBAL, "none")] == [GLOBAL]


def test_start_without_a_view_takes_the_location_at_its_word() -> None:
    assert ladder.start(None, Scope("z9", "r9")) == Scope("z9", "r9")
    assert ladder.start(None, Scope("", "r9")) == Scope("", "r9")
    assert ladder.start(None, Scope("z9", "")) == GLOBAL
    assert ladder.start(View(), Scope("z9", "r9")) == GLOBAL


def test_owner() -> None:
    owner = ladder.owner(PREFIX, b"fed", Scope("z1.x", "R1"), DOMAIN)
    assert names.format(owner) == "web.a.fed.svc.z1.x.r1.example.com."
