"""Requests and what they are answered with: reading, watching, writing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from feddns.apiserver.handling import watching
from feddns.apiserver.handling.api import plain_request
from tests.apiserver.inprocess import ADMIN, CONFIG_MAPS, InProcess, Refused, events, told

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


@pytest.fixture
def api() -> InProcess:
    return InProcess()


def refused(api: InProcess, method: str, path: str, body: Any = None, **headers: str) -> Refused:
    with pytest.raises(Refused) as caught:
        api.ask(method, path, body, **headers)
    return caught.value


# --- reading -------------------------------------------------------------------------------------


def test_a_list_in_pages_is_of_one_revision(api: InProcess) -> None:
    for name in "abcde":
        api.config_map(name)
    first = api.get(f"{CONFIG_MAPS}?limit=2")
    assert first["metadata"]["remainingItemCount"] == 3
    api.config_map("bb")
    api.delete(f"{CONFIG_MAPS}/c")
    token = first["metadata"]["continue"]
    second = api.get(f"{CONFIG_MAPS}?limit=9&continue={token}")
    assert [item["metadata"]["name"] for item in second["items"]] == ["c", "d", "e"]
    assert second["metadata"] == {"resourceVersion": first["metadata"]["resourceVersion"]}


def test_a_page_that_is_too_old_can_be_gone_on_with(api: InProcess) -> None:
    for name in "abc":
        api.config_map(name)
    token = api.get(f"{CONFIG_MAPS}?limit=1")["metadata"]["continue"]
    api.delete(f"{CONFIG_MAPS}/c")
    api.config_map("d")
    api.store.compact(everything=True)
    error = refused(api, "GET", f"{CONFIG_MAPS}?limit=1&continue={token}")
    assert (error.code, error.reason) == (410, "Expired")
    to_come = InProcess()
    assert refused(to_come, "GET", f"{CONFIG_MAPS}?limit=1&continue={token}").code == 504
    again = error.status["metadata"]["continue"]
    assert api.names(f"{CONFIG_MAPS}?continue={again}") == ["b", "d"]


def test_revisions_of_lists(api: InProcess) -> None:
    one = api.config_map("a")["metadata"]["resourceVersion"]
    api.config_map("b")
    exact = f"{CONFIG_MAPS}?resourceVersionMatch=Exact&resourceVersion="
    assert api.names(f"{exact}{one}") == ["a"]
    assert api.names(f"{CONFIG_MAPS}?resourceVersion={one}") == ["a", "b"]
    assert api.names(f"{CONFIG_MAPS}?resourceVersion={one}&limit=5") == ["a"]
    assert api.names(f"{CONFIG_MAPS}?resourceVersion=0&limit=1") == ["a", "b"]
    late = refused(api, "GET", f"{CONFIG_MAPS}?resourceVersion=9999")
    assert late.code == 504
    assert api.answer("GET", f"{CONFIG_MAPS}?resourceVersion=9999").retry_after == 1
    assert api.answer("GET", f"{CONFIG_MAPS}/none").retry_after == 0
    api.store.compact(everything=True)
    assert refused(api, "GET", f"{exact}{one}").code == 410


def test_selectors_narrow_lists(api: InProcess) -> None:
    for name, app in (("a", "x"), ("b", "y"), ("c", "x"), ("d", "x")):
        api.create(CONFIG_MAPS, {"metadata": {"name": name, "labels": {"app": app}}})
    page = api.get(f"{CONFIG_MAPS}?labelSelector=app%3Dx&limit=2")
    assert [item["metadata"]["name"] for item in page["items"]] == ["a", "c"]
    assert "remainingItemCount" not in page["metadata"]
    token = page["metadata"]["continue"]
    assert api.names(f"{CONFIG_MAPS}?labelSelector=app%3Dx&limit=2&continue={token}") == ["d"]
    assert api.names(f"{CONFIG_MAPS}?fieldSelector=metadata.name%3Db") == ["b"]
    assert api.names("/api/v1/namespaces?fieldSelector=status.phase!%3DActive") == []
    assert "is not a known field selector" in str(
        refused(api, "GET", f"{CONFIG_MAPS}?fieldSelector=x%3Db")
    )


def test_forms_of_an_answer(api: InProcess) -> None:
    api.config_map("a", x="1")
    table = api.get(CONFIG_MAPS, accept=TABLE)
    assert (table["kind"], table["rows"][0]["cells"][:2]) == ("Table", ["a", 1])
    alone = api.get(CONFIG_MAPS, accept=METADATA)["items"][0]
    assert (alone["kind"], "data" in alone) == ("PartialObjectMetadata", False)
    listed = api.get(CONFIG_MAPS)["items"][0]
    assert "kind" not in listed
    for accept in ("application/vnd.kubernetes.protobuf", "text/html"):
        assert refused(api, "GET", CONFIG_MAPS, accept=accept).code == 406
    no_stream = refused(api, "GET", f"{CONFIG_MAPS}?watch=1", accept="application/yaml")
    assert (no_stream.code, "application/json;stream=watch, " in str(no_stream)) == (406, True)
    assert api.watch(CONFIG_MAPS, accept="application/*, application/yaml")
    yaml = api.answer("GET", f"{CONFIG_MAPS}/a", accept="application/yaml")
    assert yaml.content_type == "application/yaml"
    assert b'x: "1"' in yaml.body


def test_what_is_not_there(api: InProcess) -> None:
    error = refused(api, "GET", f"{CONFIG_MAPS}/none")
    assert error.status["details"] == {"name": "none", "kind": "configmaps"}
    assert refused(api, "GET", "/api/v1/nothings").code == 404
    assert api.answer("GET", "/nothing").body == b"404 page not found\n"
    assert refused(api, "POST", f"{CONFIG_MAPS}/a", {}).code == 405
    for path, status in (
        ("/readyz", 200),
        ("/livez/ping", 200),
        ("/healthz/x", 404),
        ("/healthzx", 404),
    ):
        assert api.answer("GET", path).status == status


# --- watching ------------------------------------------------------------------------------------


def test_a_watch_begins_with_what_is_there(api: InProcess) -> None:
    api.config_map("a")
    watch = api.watch(CONFIG_MAPS)
    assert told(watch) == [("ADDED", "a")]
    api.config_map("b")
    api.merge(f"{CONFIG_MAPS}/b", {"data": {"x": "1"}})
    last = api.merge(f"{CONFIG_MAPS}/b", {"data": {"x": "2"}})
    api.delete(f"{CONFIG_MAPS}/b")
    *others, end = events(watch)
    assert [one["type"] for one in others] == ["ADDED", "MODIFIED", "MODIFIED"]
    assert (end["type"], end["object"]["data"]) == ("DELETED", {"x": "2"})
    assert int(end["object"]["metadata"]["resourceVersion"]) == 1 + int(
        last["metadata"]["resourceVersion"]
    )


def test_a_watch_that_wants_no_first_events(api: InProcess) -> None:
    api.config_map("a")
    query = "sendInitialEvents=false&resourceVersionMatch=NotOlderThan"
    watch = api.watch(f"{CONFIG_MAPS}?{query}")
    assert told(watch) == []
    api.config_map("b")
    assert told(watch) == [("ADDED", "b")]


def test_old_paths_of_watches(api: InProcess) -> None:
    path = CONFIG_MAPS.replace("/api/v1/", "/api/v1/watch/")
    assert api.answer("GET", f"{path}?watch=0").watch is not None


def test_a_watch_from_a_revision_and_from_one_that_is_forgotten(api: InProcess) -> None:
    first = api.config_map("a")["metadata"]["resourceVersion"]
    api.config_map("b")
    assert told(api.watch(f"{CONFIG_MAPS}?resourceVersion={first}")) == [("ADDED", "b")]
    api.store.compact(everything=True)
    watch = api.watch(f"{CONFIG_MAPS}?resourceVersion={first}")
    (error,) = events(watch)
    assert (error["type"], error["object"]["code"]) == ("ERROR", 410)
    assert error["object"]["message"].startswith(f"too old resource version: {first} (")
    assert watch.ended


def test_a_watch_list_ends_with_a_bookmark(api: InProcess) -> None:
    api.config_map("a")
    query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    watch = api.watch(f"{CONFIG_MAPS}?{query}")
    added, mark = events(watch)
    assert added["object"]["metadata"]["name"] == "a"
    assert mark["object"]["metadata"] == {
        "resourceVersion": str(api.store.revision),
        "annotations": {"k8s.io/initial-events-end": "true"},
    }
    api.api.hub.bookmarks(api.store.revision)
    api.api.hub.wake()
    (mark,) = events(watch)
    assert (mark["type"], mark["object"]["kind"]) == ("BOOKMARK", "ConfigMap")


def test_what_comes_into_a_selector_is_added_and_what_leaves_is_deleted(api: InProcess) -> None:
    watch = api.watch(f"{CONFIG_MAPS}?labelSelector=app%3Dx&resourceVersion={api.store.revision}")
    api.config_map("a")
    api.merge(f"{CONFIG_MAPS}/a", {"metadata": {"labels": {"app": "x"}}})
    api.merge(f"{CONFIG_MAPS}/a", {"data": {"k": "v"}})
    gone = api.merge(f"{CONFIG_MAPS}/a", {"metadata": {"labels": {"app": "y"}}})
    seen = events(watch)
    assert [one["type"] for one in seen] == ["ADDED", "MODIFIED", "DELETED"]
    last = seen[-1]["object"]["metadata"]
    assert last["labels"] == {"app": "x"}
    assert last["resourceVersion"] == gone["metadata"]["resourceVersion"]


def test_a_watch_of_tables_tells_the_columns_once(api: InProcess) -> None:
    api.config_map("a")
    api.config_map("b")
    first, second = events(api.watch(CONFIG_MAPS, accept=TABLE))
    assert first["object"]["columnDefinitions"]
    assert second["object"]["columnDefinitions"] is None


def test_what_is_not_durable_yet_is_not_told(api: InProcess) -> None:
    watch = api.watch(CONFIG_MAPS)
    api.api.handle(plain_request("POST", CONFIG_MAPS, {"metadata": {"name": "a"}}), ADMIN)
    assert watch.take() == b""
    api.api.hub.wake()
    assert told(watch) == [("ADDED", "a")]


def test_who_does_not_read_is_let_go(api: InProcess) -> None:
    watch = api.watch(CONFIG_MAPS)
    text = "x" * 1_000_000
    api.config_map("a", text=text)
    for number in range(40):
        api.merge(f"{CONFIG_MAPS}/a", {"data": {"n": str(number)}})
    assert watch.ended
    assert watch.take() == b""


def test_a_bookmark_can_be_what_is_too_much(
    api: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = f"{CONFIG_MAPS}?allowWatchBookmarks=1&resourceVersion={api.store.revision}"
    slow, other = api.watch(query), api.watch(query)
    api.config_map("a")
    other.take()
    monkeypatch.setattr(watching, "_MOST_WAITING", slow._waiting)
    api.api.hub.bookmarks(api.store.revision)
    api.api.hub.wake()
    assert (slow.ended, slow.take()) == (True, b"")
    assert [one["type"] for one in events(other)] == ["BOOKMARK"]
    assert not other.ended


# --- writing -------------------------------------------------------------------------------------


def test_names_are_made_and_checked(api: InProcess) -> None:
    for base, length in (("x-", 7), ("x" * 58, 63), ("x" * 59, 63)):
        made = api.create(CONFIG_MAPS, {"metadata": {"generateName": base}})
        assert len(made["metadata"]["name"]) == length
    assert refused(api, "POST", CONFIG_MAPS, {"metadata": {}}).code == 422
    wrong = {"metadata": {"name": "a", "namespace": "other"}}
    assert "does not match the namespace" in str(refused(api, "POST", CONFIG_MAPS, wrong))
    other = refused(api, "PUT", f"{CONFIG_MAPS}/a", {"metadata": {"name": "b"}})
    assert str(other) == "the name of the object (b) does not match the name on the URL (a)"
    api.config_map("a")
    assert refused(api, "POST", CONFIG_MAPS, {"metadata": {"name": "a"}}).reason == "AlreadyExists"
    numbered = {"metadata": {"name": "n", "resourceVersion": "1"}}
    assert refused(api, "POST", CONFIG_MAPS, numbered).code == 500


def test_bodies_that_are_none(api: InProcess) -> None:
    for body, words in (
        (b"{bad", "json parse error: invalid character 'b'"),
        (b"", "(<empty>)"),
        (b"[]", "cannot unmarshal array"),
        (b"[" * 100_000, "recursion"),
        (b'{"kind":[]}', "cannot unmarshal array into Go struct field .kind of type string"),
        (b'{"apiVersion":1}', "number into Go struct field .apiVersion of type string"),
    ):
        error = refused(api, "POST", CONFIG_MAPS, body)
        assert error.code == 400
        assert words in str(error)
    assert refused(api, "POST", CONFIG_MAPS, {}, content_type="text/plain").code == 415
    text = refused(api, "POST", CONFIG_MAPS, {"metadata": "x"})
    assert str(text).endswith("Go struct field ConfigMap.metadata of type v1.ObjectMeta")
    assert refused(api, "POST", CONFIG_MAPS, {"metadata": None}).code == 422
    secret = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "a"}}
    assert "cannot be handled as a ConfigMap" in str(refused(api, "POST", CONFIG_MAPS, secret))


def test_yaml_bodies(api: InProcess) -> None:
    body = b"metadata: {name: a}\ndata: {x: '1'}\n"
    made = api.ask("POST", CONFIG_MAPS, body, content_type="application/yaml")
    assert made["data"] == {"x": "1"}
    body = b"metadata: {name: b}\ndata: {day: 2026-01-01, 1: x}\n---\nmore: of it\n"
    made = api.ask("POST", CONFIG_MAPS, body, content_type="application/yaml")
    assert made["data"] == {"day": "2026-01-01", "1": "x"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"a: [", "did not find expected node content"),
        (b"[" * 100_000, "nests deeper than 100 levels"),
        (b"data: &a {a: *a}", "recursive node"),
        (b"\xff", "UTF-8"),
        (b'metadata: {name: "\\ud800"}', "Unicode"),
    ],
)
def test_yaml_that_is_none_or_too_much(api: InProcess, body: bytes, words: str) -> None:
    made = refused(api, "POST", CONFIG_MAPS, body, content_type="application/yaml")
    sort = "application/apply-patch+yaml"
    path = f"{CONFIG_MAPS}/a?fieldManager=x"
    applied = refused(api, "PATCH", path, body, content_type=sort)
    assert (made.code, applied.code) == (400, 400)
    assert str(made).startswith("error converting YAML to JSON: ")
    assert str(applied).startswith("error decoding YAML: ")
    assert words in str(made)
    assert words in str(applied)


def test_field_validation(api: InProcess) -> None:
    strange = b'{"metadata": {"name": "a"}, "dat": {}, "data": {"a": "1", "a": "2"}}'
    error = refused(api, "POST", f"{CONFIG_MAPS}?fieldValidation=Strict", strange)
    assert 'unknown field "dat", duplicate field "data.a"' in str(error)
    warned = api.answer("POST", f"{CONFIG_MAPS}?dryRun=All", strange)
    assert warned.warnings == ('unknown field "dat"', 'duplicate field "data.a"')
    quiet = api.answer("POST", f"{CONFIG_MAPS}?fieldValidation=Ignore", strange)
    assert (quiet.status, quiet.warnings) == (201, ())
    assert "dat" not in msgspec.json.decode(quiet.body)


def test_dry_runs_change_nothing(api: InProcess) -> None:
    api.config_map("a")
    revision = api.store.revision
    assert api.create(f"{CONFIG_MAPS}?dryRun=All", {"metadata": {"name": "b"}})["metadata"]["uid"]
    assert api.merge(f"{CONFIG_MAPS}/a?dryRun=All", {"data": {"x": "1"}})["data"] == {"x": "1"}
    assert api.delete(f"{CONFIG_MAPS}/a?dryRun=All")["status"] == "Success"
    assert api.store.revision == revision


def test_optimistic_locking(api: InProcess) -> None:
    made = api.config_map("a")
    api.update(f"{CONFIG_MAPS}/a", made | {"data": {"x": "1"}})
    error = refused(api, "PUT", f"{CONFIG_MAPS}/a", made)
    assert (error.code, error.reason) == (409, "Conflict")
    assert "the object has been modified; please apply your changes" in str(error)
    for strange in ("x", "9" * 5000):
        numbered = {"metadata": {"name": "a", "resourceVersion": strange}}
        error = refused(api, "PUT", f"{CONFIG_MAPS}/a", numbered)
        assert (error.code, "strconv.ParseUint: parsing" in str(error)) == (500, True)
    free = {"metadata": {"name": "a"}, "data": {"x": "2"}}
    assert api.update(f"{CONFIG_MAPS}/a", free)["data"] == {"x": "2"}
    stranger = {"metadata": {"name": "a", "uid": "u"}}
    assert "Precondition failed: UID" in str(refused(api, "PUT", f"{CONFIG_MAPS}/a", stranger))


def test_a_write_that_changes_nothing_is_none(api: InProcess) -> None:
    made = api.config_map("a", x="1")
    api.clock += 100
    assert api.update(f"{CONFIG_MAPS}/a", made) == made
    assert api.merge(f"{CONFIG_MAPS}/a", {"data": {"x": "1"}}) == made


def test_patches(api: InProcess) -> None:
    api.config_map("a", x="1")
    path = f"{CONFIG_MAPS}/a"
    ops = [{"op": "add", "path": "/data/y", "value": "2"}]
    made = api.ask("PATCH", path, ops, content_type="application/json-patch+json")
    assert made["data"] == {"x": "1", "y": "2"}
    strategic = "application/strategic-merge-patch+json"
    made = api.ask("PATCH", path, {"data": {"x": None}}, content_type=strategic)
    assert made["data"] == {"y": "2"}
    bad = refused(api, "PATCH", path, {"data": {"x": 1}}, content_type=strategic)
    assert (bad.code, "cannot unmarshal number" in str(bad)) == (422, True)
    assert refused(api, "PATCH", path, {}, content_type="application/json").code == 415


def test_server_side_apply(api: InProcess) -> None:
    applied: dict[str, Any] = {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"},
    }  # fmt: skip
    sort = "application/apply-patch+yaml"
    path = f"{CONFIG_MAPS}/a"
    assert "fieldManager" in str(refused(api, "PATCH", path, applied, content_type=sort))
    one = api.answer("PATCH", f"{path}?fieldManager=one", applied, content_type=sort)
    assert one.status == 201
    other = applied | {"data": {"x": "2"}}
    error = refused(api, "PATCH", f"{path}?fieldManager=two", other, content_type=sort)
    assert (error.code, error.status["details"]["causes"][0]["reason"]) == (
        409, "FieldManagerConflict",
    )  # fmt: skip
    made = api.ask("PATCH", f"{path}?fieldManager=two&force=1", other, content_type=sort)
    assert made["data"] == {"x": "2"}
    old = other | {"metadata": {"name": "a", "resourceVersion": "1"}}
    error = refused(api, "PATCH", f"{path}?fieldManager=two", old, content_type=sort)
    assert (error.code, "has been modified" in str(error)) == (409, True)
    for wrong in ({"resourceVersion": 1}, {"uid": 1}):
        numbers = other | {"metadata": {"name": "a", **wrong}}
        error = refused(api, "PATCH", f"{path}?fieldManager=two", numbers, content_type=sort)
        assert "expected string, got" in str(error)


def test_scale(api: InProcess) -> None:
    template = {
        "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]},
    }  # fmt: skip
    path = "/apis/apps/v1/namespaces/default/deployments"
    spec = {"replicas": 2, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    api.create(path, {"metadata": {"name": "web"}, "spec": spec})
    scale = api.get(f"{path}/web/scale")
    assert (scale["spec"], scale["status"]) == ({"replicas": 2}, {"replicas": 0, "selector": "a=b"})
    assert api.merge(f"{path}/web/scale", {"spec": {"replicas": 3}})["spec"] == {"replicas": 3}
    web = api.get(f"{path}/web")
    assert (web["spec"]["replicas"], web["metadata"]["generation"]) == (3, 2)
    assert refused(api, "PUT", f"{path}/web/scale", {"spec": {"replicas": -1}}).code == 422
    wrongs: list[Any] = [{"metadata": "x"}, {"spec": []}, {"spec": {"replicas": True}}]
    for wrong in wrongs:
        assert refused(api, "PUT", f"{path}/web/scale", wrong).code == 400
    assert api.ask("PUT", f"{path}/web/scale", {})["spec"] == {}


@pytest.fixture
def pod(api: InProcess) -> str:
    """The path of a Pod."""
    spec = {"containers": [{"name": "c", "image": "i"}]}
    api.create("/api/v1/namespaces/default/pods", {"metadata": {"name": "p"}, "spec": spec})
    return "/api/v1/namespaces/default/pods/p"


def test_logs_are_refused_in_words(api: InProcess, pod: str) -> None:
    error = refused(api, "GET", f"{pod}/log")
    assert (error.code, "no containers run here" in str(error)) == (400, True)


def test_a_pod_is_bound(api: InProcess, pod: str) -> None:
    target = {"target": {"kind": "Node", "name": "n"}}
    api.create(f"{pod}/binding?dryRun=All", target)
    assert "nodeName" not in api.get(pod)["spec"]
    api.create(f"{pod}/binding", target)
    assert api.get(pod)["spec"]["nodeName"] == "n"


def test_a_pod_is_evicted_as_is_said(api: InProcess, pod: str) -> None:
    api.create(f"{pod}/eviction?dryRun=All", {"metadata": {"name": "p"}})
    api.create(f"{pod}/eviction", {"deleteOptions": {"dryRun": ["All"]}})
    other = {"deleteOptions": {"preconditions": {"uid": "x"}}}
    assert refused(api, "POST", f"{pod}/eviction", other).code == 409
    assert api.get(pod)["kind"] == "Pod"
    api.create(f"{pod}/eviction", {})
    assert refused(api, "GET", pod).code == 404


def test_a_token_of_an_account(api: InProcess) -> None:
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    api.create(accounts, {"metadata": {"name": "sa"}})
    made = api.create(f"{accounts}/sa/token", {})
    assert made["spec"]["expirationSeconds"] == 3600
    user = api.api.context.tokens[made["status"]["token"]]
    assert user.name == "system:serviceaccount:default:sa"
    assert api.create(f"{accounts}/sa/token", {"spec": {"expirationSeconds": 600}})
    short = refused(api, "POST", f"{accounts}/sa/token", {"spec": {"expirationSeconds": 599}})
    assert (short.code, "less than 10 minutes" in str(short)) == (422, True)
    wrong = refused(api, "POST", f"{accounts}/sa/token", {"spec": {"expirationSeconds": "x"}})
    assert (wrong.code, "spec.expirationSeconds of type int64" in str(wrong)) == (400, True)


@pytest.mark.parametrize(
    ("subresource", "body", "code", "words"),
    [
        ("binding", {"target": "x"}, 400, "Binding.target of type v1.ObjectReference"),
        ("binding", {"target": {"name": 5}}, 400, "ObjectReference.target.name of type string"),
        ("binding", {"target": {}}, 500, "target.name: Required value"),
        ("binding", {"metadata": {"name": "q"}}, 400, "does not match name in Binding object"),
        ("eviction", {"deleteOptions": "x"}, 400, "Eviction.deleteOptions of type"),
        ("eviction", {"deleteOptions": {"dryRun": ["x"]}}, 422, 'Unsupported value: ["x"]'),
        ("eviction", {"metadata": {"name": "q"}}, 400, "does not match name in Eviction object"),
    ],
)  # fmt: skip
def test_bodies_of_subresources_that_are_refused(
    api: InProcess, pod: str, subresource: str, body: Any, code: int, words: str
) -> None:
    error = refused(api, "POST", f"{pod}/{subresource}", body)
    assert (error.code, words in str(error)) == (code, True), error


def test_custom_kinds_come_and_go(api: InProcess) -> None:
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "n": {"type": "integer"}}}}}  # fmt: skip
    version = {
        "name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }  # fmt: skip
    names = {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"}
    spec = {"group": "ex.org", "scope": "Namespaced", "names": names, "versions": [version]}
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    api.create(crds, {"metadata": {"name": "things.ex.org"}, "spec": spec})
    status = api.get(f"{crds}/things.ex.org")["status"]
    assert {one["type"]: one["status"] for one in status["conditions"]} == {
        "NamesAccepted": "True", "Established": "True",
    }  # fmt: skip
    path = "/apis/ex.org/v1/namespaces/default/things"
    head = {"apiVersion": "ex.org/v1", "kind": "Thing", "metadata": {"name": "t"}}
    thing = api.create(path, head | {"spec": {"n": 1}})
    assert thing["metadata"]["generation"] == 1
    changed = api.merge(f"{path}/t", {"spec": {"n": 2}})
    assert changed["metadata"]["generation"] == 2
    watch = api.watch(f"{path}?resourceVersion={api.store.revision}")
    api.delete(f"{crds}/things.ex.org")
    assert told(watch) == [("DELETED", "t")]
    assert watch.ended
    assert api.answer("GET", path).status == 404
