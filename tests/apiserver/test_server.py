"""The API as a server: TLS, tokens, durability, several in one loop, the command."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from feddns.apiserver import server
from feddns.apiserver.handling.api import plain_request
from feddns.apiserver.server import Options, Server
from feddns.errors import OperatorNeeded
from tests.apiserver.inprocess import ADMIN

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


class Connection:
    """One HTTP connection of a test, within the loop of the server."""

    def __init__(self, asked: Server, token: str | None = None) -> None:
        self._server = asked
        self._token = asked.token if token is None else token

    async def __aenter__(self) -> Connection:
        context = ssl.create_default_context(cadata=self._server.authority.decode())
        self.reader, self.writer = await asyncio.open_connection(
            self._server.address, self._server.port, ssl=context, server_hostname="127.0.0.1"
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await self.writer.wait_closed()

    async def ask(self, method: str, path: str, obj: Any = None) -> tuple[int, Any]:
        await self.send(method, path, obj)
        status, length = await self.head()
        return status, json.loads(await self.reader.readexactly(length) or b"null")

    async def send(self, method: str, path: str, obj: Any = None) -> None:
        body = b"" if obj is None else json.dumps(obj).encode()
        token = f"authorization: Bearer {self._token}\r\n" if self._token else ""
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: x\r\n{token}content-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        self.writer.write(head.encode() + body)

    async def head(self) -> tuple[int, int]:
        """The status and the content-length (0 for a stream)."""
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower().splitlines()
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split()[1]), int(headers.get("content-length", 0))

    async def event(self) -> Any:
        """The next event of a watch."""
        while True:
            line = await self.reader.readline()
            if line.startswith(b"{"):
                return json.loads(line)


def looped(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """The test, in a loop of its own."""

    @functools.wraps(test)
    def run(**given: Any) -> None:
        asyncio.run(test(**given))

    return run


def config_map(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}}


@looped
async def test_who_may_come() -> None:
    running = await server.start(Options(tokens={"other": "jane"}))
    try:
        async with Connection(running) as client:
            assert (await client.ask("GET", "/api/v1/namespaces"))[0] == 200
        async with Connection(running, "other") as client:
            review = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
            _, who = await client.ask("POST", review, {})
            assert who["status"]["userInfo"]["username"] == "jane"
        async with Connection(running, "wrong") as client:
            assert (await client.ask("GET", "/api"))[0] == 401
        async with Connection(running, "") as client:
            assert (await client.ask("GET", "/api"))[0] == 403
            assert (await client.ask("GET", CONFIG_MAPS))[1]["message"].startswith("configmaps is")
            assert (await client.ask("GET", "/version"))[0] == 200
    finally:
        await running.stop()


@looped
async def test_a_watch_over_the_wire_and_a_stop_at_once() -> None:
    running = await server.start(Options())
    async with Connection(running) as client, Connection(running) as watcher:
        await watcher.send("GET", f"{CONFIG_MAPS}?watch=1")
        assert await watcher.head() == (200, 0)
        await client.ask("POST", CONFIG_MAPS, config_map("a"))
        assert (await watcher.event())["object"]["metadata"]["name"] == "a"
        started = time.monotonic()
        await running.stop()
        assert time.monotonic() - started < 1
        await running.stop()
        assert await watcher.reader.read() in (b"0\r\n\r\n", b"\r\n0\r\n\r\n", b"")


@looped
async def test_several_servers_in_one_loop() -> None:
    servers = [await server.start(Options(name=name)) for name in ("us", "eu")]
    try:
        assert servers[0].port != servers[1].port
        async with Connection(servers[0]) as us, Connection(servers[1]) as eu:
            await us.ask("POST", CONFIG_MAPS, config_map("a"))
            assert (await us.ask("GET", f"{CONFIG_MAPS}/a"))[0] == 200
            assert (await eu.ask("GET", f"{CONFIG_MAPS}/a"))[0] == 404
        assert servers[0].kubeconfig()["current-context"] == "us"
        assert servers[0].kubeconfig("x")["contexts"][0]["name"] == "x"
    finally:
        for one in servers:
            await one.stop()


@looped
async def test_a_server_is_itself_again(tmp_path: Path) -> None:
    options = Options(data=tmp_path / "api.db")
    first = await server.start(options)
    async with Connection(first) as client:
        _, made = await client.ask("POST", CONFIG_MAPS, config_map("a"))
    await first.stop()
    second = await server.start(options)
    try:
        assert (second.token, second.authority) == (first.token, first.authority)
        async with Connection(second) as client:
            assert (await client.ask("GET", f"{CONFIG_MAPS}/a"))[1] == made
    finally:
        await second.stop()


@looped
async def test_a_body_that_is_too_large() -> None:
    running = await server.start(Options())
    try:
        async with Connection(running) as client:
            large = config_map("a") | {"data": {"x": "x" * (4 << 20)}}
            await client.send("POST", CONFIG_MAPS, large)
            assert (await client.head())[0] == 413
    finally:
        await running.stop()


class Disk:
    """The file of a running server, which can be full."""

    def __init__(self, running: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        self.commits = 0
        journal = running._journal
        commit = journal.commit

        def guarded() -> None:
            if self.full and journal.changes:
                raise OperatorNeeded("api.db cannot be written: disk is full")
            self.commits += bool(journal.changes)
            commit()

        monkeypatch.setattr(journal, "commit", guarded)


@looped
async def test_nothing_is_told_before_it_is_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    running = await server.start(Options())
    disk = Disk(running, monkeypatch)
    try:
        async with Connection(running) as client, Connection(running) as watcher:
            await watcher.send("GET", f"{CONFIG_MAPS}?watch=1")
            assert await watcher.head() == (200, 0)
            event = asyncio.create_task(watcher.event())
            disk.full = True
            status, told = await client.ask("POST", CONFIG_MAPS, config_map("a"))
            assert (status, told["message"]) == (500, "api.db cannot be written: disk is full")
            assert (await client.ask("GET", f"{CONFIG_MAPS}/a"))[0] == 500
            assert (await client.ask("GET", f"{CONFIG_MAPS}?watch=1"))[0] == 500
            assert not event.done()
            assert len(running.api.hub._watches["configmaps"]) == 1
            disk.full = False
            assert (await client.ask("GET", f"{CONFIG_MAPS}/a"))[0] == 200
            assert (await event)["object"]["metadata"]["name"] == "a"
            assert disk.commits == 1
    finally:
        await running.stop()


@looped
async def test_writes_of_one_turn_are_one_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    running = await server.start(Options())
    disk = Disk(running, monkeypatch)
    for name in "abc":
        running.api.handle(plain_request("POST", CONFIG_MAPS, config_map(name)), ADMIN)
        assert running.changed() is running.changed()
    waiting = running.changed()
    assert waiting is not None
    await waiting
    assert (disk.commits, running.changed()) == (1, None)
    await running.stop()


@looped
async def test_turns_go_on_until_all_is_done_and_end_with_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running = await server.start(Options())
    turns: list[int] = []

    def settle() -> bool:
        turns.append(1)
        return True

    monkeypatch.setattr(running.api, "settle", settle)
    running._turn()
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(turns) == 4
    await running.stop()
    turns.clear()
    await asyncio.sleep(0)
    assert turns == []


@looped
async def test_a_minute_that_fails_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_MINUTE", 0.001)
    running = await server.start(Options())
    twice = asyncio.Event()
    minutes = iter((lambda: None, twice.set))

    def failing() -> None:
        next(minutes, lambda: None)()
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(running.api, "keep_time", failing)
    await asyncio.wait_for(twice.wait(), 5)
    await running.stop()


@looped
async def test_a_fault_of_ours_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    running = await server.start(Options())
    monkeypatch.setattr(running.api, "settle", lambda: 1 / 0)
    async with Connection(running) as client:
        assert (await client.ask("POST", CONFIG_MAPS, config_map("a")))[0] == 201
        monkeypatch.setattr(running.api, "handle", lambda _: {"a": 1}["x"])
        status, told = await client.ask("GET", f"{CONFIG_MAPS}/a")
        assert (status, told["reason"], told["message"]) == (500, "InternalError", "KeyError: 'x'")
    await running.stop()


@looped
async def test_half_a_request_is_none() -> None:
    running = await server.start(Options())
    try:
        async with Connection(running) as client:
            await client.ask("POST", CONFIG_MAPS, config_map("a"))
            async with Connection(running) as half:
                head = f"DELETE {CONFIG_MAPS}/a HTTP/1.1\r\nhost: x\r\n"
                token = f"authorization: Bearer {running.token}\r\ncontent-length: 9\r\n\r\n"
                half.writer.write(head.encode() + token.encode())
                await half.writer.drain()
            for _ in range(3):
                assert (await client.ask("GET", f"{CONFIG_MAPS}/a"))[0] == 200
    finally:
        await running.stop()


@looped
async def test_a_pause() -> None:
    running = await server.start(Options())
    port = running.port
    async with Connection(running) as client:
        await client.send("GET", f"{CONFIG_MAPS}?watch=1")
        assert await client.head() == (200, 0)
        await running.pause()
        await running.pause()
        assert not any(running.api.hub._watches.values())
        assert await client.reader.read() in (b"0\r\n\r\n", b"\r\n0\r\n\r\n", b"")
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncio.open_connection(running.address, port)
    running.api.handle(plain_request("POST", CONFIG_MAPS, config_map("a")), ADMIN)
    await running.resume()
    await running.resume()
    assert running.port == port
    async with Connection(running) as client:
        assert (await client.ask("GET", f"{CONFIG_MAPS}/a"))[0] == 200
    await running.stop()


@looped
async def test_a_server_that_cannot_listen_leaves_the_file(tmp_path: Path) -> None:
    first = await server.start(Options())
    options = Options(data=tmp_path / "api.db")
    with pytest.raises(OperatorNeeded, match="cannot listen"):
        await server.start(options._replace(listen=f"127.0.0.1:{first.port}"))
    second = await server.start(options)
    await second.stop()
    await first.stop()


# --- the command ---------------------------------------------------------------------------------


class Process:
    """`feddns apiserver` as a process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.start()

    def start(self) -> None:
        kubeconfig = self._folder / "kubeconfig"
        kubeconfig.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "feddns", "apiserver", "--data", str(self._folder / "api.db"),
             "--listen", "127.0.0.1:0", "--write-kubeconfig", str(kubeconfig), "--no-sync"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()
        self.kubeconfig = json.loads(kubeconfig.read_text())

    def end(self, number: int = signal.SIGTERM) -> int:
        os.kill(self.process.pid, number)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(10)

    def ask(self, method: str, path: str, obj: Any = None) -> Any:
        cluster = self.kubeconfig["clusters"][0]["cluster"]
        token = self.kubeconfig["users"][0]["user"]["token"]
        request = urllib.request.Request(
            cluster["server"] + path, None if obj is None else json.dumps(obj).encode(),
            {"authorization": f"Bearer {token}", "content-type": "application/json"}, method=method,
        )  # fmt: skip
        context = ssl._create_unverified_context()
        with urllib.request.urlopen(request, timeout=10, context=context) as reply:
            return json.load(reply)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path)
    yield made
    if made.process.poll() is None:
        made.end()


