"""What the public zone should hold for one federated Service, with where it comes from.

    rung of the ladder                    its name has
    addresses                             A and AAAA apart, of healthy shards, host names resolved
    one host name alone                   ALIAS, where the provider has it
    host names alone, none resolved yet   CNAME to the first of them
    nothing healthy, a rung above         CNAME to that rung
    nothing healthy, global               nothing; with `all` every known address
    A Service of another type than LoadBalancer has no names at all.

    annotation federation.feddns.dev/names, e.g. "eu.nginx.example.com=europe-west1, …"
    within the zone, its rung exists      CNAME to the rung's name
    any other                             nothing; `refusals` says why; the good ones stay

The TTL is the Service's, else the setting; never longer than the host names' own.  The rungs come
from `ladder`, which the DNS server asks too: what is seen inside is what is seen outside.

Pure.  Called by the controllers and by `feddns zone`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import NamedTuple

import msgspec

from feddns import ladder, names
from feddns.errors import NameRefused, SettingRefused
from feddns.ladder import Rung
from feddns.names import Label, Name
from feddns.providers.base import Limits
from feddns.providers.ownership import Mark
from feddns.providers.recordsets import AAAA, ALIAS, CNAME, A, RecordSet
from feddns.services import FederatedService, PublicName
from feddns.snapshot import View
from feddns.topology import Scope

TTL = 180
_NO_LIMITS = Limits()


class Naming(msgspec.Struct, frozen=True):
    """How a federation's names are made.

    `suffix` is below or equal to `zone`, both lower case: what follows the rung's labels.
    `none_healthy` is "none" or "all"; `has_alias` and `alias_under` are what the provider says.
    """

    federation: Label
    suffix: Name
    zone: Name
    ttl: int = TTL
    none_healthy: str = "none"
    has_alias: bool = False
    alias_under: tuple[Name, ...] = ()

    def can_alias(self, host: Name) -> bool:
        if not self.has_alias:
            return False
        return not self.alias_under or any(names.is_under(host, top) for top in self.alias_under)


def naming(federation: str, zone: str, suffix: str = "", limits: Limits = _NO_LIMITS) -> Naming:
    """The naming of these settings: without a suffix, names are right below the zone.

    Raises `SettingRefused`.
    """
    label = federation.encode("utf-8", "replace")
    if not names.is_dns_label(label):
        raise SettingRefused(f"federation {federation!r} must be a lower-case DNS label")
    try:
        top, below = names.parse(zone).lower(), names.parse(suffix or zone).lower()
    except NameRefused as refusal:
        raise SettingRefused(f"no zone, or no suffix: {refusal}") from refusal
    if not names.is_under(below, top):
        raise SettingRefused(f"suffix {suffix!r} is not in the zone {names.format(top)}")
    under = tuple(names.parse(text).lower() for text in limits.alias_under)
    return Naming(label, below, top, has_alias=limits.has_alias, alias_under=under)


class Host(NamedTuple):
    """What a load balancer's name resolved to last: packed addresses.

    `ttl` is what the name's own servers say, not what is left of it in a cache: else it would be
    another at each look, and the record sets with it.
    """

    addresses: tuple[bytes, ...]
    ttl: int


class Wanted(NamedTuple):
    """A record set, and where it comes from."""

    record: RecordSet
    mark: Mark


def wanted(
    view: View,
    service: FederatedService,
    naming: Naming,
    hosts: Mapping[Name, Host],
    generation: int = 0,
) -> tuple[Wanted, ...]:
    """The record sets of the service, each key once; names of the ladder first, the top one first.

    What cannot be is left out, with a word of `refusals`.
    """
    if not service.is_public:
        return ()
    return tuple(_Wishes(view, service, naming, hosts, generation).all())


def refusals(view: View, service: FederatedService, naming: Naming) -> tuple[str, ...]:
    """Why some of what was asked for is not in `wanted`, a line each, for the Service's user."""
    wishes = _Wishes(view, service, naming, {}, 0)
    if service.is_public:
        for _ in wishes.all():
            pass
    return tuple(dict.fromkeys(wishes.refused))


def host_names(view: View, service: FederatedService, naming: Naming) -> frozenset[Name]:
    """The host names that `wanted` wants resolved."""
    found: set[Name] = set()
    rungs = ladder.rungs(view, service, naming.none_healthy) if service.is_public else ()
    for rung in rungs:
        if _alias(rung, naming) is None:
            found.update(ingress.hostname for ingress in rung.ingresses if ingress.hostname)
    return frozenset(found)


