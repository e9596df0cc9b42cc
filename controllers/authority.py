"""Which servers have a zone, and what they say.


    servers(zone)     the name servers that the zone is delegated to, each address for itself, and
                      what is wrong with the delegation
    look_up(name)     the addresses of a host name, and its TTL as its own servers have it

    of a delegation                                     is said
    the parent's servers know no name servers           it is not delegated
    a name server has no address                        which
    a server gives no answer, another rcode, or is not  which, and what it says
    authoritative
    the parent names others than the zone itself        both

What cannot be found out is words, never an exception.  I/O.  Called by `hostnames` and `checking`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from ipaddress import ip_address
from typing import NamedTuple

import dns.asyncquery
import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.nameserver
import dns.rcode
import dns.rdatatype
import dns.resolver

from feddns import names
from feddns.config import SocketAddress
from feddns.names import Name

_PATIENCE = 4.0
_LONGEST_CHAIN = 8


class Server(NamedTuple):
    """An address of a name server."""

    name: str
    address: str
    port: int = 53

    def __str__(self) -> str:
        place = self.address if self.port == 53 else f"{self.address} port {self.port}"
        return f"{self.name} ({place})" if self.name else place


class Delegation(NamedTuple):
    """`is_known`: it could be found out; then no servers means that the zone is not delegated."""

    servers: tuple[Server, ...] = ()
    mistakes: tuple[str, ...] = ()
    is_known: bool = False


class Found(NamedTuple):
    """What a host name resolves to: packed addresses, sorted.  `left`: seconds until it may be
    another, `ttl` as the name's own servers have it, 0 when they could not be asked."""

    addresses: tuple[bytes, ...]
    left: int
    ttl: int = 0


