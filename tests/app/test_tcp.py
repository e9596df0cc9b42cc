"""TCP on real sockets (RFC 7766): many questions a connection, and clients that misbehave."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import dns.message
import pytest

from tests import manifesting
from tests.serving import PATIENCE, Serve, Server, loopback, until

NAME = "web.ns.svc.cluster.local."
BIG = "big.ns.svc.cluster.local."
FILES = {
    "a.yaml": manifesting.service("web", "10.0.0.1"),
    "big.yaml": manifesting.headless("big", 3000),
}
IDLE = 0.6


def framed(name: str, ident: int) -> bytes:
    message = dns.message.make_query(name, "A")
    message.id = ident & 0xFFFF
    return message.to_wire(prepend_length=True)


@contextlib.contextmanager
def connection(server: Server, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as opened:
        opened.settimeout(PATIENCE)
        opened.bind((source, 0))
        opened.connect((server.address, server.port))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield opened


def exactly(stream: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = stream.recv(min(size, 1 << 20))
        assert part, "closed"
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def take(stream: socket.socket) -> bytes:
    """The next message."""
    (size,) = struct.unpack("!H", exactly(stream, 2))
    return exactly(stream, size)


def answers(stream: socket.socket, ident: int, name: str = NAME) -> bool:
    """Whether the connection still gives an answer."""
    stream.sendall(framed(name, ident))
    return take(stream)[:2] == struct.pack("!H", ident)


def is_closed(stream: socket.socket) -> bool:
    """Whether the other side has closed, without waiting."""
    readable, _, _ = select.select([stream], [], [], 0)
    if not readable:
        return False
    try:
        return stream.recv(1, socket.MSG_PEEK) == b""
    except ConnectionError:
        return True


def closes(stream: socket.socket, *, within: float = PATIENCE) -> float:
    return until(lambda: is_closed(stream), "the connection is closed", within=within)


# --- many questions ------------------------------------------------------------------------------


@pytest.mark.parametrize("processes", [0, 1, 2])
def test_hundreds_of_questions_in_one_write(serve: Serve, processes: int) -> None:
    server = serve(FILES, processes=processes)
    with connection(server) as stream:
        names = [NAME, f"none.{NAME}", "elsewhere.example.", BIG]
        stream.sendall(b"".join(framed(names[i % 4 if i < 40 else i % 3], i) for i in range(800)))
        for ident in range(800):
            message = take(stream)
            assert message[:2] == struct.pack("!H", ident)
            assert message[3] & 15 == [0, 3, 5, 0][ident % 4 if ident < 40 else ident % 3]


def test_questions_in_single_bytes(serve: Serve) -> None:
    server = serve(FILES)
    with connection(server) as stream:
        for byte in b"".join(framed(NAME, ident) for ident in range(5)):
            stream.sendall(bytes([byte]))
        for ident in range(5):
            assert take(stream)[:2] == struct.pack("!H", ident)


def test_a_cut_at_every_place(serve: Serve) -> None:
    server = serve(FILES)
    two = framed(NAME, 1) + framed(NAME, 2)
    with connection(server) as stream:
        for cut in range(1, len(two)):
            stream.sendall(two[:cut])
            if cut % 8 == 0:
                time.sleep(0.001)  # so that most cuts are seen as such
            stream.sendall(two[cut:])
            assert [take(stream)[:2] for _ in range(2)] == [b"\x00\x01", b"\x00\x02"]


def test_the_last_questions_of_a_client_that_says_no_more(serve: Serve) -> None:
    """A half-closed connection gets its answers, large ones too."""
    server = serve(FILES)
    with connection(server) as stream:
        stream.sendall(b"".join(framed(BIG, ident) for ident in range(100)))
        stream.shutdown(socket.SHUT_WR)
        for ident in range(100):
            message = take(stream)
            assert message[:2] == struct.pack("!H", ident)
            assert len(message) > 48_000
        assert stream.recv(1) == b""


# --- time ----------------------------------------------------------------------------------------


def test_an_idle_connection_is_closed(serve: Serve) -> None:
    server = serve(FILES, "--tcp-idle", str(IDLE))
    with connection(server) as stream:
        assert answers(stream, 1)
        started = time.monotonic()
        closes(stream)
        assert time.monotonic() - started >= IDLE - 0.05


def test_questions_keep_a_connection_open(serve: Serve) -> None:
    server = serve(FILES, "--tcp-idle", str(IDLE))
    with connection(server) as stream:
        end = time.monotonic() + 3 * IDLE
        while time.monotonic() < end:
            assert answers(stream, 1)
            time.sleep(IDLE / 10)


def test_trickled_bytes_do_not(serve: Serve) -> None:
    server = serve(FILES, "--tcp-idle", str(IDLE))
    with connection(server) as stream:
        stream.sendall(b"\xff\xff")
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not is_closed(stream):
            with contextlib.suppress(ConnectionError):
                stream.sendall(b"x")
            time.sleep(IDLE / 20)
        assert is_closed(stream)


def test_a_connection_without_a_byte_is_closed(serve: Serve) -> None:
    server = serve(FILES, "--tcp-idle", str(IDLE))
    with connection(server) as stream:
        closes(stream)


# --- limits --------------------------------------------------------------------------------------


def test_the_longest_idle_makes_room(serve: Serve) -> None:
    server = serve(FILES, "--tcp-connections", "4")
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(connection(server)) for _ in range(4)]
        for stream in (*streams, streams[0]):
            assert answers(stream, 1)
        for new, oldest in enumerate((streams[1], streams[2])):
            streams.append(stack.enter_context(connection(server)))
            assert answers(streams[-1], new)
            closes(oldest)
        for stream in (streams[0], streams[3], *streams[4:]):
            assert answers(stream, 3)
        until(lambda: server.metric("feddns_tcp_connections") == 4, "four are counted")


def test_one_client_cannot_take_them_all(serve: Serve) -> None:
    server = serve(FILES, "--tcp-connections-per-client", "3")
    with contextlib.ExitStack() as stack:
        greedy = [stack.enter_context(connection(server)) for _ in range(3)]
        assert all(answers(stream, 1) for stream in greedy)
        fourth = stack.enter_context(connection(server))
        with contextlib.suppress(ConnectionError):
            fourth.sendall(framed(NAME, 1))
        closes(fourth)
        other = stack.enter_context(connection(server, loopback()))
        assert answers(other, 1)
        assert all(answers(stream, 2) for stream in greedy)
        greedy[0].close()
        again = stack.enter_context(connection(server))
        assert answers(again, 3)


def test_more_connections_than_descriptors(serve: Serve) -> None:
    """When no descriptor is left the longest idle makes room, and the others are served."""
    server = serve(FILES, processes=1)
    (pid,) = server.answering()
    used = len(os.listdir(f"/proc/{pid}/fd"))
    import resource

    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 5, used + 5))
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(connection(server)) for _ in range(12)]
        for ident, stream in enumerate(streams):
            assert answers(stream, ident)
        assert server.addresses(NAME) == ["10.0.0.1"]


# --- clients that misbehave ----------------------------------------------------------------------


def resident(pid: int) -> int:
    """Bytes of memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_a_slow_reader_is_closed_and_costs_bounded_memory(serve: Serve) -> None:
    """Thousands of questions with large answers, and nobody takes the answers."""
    server = serve(FILES, "--tcp-idle", "1.5", processes=1)
    (pid,) = server.answering()
    assert server.ask(BIG, tcp=True).answer
    before = resident(pid)
    highest = before
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(connection(server)) for _ in range(8)]
        questions = b"".join(framed(BIG, ident) for ident in range(2000))  # 90 MB of answers
        for stream in streams:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stream.settimeout(0.05)
            with contextlib.suppress(TimeoutError):
                stream.sendall(questions)
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            highest = max(highest, resident(pid))
            assert server.addresses(NAME) == ["10.0.0.1"]
        for stream in streams:
            until(lambda stream=stream: gone(stream), "the slow reader is closed")
    grown = (highest - before) / 1e6
    print(f"\n8 slow readers, {8 * 2000 * 48 / 1000:.0f} MB of answers: {grown:.0f} MB of memory")
    assert grown < 64


