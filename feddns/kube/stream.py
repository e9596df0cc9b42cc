"""A TCP connection with or without TLS, read by a callback that takes what has come together.

A watch is a small record for each event, and a turn of asyncio's own TLS costs 80 µs for each,
pausing or not, for it pauses what is decrypted and not the socket.  Here pieces that follow one
another within 5 ms end the readiness of the socket: it is looked at every 3 ms, until it had
nothing for three times; and when more than two have come, seldomer, down to every 20 ms, until it
is one or two.  A lone event is read at once, one of a thousand a second 10 ms later on average,
whether they come alone or ten together, and a turn takes all that is there.

    trouble                        `lost` is told
    the peer closed                ""
    a dead peer                    what the system says, after 15 s (keepalive, user timeout)
    a broken record                what OpenSSL says

I/O.  Called by `kube.client`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable

from feddns.errors import ApiTrouble
from feddns.kube.credentials import Access

CONNECT_SECONDS = 10.0
DEAD_AFTER = 15
REST, LONGEST_REST = 0.003, 0.020
CLOSE_TOGETHER = 0.005
_SMALL = 1 << 15
"""Octets: more than that at once is a list, which nothing is gained from resting in."""
_READ = 1 << 18
_MOST_EMPTY = 3


class Stream:
    """An open connection."""

    def __init__(self, peer: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._peer = peer
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._take: Callable[[bytes], None] = lambda data: None
        self._lost: Callable[[str], None] = lambda reason: None
        self._resting: asyncio.TimerHandle | None = None
        self._rest = REST
        self._alone = _SMALL
        self._last = 0.0
        self._empty = 0
        self.is_open = True

    def start(self, take: Callable[[bytes], None], lost: Callable[[str], None]) -> None:
        """`take(data)` is called with what comes, `lost(reason)` once, when nothing more can."""
        self._take, self._lost = take, lost
        self._loop.add_reader(self._peer, self._readable)

    async def send(self, data: bytes) -> None:
        """Raises `ApiTrouble`."""
        if self._tls is not None:
            self._tls.write(data)
            data = self._outgoing.read()
        try:
            await self._loop.sock_sendall(self._peer, data)
        except OSError as error:
            raise ApiTrouble(f"the connection broke ({_words(error)})") from error

    def close(self) -> None:
        if not self.is_open:
            return
        self.is_open = False
        if self._resting is not None:
            self._resting.cancel()
        self._loop.remove_reader(self._peer)
        self._peer.close()

    # --- reading ---------------------------------------------------------------------------------

    def _readable(self) -> None:
        size = self._read()
        now = self._loop.time()
        is_close = now - self._last < CLOSE_TOGETHER
        if size:  # about one event: it was read as soon as it was there
            self._alone = min(self._alone, size) if is_close else size
        if self.is_open and 0 < size < _SMALL and is_close:
            self._loop.remove_reader(self._peer)
            self._empty = 0
            self._rest = REST
            self._resting = self._loop.call_later(REST, self._look)
        self._last = now

    def _look(self) -> None:
        self._resting = None
        size = self._read()
        if not self.is_open:
            return
        self._empty = 0 if size else self._empty + 1
        if size > 2 * self._alone:
            self._rest = min(LONGEST_REST, self._rest * 1.5)
        elif size:
            self._rest = REST
        if self._empty < _MOST_EMPTY and size < _SMALL:
            self._resting = self._loop.call_later(self._rest, self._look)
        else:
            self._loop.add_reader(self._peer, self._readable)

    def _read(self) -> int:
        """Take what is there; how many octets that was."""
        try:
            data = self._peer.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            self._lose(_words(error))
            return 0
        if not data:
            self._lose("")
            return 0
        if self._tls is None:
            self._take(data)
        else:
            self._decrypt(data)
        return len(data)

    def _decrypt(self, data: bytes) -> None:
        assert self._tls is not None
        incoming, tls = self._incoming, self._tls
        incoming.write(data)
        pieces: list[bytes] = []
        ended = None
        try:
            while incoming.pending or tls.pending():
                piece = tls.read(1 << 16)
                if not piece:
                    ended = ""
                    break
                pieces.append(piece)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            ended = ""
        except ssl.SSLError as error:
            ended = f"TLS: {error.reason or error}"
        if pieces:
            self._take(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if ended is not None:
            self._lose(ended)
        elif self._outgoing.pending and self.is_open:
            with contextlib.suppress(OSError):  # an answer to a new key: a few octets
                self._peer.send(self._outgoing.read())

    def _lose(self, reason: str) -> None:
        if self.is_open:
            self.close()
            self._lost(reason)

    # --- opening ---------------------------------------------------------------------------------

    async def shake_hands(self, context: ssl.SSLContext, server_name: str) -> None:
        """Raises `ssl.SSLError`, `OSError`."""
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._flush()
                data = await self._loop.sock_recv(self._peer, 1 << 16)
                if not data:
                    raise ConnectionResetError(0, "closed during the TLS handshake") from None
                self._incoming.write(data)
            except ssl.SSLError:
                with contextlib.suppress(OSError):  # the alert tells the server why
                    await self._flush()
                raise
        await self._flush()
        self._tls = tls

    async def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            await self._loop.sock_sendall(self._peer, data)


async def connect(access: Access) -> Stream:
    """A connection to the API.  Raises `ApiTrouble`, and `ssl.SSLError` when TLS fails."""
    where = f"{access.host}:{access.port}"
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            stream = Stream(await _connect(access.host, access.port))
            try:
                if access.tls is not None:
                    await stream.shake_hands(access.tls, access.server_name)
            except BaseException:
                stream.close()
                raise
            return stream
    except ssl.SSLError:
        raise
    except TimeoutError as error:
        raise ApiTrouble(f"{where} does not answer within {CONNECT_SECONDS:.0f} s") from error
    except (OSError, ValueError) as error:
        raise ApiTrouble(f"no connection to {where} ({_words(error)})") from error


async def _connect(host: str, port: int) -> socket.socket:
    """The first address that takes a connection."""
    loop = asyncio.get_running_loop()
    failure: OSError = OSError(0, "it has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        peer = socket.socket(family, kind, protocol)
        try:
            peer.setblocking(False)
            _watch(peer)
            await loop.sock_connect(peer, address)
        except OSError as error:
            peer.close()
            failure = error
        except BaseException:
            peer.close()
            raise
        else:
            return peer
    raise failure


def _watch(peer: socket.socket) -> None:
    """A peer that is dead is noticed, whether something is to be sent or not."""
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, DEAD_AFTER - 6)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER * 1000)


def _words(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
