"""Scenario files of a whole federation: what happens, and what each cluster's DNS answers.

    EVENT                                   what follows happens; then the controllers do their part
        member us zone=us-a region=america  a cluster joins, with a DNS server of its own
        service shop/web http:80/tcp        created in the federation
        annotate shop/web probe=none        (`fake.NAMES`)
        delete shop/web
        pods us shop/web 2                  ready endpoints there
        address us shop/web 198.51.100.1    of the load balancer there
        fail api us | fail data us          the control plane, the data plane; `heal …`
        fail cluster us | fail region asia  both planes
        fail federation                     its API: nobody sees it, nobody writes to it
        fail controllers                    they are not running
        restart dns us                      with nothing but what its APIs tell
    ADVANCE 40                              seconds pass
    SAYS shop/web us=198.51.100.1 eu=-      the annotation service-ingresses
    ASK shop/web                            each cluster's DNS is asked for web.shop.fellowship.svc
        us     local                        answered by the shard here: its cluster address
        eu     198.51.100.1                 by addresses of shards elsewhere
        asia   nothing                      NODATA or NXDOMAIN

A shard is probed as its annotation says; probes find a data plane as it is.  Every ASK also asks
all servers for each rung of the ladder, and all of them must say the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dns.rdatatype

from controllers.world import Key
from feddns.healthwatch import judge, probe
from tests.asking import Server
from tests.controllers import fake
from tests.controllers.fake import annotation, key_of
from tests.scenario import Step, read

DOMAIN = "example.com"


class Fleet(fake.Federation):
    """A federation whose members have two planes that fail, and DNS servers that ask their APIs."""

    def __init__(self) -> None:
        super().__init__()
        self.dead: set[str] = set()
        self.lost: set[str] = set()
        self.is_reached = True
        self.is_running = True
        self.servers: dict[str, Server] = {}
        self.told: dict[str, dict[str, str]] = {}

    def verdict(self, cluster: str, key: Key) -> str:
        """As `controllers.health` has it."""
        member, federated = self.places[cluster].seen, self.federated(key)
        how = probe.parse(annotation(federated, "probe")) if federated else None
        is_probed = how is not None and not (how.on_loss and member.ready)
        alive = cluster not in self.dead if is_probed else None
        ready = self.places[cluster].ready.get((key.namespace, key.name))
        return judge.verdict(member.ready, ready or (0 if member.ready else ready), alive)

    def settle(self) -> int:
        rounds = super().settle() if self.is_reached and self.is_running else 0
        for name in self.servers:
            self._tell(name)
        return rounds

    # --- DNS -------------------------------------------------------------------------------------

    def serve(self, name: str) -> None:
        """A DNS server in this cluster, from nothing."""
        member = self.places[name].seen
        start = (
            f"federations fellowship={DOMAIN}\nnode n zone={member.zones[0]} region={member.region}"
        )
        self.told[name] = {}
        self.servers[name] = Server(f"{start}\nsynced", cluster_name=name)

    def _tell(self, name: str) -> None:
        """What the server's two APIs say that it has not heard."""
        told, new = self.told[name], dict(self.told[name])
        if self.is_reached:
            new = {at: line for at, line in new.items() if at.startswith("here ")} | self._view()
        if name not in self.lost:
            new = {at: line for at, line in new.items() if not at.startswith("here ")}
            new |= self._here(name)
        gone = [f"delete {line}" for at, line in told.items() if at not in new]
        changed = [line for at, line in new.items() if told.get(at) != line]
        end = ["synced federation"] if self.is_reached else []
        if gone or changed:
            self.servers[name].happen("\n".join([*gone, *changed, *end]))
        self.told[name] = new

    def _view(self) -> dict[str, str]:
        """The federation, as lines of `tests.world`."""
        lines = {}
        for name, place in self.places.items():
            zones, region = place.seen.zones[0], place.seen.region
            lines[f"cluster {name}"] = f"cluster {name} zones={zones} region={region}"
        for key, found in self.api.objects.items():
            if key.resource.kind == "Service":
                shards = [f"{name}={'+'.join(them) or '-'}" for name, them in says(found).items()]
                lines[str(key)] = f"federated {_place(key)} http:80/tcp {' '.join(shards)}"
        return lines

    def _here(self, name: str) -> dict[str, str]:
        """A member's Services and their endpoints."""
        lines = {}
        place = self.places[name]
        for key, found in place.api.objects.items():
            if key.resource.kind == "Service":
                at, ready = _place(key), place.ready.get((key.namespace, key.name), 0)
                lines[f"here {key}"] = f"service {at} {found['spec']['clusterIP']} http:80/tcp"
                ends = " ".join(f"10.244.0.{one + 1}" for one in range(ready))
                lines[f"here {key} slice"] = f"slice {at}-a of {key.name} {ends} http:80/tcp"
        return lines

    def asked(self, name: str, key: Key) -> str:
        """The addresses at the end of a cluster's answer."""
        return self._addresses(name, f"{key.name}.{key.namespace}.fellowship.svc")

    def ladder(self, key: Key) -> dict[str, set[str]]:
        """What each rung says, by all servers that were told of the federation."""
        rungs = {""} | {f"{one.seen.region}." for one in self.places.values()}
        rungs |= {f"{one.seen.zones[0]}.{one.seen.region}." for one in self.places.values()}
        names = {
            rung: f"{key.name}.{key.namespace}.fellowship.svc.{rung}{DOMAIN}." for rung in rungs
        }
        return {
            rung: {self._addresses(server, name) for server in self.servers if self.told[server]}
            for rung, name in names.items()
        }

    def _addresses(self, server: str, name: str) -> str:
        reply = self.servers[server].ask(name, "A")
        found = [
            record.address
            for records in reply.answer
            if records.rdtype == dns.rdatatype.A
            for record in records
        ]
        return " ".join(sorted(found)) or "nothing"


