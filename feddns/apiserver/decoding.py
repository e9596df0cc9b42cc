"""An object from a client brought into the form in which a kube-apiserver has it.

    in the object                        built-in kinds                       kinds of CRDs
    field that the kind has not          dropped, told                        the same
    value of a wrong type                400, with the decoder's words        left to `custom`
    null                                 as if it were not there              so, unless nullable
    empty, where empty is nothing        dropped: `labels: {}`                stays
    missing, where Go writes it always   there: `status: {}`                  -
    quantity                             canonical                            stays
    time                                 in UTC, seconds (MicroTime: µs)      stays

Metadata is built in for both.  One walk does it all, in place.

Pure.  Called by `handling` for every body, after patches too; also by `defaults.canonical`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import UTC, datetime
from typing import Any

from feddns.apiserver import quantities, schema
from feddns.apiserver.kinds import Kind
from feddns.apiserver.refusals import RequestRefused
from feddns.apiserver.schema import Type

_SECONDS = re.compile(r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\dZ", re.ASCII)
_MICROSECONDS = re.compile(r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{6}Z", re.ASCII)
_SIX_DIGITS = re.compile(r"\.\d{6}(?!\d)", re.ASCII)
_CLASSES: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,),
}  # fmt: skip
_GO_LEAVES = {"string": "string", "integer": "int64", "number": "float64", "boolean": "bool"}
_WORDS = {str: "string", bool: "bool", int: "number", float: "number", list: "array",
          dict: "object"}  # fmt: skip
_INT32 = range(-(2**31), 2**31)


class _NotDecoded(ValueError):
    """The value cannot be what the field is.  The text is the decoder's."""


def decode(kind: Kind, obj: Any) -> list[str]:
    """Bring the object into form; tell the fields that were dropped: `unknown field "spec.x"`.

    Raises RequestRefused 400 for what cannot be decoded.
    """
    unknown: list[str] = []
    type = schema.type_of(kind)
    try:
        _object(type, obj, "", unknown)
    except _NotDecoded as error:
        why = str(error)
        if not type.name:  # metadata is decoded by itself then
            why = why.replace("ObjectMeta.metadata.", "ObjectMeta.")
        raise not_handled(kind, why) from None
    return unknown if type.name else sorted(unknown)


def not_handled(kind: Kind, why: str) -> RequestRefused:
    """400 with the words around what the decoder says."""
    return RequestRefused(
        400, "BadRequest",
        f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {why}',
    )  # fmt: skip


def strict(kind: Kind, unknown: list[str]) -> RequestRefused:
    """400 of fieldValidation=Strict."""
    return not_handled(kind, f"strict decoding error: {', '.join(unknown)}")


def duplicates(body: bytes) -> list[str]:
    """`duplicate field "spec.x"` for each field that stands twice in a JSON body."""
    found: list[str] = []
    doubled = []

    def count(items: list[tuple[str, Any]]) -> None:
        if len(dict(items)) != len(items):
            doubled.append(items)

    json.loads(body, object_pairs_hook=count)
    if doubled:  # seldom; only then it is worth to know where
        _duplicates(json.loads(body, object_pairs_hook=_Pairs), "", found)
    return found


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON with everything that was written."""


def _duplicates(value: Any, path: str, found: list[str]) -> None:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for name, part in value:
            place = f"{path}.{name}" if path else name
            if name in seen:
                found.append(f'duplicate field "{place}"')
            seen.add(name)
            _duplicates(part, place, found)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            _duplicates(part, f"{path}[{number}]", found)


def unknown_fields(type: Type, obj: Any) -> list[str]:
    """The paths of the fields that the type has not (`spec.ports[0].x`), in the object's order."""
    found: list[str] = []
    _unknown(type, obj, "", found)
    return found


