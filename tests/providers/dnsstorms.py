"""Bad days at a real name server: the fault sequences, with faults that come by the wire.

    python -m tests.providers.dnsstorms [--on bind|knot] [SEEDS [FIRST]]

    what happens to a message         what was done
    never arrives; SERVFAIL           nothing
    is answered, and the answer is    all of it, or nothing where it does not hold
      lost, cut off, or garbage

And somebody else changes the zone.  The adapter makes of it what it does; the zone ends as
`sequences` wants it.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import select
import socket
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from feddns.providers import rfc2136
from tests.providers import backend_rfc2136, faulty, sequences
from tests.providers.backend_rfc2136 import Backend

_CHANCE = 0.15
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST


class Fault(StrEnum):
    BEFORE = "never arrives"
    AFTER = "the answer is lost"
    RESET = "the answer is lost, by a reset"
    HALF = "the answer is cut off"
    GARBAGE = "the answer is garbage"
    SERVFAIL = "SERVFAIL"


class Wire:
    """A name server's TCP port, in front of the real one.

    `chance()` says what happens to the next message; `place` is where it listens.
    """

    def __init__(self, server: tuple[str, int]) -> None:
        self.chance: Callable[[], Fault | None] = lambda: None
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self._is_over = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._is_over = True
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        """One connection after the other: the adapter has no two at a time."""
        while not self._is_over:
            with contextlib.suppress(TimeoutError):
                client, _ = self._listener.accept()
                with client, socket.create_connection(self._server) as server:
                    for one in (client, server):
                        one.settimeout(5)
                    with contextlib.suppress(OSError):
                        self._talk(client, server)

    def _talk(self, client: socket.socket, server: socket.socket) -> None:
        while (asked := _message(client)) is not None:
            fault = self.chance()
            if fault is Fault.BEFORE:
                return
            if fault is Fault.SERVFAIL:
                client.sendall(_framed(asked[:2] + bytes((asked[2] | 0x80, 2)) + bytes(8)))
                continue
            server.sendall(_framed(asked))
            if not self._answer(client, server, fault):
                return

    def _answer(self, client: socket.socket, server: socket.socket, fault: Fault | None) -> bool:
        """What the server says, as far as it comes; whether the connection goes on."""
        reply = _message(server)
        if reply is None or fault is Fault.AFTER:
            return False
        if fault is Fault.RESET:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            return False
        if fault is Fault.HALF:
            client.sendall(_framed(reply)[: len(reply) // 2])
            return False
        if fault is Fault.GARBAGE:
            client.sendall(_framed(reply[:2] + bytes(reversed(reply[2:]))))
            return False
        client.sendall(_framed(reply))
        while server in select.select([client, server], [], [], 5)[0]:  # the rest of a transfer
            if not (more := server.recv(65536)):
                return False
            client.sendall(more)
        return True


def _message(connection: socket.socket) -> bytes | None:
    size = connection.recv(2, socket.MSG_WAITALL)
    if len(size) < 2:
        return None
    wanted = int.from_bytes(size, "big")
    found = connection.recv(wanted, socket.MSG_WAITALL)
    return found if len(found) == wanted else None


def _framed(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message


class Storm(sequences.Sequence):
    """A sequence at a server that has bad days of its own."""

    def __init__(self, backend: Backend, wire: Wire, seed: int) -> None:
        self._wire = wire
        self.happened: dict[Fault, int] = dict.fromkeys(Fault, 0)
        self._opened = rfc2136.open(backend.settings(servers=(wire.place,)))
        super().__init__(backend, self._opened, random.Random(seed))
        self._provider.chances = {faulty.Fault.MEDDLING: 0.1}
        self._weather = random.Random(-seed)
        wire.chance = self._fault

    def _fault(self) -> Fault | None:
        if self._weather.random() > _CHANCE:
            return None
        fault = self._weather.choice([*Fault])
        self.happened[fault] += 1
        return fault

    def _rest(self) -> None:
        """The faults are over when the sequence comes to its end."""
        self._wire.chance = lambda: None
        super()._rest()

    def close(self) -> None:
        self._wire.chance = lambda: None
        self._opened.close()


def run(backend: Backend, wire: Wire, seed: int) -> dict[Fault, int]:
    """One sequence; how often what went wrong.  Raises `AssertionError`."""
    backend.clear()
    storm = Storm(backend, wire, seed)
    try:
        storm.run()
    finally:
        storm.close()
    return storm.happened


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.providers.dnsstorms")
    parser.add_argument("--on", choices=[*backend_rfc2136.MAKERS], default="bind")
    parser.add_argument("seeds", type=int, nargs="?", default=1000)
    parser.add_argument("first", type=int, nargs="?", default=0)
    options = parser.parse_args()
    failures, start = 0, time.monotonic()
    happened = dict.fromkeys(Fault, 0)
    with tempfile.TemporaryDirectory() as folder:
        backend = backend_rfc2136.MAKERS[options.on].make(Path(folder))
        assert isinstance(backend, Backend)
        wire = Wire((backend.server.address, backend.server.port))
        for seed in range(options.first, options.first + options.seeds):
            try:
                for fault, count in run(backend, wire, seed).items():
                    happened[fault] += count
            except AssertionError as error:
                failures += 1
                print(f"seed {seed}: {error}", flush=True)
        wire.close()
        backend.close()
    told = ", ".join(f"{fault} {count}" for fault, count in happened.items())
    seconds = time.monotonic() - start
    print(f"{options.on}: {options.seeds} sequences, {failures} failed, {seconds:.0f} s; {told}")
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
