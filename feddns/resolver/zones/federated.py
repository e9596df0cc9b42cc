"""Federated names inside a cluster, and the federation's public names (decisions.md 1-9).

Inside, in front of the cluster domain:

    case  name, in front of .svc                        local shard usable    otherwise
    F1    <service>.<namespace>.<federation>            alias of that         alias of the ladder
    F2    <hostname>.<service>.<namespace>.<federation> alias of that         alias of the ladder
    F3    _port._proto.<service>.<namespace>.<fed…>     alias of that         SRV to the ladder
          _proto.<service>…                             –                     –
    –     <namespace>.<federation> · <federation>       exist, without records

A local shard is usable when its Service exists here with a ready endpoint; ExternalName needs none.
With the view of the federation, a Service that is not in it and not here does not exist; one that
is, with no healthy shard anywhere, exists without records (decision 5); a hostname that no local
endpoint has does not exist, because shards elsewhere are known by their load balancers only.
Without a view the public zone knows, and the alias is the answer.  In the flattened form records
stand under the asked name instead of behind aliases.

When the server knows its cluster's name in the federation (`--cluster-name`), its own shard counts
in the ladder only while its own endpoints are ready: the cluster knows before the federation does.

Public, in front of the federation's domain, when there is a view:

    case  name                                            has
    L1    <service>.<namespace>.<federation>.svc[.<rung>] A, AAAA, SRV of the rung, or CNAME one up
    L3    _port._proto.<service>…                         SRV of that rung
    –     anything else below the domain                  is not ours

Pure; L1 and L3 read `ladder`, which the controllers of the public zone read too.
"""

from __future__ import annotations

import msgspec

from feddns import ladder, names, records
from feddns.ladder import Rung
from feddns.names import Label, Name
from feddns.records import AAAA, SRV, A, RRset
from feddns.resolver.zones import ELSEWHERE, MISSING, NO_DATA, Alias, Data, Lookup, Outcome, local
from feddns.services import FederatedService, Kind, Port
from feddns.snapshot import Entry, View
from feddns.topology import Scope


def find(lookup: Lookup, labels: list[Label]) -> Outcome:
    """F1 to F3 for `[…, service, namespace, federation]`."""
    federation = labels[-1]
    if len(labels) > 5 or not all(names.is_dns_label(label) for label in labels[-3:-1]):
        return MISSING
    if len(labels) == 5 and labels[0][:1] != b"_":
        return MISSING
    if lookup.recorder:
        lookup.recorder(
            "name",
            f"a federated name of {federation.decode()}",
            labels=[names.format_label(label) for label in labels],
            domain=names.format(lookup.snapshot.federations[federation]),
        )
    if len(labels) < 3:
        return NO_DATA
    namespace, service = labels[-2], labels[-3]
    entry = _usable(lookup, namespace, service, labels[:-3])
    if entry is not None:
        return _here(lookup, labels, entry)
    return _elsewhere(lookup, labels, federation)


# --- the local shard --------------------------------------------------------------------------


def _usable(lookup: Lookup, namespace: Label, service: Label, prefix: list[Label]) -> Entry | None:
    """The local shard when it can answer this name: decision 2, and the rest of the name exists."""
    entry = local.existing(lookup, namespace, service)
    verdict = _why_unusable(lookup, entry, prefix)
    if lookup.recorder:
        lookup.recorder(
            "local shard", "not usable: " + verdict if verdict else "usable", usable=not verdict
        )
    return None if verdict else entry


def _why_unusable(lookup: Lookup, entry: Entry | None, prefix: list[Label]) -> str:
    if entry is None or entry.service is None:
        return "it is not here"
    if entry.service.kind is Kind.EXTERNAL_NAME:
        return "" if not prefix else "an ExternalName has nothing below it"
    if not entry.has_ready_endpoint():
        return "it has no ready endpoint"
    if (
        len(prefix) == 1
        and prefix[0][:1] != b"_"
        and not local.has_endpoint(lookup, entry, prefix[0])
    ):
        return "no ready endpoint has this hostname"
    return ""


def _here(lookup: Lookup, labels: list[Label], entry: Entry) -> Outcome:
    """The chain form goes by the local name; the flattened form has its records here."""
    own = labels[:-1]
    flattened = lookup.settings.answer_form == "flattened"
    if flattened or len(own) > 2:
        found = local.find_service(lookup, own)
        protocol_alone = len(own) == 3 and own[0][:1] == b"_"
        if flattened or found is MISSING or protocol_alone:
            return found
    target = names.join([*own, b"svc"], lookup.settings.cluster_domain)
    return Alias(target, local.ttl(lookup, entry))


