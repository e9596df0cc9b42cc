"""CRDs become kinds, and cease to be: as they are made, changed and deleted.

Pure.  Called by `api`.
"""

from __future__ import annotations

from collections.abc import Callable

from feddns.apiserver import custom
from feddns.apiserver.handling.call import Context, load
from feddns.apiserver.handling.watching import Hub
from feddns.apiserver.store import Entry, Event

RESOURCE = "customresourcedefinitions.apiextensions.k8s.io"


def start(context: Context) -> None:
    """The CRDs that are there already."""
    for entry in context.store.entries(RESOURCE):
        custom.install(context.registry, _object(context, entry))


def listener(context: Context, hub: Hub) -> Callable[[Event], None]:
    """Of the store."""

    def hear(event: Event) -> None:
        if event.resource != RESOURCE:
            return
        if event.entry is not None:
            custom.install(context.registry, _object(context, event.entry))
            return
        custom.remove(context.registry, _object(context, event.last))
        hub.end_all(event.key.partition("/")[0])

    return hear


def _object(context: Context, entry: Entry) -> dict[str, object]:
    kind = context.registry.find("apiextensions.k8s.io", "v1", "customresourcedefinitions")
    assert kind is not None
    return load(kind, kind, entry)
