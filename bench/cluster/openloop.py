"""A client that asks at a fixed rate whatever the server does, and tells how long each answer took.

    python -m bench.cluster.openloop PORT FILE SECONDS RATE        prints one line of JSON

dnsperf waits when too many questions are without an answer, which hides the time that a server
did not answer; and it prints no percentiles.  Here each half millisecond what is due is sent by
one `sendmmsg` of ready messages, and what came is read by `recvmmsg`.  An answer's time is the
kernel's time stamp of its arrival, so that it does not matter when the client reads it; its
question's is the time of its `sendmmsg`.  What the client could not send in time is left out
and told (`skipped`), not sent in one burst.  20,000 a second take 11 to 14 % of a core.

Run by `storm` as a process of its own.  It must not judge the numbers.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import socket
import sys
import time
from array import array
from pathlib import Path
from typing import Any

from bench.cluster import slots
from bench.cluster.percentiles import percentile
from bench.cluster.slots import SLOTS, STRIDE

TICK = 0.0005
MOST_AT_ONCE = 64
TIMEOUT = 1_000_000_000
_HEADER = 64  # sizeof(struct mmsghdr)
_SO_TIMESTAMPNS = 35
_SO_RCVBUFFORCE = 33
_BUFFER = 8 << 20

_libc = ctypes.CDLL(None, use_errno=True)
_sendmmsg: Any = _libc.sendmmsg
_recvmmsg: Any = _libc.recvmmsg
_sendmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]
_recvmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p]


class Outgoing:
    """The headers of all slots: `send` needs nothing but the number of the first."""

    def __init__(self, lengths: memoryview, questions: bytearray) -> None:
        self._questions = questions
        self._headers = bytearray(_HEADER * SLOTS)
        self._vectors = bytearray(16 * SLOTS)
        _fill(self._vectors, 2, 0, range(_at(questions), _at(questions) + STRIDE * SLOTS, STRIDE))
        _fill(self._vectors, 2, 1, lengths)
        _fill(self._headers, 8, 2, range(_at(self._vectors), _at(self._vectors) + 16 * SLOTS, 16))
        _fill(self._headers, 8, 3, [1] * SLOTS)
        self._address = _at(self._headers)

    def send(self, descriptor: int, first: int, count: int) -> int:
        sent: int = _sendmmsg(descriptor, self._address + _HEADER * first, count, 0)
        return max(sent, 1)  # what cannot be sent counts as lost


class Incoming:
    """Room for 64 answers, of which the first 12 octets and the time are wanted."""

    ROOM = 64

    def __init__(self) -> None:
        self._headers = bytearray(_HEADER * self.ROOM)
        self._vectors = bytearray(16 * self.ROOM)
        self._data = bytearray(16 * self.ROOM)
        self._controls = bytearray(32 * self.ROOM)
        _fill(self._vectors, 2, 0, range(_at(self._data), _at(self._data) + 16 * self.ROOM, 16))
        _fill(self._vectors, 2, 1, [12] * self.ROOM)
        starts = range(_at(self._vectors), _at(self._vectors) + 16 * self.ROOM, 16)
        _fill(self._headers, 8, 2, starts)
        _fill(self._headers, 8, 3, [1] * self.ROOM)
        controls = range(_at(self._controls), _at(self._controls) + 32 * self.ROOM, 32)
        _fill(self._headers, 8, 4, controls)
        self._sizes = memoryview(self._headers).cast("Q")[5::8]
        self._full = memoryview(array("Q", [32] * self.ROOM))
        self.ids = memoryview(self._data).cast("H")[::8]
        self.rcodes = memoryview(self._data)[3::16]
        words = memoryview(self._controls).cast("q")
        self.seconds, self.nanoseconds = words[2::4], words[3::4]

    def receive(self, descriptor: int) -> int:
        self._sizes[:] = self._full
        address = _at(self._headers)
        count: int = _recvmmsg(descriptor, address, self.ROOM, socket.MSG_DONTWAIT, None)
        return max(count, 0)


class Client:
    """One run; the numbers are in the attributes afterwards."""

    def __init__(self, port: int, block: bytes) -> None:
        self._rcodes, lengths, questions = slots.unpack(block)
        self._socket = socket.socket(type=socket.SOCK_DGRAM)
        with contextlib.suppress(PermissionError):
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.connect(("127.0.0.1", port))
        self._outgoing = Outgoing(lengths, questions)
        self._incoming = Incoming()
        self._sent_at = array("q", bytes(8 * SLOTS))
        # Ids are in network order, the number of a slot is not.
        self._slot_of = array("H", range(SLOTS))
        self._slot_of.byteswap()
        self.sent = self.skipped = self.wrong = 0
        self.took: list[int] = []
        self.late: list[int] = []

    def run(self, seconds: float, rate: int) -> None:
        began = time.time_ns()
        done = 0
        while (passed := time.time_ns() - began) < seconds * 1e9:
            due = passed * rate // 1_000_000_000 - done
            if due > 0:
                self.late.append(passed - done * 1_000_000_000 // rate)
                now = min(due, MOST_AT_ONCE)
                self.skipped += due - now
                done += due
                self._send(now)
            self._receive()
            time.sleep(TICK)
        self._wait_for_the_last()

    def close(self) -> None:
        self._socket.close()

    def _send(self, count: int) -> None:
        while count:
            first = self.sent % SLOTS
            part = min(count, SLOTS - first)
            self._sent_at[first : first + part] = array("q", [time.time_ns()]) * part
            part = self._outgoing.send(self._socket.fileno(), first, part)
            self.sent += part
            count -= part

    def _receive(self) -> int:
        incoming, sent_at = self._incoming, self._sent_at
        count = incoming.receive(self._socket.fileno())
        for i in range(count):
            slot = self._slot_of[incoming.ids[i]]
            took = incoming.seconds[i] * 1_000_000_000 + incoming.nanoseconds[i] - sent_at[slot]
            if took > TIMEOUT:  # too late, or a second answer
                continue
            sent_at[slot] = 0
            self.took.append(took)
            self.wrong += incoming.rcodes[i] & 15 != self._rcodes[slot]
        return count

    def _wait_for_the_last(self) -> None:
        deadline = time.time_ns() + TIMEOUT
        while len(self.took) < self.sent and time.time_ns() < deadline:
            if not self._receive():
                time.sleep(TICK)


def _at(memory: bytearray) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def _fill(memory: bytearray, step: int, first: int, numbers: Any) -> None:
    memoryview(memory).cast("Q")[first::step] = memoryview(array("Q", numbers))


def main(port: int, file: Path, seconds: float, rate: int) -> None:
    client = Client(port, file.read_bytes())
    before = time.process_time()
    client.run(seconds, rate)
    took, late = sorted(client.took), sorted(client.late)
    shares = (0.5, 0.9, 0.99, 0.999, 1.0)
    found = {
        "sent": client.sent,
        "answered": len(took),
        "wrong": client.wrong,
        "skipped": client.skipped,
        "milliseconds": [percentile(took, share) / 1e6 for share in shares] if took else [],
        "late": percentile(late, 0.99) / 1e6,
        "cpu": (time.process_time() - before) / seconds,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
