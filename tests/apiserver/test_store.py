"""The store: revisions, the past, what is forgotten."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddns.apiserver.store import Conflicting, Event, Expired, Store, entry_of

CLOCK = [0.0]


def obj(name: str, **labels: str) -> dict[str, Any]:
    return {"kind": "K", "metadata": {"name": name, "uid": f"u-{name}", "labels": labels}}


def made(events: int = 100) -> Store:
    return Store(lambda: CLOCK[0], events=events)


def keys(store: Store, **asked: Any) -> list[str]:
    return [entry.key for entry in store.page("things", **asked).entries]


def test_each_change_has_a_revision_of_its_own() -> None:
    store = made()
    one = store.create("things", "a/x", obj("x", app="1"))
    two = store.update("things", "a/x", obj("x", app="2"), one.revision)
    end = store.delete("things", "a/x", two.revision)
    assert (one.revision, two.revision, end.revision) == (2, 3, 4)
    assert end.object()["metadata"] == {
        "name": "x", "uid": "u-x", "labels": {"app": "2"}, "resourceVersion": "4",
    }  # fmt: skip
    assert "kind" not in end.object()


def test_what_is_expected_must_be_there() -> None:
    store = made()
    entry = store.create("things", "x", obj("x"))
    with pytest.raises(Conflicting) as caught:
        store.create("things", "x", obj("x"))
    assert caught.value.found == entry
    for revision in (1, entry.revision + 1):
        with pytest.raises(Conflicting):
            store.update("things", "x", obj("x"), revision)
        with pytest.raises(Conflicting):
            store.delete("things", "x", revision)
    with pytest.raises(Conflicting):
        store.delete("things", "y", entry.revision)
    assert store.revision == entry.revision


def test_lists_are_in_the_order_of_the_keys() -> None:
    store = made()
    for key in ("b/a", "a-b/a", "a/b", "a/a", "a.b/a"):
        store.create("things", key, obj("x"))
    assert keys(store) == ["a-b/a", "a.b/a", "a/a", "a/b", "b/a"]
    assert keys(store, namespace="a") == ["a/a", "a/b"]
    assert [entry.key for entry in store.entries("things", "a")] == ["a/a", "a/b"]
    assert store.resources() == ["things"]


def test_pages_show_one_revision() -> None:
    store = made()
    for name in "abcdef":
        store.create("things", name, obj(name))
    first = store.page("things", limit=2)
    assert ([e.key for e in first.entries], first.remaining) == (["a", "b"], 4)
    store.delete("things", "d", store.get("things", "d").revision)  # type: ignore[union-attr]
    store.create("things", "cc", obj("cc"))
    old = store.get("things", "e")
    assert old is not None
    store.update("things", "e", obj("e", new="1"), old.revision)
    second = store.page("things", at=first.revision, after="b", limit=3)
    assert [entry.key for entry in second.entries] == ["c", "d", "e"]
    assert second.entries[2] is old
    assert second.remaining == 1
    assert keys(store, after="b") == ["c", "cc", "e", "f"]


def test_the_past_is_forgotten_by_number_and_by_age() -> None:
    store = made(events=3)
    for name in "abcde":
        store.create("things", name, obj(name))
    assert [event.key for event in store.since("things", 3)] == ["c", "d", "e"]
    with pytest.raises(Expired, match=r"too old resource version: 2 \(3\)"):
        store.since("things", 2)
    with pytest.raises(Expired):
        store.page("things", at=2)
    CLOCK[0] += 301
    store.create("things", "f", obj("f"))
    store.compact()
    assert [event.key for event in store.since("things", 6)] == ["f"]
    with pytest.raises(Expired):
        store.since("things", 5)
    store.compact(everything=True)
    assert store.since("things", store.revision) == []


def test_what_was_loaded_has_no_past() -> None:
    store = made()
    store.load(40, [("things", entry_of("a/x", 7, b'{"metadata":{"uid":"u","labels":{"l":"1"}}}'))])
    entry = store.get("things", "a/x")
    assert entry is not None
    assert (entry.uid, entry.labels, entry.owners) == ("u", {"l": "1"}, ())
    assert store.since("things", 40) == []
    with pytest.raises(Expired):
        store.since("things", 39)
    with pytest.raises(Expired):
        store.since("others", 39)
    assert store.create("things", "b", obj("b")).revision == 41


def test_listeners_hear_of_everything_at_once() -> None:
    store, heard = made(), list[Event]()
    store.listeners.append(heard.append)
    entry = store.create("things", "x", obj("x"))
    store.delete("things", "x", entry.revision)
    assert [(e.revision, e.entry, e.before) for e in heard] == [(2, entry, None), (3, None, entry)]
    assert heard[1].last.revision == 3


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=30), st.data())
def test_any_revision_can_be_seen_again(steps: list[tuple[str, bool]], data: st.DataObject) -> None:
    store = made()
    past = {1: dict[str, int]()}
    for name, delete in steps:
        found = store.get("things", name)
        if found is not None and delete:
            store.delete("things", name, found.revision)
        elif found is not None:
            store.update("things", name, obj(name), found.revision)
        else:
            store.create("things", name, obj(name))
        past[store.revision] = {e.key: e.revision for e in store.entries("things")}
    at = data.draw(st.sampled_from(sorted(past)))
    assert {e.key: e.revision for e in store.page("things", at=at).entries} == past[at]
