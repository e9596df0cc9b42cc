"""JSON patches and merge patches, row by row of their tables; bodies that are no patch."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddns.apiserver import patch
from feddns.apiserver.refusals import RequestRefused

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
        {"op": "add", "path": "/list/٠", "value": 1},
        {"op": "add", "path": f"/list/{'9' * 5000}", "value": 1},
        {"op": "add", "path": "/list/3", "value": 1},
        {"op": "add", "path": "/list/-4", "value": 1},
        {"op": "remove", "path": "/list/-"},
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


_PARTS = st.lists(st.sampled_from(["a", "0", "-1", "-", "", "~1", "01", "x"]), max_size=3)
_OPERATION = st.fixed_dictionaries({}, optional={
    "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "no"]),
    "path": _PARTS.map(lambda parts: "/".join(["", *parts])),
    "from": _PARTS.map(lambda parts: "/".join(["", *parts])),
    "value": st.sampled_from([None, 1, "x", [], {"a": [1]}]),
})  # fmt: skip


@given(st.lists(_OPERATION, max_size=5))
def test_any_operations_are_done_or_refused(operations: list[dict[str, Any]]) -> None:
    document = {"a": [{"a": 1}, [2]], "x": "x", "": {"0": None}}
    try:
        made: Any = patch.json_patch(document, operations)
    except RequestRefused as refused:
        made = {} if refused.code == 422 else None
    assert isinstance(made, dict)
    assert document == {"a": [{"a": 1}, [2]], "x": "x", "": {"0": None}}


def test_copies_of_copies_end() -> None:
    copies = [{"op": "copy", "from": "/a", "path": f"/a/{number}"} for number in range(64)]
    with pytest.raises(RequestRefused) as refused:
        patch.json_patch({"a": {"x": "y" * 1024}}, copies)
    assert refused.value.code == 422
    assert len(patch.json_patch({"a": {"x": "y" * 1024}}, copies[:11])["a"]) == 12


def test_something_else_than_an_object() -> None:
    with pytest.raises(RequestRefused) as refused:
        patch.json_patch({"a": 1}, [{"op": "replace", "path": "", "value": []}])
    assert refused.value.code == 422
    assert refused.value.message == (
        ' "" is invalid: patch: Invalid value: "[]": couldn\'t get version/kind; json parse error: '
        "json: cannot unmarshal array into Go value of type struct { APIVersion string "
        '"json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
    )


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
    assert patch.read(b'[null,{"op":null}]', patch.JSON_PATCH) == [None, {"op": None}]


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
