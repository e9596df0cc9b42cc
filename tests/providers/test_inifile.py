"""The INI files of providers: what Kubernetes Federation's files had, and errors without values."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddns.errors import DocumentRefused
from feddns.providers import inifile


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("[Global]\n", {}),
        ("[Global]\nproject-id = p\n", {"project-id": "p"}),
        (
            "\ufeff[global]\r\n  project-id=p\r\n\ttoken-url =u",
            {"project-id": "p", "token-url": "u"},
        ),
        ("# a\n; b\n[ Global ] # c\nkey = value ; and why\n", {"key": "value"}),
        ("[Global]\nkey = a#b;c\n", {"key": "a#b;c"}),
        ('[Global]\nkey = {"scope": "dns"}\n', {"key": '{"scope": "dns"}'}),
        ('[Global]\nkey = "{\\"a\\": \\"b # c\\"}" # why\n', {"key": '{"a": "b # c"}'}),
        ('[Global]\nkey = "a\\\\b\\nc\\td"\n', {"key": "a\\b\nc\td"}),
        ("[Global]\nkey = \nother = # nothing\n", {"key": "", "other": ""}),
        ("[Global]\ncreate-zone\n", {"create-zone": "true"}),
        ("[Global]\nKey = v\n[Global]\nmore = w\n", {"key": "v", "more": "w"}),
    ],
)
def test_what_is_read(text: str, found: dict[str, str]) -> None:
    assert inifile.read(text) == found


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("key = s3cret", 1, "key stands in front of [Global]"),
        ("[Global]\n[Other]\n", 2, "the only section is [Global], not [Other]"),
        ("[Global]\nkey = s3cret\nkey = s3cret\n", 3, "key is there twice"),
        ("[Global]\ns3cret / s3cret\n", 2, "no `key = value`"),
        ("[Global]\n= s3cret\n", 2, "no `key = value`"),
        ('[Global]\n\nkey = "s3cret\n', 3, "the value of key has no closing quote"),
        ('[Global]\nkey = "a" s3cret\n', 2, "the value of key has no closing quote"),
        ('[Global]\nkey = "s3cret\\q"\n', 2, "the value of key has an unknown escape"),
    ],
)
def test_what_is_refused(text: str, line: int, words: str) -> None:
    with pytest.raises(DocumentRefused) as refused:
        inifile.read(text)
    assert refused.value.line == line
    assert words in str(refused.value)
    assert "s3cret" not in str(refused.value)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(DocumentRefused):
        found = inifile.read(f"[Global]\n{text}")
        assert all(key == key.lower() for key in found)


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=50))
def test_quoted_is_as_it_was_written(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    assert inifile.read(f'[Global]\nkey = "{escaped}"\n') == {"key": text}
