"""Services as DNS sees them: the local one and its slices, the federated one and its shards.

Values only: frozen, compact, comparable (an object that did not change is no event), and with a
wire form of their own (msgpack arrays) for the pipe between the processes.  Labels are lower-case
bytes, addresses packed bytes of 4 or 16.  `kube.resources` makes them, `snapshot` keeps them.
"""

from __future__ import annotations

import enum

import msgspec

from feddns.names import Label, Name


class Kind(enum.IntEnum):
    """How a Service is reached."""

    CLUSTER_IP = 0
    HEADLESS = 1
    EXTERNAL_NAME = 2


class Port(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`name` is empty for an unnamed port; `protocol` is lower case: tcp, udp, sctp."""

    name: Label
    protocol: Label
    number: int


class Service(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=True):
    """A Service of this cluster."""

    namespace: Label
    name: Label
    kind: Kind
    addresses: tuple[bytes, ...] = ()
    ports: tuple[Port, ...] = ()
    external_name: Name = b""
    publish_not_ready: bool = False
    ttl: int | None = None
    version: str = ""

    @property
    def key(self) -> tuple[Label, Label]:
        return self.namespace, self.name


class Endpoint(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One endpoint of a slice: `hostname` as given (or empty), `pod` the name of its Pod."""

    addresses: tuple[bytes, ...]
    hostname: Label = b""
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    pod: Label = b""


class Slice(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=True):
    """An EndpointSlice; `service` is the value of its label `kubernetes.io/service-name`."""

    namespace: Label
    name: Label
    service: Label
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[Port, ...] = ()
    version: str = ""

    @property
    def key(self) -> tuple[Label, Label, Label]:
        return self.namespace, self.service, self.name


class Namespace(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=True):
    """A Namespace object; one may exist without it when objects lie in it."""

    name: Label

    @property
    def key(self) -> Label:
        return self.name


class Pod(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=True):
    """A running Pod, kept only for `--pods verified`."""

    namespace: Label
    name: Label
    addresses: tuple[bytes, ...]

    @property
    def key(self) -> tuple[Label, Label]:
        return self.namespace, self.name


class Ingress(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One load-balancer address: a packed `address`, or a `hostname` as a wire name."""

    address: bytes = b""
    hostname: Name = b""


class Shard(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A federated Service in one cluster.  No ingresses: a load balancer, but nothing ready."""

    cluster: str
    ingresses: tuple[Ingress, ...]


class PublicName(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A name that somebody chose in the public zone: an alias of the rung with these labels."""

    name: Name
    rung: Name


class FederatedService(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=True):
    """A Service of the federation API.

    `shards` are read from `federation.kubernetes.io/service-ingresses` (federation-v1.md 1.3),
    `known` from `status.loadBalancer`: every address, healthy or not.  `when_none_healthy` is
    "none", "all", or empty for the server's setting.  `names` and `is_public`, whether its type is
    LoadBalancer, are for the public zone alone.
    """

    namespace: Label
    name: Label
    ports: tuple[Port, ...] = ()
    shards: tuple[Shard, ...] = ()
    known: tuple[Ingress, ...] = ()
    ttl: int | None = None
    when_none_healthy: str = ""
    version: str = ""
    names: tuple[PublicName, ...] = ()
    is_public: bool = True

    @property
    def key(self) -> tuple[Label, Label]:
        return self.namespace, self.name
