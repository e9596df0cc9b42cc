"""CoreDNS: a real etcd with a real CoreDNS on it, asked through etcd's JSON gateway.

The other hands write keys as external-dns does, and read them by the documents of SkyDNS.  What
etcd refuses is a record set of more addresses than one transaction may have operations.
"""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

from feddns.errors import OperatorNeeded, ProviderAway, Throttled
from feddns.providers import coredns
from feddns.providers.base import Provider
from feddns.providers.recordsets import Key, RecordSet, record_set
from tests import peers
from tests.providers.backends import ZONE, Maker, Traits, Trouble
from tests.providers.corednszone import PROGRAMS, Zone, missing

PAGE = 50
PASSWORD = "mellon-and-enter"
_WRONG = "open-sesame"

_SAID = {
    "busy": (429, '{"code":8,"message":"etcdserver: too many requests","details":[]}'),
    "no leader": (503, '{"code":14,"message":"etcdserver: no leader","details":[]}'),
    "full": (
        429, '{"code":8,"message":"etcdserver: mvcc: database space exceeded","details":[]}'
    ),
    "denied": (403, '{"code":7,"message":"etcdserver: permission denied","details":[]}'),
    "another server": (404, "404 page not found\n"),
    "babble": (200, "<html>"),
}  # fmt: skip
_RAISES = {
    "busy": (Throttled, "too many requests"),
    "no leader": (ProviderAway, "no leader"),
    "full": (OperatorNeeded, "database space exceeded"),
    "denied": (OperatorNeeded, "permission denied"),
    "another server": (OperatorNeeded, "no JSON gateway"),
    "babble": (ProviderAway, "an answer that is none"),
}


class Backend:
    name = "coredns"

    def __init__(self, folder: Path) -> None:
        self.zone = Zone(folder)
        self.traits = Traits(
            foreign=(
                record_set(f"mail.{ZONE}", "MX", 300, ["10 a.example.net.", "20 b.example.net."]),
                record_set(f"_sip._tcp.{ZONE}", "SRV", 60, [f"10 5 5060 sip.{ZONE}"]),
                record_set(f"both.{ZONE}", "TXT", 60, ['"one"', '"two"']),
                record_set(ZONE, "TXT", 300, ['"v=spf1 -all"']),
            ),
            refused=record_set(
                f"bad.{ZONE}", "A", 60, [f"198.51.100.{number}" for number in range(200)]
            ),
            refusal="too many operations in txn request",
            page=PAGE,
            keeps_strings=False,
            secrets=(PASSWORD, _WRONG),
            programs={name: peers.version(name) for name in PROGRAMS},
            troubles={
                "nobody there": self._trouble(
                    ProviderAway, "Connection refused",
                    endpoints=("http://127.0.0.1:1", "http://[::1]:1"),
                ),
                "no such host": self._trouble(
                    ProviderAway, "cannot be resolved", endpoints=("etcd.invalid:2379",)
                ),
                "silence": Trouble(ProviderAway, "no answer in time", self._silence),
                "no password": self._guarded("it wants a user and a password"),
                "wrong password": self._guarded(
                    "does not take the password of the user feddns", "feddns", _WRONG
                ),
                "no rights": self._guarded("permission denied", "feddns", PASSWORD),
                **{
                    what: Trouble(*_RAISES[what], lambda said=said: self._scripted(*said))
                    for what, said in _SAID.items()
                },
            },
        )  # fmt: skip

    def settings(self, **more: object) -> coredns.Settings:
        given = {"zone": ZONE, "endpoints": (self.zone.endpoint,), "page": PAGE}
        return coredns.Settings(**{**given, **more})

    def open(self) -> Provider:
        return coredns.open(self.settings())

    def put(self, record: RecordSet) -> None:
        self.zone.hands.put(record)

    def remove(self, key: Key) -> None:
        self.zone.hands.remove(key)

    def content(self) -> frozenset[RecordSet]:
        return self.zone.hands.content()

    def clear(self) -> None:
        self.zone.hands.clear()

    def close(self) -> None:
        self.zone.stop()

    def _trouble(self, raises: type[Exception], words: str, **settings: object) -> Trouble:
        @contextlib.contextmanager
        def arrange() -> Iterator[Provider]:
            with contextlib.closing(coredns.open(self.settings(**settings))) as provider:
                yield provider

        return Trouble(raises, words, arrange)

    def _guarded(self, words: str, user: str = "", password: str = "") -> Trouble:
        """etcd asks who it is; `feddns` is known, and may do nothing."""

        @contextlib.contextmanager
        def arrange() -> Iterator[Provider]:
            with guarded(self.zone):
                settings = self.settings(user=user, password=password)
                with contextlib.closing(coredns.open(settings)) as provider:
                    yield provider

        return Trouble(OperatorNeeded, words, arrange)

    @contextlib.contextmanager
    def _silence(self) -> Iterator[Provider]:
        """A server that takes the connection and says nothing."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            endpoint = f"127.0.0.1:{server.getsockname()[1]}"
            settings = self.settings(endpoints=(endpoint,), timeout=0.2)
            with contextlib.closing(coredns.open(settings)) as provider:
                yield provider

    @contextlib.contextmanager
    def _scripted(self, status: int, body: str) -> Iterator[Provider]:
        """A server that always says the same."""
        with (
            scripted(status, body) as endpoint,
            contextlib.closing(coredns.open(self.settings(endpoints=(endpoint,)))) as provider,
        ):
            yield provider


@contextlib.contextmanager
def guarded(zone: Zone, *, may: bool = False) -> Iterator[None]:
    """etcd asks everybody who it is, while this lasts: there are `root` and `feddns`.

    `may`: `feddns` may read and write what is below the zone, and nothing else.
    """
    call = zone.etcd.call
    for user in ("root", "feddns"):
        call("/v3/auth/user/add", {"name": user, "password": PASSWORD})
        call("/v3/auth/role/add", {"name": user})
        call("/v3/auth/user/grant", {"user": user, "role": user})
    if may:
        keys = {"key": "L3NreWRucy9jb20vZXhhbXBsZS8=", "range_end": "L3NreWRucy9jb20vZXhhbXBsZTA="}
        call("/v3/auth/role/grant", {"name": "feddns", "perm": {"permType": "READWRITE", **keys}})
    call("/v3/auth/enable", {})
    try:
        yield
    finally:
        said = call("/v3/auth/authenticate", {"name": "root", "password": PASSWORD})
        call("/v3/auth/disable", {}, Authorization=said["token"])
        for user in ("root", "feddns"):
            call("/v3/auth/user/delete", {"name": user})
            call("/v3/auth/role/delete", {"role": user})


@contextlib.contextmanager
def scripted(status: int, body: str) -> Iterator[str]:
    """The endpoint of one that answers everything like this."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        running = threading.Thread(target=server.serve_forever, args=(0.01,))
        running.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            running.join()


MAKERS = {"coredns": Maker(Backend, missing)}
