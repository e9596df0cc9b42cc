"""Real name servers that take DNS UPDATE, for a test: BIND by `tools/bind-zone`, and Knot.

Each has the zone `example.com.`, a key file and a port of its own; named listens only where an
interface is, so it is 127.0.0.1 for both.  `stop` ends one by its id.  `Hands` are somebody else's
in the zone: dnspython's own messages.  Imports nothing of pytest.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.tsig
import dns.xfr
import dns.zone
from dns.update import UpdateMessage

from bench.processes import free_port
from feddns.providers.recordsets import Key, RecordSet, record_set
from tests.providers.backends import ZONE

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20.0

_APEX = f"""{ZONE} 300 SOA ns.localhost. hostmaster.{ZONE} 1 7200 1800 1209600 60
{ZONE} 300 NS ns.localhost.
"""
_KNOT = """
server:
  rundir: {folder}
  listen: {address}@{port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: {folder}
log:
  - target: stderr
    any: info
key:
  - id: feddns
    algorithm: hmac-sha256
    secret: {secret}
  - id: other
    algorithm: hmac-sha512
    secret: {secret}
  - id: reader
    algorithm: hmac-sha256
    secret: {secret}
{keys}
acl:
  - id: feddns
    key: feddns
    action: [transfer, update]
    update-type: [A, AAAA, CNAME, TXT]
  - id: other
    key: [other{ids}]
    action: [transfer, update]
  - id: reader
    key: reader
    action: transfer
template:
  - id: default
    storage: {folder}
    zonefile-sync: -1
zone:
  - domain: {zone}
    file: {folder}/zone
    acl: [feddns, other, reader]
    dnssec-signing: {signing}
"""
_KNOT_KEY = "  - id: k-{name}\n    algorithm: {name}\n    secret: {secret}\n"
ALGORITHMS = "hmac-md5", "hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"
"""Knot has a key `k-<algorithm>` of each."""
SECRET = "c2l4dGVlbiBvY3RldHMgb3IgbW9yZSBvZiB0aGVt"
OTHER_KEY = f'key "other" {{ algorithm hmac-sha512; secret "{SECRET}"; }};\n'
KEY = f'key "feddns" {{ algorithm hmac-sha256; secret "{SECRET}"; }};\n'


class NameServer(Protocol):
    """A running one.  `key_file` is what feddns is given, `hands` are others'."""

    name: str
    program: str
    address: str
    port: int
    key_file: Path
    hands: Hands

    def stop(self) -> None: ...


class Named:
    """BIND, by the command of the documents."""

    name, program = "bind", "named"

    def __init__(self, folder: Path) -> None:
        self.address, self.port = "127.0.0.1", free_port()
        self.key_file = folder / "feddns.key"
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "tools/bind-zone"), "--address", self.address,
             "--port", str(self.port), "--folder", str(folder)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.said = self._process.stdout.readline()
        assert "BIND serves" in self.said, self._process.stderr.read()
        self.hands = Hands(self.address, self.port, self.key_file)

    def stop(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=PATIENCE)


class Knot:
    """Knot; feddns may write no other types than it needs, the key `reader` nothing."""

    name, program = "knot", "knotd"

    def __init__(self, folder: Path, *, is_signed: bool = False) -> None:
        self.address, self.port = "127.0.0.1", free_port()
        self.key_file = folder / "feddns.key"
        self.key_file.write_text(KEY)
        (folder / "other.key").write_text(OTHER_KEY)
        (folder / "zone").write_text(_APEX)
        (folder / "knot.conf").write_text(
            _KNOT.format(
                folder=folder, address=self.address, port=self.port, secret=SECRET, zone=ZONE,
                ids="".join(f", k-{name}" for name in ALGORITHMS),
                keys="".join(_KNOT_KEY.format(name=name, secret=SECRET) for name in ALGORITHMS),
                signing="on" if is_signed else "off",
            )
        )  # fmt: skip
        self._log = folder / "knot.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [knotd(), "-c", str(folder / "knot.conf")], stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.hands = Hands(self.address, self.port, folder / "other.key")
        self.hands.wait(self._log)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(PATIENCE)


def knotd() -> str:
    found = shutil.which("knotd")
    assert found
    return found


class Hands:
    """Somebody who may change and read the zone, and does not know feddns."""

    def __init__(self, address: str, port: int, key_file: Path) -> None:
        self.address, self.port = address, port
        match = re.search(
            r'key "(\S+)" {\s*algorithm (\S+);\s*secret "(\S+)";', key_file.read_text()
        )
        assert match
        self._key = dns.tsig.Key(match[1], match[3], match[2])

    def wait(self, log: Path) -> None:
        started = time.monotonic()
        question = dns.message.make_query(ZONE, "SOA")
        while time.monotonic() - started < PATIENCE:
            try:
                dns.query.udp(question, self.address, port=self.port, timeout=0.1)
                return
            except (dns.exception.Timeout, OSError):
                time.sleep(0.01)
        raise AssertionError(f"no answer from {self.address}: {log.read_text()}")

    def change(self, keys: Iterable[Key], records: Iterable[RecordSet] = ()) -> None:
        """The sets go, then the records come; in one message."""
        update = UpdateMessage(ZONE, keyring=self._key)
        for name, type in keys:
            update.delete(name, type)
        for record in records:
            for value in record.values:
                update.add(record.name, record.ttl, record.type, value)
        rcode = dns.query.tcp(update, self.address, port=self.port, timeout=PATIENCE).rcode()
        assert rcode == 0, dns.rcode.to_text(rcode)

    def content(self) -> frozenset[RecordSet]:
        """Everything but the SOA and NS of the apex."""
        zone = dns.zone.Zone(ZONE, relativize=False)
        query, _ = dns.xfr.make_query(zone, keyring=self._key)
        dns.query.inbound_xfr(
            self.address, zone, query, port=self.port, timeout=PATIENCE, lifetime=PATIENCE
        )
        found = set()
        for name, rdataset in zone.iterate_rdatasets():
            key = name.to_text().lower(), dns.rdatatype.to_text(rdataset.rdtype)
            if key not in ((ZONE, "SOA"), (ZONE, "NS")):
                values = [rdata.to_text() for rdata in rdataset]
                found.add(record_set(*key, rdataset.ttl, values))
        return frozenset(found)

    def clear(self) -> None:
        keys = sorted({record.key for record in self.content()})
        for start in range(0, len(keys), 500):
            self.change(keys[start : start + 500])
        if keys:
            assert self.content() == frozenset()

    def ask(self, name: str, type: str) -> dns.message.Message:
        """What anybody is told."""
        question = dns.message.make_query(name, type, flags=0)
        return dns.query.tcp(question, self.address, port=self.port, timeout=PATIENCE)