def test_the_command_serves_and_ends(process: Process, tmp_path: Path) -> None:
    assert process.said.startswith("serving https://127.0.0.1:")
    assert process.ask("GET", "/api/v1/namespaces/default")["metadata"]["name"] == "default"
    assert (tmp_path / "kubeconfig").stat().st_mode & 0o777 == 0o600
    assert process.end() == 0


def test_a_killed_server_has_all_that_it_acknowledged(process: Process) -> None:
    names = [f"n{number}" for number in range(30)]
    for name in names:
        process.ask("POST", CONFIG_MAPS, config_map(name))
    process.end(signal.SIGKILL)
    process.start()
    found = process.ask("GET", CONFIG_MAPS)["items"]
    assert {one["metadata"]["name"] for one in found} == set(names)


@pytest.mark.tool("kubectl")
def test_kubectl_is_at_home(process: Process, tmp_path: Path, kubectl: Any) -> None:
    assert "configmap/a created" in kubectl("create", "configmap", "a", "--from-literal=x=1")
    assert kubectl("get", "configmap", "a", "-o", "jsonpath={.data.x}") == "1"
    assert kubectl("get", "configmaps").splitlines()[0].split() == ["NAME", "DATA", "AGE"]
    kubectl("delete", "configmap", "a")
    assert kubectl("get", "configmaps", "-o", "name") == ""


@pytest.fixture
def kubectl(process: Process, tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    def run(*arguments: str) -> str:
        command = ["kubectl", "--kubeconfig", str(tmp_path / "kubeconfig"), *arguments]
        environment = os.environ | {"HOME": str(tmp_path)}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, env=environment, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--service-cluster-ip-range", "x"), "--service-cluster-ip-range"),
        (("--token", "x"), "--token: not TOKEN=USER"),
        (("--listen", "x"), "not ADDRESS:PORT"),
        (
            ("--listen", "127.0.0.1:0", "--write-kubeconfig", "none/x"),
            "--write-kubeconfig none/x: No such file or directory",
        ),
    ],
)
def test_settings_that_are_refused(arguments: tuple[str, ...], words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "feddns", "apiserver", *arguments],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
