"""Objects walked along their types, row by row of the table."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from feddns.apiserver import typed
from feddns.apiserver.schema import Type

TEXT = Type("string")
PAIR = Type("object", {"name": TEXT, "zone": Type("string", default="z"), "value": TEXT})
OBJECT = Type("object", {
    "text": TEXT, "number": Type("integer"), "yes": Type("boolean"),
    "either": Type(int_or_string=True), "size": Type("string", format="quantity"),
    "keyed": Type("list", element=PAIR, list_type="map", keys=("name", "zone")),
    "set": Type("list", element=TEXT, list_type="set"), "plain": Type("list", element=PAIR),
    "map": Type("map", element=TEXT), "whole": Type("map", element=TEXT, map_type="atomic"),
    "pair": PAIR, "free": Type(preserves_unknown=True),
})  # fmt: skip
A, B, AY = 'k:{"name":"a","zone":"z"}', 'k:{"name":"b","zone":"z"}', 'k:{"name":"a","zone":"y"}'


def pairs(names: str, **more: str) -> list[dict[str, str]]:
    return [{"name": name, **more} for name in names]


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        ({"text": "a", "number": 1}, {"f:text": {}, "f:number": {}}),
        ({"text": None}, {"f:text": {}}),
        ({"keyed": [{"name": "a"}]}, {"f:keyed": {A: {".": {}, "f:name": {}}}}),
        ({"keyed": [{"name": "a", "zone": "y"}]},
         {"f:keyed": {AY: {".": {}, "f:name": {}, "f:zone": {}}}}),
        ({"keyed": pairs("aa")}, {"f:keyed": {A: {}}}),
        ({"keyed": []}, {}),
        ({"set": ["x"]}, {"f:set": {'v:"x"': {}}}),
        ({"plain": pairs("a")}, {"f:plain": {}}),
        ({"map": {"a": "1"}}, {"f:map": {"f:a": {}}}),
        ({"map": {}}, {"f:map": {}}),
        ({"whole": {"a": "1"}}, {"f:whole": {}}),
        ({"pair": {"value": "1"}}, {"f:pair": {"f:value": {}}}),
        ({"free": {"a": {"b": 1}, "c": [1]}},
         {"f:free": {"f:a": {".": {}, "f:b": {}}, "f:c": {}}}),
    ],
)  # fmt: skip
def test_what_an_object_names(value: Any, fields: Any) -> None:
    assert typed.fields_of(value, OBJECT) == fields


@pytest.mark.parametrize(
    ("old", "new", "added", "modified", "removed"),
    [
        ({"text": "a"}, {"text": "b"}, {}, {"f:text": {}}, {}),
        ({}, {"text": "a"}, {"f:text": {}}, {}, {}),
        ({"text": "a"}, {}, {}, {}, {"f:text": {}}),
        ({}, {"pair": {"name": "a"}}, {"f:pair": {".": {}, "f:name": {}}}, {}, {}),
        ({"pair": {}}, {"pair": {"name": "a"}}, {"f:pair": {"f:name": {}}}, {}, {}),
        ({"pair": None}, {"pair": {}}, {}, {"f:pair": {}}, {}),
        ({"keyed": pairs("ab")}, {"keyed": pairs("ba")}, {}, {}, {}),
        ({"keyed": pairs("a")}, {"keyed": pairs("b")}, {"f:keyed": {B: {".": {}, "f:name": {}}}},
         {}, {"f:keyed": {A: {".": {}, "f:name": {}}}}),
        ({"keyed": pairs("a", value="1")}, {"keyed": pairs("a", value="2")}, {},
         {"f:keyed": {A: {"f:value": {}}}}, {}),
        ({"keyed": pairs("aa")}, {"keyed": pairs("a")},
         {"f:keyed": {A: {".": {}, "f:name": {}}}}, {}, {"f:keyed": {A: {}}}),
        ({"keyed": pairs("a")}, {"keyed": pairs("aa")}, {"f:keyed": {A: {}}}, {},
         {"f:keyed": {A: {".": {}, "f:name": {}}}}),
        ({"keyed": pairs("aa")}, {"keyed": pairs("aaa")}, {}, {"f:keyed": {A: {}}}, {}),
        ({"set": ["x", "y"]}, {"set": ["y", "z"]}, {"f:set": {'v:"z"': {}}}, {},
         {"f:set": {'v:"x"': {}}}),
        ({"plain": pairs("a")}, {"plain": pairs("b")}, {}, {"f:plain": {}}, {}),
        ({"whole": {"a": "1"}}, {"whole": {"b": "1"}}, {}, {"f:whole": {}}, {}),
        ({"map": {"a": "1", "b": "1"}}, {"map": {"a": "2", "c": "1"}}, {"f:map": {"f:c": {}}},
         {"f:map": {"f:a": {}}}, {"f:map": {"f:b": {}}}),
        ({"free": {"a": 1}}, {"free": {"a": {"b": 1}}}, {"f:free": {"f:a": {"f:b": {}}}},
         {"f:free": {"f:a": {}}}, {}),
    ],
)  # fmt: skip
def test_what_changes(old: Any, new: Any, added: Any, modified: Any, removed: Any) -> None:
    assert typed.compare(old, new, OBJECT) == (added, modified, removed)


@pytest.mark.parametrize(
    ("live", "applied", "made"),
    [
        ({"text": "a", "number": 1}, {"text": "b"}, {"text": "b", "number": 1}),
        ({"map": {"a": "1"}}, {"map": {"b": "2"}}, {"map": {"a": "1", "b": "2"}}),
        ({"map": {"a": "1"}}, {"map": None}, {"map": {"a": "1"}}),
        ({"text": "a"}, {"text": None}, {"text": None}),
        ({"whole": {"a": "1"}}, {"whole": {"b": "2"}}, {"whole": {"b": "2"}}),
        ({"plain": pairs("a")}, {"plain": pairs("b")}, {"plain": pairs("b")}),
        ({"keyed": pairs("a", value="1")}, {"keyed": pairs("a")},
         {"keyed": pairs("a", value="1")}),
        ({"free": {"a": {"x": 1}, "b": 1}}, {"free": {"a": {"y": 1}, "b": {"c": 1}}},
         {"free": {"a": {"x": 1, "y": 1}, "b": {"c": 1}}}),
    ],
)  # fmt: skip
def test_merging(live: Any, applied: Any, made: Any) -> None:
    kept = copy.deepcopy((live, applied))
    assert typed.merge(live, applied, OBJECT) == made
    assert (live, applied) == kept


@pytest.mark.parametrize(
    ("live", "applied", "made"),
    [
        ("abc", "", "abc"),
        ("", "abc", "abc"),
        ("abc", "ca", "bca"),
        ("abc", "bd", "abcd"),
        ("abcd", "db", "acdb"),
        ("ab", "xayb", "xayb"),
        ("abxcd", "dcba", "xdcba"),
    ],
)
def test_the_order_of_merged_items(live: str, applied: str, made: str) -> None:
    found = typed.merge({"set": list(live)}, {"set": list(applied)}, OBJECT)
    assert "".join(found["set"]) == made


@pytest.mark.parametrize(
    ("value", "gone", "left"),
    [
        ({"text": "a", "number": 1}, {"f:text": {}}, {"number": 1}),
        ({"map": {"a": "1", "b": "1"}}, {"f:map": {"f:a": {}}}, {"map": {"b": "1"}}),
        ({"map": {"a": "1"}}, {"f:map": {"f:a": {}}}, {"map": None}),
        ({"map": {"a": "1"}}, {"f:map": {".": {}, "f:z": {}}}, None),
        ({"keyed": pairs("ab")}, {"f:keyed": {A: {}}}, {"keyed": pairs("b")}),
        ({"keyed": pairs("a", value="1")}, {"f:keyed": {A: {"f:value": {}}}},
         {"keyed": pairs("a")}),
        ({"set": ["x", "y"]}, {"f:set": {'v:"x"': {}}}, {"set": ["y"]}),
    ],
)  # fmt: skip
def test_removal(value: Any, gone: Any, left: Any) -> None:
    assert typed.remove(value, gone, OBJECT) == left


def test_fields_that_hold_something_are_in_the_set_with_it() -> None:
    fields = {"f:pair": {"f:name": {}}, "f:map": {"f:a": {}}, "f:keyed": {A: {"f:value": {}}}}
    assert typed.with_structs(fields, OBJECT) == {
        "f:pair": {".": {}, "f:name": {}}, "f:map": {".": {}, "f:a": {}},
        "f:keyed": {".": {}, A: {"f:value": {}}},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"a": {}, "b": 1}, "whose key is no scalar"),
        ({"a": 1, "b": [1]}, "whose key is no scalar"),
        ({"c": 1}, r'omits all key fields \["a" "b"\]'), (None, "may not have a null element"),
        ([], "may not have non-map elements"),
    ],
)  # fmt: skip
def test_items_without_good_keys(item: Any, message: str) -> None:
    keyed = Type("list", element=Type("map", element=typed.ANY), list_type="map", keys=("a", "b"))
    with pytest.raises(typed.Mismatch, match=message):
        typed.element_of(keyed, item)
