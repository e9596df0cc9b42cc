"""Response rate limiting: how many replies a client may have over UDP, and what it gets above.

    a message over UDP from a client …           gets
    that is below its limit                      its reply
    above it, with a valid cookie                its reply; such are not charged at all
    above it, with another cookie                by turns silence, and BADCOOKIE with a good one
    above it                                     by turns silence, and a truncated reply: a real
                                                 client comes over TCP, a forged one hears little

A client is a prefix of an address, and nothing else is in the key.  Authoritative servers of the
internet add the answer, since behind one prefix there a resolver asks for many names, and a victim
of forged questions is sent the same big answer again and again.  Here the clients are the cluster's
own; what is to be stopped is one of them taking everybody's turn, and that it could do with random
names, each of which would have a limit of its own.

Each client has a bucket of a second's replies, kept as the time when it will be full again (GCRA):

    bucket full again     the client
    in the past           has all of its second
    within a second       has what is left
    later                 is above its limit; what it is not given is not charged either

The table has room for `MOST` clients, each exact; one whose bucket is full is forgotten when room
is needed.  When forged addresses come faster than their buckets fill again, newcomers share
`SHARED` buckets until it is over; who is in the table already is not touched by that.

Pure; the clock is an argument.  Called by `udp`, once for a batch.
"""

from __future__ import annotations

from collections.abc import Sequence

MOST = 32_768
SHARED = 4096
_SWEEP_EVERY = 0.25
"""Seconds: a sweep walks the whole table, which takes a millisecond."""


class Limiter:
    """The buckets of one process.  `rate`: replies a second."""

    def __init__(self, rate: int) -> None:
        self.slips = False
        self._step = 1.0 / rate
        self._full_at: dict[int, float] = {}
        self._next_sweep = 0.0

    def over(self, clients: Sequence[int], now: float) -> list[int]:
        """Charge a reply to each; the indices of those who are above their limit.

        When there are any, `slips` says whether it is their turn for a reply that sends them
        elsewhere, or for silence.
        """
        if len(self._full_at) >= MOST:
            clients = self._make_room(clients, now)
        full_at = self._full_at
        step = self._step
        latest = now + 1.0 - step + 1e-9  # so much that sums of steps do not miss by a rounding
        found = []
        for index, client in enumerate(clients):
            time = full_at.get(client, now)
            if time <= latest:
                full_at[client] = (time if time > now else now) + step
            else:
                found.append(index)
        if found:
            self.slips = not self.slips
        return found

    def refund(self, client: int) -> None:
        """A reply that was charged to the client is not to count."""
        if client in self._full_at:
            self._full_at[client] -= self._step

    def _make_room(self, clients: Sequence[int], now: float) -> Sequence[int]:
        """Forget full buckets; give newcomers shared ones when that was not enough."""
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP_EVERY
            kept = {client: time for client, time in self._full_at.items() if time > now}
            self._full_at = kept
        full_at = self._full_at
        if len(full_at) < MOST:
            return clients
        return [client if client in full_at else ~(client % SHARED) for client in clients]
