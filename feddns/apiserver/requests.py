"""A request as the API means it: what is asked of which kind, and the options of its query.

    path                                               target
    /api/v1/PLURAL[/NAME[/SUB]]                        cluster-wide, or all namespaces
    /api/v1/namespaces/NS/PLURAL[/NAME[/SUB]]          in a namespace
    /api/v1/namespaces/NAME[/finalize | /status]       the Namespace itself
    /apis/GROUP/VERSION/…                              the same
    anything else                                      None: discovery, health, or not found

    method    GET               GET …/NAME   POST      PUT       PATCH    DELETE …/NAME   DELETE
    verb      list (watch=1: watch)   get    create    update    patch    delete   deletecollection

Pure.  Called by `server` (Request) and `handling`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from feddns.apiserver.refusals import Cause, RequestRefused

_BOTH = ("status", "finalize")
_WITH_NAME = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_WITHOUT = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
_WRITES = ("create", "update", "patch")
_DEEPEST = 3
_LONGEST_MANAGER = 128
_INT64, _UINT64 = range(-(1 << 63), 1 << 63), range(1 << 64)
_MOST_DIGITS = 20


class Request(NamedTuple):
    """What came.  `headers` have lower-case names; `path` is decoded, `query` as in the URL."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Target(NamedTuple):
    """Which objects are meant."""

    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def target(path: str) -> Target | None:
    """What the path names, or None when it is not of objects."""
    parts = path.strip("/").split("/")
    match parts:
        case ["api", version, *rest] if rest:
            return _within("", version, rest)
        case ["apis", group, version, *rest] if rest:
            return _within(group, version, rest)
    return None


def watch_path(path: str) -> str:
    """The path that an old /api/v1/watch/… means, which is a list with watch=1; else empty."""
    parts = path.split("/")
    place = {"api": 3, "apis": 4}.get(parts[1] if len(parts) > 1 else "", 0)
    if place and len(parts) > place + 1 and parts[place] == "watch":
        return "/".join(parts[:place] + parts[place + 1 :])
    return ""


def _within(group: str, version: str, parts: list[str]) -> Target | None:
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 2 and parts[2] not in _BOTH:
        namespace, parts = parts[1], parts[2:]
    if len(parts) > _DEEPEST:
        parts = [*parts[: _DEEPEST - 1], "/".join(parts[_DEEPEST - 1 :])]
    if not all(parts):
        return None
    plural, name, subresource = (*parts, "", "")[:_DEEPEST]
    return Target(group, version, plural, namespace, name, subresource)


def verb(method: str, named: bool, watch: bool) -> str:
    """The verb of RBAC; empty when the method means nothing here."""
    if named:
        return _WITH_NAME.get(method, "")
    return "watch" if watch and method == "GET" else _WITHOUT.get(method, "")


class Options(NamedTuple):
    """The options of the query (meta/v1 ListOptions, CreateOptions, …), with Kubernetes' names."""

    watch: bool = False
    limit: int = 0
    continued: str = ""
    resource_version: str = ""
    match: str = ""
    label_selector: str = ""
    field_selector: str = ""
    bookmarks: bool = False
    initial_events: bool | None = None
    timeout: int = 0
    dry_run: bool = False
    field_manager: str = ""
    field_validation: str = "Warn"
    force: bool | None = None
    pretty: bool = False
    include_object: str = "Metadata"


@functools.lru_cache(maxsize=512)
def options(query: str, verb: str, *, applies: bool = False) -> Options:
    """Read them.  Raises `RequestRefused`: 400, or 422 for what does not go together."""
    if not query:
        return Options()
    given = _given(query)
    initial = given.get("sendInitialEvents")
    force = given.get("force")
    read = Options(
        _boolean(given.get("watch", "")), max(_integer(given, "limit"), 0),
        given.get("continue", ""),
        given.get("resourceVersion", ""), given.get("resourceVersionMatch", ""),
        given.get("labelSelector", ""), given.get("fieldSelector", ""),
        _boolean(given.get("allowWatchBookmarks", "")),
        None if initial is None else _boolean(initial), _integer(given, "timeoutSeconds"),
        "dryRun" in given, given.get("fieldManager", ""), given.get("fieldValidation") or "Warn",
        None if force is None else _boolean(force), _boolean(given.get("pretty", "")),
        given.get("includeObject") or "Metadata",
    )  # fmt: skip
    _check(read, verb, given, applies)
    return read


def delete_options(query: str) -> dict[str, Any]:
    """The meta/v1 DeleteOptions of a query, as a body has them.  Raises `RequestRefused`: 400."""
    given = _given(query)
    found: dict[str, Any] = {"propagationPolicy": given.get("propagationPolicy", "")}
    _integer(given, "gracePeriodSeconds")
    if given.get("orphanDependents"):
        found["orphanDependents"] = _boolean(given["orphanDependents"])
    if "dryRun" in given:
        found["dryRun"] = [given["dryRun"]]
    return found


def _given(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}


def _check(read: Options, verb: str, given: Mapping[str, str], applies: bool) -> None:
    if verb in ("list", "watch", "deletecollection"):
        _check_list(read, "watch" if read.watch and verb != "deletecollection" else "list")
    elif verb in _WRITES:
        _check_write(read, verb, given)
    if verb == "patch" and read.force is not None and not applies:
        wrong = "Forbidden: may not be specified for non-apply patch"
        raise refuse_options("PatchOptions", "force", "FieldValueForbidden", wrong)


