"""The front door: who asks, what for, and the verb that answers.

    path                          answer
    /healthz /livez /readyz       ok
    of objects                    the verb, when the kind has it; 404, 405
    everything else               discovery; 404

    api = Api(registry, store, …)
    api.handle(request)           at once; nothing is waited for
    api.settle()                  what deletions bring, once a turn, before it is made durable
    api.hub                       the open watches

Pure.  Called by `server`, by the playground, by tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from feddns.apiserver import discovery, identity, requests
from feddns.apiserver.handling import (
    bodies,
    definitions,
    deleting,
    presenting,
    reading,
    subresources,
    watching,
    writing,
)  # fmt: skip
from feddns.apiserver.handling.call import JSON, Answer, Call, Context, Settings, answer
from feddns.apiserver.handling.tending import Tending
from feddns.apiserver.handling.watching import Hub
from feddns.apiserver.identity import User
from feddns.apiserver.kinds import Registry
from feddns.apiserver.refusals import RequestRefused
from feddns.apiserver.requests import Request, Target
from feddns.apiserver.services import RESOURCE as SERVICES
from feddns.apiserver.services import Addresses
from feddns.apiserver.store import Store

_HEALTH = ("/healthz", "/livez", "/readyz")
_TEXT = "text/plain; charset=utf-8"
_VERBS: dict[str, Callable[[Call], Answer]] = {
    "get": reading.get,
    "list": reading.list_,
    "create": writing.create,
    "update": writing.update,
    "patch": writing.patch_,
    "delete": deleting.delete,
    "deletecollection": deleting.collection,
}
_RBAC_VERB = {"GET": "get", "HEAD": "get", "POST": "post", "PUT": "put"}


class Api:
    """One API.  `now` tells the time of day; `entropy(n)` gives n random bytes."""

    def __init__(
        self, registry: Registry, store: Store, *, now: Callable[[], datetime],
        entropy: Callable[[int], bytes], tokens: Mapping[str, User] | None = None,
        settings: Settings | None = None,
    ) -> None:  # fmt: skip
        settings = settings or Settings()
        addresses = Addresses(settings.service_ranges)
        self.context = Context(
            registry, store, addresses, now, entropy, dict(tokens or {}), settings
        )
        self.hub = Hub()
        self.tending = Tending(self.context)
        for entry in store.entries(SERVICES):
            addresses.take(entry)
        definitions.start(self.context)
        self.tending.start()
        store.listeners += [
            addresses.hear, definitions.listener(self.context, self.hub), self.tending.hear,
            self.hub.tell,
        ]  # fmt: skip

    def handle(self, request: Request, user: User | None = None) -> Answer:
        """The answer.  `user` is for callers who are trusted; others say who they are in headers."""
        try:
            return self._handle(request, user)
        except RequestRefused as refused:
            return Answer(refused.code, msgspec.json.encode(refused.status()))

    def settle(self) -> bool:
        """Do what deletions bring; whether more is left for the next turn."""
        return self.tending.settle()

    def _handle(self, request: Request, user: User | None) -> Answer:
        if user is None:
            user = identity.user_of(request.headers, self.context.tokens)
        target = requests.target(request.path)
        plain = _RBAC_VERB.get(request.method, request.method.lower())
        identity.check(user, request.path, plain)
        if target is None:
            return self._other(request)
        call = self._call(request, target, user)
        made = self._answer(call)
        return made._replace(warnings=tuple(call.warnings)) if call.warnings else made

    def _call(self, request: Request, target: Target, user: User) -> Call:
        registry = self.context.registry
        kind = registry.find(target.group, target.version, target.plural)
        if kind is None or (target.namespace and not kind.namespaced):
            raise _no_such_resource()
        first = requests.verb(request.method, bool(target.name), False)
        options = requests.options(request.query, first)
        verb = "watch" if options.watch and first == "list" else first
        warnings = [kind.custom.deprecation] if kind.custom and kind.custom.deprecation else []
        return Call(
            self.context, request, target, options, user, kind, registry.stored_as(kind), verb,
            warnings,
        )  # fmt: skip

    def _answer(self, call: Call) -> Answer:
        kind, target, verb = call.kind, call.target, call.verb
        if target.subresource:
            return subresources.handle(call)
        needs_namespace = kind.namespaced and not target.namespace
        needs_name = verb == "create" and target.name
        if (
            verb not in kind.verbs
            or needs_name
            or (needs_namespace and verb not in ("list", "watch") and not kind.virtual)
        ):
            raise subresources.not_allowed()
        if kind.virtual:
            return self._review(call)
        if verb == "watch":
            return watching.watch(call, self.hub)
        return _VERBS[verb](call)

    def _review(self, call: Call) -> Answer:
        asked = bodies.read(call)
        if call.kind.kind == "TokenReview":
            return answer(201, identity.token_review(asked, self.context.tokens))
        made = identity.review(call.kind.kind, asked, call.user)
        if made is None:
            raise subresources.not_allowed()
        return presenting.obj(call, made, 201)

    def _other(self, request: Request) -> Answer:
        path = request.path.rstrip("/") or "/"
        if path.startswith(_HEALTH):
            return Answer(200, b"ok", _TEXT)
        made = discovery.answer(path, request.headers.get("accept", ""), self.context.registry)
        if made is None:
            return Answer(404, b"404 page not found\n", _TEXT)
        content_type, body = made
        return Answer(200, body, content_type)


def _no_such_resource() -> RequestRefused:
    return RequestRefused(404, "NotFound", "the server could not find the requested resource", {})


def plain_request(method: str, path: str, body: Any = None, **headers: str) -> Request:
    """A request from within the process."""
    path, _, query = path.partition("?")
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = b"" if body is None else msgspec.json.encode(body)
    return Request(method, path, query, {"content-type": JSON, **given}, sent)
