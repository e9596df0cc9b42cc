"""One JSON object of a Kubernetes API → what it means to us.  The table of kinds is here.

    case  object                                              outcome
    1     apiVersion and kind in the table of the role        object, and reasons for parts left out
    2     the same, but not for us (a Pod that has ended, …)  ignored
    3     another apiVersion or kind                          ignored; only its head is decoded
    4     cannot be used                                      `refused`, one reason
    5     not an object, or without a kind                    `refused`, one reason

`read` is for an object of any kind, `read_as` and `mean` are for who knows the kind.

Pure.  Called by `manifests.objects` and `kube.table`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple, cast

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


Meaning = Object | tuple[Object, ...] | Ignored


class Kind(NamedTuple):
    """How to read one kind: JSON → resource → domain objects."""

    name: str
    resource: Any
    decode: Callable[[Json], Any]
    convert: Callable[[Any, list[str]], Meaning]
    namespaced: bool = True


def _kind(
    name: str,
    resource: type,
    convert: Callable[[Any, list[str]], Meaning],
    namespaced: bool = True,
) -> Kind:
    return Kind(name, resource, msgspec.json.Decoder(resource).decode, convert, namespaced)


@lru_cache(4)
def kinds(config_map: str = cluster.CONFIG_MAP) -> dict[Role, dict[tuple[str, str], Kind]]:
    """The table; `config_map` is NAMESPACE/NAME of the ConfigMap that counts."""
    registered = _kind("Cluster", federation.ClusterResource, federation.to_cluster, False)
    configuration = partial(cluster.to_configuration, config_map=config_map)
    return {
        Role.CLUSTER: {
            ("v1", "Service"): _kind("Service", cluster.ServiceResource, cluster.to_service),
            ("discovery.k8s.io/v1", "EndpointSlice"): _kind(
                "EndpointSlice", cluster.SliceResource, cluster.to_slice
            ),
            ("v1", "Namespace"): _kind(
                "Namespace", cluster.NamespaceResource, cluster.to_namespace, False
            ),
            ("v1", "Node"): _kind("Node", cluster.NodeResource, cluster.to_node, False),
            ("v1", "Pod"): _kind("Pod", cluster.PodResource, cluster.to_pod),
            ("v1", "ConfigMap"): _kind("ConfigMap", cluster.ConfigMapResource, configuration),
        },
        Role.FEDERATION: {
            ("v1", "Service"): _kind(
                "Service", federation.FederatedServiceResource, federation.to_federated_service
            ),
            ("federation.feddns.dev/v1beta1", "Cluster"): registered,
            ("federation/v1beta1", "Cluster"): registered,
        },
    }


KINDS = kinds()

_read_head = msgspec.json.Decoder(Head).decode
_read_named = msgspec.json.Decoder(_Named).decode


def read(
    raw: Json, role: Role, head: Head | None = None, config_map: str = cluster.CONFIG_MAP
) -> Outcome:
    """What the object means; `head` when the caller has read it already.  Never raises."""
    if head is None:
        try:
            head = _read_head(raw)
        except (msgspec.DecodeError, UnicodeError) as error:
            return _refused("object", f"it is no Kubernetes object ({error}); write a mapping")
    kind = kinds(config_map)[role].get((head.api_version, head.kind))
    if kind is None:
        if not head.kind:
            return _refused("object", "it has no kind; write apiVersion and kind")
        return Outcome(head.kind, ignored=head.kind)
    return read_as(kind, raw)


def read_as(kind: Kind, raw: Json) -> Outcome:
    """What an object of this kind means.  Never raises."""
    try:
        resource = kind.decode(raw)
    except (msgspec.DecodeError, UnicodeError) as error:
        identity = _identity(raw, kind)
        return _refused(identity, f"{_field_of(error)}; write what the Kubernetes API has there")
    return mean(kind, resource)


def mean(kind: Kind, resource: Any) -> Outcome:
    """What a decoded resource of this kind means.  Never raises."""
    reasons: list[str] = []
    identity = fields.title(kind.name, resource.metadata, namespaced=kind.namespaced)
    try:
        meant = kind.convert(resource, reasons)
    except ObjectRefused as refusal:
        return Outcome(identity, reasons=[str(refusal)], refused=True)
    if isinstance(meant, Ignored):
        return Outcome(identity, reasons=reasons, ignored=meant.cause)
    if isinstance(meant, tuple):
        return Outcome(identity, cast("tuple[Object, ...]", meant), reasons)
    return Outcome(identity, (meant,), reasons)


def metadata_of(raw: Json) -> fields.Metadata | None:
    """The metadata of an object that may not decode otherwise."""
    try:
        return _read_named(raw).metadata
    except (msgspec.DecodeError, UnicodeError):
        return None


def _refused(identity: str, reason: str) -> Outcome:
    return Outcome(identity, reasons=[f"{identity}: {reason}"], refused=True)


def _identity(raw: Json, kind: Kind) -> str:
    metadata = metadata_of(raw)
    if metadata is None:
        return f"{kind.name} (unnamed)"
    return fields.title(kind.name, metadata, namespaced=kind.namespaced)


def _field_of(error: Exception) -> str:
    """The field first: ``spec.ports[...].port: Expected `int`, got `str` ``."""
    text, at, path = str(error).partition(" - at `$")
    return f"{path.rstrip('`').lstrip('.')}: {text}" if at and path != "`" else text
