"""DNS cookies: what a client shows to prove that its address is its own (RFC 7873, RFC 9018).

    the COOKIE option of a message            the reply
    none                                      has none
    neither 8 nor 16 to 40 octets             FORMERR (RFC 7873 §5.2.2)
    8 octets: the client's cookie             as without, and a server cookie
    a server cookie that is not ours, not for
    this address, or of the wrong time        the same; over the rate limit BADCOOKIE instead
    a valid one                               as without, and that cookie; older than 30 minutes,
                                              or made with the previous secret: a new one
    more than one                             the first counts (§5.2)
    without a question (§5.4)                 only the cookie

A cookie is a client's own, an answer is everybody's.  So the option is cut out of the message
(`take`), the rest is answered as ever, from the ready answers too, and the reply's option is put
behind the others of its OPT record, which is its last (`add`).  What is asked gets smaller by the
reply's option, so that the whole still fits.

Left alone, as by a server without cookies: messages with other additional records beside OPT, and
bare errors, which have no OPT record.  Pure: secret, address and time are arguments.  Called by
`responder`; `udp` and `tcp` look for `MARK` first.
"""

from __future__ import annotations

import hmac
import struct
from typing import NamedTuple

from siphash24 import siphash24

from feddns.resolver import wire

MARK = b"\x00\x0a"
"""In every message with the option; behind the header seldom in others."""

COOKIE = 10
CLIENT = 8
_WHOLE = 24
_VERSION = 1
ROOM = 4 + _WHOLE
"""Octets of the option in a reply."""

PAST, FUTURE, RENEW = 3600, 300, 1800
"""Seconds that a cookie is valid for, that clocks may differ by, and after which it is renewed."""

_SMALLEST = 512
_TC = 0x02
_OPT = b"\x00\x00\x29"
_OPTION = struct.Struct("!HH")
_STAMP = struct.Struct("!B3xI")
_ONE_QUESTION = b"\x00\x01\x00\x00\x00\x00\x00\x01"
_NO_QUESTION = b"\x00\x00\x00\x00\x00\x00\x00\x01"


class Asked(NamedTuple):
    """A message in two parts: without its option, and what was in that.

    `limit` is how long the reply may be with its cookie, over UDP.
    """

    plain: bytes
    cookie: bytes
    limit: int

    @property
    def is_well_formed(self) -> bool:
        """Whether the option has a length that there is."""
        size = len(self.cookie)
        return size == CLIENT or 16 <= size <= 40

    @property
    def has_question(self) -> bool:
        return self.plain[5] == 1


def take(message: bytes, largest: int) -> Asked | None:
    """Cut out the first COOKIE option; None when there is none that can be found.

    `largest`: how long our replies may be over UDP, whatever a client offers.
    """
    opt = _find_opt(message)
    if opt < 0:
        return None
    size = len(message)
    start = opt + 11
    while start + 4 <= size:
        code, length = _OPTION.unpack_from(message, start)
        end = start + 4 + length
        if code == COOKIE and end <= size:
            options = message[opt + 11 : start] + message[end:]
            limit = max(_SMALLEST, min(largest, message[opt + 3] << 8 | message[opt + 4]))
            offer = max(_SMALLEST, limit - ROOM)
            plain = b"%b%b%b%b%b" % (
                message[: opt + 3], offer.to_bytes(2, "big"), message[opt + 5 : opt + 9],
                len(options).to_bytes(2, "big"), options,
            )  # fmt: skip
            return Asked(plain, message[start + 4 : end], limit)
        start = end
    return None


def _find_opt(message: bytes) -> int:
    """Where the OPT record of an ordinary message starts; -1 when it is not one."""
    counts = message[4:12]
    position = 12
    if counts == _ONE_QUESTION:
        position = wire.end_of_question(message)
    elif counts != _NO_QUESTION:
        return -1
    if message[position : position + 3] != _OPT or len(message) < position + 11:
        return -1
    length = message[position + 9] << 8 | message[position + 10]
    return position if position + 11 + length == len(message) else -1


def add(reply: bytes, cookie: bytes, limit: int) -> bytes:
    """The reply with the option in its OPT record; truncated (TC) when that is over `limit`."""
    size = len(reply)
    opt = reply.rfind(_OPT, 12, max(0, size - 8))
    # What is found in the text of another option does not reach to the end.
    while opt > 0 and reply[opt + 9 : opt + 11] != (size - opt - 11).to_bytes(2, "big"):
        opt = reply.rfind(_OPT, 12, opt + 2)
    if opt < 0:
        return reply
    length = (size - opt - 11 + ROOM).to_bytes(2, "big")
    tail = reply[opt : opt + 9] + length + reply[opt + 11 :] + cookie
    if opt + len(tail) <= limit:
        return reply[:opt] + tail
    head = reply[:2] + bytes((reply[2] | _TC, reply[3])) + _ONE_QUESTION
    return head + reply[12 : wire.end_of_question(reply)] + tail


class Cookies:
    """Makes and checks server cookies.  `previous`: the secret before, whose cookies still hold."""

    def __init__(self, secret: bytes, previous: bytes = b"") -> None:
        self._secrets = (secret, previous) if previous else (secret,)

    def judge(self, cookie: bytes, address: bytes, now: int) -> tuple[bytes, bool]:
        """The option of the reply, and whether the client's server cookie is valid.

        `address`: the client's, packed.  `now`: Unix time.
        """
        client = cookie[:CLIENT]
        for secret in self._secrets:
            age = self._age(cookie, address, now, secret)
            if age is not None:
                if age <= RENEW and secret is self._secrets[0]:
                    return _OPTION.pack(COOKIE, _WHOLE) + cookie, True
                return self.make(client, address, now), True
        return self.make(client, address, now), False

    def make(self, client: bytes, address: bytes, now: int) -> bytes:
        """A COOKIE option with a new server cookie."""
        server = _STAMP.pack(_VERSION, now & 0xFFFFFFFF)
        digest = _hash(self._secrets[0], client + server, address)
        return _OPTION.pack(COOKIE, _WHOLE) + client + server + digest

    @staticmethod
    def _age(cookie: bytes, address: bytes, now: int, secret: bytes) -> int | None:
        """Seconds since the cookie was made; None when it is not valid."""
        if len(cookie) != _WHOLE or cookie[CLIENT] != _VERSION:
            return None
        # By the arithmetic of serial numbers (RFC 9018 §4.3): the clock turns over in 2106.
        age = (now - int.from_bytes(cookie[12:16], "big") + (1 << 31)) % (1 << 32) - (1 << 31)
        if not -FUTURE <= age <= PAST:
            return None
        return (
            age if hmac.compare_digest(_hash(secret, cookie[:16], address), cookie[16:]) else None
        )


def _hash(secret: bytes, cookie: bytes, address: bytes) -> bytes:
    """RFC 9018 §4.4; reserved octets are taken as they came (§4.2)."""
    digest: bytes = siphash24(cookie + address, key=secret).digest()
    return digest
