"""What the controllers know, as the reconcilers read it; and what they want done, as values.

The event is thrown away: a reconciler gets a key and this view, and gives a `Plan`.  The same
code serves create, update, delete and restart.

    propagation.reconcile(key, world) → Plan

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

    def __str__(self) -> str:
        """`Service shop/web`, `Namespace shop`: as messages name it."""
        where = f"{self.namespace}/" if self.namespace else ""
        return f"{self.resource.kind} {where}{self.name}"


class Member(msgspec.Struct, frozen=True):
    """A registered cluster as the reconcilers see it.

    `labels` feed the cluster selector.  `ready`: its condition Ready is True; only then is
    anything written there.  `doubted`: it is, but the last look at it was a miss.  `since`: Unix
    time since when it is not ready (0 while it is).
    `whole`: the kinds (plural names; "endpointslices" too) whose objects there were listed
    completely; of others nothing is concluded from absence.
    """

    name: str
    labels: Mapping[str, str] = {}
    ready: bool = False
    since: float = 0.0
    whole: frozenset[str] = frozenset()
    zones: tuple[str, ...] = ()
    region: str = ""
    doubted: bool = False


class Shard(NamedTuple):
    """What was observed of a federated Service in one member (`healthwatch` judges it).

    `service` is the member's Service, ours or not.  `ready` endpoints of its EndpointSlices;
    `terminating` those that still serve while ending.
    """

    cluster: str
    service: Json | None
    ready: int = 0
    terminating: int = 0


class Trouble(NamedTuple):
    """Why the last operation on a copy failed (`conditions.trouble` makes it of an answer).

    `reason` is that of the API's Status (Invalid, Forbidden, …), or Unreachable.
    """

    reason: str
    message: str


class World(Protocol):
    """One consistent view at one moment.

    `now` is Unix time in seconds, `grace` that of decision 14.  What a plan's operations gave back
    is in the view at once, not only when a watch tells it.
    """

    now: float
    federation: str
    system_namespace: str
    grace: float

    def members(self) -> Mapping[str, Member]:
        """All registered clusters.  Nothing is reconciled before they were listed completely."""

    def whole(self, resource: Resource) -> bool:
        """The federation's objects of this kind were listed completely."""

    def federated(self, key: Key) -> Json | None:
        """The object in the federation API, in the version of the key's resource."""

    def within(self, namespace: str) -> Iterator[Key]:
        """All federated objects of the propagated kinds in a namespace."""

    def copy(self, cluster: str, key: Key) -> Json | None:
        """What the member has under that name, ours or not; None when absent or unknown.

        What is not ours is known only after an `Apply` with `is_new` met it, and for as long as
        the key's `Plan.again` (`propagation.LOOK_AGAIN`); then it is forgotten, and met again.
        """

    def settled(self, cluster: str, key: Key) -> str:
        """`copies.fingerprint(body, returned)` of the last apply that went well; else empty."""

    def trouble(self, cluster: str, key: Key) -> Trouble | None:
        """Why the last operation on the copy failed; None since one went well."""

    def shard(self, cluster: str, key: Key) -> Shard: ...

    def verdict(self, cluster: str, key: Key) -> str:
        """What `healthwatch.judge` says of a shard: healthy, unhealthy, unknown."""


class Apply(NamedTuple):
    """Server-side apply of `body` in a member.  `force` takes over what others own.

    `is_new`: nothing is known there under that name, so it is asked first.  An object that is
    found is remembered for `World.copy` and left alone; the key is then looked at again.
    """

    cluster: str
    key: Key
    body: Json
    force: bool = True
    is_new: bool = False


class Patch(NamedTuple):
    """A JSON merge patch of a copy in a member, for what server-side apply cannot take away.

    `body` has metadata.uid and metadata.resourceVersion of what was read.
    """

    cluster: str
    key: Key
    body: Json


class Delete(NamedTuple):
    """Delete a copy in a member, if it is still this one (`uid`)."""

    cluster: str
    key: Key
    uid: str
    propagation: str = "Background"


Operation = Apply | Patch | Delete


class Write(NamedTuple):
    """A change in the federation API: a JSON merge patch, if the object is as it was read.

    `resource_version`: what was read; a later write of the same object in the same plan takes the
    one that the write before gave back.  Empty: the object does not exist and is created as `body`.
    `subresource`: empty, "status", or "finalize" (a Namespace; `body` is the whole object, put
    after everything of the kinds that are not propagated was deleted in it, too).
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

    Writes come first, one after the other; when one fails, nothing else of the plan is done and
    the key comes again.  Then removes; operations in members run in parallel, each cluster with
    its own back-off.  `told` is told when the writes went well.  `again`: seconds until the key is
    to be looked at again (a deadline), None for only when something changes.
    """

    writes: tuple[Write, ...] = ()
    removes: tuple[Remove, ...] = ()
    operations: tuple[Operation, ...] = ()
    told: tuple[Told, ...] = ()
    again: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be done now."""
        return not (self.writes or self.removes or self.operations or self.told)


def soonest(*deadlines: float | None) -> float | None:
    """The earliest of some `again`s."""
    return min((one for one in deadlines if one is not None), default=None)
