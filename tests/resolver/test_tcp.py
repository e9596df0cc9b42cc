"""The TCP server on a machine that has nothing left; the rest is in tests/app/test_tcp.py."""

from __future__ import annotations

import errno
import socket

from feddns import config
from feddns.resolver.responder import Responder
from feddns.resolver.tcp import TcpServer
from feddns.snapshot import Snapshot
from feddns.store import Store


class Exhausted(socket.socket):
    """A listening socket on a machine without a free descriptor."""

    tries = 0
    exhausted = True

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        type(self).tries += 1
        if type(self).exhausted:
            raise OSError(errno.EMFILE, "too many open files")
        return super().accept()


def test_without_a_descriptor_the_server_rests_instead_of_spinning() -> None:
    responder = Responder(config.load({}, {}, None), Store(Snapshot()), serial=1)
    with Exhausted(socket.AF_INET) as listening, socket.socket() as client:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        listening.setblocking(False)
        server = TcpServer(listening, responder, clock=lambda: 0.0)
        client.connect(listening.getsockname())
        client.sendall(b"\x00")
        while not Exhausted.tries:
            server.on_ready()
        for _ in range(20):
            server.on_ready()
        assert Exhausted.tries == 1
        Exhausted.exhausted = False
        server.reap()
        server.on_ready()
        assert len(server.connections) == 1
        server.close()
