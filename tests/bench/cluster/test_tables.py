"""The second table: its rows, its targets, and the two markers of the README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import report, targets
from bench.cluster import follow, footprint, forward, pieces, restart, storm
from bench.results import Results
from bench.servers import SERVERS

README = Path(report.__file__).with_name("README.md")
WORKS = {
    follow.P50, follow.P99, *storm.WORKS, footprint.SLOPE, footprint.TWO, footprint.SLOPE_TWO,
    footprint.RELIST, restart.COLD, restart.WARM, forward.CACHED, forward.NEW,
    *(f"footprint-{size}" for quick in (True, False) for size in footprint.sizes(quick)),
}  # fmt: skip


def results(**ours: float) -> Results:
    """A run in which feddns has these numbers, and each peer 10."""
    found = Results(servers=["feddns", "knot", "coredns", "coredns-cache"])
    for work, value in ours.items():
        work = work.replace("_", "-")
        found.cell(work, "feddns").values[0] = value
        for peer in found.servers[1:]:
            found.cell(work, peer).values[0] = 10.0
    return found


def test_each_work_has_a_row() -> None:
    assert set(report.CLUSTER.titles) == WORKS


def test_each_target_is_of_a_row_that_there_is() -> None:
    sections = report.MAIN, report.CLUSTER, report.API, report.ZONE, report.FEDERATION
    rows = {row for section in sections for row in section.titles}
    assert targets.TARGETS.keys() <= rows
    peers = {bound.peer for pair in targets.TARGETS.values() for side in pair for bound in side}
    assert peers <= {None, *SERVERS}


def test_each_piece_is_in_the_readme() -> None:
    text = README.read_text()
    assert [key for key in pieces.KEYS if f"| `{key}` |" not in text] == []


@pytest.mark.parametrize(
    ("ours", "missed"),
    [
        ({"follow_50": 3.0, "follow_99": 20.0}, []),
        ({"follow_50": 3.1, "follow_99": 21.0}, ["follow-50", "follow-99"]),
        ({"storm": 3.0, "storm_lost": 0.0, "storm_change": 100.0}, []),
        ({"storm": 3.1}, ["storm"]),
        ({"storm_lost": 0.01}, ["storm-lost"]),
        ({"storm_change": 101.0}, ["storm-change"]),
        ({"footprint_20000": 10.1, "footprint_slope": 2.7}, ["footprint-20000"]),
        ({"relist": 26.0, "restart_cold": 9.9, "restart_warm": 1001.0}, ["relist", "restart-warm"]),
        ({"forward_cached": 3.1, "forward_new": 20.0}, ["forward-cached"]),
    ],
)
def test_what_must_hold(ours: dict[str, float], missed: list[str]) -> None:
    assert targets.missed(results(**ours)) == missed


def test_a_number_that_was_refused_is_missed() -> None:
    found = results(storm=1.0)
    found.refuse("storm", "feddns", "changes missing", "api-4.default A")
    assert targets.missed(found) == ["storm"]
    text = report.render(report.CLUSTER, found, {}, "How.")
    assert "changes missing" in text
    assert "feddns, storm: api-4.default A" in text


def test_the_slope_is_between_the_ends() -> None:
    assert footprint.slope({2_500: 70.0, 20_000: 500.0, 60_000: 185.0}) == 2.0


def test_only_servers_that_were_measured_have_a_column() -> None:
    found = Results(servers=["feddns", "nsd", "coredns"])
    found.cell("follow-50", "feddns").values[0] = 1.25
    found.cell("follow-50", "coredns").values[0] = 0.72
    text = report.render(report.CLUSTER, found, {}, "How.")
    assert re.search(r"on a real kube-apiserver +\| feddns \| coredns \|", text)
    assert re.search(r"\| 1.2 +\| 0.72 +\|", text)


def test_each_text_is_put_between_its_own_markers(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    blank = "\n".join(f"{one.begin}\nold\n{one.end}" for one in (report.MAIN, report.CLUSTER))
    file.write_text(f"# head\n{blank}\ntail\n")
    report.put({report.CLUSTER: "new\n"}, file)
    text = file.read_text()
    assert f"{report.MAIN.begin}\nold\n{report.MAIN.end}" in text
    assert f"{report.CLUSTER.begin}\n\nnew\n\n{report.CLUSTER.end}\ntail\n" in text
    report.put({report.CLUSTER: "new\n"}, file)  # the same again
    assert file.read_text() == text


def test_a_file_without_markers_is_written_whole(tmp_path: Path) -> None:
    file = tmp_path / "table.md"
    report.put({report.MAIN: "one\n", report.CLUSTER: "two\n"}, file)
    assert file.read_text() == "one\n\ntwo\n"
