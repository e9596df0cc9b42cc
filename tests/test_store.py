"""The one mutable cell."""

from feddns.events import Synced
from feddns.snapshot import EVERYTHING, Snapshot
from feddns.store import Store
from tests import world


def test_a_batch_is_one_step() -> None:
    store = Store(Snapshot())
    seen: list[tuple[int, set]] = []
    store.listen(lambda dependencies: seen.append((store.current.version, dependencies)))
    store.commit(world.events("service a/s 10.0.0.1\nnamespace b"))
    assert seen == [(2, {(b"a",), (b"a", b"s"), world.ip("10.0.0.1"), (b"b",)})]


def test_every_listener_hears() -> None:
    store = Store(Snapshot())
    heard: list[str] = []
    store.listen(lambda dependencies: heard.append("one"))
    store.listen(lambda dependencies: heard.append("two"))
    store.commit([Synced()])
    assert heard == ["one", "two"]


def test_who_reads_keeps_what_was() -> None:
    store = Store(Snapshot())
    before = store.current
    store.commit(world.events("service a/s 10.0.0.1"))
    assert before.entry(b"a", b"s") is None
    assert store.current.entry(b"a", b"s") is not None


def test_swap() -> None:
    store = Store(Snapshot())
    heard: list[set] = []
    store.listen(heard.append)
    other = Snapshot(synced=True)
    store.swap(other, {EVERYTHING})
    assert store.current is other
    assert heard == [{EVERYTHING}]
