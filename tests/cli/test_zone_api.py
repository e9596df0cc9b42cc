"""`feddns zone` with a federation's API: the embedded one, in a process of its own."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from feddns.providers import book, history, plan, zonetext
from feddns.providers.book import Entry
from feddns.providers.recordsets import Change, RecordSet, record_set
from tests.apiserver.conformance import servers
from tests.apiserver.conformance.servers import Server
from tests.cli import Ended, run
from tests.serving import EXAMPLES

ZONE = "example.com."
SYSTEM = "federation-system"
EUROPE = f"nginx.default.fellowship.svc.europe-west1.{ZONE}"
ANNOTATION = "federation.kubernetes.io/service-ingresses"
_CLUSTERS = "/apis/federation.feddns.dev/v1beta1/clusters"
_MAPS = f"/api/v1/namespaces/{SYSTEM}/configmaps"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with servers.embedded() as found:
        for name in ("shop", SYSTEM):
            found.make_namespace(name)
        for path in sorted((EXAMPLES / "federation").glob("*.yaml")):
            for document in yaml.safe_load_all(path.read_text()):
                for item in document.get("items", [document]):
                    put(found, item)
        yield found


def put(server: Server, item: dict[str, Any]) -> None:
    metadata = item["metadata"]
    metadata.pop("resourceVersion", None)
    path = _CLUSTERS
    if item["kind"] == "Service":
        path = f"/api/v1/namespaces/{metadata['namespace']}/services"
    made = server.request("POST", path, item)
    if item["kind"] == "Cluster":
        server.request(
            "PUT", f"{path}/{metadata['name']}/status", made | {"status": item["status"]}
        )


class World:
    """The API, and a zone in a file."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.file = server, folder / "zone"
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(json.dumps(server.kubeconfig("default")))

    def run(self, command: str, *arguments: str, kubeconfig: str = "") -> Ended:
        flags = []
        if command in ("plan", "apply", "rollback", "approve", "import"):
            flags = ["--federation-kubeconfig", kubeconfig or str(self.kubeconfig)]
        if command != "approve":
            flags += [
                "--zone-name", "example.com", "--dns-provider", "zonefile",
                "--dns-option", f"path={self.file}", "--federation-name", "fellowship",
            ]  # fmt: skip
        return run("zone", command, *flags, *arguments)

    def done(self, command: str, *arguments: str) -> str:
        ended = self.run(command, *arguments)
        assert (ended.status, ended.err) == (0, ""), ended
        return ended.out

    def content(self) -> dict[tuple[str, str], RecordSet]:
        found = zonetext.read(self.file.read_text(), ZONE)
        return {record.key: record for record in found.records}

    def maps(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.server.request("GET", _MAPS)["items"]
        return items

    @contextlib.contextmanager
    def annotated(self, text: str) -> Iterator[None]:
        """The Service nginx says so about its shards."""
        path = "/api/v1/namespaces/default/services/nginx"
        before = self.server.request("GET", path)
        changed = json.loads(json.dumps(before))
        changed["metadata"]["annotations"][ANNOTATION] = text
        self.server.request("PUT", path, changed)
        try:
            yield
        finally:
            latest = self.server.request("GET", path)
            latest["metadata"]["annotations"] = before["metadata"]["annotations"]
            self.server.request("PUT", path, latest)


@pytest.fixture
def world(server: Server, tmp_path: Path) -> Iterator[World]:
    yield World(server, tmp_path)
    for one in server.request("GET", _MAPS)["items"]:
        if one["metadata"]["name"].startswith("public-zone"):
            server.request("DELETE", f"{_MAPS}/{one['metadata']['name']}")


# --- plan, apply, rollback -----------------------------------------------------------------------


def test_the_zone_as_the_api_wants_it(world: World) -> None:
    ended = world.run("plan", "-o", "json")
    assert ended.status == 2
    proof = plan.from_json(ended.out).proof
    assert [source.name for source in proof] == ["services", "clusters"]
    assert all(source.is_complete and source.version for source in proof)
    world.done("apply")
    assert world.content()[EUROPE, "A"].values == ("198.51.100.43",)
    assert world.run("plan").status == 0


def test_what_is_done_is_in_the_history_of_the_api_and_can_be_rolled_back(world: World) -> None:
    world.done("apply")
    before = world.content()
    (first,) = book.History(world.maps()).applied()
    assert len(first.changes) == 35
    with world.annotated(
        '{"items":[{"cluster":"gce-asia-east1-a","items":[{"ip":"203.0.113.9"}]}]}'
    ):
        world.done("apply")
    assert world.content() != before
    assert len(list(book.History(world.maps()).applied())) == 2
    told = world.done("rollback", "--to", f"{first.time!r}")
    assert f"+ {EUROPE} 180 A 198.51.100.43" in told
    assert world.content() == before
    *_, last = book.History(world.maps()).applied()
    assert {change.why for change in last.changes} == {"rolled back"}
    assert history.rollback(first.time, book.History(world.maps()).applied()) == ()


def test_a_service_that_cannot_be_read_keeps_its_records(world: World) -> None:
    world.done("apply")
    before = world.content()
    with world.annotated("no JSON"):
        ended = world.run("plan")
        assert ended.status == 0, ended
        assert f"Service default/nginx: annotation {ANNOTATION}: " in ended.err
        assert world.run("apply").status == 0
    assert world.content() == before


def test_the_history_begins_with_its_namespace_only(world: World) -> None:
    """A namespace that is not there is said, after what was done to the zone."""
    ended = world.run("apply", "--federation-system-namespace", "nowhere")
    assert ended.status == 1
    assert "the zone was changed, but the history is not kept: " in ended.err
    assert world.content()[EUROPE, "A"].values == ("198.51.100.43",)


# --- approve -------------------------------------------------------------------------------------


def waiting(world: World) -> plan.Plan:
    """As the controllers write it."""
    record = record_set(EUROPE, "A", 180, ["198.51.100.43"])
    made = plan.of(ZONE, [Change(EUROPE, (record,), service="default/nginx", why="not wanted")])
    body = book.write(Entry(zone=ZONE, pending=made))
    there = {part: {key: text for key, text in body[part].items() if text} for part in body}
    world.server.request("POST", _MAPS, {"metadata": {"name": book.NAME}, **there})
    return made


def test_approve_writes_what_the_controllers_read(world: World) -> None:
    made = waiting(world)
    told = world.done("approve")
    assert told.splitlines()[0] == f"plan {made.id} of example.com.: 1 name, 0 held"
    assert f"- {EUROPE} 180 A 198.51.100.43" in told
    assert told.splitlines()[-1] == f"look at it, then: feddns zone approve {made.id}"
    (before,) = (one for one in world.maps() if one["metadata"]["name"] == book.NAME)
    assert book.approved(before) == ""
    assert world.done("approve", made.id) == (
        f"approved plan {made.id}; the controllers do it now\n"
    )
    (after,) = (one for one in world.maps() if one["metadata"]["name"] == book.NAME)
    assert book.approved(after) == made.id
    assert book.read(after).pending == made


def test_approve_of_what_does_not_wait(world: World) -> None:
    ended = world.run("approve", "0123456789ab")
    assert ended.status == 1
    assert "there is no ConfigMap public-zone in federation-system" in ended.err
    made = waiting(world)
    ended = world.run("approve", "0123456789ab")
    assert ended.status == 1
    assert f"plan 0123456789ab does not wait: {made.id} does; look at it" in ended.err
    assert all(book.approved(one) == "" for one in world.maps())
    path = f"{_MAPS}/{book.NAME}"
    there = world.server.request("GET", path)
    del there["data"]["plan"]
    world.server.request("PUT", path, there)
    assert world.done("approve") == "no plan waits\n"
    assert "plan 0123456789ab does not wait: none does" in world.run("approve", "0123456789ab").err


# --- an API that cannot be asked -----------------------------------------------------------------


@pytest.mark.parametrize("command", ["plan", "apply", "approve"])
def test_an_api_that_says_no_is_one_line_without_the_token(
    world: World, tmp_path: Path, command: str
) -> None:
    bad = world.server.kubeconfig("default")
    bad["users"][0]["user"]["token"] = "s3cret-token"
    path = tmp_path / "bad"
    path.write_text(json.dumps(bad))
    ended = world.run(command, kubeconfig=str(path))
    assert ended.status == 1
    assert ended.err.count("\n") == 1
    assert "401 Unauthorized" in ended.err
    assert "s3cret-token" not in ended.err + ended.out
    bad["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    path.write_text(json.dumps(bad))
    ended = world.run(command, kubeconfig=str(path))
    assert (ended.status, ended.err.count("\n")) == (1, 1), ended
    assert str(path) in ended.err
    assert "s3cret-token" not in ended.err
