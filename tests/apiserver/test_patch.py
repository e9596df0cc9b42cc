"""The three kinds of patches, row by row of their tables."""

from __future__ import annotations

import copy
from typing import Any

import pytest

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


# --- JSON patch --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "made"),
    [
        ({"op": "add", "path": "/a", "value": 1}, {"a": 1, "list": [1, 2]}),
        ({"op": "add", "path": "/a"}, {"a": None, "list": [1, 2]}),
        ({"op": "add", "path": "/list/-", "value": 3}, {"list": [1, 2, 3]}),
        ({"op": "add", "path": "/list/-1", "value": 3}, {"list": [1, 2, 3]}),
        ({"op": "add", "path": "/list/2", "value": 3}, {"list": [1, 2, 3]}),
        ({"op": "remove", "path": "/list/-1"}, {"list": [1]}),
        ({"op": "replace", "path": "/list/01", "value": 3}, {"list": [1, 3]}),
        ({"op": "replace", "path": "/new", "value": 3}, {"list": [1, 2], "new": 3}),
        ({"op": "copy", "from": "/no", "path": "/a"}, {"a": None, "list": [1, 2]}),
        ({"op": "move", "from": "/list/0", "path": "/list/1"}, {"list": [2, 1]}),
        ({"op": "test", "path": "/no", "value": None}, {"list": [1, 2]}),
        ({"op": "test", "path": "/list", "value": [1, 2]}, {"list": [1, 2]}),
        ({"op": "test", "path": "", "value": {"list": [1, 2]}}, {"list": [1, 2]}),
        ({"op": "replace", "path": "", "value": {"a": 1}}, {"a": 1}),
    ],
)
def test_operations(operation: dict[str, Any], made: Any) -> None:
    before = {"list": [1, 2]}
    assert patch.json_patch(before, [operation]) == made
    assert before == {"list": [1, 2]}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/no"},
        {"op": "remove", "path": ""},
        {"op": "add", "path": "/no/where", "value": 1},
        {"op": "add", "path": "", "value": {}},
        {"op": "add", "value": 1},
        {"op": "add", "path": "/list/9", "value": 1},
        {"op": "add", "path": "/list/x", "value": 1},
        {"op": "add", "path": "/list/0/x", "value": 1},
        {"op": "replace", "path": "/list/2", "value": 1},
        {"op": "replace", "path": "", "value": 1},
        {"op": "test", "path": "/list", "value": [1]},
        {"op": "test", "path": "/no", "value": 1},
        {"op": "move", "from": "/no", "path": "/a"},
        {"op": "copy", "path": "/a"},
        {"op": "frobnicate", "path": "/list"},
        {"path": "/list"},
        {},
    ],
)
def test_operations_that_fail(operation: dict[str, Any]) -> None:
    with pytest.raises(RequestRefused) as refused:
        patch.json_patch({"list": [1, 2]}, [operation])
    assert refused.value.status() == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "the server rejected our request due to an error in our request",
        "reason": "Invalid", "details": {}, "code": 422,
    }  # fmt: skip


def test_operations_are_limited() -> None:
    with pytest.raises(RequestRefused, match="is 10000, got 10001") as refused:
        patch.json_patch({}, [{}] * 10_001)
    assert refused.value.code == 413


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (b"[1,", patch.JSON_PATCH, "error decoding patch: unexpected end of JSON input"),
        (b"{}", patch.JSON_PATCH, "error decoding patch: json: cannot unmarshal object into Go "
         "value of type []handlers.jsonPatchOp"),
        (b'["x"]', patch.JSON_PATCH, "error decoding patch: json: cannot unmarshal string into Go "
         "value of type handlers.jsonPatchOp"),
        (b'[{"op":5}]', patch.JSON_PATCH, "error decoding patch: json: cannot unmarshal number "
         "into Go struct field jsonPatchOp.op of type string"),
        (b"5", patch.MERGE_PATCH, "error decoding patch: json: cannot unmarshal number into Go "
         "value of type map[string]interface {}"),
        (b"null", patch.MERGE_PATCH, "Invalid JSON Patch"),
        (b"{", patch.STRATEGIC_MERGE_PATCH, "unexpected end of JSON input"),
        (b"[]", patch.STRATEGIC_MERGE_PATCH, "json: cannot unmarshal array into Go value of type "
         "map[string]interface {}"),
    ],
)  # fmt: skip
def test_bodies_that_are_no_patch(body: bytes, content_type: str, message: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        patch.read(body, content_type)
    assert (refused.value.code, refused.value.message) == (400, message)


def test_bodies_of_null() -> None:
    assert patch.read(b"null", patch.JSON_PATCH) == []
    assert patch.read(b"null", patch.STRATEGIC_MERGE_PATCH) == {}


# --- JSON merge patch --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "made"),
    [
        ({"a": None}, {"b": {"c": 1}, "l": [1]}),
        ({"b": {"d": 2}}, {"a": 1, "b": {"c": 1, "d": 2}, "l": [1]}),
        ({"b": {"c": None}}, {"a": 1, "b": {}, "l": [1]}),
        ({"b": [None]}, {"a": 1, "b": [None], "l": [1]}),
        ({"l": [{"x": None, "y": 1}, None]}, {"a": 1, "b": {"c": 1}, "l": [{"y": 1}, None]}),
        ({"n": {"x": None, "y": {"z": None}}}, {"a": 1, "b": {"c": 1}, "l": [1], "n": {"y": {}}}),
        ({"no": None}, {"a": 1, "b": {"c": 1}, "l": [1]}),
    ],
)
def test_merge_patch(change: Any, made: Any) -> None:
    before = {"a": 1, "b": {"c": 1}, "l": [1]}
    assert patch.merge(before, change) == made
    assert before == {"a": 1, "b": {"c": 1}, "l": [1]}


# --- strategic merge patch ---------------------------------------------------------------------


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
