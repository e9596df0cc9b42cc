"""What each change of an object makes of the table, and what it costs."""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec
import pytest

from feddns import names
from feddns.events import Event, Gone, Object, Put
from feddns.federations import Federation, Federations
from feddns.kube import resources
from feddns.kube.resources import Role
from feddns.kube.table import Table
from feddns.nameservers import Nameservers
from feddns.services import Endpoint, Namespace, Slice

SLICES = resources.KINDS[Role.CLUSTER]["discovery.k8s.io/v1", "EndpointSlice"]
SERVICES = resources.KINDS[Role.CLUSTER]["v1", "Service"]
CONFIG_MAPS = resources.KINDS[Role.CLUSTER]["v1", "ConfigMap"]
LABEL = "kubernetes.io/service-name"
TRIGGERED = "endpoints.kubernetes.io/last-change-trigger-time"


def a_slice(name: str, service: str = "web", version: str = "1", **more: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": "ns",
        "resourceVersion": version,
        "labels": {LABEL: service} if service else {},
    }
    metadata.update(more.pop("metadata", {}))
    endpoints = [{"addresses": ["192.0.2.1"]}]
    return {"metadata": metadata, "addressType": "IPv4", "endpoints": endpoints, **more}


def put(table: Table, item: Any, *, live: bool = True) -> list[Event]:
    events: list[Event] = []
    table.put_raw(msgspec.Raw(json.dumps(item).encode()), events, live=live)
    return events


def remove(table: Table, item: Any) -> list[Event]:
    events: list[Event] = []
    table.remove(table.kind.decode(json.dumps(item).encode()).metadata, events)
    return events


def kept(table: Table) -> list[Object]:
    return [msgspec.msgpack.decode(encoded, type=Object) for encoded in table.objects()]


def test_an_object_comes_changes_and_goes() -> None:
    table = Table(SLICES)
    first = Slice(b"ns", b"web-1", b"web", (Endpoint((b"\xc0\0\2\1",)),), (), "1")
    assert put(table, a_slice("web-1")) == [Put(first)]
    assert kept(table) == [first]
    assert put(table, a_slice("web-1", version="2")) == []
    assert kept(table) == [first]
    second = msgspec.structs.replace(first, endpoints=(), version="3")
    assert put(table, a_slice("web-1", version="3", endpoints=[])) == [Put(second)]
    assert remove(table, a_slice("web-1", version="4")) == [Gone(second)]
    assert (kept(table), len(table)) == ([], 0)
    assert remove(table, a_slice("web-1", version="4")) == []


def test_a_slice_of_another_service_now() -> None:
    table = Table(SLICES)
    (before,) = put(table, a_slice("x-1"))
    assert isinstance(before, Put)
    events = put(table, a_slice("x-1", "other", "2"))
    assert [type(event) for event in events] == [Gone, Put]
    assert events[0] == Gone(before.object)
    assert len(table) == 1


def test_an_object_that_is_not_for_us_any_more() -> None:
    table = Table(SLICES)
    assert put(table, a_slice("x-1", "")) == []
    assert dict(table.ignored) == {f"EndpointSlice without label {LABEL}": 1}
    assert [type(event) for event in put(table, a_slice("x-1"))] == [Put]
    assert dict(table.ignored) == {}
    assert [type(event) for event in put(table, a_slice("x-1", ""))] == [Gone]
    assert put(table, a_slice("x-1", "")) == []
    assert (len(table), table.ignored.total()) == (0, 1)
    assert remove(table, a_slice("x-1", "")) == []
    assert dict(table.ignored) == {}


def test_a_refused_object_keeps_its_earlier_form() -> None:
    table = Table(SLICES)
    put(table, a_slice("x-1"))
    assert put(table, a_slice("x-1", addressType="IPX")) == []
    assert len(table) == 1
    assert "addressType 'IPX'" in table.refusals()[0]
    assert put(table, a_slice("x-1")) == []
    assert table.refusals() == []


