"""The table of the federation: its rows, its targets, what the README says; the faulty objects."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bench import report, targets
from bench.federation import deadcluster, event, failover, fanout, objects, pieces
from bench.results import Results
from controllers import copies

README = Path(report.__file__).with_name("README.md")
EITHER = {*failover.WORKS, *deadcluster.WORKS, *fanout.WORKS}
EVENTS = {
    event.GROWTH, event.COPY_GROWTH, event.REST, event.MEMORY,
    *(
        f"{work}-{size}"
        for work in (event.ENDPOINT, event.COPY)
        for quick in (True, False)
        for size in event.sizes(quick)
    ),
}  # fmt: skip


def results(**ours: float) -> Results:
    found = Results(servers=[targets.OURS])
    for work, value in ours.items():
        name = "federation-" + work.replace("_", "-")
        found.cell(name, targets.OURS).values[0] = value
    return found


def test_each_work_has_a_row() -> None:
    real = {f"{work}{pieces.REAL}" for work in EITHER}
    assert set(report.FEDERATION.titles) == EITHER | real | EVENTS


def test_each_piece_is_in_the_readme() -> None:
    text = README.read_text()
    assert [key for key in pieces.KEYS if f"| `{key}` |" not in text] == []
    assert report.FEDERATION.begin in text
    assert report.FEDERATION.end in text


@pytest.mark.parametrize(
    ("ours", "missed"),
    [
        ({"failover_99": 1000.0, "failover_99_real": 1000.0}, []),
        ({"failover_99_real": 1001.0}, ["federation-failover-99-real"]),
        ({"deadcluster": 15.0, "deadcluster_mute": 15.1}, ["federation-deadcluster-mute"]),
        ({"fanout": 61.0, "fanout_rest": 2.0}, ["federation-fanout"]),
        ({"fanout_rest_real": 2.1}, ["federation-fanout-rest-real"]),
        ({"event_growth": 1.3}, ["federation-event-growth"]),
    ],
)
def test_what_must_hold(ours: dict[str, float], missed: list[str]) -> None:
    assert targets.missed(results(**ours)) == missed


def test_as_many_of_each_fault_under_names_of_their_own() -> None:
    made = list(objects.faulty(20))
    assert Counter(fault for fault, _ in made) == dict.fromkeys(objects.FAULTS, 5)
    assert len({one["metadata"]["name"] for _, (_, one) in made}) == 20


def test_what_is_in_the_way_has_the_names_of_those_that_stumble() -> None:
    names = {
        one["metadata"]["name"]
        for fault, (_, one) in objects.faulty(20)
        if fault in ("conflict", "refused")
    }
    there = [one for _, one in objects.in_the_way(20)]
    assert {one["metadata"]["name"] for one in there} == names
    assert not any(copies.owner(one) for one in there)


def test_the_addresses_that_the_annotation_says() -> None:
    said = '{"items":[{"cluster":"eu","items":null},{"cluster":"us","items":[{"ip":"192.0.2.1"}]}]}'
    service = {"metadata": {"annotations": {failover.INGRESSES: said}}}
    assert failover.clusters_of(service) == {"eu": [], "us": ["192.0.2.1"]}
    assert failover.clusters_of({"metadata": {}}) == {}
