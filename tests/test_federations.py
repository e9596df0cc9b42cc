"""The table of federation-v1.md 2.1; bad items are refused alone (decisions.md 10)."""

from __future__ import annotations

import pytest

from feddns import federations, names

TABLE: list[tuple[str, dict[str, str], int]] = [
    ("", {}, 0),
    ("a=b", {"a": "b"}, 0),
    ("a=b,cc=dd", {"a": "b", "cc": "dd"}, 0),
    ("abc=d.e.f", {"abc": "d.e.f"}, 0),
    ("ccdd", {}, 1),
    ("a=b,ccdd", {"a": "b"}, 1),
    ("-", {}, 1),
    ("a.b.c=d.e.f", {}, 1),
    (" ", {}, 0),
    (" a = b , cc = dd ", {"a": "b", "cc": "dd"}, 0),
    ("a=b,", {"a": "b"}, 1),
    ("a=b,,c=d", {"a": "b", "c": "d"}, 1),
    (",a=b", {"a": "b"}, 1),
    ("a=b=c", {}, 1),
    ("a=", {}, 1),
    ("=b", {}, 1),
    ("a=b.", {"a": "b"}, 0),
    ("a=example.com.", {"a": "example.com"}, 0),
    ("A=b", {}, 1),
    ("a=B", {}, 1),
    ("a=-b", {}, 1),
    ("a-b=c.d", {"a-b": "c.d"}, 0),
    ("a_b=c", {}, 1),
    ("a=b,a=c", {"a": "c"}, 0),
    ("myfed=infra.mycompany.com", {"myfed": "infra.mycompany.com"}, 0),
    ("f1=x.y,f2=x.y", {"f1": "x.y", "f2": "x.y"}, 0),
    ("a" * 63 + "=x", {"a" * 63: "x"}, 0),
    ("a" * 64 + "=x", {}, 1),
    ("a=1.2.3.4", {"a": "1.2.3.4"}, 0),
    ("a=*.x", {}, 1),
    ("1a=b", {"1a": "b"}, 0),
    ("a=b c", {}, 1),
    ("a\n=b", {"a": "b"}, 0),
    ("a=.", {}, 1),
    ("ab.cd=x", {}, 1),
    ("a=b..", {}, 1),
]


@pytest.mark.parametrize(("value", "good", "refused"), TABLE)
def test_federations(value: str, good: dict[str, str], refused: int) -> None:
    found, reasons = federations.parse(value)
    assert {item.name.decode(): names.format(item.domain)[:-1] for item in found.items} == good
    assert len(reasons) == refused
    assert all(reason.startswith("federations item ") for reason in reasons)
