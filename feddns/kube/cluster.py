"""The objects of a member cluster, as the API has them and as DNS needs them.

    resource               becomes               not used (None) when
    Service v1             services.Service      -
    EndpointSlice v1       services.Slice        no service label; addressType FQDN
    Namespace v1           services.Namespace    -
    Node v1                topology.Node         -
    Pod v1                 services.Pod          hostNetwork, ended, or still without an address
    ConfigMap v1           Federations and       any but the one that configures the DNS
                           Nameservers

Each `to_*` returns the domain object, `Ignored` with a cause for "not used", or raises
`ObjectRefused`; reasons for parts refused alone are appended to `reasons`.

Pure.  Called by `kube.resources`, which holds the table of kinds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from feddns import federations, names, nameservers, topology
from feddns.errors import ObjectRefused
from feddns.federations import Federations
from feddns.kube import fields
from feddns.kube.fields import NO_ANNOTATIONS, Lean, Metadata, ServicePort
from feddns.names import Label
from feddns.nameservers import Nameservers
from feddns.services import Endpoint, Kind, Namespace, Pod, Service, Slice
from feddns.topology import Node

CONFIG_MAP = "kube-system/kube-dns"
CLUSTER_TTL = "federation.feddns.dev/cluster-ttl"
SERVICE_NAME = "kubernetes.io/service-name"
_SIZES = {"IPv4": 4, "IPv6": 16}
_ENDED = frozenset({"Succeeded", "Failed"})


class Ignored(NamedTuple):
    """An object that is in order and not for us, and what kind of such."""

    cause: str


# --- Service -------------------------------------------------------------------------------------


class ServiceSpec(Lean):
    type: str | None = None
    cluster_ip: str | None = msgspec.field(default=None, name="clusterIP")
    cluster_ips: list[str] | None = msgspec.field(default=None, name="clusterIPs")
    external_name: str | None = None
    ports: list[ServicePort] | None = None
    publish_not_ready_addresses: bool | None = None


_NO_SERVICE_SPEC = ServiceSpec()


class ServiceResource(Lean):
    metadata: Metadata
    spec: ServiceSpec | None = None


def to_service(resource: ServiceResource, reasons: list[str]) -> Service:
    """The Service.

    case  spec                                       kind, addresses
    1     type ExternalName                          EXTERNAL_NAME, no address
    2     `None` in clusterIPs, else in clusterIP    HEADLESS, no address
    3     otherwise                                  CLUSTER_IP, the addresses given so far
    """
    metadata, spec = resource.metadata, resource.spec or _NO_SERVICE_SPEC
    owner = fields.title("Service", metadata)
    annotations = metadata.annotations or NO_ANNOTATIONS
    kind, external = Kind.CLUSTER_IP, b""
    addresses: tuple[bytes, ...] = ()
    given = spec.cluster_ips or ([spec.cluster_ip] if spec.cluster_ip else [])
    if spec.type == "ExternalName":
        kind = Kind.EXTERNAL_NAME
        external = fields.external_name(owner, "spec.externalName", spec.external_name or "")
    elif "None" in given:
        kind = Kind.HEADLESS
    else:
        addresses = _cluster_addresses(owner, given)
    return Service(
        namespace=fields.namespace(owner, metadata.namespace),
        name=fields.label(owner, "metadata.name", metadata.name),
        kind=kind,
        addresses=addresses,
        ports=fields.ports(owner, "spec.ports", spec.ports, reasons) if spec.ports else (),
        external_name=external,
        publish_not_ready=bool(spec.publish_not_ready_addresses)
        or annotations.tolerate_unready == "true",
        ttl=fields.ttl(owner, CLUSTER_TTL, annotations.cluster_ttl, reasons),
        version=metadata.resource_version or "",
    )


def _cluster_addresses(owner: str, given: Iterable[str]) -> tuple[bytes, ...]:
    addresses = []
    for text in given:
        address = fields.packed(text)
        if address is None:
            raise ObjectRefused(
                f"{owner}: spec.clusterIPs {text!r} is no IP address; write an address or None"
            )
        if address not in addresses:
            addresses.append(address)
    return tuple(addresses)


# --- EndpointSlice -------------------------------------------------------------------------------


class SliceLabels(msgspec.Struct, frozen=True, gc=False):
    service: str | None = msgspec.field(default=None, name=SERVICE_NAME)


class SliceMetadata(Metadata):
    labels: SliceLabels | None = None


class Conditions(Lean):
    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class TargetRef(Lean):
    kind: str | None = None
    name: str | None = None


class EndpointResource(Lean):
    addresses: list[str] | None = None
    hostname: str | None = None
    conditions: Conditions | None = None
    target_ref: TargetRef | None = None


class SliceResource(Lean):
    metadata: SliceMetadata
    address_type: str | None = None
    endpoints: list[EndpointResource] | None = None
    ports: list[ServicePort] | None = None


_NO_CONDITIONS = Conditions()


def to_slice(resource: SliceResource, reasons: list[str]) -> Slice | Ignored:
    """The slice; an address that is bad or of another family is refused alone."""
    metadata = resource.metadata
    owner = fields.title("EndpointSlice", metadata)
    service = metadata.labels.service if metadata.labels else None
    if not service:
        return Ignored(f"EndpointSlice without label {SERVICE_NAME}")
    if resource.address_type == "FQDN":
        return Ignored("EndpointSlice of addressType FQDN, which has no addresses to give")
    size = _SIZES.get(resource.address_type or "")
    if size is None:
        raise ObjectRefused(
            f"{owner}: addressType {resource.address_type!r} is none of IPv4, IPv6 and FQDN; "
            "write the one that the addresses have"
        )
    if not names.is_dns_subdomain(metadata.name):
        raise ObjectRefused(
            f"{owner}: metadata.name {metadata.name!r} must be lower-case labels with dots between"
        )
    endpoints = []
    for index, given in enumerate(resource.endpoints or ()):
        endpoint = _to_endpoint(owner, index, given, size, reasons)
        if endpoint is not None:
            endpoints.append(endpoint)
    return Slice(
        namespace=fields.namespace(owner, metadata.namespace),
        name=metadata.name.encode(),
        service=fields.label(owner, f"label {SERVICE_NAME}", service),
        endpoints=tuple(endpoints),
        ports=fields.ports(owner, "ports", resource.ports, reasons) if resource.ports else (),
        version=metadata.resource_version or "",
    )


def _to_endpoint(
    owner: str, index: int, given: EndpointResource, size: int, reasons: list[str]
) -> Endpoint | None:
    addresses = []
    for text in given.addresses or ():
        address = fields.packed(text)
        if address is None or len(address) != size:
            family = "IPv4" if size == 4 else "IPv6"
            reasons.append(
                f"{owner}: endpoints[{index}].addresses {text!r} is no {family} address; "
                "it is left out"
            )
        elif address not in addresses:
            addresses.append(address)
    if not addresses:
        return None
    conditions = given.conditions or _NO_CONDITIONS
    ready = conditions.ready is not False
    return Endpoint(
        addresses=tuple(addresses),
        hostname=_hostname(owner, index, given.hostname, reasons) if given.hostname else b"",
        ready=ready,
        serving=ready if conditions.serving is None else conditions.serving,
        terminating=conditions.terminating is True,
        pod=_pod_of(given.target_ref),
    )


def _hostname(owner: str, index: int, value: str, reasons: list[str]) -> Label:
    try:
        return fields.label(owner, f"endpoints[{index}].hostname", value)
    except ObjectRefused as refusal:
        reasons.append(f"{refusal}; the endpoint goes without")
        return b""


def _pod_of(target: TargetRef | None) -> Label:
    """The name of the Pod when it can stand as a label; an address does for the others."""
    if target is None or target.kind != "Pod" or not target.name:
        return b""
    octets = target.name.encode("utf-8", "replace")
    return octets if names.is_dns_label(octets) else b""


# --- Namespace, Node, Pod ------------------------------------------------------------------------


class NamespaceResource(Lean):
    metadata: Metadata


def to_namespace(resource: NamespaceResource, reasons: list[str]) -> Namespace:
    owner = fields.title("Namespace", resource.metadata, namespaced=False)
    return Namespace(fields.label(owner, "metadata.name", resource.metadata.name))


class NodeMetadata(Metadata):
    labels: dict[str, str] | None = None


class NodeResource(Lean):
    metadata: NodeMetadata


def to_node(resource: NodeResource, reasons: list[str]) -> Node:
    metadata = resource.metadata
    owner = fields.title("Node", metadata, namespaced=False)
    if not metadata.name:
        raise ObjectRefused(f"{owner.strip()}: metadata.name is missing; give it a name")
    return Node(
        name=metadata.name,
        zone=_place(owner, topology.ZONE_LABELS, metadata.labels, reasons),
        region=_place(owner, topology.REGION_LABELS, metadata.labels, reasons),
    )


def _place(
    owner: str, keys: Iterable[str], labels: dict[str, str] | None, reasons: list[str]
) -> str:
    """The first of the labels that is there; empty when there is none or it cannot be in a name."""
    for key in keys:
        value = (labels or {}).get(key)
        if not value:
            continue
        if topology.is_usable_label(value):
            return value
        reasons.append(
            f"{owner}: label {key} {value!r} cannot stand in a domain name; it is left out"
        )
        return ""
    return ""


class PodSpec(Lean):
    host_network: bool | None = None


class PodAddress(Lean):
    ip: str | None = None


class PodStatus(Lean):
    phase: str | None = None
    pod_ip: str | None = msgspec.field(default=None, name="podIP")
    pod_ips: list[PodAddress] | None = msgspec.field(default=None, name="podIPs")


class PodResource(Lean):
    metadata: Metadata
    spec: PodSpec | None = None
    status: PodStatus | None = None


def to_pod(resource: PodResource, reasons: list[str]) -> Pod | Ignored:
    metadata, status = resource.metadata, resource.status
    owner = fields.title("Pod", metadata)
    if resource.spec is not None and resource.spec.host_network:
        return Ignored("Pod in the network of its host")
    if status is not None and status.phase in _ENDED:
        return Ignored("Pod that has ended")
    given = [item.ip for item in (status.pod_ips or ()) if item.ip] if status else []
    if not given and status is not None and status.pod_ip:
        given = [status.pod_ip]
    addresses = []
    for text in given:
        address = fields.packed(text)
        if address is None:
            reasons.append(f"{owner}: status.podIPs {text!r} is no IP address; it is left out")
        elif address not in addresses:
            addresses.append(address)
    if not addresses:
        return Ignored("Pod without an address")
    if not names.is_dns_subdomain(metadata.name):
        raise ObjectRefused(
            f"{owner}: metadata.name {metadata.name!r} must be lower-case labels with dots between"
        )
    namespace = fields.namespace(owner, metadata.namespace)
    return Pod(namespace, metadata.name.encode(), tuple(addresses))


# --- ConfigMap -----------------------------------------------------------------------------------


class ConfigData(msgspec.Struct, frozen=True, gc=False):
    federations: str | None = None
    stub_domains: str | None = msgspec.field(default=None, name="stubDomains")
    upstream_nameservers: str | None = msgspec.field(default=None, name="upstreamNameservers")


class ConfigMapResource(Lean):
    metadata: Metadata
    data: ConfigData | None = None


_NO_DATA = ConfigData()


def to_configuration(
    resource: ConfigMapResource, reasons: list[str], *, config_map: str = CONFIG_MAP
) -> tuple[Federations, Nameservers] | Ignored:
    """What the ConfigMap `config_map` (NAMESPACE/NAME) says; any other is not for us."""
    metadata = resource.metadata
    if f"{metadata.namespace or fields.DEFAULT_NAMESPACE}/{metadata.name}" != config_map:
        return Ignored("ConfigMap")
    data = resource.data or _NO_DATA
    found, refused = federations.parse(data.federations or "")
    forwarding, others = nameservers.parse(data.stub_domains or "", data.upstream_nameservers or "")
    owner = fields.title("ConfigMap", metadata)
    reasons.extend(f"{owner}: data.federations: {reason}" for reason in refused)
    reasons.extend(f"{owner}: data.{reason}" for reason in others)
    return found, forwarding
