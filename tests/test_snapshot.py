"""The world as a value: what events do to it, in whichever order and by whichever road."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

import hypothesis.strategies as st
import pytest
from hypothesis import given
from immutables import Map

from feddns import feed, names
from feddns.events import Gone, Put, Synced
from feddns.services import Kind, Pod, Service
from feddns.snapshot import (
    EVERYTHING,
    FAMILIES,
    Dependency,
    Entry,
    Snapshot,
    View,
    apply,
    unpack,
)
from feddns.store import Store
from tests import strategies, world

EMPTY = Snapshot(view=View())


def build(events: list) -> Snapshot:
    made = EMPTY
    for event in events:
        made = apply(made, event)
    return made


def entries(value: Snapshot) -> Iterator[tuple[bytes, bytes, Entry]]:
    """Every entry, unpacked."""
    for namespace, services in value.namespaces.items():
        for name, packed in services.items():
            yield namespace, name, unpack(packed)


def facts(value: Snapshot) -> object:
    """All that a snapshot says, without versions and without orders that mean nothing."""
    view = value.view or View()
    return (
        {
            (namespace, name): (entry.service, frozenset(entry.slices))
            for namespace, name, entry in entries(value)
        },
        set(value.declared),
        {address: frozenset(keys) for address, keys in value.reverse.items()},
        dict(value.pods.items()),
        {place: frozenset(pods) for place, pods in value.pod_addresses.items()},
        dict(value.nodes.items()),
        value.location,
        value.federations,
        dict(view.clusters.items()),
        dict(view.services.items()),
        view.scopes,
        value.synced,
    )


histories = st.lists(strategies.events, max_size=12)


@given(histories, strategies.events)
def test_an_event_twice_is_the_event_once(before: list, event) -> None:
    once = apply(build(before), event)
    assert facts(apply(once, event)) == facts(once)


@given(histories, strategies.objects)
def test_put_then_gone_is_as_before_without_it(before: list, thing) -> None:
    without = apply(build(before), Gone(thing))
    assert facts(apply(apply(without, Put(thing)), Gone(thing))) == facts(without)


@given(histories)
def test_everything_gone_is_the_empty_world(before: list) -> None:
    made = build(before)
    for event in before:
        made = apply(made, Gone(event.object))
    assert facts(made) == facts(EMPTY)


@given(histories, strategies.events, strategies.events)
def test_events_of_different_objects_may_change_places(before: list, one, other) -> None:
    if (type(one.object), one.object.key) == (type(other.object), other.object.key):
        return
    world = build(before)
    assert facts(apply(apply(world, one), other)) == facts(apply(apply(world, other), one))


@given(histories, strategies.events)
def test_an_event_leaves_the_old_snapshot_alone(before: list, event) -> None:
    made = build(before)
    said = facts(made)
    apply(made, event)
    assert facts(made) == said


@given(histories)
def test_the_reverse_index_is_what_the_entries_say(before: list) -> None:
    made = build(before)
    expected: dict[bytes, set] = {}
    for namespace, name, entry in entries(made):
        for address in entry.addresses():
            expected.setdefault(address, set()).add((namespace, name))
    assert {address: set(keys) for address, keys in made.reverse.items()} == expected
    assert all(len(set(keys)) == len(keys) for keys in made.reverse.values())


@given(histories)
def test_the_pod_index_is_what_the_pods_say(before: list) -> None:
    made = build(before)
    expected: dict[tuple[bytes, bytes], set] = {}
    for pod in made.pods.values():
        for address in pod.addresses:
            expected.setdefault((pod.namespace, address), set()).add(pod.name)
    assert {place: set(pods) for place, pods in made.pod_addresses.items()} == expected


@given(histories)
def test_no_empty_entry_stays(before: list) -> None:
    made = build(before)
    assert all(made.namespaces.values())
    assert all(entry.service is not None or entry.slices for _, _, entry in entries(made))


@given(histories, st.lists(strategies.events, max_size=6), st.randoms(use_true_random=False))
def test_by_the_feed_as_by_commit(before: list, later: list, random) -> None:
    """Frames cut anywhere build the same world, and show nothing before it is whole."""
    direct = Store(EMPTY)
    direct.commit([*before, Synced()])
    direct.commit(later)
    fed = Store(Snapshot(view=View(), synced=True))
    seen: list[set] = []
    fed.listen(seen.append)
    builder, splitter = feed.Builder(fed, EMPTY), feed.Splitter()
    frames = [
        *feed.frames([*before, Synced()], reset=True, commit=True),
        *feed.frames(later, reset=False, commit=True),
    ]
    stream = b"".join(frames)
    while stream:
        cut = random.randint(1, len(stream))
        splitter.feed(stream[:cut])
        stream = stream[cut:]
        while (step := splitter.take()) is not None:
            builder.apply(step)
    assert facts(fed.current) == facts(direct.current)
    assert len(seen) == 2
    assert EVERYTHING in seen[0]


@given(histories, strategies.events)
def test_what_is_touched_covers_what_changed(before: list, event) -> None:
    """Every entry, address and federated Service that looks different afterwards is named."""
    old = build(before)
    touched: set[Dependency] = set()
    new = apply(old, event, touched)
    if EVERYTHING in touched:
        return
    for namespace in strategies.NAMESPACES:
        if old.has_namespace(namespace) != new.has_namespace(namespace):
            assert (namespace,) in touched
        for name in strategies.SERVICES:
            was, now = old.entry(namespace, name) or Entry(), new.entry(namespace, name) or Entry()
            if (was.service, was.has_ready_endpoint()) != (now.service, now.has_ready_endpoint()):
                assert (namespace, name) in touched
            for size in FAMILIES:
                if told(was, size) != told(now, size):
                    assert (namespace, name, size) in touched
            if old.view.services.get((namespace, name)) != new.view.services.get((namespace, name)):
                assert ("federated", namespace, name) in touched
        for address in strategies.ADDRESSES:
            place = (namespace, address)
            if (place in old.pod_addresses) != (place in new.pod_addresses):
                assert place in touched
    for address in strategies.ADDRESSES:
        gained = set(new.reverse.get(address, ())) - set(old.reverse.get(address, ()))
        lost = set(old.reverse.get(address, ())) - set(new.reverse.get(address, ()))
        assert not gained or address in touched
        assert all(key in touched or (*key, len(address)) in touched for key in lost)


def told(entry: Entry, size: int) -> object:
    """What the slices say of a family, and their ports, which belong to every family."""
    return {
        (piece.name, piece.ports, endpoint)
        for piece in entry.slices
        for endpoint in piece.endpoints or (None,)
        if endpoint is None or any(len(address) == size for address in endpoint.addresses)
    } - {(piece.name, (), None) for piece in entry.slices}


# --- by example -------------------------------------------------------------------------------


def made(text: str) -> Snapshot:
    return build(world.events(text))


def test_version_counts_every_event() -> None:
    assert made("namespace a\nnamespace b\ndelete namespace b").version == 3


def test_a_namespace_is_there_with_its_object_or_with_anything_in_it() -> None:
    assert made("namespace a").has_namespace(b"a")
    assert made("service a/s 10.96.0.1").has_namespace(b"a")
    assert made("slice a/s-a of s").has_namespace(b"a")
    assert not made("slice a/s-a of s\ndelete slice a/s-a of s").has_namespace(b"a")
    assert not made("pod a/p 10.0.0.1").has_namespace(b"a")


def test_a_pod_that_names_an_address_twice_comes_and_goes() -> None:
    address = ipaddress.ip_address("10.0.0.1").packed
    pod = Pod(b"a", b"p", (address, address))
    there = apply(EMPTY, Put(pod))
    assert there.pod_addresses == Map({(b"a", address): (b"p",)})
    assert apply(there, Gone(pod)).pod_addresses == Map()


def test_endpoints_of_several_slices_count_once() -> None:
    entry = made("""
        service a/s headless
        slice a/s-1 of s x=10.0.0.1 10.0.0.2!unready
        slice a/s-2 of s x=10.0.0.1 10.0.0.2""").entry(b"a", b"s")
    assert entry is not None
    assert [(e.hostname, e.addresses[0][3]) for e in entry.endpoints()] == [(b"x", 1), (b"", 2)]


def test_the_view_is_of_the_federation_that_is_named_or_the_only_one() -> None:
    one = made("federations f=example.com")
    assert one.viewed_federation() == b"f"
    assert made("federations f=example.com,g=example.org").viewed_federation() is None
    assert made("namespace a").viewed_federation() is None
    assert build([]).view_of(b"") is None
    named = Snapshot(view=View(), federation=b"g")
    for event in world.events("federations f=example.com,g=example.org"):
        named = apply(named, event)
    assert named.viewed_federation() == b"g"
    named = apply(named, world.event("federations f=example.com"))
    assert named.viewed_federation() is None
    assert Snapshot(federation=b"f").viewed_federation() is None


def test_scopes_are_the_rungs_of_every_cluster() -> None:
    view = made("cluster c zones=z1,z2 region=r1\ncluster d region=r2\ncluster e").view
    assert view is not None
    assert sorted(map(names.format, view.scopes)) == [".", "r1.", "r2.", "z1.r1.", "z2.r1."]


def test_a_zone_that_cannot_be_written_has_no_rung() -> None:
    view = made("cluster c zones=a..b,z1 region=r1").view
    assert view is not None
    assert sorted(map(names.format, view.scopes)) == [".", "r1.", "z1.r1."]


def test_an_external_name_has_no_reverse_names() -> None:
    service = Service(b"a", b"s", Kind.EXTERNAL_NAME, external_name=names.parse("www.example.net"))
    there = build([*world.events("slice a/s-a of s 10.0.0.1"), Put(service)])
    assert there.reverse == Map()


@pytest.mark.parametrize(
    ("federation", "known", "trouble"),
    [
        ("", "f=example.com", ""),
        ("", "", "lists no federation"),
        ("", "f=example.com,g=example.org", r"several federations \(f, g\)"),
        ("g", "f=example.com", "--federation-name g is not among f"),
        ("g", "f=example.com,g=example.org", ""),
    ],
)
def test_why_a_view_is_of_no_use(federation: str, known: str, trouble: str) -> None:
    made = Snapshot(view=View(), federation=federation.encode())
    if known:
        made = apply(made, world.event(f"federations {known}"))
    assert re.search(trouble, made.view_trouble()) if trouble else made.view_trouble() == ""
    assert Snapshot().view_trouble() == ""
