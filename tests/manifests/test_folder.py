"""A real folder on a real disk, followed by real inotify."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TextIO

import pytest

from feddns.errors import OperatorNeeded
from feddns.events import Event, Gone, Put
from feddns.kube.resources import Role
from feddns.manifests import folder, scanning, watching

PATIENCE = 10.0


def service(name: str, address: str = "192.0.2.1") -> str:
    return (
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: ns}}\n"
        f"spec: {{clusterIP: {address}}}\n---\n"
    )


def told(events: list[Event]) -> list[str]:
    found = []
    for event in events:
        assert isinstance(event, Put | Gone)
        thing = event.object
        addresses = [f" .{address[-1]}" for address in getattr(thing, "addresses", ())]
        sign = "+" if isinstance(event, Put) else "-"
        found.append(sign + thing.key[1].decode() + ("".join(addresses) if sign == "+" else ""))  # type: ignore[union-attr]
    return sorted(found)


def loaded(loader: folder.Loader) -> list[str]:
    return told([event for events in loader.load() for event in events])


# --- scan ----------------------------------------------------------------------------------------


def test_scan(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yml", "c.json", "d.txt", ".e.yaml", "sub/f.yaml", ".hidden/g.yaml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    (tmp_path / "link.yaml").symlink_to("d.txt")
    (tmp_path / "broken.yaml").symlink_to("nowhere")
    (tmp_path / "sub/loop").symlink_to("..")
    (tmp_path / "dir.yaml").mkdir()
    found = [os.path.relpath(path, tmp_path) for path in scanning.scan(str(tmp_path)).files]
    assert sorted(found) == ["a.yaml", "b.yml", "c.json", "link.yaml", "sub/f.yaml"]


def test_a_mounted_config_map_is_read_through_its_links(tmp_path: Path) -> None:
    mount_config_map(tmp_path, "..1", service("x"))
    assert [Path(path).name for path in scanning.scan(str(tmp_path)).files] == ["x.yaml"]


def mount_config_map(root: Path, version: str, content: str) -> None:
    """What the kubelet does: a new directory, then `..data` moved to it in one step."""
    (root / version).mkdir()
    (root / version / "x.yaml").write_text(content)
    (root / "..data_tmp").symlink_to(version)
    (root / "..data_tmp").rename(root / "..data")
    if not (root / "x.yaml").exists():
        (root / "x.yaml").symlink_to("..data/x.yaml")


# --- load ----------------------------------------------------------------------------------------


def test_load(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(service("x") + service("y"))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/b.json").write_text('{"apiVersion": "apps/v1", "kind": "Deployment"}')
    loader = folder.Loader({Role.CLUSTER: [tmp_path], Role.FEDERATION: [tmp_path / "sub"]})
    assert loaded(loader) == ["+x .1", "+y .1"]
    assert loader.counts()[Role.CLUSTER] == ({"Service": 2}, {"Deployment": 1}, 0)
    assert loader.counts()[Role.FEDERATION].ignored == {"Deployment": 1}


def test_load_gives_many_small_lists(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("".join(service(f"s{i}") for i in range(5000)))
    loader = folder.Loader({Role.CLUSTER: [tmp_path]})
    lists = list(loader.load())
    assert max(map(len, lists)) < 1500
    assert sum(map(len, lists)) == 5000


@pytest.mark.parametrize(
    ("prepare", "role", "message"),
    [
        (lambda p: None, Role.CLUSTER, r"does not exist; create it, or give --manifests"),
        (lambda p: p.mkdir(), Role.CLUSTER, r"holds no \*.yaml, \*.yml or \*.json file; put"),
        (lambda p: p.mkdir(), Role.FEDERATION, r"or give --federation-manifests another one"),
        (lambda p: p.write_text(""), Role.CLUSTER, r"is no folder; give --manifests the folder"),
        (lambda p: p.symlink_to(p), Role.CLUSTER, r"cannot be read"),
    ],
)
def test_what_the_operator_is_told(
    prepare: Callable[[Path], None], role: Role, message: str, tmp_path: Path
) -> None:
    prepare(tmp_path / "m")
    with pytest.raises(OperatorNeeded, match=message):
        list(folder.Loader({role: [tmp_path / "m"]}).load())


def test_each_refusal_is_one_log_line_while_it_lasts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.yaml").write_text(service("ok") + service("x", "bad"))
    (tmp_path / "b.yaml").write_text("a: [\n")
    (tmp_path / "c.yaml").write_text(service("ok"))
    loader = folder.Loader({Role.CLUSTER: [tmp_path]})
    with caplog.at_level(logging.INFO, "feddns.manifests"):
        loaded(loader)
        first = caplog.messages[:]
        loaded(loader)
    assert caplog.messages == first
    assert [message.removeprefix(str(tmp_path)).split("; ")[0] for message in first] == [
        "/a.yaml:6: Service ns/x: spec.clusterIPs 'bad' is no IP address",
        "/b.yaml:1: did not find expected node content (column 1)",
        f"/a.yaml:0: Service ns/ok: it is also in {tmp_path}/c.yaml, which counts",
    ]
    assert len(loader.refusals()) == 3


# --- follow --------------------------------------------------------------------------------------


class Follower:
    """The events of a followed folder, one step at a time."""

    def __init__(self, steps: AsyncIterator[list[Event]]) -> None:
        self._steps = steps
        self._next: asyncio.Task[list[Event]] | None = None

    async def settle(self) -> None:
        """Start waiting for the next step, until the watches are there."""
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._steps))
        await asyncio.sleep(0.1)

    async def after(self, change: Callable[[], object]) -> list[str]:
        await self.settle()
        assert self._next is not None
        assert not self._next.done()
        change()
        waiting, self._next = self._next, None
        return told(await asyncio.wait_for(waiting, PATIENCE))

    async def nothing_after(self, change: Callable[[], object]) -> None:
        await self.settle()
        assert self._next is not None
        change()
        await asyncio.sleep(0.2)
        assert not self._next.done()


def follow(root: Path, story: Callable[[Follower], Awaitable[None]]) -> folder.Loader:
    """Load `root`, then play the story while it is followed."""
    loader = folder.Loader({Role.CLUSTER: [root]})
    loaded(loader)

    async def play() -> None:
        follower = Follower(loader.follow())
        await story(follower)
        if follower._next is not None:
            follower._next.cancel()
            await asyncio.gather(follower._next, return_exceptions=True)

    asyncio.run(play())
    return loader


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder_path = tmp_path / "m"
    folder_path.mkdir()
    (folder_path / "a.yaml").write_text(service("a"))
    return folder_path


def test_files_come_change_and_go(root: Path) -> None:
    async def story(follower: Follower) -> None:
        b = root / "b.yaml"
        assert await follower.after(lambda: b.write_text(service("b"))) == ["+b .1"]
        assert await follower.after(lambda: b.write_text(service("b", "192.0.2.2"))) == ["+b .2"]
        assert await follower.after(b.unlink) == ["-b"]
        await follower.nothing_after(lambda: (root / "c.txt").write_text(service("c")))
        await follower.nothing_after(lambda: (root / ".d.yaml").write_text(service("d")))
        await follower.nothing_after(lambda: os.utime(root / "a.yaml"))

    follow(root, story)


def test_a_change_is_told_within_100_ms(root: Path) -> None:
    async def story(follower: Follower) -> None:
        waits = []
        for number in range(5):
            start = time.perf_counter()
            address = f"192.0.2.{number + 2}"

            def change(address: str = address) -> None:
                nonlocal start
                start = time.perf_counter()
                (root / "a.yaml").write_text(service("a", address))

            await follower.after(change)
            waits.append(time.perf_counter() - start)
        assert sorted(waits)[2] < 0.1

    follow(root, story)


def test_changes_that_come_together_are_one_step(root: Path) -> None:
    async def story(follower: Follower) -> None:
        def change() -> None:
            (root / "b.yaml").write_text(service("b"))
            (root / "sub").mkdir()
            (root / "sub/c.yaml").write_text(service("c"))
            (root / "a.yaml").unlink()

        assert await follower.after(change) == ["+b .1", "+c .1", "-a"]

    follow(root, story)


def test_a_file_renamed_into_place(root: Path) -> None:
    async def story(follower: Follower) -> None:
        def save(address: str) -> None:
            (root / ".a.tmp").write_text(service("a", address))
            (root / ".a.tmp").rename(root / "a.yaml")

        assert await follower.after(lambda: save("192.0.2.2")) == ["+a .2"]
        assert await follower.after(lambda: save("192.0.2.3")) == ["+a .3"]
        moved = root / "b.yaml"
        await follower.nothing_after(lambda: (root / "a.yaml").rename(moved))
        assert await follower.after(lambda: moved.rename(root / "b.txt")) == ["-a"]
        assert await follower.after(lambda: os.link(root / "b.txt", moved)) == ["+a .3"]

    follow(root, story)


def test_a_file_that_is_being_written_is_left_until_it_is_closed(root: Path) -> None:
    async def story(follower: Follower) -> None:
        files: list[TextIO] = []

        def begin() -> None:
            files.append((root / "a.yaml").open("w"))
            files[0].write(service("a", "192.0.2.2"))
            files[0].flush()

        await follower.nothing_after(begin)
        other = root / "b.yaml"
        assert await follower.after(lambda: other.write_text(service("b"))) == ["+b .1"]
        files[0].write(service("c"))
        assert await follower.after(files[0].close) == ["+a .2", "+c .1"]

    follow(root, story)


def test_a_file_that_is_kept_open_is_read_in_the_end(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "STUCK", 0.3)

    async def story(follower: Follower) -> None:
        with (root / "b.yaml").open("w") as file:

            def write() -> None:
                file.write(service("b"))
                file.flush()

            assert await follower.after(write) == ["+b .1"]

    follow(root, story)


def test_a_file_that_does_not_parse_keeps_its_objects(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(follower: Follower) -> None:
        await follower.nothing_after(lambda: (root / "a.yaml").write_text("a: ["))
        assert [record.getMessage().split("m/")[1] for record in caplog.records] == [
            "a.yaml:1: did not find expected node content (column 1)"
        ]
        good = service("a", "192.0.2.2")
        assert await follower.after(lambda: (root / "a.yaml").write_text(good)) == ["+a .2"]

    assert follow(root, story).refusals() == []


def test_a_config_map_is_swapped(tmp_path: Path) -> None:
    mount_config_map(tmp_path, "..1", service("x"))

    async def story(follower: Follower) -> None:
        def swap() -> None:
            mount_config_map(tmp_path, "..2", service("x", "192.0.2.2") + service("y"))
            shutil.rmtree(tmp_path / "..1")

        assert await follower.after(swap) == ["+x .2", "+y .1"]
        change = lambda: mount_config_map(tmp_path, "..3", service("y", "192.0.2.3"))  # noqa: E731
        assert await follower.after(change) == ["+y .3", "-x"]

    follow(tmp_path, story)


def test_the_target_of_a_link_changes(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "b.yaml"
    target.parent.mkdir()
    target.write_text(service("b"))
    (root / "b.yaml").symlink_to(target)

    async def story(follower: Follower) -> None:
        changed = service("b", "192.0.2.2")
        assert await follower.after(lambda: target.write_text(changed)) == ["+b .2"]

    follow(root, story)


def test_directories_come_and_go(root: Path, tmp_path: Path) -> None:
    async def story(follower: Follower) -> None:
        deep = root / "one" / "two"

        def make() -> None:
            deep.mkdir(parents=True)
            (deep / "b.yaml").write_text(service("b"))

        assert await follower.after(make) == ["+b .1"]
        change = service("b", "192.0.2.2")
        assert await follower.after(lambda: (deep / "b.yaml").write_text(change)) == ["+b .2"]
        away = tmp_path / "away"
        assert await follower.after(lambda: (root / "one").rename(away)) == ["-b"]
        assert await follower.after(lambda: away.rename(root / "back")) == ["+b .2"]
        change = service("b", "192.0.2.3")
        back = root / "back" / "two" / "b.yaml"
        assert await follower.after(lambda: back.write_text(change)) == ["+b .3"]
        assert await follower.after(lambda: shutil.rmtree(root / "back")) == ["-b"]

    follow(root, story)


def test_the_folder_itself_goes_and_comes(root: Path) -> None:
    async def story(follower: Follower) -> None:
        assert await follower.after(lambda: shutil.rmtree(root)) == ["-a"]

        def make() -> None:
            root.mkdir()
            (root / "a.yaml").write_text(service("a"))

        assert await follower.after(make) == ["+a .1"]
        changed = service("a", "192.0.2.2")
        assert await follower.after(lambda: (root / "a.yaml").write_text(changed)) == ["+a .2"]
        assert await follower.after(lambda: shutil.rmtree(root.parent)) == ["-a"]

        def make_all() -> None:
            root.parent.mkdir()
            make()

        assert await follower.after(make_all) == ["+a .1"]

    follow(root, story)


def test_what_changed_between_loading_and_following(root: Path) -> None:
    async def play() -> None:
        loader = folder.Loader({Role.CLUSTER: [root]})
        loaded(loader)
        (root / "b.yaml").write_text(service("b"))
        steps = loader.follow()
        assert told(await asyncio.wait_for(anext(steps), PATIENCE)) == ["+b .1"]
        fresh = folder.Loader({Role.CLUSTER: [root]}).follow()
        first = await asyncio.wait_for(anext(fresh), PATIENCE)
        assert told(first) == ["+a .1", "+b .1"]

    asyncio.run(play())


def test_two_roles_make_one_step(root: Path) -> None:
    async def play() -> None:
        federation = root.parent / "f"
        federation.mkdir()
        (federation / "s.yaml").write_text(service("s"))
        loader = folder.Loader({Role.CLUSTER: [root], Role.FEDERATION: [federation]})
        assert loaded(loader) == ["+a .1", "+s"]
        follower = Follower(loader.follow())

        def change() -> None:
            (root / "a.yaml").unlink()
            (federation / "s.yaml").unlink()

        assert await follower.after(change) == ["-a", "-s"]

    asyncio.run(play())


def test_a_file_that_cannot_be_read_keeps_its_objects(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = folder._content_of
    refused = PermissionError(13, "Permission denied")
    monkeypatch.setattr(
        folder, "_content_of", lambda path: refused if path.endswith("a.yaml") else whole(path)
    )

    async def story(follower: Follower) -> None:
        change = lambda: (root / "b.yaml").write_text(service("b"))  # noqa: E731
        assert await follower.after(change) == ["+b .1"]
        await follower.nothing_after(
            lambda: (root / "a.yaml").write_text(service("a", "192.0.2.9"))
        )

    (refusal,) = follow(root, story).refusals()
    assert "Permission denied" in refusal.reason


def test_a_directory_that_cannot_be_read_keeps_its_objects() -> None:
    inode = (1, 1)
    stamp = scanning.Stamp(inode, 1, 1, 1)
    tree = scanning.Tree({"m/a.yaml": stamp}, {}, ["m/sub"])
    assert not tree.is_missing("m/a.yaml")
    assert not tree.is_missing("m/sub/b.yaml")
    assert tree.is_missing("m/c.yaml")


async def _follow_once(loader: folder.Loader) -> None:
    async for _ in loader.follow():
        return


def test_no_inotify_left_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(**_options: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("feddns.manifests.watching.Inotify", none_left)
    (tmp_path / "a.yaml").write_text(service("x"))
    with pytest.raises(OperatorNeeded, match=r"cannot be followed \(Too many open files\): raise"):
        asyncio.run(_follow_once(folder.Loader({Role.CLUSTER: [tmp_path]})))


def test_no_watch_left_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The folder still counts as it was read; that it is not followed must not go unnoticed."""

    class Full(watching.Inotify):
        def add_watch(self, *_arguments: object, **_options: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    async def watch() -> None:
        with watching.Watcher() as watcher:
            watcher.watch({(1, 1): str(tmp_path)}, {})

    monkeypatch.setattr("feddns.manifests.watching.Inotify", Full)
    asyncio.run(watch())
    assert f"{tmp_path} is not followed: raise `sysctl fs.inotify.max_user_watches`" in caplog.text
