"""DNS over UDP: a batch in, ready answers out, the rest through the responder; then the next batch.

The one loop that every question goes through, so it is written for its cost: for a ready answer
it takes the key from the slot, one look into the cache, and writes the next order of the answer
back over the question.  No `await` between receive and send.

I/O.  Called by the answering process's event loop when the socket is readable.
"""

from __future__ import annotations

import logging
import socket
import struct
import time

from feddns.resolver import querylog
from feddns.resolver.cache import LONGEST_KEY
from feddns.resolver.datagrams import BATCH, SLOT, Batch
from feddns.resolver.responder import Peer, Responder

_log = logging.getLogger("feddns.queries")

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

    def __init__(self, bound: socket.socket, responder: Responder) -> None:
        self.socket = bound
        self.responder = responder
        self.unsent = 0
        self._batch = Batch(bound)
        self._log = responder.settings.log_queries

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
        counts, miss, log = responder.counts, responder.miss, self._log
        memory, reply_lengths = batch.slots, batch.reply_lengths
        start = base = index = 0
        for size in batch.rx.lengths[:count].tolist():
            found = ready(_KEYS[size](memory, base + 2)[0])
            if found is not None:
                answers, slot = found
                reply = next(answers)
                counts[slot] += 1
                end = base + 2 + len(reply)
                memory[base + 2 : end] = reply
                reply_lengths[index] = end - base
            else:
                message = bytes(memory[base : base + size])
                whole = miss(message, False)
                if log:
                    self._log_query(index, message, whole)
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

    def _log_query(self, index: int, message: bytes, reply: bytes | None) -> None:
        address, port = self._batch.peer(index)
        _log.info("%s", querylog.line(Peer(address, port), message, reply))
