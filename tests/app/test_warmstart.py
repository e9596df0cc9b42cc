"""The saved snapshot: what a restart answers from, when it is written, and what is set aside."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import pytest

from feddns import saved, snapshot
from feddns.app import warmstart
from feddns.events import Stale, Synced
from feddns.snapshot import EVERYTHING, Snapshot
from feddns.store import Store
from tests import world
from tests.serving import Serve, until
from tests.test_snapshot import facts

SOURCE = "here"
WORLD = "namespace ns\nservice ns/web 192.0.2.1 http:80/tcp\nfederations f=example.com"


def store_of(text: str = WORLD) -> Store:
    store = Store(Snapshot())
    store.commit([*world.events(text), Synced()])
    return store


def saved_in(path: Path, text: str = WORLD, source: str = SOURCE) -> Path:
    path.write_bytes(b"".join(saved.write(store_of(text).current, source, time.time() - 60)))
    return path


# --- reading ----------------------------------------------------------------------------------


def test_a_whole_file_is_a_world_that_is_stale(tmp_path: Path) -> None:
    file = saved_in(tmp_path / "s")
    found = warmstart.load(str(file), SOURCE, Snapshot())
    assert found is not None
    assert facts(found) == facts(store_of().current)
    assert 59 < time.time() - found.stale_since < 120


def test_no_file_is_no_news(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert warmstart.load(str(tmp_path / "s"), SOURCE, Snapshot()) is None
    assert not caplog.messages


@pytest.mark.parametrize(
    ("content", "source", "reason"),
    [(b"", SOURCE, "no snapshot of this version"), (None, "there", "it is of here, not of there")],
)
def test_what_is_set_aside(
    content: bytes | None, source: str, reason: str, tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    file = saved_in(tmp_path / "s")
    if content is not None:
        file.write_bytes(content)
    assert warmstart.load(str(file), source, Snapshot()) is None
    assert reason in caplog.messages[0]
    assert [path.name for path in tmp_path.iterdir()] == ["s.bad"]


# --- writing ----------------------------------------------------------------------------------


class Turning:
    """A keeper in a loop, whose clock is what the test says."""

    def __init__(self, path: Path, store: Store) -> None:
        self.now = 0.0
        self.loop = asyncio.new_event_loop()
        self.loop.time = lambda: self.now  # type: ignore[method-assign]
        self.keeper = warmstart.Keeper(str(path), SOURCE, store, self.loop)

    def tick(self) -> None:
        """One tick, and all that follows from it."""
        self.keeper.tick()

        async def settled() -> None:
            while self.keeper._is_writing:
                await asyncio.sleep(0)

        self.loop.run_until_complete(settled())

    def close(self) -> None:
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


@pytest.fixture
def turning(tmp_path: Path):
    made = Turning(tmp_path / "s", store_of())
    yield made
    made.close()


def addresses(path: Path) -> set[bytes]:
    found = saved.read(path.read_bytes(), SOURCE, Snapshot()).entry(b"ns", b"web")
    assert found is not None
    return found.addresses()


def test_it_is_written_at_once_and_then_now_and_then(turning: Turning, tmp_path: Path) -> None:
    file = tmp_path / "s"
    turning.tick()
    assert addresses(file) == {world.ip("192.0.2.1")}
    first = file.stat().st_mtime_ns
    turning.now = warmstart.EVERY + 1
    turning.tick()
    assert file.stat().st_mtime_ns == first, "nothing has changed"
    turning.keeper._store.commit(world.events("service ns/web 192.0.2.2"))
    turning.tick()
    assert addresses(file) == {world.ip("192.0.2.2")}
    turning.keeper._store.commit(world.events("service ns/web 192.0.2.3"))
    turning.now += warmstart.EVERY - 1
    turning.tick()
    assert addresses(file) == {world.ip("192.0.2.2")}, "it was written a short while ago"
    turning.keeper.finish()
    assert addresses(file) == {world.ip("192.0.2.3")}
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_an_end_in_the_middle_of_writing(turning: Turning, tmp_path: Path) -> None:
    """What is half written, and a thread that is late, do not come into the file."""
    turning.keeper.tick()  # it has begun, and the loop does not turn
    turning.keeper._store.commit(world.events("service ns/web 192.0.2.2"))
    turning.keeper.finish()
    assert addresses(tmp_path / "s") == {world.ip("192.0.2.2")}
    turning.tick()  # as if the rest were written after all
    assert addresses(tmp_path / "s") == {world.ip("192.0.2.2")}
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


@pytest.mark.parametrize(
    "state", [Snapshot(), snapshot.apply(store_of().current, Stale(5.0))], ids=["new", "stale"]
)
def test_what_is_not_worth_to_be_written(state: Snapshot, turning: Turning, tmp_path: Path) -> None:
    turning.keeper._store.swap(state, {EVERYTHING})
    turning.tick()
    turning.keeper.finish()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_gone_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    turning = Turning(tmp_path / "gone" / "s", store_of())
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            turning.tick()
            turning.now += warmstart.EVERY + 1
        turning.keeper.finish()
    turning.close()
    assert len(caplog.messages) == 1
    assert "cannot be written: No such file or directory" in caplog.messages[0]


# --- a server ---------------------------------------------------------------------------------

MANIFEST = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: ns}
spec: {clusterIP: 192.0.2.1, ports: [{port: 80}]}
"""


@pytest.mark.parametrize("processes", [0, 2])
def test_a_restart_answers_at_once_and_goes_on(
    processes: int, serve: Serve, tmp_path: Path
) -> None:
    """The manifests change while nobody serves: what was saved comes first, and does not stay."""
    file = tmp_path / "saved"
    flags = ("--snapshot", str(file))
    gone = MANIFEST.replace("name: web", "name: gone")
    first = serve({"a.yaml": MANIFEST, "b.yaml": gone}, *flags, processes=processes)
    assert first.says("web.ns.svc.cluster.local.", "192.0.2.1")
    assert first.stop() == 0
    saved_first = saved.read(file.read_bytes(), str(first.folder), Snapshot()).entry(b"ns", b"web")
    assert saved_first is not None
    assert saved_first.addresses() == {world.ip("192.0.2.1")}
    first.write({"a.yaml": MANIFEST.replace("192.0.2.1", "192.0.2.2"), "b.yaml": "{}"})
    again = serve(None, *flags, processes=processes, folder=first.folder)
    until(lambda: again.says("web.ns.svc.cluster.local.", "192.0.2.2"), "the new answer")
    assert not again.ask("web.ns.svc.cluster.local.", use_edns=0).options, "and it is not stale"
    assert again.rcode("gone.ns.svc.cluster.local.") == "NXDOMAIN"
    assert f"answering from {file}" in again.log()
