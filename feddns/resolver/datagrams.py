"""Batches of datagrams: one `recvmmsg` and one `sendmmsg` for up to 64 messages (Linux, by ctypes).

    slot i        received message i; its reply is written over it, id kept
    envelope i    the address of who sent it, and the control data
    rx[i]         mmsghdr that receives into slot i and onto envelope i
    tx[i]         mmsghdr that sends slot i to who is on the envelope, with the same control data

The two arrays of headers point at the same memory, so that a reply goes to who asked, from the
address that was asked, without a copy.  On a socket bound to a wildcard address the control data
is IP_PKTINFO / IPV6_PKTINFO (RFC 3542 §6.2); its interface index is zeroed, so that the routing
table chooses the way back.

I/O, but no decision: it does not know what a message means.  Called by `udp` only.
"""

from __future__ import annotations

import ctypes
import errno
import socket
import struct
from typing import Any

SLOT = 4096
BATCH = 64

_PEER = 32
_CONTROL = 64
_ENVELOPE = _PEER + _CONTROL
_VECTOR = 16
_HEADER = 64  # sizeof(struct mmsghdr) on 64-bit Linux
_IP_PKTINFO = 8

_libc = ctypes.CDLL(None, use_errno=True)
recvmmsg: Any = _libc.recvmmsg
sendmmsg: Any = _libc.sendmmsg
recvmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p]
sendmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]


class Headers:
    """An array of mmsghdr over the shared envelopes and slots."""

    def __init__(self, envelopes: int, slots: int, peer_size: int, with_control: bool):
        self.memory = bytearray(_HEADER * BATCH)
        self.vectors = bytearray(_VECTOR * BATCH)
        words = memoryview(self.memory).cast("Q")
        vector_words = memoryview(self.vectors).cast("Q")
        vectors = _address(self.vectors)
        for i in range(BATCH):
            vector_words[2 * i] = slots + SLOT * i
            vector_words[2 * i + 1] = SLOT
            words[8 * i : 8 * i + 6] = memoryview(
                _words(
                    envelopes + _ENVELOPE * i, peer_size, vectors + _VECTOR * i, 1,
                    envelopes + _ENVELOPE * i + _PEER if with_control else 0,
                    _CONTROL if with_control else 0,
                )
            ).cast("B").cast("Q")  # fmt: skip
        self.address = _address(self.memory)
        self.lengths = memoryview(self.memory).cast("I")[14::16]
        self.control_sizes = words[5::8]
        self.vector_lengths = vector_words[1::2]


class Batch:
    """The memory of one batch on one socket.  `peer(i)` is read only where somebody wants it."""

    def __init__(self, bound: socket.socket) -> None:
        self._family = bound.family
        self._controls_on = _ask_for_destination(bound)
        peer_size = 16 if bound.family == socket.AF_INET else 28
        memory = bytearray(SLOT * BATCH)
        envelopes = bytearray(_ENVELOPE * BATCH)
        self.slots = memoryview(memory)
        self._envelopes = memoryview(envelopes)
        places = (_address(envelopes), _address(memory))
        self.rx = Headers(*places, peer_size, self._controls_on)
        self.tx = Headers(*places, peer_size, self._controls_on)
        self.reply_lengths = self.tx.vector_lengths
        self._full = memoryview(_words(*[_CONTROL] * BATCH)).cast("B").cast("Q")
        self._zeros = memoryview(bytes(4 * BATCH)).cast("I")
        index = (_PEER + 16 + (0 if bound.family == socket.AF_INET else 16)) // 4
        self._interfaces = self._envelopes.cast("I")[index :: _ENVELOPE // 4]
        form = ("4xI24x" if bound.family == socket.AF_INET else "8xQQ8x") + f"{_CONTROL}x"
        self._addresses = struct.Struct(">" + form * BATCH)
        size = 32 if bound.family == socket.AF_INET else 40
        if self._controls_on:
            self.tx.control_sizes[:] = memoryview(_words(*[size] * BATCH)).cast("B").cast("Q")

    def receive(self, descriptor: int) -> int:
        """How many messages came; 0 when none waits."""
        if self._controls_on:
            self.rx.control_sizes[:] = self._full
        count: int = recvmmsg(descriptor, self.rx.address, BATCH, socket.MSG_DONTWAIT, None)
        if count > 0 and self._controls_on:
            self._interfaces[:] = self._zeros
        return max(count, 0)

    def send(self, descriptor: int, start: int, stop: int) -> int:
        """Send the replies `start` to `stop`; how many could not be sent.

        A reply that the kernel refuses (a peer that is gone, a full buffer) is left out; the
        others go.
        """
        lost = 0
        while start < stop:
            sent = sendmmsg(descriptor, self.tx.address + _HEADER * start, stop - start, 0)
            if sent > 0:
                start += sent
                continue
            if ctypes.get_errno() == errno.EINTR:
                continue
            lost += 1
            start += 1
        return lost

    def prefixes(self, bits: int, count: int) -> list[int]:
        """The first `bits` of the address of who sent each of the first `count` messages."""
        words = self._addresses.unpack_from(self._envelopes)
        if self._family == socket.AF_INET:
            return [word >> 32 - bits for word in words[:count]]
        high = words[: 2 * count : 2]
        if bits <= 64:
            return [word >> 64 - bits for word in high]
        low = words[1 : 2 * count : 2]
        return [(a << 64 | b) >> 128 - bits for a, b in zip(high, low, strict=True)]

    def address(self, i: int) -> bytes:
        """The packed address of who sent message `i`."""
        start, size = (4, 4) if self._family == socket.AF_INET else (8, 16)
        start += _ENVELOPE * i
        return bytes(self._envelopes[start : start + size])

    def envelope(self, i: int) -> bytes:
        """Who sent message `i`, and to which of our addresses, for a reply at a later time."""
        return bytes(self._envelopes[_ENVELOPE * i : _ENVELOPE * (i + 1)])

    def post(self, descriptor: int, letters: list[tuple[bytes, bytes]]) -> int:
        """Send up to BATCH replies, each to who is named on its envelope; how many could not be.

        Not between `receive` and `send`: the slots are used for it.
        """
        envelopes, slots, lengths = self._envelopes, self.slots, self.reply_lengths
        index = place = slot = 0
        for envelope, reply in letters:
            size = len(reply)
            envelopes[place : place + _ENVELOPE] = envelope
            slots[slot : slot + size] = reply
            lengths[index] = size
            index, place, slot = index + 1, place + _ENVELOPE, slot + SLOT
        return self.send(descriptor, 0, len(letters))

    def peer(self, i: int) -> tuple[str, int]:
        """Address and port of who sent message `i`."""
        return self.addressee(self.envelope(i))

    def addressee(self, envelope: bytes) -> tuple[str, int]:
        """Address and port of who is named on the envelope."""
        port = int.from_bytes(envelope[2:4], "big")
        if self._family == socket.AF_INET:
            return socket.inet_ntop(socket.AF_INET, envelope[4:8]), port
        return socket.inet_ntop(socket.AF_INET6, envelope[8:24]), port


def _ask_for_destination(bound: socket.socket) -> bool:
    """Whether replies must name their source: only where the socket has no address of its own."""
    if bound.getsockname()[0] == "0.0.0.0":  # noqa: S104 - a comparison
        bound.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        return True
    if bound.getsockname()[0] == "::":
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        return True
    return False


def _words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(8, "little") for number in numbers)


def _address(memory: bytearray) -> int:
    """Where the memory is.  It must never be resized afterwards."""
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))
