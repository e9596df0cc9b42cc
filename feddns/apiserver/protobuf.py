"""Bodies in Kubernetes' protobuf, which kubectl from 1.32 on sends for some commands, as JSON.

    body      "k8s\\0", then a message Unknown: 1 TypeMeta {1 apiVersion, 2 kind}, 2 raw: the object
    wire      key = number << 3 | type; 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes

    in protobuf                            in JSON
    bytes                                  base64
    IntOrString {1 type, 2 int, 3 string}  a number or a string
    Quantity {1}                           its text
    Time, MicroTime {1 seconds, 2 nanos}   RFC 3339; nothing when it is not set
    RawExtension, FieldsV1, JSON {1 raw}   the JSON in it
    ExtraValue {1 items}                   a list
    …OrArray, …OrBool, …OrStringArray      the one or the other
    an inline message (VolumeSource)       its fields, among those around it
    fields without a known number          nothing, as in every protobuf

The numbers are in `protobuf.msgpack.gz`, made by `tools/protofields.py`.  Fields that Go always
writes stay as they are, zero; `decoding` leaves them out.

Pure, but for the asset, read once.  Called by `requests`.
"""

from __future__ import annotations

import base64
import gzip
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import msgspec

from feddns.apiserver.kinds import Kind
from feddns.apiserver.refusals import RequestRefused

MAGIC = b"k8s\0"
CONTENT_TYPE = "application/vnd.kubernetes.protobuf"

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_VARINTS = frozenset(("bool", "int32", "int64", "uint32", "uint64"))
_DEEPEST = 100
_SCHEME = '"pkg/runtime/scheme.go:111"'
"""Where a kube-apiserver's list of kinds was made: it says so."""


class Field(NamedTuple):
    name: str
    type: str
    shape: str
    """Empty, repeated, map, or inline."""


class _Fields(msgspec.Struct):
    """The asset."""

    messages: dict[str, dict[int, Field]]
    kinds: dict[str, str]


class _Malformed(ValueError):
    """The bytes are no message.  The text is the one of Go's decoder."""


@cache
def _fields() -> _Fields:
    asset = resources.files("feddns.apiserver").joinpath("protobuf.msgpack.gz").read_bytes()
    return msgspec.msgpack.decode(gzip.decompress(asset), type=_Fields)


def decode(body: bytes, kind: Kind | None = None) -> dict[str, Any]:
    """The object in a body, with apiVersion and kind.

    `kind` is what the path takes: it stands for an envelope that names none, and in messages.
    Raises `RequestRefused` 400.
    """
    version, name, raw = _envelope(body, kind)
    fields = _fields()
    message = fields.kinds.get(f"{version} {name}") or fields.kinds.get(name)
    if message is None:
        why = f'no kind "{name}" is registered for version "{version}" in scheme {_SCHEME}'
        raise _not_handled(version, name, kind, why)
    try:
        made = _message(raw, message, _DEEPEST)
    except _Malformed as error:
        raise _not_handled(version, name, kind, str(error)) from error
    return {"apiVersion": version, "kind": name, **made}


def known() -> list[tuple[str, str]]:
    """apiVersion and kind of every message that can be a body; DeleteOptions as of v1."""
    keys = (key.rpartition(" ") for key in _fields().kinds)
    return [(version or "v1", name) for version, _, name in keys]


def _envelope(body: bytes, kind: Kind | None) -> tuple[str, str, bytes]:
    """apiVersion, kind, and the object's bytes."""
    if not body.startswith(MAGIC):
        why = "empty data" if not body else (
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
        )  # fmt: skip
        raise _unrecognized(body, kind, why)
    if len(body) == len(MAGIC):
        raise _unrecognized(body, kind, "empty body")
    try:
        parts = {number: value for number, _, value in _parts(body[len(MAGIC) :])}
        head = {number: value for number, _, value in _parts(_bytes(parts.get(1, b"")))}
        version, name = (_text(head.get(number, b"")) for number in (1, 2))
        raw = _bytes(parts.get(2, b""))
    except _Malformed as error:
        raise _unrecognized(body, kind, str(error)) from error
    if kind is not None and not (version or name):
        version, name = kind.api_version, kind.kind
    return version, name, raw