def _check_write(read: Options, verb: str, given: Mapping[str, str]) -> None:
    kind = f"{verb.capitalize()}Options"
    if read.dry_run and given["dryRun"] != "All":
        raise refuse_dry_run([given["dryRun"]], kind)
    if read.field_manager:
        _check_manager(read.field_manager, kind)
    if read.field_validation not in ("Ignore", "Warn", "Strict"):
        wrong = (
            f'Unsupported value: "{read.field_validation}": supported values: '
            '"", "Ignore", "Strict", "Warn"'
        )
        raise refuse_options(kind, "fieldValidation", "FieldValueNotSupported", wrong)


def _check_manager(name: str, kind: str) -> None:
    wrong = ""
    if len(name) > _LONGEST_MANAGER:
        wrong = f"Too long: may not be more than {_LONGEST_MANAGER} bytes"
    for place, letter in enumerate(name):
        if not letter.isprintable():
            shown = name.encode("unicode_escape").decode()
            what = f"invalid character U+{ord(letter):04X} (at position {place})"
            wrong = f'Invalid value: "{shown}": {what}'
            break
    if wrong:
        reason = "FieldValueTooLong" if wrong.startswith("Too") else "FieldValueInvalid"
        raise refuse_options(kind, "fieldManager", reason, wrong)


def _check_list(read: Options, verb: str) -> None:
    match, field = read.match, "resourceVersionMatch"
    forbidden = ""
    if match not in ("", "Exact", "NotOlderThan"):
        wrong = f'Unsupported value: "{match}": supported values: "Exact", "NotOlderThan", ""'
        raise refuse_options("ListOptions", field, "FieldValueNotSupported", wrong)
    if verb == "watch":
        if read.initial_events is not None and match != "NotOlderThan":
            forbidden = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            if match:
                raise _not_for_watch(forbidden, match)
        elif read.initial_events is None and match:
            forbidden = f"{field} is forbidden for watch unless sendInitialEvents is provided"
    elif read.initial_events is not None:
        field, forbidden = "sendInitialEvents", "sendInitialEvents is forbidden for list"
    elif match and not read.resource_version:
        forbidden = f"{field} is forbidden unless resourceVersion is provided"
    elif match and read.continued:
        forbidden = f"{field} is forbidden when continue is provided"
    elif match == "Exact" and read.resource_version == "0":
        forbidden = f'{field} "exact" is forbidden for resourceVersion "0"'
    if forbidden:
        wrong = f"Forbidden: {forbidden}"
        raise refuse_options("ListOptions", field, "FieldValueForbidden", wrong)


def _not_for_watch(forbidden: str, match: str) -> RequestRefused:
    field = "resourceVersionMatch"
    causes = [
        Cause("FieldValueForbidden", f"Forbidden: {forbidden}", field),
        Cause(
            "FieldValueNotSupported",
            f'Unsupported value: "{match}": supported values: "NotOlderThan"', field,
        ),
    ]  # fmt: skip
    text = ", ".join(f"{field}: {cause.message}" for cause in causes)
    return RequestRefused(
        422, "Invalid", f'ListOptions.meta.k8s.io "" is invalid: [{text}]',
        {"group": "meta.k8s.io", "kind": "ListOptions"}, causes,
    )  # fmt: skip


def refuse_options(kind: str, field: str, reason: str, message: str) -> RequestRefused:
    """422, as kube-apiserver says it of options."""
    return RequestRefused(
        422, "Invalid", f'{kind}.meta.k8s.io "" is invalid: {field}: {message}',
        {"group": "meta.k8s.io", "kind": kind}, [Cause(reason, message, field)],
    )  # fmt: skip


def refuse_dry_run(given: list[str], kind: str) -> RequestRefused:
    """422: there is only `All`."""
    shown = ",".join(map(_quoted, given))
    wrong = f'Unsupported value: [{shown}]: supported values: "All"'
    return refuse_options(kind, "dryRun", "FieldValueNotSupported", wrong)


def _boolean(text: str) -> bool:
    """As kube-apiserver reads it: anything that is not plainly false is true."""
    return text.lower() not in ("", "0", "false")


def _integer(given: Mapping[str, str], name: str) -> int:
    text = given.get(name, "")
    try:
        return _number(text, _INT64) if text else 0
    except ValueError as error:
        raise RequestRefused(400, "BadRequest", str(error)) from None


def revision(text: str, verb: str) -> int:
    """A resourceVersion of a query.  Raises `RequestRefused`."""
    if not text:
        return 0
    try:
        return unsigned(text)
    except ValueError as error:
        why = f"resourceVersion: Invalid value: {_quoted(text)}: {error}"
    if verb == "list":
        raise RequestRefused(400, "BadRequest", f"invalid resource version: {why}")
    raise RequestRefused(500, "", why)


def unsigned(text: str) -> int:
    """A resourceVersion.  Raises `ValueError` with Go's words."""
    return _number(text, _UINT64)


def _number(text: str, allowed: range) -> int:
    """As Go reads it.  Raises `ValueError` with Go's words."""
    signed, why = allowed.start < 0, "invalid syntax"
    digits = text[1:] if signed and text[:1] in ("+", "-") else text
    if digits.isascii() and digits.isdigit():
        if len(digits.lstrip("0")) <= _MOST_DIGITS and int(text) in allowed:
            return int(text)
        why = "value out of range"
    sort = "ParseInt" if signed else "ParseUint"
    raise ValueError(f"strconv.{sort}: parsing {_quoted(text)}: {why}")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
