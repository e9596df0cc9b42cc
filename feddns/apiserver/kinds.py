"""The kinds that are served: their names in the API, and what is done with each.

    Kind        one kind in one version
    Registry    the kinds of one server: what is built in, and what its CRDs add
    BUILTIN()   a new Registry with what is built in
    stored_as   the version in which objects of a kind are kept
    convert     an object in another version of its kind

Pure.  Read by every other part of `apiserver`.  Each server has a Registry, as each has its CRDs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from feddns.apiserver import conversion
from feddns.apiserver.schema import Type

_ALL = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
DEFINED_VERBS = (
    "delete", "deletecollection", "get", "list", "patch", "create", "update", "watch",
)  # fmt: skip
"""Of kinds of CRDs, in the order in which a server tells them."""
_EACH = tuple(verb for verb in _ALL if verb != "deletecollection")


class Custom(msgspec.Struct, eq=False):
    """What a CRD says of one of its versions.  Written by `custom` alone."""

    definition: str
    """Name of the CRD."""
    type: Type
    schema: dict[str, Any]
    """OpenAPI v3, as in the CRD."""
    columns: tuple[dict[str, Any], ...] = ()
    scale: dict[str, str] | None = None
    """subresources.scale: specReplicasPath, statusReplicasPath, labelSelectorPath."""
    selectable: tuple[str, ...] = ()
    """JSON paths of selectableFields."""
    deprecation: str = ""
    """Warning that every request for a deprecated version gets."""


class Kind(msgspec.Struct, frozen=True, cache_hash=True):
    """One kind in one version.

    `plural` is the resource ("services"), `kind` its name in objects ("Service"); `group` is
    empty for the core group.  `subresources`: those beside the object itself (status, scale, …).
    Kinds that are one another in other versions (HorizontalPodAutoscaler v1 and v2) share
    `storage`: the apiVersion in which objects are kept; empty when it is their own.
    """

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = _ALL
    storage: str = ""
    definition: str = ""
    """Name of its schema in the asset; empty for the kinds of CRDs."""
    custom: Custom | None = None

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """`deployments.apps`, `services`: as errors name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def schema_name(self) -> str:
        """Of its schema in /openapi."""
        return self.definition or f"{reversed_name(self.group)}.{self.version}.{self.kind}"

    @property
    def virtual(self) -> bool:
        """A question in the shape of an object (SelfSubjectAccessReview): nothing is kept."""
        return self.verbs == ("create",)


class Subresource(msgspec.Struct, frozen=True):
    """What is asked of `…/NAME/<subresource>`: the kind of the body, where it is another."""

    verbs: tuple[str, ...]
    kind: str = ""
    group: str = ""
    version: str = ""


_STATUS = Subresource(("get", "patch", "update"))
SUBRESOURCES = {
    "status": _STATUS,
    "scale": Subresource(("get", "patch", "update"), "Scale", "autoscaling", "v1"),
    "finalize": Subresource(("update",)),
    "log": Subresource(("get",)),
    "binding": Subresource(("create",), "Binding"),
    "eviction": Subresource(("create",), "Eviction", "policy", "v1"),
    "token": Subresource(("create",), "TokenRequest", "authentication.k8s.io", "v1"),
}


