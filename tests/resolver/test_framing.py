"""Messages on a stream, cut anywhere."""

import hypothesis.strategies as st
from hypothesis import given

from feddns.resolver import framing

messages = st.lists(st.binary(max_size=300), max_size=6)


@given(messages, st.data())
def test_taken_is_what_was_framed(sent: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(framing.frame, sent))
    taken, rest = [], b""
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        found, rest = framing.take(rest + stream[:cut])
        stream = stream[cut:]
        taken += found
    assert taken == sent
    assert rest == b""


@given(st.binary(max_size=200))
def test_nothing_is_lost(stream: bytes) -> None:
    taken, rest = framing.take(stream)
    assert b"".join(map(framing.frame, taken)) + rest == stream
    assert len(rest) < 2 or len(rest) < 2 + int.from_bytes(rest[:2], "big")


def test_by_example() -> None:
    assert framing.take(b"") == ([], b"")
    assert framing.take(b"\x00") == ([], b"\x00")
    assert framing.take(b"\x00\x00") == ([b""], b"")
    assert framing.take(b"\x00\x02ab\x00\x03c") == ([b"ab"], b"\x00\x03c")
    assert framing.frame(b"x" * 65535)[:2] == b"\xff\xff"