class Authority:
    """See the module's docstring.  `resolvers`: instead of the machine's own."""

    def __init__(self, resolvers: Iterable[SocketAddress] = (), *, port: int = 53) -> None:
        """`port`: of name servers, for tests."""
        self._port = port
        given = [dns.nameserver.Do53Nameserver(one.address, one.port) for one in resolvers]
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        with contextlib.suppress(dns.resolver.NoResolverConfiguration):
            # Without one, each question says that there is nobody to ask.
            self._resolver = dns.asyncresolver.Resolver(configure=not given)
        if given:
            self._resolver.nameservers = given
        self._resolver.lifetime = _PATIENCE

    async def ask(
        self, server: Server, name: str, type: str, *, recursing: bool = False
    ) -> dns.message.Message | str:
        """What a server says, or why it says nothing."""
        query = dns.message.make_query(name, type)
        if not recursing:
            query.flags &= ~dns.flags.RD
        try:
            reply, _ = await dns.asyncquery.udp_with_fallback(
                query, server.address, _PATIENCE, server.port
            )
        except dns.exception.Timeout:
            return "no answer in time"
        except (dns.exception.DNSException, OSError, EOFError) as error:
            return str(error) or type_of(error)
        return reply

    # --- host names ------------------------------------------------------------------------------

    async def look_up(self, name: Name, with_ttl: bool = False) -> Found | str:
        """The addresses of both families; of a name that does not exist none.  `with_ttl`: ask its
        own servers, too."""
        text = names.format(name)
        answers = await asyncio.gather(*(self._resolve(text, type) for type in ("A", "AAAA")))
        packed: set[bytes] = set()
        left: list[int] = []
        chain = {text}
        for answer in answers:
            if isinstance(answer, str):
                return answer
            if answer is None:
                continue
            for rrset in answer.response.answer:
                left.append(rrset.ttl)
                chain.add(rrset.name.to_text())
            packed |= {ip_address(one.address).packed for one in answer.rrset or ()}
        ttl = await self._ttl_of(chain) if with_ttl and packed else 0
        return Found(tuple(sorted(packed)), min(left, default=0), ttl)

    async def _resolve(self, name: str, type: str) -> dns.resolver.Answer | str | None:
        """None: it does not exist."""
        try:
            return await self._resolver.resolve(name, type, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN:
            return None
        except dns.exception.DNSException as error:
            return str(error) or type_of(error)

    async def _ttl_of(self, chain: set[str]) -> int:
        """The shortest on the way to the addresses; 0 when it cannot be found out."""
        if len(chain) > _LONGEST_CHAIN:
            return 0
        found = await asyncio.gather(*(self._own_ttl(name) for name in chain))
        return min(found)

    async def _own_ttl(self, name: str) -> int:
        try:
            zone = await dns.asyncresolver.zone_for_name(name, resolver=self._resolver)
        except dns.exception.DNSException:
            return 0
        servers, _ = await self._named(await self._name_servers(zone.to_text()))
        for server in servers[:3]:
            for type in ("A", "AAAA"):
                reply = await self.ask(server, name, type)
                if isinstance(reply, str) or not reply.flags & dns.flags.AA:
                    continue
                owner = dns.name.from_text(name)
                if own := [rrset.ttl for rrset in reply.answer if rrset.name == owner]:
                    return int(min(own))
        return 0

    # --- delegation ------------------------------------------------------------------------------

    async def servers(self, zone: str) -> Delegation:
        """Of an absolute name."""
        parent = dns.name.from_text(zone).parent()
        try:
            above = await dns.asyncresolver.zone_for_name(parent, resolver=self._resolver)
        except dns.exception.DNSException as error:
            words = str(error) or type_of(error)
            return Delegation((), (f"who has {zone} cannot be found out: {words}",))
        asked, _ = await self._named(await self._name_servers(above.to_text()))
        told = await self._told_by_parent(zone, asked)
        if told is None:
            whom = ", ".join(map(str, asked)) or "none"
            words = f"who has {zone} cannot be found out: no server of {above} answers ({whom})"
            return Delegation((), (words,))
        if not told:
            words = f"{zone} is not delegated: the servers of {above} name none for it"
            return Delegation((), (words,), True)
        servers, mistakes = await self._named(told)
        return await self.inspected(zone, servers, told, mistakes)

    async def inspected(
        self, zone: str, servers: list[Server], told: set[str], mistakes: list[str]
    ) -> Delegation:
        """Each server asked about the zone; `told`: name servers that the parent names, if any."""
        replies = await asyncio.gather(*(self.ask(server, zone, "NS") for server in servers))
        owned: set[str] = set()
        for server, reply in zip(servers, replies, strict=True):
            if why := _lame(reply):
                mistakes.append(f"{server} does not serve {zone}: {why}")
            else:
                assert not isinstance(reply, str)
                owned |= _targets(reply.answer, zone)
        if told and owned and told != owned:
            mistakes.append(
                f"{zone} is delegated to {_list(told)}, and names {_list(owned)} itself"
            )
        return Delegation(tuple(servers), tuple(mistakes), True)

    async def _told_by_parent(self, zone: str, asked: list[Server]) -> set[str] | None:
        for server in asked:
            reply = await self.ask(server, zone, "NS")
            if not isinstance(reply, str) and reply.rcode() in (
                dns.rcode.NOERROR, dns.rcode.NXDOMAIN,
            ):  # fmt: skip
                return _targets([*reply.answer, *reply.authority], zone)
        return None

    async def _name_servers(self, zone: str) -> set[str]:
        answer = await self._resolve(zone, "NS")
        if answer is None or isinstance(answer, str):
            return set()
        return {one.target.to_text() for one in answer.rrset or ()}

    async def _named(self, name_servers: set[str]) -> tuple[list[Server], list[str]]:
        """All addresses of some name servers, and which have none."""
        ordered = sorted(name_servers)
        found: list[Server] = []
        mistakes: list[str] = []
        looked_up = await asyncio.gather(*(self.look_up(names.parse(name)) for name in ordered))
        for name, one in zip(ordered, looked_up, strict=True):
            if isinstance(one, str):
                mistakes.append(f"the address of {name} cannot be found out: {one}")
            elif not one.addresses:
                mistakes.append(f"{name} has no address")
            else:
                addresses = map(str, map(ip_address, one.addresses))
                found += [Server(name, address, self._port) for address in addresses]
        return found, mistakes


def type_of(error: BaseException) -> str:
    return type(error).__name__


def _lame(reply: dns.message.Message | str) -> str:
    if isinstance(reply, str):
        return reply
    if reply.rcode() != dns.rcode.NOERROR:
        return dns.rcode.to_text(reply.rcode())
    return "" if reply.flags & dns.flags.AA else "it is not authoritative"


def _targets(rrsets: Iterable[dns.rrset.RRset], zone: str) -> set[str]:
    owner = dns.name.from_text(zone)
    return {
        one.target.to_text().lower()
        for rrset in rrsets
        if rrset.rdtype == dns.rdatatype.NS and rrset.name == owner
        for one in rrset
    }


def _list(name_servers: set[str]) -> str:
    return ", ".join(sorted(name_servers))
