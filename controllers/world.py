"""What the controllers know, as the reconcilers read it; and what they want done, as values.

The event is thrown away: a reconciler gets a key and this view, and gives a `Plan`.  The same
code serves create, update, delete and restart.

Objects are JSON objects as the API has them (`dict`), never changed in place.

Pure.  `informers` ◇ keep a `World`, `executor` ◇ does a `Plan`; reconcilers import nothing else
of the controllers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

Json = Mapping[str, Any]


class Resource(msgspec.Struct, frozen=True):
    """Where a kind's objects are in an API."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Of one object, or of all."""
        parts = ["", "apis", self.group, self.version] if self.group else ["", "api", self.version]
        if namespace and self.namespaced:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)


class Key(NamedTuple):
    """What a queue holds: an object of the federation, nothing of what happened to it."""

    resource: Resource
    namespace: str
    name: str


class Member(msgspec.Struct, frozen=True):
    """A registered cluster as the reconcilers see it.

    `labels` feed the cluster selector.  `ready`: its condition Ready is True; only then is
    anything written there.  `since`: Unix time since when it is not ready (0 while it is).
    `whole`: the kinds (plural names) whose copies there were listed completely; of others
    nothing is concluded from absence.
    """

    name: str
    labels: Mapping[str, str] = {}
    ready: bool = False
    since: float = 0.0
    whole: frozenset[str] = frozenset()
    zones: tuple[str, ...] = ()
    region: str = ""


class Shard(NamedTuple):
    """What was observed of a federated Service in one member (`healthwatch` judges it).

    `ready` addresses of its EndpointSlices; `terminating` those that still serve while ending.
    """

    cluster: str
    service: Json | None
    ready: int = 0
    terminating: int = 0


class World(Protocol):
    """One consistent view at one moment.  `now` is Unix time in seconds."""

    now: float
    federation: str

    def members(self) -> Mapping[str, Member]: ...

    def federated(self, key: Key) -> Json | None:
        """The object in the federation API."""

    def within(self, namespace: str) -> Iterator[Key]:
        """All federated objects of the propagated kinds in a namespace."""

    def copy(self, cluster: str, key: Key) -> Json | None:
        """What the member has under that name: ours or not; None when absent or unknown."""

    def shard(self, cluster: str, key: Key) -> Shard: ...

    def verdict(self, cluster: str, key: Key) -> str:
        """What `healthwatch` says of a shard: healthy, unhealthy, unknown."""


class Apply(NamedTuple):
    """Server-side apply of `body` in a member.  `force` takes over what others own."""

    cluster: str
    key: Key
    body: Json
    force: bool = True
    is_new: bool = False


class Delete(NamedTuple):
    """Delete a copy in a member, if it is still this one (`uid`)."""

    cluster: str
    key: Key
    uid: str
    propagation: str = "Background"


class Write(NamedTuple):
    """A change in the federation API: a JSON merge patch with the resourceVersion that was read.

    `subresource`: empty, "status" or "finalize" (a Namespace; then `body` is the whole object).
    """

    key: Key
    body: Json
    resource_version: str
    subresource: str = ""


class Remove(NamedTuple):
    """Delete an object of the federation API (those in a namespace that is deleted)."""

    key: Key
    uid: str
    propagation: str = "Background"


class Told(NamedTuple):
    """An Event in the federation, on the object of the key.  `type`: Normal or Warning."""

    key: Key
    type: str
    reason: str
    message: str


class Plan(NamedTuple):
    """Everything wanted for one key.  Empty when the world is as it should be.

    Writes of the federation come first (finalizers before the first copy); operations in members
    run in parallel, each cluster with its own back-off.  `again`: seconds until the key is to be
    looked at again (a deadline), None for only when something changes.
    """

    writes: tuple[Write, ...] = ()
    removes: tuple[Remove, ...] = ()
    operations: tuple[Apply | Delete, ...] = ()
    told: tuple[Told, ...] = ()
    again: float | None = None
