"""A real etcd with a real CoreDNS on it, for a test: by `tools/coredns-zone`, as the documents say.

    zone = Zone(folder)
    zone.hands                      somebody else's in the zone, as external-dns writes
    zone.ask("web.example.com.", "A")
    zone.stop()

`Hands` know SkyDNS' layout by themselves and nothing of feddns' reading of it.  Imports nothing of
pytest.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from bench.processes import free_port
from feddns.providers import coredns, ownership
from feddns.providers.coredns import CoreDns
from feddns.providers.ownership import Mark
from feddns.providers.recordsets import Change, Key, RecordSet, quoted, record_set, unquoted
from tests import peers
from tests.etcd import Etcd
from tests.providers.backends import ZONE

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20.0
PROGRAMS = ("etcd", "coredns")


def missing() -> tuple[str, str] | None:
    lacking = peers.missing(*PROGRAMS)
    return (", ".join(lacking), f"{peers.BUILD} builds it") if lacking else None


class Zone:
    """Both programs; more flags of etcd in `flags`."""

    address = "127.0.0.1"

    def __init__(self, folder: Path, *flags: str) -> None:
        self.port, self.etcd_port = free_port(), free_port()
        self.endpoint = f"http://{self.address}:{self.etcd_port}"
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "tools/coredns-zone"), "--port", str(self.port),
             "--etcd-port", str(self.etcd_port), "--folder", str(folder),
             *(f"--etcd={flag}" for flag in ("--unsafe-no-fsync", *flags))],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.said = self._process.stdout.readline()
        assert "CoreDNS serves" in self.said, self._process.stderr.read()
        self.etcd = Etcd(self.address, self.etcd_port)
        self.hands = Hands(self.etcd)

    def stop(self) -> None:
        self.etcd.close()
        self._process.terminate()
        self._process.communicate(timeout=PATIENCE)

    def ask(self, name: str, type: str) -> dns.message.Message:
        """What anybody is told."""
        question = dns.message.make_query(name, type)
        return dns.query.tcp(question, self.address, port=self.port, timeout=PATIENCE)


def wait(is_up: Callable[[], object], started: subprocess.Popen[bytes]) -> None:
    begun = time.monotonic()
    while not is_up():
        assert started.poll() is None, "it ended"
        assert time.monotonic() - begun < PATIENCE, "it is not up in time"
        time.sleep(0.01)


class Hands:
    """Somebody who may change and read etcd, and does not know feddns."""

    def __init__(self, etcd: Etcd) -> None:
        self._etcd = etcd

    def keys(self) -> dict[str, bytes]:
        """All of etcd."""
        found = self._etcd.call(
            "/v3/kv/range", {"key": _coded(b"/"), "range_end": _coded(b"0"), "limit": 0}
        )
        return {
            base64.b64decode(one["key"]).decode(): base64.b64decode(one["value"])
            for one in found.get("kvs", ())
        }

    def put(self, record: RecordSet) -> None:
        """In place of one of its name and type, in keys of external-dns' kind."""
        self.remove(record.key)
        path = "/skydns" + "".join(f"/{part}" for part in record.name.lower().split(".")[-2::-1])
        self._etcd.put({
            f"{path}/{record.type.lower()}{number}": json.dumps(
                {**_fields(record.type, value), "ttl": record.ttl, "targetstrip": 1}
            ).encode()
            for number, value in enumerate(record.values)
        })  # fmt: skip

    def remove(self, key: Key) -> None:
        for place, raw in self.keys().items():
            if any(one[:2] == key for one in _read(place, raw)):
                self._etcd.delete(place)

    def content(self) -> frozenset[RecordSet]:
        """What the keys say by the documents of SkyDNS."""
        found: dict[Key, list[tuple[int, str]]] = {}
        for place, raw in self.keys().items():
            for name, type, ttl, value in _read(place, raw):
                found.setdefault((name, type), []).append((ttl, value))
        return frozenset(
            record_set(*key, min(ttl for ttl, _ in there), [value for _, value in there])
            for key, there in found.items()
        )

    def clear(self) -> None:
        self._etcd.call("/v3/kv/deleterange", {"key": _coded(b"/"), "range_end": _coded(b"0")})


