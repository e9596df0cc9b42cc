"""Name servers on loopback, in the test's loop: what each says is in its tables.

async with net() as servers:
    parent = await servers.start()                  an address of its own, one port for all
    parent.refer("example.com.", "ns1.example.com.")
    ns1.put("web.example.com. 180 A 192.0.2.1")
    servers.resolver.put("ns1.example.com. 60 A " + ns1.address)
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rrset

from feddns.config import SocketAddress
from tests.serving import free_port, loopback


class Nameserver(asyncio.DatagramProtocol):
    """`is_good`: it is authoritative; `rcode`: of every answer; `is_silent`: it says nothing."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked: list[str] = []
        self.rcode: dns.rcode.Rcode | None = None
        self.is_silent, self.is_good = False, True
        self._records: dict[tuple[str, str], dns.rrset.RRset] = {}
        self._below: dict[str, dns.rrset.RRset] = {}
        self._transport: Any = None

    def put(self, line: str) -> None:
        """One record set: `web.example.com. 180 A 192.0.2.1 192.0.2.2`."""
        name, ttl, type, *values = line.split()
        if type == "SOA":
            values = [" ".join(values)]
        self._records[name, type] = dns.rrset.from_text(name, int(ttl), "IN", type, *values)

    def drop(self, name: str, type: str) -> None:
        self._records.pop((name, type), None)

    def refer(self, zone: str, *name_servers: str) -> None:
        """A zone that others have."""
        self._below[zone] = dns.rrset.from_text(zone, 300, "IN", "NS", *name_servers)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, peer: Any) -> None:
        query = dns.message.from_wire(data)
        if not self.is_silent:
            self._transport.sendto(self._answer(query).to_wire(), peer)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(query, recursion_available=True)
        question = query.question[0]
        name, type = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append(f"{name} {type}")
        if self.rcode is not None:
            reply.set_rcode(self.rcode)
            return reply
        if self.is_good:
            reply.flags |= dns.flags.AA
        for zone, rrset in self._below.items():
            if question.name.is_subdomain(dns.name.from_text(zone)):
                reply.flags &= ~dns.flags.AA
                reply.authority.append(rrset)
                return reply
        while (alias := self._records.get((name, "CNAME"))) and type != "CNAME":
            reply.answer.append(alias)
            name = alias[0].target.to_text()
        if found := self._records.get((name, type)):
            reply.answer.append(found)
        elif not any(known == name for known, _ in self._records):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply


class Net:
    """All servers; `resolver` is the one that is asked by who resolves."""

    def __init__(self) -> None:
        self.servers: list[Nameserver] = []
        self.resolver: Nameserver
        self.port = 0

    async def start(self) -> Nameserver:
        """One more."""
        address = loopback()
        self.port = self.port or free_port(address)
        one = Nameserver(address)
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: one, local_addr=(address, self.port))
        self.servers.append(one)
        return one

    @property
    def resolvers(self) -> list[SocketAddress]:
        return [SocketAddress(f"{self.resolver.address}:{self.port}")]


@contextlib.asynccontextmanager
async def net() -> AsyncIterator[Net]:
    one = Net()
    one.resolver = await one.start()
    try:
        yield one
    finally:
        for server in one.servers:
            server._transport.close()
        await asyncio.sleep(0)


class Domain:
    """com. with example.com. in it, on two name servers."""

    def __init__(self, servers: Net, parent: Nameserver, ns1: Nameserver, ns2: Nameserver) -> None:
        self.net, self.parent, self.ns1, self.ns2 = servers, parent, ns1, ns2
        self.both = (ns1, ns2)
        resolver = servers.resolver
        resolver.put("com. 300 SOA a.net. h.net. 1 1 1 1 1")
        resolver.put("com. 300 NS a.net.")
        resolver.put(f"a.net. 300 A {parent.address}")
        resolver.put("example.com. 300 SOA ns1.example.com. h.example.com. 1 1 1 1 1")
        resolver.put("example.com. 300 NS ns1.example.com. ns2.example.com.")
        parent.put("com. 300 SOA a.net. h.net. 1 1 1 1 1")
        parent.refer("example.com.", "ns1.example.com.", "ns2.example.com.")
        for number, one in enumerate(self.both, 1):
            resolver.put(f"ns{number}.example.com. 300 A {one.address}")
            one.put("example.com. 300 NS ns1.example.com. ns2.example.com.")

    def put(self, line: str) -> None:
        for one in self.both:
            one.put(line)


async def domain(servers: Net) -> Domain:
    return Domain(servers, *[await servers.start() for _ in range(3)])
