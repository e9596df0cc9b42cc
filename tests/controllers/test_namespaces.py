"""Deleting a federated Namespace, with and without what lies in it."""

from __future__ import annotations

import pytest

from controllers import copies, deletion, namespaces
from controllers.kinds import CONFIGMAPS, SERVICES
from controllers.world import Plan
from tests.clusterapi import Api, path_of
from tests.controllers import fake as a
from tests.controllers.fake import Federation, key_of

SHOP = key_of("Namespace shop")


def shop() -> Federation:
    fed = Federation("us", "eu")
    fed.create(a.namespace("shop"))
    fed.create(a.config_map("shop/c", a="1"))
    fed.create(a.service("shop/web"))
    fed.create(a.config_map("default/other", a="1"))
    fed.settle()
    return fed


def inside(fed: Federation) -> dict[str, dict[str, str]]:
    """Whose is what, in each member."""
    return {
        name: {
            str(key): copies.owner(one) for key, one in sorted(place.api.objects.items(), key=str)
        }
        for name, place in fed.places.items()
    }


OTHER = {"ConfigMap default/other": "fellowship"}


def test_first_what_lies_in_it_then_the_finalizer_then_the_copies() -> None:
    fed = shop()
    fed.delete(SHOP)
    plan = fed.plan(SHOP)
    removed = [(str(one.key), one.propagation) for one in plan.removes]
    assert removed == [("ConfigMap shop/c", "Background"), ("Service shop/web", "Background")]
    assert [(one.reason, one.message) for one in plan.told] == [
        ("DeleteNamespace", "2 objects in it deleted")
    ]
    assert plan.operations == plan.writes == ()
    fed.do(plan)
    assert fed.plan(SHOP) == Plan(again=namespaces.LOOK_AGAIN)  # they are ending
    for key in fed.within("shop"):
        fed.do(fed.plan(key))
        fed.do(fed.plan(key))
    assert list(fed.within("shop")) == []
    [write] = fed.plan(SHOP).writes
    assert (write.subresource, write.body["spec"]) == ("finalize", {"finalizers": []})
    fed.settle()
    assert inside(fed) == {"us": OTHER, "eu": OTHER}
    assert fed.federated(SHOP) is None


def test_what_lies_in_an_orphaned_namespace_is_orphaned() -> None:
    fed = shop()
    fed.delete(SHOP, "Orphan")
    assert {one.propagation for one in fed.plan(SHOP).removes} == {"Orphan"}
    fed.settle()
    left = {"ConfigMap shop/c": "", "Namespace shop": "", "Service shop/web": "", **OTHER}
    assert inside(fed) == {"us": left, "eu": left}
    assert list(fed.within("shop")) == []
    assert fed.federated(SHOP) is None


def test_a_member_that_is_away_does_not_block() -> None:
    fed = shop()
    fed.lose("eu")
    fed.delete(SHOP)
    fed.settle()
    assert fed.federated(SHOP) is None
    assert set(inside(fed)["eu"]) > set(OTHER)
    fed.regain("eu")
    fed.settle()
    assert inside(fed) == {"us": OTHER, "eu": OTHER}


@pytest.mark.parametrize("policy", ["Background", "Orphan", "Foreground"])
def test_an_api_that_empties_namespaces_itself(policy: str) -> None:
    fed = shop()
    fed.delete(SHOP, policy)
    for key in list(fed.within("shop")):
        fed.delete(key, policy)
    fed.settle()
    assert fed.federated(SHOP) is None
    assert set(inside(fed)["us"].values()) == {"fellowship", *([""] * (policy == "Orphan"))}


def test_one_that_is_held_by_the_api_no_more_is_deleted_like_anything() -> None:
    fed = shop()
    for key in list(fed.within("shop")):
        fed.delete(key)
    fed.settle()
    fed.api.objects[SHOP]["spec"] = {}
    fed.delete(SHOP)
    fed.settle()
    assert inside(fed) == {"us": OTHER, "eu": OTHER}


def test_a_kind_that_was_not_read_whole_is_waited_for() -> None:
    fed = shop()
    fed.delete(SHOP)
    fed.unlisted = {SERVICES}
    assert fed.plan(SHOP) == Plan(again=namespaces.LOOK_AGAIN)


def test_an_object_that_is_held_by_somebody_else_holds_the_namespace() -> None:
    fed = shop()
    key = key_of("ConfigMap shop/c")
    fed.api.patch(key, {"metadata": {"finalizers": ["theirs"]}})
    fed.settle()
    fed.delete(SHOP)
    fed.settle()
    assert list(fed.within("shop")) == [key]
    assert "Namespace shop" in inside(fed)["us"]
    assert "ConfigMap shop/c" not in inside(fed)["us"]
    fed.api.patch(key, {"metadata": {"finalizers": None}})
    fed.settle()
    assert fed.federated(SHOP) is None


@pytest.mark.parametrize("policy", ["Background", "Orphan", "Foreground"])
def test_on_a_real_server_without_controllers(either: Api, policy: str) -> None:
    """The steps that the plans rely on: who holds what, and when it is gone."""
    fed = Federation()
    name = f"real-{policy.lower()}"
    path = path_of("Namespace", "") + f"/{name}"
    either.put({"kind": "Namespace", "metadata": {"name": name}})
    merge = "application/merge-patch+json"
    ours = {"metadata": {"finalizers": [deletion.FINALIZER]}}
    either.request("PATCH", path, ours, content_type=merge)
    either.request("DELETE", f"{path}?propagationPolicy={policy}")
    found = either.request("GET", path)
    assert namespaces.is_filled(found)
    key = key_of(f"Namespace {name}")
    fed.api.objects[key] = found
    [write] = fed.plan(key).writes
    found = either.request("PUT", f"{path}/finalize", write.body)
    assert not namespaces.is_filled(found)
    fed.api.objects[key] = found
    [write] = fed.plan(key).writes
    assert write.resource_version == found["metadata"]["resourceVersion"]
    either.request("PATCH", path, write.body, content_type=merge)
    assert either.kubectl("get", "namespace", name, "--ignore-not-found") == ""
    assert CONFIGMAPS.path(name) == path_of("ConfigMap", name)
