"""A snapshot as bytes, for the file that a restart answers from at once.

    line      `feddns snapshot 1` and a newline: what it is, and the version of the form
    chunks    4 octets of length, then msgpack: a `Heading`, then parts of the world
    end       4 zero octets, then the CRC-32 of all before

    part      what                                         why so
    Services  of one namespace: name → packed entry and    entries go into the map as they are;
              its addresses                                100,000 names are back in 0.3 s
    Objects   events' objects of all other kinds           few; they are applied like events

A file that is cut short, damaged, of another version or of another cluster is refused with a
reason; half a world is never served.  Writing goes by small chunks, so that a process that answers
questions can write between two of them: the snapshot is immutable and cannot change meanwhile.

Pure.  `app.warmstart` reads and writes the file.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

import msgspec
from immutables import Map

from feddns import snapshot as world
from feddns.errors import DocumentRefused
from feddns.events import Object, Put, Stale, Synced
from feddns.federations import Federation, Federations
from feddns.names import Label
from feddns.services import Namespace
from feddns.snapshot import Packed, ServiceKey, Snapshot, unpack

FIRST_LINE = b"feddns snapshot 1\n"
A_CHUNK = 256
"""Services or objects in one chunk: about a millisecond of work."""


class Heading(msgspec.Struct, array_like=True, frozen=True, tag=True):
    """`source`: what the world was read from; `saved`: Unix time; the others as in `Snapshot`."""

    source: str
    saved: float
    stale_since: float
    has_view: bool


class Services(msgspec.Struct, array_like=True, frozen=True, tag=True):
    """Some services of one namespace."""

    namespace: Label
    entries: dict[Label, tuple[Packed, tuple[bytes, ...]]]


class Objects(msgspec.Struct, array_like=True, frozen=True, tag=True):
    """Some of the other objects."""

    objects: list[Object]


_T = TypeVar("_T")
_Part = Heading | Services | Objects
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Part).decode


# --- writing ----------------------------------------------------------------------------------


def write(snapshot: Snapshot, source: str, now: float) -> Iterator[bytes]:
    """The file in pieces, each after about a millisecond of work.  `now`: Unix time."""
    checksum = 0
    heading = Heading(source, now, snapshot.stale_since, snapshot.view is not None)
    for piece in _pieces(snapshot, heading):
        checksum = zlib.crc32(piece, checksum)
        yield piece
    yield bytes(4) + checksum.to_bytes(4, "big")


def _pieces(snapshot: Snapshot, heading: Heading) -> Iterator[bytes]:
    yield FIRST_LINE + _framed(heading)
    for namespace, services in snapshot.namespaces.items():
        for names in _batches(services.items()):
            yield _framed(
                Services(namespace, {name: (entry, _addresses(entry)) for name, entry in names})
            )
    for objects in _batches(_others(snapshot)):
        yield _framed(Objects(objects))


def _framed(part: _Part) -> bytes:
    body = _encode(part)
    return len(body).to_bytes(4, "big") + body


def _addresses(packed: Packed) -> tuple[bytes, ...]:
    return tuple(unpack(packed).addresses())


def _others(snapshot: Snapshot) -> Iterator[Object]:
    """Everything that is not a service: first what the federation's names need."""
    yield Federations(tuple(Federation(*item) for item in snapshot.federations.items()))
    yield snapshot.nameservers
    yield from snapshot.nodes.values()
    yield from map(Namespace, snapshot.declared)
    yield from snapshot.pods.values()
    if snapshot.view is not None:
        yield from snapshot.view.clusters.values()
        yield from snapshot.view.services.values()


def _batches(items: Iterable[_T]) -> Iterator[list[_T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, A_CHUNK)):
        yield batch


# --- reading ----------------------------------------------------------------------------------


def read(content: bytes, source: str, empty: Snapshot) -> Snapshot:
    """The world that was written, on top of the settings in `empty`.

    It is synced, and stale since it was written or since when it was already.  Raises
    `DocumentRefused` with a reason when it is not whole or not of `source`.
    """
    if not content.startswith(FIRST_LINE):
        raise DocumentRefused("it is no snapshot of this version of feddns")
    end = len(content) - 8
    if end < len(FIRST_LINE) or zlib.crc32(content[:end]) != int.from_bytes(content[-4:], "big"):
        raise DocumentRefused("it is cut short or damaged")
    try:
        parts = list(_read_parts(content, end))
    except (msgspec.DecodeError, UnicodeError) as error:
        raise DocumentRefused(f"it does not decode: {error}") from error
    heading = parts[0] if parts else None
    if not isinstance(heading, Heading):
        raise DocumentRefused("it has no heading")
    if heading.source != source:
        raise DocumentRefused(f"it is of {heading.source}, not of {source}")
    snapshot = _with_services(empty, [part for part in parts if isinstance(part, Services)])
    for part in parts:
        for thing in part.objects if isinstance(part, Objects) else ():
            snapshot = world.apply(snapshot, Put(thing))
    snapshot = world.apply(snapshot, Synced())
    if heading.has_view:
        snapshot = world.apply(snapshot, Synced(federation=True))
    return world.apply(snapshot, Stale(heading.stale_since or heading.saved))


def _read_parts(content: bytes, end: int) -> Iterator[_Part]:
    with memoryview(content) as view:
        at = len(FIRST_LINE)
        while at < end:
            size = int.from_bytes(view[at : at + 4], "big")
            yield _decode(view[at + 4 : at + 4 + size])
            at += 4 + size


def _with_services(empty: Snapshot, parts: list[Services]) -> Snapshot:
    """All services at once: the maps are made from dictionaries, not entry by entry."""
    namespaces: dict[Label, dict[Label, Packed]] = {}
    reverse: dict[bytes, tuple[ServiceKey, ...]] = {}
    for part in parts:
        services = namespaces.setdefault(part.namespace, {})
        for name, (packed, addresses) in part.entries.items():
            services[name] = packed
            alone = ((part.namespace, name),)
            for address in addresses:
                others = reverse.get(address)
                reverse[address] = alone if others is None else others + alone
    return msgspec.structs.replace(
        empty,
        namespaces=Map({name: Map(services) for name, services in namespaces.items()}),
        reverse=Map(reverse),
    )
