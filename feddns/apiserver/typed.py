"""Objects walked along their types: compared, merged, cut, and turned into sets of fields.

What a node is, is its type's business; what happens to it, is here:

    node                          is compared, merged and owned
    string, number, boolean       as a whole
    list, atomic                  as a whole
    list, set                     item by item; an item is its value
    list, map                     item by item; an item is its keys (a missing key has its default)
    object or map, atomic         as a whole
    object or map                 field by field, key by key
    anything, where allowed       maps key by key, the rest as a whole
    two empty containers          as a whole, so that null and empty stay different

Pure.  Called by `apply`.  Objects are never changed; what is made may share parts with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import msgspec

from feddns.apiserver import fieldsets, gotext
from feddns.apiserver.fieldsets import SELF, FieldSet
from feddns.apiserver.schema import Type

Items: TypeAlias = dict[str, list[Any]]

ANY = Type(preserves_unknown=True)
_MEMBER: FieldSet = {}


class Changes(NamedTuple):
    """What an object has more, otherwise and no longer than another."""

    added: FieldSet
    modified: FieldSet
    removed: FieldSet


class Mismatch(ValueError):
    """An object is not of its type.  The text names the place."""


# --- types -------------------------------------------------------------------------------------


def _granular(type: Type, *values: Any) -> str:
    """object or list where the node is more than its whole; empty where it is one thing."""
    shape = type.shape
    if shape in ("object", "map"):
        return "" if type.map_type == "atomic" else "object"
    if shape == "list":
        return "list" if type.list_type in ("map", "set") else ""
    if shape == "any" and not type.int_or_string:
        return "object" if any(isinstance(value, dict) for value in values) else ""
    return ""


def child(type: Type, name: str) -> Type:
    """The type of a field or of a key."""
    return type.fields.get(name) or type.element or ANY


# --- lists -------------------------------------------------------------------------------------


def element_of(type: Type, item: Any) -> str:
    """The element of an item of a set or of a list with keys.  Raises `Mismatch`."""
    if type.list_type == "set":
        if item is None or isinstance(item, dict | list):
            what = "a map type" if isinstance(item, dict) else "an explicit null"
            raise Mismatch(f"associative list without keys has an element that's {what}")
        return fieldsets.item_value(item)
    if not isinstance(item, dict):
        what = "a null element" if item is None else "non-map elements"
        raise Mismatch(f"associative list with keys may not have {what}")
    element = type.element or ANY
    values = [item[name] if name in item else child(element, name).default for name in type.keys]
    if any(isinstance(value, dict | list) for value in values):
        raise Mismatch("associative list with keys has an element whose key is no scalar")
    if any(value is not msgspec.UNSET for value in values):
        return fieldsets.item_key(type.keys, *values)
    names = " ".join(f'"{name}"' for name in type.keys)
    raise Mismatch(
        f"associative list with keys has an element that omits all key fields [{names}] "
        "(and doesn't have default values for any key fields)"
    )


def _byelement_of(type: Type, items: list[Any] | None) -> Items:
    """The items by element, several where there are duplicates; in their order."""
    if not isinstance(items, list | None):
        raise Mismatch(f"expected list, got &{{{gotext.shown(items)}}}")
    found: Items = {}
    for item in items or ():
        found.setdefault(element_of(type, item), []).append(item)
    return found


# --- sets from objects -------------------------------------------------------------------------


def fields_of(value: Any, type: Type) -> FieldSet:
    """What an object names: its leaves, the items of its lists, the keys of its maps."""
    return _fields(value, type) or {}


def _fields(value: Any, type: Type) -> FieldSet | None:
    """What is at a node and below; None where there is nothing to own."""
    shape = _granular(type, value)
    if shape == "object":
        if not isinstance(value, dict):
            return None
        return _fields_of_object(value, type) or None
    if shape == "list":
        return _fields_of_list(value, type) or None if isinstance(value, list) else None
    return _MEMBER


def _fields_of_object(value: dict[str, Any], type: Type) -> FieldSet:
    made = {}
    for name, part in value.items():
        known = type.fields.get(name)
        if isinstance(part, str):
            made[f"f:{name}"] = _MEMBER
            continue
        below = _fields(part, known or type.element or ANY)
        if known is None or part is None or part == {}:
            below = _owned(below)
        if below is not None:
            made[f"f:{name}"] = below
    return made


def _fields_of_list(value: list[Any], type: Type) -> FieldSet:
    made: FieldSet = {}
    for element, items in _byelement_of(type, value).items():
        many = len(items) > 1
        made[element] = _MEMBER if many else _owned(_fields(items[0], type.element or ANY))
    return made


def _owned(below: FieldSet | None) -> FieldSet:
    """What is below, and the element itself."""
    if not below:
        return _MEMBER
    return below if SELF in below else {SELF: _MEMBER, **below}


def _whole(value: Any, type: Type) -> FieldSet:
    """A node that came or went: every element in it, itself included."""
    shape = _granular(type, value) if value else ""
    below = None
    if shape == "object" and isinstance(value, dict):
        below = {f"f:{name}": _whole(part, child(type, name)) for name, part in value.items()}
    elif shape == "list" and isinstance(value, list):
        below = {
            element: _whole(items[0], type.element or ANY) if len(items) == 1 else _MEMBER
            for element, items in _byelement_of(type, value).items()
        }
    return _owned(below)


# --- comparison --------------------------------------------------------------------------------


def compare(old: dict[str, Any], new: dict[str, Any], type: Type) -> Changes:
    """What changes from the old object to the new one."""
    changes = Changes({}, {}, {})
    if old != new:
        _compare_objects(old, new, type, changes)
    return changes


def _compare(old: Any, new: Any, type: Type, changes: Changes) -> bool:
    """Both are there and are not equal.  Whether the node changed as a whole."""
    shape = _granular(type, old, new) if old or new else ""
    if shape == "object" and not _are(dict, old, new):
        was, now = (one if isinstance(one, dict) else {} for one in (old, new))
        _compare_objects(was, now, type, changes)
        return True
    if shape == "object":
        _compare_objects(old or {}, new or {}, type, changes)
    elif shape == "list":
        _compare_lists(old, new, type, changes)
    return not shape


def _compare_objects(
    old: dict[str, Any], new: dict[str, Any], type: Type, changes: Changes
) -> None:
    for name, value in old.items():
        if name not in new:
            changes.removed[f"f:{name}"] = _whole(value, child(type, name))
        elif value != new[name]:
            _descend(f"f:{name}", (value, new[name]), child(type, name), changes)
    for name, value in new.items():
        if name not in old:
            changes.added[f"f:{name}"] = _whole(value, child(type, name))


def _compare_lists(old: Any, new: Any, type: Type, changes: Changes) -> None:
    """Items that are there twice count as one thing together."""
    before, after, inner = _byelement_of(type, old), _byelement_of(type, new), type.element or ANY
    for element in {**before, **after}:
        was, now = before.get(element, []), after.get(element, [])
        if was == now:
            continue
        if len(was) <= 1 and len(now) <= 1:
            if was and now:
                _descend(element, (was[0], now[0]), inner, changes)
            elif now:
                changes.added[element] = _whole(now[0], inner)
            else:
                changes.removed[element] = _whole(was[0], inner)
        elif len(was) > 1 and len(now) > 1:
            changes.modified[element] = _MEMBER
        elif len(was) > 1:
            changes.removed[element] = _MEMBER
            if now:
                changes.added[element] = _whole(now[0], inner)
        else:
            changes.added[element] = _MEMBER
            if was:
                changes.removed[element] = _whole(was[0], inner)


def _descend(element: str, pair: tuple[Any, Any], type: Type, changes: Changes) -> None:
    below = Changes({}, {}, {})
    if _compare(*pair, type, below):
        changes.modified[element] = _MEMBER
    if below.added:
        changes.added[element] = below.added
    if below.modified:
        changes.modified[element] = below.modified
    if below.removed:
        changes.removed[element] = below.removed


# --- merging -----------------------------------------------------------------------------------


def merge(live: Any, applied: Any, type: Type) -> Any:
    """The live object with what is applied put into it.  Takes nothing away."""
    shape = _granular(type, live, applied) if live or applied else ""
    if shape == "object" and _are(dict, live, applied):
        made = dict(live or {})
        for name, value in (applied or {}).items():
            there = made.get(name)
            if there and not isinstance(value, str):
                value = merge(there, value, child(type, name))
            made[name] = value
        return made
    if shape == "list" and _are(list, live, applied):
        return _merge_lists(live or [], applied or [], type)
    return applied


def _are(kind: type, *values: Any) -> bool:
    return all(value is None or isinstance(value, kind) for value in values)


def _merge_lists(live: list[Any], applied: list[Any], type: Type) -> list[Any]:
    """The order is that of the applied items, with the others left where they were among them."""
    items = {element: found[0] for element, found in _byelement_of(type, applied).items()}
    there = {
        element: found[0] if len(found) == 1 else None
        for element, found in _byelement_of(type, live).items()
    }
    inner = type.element or ANY
    made = []
    for element, at in _order([element_of(type, item) for item in live], list(items)):
        if element not in items:
            made.append(live[at])
        else:
            one = there.get(element)
            made.append(items[element] if one is None else merge(one, items[element], inner))
    return made


def _order(live: list[str], applied: list[str]) -> Iterator[tuple[str, int]]:
    """The elements of both lists in the order of the merged one, with their places in `live`.

    `following` is the next element that both have, in the applied order: another one of `live`
    that is applied too waits for its turn.
    """
    known, wanted, done = set(live), set(applied), set()
    shared = iter([element for element in applied if element in known])
    following = next(shared, None)
    at = place = 0
    while at < len(live) or place < len(applied):
        here = live[at] if at < len(live) else None
        turn = applied[place] if place < len(applied) else None
        if here is not None and here not in wanted:
            yield here, at
            at += 1
            continue
        if here is not None and turn is not None and here != turn and following not in (None, here):
            at += 1
            continue
        if here is not None and (here == turn or here in done):
            at += 1
        if turn is not None:
            yield turn, -1
            done.add(turn)
            place += 1
            if turn in (following, here):
                following = next(shared, None)


# --- removal -----------------------------------------------------------------------------------


def remove(value: Any, gone: FieldSet, type: Type) -> Any:
    """The value without these elements and all that is in them.

    A container that loses its last element is null then.
    """
    if not gone or not isinstance(value, dict | list):
        return value
    shape = _granular(type, value)
    if shape == "object" and isinstance(value, dict):
        return {
            name: remove(part, below, child(type, name)) if below else part
            for name, part in value.items()
            if (below := gone.get(f"f:{name}")) is None or (below and SELF not in below)
        } or None
    if shape == "list" and isinstance(value, list):
        kept = []
        for item in value:
            below = gone.get(element_of(type, item))
            if below is None:
                kept.append(item)
            elif below and SELF not in below:
                kept.append(remove(item, below, type.element or ANY))
        return kept or None
    return None


def with_structs(fields: FieldSet, type: Type) -> FieldSet:
    """The set, with every field of an object that has something of the set below it."""
    made = {}
    for element, below in fields.items():
        if not below:
            made[element] = below
        elif element[0] == "f":
            inner = with_structs(below, child(type, element[2:]))
            made[element] = _owned(inner) if element[2:] in type.fields else inner
        else:
            made[element] = with_structs(below, type.element or ANY)
    return made