def gone(stream: socket.socket) -> bool:
    """Whether the kernel has heard of the end, although data waits to be read."""
    state = stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state != 1  # TCP_ESTABLISHED


def test_a_reader_that_takes_its_time_gets_everything(serve: Serve) -> None:
    """More answers than buffers hold, taken slowly: all come, in order, and whole."""
    server = serve(FILES)
    with connection(server) as stream:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        stream.sendall(b"".join(framed(BIG, ident) for ident in range(300)))
        for ident in range(300):
            message = take(stream)
            assert message[:2] == struct.pack("!H", ident)
        assert answers(stream, 7)


def test_other_clients_while_one_asks_for_everything(serve: Serve) -> None:
    """A write full of questions for large answers does not keep the others waiting."""
    server = serve(FILES, processes=1)
    server.addresses(NAME)
    worst = 0.0
    with connection(server) as greedy, connection(server, loopback()) as other:
        assert answers(other, 0)
        greedy.settimeout(0.01)
        questions = b"".join(framed(BIG, ident) for ident in range(1400))
        for _ in range(3):
            with contextlib.suppress(TimeoutError):
                greedy.sendall(questions)
            for ident in range(20):
                started = time.perf_counter()
                assert answers(other, ident)
                worst = max(worst, time.perf_counter() - started)
    print(f"\nworst answer beside a greedy client: {worst * 1000:.1f} ms")
    assert worst < 1


@pytest.mark.parametrize(
    "stream", [b"\x00\x00", b"\x00\x00" * 1000, b"\x00\x01x", b"\x00\x05short"],
)  # fmt: skip
def test_messages_without_an_answer_are_passed_over(serve: Serve, stream: bytes) -> None:
    server = serve(FILES)
    with connection(server) as sending:
        sending.sendall(stream + framed(NAME, 9))
        assert take(sending)[:2] == b"\x00\x09"


def test_garbage(serve: Serve) -> None:
    server = serve(FILES)
    noise = [os.urandom(5000), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01" + bytes(200)]
    for garbage in noise:
        with connection(server) as sending:
            sending.sendall(garbage)
            sending.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionError):
                while sending.recv(65536):
                    pass
    assert server.addresses(NAME, tcp=True) == ["10.0.0.1"]
    assert "Traceback" not in server.log()


def test_resets_in_the_middle(serve: Serve) -> None:
    server = serve(FILES, processes=1)
    (before,) = server.answering()
    for _ in range(50):
        with connection(server) as sending:
            sending.sendall(b"".join(framed(BIG, ident) for ident in range(20)))
            sending.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert server.addresses(NAME, tcp=True) == ["10.0.0.1"]
    assert server.answering() == [before]
    until(lambda: server.metric("feddns_tcp_connections") == 0, "the books are empty")
