"""Label selectors and field selectors, as text of a query and as in objects.

    text                          means
    a=b, a==b                     the label is there with this value
    a!=b                          it has another value, or is not there
    a in (b,c)                    one of these
    a notin (b,c)                 none of these, or not there
    a                             it is there
    !a                            it is not
    a>1, a<1                      it is an integer above, below
    x,y                           both

Pure.  Called by `apiserver`, for queries and for selectors in objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from feddns.errors import SelectorRefused


class Requirement(NamedTuple):
    """`operator`: In, NotIn, Exists, DoesNotExist, Gt, Lt."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
        (limit,) = self.values
        if value is None or not _INTEGER.fullmatch(value):
            return False
        return int(value) > int(limit) if self.operator == "Gt" else int(value) < int(limit)


Selector = tuple[Requirement, ...]
"""All of these; an empty one matches everything."""

_INTEGER = re.compile(r"[+-]?[0-9]+")
_TOKEN = re.compile(r"\s*(,|\(|\)|!=|==|=|!|>|<|[^\s,()=!<>]+)")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_SIGNS = {"=": "In", "==": "In", "!=": "NotIn", ">": "Gt", "<": "Lt"}
_SETS = {"in": "In", "notin": "NotIn"}


def matches(selector: Selector, labels: Mapping[str, str]) -> bool:
    return all(one.matches(labels) for one in selector)


def of_object(selector: Mapping[str, Any] | None) -> Selector | None:
    """Of a meta/v1 LabelSelector; None (which selects nothing) where there is none."""
    if selector is None:
        return None
    made = of_labels(selector.get("matchLabels") or {})
    expressions = selector.get("matchExpressions") or ()
    return made + tuple(
        Requirement(one["key"], one["operator"], frozenset(one.get("values") or ()))
        for one in expressions
    )


def of_labels(labels: Mapping[str, str]) -> Selector:
    """Of a plain map, as a Service's spec.selector."""
    return tuple(Requirement(key, "In", frozenset((value,))) for key, value in labels.items())


def parse(text: str) -> Selector:
    """A label selector of a query.  Raises `SelectorRefused`."""
    tokens = _tokens(text)
    found: list[Requirement] = []
    while tokens:
        found.append(_requirement(tokens))
        if tokens and tokens.pop(0) != ",":
            raise SelectorRefused("found '', expected: ',' or 'end of string'")
        elif not tokens and text.rstrip().endswith(","):
            raise SelectorRefused("found '', expected: identifier after ','")
    return tuple(found)


def _tokens(text: str) -> list[str]:
    return [match.group(1) for match in _TOKEN.finditer(text)]


def _requirement(tokens: list[str]) -> Requirement:
    """The next one, taken off the tokens."""
    absent = tokens[0] == "!"
    if absent:
        tokens.pop(0)
    key = _identifier(tokens)
    if absent or not tokens or tokens[0] == ",":
        return Requirement(key, "DoesNotExist" if absent else "Exists")
    sign = tokens.pop(0)
    if sign in _SETS:
        return Requirement(key, _SETS[sign], frozenset(_set(tokens)))
    if sign not in _SIGNS:
        raise SelectorRefused(
            f"unable to parse requirement: found '{sign}', expected: in, notin, =, ==, !=, gt, lt"
        )
    value = _value(tokens)
    if sign in "><" and not _INTEGER.fullmatch(value):
        raise SelectorRefused(
            f'unable to parse requirement: values[0][{key}]: Invalid value: "{value}": '
            "for 'Gt', 'Lt' operators, the value must be an integer"
        )
    return Requirement(key, _SIGNS[sign], frozenset((value,)))


def _identifier(tokens: list[str]) -> str:
    found = tokens.pop(0) if tokens else ""
    if not found or not (found[0].isalnum() or found[0] in "._-/"):
        raise SelectorRefused(f"unable to parse requirement: found '{found}', expected: identifier")
    prefix, slash, name = found.rpartition("/")
    if not _NAME.fullmatch(name) or (slash and not _PREFIX.fullmatch(prefix)):
        raise SelectorRefused(
            f'unable to parse requirement: <nil>: Invalid value: "{found}": name part must consist '
            "of alphanumeric characters, '-', '_' or '.', and must start and end with an "
            "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
            "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
        )
    return found


def _value(tokens: list[str]) -> str:
    """What follows a sign: nothing is the empty value."""
    if not tokens or tokens[0] == ",":
        return ""
    found = tokens.pop(0)
    if found in ("(", ")", "=", "==", "!=", "!", "<", ">"):
        raise SelectorRefused(f"unable to parse requirement: found '{found}', expected: identifier")
    return found


def _set(tokens: list[str]) -> Iterable[str]:
    opening = tokens.pop(0) if tokens else ""
    if opening != "(":
        raise SelectorRefused(f"unable to parse requirement: found '{opening}' expected: '('")
    values = [""]
    while tokens:
        token = tokens.pop(0)
        if token == ")":
            return values
        if token == ",":
            values.append("")
        elif values[-1]:
            break
        else:
            values[-1] = token
    raise SelectorRefused("unable to parse requirement: found '', expected: ',' or ')'")


# --- fields --------------------------------------------------------------------------------------


class FieldRequirement(NamedTuple):
    path: str
    value: str
    equal: bool


def parse_fields(text: str) -> tuple[FieldRequirement, ...]:
    """A field selector; `\\,`, `\\=` and `\\\\` in values are themselves.

    Raises `SelectorRefused`.
    """
    found = []
    for term in re.split(r"(?<!\\),", text):
        if not term:
            continue
        parts = re.split(r"(?<!\\)(!=|==|=)", term, maxsplit=1)
        if len(parts) == 1:
            raise SelectorRefused(f"invalid selector: '{text}'; can't understand '{term}'")
        path, sign, value = parts
        found.append(FieldRequirement(path, re.sub(r"\\([\\,=])", r"\1", value), sign != "!="))
    return tuple(found)


def field(obj: Mapping[str, Any], path: str) -> str:
    """The value at a dotted path as text; empty where there is none."""
    value: Any = obj
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
