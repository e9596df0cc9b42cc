"""From the bytes of a file to the objects in it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from feddns.errors import DocumentRefused
from feddns.kube.resources import Head
from feddns.manifests import documents, yamltext


def read(content: str | bytes) -> list[documents.Document]:
    raw = content.encode() if isinstance(content, str) else content
    return [document for piece in documents.read(raw) for document in piece]


def values(content: str | bytes) -> list[Any]:
    return [msgspec.json.decode(document.raw) for document in read(content)]


def thing(name: str, **parts: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, **parts}


def text(value: Any, indent: int = 0) -> str:
    dumped: str = yaml.dump(value, Dumper=yaml.CSafeDumper)
    return "".join(" " * indent + line + "\n" for line in dumped.splitlines())


A, B = thing("a"), thing("b")
LIST = {"apiVersion": "v1", "kind": "List", "items": [A, B]}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", []),
        ("\n\n", []),
        ("# nothing\n", []),
        ("---\n---\n# x\n---\n", []),
        ("null\n", []),
        (text(A), [A]),
        (text(A) + "---\n" + text(B), [A, B]),
        ("---\n" + text(A) + "---\n\n---\n# x\n" + text(B) + "---\n", [A, B]),
        ("--- # first\n" + text(A), [A]),
        (f"--- {json.dumps(A)}\n---\n{text(B)}", [A, B]),
        ("\ufeff" + text(A), [A]),
        (text(A).replace("\n", "\r\n"), [A]),
        (text(A) + "...\n", [A]),
        (text(A) + "...\n---\n" + text(B), [A, B]),
        ("%YAML 1.1\n---\n" + text(A) + "---\n" + text(B), [A, B]),
        (text(LIST), [A, B]),
        (text(LIST) + "---\n" + text(A), [A, B, A]),
        (text({"kind": "List", "items": None}), []),
        (text({"kind": "List", "items": [None, LIST, A]}), [A, B, A]),
        (text([A, LIST]), [A, A, B]),
        (json.dumps(A), [A]),
        (json.dumps(A) + json.dumps(B), [A, B]),
        (json.dumps(A, indent=2) + "\n\n" + json.dumps(LIST) + "\n", [A, A, B]),
        (json.dumps(LIST), [A, B]),
        (json.dumps([A, B]), [A, B]),
        (json.dumps(A) + "\n---\n" + text(B), [A, B]),
        ("{apiVersion: v1, kind: Service, metadata: {name: a}}", [A]),
        ("{}", ...),
    ],
)
def test_read(content: str, expected: Any) -> None:
    if expected is ...:
        with pytest.raises(DocumentRefused):
            read(content)
    else:
        assert values(content) == expected
        assert values(content.encode("utf-16")) == expected


def test_the_items_of_a_typed_list_have_its_kind() -> None:
    bare = {"metadata": {"name": "a"}}
    content = json.dumps({"apiVersion": "v1", "kind": "ServiceList", "items": [bare, B]})
    assert [document.head for document in read(content)] == [Head("v1", "Service")] * 2
    content = json.dumps({"apiVersion": "v1", "kind": "List", "items": [bare, "x"]})
    assert [document.head for document in read(content)] == [Head(), Head()]


def test_timestamps_and_binary_data() -> None:
    content = """
        kind: ConfigMap
        metadata: {creationTimestamp: 2026-01-01T00:00:00Z}
        binaryData: {a: !!binary aGk=, b: aGk=}
    """
    (value,) = values(content)
    assert value["metadata"] == {"creationTimestamp": "2026-01-01T00:00:00Z"}
    assert value["binaryData"] == {"a": "aGk=", "b": "aGk="}


def test_lines() -> None:
    content = f"# 1\n---\n# 3\n{text(A)}---\n{text(LIST)}"
    lines = content.splitlines()
    found = [document.line for document in read(content)]
    assert found[0] == 4
    assert lines[found[0] - 1] == "apiVersion: v1"
    assert [document.line for document in read(json.dumps(A) + "\n\n" + json.dumps(B))] == [1, 3]


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("kind: a\n---\nb: [\n", 3, "did not find expected node content"),
        ("hello\n", 1, "no Kubernetes object"),
        ("apiVersion: v1\n", 1, "it has no kind"),
        ('{"kind": "a"}\n{"kind": \n', 3, "Expecting value"),
        ('{"kind": "List", "items": {}}', 1, "items: "),
        (b"\xff\xfe\x00", 1, "truncated data"),
        (b"a: \xff\n", 1, "invalid"),
    ],
)
def test_refused(content: str | bytes, line: int, reason: str) -> None:
    with pytest.raises(DocumentRefused, match=reason) as refusal:
        read(content)
    assert refusal.value.line == line


def test_lists_in_lists_end() -> None:
    nested: Any = A
    for _ in range(documents.DEEPEST_LIST):
        nested = {"kind": "List", "items": [nested]}
    assert values(json.dumps(nested)) == [A]
    with pytest.raises(DocumentRefused, match="Lists in Lists"):
        read(json.dumps({"kind": "List", "items": [nested]}))


# --- long lists ----------------------------------------------------------------------------------


def long_list(count: int, odd: dict[int, str] | None = None, indent: int = 0) -> str:
    """A list as kubectl prints it; `odd`: other YAML text for the item of a number."""
    parts = ["apiVersion: v1\nitems:\n"]
    for number in range(count):
        body = (odd or {}).get(number) or text(
            thing(f"s-{number}", data={"long": "x" * 40, "lines": f"a\n- b\n---\n{number}\n"})
        )
        lines = body.splitlines()
        dashed = [f"- {lines[0]}"] + [f"  {line}" if line else line for line in lines[1:]]
        parts.append("".join(" " * indent + line + "\n" for line in dashed))
    return "".join(parts) + 'kind: List\nmetadata:\n  resourceVersion: ""\n'


def expected_of(content: str) -> Any:
    return yaml.load(content, yaml.CSafeLoader)["items"]


@pytest.mark.parametrize("indent", [0, 2, 4])
def test_a_long_list(indent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "CHUNK", 500)
    content = long_list(60, indent=indent)
    exactly: list[int] = []
    whole = yamltext.exact

    def exact(text: bytes, line: int = 1) -> list[tuple[bytes, int]]:
        exactly.append(len(text))
        return whole(text, line)

    monkeypatch.setattr(yamltext, "exact", exact)
    assert values(content) == expected_of(content)
    assert max(exactly) < 100, "only the frame is read by the slow parser"
    lines = content.splitlines()
    for document, value in zip(read(content), expected_of(content), strict=True):
        assert lines[document.line - 1].strip() == "- apiVersion: v1"
        assert value["metadata"]["name"] in "".join(lines[document.line : document.line + 14])


@pytest.mark.parametrize("indent", [0, 2])
@pytest.mark.parametrize(
    "odd",
    [
        "kind: Odd\nmetadata: {name: é}\n",
        "kind: Odd\nvalue: 012\n",
        "kind: Odd\nvalue: &x a\nother: *x\n",
        'kind: Odd\nvalue: "a\n- b"\n',
        "kind: Odd\nvalue: >\n  a\n\n  b\n",
        "kind: Odd\nvalue: |\n  a\n   ---\n  - b\n# comment\n",
        "kind: Odd\n# comment\nvalue: yes\n",
        "kind: Odd\nvalue:\n- 1\n- - 2\n",
        "kind: Odd\nlong: " + "x" * 3000 + "\n",
        "kind: List\nitems:\n- kind: Odd\n- kind: Odd\n",
    ],
)
def test_an_odd_item_in_a_long_list(odd: str, indent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "CHUNK", 500)
    places = (17,) if "&" in odd else (0, 17, 39)
    content = long_list(40, dict.fromkeys(places, odd), indent)
    expected = [
        inner
        for item in expected_of(content)
        for inner in (item["items"] if item["kind"] == "List" else [item])
    ]
    assert values(content) == expected
    assert values(content + "---\n" + text(A)) == [*expected, A]
    assert values(text(A) + "---\n" + content + "---\n" + content) == [A, *expected, *expected]


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        ("", "no List; is its end missing"),
        ("kind: Odd\n", "kind 'Odd', which is no List"),
        ("kind: List\nb: [\n", "did not find expected node content"),
        ("kind: List\n" + "#" * 70_000, "more text behind"),
    ],
)
def test_the_end_of_a_long_list(tail: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "CHUNK", 500)
    content = long_list(20).rsplit("kind: List", 1)[0] + tail
    with pytest.raises(DocumentRefused, match=reason):
        read(content)


def test_an_error_in_a_long_list_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "CHUNK", 500)
    content = "# first\n---\n" + long_list(40, {30: "kind: Odd\nb: c: d\n"})
    line = content.splitlines().index("  b: c: d") + 1
    with pytest.raises(DocumentRefused, match="mapping values") as refusal:
        read(content)
    assert refusal.value.line == line


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4000), st.integers(200, 3000))
def test_half_a_list_is_no_list(cut: int, chunk: int) -> None:
    content = long_list(20)[:-cut] if cut else long_list(20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "CHUNK", chunk)
        try:
            found = values(content)
        except DocumentRefused:
            return
    assert found in ([], expected_of(long_list(20)))


item_values = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=30)
    | st.sampled_from(["a\n- b\n", "---\n", "\n- x\n---\ny", "012", "yes", "# no", "a: b", "é"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["a", "b", "items", "data"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.fixed_dictionaries({"kind": st.just("Odd"), "v": item_values}), max_size=8),
    st.integers(20, 600),
    st.sampled_from([20, 80, 1000]),
    st.booleans(),
)
def test_any_list_reads_as_pyyaml_reads_it(
    items: list[Any], chunk: int, width: int, allow_unicode: bool
) -> None:
    content = yaml.dump(
        {"items": items, "kind": "List"},
        Dumper=yaml.CSafeDumper,
        width=width,
        allow_unicode=allow_unicode,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "CHUNK", chunk)
        assert values(content) == items
