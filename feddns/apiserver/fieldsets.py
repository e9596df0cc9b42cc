"""Sets of an object's fields, as `managedFields` writes them (FieldsV1 of meta/v1).

A set is the decoded JSON of a FieldsV1 and nothing else: a tree of dicts.

    element        stands for                             in messages
    f:NAME         a field of an object, a key of a map   .NAME
    k:{"a":1}      an item of a list with keys            [a=1]
    v:VALUE        an item of a set                       [=VALUE]
    i:NUMBER       an item by its place                   [NUMBER]

    what lies at an element    means
    {}                         the element is in the set
    {".": {}, …}               the element is in the set, and what is below
    {…}                        only what is below is in the set

Sets are values: every function here makes a new one and may share parts with those it was given,
so nobody changes a set.  Pure.  Called by `typed`, which makes sets from objects, and by `apply`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeAlias

import msgspec

FieldSet: TypeAlias = "dict[str, Any]"

SELF = "."
_MEMBER: FieldSet = {}


class Malformed(ValueError):
    """No FieldsV1.  The text names the place."""


# --- elements ----------------------------------------------------------------------------------


@lru_cache(4096, typed=True)
def item_key(names: tuple[str, ...], *values: Any) -> str:
    """The element of a list's item with these keys and values.  A key may be `msgspec.UNSET`."""
    pairs = zip(names, values, strict=True)
    return f"k:{spell({name: value for name, value in pairs if value is not msgspec.UNSET})}"


def item_value(value: Any) -> str:
    """The element of a set's item."""
    return f"v:{spell(value)}"


def spell(value: Any) -> str:
    """JSON as Go's encoder writes it: keys in order, the marks of HTML escaped."""
    text = msgspec.json.encode(value, order="sorted").decode()
    if "<" in text or ">" in text or "&" in text:
        for mark, escaped in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
            text = text.replace(mark, escaped)
    return text


# --- algebra -----------------------------------------------------------------------------------


def union(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in the one or in the other."""
    if not one or not other or one is other:
        return one or other
    made = dict(one)
    for element, below in other.items():
        here = made.get(element)
        made[element] = below if here is None else _joined(here, below)
    return made


def _joined(one: FieldSet, other: FieldSet) -> FieldSet:
    """The union of what lies at one element: an empty dict is the element itself here."""
    if not one or not other:
        below = one or other
        return below if SELF in below or not below else {SELF: _MEMBER, **below}
    return union(one, other)


def intersection(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in both."""
    made = {}
    for element, below in one.items():
        there = other.get(element)
        if there is None:
            continue
        common = {} if not below or not there else intersection(below, there)
        both = _has_self(below) and _has_self(there)
        if common or both:
            made[element] = _with_self(common) if both else common
    return made


def difference(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in the one and not in the other.  An element does not take what is below it along."""
    return _less(one, other, _apart)


def without(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in the one, without every element of the other and all that is below it."""
    return _less(one, other, _cut)


def _less(
    one: FieldSet, other: FieldSet, rest: Callable[[FieldSet, FieldSet], FieldSet | None]
) -> FieldSet:
    """The one, with `rest` of what lies at the elements of both; None is nothing."""
    if not one or not other:
        return one
    made = {}
    for element, below in one.items():
        there = other.get(element)
        left = below if there is None else rest(below, there)
        if left is not None:
            made[element] = left
    return made


def _apart(below: FieldSet, there: FieldSet) -> FieldSet | None:
    rest = difference(_below(below), there)
    if _has_self(below) and not _has_self(there):
        return _with_self(rest)
    return rest or None


def _cut(below: FieldSet, there: FieldSet) -> FieldSet | None:
    if _has_self(there):
        return None
    rest = without(below, there)
    if not rest and below:
        return None
    return _MEMBER if rest.keys() == {SELF} else rest


def _has_self(below: FieldSet) -> bool:
    return not below or SELF in below


def _below(below: FieldSet) -> FieldSet:
    if SELF not in below:
        return below
    return {element: part for element, part in below.items() if element != SELF}


def _with_self(below: FieldSet) -> FieldSet:
    """`below` with its element, in normal form."""
    if not below or SELF in below:
        return below if len(below) != 1 else _MEMBER
    return {SELF: _MEMBER, **below}


# --- text --------------------------------------------------------------------------------------


def paths(fields: FieldSet) -> Iterator[str]:
    """Every member as messages name it, members first and then what is below them."""
    order = sorted((element for element in fields if element != SELF), key=_rank)
    for element in order:
        if _has_self(fields[element]):
            yield name(element)
    for element in order:
        for path in paths(fields[element]):
            yield name(element) + path


def _rank(element: str) -> tuple[int, Any]:
    """Fields before keys before values before places; values of different types by their type."""
    kind, text = element[0], element[2:]
    if kind == "f":
        return 0, text
    value = msgspec.json.decode(text)
    if kind == "k":
        return 1, [(key, _order(part)) for key, part in value.items()]
    return "fkvi".index(kind), _order(value)


def _order(value: Any) -> tuple[int, Any]:
    if isinstance(value, bool):
        return 2, value
    if isinstance(value, int | float):
        return 0, value
    return (1, value) if isinstance(value, str) else (3, "")


def name(element: str) -> str:
    """The element as messages have it."""
    kind, text = element[0], element[2:]
    if kind == "f":
        return f".{text}"
    if kind == "k":
        keys = msgspec.json.decode(text)
        return f"[{','.join(f'{key}={_quoted(value)}' for key, value in keys.items())}]"
    return f"[={text}]" if kind == "v" else f"[{text}]"


def _quoted(value: Any) -> str:
    return msgspec.json.encode(value).decode()


# --- what clients send -------------------------------------------------------------------------


def canonical(fields: Any, place: str = "fieldsV1") -> FieldSet:
    """A client's FieldsV1 in normal form and in our spelling.

    Elements of a kind unknown here are left out, as a later version may know them.  Raises
    `Malformed`.
    """
    if not isinstance(fields, dict):
        raise Malformed(f"{place}: not an object")
    made: FieldSet = {}
    for element, below in fields.items():
        if element == SELF:
            made[SELF] = _MEMBER
            continue
        spelled = _respelled(element, place)
        if spelled:
            inner = canonical(below, f"{place}.{element}")
            made[spelled] = _MEMBER if inner.keys() == {SELF} else inner
    return made


def _respelled(element: str, place: str) -> str:
    kind, colon, text = element[:1], element[1:2], element[2:]
    if colon != ":":
        raise Malformed(f"{place}: missing colon: {element}")
    if kind == "f":
        return element
    if kind not in ("k", "v", "i"):
        return ""
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise Malformed(f"{place}: {element}: {error}") from error
    if kind == "k":
        if not isinstance(value, dict):
            raise Malformed(f"{place}: {element}: not an object")
        return f"k:{spell(value)}"
    if kind == "i" and value.__class__ is not int:
        raise Malformed(f"{place}: {element}: not a number")
    return item_value(value) if kind == "v" else element
