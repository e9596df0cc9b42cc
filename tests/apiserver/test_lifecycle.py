"""What becomes of objects: generation, status, deletion, owners, namespaces."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apiserver.inprocess import CONFIG_MAPS, InProcess, Refused

SERVICES = "/api/v1/namespaces/default/services"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
SPACES = "/api/v1/namespaces"


@pytest.fixture
def api() -> InProcess:
    return InProcess()


def deployment(name: str = "web") -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]},
    }  # fmt: skip
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    return {"metadata": {"name": name}, "spec": spec}


def owned(api: InProcess, name: str, *owners: Any, blocks: bool = False) -> Any:
    references = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"],
         "uid": owner["metadata"]["uid"], "blockOwnerDeletion": blocks}
        for owner in owners
    ]  # fmt: skip
    return api.create(CONFIG_MAPS, {"metadata": {"name": name, "ownerReferences": references}})


# --- generation and status -----------------------------------------------------------------------


def test_generation_counts_changes_of_the_spec(api: InProcess) -> None:
    made = api.create(DEPLOYMENTS, deployment() | {"status": {"replicas": 7}})
    assert (made["metadata"]["generation"], made["status"]) == (1, {})
    path = f"{DEPLOYMENTS}/web"
    assert api.merge(path, {"metadata": {"labels": {"x": "y"}}})["metadata"]["generation"] == 1
    assert api.merge(path, {"spec": {"replicas": 3}})["metadata"]["generation"] == 2
    status = api.merge(f"{path}/status", {"status": {"replicas": 3}, "spec": {"replicas": 9}})
    assert (status["status"], status["spec"]["replicas"]) == ({"replicas": 3}, 3)
    assert status["metadata"]["generation"] == 2
    kept = api.merge(path, {"status": {"replicas": 5}})
    assert kept["status"] == {"replicas": 3}


def test_what_is_the_servers_is_not_the_clients(api: InProcess) -> None:
    given = {
        "name": "a", "uid": "u", "creationTimestamp": "2020-01-01T00:00:00Z",
        "deletionTimestamp": "2020-01-01T00:00:00Z", "selfLink": "/x",
    }  # fmt: skip
    metadata = api.create(CONFIG_MAPS, {"metadata": given})["metadata"]
    assert metadata["uid"] != "u"
    assert metadata["creationTimestamp"].startswith("2026")
    assert not {"deletionTimestamp", "selfLink"} & set(metadata)
    changed = api.merge(
        f"{CONFIG_MAPS}/a", {"metadata": {"creationTimestamp": "2020-01-01T00:00:00Z"}}
    )
    assert changed["metadata"]["creationTimestamp"] == metadata["creationTimestamp"]


# --- deletion ------------------------------------------------------------------------------------


def test_what_has_finalizers_stays_until_they_are_gone(api: InProcess) -> None:
    api.create(CONFIG_MAPS, {"metadata": {"name": "a", "finalizers": ["ex.org/f"]}})
    path = f"{CONFIG_MAPS}/a"
    going = api.delete(path)["metadata"]
    assert (going["deletionGracePeriodSeconds"], "deletionTimestamp" in going) == (0, True)
    assert api.delete(path)["metadata"]["resourceVersion"] == going["resourceVersion"]
    with pytest.raises(Refused, match="no new finalizers can be added"):
        api.merge(path, {"metadata": {"finalizers": ["ex.org/f", "ex.org/g"]}})
    with pytest.raises(Refused, match="object is being deleted: configmaps"):
        api.config_map("a")
    api.merge(path, {"metadata": {"finalizers": None}})
    assert api.names() == []


def test_preconditions(api: InProcess) -> None:
    made = api.config_map("a")["metadata"]
    for given, words in (
        ({"uid": "x"}, "does not match the UID in record"),
        ({"resourceVersion": "1"}, "does not match the ResourceVersion in record"),
    ):
        with pytest.raises(Refused, match=words):
            api.delete(f"{CONFIG_MAPS}/a", {"preconditions": given})
    good = {"uid": made["uid"], "resourceVersion": made["resourceVersion"]}
    assert api.delete(f"{CONFIG_MAPS}/a", {"preconditions": good})["details"]["uid"] == made["uid"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"propagationPolicy": "X"}, 'Unsupported value: "X"'),
        ({"propagationPolicy": "Orphan", "orphanDependents": True}, "cannot be both set"),
        ({"kind": "X", "apiVersion": "v1"}, 'no kind "X" is registered'),
        ({"dryRun": ["All", "x"]}, r'dryRun: Unsupported value: \["All","x"\]'),
        ({"preconditions": "x"}, "^json: cannot unmarshal string into Go struct field DeleteOpt"),
        ({"gracePeriodSeconds": "x"}, "DeleteOptions.gracePeriodSeconds of type int64"),
    ],
)
def test_options_that_are_refused(api: InProcess, options: Any, words: str) -> None:
    api.config_map("a")
    with pytest.raises(Refused, match=words):
        api.delete(f"{CONFIG_MAPS}/a", options)


def test_options_of_the_query_count_where_there_is_no_body(api: InProcess) -> None:
    path = f"{CONFIG_MAPS}/a"
    api.config_map("a")
    with pytest.raises(Refused, match='dryRun: Unsupported value: \\["x"\\]'):
        api.delete(f"{path}?dryRun=x")
    with pytest.raises(Refused, match='Unsupported value: "X"'):
        api.delete(f"{path}?propagationPolicy=X")
    assert "finalizers" in api.delete(f"{path}?orphanDependents=1&dryRun=All")["metadata"]
    assert api.names() == ["a"]
    assert api.delete(f"{path}?propagationPolicy=Orphan&dryRun=All", {})["status"] == "Success"
    assert api.names() == []


def test_preconditions_of_collections(api: InProcess) -> None:
    api.config_map("a")
    with pytest.raises(Refused, match='on ConfigMap "a": the UID in the precondition'):
        api.delete(CONFIG_MAPS, {"preconditions": {"uid": "x"}})
    assert api.names() == ["a"]


def test_collections(api: InProcess) -> None:
    for name, app in (("a", "x"), ("b", "y"), ("c", "x")):
        api.create(CONFIG_MAPS, {"metadata": {"name": name, "labels": {"app": app}}})
    gone = api.delete(f"{CONFIG_MAPS}?labelSelector=app%3Dx")
    assert [item["metadata"]["name"] for item in gone["items"]] == ["a", "c"]
    assert api.names() == ["b"]


# --- owners --------------------------------------------------------------------------------------


def test_in_the_background_dependents_follow(api: InProcess) -> None:
    owner = api.config_map("owner")
    middle = owned(api, "middle", owner)
    owned(api, "leaf", middle)
    both = owned(api, "both", owner, api.config_map("other"))
    api.delete(f"{CONFIG_MAPS}/owner")
    assert api.names() == ["both", "other"]
    left = api.get(f"{CONFIG_MAPS}/both")["metadata"]["ownerReferences"]
    assert [one["name"] for one in left] == ["other"]
    assert len(both["metadata"]["ownerReferences"]) == 2


def test_orphans_stay(api: InProcess) -> None:
    owned(api, "dependent", api.config_map("owner"))
    api.delete(f"{CONFIG_MAPS}/owner", {"propagationPolicy": "Orphan"})
    assert api.names() == ["dependent"]
    assert "ownerReferences" not in api.get(f"{CONFIG_MAPS}/dependent")["metadata"]


def test_in_the_foreground_dependents_go_first(api: InProcess) -> None:
    owner = api.config_map("owner")
    owned(api, "free", owner)
    owned(api, "held", owner, blocks=True)
    api.merge(f"{CONFIG_MAPS}/held", {"metadata": {"finalizers": ["ex.org/f"]}})
    api.delete(f"{CONFIG_MAPS}/owner", {"propagationPolicy": "Foreground"})
    assert api.names() == ["held", "owner"]
    assert api.get(f"{CONFIG_MAPS}/owner")["metadata"]["finalizers"] == ["foregroundDeletion"]
    api.merge(f"{CONFIG_MAPS}/held", {"metadata": {"finalizers": None}})
    assert api.names() == []


@pytest.mark.parametrize("names", ["a", "ab", "abc"])
def test_in_the_foreground_nobody_waits_in_a_circle(api: InProcess, names: str) -> None:
    first = last = api.config_map(names[0])
    for name in names[1:]:
        last = owned(api, name, last, blocks=True)
    reference = {
        "apiVersion": "v1", "kind": "ConfigMap", "name": last["metadata"]["name"],
        "uid": last["metadata"]["uid"], "blockOwnerDeletion": True,
    }  # fmt: skip
    path = f"{CONFIG_MAPS}/{first['metadata']['name']}"
    api.merge(path, {"metadata": {"ownerReferences": [reference]}})
    api.delete(path, {"propagationPolicy": "Foreground"})
    assert api.names() == []


def test_in_the_foreground_a_chain_goes_from_its_end(api: InProcess) -> None:
    middle = owned(api, "middle", api.config_map("owner"), blocks=True)
    owned(api, "end", middle, blocks=True)
    api.merge(f"{CONFIG_MAPS}/end", {"metadata": {"finalizers": ["ex.org/f"]}})
    api.delete(f"{CONFIG_MAPS}/owner", {"propagationPolicy": "Foreground"})
    api.merge(f"{CONFIG_MAPS}/owner", {"metadata": {"labels": {"looked": "again"}}})
    assert api.names() == ["end", "middle", "owner"]
    api.merge(f"{CONFIG_MAPS}/end", {"metadata": {"finalizers": None}})
    assert api.names() == []


def test_in_the_foreground_who_has_another_owner_stays(api: InProcess) -> None:
    owner, other = api.config_map("owner"), api.config_map("other")
    owned(api, "both", owner, other, blocks=True)
    owned(api, "stray", owner, {"metadata": {"name": "none", "uid": "nobody"}})
    api.delete(f"{CONFIG_MAPS}/owner", {"propagationPolicy": "Foreground"})
    assert api.names() == ["both", "other"]
    left = api.get(f"{CONFIG_MAPS}/both")["metadata"]["ownerReferences"]
    assert [one["name"] for one in left] == ["other"]


def test_who_has_an_owner_that_never_was_goes(api: InProcess) -> None:
    owned(api, "stray", {"metadata": {"name": "none", "uid": "nobody"}})
    assert api.names() == []


# --- namespaces ----------------------------------------------------------------------------------


def test_the_first_namespaces(api: InProcess) -> None:
    assert api.names(SPACES) == ["default", "kube-node-lease", "kube-public", "kube-system"]
    for name in ("default", "kube-system", "kube-public"):
        with pytest.raises(Refused, match="this namespace may not be deleted"):
            api.delete(f"{SPACES}/{name}")


def test_a_namespace_goes_with_what_is_in_it(api: InProcess) -> None:
    made = api.create(SPACES, {"metadata": {"name": "t"}})
    assert (made["spec"], made["status"]) == ({"finalizers": ["kubernetes"]}, {"phase": "Active"})
    api.create(f"{SPACES}/t/configmaps", {"metadata": {"name": "a"}})
    api.create(f"{SPACES}/t/configmaps", {"metadata": {"name": "b", "finalizers": ["ex.org/f"]}})
    going = api.delete(f"{SPACES}/t")
    assert going["status"]["phase"] == "Terminating"
    assert api.names(f"{SPACES}/t/configmaps") == ["b"]
    told = api.get(f"{SPACES}/t")["status"]["conditions"]
    assert told[-1]["message"].endswith("ex.org/f in 1 resource instances")
    with pytest.raises(Refused, match="because it is being terminated") as caught:
        api.create(f"{SPACES}/t/configmaps", {"metadata": {"name": "c"}})
    assert caught.value.status["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    api.merge(f"{SPACES}/t/configmaps/b", {"metadata": {"finalizers": None}})
    assert "t" not in api.names(SPACES)
    with pytest.raises(Refused, match='namespaces "t" not found'):
        api.create(f"{SPACES}/t/configmaps", {"metadata": {"name": "c"}})


def test_a_namespace_that_is_held_itself_waits(api: InProcess) -> None:
    api.create(SPACES, {"metadata": {"name": "t", "finalizers": ["ex.org/f"]}})
    api.create(f"{SPACES}/t/configmaps", {"metadata": {"name": "a", "finalizers": ["ex.org/g"]}})
    api.delete(f"{SPACES}/t")
    assert held(api) == {"NamespaceContentRemaining", "NamespaceFinalizersRemaining"}
    api.clock += 60
    api.merge(f"{SPACES}/t/configmaps/a", {"metadata": {"finalizers": None}})
    left = api.get(f"{SPACES}/t")
    assert (left["spec"], left["metadata"]["finalizers"], held(api)) == ({}, ["ex.org/f"], set())
    times = {one["type"]: one["lastTransitionTime"] for one in left["status"]["conditions"]}
    assert times["NamespaceContentRemaining"] == "2026-01-01T00:01:00Z"
    assert times["NamespaceDeletionContentFailure"] == "2026-01-01T00:00:00Z"
    revision = api.store.revision
    assert not api.api.settle()
    assert api.store.revision == revision
    api.merge(f"{SPACES}/t", {"metadata": {"finalizers": None}})
    assert "t" not in api.names(SPACES)


def held(api: InProcess) -> set[str]:
    conditions = api.get(f"{SPACES}/t")["status"]["conditions"]
    return {one["type"] for one in conditions if one["status"] == "True"}


def test_without_tending_others_finalize() -> None:
    api = InProcess(tends=False)
    api.create(SPACES, {"metadata": {"name": "t"}})
    api.create(f"{SPACES}/t/configmaps", {"metadata": {"name": "a"}})
    api.delete(f"{SPACES}/t")
    assert api.names(f"{SPACES}/t/configmaps") == ["a"]
    api.update(f"{SPACES}/t/finalize", {"metadata": {"name": "t"}, "spec": {"finalizers": []}})
    assert "t" not in api.names(SPACES)
    owned(api, "dependent", owner := api.config_map("owner"))
    api.delete(f"{CONFIG_MAPS}/{owner['metadata']['name']}", {"propagationPolicy": "Orphan"})
    assert api.get(f"{CONFIG_MAPS}/owner")["metadata"]["finalizers"] == ["orphan"]


def test_events_are_forgotten_after_an_hour(api: InProcess) -> None:
    events = f"{SPACES}/default/events"
    about = {"kind": "ConfigMap", "name": "a", "namespace": "default"}
    api.create(events, {"metadata": {"name": "old"}, "involvedObject": about})
    api.clock = 1800
    api.create(events, {"metadata": {"name": "new"}, "involvedObject": about})
    api.clock = 3700
    api.api.keep_time()
    assert api.names(events) == ["new"]