class Registry:
    """The kinds of one server.  `version` grows with every change: discovery is made again then."""

    def __init__(self, kinds: Iterable[Kind] = ()) -> None:
        self.version = 0
        self.memo: dict[str, bytes] = {}
        """What `discovery` has made of the kinds; empty again after a change."""
        self._by_plural: dict[tuple[str, str, str], Kind] = {}
        self._by_kind: dict[tuple[str, str, str], Kind] = {}
        for kind in kinds:
            self.add(kind)

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind at /apis/GROUP/VERSION/PLURAL."""
        return self._by_plural.get((group, version, plural))

    def of_kind(self, group: str, version: str, kind: str) -> Kind | None:
        """The kind of an object with apiVersion GROUP/VERSION and this kind."""
        return self._by_kind.get((group, version, kind))

    def all(self) -> Iterable[Kind]:
        """In the order of discovery: what comes first is what kubectl means by a short name."""
        return self._by_plural.values()

    def stored_as(self, kind: Kind) -> Kind:
        """The version of the kind in which its objects are kept; often itself."""
        if not kind.storage or kind.storage == kind.api_version:
            return kind
        group, version = split(kind.storage)
        return self._by_kind.get((group, version, kind.kind), kind)

    def siblings(self, kind: Kind) -> Iterator[Kind]:
        """Every version in which objects of the kind are served, itself included."""
        stored = kind.storage or kind.api_version
        for other in self._by_plural.values():
            if other.kind == kind.kind and (other.storage or other.api_version) == stored:
                yield other

    def add(self, kind: Kind) -> None:
        self._by_plural[kind.group, kind.version, kind.plural] = kind
        self._by_kind[kind.group, kind.version, kind.kind] = kind
        self._changed()

    def remove(self, kind: Kind) -> None:
        self._by_plural.pop((kind.group, kind.version, kind.plural), None)
        self._by_kind.pop((kind.group, kind.version, kind.kind), None)
        self._changed()

    def _changed(self) -> None:
        self.version += 1
        self.memo = {}


def split(api_version: str) -> tuple[str, str]:
    """("apps", "v1") of "apps/v1"; ("", "v1") of "v1"."""
    group, _, version = api_version.rpartition("/")
    return group, version


def reversed_name(group: str) -> str:
    """`dev.feddns.federation` of `federation.feddns.dev`: as schemas are called."""
    return ".".join(reversed(group.split(".")))


def convert(obj: dict[str, Any], to: Kind) -> dict[str, Any]:
    """The object as `to` has it; itself when it is one already.  Never changes `obj`."""
    if obj.get("apiVersion") == to.api_version:
        return obj
    return conversion.convert(obj, to.api_version, to.kind)


# --- what is built in ----------------------------------------------------------------------------

_PACKAGES = {
    "": "core.v1",
    "apps": "apps.v1",
    "batch": "batch.v1",
    "autoscaling": "autoscaling",
    "networking.k8s.io": "networking.v1",
    "coordination.k8s.io": "coordination.v1",
    "discovery.k8s.io": "discovery.v1",
    "rbac.authorization.k8s.io": "rbac.v1",
    "events.k8s.io": "events.v1",
    "authentication.k8s.io": "authentication.v1",
    "authorization.k8s.io": "authorization.v1",
}
CLUSTERS = "federation.feddns.dev"
"""The group of Cluster.  `federation`, of the original's YAML, is the same in other words."""
OWN = (CLUSTERS, "federation")
"""Groups of which the kinds are built in: their CRD may lie in the API, and changes nothing."""


def BUILTIN() -> Registry:
    """A new Registry: the kinds in the order in which a real server tells its groups."""
    return Registry([*_core(), *_groups(), *_virtual(), *_old()])


def _kind(group: str, version: str, kind: str, **more: Any) -> Kind:
    singular = kind.lower()
    package = _PACKAGES.get(group, "")
    package = f"{package}.{version}" if package == "autoscaling" else package
    names = {
        "plural": f"{singular}s", "singular": singular, "definition": f"io.k8s.api.{package}.{kind}"
    }  # fmt: skip
    return Kind(group=group, version=version, kind=kind, **(names | more))


def _core() -> Iterator[Kind]:
    everything = {"categories": ("all",)}
    status = {"subresources": ("status",)}
    yield _kind("", "v1", "ConfigMap", short_names=("cm",))
    yield _kind("", "v1", "Endpoints", plural="endpoints", short_names=("ep",))
    yield _kind("", "v1", "Event", short_names=("ev",))
    yield _kind(
        "", "v1", "Namespace", namespaced=False, short_names=("ns",),
        subresources=("finalize", "status"), verbs=_EACH,
    )  # fmt: skip
    yield _kind("", "v1", "Node", namespaced=False, short_names=("no",), **status)
    yield _kind(
        "", "v1", "Pod", short_names=("po",),
        subresources=("binding", "eviction", "log", "status"), **everything,
    )  # fmt: skip
    yield _kind("", "v1", "Secret")
    yield _kind("", "v1", "ServiceAccount", short_names=("sa",), subresources=("token",))
    yield _kind("", "v1", "Service", short_names=("svc",), **status, **everything)


