"""The parts that Kubernetes objects have in common, and how each field is read.

    part of an object                       when it is bad
    its name or namespace                   the object is refused (`ObjectRefused`)
    a field that says what the object is    the object is refused
    one item of a list, one annotation      refused alone, with a reason; the rest counts

Every reason says which object, which field and the way out.  Only fields that feddns reads are
declared, so decoding skips the others.  Pure.  Called by `kube.cluster` and `kube.federation`.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

import msgspec

from feddns import names
from feddns.errors import NameRefused, ObjectRefused
from feddns.names import Label, Name
from feddns.services import Port

DEFAULT_NAMESPACE = "default"
LONGEST_TTL = 604_800  # a week (RFC 2181 §8 allows more; nobody wants it)
_LABEL_RULE = "must be a DNS label (letters, digits and '-', at most 63)"


class Lean(msgspec.Struct, rename="camel", gc=False):
    """Base of all resources: camelCase in JSON, unknown fields skipped."""


class Annotations(msgspec.Struct, frozen=True, gc=False):
    """The annotations that mean something to feddns."""

    tolerate_unready: str | None = msgspec.field(
        default=None, name="service.alpha.kubernetes.io/tolerate-unready-endpoints"
    )
    cluster_ttl: str | None = msgspec.field(default=None, name="federation.feddns.dev/cluster-ttl")
    ttl: str | None = msgspec.field(default=None, name="federation.feddns.dev/ttl")
    when_none_healthy: str | None = msgspec.field(
        default=None, name="federation.feddns.dev/when-none-healthy"
    )
    names: str | None = msgspec.field(default=None, name="federation.feddns.dev/names")
    service_ingresses: str | None = msgspec.field(
        default=None, name="federation.kubernetes.io/service-ingresses"
    )
    triggered: str | None = msgspec.field(
        default=None, name="endpoints.kubernetes.io/last-change-trigger-time"
    )


NO_ANNOTATIONS = Annotations()


class Metadata(Lean):
    """`metadata` of any object."""

    name: str = ""
    namespace: str | None = None
    resource_version: str | None = None
    uid: str | None = None
    annotations: Annotations | None = None


class ServicePort(Lean):
    """A port of a Service or an EndpointSlice."""

    name: str | None = None
    port: int | None = None
    protocol: str | None = None


class LoadBalancerIngress(Lean):
    """An item of `status.loadBalancer.ingress`, in a Service or in the federation's annotation."""

    ip: str | None = None
    hostname: str | None = None


def title(kind: str, metadata: Metadata, *, namespaced: bool = True) -> str:
    """How messages call an object: `Service default/nginx`, `Node n1`."""
    if not namespaced:
        return f"{kind} {metadata.name}"
    return f"{kind} {metadata.namespace or DEFAULT_NAMESPACE}/{metadata.name}"


# --- names ---------------------------------------------------------------------------------------


def label(owner: str, field: str, value: str) -> Label:
    """`value` as a lower-case DNS label.  Raises `ObjectRefused`."""
    octets = value.lower().encode("utf-8", "replace")
    if not names.is_dns_label(octets):
        raise ObjectRefused(f"{owner}: {field} {value!r} {_LABEL_RULE}; give it such a name")
    return octets


def namespace(owner: str, value: str | None) -> Label:
    """The namespace as a label; the one called `default` when none is given."""
    known = shared_namespace(value or DEFAULT_NAMESPACE)
    return known if known else label(owner, "metadata.namespace", value or DEFAULT_NAMESPACE)


@lru_cache(4096)
def shared_namespace(value: str) -> Label | None:
    """One bytes object for all objects of a namespace; None when it is no label."""
    octets = value.lower().encode("utf-8", "replace")
    return octets if names.is_dns_label(octets) else None


def external_name(owner: str, field: str, value: str) -> Name:
    """A host name as a lower-case wire name, final dot or not.  Raises `ObjectRefused`."""
    try:
        name = names.parse(value.lower())
    except NameRefused as error:
        raise ObjectRefused(f"{owner}: {field}: {error}; write a domain name") from error
    if name == names.ROOT:
        raise ObjectRefused(f"{owner}: {field} is empty; write a domain name")
    return name


# --- addresses -----------------------------------------------------------------------------------


def packed(text: str) -> bytes | None:
    """The 4 or 16 bytes of an address; None for anything else.

    The dotted form is read by hand because there are a hundred thousand of them at start.
    """
    parts = text.split(".")
    try:
        if len(parts) == 4 and ":" not in text:
            address = bytes(map(int, parts))
            return address if ".".join(map(str, address)) == text else None
        return None if "%" in text else ipaddress.IPv6Address(text).packed
    except ValueError:
        return None


# --- ports ---------------------------------------------------------------------------------------


def ports(
    owner: str, field: str, given: list[ServicePort] | None, reasons: list[str]
) -> tuple[Port, ...]:
    """The usable ports; those without a number are skipped, bad ones refused alone."""
    found = []
    for index, item in enumerate(given or ()):
        if item.port is None:
            continue
        port = _port(item.name or "", item.protocol or "TCP", item.port)
        if isinstance(port, str):
            reasons.append(f"{owner}: {field}[{index}]{port}; the port is left out")
        else:
            found.append(port)
    return _shared(tuple(found))


@lru_cache(4096)
def _port(name: str, protocol: str, number: int) -> Port | str:
    """One Port object for all services that have the same: that is most of them."""
    name_octets = name.lower().encode("utf-8", "replace")
    protocol_octets = protocol.lower().encode("utf-8", "replace")
    if name_octets and not names.is_dns_label(name_octets):
        return f".name {name!r} {_LABEL_RULE}"
    if not names.is_dns_label(protocol_octets):
        return f".protocol {protocol!r} must be TCP, UDP or SCTP"
    if not 0 < number <= 65535:
        return f".port {number} must be within 1 and 65535"
    return Port(name_octets, protocol_octets, number)


@lru_cache(4096)
def _shared(given: tuple[Port, ...]) -> tuple[Port, ...]:
    return given


# --- annotations ---------------------------------------------------------------------------------


def ttl(owner: str, annotation: str, value: str | None, reasons: list[str]) -> int | None:
    """Seconds from an annotation; None when it is absent or bad."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) <= 7 and int(text) <= LONGEST_TTL:
        return int(text)
    reasons.append(
        f"{owner}: annotation {annotation} {value!r} must be whole seconds from 0 to "
        f"{LONGEST_TTL}; the server's own TTL is used"
    )
    return None
