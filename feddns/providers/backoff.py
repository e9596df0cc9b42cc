"""How long a zone is left alone after a failure.

    failure                  the n-th in a row waits                     at most
    ProviderAway             2^(n-1) s                                   60 s
    Throttled                `after`, or 2^(n-1) s when that is more     60 s, or `after`
    Outdated                 not at all, then as ProviderAway            60 s
    OperatorNeeded, others   60 × 2^(n-1) s                              600 s

A call of the same kind that goes well ends the row: what is listed without a fault does not say
that changes are taken.  Rejected is no failure of the zone.  Pure.  Called by `keeper`.
"""

from __future__ import annotations

from feddns.errors import FeddnsError, Outdated, ProviderAway, Throttled

FIRST, LONGEST = 1.0, 60.0
FIRST_OPERATOR, LONGEST_OPERATOR = 60.0, 600.0


class Backoff:
    """`until`: the zone is left alone before that."""

    def __init__(self) -> None:
        self.until = float("-inf")
        self._listing = self._sending = 0
        self._told = ""

    def failed(self, error: FeddnsError, now: float, jitter: float, *, is_listing: bool) -> bool:
        """Whether this is to be told: it is the first of its kind in a row."""
        if is_listing:
            self._listing += 1
        else:
            self._sending += 1
        wait = _wait(error, self._listing if is_listing else self._sending)
        self.until = now + wait * (1.0 + jitter)
        kind = type(error).__name__
        is_new = kind != self._told and not isinstance(error, Outdated)
        self._told = kind if is_new else self._told
        return is_new

    def listed(self) -> None:
        """A listing came to its end."""
        self._listing = 0
        if not self._sending:
            self._told = ""

    def sent(self) -> bool:
        """A change was done.  Whether that is news after what was told."""
        was_told, self._told = bool(self._told), ""
        self._sending = 0
        return was_told


def _wait(error: FeddnsError, failures: int) -> float:
    doubled = 2.0 ** min(failures - 1, 16)
    if isinstance(error, Outdated):
        return 0.0 if failures < 2 else min(LONGEST, FIRST * doubled / 2)
    if isinstance(error, Throttled):
        return max(error.after, min(LONGEST, FIRST * doubled))
    if isinstance(error, ProviderAway):
        return min(LONGEST, FIRST * doubled)
    return min(LONGEST_OPERATOR, FIRST_OPERATOR * doubled)