# --- the ladder from inside -------------------------------------------------------------------


def _elsewhere(lookup: Lookup, labels: list[Label], federation: Label) -> Outcome:
    snapshot = lookup.snapshot
    prefix, key = labels[:-3], (labels[-2], labels[-3])
    lookup.depends.append(("federated", *key))
    view = snapshot.view_of(federation)
    base = _Base(federation, snapshot.federations[federation], labels[-3:-1])
    scope = ladder.start(view, snapshot.where())
    _record_location(lookup, scope)
    if view is None:
        return _unviewed(lookup, prefix, base, scope)
    service = view.services.get(key)
    if service is None:
        _record(lookup, "federation view", "the federation has no such Service")
        return MISSING
    service = _judged(lookup, service)
    rungs = ladder.climb(view, service, scope, lookup.settings.when_none_healthy)
    for rung in rungs:
        _record_rung(lookup, view, base, service, rung)
    if len(prefix) == 1:
        return NO_DATA if prefix[0][:1] == b"_" else MISSING
    if prefix and _port_of(prefix, service.ports) is None:
        return MISSING
    if not rungs[-1].ingresses:
        _record(lookup, "federation view", "no healthy shard anywhere: the name has no records")
        return NO_DATA
    if prefix or lookup.settings.answer_form == "flattened":
        return _records(lookup, base, service, rungs[-1], prefix)
    return Alias(base.owner(scope), _ttl(lookup, service))


def _judged(lookup: Lookup, service: FederatedService) -> FederatedService:
    """Without the shard of this cluster when it is not ready here."""
    own = lookup.snapshot.cluster
    if not own or all(shard.cluster != own for shard in service.shards):
        return service
    entry = local.existing(lookup, *service.key)
    if entry is not None and entry.service is not None and entry.has_ready_endpoint():
        return service
    if lookup.recorder is not None:
        lookup.recorder("own shard", f"{own} has no ready endpoint: it does not count", cluster=own)
    others = tuple(shard for shard in service.shards if shard.cluster != own)
    return msgspec.structs.replace(service, shards=others)


def _unviewed(lookup: Lookup, prefix: list[Label], base: _Base, scope: Scope) -> Outcome:
    """Decision 3 without a view: the public zone knows, from the narrowest known rung up."""
    target = base.owner(scope)
    _record(lookup, "ladder", "no view of this federation: the public zone knows", target=target)
    if not prefix:
        return Alias(target, lookup.settings.ttl)
    if prefix[0][:1] != b"_":
        return Alias(names.join(prefix, target), lookup.settings.ttl)
    entry = lookup.snapshot.entry(base.path[1], base.path[0])
    known = local.ports(lookup, entry) if entry is not None and entry.service is not None else ()
    port = _port_of(prefix, known) if len(prefix) == 2 else None
    if port is None or lookup.type != SRV:
        return NO_DATA
    rdata = records.srv(0, 100, port.number, target)
    return Data(RRset(lookup.name, SRV, lookup.settings.ttl, (rdata,)))


# --- the public names -------------------------------------------------------------------------


def find_public(lookup: Lookup, labels: list[Label]) -> Outcome:
    """L1 and L3 for labels in front of the domain of the viewed federation."""
    snapshot = lookup.snapshot
    federation, view = snapshot.viewed_federation(), snapshot.view
    if federation is None or view is None:
        return ELSEWHERE
    for count in (3, 5):
        if len(labels) > count and labels[count] == b"svc" and labels[count - 1] == federation:
            break
    else:
        return ELSEWHERE
    prefix, key = labels[: count - 3], (labels[count - 2], labels[count - 3])
    lookup.depends.append(("federated", *key))
    service = view.services.get(key)
    scope = view.scopes.get(names.from_labels(labels[count + 1 :]))
    if service is None or scope is None:
        return MISSING
    service = _judged(lookup, service)
    rung = ladder.rung(view, service, scope, lookup.settings.when_none_healthy)
    base = _Base(federation, snapshot.federations[federation], labels[count - 3 : count - 1])
    _record_rung(lookup, view, base, service, rung)
    if prefix and _port_of(prefix, service.ports) is None:
        return MISSING
    if rung.ingresses:
        return _records(lookup, base, service, rung, prefix)
    wider = scope.up()
    if prefix or wider is None:
        return NO_DATA
    return Alias(base.owner(wider), _ttl(lookup, service))


