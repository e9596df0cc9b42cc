"""An object from a client brought into the form in which a kube-apiserver has it.

    in the object                        built-in kinds                       kinds of CRDs
    field that the kind has not          dropped, told                        the same
    value of a wrong type                400, with the decoder's words        left to `custom`
    null                                 as if it were not there              so, unless nullable
    empty, where empty is nothing        dropped: `labels: {}`                stays
    missing, where Go writes it always   there: `status: {}`                  -
    quantity                             canonical                            stays
    time                                 in UTC, seconds (MicroTime: µs)      stays
    base64                               without line ends, padded            stays

Metadata is built in for both.  One walk does it all, in place.

Pure.  Called by `handling` for every body, after patches too; also by `defaults.canonical`, and by
`autoscalers` for what lies in annotations.
"""

from __future__ import annotations

import base64
import json
import re
import string
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from feddns.apiserver import quantities, schema
from feddns.apiserver.refusals import RequestRefused
from feddns.apiserver.schema import Type

if TYPE_CHECKING:
    from feddns.apiserver.kinds import Kind

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_GOOD = r"(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
"""A time that there is; of the last days of a month, the calendar knows."""
_SECONDS = re.compile(f"{_GOOD}Z", re.ASCII)
_MICROSECONDS = re.compile(rf"{_GOOD}\.\d{{6}}Z", re.ASCII)
_SIX_DIGITS = re.compile(r"\.\d{6}(?!\d)", re.ASCII)
_CLASSES: dict[str, tuple[type, ...]] = {
    "string": (str,), "number": (int, float), "boolean": (bool,),
}  # fmt: skip
_GO_LEAVES = {"string": "string", "integer": "int64", "number": "float64", "boolean": "bool"}
_WORDS = {str: "string", bool: "bool", int: "number", float: "number", list: "array",
          dict: "object"}  # fmt: skip
_INT32, _INT64 = range(-(2**31), 2**31), range(-(2**63), 2**63)
_BASE64 = frozenset(f"{string.ascii_letters}{string.digits}+/\r\n")
_SCHEMA = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"
_SCHEMA_OR = f"{_SCHEMA.rpartition('.')[2]}Or"
"""A schema, or a list or a boolean: published as anything."""


class NotDecoded(ValueError):
    """The value cannot be what the field is.  The text is the decoder's."""


def decode(kind: Kind, obj: Any) -> list[str]:
    """Bring the object into form; tell the fields that were dropped: `unknown field "spec.x"`.

    Raises RequestRefused 400 for what cannot be decoded.
    """
    unknown: list[str] = []
    type = schema.type_of(kind)
    try:
        _object(type, obj, "", unknown)
    except NotDecoded as error:
        why = str(error)
        if not type.name:  # metadata is decoded by itself then
            why = why.replace("ObjectMeta.metadata.", "ObjectMeta.")
        raise not_handled(kind, why) from None
    return unknown if type.name else sorted(unknown)


def decode_part(type: Type, part: dict[str, Any]) -> None:
    """Bring what lies in an object into form.  Raises `NotDecoded`."""
    _object(type, part, "", [])


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
        if type.name.startswith(_SCHEMA_OR):
            _schemas(type, value, f"{path}{name}.", unknown)
        elif type.int_or_string and not (value.__class__ is str or _is_int(value, _INT32)):
            raise _mismatch(type, value, path, name, owner)
    elif not _is_leaf(type, value):
        raise _mismatch(type, value, path, name, owner)
    return value


def _is_leaf(type: Type, value: Any) -> bool:
    if type.shape == "integer":
        return _is_int(value, _INT32 if type.format == "int32" else _INT64)
    return value.__class__ in _CLASSES[type.shape]


def _is_int(value: Any, numbers: range) -> bool:
    return value.__class__ is int and value in numbers


def _schemas(type: Type, value: Any, path: str, unknown: list[str]) -> None:
    """What is in a CRD's schema at a place that may also hold something else."""
    if type.name.endswith("OrBool") and value.__class__ not in (bool, dict):
        raise NotDecoded("boolean or JSON schema expected")
    for part in value if value.__class__ is list else (value,):
        if part.__class__ is dict:
            _object(schema.named(_SCHEMA), part, path, unknown)


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
                raise NotDecoded(str(error)) from None
        case "date-time":
            return value if _SECONDS.fullmatch(value) else _time(value, "seconds")
        case "micro-time":
            return value if _MICROSECONDS.fullmatch(value) else _time(value, "microseconds")
        case "byte":
            return _bytes(value)
    return value


def _time(value: str, precision: str) -> str:
    exact = precision == "microseconds"
    if not RFC_3339.fullmatch(value) or (exact and not _SIX_DIGITS.search(value)):
        layout = f"2006-01-02T15:04:05{'.000000' if exact else ''}Z07:00"
        raise NotDecoded(f'parsing time "{value}" as "{layout}": cannot parse "{value}" as "2006"')
    try:
        moment = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        why = f"{_part_that_is_not(value)} out of range"
        raise NotDecoded(f'parsing time "{value}": {why}') from None
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def _part_that_is_not(time: str) -> str:
    """What is out of range in a time of the right form."""
    month, hour, minute, second = (int(time[at : at + 2]) for at in (5, 11, 14, 17))
    wrong = {
        "month": not 1 <= month <= 12, "hour": hour > 23, "minute": minute > 59,
        "second": second > 59, "time zone offset hour": time[-1] != "Z" and int(time[-5:-3]) > 23,
    }  # fmt: skip
    return next((part for part, is_wrong in wrong.items() if is_wrong), "day")


def _bytes(value: str) -> str:
    """Base64 without the line ends that Go's decoder does not see either."""
    written = value.replace("\r", "").replace("\n", "")
    plain = written.rstrip("=")
    try:
        if len(written) % 4 or len(written) - len(plain) > 2:
            raise ValueError
        return base64.b64encode(base64.b64decode(written, validate=True)).decode()
    except ValueError:  # also for what is not ASCII
        whole = len(plain) // 4 * 4
        good = next((n for n, c in enumerate(value.rstrip("=")) if c not in _BASE64), whole)
        raise NotDecoded(f"illegal base64 data at input byte {good}") from None


def _mismatch(type: Type, value: Any, path: str, name: str, owner: Type) -> NotDecoded:
    """As Go's JSON decoder tells it: the struct, the path without indices, the type wanted."""
    found = _WORDS.get(value.__class__, "null")
    if found == "number" and (type.shape == "integer" or type.int_or_string):
        found = f"number {json.dumps(value)}"
    place = re.sub(r"\[\d+\]", "", f"{path}{name}")
    wanted = _wanted(type, name, owner)
    return NotDecoded(
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
