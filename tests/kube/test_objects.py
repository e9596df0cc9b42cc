"""Whole objects of one resource, filled by an informer as it would be."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from feddns.kube import objects
from feddns.kube.informer import Abilities, Informer, Resource
from feddns.kube.objects import Changed, ObjectTable

MAPS = Resource("v1", "configmaps", selector="a=b,c")


def made(name: str, version: int, **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop", "resourceVersion": str(version)}
    metadata["managedFields"] = [{"manager": "x"}]  # type: ignore[assignment]
    return {"metadata": metadata, **fields}


def kept(name: str, version: int, **fields: Any) -> bytes:
    metadata = {"name": name, "namespace": "shop", "resourceVersion": str(version)}
    head = {"apiVersion": "v1", "kind": "ConfigMap"}
    return msgspec.json.encode({**head, "metadata": metadata, **fields})


def page(*items: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"metadata": {"resourceVersion": "9"}, "items": items})


def event(kind: str, thing: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"type": kind, "object": thing}) + b"\n"


def listed(*items: dict[str, Any]) -> Informer[ObjectTable]:
    one = Informer(MAPS, ObjectTable(objects.whole("v1", "ConfigMap")), Abilities(False))
    request = one.request(0.0, 0.5)
    assert "labelSelector=a%3Db%2Cc&" in request.target
    one.accepted(0.0)
    one.data(page(*items), 0.0)
    assert one.ended(0.0) == [
        Changed("shop", item["metadata"]["name"], None, kept(item["metadata"]["name"], 1))
        for item in items
    ]
    one.request(1.0, 0.5)
    one.accepted(1.0)
    return one


def test_a_list_and_a_watch_keep_the_same_bytes() -> None:
    one = listed(made("a", 1), made("b", 1))
    same = {"kind": "ConfigMap", "apiVersion": "v1", **made("a", 1)}
    assert one.data(event("MODIFIED", same), 1.0) == []
    assert one.data(event("MODIFIED", made("a", 10, data={"k": "v"})), 1.0) == [
        Changed("shop", "a", kept("a", 1), kept("a", 10, data={"k": "v"}))
    ]
    assert one.version == "10"
    gone = one.data(event("DELETED", made("b", 11)), 1.0)
    assert gone == [Changed("shop", "b", kept("b", 1), None)]
    assert list(one.table.places()) == [("shop", "a")]
    assert (one.table.names("shop"), one.table.names("x"), len(one.table)) == (["a"], [], 1)


def test_what_is_not_in_a_new_list_is_gone() -> None:
    one = listed(made("a", 1), made("b", 1))
    one.list_again(2.0)
    assert "resourceVersion" not in one.request(2.0, 0.5).target
    one.accepted(2.0)
    one.data(page(made("b", 1)), 2.0)
    assert one.ended(2.0) == [Changed("shop", "a", kept("a", 1), None)]


def test_bookmarks_errors_and_what_has_no_name() -> None:
    one = listed(made("a", 1))
    bookmark = {"metadata": {"resourceVersion": "70"}}
    assert one.data(event("BOOKMARK", bookmark), 1.0) == []
    assert one.version == "70"
    assert one.data(event("ADDED", {"metadata": 1}), 1.0) == []
    assert one.data(event("ERROR", {"code": 410, "message": "too old"}), 1.0) == []
    assert (one.cut, one.version) == (True, "")


def test_what_was_written_is_known_before_its_event() -> None:
    one = listed(made("a", 1))
    answer = json.dumps(made("a", 12)).encode()
    changed = one.table.remember(answer, one.version)
    assert changed == [Changed("shop", "a", kept("a", 1), kept("a", 12))]
    assert one.table.remember(answer, one.version) == []
    assert one.table.get("shop", "a") == kept("a", 12)
    assert one.data(event("MODIFIED", made("a", 12)), 1.0) == [], "it tells nothing new"


def test_an_answer_that_comes_after_the_deletion_was_told() -> None:
    one = listed(made("a", 1))
    one.data(event("DELETED", made("a", 13)), 1.0)
    assert one.table.remember(json.dumps(made("a", 12)).encode(), one.version) == []
    assert one.table.get("shop", "a") is None
    assert one.table.remember(b"no JSON", one.version) == []


def test_managed_fields_are_kept_where_they_are_wanted() -> None:
    table = ObjectTable(objects.whole("v1", "ConfigMap", managed=True))
    table.remember(json.dumps(made("a", 1)).encode(), "")
    found = table.get("shop", "a")
    assert found is not None
    assert objects.decode(found)["metadata"]["managedFields"] == [{"manager": "x"}]
    assert objects.version_of(found) == "1"


def test_a_lean_table_keeps_what_it_is_told_to() -> None:
    table = ObjectTable(lambda raw: None if b"skip" in bytes(raw) else b"lean")
    events: list[Changed] = []
    for name in ("a", "skip", "a"):
        item = table.decoders.event(event("ADDED", made(name, 1)))
        table.put(item.object, events)
    assert events == [Changed("shop", "a", None, b"lean")]
