"""The works: what is asked, over which transport, and which rcodes must come back.

Every list of questions is deterministic, and the same for all servers of a round.  This module
must not ask; `rounds` writes the lists to files and hands them to `dnsperf` and `connections`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.check import Question
from bench.inventory import Inventory, Service
from bench.zone import reverse_name

MIX_LOOKUPS = 20_000
EXTERNAL_NAMES = 200

# How many distinct names a second of the work "every question new" holds ready: more than
# dnsperf can ask.
NEW_NAMES_A_SECOND = 400_000


@dataclass(frozen=True, slots=True)
class Work:
    """One row of the table.  `ask` gives the questions; `fresh` works get new ones each round."""

    key: str
    title: str
    ask: Callable[[Inventory], Sequence[Question]]
    transport: str = "udp"
    fresh: bool = False


def hot(world: Inventory) -> list[Question]:
    return _shuffled([(service.dns_name, "A") for service in world.with_cluster_ip()])


def nodata(world: Inventory) -> list[Question]:
    return _shuffled([(service.dns_name, "AAAA") for service in world.with_cluster_ip()])


def srv(world: Inventory) -> list[Question]:
    return _shuffled([(f"_http._tcp.{service.dns_name}", "SRV") for service in world.services])


def headless(world: Inventory) -> list[Question]:
    return _shuffled([(service.dns_name, "A") for service in world.headless()])


def ptr(world: Inventory) -> list[Question]:
    addresses = [service.cluster_ip for service in world.services if service.cluster_ip]
    addresses += [
        endpoint.address for service in world.headless() for endpoint in service.endpoints
    ]
    return _shuffled([(reverse_name(address), "PTR") for address in addresses])


def _shuffled(questions: list[Question]) -> list[Question]:
    random.Random(1).shuffle(questions)
    return questions


# --- a pod's real mix --------------------------------------------------------------------------


def mix(world: Inventory) -> list[Question]:
    """What glibc asks with `search <ns>.svc.cluster.local svc.cluster.local cluster.local` and
    `ndots:5`: each candidate as A and AAAA, until one exists.

    40 % of the lookups are of external names, which end outside our zones and so are misses
    only; 30 % of a Service of the own namespace, 20 % of `<svc>.<ns>`, 10 % of the full name
    without its final dot.
    """
    chance = random.Random(2)
    known = {service.dns_name for service in world.services}
    questions: list[Question] = []
    for _ in range(MIX_LOOKUPS):
        service = chance.choice(world.services)
        share = chance.random()
        if share < 0.4:
            number = chance.randrange(EXTERNAL_NAMES)
            host, namespace = f"host-{number}.example.com", service.namespace
        elif share < 0.7:
            host, namespace = service.name, service.namespace
        else:
            host, namespace = _from_elsewhere(service, share), chance.choice(world.namespaces)
        for candidate in _candidates(host, namespace):
            questions += ((candidate, "A"), (candidate, "AAAA"))
            if candidate in known:
                break
    return questions


def _from_elsewhere(service: Service, share: float) -> str:
    short = f"{service.name}.{service.namespace}"
    return short if share < 0.9 else f"{short}.svc.cluster.local"


def _candidates(host: str, namespace: str) -> list[str]:
    search = (f"{namespace}.svc.cluster.local", "svc.cluster.local", "cluster.local")
    candidates = [f"{host}.{suffix}." for suffix in search]
    return [*candidates, f"{host}."] if host.endswith(".cluster.local") else candidates


# --- every question new ------------------------------------------------------------------------


def never_seen(seed: int, count: int) -> list[str]:
    """`count` random names that do not exist; another seed gives other ones."""
    digits = random.Random(seed).randbytes(6 * count).hex()
    return [
        f"{digits[start : start + 12]}.default.svc.cluster.local."
        for start in range(0, 12 * count, 12)
    ]


def new(_world: Inventory) -> list[Question]:
    """The sample to check; `rounds` makes the names to time."""
    return [(name, "A") for name in never_seen(0, 25)]


WORKS: dict[str, Work] = {
    work.key: work
    for work in (
        Work("hot", "hot names, UDP", hot),
        Work("nodata", "AAAA without data", nodata),
        Work("srv", "SRV", srv),
        Work("headless", "headless A", headless),
        Work("ptr", "PTR", ptr),
        Work("new", "every question new", new, fresh=True),
        Work("mix", "a pod's real mix", mix),
        Work("tcp", "TCP, keep-alive, pipelined", hot, "tcp"),
        Work("connect", "TCP, a connection per query", hot, "connect"),
    )
}
