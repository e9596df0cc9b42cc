"""Endpoint gone in one member → annotation written → answer changed in another member's DNS.

A federated Service has shards in `us` and `asia`; `eu`, which is asked, has none, so that its
answers are the addresses of the others.  The one endpoint in `us` is made unready by a patch of its
EndpointSlice, and ready again, over and over.  Two clocks run from the API's reply on:

    row                leg
    failover-note      → the annotation without the shard, as a watch of the federation tells it
    failover-answer    from then → the first right answer of the DNS server in `eu`
    failover-50, -99   both; the question is asked again 0.5 ms after each answer
    failover-back      the same when the endpoint is back, p99
"""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import dns.exception
import dns.message

from bench import check
from bench.cluster.percentiles import percentile
from bench.federation import objects
from bench.federation.stage import NAME, NAMESPACE, NotSo, Server, Stage, say
from bench.federation.talking import Line, Watch
from feddns.kube.federation import INGRESSES

NOTE, ANSWER = "federation-failover-note", "federation-failover-answer"
P50, P99, BACK = "federation-failover-50", "federation-failover-99", "federation-failover-back"
WORKS = (P50, P99, NOTE, ANSWER, BACK)
MEMBERS = ("us", "eu", "asia")
SHARDS = {"us": "198.51.100.1", "asia": "198.51.100.2"}
CHANGES, QUICK_CHANGES = 200, 30
WEB = "web"
PAUSE = 0.0005
PATIENCE = 10.0


class Legs(NamedTuple):
    """Seconds."""

    note: float
    answer: float

    @property
    def whole(self) -> float:
        return self.note + self.answer


def run(stage: Stage) -> None:
    """On a federation of `MEMBERS` with controllers running."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(stage.dns("eu"))
        prepare(stage, WEB, SHARDS)
        watch = Watch(stage.api, stage.path("services"), WEB, clusters_of)
        stack.callback(watch.close)
        line = Line(stage.members["us"])
        stack.callback(line.close)
        shuttle = Shuttle(stage, line, watch, server)
        try:
            shuttle.turn(ready=True)  # all is connected, and warm
            legs = list(_measure(shuttle, QUICK_CHANGES if stage.quick else CHANGES))
        except NotSo as missing:
            for work in WORKS:
                stage.refuse(work, "not followed", str(missing))
            return
    _tell(stage, legs)


def prepare(stage: Stage, name: str, shards: dict[str, str]) -> None:
    """A federated Service with these shards, healthy."""
    stage.create(stage.api, [("services", objects.service(name))])
    where = f"{NAMESPACE}/services/{name}"
    stage.until(
        lambda: all(stage.federation.found(member, where) for member in shards), "it is copied"
    )
    for member, address in shards.items():
        stage.balance(member, name, address)


def clusters_of(service: dict[str, Any]) -> dict[str, list[str]]:
    """The annotation service-ingresses: by cluster, its addresses."""
    annotations = service["metadata"].get("annotations") or {}
    said = json.loads(annotations.get(INGRESSES) or "{}")
    return {
        one["cluster"]: [item["ip"] for item in one["items"] or ()] for one in said.get("items", ())
    }


def question(name: str) -> bytes:
    return dns.message.make_query(f"{name}.{NAMESPACE}.{NAME}.svc.cluster.local.", "A").to_wire()


def addresses(port: int, wire: bytes) -> frozenset[str]:
    """Of the answer; none when there is none."""
    reply = check.exchange(port, wire, 0.5)
    with contextlib.suppress(dns.exception.DNSException):
        return check.read_answer(dns.message.from_wire(reply or b""), "A").data
    return frozenset()


class Shuttle:
    """The endpoint in `us`, there and gone."""

    def __init__(self, stage: Stage, line: Line, watch: Watch, server: Server) -> None:
        self._line, self._watch, self._server = line, watch, server
        self._path = stage.path("endpointslices", WEB)
        self._wire = question(WEB)

    def turn(self, *, ready: bool) -> Legs:
        """One change; how long its legs took.  Raises `NotSo`."""
        both = {name: [address] for name, address in SHARDS.items()}
        said = both if ready else {**both, "us": []}
        right = frozenset(SHARDS.values()) if ready else frozenset({SHARDS["asia"]})
        since = self._line.patch(self._path, {"endpoints": objects.endpoints(ready=ready)})
        answered = self._until(right, since)
        noted = self._watch.until(said, PATIENCE)
        if noted is None:
            raise NotSo(f"not annotated within {PATIENCE:g} s: {said}")
        # The DNS server may be told before the watch is.
        note = max(0.0, min(noted, answered) - since)
        return Legs(note, answered - since - note)

    def _until(self, right: frozenset[str], since: float) -> float:
        found: frozenset[str] = frozenset()
        while time.perf_counter() < since + PATIENCE:
            found = addresses(self._server.port, self._wire)
            if found == right:
                return time.perf_counter()
            time.sleep(PAUSE)
        raise NotSo(f"answered {sorted(found)} after {PATIENCE:g} s, not {sorted(right)}")


def _measure(shuttle: Shuttle, changes: int) -> list[tuple[Legs, Legs]]:
    """Gone and back, so often; at no steady pace."""
    chance = random.Random(5)
    measured = []
    for number in range(changes):
        if number % 50 == 0:
            say(f"failover: {number} of {changes} changes")
        time.sleep(chance.uniform(0.02, 0.08))
        gone = shuttle.turn(ready=False)
        time.sleep(chance.uniform(0.02, 0.08))
        measured.append((gone, shuttle.turn(ready=True)))
    return measured


def _tell(stage: Stage, legs: Sequence[tuple[Legs, Legs]]) -> None:
    gone = [one for one, _ in legs]
    stage.put(P50, _milliseconds([one.whole for one in gone], 0.5))
    stage.put(P99, _milliseconds([one.whole for one in gone], 0.99))
    stage.put(NOTE, _milliseconds([one.note for one in gone], 0.99))
    stage.put(ANSWER, _milliseconds([one.answer for one in gone], 0.99))
    stage.put(BACK, _milliseconds([one.whole for _, one in legs], 0.99))


def _milliseconds(seconds: list[float], share: float) -> float:
    return percentile(sorted(seconds), share) * 1e3
