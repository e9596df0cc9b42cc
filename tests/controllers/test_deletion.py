"""What becomes of copies when a federated object is deleted, and who is waited for."""

from __future__ import annotations

import pytest

from controllers import copies, deletion
from controllers.kinds import CONFIGMAPS, NAMESPACES, SERVICES
from controllers.world import Delete, Key, Patch, Plan, Trouble
from tests.controllers import fake as a
from tests.controllers.fake import Federation, annotation
from tests.controllers.test_propagation import federation, places


def with_copies(given_: a.Object | None = None) -> tuple[Federation, Key]:
    fed = federation("us", "eu")
    key = fed.create(given_ or a.config_map("shop/c", a="1"))
    fed.settle()
    return fed, key


def owners(fed: Federation, key: Key) -> dict[str, str]:
    """Whose the object is in each member that has it."""
    found = {name: place.api.get(key) for name, place in fed.places.items()}
    return {name: copies.owner(one) for name, one in found.items() if one is not None}


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
def test_copies_go_and_then_the_object(policy: str) -> None:
    fed, key = with_copies()
    fed.delete(key, policy)
    plan = fed.plan(key)
    assert plan.writes == ()
    assert [(type(one), one.cluster) for one in plan.operations] == [(Delete, "eu"), (Delete, "us")]
    fed.do(plan)
    release = {"metadata": {"finalizers": None}}
    assert [one.body for one in fed.plan(key).writes] == [release]
    fed.settle()
    assert owners(fed, key) == {}
    assert fed.federated(key) is None


def test_orphans_stay_and_are_nobodys() -> None:
    fed, key = with_copies()
    before = fed.places["us"].api.objects[key]["data"]
    fed.delete(key, "Orphan")
    assert {type(one) for one in fed.plan(key).operations} == {Patch}
    fed.settle()
    assert owners(fed, key) == {"us": "", "eu": ""}
    assert fed.places["us"].api.objects[key]["data"] == before
    assert fed.federated(key) is None
    fed.settle()
    assert owners(fed, key) == {"us": "", "eu": ""}


def test_another_finalizer_is_left_to_its_owner() -> None:
    fed, key = with_copies(a._object("ConfigMap", "shop/c", metadata={"finalizers": ["theirs"]}))
    fed.delete(key)
    fed.settle()
    assert owners(fed, key) == {}
    assert (fed.federated(key) or {})["metadata"]["finalizers"] == ["theirs"]
    assert fed.plan(key) == Plan()


def test_one_that_was_orphaned_before_it_was_seen_is_let_go() -> None:
    fed = federation("us")
    key = fed.create(a._object("ConfigMap", "shop/c", metadata={"finalizers": ["x"]}))
    fed.delete(key, "Orphan")
    fed.settle()
    assert (fed.federated(key) or {})["metadata"]["finalizers"] == ["x"]
    assert places(fed, key) == []


def test_a_copy_that_takes_its_time_is_waited_for() -> None:
    fed, key = with_copies()
    eu = fed.places["eu"].api
    eu.patch(key, {"metadata": {"finalizers": ["slow"]}})
    fed.delete(key)
    fed.settle()
    assert fed.federated(key) is not None
    assert fed.plan(key) == Plan()
    eu.patch(key, {"metadata": {"finalizers": None}})
    fed.settle()
    assert fed.federated(key) is None


def test_a_list_that_is_not_whole_is_waited_for() -> None:
    fed, key = with_copies()
    fed.places["eu"].api = a.Api("empty")
    fed.become("eu", whole=frozenset())
    fed.delete(key)
    fed.settle()
    assert fed.federated(key) is not None
    assert owners(fed, key) == {}


def test_a_refusal_is_told() -> None:
    fed, key = with_copies()
    fed.places["eu"].api.refuses = lambda key: Trouble("Forbidden", "protected")
    fed.delete(key)
    fed.settle()
    assert owners(fed, key) == {"eu": "fellowship"}
    assert "protected" in (annotation(fed.federated(key), "status") or "")
    assert fed.events[-1].message == "cluster eu: protected"


def test_what_is_not_ours_is_not_deleted() -> None:
    fed = federation("us", "eu")
    fed.places["eu"].api.create(a.config_map("shop/c", x="theirs"))
    key = fed.create(a.config_map("shop/c", a="1"))
    fed.settle()
    fed.delete(key)
    fed.settle()
    assert owners(fed, key) == {"eu": ""}
    assert fed.federated(key) is None


# --- members that are away ------------------------------------------------------------------------


def test_a_member_that_is_away_does_not_block_and_is_cleaned_when_it_returns() -> None:
    fed, key = with_copies()
    fed.lose("eu")
    fed.delete(key)
    fed.settle()
    assert fed.federated(key) is None
    assert owners(fed, key) == {"eu": "fellowship"}
    fed.regain("eu")
    fed.settle()
    assert owners(fed, key) == {}