def _unknown(type: Type, value: Any, path: str, found: list[str]) -> None:
    if type.shape == "object" and isinstance(value, dict):
        for name, part in value.items():
            place = f"{path}.{name}" if path else name
            if name in type.fields:
                _unknown(type.fields[name], part, place, found)
            elif not type.preserves_unknown:
                found.append(place)
    elif type.element and isinstance(value, dict):
        for name, part in value.items():
            _unknown(type.element, part, f"{path}.{name}", found)
    elif type.element and isinstance(value, list):
        for number, part in enumerate(value):
            _unknown(type.element, part, f"{path}[{number}]", found)


# --- the walk ------------------------------------------------------------------------------------


def _object(type: Type, value: dict[str, Any], path: str, unknown: list[str]) -> None:
    fields, omit = type.fields, type.struct.omit
    strict = bool(type.name)
    dropped = []
    for name, part in value.items():
        field = fields.get(name)
        if field is None:
            if not type.preserves_unknown:
                unknown.append(f'unknown field "{path}{name}"')
                dropped.append(name)
        elif part is None:
            if strict or not field.nullable:
                dropped.append(name)
        elif strict or field.name:
            made = _value(field, part, path, name, type, unknown)
            if not made and name in omit:
                dropped.append(name)
            elif made is not part:
                value[name] = made
        else:
            _prune(field, part, f"{path}{name}", unknown)
    for name in dropped:
        del value[name]
    for name, zero in type.struct.emit.items():
        if name not in value:
            value[name] = schema.empty(fields[name]) if zero == {} else zero


def _value(type: Type, value: Any, path: str, name: str, owner: Type, unknown: list[str]) -> Any:
    """The value of one field in form.  `owner` is for the words of a refusal."""
    shape = type.shape
    if shape == "string":
        if value.__class__ is not str:
            if type.format == "quantity" and value.__class__ in (int, float):
                return _text(type, json.dumps(value))
            raise _mismatch(type, value, path, name, owner)
        return _text(type, value) if type.format else value
    if shape == "object":
        if value.__class__ is not dict:
            raise _mismatch(type, value, path, name, owner)
        _object(type, value, f"{path}{name}.", unknown)
    elif shape == "list":
        if value.__class__ is not list:
            if not (type.element and type.element.format == "byte" and isinstance(value, str)):
                raise _mismatch(type, value, path, name, owner)
        elif type.element:
            _list(type.element, value, path, name, owner, unknown)
    elif shape == "map":
        if value.__class__ is not dict:
            raise _mismatch(type, value, path, name, owner)
        if type.element:
            _map(type.element, value, path, name, owner, unknown)
    elif shape == "any":
        if type.int_or_string and value.__class__ not in (int, str):
            raise _mismatch(type, value, path, name, owner)
    elif not _is_leaf(type, value):
        raise _mismatch(type, value, path, name, owner)
    return value


def _is_leaf(type: Type, value: Any) -> bool:
    if value.__class__ not in _CLASSES[type.shape]:
        return False
    return type.format != "int32" or value in _INT32


def _list(
    element: Type, value: list[Any], path: str, name: str, owner: Type, unknown: list[str]
) -> None:
    if element.shape == "object":
        for number, part in enumerate(value):
            if part.__class__ is dict:
                _object(element, part, f"{path}{name}[{number}].", unknown)
            elif part is None:
                value[number] = schema.empty(element)
            else:
                raise _mismatch(element, part, path, name, owner)
        return
    for number, part in enumerate(value):
        if part is None:
            part = _ZEROS.get(element.shape)
        else:
            part = _value(element, part, path, name, owner, unknown)
        value[number] = part


_ZEROS = {"string": "", "integer": 0, "number": 0, "boolean": False}


def _map(
    element: Type, value: dict[str, Any], path: str, name: str, owner: Type, unknown: list[str]
) -> None:
    if element.shape == "string" and not element.format:
        for key, part in value.items():  # labels, annotations, data: most of what maps there are
            if part.__class__ is not str:
                if part is not None:
                    raise _mismatch(element, part, path, name, owner)
                value[key] = ""
        return
    for key, part in value.items():
        if part is None:
            value[key] = "0" if element.format == "quantity" else _ZEROS.get(element.shape)
        elif element.shape == "object" and part.__class__ is dict:
            _object(element, part, f"{path}{name}.{key}.", unknown)
        else:
            value[key] = _value(element, part, path, name, owner, unknown)


