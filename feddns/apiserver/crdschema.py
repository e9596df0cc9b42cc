"""Objects of CRDs checked against their schemas, with the words of a kube-apiserver.

    a value of another type    Invalid value: "string": spec.size in body must be of type integer: "string"
    minimum, pattern, …        Invalid value: 0: spec.size in body should be greater than or equal to 1
    enum                       Unsupported value: "c": supported values: "a", "b"
    maxItems, maxLength        Too many, Too long
    sets, maps of a list       Duplicate value
    oneOf, anyOf, allOf, not   <nil>: Invalid value: "": "spec.x" must validate …

Pure.  Called by `custom` and `validation`.
"""  # noqa: E501

from __future__ import annotations

import ipaddress
import re
import warnings
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from feddns.apiserver import fieldsets, schema
from feddns.apiserver.decoding import RFC_3339
from feddns.apiserver.problems import Problems, shown
from feddns.apiserver.schema import Type

_MOST_EXACT = 2**53
"""Of whole numbers, as a double."""
_NAMES = {"list": "array", "map": "object"}
_NOWHERE = "<nil>"


def check(type: Type, obj: dict[str, Any]) -> Problems:
    """What the schema refuses; metadata is left to others."""
    found = Problems()
    _check(type, obj, "", found)
    return found


def _check(type: Type, value: Any, path: str, found: Problems) -> None:
    if type is schema.META:
        return
    if value is None and type.nullable:
        return
    if not _is_of(type, value):
        word = _word(value)
        wanted = "integer,string" if type.int_or_string else _NAMES.get(type.shape, type.shape)
        found.of_type(path, word, f"{path} in body must be of type {wanted}: {_quoted(word)}")
        if word == "number" and type.shape == "integer":
            detail = f"Checked value must be of type integer (default format) in {path}"
            found.invalid(_NOWHERE, "", detail)
        return
    if isinstance(value, dict):
        _object(type, value, path, found)
    elif isinstance(value, list):
        _list(type, value, path, found)
    elif isinstance(value, str):
        _string(type, value, path, found)
    elif value is not None and not isinstance(value, bool):
        _number(type, value, path, found)
    if type.enum and value not in type.enum:
        texts = (one if isinstance(one, str) else shown(one) for one in type.enum)
        found.unsupported(path, value, texts)
    if type.schema:
        _alternatives(type, value, path, found)


