"""Whether an applied object is of its type, in a kube-apiserver's words."""

from __future__ import annotations

from typing import Any

import pytest

from feddns.apiserver import typecheck
from tests.apiserver.test_typed import OBJECT, pairs


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"no": 1}, ".no: field not declared in schema"),
        ({"text": 1}, ".text: expected string, got &value.valueUnstructured{Value:1}"),
        ({"number": "1"}, ".number: expected numeric (int or float), got string"),
        ({"yes": "yes"}, ".yes: expected boolean, got &{yes}"),
        ({"either": {"a": 1}}, ".either: expected any scalar, got &{map[a:1]}"),
        ({"size": []}, ".size: expected any scalar, got &{[]}"),
        ({"map": "a"}, ".map: expected map, got &{a}"),
        ({"keyed": "a"}, ".keyed: expected list, got &{a}"),
        ({"keyed": pairs("aa")},
         '.keyed: duplicate entries for key [name="a",zone="z"]'),
        ({"keyed": [1]}, ".keyed: element 0: associative list with keys may not have non-map "
         "elements"),
        ({"keyed": [{"name": "a", "value": 1}]}, '.keyed[name="a",zone="z"].value: expected '
         "string, got &value.valueUnstructured{Value:1}"),
        ({"plain": [{"value": 1}]},
         ".plain[0].value: expected string, got &value.valueUnstructured{Value:1}"),
        ({"set": [None]}, ".set: element 0: associative list without keys has an element that's "
         "an explicit null"),
    ],
)  # fmt: skip
def test_what_is_not_of_its_type(value: Any, message: str) -> None:
    assert typecheck.mismatches(value, OBJECT) == [message]


def test_what_is_of_its_type() -> None:
    value = {"either": 1, "size": 1, "free": {"a": [1]}, "text": None, "keyed": pairs("ab")}
    assert typecheck.mismatches(value, OBJECT) == []
