"""The Services and endpoints that every server of a run answers for.

The same size always gives the same inventory, so that two runs compare.  This module knows
plain values; it must not write files or know of any server.  `manifests`, `kubeapi` and `zone`
turn the inventory into what a server reads, `questions` into what is asked.
"""

from __future__ import annotations

import ipaddress
import random
from dataclasses import dataclass

FIRST_CLUSTER_IP = int(ipaddress.IPv4Address("10.96.1.0"))
FIRST_POD_IP = int(ipaddress.IPv4Address("10.244.1.0"))
WORDS = ("api", "auth", "cart", "catalog", "checkout", "db", "front", "mail", "queue", "search")

# A share of the Services with one, two and three endpoints that makes 1.4 on average.
ENDPOINT_COUNTS = (1, 1, 1, 1, 1, 1, 1, 2, 2, 3)


@dataclass(frozen=True, slots=True)
class Port:
    """A named port: `number` is the Service's, `target` the endpoint's."""

    name: str
    number: int
    target: int
    protocol: str = "TCP"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One ready address of a Service; `hostname` as a StatefulSet sets it."""

    address: str
    hostname: str | None

    @property
    def label(self) -> str:
        """The label of the endpoint's own name below the Service's name."""
        return self.hostname or self.address.replace(".", "-")


@dataclass(frozen=True, slots=True)
class Service:
    """A Service with its endpoints; headless when `cluster_ip` is None."""

    index: int
    name: str
    namespace: str
    cluster_ip: str | None
    ports: tuple[Port, ...]
    endpoints: tuple[Endpoint, ...]

    @property
    def dns_name(self) -> str:
        return f"{self.name}.{self.namespace}.svc.cluster.local."


@dataclass(frozen=True, slots=True)
class Inventory:
    """A cluster: namespaces, and Services spread over them."""

    namespaces: tuple[str, ...]
    services: tuple[Service, ...]

    def with_cluster_ip(self) -> list[Service]:
        return [service for service in self.services if service.cluster_ip is not None]

    def headless(self) -> list[Service]:
        return [service for service in self.services if service.cluster_ip is None]


def make(size: int) -> Inventory:
    """An inventory of `size` Services, every fifth of them headless."""
    chance = random.Random(size)
    namespaces = _namespaces(max(50, size // 500))
    services: list[Service] = []
    pod = FIRST_POD_IP
    for index in range(size):
        count = chance.choice(ENDPOINT_COUNTS)
        namespace = namespaces[(index + index // len(namespaces)) % len(namespaces)]
        services.append(_service(index, namespace, pod, count))
        pod += count
    return Inventory(namespaces, tuple(services))


def _namespaces(count: int) -> tuple[str, ...]:
    return ("default", *(f"team-{number:03d}" for number in range(1, count)))


def _service(index: int, namespace: str, pod: int, count: int) -> Service:
    headless = index % 5 == 4
    name = f"{WORDS[index % len(WORDS)]}-{index}"
    addresses = [str(ipaddress.IPv4Address(pod + number)) for number in range(count)]
    stateful = index % 10 == 4
    return Service(
        index=index,
        name=name,
        namespace=namespace,
        cluster_ip=None if headless else str(ipaddress.IPv4Address(FIRST_CLUSTER_IP + index)),
        ports=_ports(index, headless),
        endpoints=tuple(
            Endpoint(address, f"{name}-{number}" if stateful else None)
            for number, address in enumerate(addresses)
        ),
    )


def _ports(index: int, headless: bool) -> tuple[Port, ...]:
    ports = [Port("http", 8080 if headless else 80, 8080)]
    if index % 3 == 0:
        ports.append(Port("metrics", 9090, 9090))
    if index % 7 == 0:
        ports.append(Port("sync", 7946, 7946, "UDP"))
    return tuple(ports)