def test_a_reason_is_reported_once_while_it_lasts() -> None:
    table = Table(SLICES)
    bad = a_slice("x-1", endpoints=[{"addresses": ["192.0.2.1", "nonsense"]}])
    for _ in range(3):
        put(table, bad)
    (report,) = table.reports
    assert report.metadata.name == "x-1"
    assert "'nonsense'" in report.reasons[0]
    put(table, a_slice("x-1"))
    put(table, bad)
    assert len(table.reports) == 2


@pytest.mark.parametrize("seen", [{"a-1", "b-1"}, {"a-1"}, set()])
def test_the_end_of_a_list_sweeps(seen: set[str]) -> None:
    table = Table(SLICES)
    for name in ("a-1", "b-1"):
        put(table, a_slice(name))
    table.begin()
    for name in seen:
        assert put(table, a_slice(name)) == []
    gone = table.end()
    assert {event.object.name.decode() for event in gone if isinstance(event, Gone)} == (
        {"a-1", "b-1"} - seen
    )
    assert table.end() == []


def test_a_refused_object_of_a_list_is_not_swept_and_its_reason_is() -> None:
    table = Table(SLICES)
    put(table, a_slice("a-1"))
    table.begin()
    put(table, a_slice("a-1", addressType="IPX"))
    assert table.end() == []
    assert len(table.refusals()) == 1
    table.begin()
    assert [type(event) for event in table.end()] == [Gone]
    assert table.refusals() == []


def test_the_config_map_means_two_things() -> None:
    table = Table(CONFIG_MAPS)
    item = {"metadata": {"name": "kube-dns", "namespace": "kube-system"}, "data": {}}
    assert put(table, item) == [Put(Federations()), Put(Nameservers())]
    table.begin()
    item["data"] = {"federations": "a=b.example"}
    found = Federations((Federation(b"a", names.parse("b.example")),))
    assert put(table, item) == [Put(found)]
    assert table.end() == []
    assert kept(table) == [found, Nameservers()]
    item["data"] = {"federations": "a=b.example", "upstreamNameservers": '["192.0.2.8"]'}
    assert put(table, item) == [Put(Nameservers((), ("192.0.2.8:53",)))]
    assert [type(event.object) for event in remove(table, item) if isinstance(event, Gone)] == [
        Federations,
        Nameservers,
    ]
    assert len(table) == 0


def test_namespaces_that_are_not_served_are_left_out() -> None:
    table = Table(SLICES, ["other"])
    assert put(table, a_slice("x-1")) == []
    cause = "EndpointSlice in a namespace that --namespaces leaves out"
    assert dict(table.ignored) == {cause: 1}
    assert put(table, a_slice("x-1", metadata={"namespace": "other"})) != []


def test_objects_without_a_namespace() -> None:
    table = Table(resources.KINDS[Role.CLUSTER]["v1", "Namespace"])
    assert put(table, {"metadata": {"name": "one"}}) == [Put(Namespace(b"one"))]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-02T03:04:05Z", 1767323045.0),
        ("2026-01-02T03:04:05.25Z", 1767323045.25),
        ("2026-01-02T03:04:05.123456789Z", 1767323045.123456),
        ("yesterday", 0.0),
        ("", 0.0),
    ],
)
def test_when_the_change_began(text: str, seconds: float) -> None:
    item = a_slice("x-1", metadata={"annotations": {TRIGGERED: text}})
    (event,) = put(Table(SLICES), item)
    assert isinstance(event, Put)
    assert event.triggered == pytest.approx(seconds, abs=1e-6)
    (listed,) = put(Table(SLICES), item, live=False)
    assert isinstance(listed, Put)
    assert listed.triggered == 0


def test_an_object_costs_less_than_350_octets() -> None:
    number = 2000
    table = Table(SLICES)
    for index in range(number):
        endpoint = {
            "addresses": ["192.0.2.1"],
            "targetRef": {"kind": "Pod", "name": f"service-{index:05d}-5d4f8c7b9d-abcde"},
        }
        service = f"service-{index:05d}"
        port = {"name": "http", "port": 80, "protocol": "TCP"}
        put(table, a_slice(f"{service}-abcde", service, endpoints=[endpoint], ports=[port]))
    objects = table._objects
    size = sum(sys.getsizeof(name) + sys.getsizeof(value) for name, value in objects[b"ns"].items())
    assert (size + sys.getsizeof(objects[b"ns"])) / number < 350
