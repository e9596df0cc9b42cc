"""Does what a keeper says on a provider, in virtual time: an hour costs what is done in it.

Each call takes `latency`.  What a call raises is reported, whatever it is.  The real one, with
threads, is `controllers.publiczone`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from feddns.errors import FeddnsError
from feddns.providers.base import Provider
from feddns.providers.keeper import Keeper, Read, Send, Wait
from feddns.providers.recordsets import RecordSet

QUIET = 600.0
"""A keeper that waits for longer has nothing to do but audits, and what it is to try again then."""


class Driver:
    """`now` is the time; `calls` the times at which a call was made, `sizes` of each `apply`."""

    def __init__(
        self, keeper: Keeper, provider: Provider, latency: float = 0.0, jitter: float = 0.0
    ) -> None:
        self.keeper, self.provider = keeper, provider
        self.now = 0.0
        self.listings: list[float] = []
        self.applies: list[float] = []
        self.sizes: list[int] = []
        self._latency, self._jitter = latency, jitter
        self._pages: Iterator[Sequence[RecordSet]] = iter(())

    @property
    def calls(self) -> list[float]:
        return sorted(self.listings + self.applies)

    def step(self, until: float) -> bool:
        """One call, or the wait for it.  False: there is nothing to do before `until`."""
        order = self.keeper.next(self.now)
        if isinstance(order, Wait):
            if order.until is None or order.until > until:
                return False
            assert order.until > self.now, "time stands still"
            self.now = order.until
            return True
        try:
            self._do(order)
        except FeddnsError as error:
            self.now += self._latency
            self.keeper.failed(error, self.now, self._jitter)
        return True

    def _do(self, order: Read | Send) -> None:
        if isinstance(order, Send):
            self.applies.append(self.now)
            self.sizes.append(len(order.changes))
            self.provider.apply(order.changes)
            self.now += self._latency
            self.keeper.sent(self.now)
            return
        if order.is_new:
            self._pages = self.provider.list()
        self.listings.append(self.now)
        page = next(self._pages, None)
        if page is None:
            self.listings.pop()
            self.keeper.read(self.now)
            return
        self.now += self._latency
        self.keeper.page(page, self.now)

    def run(self, seconds: float) -> None:
        """All that is to be done in this time."""
        until = self.now + seconds
        while self.step(until):
            pass
        self.now = max(self.now, until)

    def settle(self, steps: int = 100_000) -> None:
        """Until nothing is left to do for a while; fails when that does not come."""
        for _ in range(steps):
            if not self.step(self.now + QUIET):
                return
        raise AssertionError(f"not quiet after {steps} steps, at {self.now:.0f} s")
