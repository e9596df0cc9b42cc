"""Selectors: what they match, and what is none."""

from __future__ import annotations

import pytest

from feddns import selectors
from feddns.errors import SelectorRefused

LABELS = {"app": "web", "tier": "front", "n": "5", "empty": ""}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True), ("app=web", True), ("app==web", True), ("app=db", False), ("none=x", False),
        ("app!=db", True), ("app!=web", False), ("none!=x", True),
        ("app in (db,web)", True), ("app in (db)", False), ("none in (db)", False),
        ("app notin (db)", True), ("app notin (web, db)", False), ("none notin (db)", True),
        ("app", True), ("none", False), ("!app", False), ("!none", True),
        ("n>4", True), ("n>5", False), ("n<6", True), ("app>4", False), ("none<4", False),
        ("app=web,tier=front", True), ("app=web,tier=back", False), ("empty=", True),
        ("app=", False), ("example.com/x", False), (" app = web , !none ", True),
        ("empty in (,x)", True),
    ],
)  # fmt: skip
def test_label_selectors(text: str, matches: bool) -> None:
    assert selectors.matches(selectors.parse(text), LABELS) is matches


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a===", "found '=', expected: identifier"),
        ("a in x", "found 'x' expected: '('"),
        ("a in (x", "expected: ',' or ')'"),
        ("a b", "found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a=b,", "expected: identifier after ','"),
        (",", "found ',', expected: identifier"),
        ("-a", "name part must consist of"),
        ("a>b", "the value must be an integer"),
    ],
)
def test_what_is_no_selector(text: str, words: str) -> None:
    with pytest.raises(SelectorRefused) as caught:
        selectors.parse(text)
    assert words in str(caught.value)


def test_selectors_of_objects() -> None:
    given = {
        "matchLabels": {"app": "web"},
        "matchExpressions": [{"key": "tier", "operator": "In", "values": ["front"]},
                             {"key": "none", "operator": "DoesNotExist"}],
    }  # fmt: skip
    selector = selectors.of_object(given)
    assert selector is not None
    assert selectors.matches(selector, LABELS)
    assert not selectors.matches(selector, {"app": "web"})
    assert selectors.of_object(None) is None
    assert selectors.of_object({}) == ()


def test_field_selectors() -> None:
    parsed = selectors.parse_fields(r"metadata.name=a,status.phase!=Run\,ning,spec.x==1\=2")
    assert [tuple(one) for one in parsed] == [
        ("metadata.name", "a", True), ("status.phase", "Run,ning", False), ("spec.x", "1=2", True),
    ]  # fmt: skip
    with pytest.raises(SelectorRefused, match="can't understand 'x'"):
        selectors.parse_fields("x")
    obj = {"spec": {"on": True, "n": 3}}
    assert [selectors.field(obj, p) for p in ("spec.on", "spec.n", "spec.none", "a.b")] == [
        "true", "3", "", "",
    ]  # fmt: skip