def _unrecognized(body: bytes, kind: Kind | None, why: str) -> RequestRefused:
    shown = body[:1024].hex() + ("..." if len(body) > 1024 else "") if body else "<empty>"
    must = f" (must be of type {kind.kind})" if kind else ""
    text = f"the object provided is unrecognized{must}: {why} ({shown})"
    return RequestRefused(400, "BadRequest", text)


def _not_handled(version: str, name: str, kind: Kind | None, why: str) -> RequestRefused:
    """In the words of a kube-apiserver, which shows the version without its group."""
    must = kind.kind if kind else name
    version = version.rpartition("/")[2]
    text = f'{name} in version "{version}" cannot be handled as a {must}: {why}'
    return RequestRefused(400, "BadRequest", text)


# --- messages ----------------------------------------------------------------------------------


def _message(raw: bytes, name: str, depth: int) -> Any:
    special = _SPECIAL.get(name.rpartition(".")[2])
    if special is not None:
        return special(raw, depth)
    if depth <= 0:
        raise _Malformed("proto: exceeded max recursion depth")
    made: dict[str, Any] = {}
    fields = _fields().messages[name]
    for number, wire, value in _parts(raw):
        field = fields.get(number)
        if field is not None:
            _put(made, field, wire, value, depth - 1)
    return made


def _put(made: dict[str, Any], field: Field, wire: int, value: Any, depth: int) -> None:
    if field.shape == "map":
        key, item = _entry(_of_wire(_BYTES, wire, value, field), field, depth)
        made.setdefault(field.name, {})[key] = item
    elif field.shape == "inline":
        made.update(_value(field, wire, value, depth))
    elif field.shape != "repeated":
        one = _value(field, wire, value, depth)
        if one is not None:
            made[field.name] = one
    elif wire == _BYTES and field.type in _VARINTS:
        numbers = [_number(field.type, one) for one in _packed(value)]
        made.setdefault(field.name, []).extend(numbers)
    else:
        made.setdefault(field.name, []).append(_value(field, wire, value, depth))


def _entry(raw: bytes, field: Field, depth: int) -> tuple[str, Any]:
    """A map's item: a message of 1 key and 2 value, each of which may be left out."""
    key, item = "", None
    for number, wire, value in _parts(raw):
        if number == 1:
            key = _text(value)
        elif number == 2:
            item = _value(field, wire, value, depth)
    if item is None:
        item = 0 if field.type in _VARINTS else _value(field, _BYTES, b"", depth)
    return key, item


def _value(field: Field, wire: int, value: Any, depth: int) -> Any:
    """One value of the field's type, in JSON."""
    if field.type in _VARINTS:
        return _number(field.type, _of_wire(_VARINT, wire, value, field))
    if field.type == "double":
        number: float = struct.unpack("<d", _of_wire(_EIGHT, wire, value, field))[0]
        return int(number) if number.is_integer() else number
    value = _of_wire(_BYTES, wire, value, field)
    if field.type == "string":
        return _text(value)
    if field.type == "bytes":
        return base64.b64encode(value).decode()
    return _message(value, field.type, depth)


def _of_wire(wanted: int, wire: int, value: Any, field: Field) -> Any:
    if wire != wanted:
        name = field.name[:1].upper() + field.name[1:]
        raise _Malformed(f"proto: wrong wireType = {wire} for field {name}")
    return value


def _number(type: str, value: int) -> int | bool:
    if type == "bool":
        return value != 0
    bits = 32 if type.endswith("32") else 64
    value &= (1 << bits) - 1
    signed = type.startswith("int") and value >> (bits - 1)
    return value - (1 << bits) if signed else value


# --- the wire ----------------------------------------------------------------------------------


