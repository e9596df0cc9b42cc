"""Shared memory between the processes: one region of counts each, outliving whoever writes it.

A process counts in a list of its own, where it is cheapest, and copies the list over now and
then; the region remembers what earlier holders of the role counted, so that counters only grow.
I/O of a kind: anonymous shared memory, mapped before the processes are forked.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import mmap
import struct
from typing import Protocol

from feddns.resolver import counts
from feddns.resolver.counts import RESTARTS, SIZE, gauge

_GAUGES = range(gauge(counts.GAUGES[0]), SIZE)
_WORDS = struct.Struct(f"{SIZE}Q")


COLLECT_AFTER = 30.0
"""Seconds after which the garbage collector goes on, whole world or not."""

SETTLE_AFTER = 0.2
"""Seconds between the first whole world and `settle`: what waits for that world goes before."""


def settle() -> None:
    """Called when the world has been read, with the collector off until then.

    What is there now lives long: later collections need not walk it, and freed parse buffers go
    back to the system.
    """
    gc.collect()
    gc.freeze()
    gc.enable()
    trim()


def trim() -> None:
    """Give what is free back to the system."""
    with contextlib.suppress(AttributeError):  # not every libc has it
        ctypes.CDLL(None).malloc_trim(0)


class Region:
    """The counts of one role."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _WORDS.size)
        self.counts: list[int] = [0] * SIZE

    def take_over(self) -> None:
        """Called in a new process of the role: go on from what the last one had published."""
        self.counts = list(_WORDS.unpack_from(self._memory))
        for slot in _GAUGES:
            self.counts[slot] = 0

    def gauge(self, name: str, number: int) -> None:
        self.counts[gauge(name)] = number

    def publish(self) -> None:
        """Make the list's numbers visible to the other processes."""
        _WORDS.pack_into(self._memory, 0, *self.counts)

    def read(self) -> tuple[int, ...]:
        """What the role's process published last."""
        return _WORDS.unpack_from(self._memory)

    def note_death(self) -> None:
        """The process is gone: one more restart, and nothing it said about itself holds."""
        (restarts,) = struct.unpack_from("Q", self._memory, RESTARTS * 8)
        struct.pack_into("Q", self._memory, RESTARTS * 8, restarts + 1)
        self.clear()

    def clear(self) -> None:
        """Nothing that a process said about itself holds any more."""
        start = gauge(counts.GAUGES[0]) * 8
        self._memory[start : _WORDS.size] = bytes(_WORDS.size - start)


class Readable(Protocol):
    """Counts that can be read: a region, or a slot."""

    def read(self) -> tuple[int, ...]:
        """What the role's process published last."""


class Slot:
    """One answering process's place: two regions, so that a new process can get ready in the one
    while the old one still counts in the other.

    Counters are the sum of both; gauges are those of the region that is in force.
    """

    def __init__(self) -> None:
        self._regions = (Region(), Region())
        self._current = mmap.mmap(-1, 1)

    def current(self) -> Region:
        """The region of the process that is in force."""
        return self._regions[self._current[0]]

    def spare(self) -> Region:
        """The region for the process that is to follow."""
        return self._regions[1 - self._current[0]]

    def switch(self) -> None:
        """The one that was to follow is in force now."""
        self._current[0] = 1 - self._current[0]

    def read(self) -> tuple[int, ...]:
        """As `Region.read`."""
        gauges = _GAUGES.start
        one, two = (region.read() for region in self._regions)
        totals = tuple(a + b for a, b in zip(one[:gauges], two[:gauges], strict=True))
        return totals + self.current().read()[gauges:]
