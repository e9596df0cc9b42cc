"""One API spoken to: a small scripted server over TLS and without."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from feddns.errors import ApiTrouble
from feddns.kube import stream
from feddns.kube.client import Answer, Connection, Sink
from tests import certificates
from tests.kube.scripted import CHUNKED, HOST, Server, chunk, reply, run


async def hello(server: Server, target: str, fields: Any, writer: asyncio.StreamWriter) -> None:
    writer.write(reply(200, b"hello"))


@pytest.mark.parametrize("tls", [True, False])
def test_requests_share_a_connection(tmp_path: Path, tls: bool) -> None:
    async def talk(server: Server, connection: Connection) -> None:
        for target in ("/a", "/b"):
            assert await connection.ask("GET", target) == Answer(200, b"hello")
        assert await connection.ask("POST", "/c", body=b"{}") == Answer(200, b"hello")
        assert server.requests == [(target, "bearer x") for target in ("/a", "/b", "/c")]
        assert server.connections == 1

    run(tmp_path, hello, talk, tls=tls, token="x")


def test_a_connection_that_was_closed_meanwhile(tmp_path: Path) -> None:
    async def script(server: Server, _: str, __: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(200, b"hello"))
        await writer.drain()
        writer.close()

    async def talk(server: Server, connection: Connection) -> None:
        for _ in range(3):
            assert await connection.ask("GET", "/") == Answer(200, b"hello")
            await asyncio.sleep(0.02)
        assert server.connections == 3

    run(tmp_path, script, talk)


def test_a_stream_is_given_on_as_it_comes(tmp_path: Path) -> None:
    async def script(server: Server, _: str, __: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED)
        for number in range(3):
            writer.write(chunk(b"%d\n" % number))
            await writer.drain()
            await asyncio.sleep(0.02)
        writer.write(chunk(b""))

    async def talk(server: Server, connection: Connection) -> None:
        came: list[tuple[bytes, float]] = []
        accepted: list[float] = []
        sink = Sink(
            lambda: accepted.append(time.monotonic()),
            lambda data: came.append((data, time.monotonic())),
        )
        assert await connection.ask("GET", "/", sink) == Answer(200)
        assert b"".join(data for data, _ in came) == b"0\n1\n2\n"
        assert accepted[0] <= came[0][1] < came[-1][1]
        assert len(came) >= 2

    run(tmp_path, script, talk)


def test_what_comes_close_together_is_taken_together(tmp_path: Path) -> None:
    number = 400

    async def script(server: Server, _: str, __: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED)
        for _ in range(number):
            writer.write(chunk(b"x" * 100))
            await asyncio.sleep(0.0002)
        writer.write(chunk(b""))

    async def talk(server: Server, connection: Connection) -> None:
        pieces: list[bytes] = []
        await connection.ask("GET", "/", Sink(lambda: None, pieces.append))
        assert sum(map(len, pieces)) == number * 100
        assert len(pieces) < number / 2

    run(tmp_path, script, talk)


def test_a_taker_that_fails_fails_the_request(tmp_path: Path) -> None:
    """Else what came would be lost, and nobody would know."""

    def take(data: bytes) -> None:
        raise ZeroDivisionError

    async def talk(server: Server, connection: Connection) -> None:
        with pytest.raises(ZeroDivisionError):
            await connection.ask("GET", "/", Sink(lambda: None, take))

    run(tmp_path, hello, talk)


@pytest.mark.parametrize("user", ["token", "plugin"])
def test_after_401_the_credentials_are_read_again(tmp_path: Path, user: str) -> None:
    async def script(
        server: Server, _: str, fields: dict[str, str], writer: asyncio.StreamWriter
    ) -> None:
        right = fields.get("authorization") == "bearer new"
        writer.write(reply(200, b"hello") if right else reply(401, b"no"))

    async def talk(server: Server, connection: Connection) -> None:
        (tmp_path / "granted").write_text("new")
        if user == "token":
            kept = os.stat(tmp_path / "kubeconfig")
            server.kubeconfig(token="new")
            os.utime(tmp_path / "kubeconfig", ns=(kept.st_atime_ns, kept.st_mtime_ns))
        assert await connection.ask("GET", "/") == Answer(200, b"hello")

    (tmp_path / "granted").write_text("old")
    script_path = tmp_path / "plugin"
    script_path.write_text(
        f"#!/bin/sh\nA=$(cat {tmp_path}/granted)\n"
        'echo "{\\"status\\": {\\"token\\": \\"$A\\"}}"\n'
    )
    script_path.chmod(0o755)
    plugin = {"command": str(script_path), "apiVersion": "client.authentication.k8s.io/v1beta1"}
    given: dict[str, Any] = {"token": "old"} if user == "token" else {"exec": plugin}
    run(tmp_path, script, talk, **given)


def test_credentials_that_stay_refused(tmp_path: Path) -> None:
    async def script(server: Server, _: str, __: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(401, b"no"))

    async def talk(server: Server, connection: Connection) -> None:
        assert await connection.ask("GET", "/") == Answer(401, b"no")
        assert len(server.requests) == 2

    run(tmp_path, script, talk, token="x")


def test_retry_after(tmp_path: Path) -> None:
    async def script(server: Server, _: str, __: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(429, b"slow", "Retry-After: 7"))

    async def talk(server: Server, connection: Connection) -> None:
        assert await connection.ask("GET", "/") == Answer(429, b"slow", 7.0)

    run(tmp_path, script, talk)


def test_a_server_with_new_certificates(tmp_path: Path) -> None:
    async def talk(server: Server, connection: Connection) -> None:
        assert (await connection.ask("GET", "/")).status == 200
        server.stop()
        connection.close()
        kept = os.stat(tmp_path / "ca.crt")
        certificates.make(tmp_path, HOST)
        os.utime(tmp_path / "ca.crt", ns=(kept.st_atime_ns, kept.st_mtime_ns))
        await server.start()
        assert (await connection.ask("GET", "/")).status == 200

    run(tmp_path, hello, talk)


def test_a_server_that_is_not_trusted(tmp_path: Path) -> None:
    async def talk(server: Server, connection: Connection) -> None:
        other = tmp_path / "other"
        certificates.make(other, HOST)
        os.replace(other / "ca.crt", tmp_path / "ca.crt")
        with pytest.raises(ApiTrouble, match=r"TLS: .*certificate.*; see kubeconfig"):
            await connection.ask("GET", "/")

    run(tmp_path, hello, talk)


def test_trouble(tmp_path: Path) -> None:
    said = {
        "/cut": (CHUNKED + b"5\r\nhel", "closed the connection in the middle of an answer"),
        "/ssh": (b"SSH-2.0\r\n\r\n", "is no HTTP"),
        "/none": (b"", "closed the connection in the middle"),
    }

    async def script(server: Server, target: str, _: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(said[target][0])
        await writer.drain()
        writer.close()

    async def talk(server: Server, connection: Connection) -> None:
        for target, (_, words) in said.items():
            with pytest.raises(ApiTrouble, match=words):
                await connection.ask("GET", target)
        server.stop()
        with pytest.raises(ApiTrouble, match=f"no connection to {HOST}:{server.port}"):
            await connection.ask("GET", "/")

    run(tmp_path, script, talk, tls=False)


def test_an_answer_that_is_given_up(tmp_path: Path) -> None:
    async def silent(server: Server, _: str, __: Any, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)

    async def talk(server: Server, connection: Connection) -> None:
        asking = asyncio.create_task(connection.ask("GET", "/"))
        await asyncio.sleep(0.05)
        assert connection.is_asking
        connection.close("enough")
        with pytest.raises(ApiTrouble, match="enough"):
            await asking

    run(tmp_path, silent, talk)


def test_a_server_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection, and no TLS follows."""
    monkeypatch.setattr(stream, "CONNECT_SECONDS", 0.05)

    async def talk(server: Server, connection: Connection) -> None:
        path = Path(server.kubeconfig())
        path.write_text(path.read_text().replace("http://", "https://"))
        with pytest.raises(ApiTrouble, match="does not answer within 0 s"):
            await connection.ask("GET", "/")

    run(tmp_path, hello, talk, tls=False)
