"""The JSON around objects: pages of a list, events of a watch, bookmarks and statuses.

A page or an event whose kind is known is decoded typed, objects and all, in one go.  When an object
in it is bad, the same is read again with the objects as they are, so that each can be tried alone.

Pure.  Called by `kube.informer`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from feddns.kube.resources import Kind


class ListMetadata(msgspec.Struct, rename="camel", gc=False):
    """`next` is the token by which the list goes on; empty at its end."""

    resource_version: str | None = None
    next: str | None = msgspec.field(default=None, name="continue")


class Page(msgspec.Struct, gc=False):
    """A list, or a part of one."""

    metadata: ListMetadata
    items: list[msgspec.Raw] | None = None


class Event(msgspec.Struct, gc=False):
    """A line of a watch: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR."""

    type: str
    object: msgspec.Raw


class Bookmarked(msgspec.Struct, rename="camel", gc=False):
    """The metadata of a bookmark."""

    resource_version: str | None = None
    annotations: dict[str, str] | None = None


class Bookmark(msgspec.Struct, gc=False):
    """The object of a bookmark."""

    metadata: Bookmarked


class Status(msgspec.Struct, gc=False):
    """The object of an ERROR event."""

    code: int = 0
    message: str = ""


class Decoders(NamedTuple):
    """Decoders of a page and of an event whose objects are of one kind."""

    page: Callable[[bytes], Any]
    event: Callable[[bytes], Any]


def of(kind: Kind) -> Decoders:
    """The decoders for this kind."""
    return _decoders(kind.resource)


@lru_cache(16)
def _decoders(resource: Any) -> Decoders:
    items = ("items", list[resource] | None, None)
    page = msgspec.defstruct("Page", [("metadata", ListMetadata), items], gc=False)
    event = msgspec.defstruct("Event", [("type", str), ("object", resource)], gc=False)
    return Decoders(msgspec.json.Decoder(page).decode, msgspec.json.Decoder(event).decode)


_event = msgspec.json.Decoder(Event).decode
read_page = msgspec.json.Decoder(Page).decode
read_bookmark = msgspec.json.Decoder(Bookmark).decode
read_status = msgspec.json.Decoder(Status).decode


def read_event(line: bytes) -> tuple[str, msgspec.Raw]:
    """The type of the event, and its object as it is."""
    event = _event(line)
    return event.type, event.object