def _parts(raw: bytes) -> Iterator[tuple[int, int, Any]]:
    """Each field's number, wire type and value.  Raises `_Malformed`."""
    place, end = 0, len(raw)
    value: int | bytes
    while place < end:
        key, place = _varint(raw, place)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise _Malformed(f"proto: illegal tag 0 (wire type {wire})")
        if wire == _VARINT:
            value, place = _varint(raw, place)
        elif wire in (_EIGHT, _FOUR, _BYTES):
            size = {_EIGHT: 8, _FOUR: 4}.get(wire, 0)
            if wire == _BYTES:
                size, place = _varint(raw, place)
            if place + size > end:
                raise _Malformed("unexpected EOF")
            value = raw[place : place + size]
            place += size
        else:
            raise _Malformed(f"proto: wrong wireType = {wire} for field {number}")
        yield number, wire, value


def _varint(raw: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(raw):
            raise _Malformed("unexpected EOF")
        byte = raw[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, place
    raise _Malformed("proto: integer overflow")


def _packed(raw: bytes) -> Iterator[int]:
    place = 0
    while place < len(raw):
        value, place = _varint(raw, place)
        yield value


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise _Malformed("proto: wrong wireType = 0 for field Raw")
    return value


def _text(value: Any) -> str:
    """Bytes that are no UTF-8 are replaced, as in JSON."""
    return _bytes(value).decode(errors="replace")


# --- messages that are something else in JSON --------------------------------------------------


def _simple(raw: bytes) -> dict[int, Any]:
    return {number: value for number, _, value in _parts(raw)}


def _int_or_string(raw: bytes, _depth: int) -> int | str:
    parts = _simple(raw)
    if parts.get(1, 0):
        return _text(parts.get(3, b""))
    value = parts.get(2, 0)
    return _number("int32", value if isinstance(value, int) else 0)


def _quantity(raw: bytes, _depth: int) -> str:
    return _text(_simple(raw).get(1, b""))


def _time(raw: bytes, _depth: int) -> str | None:
    moment = _moment(raw)
    return moment and _written(moment, "seconds")


def _micro_time(raw: bytes, _depth: int) -> str | None:
    moment = _moment(raw)
    return moment and _written(moment, "microseconds")


def _written(moment: datetime, precision: str) -> str:
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def _moment(raw: bytes) -> Any:
    if not raw:
        return None
    parts = _simple(raw)
    if any(not isinstance(parts.get(number, 0), int) for number in (1, 2)):
        raise _Malformed("proto: wrong wireType = 2 for field Seconds")
    seconds, nanos = _number("int64", parts.get(1, 0)), _number("int32", parts.get(2, 0))
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(0, seconds, nanos // 1000)
    except OverflowError as error:
        raise _Malformed("time: year is not in the range 0001 to 9999") from error


def _json(raw: bytes, _depth: int) -> Any:
    text = _bytes(_simple(raw).get(1, b""))
    try:
        return msgspec.json.decode(text) if text else None
    except msgspec.DecodeError as error:
        raise _Malformed(f"json: {error}") from error


def _items(raw: bytes, _depth: int) -> list[str]:
    return [_text(value) for number, _, value in _parts(raw) if number == 1]


_SCHEMA = "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"


def _schema_or_array(raw: bytes, depth: int) -> Any:
    found: list[tuple[int, Any]] = [
        (number, _message(_bytes(value), _SCHEMA, depth - 1)) for number, _, value in _parts(raw)
    ]
    many = [schema for number, schema in found if number == 2]
    return many or dict(found).get(1)


def _schema_or_bool(raw: bytes, depth: int) -> Any:
    parts = _simple(raw)
    return _message(_bytes(parts[2]), _SCHEMA, depth - 1) if 2 in parts else parts.get(1, 0) != 0


def _schema_or_names(raw: bytes, depth: int) -> Any:
    parts = _simple(raw)
    if 1 in parts:
        return _message(_bytes(parts[1]), _SCHEMA, depth - 1)
    return [_text(value) for number, _, value in _parts(raw) if number == 2]


_SPECIAL: dict[str, Callable[[bytes, int], Any]] = {
    "IntOrString": _int_or_string, "Quantity": _quantity, "Time": _time, "MicroTime": _micro_time,
    "RawExtension": _json, "FieldsV1": _json, "JSON": _json, "ExtraValue": _items,
    "JSONSchemaPropsOrArray": _schema_or_array, "JSONSchemaPropsOrBool": _schema_or_bool,
    "JSONSchemaPropsOrStringArray": _schema_or_names,
}  # fmt: skip
