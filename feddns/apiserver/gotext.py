"""Values and errors in the words of Go, which a kube-apiserver's messages are made of.

    shown       %v     map[a:1 b:[x y]]
    literal     %#v    map[string]interface {}{"a":1}
    type_of     %T     map[string]interface {}
    json_type          object: what encoding/json calls it
    json_error         unexpected end of JSON input

Pure.  Called wherever `apiserver` has to say what a kube-apiserver says.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

KIND_AND_VERSION = (
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; '
    'Kind string "json:\\"kind,omitempty\\"" }'
)
"""The type that a body is read as first."""
_BYTE = re.compile(r"\(byte (\d+)\)")
_TYPES = {
    dict: "map[string]interface {}", list: "[]interface {}", str: "string", bool: "bool",
    int: "int64", float: "float64", type(None): "<nil>",
}  # fmt: skip
_JSON_TYPES = {
    dict: "object", list: "array", str: "string", bool: "bool", int: "number", float: "number",
    type(None): "null",
}  # fmt: skip


def shown(value: Any) -> str:
    """A value as %v has it."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{shown(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(shown, value))}]"
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)


def literal(value: Any) -> str:
    """A value as %#v has it."""
    if isinstance(value, dict):
        parts = (f"{literal(key)}:{literal(value[key])}" for key in sorted(value))
        return f"map[string]interface {{}}{{{', '.join(parts)}}}"
    if isinstance(value, list):
        return f"[]interface {{}}{{{', '.join(map(literal, value))}}}"
    if value is None:
        return "interface {}(nil)"
    return msgspec.json.encode(value).decode()


def type_of(value: Any) -> str:
    """A value's type as %T has it."""
    return _TYPES[type(value)]


def json_type(value: Any) -> str:
    """What Go's JSON decoder calls a value that has no place where it stands."""
    return _JSON_TYPES[type(value)]


def json_error(body: bytes, error: msgspec.DecodeError) -> str:
    """Why a body is no JSON."""
    if "truncated" in str(error) or not body.strip():
        return "unexpected end of JSON input"
    found = _BYTE.search(str(error))
    place = min(int(found[1]) if found else 0, len(body) - 1)
    character = body[place : place + 1].decode(errors="replace")
    what = "after top-level value" if "trailing" in str(error) else "looking for beginning of value"
    return f"invalid character '{character}' {what}"
