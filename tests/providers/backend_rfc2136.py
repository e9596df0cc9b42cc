"""DNS UPDATE: real BIND and real Knot, signed by TSIG.

The other hands are dnspython's own messages; what Knot refuses is a type that its ACL keeps from
our key, what BIND does is the address of a name that no host may have.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

from feddns.errors import OperatorNeeded, ProviderAway
from feddns.providers import rfc2136
from feddns.providers.base import Provider
from feddns.providers.recordsets import Key, RecordSet, record_set
from tests import programs
from tests.providers.backends import ZONE, Maker, Traits, Trouble, program
from tests.providers.nameservers import Knot, Named, NameServer

_WRONG = "bm90IHRoZSBzZWNyZXQgdGhhdCB0aGUgc2VydmVyIGtub3dz"


class Backend:
    def __init__(self, server: NameServer, refused: RecordSet, refusal: str) -> None:
        self.name = server.name
        self.server = server
        secret = rfc2136.read_key(str(server.key_file))[1]
        self.traits = Traits(
            refused=refused,
            refusal=refusal,
            tells_ttls=False,
            keeps_case=True,
            secrets=(secret, _WRONG),
            programs={server.program: programs.version(server.program)},
            troubles={
                "wrong secret": self._trouble(
                    OperatorNeeded, "BADSIG: it has another secret",
                    key_file="", key_name="feddns", key_secret=_WRONG,
                ),
                "unknown key": self._trouble(
                    OperatorNeeded, "BADKEY: it does not know the key nobody",
                    key_file="", key_name="nobody", key_secret=_WRONG,
                ),
                "no key": self._trouble(OperatorNeeded, "REFUSED|NOTAUTH", key_file=""),
                "not its zone": self._trouble(OperatorNeeded, "NOTAUTH", zone="eu.example.com."),
                "nobody there": self._trouble(
                    ProviderAway, "Connection refused", servers=("127.0.0.1:1", "[::1]:1")
                ),
                "silence": Trouble(ProviderAway, "no answer in time", self._silence),
            },
        )  # fmt: skip

    def settings(self, **more: object) -> rfc2136.Settings:
        given = {
            "zone": ZONE,
            "servers": (f"{self.server.address}:{self.server.port}",),
            "key_file": str(self.server.key_file),
        }
        return rfc2136.Settings(**{**given, **more})

    def open(self) -> Provider:
        return rfc2136.open(self.settings())

    def put(self, record: RecordSet) -> None:
        self.server.hands.change([record.key], [record])

    def remove(self, key: Key) -> None:
        self.server.hands.change([key])

    def content(self) -> frozenset[RecordSet]:
        return self.server.hands.content()

    def clear(self) -> None:
        self.server.hands.clear()

    def close(self) -> None:
        self.server.stop()

    def _trouble(self, raises: type[Exception], words: str, **settings: object) -> Trouble:
        @contextlib.contextmanager
        def arrange() -> Iterator[Provider]:
            with contextlib.closing(rfc2136.open(self.settings(**settings))) as provider:
                yield provider

        return Trouble(raises, words, arrange)

    @contextlib.contextmanager
    def _silence(self) -> Iterator[Provider]:
        """A server that takes the connection and says nothing."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            address, port = server.getsockname()
            settings = self.settings(servers=(f"{address}:{port}",), timeout=0.2)
            with contextlib.closing(rfc2136.open(settings)) as provider:
                yield provider


def _bind(folder: Path) -> Backend:
    refused = record_set(f"no_host.{ZONE}", "A", 60, ["192.0.2.1"])
    return Backend(Named(folder), refused, r"REFUSED for .*no_host\.example\.com\. A")


def _knot(folder: Path) -> Backend:
    refused = record_set(f"post.{ZONE}", "MX", 60, ["10 mx.example.net."])
    return Backend(Knot(folder), refused, r"NOTAUTH for .*post\.example\.com\. MX")


MAKERS = {
    "bind": Maker(_bind, program("named", "bind9")),
    "knot": Maker(_knot, program("knotd", "knot")),
}
