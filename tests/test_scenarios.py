"""Plays every file of `tests/scenarios`."""

from pathlib import Path

import pytest

from tests import scenario

FILES = sorted(Path(__file__).parent.joinpath("scenarios").glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scenario(path: Path) -> None:
    assert scenario.play(path) > 0


def test_the_files_are_there() -> None:
    assert len(FILES) >= 9


@pytest.mark.parametrize(
    "text",
    [
        "EVENT service a/s 10.0.0.1\nQUERY s.a.svc A\nEXPECT NXDOMAIN",
        "EVENT service a/s 10.0.0.1\nQUERY s.a.svc A\nEXPECT\n s.a.svc A 10.0.0.2",
        "EVENT service a/s 10.0.0.1\nQUERY s.a.svc A\nEXPECT\n s.a.svc 6 A 10.0.0.1",
        "EVENT service a/s 10.0.0.1\nQUERY s.a.svc A\nEXPECT\n t.a.svc A 10.0.0.1",
        "EVENT service a/s 10.0.0.1\nQUERY s.a.svc A\nEXPECT EDE 3\n s.a.svc A 10.0.0.1",
        "QUERY s.a.svc A\nEXPECT NODATA",
    ],
)
def test_a_wrong_expectation_fails(text: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.txt"
    path.write_text(text)
    with pytest.raises(AssertionError, match=r"wrong\.txt:\d"):
        scenario.play(path)
