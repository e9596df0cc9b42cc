"""Snapshots of a federation with one Service, and what is found by its names, inside and outside.

The inside answer is the DNS server's; who follows the public zone asks for one record set after
the other.  Host names of load balancers are known by a table on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping

import hypothesis.strategies as st

from feddns import names
from feddns.events import Put, Synced
from feddns.federations import Federation, Federations
from feddns.providers.recordsets import RecordSet
from feddns.resolver.responder import Responder
from feddns.services import Ingress, PublicName
from feddns.snapshot import Snapshot, View
from feddns.store import Store
from feddns.topology import Cluster, Node
from tests import asking, strategies, world, zonetext

DOMAIN = names.parse("example.com")
PREFIX = [b"web", b"a"]
HOSTS = {
    "lb1.example.net.": {world.ip("203.0.113.1"), world.ip("2001:db8:1::1")},
    "lb2.example.net.": {world.ip("203.0.113.2"), world.ip("203.0.113.3")},
}
"""Host names and their addresses."""

clusters = st.lists(
    st.builds(
        Cluster, st.sampled_from(["c1", "c2", "c3"]),
        st.lists(st.sampled_from(["z1", "z2", "z3"]), unique=True).map(lambda z: tuple(sorted(z))),
        st.sampled_from(["", "r1", "r2"]),
    ),
    unique_by=lambda cluster: cluster.name,
)  # fmt: skip
addresses = st.builds(Ingress, st.sampled_from(strategies.PUBLIC))
hosts = st.builds(Ingress, st.just(b""), st.sampled_from(sorted(map(names.parse, HOSTS))))


def shards_of(ingresses: st.SearchStrategy[Ingress]) -> st.SearchStrategy[list[strategies.Shard]]:
    return st.lists(
        st.builds(
            strategies.Shard, st.sampled_from(["c1", "c2", "c3", "c9"]),
            st.lists(ingresses, max_size=2, unique=True).map(tuple),
        ),
        max_size=4, unique_by=lambda shard: shard.cluster,
    )  # fmt: skip


shards = shards_of(addresses)
shards_with_hosts = shards_of(st.one_of(addresses, hosts))
nodes = st.lists(
    st.builds(Node, st.sampled_from(["n1", "n2"]), st.sampled_from(strategies.ZONES),
              st.sampled_from(strategies.REGIONS)),
    unique_by=lambda node: node.name,
)  # fmt: skip


def snapshot(
    clusters: list[Cluster],
    shards: list[strategies.Shard],
    nodes: list[Node],
    policy: str,
    chosen: tuple[PublicName, ...] = (),
) -> Snapshot:
    known = (Ingress(world.ip("192.0.2.99")),)
    service = strategies.FederatedService(
        b"a", b"web", (), tuple(shards), known, None, policy, names=chosen
    )
    store = Store(Snapshot(view=View()))
    federations = Federations((Federation(b"fed", DOMAIN),))
    store.commit([*map(Put, [federations, service, *clusters, *nodes]), Synced()])
    return store.current


def answered(made: Snapshot, name: str, form: str) -> set[bytes]:
    """The addresses, of both families, that the server answers and its clients find behind it."""
    responder = Responder(asking.settings(answer_form=form), Store(made), 1)
    found: set[bytes] = set()
    for kind in ("A", "AAAA"):
        question = asking.query(name, kind).to_wire()
        reply = responder.respond(question, asking.TCP, 0)
        assert reply is not None
        for record in zonetext.read(asking.check(question, reply)).answer:
            if record.type == kind:
                found.add(world.ip(record.rdata))
            found |= HOSTS.get(record.rdata, set())
    return found


def followed(zone: Mapping[tuple[str, str], RecordSet], name: str) -> set[bytes]:
    """The addresses that a client of the public zone finds from `name` on."""
    for _ in range(10):
        if name in HOSTS:
            return HOSTS[name]
        if alias := zone.get((name, "ALIAS")):
            assert not {(name, type) for type in ("A", "AAAA", "CNAME")} & set(zone)
            return HOSTS[alias.values[0]]
        if (cname := zone.get((name, "CNAME"))) is None:
            break
        assert not {(name, type) for type in ("A", "AAAA")} & set(zone)
        (name,) = cname.values
    else:
        raise AssertionError(f"{name}: a loop of aliases")
    sets = [zone[name, type] for type in ("A", "AAAA") if (name, type) in zone]
    return {world.ip(value) for found in sets for value in found.values}
