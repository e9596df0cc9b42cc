"""What upstream said, kept for its lifetime and, for worse days, some time after.

    young    new ones; a quarter of the budget
    old      those asked again while they were young: a flood of random names does not push them out

Each part lets go what was not asked for longest.  A copy past its lifetime stays for
--serve-stale.  `aged` counts its TTLs down; `countdown` does so for an answer that is asked often,
once a second.  Nothing here reads a clock: `Clock` is moved on by `forwarder`.

Pure; called by `forwarder` and `relay`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator

from feddns.resolver.forwarding.messages import FINAL, Asked, Copy

STALE_TTL = 30
"""TTL of records that are given after their time (RFC 8767 §4)."""

OVERHEAD = 530  # bytes of Python objects around one key and one copy, measured
_PER_TTL = 40


class Clock:
    """`second` is coarse: whole seconds, moved on by the tick and by each reply."""

    __slots__ = ("hits", "second")

    def __init__(self) -> None:
        self.second = 0
        self.hits = 0


class Copies:
    """A bounded map of questions to copies.  `budget` in bytes; 0 keeps nothing."""

    def __init__(self, budget: int, stale: float) -> None:
        self.bytes = 0
        self._stale = stale
        self._budget = budget
        self._young: OrderedDict[Asked, Copy] = OrderedDict()
        self._old: OrderedDict[Asked, Copy] = OrderedDict()
        self._young_bytes = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, asked: Asked) -> Copy | None:
        """The copy, fresh or not, noted as asked for."""
        copy = self._old.get(asked)
        if copy is not None:
            self._old.move_to_end(asked)
            return copy
        copy = self._young.pop(asked, None)
        if copy is not None:
            self._young_bytes -= copy.cost
            self._old[asked] = copy
        return copy

    def put(self, asked: Asked, copy: Copy) -> None:
        """Keep a copy instead of what was kept before."""
        part = self._old if asked in self._old else self._young
        former = part.pop(asked, None)
        if former is not None:
            self._count(part, -former.cost)
        copy.cost = cost(asked, copy)
        if copy.lifetime > 0 and copy.cost <= self._budget // 4:
            part[asked] = copy
            self._count(part, copy.cost)
            self._shrink()

    def is_usable(self, copy: Copy, now: float) -> bool:
        """Whether a copy past its lifetime may still be given when nobody answers."""
        return copy.rcode in FINAL and now < copy.expires + self._stale

    def set_budget(self, budget: int) -> None:
        """Let go of what is above it."""
        self._budget = budget
        self._shrink()

    def clear(self) -> None:
        self._young.clear()
        self._old.clear()
        self.bytes = self._young_bytes = 0

    def _count(self, part: OrderedDict[Asked, Copy], size: int) -> None:
        self.bytes += size
        if part is self._young:
            self._young_bytes += size

    def _shrink(self) -> None:
        while self._young_bytes > self._budget // 4:
            self._let_go(self._young)
        while self.bytes > self._budget:
            self._let_go(self._old or self._young)

    def _let_go(self, part: OrderedDict[Asked, Copy]) -> None:
        _, copy = part.popitem(last=False)
        self._count(part, -copy.cost)


def cost(asked: Asked, copy: Copy) -> int:
    """About how many bytes a copy takes."""
    text = len(copy.error.text) + 150 if copy.error else 0
    return OVERHEAD + len(asked.question) + len(copy.body) + _PER_TTL * (len(copy.ttls) // 2) + text


def aged(body: bytes, ttls: tuple[int, ...], age: int, longest: int) -> bytes:
    """The records with their TTLs counted down by `age`, and none above `longest`."""
    if not ttls or (age <= 0 and longest < 0):
        return body
    out = bytearray(body)
    for index in range(0, len(ttls), 2):
        place = ttls[index]
        ttl = ttls[index + 1] - age
        if ttl > longest >= 0:
            ttl = longest
        out[place : place + 4] = ttl.to_bytes(4, "big") if ttl > 0 else b"\0\0\0\0"
    return bytes(out)


def countdown(
    render: Callable[[int], bytes], born: int, clock: Clock, note: Callable[[], None]
) -> Iterator[bytes]:
    """An endless iterator over a reply, rendered anew (by its age) when another second began."""
    second, reply = -1, b""
    while True:
        if clock.second != second:
            second = clock.second
            reply = render(max(0, second - born))
            note()
        clock.hits += 1
        yield reply