def test_an_orphan_of_a_member_that_is_away_is_left_when_it_returns() -> None:
    fed, key = with_copies()
    fed.lose("eu")
    fed.delete(key, "Orphan")
    fed.settle()
    assert fed.federated(key) is None
    assert list(deletion.remembered("eu", fed)) == [key]
    fed.regain("eu")
    fed.settle()
    assert owners(fed, key) == {"us": "", "eu": ""}
    assert list(deletion.remembered("eu", fed)) == []


def test_a_remembered_orphan_is_a_stranger_to_a_new_object_of_its_name() -> None:
    fed, key = with_copies()
    fed.lose("eu")
    fed.delete(key, "Orphan")
    fed.settle()
    fed.create(a.config_map("shop/c", a="new"))
    fed.regain("eu")
    fed.settle()
    assert owners(fed, key) == {"us": "", "eu": ""}
    assert fed.places["eu"].api.objects[key]["data"] == {"a": "1"}
    assert list(deletion.remembered("eu", fed)) == []
    fed.api.patch(key, {"metadata": {"annotations": {a.NAMES["adopt"]: "true"}}})
    fed.settle()
    assert owners(fed, key) == {"us": "fellowship", "eu": "fellowship"}


def test_a_remembered_orphan_that_is_gone_is_forgotten() -> None:
    fed, key = with_copies()
    fed.lose("eu")
    fed.delete(key, "Orphan")
    fed.settle()
    fed.places["eu"].api = a.Api("wiped")
    fed.regain("eu")
    fed.settle()
    assert list(deletion.remembered("eu", fed)) == []


def test_two_orphans_are_remembered_in_one_place() -> None:
    fed, first = with_copies()
    second = fed.create(a.service("shop/web"))
    fed.settle()
    fed.lose("eu")
    fed.delete(first, "Orphan")
    fed.delete(second, "Orphan")
    fed.settle()
    assert set(deletion.remembered("eu", fed)) == {first, second}
    assert set(deletion.remembered("us", fed)) == set()


def test_a_full_memory_waits_for_the_member(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "_MOST", 1)
    fed, first = with_copies()
    second = fed.create(a.config_map("shop/d", a="1"))
    fed.settle()
    fed.lose("eu")
    fed.delete(first, "Orphan")
    fed.settle()
    fed.delete(second, "Orphan")
    fed.settle()
    assert fed.federated(first) is None
    assert fed.federated(second) is not None
    fed.regain("eu")
    fed.settle()
    assert fed.federated(second) is None
    assert owners(fed, second) == {"us": "", "eu": ""}


def test_a_memory_that_somebody_broke_is_passed_over() -> None:
    fed, key = with_copies()
    fed.create(
        a.config_map("federation-system/feddns-orphans.eu", x="nonsense", y='["pods","a","b"]')
    )
    assert list(deletion.remembered("eu", fed)) == []
    assert not deletion.is_remembered(key, "eu", fed)


def test_nothing_is_done_before_the_memory_was_read() -> None:
    fed, key = with_copies()
    fed.api = a.Api("empty")
    fed.unlisted = {CONFIGMAPS}
    assert fed.plan(key) == Plan(again=deletion.LOOK_AGAIN)


def test_nothing_is_collected_before_the_federation_was_read_whole() -> None:
    fed, key = with_copies(a.service("shop/web"))
    del fed.api.objects[key]
    for unlisted in (SERVICES, NAMESPACES):
        fed.unlisted = {unlisted}
        assert fed.plan(key) == Plan(again=deletion.LOOK_AGAIN)
    fed.unlisted = set()
    assert {one.cluster for one in fed.plan(key).operations} == {"us", "eu"}
    fed.become("us", whole=frozenset())
    assert {one.cluster for one in fed.plan(key).operations} == {"eu"}


@pytest.mark.parametrize("has_system", [True, False])
def test_an_api_that_was_lost_and_made_anew_does_not_empty_the_members(has_system: bool) -> None:
    fed, key = with_copies()
    kept = fed.create(a.config_map("shop/kept", a="1"))
    fed.settle()
    fed.api = a.Api("anew")
    if has_system:
        fed.create(a.namespace("kube-system"))
    fed.settle()
    assert owners(fed, key) == owners(fed, kept) == {"us": "fellowship", "eu": "fellowship"}
    fed.create(a.namespace("shop"))
    fed.create(a.config_map("shop/kept", a="2"))  # what is put back there is ours again
    fed.settle()
    assert fed.places["eu"].api.objects[kept]["data"] == {"a": "2"}
    assert owners(fed, key) == {"us": "fellowship", "eu": "fellowship"}
    fed.lose("eu")
    fed.delete(kept)
    fed.settle()
    fed.regain("eu")
    fed.settle()
    assert owners(fed, kept) == ({} if has_system else {"eu": "fellowship"})


def test_a_member_that_is_registered_no_more_keeps_its_copies() -> None:
    fed, key = with_copies()
    left = fed.places.pop("eu")
    fed.delete(key)
    fed.settle()
    fed.places["eu"] = left
    assert owners(fed, key) == {"eu": "fellowship"}
