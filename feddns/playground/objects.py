"""How the behaviours of a member see its objects, and what they want done.

A behaviour is a function of one object and this view; it gives changes, and gives none when all
is as it should be.  So it does not matter which event woke it, or how often.

Pure.  `member` ◇ keeps the view over an API and does the changes.
"""

from __future__ import annotations

import enum
import zlib
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

Json = dict[str, Any]
Resource = tuple[str, str, str]
"""Group, version and plural name of a kind."""

PODS: Resource = ("", "v1", "pods")
NODES: Resource = ("", "v1", "nodes")
SERVICES: Resource = ("", "v1", "services")
DEPLOYMENTS: Resource = ("apps", "v1", "deployments")
REPLICA_SETS: Resource = ("apps", "v1", "replicasets")
DAEMON_SETS: Resource = ("apps", "v1", "daemonsets")
JOBS: Resource = ("batch", "v1", "jobs")
SLICES: Resource = ("discovery.k8s.io", "v1", "endpointslices")
CLUSTERS: Resource = ("federation.feddns.dev", "v1beta1", "clusters")

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""What Kubernetes makes random parts of names from: no vowels, no look-alikes."""


class Verb(enum.Enum):
    """How a change is made."""

    CREATE = "create"
    UPDATE = "update"
    STATUS = "status"
    BIND = "bind"
    PATCH = "patch"
    DELETE = "delete"


class Change(NamedTuple):
    """One change; `body` is the whole object, for PATCH the part that changes with the object's
    names.  BIND gives a Pod its `spec.nodeName`."""

    verb: Verb
    resource: Resource
    body: Json


class Objects(Protocol):
    """What the member has now."""

    def list(self, resource: Resource, namespace: str = "") -> Iterable[Json]: ...

    def get(self, resource: Resource, namespace: str, name: str) -> Json | None: ...


def code(text: str, length: int = 5) -> str:
    """A short, steady name part for a text."""
    number = zlib.crc32(text.encode()) | zlib.crc32(text[::-1].encode()) << 32
    letters = ""
    for _ in range(length):
        number, index = divmod(number, len(_LETTERS))
        letters += _LETTERS[index]
    return letters


def owned(objects: Objects, resource: Resource, owner: Json) -> list[Json]:
    """The objects in the owner's namespace whose controller it is, by name."""
    uid = owner["metadata"]["uid"]
    found = (
        one
        for one in objects.list(resource, owner["metadata"]["namespace"])
        if any(ref["uid"] == uid and ref.get("controller") for ref in owners(one))
    )
    return sorted(found, key=lambda one: str(one["metadata"]["name"]))


def owners(one: Json) -> list[Json]:
    """The owner references of an object."""
    references: list[Json] = one["metadata"].get("ownerReferences", [])
    return references


def reference(owner: Json, api_version: str, kind: str) -> Json:
    """The owner reference of what a controller makes."""
    metadata = owner["metadata"]
    return {
        "apiVersion": api_version, "kind": kind, "name": metadata["name"], "uid": metadata["uid"],
        "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip


def is_ready(pod: Json) -> bool:
    """Whether a Pod's condition Ready is True."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def with_status(one: Json, status: Json) -> Json:
    """The object with this status."""
    return one | {"status": status}


def status_change(resource: Resource, one: Json, status: Json) -> list[Change]:
    """The change that writes a status, when it is another."""
    before = one.get("status", {})
    if before | status == before:
        return []
    return [Change(Verb.STATUS, resource, with_status(one, before | status))]
