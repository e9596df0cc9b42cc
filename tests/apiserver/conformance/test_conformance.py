"""The embedded API and a real kube-apiserver show the same, step by step of the list.

All scenarios that the run has are played at once when the first one is asked for; each is a test.
`versions` is played by the oldest kubectl of the machine too, and by the one before the newest.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import clusters, peers, programs
from tests.apiserver.conformance import comparing, kubectls, servers, steps
from tests.apiserver.conformance.comparing import Games
from tests.apiserver.conformance.differences import DIFFERENCES, Difference
from tests.apiserver.conformance.steps import Scenario

SCENARIOS = {scenario.name: scenario for scenario in steps.scenarios()}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
OLD = "versions"
OLDEST = (1, 29)
_needed: set[Difference] = set()
_played: set[str] = set()


@pytest.fixture(scope="module")
def games(request: pytest.FixtureRequest) -> Iterator[Games]:
    config = request.config
    clusters.require_cluster(config, *servers.REAL_PROGRAMS, "helm")
    if not kubectls.found():
        programs.leave_out(config, "kubectl", f"{peers.BUILD} builds it")
    with servers.real() as real, servers.embedded() as embedded:
        playing = Games([real, embedded])
        for name in _asked(request.session):
            if name == OLD:
                for scenario, kubectl in _older().items():
                    playing.begin(scenario, kubectl)
            playing.begin(SCENARIOS[name], kubectls.newest())
        yield playing
        playing.close()


def _asked(session: pytest.Session) -> list[str]:
    """The scenarios among the tests of this run."""
    return [
        item.callspec.params["name"] for item in session.items
        if isinstance(item, pytest.Function) and item.module.__name__ == __name__
        and hasattr(item, "callspec")
    ]  # fmt: skip


def _older() -> dict[Scenario, Path]:
    versions = [version for version in kubectls.found() if version >= OLDEST][:-1]
    return {
        SCENARIOS[OLD]._replace(name=f"{OLD}-{minor}"): kubectls.found()[major, minor]
        for major, minor in {*versions[:1], *versions[-1:]}
    }


@pytest.mark.parametrize("name", SCENARIOS)
def test_both_show_the_same(games: Games, name: str, pytestconfig: pytest.Config) -> None:
    found = comparing.disagreements(name, *games.transcripts(name), _needed)
    if name == OLD:
        for scenario, kubectl in _older().items():
            programs.use(pytestconfig, kubectl.name, kubectls.full(kubectl))
            transcripts = games.transcripts(scenario.name)
            found += comparing.disagreements(scenario.name, *transcripts, set())
    programs.use(pytestconfig, "the newest kubectl", kubectls.full(kubectls.newest()))
    _played.add(name)
    assert not found, "\n\n".join(map(str, found))


def test_every_difference_is_still_one() -> None:
    if _played != set(SCENARIOS):
        pytest.skip("not all scenarios have been played")
    assert set(DIFFERENCES) == _needed