def _quoted(word: str) -> str:
    return f'"{word}"'


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int) and not _fits(value):
        return "number"  # read as a double
    words = {int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return words.get(value.__class__, "null")


def _fits(value: float) -> bool:
    """As an int64."""
    return -(2**63) <= value < 2**63


def _is_of(type: Type, value: Any) -> bool:
    if type.int_or_string:
        return value.__class__ in (int, str)
    match type.shape:
        case "any":
            return True
        case "integer":
            return value.__class__ in (int, float) and value % 1 == 0 and _fits(value)
        case "number":
            return value.__class__ in (int, float)
        case "list":
            return isinstance(value, list)
        case "object" | "map":
            return isinstance(value, dict)
    return _word(value) == type.shape


# --- by shape ------------------------------------------------------------------------------------


def _object(type: Type, value: dict[str, Any], path: str, found: Problems) -> None:
    rules = type.schema
    if (least := rules.get("minProperties")) is not None and len(value) < least:
        detail = f"{path} in body should have at least {least} properties"
        found.invalid(path, len(value), detail)
    if (most := rules.get("maxProperties")) is not None and len(value) > most:
        found.too_many(path, len(value), most)
    for name in type.required:
        if name not in value:
            found.required(f"{path}.{name}" if path else name)
    if rules.get("x-kubernetes-embedded-resource"):
        for name in ("apiVersion", "kind"):
            if not value.get(name):
                found.required(f"{path}.{name}")
    for name, part in value.items():
        field = type.fields.get(name) or type.element
        if field is not None:
            _check(field, part, f"{path}.{name}" if path else name, found)


def _list(type: Type, value: list[Any], path: str, found: Problems) -> None:
    rules = type.schema
    if (least := rules.get("minItems")) is not None and len(value) < least:
        detail = f"{path} in body should have at least {least} items"
        found.invalid(path, len(value), detail)
    if (most := rules.get("maxItems")) is not None and len(value) > most:
        found.too_many(path, len(value), most)
    if type.element:
        for number, part in enumerate(value):
            _check(type.element, part, f"{path}[{number}]", found)
    if type.list_type in ("set", "map"):
        _unique(type, value, path, found)


def _unique(type: Type, value: list[Any], path: str, found: Problems) -> None:
    seen: set[str] = set()
    for number, part in enumerate(value):
        key = part
        if type.list_type == "map" and isinstance(part, dict):
            key = {name: part[name] for name in type.keys if name in part}
        spelled = fieldsets.spell(key)
        if spelled in seen:
            found.duplicate(f"{path}[{number}]", key)
        seen.add(spelled)


def _string(type: Type, value: str, path: str, found: Problems) -> None:
    rules = type.schema
    if (most := rules.get("maxLength")) is not None and len(value) > most:
        found.too_long(path, most)
    elif (least := rules.get("minLength")) is not None and len(value) < least:
        found.invalid(path, value, f"{path} in body should be at least {least} chars long")
    elif type.pattern and not _pattern(type.pattern).search(value):
        found.invalid(path, value, f"{path} in body should match '{type.pattern}'")
    checker = _FORMATS.get(type.format)
    if checker and not _good(checker, value):
        detail = f'{path} in body must be of type {type.format}: "{value}"'
        found.of_type(path, value, detail)


def _number(type: Type, value: float, path: str, found: Problems) -> None:
    rules = type.schema
    least, most = rules.get("minimum"), rules.get("maximum")
    if type.format == "int32" and not -(2**31) <= value < 2**31:
        detail = f"Checked value must be of type integer with format int32 in {path}"
        found.invalid(_NOWHERE, "", detail)
    if (factor := rules.get("multipleOf")) and not _is_multiple(value, factor):
        found.invalid(path, value, f"{path} in body should be a multiple of {factor}")
    if most is not None:
        if rules.get("exclusiveMaximum") and value >= most:
            found.invalid(path, value, f"{path} in body should be less than {most}")
        elif value > most:
            found.invalid(path, value, f"{path} in body should be less than or equal to {most}")
    if least is not None:
        if rules.get("exclusiveMinimum") and value <= least:
            found.invalid(path, value, f"{path} in body should be greater than {least}")
        elif value < least:
            detail = f"{path} in body should be greater than or equal to {least}"
            found.invalid(path, value, detail)


def _is_multiple(value: float, factor: float) -> bool:
    """0.3 is a multiple of 0.1, as it is for Go's validator; what is too large is none."""
    if abs(value) >= _MOST_EXACT * abs(factor):
        return False
    times = value / factor
    return abs(times - round(times)) <= 1e-9 * max(abs(times), 1)


# --- alternatives --------------------------------------------------------------------------------


def _alternatives(type: Type, value: Any, path: str, found: Problems) -> None:
    rules = type.schema
    if "anyOf" in rules and not type.int_or_string:
        tried = [_try(part, value, path) for part in rules["anyOf"]]
        if all(tried):
            found.invalid(_NOWHERE, "", f'"{path}" must validate at least one schema (anyOf)')
            found += sorted(tried, key=len)[0]
    if "oneOf" in rules:
        tried = [_try(part, value, path) for part in rules["oneOf"]]
        good = sum(not one for one in tried)
        if good != 1:
            told = f"Found {good} valid alternatives" if good else "Found none valid"
            detail = f'"{path}" must validate one and only one schema (oneOf). {told}'
            found.invalid(_NOWHERE, "", detail)
            found += tried[0] if not good else []
    if "allOf" in rules:
        wrong = [cause for part in rules["allOf"] for cause in _try(part, value, path)]
        if wrong:
            found.invalid(_NOWHERE, "", f'"{path}" must validate all the schemas (allOf)')
            found += wrong
    if "not" in rules and not _try(rules["not"], value, path):
        found.invalid(_NOWHERE, "", f'"{path}" must not validate the schema (not)')


def _try(type: Type, value: Any, path: str) -> Problems:
    found = Problems()
    _check(type, value, path, found)
    return found


# --- formats -------------------------------------------------------------------------------------


_ENDS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", re.DOTALL)
"""An escape, a class of characters, or the end: what of them is the end is said otherwise."""
_END = {"$": r"\Z", r"\z": r"\Z"}
_NAMED_CLASS = re.compile(r"\[:\^?[a-z]+:\]")


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    """A pattern of Go's regexp; what Python cannot read, as [[:alpha:]], refuses nothing."""
    ours = _ENDS.sub(lambda part: _END.get(part[0], part[0]), text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of [[a]
            return re.compile("" if _NAMED_CLASS.search(text) else ours, re.ASCII)
    except re.error:
        return re.compile("")


def _good(checker: Callable[[str], Any], value: str) -> bool:
    try:
        return checker(value) is not False
    except ValueError:
        return False


_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_UUID = re.compile(r"(?i)[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")


def _date_time(value: str) -> bool:
    value = value.upper()
    return RFC_3339.fullmatch(value) is not None and bool(datetime.fromisoformat(value))


def _date(value: str) -> bool:
    return _DATE.fullmatch(value) is not None and bool(date.fromisoformat(value))


def _cidr(value: str) -> bool:
    return "/" in value and bool(ipaddress.ip_network(value, strict=False))


_FORMATS: dict[str, Callable[[str], Any]] = {
    "date-time": _date_time,
    "date": _date,
    "ipv4": ipaddress.IPv4Address,
    "ipv6": lambda value: "%" not in value and ipaddress.IPv6Address(value),
    "cidr": _cidr,
    "uuid": lambda value: _UUID.fullmatch(value) is not None,
}
