"""A public zone in a few lines: a world, the record sets that it wants, and a zone that gets them.

    zone = PublicZone('''cluster c1 zones=z1 region=r1
                         federated test/nginx c1=198.51.100.1''')
    zone.happen("federated test/nginx c1=-")
    assert zone.text() == …

Nothing but values: `desired`, `plan` and `ownership`, a pass after each step.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from feddns import names
from feddns.providers import desired, ownership, plan
from feddns.providers.desired import Host, Wanted
from feddns.providers.ownership import Owned
from feddns.providers.plan import Plan, Source, Terms
from feddns.providers.recordsets import RecordSet, record_set
from feddns.services import FederatedService
from feddns.snapshot import View
from tests import world as worlds
from tests.asking import Server

ZONE = "example.com."
PROOF = (Source("services", "1"), Source("clusters", "1"))


def hosts(text: str) -> dict[bytes, Host]:
    """`lb.example.net 60 192.0.2.1 2001:db8::1`, one a line."""
    found = {}
    for line in worlds.lines(text):
        name, ttl, *addresses = line.split()
        found[names.parse(name)] = Host(tuple(map(worlds.ip, addresses)), int(ttl))
    return found


def records(text: str) -> list[RecordSet]:
    """`web 180 A 192.0.2.1 192.0.2.2`, one a line, as `RecordSet` prints it; without a final dot
    it stands in front of the zone."""
    found = []
    for line in worlds.lines(text):
        name, ttl, type, *values = line.split()
        values = [_absolute(value) for value in values] if type == "CNAME" else values
        found.append(record_set(_absolute(name), type, int(ttl), values))
    return found


def _absolute(name: str) -> str:
    if name == "@":
        return ZONE
    return name if name.endswith(".") else f"{name}.{ZONE}"


class PublicZone:
    """`there` is in the zone already; more are settings of `Naming`."""

    def __init__(
        self, world: str, there: Iterable[RecordSet] = (), resolved: str = "", **naming: Any
    ) -> None:
        self.server = Server("synced")
        federation = naming.pop("federation", "ufp")
        self.registry = ownership.registry(f"feddns-{federation}")
        self.holdings = ownership.divide(there, self.registry)
        made = desired.naming(federation, ZONE, naming.pop("suffix", ""))
        self.naming = msgspec.structs.replace(made, **naming)
        self.hosts = hosts(resolved)
        self.plan = Plan("", ZONE)
        self.happen(world)

    @property
    def view(self) -> View:
        assert self.server.store.current.view is not None
        return self.server.store.current.view

    @property
    def services(self) -> list[FederatedService]:
        return list(self.view.services.values())

    def happen(self, text: str) -> None:
        """What each line says comes about, and then one pass is made."""
        for line in worlds.lines(text):
            self.server.happen(line)
        self.sync()

    def sync(self) -> None:
        """One pass over all names."""
        wanted: dict[str, list[Wanted]] = {}
        for service in self.services:
            for wish in desired.wanted(self.view, service, self.naming, self.hosts):
                wanted.setdefault(wish.record.name, []).append(wish)
        everything = sorted(plan.everything(self.holdings, wanted))
        terms = Terms(ZONE, self.registry)
        self.plan = plan.make(self.holdings, wanted, everything, terms, PROOF)
        for change in self.plan.changes:
            self.holdings.follow(change)
        again = plan.make(self.holdings, wanted, everything, terms, PROOF)
        assert not again.changes, "the plan after its doing is empty"

    def refusals(self) -> list[str]:
        found = [desired.refusals(self.view, service, self.naming) for service in self.services]
        return [line for lines in found for line in lines]

    def owned(self) -> list[Owned]:
        return list(self.holdings.ours.values())

    def ours(self) -> list[RecordSet]:
        """Our record sets, sorted; each has a claim, and no claim is left alone."""
        found = [own.record for own in self.owned() if own.record is not None]
        assert len(found) == len(self.owned())
        return sorted(found)

    def foreign(self) -> list[RecordSet]:
        return sorted(self.holdings.foreign.values())

    def expect(self, text: str) -> None:
        """Ours is exactly this."""
        assert self.ours() == sorted(records(text))
