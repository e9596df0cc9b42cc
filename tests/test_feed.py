"""Events between processes."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from feddns import feed
from feddns.events import Synced
from feddns.snapshot import EVERYTHING, Snapshot, View
from feddns.store import Store
from tests import strategies, world


def steps(stream: bytes) -> list[feed.Step]:
    splitter = feed.Splitter()
    splitter.feed(stream)
    found = []
    while (step := splitter.take()) is not None:
        found.append(step)
    return found


@given(st.lists(st.one_of(strategies.events, st.just(Synced())), max_size=20), st.booleans())
def test_events_come_out_as_they_went_in(events: list, whole: bool) -> None:
    taken = steps(b"".join(feed.frames(events, reset=whole, commit=True)))
    assert [event for step in taken for event in step.events] == events
    assert [step.reset for step in taken] == [whole, *[False] * (len(taken) - 1)]
    assert [step.commit for step in taken] == [*[False] * (len(taken) - 1), True]


@pytest.mark.parametrize(
    ("events", "frames"), [(0, 1), (1, 1), (100, 1), (101, 2), (200, 2), (201, 3)]
)
def test_frames_are_small(events: int, frames: int) -> None:
    sent = list(feed.frames([Synced()] * events, reset=True, commit=True))
    assert len(sent) == frames
    assert [len(step.events) for step in steps(b"".join(sent))] == [
        min(100, events - at) for at in range(0, max(events, 1), 100)
    ]


def test_a_frame_is_taken_when_it_is_whole() -> None:
    [frame] = feed.frames(world.events("namespace a"), reset=False, commit=True)
    splitter = feed.Splitter()
    for octet in frame[:-1]:
        splitter.feed(bytes((octet,)))
        assert splitter.take() is None
    splitter.feed(frame[-1:])
    assert splitter.take() is not None
    assert splitter.take() is None


EMPTY = Snapshot(view=View())


def started() -> tuple[Store, feed.Builder, list[set]]:
    store = Store(EMPTY)
    heard: list[set] = []
    store.listen(heard.append)
    return store, feed.Builder(store, EMPTY), heard


def test_nothing_shows_before_the_commit() -> None:
    store, builder, heard = started()
    builder.apply(feed.Step(True, False, world.events("namespace a")))
    assert store.current is EMPTY
    assert heard == []
    builder.apply(feed.Step(False, True, world.events("namespace b")))
    assert store.current.has_namespace(b"a")
    assert store.current.has_namespace(b"b")
    assert heard == [{EVERYTHING, (b"a",), (b"b",)}]


def test_a_reset_begins_from_nothing() -> None:
    store, builder, _ = started()
    builder.apply(feed.Step(False, True, world.events("namespace a")))
    builder.apply(feed.Step(True, True, world.events("namespace b")))
    assert not store.current.has_namespace(b"a")
    assert store.current.has_namespace(b"b")


def test_what_was_begun_can_be_abandoned() -> None:
    store, builder, heard = started()
    builder.apply(feed.Step(False, True, world.events("namespace a")))
    builder.apply(feed.Step(True, False, world.events("namespace b")))
    builder.abandon()
    builder.apply(feed.Step(False, True, world.events("namespace c")))
    assert store.current.has_namespace(b"a")
    assert not store.current.has_namespace(b"b")
    assert heard[-1] == {(b"c",)}


def test_a_step_can_stay_open() -> None:
    store, builder, heard = started()
    for step in feed.steps(world.events("namespace a"), reset=True, commit=False):
        builder.apply(step)
    assert heard == []
    for step in feed.steps([], reset=False, commit=True):
        builder.apply(step)
    assert store.current.has_namespace(b"a")
    assert heard == [{EVERYTHING, (b"a",)}]
