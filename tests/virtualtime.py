"""A loop whose clock jumps to the next timer when nothing is left to do: hours in milliseconds.

    virtualtime.run(main())         asyncio.sleep(60) returns at once, 60 s later

For code that waits for timers and for its own tasks only: what comes from sockets or threads comes
late or never.  Imports nothing of pytest.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Waits by moving the clock."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise AssertionError("everything waits for something that will not come")
        self.now += max(0.0, timeout)
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    """See the module's docstring."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """Like `asyncio.run`, in virtual time from 0."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(main)
