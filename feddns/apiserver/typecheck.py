"""Whether an applied object is of its type, in the words of a kube-apiserver.

    wrong                           said
    a field that the type has not   .spec.foo: field not declared in schema
    a value of another type         .spec.paused: expected boolean, got &{yes}
    two items with the same keys    .spec.ports: duplicate entries for key [port=80,…]
    an item without its keys        .spec.x: element 0: associative list with keys has …

Only applies are looked at in this way; other bodies are `decoding`'s.

Pure.  Called by `apply`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from feddns.apiserver import fieldsets, gotext, typed
from feddns.apiserver.schema import Type

Wrongs: TypeAlias = Sequence[tuple[str, str]]
"""Paths and messages."""


def mismatches(value: Any, type: Type) -> list[str]:
    """Where an applied object is not of its type, as a kube-apiserver says it."""
    return [f"{path}: {message}" if path else message for path, message in _wrong(value, type)]


def _wrong(value: Any, type: Type) -> Wrongs:
    shape = type.shape
    if value is None or (shape == "any" and not type.int_or_string):
        return ()
    if shape in ("object", "map"):
        return _wrong_in_object(value, type)
    if shape == "list":
        return _wrong_in_list(value, type)
    message = _wrong_leaf(value, type)
    return [("", message)] if message else ()


def _wrong_leaf(value: Any, type: Type) -> str:
    if type.int_or_string or type.format == "quantity":
        if isinstance(value, dict | list):
            return f"expected any scalar, got &{{{gotext.shown(value)}}}"
    elif type.shape in ("integer", "number"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"expected numeric (int or float), got {gotext.type_of(value)}"
    elif type.shape == "boolean":
        if not isinstance(value, bool):
            return f"expected boolean, got &{{{gotext.shown(value)}}}"
    elif not isinstance(value, str):
        return f"expected string, got &value.valueUnstructured{{Value:{gotext.literal(value)}}}"
    return ""


def _wrong_in_object(value: Any, type: Type) -> Wrongs:
    if not isinstance(value, dict):
        return [("", f"expected map, got &{{{gotext.shown(value)}}}")]
    closed = type.shape == "object" and type.fields and not type.preserves_unknown
    found: list[tuple[str, str]] = []
    for name, part in value.items():
        if closed and name not in type.fields:
            return [*found, (f".{name}", "field not declared in schema")]
        wrong = _wrong(part, typed.child(type, name))
        if wrong:
            found += [(f".{name}{path}", message) for path, message in wrong]
    return found


def _wrong_in_list(value: Any, type: Type) -> Wrongs:
    if not isinstance(value, list):
        return [("", f"expected list, got &{{{gotext.shown(value)}}}")]
    found: list[tuple[str, str]] = []
    associative, seen = type.list_type in ("map", "set"), set()
    for place, item in enumerate(value):
        element = f"i:{place}"
        if associative:
            try:
                element = typed.element_of(type, item)
            except typed.Mismatch as error:
                return [*found, ("", f"element {place}: {error}")]
            if element in seen:
                found.append(("", f"duplicate entries for key {fieldsets.name(element)}"))
            seen.add(element)
        wrong = _wrong(item, type.element or typed.ANY)
        if wrong:
            found += [(f"{fieldsets.name(element)}{path}", message) for path, message in wrong]
    return found
