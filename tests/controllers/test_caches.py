"""The world as the reconcilers read it."""

from __future__ import annotations

import json
from typing import Any

from controllers import caches
from controllers.caches import CLUSTER, Caches, Federation, MemberCache, Met
from controllers.kinds import CONFIGMAPS, NAMESPACES, SERVICES, TABLE
from controllers.world import Key, Member, Trouble, World
from feddns.healthwatch import observe
from feddns.kube.objects import Changed

KINDS = {row.resource: row for row in TABLE}


def world() -> Caches:
    return Caches(Federation("fellowship", "system", 30.0), KINDS)


def configmap(name: str = "a", version: int = 1, namespace: str = "shop") -> bytes:
    metadata = {"name": name, "namespace": namespace, "resourceVersion": str(version)}
    return json.dumps({"metadata": metadata}).encode()


def slice_(name: str, *endpoints: dict[str, Any], service: str = "web", **more: Any) -> bytes:
    labels = {observe.SERVICE_NAME: service} if service else {}
    metadata = {"name": name, "namespace": "shop", "labels": labels}
    return json.dumps({"metadata": metadata, "endpoints": endpoints, **more}).encode()


def endpoint(address: str, pod: str = "", **conditions: bool) -> dict[str, Any]:
    target = {"targetRef": {"kind": "Pod", "name": pod}} if pod else {}
    return {"addresses": [address], "conditions": conditions, **target}


def test_it_is_a_world() -> None:
    one: World = world()
    assert (one.federation, one.system_namespace, one.grace) == ("fellowship", "system", 30.0)
    assert not one.whole(CONFIGMAPS)
    assert one.members() == {}


def test_what_is_federated() -> None:
    one, key = world(), Key(CONFIGMAPS, "shop", "a")
    one.tables[CONFIGMAPS].remember(configmap(), "")
    one.tables[CONFIGMAPS].remember(configmap("b", namespace="x"), "")
    found = one.federated(key)
    assert found is not None
    assert (found["kind"], found["metadata"]["name"]) == ("ConfigMap", "a")
    assert list(one.within("shop")) == [key]
    assert one.federated(Key(CONFIGMAPS, "shop", "b")) is None


def test_what_a_member_has() -> None:
    one, key = world(), Key(CONFIGMAPS, "shop", "a")
    assert one.copy("us", key) is None, "nobody of that name"
    one.put_member(Member("us"))
    assert one.copy("us", key) is None
    one.caches["us"].foreign[key] = Met(configmap(version=3), 10.0)
    found = one.copy("us", key)
    assert found is not None
    assert found["metadata"]["resourceVersion"] == "3"
    one.caches["us"].copies[CONFIGMAPS].remember(configmap(version=5), "")
    found = one.copy("us", key)
    assert found is not None
    assert found["metadata"]["resourceVersion"] == "5", "what is told counts"
    assert one.keys(CONFIGMAPS) == {key}
    one.expire(key, 9.0)
    assert one.caches["us"].foreign
    one.expire(key, 10.0)
    assert not one.caches["us"].foreign


def test_a_member_is_seen_as_one_knows_it() -> None:
    one, key = world(), Key(CONFIGMAPS, "shop", "a")
    for name in ("us", "eu"):
        one.put_member(Member(name))
    before = one.members()
    one.put_member(Member("us", ready=True))
    assert list(one.members()) == ["eu", "us"]
    assert one.members()["us"].ready
    assert not before["us"].ready, "who has read it reads on in the same"
    one.troubles["us", key] = Trouble("Invalid", "x")
    one.troubles["eu", key] = Trouble("Invalid", "y")
    one.fingerprints["us", key] = "f"
    assert (one.trouble("us", key), one.settled("us", key)) == (Trouble("Invalid", "x"), "f")
    one.forget_member("us")
    assert list(one.members()) == ["eu"]
    assert (one.trouble("us", key), one.settled("us", key)) == (None, "")
    assert one.trouble("eu", key) == Trouble("Invalid", "y")


# --- shards --------------------------------------------------------------------------------------


def test_a_slice_comes_changes_its_service_and_goes() -> None:
    cache = MemberCache(Member("us"), KINDS)
    first = caches.lean_slice(slice_("s", endpoint("192.0.2.1", "p")))
    other = caches.lean_slice(slice_("t", endpoint("2001:db8::1", "p"), endpoint("2001:db8::2")))
    moved = caches.lean_slice(slice_("s", endpoint("192.0.2.1", "p"), service="api"))
    cache.slices_changed([Changed("shop", "s", None, first), Changed("shop", "t", None, other)])
    assert cache.endpoints("shop", "web") == (2, 0), "a Pod of both families is one"
    touched = cache.slices_changed([Changed("shop", "s", first, moved)])
    assert touched == {("shop", "web"), ("shop", "api")}
    assert cache.endpoints("shop", "api") == (1, 0)
    cache.slices_changed([Changed("shop", "s", moved, None), Changed("shop", "t", other, None)])
    assert cache.endpoints("shop", "web") == (0, 0)
    assert caches.lean_slice(slice_("s", service="")) is None
    assert caches.lean_slice(b'{"metadata": 1}') is None


def test_a_verdict_needs_what_was_read() -> None:
    one, key = world(), Key(SERVICES, "shop", "web")
    kept = caches.lean_slice(slice_("s", endpoint("192.0.2.1")))
    assert one.verdict("us", key) == "unknown"
    one.put_member(Member("us", ready=True))
    one.caches["us"].slices_changed([Changed("shop", "s", None, kept)])
    assert one.verdict("us", key) == "unknown"
    one.put_member(Member("us", ready=True, whole=frozenset({"endpointslices"})))
    assert one.verdict("us", key) == "healthy"
    assert one.shard("us", key).ready == 1
    one.put_member(Member("us", since=1.0, whole=frozenset({"endpointslices"})))
    assert one.verdict("us", key) == "unknown", "who cannot be reached may be well"
    assert one.shard("nobody", key).service is None


def test_nodes_are_kept_as_where_they_are() -> None:
    zone = {"topology.kubernetes.io/zone": "a"}
    raw = json.dumps({"metadata": {"name": "n", "labels": {**zone, "x": "y"}}}).encode()
    cache = MemberCache(Member("us"), KINDS)
    cache.nodes.remember(raw, "")
    cache.nodes.remember(
        json.dumps({"metadata": {"name": "m", "resourceVersion": "1"}}).encode(), ""
    )
    assert {} in list(cache.node_labels())
    assert caches.lean_node(raw) == caches.lean_node(json.dumps(
        {"metadata": {"name": "other", "labels": zone}, "status": {"x": 1}}).encode())  # fmt: skip


def test_clusters_are_followed_too() -> None:
    assert CLUSTER in world().tables
    assert NAMESPACES in world().tables
