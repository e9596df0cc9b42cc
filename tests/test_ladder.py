"""The ladder, and the property that holds its two sides together: the inside view is the outside
view.  Who follows the public zone, from the name where the inside answer begins, finds the
addresses that the inside answer has; and so from each other name of the zone."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from feddns import ladder, names
from feddns.providers import desired
from feddns.providers.desired import Host, Naming, Wanted
from feddns.snapshot import Snapshot, View
from feddns.store import Store
from feddns.topology import GLOBAL, Scope
from tests import laddering, world
from tests.laddering import (
    DOMAIN,
    HOSTS,
    PREFIX,
    answered,
    clusters,
    followed,
    nodes,
    shards,
    shards_with_hosts,
    snapshot,
)

RESOLVED = {names.parse(name): Host(tuple(found), 60) for name, found in HOSTS.items()}


def public_zone(made: Snapshot, has_alias: bool) -> dict[tuple[str, str], Wanted]:
    """The record sets of the public zone."""
    assert made.view is not None
    service = made.view.services[b"a", b"web"]
    naming = Naming(b"fed", DOMAIN, DOMAIN, has_alias=has_alias)
    found = desired.wanted(made.view, service, naming, RESOLVED)
    zone = {wish.record.key: wish for wish in found}
    assert len(zone) == len(found)
    return zone


def rung_names(made: Snapshot) -> list[str]:
    assert made.view is not None
    scopes = made.view.scopes.values()
    return [names.format(ladder.owner(PREFIX, b"fed", scope, DOMAIN)) for scope in scopes]


@given(clusters, shards, nodes, st.sampled_from(["none", "all"]), st.booleans())
def test_inside_is_outside(
    clusters: list, shards: list, nodes: list, policy: str, has_alias: bool
) -> None:
    made = snapshot(clusters, shards, nodes, policy)
    assert made.view is not None
    zone = {key: wish.record for key, wish in public_zone(made, has_alias).items()}
    start = ladder.start(made.view, made.location)
    first = names.format(ladder.owner(PREFIX, b"fed", start, DOMAIN))
    outside = followed(zone, first)
    for form in ("chain", "flattened"):
        assert answered(made, "web.a.fed.svc", form) == outside
    for name in rung_names(made):
        assert answered(made, name, "chain") == followed(zone, name)
    assert {name for name, _ in zone} <= set(rung_names(made))


@given(clusters, shards_with_hosts, nodes, st.sampled_from(["none", "all"]), st.booleans())
def test_inside_is_outside_with_host_names(
    clusters: list, shards: list, nodes: list, policy: str, has_alias: bool
) -> None:
    """Inside, a rung's addresses are its own, or the first host name's; outside all of both."""
    made = snapshot(clusters, shards, nodes, policy)
    assert made.view is not None
    service = made.view.services[b"a", b"web"]
    zone = {key: wish.record for key, wish in public_zone(made, has_alias).items()}
    for scope in made.view.scopes.values():
        name = names.format(ladder.owner(PREFIX, b"fed", scope, DOMAIN))
        inside, outside = answered(made, name, "chain"), followed(zone, name)
        last = ladder.climb(made.view, service, scope, "none")[-1]
        behind = [HOSTS[names.format(i.hostname)] for i in last.ingresses if i.hostname]
        assert outside == {i.address for i in last.ingresses if i.address}.union(*behind)
        assert inside <= outside <= inside.union(*behind)
        assert bool(inside) == bool(outside)


@given(clusters, shards_with_hosts, st.sampled_from(["none", "all"]))
def test_each_record_set_has_its_provenance(clusters: list, shards: list, policy: str) -> None:
    """The clusters of an address are those whose healthy shard has it."""
    made = snapshot(clusters, shards, [], policy)
    at = {shard.cluster: shard.ingresses for shard in shards}
    for record, mark in public_zone(made, False).values():
        assert mark.resource == "service/a/web"
        assert mark.service == "a/web"
        assert list(mark.clusters) == sorted(set(mark.clusters))
        assert set(mark.clusters) <= {cluster.name for cluster in clusters}
        if record.type in ("A", "AAAA") and mark.clusters:
            known = {i.address for name in mark.clusters for i in at[name] if i.address}
            hosts = [i.hostname for name in mark.clusters for i in at[name] if i.hostname]
            known = known.union(*(RESOLVED[host].addresses for host in hosts))
            assert set(map(world.ip, record.values)) <= known


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


@given(clusters, shards, st.sampled_from(["", "r1", "z1.r1", "z2.r2"]))
def test_a_chosen_name_is_its_rung(clusters: list, shards: list, rung: str) -> None:
    chosen = laddering.PublicName(names.parse("eu.web.example.com"), names.parse(rung))
    made = snapshot(clusters, shards, [], "none", (chosen,))
    assert made.view is not None
    zone = {key: wish.record for key, wish in public_zone(made, False).items()}
    found = followed(zone, "eu.web.example.com.")
    scope = made.view.scopes.get(chosen.rung)
    assert (("eu.web.example.com.", "CNAME") in zone) == (scope is not None)
    if scope is not None:
        name = names.format(ladder.owner(PREFIX, b"fed", scope, DOMAIN))
        assert found == followed(zone, name) == answered(made, name, "chain")


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
