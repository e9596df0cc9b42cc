"""The objects of one resource as they are: whole JSON, and which of them changed.

    what comes                                   what is told
    an object that is new, or has other bytes    Changed(old, new)
    an object with the same bytes                nothing
    an object that `lean` has no use for         Changed(old, None) when it was kept
    an object is deleted                         Changed(old, None)
    the end of a whole list                      the same for all that was not in it

Kept are bytes: apiVersion and kind always in front (items of a list have none), managedFields only
where they are wanted.  `lean` may keep something smaller instead.  A table is as large as what the
API has, so it is for what is selected, not for all of a big cluster.

Pure.  Filled by `kube.informer`; called by the controllers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from sys import intern
from typing import Any, NamedTuple

import msgspec

from feddns.kube import shapes
from feddns.kube.fields import Metadata

Lean = Callable[[bytes | msgspec.Raw], bytes | None]


class Changed(NamedTuple):
    """An object is not what it was; None for not there."""

    namespace: str
    name: str
    old: bytes | None
    new: bytes | None


class Found(NamedTuple):
    """An object that came, with what names it."""

    metadata: Metadata
    raw: msgspec.Raw


class _Event(NamedTuple):
    type: str
    object: Found


class _Page(NamedTuple):
    metadata: shapes.ListMetadata
    items: list[Found]


class _Named(msgspec.Struct, gc=False):
    metadata: Metadata


class _Versioned(msgspec.Struct, rename="camel", gc=False):
    resource_version: str = ""


class _OfVersion(msgspec.Struct, gc=False):
    metadata: _Versioned


_named = msgspec.json.Decoder(_Named).decode
_version = msgspec.json.Decoder(_OfVersion).decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def _page(body: bytes) -> _Page:
    page = shapes.read_page(body)
    return _Page(page.metadata, [_found(raw) for raw in page.items or ()])


def _event(line: bytes) -> _Event:
    kind, raw = shapes.read_event(line)
    # Bookmarks and errors are the informer's: without a name they do not decode here.
    return _Event(kind, _found(raw))


def _found(raw: msgspec.Raw) -> Found:
    return Found(_named(raw).metadata, raw)


_DECODERS = shapes.Decoders(_page, _event)


def whole(api_version: str, kind: str, *, managed: bool = False) -> Lean:
    """Keep all of it; managedFields when they are `managed`."""
    head = {"apiVersion": _raw(api_version), "kind": _raw(kind)}

    def keep(raw: bytes | msgspec.Raw) -> bytes:
        parts = head | _fields(raw)
        parts.update(head)
        metadata = {} if managed else _fields(parts["metadata"])
        if metadata.pop("managedFields", None) is not None:
            parts["metadata"] = msgspec.Raw(_encode(metadata))
        return _encode(parts)

    return keep


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(_encode(text))


class ObjectTable:
    """See the module's docstring."""

    decoders = _DECODERS

    def __init__(self, lean: Lean) -> None:
        self._lean = lean
        self._objects: dict[str, dict[str, bytes]] = {}
        self._seen: set[tuple[str, str]] | None = None

    # --- what comes ------------------------------------------------------------------------------

    def put(self, item: Found, events: list[Changed], *, live: bool = False) -> None:
        """An object that is there now."""
        metadata = item.metadata
        namespace, name = intern(metadata.namespace or ""), metadata.name
        if self._seen is not None:
            self._seen.add((namespace, name))
        self._replace(namespace, name, self._lean(item.raw), events)

    def put_raw(self, raw: msgspec.Raw, events: list[Changed], *, live: bool = False) -> None:
        """The same for one that could not be read together with others; without a name, nothing."""
        try:
            self.put(_found(raw), events, live=live)
        except (msgspec.DecodeError, UnicodeError):
            return

    def remove(self, metadata: Metadata, events: list[Changed]) -> None:
        """The object is deleted, or selected no more."""
        namespace = intern(metadata.namespace or "")
        if self._seen is not None:
            self._seen.discard((namespace, metadata.name))
        self._replace(namespace, metadata.name, None, events)

    def begin(self) -> None:
        """A whole list comes: what is not in it will be gone at its end."""
        self._seen = set()

    def end(self) -> list[Changed]:
        """The list was whole."""
        seen, self._seen = self._seen, None
        events: list[Changed] = []
        if seen is not None:
            for namespace, name in [key for key in self.places() if key not in seen]:
                self._replace(namespace, name, None, events)
        return events

    def remember(self, raw: bytes, seen: str) -> list[Changed]:
        """What the API answered to a write of ours; its event, when it comes, tells nothing new.

        `seen`: the version up to which the watch has told everything.  An answer that is not newer
        is left alone: the object may be gone again.
        """
        try:
            found = _found(msgspec.Raw(raw))
        except (msgspec.DecodeError, UnicodeError):
            return []
        events: list[Changed] = []
        if _number(found.metadata.resource_version or "") > _number(seen):
            self.put(found, events)
        return events

    # --- what is there ---------------------------------------------------------------------------

    def __len__(self) -> int:
        return sum(map(len, self._objects.values()))

    def get(self, namespace: str, name: str) -> bytes | None:
        """What is kept of the object."""
        names = self._objects.get(namespace)
        return names.get(name) if names else None

    def names(self, namespace: str) -> list[str]:
        """Of all in the namespace."""
        return list(self._objects.get(namespace, ()))

    def places(self) -> Iterator[tuple[str, str]]:
        """Namespace and name of all."""
        for namespace, names in self._objects.items():
            for name in names:
                yield namespace, name

    def _replace(self, namespace: str, name: str, new: bytes | None, events: list[Changed]) -> None:
        names = self._objects.get(namespace)
        old = names.get(name) if names else None
        if old == new:
            return
        if new is not None:
            self._objects.setdefault(namespace, {})[name] = new
        elif names is not None:
            del names[name]
            if not names:
                del self._objects[namespace]
        events.append(Changed(namespace, name, old, new))


def version_of(kept: bytes) -> str:
    """The resourceVersion of a whole object."""
    return _version(kept).metadata.resource_version


def _number(version: str) -> int:
    """Versions of one resource compare as numbers (KEP-5504); what is none is the oldest."""
    return int(version) if version.isascii() and version.isdigit() else 0


def decode(kept: bytes) -> dict[str, Any]:
    """The object."""
    found: dict[str, Any] = msgspec.json.decode(kept)
    return found
