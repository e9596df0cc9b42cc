"""HTTP: what is read of a request, how an answer is sent, where is listened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from feddns.apiserver import web
from feddns.apiserver.handling.call import Answer
from feddns.apiserver.requests import Request
from feddns.errors import OperatorNeeded

Message = dict[str, Any]
END: Message = {"type": "http.disconnect"}
_SCOPE = {"method": "POST", "path": "/x", "query_string": b"a=b", "headers": []}


def piece(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def served(
    came: list[Message], answer: Answer, headers: list[tuple[bytes, bytes]] | None = None
) -> tuple[list[Request], list[Message]]:
    """What was handed on, and what was sent."""
    handed: list[Request] = []
    sent: list[Message] = []
    coming = iter(came)

    async def handle(request: Request) -> Answer:
        handed.append(request)
        return answer

    async def receive() -> Any:
        found = next(coming, None)
        return found if found is not None else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = _SCOPE | {"headers": headers or []}
    asyncio.run(asyncio.wait_for(web._serve(handle, scope, receive, send), 5))
    return handed, sent


def headers_of(sent: list[Message]) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = sent[0]["headers"]
    return found


def test_a_body_comes_in_pieces() -> None:
    handed, sent = served([piece(b"ab", more=True), piece(b"c")], Answer(200, b"{}"))
    assert handed == [Request("POST", "/x", "a=b", {}, b"abc")]
    assert (sent[0]["status"], sent[1]["body"]) == (200, b"{}")


def test_a_header_that_comes_twice_is_one() -> None:
    given = [(b"impersonate-group", b"a"), (b"x", b"y"), (b"impersonate-group", b"b")]
    handed, _ = served([piece(b"")], Answer(200, b""), given)
    assert handed[0].headers == {"impersonate-group": "a,b", "x": "y"}


def test_half_a_request_is_not_handed_on() -> None:
    assert served([piece(b"ab", more=True), END], Answer(200, b"")) == ([], [])


def test_how_large_a_body_may_be() -> None:
    handed, _ = served([piece(b"x" * web.LARGEST_BODY)], Answer(200, b""))
    assert len(handed) == 1
    most = piece(b"x" * web.LARGEST_BODY, more=True)
    handed, sent = served([most, piece(b"x")], Answer(200, b""))
    assert (handed, sent[0]["status"]) == ([], 413)
    status = msgspec.json.decode(sent[1]["body"])
    assert status["reason"] == "RequestEntityTooLarge"
    assert status["message"] == "Request entity too large: limit is 3145728"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("a", "b", "", "a"), ["a", "b"]),
        (("a\r\nset-cookie: x", 'b "\\'), ['b "\\']),
        (("a" * 4096,), ["a" * 4096]),
        (("a" * 4097,), ["a" * 256]),
        (tuple(f"{n:0300}" for n in range(99)), [f"{n:0300}"[:256] for n in range(16)]),
    ],
)
def test_warnings(given: tuple[str, ...], told: list[str]) -> None:
    _, sent = served([piece(b"")], Answer(200, b"", warnings=given))
    quoted = [one.replace("\\", "\\\\").replace('"', '\\"') for one in told]
    assert [value.decode() for name, value in headers_of(sent) if name == b"warning"] == [
        f'299 - "{one}"' for one in quoted
    ]


@pytest.mark.parametrize(
    ("answer", "headers"),
    [
        (Answer(200, b"12"), {b"cache-control": b"no-cache, private", b"content-length": b"2",
                              b"content-type": b"application/json"}),
        (Answer(404, b"", ""), {b"cache-control": b"no-cache, private", b"content-length": b"0"}),
        (Answer(200, b"", "text/plain"), {b"cache-control": b"no-cache, private",
                                          b"content-length": b"0", b"content-type": b"text/plain",
                                          b"x-content-type-options": b"nosniff"}),
        (Answer(403, b""), {b"cache-control": b"no-cache, private", b"content-length": b"0",
                            b"content-type": b"application/json",
                            b"x-content-type-options": b"nosniff"}),
        (Answer(200, b"", "application/json;as=X"), {
            b"cache-control": b"public", b"content-length": b"0",
            b"content-type": b"application/json;as=X", b"vary": b"Accept"}),
        (Answer(504, b"", "", retry_after=1), {b"cache-control": b"no-cache, private",
                                               b"content-length": b"0", b"retry-after": b"1"}),
    ],
)  # fmt: skip
def test_headers(answer: Answer, headers: dict[bytes, bytes]) -> None:
    _, sent = served([piece(b"")], answer)
    assert dict(headers_of(sent)) == headers


class Watched:
    """A watch that brings what it is given, and knows whether it was ended."""

    def __init__(self, *pieces: bytes, timeout: float = 60, ends: bool = False) -> None:
        self.awake: Callable[[], None] = lambda: None
        self.timeout = timeout
        self.ended = ends
        self._pieces = list(pieces)

    def take(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def end(self) -> None:
        self.ended = True
        self.awake()


def bodies(sent: list[Message]) -> list[tuple[bytes, bool]]:
    return [(one["body"], one.get("more_body", False)) for one in sent[1:]]


def test_a_watch_that_has_ended_tells_what_waits() -> None:
    watch = Watched(b"a", b"b", ends=True)
    _, sent = served([piece(b"")], Answer(200, b"", watch=watch, warnings=("old",)))
    assert bodies(sent) == [(b"a", True), (b"b", False)]
    assert (sent[0]["status"], headers_of(sent)[-1]) == (200, (b"warning", b'299 - "old"'))
    assert (b"content-type", b"application/json") in headers_of(sent)


@pytest.mark.parametrize("came", [[piece(b""), END], [piece(b"")]])
def test_a_watch_ends_with_its_client_and_its_time(came: list[Message]) -> None:
    watch = Watched(b"a", timeout=60 if END in came else 0.01)
    _, sent = served(came, Answer(200, b"", watch=watch))
    assert watch.ended
    assert bodies(sent) == [(b"a", True), (b"", False)]


@pytest.mark.parametrize(
    ("listen", "words"),
    [
        ("x", "x: not ADDRESS:PORT; for example"),
        ("127.0.0.1:", "not ADDRESS:PORT"),
        ("127.0.0.1:65536", "not ADDRESS:PORT"),
        ("127.0.0.1:٣", "not ADDRESS:PORT"),
        ("192.0.2.1:0", r"cannot listen on 192\.0\.2\.1:0: Cannot assign"),
        ("a..b:0", r"cannot listen on a\.\.b:0: "),
    ],
)
def test_where_nobody_can_listen(listen: str, words: str) -> None:
    with pytest.raises(OperatorNeeded, match=words):
        web.bind(listen)


def test_where_somebody_listens() -> None:
    with web.bind("[::1]:0") as first, pytest.raises(OperatorNeeded, match="already in use"):
        web.bind(f"[::1]:{first.getsockname()[1]}")
