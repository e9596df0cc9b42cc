"""What a machine lacks is left out with a word, or forbidden to be left out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving import ROOT, environment

TESTS = """
import pytest

@pytest.mark.tool("sh")
def test_here():
    pass

@pytest.mark.tool("no-such-program")
@pytest.mark.parametrize("number", [1, 2])
def test_missing(number):
    raise AssertionError("it must not run")
"""


def run_tests(folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    tool(name): x\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.programs", "-p", "no:cacheprovider",
         str(folder)],
        capture_output=True, text=True, env=environment(**more), cwd=folder, timeout=60,
        check=False,
    )  # fmt: skip


def test_one_line_says_what_was_left_out(tmp_path: Path) -> None:
    ended = run_tests(tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 passed, 2 skipped" in ended.stdout
    (line,) = [line for line in ended.stdout.splitlines() if line.startswith("left out: ")]
    assert line == "left out: no-such-program (apt-get install no-such-program)"
    assert "used: sh" in ended.stdout


def test_forbidden_to_leave_out(tmp_path: Path) -> None:
    ended = run_tests(tmp_path, FEDDNS_LEAVE_OUT="forbidden")
    assert ended.returncode == 1
    assert "no-such-program is missing, and nothing may be left out" in ended.stdout


@pytest.mark.tool("dig")
def test_a_machine_without_programs(tmp_path: Path) -> None:
    """The tests of this folder, where the programs are not to be found."""
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/interop",
         "--deselect", "tests/interop/test_programs.py"],
        capture_output=True, text=True, env=environment(PATH=str(tmp_path)), cwd=ROOT, timeout=100,
        check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "passed" not in ended.stdout
    (line,) = [line for line in ended.stdout.splitlines() if line.startswith("left out: ")]
    assert line.startswith("left out: dig, dnsperf, kdig")
    assert "bind9-dnsutils" in line
