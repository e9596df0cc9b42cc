"""The kinds that are copied into the members, and what is special about each.

    kind        copied                        adopted  conditions  exact
    Namespace   metadata                      no       no
    ConfigMap   data, binaryData, immutable   no       no          data, binaryData
    Secret      type, data, immutable         no       no          data
    Service     spec                          yes      yes         spec.ports
    DaemonSet   spec                          no       yes

*adopted*: a member's object of the same name is taken over without being asked (decisions.md 20).
*exact*: what others add there is taken away again; elsewhere it is kept, as it is for labels and
annotations of all kinds (decisions.md 19).  A kind that is `schedule`d differs from cluster to
cluster; the engine asks its function and knows no more of it.

    left alone                                because
    Namespaces default and kube-*             every cluster has its own; what lies in them is copied
    the system namespace, all in it           it is the controllers' own
    Service default/kubernetes                is the API itself
    ConfigMap kube-root-ca.crt, two of the    every cluster writes its own
    API server's in kube-system
    Secrets of service accounts               are valid in their cluster only

Pure.  Read by all reconcilers, and by `informers` for what to follow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from controllers.world import Json, Key, Member, Resource, World

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap")
SECRETS = Resource("", "v1", "secrets", "Secret")
SERVICES = Resource("", "v1", "services", "Service")
DAEMONSETS = Resource("apps", "v1", "daemonsets", "DaemonSet")

Schedule = Callable[[Json, Sequence[Member], World], Mapping[str, Json]]
"""(federated, selected members, world) → by cluster, a merge patch of what all would get.

A cluster that is not in it gets no copy, and keeps none.
"""


class Propagated(msgspec.Struct, frozen=True):
    """One row of the table."""

    resource: Resource
    fields: tuple[str, ...] = ()
    adopts: bool = False
    has_conditions: bool = False
    exact: tuple[tuple[str, ...], ...] = ()
    schedule: Schedule | None = None


TABLE = (
    Propagated(NAMESPACES),
    Propagated(CONFIGMAPS, ("data", "binaryData", "immutable"), exact=(("data",), ("binaryData",))),
    Propagated(SECRETS, ("type", "data", "immutable"), exact=(("data",),)),
    Propagated(SERVICES, ("spec",), adopts=True, has_conditions=True, exact=(("spec", "ports"),)),
    Propagated(DAEMONSETS, ("spec",), has_conditions=True),
)
_ROWS = {row.resource: row for row in TABLE}

EVERYWHERE = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})
"""Namespaces that every cluster has."""

_OWN = frozenset(
    {("Service", "default", "kubernetes"),
     ("ConfigMap", "kube-system", "extension-apiserver-authentication"),
     ("ConfigMap", "kube-system", "kube-apiserver-legacy-service-account-token-tracking")}
)  # fmt: skip


def of(resource: Resource) -> Propagated:
    """The row of a kind.  Raises KeyError for one that is not propagated."""
    return _ROWS[resource]


def is_left_alone(key: Key, federated: Json | None, system_namespace: str) -> bool:
    """Whether an object is never copied, whatever it says."""
    kind, namespace, name = key.resource.kind, key.namespace, key.name
    if kind == "Namespace":
        return name in EVERYWHERE or name == system_namespace
    if namespace == system_namespace or (kind, namespace, name) in _OWN:
        return True
    if kind == "ConfigMap":
        return name == "kube-root-ca.crt"
    token = "kubernetes.io/service-account-token"
    return kind == "Secret" and federated is not None and federated.get("type") == token
