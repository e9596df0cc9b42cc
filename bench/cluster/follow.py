"""Endpoint changed → answer changed, all servers at once, following the same API server.

One change after the other: the EndpointSlice of a headless Service is patched through the API,
and from the API's reply on every server is asked for the Service's addresses until it has the
new ones: one question in flight to each, the next a fifth of a millisecond after its answer, in
an order that rotates.  `coredns-cache` keeps answers for 30 s and would hold up the others: it
has its own turn at the end, where all Services change at once and the cached answers have all
ages from 0 to 30 s; not in a quick run.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import select
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

import dns.exception
import dns.message

from bench import check, manifests
from bench.cluster import filling
from bench.cluster.percentiles import percentile
from bench.cluster.stage import Entrant, Stage, say
from bench.inventory import Service
from bench.zone import Answer

P50, P99 = "follow-50", "follow-99"
SERVERS = ("feddns", "coredns", "coredns-kubeadm")
CACHING = "coredns-cache"
CACHED_FOR = 30.0
CHANGES, QUICK_CHANGES = 200, 40
PAUSE = 0.0002
SLOW_PAUSE = 0.02
PATIENCE = 10.0


def run(stage: Stage) -> None:
    chance = random.Random(3)
    count = min(QUICK_CHANGES if stage.quick else CHANGES, len(stage.world.headless()))
    chosen = chance.sample(stage.world.headless(), count)
    with contextlib.closing(Patcher(stage)) as patcher:
        _follow(stage, patcher, [filling.moved(service, 2) for service in chosen])
        if stage.having(CACHING) and not stage.quick:
            _follow_cache(stage, patcher, [filling.moved(service, 3) for service in chosen])


class Patcher:
    """Changes through the API server, over one connection; the stage's world goes along."""

    def __init__(self, stage: Stage) -> None:
        cluster = stage.cluster
        context = ssl.create_default_context(cafile=str(cluster.home / "certs/ca.crt"))
        self._stage = stage
        self._connection = http.client.HTTPSConnection(
            cluster.address, cluster.port, context=context, timeout=10
        )
        self._headers = {
            "Authorization": f"Bearer {cluster.token('admin')}",
            "Content-Type": "application/merge-patch+json",
        }

    def patch(self, service: Service) -> float:
        """Change the Service's EndpointSlice to this; when the API said that it is done."""
        item = manifests.endpoint_slice_object(service)
        path = "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices/{name}"
        body = json.dumps({"endpoints": item["endpoints"]})
        self._connection.request(
            "PATCH", path.format(**item["metadata"]), body, headers=self._headers
        )
        reply = self._connection.getresponse()
        done = time.perf_counter()
        said = reply.read()
        if reply.status != 200:
            raise RuntimeError(f"the API server: {reply.status} {said.decode(errors='replace')}")
        services = list(self._stage.world.services)
        services[service.index] = service
        self._stage.world = replace(self._stage.world, services=tuple(services))
        return done

    def close(self) -> None:
        self._connection.close()


class Asker:
    """One server that is asked the same until the answer is right."""

    def __init__(self, entrant: Entrant) -> None:
        self.entrant = entrant
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.connect((check.ADDRESS, entrant.port))
        self.next = 0.0
        self._wire = b""
        self._expected = Answer("")
        self._number = 0

    def start(self, service: Service) -> None:
        self._wire = dns.message.make_query(service.dns_name, "A").to_wire()[2:]
        self._expected = right(service)
        self.next = 0.0

    def ask_if_due(self, now: float) -> None:
        if now >= self.next:
            self._number = self._number + 1 & 0xFFFF
            self.socket.send(self._number.to_bytes(2, "big") + self._wire)
            self.next = now + 0.5  # unless an answer comes before

    def is_right(self, now: float) -> bool:
        """Read the answer that has come."""
        reply = self.socket.recv(4096)
        if reply[:2] != self._number.to_bytes(2, "big"):
            return False
        self.next = now + PAUSE
        return is_right(reply, self._expected)


