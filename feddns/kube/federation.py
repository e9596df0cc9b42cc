"""The objects of the federation API: federated Services and registered Clusters.

    resource                                  becomes
    Service v1                                services.FederatedService
    Cluster federation[.feddns.dev]/v1beta1   topology.Cluster

The annotation `federation.kubernetes.io/service-ingresses` is a JSON object

    {"items": [{"cluster": "c1", "items": [{"ip": "198.51.100.1"}]}, {"cluster": "c2"}]}

    part                          may be                      otherwise
    outer items                   missing, null, []           no shards
    cluster                       a name                      the entry is refused alone
    inner items                   missing, null, []           a shard where nothing is ready
    ip, hostname                  one of them; ip counts      the item is refused alone
                                  when both are there
    A cluster named twice: the first entry counts.  Not JSON, or other types: the object is refused.

The annotation `federation.feddns.dev/names` is a list of names in the public zone, each an alias of
a rung of the ladder: "eu.nginx.example.com=europe-west1, nginx.example.com"

    part                          may be                      otherwise
    name                          lower- or upper-case DNS    the item is refused alone
                                  labels, `*` as the first
    =rung                         missing: the global name;   the same
                                  a region; zone.region
    A name twice: the first counts.

Source: federation-v1.md 1.3, 1.4, 6.1; guide 3, "DNS".  Pure.  Called by `kube.resources`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from feddns import names, topology
from feddns.errors import NameRefused, ObjectRefused
from feddns.kube import fields
from feddns.kube.fields import NO_ANNOTATIONS, Lean, LoadBalancerIngress, Metadata, ServicePort
from feddns.services import FederatedService, Ingress, PublicName, Shard
from feddns.topology import Cluster

INGRESSES = "federation.kubernetes.io/service-ingresses"
TTL = "federation.feddns.dev/ttl"
NAMES = "federation.feddns.dev/names"
WHEN_NONE_HEALTHY = "federation.feddns.dev/when-none-healthy"
_POLICIES = ("none", "all")


class LoadBalancer(Lean):
    ingress: list[LoadBalancerIngress] | None = None


class FederatedServiceSpec(Lean):
    type: str | None = None
    ports: list[ServicePort] | None = None


class FederatedServiceStatus(Lean):
    load_balancer: LoadBalancer | None = None


class FederatedServiceResource(Lean):
    metadata: Metadata
    spec: FederatedServiceSpec | None = None
    status: FederatedServiceStatus | None = None


class ClusterIngresses(Lean):
    """An entry of the annotation."""

    cluster: str | None = None
    items: list[LoadBalancerIngress | None] | None = None


class ServiceIngresses(Lean):
    """The annotation."""

    items: list[ClusterIngresses | None] | None = None


class ClusterStatus(Lean):
    zones: list[str] | None = None
    region: str | None = None


class ClusterResource(Lean):
    metadata: Metadata
    status: ClusterStatus | None = None


_read_annotation = msgspec.json.Decoder(ServiceIngresses | None).decode


def to_federated_service(
    resource: FederatedServiceResource, reasons: list[str]
) -> FederatedService:
    """The federated Service; without the annotation it is registered and has no shard."""
    metadata, spec, status = resource.metadata, resource.spec, resource.status
    owner = fields.title("Service", metadata)
    annotations = metadata.annotations or NO_ANNOTATIONS
    balancer = status.load_balancer if status else None
    return FederatedService(
        namespace=fields.namespace(owner, metadata.namespace),
        name=fields.label(owner, "metadata.name", metadata.name),
        ports=fields.ports(owner, "spec.ports", spec.ports if spec else None, reasons),
        shards=to_shards(owner, annotations.service_ingresses, reasons),
        known=_ingresses(
            owner,
            "status.loadBalancer.ingress",
            (balancer.ingress if balancer else None) or (),
            reasons,
        ),
        ttl=fields.ttl(owner, TTL, annotations.ttl, reasons),
        when_none_healthy=_policy(owner, annotations.when_none_healthy, reasons),
        version=metadata.resource_version or "",
        names=_names(owner, annotations.names, reasons),
        is_public=spec is not None and spec.type == "LoadBalancer",
    )


def to_shards(owner: str, annotation: str | None, reasons: list[str]) -> tuple[Shard, ...]:
    """The shards in the annotation, as the module's docstring has it.  Raises `ObjectRefused`."""
    if annotation is None or not annotation.strip():
        return ()
    try:
        given = _read_annotation(annotation)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ObjectRefused(
            f"{owner}: annotation {INGRESSES}: {error}; take it out and let the controllers "
            "write it again"
        ) from error
    shards: dict[str, Shard] = {}
    for index, entry in enumerate((given.items if given else None) or ()):
        field = f"annotation {INGRESSES}: items[{index}]"
        if entry is None or not entry.cluster:
            reasons.append(f"{owner}: {field} names no cluster; it is left out")
        elif entry.cluster in shards:
            reasons.append(f"{owner}: {field} names {entry.cluster!r} again; it is left out")
        else:
            ingresses = _ingresses(owner, field, entry.items or (), reasons)
            shards[entry.cluster] = Shard(entry.cluster, ingresses)
    return tuple(shards.values())


