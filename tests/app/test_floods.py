"""A client that floods, and its neighbours: --rate-limit, cookies and the way out over TCP."""

from __future__ import annotations

import contextlib
import re
import select
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from tests import manifesting, programs
from tests.app.test_udp import has_ipv6
from tests.serving import Serve, Server, loopback, until

NAME = "web.ns.svc.cluster.local."
FILES = {"web.yaml": manifesting.service("web", "10.0.0.1")}
SECRET = "e5e973e5a6b2a43f48e7dc849e37bfcf"
LIMIT = 50
CLIENT_COOKIE = bytes(range(8))


class Flood:
    """Questions as fast as one thread sends them, and what comes back."""

    def __init__(self, server: Server, source: str, *options: dns.edns.Option) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((source, 0))
        self.socket.connect((server.address, server.port))
        self.socket.setblocking(False)
        self.message = dns.message.make_query(NAME, "A", options=options).to_wire()
        self.sent = 0
        self.replies: Counter[str] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.is_set():
            for _ in range(10):
                with contextlib.suppress(BlockingIOError, ConnectionError):
                    self.sent += self.socket.send(self.message) > 0
            self._take()
            time.sleep(0.002)  # not so fast that the queue of the kernel overflows

    def _take(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                reply = self.socket.recv(4096)
                rcode = reply[3] & 15
                kind = "TC" if reply[2] & 2 else "answer" if reply[7] else f"rcode {rcode}"
                self.replies[kind] += 1

    def __enter__(self) -> Flood:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        while select.select([self.socket], [], [], 0.1)[0]:
            self._take()
        self.socket.close()


@contextlib.contextmanager
def polite(server: Server, source: str) -> Iterator[list[float]]:
    """A client that asks now and then; how long each answer took.  A lost one fails."""
    waits: list[float] = []
    yield waits
    for _ in range(25):
        started = time.monotonic()
        assert len(ask(server, source).answer) == 1
        waits.append(time.monotonic() - started)
        time.sleep(0.03)


def ask(
    server: Server, source: str, *options: dns.edns.Option, tcp: bool = False, timeout: float = 3
) -> dns.message.Message:
    message = dns.message.make_query(NAME, "A", options=options)
    send = dns.query.tcp if tcp else dns.query.udp
    reply: dns.message.Message = send(
        message, server.address, timeout=timeout, port=server.port, source=source
    )
    return reply


def cookie_of(reply: dns.message.Message) -> bytes:
    (found,) = [option for option in reply.options if option.otype == 10]
    return found.to_wire()


def cookie(octets: bytes) -> dns.edns.Option:
    return dns.edns.GenericOption(10, octets)


@pytest.fixture
def limited(serve: Serve) -> Server:
    return serve(FILES, "--rate-limit", str(LIMIT), "--cookie-secret", SECRET, processes=1)


def test_a_flood_is_cut_and_the_neighbour_loses_nothing(limited: Server) -> None:
    flooder, neighbour = loopback(), loopback()
    started = time.monotonic()
    with Flood(limited, flooder) as flood:
        with polite(limited, neighbour) as waits:
            pass
        # The flooder itself is served over TCP, and with a cookie over UDP.
        assert len(ask(limited, flooder, tcp=True).answer) == 1
        given = cookie_of(ask(limited, flooder, cookie(CLIENT_COOKIE), tcp=True))
        for _ in range(LIMIT + 10):
            assert len(ask(limited, flooder, cookie(given)).answer) == 1
    seconds = time.monotonic() - started
    assert len(waits) == 25
    assert max(waits) < 2
    assert flood.sent > 20 * LIMIT
    assert flood.replies["answer"] <= LIMIT * (seconds + 1) + 1
    assert flood.replies["answer"] >= LIMIT
    assert flood.replies["TC"] > 0
    assert set(flood.replies) == {"answer", "TC"}
    until(lambda: limited.metric("feddns_limit_exemptions_total") >= LIMIT + 10, "exemptions")
    silence, truncated = (
        limited.metric("feddns_limited_questions_total", reply=reply)
        for reply in ("silence", "truncated")
    )
    assert silence + truncated + flood.replies["answer"] <= flood.sent
    assert 0.2 < truncated / (silence + truncated) < 0.8
    print(
        f"\n{flood.sent} sent in {seconds:.1f} s: {dict(flood.replies)}, worst {max(waits):.3f} s"
    )


def test_a_flood_with_cookies_that_are_not_good(limited: Server) -> None:
    """BADCOOKIE with a good one, by turns with silence; who shows that one is served."""
    source = loopback()
    with Flood(limited, source, cookie(CLIENT_COOKIE + bytes(16))) as flood:
        until(lambda: flood.replies["rcode 7"], "BADCOOKIE")
        found = None
        while found is None:
            with contextlib.suppress(dns.exception.Timeout):
                found = cookie_of(ask(limited, source, cookie(CLIENT_COOKIE), timeout=0.2))
        for _ in range(20):
            assert len(ask(limited, source, cookie(found)).answer) == 1
    assert set(flood.replies) <= {"answer", "rcode 7"}


def test_without_a_limit_everything_is_answered(serve: Serve) -> None:
    server = serve(FILES)
    with Flood(server, loopback()) as flood, polite(server, loopback()):
        pass
    assert set(flood.replies) == {"answer"}
    assert server.metric("feddns_limited_questions_total") == 0


def test_prefixes(serve: Serve) -> None:
    """Who shares the prefix shares the limit."""
    server = serve(FILES, "--rate-limit", "20", "--rate-limit-ipv4-prefix", "24", processes=1)
    with Flood(server, "127.77.1.1") as flood:
        until(lambda: flood.replies["TC"], "the flood is limited")
        assert len(ask(server, "127.77.2.1").answer) == 1
        got: Counter[str] = Counter()
        for _ in range(10):
            with contextlib.suppress(dns.exception.Timeout):
                reply = ask(server, "127.77.1.2", timeout=0.1)
                got["TC" if reply.flags & dns.flags.TC else "answer"] += 1
        assert got["answer"] < 10


def test_over_ipv6(serve: Serve, request: pytest.FixtureRequest) -> None:
    if not has_ipv6():
        programs.leave_out(request.config, "IPv6")
    server = serve(FILES, "--rate-limit", "5", address="::1", processes=1)
    got: Counter[bool] = Counter()
    for _ in range(40):
        with contextlib.suppress(dns.exception.Timeout):
            got[bool(ask(server, "::1", timeout=0.1).flags & dns.flags.TC)] += 1
    assert got[False] >= 5
    assert got[True] > 0
    given = cookie_of(ask(server, "::1", cookie(CLIENT_COOKIE), tcp=True))
    for _ in range(30):
        assert len(ask(server, "::1", cookie(given)).answer) == 1


# --- cookies over real sockets -------------------------------------------------------------------


@pytest.mark.parametrize("processes", [0, 2])
def test_all_processes_know_the_cookies_of_each(serve: Serve, processes: int) -> None:
    server = serve(FILES, "--rate-limit", "1", processes=processes)
    source = loopback()
    given = cookie_of(ask(server, source, cookie(CLIENT_COOKIE), tcp=True))
    for _ in range(40):
        reply = ask(server, source, cookie(given))
        assert reply.rcode() == dns.rcode.NOERROR
        assert cookie_of(reply) == given


def test_a_cookie_of_another_address_is_none(limited: Server) -> None:
    mine, other = loopback(), loopback()
    given = cookie_of(ask(limited, other, cookie(CLIENT_COOKIE)))
    reply = ask(limited, mine, cookie(given))
    assert len(reply.answer) == 1
    assert cookie_of(reply) not in (given, CLIENT_COOKIE)
    assert cookie_of(ask(limited, other, cookie(given))) == given


def test_no_cookies(serve: Serve) -> None:
    server = serve(FILES, "--no-cookies")
    assert not ask(server, loopback(), cookie(CLIENT_COOKIE)).options


def dig(program: str, server: Server, *more: str) -> str:
    ran = subprocess.run(
        [program, f"@{server.address}", "-p", str(server.port), NAME, "A", *more],
        capture_output=True, text=True, timeout=20, check=True,
    )  # fmt: skip
    return ran.stdout + ran.stderr


@pytest.mark.tool("dig")
def test_dig(limited: Server) -> None:
    """It sends a client cookie by itself, and says whether what comes back is good."""
    said = dig("dig", limited, "+cookie=0001020304050607")
    found = re.search(r"; COOKIE: (0001020304050607[0-9a-f]{32}) \(good\)", said)
    assert found is not None, said
    again = dig("dig", limited, f"+cookie={found[1]}")
    assert f"; COOKIE: {found[1]} (good)" in again
    wrong = dig("dig", limited, f"+cookie={found[1][:-2]}00")
    assert "status: NOERROR" in wrong
    assert "(good)" in wrong
    assert f"{found[1][:-2]}00" not in wrong.split("COOKIE")[-1]
    assert "10.0.0.1" in dig("dig", limited)
    assert "(good)" in dig("dig", limited, "+tcp")


@pytest.mark.tool("dig")
def test_dig_above_the_limit_comes_back_with_the_cookie(limited: Server) -> None:
    """BADCOOKIE, or silence and a retry: dig gets its answer, over UDP."""
    with Flood(limited, limited.address) as flood:
        until(lambda: flood.replies["TC"], "the flood is limited")
        said = dig("dig", limited, "+tries=15", "+timeout=1", "-b", limited.address)
    assert "10.0.0.1" in said, said
    assert "(UDP)" in said, said


@pytest.mark.tool("kdig")
def test_kdig(limited: Server) -> None:
    said = dig("kdig", limited, "+cookie=0001020304050607")
    found = re.search(r"COOKIE: (0001020304050607)([0-9A-Fa-f]{32})", said.replace(" ", ""))
    given = re.search(r"COOKIE:\s*([0-9A-Fa-f ]+)", said)
    assert found or given, said
    octets = re.sub(r"[^0-9A-Fa-f]", "", given[1] if given else "")
    assert len(octets) == 48, said
    again = dig("kdig", limited, f"+cookie={octets}")
    assert "status: NOERROR" in again
    assert "WARNING" not in said + again, said + again
    assert octets.upper() in re.sub(r"[^0-9A-Fa-f]", "", again).upper()
