"""One JSON object of a Kubernetes API → what it means to us.  The table of kinds is here.

    case  object                                              outcome
    1     apiVersion and kind in the table of the role        object, and reasons for parts left out
    2     the same, but not for us (a Pod that has ended, …)  ignored
    3     another apiVersion or kind                          ignored; only its head is decoded
    4     cannot be used                                      `refused`, one reason
    5     not an object, or without a kind                    `refused`, one reason

Pure.  Called by `manifests.objects`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from feddns.errors import ObjectRefused
from feddns.events import Object
from feddns.kube import cluster, federation, fields
from feddns.kube.cluster import Ignored

Json = bytes | msgspec.Raw


class Role(enum.Enum):
    """Whose API the object is from: the cluster that is served, or the federation."""

    CLUSTER = "cluster"
    FEDERATION = "federation"


class Outcome(NamedTuple):
    """What became of one object.

    `identity` is how messages call it, the same as long as it is the same object: `Service
    default/nginx`.  `ignored` is what was passed over, for counting; empty when it was not.
    """

    identity: str
    objects: tuple[Object, ...] = ()
    reasons: list[str] = []  # noqa: RUF012 - shared and never changed
    ignored: str = ""
    refused: bool = False


class Head(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """What says which kind of object it is."""

    api_version: str = ""
    kind: str = ""


class _Named(msgspec.Struct, frozen=True):
    """Just enough to name an object that does not decode."""

    metadata: fields.Metadata | None = None


class _Kind(NamedTuple):
    """How to read one kind: JSON → resource → domain object."""

    decode: Callable[[Json], Any]
    convert: Callable[[Any, list[str]], Object | Ignored]
    namespaced: bool = True


def _kind(
    resource: type, convert: Callable[[Any, list[str]], Object | Ignored], namespaced: bool = True
) -> _Kind:
    return _Kind(msgspec.json.Decoder(resource).decode, convert, namespaced)


_CLUSTER = _kind(federation.ClusterResource, federation.to_cluster, namespaced=False)

KINDS: dict[Role, dict[tuple[str, str], _Kind]] = {
    Role.CLUSTER: {
        ("v1", "Service"): _kind(cluster.ServiceResource, cluster.to_service),
        ("discovery.k8s.io/v1", "EndpointSlice"): _kind(cluster.SliceResource, cluster.to_slice),
        ("v1", "Namespace"): _kind(
            cluster.NamespaceResource, cluster.to_namespace, namespaced=False
        ),
        ("v1", "Node"): _kind(cluster.NodeResource, cluster.to_node, namespaced=False),
        ("v1", "Pod"): _kind(cluster.PodResource, cluster.to_pod),
        ("v1", "ConfigMap"): _kind(cluster.ConfigMapResource, cluster.to_federations),
    },
    Role.FEDERATION: {
        ("v1", "Service"): _kind(
            federation.FederatedServiceResource, federation.to_federated_service
        ),
        ("federation.feddns.dev/v1beta1", "Cluster"): _CLUSTER,
        ("federation/v1beta1", "Cluster"): _CLUSTER,
    },
}

_read_head = msgspec.json.Decoder(Head).decode
_read_named = msgspec.json.Decoder(_Named).decode


def read(raw: Json, role: Role, head: Head | None = None) -> Outcome:
    """What the object means; `head` when the caller has read it already.  Never raises."""
    if head is None:
        try:
            head = _read_head(raw)
        except (msgspec.DecodeError, UnicodeError) as error:
            return _refused("object", f"it is no Kubernetes object ({error}); write a mapping")
    kind = KINDS[role].get((head.api_version, head.kind))
    if kind is None:
        if not head.kind:
            return _refused("object", "it has no kind; write apiVersion and kind")
        return Outcome(head.kind, ignored=head.kind)
    reasons: list[str] = []
    try:
        resource = kind.decode(raw)
        identity = fields.title(head.kind, resource.metadata, namespaced=kind.namespaced)
        meant = kind.convert(resource, reasons)
    except ObjectRefused as refusal:
        return Outcome(identity, reasons=[str(refusal)], refused=True)
    except (msgspec.DecodeError, UnicodeError) as error:
        identity = _identity(raw, head, kind)
        return _refused(identity, f"{_field_of(error)}; write what the Kubernetes API has there")
    if isinstance(meant, Ignored):
        return Outcome(identity, reasons=reasons, ignored=meant.cause)
    return Outcome(identity, (meant,), reasons)


def _refused(identity: str, reason: str) -> Outcome:
    return Outcome(identity, reasons=[f"{identity}: {reason}"], refused=True)


def _identity(raw: Json, head: Head, kind: _Kind) -> str:
    try:
        metadata = _read_named(raw).metadata
    except (msgspec.DecodeError, UnicodeError):
        metadata = None
    if metadata is None:
        return f"{head.kind} (unnamed)"
    return fields.title(head.kind, metadata, namespaced=kind.namespaced)


def _field_of(error: Exception) -> str:
    """The field first: ``spec.ports[...].port: Expected `int`, got `str` ``."""
    text, at, path = str(error).partition(" - at `$")
    return f"{path.rstrip('`').lstrip('.')}: {text}" if at and path != "`" else text
