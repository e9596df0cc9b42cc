"""Answers cut out of a stream, however it is broken up."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddns.errors import ApiTrouble
from feddns.kube import http1
from feddns.kube.http1 import AnswerReader

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def read(data: bytes, size: int = 1 << 20) -> tuple[AnswerReader, bytes]:
    reader = AnswerReader()
    pieces: list[bytes] = []
    for at in range(0, len(data), size):
        pieces += reader.feed(data[at : at + size])
    return reader, b"".join(pieces)


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=5), st.integers(1, 60))
def test_chunks_in_any_pieces(chunks: list[bytes], size: int) -> None:
    stream = b"".join(b"%x;x=y\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    reader, body = read(CHUNKED + stream + b"0\r\nTrailer: x\r\n\r\n", size)
    assert body == b"".join(chunks)
    assert (reader.is_done, reader.is_lasting, reader.status) == (True, True, 200)


@given(st.binary(max_size=50), st.integers(1, 60))
def test_a_length_in_any_pieces(body: bytes, size: int) -> None:
    head = b"HTTP/1.1 404 Not Found\r\ncontent-length: %d\r\nRetry-After: 3\r\n\r\n" % len(body)
    reader, found = read(head + body, size)
    assert (found, reader.is_done, reader.status) == (body, True, 404)
    assert reader.fields["retry-after"] == "3"


def test_an_answer_that_ends_with_the_connection() -> None:
    reader, body = read(b"HTTP/1.0 200 OK\r\n\r\nhello")
    assert (body, reader.is_done) == (b"hello", False)
    assert reader.end()
    assert not reader.is_lasting


def test_an_answer_that_is_cut() -> None:
    reader, body = read(CHUNKED + b"5\r\nhel")
    assert (body, reader.end()) == (b"hel", False)


def test_interim_answers_are_skipped() -> None:
    reader, body = read(b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED + b"1\r\nx\r\n0\r\n\r\n", 3)
    assert (reader.status, body, reader.is_done) == (200, b"x", True)


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]
)
def test_no_body(head: bytes) -> None:
    reader, body = read(head)
    assert (body, reader.is_lasting) == (b"", True)


def test_the_server_wants_to_close() -> None:
    reader, _ = read(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    assert (reader.is_done, reader.is_lasting) == (True, False)


@pytest.mark.parametrize(
    "stream",
    [
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"-1\r\n",
        b"x" * (http1.LONGEST_HEAD + 1),
        CHUNKED + b"1" * (http1.LONGEST_HEAD + 1),
    ],
)
def test_what_is_no_http(stream: bytes) -> None:
    with pytest.raises(ApiTrouble, match="no HTTP"):
        read(stream)


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_bytes_are_an_answer_or_trouble(data: bytes, size: int) -> None:
    for start in (b"", CHUNKED, b"HTTP/1.1 200 OK\r\n"):
        with contextlib.suppress(ApiTrouble):
            read(start + data, size)


def test_a_request() -> None:
    whole = http1.request("POST", "/x", "api:6443", {"Accept": "text/plain"}, b"{}")
    assert whole == (
        b"POST /x HTTP/1.1\r\nHost: api:6443\r\nAccept: text/plain\r\nContent-Length: 2\r\n\r\n{}"
    )
