"""Memory of all processes together, and caches given up before it is too much (`--memory-limit`).

    all together, every 2 s          the caches of every answering process
    above the limit                  are emptied, and may grow to half of what they might before
    above, and there are none left   (one log line: the objects alone need this much)
    below 80 % for a minute          may grow to twice that, up to what the settings say

The watcher looks and decides; the answering processes read the decision from shared memory in their
ticks.  The objects themselves are never given up.  Memory is the proportional share (PSS), so that
pages that the processes share count once.  I/O.  Called by `watching` and `answering`.
"""

from __future__ import annotations

import logging
import mmap
import os
import re
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

from feddns.app.memory import trim

_log = logging.getLogger("feddns.memory")

EVERY = 2.0
WHOLE = 1 << 10
"""The allowance that is all of what the settings say."""

Allow = Callable[[float, bool], None]
"""Sets the caches' share of their budgets; with True they are emptied first."""

_LEAST = 16
_RELAXED = 0.8
_RELAXED_FOR = 60.0
_WORDS = struct.Struct("2Q")


def memory_of(pid: int) -> int:
    """Bytes of a process, its share of shared pages included; 0 when it is not there."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    except OSError:
        return 0
    found = re.search(r"^Pss: +(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) << 10 if found else 0


class Judge:
    """Decides from what is in use how much the caches may grow.  Pure."""

    def __init__(self, limit: int) -> None:
        """`limit` in bytes."""
        self.limit = limit
        self.allowance = WHOLE
        self.given_up = 0
        self._since = 0.0  # when it was last too much for more
        self._told = False

    def judge(self, used: int, now: float) -> None:
        """`used`: bytes of all processes; `now`: seconds that only grow."""
        if used > self.limit:
            if self.allowance <= _LEAST and not self._told:
                self._told = True
                _log.error(
                    "%d MB in use with all caches given up, --memory-limit is %d: raise it, or "
                    "serve fewer objects (--namespaces)", used >> 20, self.limit >> 20,
                )  # fmt: skip
            self.allowance = max(_LEAST, self.allowance // 2)
            self.given_up += 1
            self._since = now
        elif used > self.limit * _RELAXED:
            self._since = now
        elif now - self._since >= _RELAXED_FOR and self.allowance < WHOLE:
            self.allowance = min(WHOLE, self.allowance * 2)
            self._since = now
            self._told = False


class Board:
    """Where the decision stands for all processes: mapped before they are forked."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _WORDS.size)
        self.post(WHOLE, 0)

    def post(self, allowance: int, given_up: int) -> None:
        _WORDS.pack_into(self._memory, 0, allowance, given_up)

    def read(self) -> tuple[int, int]:
        """The allowance, and how many times caches had to be given up so far."""
        allowance, given_up = _WORDS.unpack_from(self._memory)
        return allowance, given_up


class Watch:
    """The watcher's side."""

    def __init__(self, limit: int, board: Board) -> None:
        """`limit` in megabytes."""
        self._judge = Judge(limit << 20)
        _, self._judge.given_up = board.read()
        self._board = board

    def look(self, pids: Iterable[int], now: float) -> None:
        """Called every `EVERY` seconds with the other processes."""
        used = sum(map(memory_of, {*pids, os.getpid(), os.getppid()}))
        self._judge.judge(used, now)
        self._board.post(self._judge.allowance, self._judge.given_up)


class Obedience:
    """An answering process's side."""

    def __init__(self, board: Board, allow: Allow) -> None:
        self._board = board
        self._allow = allow
        self._done = (WHOLE, board.read()[1])

    def tick(self) -> None:
        """Do what the board says, if it says something new."""
        said = self._board.read()
        if said == self._done:
            return
        allowance, given_up = said
        self._allow(allowance / WHOLE, given_up != self._done[1])
        self._done = said
        trim()
