"""From a question to the record sets of its reply: find the zone, ask it, follow the aliases.

    stage                     outcome
    1 the type or class       REFUSED: class other than IN, AXFR, IXFR; NOTIMP: other meta types
    2 the zone of the name    none: REFUSED
    3 not synced yet          SERVFAIL with EDE 14, never NXDOMAIN; the same when stale for too long
    4 what the zone has       Data · NODATA · MISSING (NXDOMAIN)
    5 an alias                CNAME, then 2 to 4 for its target, unless CNAME or ANY was asked;
                              a target outside ends the answer, a loop too, as does the 16th step
    a name over 255 octets    SERVFAIL with EDE 0: a target or a rung that cannot be written
    ANY at a name that is no alias gets one HINFO (RFC 8482 §4.2).

The rcode is that of the last name (RFC 6604).  Pure; called by `responder`, and by `feddns why`
with a recorder.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import msgspec

from feddns import names, records
from feddns.config import Settings
from feddns.errors import NameRefused
from feddns.names import Name
from feddns.records import (
    AAAA,
    ANY,
    AXFR,
    CNAME,
    HINFO,
    IN,
    IXFR,
    NOERROR,
    NOTIMP,
    NS,
    NXDOMAIN,
    OPT,
    PTR,
    REFUSED,
    SERVFAIL,
    SOA,
    A,
    RRset,
)
from feddns.resolver import edns
from feddns.resolver.wire import Query
from feddns.resolver.zones import (
    ELSEWHERE,
    MISSING,
    NO_DATA,
    Alias,
    Data,
    Find,
    Lookup,
    Outcome,
    Recorder,
    Zone,
    federated,
    kubernetes,
    reverse,
)
from feddns.snapshot import Dependency, Snapshot

LONGEST_CHAIN = 16

_HINFO = b"\x07RFC8482\x00"


class Answer(msgspec.Struct, gc=False):
    """What the reply says.  `soa` is the zone whose SOA goes into the authority section.

    `outside`: the name at which it leaves our zones, for who forwards; `home` the zone of the name
    that was asked, if that is a federated one whose public name only others know.
    """

    rcode: int
    answers: Sequence[RRset] = ()
    soa: Zone | None = None
    additional: Sequence[RRset] = ()
    error: edns.ExtendedError | None = None
    outside: Name | None = None
    home: Zone | None = None


_NOT_READY = Answer(
    SERVFAIL,
    error=edns.ExtendedError(edns.NOT_READY, "the objects of this cluster are not read yet"),
)
_EXPIRED = Answer(
    SERVFAIL,
    error=edns.ExtendedError(edns.NOT_READY, "the objects are older than --max-stale allows"),
)
_TOO_LONG = Answer(
    SERVFAIL, error=edns.ExtendedError(edns.OTHER, "a name of the answer would be over 255 octets")
)
_NOT_OURS = Answer(
    REFUSED, error=edns.ExtendedError(edns.NOT_AUTHORITATIVE, "no zone of this server")
)


def answer(
    zones: Zones,
    snapshot: Snapshot,
    query: Query,
    depends: list[Dependency],
    recorder: Recorder | None = None,
) -> Answer:
    """Stages 1 to 5.  Adds to `depends` whatever a change of which may change the answer."""
    kind = query.type
    if query.klass != IN or kind in (AXFR, IXFR):
        return Answer(REFUSED)
    if kind in (0, OPT) or (128 <= kind < 256 and kind != ANY):
        return Answer(NOTIMP)
    zone, depth = zones.of(query.name, query.offsets, snapshot)
    if zone is None:
        if recorder is not None:
            recorder("zone", "none of this server's", name=names.format(query.name))
        return msgspec.structs.replace(_NOT_OURS, outside=query.name)
    if not snapshot.synced:
        return _EXPIRED if snapshot.expired else _NOT_READY
    lookup = Lookup(zones.settings, snapshot, query.name, kind, depends, recorder)
    try:
        outcome = _outcome(zone, lookup, query.offsets, depth)
        if isinstance(outcome, Alias):
            return _follow(zones, lookup, outcome, zone)
    except NameRefused:
        return _TOO_LONG
    if outcome is MISSING:
        return Answer(NXDOMAIN, (), zone)
    if outcome is NO_DATA:
        return Answer(NOERROR, (), zone)
    if isinstance(outcome, Data):
        return Answer(NOERROR, (outcome.rrset,), None, outcome.additional)
    return msgspec.structs.replace(_NOT_OURS, outside=query.name)


def _follow(zones: Zones, lookup: Lookup, alias: Alias, home: Zone) -> Answer:
    """Stage 5: the CNAMEs from `lookup.name` on, and what is at their end."""
    chain: list[RRset] = []
    seen = {lookup.name}
    while True:
        chain.append(RRset(lookup.name, CNAME, alias.ttl, (alias.target,)))
        name = alias.target.lower()
        if lookup.type in (CNAME, ANY) or name in seen or len(chain) == LONGEST_CHAIN:
            return Answer(NOERROR, chain)
        seen.add(name)
        offsets = names.offsets(name)
        zone, depth = zones.of(name, offsets, lookup.snapshot)
        lookup = msgspec.structs.replace(lookup, name=name)
        if zone is None:
            if lookup.recorder is not None:
                lookup.recorder("zone", "none of this server's", name=names.format(name))
            return _leaving(lookup, chain, name, home)
        outcome = _outcome(zone, lookup, offsets, depth)
        if isinstance(outcome, Alias):
            alias = outcome
        elif isinstance(outcome, Data):
            return Answer(NOERROR, [*chain, outcome.rrset], None, outcome.additional)
        elif outcome is ELSEWHERE:
            return _leaving(lookup, chain, name, home)
        else:
            return Answer(NXDOMAIN if outcome is MISSING else NOERROR, chain, zone)


def _leaving(lookup: Lookup, chain: list[RRset], name: Name, home: Zone) -> Answer:
    """A chain that goes on outside; whether it is a federated name's without a view."""
    snapshot = lookup.snapshot
    unviewed = any(
        isinstance(dependency, tuple) and dependency[0] == "federated"
        for dependency in lookup.depends
    ) and any(
        snapshot.view_of(federation) is None and names.is_under(name, domain)
        for federation, domain in snapshot.federations.items()
    )
    return Answer(NOERROR, chain, outside=name, home=home if unviewed else None)


