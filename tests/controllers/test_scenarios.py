"""Every failure of a federation, and what each cluster's DNS answers meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.controllers import scenario

FILES = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scenario(path: Path) -> None:
    assert scenario.play(path) > 0


def test_they_are_found() -> None:
    assert len(FILES) >= 10
