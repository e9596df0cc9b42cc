"""Health and latency of the servers that are asked, learned from live questions.

    what happens to a question                     its server
    answered                                       up; latency smoothed: 7/8 old, 1/8 new
    not answered in its time, or not delivered     one more failure; from the third in a row: down
    SERVFAIL, REFUSED                              up, but this question goes on to the next one
    it leads back here (`loops`)                   left out until a later probe says otherwise

    a server that is                     is asked
    up                                   in the order of the policy
    up, least-latency, not asked lately  first, once: so that a slow one can become fast
    down                                 last; and now and then a copy of a live question goes there
                                         too, so that it is found to be up again at no one's cost

    sequential      in the order given
    random          a new order each time
    least-latency   the one that answered fastest lately first

Pure; called by `forwarder`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable

from feddns.inventory import LATENCY_BOUNDS, Upstream

DOWN_AFTER = 3
SHORTEST_TRY = 0.1
FIRST_TRY = 0.5
_PATIENCE = 4.0
_UNHEARD = 30.0
_FIRST_PROBE, _LAST_PROBE = 1.0, 30.0
_FIRST_LOOP, _LAST_LOOP = 10.0, 600.0
_PLAIN_FOR = 3600.0


class Server:
    """One server and what is known about it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.host = address.rpartition(":")[0].strip("[]")
        self.port = int(address.rpartition(":")[2])
        self.latency = 0.0
        self.failures = 0
        self.in_flight = 0
        self.asked = self.answered = self.timeouts = self.errors = self.refusals = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(LATENCY_BOUNDS) + 1)
        self.loops = False
        self.probed_at: float | None = None
        self.option = b""
        self._heard = 0.0
        self._plain_until = 0.0
        self._probe_at, self._pause = 0.0, _FIRST_PROBE
        self.loop_pause = _FIRST_LOOP

    @property
    def is_down(self) -> bool:
        return self.failures >= DOWN_AFTER

    def patience(self, budget: float) -> float:
        """Seconds to wait for an answer before another try."""
        seconds = _PATIENCE * self.latency or FIRST_TRY
        if seconds < SHORTEST_TRY:
            seconds = SHORTEST_TRY
        return min(seconds, budget / 2)

    def note_asked(self, now: float) -> None:
        self.asked += 1
        self.in_flight += 1
        self._heard = now

    def note_answer(self, seconds: float) -> bool:
        """Whether it was down until now."""
        was_down = self.is_down
        self.failures = 0
        self._pause = _FIRST_PROBE
        self.answered += 1
        self.seconds += seconds
        self.buckets[bisect_left(LATENCY_BOUNDS, seconds)] += 1
        self.latency = self.latency * 0.875 + seconds * 0.125 if self.latency else seconds
        return was_down

    def note_failure(self, now: float, *, timeout: bool) -> bool:
        """Whether it counts as down from now on."""
        self.failures += 1
        if timeout:
            self.timeouts += 1
        else:
            self.errors += 1
        if self.failures != DOWN_AFTER:
            return False
        self._probe_at, self._pause = now + _FIRST_PROBE, _FIRST_PROBE
        return True

    def wants_copy(self, now: float) -> bool:
        """Whether a copy of a live question is to be sent there, to see if it is up again."""
        if not self.is_down or now < self._probe_at:
            return False
        self._pause = min(_LAST_PROBE, self._pause * 2)
        self._probe_at = now + self._pause
        return True

    def takes_edns(self, now: float) -> bool:
        return now >= self._plain_until

    def note_plain(self, now: float) -> None:
        """It refused an OPT record, and answered without: no more of them for a while."""
        self._plain_until = now + _PLAIN_FOR

    def note_loop(self, loops: bool) -> bool:
        """Whether that is news."""
        news = loops != self.loops
        self.loops = loops
        self.loop_pause = min(_LAST_LOOP, self.loop_pause * 2) if loops else _FIRST_LOOP
        return news

    def expected(self, now: float) -> float:
        """The latency to expect; nothing for one that was not asked lately."""
        return self.latency if now - self._heard < _UNHEARD else 0.0

    def row(self) -> Upstream:
        return Upstream(
            self.address, not self.is_down, self.loops, self.in_flight, self.asked, self.answered,
            self.timeouts, self.errors, self.refusals, self.latency, self.seconds,
            tuple(self.buckets),
        )  # fmt: skip


class Servers:
    """All servers that are asked."""

    def __init__(self, policy: str, chance: Callable[[int], int]) -> None:
        """`chance(n)`: a random number below n."""
        self._policy = policy
        self._chance = chance
        self.known: dict[str, Server] = {}

    def keep(self, addresses: Iterable[str]) -> None:
        """These, and no others.  What is known about one that stays is kept."""
        self.known = {address: self.of(address) for address in sorted(addresses)}

    def of(self, address: str) -> Server:
        found = self.known.get(address)
        if found is None:
            found = self.known[address] = Server(address)
        return found

    def order(self, addresses: tuple[str, ...], now: float) -> list[Server]:
        """Whom to ask, best first, without those that lead back here."""
        if len(addresses) == 1:
            only = self.of(addresses[0])
            return [] if only.loops else [only]
        listed = [server for address in addresses if not (server := self.of(address)).loops]
        if self._policy == "random":
            for last in range(len(listed) - 1, 0, -1):
                other = self._chance(last + 1)
                listed[last], listed[other] = listed[other], listed[last]
        elif self._policy == "least-latency":
            listed.sort(key=lambda server: server.expected(now))
        listed.sort(key=lambda server: server.is_down)
        return listed
