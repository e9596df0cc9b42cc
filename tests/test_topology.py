"""Where a cluster is."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from feddns import names, topology
from feddns.topology import GLOBAL, Cluster, Node, Scope

places = st.builds(
    lambda zone, region: Scope(zone if region else "", region),
    st.sampled_from(["", "z1", "z2"]),
    st.sampled_from(["", "r1", "r2"]),
)


def nodes(*places: str) -> list[Node]:
    """`zone/region` of each node."""
    return [Node(f"n{i}", *place.split("/")) for i, place in enumerate(places)]


@pytest.mark.parametrize(
    ("found", "where"),
    [
        ([], GLOBAL),
        (["/"], GLOBAL),
        (["z1/"], GLOBAL),
        (["/r1"], Scope("", "r1")),
        (["z1/r1"], Scope("z1", "r1")),
        (["z2/r1", "z1/r1"], Scope("z1", "r1")),
        (["z2/r1", "z1/r1", "z2/r1"], Scope("z2", "r1")),
        (["z1/r2", "z1/r1"], Scope("z1", "r1")),
        (["/r2", "/r2", "z1/r1"], Scope("z1", "r1")),
        (["/r2", "/r1"], Scope("", "r1")),
        (["/r2", "/r1", "/r2"], Scope("", "r2")),
        (["/", "/", "z1/", "z9/r9"], Scope("z9", "r9")),
    ],
)
def test_own_location(found: list[str], where: Scope) -> None:
    assert topology.own_location(nodes(*found)) == where
    assert topology.own_location(reversed(nodes(*found))) == where


@pytest.mark.parametrize(
    ("scope", "level", "up", "name"),
    [
        (Scope("z1", "r1"), "zone", Scope("", "r1"), "z1.r1."),
        (Scope("", "r1"), "region", GLOBAL, "r1."),
        (GLOBAL, "global", None, "."),
        (Scope("Z.1", "R1"), "zone", Scope("", "R1"), "z.1.r1."),
    ],
)
def test_rungs(scope: Scope, level: str, up: Scope | None, name: str) -> None:
    assert (scope.level, scope.up(), names.format(scope.labels())) == (level, up, name)


@given(places, places)
def test_a_rung_covers_what_climbs_to_it(rung: Scope, place: Scope) -> None:
    climbed = [place]
    while (wider := climbed[-1].up()) is not None:
        climbed.append(wider)
    assert rung.covers(place) == (rung in climbed)


@pytest.mark.parametrize(
    ("cluster", "scopes"),
    [
        (Cluster("c", ("z1", "z2"), "r1"), (Scope("z1", "r1"), Scope("z2", "r1"))),
        (Cluster("c", (), "r1"), (Scope("", "r1"),)),
        (Cluster("c", ("z1",), ""), (GLOBAL,)),
        (Cluster("c", (), ""), (GLOBAL,)),
    ],
)
def test_scopes_of_a_cluster(cluster: Cluster, scopes: tuple[Scope, ...]) -> None:
    assert cluster.scopes() == scopes


@pytest.mark.parametrize(
    ("value", "usable"),
    [("us-east1-b", True), ("a.b", True), ("a_b", True), ("", False), (".", False),
     ("a..b", False), ("a" * 64, False), ("ü", False)],
)  # fmt: skip
def test_usable_labels(value: str, usable: bool) -> None:
    assert topology.is_usable_label(value) is usable