# --- records of a rung ------------------------------------------------------------------------


class _Base:
    """The part of a ladder's names that all rungs share; `path` is `[service, namespace]`."""

    def __init__(self, federation: Label, domain: Name, path: list[Label]) -> None:
        self.federation = federation
        self.domain = domain
        self.path = path

    def owner(self, scope: Scope) -> Name:
        return ladder.owner(self.path, self.federation, scope, self.domain)


def _records(
    lookup: Lookup, base: _Base, service: FederatedService, rung: Rung, prefix: list[Label]
) -> Outcome:
    """What a rung with ingresses has; at `_port._proto` below it only SRV."""
    seconds = _ttl(lookup, service)
    packed = tuple(ingress.address for ingress in rung.ingresses if ingress.address)
    if lookup.type == SRV:
        return _srv(lookup, base, service, rung, prefix)
    if prefix:
        return NO_DATA
    if not packed:
        return Alias(min(ingress.hostname for ingress in rung.ingresses), seconds)
    return local.addresses(lookup, lookup.name, packed, seconds)


def _srv(
    lookup: Lookup, base: _Base, service: FederatedService, rung: Rung, prefix: list[Label]
) -> Outcome:
    """Decision 7: the ladder's name as target (one that has addresses), the Service's port.

    Where the rung has host names only, its name is an alias, which no target may be (RFC 2782).
    """
    one = _port_of(prefix, service.ports) if prefix else None
    ports = (one,) if one is not None else service.ports
    if not ports:
        return NO_DATA
    packed = [ingress.address for ingress in rung.ingresses if ingress.address]
    if packed:
        target = base.owner(rung.scope)
    else:
        target = min(ingress.hostname for ingress in rung.ingresses)
    seconds = _ttl(lookup, service)
    weight = max(1, 100 // len(ports))
    rdatas = tuple(dict.fromkeys(records.srv(0, weight, p.number, target) for p in ports))
    found = (records.addresses(target, kind, seconds, packed) for kind in (A, AAAA))
    return Data(
        RRset(lookup.name, SRV, seconds, rdatas), [rrset for rrset in found if rrset is not None]
    )


def _port_of(prefix: list[Label], ports: tuple[Port, ...]) -> Port | None:
    for port in ports:
        if port.name and prefix == [b"_" + port.name, b"_" + port.protocol]:
            return port
    return None


def _ttl(lookup: Lookup, service: FederatedService) -> int:
    """Inside a cluster its TTL holds for the ladder too; never longer than the public one."""
    return lookup.settings.ttl if service.ttl is None else min(lookup.settings.ttl, service.ttl)


# --- words for `why` --------------------------------------------------------------------------


def _record(lookup: Lookup, step: str, text: str, target: Name | None = None) -> None:
    if lookup.recorder is not None:
        facts = {} if target is None else {"target": names.format(target)}
        lookup.recorder(step, text, **facts)


def _record_location(lookup: Lookup, start: Scope) -> None:
    if lookup.recorder is None:
        return
    snapshot = lookup.snapshot
    own = snapshot.where()
    if own.region:
        text = f"this cluster is in zone {own.zone or '(unknown)'}, region {own.region}"
    else:
        text = "zone and region of this cluster are unknown: no node has the labels"
        if snapshot.cluster:
            text += f", and the federation knows no region of {snapshot.cluster!r}"
    if start != own:
        text += f"; the narrowest rung that has a name is {start.level}"
    lookup.recorder("location", text, nodes=len(snapshot.nodes), start=start.level)


def _record_rung(
    lookup: Lookup, view: View, base: _Base, service: FederatedService, rung: Rung
) -> None:
    if lookup.recorder is None:
        return
    scope = rung.scope
    where = {"zone": f"zone {scope.zone}", "region": f"region {scope.region}"}.get(
        scope.level, "everywhere"
    )
    clusters = sorted(
        name
        for name, cluster in view.clusters.items()
        if any(scope.covers(place) for place in cluster.scopes())
    )
    healthy = [shard.cluster for shard in rung.shards]
    verdict = f"healthy in {', '.join(healthy)}" if healthy else "no healthy shard"
    if rung.ingresses and not healthy:
        verdict = "no healthy shard; every known address, as --when-none-healthy=all says"
    lookup.recorder(
        f"ladder: {scope.level}",
        f"{where}: {verdict}",
        name=names.format(base.owner(scope)),
        service=f"{service.namespace.decode()}/{service.name.decode()}",
        version=service.version,
        clusters=clusters,
        healthy=healthy,
    )
