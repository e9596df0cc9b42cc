"""The record of every write in managedFields, row by row of the table."""

from __future__ import annotations

import copy

import pytest

from feddns.apiserver import apply, kinds, schema
from tests.apiserver.test_apply import (
    DEPLOYMENTS,
    TYPE,
    Object,
    config,
    manager,
    owners,
    stored,
)


def test_a_creator_owns_what_there_is() -> None:
    made = apply.record(None, config({"labels": {"x": "y"}, "uid": "u"}, a="1"), TYPE, manager("m"))
    assert made["metadata"]["managedFields"] == [{
        "manager": "m", "operation": "Update", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:metadata": {"f:labels": {".": {}, "f:x": {}}}, "f:data": {".": {}, "f:a": {}},
        },
    }]  # fmt: skip


def test_an_update_takes_what_it_changes_and_frees_what_it_removes() -> None:
    before = stored(apply.record(None, config(a="1", b="1", c="1"), TYPE, manager("one")))
    after = apply.record(before, config(a="2", b="1", d="1"), TYPE, manager("two", minute=1))
    assert owners(after) == {("one", "Update"): "+b", ("two", "Update"): "ad"}
    assert [entry["time"][14:16] for entry in after["metadata"]["managedFields"]] == ["00", "01"]


def test_nothing_changed_leaves_the_entries_as_they_are() -> None:
    before = stored(apply.record(None, config(a="1"), TYPE, manager("one")))
    again = apply.record(before, config(a="1"), TYPE, manager("one", minute=1))
    assert again["metadata"]["managedFields"] == before["metadata"]["managedFields"]


def test_an_object_without_owners_gets_none() -> None:
    assert owners(apply.record(stored(config(a="1")), config(a="2"), TYPE, manager("m"))) == {}


@pytest.mark.parametrize("reset", [[], [{}]])
def test_owners_can_be_forgotten(reset: list[Object]) -> None:
    before = stored(apply.record(None, config(a="1"), TYPE, manager("one")))
    after = config({"managedFields": reset}, a="1")
    assert "managedFields" not in apply.record(before, after, TYPE, manager("m"))["metadata"]


def test_owners_that_a_client_sends_count_unless_they_are_none() -> None:
    before = stored(apply.record(None, config(a="1", b="1"), TYPE, manager("one")))
    entry = before["metadata"]["managedFields"][0]
    mine = [{**entry, "fieldsV1": {"f:data": {"f:b": {".": {}}}}}]
    after = apply.record(before, config({"managedFields": mine}, a="1", b="1"), TYPE, manager("m"))
    assert owners(after) == {("one", "Update"): "b"}
    for wrong in ([{**entry, "operation": "Frobnicate"}], [{**entry, "fieldsV1": {"x": {}}}], "x"):
        sent = config({"managedFields": wrong}, a="1", b="1")
        assert owners(apply.record(before, sent, TYPE, manager("m"))) == {("one", "Update"): "+ab"}


def test_a_write_of_the_status_owns_the_status_only() -> None:
    kind = schema.type_of(DEPLOYMENTS)
    before = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
              "spec": {"replicas": 1}, "status": {}}  # fmt: skip
    before = stored(apply.record(None, before, kind, manager("one", kind=DEPLOYMENTS)))
    after = copy.deepcopy(before) | {"status": {"replicas": 1}, "spec": {"replicas": 2}}
    after["metadata"]["labels"] = {"a": "b"}
    made = apply.record(before, after, kind, manager("s", subresource="status", kind=DEPLOYMENTS))
    entry = made["metadata"]["managedFields"][1]
    assert entry["subresource"] == "status"
    assert entry["fieldsV1"] == {"f:status": {"f:replicas": {}}}
    assert made["metadata"]["managedFields"][0] == before["metadata"]["managedFields"][0]


def test_the_oldest_of_many_updaters_are_put_together() -> None:
    made = stored(apply.record(None, config(z="1"), TYPE, manager("m0")))
    for number in range(1, 13):
        data = made["data"] | {f"k{number}": "1"}
        by = manager(f"m{number}", minute=number)
        made = stored(apply.record(made, {**made, "data": data}, TYPE, by))
    found = owners(made)
    assert len(found) == 10
    assert found[("ancient-changes", "Update")] == "+k1k2k3z"
    oldest = made["metadata"]["managedFields"][0]
    assert (oldest["manager"], oldest["time"]) == ("ancient-changes", "2026-01-01T00:03:00Z")


def test_a_list_whose_items_have_no_keys_owns_nothing() -> None:
    wrong = config({"ownerReferences": [None]}, a="1")
    assert "managedFields" not in apply.record(None, wrong, TYPE, manager("m"))["metadata"]


def test_a_write_of_the_scale_has_no_time() -> None:
    before = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
              "spec": {"replicas": 1}, "status": {}}  # fmt: skip
    kind = schema.type_of(DEPLOYMENTS)
    before = stored(apply.record(None, before, kind, manager("one", kind=DEPLOYMENTS)))
    by = manager("two", subresource="scale", kind=DEPLOYMENTS)
    made = apply.record(before, {**before, "spec": {"replicas": 2}}, kind, by)
    assert made["metadata"]["managedFields"][0] == {
        "manager": "two", "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:replicas": {}}}, "subresource": "scale",
    }  # fmt: skip


def test_who_makes_a_daemonset_owns_its_generation() -> None:
    daemonsets = kinds.BUILTIN().find("apps", "v1", "daemonsets")
    assert daemonsets is not None
    made = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "a"}}
    by = manager("one", kind=daemonsets)
    found = apply.record(None, made, schema.type_of(daemonsets), by)["metadata"]
    assert "annotations" not in found
    assert found["managedFields"][0]["fieldsV1"] == {"f:metadata": {"f:annotations": {
        ".": {}, "f:deprecated.daemonset.template.generation": {}}}}  # fmt: skip
