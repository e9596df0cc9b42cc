"""A request in the middle of being handled: what everything in this room is given.

    Context   what one server is: its kinds, its objects, its users, its clock
    Call      one request: who, what, how
    Answer    what goes back

Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import msgspec

from feddns.apiserver import kinds
from feddns.apiserver.identity import User
from feddns.apiserver.kinds import Kind, Registry
from feddns.apiserver.refusals import RequestRefused
from feddns.apiserver.requests import Options, Request, Target
from feddns.apiserver.services import Addresses
from feddns.apiserver.store import Entry, Store, key_of

JSON = "application/json"
ENDPOINTS = "endpoints"
"""The resource that is deprecated as a whole."""


class Settings(NamedTuple):
    """What a server is told once.

    `tends`: it does what kube-controller-manager would: empties namespaces, collects dependents.
    Without, finalizers wait for somebody else's controllers.
    `loopback`: endpoints may be on this machine itself.
    """

    service_ranges: tuple[str, ...] = ("10.96.0.0/16",)
    tends: bool = True
    loopback: bool = False


class Context(NamedTuple):
    """One server.  `now` tells the time of day, `entropy(n)` gives n random bytes."""

    registry: Registry
    store: Store
    addresses: Addresses
    now: Callable[[], datetime]
    entropy: Callable[[int], bytes]
    tokens: dict[str, User]
    settings: Settings

    def timestamp(self) -> str:
        return self.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Call(NamedTuple):
    """One request for objects.  `warnings` go into headers of the answer."""

    context: Context
    request: Request
    target: Target
    options: Options
    user: User
    kind: Kind
    stored: Kind
    """The version of the kind in which it is kept."""
    verb: str
    warnings: list[str]

    @property
    def key(self) -> str:
        return key_of(self.target.namespace, self.target.name)

    def find(self) -> Entry | None:
        return self.context.store.get(self.stored.resource, self.key)

    def get(self) -> Entry:
        """Raises `RequestRefused`: 404."""
        entry = self.find()
        if entry is None:
            raise not_found(self.kind, self.target.name)
        return entry

    def object_of(self, entry: Entry) -> dict[str, Any]:
        """Its object in the version of the request."""
        return load(self.stored, self.kind, entry)


class Stream(Protocol):
    """What a watch is for who sends it (see `watching`)."""

    awake: Callable[[], None]
    timeout: float
    ended: bool

    def take(self) -> bytes: ...

    def end(self) -> None: ...


class Answer(NamedTuple):
    """What goes back.  With `watch`, the body is what it brings."""

    status: int
    body: bytes
    content_type: str = JSON
    warnings: tuple[str, ...] = ()
    retry_after: int = 0
    watch: Stream | None = None


def load(stored: Kind, kind: Kind, entry: Entry) -> dict[str, Any]:
    obj = {"kind": stored.kind, "apiVersion": stored.api_version, **entry.object()}
    return obj if kind is stored else kinds.convert(obj, kind)


def whole(stored: Kind, kind: Kind, entry: Entry) -> bytes:
    """The JSON of the object in this version, with kind and apiVersion."""
    if kind is stored:
        return head(kind) + entry.body[1:]
    return msgspec.json.encode(load(stored, kind, entry))


def head(kind: Kind) -> bytes:
    return f'{{"kind":"{kind.kind}","apiVersion":"{kind.api_version}",'.encode()


def answer(status: int, obj: Any) -> Answer:
    return Answer(status, msgspec.json.encode(obj))


def not_found(kind: Kind, name: str) -> RequestRefused:
    return RequestRefused(
        404, "NotFound", f'{kind.resource} "{name}" not found', details(kind, name)
    )


def conflict(kind: Kind, name: str, why: str) -> RequestRefused:
    message = f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}'
    return RequestRefused(409, "Conflict", message, details(kind, name))


def modified(kind: Kind, name: str) -> RequestRefused:
    """409: somebody else wrote in between."""
    return conflict(
        kind, name,
        "the object has been modified; please apply your changes to the latest version and "
        "try again",
    )  # fmt: skip


def bad_request(message: str) -> RequestRefused:
    return RequestRefused(400, "BadRequest", message)


def details(kind: Kind, name: str) -> dict[str, Any]:
    """Of a Status: the resource, as kube-apiserver names it there."""
    named = {"name": name, "group": kind.group, "kind": kind.plural}
    return {key: value for key, value in named.items() if value}
