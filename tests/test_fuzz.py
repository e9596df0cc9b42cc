"""A short run of the fuzzer, the same each time."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import Fuzz


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_short_run(seed: int) -> None:
    fuzz = Fuzz(seed)
    for _ in range(600):
        fuzz.step()
    assert fuzz.replies > 500


def test_by_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--seed", "7", "--count", "50"],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("seed 7\n50 messages, ")
