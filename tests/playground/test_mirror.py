"""Who has to look at what after a change."""

from __future__ import annotations

from collections.abc import Iterator

from feddns.playground.mirror import WATCHED, Mirror
from feddns.playground.objects import NODES, PODS, REPLICA_SETS, SERVICES, SLICES, Json, Resource
from feddns.playground.services import SERVICE_NAME


def named(name: str, **metadata: object) -> Json:
    return {"metadata": {"namespace": "default", "name": name, **metadata}, "spec": {}}


def mirror(*objects: tuple[Resource, Json]) -> Mirror:
    one = Mirror(WATCHED, lambda: None)
    for resource, each in objects:
        one.put(resource, each)
    list(due(one))
    return one


def due(one: Mirror) -> Iterator[str]:
    while (found := one.take()) is not None:
        yield f"{found.resource[-1]} {found.name}"


def test_a_pod_concerns_its_controller_and_its_services_also_those_of_before() -> None:
    owner = {"kind": "ReplicaSet", "name": "set", "uid": "1"}
    pod = named("pod", labels={"run": "old"}, ownerReferences=[owner])
    services = [
        (SERVICES, named(run) | {"spec": {"selector": {"run": run}}}) for run in ("old", "new")
    ]
    one = mirror((REPLICA_SETS, named("set")), *services, (PODS, pod))
    one.put(PODS, named("pod", labels={"run": "new"}))
    assert set(due(one)) == {"pods pod", "replicasets set", "services old", "services new"}
    one.remove(PODS, "default", "pod")
    assert set(due(one)) == {"pods pod", "services new"}
    one.remove(PODS, "default", "pod")
    assert list(due(one)) == []


def test_a_slice_concerns_its_service() -> None:
    one = mirror((SERVICES, named("web")))
    one.put(SLICES, named("web-1", labels={SERVICE_NAME: "web"}))
    assert set(due(one)) == {"endpointslices web-1", "services web"}


def test_a_node_concerns_the_pods_on_it_and_those_without_one() -> None:
    pods = {"here": {"nodeName": "us-1"}, "there": {"nodeName": "us-2"}, "nowhere": {}}
    one = mirror(*((PODS, named(name) | {"spec": spec}) for name, spec in pods.items()))
    one.put(NODES, {"metadata": {"name": "us-1"}})
    assert set(due(one)) == {"nodes us-1", "pods here", "pods nowhere"}


def test_news_are_told() -> None:
    told: list[None] = []
    one = Mirror(WATCHED, lambda: told.append(None))
    one.put(PODS, named("pod"))
    assert told
