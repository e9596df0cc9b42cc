"""The engine: each row of its table."""

from __future__ import annotations

import copy as copying
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from controllers import conditions, copies, deletion, kinds, propagation, selector
from controllers.kinds import Propagated
from controllers.world import Apply, Json, Member, Plan, Trouble, World
from tests.clusterapi import Api
from tests.controllers import fake as a
from tests.controllers.fake import Federation, annotation, key_of

EUROPE = '[{"key": "location", "operator": "=", "values": ["europe"]}]'


def federation(*names: str) -> Federation:
    """With the Namespace shop in all members."""
    fed = Federation(*(names or ("us", "eu")))
    fed.create(a.namespace("shop"))
    fed.settle()
    return fed


def note(fed: Federation, key: a.Key) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(annotation(fed.federated(key), "status") or "{}")
    return found


def places(fed: Federation, key: a.Key) -> list[str]:
    """The members that have it."""
    return [name for name, place in fed.places.items() if place.api.get(key)]


# --- the table ------------------------------------------------------------------------------------


def test_the_finalizer_comes_with_the_first_copies_and_before_them() -> None:
    fed = federation()
    key = fed.create(a.config_map("shop/c", a="1"))
    plan = fed.plan(key)
    assert plan.writes[0].body == {"metadata": {"finalizers": [deletion.FINALIZER]}}
    assert [(one.cluster, one.is_new) for one in plan.operations] == [("eu", True), ("us", True)]
    fed.settle()
    assert places(fed, key) == ["us", "eu"]
    assert fed.plan(key) == Plan()


def test_other_finalizers_stay() -> None:
    fed = federation()
    key = fed.create(a._object("ConfigMap", "shop/c", metadata={"finalizers": ["x"]}))
    assert fed.plan(key).writes[0].body["metadata"]["finalizers"] == ["x", deletion.FINALIZER]


@pytest.mark.parametrize(
    "given_",
    [a.namespace("n"), a.config_map("shop/x", a="1"), a.service("shop/x"), a.daemon_set("shop/x"),
     a._object("Secret", "shop/x", type="Opaque", data={"a": "MQ=="})],
    ids=lambda made: made["kind"],
)  # fmt: skip
def test_every_kind_is_copied(given_: a.Object) -> None:
    fed = federation()
    key = fed.create(given_)
    fed.settle()
    for place in fed.places.values():
        copy = place.api.get(key)
        assert copy is not None
        assert copies.owner(copy) == "fellowship"
    assert fed.settle() == 0


def test_nothing_is_done_in_a_member_that_is_away_and_all_when_it_returns() -> None:
    fed = federation()
    fed.lose("eu")
    key = fed.create(a.config_map("shop/c", a="1"))
    fed.settle()
    assert places(fed, key) == ["us"]
    assert note(fed, key) == {}
    fed.regain("eu")
    fed.settle()
    assert places(fed, key) == ["us", "eu"]


def test_a_member_that_was_wiped_gets_everything_again() -> None:
    fed = federation()
    key = fed.create(a.config_map("shop/c", a="1"))
    fed.settle()
    fed.places["eu"].api = a.Api("eu-again")
    fed.settle()
    assert places(fed, key) == ["us", "eu"]


def test_a_new_member_gets_everything_and_one_that_leaves_keeps_it() -> None:
    fed = federation()
    key = fed.create(a.config_map("shop/c", a="1"))
    fed.settle()
    fed.register("asia")
    fed.settle()
    gone = fed.places.pop("eu")
    fed.delete(key)
    fed.settle()
    assert places(fed, key) == []
    assert gone.api.get(key) is not None


def test_absence_is_not_believed_before_the_list_is_whole() -> None:
    fed = federation()
    fed.become("eu", whole=frozenset({"namespaces"}))
    key = fed.create(a.config_map("shop/c", a="1"))
    fed.settle()
    assert places(fed, key) == ["us"]


def test_a_copy_waits_for_its_namespace() -> None:
    fed = Federation("us")
    namespace, key = key_of("Namespace shop"), fed.create(a.config_map("shop/c", a="1"))
    plan = fed.plan(key)
    assert plan.operations == ()
    assert plan.again == propagation.LOOK_FOR_NAMESPACE
    fed.create(a.namespace("shop"))
    fed.settle()
    assert places(fed, namespace) == places(fed, key) == ["us"]


