"""Strategic merge patches: lists are merged by key, and directives say what else is to be done.

    in a patch                            means
    null                                  the field goes
    $patch: replace, delete               of an object, of an item, of a list as an item
    $retainKeys: [a, b]                   the other fields go
    $deleteFromPrimitiveList/NAME: [v]    these items go
    $setElementOrder/NAME: [v] or [{k}]   the order of the items, of those that it names
    a list of strategy merge              by merge key; items without key (primitives) once each
    any other list                        replaces

Pure.  Called by `patch`.  The object and the patch stay as they are.
"""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec

from feddns.apiserver import gotext
from feddns.apiserver.refusals import RequestRefused
from feddns.apiserver.schema import Type
from feddns.apiserver.typed import child

_MAP = "map[string]interface {}"
_DIRECTIVE = "$patch"
_RETAIN_KEYS = "$retainKeys"
_DELETE = "$deleteFromPrimitiveList"
_ORDER = "$setElementOrder"


def merge(obj: dict[str, Any], patch: dict[str, Any], type: Type) -> dict[str, Any]:
    """The object with the patch merged into it along its type.  Raises `RequestRefused`."""
    return _merge_object(obj, patch, type)


def _merge_object(original: dict[str, Any], patch: dict[str, Any], type: Type) -> dict[str, Any]:
    if _DIRECTIVE in patch:
        return _directed(patch)
    made, patch = dict(original), dict(patch)
    if _RETAIN_KEYS in patch:
        _retain(made, patch)
    for key in [key for key in patch if key.startswith(_ORDER)]:
        _merge_in_order(made, patch, key, type)
    for key, value in patch.items():
        deletes = key.startswith(_DELETE)
        name = _name_in(key, "invalid patch format of primitive list") if deletes else key
        if value is None:
            made.pop(name, None)
        elif name in made and _same_kind(made[name], value):
            made[name] = _merged(made[name], value, child(type, name), deletes=deletes)
            if made[name] is _GONE:
                del made[name]
        elif not deletes:
            new = _without_directives(without_nulls(value))
            made.pop(name, None)
            if new is not _GONE:
                made[name] = new
    return made


def _directed(patch: dict[str, Any]) -> dict[str, Any]:
    """An object with a directive stands for itself."""
    if patch[_DIRECTIVE] == "replace":
        return {name: value for name, value in patch.items() if name != _DIRECTIVE}
    if patch[_DIRECTIVE] == "delete":
        return {}
    _unknown_directive(patch)


def _unknown_directive(patch: dict[str, Any]) -> NoReturn:
    text = f"unknown patch type: {gotext.shown(patch[_DIRECTIVE])} in map: {gotext.shown(patch)}"
    raise RequestRefused(500, "", text)


def _merged(original: Any, value: Any, type: Type, *, deletes: bool = False) -> Any:
    """Two values of the same kind in one."""
    if isinstance(value, dict):
        return value if "replace" in type.strategy else _merge_object(original, value, type)
    if isinstance(value, list):
        if "merge" in type.strategy or deletes:
            return _merge_list(original, value, type, deletes=deletes)
        return value
    return value


def _same_kind(one: Any, other: Any) -> bool:
    kinds = (dict, list, str, bool, int, float)
    return any(isinstance(one, kind) and isinstance(other, kind) for kind in kinds)


class _Gone:
    """What is not there once the directives are followed."""


_GONE = _Gone()


def _without_directives(value: Any) -> Any:
    """A value for a place where nothing was: what has a directive of its own is left out."""
    if isinstance(value, dict):
        if _DIRECTIVE in value:
            return _GONE
        parts = ((name, _without_directives(part)) for name, part in value.items())
        return {name: part for name, part in parts if part is not _GONE}
    if isinstance(value, list):
        return [part for part in map(_without_directives, value) if part is not _GONE]
    return value


def _name_in(key: str, message: str) -> str:
    """The field's name after the directive's."""
    _, slash, name = key.partition("/")
    if not slash:
        raise _bad_format(message)
    return name


def _retain(made: dict[str, Any], patch: dict[str, Any]) -> None:
    """Only the fields that the patch names stay; what it sets must be among them."""
    named = patch.pop(_RETAIN_KEYS)
    if not isinstance(named, list) or any(
        value is not None and not key.startswith((_DELETE, _ORDER)) and key not in named
        for key, value in patch.items()
    ):
        raise _bad_format("invalid patch format of retainKeys")
    for name in [name for name in made if name not in named]:
        del made[name]


# --- lists -------------------------------------------------------------------------------------


def _merge_list(original: list[Any], patch: list[Any], type: Type, *, deletes: bool) -> list[Any]:
    if not original and not patch:
        return original
    if not _of_objects(original, patch):
        if deletes:
            gone = set(map(_hashed, patch))
            return [item for item in original if _hashed(item) not in gone]
        return _ordered(_once([*original, *patch]), patch, original, "")
    key = type.merge_key
    if not key:
        raise RequestRefused(500, "", "cannot merge lists without merge key for struct")
    original, patch = _follow_directives(original, patch, key)
    return _ordered(_by_key(original, patch, type), patch, original, key)