def right(service: Service) -> Answer:
    return Answer("NOERROR", frozenset(endpoint.address for endpoint in service.endpoints))


def is_right(reply: bytes, expected: Answer) -> bool:
    try:
        return check.read_answer(dns.message.from_wire(reply), "A") == expected
    except dns.exception.DNSException:
        return False


def _follow(stage: Stage, patcher: Patcher, changes: Sequence[Service]) -> None:
    with ExitStack() as stack:
        askers: list[Asker] = []
        for server, program in stage.having(*SERVERS):
            entrant = stack.enter_context(stage.entering(server, program))
            if isinstance(entrant, str):
                stage.failed((P50, P99), server.key, entrant)
            else:
                askers.append(Asker(entrant))
                stack.callback(askers[-1].socket.close)
        say(f"follow: {len(changes)} changes")
        took: dict[str, list[float]] = {asker.entrant.key: [] for asker in askers}
        for turn, service in enumerate(changes):
            first = turn % len(askers) if askers else 0
            for key, seconds in _change(patcher, service, askers[first:] + askers[:first]).items():
                took[key].append(seconds)
        for key, values in took.items():
            _put(stage, key, values, len(changes))


def _change(patcher: Patcher, service: Service, askers: Sequence[Asker]) -> dict[str, float]:
    """Seconds from the API's reply to the first right answer, of those that got there."""
    for asker in askers:
        asker.start(service)
    since = patcher.patch(service)
    waiting = {asker.socket: asker for asker in askers}
    took: dict[str, float] = {}
    while waiting and (now := time.perf_counter()) < since + PATIENCE:
        for asker in waiting.values():
            asker.ask_if_due(now)
        due = min(asker.next for asker in waiting.values())
        came, _, _ = select.select(list(waiting), [], [], max(0.0, due - now))
        for client in came:
            now = time.perf_counter()
            if waiting[client].is_right(now):
                took[waiting.pop(client).entrant.key] = now - since
    return took


def _put(stage: Stage, key: str, seconds: Sequence[float], changes: int) -> None:
    if len(seconds) < changes:
        for work in (P50, P99):
            detail = (
                f"{changes - len(seconds)} of {changes} changes not answered in {PATIENCE:.0f} s"
            )
            stage.results.refuse(work, key, "not followed", detail)
        return
    ordered = sorted(seconds)
    for work, share in ((P50, 0.5), (P99, 0.99)):
        stage.results.cell(work, key).values[0] = percentile(ordered, share) * 1e3


# --- with a cache in between -------------------------------------------------------------------


def _follow_cache(stage: Stage, patcher: Patcher, changes: Sequence[Service]) -> None:
    server, program = stage.having(CACHING)[0]
    with stage.entering(server, program) as entrant:
        if isinstance(entrant, str):
            stage.failed((P50, P99), CACHING, entrant)
            return
        say(f"follow: {len(changes)} changes behind a cache")
        wires = [dns.message.make_query(one.dns_name, "A").to_wire() for one in changes]
        for wire in wires:
            check.exchange(entrant.port, wire, 1.0)
            time.sleep(CACHED_FOR / len(changes))
        waiting = {
            patcher.patch(service): (wire, right(service))
            for wire, service in zip(wires, changes, strict=True)
        }
        took = _wait_for_all(entrant.port, waiting)
        _put(stage, CACHING, took, len(changes))


def _wait_for_all(port: int, waiting: dict[float, tuple[bytes, Answer]]) -> list[float]:
    took = []
    deadline = time.perf_counter() + CACHED_FOR + PATIENCE
    while waiting and time.perf_counter() < deadline:
        for since, (wire, expected) in list(waiting.items()):
            reply = check.exchange(port, wire, 1.0)
            if reply and is_right(reply, expected):
                del waiting[since]
                took.append(time.perf_counter() - since)
        time.sleep(SLOW_PAUSE)
    return took
