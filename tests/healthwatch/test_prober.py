"""Probes against servers of our own, on loopback."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from feddns.healthwatch import prober
from feddns.healthwatch.probe import Probe, Target
from feddns.healthwatch.prober import Prober
from tests import certificates

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
QUICK = 0.2


@asynccontextmanager
async def listening(
    answer: bytes = b"", tls: ssl.SSLContext | None = None, requests: list[bytes] | None = None
) -> AsyncIterator[Target]:
    """A server that answers each request with `answer`; with nothing it stays silent."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            if requests is not None:
                requests.append(request)
            writer.write(answer)
            await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield Target("127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await server.wait_closed()


def run(coroutine: Awaitable[None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 10))  # type: ignore[arg-type]


async def closed_port() -> Target:
    async with listening() as target:
        return target


def test_tcp() -> None:
    async def story() -> None:
        async with listening() as target:
            outcome = await prober.attempt(Probe(), [target])
            assert outcome == (True, f"tcp 127.0.0.1 port {target.port}: connected")
        outcome = await prober.attempt(Probe(), [target])
        assert not outcome.passed
        assert f"tcp 127.0.0.1 port {target.port}: " in outcome.why

    run(story())


def test_one_address_of_several_is_enough() -> None:
    async def story() -> None:
        closed = await closed_port()
        async with listening() as target:
            assert (await prober.attempt(Probe(), [closed, target])).passed
        outcome = await prober.attempt(Probe(), [closed, closed])
        assert outcome.why.count("; ") == 1
        assert not (await prober.attempt(Probe(), [])).passed

    run(story())


@pytest.mark.parametrize(
    ("answer", "passed", "why"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True, "status 200"),
        (b"HTTP/1.0 399\r\n\r\n", True, "status 399"),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False, "status 503"),
        (b"220 smtp.example.com\r\n", False, "the answer is not HTTP/1.1"),
        (b"HTTP/1.1 " + b"2" * 5000, False, "Separator is found, but chunk is longer than limit"),
        (b"", False, "no answer within 0.2s"),
    ],
)
def test_http(answer: bytes, passed: bool, why: str) -> None:
    async def story() -> None:
        async with listening(answer) as target:
            outcome = await prober.attempt(Probe("http", timeout=QUICK), [target])
            assert outcome.passed is passed
            assert why in outcome.why or (len(answer) > 1000 and "limit" in outcome.why)

    run(story())


@pytest.mark.parametrize(
    ("probe", "line", "host"),
    [
        (Probe("http"), "GET / HTTP/1.1", "127.0.0.1:{port}"),
        (
            Probe("http", "shop.example.com", path="/a?b"),
            "GET /a?b HTTP/1.1",
            "shop.example.com:{port}",
        ),
    ],
)
def test_the_request(probe: Probe, line: str, host: str) -> None:
    async def story() -> None:
        requests: list[bytes] = []
        async with listening(b"HTTP/1.1 204 No Content\r\n\r\n", requests=requests) as target:
            assert (await prober.attempt(probe, [target])).passed
            first, second, *_ = requests[0].decode().split("\r\n")
            assert first == line
            assert second == "Host: " + host.format(port=target.port)

    run(story())


def test_a_usual_port_is_not_in_the_host_and_ipv6_has_brackets() -> None:
    request = prober._request(Probe("http"), Target("2001:db8::1", 80)).decode()
    assert "\r\nHost: [2001:db8::1]\r\n" in request
    request = prober._request(Probe("https", "a.example.com"), Target("192.0.2.1", 443)).decode()
    assert "\r\nHost: a.example.com\r\n" in request


def test_https_names_the_server_and_checks_its_certificate_when_it_shall(tmp_path: Path) -> None:
    certificates.make(tmp_path, "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    named: list[str | None] = []
    context.sni_callback = lambda socket, name, context: named.append(name)  # type: ignore[assignment]

    async def story() -> None:
        async with listening(b"HTTP/1.1 200 OK\r\n\r\n", context) as target:
            lax = Probe("https", "shop.example.com")
            assert (await prober.attempt(lax, [target])).passed
            assert named == ["shop.example.com"]
            strict = Probe("https", "shop.example.com", verify=True)
            outcome = await prober.attempt(strict, [target])
            assert not outcome.passed
            assert "certificate verify failed" in outcome.why

    run(story())


def test_followed_again_and_again_until_forgotten() -> None:
    async def story() -> None:
        told: asyncio.Queue[tuple[object, bool]] = asyncio.Queue()
        watch = Prober(lambda id_, passed, why: told.put_nowait((id_, passed)))
        probe = Probe(every=0.01, timeout=1)
        async with listening() as target:
            watch.follow("web", probe, [target])
            watch.follow("web", probe, [target])
            watch.follow("nothing", probe, [])
            assert watch.followed() == {"web"}
            assert [await told.get() for _ in range(3)] == [("web", True)] * 3
        while await told.get() != ("web", False):
            pass
        watch.forget("web")
        watch.forget("web")
        assert watch.followed() == frozenset()
        await watch.close()

    run(story())


def test_a_probe_on_loss_rests_when_nothing_changes() -> None:
    async def story() -> None:
        told: list[bool] = []
        watch = Prober(lambda id_, passed, why: told.append(passed))
        async with listening() as target:
            watch.follow("web", Probe(every=0.001, timeout=1, on_loss=True), [target])
            await asyncio.sleep(0.5)
        assert told == [True] * prober.QUICK
        await watch.close()

    run(story())


def test_a_change_takes_the_place_of_what_was_followed() -> None:
    async def story() -> None:
        told: asyncio.Queue[bool] = asyncio.Queue()
        watch = Prober(lambda id_, passed, why: told.put_nowait(passed))
        closed = await closed_port()
        watch.follow("web", Probe(every=300), [closed])
        assert await told.get() is False
        async with listening() as target:
            watch.follow("web", Probe(every=300), [target])
            assert await told.get() is True
            await watch.close()
        assert told.empty()

    run(story())


def test_no_more_at_a_time_than_allowed() -> None:
    async def story() -> None:
        told: list[object] = []
        watch = Prober(lambda id_, passed, why: told.append(id_), most=1)
        async with listening() as target:
            for name in range(5):
                watch.follow(name, Probe("http", every=300, timeout=0.05), [target])
            await asyncio.sleep(0.12)
            assert 1 <= len(told) <= 3
            await watch.close()

    run(story())