def test_a_copy_waits_for_a_namespace_that_is_ending_to_come_anew() -> None:
    fed = federation("us")
    api = fed.places["us"].api
    api.patch(key_of("Namespace shop"), {"metadata": {"deletionTimestamp": "now"}})
    key = fed.create(a.config_map("shop/c", a="1"))
    fed.settle()
    assert places(fed, key) == []
    api.objects.clear()
    fed.settle()
    assert places(fed, key) == ["us"]


def test_a_namespace_that_is_not_meant_to_be_there_is_named() -> None:
    fed = Federation("us")
    fed.create(a.annotated(a.namespace("shop"), selector=EUROPE))
    key = fed.create(a.config_map("shop/c", a="1"))
    fed.settle()
    assert note(fed, key)["clusters"] == {
        "us": {
            "reason": "NamespaceMissing",
            "message": "Namespace shop is not in this cluster, "
            "as its cluster selector leaves it out",
        }
    }


def test_namespaces_that_all_clusters_have_are_there() -> None:
    fed = Federation("us")
    key = fed.create(a.config_map("default/c", a="1"))
    fed.settle()
    assert places(fed, key) == ["us"]


def test_a_change_goes_out_and_drift_is_repaired() -> None:
    fed = federation()
    key = fed.create(a.config_map("shop/c", a="1", b="2"))
    fed.settle()
    fed.api.patch(key, {"data": {"a": "3", "b": None}})
    fed.settle()
    us = fed.places["us"].api
    assert us.objects[key]["data"] == {"a": "3"}
    us.patch(key, {"data": {"a": "hand", "c": "hand"}})
    fed.settle()
    assert us.objects[key]["data"] == {"a": "3"}
    us.delete(key)
    us.objects.pop(key, None)
    fed.settle()
    assert places(fed, key) == ["us", "eu"]


def test_a_change_of_an_annotation_of_a_service_goes_out() -> None:
    fed = federation()
    key = fed.create(a.service("shop/web"))
    fed.settle()
    fed.api.patch(key, {"metadata": {"annotations": {"x": "y"}}})
    fed.settle()
    assert fed.places["eu"].api.objects[key]["metadata"]["annotations"]["x"] == "y"


def test_node_ports_of_each_member_stay_by_name() -> None:
    fed = federation("us")
    key = fed.create(a.service("shop/web", "NodePort", {"name": "a", "port": 1}))
    fed.settle()
    kept = fed.places["us"].api.objects[key]["spec"]["ports"][0]["nodePort"]
    ports = [{"name": "b", "port": 2}, {"name": "a", "port": 3}]
    fed.api.patch(key, {"spec": {"ports": ports}})
    fed.settle()
    found = {
        port["name"]: port["nodePort"]
        for port in fed.places["us"].api.objects[key]["spec"]["ports"]
    }
    assert found["a"] == kept
    assert found["b"] != kept
    assert fed.settle() == 0


# --- selectors ------------------------------------------------------------------------------------


def test_a_selector_chooses_and_what_is_chosen_no_more_is_deleted() -> None:
    fed = Federation()
    fed.register("eu", location="europe")
    fed.register("us", location="america")
    key = fed.create(a.annotated(a.config_map("default/c", a="1"), selector=EUROPE))
    fed.settle()
    assert places(fed, key) == ["eu"]
    fed.become("us", labels={"location": "europe"})
    fed.become("eu", labels={})
    fed.settle()
    assert places(fed, key) == ["us"]


def test_a_selector_that_cannot_be_read_stops_its_object_alone_and_copies_stay() -> None:
    fed = federation()
    key = fed.create(a.config_map("shop/c", a="1"))
    good = fed.create(a.config_map("shop/good", a="1"))
    fed.settle()
    broken = {
        "metadata": {"annotations": {a.NAMES["selector"]: "location=europe"}},
        "data": {"b": "2"},
    }
    fed.api.patch(key, broken)
    fed.api.patch(good, {"data": {"b": "2"}})
    fed.settle()
    for place in fed.places.values():
        assert place.api.objects[key]["data"] == {"a": "1"}
        assert place.api.objects[good]["data"] == {"a": "1", "b": "2"}
    assert str(note(fed, key)["error"]).startswith(f"annotation {a.NAMES['selector']}: ")
    told = [one for one in fed.events if one.key == key]
    assert [(one.type, one.reason) for one in told] == [("Warning", "Refused")]
    fed.api.patch(key, {"metadata": {"annotations": {a.NAMES["selector"]: None}}})
    fed.settle()
    assert note(fed, key) == {}
    assert fed.events[-1].reason == "Resolved"
    assert fed.places["us"].api.objects[key]["data"] == {"a": "1", "b": "2"}


