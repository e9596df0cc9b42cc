"""Sets of fields: their algebra against plain sets of paths, their spelling, what clients send."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddns.apiserver import fieldsets
from feddns.apiserver.fieldsets import FieldSet

Paths = frozenset[tuple[str, ...]]

_ELEMENTS = ("f:a", "f:b", 'k:{"name":"x"}', "v:1")
_PATHS = st.frozensets(
    st.lists(st.sampled_from(_ELEMENTS), min_size=1, max_size=4).map(tuple), max_size=8
)


def tree(paths: Paths) -> FieldSet:
    """The set with these members, in normal form."""
    made: FieldSet = {}
    for first in {path[0] for path in paths}:
        rest = frozenset(path[1:] for path in paths if path[0] == first)
        below = tree(frozenset(path for path in rest if path))
        made[first] = {".": {}, **below} if () in rest and below else below
    return made


def members(fields: FieldSet) -> Paths:
    found = set()
    for element, below in fields.items():
        if not below or "." in below:
            found.add((element,))
        inner = {key: part for key, part in below.items() if key != "."}
        found |= {(element, *path) for path in members(inner)}
    return frozenset(found)


@given(_PATHS, _PATHS)
def test_the_algebra_is_that_of_sets_of_paths(one: Paths, other: Paths) -> None:
    assert fieldsets.union(tree(one), tree(other)) == tree(one | other)
    assert fieldsets.intersection(tree(one), tree(other)) == tree(one & other)
    assert fieldsets.difference(tree(one), tree(other)) == tree(one - other)


@given(_PATHS, _PATHS)
def test_without_takes_what_is_below_too(one: Paths, other: Paths) -> None:
    left = frozenset(
        path for path in one if not any(path[: len(gone)] == gone for gone in other)
    )  # fmt: skip
    assert fieldsets.without(tree(one), tree(other)) == tree(left)


@given(_PATHS, _PATHS)
def test_nothing_is_changed(one: Paths, other: Paths) -> None:
    first, second = tree(one), tree(other)
    for act in (
        fieldsets.union, fieldsets.intersection, fieldsets.difference, fieldsets.without,
    ):  # fmt: skip
        act(first, second)
    assert (first, second) == (tree(one), tree(other))
    assert members(first) == one


@given(_PATHS)
def test_the_normal_form_stays_as_it_is(paths: Paths) -> None:
    assert fieldsets.canonical(tree(paths)) == tree(paths)


def test_elements_are_spelled_as_go_does() -> None:
    assert fieldsets.item_key(("port", "name"), 80, "a<b") == (
        'k:{"name":"a\\u003cb","port":80}'
    )  # fmt: skip
    assert fieldsets.item_key(("name", "zone"), "a", msgspec.UNSET) == 'k:{"name":"a"}'
    assert fieldsets.item_value("example.org/x") == 'v:"example.org/x"'
    assert fieldsets.item_value(True) == "v:true"
    assert fieldsets.item_key(("a",), 1) != fieldsets.item_key(("a",), True)


def test_paths_are_as_in_messages_members_first() -> None:
    fields = {
        "f:spec": {
            "f:replicas": {},
            "f:containers": {
                'k:{"port":443,"protocol":"TCP"}': {},
                'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:name": {}},
            },
        },
        "f:a": {},
        "f:finalizers": {'v:"x"': {}, "v:2": {}, "i:3": {}},
    }
    assert list(fieldsets.paths(fields)) == [
        ".a",
        ".finalizers[=2]", '.finalizers[="x"]', ".finalizers[3]",
        ".spec.replicas",
        '.spec.containers[port=80,protocol="TCP"]',
        '.spec.containers[port=443,protocol="TCP"]',
        '.spec.containers[port=80,protocol="TCP"].name',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"f:a": {".": {}}}, {"f:a": {}}),
        ({'k:{ "b": 1, "a": "x" }': {}}, {'k:{"a":"x","b":1}': {}}),
        ({'v: "x"': {"f:a": {}}}, {'v:"x"': {"f:a": {}}}),
        ({'k:{"b":{},"a":[1]}': {}}, {'k:{"a":[1],"b":{}}': {}}),
        ({"i:3": {}}, {"i:3": {}}),
        ({"z:later": {}, "f:a": {}}, {"f:a": {}}),
        ({}, {}),
    ],
)
def test_what_clients_send_is_put_into_normal_form(sent: Any, kept: Any) -> None:
    assert fieldsets.canonical(sent) == kept


@pytest.mark.parametrize(
    "sent",
    [[], {"f:a": 1}, {"a": {}}, {"k:[]": {}}, {"k:{": {}}, {"v:x": {}}, {'i:"x"': {}}, {"i:": {}}],
)
def test_what_is_no_set_is_refused(sent: Any) -> None:
    with pytest.raises(fieldsets.Malformed):
        fieldsets.canonical(sent)