def _outcome(zone: Zone, lookup: Lookup, offsets: list[int], depth: int) -> Outcome:
    name, recorder = lookup.name, lookup.recorder
    if recorder is not None:
        recorder("zone", names.format(zone.name), name=names.format(name))
    if len(offsets) == depth and zone.apex:
        outcome: Outcome = zone.apex.get(lookup.type, NO_DATA)
        if lookup.type == PTR and zone.is_address:
            pointer = zone.find(lookup, [])
            outcome = pointer if isinstance(pointer, Data) else NO_DATA
    else:
        outcome = zone.find(lookup, [name[at + 1 : at + 1 + name[at]] for at in offsets[:-depth]])
    if lookup.type == ANY and outcome is NO_DATA:
        outcome = Data(RRset(name, HINFO, lookup.settings.ttl, (_HINFO,)))
    if recorder is not None:
        recorder("outcome", _words(outcome, lookup.type))
    return outcome


def _words(outcome: Outcome, kind: int) -> str:
    """An outcome for a person."""
    if isinstance(outcome, Data):
        return f"{len(outcome.rrset.rdatas)} {records.type_name(outcome.rrset.type)}"
    if isinstance(outcome, Alias):
        return f"alias of {names.format(outcome.target)}"
    return {
        MISSING: "the name does not exist",
        NO_DATA: f"the name exists, without {records.type_name(kind)}",
    }.get(outcome, "not ours after all")


class Zones:
    """The zones of a server.  The federation's domain comes and goes with the snapshot."""

    def __init__(self, settings: Settings, serial: int) -> None:
        """`serial` stands in every SOA; records change without it, as nothing transfers them."""
        self.settings = settings
        self._serial = serial
        self._zones: dict[Name, Zone] = {}
        self._public: dict[Name, Zone] = {}
        self._add(settings.cluster_domain, kubernetes.find)
        for name in settings.reverse_zone:
            find, above = reverse.finder(name)
            self._add(name, partial(find, above=above), is_address=len(above) in (4, 32))
        depths = {names.label_count(name) for name in self._zones}
        self._depths = sorted(depths, reverse=True)
        own = names.label_count(settings.cluster_domain)
        if not any(
            names.is_under(name, settings.cluster_domain) or names.label_count(name) == own
            for name in settings.reverse_zone
        ):
            # Nothing lies below the cluster's zone and no other zone is found at its depth, so it
            # may be looked for first: most names are its.
            self._depths.insert(0, own)

    def of(self, name: Name, offsets: list[int], snapshot: Snapshot) -> tuple[Zone | None, int]:
        """The zone a name lies in, and how many labels its apex has; (None, 0) outside."""
        count = len(offsets)
        for depth in self._depths:
            if depth <= count:
                zone = self._zones.get(name[offsets[-depth] :])
                if zone is not None:
                    return zone, depth
        federation = snapshot.viewed_federation() if snapshot.view is not None else None
        if federation is not None:
            domain = snapshot.federations[federation]
            if names.is_under(name, domain):
                return self._public_zone(domain), names.label_count(domain)
        return None, 0

    def _add(self, name: Name, find: Find, *, is_address: bool = False) -> None:
        ttl, domain = self.settings.ttl, self.settings.cluster_domain
        server = names.join([b"ns", b"dns"], domain)
        glue = [
            rrset
            for kind in (A, AAAA)
            if (rrset := records.addresses(server, kind, ttl, self.settings.nameserver_address))
        ]
        soa = self._soa(name)
        apex = {SOA: Data(soa), NS: Data(RRset(name, NS, ttl, (server,)), glue)}
        self._zones[bytes(name)] = Zone(name, soa, apex, find, is_address)

    def _public_zone(self, domain: Name) -> Zone:
        """The domain's own names are not ours, only those of the ladder: no apex."""
        if domain not in self._public:
            self._public[domain] = Zone(domain, self._soa(domain), {}, federated.find_public)
        return self._public[domain]

    def _soa(self, name: Name) -> RRset:
        server = names.join([b"ns", b"dns"], self.settings.cluster_domain)
        mailbox = names.join([b"hostmaster"], name)
        rdata = records.soa(server, mailbox, self._serial, self.settings.ttl)
        return RRset(bytes(name), SOA, self.settings.ttl, (rdata,))
