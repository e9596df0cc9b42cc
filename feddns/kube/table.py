"""The objects of one kind that an API has: what each means, kept as msgpack.

    case  what comes                                       objects, events
    1     an object that is new                            Put
    2     an object that means the same as before          nothing: its status, its annotations or
          (only `version` may differ)                      fields that DNS has no use for changed;
                                                           the form kept has the earlier version
    3     an object that means something else              Put; before it Gone(old) when the key is
                                                           another (a slice of another Service now)
    4     an object that is not for us any more            Gone
    5     an object that is refused                        its own earlier form stays, if it had one
    6     an object is deleted                             Gone
    7     the end of a whole list                          Gone for all that was not in it
    Gone carries the form that was kept.

One encoded object, its name and its place in the table are about 300 octets; namespaces are
shared.  A ConfigMap means two objects, which stay together.

Pure.  Called by `kube.informer`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import chain, repeat
from typing import Any, NamedTuple

import msgspec

from feddns.events import Event, Gone, Object, Put
from feddns.kube import fields, resources, shapes
from feddns.kube.fields import Metadata
from feddns.kube.resources import Kind, Outcome

Key = tuple[bytes, bytes]
"""Namespace (empty where there is none) and name."""

Kept = bytes | tuple[bytes, ...] | str
"""An object as msgpack, several, or the cause why it is passed over."""

_ALONE = b"", b""
"""The key of the ConfigMap, of which there is one; what is remembered of it has no name."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Object).decode


class Report(NamedTuple):
    """New reasons for parts of an object, or all of it, that do not count."""

    metadata: Metadata
    reasons: tuple[str, ...]