def _groups() -> Iterator[Kind]:
    everything = {"categories": ("all",)}
    status = {"subresources": ("status",)}
    scale = {"subresources": ("scale", "status")}
    yield _kind("apps", "v1", "DaemonSet", short_names=("ds",), **status, **everything)
    yield _kind("apps", "v1", "Deployment", short_names=("deploy",), **scale, **everything)
    yield _kind("apps", "v1", "ReplicaSet", short_names=("rs",), **scale, **everything)
    yield _kind("events.k8s.io", "v1", "Event", short_names=("ev",), storage="v1")
    for version in ("v2", "v1"):
        yield _kind(
            "autoscaling", version, "HorizontalPodAutoscaler", short_names=("hpa",),
            storage="autoscaling/v2", **status, **everything,
        )  # fmt: skip
    yield _kind("batch", "v1", "Job", **status, **everything)
    yield _kind(
        "networking.k8s.io", "v1", "Ingress", plural="ingresses", short_names=("ing",), **status
    )
    rbac = "rbac.authorization.k8s.io"
    yield _kind(rbac, "v1", "ClusterRoleBinding", namespaced=False)
    yield _kind(rbac, "v1", "ClusterRole", namespaced=False)
    yield _kind(rbac, "v1", "RoleBinding")
    yield _kind(rbac, "v1", "Role")
    yield _kind(
        "apiextensions.k8s.io", "v1", "CustomResourceDefinition", namespaced=False,
        short_names=("crd", "crds"), categories=("api-extensions",), **status,
        definition="io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1"
        ".CustomResourceDefinition",
    )  # fmt: skip
    yield _kind("coordination.k8s.io", "v1", "Lease")
    yield _kind("discovery.k8s.io", "v1", "EndpointSlice")
    yield _cluster(CLUSTERS)


def _virtual() -> Iterator[Kind]:
    asked: dict[str, Any] = {"verbs": ("create",), "namespaced": False}
    for kind in ("SelfSubjectReview", "TokenReview"):
        yield _kind("authentication.k8s.io", "v1", kind, **asked)
    group = "authorization.k8s.io"
    yield _kind(group, "v1", "LocalSubjectAccessReview", verbs=("create",))
    for kind in ("SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview"):
        yield _kind(group, "v1", kind, **asked)


def _old() -> Iterator[Kind]:
    """The versions that guides of their time use; last, as kubectl takes the first it meets.

    Without short names, of which kubectl would say that they may mean these too; without the
    category `all` and without deletecollection, as who goes through everything should meet each
    object once.
    """
    yield _cluster("federation")
    for group, kind, plural in (
        ("apps", "DaemonSet", "daemonsets"),
        ("apps", "Deployment", "deployments"),
        ("networking.k8s.io", "Ingress", "ingresses"),
        ("apps", "ReplicaSet", "replicasets"),
    ):
        yield _kind(
            "extensions", "v1beta1", kind, plural=plural,
            storage=f"{group}/v1", definition=f"io.k8s.api.extensions.v1beta1.{kind}",
            verbs=_EACH,
            subresources=("status",),
        )  # fmt: skip


def _cluster(group: str) -> Kind:
    return _kind(
        group, "v1beta1", "Cluster", namespaced=False, subresources=("status",),
        short_names=("fcl",) if group == CLUSTERS else (),
        categories=("federation",) if group == CLUSTERS else (), verbs=DEFINED_VERBS,
        storage=f"{CLUSTERS}/v1beta1", definition=f"{reversed_name(group)}.v1beta1.Cluster",
    )  # fmt: skip
