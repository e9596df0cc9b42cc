"""Which servers know a name outside our zones, and which names never leave.

    case  the name is in …                                outcome
    N1    a stub domain (the longest that fits)           its servers
    N2    localhost, while the default list is in force   127.0.0.1, ::1; NODATA for other types
    N3    --never-forward, below one of its domains       NXDOMAIN with that domain's SOA
          the domain itself, below arpa                   SOA to its own type, else NODATA
          the domain itself, elsewhere                    NXDOMAIN
    N4    anything else                                   the upstream servers
    N5    N4 without an upstream server                   None: refused as without forwarding

    stub domains        --stub-domain, the ConfigMap's on top (it wins for the same domain)
    upstream            the ConfigMap's, else --upstream, else the nameservers of resolv.conf
    --never-forward     `default` the list below, `none` nothing, domains and CIDRs by themselves

Our own zones do not come here: `answer` has looked there first.  `.internal` is not in the list,
because clouds serve it; nor are `example` names, which RFC 6761 §6.5 wants to be looked up.
Pure; called by `relay`.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from feddns import names, records
from feddns.config import Settings, values
from feddns.errors import SettingRefused
from feddns.names import Name
from feddns.nameservers import Nameservers
from feddns.records import AAAA, SOA, A, RRset
from feddns.resolver.zones import ELSEWHERE, Zone

DEFAULT = (
    # RFC 6761, 6762, 7686, 8375, 9476
    "test", "invalid", "localhost", "local", "onion", "home.arpa", "alt",
    # RFC 6303 and 7793, RFC 6762 §12: reverse zones of private and special addresses
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.2.0/24", "192.168.0.0/16", "198.51.100.0/24", "203.0.113.0/24", "255.255.255.255/32",
    "::/128", "::1/128", "fd00::/8", "fe80::/10", "2001:db8::/32",
)  # fmt: skip

LOCALHOST = names.parse("localhost.")
_NOTHING = Nameservers()
_ARPA = names.parse("arpa.")
_NOBODY = names.parse("nobody.invalid.")
_LOOPBACK = {A: (bytes((127, 0, 0, 1)),), AAAA: (bytes(15) + b"\x01",)}
_LOCALHOST_TTL = 10_800


class Route(NamedTuple):
    """`servers` as ADDRESS:PORT know the names of `domain`; `source` says who says so."""

    domain: Name
    servers: tuple[str, ...]
    source: str


class Denied(NamedTuple):
    """The name never leaves.  `exists`: it is the apex of a reverse zone, or localhost's."""

    zone: Zone
    exists: bool
    rrset: RRset | None = None


class Routes:
    """The cases N1 to N5 for one state of the settings, the ConfigMap and resolv.conf."""

    def __init__(
        self, settings: Settings, given: Nameservers = _NOTHING, fallback: tuple[str, ...] = ()
    ) -> None:
        self._stubs: dict[Name, Route] = {}
        for stub in settings.stub_domain:
            self._stubs[stub.domain] = Route(
                stub.domain, tuple(map(str, stub.servers)), "--stub-domain"
            )
        for extra in given.stub_domains:
            self._stubs[extra.domain] = Route(extra.domain, extra.servers, "stubDomains")
        denied = _zones(settings.never_forward, settings.forward_negative_ttl)
        # N1 goes before N3: what is denied in a stub domain is the stub domain's.
        self._decided: dict[Name, Route | Zone] = {
            name: zone
            for name, zone in denied.items()
            if not any(names.is_under(name, domain) for domain in self._stubs)
        }
        self._decided.update(self._stubs)
        self.upstream: Route | None = None
        for servers, source in (
            (given.upstream, "upstreamNameservers"),
            (settings.upstream, "--upstream"),
            (fallback, "/etc/resolv.conf"),
        ):
            if servers:
                self.upstream = Route(names.ROOT, tuple(map(str, servers)), source)
                break

    def servers(self) -> set[str]:
        """Everyone who may be asked."""
        routes = [*self._stubs.values(), *([self.upstream] if self.upstream else [])]
        return {server for route in routes for server in route.servers}

    def of(self, name: Name, kind: int) -> Route | Denied | None:
        """N1 to N5 for a lower-case name and the type asked."""
        place = 0
        while length := name[place]:
            found = self._decided.get(name[place:])
            if found is not None:
                return found if isinstance(found, Route) else _deny(found, name, kind)
            place += length + 1
        return self.upstream

    def explain(self, name: Name, kind: int) -> str:
        """The outcome in words, for `feddns why`."""
        found = self.of(name, kind)
        if found is None:
            return "the nameservers of the server's /etc/resolv.conf would be asked"
        if isinstance(found, Route):
            return f"{' or '.join(found.servers)} would be asked ({found.source})"
        if found.rrset is not None:
            return "localhost is this machine (RFC 6761)"
        return f"never forwarded: {names.format(found.zone.name)} (--never-forward)"


def _deny(zone: Zone, name: Name, kind: int) -> Denied:
    if zone.name == LOCALHOST:
        packed = _LOOPBACK.get(kind)
        rrset = RRset(name, kind, _LOCALHOST_TTL, packed) if packed else None
        return Denied(zone, True, rrset)
    apex = name == zone.name and names.is_under(name, _ARPA)
    return Denied(zone, apex, zone.soa if apex and kind == SOA else None)


@functools.lru_cache(maxsize=16)  # the settings do not change, the ConfigMap does
def _zones(given: tuple[str, ...], ttl: int) -> dict[Name, Zone]:
    zones = {}
    for name in denied(given):
        rdata = records.soa(name, _NOBODY, 1, ttl)
        zones[name] = Zone(name, RRset(name, SOA, ttl, (rdata,)), {}, lambda *_: ELSEWHERE)
    return zones


def denied(given: tuple[str, ...]) -> list[Name]:
    """The domains of --never-forward.  Raises `SettingRefused`."""
    found: dict[Name, None] = {}
    for text in [part.strip() for item in given for part in item.split(",")]:
        if text in ("none", ""):
            continue
        for item in DEFAULT if text == "default" else (text,):
            found.update(dict.fromkeys(_read(item)))
    return list(found)


def _read(text: str) -> list[Name]:
    try:
        if "/" in text:
            return [bytes(zone) for zone in values.reverse_zones(text)]
        return [bytes(values.domain_name(text))]
    except ValueError as error:
        raise SettingRefused(
            f"never-forward: {error}; write domains, CIDRs, `default` or `none`"
        ) from None