def _ingresses(
    owner: str, field: str, given: Iterable[LoadBalancerIngress | None], reasons: list[str]
) -> tuple[Ingress, ...]:
    found: list[Ingress] = []
    for index, item in enumerate(given):
        try:
            ingress = _ingress(owner, f"{field}.items[{index}]", item)
        except ObjectRefused as refusal:
            reasons.append(f"{refusal}; the item is left out")
            continue
        if ingress not in found:
            found.append(ingress)
    return tuple(found)


def _ingress(owner: str, field: str, item: LoadBalancerIngress | None) -> Ingress:
    if item is not None and item.ip:
        address = fields.packed(item.ip)
        if address is None:
            raise ObjectRefused(f"{owner}: {field}.ip {item.ip!r} is no IP address")
        return Ingress(address=address)
    if item is not None and item.hostname:
        return Ingress(hostname=fields.external_name(owner, f"{field}.hostname", item.hostname))
    raise ObjectRefused(f"{owner}: {field} has neither ip nor hostname")


def _policy(owner: str, value: str | None, reasons: list[str]) -> str:
    if value is None or value in _POLICIES:
        return value or ""
    reasons.append(
        f"{owner}: annotation {WHEN_NONE_HEALTHY} {value!r} must be none or all; "
        "the server's setting is used"
    )
    return ""


def _names(owner: str, value: str | None, reasons: list[str]) -> tuple[PublicName, ...]:
    found: dict[bytes, PublicName] = {}
    for item in (value or "").split(","):
        try:
            public = _public_name(item.strip()) if item.strip() else None
        except NameRefused as refusal:
            reasons.append(f"{owner}: annotation {NAMES}: {refusal}; the item is left out")
            continue
        if public is not None and found.setdefault(public.name, public) != public:
            text = names.format(public.name)
            reasons.append(f"{owner}: annotation {NAMES}: {text} is there twice; the first counts")
    return tuple(found.values())


def _public_name(item: str) -> PublicName:
    text, _, rung = (part.strip().lower() for part in item.partition("="))
    if not names.is_dns_subdomain(text.removeprefix("*.").removesuffix(".")):
        raise NameRefused(f"{text!r} is no name; write name or name=region or name=zone.region")
    return PublicName(names.parse(text), names.parse(rung))


def to_cluster(resource: ClusterResource, reasons: list[str]) -> Cluster:
    """The member with its zones, sorted and each once, and its region (decisions.md 23)."""
    metadata, status = resource.metadata, resource.status
    owner = fields.title("Cluster", metadata, namespaced=False)
    if not names.is_dns_1035_label(metadata.name.encode("utf-8", "replace")):
        raise ObjectRefused(
            f"{owner}: metadata.name {metadata.name!r} must be a lower-case DNS label that starts "
            "with a letter; register it under such a name"
        )
    zones = {
        zone
        for zone in (status.zones if status else None) or ()
        if _is_usable(owner, "status.zones", zone, reasons)
    }
    region = (status.region if status else None) or ""
    return Cluster(
        name=metadata.name,
        zones=tuple(sorted(zones)),
        region=region if _is_usable(owner, "status.region", region, reasons) else "",
        version=metadata.resource_version or "",
    )


def _is_usable(owner: str, field: str, value: str, reasons: list[str]) -> bool:
    if not value:
        return False
    if topology.is_usable_label(value):
        return True
    reasons.append(f"{owner}: {field} {value!r} cannot stand in a domain name; it is left out")
    return False