class Table:
    """See the module's docstring."""

    def __init__(self, kind: Kind, served: Collection[str] = ()) -> None:
        """`served`: namespaces whose objects are kept; empty for all."""
        self.kind = kind
        self.counts: Counter[str] = Counter()
        self.ignored: Counter[str] = Counter()
        self.reports: list[Report] = []
        """What the caller has not told yet; it empties the list."""
        self._served = frozenset(served)
        self._left_out = f"{kind.name} in a namespace that --namespaces leaves out"
        self._is_alone = kind.name == "ConfigMap"
        self._objects: dict[bytes, dict[bytes, Kept]] = {}
        self._refused: dict[Key, tuple[str, ...]] = {}
        self._seen: dict[bytes, set[bytes]] | None = None

    @property
    def decoders(self) -> shapes.Decoders:
        """How an informer reads what it puts here."""
        return shapes.of(self.kind)

    # --- what comes ------------------------------------------------------------------------------

    def put(self, resource: Any, events: list[Event], *, live: bool = False) -> None:
        """A decoded resource.  `live`: it comes because it changed, not because of a list."""
        metadata = resource.metadata
        if self._served and metadata.namespace not in self._served and self.kind.namespaced:
            outcome = Outcome("", ignored=self._left_out)
        else:
            outcome = resources.mean(self.kind, resource)
        self._take(metadata, outcome, events, live)

    def put_raw(self, raw: msgspec.Raw, events: list[Event], *, live: bool = False) -> None:
        """The same for an object that could not be decoded together with others."""
        try:
            resource = self.kind.decode(raw)
        except (msgspec.DecodeError, UnicodeError):
            outcome = resources.read_as(self.kind, raw)
            self._take(resources.metadata_of(raw) or Metadata(), outcome, events, live)
        else:
            self.put(resource, events, live=live)

    def remove(self, metadata: Metadata, events: list[Event]) -> None:
        """The object is deleted."""
        namespace, name = key = self._key(metadata)
        self._refused.pop(key, None)
        if self._seen is not None and namespace in self._seen:
            self._seen[namespace].discard(name)
        self._remove(namespace, name, events)

    def begin(self) -> None:
        """A whole list comes: what is not in it will be gone at its end."""
        self._seen = {} if self._objects or self._refused else None

    def end(self) -> list[Event]:
        """The list was whole."""
        seen = self._seen
        events: list[Event] = []
        self._seen = None
        if seen is None:
            return []
        for namespace, names in list(self._objects.items()):
            for name in names.keys() - seen.get(namespace, set()):
                self._remove(namespace, name, events)
        for namespace, name in list(self._refused):
            if name not in seen.get(namespace, ()):
                del self._refused[namespace, name]
        return events

    # --- what is there ---------------------------------------------------------------------------

    def __len__(self) -> int:
        return self.counts.total()

    def objects(self) -> Iterator[bytes]:
        """All that are in force, as msgpack."""
        for names in self._objects.values():
            for kept in names.values():
                yield from _parts(kept)

    def refusals(self) -> list[str]:
        """Why something does not count now."""
        return [reason for reasons in self._refused.values() for reason in reasons]

    # --- differences -----------------------------------------------------------------------------

    def _take(self, metadata: Metadata, outcome: Outcome, events: list[Event], live: bool) -> None:
        namespace, name = key = self._key(metadata)
        if self._seen is not None:
            self._seen.setdefault(namespace, set()).add(name)
        if outcome.reasons or self._refused:
            self._report(key, metadata, tuple(outcome.reasons))
        if outcome.refused:
            return
        names = self._objects.get(namespace)
        if names is None:
            names = self._objects[namespace] = {}
        old = names.get(name)
        things = outcome.objects
        if outcome.ignored:
            self._replace(old, outcome.ignored, events)
            names[name] = outcome.ignored
            return
        triggered = _triggered(metadata) if live else 0.0
        if len(things) == 1 and (old is None or isinstance(old, bytes)):
            names[name] = self._keep(old, things[0], triggered, events)
            return
        if isinstance(old, str):
            self._uncount(old)
        before = zip(things, chain(_parts(old), repeat(None)), strict=False)
        kept = tuple(self._keep(was, thing, triggered, events) for thing, was in before)
        names[name] = kept[0] if len(kept) == 1 else kept

    def _keep(
        self, old: bytes | None, thing: Object, triggered: float, events: list[Event]
    ) -> bytes:
        """The form to keep from now on: when it means the same, the earlier one."""
        encoded = _encode(thing)
        if old is None:
            self.counts[type(thing).__name__] += 1
        elif old == encoded:
            return old
        else:
            known = _decode(old)
            if _means_the_same(known, thing):
                return old
            if known.key != thing.key:
                events.append(Gone(known))
        events.append(Put(thing, triggered))
        return encoded

    def _remove(self, namespace: bytes, name: bytes, events: list[Event]) -> None:
        names = self._objects.get(namespace)
        if names is None or name not in names:
            return
        self._replace(names.pop(name), None, events)
        if not names:
            del self._objects[namespace]

    def _replace(self, old: Kept | None, cause: str | None, events: list[Event]) -> None:
        """The object counts no more: it is gone, or passed over for a cause."""
        if isinstance(old, str):
            self._uncount(old)
        else:
            for encoded in _parts(old):
                thing = _decode(encoded)
                self.counts[type(thing).__name__] -= 1
                events.append(Gone(thing))
        if cause is not None:
            self.ignored[cause] += 1

    def _key(self, metadata: Metadata) -> Key:
        if self._is_alone:
            return _ALONE
        namespace = metadata.namespace
        if namespace is None:
            return b"", metadata.name.encode("utf-8", "replace")
        shared = fields.shared_namespace(namespace) or namespace.encode("utf-8", "replace")
        return shared, metadata.name.encode("utf-8", "replace")

    def _uncount(self, cause: str) -> None:
        self.ignored[cause] -= 1
        if not self.ignored[cause]:
            del self.ignored[cause]

    def _report(self, key: Key, metadata: Metadata, reasons: tuple[str, ...]) -> None:
        before = self._refused.get(key, ())
        if reasons:
            self._refused[key] = reasons
        else:
            self._refused.pop(key, None)
        new = tuple(reason for reason in reasons if reason not in before)
        if new:
            self.reports.append(Report(metadata, new))


def _parts(kept: Kept | None) -> tuple[bytes, ...]:
    if isinstance(kept, bytes):
        return (kept,)
    return kept if isinstance(kept, tuple) else ()


def _means_the_same(known: Object, thing: Object) -> bool:
    """Whether they differ in nothing but the version."""
    version = getattr(thing, "version", None)
    if version is None:
        return known == thing
    return bool(msgspec.structs.replace(known, version=version) == thing)


def _triggered(metadata: Metadata) -> float:
    """When the change began that made the slice what it is; 0 when it does not say."""
    annotations = metadata.annotations
    if annotations is None or annotations.triggered is None:
        return 0.0
    try:
        return datetime.fromisoformat(annotations.triggered).timestamp()
    except (ValueError, OverflowError):
        return 0.0