def _by_key(original: list[Any], patch: list[Any], type: Type) -> list[Any]:
    """The items of both; those of a key are one, the first of them on the server."""
    merged, key, places = list(original), type.merge_key, dict[Any, int]()
    for at, item in enumerate(merged):
        if key in item:
            places.setdefault(_hashed(item[key]), at)
    for item in patch:
        at = places.setdefault(_hashed(_key_of(item, key)), len(merged))
        if at == len(merged):
            merged.append(item)
        else:
            merged[at] = _merge_object(merged[at], item, type.element or Type())
    return merged


def _of_objects(*lists: list[Any]) -> bool:
    """Whether the items are objects; all must be of one kind, and none a list."""
    kinds = {isinstance(item, dict) for items in lists for item in items}
    if any(isinstance(item, list) for items in lists for item in items):
        raise RequestRefused(422, "Invalid", "lists of lists are not supported", {})
    if len(kinds) > 1:
        shown = gotext.shown([item for items in lists for item in items])
        raise RequestRefused(500, "", f"list element types are not identical: {shown}")
    return kinds == {True}


def _follow_directives(
    original: list[Any], patch: list[Any], key: str
) -> tuple[list[Any], list[Any]]:
    """The list without what the patch deletes, and the patch without its directives."""
    plain, gone, replaces = [], set(), False
    for item in patch:
        directive = item.get(_DIRECTIVE)
        if _DIRECTIVE not in item:
            plain.append(item)
        elif directive == "delete":
            gone.add(_hashed(_key_of(item, key)))
        elif directive == "replace":
            replaces = True
        elif directive == "merge":
            raise RequestRefused(500, "", "merging lists cannot yet be specified in the patch")
        else:
            _unknown_directive(item)
    if replaces:
        return plain, []
    return [one for one in original if key not in one or _hashed(one[key]) not in gone], plain


def _merge_in_order(
    made: dict[str, Any], patch: dict[str, Any], directive: str, type: Type
) -> None:
    """Merge the list that the directive names, and put it in its order.

    Takes the directive and the list out of the patch.
    """
    order = patch.pop(directive)
    name = _name_in(directive, "invalid patch format of setElementOrder list")
    inner, lists = child(type, name), (order, made.get(name, _GONE), patch.pop(name, _GONE))
    for value in lists:
        if not isinstance(value, list) and value is not _GONE:
            what = "%!s(<nil>)" if value is None else gotext.type_of(value)
            text = f"expected a []interface {{}}, but received a {what}"
            raise RequestRefused(500, "", text)
    _, there, given = (None if value is _GONE else value for value in lists)
    if there is None and given is None:
        return
    key = inner.merge_key
    _check_order(given or [], order, key)
    if given is None:
        merged = there
    elif there is None:
        merged = _without_directives(given)
    else:
        merged = _merged(there, given, inner)
    made[name] = _ordered(merged or [], order, there or [], key)


def _check_order(patch: list[Any], order: list[Any], key: str) -> None:
    """What the patch has must be in the order, and in that order."""
    if not patch or not order:
        return
    left = iter(_key_of(item, key) for item in order)
    for item in patch:
        if isinstance(item, dict) and _DIRECTIVE in item:
            continue
        wanted = _key_of(item, key)
        if not any(wanted == one for one in left):
            text = (
                f"The order in patch list:\n{gotext.shown(patch)}\n "
                f"doesn't match {_ORDER} list:\n{gotext.shown(order)}\n"
            )
            raise RequestRefused(500, "", text)


def _ordered(merged: list[Any], order: list[Any], server: list[Any], key: str) -> list[Any]:
    """What the order names in its order, and the rest in the server's, put in between.

    One of the rest goes before the first of the named that comes later on the server.
    """
    places = {_hashed(_key_of(item, key)): at for at, item in reversed(list(enumerate(order)))}
    before = {_hashed(_key_of(item, key)): at for at, item in reversed(list(enumerate(server)))}
    keyed = [(_hashed(_key_of(item, key)), item) for item in merged]
    named = sorted((one for one in keyed if one[0] in places), key=lambda one: places[one[0]])
    rest = sorted(
        (one for one in keyed if one[0] not in places), key=lambda one: before.get(one[0], -1)
    )
    made, at = [], 0
    for spelled, item in rest:
        while at < len(named):
            mine, other = before.get(spelled), before.get(named[at][0])
            if mine is not None and other is not None and mine < other:
                break
            made.append(named[at][1])
            at += 1
        made.append(item)
    return made + [item for _, item in named[at:]]


def _hashed(value: Any) -> Any:
    """A value to find things by; true is not 1."""
    return (type(value), value) if isinstance(value, str | bool) else msgspec.json.encode(value)


def _key_of(item: Any, key: str) -> Any:
    if not key:
        return item
    if not isinstance(item, dict):
        text = f"expected a {_MAP}, but received a {gotext.type_of(item)}"
        raise RequestRefused(500, "", text)
    if key not in item:
        text = f"map: {gotext.shown(item)} does not contain declared merge key: {key}"
        raise RequestRefused(500, "", text)
    return item[key]


def _once(items: list[Any]) -> list[Any]:
    return list({_hashed(item): item for item in items}.values())


def _bad_format(message: str) -> RequestRefused:
    return RequestRefused(400, "BadRequest", message)


def without_nulls(value: Any) -> Any:
    """Fields of null go, also of the objects in lists; items of null stay."""
    if isinstance(value, dict):
        return {name: without_nulls(part) for name, part in value.items() if part is not None}
    return [without_nulls(part) for part in value] if isinstance(value, list) else value
