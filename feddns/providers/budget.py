"""How many calls may be made: a token bucket, shared by the zones of one account.

    rate 0               no limit: at once
    tokens left          at once
    none left            at the time when the next one falls in, each caller its own: first come,
                         first served
    pause(until)         nobody before then: the provider said that it is too much

A caller books its call ahead and makes it at the time it was given, so that two zones that are
busy take turns, and what is to be changed gathers while it waits.  `rate` calls a second in the
long run, `burst` at once after a rest.

Pure: `now` is a clock that only goes forward.  Called by `keeper`; whoever makes the keepers gives
those of one account the same budget.
"""

from __future__ import annotations


class Budget:
    """See the module's docstring.  `paused`: no call before this time."""

    def __init__(self, rate: float = 0.0, burst: int = 1) -> None:
        self.paused = float("-inf")
        self._every = 1.0 / rate if rate > 0 else 0.0
        self._ahead = max(0, burst - 1) * self._every
        self._full = float("-inf")
        """When the bucket is full again.  A call may be made `_ahead` before that."""

    def book(self, now: float) -> float:
        """When one call may be made: `now`, or later.  It counts from now on."""
        at = max(now, self.paused, self._full - self._ahead)
        self._full = max(self._full, at) + self._every
        return at

    def pause(self, until: float) -> None:
        """No call before then; what is booked for an earlier time is to be booked again."""
        self.paused = max(self.paused, until)
        if self._every:
            self._full = max(self._full, until + self._ahead)
