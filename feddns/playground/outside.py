"""The public zone as the rest of the world sees it: an authoritative DNS server for a master file.

    outside = Outside("example.com.", path)
    await outside.start("127.10.0.53", 53)
    outside.close()

    asked                             the answer
    a name of the zone                its records; an alias is followed within the zone
    a name without that type          NOERROR, SOA; so is one that only has names below it
    a name that is not there          NXDOMAIN, SOA
    not of the zone                   REFUSED
    while the file cannot be read     SERVFAIL
    other than a question             NOTIMP, FORMERR, or nothing

The file is what the controllers write (`providers.zonefile`); it is read again when it has changed.
Zones of feddns have no wildcards and no delegations, so neither are here.

I/O.  Called by `stage`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone

from feddns.errors import OperatorNeeded

_EDNS_SIZE = 1232
_PLAIN_SIZE = 512
_LONGEST_CHAIN = 8
_IDLE = 5.0

_Stamp = tuple[int, int, int]


class Outside:
    """See the module's docstring."""

    def __init__(self, zone: str, path: Path) -> None:
        self._origin = dns.name.from_text(zone)
        self._path = path
        self._stamp: _Stamp | None = None
        self._zone: dns.zone.Zone | None = None
        self._above: set[dns.name.Name] = set()
        """Names that have names below them."""
        self._transport: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None

    async def start(self, address: str, port: int) -> None:
        """Listen, over UDP and TCP.  Raises `OperatorNeeded`."""
        loop = asyncio.get_running_loop()
        try:
            self._transport, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self), (address, port)
            )
            self._server = await asyncio.start_server(
                self._serve, address, port, reuse_address=True
            )
        except OSError as error:
            self.close()
            raise OperatorNeeded(f"{address}:{port}: {error.strerror or error}") from error

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        if self._server is not None:
            self._server.close()

    # --- answers ---------------------------------------------------------------------------------

    def respond(self, message: bytes, *, tcp: bool) -> bytes | None:
        """The reply to a message; None for silence.  Never raises for any bytes."""
        try:
            query = dns.message.from_wire(message)
        except (dns.exception.DNSException, ValueError):
            return _format_error(message)
        if query.flags & dns.flags.QR:
            return None
        reply = dns.message.make_response(query, our_payload=_EDNS_SIZE)
        if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
            reply.set_rcode(dns.rcode.NOTIMP)
        else:
            self._fill(reply, query.question[0])
        size = max(query.payload, _PLAIN_SIZE) if query.edns >= 0 else _PLAIN_SIZE
        return _written(reply, 65_535 if tcp else min(size, _EDNS_SIZE))

    def _fill(self, reply: dns.message.Message, question: dns.rrset.RRset) -> None:
        zone = self._current()
        if not question.name.is_subdomain(self._origin) or question.rdclass != dns.rdataclass.IN:
            reply.set_rcode(dns.rcode.REFUSED)
            return
        if zone is None:
            reply.set_rcode(dns.rcode.SERVFAIL)
            return
        reply.flags |= dns.flags.AA
        name = question.name
        for _ in range(_LONGEST_CHAIN):
            found = zone.get_rrset(name, question.rdtype)
            alias = zone.get_rrset(name, dns.rdatatype.CNAME)
            if found is None and alias is not None:
                reply.answer.append(alias)
                name = alias[0].target
                if name.is_subdomain(self._origin):
                    continue
                return
            if found is not None:
                reply.answer.append(found)
                return
            break
        if zone.get_node(name) is None and name not in self._above:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        soa = zone.get_rrset(self._origin, dns.rdatatype.SOA)
        if soa is not None:
            reply.authority.append(soa)

    # --- the file --------------------------------------------------------------------------------

    def _current(self) -> dns.zone.Zone | None:
        """The zone as the file has it; None when it cannot be read."""
        try:
            found = os.stat(self._path)
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp != self._stamp:
                self._zone = dns.zone.from_file(
                    str(self._path), self._origin, relativize=False, check_origin=True
                )
                self._above = _above(self._zone)
                self._stamp = stamp
        except (OSError, ValueError, dns.exception.DNSException):
            self._zone, self._stamp = None, None
        return self._zone

    # --- streams ---------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with (
            contextlib.suppress(OSError, asyncio.IncompleteReadError),
            contextlib.closing(writer),
        ):
            while True:
                async with asyncio.timeout(_IDLE):
                    size = int.from_bytes(await reader.readexactly(2), "big")
                    reply = self.respond(await reader.readexactly(size), tcp=True)
                    if reply is None:
                        return
                    writer.write(len(reply).to_bytes(2, "big") + reply)
                    await writer.drain()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # in 3.11 it is none by class

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._outside.respond(data, tcp=False)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)


def _above(zone: dns.zone.Zone) -> set[dns.name.Name]:
    found: set[dns.name.Name] = set()
    assert zone.origin is not None
    for name in zone.nodes:
        while name != zone.origin and (name := name.parent()) not in found:
            found.add(name)
    return found


def _written(reply: dns.message.Message, size: int) -> bytes:
    try:
        return reply.to_wire(max_size=size)
    except dns.exception.TooBig:
        reply.answer, reply.authority = [], []
        reply.flags |= dns.flags.TC
        return reply.to_wire()


def _format_error(message: bytes) -> bytes | None:
    """The header alone, with FORMERR; nothing for what has none, or is a reply."""
    if len(message) < 12 or message[2] & 0x80:
        return None
    return message[:2] + bytes((0x80 | message[2] & 0x79, dns.rcode.FORMERR)) + bytes(8)
