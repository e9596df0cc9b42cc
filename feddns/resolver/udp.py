"""DNS over UDP: a batch in, ready answers out, the rest through the responder; then the next batch.

The one loop that every question goes through, so it is written for its cost: for a ready answer
it takes the key from the slot, one look into the cache, and writes the next order of the answer
back over the question.  No `await` between receive and send.

With --rate-limit the clients of a batch are charged before it is answered; a message of one that is
above its limit goes on as if it had no octets, which has no ready answer, and so comes to
`_missed`, where there is time to look at it.

A reply that is still to come (`Pending`) is posted when it is there, to who is on its envelope.

I/O.  Called by the answering process's event loop when the socket is readable.
"""

from __future__ import annotations

import logging
import socket
import struct
import time
from collections.abc import Callable
from functools import partial

from feddns.resolver import cookies, counts, querylog
from feddns.resolver.cache import LONGEST_KEY
from feddns.resolver.datagrams import BATCH, SLOT, Batch
from feddns.resolver.forwarding.relay import Pending
from feddns.resolver.limits import Limiter
from feddns.resolver.responder import Peer, Responder

_log = logging.getLogger("feddns.queries")

_EXEMPT = counts.counter("cookie_exempt")

_ROUNDS = 16
"""Batches taken in one turn of the loop, so that TCP and events are not starved."""

_KEYS = [
    struct.Struct(f"{size - 2 if 2 <= size <= LONGEST_KEY + 2 else 0}s").unpack_from
    for size in range(LONGEST_KEY + 3)
]
_KEYS += [_KEYS[0]] * (SLOT + 1 - len(_KEYS))
"""For each length of message: the function that cuts out all after the id, or nothing."""


class UdpServer:
    """Serves one bound, non-blocking UDP socket."""

    def __init__(
        self,
        bound: socket.socket,
        responder: Responder,
        soon: Callable[[Callable[[], None]], object],
    ) -> None:
        """`soon`: calls a function in this turn of the loop or the next."""
        self.socket = bound
        self._soon = soon
        self._letters: list[tuple[bytes, bytes]] = []
        self.responder = responder
        self.unsent = 0
        self._batch = Batch(bound)
        self._log = responder.settings.log_queries
        settings = responder.settings
        inet = bound.family == socket.AF_INET
        self._prefix = settings.rate_limit_ipv4_prefix if inet else settings.rate_limit_ipv6_prefix
        self._clients: list[int] = []
        self._over: dict[int, int] = {}  # sizes of the batch's messages above the limit

    def on_readable(self) -> None:
        """Answer what waits, up to a number of batches."""
        for _ in range(_ROUNDS):
            if self._serve() < BATCH:
                return

    def _serve(self) -> int:
        batch = self._batch
        descriptor = self.socket.fileno()
        count = batch.receive(descriptor)
        if not count:
            return 0
        started = time.perf_counter()
        responder = self.responder
        ready = responder.udp.ready.get
        counts, missed = responder.counts, self._missed
        memory, reply_lengths = batch.slots, batch.reply_lengths
        start = base = index = 0
        sizes = batch.rx.lengths[:count].tolist()
        if responder.limiter is not None:
            self._charge(responder.limiter, sizes, started)
        for size in sizes:
            found = ready(_KEYS[size](memory, base + 2)[0])
            if found is not None:
                answers, slot = found
                reply = next(answers)
                counts[slot] += 1
                end = base + 2 + len(reply)
                memory[base + 2 : end] = reply
                reply_lengths[index] = end - base
            else:
                whole = missed(index, size)
                if whole is None:
                    self.unsent += batch.send(descriptor, start, index)
                    start = index + 1
                else:
                    memory[base : base + len(whole)] = whole
                    reply_lengths[index] = len(whole)
            index += 1
            base += SLOT
        self.unsent += batch.send(descriptor, start, index)
        responder.observe(time.perf_counter() - started, count)
        return count

    def _charge(self, limiter: Limiter, sizes: list[int], now: float) -> None:
        """Charge each message to its client, and take the size of those above the limit."""
        self._clients = self._batch.prefixes(self._prefix, len(sizes))
        self._over.clear()
        for index in limiter.over(self._clients, now):
            self._over[index] = sizes[index]
            sizes[index] = 0

    def _missed(self, index: int, size: int) -> bytes | None:
        """The reply to a message that has no ready answer, or whose client is above its limit."""
        over = index in self._over
        base = SLOT * index
        message = bytes(self._batch.slots[base : base + (self._over[index] if over else size)])
        asked = self.responder.take_cookie(message)
        if asked is not None:
            whole: bytes | Pending | None = self._with_cookie(index, asked, over)
        elif over:
            whole = self.responder.refuse(message)
        else:
            whole = self.responder.miss(message, False)
        if isinstance(whole, Pending):
            whole.send = partial(self._post, self._batch.envelope(index), message)
            return None
        if self._log:
            self._log_query(self._batch.peer(index), message, whole)
        return whole

    def _post(self, envelope: bytes, message: bytes, reply: bytes) -> None:
        """The reply to a message of an earlier batch; those of one turn are sent together."""
        self._letters.append((envelope, reply))
        if self._log:
            self._log_query(self._batch.addressee(envelope), message, reply)
        if len(self._letters) == 1:
            self._soon(self.post)

    def post(self) -> None:
        """Send what is to be posted."""
        while self._letters:
            letters, self._letters = self._letters[:BATCH], self._letters[BATCH:]
            self.unsent += self._batch.post(self.socket.fileno(), letters)

    def _with_cookie(self, index: int, asked: cookies.Asked, over: bool) -> bytes | Pending | None:
        responder, client = self.responder, self._batch.address(index)
        whole, valid = responder.answer_cookie(asked, client, time.time(), False, over)
        if valid and responder.limiter is not None:
            responder.counts[_EXEMPT] += 1
            if not over:
                responder.limiter.refund(self._clients[index])
        return whole

    def _log_query(self, peer: tuple[str, int], message: bytes, reply: bytes | None) -> None:
        address, port = peer
        _log.info("%s", querylog.line(Peer(address, port), message, reply))