class _Wishes:
    """The work on one Service."""

    def __init__(
        self,
        view: View,
        service: FederatedService,
        naming: Naming,
        hosts: Mapping[Name, Host],
        generation: int,
    ) -> None:
        self.view, self.service, self.naming, self.hosts = view, service, naming, hosts
        self.refused: list[str] = []
        self._ttl = naming.ttl if service.ttl is None else service.ttl
        self._resource = f"service/{service.namespace.decode()}/{service.name.decode()}"
        self._generation = generation
        self._members = _members(view)

    def all(self) -> Iterator[Wanted]:
        taken = set()
        for rung in ladder.rungs(self.view, self.service, self.naming.none_healthy):
            name = self._owner(rung.scope)
            if name is not None:
                taken.add(name)
                yield from self._rung(name, rung)
        for public in self.service.names:
            if why := self._why_not(public, taken):
                self.refused.append(f"{names.format(public.name)} is left out: {why}")
            else:
                target = self._owner(self.view.scopes[public.rung])
                if target is not None:
                    yield self._wish(public.name, CNAME, self._ttl, [names.format(target)])

    def _owner(self, scope: Scope) -> Name | None:
        """The name of a rung; None, and a word, when it is too long for DNS."""
        service, naming = self.service, self.naming
        path = [service.name, service.namespace]
        try:
            return ladder.owner(path, naming.federation, scope, naming.suffix)
        except NameRefused as refusal:
            self.refused.append(
                f"no name for {scope.level} {scope.zone or scope.region}: {refusal}"
            )
            return None

    # one rung

    def _rung(self, name: Name, rung: Rung) -> Iterator[Wanted]:
        """See the table of the module."""
        clusters = tuple(sorted(shard.cluster for shard in rung.shards))
        if not rung.ingresses:
            yield from self._up(name, rung.scope)
            return
        if (host := _alias(rung, self.naming)) is not None:
            yield self._wish(name, ALIAS, self._ttl, [names.format(host)], clusters)
            return
        packed, ttl = self._addresses(rung)
        for type, size in ((A, 4), (AAAA, 16)):
            ours = sorted(address for address in packed if len(address) == size)
            values = [str(ip_address(address)) for address in ours]
            if values:
                yield self._wish(name, type, ttl, values, clusters)
        if not packed:
            host = min(ingress.hostname for ingress in rung.ingresses)
            yield self._wish(name, CNAME, self._ttl, [names.format(host)], clusters)

    def _up(self, name: Name, scope: Scope) -> Iterator[Wanted]:
        wider = scope.up()
        target = None if wider is None else self._owner(wider)
        if target is not None:
            clusters = tuple(sorted(self._members.get(scope, ())))
            yield self._wish(name, CNAME, self._ttl, [names.format(target)], clusters)

    def _addresses(self, rung: Rung) -> tuple[set[bytes], int]:
        """All that is known of a rung, and for how long."""
        packed, ttl = set(), self._ttl
        for ingress in rung.ingresses:
            if ingress.address:
                packed.add(ingress.address)
            elif (host := self.hosts.get(ingress.hostname)) is not None and host.addresses:
                packed.update(host.addresses)
                ttl = min(ttl, host.ttl)
        return packed, ttl

    def _wish(
        self, name: Name, type: str, ttl: int, values: list[str], clusters: tuple[str, ...] = ()
    ) -> Wanted:
        """Names here are lower case and addresses sorted: that is the one spelling already."""
        mark = Mark(self._resource, clusters, self._generation)
        return Wanted(RecordSet(names.format(name), type, ttl, tuple(values)), mark)

    # names that somebody chose

    def _why_not(self, public: PublicName, taken: set[Name]) -> str:
        zone = names.format(self.naming.zone)
        if public.name == self.naming.zone:
            return f"it is the top of the zone {zone}, where no alias can be"
        if not names.is_under(public.name, self.naming.zone):
            return f"it is not in the zone {zone}"
        if public.name in taken:
            return "it is a name of the ladder"
        if public.rung not in self.view.scopes:
            rung = names.format(public.rung).removesuffix(".")
            return f"no registered cluster is in {rung}; write a region, or zone.region"
        return ""


def _alias(rung: Rung, naming: Naming) -> Name | None:
    """The one host name that a rung has, where the provider follows it by itself."""
    if len(rung.ingresses) != 1:
        return None
    host = rung.ingresses[0].hostname
    return host if host and naming.can_alias(host) else None


def _members(view: View) -> dict[Scope, set[str]]:
    """The registered clusters within each rung."""
    found: dict[Scope, set[str]] = {}
    for cluster in view.clusters.values():
        for place in cluster.scopes():
            scope: Scope | None = place
            while scope is not None:
                found.setdefault(scope, set()).add(cluster.name)
                scope = scope.up()
    return found
