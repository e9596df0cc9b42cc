"""The inventory as DNS records: the zone files of Knot and NSD, and the right answers.

Both come from one list of records, so that a peer cannot be fast by answering something else.
The records are those of the Kubernetes DNS specification 1.1.0.  This module must not ask a
server anything; `__main__` writes the zones, `check` reads the answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.inventory import Inventory, Service

ORIGIN = "cluster.local."
REVERSE = "10.in-addr.arpa."
TTL = 30

Record = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """The rcode and the record data of the type asked for; SRV without priority and weight."""

    rcode: str
    data: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.rcode} {sorted(self.data)}" if self.data else f"{self.rcode} without data"


class Answers:
    """What every server must answer for a name of the two zones."""

    def __init__(self, inventory: Inventory) -> None:
        self._data: dict[tuple[str, str], set[str]] = {}
        self._names: set[str] = set()
        for owner, kind, data in records(inventory):
            self._data.setdefault((owner, kind), set()).add(_comparable(kind, data))
            self._add_name(owner)

    def _add_name(self, name: str) -> None:
        # The names above a name exist too, without data (RFC 8020).
        while name not in self._names and name not in (ORIGIN, REVERSE):
            self._names.add(name)
            name = name.partition(".")[2]

    def of(self, name: str, kind: str) -> Answer:
        data = self._data.get((name, kind))
        if data is not None:
            return Answer("NOERROR", frozenset(data))
        return Answer("NOERROR" if name in self._names else "NXDOMAIN")


def _comparable(kind: str, data: str) -> str:
    return data.split(" ", 2)[2] if kind == "SRV" else data


def records(inventory: Inventory) -> Iterator[Record]:
    """Every record of the two zones but SOA and NS."""
    yield f"dns-version.{ORIGIN}", "TXT", '"1.1.0"'
    for service in inventory.services:
        yield from _service_records(service)


def _service_records(service: Service) -> Iterator[Record]:
    name = service.dns_name
    if service.cluster_ip is not None:
        yield name, "A", service.cluster_ip
        yield reverse_name(service.cluster_ip), "PTR", name
        for port in service.ports:
            owner = f"_{port.name}._{port.protocol.lower()}.{name}"
            yield owner, "SRV", f"0 100 {port.number} {name}"
    for endpoint in service.endpoints:
        own = f"{endpoint.label}.{name}"
        yield own, "A", endpoint.address
        yield reverse_name(endpoint.address), "PTR", own
        if service.cluster_ip is not None:
            continue
        yield name, "A", endpoint.address
        for port in service.ports:
            owner = f"_{port.name}._{port.protocol.lower()}.{name}"
            yield owner, "SRV", f"0 100 {port.target} {own}"


def reverse_name(address: str) -> str:
    return ".".join(reversed(address.split("."))) + ".in-addr.arpa."


def write(inventory: Inventory, folder: Path) -> None:
    """Write the zone files cluster.local.zone and 10.in-addr.arpa.zone into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    lines: dict[str, list[str]] = {origin: list(_apex(origin)) for origin in (ORIGIN, REVERSE)}
    lines[ORIGIN].append(f"ns.dns.{ORIGIN} {TTL} A 10.96.0.10\n")
    for owner, kind, data in records(inventory):
        origin = REVERSE if owner.endswith(REVERSE) else ORIGIN
        lines[origin].append(f"{owner} {TTL} {kind} {data}\n")
    for origin, text in lines.items():
        path_of(folder, origin).write_text("".join(text), encoding="ascii")


def path_of(folder: Path, origin: str) -> Path:
    return folder / f"{origin}zone"


def _apex(origin: str) -> Iterator[str]:
    timers = f"1 7200 1800 86400 {TTL}"
    yield f"{origin} {TTL} SOA ns.dns.{ORIGIN} hostmaster.{ORIGIN} {timers}\n"
    yield f"{origin} {TTL} NS ns.dns.{ORIGIN}\n"
