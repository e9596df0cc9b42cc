"""Health of members, their places and addresses, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from controllers import clusters
from controllers.clusters import Health, Places, Policy, Probe, Result

GOOD = Probe(Result.GOOD, "/healthz responded with ok")
ODD = Probe(Result.ODD, "/healthz responded with 500")
LOST = Probe(Result.LOST, "cluster is not reachable: no answer")
REFUSED = Probe(Result.REFUSED, "401")
POLICY = Policy(misses=3, hits=2)
_BY_LETTER = {"g": GOOD, "o": ODD, "l": LOST, "r": REFUSED}


def after(probes: str, health: Health = Health(), policy: Policy = POLICY) -> Health:  # noqa: B008
    """The health after probes at 10, 20, … seconds."""
    for number, letter in enumerate(probes, 1):
        health = clusters.judge(health, _BY_LETTER[letter], policy, 10.0 * number)
    return health


@pytest.mark.parametrize(
    ("probes", "result"),
    [
        ("g", Result.GOOD),
        ("l", Result.LOST),
        ("o", Result.ODD),
        ("gll", Result.GOOD),
        ("glll", Result.LOST),
        ("glol", Result.LOST),
        ("glor", Result.REFUSED),
        ("gllgll", Result.GOOD),
        ("lg", Result.LOST),
        ("lgg", Result.GOOD),
        ("lglg", Result.LOST),
        ("lo", Result.ODD),
        ("olg", Result.LOST),
    ],
)
def test_the_table(probes: str, result: Result) -> None:
    assert after(probes).result is result


def test_how_many_it_takes_can_be_set() -> None:
    assert after("gl", policy=Policy(1, 1)).result is Result.LOST
    assert after("glg", policy=Policy(1, 1)).result is Result.GOOD


def test_one_that_is_ready_is_doubted_from_a_miss_to_the_next_good_look() -> None:
    doubted = [probes for probes in ("g", "gl", "gll", "glg", "glll") if after(probes).is_doubted]
    assert doubted == ["gl", "gll"]


def conditions(health: Health) -> dict[str, tuple[str, str, str]]:
    return {
        one["type"]: (one["status"], one["reason"], one["lastTransitionTime"][-6:])
        for one in clusters.conditions(health)
    }


def test_conditions_say_since_when_they_are_what_they_are() -> None:
    assert conditions(Health()) == {}
    assert conditions(after("gg")) == {
        "Ready": ("True", "ClusterReady", "00:10Z"),
        "Offline": ("False", "ClusterReachable", "00:10Z"),
    }
    assert conditions(after("gooo")) == {
        "Ready": ("False", "ClusterNotReady", "00:40Z"),
        "Offline": ("False", "ClusterReachable", "00:10Z"),
    }
    assert conditions(after("goool")) == {
        "Ready": ("False", "ClusterNotReachable", "00:40Z"),
        "Offline": ("True", "ClusterNotReachable", "00:50Z"),
    }


def test_a_status_is_restored() -> None:
    for probes in ("g", "glll", "o", "r"):
        health = after(probes)
        status = clusters.status(health, Places(("a", "b"), "r"), "v1.36.3")
        restored, where, version = clusters.restore(status, 99.0)
        assert clusters.conditions(restored) == clusters.conditions(health)
        assert (where, version) == (Places(("a", "b"), "r"), "v1.36.3")
    assert after(
        "ll", clusters.restore(clusters.status(after("g"), Places(), ""), 99.0)[0]
    ).is_ready
    foreign = {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "X"}]}
    unknown = Health(ready_since=99.0, offline_since=99.0)
    assert clusters.restore(foreign, 99.0) == (unknown, Places(), "")


def test_a_status_is_written_when_it_says_something_new() -> None:
    first = clusters.status(after("g"), Places(), "")
    later = clusters.status(after("ggg"), Places(), "")
    assert first != later
    assert not clusters.is_news(first, later, 30.0)
    assert clusters.is_news(first, later, 10.0 + clusters.PROBED_AT_LEAST)
    assert clusters.is_news(first, clusters.status(after("ggg"), Places(("a",)), ""), 30.0)
    assert clusters.is_news(first, clusters.status(after("glll"), Places(), ""), 30.0)
    assert clusters.is_news({}, first, 10.0)


def test_an_event_for_each_change() -> None:
    assert clusters.event(Health(), after("g")) == ("Normal", "ClusterReady", GOOD.message)
    assert clusters.event(after("g"), after("gl")) is None
    lost = clusters.event(after("gll"), after("glll"))
    assert lost == ("Warning", "ClusterNotReachable", LOST.message)


# --- places --------------------------------------------------------------------------------------


def node(zone: str, region: str, *, old: bool = False) -> dict[str, str]:
    prefix = "failure-domain.beta.kubernetes.io/" if old else "topology.kubernetes.io/"
    return {prefix + "zone": zone, prefix + "region": region}


def test_zones_and_region_of_the_nodes() -> None:
    nodes = [node("b", "r"), node("a", "r", old=True), node("b", "q"), {}]
    assert clusters.places(nodes, Places()) == Places(("a", "b"), "r")
    both = node("new", "r") | node("old", "q", old=True)
    assert clusters.places([both], Places()) == Places(("new",), "r")
    assert clusters.places([node("a", "y"), node("a", "x")], Places()).region == "x"


def test_with_no_node_they_are_remembered() -> None:
    before = Places(("a",), "r")
    assert clusters.places([], before) == before
    assert clusters.places([{}], before) == Places()


# --- addresses -----------------------------------------------------------------------------------


def address(*items: tuple[str, str], own: tuple[str, ...] = ("192.0.2.7", "2001:db8::7")) -> str:
    spec: dict[str, Any] = {
        "serverAddressByClientCIDRs": [
            {"clientCIDR": cidr, "serverAddress": server} for cidr, server in items
        ]
    }
    return clusters.address(spec, lambda: own)


@pytest.mark.parametrize(
    ("items", "server"),
    [
        ([("0.0.0.0/0", "a"), ("192.0.2.0/24", "b"), ("192.0.0.0/8", "c")], "https://b"),
        ([("198.51.100.0/24", "b"), ("0.0.0.0/0", "a")], "https://a"),
        ([("0.0.0.0/0", "a"), ("0.0.0.0/0", "b")], "https://a"),
        ([("2001:db8::/32", "[2001:db8::1]:6443")], "https://[2001:db8::1]:6443"),
        ([("::/0", "2001:db8::1")], "https://[2001:db8::1]"),
        ([("", "a")], "https://a"),
        ([("", "a"), ("0.0.0.0/0", "b")], "https://b"),
        ([("0.0.0.0/0", "http://a:8080/x")], "http://a:8080/x"),
        ([("198.51.100.0/24", "a")], ""),
        ([("no range", "a")], ""),
        ([], ""),
    ],
)
def test_the_longest_range_that_holds_the_client(items: list[tuple[str, str]], server: str) -> None:
    assert address(*items) == server
