"""The three kinds of patches, as a kube-apiserver applies them.

    application/json-patch+json              `json_patch`   RFC 6902 by the library, laxer as below
    application/merge-patch+json             `merge`        RFC 7386
    application/strategic-merge-patch+json   `strategic`    see `strategicmerge`; not for CRDs

    of a JSON patch          is taken as
    replace of no field      add
    copy from no field       null
    add without value        null
    test of no field         a test of null
    index -1, -2, …          from the end
    more than 10,000         413
    copies of over 3 MiB     422, as a patch of a few lines could fill the memory with them
    what fails, whatever     422, which does not say what

Pure.  Called by `handling`.  The object and the patch stay as they are.
"""

from __future__ import annotations

import copy
import re
from typing import Any

import jsonpatch
import jsonpointer
import msgspec

from feddns.apiserver import gotext, strategicmerge
from feddns.apiserver.refusals import Cause, RequestRefused
from feddns.apiserver.schema import Type

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

_MOST_OPERATIONS = 10_000
_MOST_COPIED = 3 * 1024 * 1024
"""Bytes, as kube-apiserver has it."""
_INDEX = re.compile(r"[+-]?[0-9]{1,18}")
_MAP = "map[string]interface {}"


def read(body: bytes, content_type: str) -> Any:
    """The patch in a body of JSON.  Raises `RequestRefused` 400."""
    prefix = "" if content_type == STRATEGIC_MERGE_PATCH else "error decoding patch: "
    try:
        patch = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise _bad_request(prefix + gotext.json_error(body, error)) from error
    kind, wanted = (list, "[]handlers.jsonPatchOp") if content_type == JSON_PATCH else (dict, _MAP)
    if patch is None and content_type == MERGE_PATCH:
        raise _bad_request("Invalid JSON Patch")
    if patch is not None and not isinstance(patch, kind):
        raise _bad_request(f"{prefix}{_cannot_decode(patch, wanted)}")
    for operation in patch if kind is list and patch else ():
        wrong = _wrong_operation(operation)
        if wrong:
            raise _bad_request(prefix + wrong)
    return kind() if patch is None else patch


def _wrong_operation(operation: Any) -> str:
    """What of it is of the wrong type, in the words of Go's decoder; or nothing."""
    if operation is None:
        return ""
    if not isinstance(operation, dict):
        return _cannot_decode(operation, "handlers.jsonPatchOp")
    for name in ("op", "path", "from"):
        value = operation.get(name)
        if value is not None and not isinstance(value, str):
            field = f"Go struct field jsonPatchOp.{name} of type string"
            return f"json: cannot unmarshal {gotext.json_type(value)} into {field}"
    return ""


def _cannot_decode(value: Any, wanted: str) -> str:
    return f"json: cannot unmarshal {gotext.json_type(value)} into Go value of type {wanted}"


def _bad_request(message: str) -> RequestRefused:
    return RequestRefused(400, "BadRequest", message)


# --- JSON patch --------------------------------------------------------------------------------


class _Impossible(Exception):
    """An operation has no place in the object."""


def json_patch(obj: dict[str, Any], ops: list[dict[str, Any]]) -> dict[str, Any]:
    """The object with the operations done.  Raises `RequestRefused` 413 or 422."""
    if len(ops) > _MOST_OPERATIONS:
        text = f"The allowed maximum operations in a JSON patch is {_MOST_OPERATIONS}"
        raise RequestRefused(
            413, "RequestEntityTooLarge", f"Request entity too large: {text}, got {len(ops)}"
        )
    made: Any = copy.deepcopy(obj)
    copied = 0
    try:
        for operation in ops:
            done = _strict(made, operation or {})
            copied += _size_of_copy(made, done)
            if copied > _MOST_COPIED:
                raise _Impossible
            made = jsonpatch.apply_patch(made, [done], in_place=True)
    except (
        _Impossible, jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError,
    ) as error:  # fmt: skip
        text = "the server rejected our request due to an error in our request"
        raise RequestRefused(422, "Invalid", text, {}) from error
    if not isinstance(made, dict):
        raise _no_object(made)
    return made