# --- conflicts ------------------------------------------------------------------------------------


def test_what_is_not_ours_is_left_and_told_once() -> None:
    fed = federation()
    theirs = a.daemon_set("shop/d", "theirs")
    fed.places["eu"].api.create(theirs)
    before = copying.deepcopy(fed.places["eu"].api.objects[key_of(theirs)])
    key = fed.create(a.daemon_set("shop/d"))
    fed.settle()
    assert fed.places["eu"].api.objects[key] == before
    assert places(fed, key) == ["us", "eu"]
    eu = note(fed, key)["clusters"]
    assert eu == {"eu": conditions.conflict(key)._asdict()}
    [condition] = (fed.federated(key) or {})["status"]["conditions"]
    assert (condition["type"], condition["status"]) == ("Conflict", "True")
    assert condition["message"] == "not the federation's in: eu"
    told = [one for one in fed.events if one.key == key]
    assert [(one.type, one.reason) for one in told] == [("Warning", "Conflict")]
    assert "cluster eu: DaemonSet shop/d is there already" in told[0].message
    fed.advance(300)  # it is looked at again and again, and nothing is written or told
    assert [one for one in fed.events if one.key == key] == told
    assert fed.plan(key) == Plan(again=propagation.LOOK_AGAIN)


def test_a_conflict_ends_when_the_other_is_gone() -> None:
    fed = federation()
    key = key_of(theirs := a.config_map("shop/c", x="theirs"))
    fed.places["eu"].api.create(theirs)
    fed.create(a.config_map("shop/c", a="1"))
    fed.settle()
    fed.places["eu"].api.delete(key)
    fed.places["eu"].met.clear()
    fed.settle()
    assert fed.places["eu"].api.objects[key]["data"] == {"a": "1"}
    assert note(fed, key) == {}
    assert fed.events[-1].reason == "Resolved"


def test_adopt_takes_it_over() -> None:
    fed = federation()
    fed.places["eu"].api.create(a.config_map("shop/c", x="theirs"))
    key = fed.create(a.annotated(a.config_map("shop/c", a="1"), adopt="true"))
    fed.settle()
    assert fed.places["eu"].api.objects[key]["data"] == {"a": "1"}
    assert note(fed, key) == {}


def test_services_are_adopted_unless_it_is_forbidden_and_keep_what_is_theirs() -> None:
    fed = federation()
    for name in ("web", "db"):
        fed.places["eu"].api.create(a.service(f"shop/{name}", "NodePort"))
    kept = fed.places["eu"].api.objects[key_of("Service shop/web")]["spec"]
    web = fed.create(a.service("shop/web", "NodePort"))
    db = fed.create(a.annotated(a.service("shop/db", "NodePort"), adopt="false"))
    fed.settle()
    eu = fed.places["eu"].api
    assert copies.owner(eu.objects[web]) == "fellowship"
    assert eu.objects[web]["spec"] == kept
    assert copies.owner(eu.objects[db]) == ""
    assert list(note(fed, db)["clusters"]) == ["eu"]
    assert (fed.federated(web) or {}).get("status") is None


def test_another_federations_service_is_not_adopted_by_itself() -> None:
    fed, other = federation("us"), Federation(federation="mordor")
    other.places = fed.places
    other.create(a.namespace("shop"))
    other.create(a.service("shop/web"))
    other.create(a.namespace("free"))
    key = fed.create(a.service("shop/web"))
    fed.settle()
    other.settle()
    assert copies.owner(fed.places["us"].api.objects[key]) == "fellowship"
    assert "belongs to the federation 'fellowship'" in note(other, key)["clusters"]["us"]["message"]
    assert places(other, key_of("Namespace free")) == ["us"]


