"""The fast reading means what the exact one means, or it is not taken."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feddns.errors import DocumentRefused
from feddns.manifests import yamltext

ODD = [
    "yes", "No", "ON", "off", "True", "FALSE", "~", "Null", "NULL", ".inf", "-.inf", ".nan",
    "0x1f", "0b11", "0o17", "012", "00", "1_000", "1e3", "1.5e3", "1.5e+3", "1.", "+1", "-0",
    ".5", "-.5", "1:30", "1:30.5", "190:20:30", "1:2:3:4:5:6:7:8", "=", "nan", "inf", "-inf",
    "Infinity", "5e012", "1E5", "-1e-5", "0e0", "-0.0",
]  # fmt: skip
EVEN = [
    "null", "true", "false", "0", "1", "-1", "80", "1.5", "10.96.0.1", "fd00::1",
    "2001:db8::1:30", "2026-01-01T00:00:00Z", "2026-01-01",
    "8a0c6b9e-5f0e-4b6e-9d3e-0e1f2a3b4c5d", "None", "ClusterIP", "a/b", "a#b", "1.2.3", "-a",
    "?a", "n", "y", "'yes'", '"012"', "'a''b'", '"a\\n\\u00e9"', "{}", "[]",
    "http://example.com/",
]  # fmt: skip
TEXTS = [
    "",
    " ",
    "a\nb",
    "a\nb\n",
    "\n",
    "- x",
    "---",
    "a: b",
    "x #y",
    "é",
    "\t",
    "a  b ",
    "|",
    "'",
    '"',
]


def plainly(text: bytes) -> object:
    """What the text means; `...` where it is refused."""
    try:
        ((raw, _),) = yamltext.exact(text)
    except (DocumentRefused, ValueError):
        return ...
    return json.loads(raw)


def fast(text: bytes) -> object:
    """What the fast way makes of it; `...` where it leaves it to the exact one."""
    written = yamltext.fast(text)
    if written is None:
        return ...
    try:
        return json.loads(written)
    except ValueError:
        return ...


@pytest.mark.parametrize("scalar", ODD)
@pytest.mark.parametrize(
    "frame",
    ["a: %s\n", "a: %s # why\n", "- %s\n", "- - %s", "a: [%s]\n", "a: [b, %s, c]\n",
     "a: {b: %s}\n", "a:\n  %s\n", "a:\n  # why\n  %s\n", "- b:   %s  \n", '{"a":%s}\n',
     "-\n  %s\n", "a: #\n  %s\n"],
)  # fmt: skip
def test_an_odd_scalar_is_left_to_the_exact_reading(scalar: str, frame: str) -> None:
    text = (frame % scalar).encode()
    assert fast(text) in (..., plainly(text))


@pytest.mark.parametrize("scalar", EVEN)
@pytest.mark.parametrize("frame", ["a: %s\n", "- %s\n", "a:\n- b: %s\n"])
def test_an_even_scalar_is_read_fast(scalar: str, frame: str) -> None:
    text = (frame % scalar).encode()
    assert fast(text) == plainly(text) != ...


def test_what_kubectl_apply_leaves_behind_is_read_fast() -> None:
    text = b"""
- metadata:
    annotations:
      kubectl.kubernetes.io/last-applied-configuration: |
        {"kind":"Service","metadata":{"annotations":{},"x":null},"spec":{"ports":[{"port":80}]}}
  status:
    loadBalancer: {}
