"""get and list.

    resourceVersion   match           limit   the list is
    none              -               any     of now
    0                 -               any     of now, whole
    N                 -               none    of now; 504 when N is to come
    N                 -               some    of N; 410 when that is forgotten
    N                 NotOlderThan    any     of now; 504 when N is to come
    N                 Exact           any     of N; 410 when that is forgotten
    continue          -               any     of the revision of the first page; 410 with a token
                                              to go on with what is there now

Pure.  Called by `api`.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, NamedTuple

import msgspec

from feddns.apiserver import gotext, requests
from feddns.apiserver.handling import filtering, presenting
from feddns.apiserver.handling.call import Answer, Call, bad_request
from feddns.apiserver.handling.filtering import Filter
from feddns.apiserver.refusals import Cause, RequestRefused
from feddns.apiserver.store import Entry, Expired, Page

_NOW = -1
"""The revision in a token that goes on with what is there now."""
_TOO_OLD_TO_GO_ON = (
    "The provided continue parameter is too old to display a consistent list result. You can start "
    "a new list without the continue parameter, or use the continue token in this response to "
    "retrieve the remainder of the results. Continuing with the provided token results in an "
    "inconsistent list - objects that were created, modified, or deleted between the time the "
    "first chunk was returned and now may show up in the list."
)


def get(call: Call) -> Answer:
    presenting.form(call)
    _check_known(call, requests.revision(call.options.resource_version, "get"))
    return presenting.one(call, call.get())


def list_(call: Call) -> Answer:
    presenting.form(call)
    filter = filtering.of(call)
    start = _start(call)
    limit = 0 if call.options.resource_version == "0" else call.options.limit
    page = _page(call, start, 0 if filter.labels or filter.fields else limit)
    entries, remaining = _narrow(page, filter, limit)
    meta: dict[str, Any] = {"resourceVersion": str(page.revision)}
    if remaining:
        meta["continue"] = _token(call, page.revision, entries[-1].key)
        if filter.is_open:
            meta["remainingItemCount"] = remaining
    return presenting.many(call, entries, meta)


class _Start(NamedTuple):
    at: int
    after: str


def _start(call: Call) -> _Start:
    """Where the list begins, and of which revision it is (0: of now)."""
    options = call.options
    if options.continued:
        if options.resource_version not in ("", "0"):
            raise bad_request("specifying resource version is not allowed when using continue")
        start = _read_token(call, options.continued)
        _check_known(call, start.at)
        return start
    revision = requests.revision(options.resource_version, "list")
    _check_known(call, revision)
    exact = options.match == "Exact" or (options.limit and not options.match)
    return _Start(revision if exact else 0, "")


def _page(call: Call, start: _Start, limit: int) -> Page:
    store = call.context.store
    try:
        return store.page(
            call.stored.resource, call.target.namespace, at=max(start.at, 0), after=start.after,
            limit=limit,
        )  # fmt: skip
    except Expired:
        if call.options.continued:
            refused = RequestRefused(410, "Expired", _TOO_OLD_TO_GO_ON)
            raise Overtaken(refused, _token(call, _NOW, start.after)) from None
        message = "The resourceVersion for the provided list is too old."
        raise RequestRefused(410, "Expired", message) from None


class Overtaken(RequestRefused):
    """410 with a token by which the list can be finished nevertheless."""

    def __init__(self, refused: RequestRefused, token: str) -> None:
        super().__init__(refused.code, refused.reason, refused.message)
        self._token = token

    def status(self) -> dict[str, Any]:
        return super().status() | {"metadata": {"continue": self._token}}


def _narrow(page: Page, filter: Filter, limit: int) -> tuple[list[Entry], int]:
    """The entries that match, `limit` at most, and how many may come after them."""
    if filter.is_open:
        return page.entries, page.remaining
    found: list[Entry] = []
    for number, entry in enumerate(page.entries):
        if filter.matches(entry):
            found.append(entry)
            if limit and len(found) == limit:
                rest = page.entries[number + 1 :]
                return found, len(rest)
    return found, 0


def _check_known(call: Call, revision: int) -> None:
    """Raises 504 for a revision that is to come."""
    now = call.context.store.revision
    if revision > now:
        raise RequestRefused(
            504, "Timeout", f"Timeout: Too large resource version: {revision}, current: {now}",
            {"retryAfterSeconds": 1},
            [Cause("ResourceVersionTooLarge", "Too large resource version")],
        )  # fmt: skip


# --- continue tokens -----------------------------------------------------------------------------


class _Token(msgspec.Struct):
    v: str
    rv: int
    start: str


def _token(call: Call, revision: int, after: str) -> str:
    """As kube-apiserver's: the key that comes next, within the path of the list."""
    namespace = call.target.namespace
    key = after.removeprefix(f"{namespace}/") if namespace else after
    token = msgspec.json.encode(_Token("meta.k8s.io/v1", revision, f"/{key}\0"))
    return base64.urlsafe_b64encode(token).decode().rstrip("=")


def _read_token(call: Call, text: str) -> _Start:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        token = msgspec.json.decode(raw, type=_Token)
    except msgspec.DecodeError as error:
        why = gotext.json_error(raw, error)
        raise bad_request(f"invalid continue token: continue key is not valid: {why}") from None
    except (binascii.Error, ValueError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from None
    if token.v != "meta.k8s.io/v1":
        raise bad_request(
            "invalid continue token: continue key is not valid: server does not recognize this "
            'encoded version "' + token.v + '"'
        )
    key = token.start.removeprefix("/").rstrip("\0")
    namespace = call.target.namespace
    return _Start(max(token.rv, 0), f"{namespace}/{key}" if namespace else key)
