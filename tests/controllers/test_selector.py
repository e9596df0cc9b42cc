"""Cluster selectors: every row of federation-v1.md 3.5, and what is wrong with the wrong ones."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers import selector
from feddns.errors import ObjectRefused

LABELS = {"location": "europe", "environment": "prod", "version": "15"}


def text(*requirements: tuple[object, ...]) -> str:
    """`(key, operator, value, …)` as the annotation has it."""
    return json.dumps(
        [
            {"key": key, "operator": how, "values": list(values)}
            for key, how, *values in requirements
        ]
    )


def matches(annotation: str | None, labels: Mapping[str, str] = LABELS) -> bool:
    return selector.parse(annotation).matches(labels)


@pytest.mark.parametrize("annotation", [None, "[]", "null", " [ ] "])
def test_without_requirements_every_cluster_is_selected(annotation: str | None) -> None:
    assert matches(annotation)
    assert matches(annotation, {})


UPSTREAM = [
    ([("location", "in", "europe")], True),
    ([("location", "in", "europe"), ("environment", "==", "prod")], True),
    ([("location", "in", "europe"), ("environment", "==", "test")], False),
    ([("location", "!=", "usa"), ("environment", "in", "prod")], True),
    ([("version", ">", "14")], True),
    ([("version", ">", "15")], False),
]


@pytest.mark.parametrize(("requirements", "expected"), UPSTREAM)
def test_the_rows_of_the_original(requirements: list[tuple[str, ...]], expected: bool) -> None:
    assert matches(text(*requirements)) is expected


# spellings of an operator, values; then a label that has the key: which value, selected?
OPERATORS = [
    (("in", "In"), ("a", "b"), {"a": True, "b": True, "c": False, None: False}),
    (("notin", "NotIn"), ("a", "b"), {"a": False, "c": True, None: True}),
    (("=", "=="), ("a",), {"a": True, "b": False, None: False}),
    (("!=",), ("a",), {"a": False, "b": True, None: True}),
    (("exists", "Exists"), (), {"a": True, "": True, None: False}),
    (("!", "DoesNotExist"), (), {"a": False, None: True}),
    (("gt", "Gt", ">"), ("9",), {"10": True, "9": False, "8": False, "x": False, None: False}),
    (("lt", "Lt", "<"), ("9",), {"8": True, "9": False, "10": False, "": False, None: False}),
]


@pytest.mark.parametrize(
    ("spelling", "values", "label", "expected"),
    [
        (spelling, values, label, expected)
        for spellings, values, table in OPERATORS
        for spelling in spellings
        for label, expected in table.items()
    ],
)
def test_operators(
    spelling: str, values: tuple[str, ...], label: str | None, expected: bool
) -> None:
    labels = {} if label is None else {"k": label}
    assert matches(text(("k", spelling, *values)), labels) is expected


@pytest.mark.parametrize("label", ["+7", "-7", "1_0", " 7", "٧", "9223372036854775808", "7.0"])
def test_a_label_that_is_no_64_bit_integer_is_not_compared(label: str) -> None:
    assert matches(text(("k", "gt", "1")), {"k": label}) is (label == "+7")


def test_values_may_be_missing_where_there_are_none() -> None:
    assert matches('[{"key": "location", "operator": "exists"}]')
    assert matches('[{"key": "location", "operator": "exists", "values": null}]')


REFUSED = [
    ("", "Input data was truncated"),
    ("federation.kubernetes.io/federation-control-plane=true", "malformed"),
    ("{}", "Expected `array | null`, got `object`"),
    ("[1]", "Expected `object`, got `int`"),
    ("[null]", "Expected `object`, got `null`"),
    ('[{"key": "a", "operator": "in", "values": [14]}]', "Expected `str`, got `int`"),
    ('[{"key": "a", "operator": "in", "values": ["b"]', "truncated"),
    (
        text(("a", "IN", "b")),
        "[0]: operator 'IN' is none of in, notin, =, ==, !=, exists, !, gt, lt",
    ),
    (text(("a", ">=", "1")), "operator '>=' is none of"),
    (text(("a", "", "1")), "operator '' is none of"),
    (text(("a", "in")), "operator 'in' takes one or more values, not 0"),
    (text(("a", "NotIn")), "operator 'NotIn' takes one or more values, not 0"),
    (text(("a", "=")), "operator '=' takes exactly one value, not 0"),
    (text(("a", "==", "b", "c")), "operator '==' takes exactly one value, not 2"),
    (text(("a", "!=", "b", "c")), "operator '!=' takes exactly one value, not 2"),
    (text(("a", "exists", "b")), "operator 'exists' takes no values, not 1"),
    (text(("a", "!", "b")), "operator '!' takes no values, not 1"),
    (text(("a", "gt")), "operator 'gt' takes exactly one value, not 0"),
    (text(("a", "gt", "1", "2")), "operator 'gt' takes exactly one value, not 2"),
    (text(("a", "lt", "x")), "operator 'lt' takes an integer, not 'x'"),
    (text(("a", "gt", "1.5")), "operator 'gt' takes an integer, not '1.5'"),
    (text(("a", "gt", "-5")), "value '-5' is no label value"),
    (text(("", "exists")), "key '' is no label key"),
    (text(("-a", "exists")), "key '-a' is no label key"),
    (text(("A/b", "exists")), "key 'A/b' is no label key"),
    (text(("a/b/c", "exists")), "key 'a/b/c' is no label key"),
    (text(("/b", "exists")), "key '/b' is no label key"),
    (text(("a" * 64, "exists")), "is no label key"),
    (text(("a", "in", "b c")), "value 'b c' is no label value"),
    (text(("a", "in", "b", "c" * 64)), "is no label value"),
    (text(("a", "exists"), ("b", "like", "c")), "[1]: operator 'like' is none of"),
]


@pytest.mark.parametrize(("annotation", "reason"), REFUSED)
def test_what_is_refused_and_why(annotation: str, reason: str) -> None:
    with pytest.raises(ObjectRefused) as refusal:
        selector.parse(annotation)
    said = str(refusal.value)
    assert reason in said
    assert said.startswith(f"annotation {selector.ANNOTATION}: ")
    assert "\n" not in said


def test_keys_and_values_that_labels_can_have() -> None:
    assert matches(
        text(("example.com/Tier_1.x", "in", "", "A-1_b.c")), {"example.com/Tier_1.x": ""}
    )
    assert not matches(text(("a" * 63, "exists")))


@given(st.text())
def test_any_text_is_a_selector_or_refused_with_one_line(annotation: str) -> None:
    said = ""
    try:
        selector.parse(annotation)
    except ObjectRefused as refusal:
        said = str(refusal)
    assert "\n" not in said


LABEL_VALUES = st.sampled_from(["a", "b", "7", "10", "", "x-1"])


@given(
    st.dictionaries(st.sampled_from(["k", "l"]), LABEL_VALUES),
    st.lists(LABEL_VALUES, min_size=1, max_size=3),
)
def test_opposites_never_agree(labels: dict[str, str], values: list[str]) -> None:
    pairs = [
        (text(("k", "in", *values)), text(("k", "notin", *values))),
        (text(("k", "=", values[0])), text(("k", "!=", values[0]))),
        (text(("k", "exists")), text(("k", "!"))),
    ]
    for one, other in pairs:
        assert matches(one, labels) is not matches(other, labels)
