"""CRDs become kinds, and cease to be: as they are made, changed and deleted.

    a CRD                          what is done
    is there                       its status says whether its names are free; its kinds are served
    is being deleted               its objects are deleted; when none is left it goes
    is gone                        its kinds are served no more; their watches end

A kube-apiserver does this itself, without its controllers; so does every server here.

Pure.  Called by `api`.
"""

from __future__ import annotations

from typing import Any

from feddns.apiserver import custom, lifecycle
from feddns.apiserver.handling import deleting
from feddns.apiserver.handling.call import Context, load
from feddns.apiserver.handling.deleting import Wanted
from feddns.apiserver.handling.watching import Hub
from feddns.apiserver.kinds import Kind
from feddns.apiserver.store import Entry, Event

RESOURCE = "customresourcedefinitions.apiextensions.k8s.io"


class Definitions:
    """Of one server."""

    def __init__(self, context: Context, hub: Hub) -> None:
        self._context, self._hub = context, hub
        kind = context.registry.find("apiextensions.k8s.io", "v1", "customresourcedefinitions")
        assert kind is not None
        self._kind: Kind = kind
        self._due: dict[str, None] = {}
        for entry in context.store.entries(RESOURCE):
            custom.install(context.registry, self._load(entry))
            self._due[entry.key] = None

    def hear(self, event: Event) -> None:
        """A listener of the store."""
        if event.resource == RESOURCE:
            if event.entry is not None:
                self._due[event.key] = None
                return
            custom.remove(self._context.registry, self._load(event.last))
            self._hub.end_all(event.key)
        elif event.entry is None and self._context.store.get(RESOURCE, event.resource):
            self._due[event.resource] = None

    def settle(self) -> None:
        """Do what is due."""
        while self._due:
            name = next(iter(self._due))
            del self._due[name]
            entry = self._context.store.get(RESOURCE, name)
            if entry is not None:
                obj = self._load(entry)
                if "deletionTimestamp" in obj["metadata"]:
                    self._clean(entry, obj)
                else:
                    self._serve(entry, obj)

    def _serve(self, entry: Entry, obj: dict[str, Any]) -> None:
        registry, store = self._context.registry, self._context.store
        status = custom.accept(registry, obj, self._context.timestamp())
        if status != obj.get("status"):
            obj["status"] = status
            entry = store.update(RESOURCE, entry.key, obj, entry.revision)
        established = any(
            one["type"] == "Established" and one["status"] == "True" for one in status["conditions"]
        )
        if established:
            custom.install(registry, obj)

    def _clean(self, entry: Entry, obj: dict[str, Any]) -> None:
        """Delete the objects of a CRD that goes, then let it go."""
        finalizers = obj["metadata"].get("finalizers") or []
        if lifecycle.CLEANUP not in finalizers:
            return
        store = self._context.store
        kind = next(
            (k for k in self._context.registry.all() if k.resource == entry.key and k.custom), None
        )
        for one in store.entries(entry.key) if kind else ():
            assert kind is not None
            deleting.remove(self._context, kind, one, Wanted("Background"))
        if store.entries(entry.key):
            return
        obj["metadata"]["finalizers"] = [one for one in finalizers if one != lifecycle.CLEANUP]
        if obj["metadata"]["finalizers"]:
            store.update(RESOURCE, entry.key, obj, entry.revision)
        else:
            del obj["metadata"]["finalizers"]
            store.delete(RESOURCE, entry.key, entry.revision, obj)

    def _load(self, entry: Entry) -> dict[str, Any]:
        return load(self._kind, self._kind, entry)
