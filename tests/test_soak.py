"""The soak, short: `python -m tests.soak` is the long one."""

import pytest

from tests import soak


@pytest.mark.slow
@pytest.mark.tool("dnsperf")
@pytest.mark.parametrize("processes", [1, 2])
def test_no_wrong_answer_while_files_change_and_processes_die(processes: int) -> None:
    outcome = soak.run(5, processes, seed=processes)
    print(outcome)
    assert outcome.wrong == []
    assert outcome.kills >= 3
    assert outcome.changes > 50
    assert outcome.asked > 200
    assert outcome.load_lost < 100 * (outcome.kills + 1)