def _fields(type: str, value: str) -> Mapping[str, Any]:
    parts = value.rstrip(".").split()
    if type == "TXT":
        return {"text": unquoted(value).replace("\\", "\\\\") or "\\"}
    if type == "MX":
        return {"host": parts[1], "priority": int(parts[0]), "mail": True}
    if type == "SRV":
        priority, weight, port = map(int, parts[:3])
        return {"host": parts[3], "priority": priority, "weight": weight, "port": port}
    return {"host": value.rstrip(".")}


def _read(place: str, raw: bytes) -> Iterator[tuple[str, str, int, str]]:
    said = json.loads(raw)
    labels = place.split("/")[2:][::-1][said.get("targetstrip", 0) :]
    name = ".".join(labels) + "."
    name = name.removeprefix("apex.dns.") if name == f"apex.dns.{ZONE}" else name
    ttl = said.get("feddns/ttl", said["ttl"])
    host = said.get("host", "")
    if "mail" in said:
        yield name, "MX", ttl, f"{said['priority']} {host}."
    elif "port" in said:
        value = f"{said['priority']} {said.get('weight', 0)} {said['port']} {host}."
        yield name, "SRV", ttl, value
    elif host:
        is_name = re.search(r"[g-z]", host)
        yield name, "CNAME" if is_name else "AAAA" if ":" in host else "A", ttl, host
    if "text" in said:
        text = said["text"].removesuffix("\\") if said["text"] == "\\" else said["text"]
        yield name, "TXT", ttl, quoted(text.replace("\\\\", "\\"))


def _coded(key: bytes) -> str:
    return base64.b64encode(key).decode()


# --- record sets, and what is done with them ------------------------------------------------------

REGISTRY = ownership.registry("feddns-ufp")
UFP = "nginx.test.ufp.svc"
GLOBAL, REGION, PLACE = f"{UFP}.{ZONE}", f"{UFP}.eu.{ZONE}", f"{UFP}.eu-b.eu.{ZONE}"


def opened(zone: Zone, **more: object) -> CoreDns:
    given = {"zone": ZONE, "endpoints": (zone.endpoint,), **more}
    return coredns.open(coredns.Settings(**given))


def a(name: str, *addresses: str, ttl: int = 180) -> RecordSet:
    return record_set(name, "A", ttl, addresses or ["192.0.2.1"])


def aaaa(name: str, *addresses: str) -> RecordSet:
    return record_set(name, "AAAA", 180, addresses or ["2001:db8::1"])


def cname(name: str, target: str) -> RecordSet:
    return record_set(name, "CNAME", 180, [target])


def txt(name: str, *texts: str) -> RecordSet:
    return record_set(name, "TXT", 180, map(quoted, texts))


def claim(record: RecordSet) -> RecordSet:
    return ownership.claim(record, Mark("service/test/nginx", ("c1",), 1), REGISTRY)


def add(provider: CoreDns, *records: RecordSet) -> None:
    provider.apply([Change(records[0].name, (), records)])


def listed(provider: CoreDns) -> set[RecordSet]:
    return {record for page in provider.list() for record in page}


def answer(zone: Zone, name: str, type: str) -> list[str]:
    """`name TTL type value` of each record, sorted; the rcode alone for no records."""
    reply = zone.ask(name, type)
    lines = [
        f"{one.name} {one.ttl} {dns.rdatatype.to_text(one.rdtype)} {rdata}"
        for one in reply.answer
        for rdata in one
    ]
    return sorted(lines) or [dns.rcode.to_text(reply.rcode())]


def told(*records: RecordSet) -> list[str]:
    return sorted(
        f"{one.name} {one.ttl} {one.type} {value}" for one in records for value in one.values
    )
