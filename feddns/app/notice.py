"""The supervisor's notice board: a small value that it writes and every process may read.

Anonymous shared memory, mapped before the processes are forked.  It has two halves; the next value
is written into the one that nobody reads, and then a single byte says which half counts, so that a
reader finds a whole value, whenever it looks.  I/O of a kind.  Called by `standing`, which writes;
read by `watching`, `control` and the HTTP server's threads.
"""

from __future__ import annotations

import mmap
from typing import Any

import msgspec

from feddns.report import Notice

_HALF = 1 << 16
_LONGEST_TROUBLE = 500


class Board:
    """One value of `Notice`, shared."""

    def __init__(self, notice: Notice) -> None:
        self._memory = mmap.mmap(-1, 1 + 2 * _HALF)
        self.write(notice)

    def write(self, notice: Notice) -> None:
        body = msgspec.msgpack.encode(notice)
        if len(body) > _HALF - 4:  # thousands of settings: what they are is then not told
            body = msgspec.msgpack.encode(msgspec.structs.replace(notice, settings={}))
        other = 1 - self._memory[0]
        start = 1 + other * _HALF
        framed = len(body).to_bytes(4, "big") + body
        self._memory[start : start + len(framed)] = framed
        self._memory[0] = other

    def change(self, **changes: Any) -> None:
        """Write the same with some fields changed."""
        if "trouble" in changes:
            changes["trouble"] = changes["trouble"][:_LONGEST_TROUBLE]
        self.write(msgspec.structs.replace(self.read(), **changes))

    def read(self) -> Notice:
        start = 1 + self._memory[0] * _HALF
        size = int.from_bytes(self._memory[start : start + 4], "big")
        return msgspec.msgpack.decode(self._memory[start + 4 : start + 4 + size], type=Notice)
