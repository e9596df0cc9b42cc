"""What is put into etcd, and what the right answers are after the changes."""

from __future__ import annotations

import itertools
import json

import pytest

from bench import inventory, zone
from bench.cluster import filling, writer

WORLD = inventory.make(120)


class Kept:
    """An etcd that remembers what was put, in its order."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def put(self, values: dict[str, bytes]) -> None:
        self.values |= values


def test_everything_is_put_and_the_address_before_its_service() -> None:
    etcd = Kept()
    filling.fill(etcd, WORLD)  # type: ignore[arg-type]
    kinds = [key.split("/")[2] for key in etcd.values]
    assert kinds.count("services") == kinds.count("endpointslices") == 120
    assert kinds.count("ipaddresses") == len(WORLD.with_cluster_ip())
    assert kinds.count("namespaces") == len(WORLD.namespaces)
    assert kinds.index("ipaddresses") < kinds.index("services")
    for value in etcd.values.values():
        assert "resourceVersion" not in json.loads(value)["metadata"]


def test_more_is_put_to_what_is_there() -> None:
    etcd = Kept()
    filling.fill(etcd, WORLD, have=100)  # type: ignore[arg-type]
    kinds = [key.split("/")[2] for key in etcd.values]
    assert kinds.count("services") == 20
    assert "namespaces" not in kinds


def test_each_change_gives_another_address_that_nobody_has() -> None:
    addresses = [
        filling.moved(service, turn).endpoints[-1].address
        for service in WORLD.services
        for turn in range(4)
    ]
    own = {endpoint.address for service in WORLD.services for endpoint in service.endpoints}
    assert len({*addresses, *own}) == len(addresses) + len(own)


def test_the_inventory_after_changes_is_what_was_written_last() -> None:
    for count in (0, 1, 120, 250):
        world = filling.after(WORLD, count, turn=3)
        written = dict(itertools.islice(filling.changes(WORLD.services, 3), count))
        for service in world.services:
            key, value = filling.pair_of(service)
            if key in written:
                assert written[key] == value
            else:
                assert service in WORLD.services


def test_changes_do_not_change_rcodes() -> None:
    before, after = zone.Answers(WORLD), zone.Answers(filling.after(WORLD, 120, turn=0))
    for service in WORLD.services:
        for kind in ("A", "AAAA"):
            name = service.dns_name
            assert before.of(name, kind).rcode == after.of(name, kind).rcode


def test_transactions_hold_so_many_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "PUTS", 10)
    lines = writer.pack(filling.changes(WORLD.services, 0), 25).split(b"\n")
    puts = [len(json.loads(line)["success"]) for line in lines]
    assert puts == [10, 10, 5]
