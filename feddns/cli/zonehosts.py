"""◇ Host names of load balancers, resolved once.

    the resolvers say            here
    addresses                    these, with the shortest TTL on the way to them
    no such name, no addresses   none: the name leads nowhere
    nothing in time, an error    not known: what the zone has of it is kept

Called by `zonework`.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address

import dns.exception
import dns.nameserver
import dns.resolver

from feddns import names
from feddns.config import SocketAddress, values
from feddns.errors import OperatorNeeded, SettingRefused
from feddns.names import Name
from feddns.providers.desired import TTL, Host

_AT_ONCE = 16
_PATIENCE = 5.0


def resolve(hosts: Iterable[Name], servers: str = "") -> dict[Name, Host]:
    """Those that are known.  `servers`: addresses with ports and commas between, not the machine's.

    Raises `SettingRefused` for other texts, `OperatorNeeded` where the machine has no resolver.
    """
    asked, given = sorted(set(hosts)), _addresses(servers)
    if not asked:
        return {}
    resolver = _resolver(given)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(partial(_host, resolver), asked))
    return {name: host for name, host in zip(asked, found, strict=True) if host is not None}


def _addresses(servers: str) -> list[SocketAddress]:
    try:
        return [values.socket_address(text.strip()) for text in servers.split(",") if text.strip()]
    except ValueError as error:
        raise SettingRefused(f"--dns-resolvers: {error}") from error


def _resolver(given: list[SocketAddress]) -> dns.resolver.Resolver:
    try:
        made = dns.resolver.Resolver(configure=not given)
    except dns.resolver.NoResolverConfiguration as error:
        raise OperatorNeeded(
            f"host names of load balancers cannot be resolved ({error}): name a server by "
            "--dns-resolvers"
        ) from error
    if given:
        made.nameservers = [dns.nameserver.Do53Nameserver(one.address, one.port) for one in given]
    made.lifetime = _PATIENCE
    return made


def _host(resolver: dns.resolver.Resolver, name: Name) -> Host | None:
    packed: list[bytes] = []
    ttl = TTL
    for type in ("A", "AAAA"):
        try:
            answer = resolver.resolve(names.format(name), type, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return Host((), ttl)
        except dns.exception.DNSException:
            return None
        if answer.rrset is not None:
            packed += [ip_address(rdata.address).packed for rdata in answer.rrset]
            ttl = min(ttl, *(rrset.ttl for rrset in answer.response.answer))
    return Host(tuple(sorted(packed)), max(1, ttl))
