"""The measurements of a public zone, on small ones."""

from __future__ import annotations

import pytest

from bench import report, targets
from bench.publiczone import contest, federation
from bench.results import Results


def test_calls_are_counted_and_time_is_taken() -> None:
    results = Results(servers=[targets.OURS])
    contest.run(0, results, small=160, big=320)
    found = {work: cell.values[0] for (work, _), cell in results.cells.items()}
    assert found.keys() == report.ZONE_TITLES.keys()
    assert found["zone-rest-calls"] == 0
    assert found["zone-audit-calls"] == 2
    assert found["zone-new-calls"] == 1
    assert found["zone-change-calls"] == 1
    assert found["zone-start-calls"] == 3
    assert 0 < found["zone-change-cpu"] < 2_000
    assert not targets.missed(results)
    assert "a public zone" in report.render(report.ZONE, results, {}, "")


def test_a_service_has_its_ladder() -> None:
    view = federation.view()
    whole = federation.wanted(view, federation.service(7))
    assert len(whole) == federation.EACH
    less = federation.wanted(view, federation.service(7, without=3))
    before, after = ({wish.record for wish in wanted} for wanted in (whole, less))
    assert sorted(record.type for record in after - before) == ["A", "A", "CNAME"]


def test_a_zone_that_is_not_right_gets_no_number() -> None:
    stage = contest.Stage(32)
    stage.want_all()
    stage.look()
    stage.zone.remove(stage.zone.content()[-1].key)
    with pytest.raises(contest.NotRight):
        stage.look()
