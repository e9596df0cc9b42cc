"""Programs beside the playground end with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from feddns.errors import OperatorNeeded
from feddns.playground import children
from feddns.playground.children import Child

DEAF = "trap 'echo asked' TERM; echo up; while :; do sleep 0.02; done"


async def until(child: Child, word: str) -> None:
    async with asyncio.timeout(10):
        while word not in child.log.read_text():
            await asyncio.sleep(0.01)


def test_who_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "_PATIENCE", 0.3)

    async def life() -> None:
        child = Child("deaf", ["sh", "-c", DEAF], tmp_path)
        await child.start()
        await until(child, "up")
        await child.stop()
        assert not child.is_running
        child.check()
        assert child.log.read_text() == "up\nasked\n"
        await child.start()
        await child.start()
        async with asyncio.timeout(10):
            while child.log.read_text().count("up") < 2:
                await asyncio.sleep(0.01)
        await child.stop(at_once=True)
        assert child.log.read_text() == "up\nasked\nup\n"
        await child.stop()

    asyncio.run(life())


def test_who_ends_by_itself_is_told_with_its_last_words(tmp_path: Path) -> None:
    async def life(script: str) -> None:
        child = Child("brief", ["sh", "-c", script], tmp_path)
        child.log.unlink(missing_ok=True)
        await child.start()
        async with asyncio.timeout(10):
            while child.is_running:
                await asyncio.sleep(0.01)
        child.check()

    with pytest.raises(OperatorNeeded, match=r"^brief ended: no etcd$"):
        asyncio.run(life("echo first; echo no etcd >&2"))
    with pytest.raises(OperatorNeeded, match=r"^brief ended: without a word$"):
        asyncio.run(life("exit 3"))


@pytest.mark.parametrize("insistent", [False, True])
def test_who_is_left_alone_gets_the_signal(insistent: bool, tmp_path: Path) -> None:
    """The parent is killed: who may clean up is asked to end, an insistent one is ended."""
    code = f"""
import asyncio
from pathlib import Path
from feddns.playground.children import Child
async def life():
    child = Child("left", ["sh", "-c", {DEAF!r}], Path({str(tmp_path)!r}), insistent={insistent})
    await child.start()
    print(child._process.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(life())
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child, log = int(parent.stdout.readline()), tmp_path / "left.log"
    try:
        wait(lambda: log.read_text() == "up\n")
        parent.kill()
        wait(lambda: has_ended(child) if insistent else "asked" in log.read_text())
        assert ("asked" in log.read_text()) != insistent
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def has_ended(number: int) -> bool:
    """Also when nobody has taken note of it: such a process has no command any more."""
    try:
        return not Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return True


def wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
