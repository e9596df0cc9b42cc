"""Ready wire answers, dropped by what they were made from, so that they are never stale.

    key      the question message without its id: one entry for each spelling and each OPT record
    value    an iterator of replies without their id: each `next` is the next order of addresses;
             and the slot in which its replies are counted

An answer is let in when its question comes the second time within a while (a small table of
hashes remembers): a flood of random names, spellings or cookies pushes out nothing.  When the
budget is spent all answers are let go at once, and what is asked is back one question later.

What came from upstream has an end besides: `sweep` takes it out when its time is over.

Nothing here reads a clock or a socket.  `udp` looks into `ready` itself; `responder` fills.
"""

from __future__ import annotations

import heapq
import itertools
from array import array
from collections.abc import Iterator

from feddns.resolver.wire import Reply
from feddns.snapshot import EVERYTHING, Dependency

Answers = Iterator[bytes]

_MOST_ORDERS = 16
"""Sets of up to this many addresses have every order ready made; larger ones are cut on demand."""

_PLACES = (1 << 16) - 1
LONGEST_KEY = 320
"""A name of 255 octets with its type, class and a modest OPT record; longer ones are not kept."""

OVERHEAD = 420  # bytes of Python objects around one key and one answer, measured
_DEPENDENCY = 230  # and for each dependency after the first


def orders(reply: Reply) -> Answers:
    """An endless iterator over the reply with its address records rotated one further each time."""
    if reply.total < 2:
        return itertools.repeat(reply.head)
    if reply.total <= _MOST_ORDERS:
        return itertools.cycle([order(reply, turn) for turn in range(reply.total)])
    return _turning(reply)


def _turning(reply: Reply) -> Answers:
    for turn in itertools.cycle(range(reply.total)):
        yield order(reply, turn)


def order(reply: Reply, turn: int) -> bytes:
    """The reply with its address records rotated by `turn`."""
    if reply.total < 2:
        return reply.head
    size = len(reply.block) // reply.total
    turn %= reply.total
    twice = reply.block + reply.block
    return reply.head + twice[turn * size : (turn + reply.shown) * size] + reply.tail


def cost(key: bytes, reply: Reply, dependencies: int = 1) -> int:
    """About how many bytes an entry takes."""
    whole = len(reply.head) + len(reply.block) + len(reply.tail)
    orders = min(max(reply.total, 1), _MOST_ORDERS)
    return OVERHEAD + len(key) + whole * orders + _DEPENDENCY * max(0, dependencies - 1)


class Cache:
    """`ready` maps keys to answers.  `budget` in bytes; 0 keeps nothing.

    `bytes` counts all that was put since the last clearing, what was dropped since then too: its
    keys may still stand in the lists of what else it depended on.
    """

    def __init__(self, budget: int) -> None:
        self.ready: dict[bytes, tuple[Answers, int]] = {}
        self.bytes = 0
        self._budget = budget
        self._keys: dict[Dependency, list[bytes]] = {}
        self._heard = array("q", [0]) * (_PLACES + 1)
        self._ends: list[tuple[float, int, bytes, tuple[Answers, int], int]] = []
        self._serial = itertools.count()

    def allow(self, budget: int, *, give_up: bool) -> None:
        """Another budget from now on; `give_up` empties it."""
        self._budget = budget
        if give_up or self.bytes > budget:
            self._clear()

    def knock(self, key: bytes) -> bool:
        """Whether the question was asked before, as far as is remembered.

        Each question has two places, so that two that are asked in turn do not keep displacing
        each other for ever.
        """
        mark = hash(key)
        heard = self._heard
        one, two = mark & _PLACES, mark >> 20 & _PLACES
        if heard[one] == mark or heard[two] == mark:
            return True
        heard[one] = heard[two] = mark
        return False

    def put(
        self, key: bytes, entry: tuple[Answers, int], cost: int, depends: list[Dependency],
        expires: float | None = None,
    ) -> None:  # fmt: skip
        """Keep an answer until one of what it depends on is touched, or until `expires`."""
        if len(key) > LONGEST_KEY:
            return
        if self.bytes + cost > self._budget:
            self._clear()
            if cost > self._budget:
                return
        self.ready[key] = entry
        self.bytes += cost
        for dependency in set(depends):
            self._keys.setdefault(dependency, []).append(key)
        if expires is not None:
            # Without dependencies no list holds the key any more once the answer is taken out.
            back = 0 if depends else cost
            heapq.heappush(self._ends, (expires, next(self._serial), key, entry, back))

    def sweep(self, now: float) -> None:
        """Drop what has expired."""
        ends = self._ends
        while ends and ends[0][0] <= now:
            _, _, key, entry, back = heapq.heappop(ends)
            if self.ready.get(key) is entry:
                del self.ready[key]
            self.bytes -= back

    def forget(self, dependencies: set[Dependency]) -> None:
        """Drop every answer that was made from one of these."""
        if EVERYTHING in dependencies:
            self._clear()
            return
        for dependency in dependencies:
            for key in self._keys.pop(dependency, ()):
                self.ready.pop(key, None)

    def _clear(self) -> None:
        self.ready.clear()
        self._keys.clear()
        self._ends.clear()
        self.bytes = 0