def _place(key: Key) -> str:
    return f"{key.namespace}/{key.name}"


def says(federated: fake.Object | None) -> dict[str, list[str]]:
    """The entries of service-ingresses."""
    said = fake.annotation(federated, "ingresses") or "{}"
    balancers: dict[str, Any] = json.loads(said)
    return {
        one["cluster"]: [item["ip"] for item in one["items"] or ()]
        for one in balancers.get("items", ())
    }


# --- the verbs ------------------------------------------------------------------------------------


def play(path: Path) -> int:
    """Run a file; how many expectations held.  Raises AssertionError with the line."""
    fleet, held = Fleet(), 0
    for step in read(path.read_text()):
        try:
            held += _VERBS[step.verb](fleet, step)
        except AssertionError as error:
            raise AssertionError(f"{path.name}:{step.line}: {error}") from error
    return held


def _event(fleet: Fleet, step: Step) -> int:
    for line in [" ".join(step.words), *step.body.splitlines()]:
        words = line.split()
        if words:
            _happen(fleet, words[0], words[1:])
    fleet.settle()
    return 0


def _happen(fleet: Fleet, verb: str, words: list[str]) -> None:
    match verb, words:
        case "member", [name, *given]:
            where = dict(word.split("=") for word in given)
            fleet.register(name)
            fleet.become(name, zones=(where["zone"],), region=where["region"])
            fleet.serve(name)
        case "service", [place, _]:
            namespace = place.partition("/")[0]
            if not fleet.federated(key_of(f"Namespace {namespace}")):
                fleet.create(fake.namespace(namespace))
            fleet.create(fake.service(place))
            fleet.settle()
        case "annotate", [place, given]:
            name, _, value = given.partition("=")
            body = {"metadata": {"annotations": {fake.NAMES[name]: value}}}
            fleet.api.patch(key_of(f"Service {place}"), body)
        case "delete", [place]:
            fleet.delete(key_of(f"Service {place}"))
        case "pods", [name, place, count]:
            fleet.endpoints(name, key_of(f"Service {place}"), int(count))
        case "address", [name, place, *addresses]:
            fleet.balance(name, key_of(f"Service {place}"), *addresses)
        case "restart", ["dns", name]:
            fleet.serve(name)
        case (("fail" | "heal"), [what, *rest]):
            _fail(fleet, what, rest[0] if rest else "", verb == "fail")
        case _:
            raise AssertionError(f"{verb} {' '.join(words)}?")


def _fail(fleet: Fleet, what: str, name: str, fails: bool) -> None:
    if what == "federation":
        fleet.is_reached = not fails
    elif what == "controllers":
        fleet.is_running = not fails
    names = [one for one, place in fleet.places.items() if place.seen.region == name]
    for one in names if what == "region" else [name]:
        if what in ("data", "cluster", "region"):
            (fleet.dead.add if fails else fleet.dead.discard)(one)
        if what in ("api", "cluster", "region"):
            (fleet.lost.add if fails else fleet.lost.discard)(one)
            (fleet.lose if fails else fleet.regain)(one)


def _advance(fleet: Fleet, step: Step) -> int:
    seconds = float(step.words[0])
    if fleet.is_reached and fleet.is_running:
        fleet.advance(seconds)
    else:
        fleet.now += seconds
    for server in fleet.servers.values():
        server.now += seconds
    fleet.settle()
    return 0


def _says(fleet: Fleet, step: Step) -> int:
    place, *expected = step.words
    found = says(fleet.federated(key_of(f"Service {place}")))
    said = [f"{name}={'+'.join(them) or '-'}" for name, them in found.items()]
    assert said == expected, f"{said} instead of {expected}"
    return 1


def _ask(fleet: Fleet, step: Step) -> int:
    key = key_of(f"Service {step.words[0]}")
    expected = dict(line.split(maxsplit=1) for line in step.body.splitlines())
    found = {name: fleet.asked(name, key) for name in expected}
    for name, answer in found.items():
        copy = fleet.places[name].api.get(key)
        local = copy["spec"]["clusterIP"] if copy else None
        found[name] = "local" if answer == local else answer
    wanted = {name: " ".join(sorted(answer.split())) for name, answer in expected.items()}
    assert found == wanted, f"{found} instead of {wanted}"
    if not (fleet.is_reached and fleet.is_running):
        return 1  # each judges its own shard by what it sees itself
    for rung, answers in fleet.ladder(key).items():
        assert len(answers) == 1, f"the servers disagree about {rung or 'the top'}: {answers}"
    return 1


_VERBS: dict[str, Callable[[Fleet, Step], int]] = {
    "EVENT": _event, "ADVANCE": _advance, "SAYS": _says, "ASK": _ask,
}  # fmt: skip
