"""Strategic merge patches, row by row of the table."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddns.apiserver import patch
from feddns.apiserver.refusals import RequestRefused
from feddns.apiserver.schema import Type

_TEXT = Type("string")
_ITEM = Type("object", {
    "name": _TEXT, "value": _TEXT, "labels": Type("map", element=_TEXT),
    "args": Type("list", element=_TEXT),
})  # fmt: skip
OBJECT = Type("object", {
    "labels": Type("map", element=_TEXT),
    "items": Type("list", element=_ITEM, merge_key="name", strategy=("merge",)),
    "words": Type("list", element=_TEXT, strategy=("merge",)),
    "plain": Type("list", element=_TEXT),
    "nameless": Type("list", element=_ITEM, strategy=("merge",)),
    "part": Type("object", {"a": _TEXT, "b": _TEXT, "c": _TEXT}),
    "whole": Type("object", {"a": _TEXT, "b": _TEXT}, strategy=("replace",)),
})  # fmt: skip


def items(*names: str, **values: str) -> list[dict[str, str]]:
    return [{"name": name, **values} for name in names]


def names(found: Any) -> str:
    return "".join(item["name"] for item in found["items"])


@pytest.mark.parametrize(
    ("before", "change", "made"),
    [
        # fields
        ({"labels": {"a": "1"}}, {"labels": {"b": "2"}}, {"labels": {"a": "1", "b": "2"}}),
        ({"labels": {"a": "1"}}, {"labels": {"a": None}}, {"labels": {}}),
        ({}, {"labels": {"a": None, "b": "2"}}, {"labels": {"b": "2"}}),
        ({"part": {"a": "1"}}, {"part": {"$patch": "replace", "b": "2"}}, {"part": {"b": "2"}}),
        ({"part": {"a": "1"}}, {"part": {"$patch": "delete"}}, {"part": {}}),
        ({}, {"part": {"$patch": "delete"}}, {}),
        ({"whole": {"a": "1"}}, {"whole": {"b": "2"}}, {"whole": {"b": "2"}}),
        ({"part": {"a": "1", "b": "1", "c": "1"}},
         {"part": {"$retainKeys": ["a", "b"], "b": "2", "c": None}},
         {"part": {"a": "1", "b": "2"}}),
        # lists
        ({"plain": ["a"]}, {"plain": ["b"]}, {"plain": ["b"]}),
        ({"words": ["a", "b"]}, {"words": ["c", "a"]}, {"words": ["c", "a", "b"]}),
        ({"words": ["a", "b"]}, {"$deleteFromPrimitiveList/words": ["a", "z"]}, {"words": ["b"]}),
        ({}, {"$deleteFromPrimitiveList/words": ["a"]}, {}),
        ({"words": ["a", "b"]}, {"$setElementOrder/words": ["b", "a"]}, {"words": ["b", "a"]}),
        ({"words": ["a"]}, {"$setElementOrder/words": ["b", "a"], "words": ["b"]},
         {"words": ["b", "a"]}),
        ({"items": items("a", value="1")}, {"items": [{"name": "a", "value": "2"}]},
         {"items": items("a", value="2")}),
        ({"items": items("a", "b")}, {"items": [{"name": "a", "$patch": "delete"}]},
         {"items": items("b")}),
        ({"items": items("a", "b")}, {"items": [{"$patch": "replace"}, *items("c")]},
         {"items": items("c")}),
        ({}, {"items": [*items("a"), {"name": "b", "$patch": "delete"}]}, {"items": items("a")}),
        ({"items": items("a")}, {"items": None}, {}),
        ({"items": []}, {"items": []}, {"items": []}),
        ({"items": items("a", "a", value="1")},
         {"items": [{"name": "a", "value": "2"}, *items("b"), {"name": "b", "value": "3"}]},
         {"items": [*items("a", value="2"), *items("a", value="1"), *items("b", value="3")]}),
        ({"items": items("a", "c", "b", "a")},
         {"items": [{"name": "a", "$patch": "delete"}, {"name": "b", "$patch": "delete"}]},
         {"items": items("c")}),
        ({"words": ["a", True, 1]}, {"$deleteFromPrimitiveList/words": [1]},
         {"words": ["a", True]}),
    ],
)  # fmt: skip
def test_strategic_merge_patch(before: Any, change: Any, made: Any) -> None:
    kept = copy.deepcopy((before, change))
    assert patch.strategic(before, change, OBJECT) == made
    assert (before, change) == kept


@pytest.mark.parametrize(
    ("before", "given", "order", "made"),
    [
        ("abc", "", "cba", "cba"),
        ("abc", "d", "da", "dabc"),
        ("abc", "d", "ad", "adbc"),
        ("ab", "cd", "cadb", "cadb"),
        ("", "ab", "ab", "ab"),
        ("abcd", "", "db", "acdb"),
    ],
)
def test_the_order_of_items(before: str, given: str, order: str, made: str) -> None:
    """The named in the order, the others before what they were before on the server."""
    change: dict[str, Any] = {"$setElementOrder/items": items(*order)}
    if given:
        change["items"] = items(*given)
    assert names(patch.strategic({"items": items(*before)}, change, OBJECT)) == made


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"part": {"$patch": "x"}}, 500, "unknown patch type: x in map: map[$patch:x]"),
        ({"part": {"$retainKeys": "a"}}, 400, "invalid patch format of retainKeys"),
        ({"part": {"$retainKeys": ["a"], "b": "1"}}, 400, "invalid patch format of retainKeys"),
        ({"$deleteFromPrimitiveList": ["a"]}, 400, "invalid patch format of primitive list"),
        ({"$setElementOrder": ["a"]}, 400, "invalid patch format of setElementOrder list"),
        ({"$setElementOrder/words": "a"}, 500, "expected a []interface {}, but received a string"),
        ({"$setElementOrder/words": ["a"], "words": None}, 500,
         "expected a []interface {}, but received a %!s(<nil>)"),
        ({"$setElementOrder/words": ["a"], "words": ["b"]}, 500,
         "The order in patch list:\n[b]\n doesn't match $setElementOrder list:\n[a]\n"),
        ({"items": [{"value": "1"}]}, 500,
         "map: map[value:1] does not contain declared merge key: name"),
        ({"items": [{"name": "a", "$patch": "merge"}]}, 500,
         "merging lists cannot yet be specified in the patch"),
        ({"nameless": [{"name": "b"}]}, 500, "cannot merge lists without merge key for struct"),
        ({"words": [["a"]]}, 422, "lists of lists are not supported"),
        ({"words": [{"a": 1}]}, 500, "list element types are not identical: [a map[a:1]]"),
    ],
)  # fmt: skip
def test_strategic_merge_patches_that_are_none(change: Any, code: int, message: str) -> None:
    before = {"part": {"a": "1"}, "words": ["a"], "items": items("a"), "nameless": items("a")}
    with pytest.raises(RequestRefused) as refused:
        patch.strategic(before, change, OBJECT)
    assert (refused.value.code, refused.value.message) == (code, message)


def test_large_lists_take_no_long() -> None:
    before = {"items": [{"name": str(number)} for number in range(10_000)]}
    change = {"items": [{**item, "value": "x"} for item in before["items"]]}
    assert patch.strategic(before, change, OBJECT) == change


_NAMES = st.sampled_from([
    *OBJECT.fields, "name", "$patch", "$retainKeys", "$setElementOrder/items",
    "$setElementOrder/words", "$deleteFromPrimitiveList/words", "$deleteFromPrimitiveList",
])  # fmt: skip
_PATCHES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["a", "replace", "delete"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_NAMES, _PATCHES, max_size=4), st.dictionaries(_NAMES, _PATCHES, max_size=4))
def test_any_patch_is_done_or_refused(before: dict[str, Any], change: dict[str, Any]) -> None:
    try:
        made: Any = patch.strategic(before, change, OBJECT)
    except RequestRefused as refused:
        made = {} if refused.code in (400, 422, 500) else None
    assert isinstance(made, dict)