# --- trouble --------------------------------------------------------------------------------------


def test_what_a_member_refuses_is_in_the_note_and_the_others_go_on() -> None:
    fed = federation()
    quota = Trouble("Forbidden", "exceeded quota: small")
    fed.places["eu"].api.refuses = lambda key: quota if key.name == "c" else None
    key = fed.create(a.config_map("shop/c", a="1"))
    good = fed.create(a.config_map("shop/good", a="1"))
    fed.settle()
    assert places(fed, key) == ["us"]
    assert places(fed, good) == ["us", "eu"]
    assert note(fed, key) == {"clusters": {"eu": quota._asdict()}}
    assert fed.events[-1].message == "cluster eu: exceeded quota: small"
    events = len(fed.events)
    fed.advance(600)
    assert len(fed.events) == events
    fed.places["eu"].api.refuses = lambda key: None
    fed.do(fed.plan(key))
    fed.settle()
    assert places(fed, key) == ["us", "eu"]
    assert note(fed, key) == {}


@pytest.mark.parametrize("reason", sorted(conditions.PASSING))
def test_a_member_that_is_busy_is_no_fault_of_the_object(reason: str) -> None:
    fed = federation()
    fed.places["eu"].api.refuses = lambda key: Trouble(reason, "") if key.name == "c" else None
    key = fed.create(a.config_map("shop/c", a="1"))
    fed.settle()
    assert places(fed, key) == ["us"]
    assert note(fed, key) == {}
    assert not [one for one in fed.events if one.key == key]


def test_the_note_outlives_the_controllers() -> None:
    fed = federation()
    fed.places["eu"].api.refuses = lambda key: (
        Trouble("Forbidden", "no") if key.name == "c" else None
    )
    key = fed.create(a.config_map("shop/c", a="1"))
    fed.settle()
    fed.troubles.clear()
    plan = fed.plan(key)
    assert plan.writes == plan.told == ()
    assert [type(one) for one in plan.operations] == [Apply]


def test_the_note_of_a_member_that_goes_away_goes_with_it() -> None:
    fed = federation()
    fed.places["eu"].api.refuses = lambda key: (
        Trouble("Forbidden", "no") if key.name == "c" else None
    )
    key = fed.create(a.config_map("shop/c", a="1"))
    fed.settle()
    fed.lose("eu")
    fed.settle()
    assert note(fed, key) == {}


def test_an_immutable_copy_of_an_object_before_this_one_is_made_anew() -> None:
    fed = federation()
    fixed = {**a.config_map("shop/c", a="1"), "immutable": True}
    key = fed.create(fixed)
    fed.settle()
    fed.lose("eu")
    fed.delete(key)
    fed.settle()
    assert fed.federated(key) is None
    fed.create({**fixed, "data": {"a": "2"}})
    fed.regain("eu")
    fed.settle()
    assert fed.places["eu"].api.objects[key]["data"] == {"a": "2"}
    assert note(fed, key) == {}


def test_an_immutable_copy_of_the_same_object_is_left_and_told() -> None:
    fed = federation("us")
    key = fed.create({**a.config_map("shop/c", a="1"), "immutable": True})
    fed.settle()
    fed.api.patch(key, {"data": {"a": "2"}})  # no real API server lets this pass
    fed.settle()
    assert fed.places["us"].api.objects[key]["data"] == {"a": "1"}
    assert note(fed, key)["clusters"]["us"]["reason"] == "Invalid"


LEFT_ALONE = [
    "Namespace default", "Namespace kube-system", "Namespace kube-public",
    "Namespace kube-node-lease", "Namespace federation-system", "ConfigMap federation-system/x",
    "Secret federation-system/x", "Service default/kubernetes", "ConfigMap shop/kube-root-ca.crt",
    "ConfigMap kube-system/extension-apiserver-authentication",
    "ConfigMap kube-system/kube-apiserver-legacy-service-account-token-tracking",
]  # fmt: skip


@pytest.mark.parametrize("named", LEFT_ALONE)
def test_system_things_are_left_alone(named: str) -> None:
    fed = federation()
    key = key_of(named)
    if not fed.federated(key):
        fed.create(a._object(*named.split()))
    assert fed.plan(key) == Plan()
    fed.delete(key)
    assert fed.plan(key) == Plan()


