"""The three tables of the judge as its docstring prints them, and what holds for any of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddns.healthwatch import judge
from feddns.healthwatch.judge import Fate, Lost, Standing

VERDICTS = [
    ("reached", 1, True, "healthy"),
    ("reached", 1, None, "healthy"),
    ("reached", 1, False, "unhealthy"),
    ("reached", 0, True, "unhealthy"),
    ("reached", 0, None, "unhealthy"),
    ("reached", 0, False, "unhealthy"),
    ("reached", None, True, "unknown"),
    ("reached", None, None, "unknown"),
    ("reached", None, False, "unknown"),
    ("lost", 0, True, "unhealthy"),
    ("lost", 0, None, "unhealthy"),
    ("lost", 1, True, "healthy"),
    ("lost", 1, False, "unhealthy"),
    ("lost", 1, None, "unknown"),
    ("lost", None, True, "healthy"),
    ("lost", None, False, "unhealthy"),
    ("lost", None, None, "unknown"),
]


@pytest.mark.parametrize(("control", "ready", "alive", "expected"), VERDICTS)
def test_verdicts(control: str, ready: int | None, alive: bool | None, expected: str) -> None:
    assert judge.verdict(control == "reached", ready, alive) == expected


def test_the_docstring_prints_this_table() -> None:
    """Each row of the first table, expanded, is what the function says."""
    text = (judge.__doc__ or "").partition("control plane")[2].partition("\n\n")[0]
    rows = re.findall(r"(?m)^    (reached|lost) +(.+?)  +(\w+) +(\w+)$", text)
    assert len(rows) == 9
    ready = {"some ready": [2], "none ready": [0], "not read yet": [None], "any other": [2, None]}
    alive = {"alive": [True], "dead": [False], "untried": [None], "any": [True, False, None]}
    for control, endpoints, probe, expected in rows:
        for count in ready[endpoints]:
            for standing in alive[probe]:
                assert judge.verdict(control == "reached", count, standing) == expected


STORIES = [  # outcomes (+ passed, - failed) with rise 2 and fall 3, and the standing after each
    ("+", "A"),
    ("-", "?"),
    ("--", "??"),
    ("---", "??D"),
    ("--+", "??A"),
    ("+--+---", "AAAAAAD"),
    ("---+", "??DD"),
    ("---++", "??DDA"),
    ("---+-++", "??DDDDA"),
]


@pytest.mark.parametrize(("outcomes", "expected"), STORIES)
def test_standings(outcomes: str, expected: str) -> None:
    standing, seen = Standing(), ""
    for outcome in outcomes:
        standing = judge.probed(standing, outcome == "+", rise=2, fall=3)
        seen += {None: "?", True: "A", False: "D"}[standing.alive]
    assert seen == expected


FATES = [
    # verdict, lost for, others good, others reached
    (Lost("unknown", 1e9, False, False), Fate(True)),
    (Lost("unhealthy", 1e9, False, False), Fate(True)),
    (Lost("healthy", 1e9, True, True), Fate(True)),
    (Lost("healthy", 1e9, False, True), Fate(True)),
    (Lost("unhealthy", 0, True, True), Fate(False)),
    (Lost("unhealthy", 0, False, True), Fate(True, 40)),
    (Lost("unhealthy", 40, False, True), Fate(False)),
    (Lost("unknown", 0, True, True), Fate(True, 40)),
    (Lost("unknown", 39.5, True, True), Fate(True, 0.5)),
    (Lost("unknown", 40, True, True), Fate(False)),
    (Lost("unknown", 40, False, True), Fate(False)),
]


@pytest.mark.parametrize(("lost", "expected"), FATES)
def test_fates(lost: Lost, expected: Fate) -> None:
    assert judge.fate(lost) == expected


@given(st.lists(st.booleans()), st.integers(1, 4), st.integers(1, 4))
def test_a_standing_changes_only_with_enough_outcomes_in_a_row(
    outcomes: list[bool], rise: int, fall: int
) -> None:
    standing = Standing()
    for index, passed in enumerate(outcomes):
        before, standing = standing, judge.probed(standing, passed, rise, fall)
        if before.alive is not None and standing.alive != before.alive:
            needed = rise if standing.alive else fall
            assert outcomes[max(0, index + 1 - needed) : index + 1] == [standing.alive] * needed


@given(
    st.sampled_from(["healthy", "unhealthy", "unknown"]), st.booleans(), st.booleans(),
    st.floats(0, 100), st.floats(0, 100), st.floats(0, 60),
)  # fmt: skip
def test_once_emptied_an_entry_does_not_come_back_by_waiting(
    verdict: str, good: bool, reached: bool, early: float, late: float, grace: float
) -> None:
    early, late = sorted((early, late))
    first = judge.fate(Lost(verdict, early, good, reached), grace)
    later = judge.fate(Lost(verdict, late, good, reached), grace)
    assert first.stays or not later.stays
    if first.again is not None:
        assert not judge.fate(Lost(verdict, early + first.again + 1e-6, good, reached), grace).stays
