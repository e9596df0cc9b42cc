"""A snapshot as bytes: what was written is what is read, and what is damaged is refused."""

from __future__ import annotations

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from feddns import saved
from feddns.errors import DocumentRefused
from feddns.events import Put, Stale, Synced
from feddns.federations import Federation, Federations
from feddns.nameservers import Nameservers, StubDomain
from feddns.services import Kind, Service
from feddns.snapshot import Snapshot, View, apply
from tests import strategies
from tests.test_snapshot import facts

SOURCE = "api of c1"


def build(events: list) -> Snapshot:
    made = Snapshot()
    for event in [*events, Synced()]:
        made = apply(made, event)
    return made


def written(snapshot: Snapshot, now: float = 1000.0) -> bytes:
    return b"".join(saved.write(snapshot, SOURCE, now))


WORLD = build([
    Put(Service(b"ns%d" % (i % 3), b"s%d" % i, Kind.CLUSTER_IP, (bytes([192, 0, 2, i % 250]),)))
    for i in range(1000)
])  # fmt: skip


@given(st.lists(strategies.events, max_size=15))
def test_what_was_written_is_read(events: list) -> None:
    made = build(events)
    back = saved.read(written(made), SOURCE, Snapshot())
    assert facts(back) == facts(made)
    assert {a: set(keys) for a, keys in back.reverse.items()} == {
        a: set(keys) for a, keys in made.reverse.items()
    }
    assert (back.synced, back.nameservers) == (True, made.nameservers)


def test_it_goes_on_like_the_one_that_was_written() -> None:
    back = saved.read(written(WORLD), SOURCE, Snapshot())
    change = Put(Service(b"ns1", b"s1", Kind.CLUSTER_IP, (bytes([198, 51, 100, 1]),)))
    assert facts(apply(back, change)) == facts(apply(WORLD, change))


@pytest.mark.parametrize(
    ("before", "since"), [(0.0, 1000.0), (400.0, 400.0)], ids=["followed", "stale already"]
)
def test_it_is_stale_since(before: float, since: float) -> None:
    snapshot = apply(WORLD, Stale(before))
    assert saved.read(written(snapshot), SOURCE, Snapshot()).stale_since == since


def test_a_view_that_was_whole_is_there_again_and_one_that_was_not_is_not() -> None:
    whole = apply(WORLD, Synced(federation=True))
    assert saved.read(written(whole), SOURCE, Snapshot()).view == View()
    assert saved.read(written(WORLD), SOURCE, Snapshot()).view is None


def test_settings_come_from_now_and_configuration_from_the_file() -> None:
    configured = build([
        Put(Federations((Federation(b"f", b"\x07example\x00"),))),
        Put(Nameservers((StubDomain(b"\x04corp\x00", ("192.0.2.1:53",)),), ("192.0.2.2:53",))),
    ])  # fmt: skip
    back = saved.read(written(configured), SOURCE, Snapshot(federation=b"f", cluster="c1"))
    assert (back.federation, back.cluster) == (b"f", "c1")
    assert back.federations == {b"f": b"\x07example\x00"}
    assert back.nameservers == configured.nameservers


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda file: b"", "no snapshot"),
        (lambda file: b"feddns snapshot 0\n" + file[18:], "no snapshot"),
        (lambda file: file[:-1], "cut short or damaged"),
        (lambda file: file[: len(file) // 2], "cut short or damaged"),
        (lambda file: file[:100] + bytes([file[100] ^ 1]) + file[101:], "cut short or damaged"),
        (lambda file: file + b"x", "cut short or damaged"),
    ],
    ids=["empty", "old version", "last byte", "half", "one bit", "more"],
)
def test_damage_is_refused(damage, reason: str) -> None:
    with pytest.raises(DocumentRefused, match=reason):
        saved.read(damage(written(WORLD)), SOURCE, Snapshot())


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(content: bytes) -> None:
    with pytest.raises(DocumentRefused):
        saved.read(saved.FIRST_LINE + content, SOURCE, Snapshot())


def test_another_cluster_is_refused() -> None:
    with pytest.raises(DocumentRefused, match="it is of api of c1, not of api of c2"):
        saved.read(written(WORLD), "api of c2", Snapshot())


def test_pieces_are_small() -> None:
    """So that questions are answered between two of them."""
    pieces = list(saved.write(WORLD, SOURCE, 0.0))
    assert len(pieces) >= 1000 // saved.A_CHUNK + 2
    assert max(map(len, pieces)) < 200 * saved.A_CHUNK


def test_the_end_is_right_only_with_parts_that_decode() -> None:
    """A checksum that holds over nonsense, as another program might write it."""
    import zlib

    nonsense = saved.FIRST_LINE + b"\x00\x00\x00\x02" + msgspec.msgpack.encode(7)
    file = nonsense + bytes(4) + zlib.crc32(nonsense).to_bytes(4, "big")
    with pytest.raises(DocumentRefused, match="does not decode"):
        saved.read(file, SOURCE, Snapshot())