def test_tokens_are_left_alone_and_what_lies_in_system_namespaces_is_not() -> None:
    fed = federation()
    token = a._object("Secret", "shop/t", type="kubernetes.io/service-account-token")
    assert fed.plan(fed.create(token)) == Plan()
    dns = fed.create(a.config_map("kube-system/kube-dns", federations="x=example.com"))
    fed.settle()
    assert places(fed, dns) == ["us", "eu"]


# --- kinds that differ from cluster to cluster ----------------------------------------------------


def test_a_scheduled_kind_needs_no_change_of_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def schedule(federated: Json, selected: Sequence[Member], world: World) -> Mapping[str, Json]:
        return {one.name: {"data": {"n": one.name}} for one in selected if one.name != "asia"}

    row = Propagated(kinds.CONFIGMAPS, ("data",), schedule=schedule)
    fed = federation("us", "eu", "asia")
    key = fed.create(a.config_map("shop/c", a="1"))
    fed.settle()
    assert places(fed, key) == ["us", "eu", "asia"]
    monkeypatch.setitem(kinds._ROWS, kinds.CONFIGMAPS, row)
    fed.settle()
    found = {name: place.api.get(key) for name, place in fed.places.items()}
    assert {name: one and one["data"] for name, one in found.items()} == {
        "us": {"a": "1", "n": "us"}, "eu": {"a": "1", "n": "eu"}, "asia": None,
    }  # fmt: skip


# --- a real API server ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given_", [a.service("status/x"), a.daemon_set("status/x")], ids=["Service", "DaemonSet"]
)
def test_a_real_server_takes_the_writes_and_then_there_are_none(
    either: Api, given_: a.Object
) -> None:
    """A conflict in one member, a load balancer in the other."""
    either.put({"kind": "Namespace", "metadata": {"name": "status"}})
    fed = Federation("us", "eu")
    key = key_of(given_)
    theirs = copying.deepcopy(given_)
    theirs["metadata"]["labels"] = {copies.LABEL: "another"}
    fed.register("eu").api.create(theirs)
    fed.create(a.namespace("status"))
    if given_["kind"] == "DaemonSet":
        container = {"name": "x", "image": "registry.example.com/x:1"}
        given_["spec"]["template"]["spec"] = {"containers": [container]}
    either.apply([given_])
    path = key.resource.path("status", "x")
    fed.api.objects[key] = either.request("GET", path)
    fed.settle()
    if given_["kind"] == "Service":
        fed.balance("us", key, "198.51.100.1")
        fed.endpoints("us", key, 1)
    fed.api.objects[key] = either.request("GET", path)
    plan = fed.plan(key)
    assert [one.subresource for one in plan.writes] == ["", "status"]
    for write in plan.writes:
        where = key.resource.path("status", "x", write.subresource)
        merge = "application/merge-patch+json"
        fed.api.objects[key] = either.request("PATCH", where, write.body, content_type=merge)
    assert fed.plan(key).is_empty
    printed = either.kubectl("wait", "--for=condition=Conflict", "-n", "status",
                              f"{key.resource.plural}/x", "--timeout=5s")  # fmt: skip
    assert "condition met" in printed


# --- the documents --------------------------------------------------------------------------------

DOCS = (Path(__file__).parents[2] / "docs/propagation.md").read_text()


def test_the_documented_kinds_are_those() -> None:
    rows = re.findall(r"(?m)^\| (\w+) \| (?:labels|the same).*? \| (is .*?) \|$", DOCS)
    assert {kind: fate == "is taken over" for kind, fate in rows} == {
        row.resource.kind: row.adopts for row in kinds.TABLE
    }


def test_the_documented_operators_are_those() -> None:
    table = DOCS.partition("| operator | values |")[2].partition("\n\n")[0]
    told = re.findall(r"`([^`]+)`", table)
    assert len(told) == 11
    for operator in told:
        count = 0 if operator in ("exists", "!") else 1
        wanted = [{"key": "k", "operator": operator, "values": ["1"] * count}]
        selector.parse(json.dumps(wanted))
    example = re.search(r"cluster-selector: '(.*)'", DOCS)
    assert example is not None
    assert selector.parse(example[1]).matches({"location": "europe"})
