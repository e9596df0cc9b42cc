"""The embedded API and a real kube-apiserver show the same, step by step of the list.

All scenarios that the run has are played at once when the first one is asked for; each is a test.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import clusters, peers, programs
from tests.apiserver.conformance import comparing, kubectls, servers, steps
from tests.apiserver.conformance.comparing import Games
from tests.apiserver.conformance.differences import DIFFERENCES, Difference

SCENARIOS = {scenario.name: scenario for scenario in steps.scenarios()}
_needed: set[Difference] = set()
_played: set[str] = set()


@pytest.fixture(scope="module")
def games(request: pytest.FixtureRequest) -> Iterator[Games]:
    config = request.config
    clusters.require_cluster(config, *servers.REAL_PROGRAMS)
    if not kubectls.found():
        programs.leave_out(config, "kubectl", f"{peers.BUILD} builds it")
    (_, minor), program = list(kubectls.found().items())[-1]
    programs.use(config, "kubectl of the list", f"1.{minor}")
    asked = {
        item.callspec.params["name"] for item in request.session.items
        if isinstance(item, pytest.Function) and item.module.__name__ == __name__
        and hasattr(item, "callspec")
    }  # fmt: skip
    with servers.real() as real, servers.embedded() as embedded:
        playing = Games([SCENARIOS[name] for name in sorted(asked)], [real, embedded], program)
        yield playing
        playing.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SCENARIOS)
def test_both_show_the_same(games: Games, name: str) -> None:
    found = comparing.disagreements(name, *games.transcripts(name), _needed)
    _played.add(name)
    assert not found, "\n\n".join(map(str, found))


def test_every_difference_is_still_one() -> None:
    if _played != set(SCENARIOS):
        pytest.skip("not all scenarios have been played")
    assert set(DIFFERENCES) == _needed
