"""The front door: who asks, what for, and the verb that answers.

    path                          answer
    /healthz /livez /readyz       ok; and their check `ping`
    of objects                    the verb, when the kind has it; 404, 405
    everything else               discovery; 404

    api = Api(registry, store, …)
    api.handle(request)           at once; nothing is waited for
    api.settle()                  what deletions bring, once a turn, before it is made durable
    api.keep_time()               each minute
    api.hub                       the open watches

Pure.  Called by `server`, by the playground, by tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from feddns.apiserver import discovery, identity, requests, validation
from feddns.apiserver.handling import (
    bodies,
    deleting,
    presenting,
    reading,
    subresources,
    watching,
    writing,
)  # fmt: skip
from feddns.apiserver.handling.call import ENDPOINTS, JSON, Answer, Call, Context, Settings, answer
from feddns.apiserver.handling.definitions import Definitions
from feddns.apiserver.handling.tending import Tending
from feddns.apiserver.handling.watching import Hub
from feddns.apiserver.identity import User
from feddns.apiserver.kinds import Kind, Registry
from feddns.apiserver.patch import APPLY_PATCH
from feddns.apiserver.refusals import RequestRefused
from feddns.apiserver.requests import Request, Target
from feddns.apiserver.services import RESOURCE as SERVICES
from feddns.apiserver.services import Addresses
from feddns.apiserver.store import Store

_OPENAPI = "/openapi/"
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
        self.definitions = Definitions(self.context, self.hub)
        self.tending.start()
        store.listeners += [
            addresses.hear, self.definitions.hear, self.tending.hear,
            self.hub.tell,
        ]  # fmt: skip

    def handle(self, request: Request, user: User | None = None) -> Answer:
        """The answer.  With `user` the caller says who asks, and is believed."""
        try:
            return self._handle(request, user)
        except RequestRefused as refused:
            return _refusal(refused)

    def settle(self) -> bool:
        """Do what deletions bring; whether more is left for the next turn."""
        self.definitions.settle()
        return self.tending.settle()

    def keep_time(self) -> None:
        """What is due each minute: what is old is forgotten, watches are told where they are."""
        self.tending.expire()
        self.context.store.compact()
        self.hub.bookmarks(self.context.store.revision)

    def _handle(self, request: Request, user: User | None) -> Answer:
        if user is None:
            user = identity.user_of(request.headers, self.context.tokens)
        old = requests.watch_path(request.path)
        if old:
            request = request._replace(path=old, query=f"watch=1&{request.query}")
        target = requests.target(request.path)
        plain = _RBAC_VERB.get(request.method, request.method.lower())
        if target is None or not self._has(target):
            identity.check(user, request.path, plain)
            return self._other(request, target)
        call = self._call(request, target, user)
        identity.check_target(user, call.target, call.verb)
        try:
            made = presenting.as_accepted(self._answer(call), request.headers.get("accept", ""))
        except RequestRefused as refused:  # that the version is deprecated is said all the same
            return _refusal(refused)._replace(warnings=tuple(_warnings(call.kind)))
        return made._replace(warnings=tuple(call.warnings)) if call.warnings else made

    def _has(self, target: Target) -> bool:
        """Whether the kind is served, or at least something of its version."""
        registry = self.context.registry
        if registry.find(target.group, target.version, target.plural) is not None:
            return True
        return any(
            kind.group == target.group and kind.version == target.version for kind in registry.all()
        )

    def _call(self, request: Request, target: Target, user: User) -> Call:
        registry = self.context.registry
        kind = registry.find(target.group, target.version, target.plural)
        if kind is None or (target.namespace and not kind.namespaced):
            raise _no_such_resource()
        first = requests.verb(request.method, bool(target.name), False)
        applies = request.headers.get("content-type", "").startswith(APPLY_PATCH)
        options = requests.options(request.query, first, applies=applies)
        verb = "watch" if options.watch and first == "list" else first
        warnings = _warnings(kind)
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
        if call.kind.kind == "SelfSubjectReview":
            asked["metadata"]["creationTimestamp"] = self.context.timestamp()
        elif asked.get("spec"):
            asked = writing.recorded(call, asked)
        made = identity.review(call.kind.kind, asked, call.user)
        if made is None:
            raise subresources.not_allowed()
        return presenting.obj(call, made, 201)

    def _other(self, request: Request, target: Target | None) -> Answer:
        path = request.path.rstrip("/") or "/"
        if path.removesuffix("/ping") in _HEALTH:
            return Answer(200, b"ok", _TEXT)
        made = discovery.answer(path, request.headers.get("accept", ""), self.context.registry)
        if made is None:
            if path.startswith(_OPENAPI):
                return Answer(404, b"", "")
            if path.startswith("/api/") or self._has_group(path):
                raise _no_such_resource()
            return Answer(404, b"404 page not found\n", _TEXT)
        content_type, body = made
        return Answer(200, body, content_type)

    def _has_group(self, path: str) -> bool:
        """Whether it is of a group that is served, in whatever version."""
        parts = path.split("/")
        groups = {kind.group for kind in self.context.registry.all()}
        return len(parts) > 3 and parts[1] == "apis" and parts[2] in groups


def _warnings(kind: Kind) -> list[str]:
    """What every request for the kind is told."""
    if kind.custom and kind.custom.deprecation:
        return [kind.custom.deprecation]
    return validation.warnings(kind, {}) if kind.resource == ENDPOINTS else []


def _no_such_resource() -> RequestRefused:
    return RequestRefused(404, "NotFound", "the server could not find the requested resource", {})


def _refusal(refused: RequestRefused) -> Answer:
    later = refused.details.get("retryAfterSeconds", 0)
    return Answer(refused.code, msgspec.json.encode(refused.status()), retry_after=later)


def plain_request(method: str, path: str, body: Any = None, **headers: str) -> Request:
    """A request from within the process."""
    path, _, query = path.partition("?")
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = b"" if body is None else msgspec.json.encode(body)
    return Request(method, path, query, {"content-type": JSON, **given}, sent)