def _prune(type: Type, value: Any, path: str, unknown: list[str]) -> None:
    """What a CRD's schema does not know is dropped; nothing else is touched."""
    if value.__class__ is dict:
        if type.name:
            _object(type, value, f"{path}.", unknown)
        elif type.element and type.shape == "map":
            for key, part in list(value.items()):
                if part is None and not type.element.nullable:
                    del value[key]
                else:
                    _prune(type.element, part, f"{path}.{key}", unknown)
        else:
            _prune_object(type, value, path, unknown)
    elif value.__class__ is list and type.element:
        for number, part in enumerate(value):
            _prune(type.element, part, f"{path}[{number}]", unknown)


def _prune_object(type: Type, value: dict[str, Any], path: str, unknown: list[str]) -> None:
    lax = type.preserves_unknown
    embedded = type.schema.get("x-kubernetes-embedded-resource")
    for key in list(value):
        if field := type.fields.get(key):
            if value[key] is None and not field.nullable:
                del value[key]
            else:
                _prune(field, value[key], f"{path}.{key}", unknown)
        elif embedded and key in ("apiVersion", "kind"):
            pass
        elif embedded and key == "metadata":
            _prune(schema.META, value[key], f"{path}.{key}", unknown)
        elif not lax:
            unknown.append(f'unknown field "{path}.{key}"')
            del value[key]


# --- leaves --------------------------------------------------------------------------------------


def _text(type: Type, value: str) -> str:
    match type.format:
        case "quantity":
            try:
                return quantities.canonical(value.strip())
            except quantities.QuantityError as error:
                raise _NotDecoded(str(error)) from None
        case "date-time":
            return value if _SECONDS.fullmatch(value) else _time(value, "seconds")
        case "micro-time":
            return value if _MICROSECONDS.fullmatch(value) else _time(value, "microseconds")
        case "byte":
            return _bytes(value)
    return value


def _time(value: str, precision: str) -> str:
    try:
        read = datetime.fromisoformat(value)
        if "T" not in value or read.tzinfo is None:
            raise ValueError
        if precision == "microseconds" and not _SIX_DIGITS.search(value):
            raise ValueError
    except ValueError:
        layout = "2006-01-02T15:04:05Z07:00"
        if precision == "microseconds":
            layout = "2006-01-02T15:04:05.000000Z07:00"
        raise _NotDecoded(
            f'parsing time "{value}" as "{layout}": cannot parse "{value}" as "2006"'
        ) from None
    return read.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def _bytes(value: str) -> str:
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error:
        plain = value.rstrip("=")
        good = next((n for n, c in enumerate(plain) if not (c.isalnum() or c in "+/")), len(value))
        raise _NotDecoded(f"illegal base64 data at input byte {good}") from None
    return value


def _mismatch(type: Type, value: Any, path: str, name: str, owner: Type) -> _NotDecoded:
    """As Go's JSON decoder tells it: the struct, the path without indices, the type wanted."""
    found = _WORDS.get(value.__class__, "null")
    if found == "number" and type.shape == "integer":
        found = f"number {json.dumps(value)}"
    place = re.sub(r"\[\d+\]", "", f"{path}{name}")
    wanted = _wanted(type, name, owner)
    return _NotDecoded(
        f"json: cannot unmarshal {found} into Go struct field {owner.name}.{place} of type {wanted}"
    )


def _wanted(type: Type, name: str, owner: Type) -> str:
    """The Go type of a field; inside a list or map that of the element."""
    whole = owner.struct.go.get(name, "")
    if type is not owner.fields.get(name):
        whole = re.sub(r"^(\[\]|map\[[^\]]*\])", "", whole)
    if type.int_or_string:
        return "int32"
    return whole or type.format or _GO_LEAVES.get(type.shape, type.name)