"""
    assert fast(text) == plainly(text) != ...


@pytest.mark.parametrize(
    "text",
    ["a: &x 1\nb: *x\n", "a: !!str 1\n", "a: !x b\n", "<<: {a: b}\n", "? a\n: b\n", "a: >\n  b\n",
     "a: |2\n   b\n", "a:\tb\n", "a: \x01\n", "a: @b\n", "a: `b\n", "a: %b\n", "- ? a\n", "a: é\n",
     "&x a: b\n", "- *x\n", "a: [*x]\n", "a: b: c\n", "a: [\n", "%YAML 1.1\n---\na: b\n"],
)  # fmt: skip
def test_what_only_yaml_has_is_left_to_the_exact_reading(text: str) -> None:
    assert fast(text.encode()) is ...


def test_nothing_is_printed_about_text_that_does_not_parse(
    capfd: pytest.CaptureFixture[str],
) -> None:
    for text in (b"a: b: c", b"a: [1,2\nb: }", b"[" * 3000, b"a:\n  - b\n c: d", b'"'):
        assert fast(text) is ...
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: 1\nb: [\n", 12, "expected node content"),
        ("a: b: c\n", 11, "mapping values are not allowed"),
        ("a: 1\n\tb: 2\n", 12, "found a tab"),
        ("a: *nobody\n", 11, "undefined alias"),
        ("a: \x01\n", 11, "control characters"),
        ("[" * 200, 11, "nests deeper"),
        ("[" * 100_000, 11, "nests deeper"),
        ("&a [*a]", 11, "leads back"),
        ("a: !!python/object:os.system {}\n", 11, "could not determine a constructor"),
    ],
)
def test_a_refusal_has_line_and_reason(text: str, line: int, reason: str) -> None:
    with pytest.raises(DocumentRefused, match=reason) as refusal:
        yamltext.exact(text.encode(), 11)
    assert refusal.value.line == line


def test_aliases_that_multiply_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(DocumentRefused, match="repeat too much"):
        yamltext.exact("\n".join(lines).encode())


def test_values_that_json_does_not_have() -> None:
    text = b"a: !!binary aGk=\nb: .inf\nc: 2026-01-01T00:00:00Z\n2: x\nyes: y\n~: z\n"
    text += b"d: !!set {e}\nf: =\n"
    assert plainly(text) == {
        "a": "aGk=", "b": "inf", "c": "2026-01-01T00:00:00Z", "2": "x", "yes": "y", "~": "z",
        "d": ["e"], "f": "=",
    }  # fmt: skip


# --- properties ----------------------------------------------------------------------------------

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from(ODD + EVEN + TEXTS),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20),
    st.text("ab -:#'\"\n|>&*!%@`{}[],?~\\", max_size=30),
    st.lists(
        st.sampled_from(["word", "a", "x:", "- y", "#z", "12", "\n", "\n\n"]), max_size=40
    ).map(" ".join),
)
keys = st.text("abc.-/ _1'\"#é", min_size=1, max_size=8) | st.sampled_from(["kind", "items", "a"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)
styles = st.fixed_dictionaries(
    {
        "default_flow_style": st.sampled_from([None, False, True]),
        "default_style": st.sampled_from([None, None, '"', "'", "|", ">"]),
        "width": st.sampled_from([20, 80, 10_000]),
        "indent": st.sampled_from([2, 4]),
        "allow_unicode": st.booleans(),
    }
)


@settings(max_examples=400, deadline=None)
@given(values, styles)
def test_written_values_are_read_alike(value: object, style: dict[str, object]) -> None:
    text = yaml.dump({"a": value}, Dumper=yaml.CSafeDumper, **style).encode()  # type: ignore[call-overload]
    assert fast(text) in (..., plainly(text))


pieces = st.sampled_from(
    ODD + EVEN + [
        "a: ", "b:", "- ", "\n", "\n  ", "\n    ", "\n- ", "\n  - ", ": ", " #c", "#", "|", "|-",
        "|+", ">-", "'", '"', "[", "]", "{", "}", ", ", "\n---\n", "\n\n", "key: value", "\nk2: v2",
        "word", " ", "\\", "\\n", "? ", "x: |\n  text\n  - more\n\n", "...", ":", "-",
    ]
)  # fmt: skip


@settings(max_examples=1500, deadline=None)
@given(st.lists(pieces, max_size=14).map("".join))
@example("a: 'x\n\n  y'\n")
@example("a: x\n\n  y\n")
def test_any_text_is_read_alike(text: str) -> None:
    """Of text that is broken the fast way may make more than the exact one does, never less."""
    exact = plainly(text.encode())
    assert exact is ... or fast(text.encode()) in (..., exact)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    exact = plainly(content)
    assert exact is ... or fast(content) in (..., exact)
