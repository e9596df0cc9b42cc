"""Values and errors in the words of Go."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from feddns.apiserver import gotext


@pytest.mark.parametrize(
    ("value", "shown", "literal", "type", "json"),
    [
        ("a", "a", '"a"', "string", "string"),
        (1, "1", "1", "int64", "number"),
        (1.5, "1.5", "1.5", "float64", "number"),
        (True, "true", "true", "bool", "bool"),
        (None, "<nil>", "interface {}(nil)", "<nil>", "null"),
        ([1, "b"], "[1 b]", '[]interface {}{1, "b"}', "[]interface {}", "array"),
        ({"b": 1, "a": [None]}, "map[a:[<nil>] b:1]",
         'map[string]interface {}{"a":[]interface {}{interface {}(nil)}, "b":1}',
         "map[string]interface {}", "object"),
    ],
)  # fmt: skip
def test_values(value: Any, shown: str, literal: str, type: str, json: str) -> None:
    assert gotext.shown(value) == shown
    assert gotext.literal(value) == literal
    assert gotext.type_of(value) == type
    assert gotext.json_type(value) == json


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "unexpected end of JSON input"),
        (b"  ", "unexpected end of JSON input"),
        (b'{"a":', "unexpected end of JSON input"),
        (b"x", "invalid character 'x' looking for beginning of value"),
        (b"[1,y]", "invalid character 'y' looking for beginning of value"),
        (b"{} z", "invalid character 'z' after top-level value"),
    ],
)
def test_errors_of_json(body: bytes, message: str) -> None:
    with pytest.raises(msgspec.DecodeError) as error:
        msgspec.json.decode(body)
    assert gotext.json_error(body, error.value) == message
