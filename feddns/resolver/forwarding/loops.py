"""Whether an upstream leads back here: a mark on each question, and a probe for each server.

    sent with every question        the group's mark and the server's number, in an EDNS option of
                                    the private range (RFC 6891 §9: 65001 to 65534)
    sent to each new server         a probe: HINFO of <random>.<mark>., a name that no cache has

    what comes here from outside    outcome
    a question with our own mark    the server of that number leads back: REFUSED, left out
    a probe with our own mark       answered by HINFO, so that whoever sent it knows
    an answer to a probe with it    that server leads back: left out
    any other answer                it does not
    no answer                       it does not, as far as is known: probed again in 10 s

The mark alone finds a loop only where all in between pass unknown options on, which forwarders
seldom do; the probe needs only that questions are passed on.  The domain of the probe is random,
as CoreDNS has it: a fixed one would be denied in between from a cached NXDOMAIN (RFC 8020), and
`invalid` by rule (RFC 6761).  What leads back is left out for a while and probed again, with
growing pauses.  All answering processes have one mark: the loop may end at another of them.

Pure: marks and random labels are handed in.  Called by `forwarder` and `relay`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from feddns import records
from feddns.names import Name
from feddns.records import HINFO, IN, RRset
from feddns.resolver.forwarding.servers import Server, Servers

OPTION = 65_313
MARK = 8
"""Octets of a mark."""

PROBE_PAUSE, UNANSWERED_PAUSE = 3600.0, 10.0

_TEXT = records.txt(b"feddns", b"loop")


class Loops:
    """Which servers lead back here.  `found`: how often that was seen."""

    def __init__(self, mark: bytes, servers: Servers, tell: Callable[[str], None]) -> None:
        self.marks = Marks(mark)
        self.found = 0
        self._servers = servers
        self._tell = tell

    def due(self, now: float) -> list[Server]:
        """Those to be probed now."""
        return [
            server
            for server in self._servers.known.values()
            if server.probed_at is None
            or now >= server.probed_at + (server.loop_pause if server.loops else PROBE_PAUSE)
        ]

    def is_ours(self, message: bytes, clock: Callable[[], float]) -> bool:
        """Whether a question came back to where it was sent from; its server is then left out."""
        sent = self.marks.found(message)
        if sent is None:
            return False
        for server in self._servers.known.values():
            if number(server.address) == sent:
                server.probed_at = clock()
                self.judge(server, True)
        return True

    def judge(self, server: Server, leads_back: bool) -> None:
        """What a probe, or a question that came back, says of a server."""
        self.found += leads_back
        if server.note_loop(leads_back):
            self._tell(
                f"upstream {server.address} leads back to this server: it is left out"
                if leads_back
                else f"upstream {server.address} no longer leads back to this server"
            )

    def excuse(self, server: Server, now: float) -> None:
        """A probe without an answer says nothing: again soon."""
        server.probed_at = now - PROBE_PAUSE + UNANSWERED_PAUSE
        self.judge(server, False)


class Marks:
    """The bytes that show that a question is our own."""

    def __init__(self, mark: bytes) -> None:
        label = mark.hex().encode("ascii")
        self._head = struct.pack("!HH", OPTION, MARK + 4) + mark
        self._suffix: Name = bytes((len(label),)) + label + b"\x00"

    def option(self, server: str) -> bytes:
        """The EDNS option for questions to a server."""
        return self._head + number(server)

    def found(self, message: bytes) -> bytes | None:
        """The number of the server that a question of ours was sent to; None for others' ones."""
        place = message.find(self._head)
        if place < 0:
            return None
        place += len(self._head)
        return message[place : place + 4]

    def probe(self, nonce: bytes) -> bytes:
        """The question of a probe."""
        label = nonce.hex().encode("ascii")
        return bytes((len(label),)) + label + self._suffix + struct.pack("!HH", HINFO, IN)

    def is_probe(self, name: Name) -> bool:
        return name.endswith(self._suffix)

    def answer(self, name: Name) -> RRset:
        """What a probe finds when it comes back."""
        return RRset(name, HINFO, 0, (_TEXT,))


def number(server: str) -> bytes:
    """The same in every process."""
    return zlib.crc32(server.encode("ascii")).to_bytes(4, "big")


def came_back(body: bytes) -> bool:
    """Whether the records of an answer to a probe are `Marks.answer`."""
    return _TEXT in body
