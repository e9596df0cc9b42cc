"""A TCP proxy between a client and a server that makes the network as bad as a test wants it.

    proxy = Proxy(("127.1.2.3", 6443))
    proxy.delay = 0.2            each piece from the server comes that much later
    proxy.bandwidth = 10_000     octets a second from the server to each client
    proxy.stall()                nothing passes, in either direction, until `resume()`
    proxy.cut()                  every connection is reset now; new ones are taken
    proxy.cut_after(100)         after so many more octets from the server: within an event
    proxy.refuse()               nobody listens, until `accept()`
    proxy.close()

One thread for the listener and two for each connection.  Imports nothing of pytest.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time

_PIECE = 16_384
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST


class Proxy:
    """Listens on a free port of the server's own address, for which its certificate is good."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.server = server
        self.delay = 0.0
        self.bandwidth = 0
        self.received = 0
        """Octets from the server so far."""
        self.connections = 0
        """Connections taken so far."""
        self._cut_at: int | None = None
        self._flowing = threading.Event()
        self._flowing.set()
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._listener: socket.socket | None = None
        self.port = 0
        self.accept()

    @property
    def url(self) -> str:
        return f"https://{self.server[0]}:{self.port}"

    # --- the network gets worse ------------------------------------------------------------------

    def stall(self) -> None:
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()

    def cut(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, set()
            self._cut_at = None
        for pair in pairs:
            _reset(*pair)

    def cut_after(self, octets: int) -> None:
        with self._lock:
            self._cut_at = self.received + octets

    def refuse(self) -> None:
        """Close the listener and every connection."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            listener.close()
        self.cut()

    def accept(self) -> None:
        """Listen again, on the same port."""
        if self._listener is None:
            self._listener = socket.create_server((self.server[0], self.port))
            self.port = self._listener.getsockname()[1]
            _thread(self._listen, self._listener)

    def close(self) -> None:
        self.refuse()
        self.resume()

    # --- threads ---------------------------------------------------------------------------------

    def _listen(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            _thread(self._connect, client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self.server, timeout=5)
        except OSError:
            _reset(client)
            return
        server.settimeout(None)
        with self._lock:
            self._pairs.add((client, server))
        _thread(self._up, client, server)
        self._down(client, server)

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(_PIECE):
                self._flowing.wait()
                server.sendall(data)
        self._end(client, server)

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(_PIECE):
                self._flowing.wait()
                if self.delay or self.bandwidth:
                    time.sleep(self.delay + (len(data) / self.bandwidth if self.bandwidth else 0))
                passed = self._until_cut(len(data))
                client.sendall(data[:passed])
                if passed < len(data):
                    self.cut()
                    return
        self._end(client, server)

    def _until_cut(self, octets: int) -> int:
        """How many of the octets pass before the cut."""
        with self._lock:
            left = octets if self._cut_at is None else max(0, self._cut_at - self.received)
            self.received += octets
            return min(left, octets)

    def _end(self, client: socket.socket, server: socket.socket) -> None:
        """One side has closed: the other sees the end too."""
        with self._lock:
            self._pairs.discard((client, server))
        for one in (client, server):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def _reset(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            one.shutdown(socket.SHUT_RDWR)
        one.close()


def _thread(work: object, *arguments: object) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()  # type: ignore[arg-type]