def _size_of_copy(document: Any, operation: dict[str, Any]) -> int:
    if operation["op"] != "copy":
        return 0
    return len(msgspec.json.encode(jsonpointer.resolve_pointer(document, operation["from"])))


def _no_object(made: Any) -> RequestRefused:
    """What is left when a patch puts something else in the object's place."""
    text = msgspec.json.encode(made).decode()
    cause = Cause(
        "FieldValueInvalid",
        f"Invalid value: {msgspec.json.encode(text).decode()}: couldn't get version/kind; json "
        f"parse error: {_cannot_decode(made, gotext.KIND_AND_VERSION)}",
        "patch",
    )
    text = f' "" is invalid: patch: {cause.message}'
    return RequestRefused(422, "Invalid", text, {}, [cause])


def _strict(document: Any, operation: dict[str, Any]) -> dict[str, Any]:
    """The operation as RFC 6902 wants it, for what is laxer here."""
    op, path, value = operation.get("op"), operation.get("path"), operation.get("value")
    if path is None or not isinstance(op, str):
        raise _Impossible
    if path == "" and op in ("replace", "test"):
        if op == "replace" and not isinstance(value, dict | list):
            raise _Impossible
        return {"op": op, "path": "", "value": value}
    if op in ("move", "copy"):
        source = _Place(document, operation.get("from"))
        if op == "copy" and source.is_missing:
            return {"op": "add", "path": _Place(document, path, adds=True).pointer, "value": None}
        target = _Place(
            _after_move(document, source) if op == "move" else document, path, adds=True
        )
        return {"op": op, "from": source.pointer, "path": target.pointer}
    place = _Place(document, path, adds=op == "add")
    if op == "test" and place.is_missing:
        if value is not None:
            raise _Impossible
        return {"op": "test", "path": "", "value": document}
    if op == "replace" and place.is_missing:
        op = "add"
    return {"op": op, "path": place.pointer, "value": value}


class _Place:
    """Where a path leads: its container must be there.  Raises `_Impossible`."""

    def __init__(self, document: Any, path: str | None, *, adds: bool = False) -> None:
        parts = [jsonpointer.unescape(part) for part in (path or "").split("/")[1:]]
        if not parts:
            raise _Impossible
        self.container = document
        for number, part in enumerate(parts[:-1]):
            parts[number] = _step(self.container, part)
            self.container = _at(self.container, parts[number])
        self.last = parts[-1] = _step(self.container, parts[-1], adds=adds)
        self.pointer = jsonpointer.JsonPointer.from_parts(parts).path

    @property
    def is_missing(self) -> bool:
        return isinstance(self.container, dict) and self.last not in self.container


def _step(container: Any, part: str, *, adds: bool = False) -> str:
    """A part of a path without its liberties: an index from 0, "-" where something is added."""
    if isinstance(container, dict):
        return part
    if not isinstance(container, list):
        raise _Impossible
    if adds and part == "-":
        return part
    if not _INDEX.fullmatch(part):
        raise _Impossible
    end = len(container) + adds
    index = int(part) + (end if int(part) < 0 else 0)
    if not 0 <= index < end:
        raise _Impossible
    return str(index)


def _at(container: Any, part: str) -> Any:
    try:
        return container[int(part)] if isinstance(container, list) else container[part]
    except KeyError as error:
        raise _Impossible from error


def _after_move(document: Any, source: _Place) -> Any:
    """The document without what is moved: the target's indices count there."""
    if not isinstance(source.container, list):
        return document
    return jsonpatch.apply_patch(document, [{"op": "remove", "path": source.pointer}])


# --- JSON merge patch --------------------------------------------------------------------------


def merge(obj: Any, patch: dict[str, Any]) -> dict[str, Any]:
    """The object with the patch merged into it."""
    made = dict(obj)
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
            continue
        there = made.get(name)
        if isinstance(there, dict):
            made[name] = merge(there, value) if isinstance(value, dict) else value
        else:
            made[name] = strategicmerge.without_nulls(value)
    return made


# --- strategic merge patch ---------------------------------------------------------------------


def strategic(obj: dict[str, Any], patch: dict[str, Any], type: Type) -> dict[str, Any]:
    """The object with the patch merged into it along its type.  Raises `RequestRefused`."""
    return strategicmerge.merge(obj, patch, type)
