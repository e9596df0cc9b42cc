"""What kube-controller-manager does for objects that go: nothing here starts a Pod.

    what is seen                                     what is done
    a Namespace that is Terminating                  what lies in it is deleted
      … and nothing lies in it                       it loses `kubernetes`, and goes
    an object whose owners are all gone              deleted
      … some are gone                                it loses these owners
    deleted with `orphan`                            dependents lose it as owner, then it goes
    deleted with `foregroundDeletion`                dependents are deleted, then it goes
      … which is one of its own dependents           it does not wait
    a CRD that goes                                  its objects are deleted first

Each step looks at one object as it is now; what it changes brings the next.  `settle` is called
once a turn of the loop.  A server that does not tend leaves the finalizers to others.

Pure.  Called by `api`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from feddns.apiserver import lifecycle
from feddns.apiserver.handling import deleting, remaining
from feddns.apiserver.handling.call import Context, load
from feddns.apiserver.handling.deleting import Wanted
from feddns.apiserver.kinds import Kind
from feddns.apiserver.store import Entry, Event

_BATCH = 2000
_NAMESPACES = "namespaces"
_EVENTS = "events"
_EVENTS_LIVE = timedelta(hours=1)
Place = tuple[str, str]
"""A resource and a key."""


class Tending:
    """Of one server."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._due: dict[Place, None] = {}
        self._dependents: dict[str, dict[Place, None]] = {}
        self._places: dict[str, Place] = {}
        self._kinds: dict[str, Kind] = {}
        self._version = -1

    def start(self) -> None:
        """Learn what is there; all of it is looked at once."""
        store = self._context.store
        for resource in store.resources():
            for entry in store.entries(resource):
                self._learn((resource, entry.key), None, entry)
                if entry.owners or b'"deletionTimestamp"' in entry.body:
                    self._due[resource, entry.key] = None

    def hear(self, event: Event) -> None:
        """A listener of the store."""
        place = (event.resource, event.key)
        before, entry = event.before, event.entry
        if entry is None or before is None or entry.owners != before.owners:
            self._learn(place, before, entry)
        if entry is None:
            assert before is not None
            self._due.update(self._dependents.get(before.uid, {}))
            namespace = event.key.partition("/")[0]
            if event.resource != _NAMESPACES and "/" in event.key:
                self._due[_NAMESPACES, namespace] = None
            for uid in before.owners:
                if uid in self._places:
                    self._due[self._places[uid]] = None
        elif entry.owners or b'"deletionTimestamp"' in entry.body:
            self._due[place] = None

    def settle(self) -> bool:
        """Do what is due; whether more is left for the next turn."""
        if not self._context.settings.tends:
            self._due.clear()
            return False
        for _ in range(_BATCH):
            if not self._due:
                return False
            place = next(iter(self._due))
            del self._due[place]
            self._look(place)
        return True

    def expire(self) -> None:
        """Delete the Events that are older than an hour, as kube-apiserver does."""
        context = self._context
        limit = (context.now() - _EVENTS_LIVE).strftime("%Y-%m-%dT%H:%M:%SZ")
        for entry in context.store.entries(_EVENTS):
            obj = entry.object()
            series = (obj.get("series") or {}).get("lastObservedTime") or ""
            last = max(obj.get("lastTimestamp") or "", obj.get("eventTime") or "", series)
            if max(last, obj["metadata"]["creationTimestamp"]) < limit:
                context.store.delete(_EVENTS, entry.key, entry.revision)

    # --- within ----------------------------------------------------------------------------------

    def _learn(self, place: Place, before: Entry | None, entry: Entry | None) -> None:
        for uid in before.owners if before else ():
            dependents = self._dependents.get(uid, {})
            dependents.pop(place, None)
            if not dependents:
                self._dependents.pop(uid, None)
        for uid in entry.owners if entry else ():
            self._dependents.setdefault(uid, {})[place] = None
        if entry is not None:
            self._places[entry.uid] = place
        elif before is not None:
            self._places.pop(before.uid, None)

    def _look(self, place: Place) -> None:
        store = self._context.store
        entry, kind = store.get(*place), self._kind(place[0])
        if entry is None or kind is None:
            return
        obj = load(kind, kind, entry)
        if "deletionTimestamp" in obj["metadata"]:
            self._finish(place, kind, entry, obj)
        elif entry.owners:
            self._collect(place, kind, entry, obj)

    def _finish(self, place: Place, kind: Kind, entry: Entry, obj: dict[str, Any]) -> None:
        """Bring the deletion of an object on."""
        finalizers = obj["metadata"].get("finalizers") or []
        dependents = list(self._dependents.get(entry.uid, {}))
        if lifecycle.ORPHAN in finalizers:
            for dependent in dependents:
                self._disown(dependent, {entry.uid})
            self._without(place, kind, lifecycle.ORPHAN)
        elif lifecycle.FOREGROUND in finalizers:
            blocking = [one for one in dependents if self._delete(one, "Foreground", entry.uid)]
            if not blocking:
                self._without(place, kind, lifecycle.FOREGROUND)
        if place[0] == _NAMESPACES:
            self._empty(entry.key)

    def _empty(self, namespace: str) -> None:
        """Delete what lies in the namespace; let it go when nothing does."""
        store = self._context.store
        left: list[tuple[Kind, dict[str, Any]]] = []
        for resource in store.resources():
            kind = self._kind(resource)
            if kind is None or not kind.namespaced:
                continue
            for entry in store.entries(resource, namespace):
                gone, made = deleting.remove(self._context, kind, entry, Wanted("Background"))
                if not gone:
                    left.append((kind, made))
        found, own = store.get(_NAMESPACES, namespace), self._kind(_NAMESPACES)
        if found is None or own is None:
            return
        old, obj = load(own, own, found), load(own, own, found)
        if not left:
            spec = obj.get("spec") or {}
            kept = [one for one in spec.get("finalizers") or () if one != "kubernetes"]
            obj["spec"] = {**spec, "finalizers": kept} if kept else {}
        if not lifecycle.may_go(own, obj):
            status = obj.get("status") or {}
            before = status.get("conditions") or []
            told = remaining.conditions(left, before, self._context.timestamp())
            obj["status"] = {**status, "conditions": told}
        if obj != old:  # what is kept is looked at again: a write that changes nothing never ends
            self._keep((_NAMESPACES, namespace), own, found, obj)

    def _collect(self, place: Place, kind: Kind, entry: Entry, obj: dict[str, Any]) -> None:
        """Delete what has no owner left."""
        gone = {uid for uid in entry.owners if uid not in self._places}
        if len(gone) == len(entry.owners):
            deleting.remove(self._context, kind, entry, Wanted("Background"))
        elif gone:
            self._disown(place, gone)

    def _delete(self, place: Place, policy: str, owner: str) -> bool:
        """Delete a dependent; whether its owner has to wait for it."""
        entry, kind = self._context.store.get(*place), self._kind(place[0])
        if entry is None or kind is None:
            return False
        obj = load(kind, kind, entry)
        if any(uid in self._places for uid in entry.owners if uid != owner):
            self._disown(place, {owner})
            return False
        gone, _ = deleting.remove(self._context, kind, entry, Wanted(policy))
        blocks = any(
            one.get("uid") == owner and one.get("blockOwnerDeletion")
            for one in obj["metadata"]["ownerReferences"]
        )
        return blocks and not gone and not self._belongs(owner, entry.uid)

    def _belongs(self, uid: str, ancestor: str) -> bool:
        """Whether the one is the other's, by however many steps; in a circle nobody waits."""
        seen: set[str] = set()
        waiting = [uid]
        while waiting:
            uid = waiting.pop()
            if uid == ancestor:
                return True
            place = self._places.get(uid)
            entry = self._context.store.get(*place) if place and uid not in seen else None
            seen.add(uid)
            waiting += entry.owners if entry else ()
        return False

    def _disown(self, place: Place, uids: Iterable[str]) -> None:
        entry, kind = self._context.store.get(*place), self._kind(place[0])
        if entry is None or kind is None:
            return
        obj = load(kind, kind, entry)
        metadata = obj["metadata"]
        owners = [one for one in metadata["ownerReferences"] if one.get("uid") not in set(uids)]
        if owners:
            metadata["ownerReferences"] = owners
        else:
            del metadata["ownerReferences"]
        self._keep(place, kind, entry, obj)

    def _without(self, place: Place, kind: Kind, finalizer: str) -> None:
        entry = self._context.store.get(*place)
        if entry is None:
            return
        obj = load(kind, kind, entry)
        metadata = obj["metadata"]
        kept = [one for one in metadata.get("finalizers") or () if one != finalizer]
        if kept:
            metadata["finalizers"] = kept
        else:
            metadata.pop("finalizers", None)
        self._keep(place, kind, entry, obj)

    def _keep(self, place: Place, kind: Kind, entry: Entry, obj: dict[str, Any]) -> None:
        """Store the object, or let it go."""
        store = self._context.store
        if "deletionTimestamp" in obj["metadata"] and lifecycle.may_go(kind, obj):
            store.delete(place[0], place[1], entry.revision, obj)
        else:
            store.update(place[0], place[1], obj, entry.revision)

    def _kind(self, resource: str) -> Kind | None:
        registry = self._context.registry
        if self._version != registry.version:
            self._version = registry.version
            self._kinds = {}
            for kind in registry.all():
                stored = registry.stored_as(kind)
                self._kinds[stored.resource] = stored
        return self._kinds.get(resource)
