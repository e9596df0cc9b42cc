"""The informer's table of states, and that it ends where the API is, whatever happens between."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feddns.events import Event, Gone, Put
from feddns.kube import resources
from feddns.kube.informer import (
    CONNECTION_WAIT,
    FORBIDDEN,
    LISTING,
    LONGEST_WAIT,
    PAGE,
    SILENT_START,
    WAITING,
    WATCHING,
    Abilities,
    Informer,
    Resource,
)
from feddns.kube.resources import Role
from feddns.kube.table import Table
from feddns.services import Service

LIST = f"/api/v1/services?limit={PAGE}"

SERVICES = Resource("v1", "services")
KIND = resources.KINDS[Role.CLUSTER]["v1", "Service"]


def informer(*, watch_list: bool = False) -> Informer:
    return Informer(SERVICES, Table(KIND), Abilities(watch_list, first_list=watch_list))


def service(name: str, address: str = "192.0.2.1", version: str = "1", **more: Any) -> Any:
    metadata = {"name": name, "namespace": "ns", "resourceVersion": version}
    return {"metadata": metadata, "spec": {"clusterIP": address}, **more}


def page(*items: Any, version: str = "10", more: str = "") -> bytes:
    metadata = {"resourceVersion": version, "continue": more}
    return json.dumps({"metadata": metadata, "items": list(items)}).encode()


def line(kind: str, item: Any) -> bytes:
    return json.dumps({"type": kind, "object": item}).encode() + b"\n"


def bookmark(version: str, *, ends: bool = False) -> bytes:
    annotations = {"k8s.io/initial-events-end": "true"} if ends else {}
    metadata = {"resourceVersion": version, "annotations": annotations}
    return line("BOOKMARK", {"kind": "Service", "metadata": metadata, "spec": {}})


def error(code: int, message: str = "no") -> bytes:
    status = {"kind": "Status", "metadata": {}, "status": "Failure", "code": code}
    return line("ERROR", {**status, "message": message})


def told(events: list[Event]) -> list[str]:
    """`+name` for a Put, `-name` for a Gone."""
    said = []
    for event in events:
        assert isinstance(event, Put | Gone)
        assert isinstance(event.object, Service)
        said.append(("+" if isinstance(event, Put) else "-") + event.object.name.decode())
    return said


def answer(one: Informer, body: bytes, now: float = 0.0) -> list[Event]:
    """A whole answer of status 200 to the next request."""
    one.request(now, 0.0)
    one.accepted(now)
    return one.data(body, now) + one.ended(now)


def watching(now: float = 0.0) -> Informer:
    """An informer that has listed `a` and `b` and watches from version 10."""
    one = informer()
    assert told(answer(one, page(service("a"), service("b")), now)) == ["+a", "+b"]
    one.request(now, 0.0)
    one.accepted(now)
    assert one.phase == WATCHING
    return one


# --- lists ---------------------------------------------------------------------------------------


def test_a_list_comes_in_pages_and_a_watch_follows_from_its_version() -> None:
    one = informer()
    assert one.request(0, 0).target == LIST
    one.accepted(0)
    assert told(one.data(page(service("a"), more="x/y"), 0) + one.ended(0)) == ["+a"]
    assert (one.phase, one.is_complete, one.due) == (LISTING, False, 0)
    assert one.request(0, 0).target == f"/api/v1/services?limit={PAGE}&continue=x%2Fy"
    one.accepted(0)
    assert told(one.data(page(service("b"), version="12"), 0) + one.ended(0)) == ["+b"]
    assert one.is_complete
    request = one.request(0, 0.5)
    assert request.target == (
        "/api/v1/services?watch=true&allowWatchBookmarks=true&timeoutSeconds=270&resourceVersion=12"
    )
    assert (request.watch, request.silence) == (True, 300)


def test_one_object_is_asked_for_by_its_name() -> None:
    place = Resource("v1", "configmaps", "kube-system", "kube-dns")
    one = Informer(place, Table(KIND), Abilities(False))
    assert one.request(0, 0).target == (
        f"/api/v1/namespaces/kube-system/configmaps?fieldSelector=metadata.name%3Dkube-dns&limit={PAGE}"
    )


def test_a_page_in_pieces() -> None:
    one = informer()
    one.request(0, 0)
    one.accepted(0)
    for octet in page(service("a")):
        assert one.data(bytes([octet]), 0) == []
    assert told(one.ended(0)) == ["+a"]


def test_a_list_again_tells_only_what_changed_and_what_is_gone() -> None:
    one = watching()
    one.data(error(410), 1)
    assert one.cut
    one.failed("closed", 1)
    assert (one.due, one.phase, len(one.table)) == (1, LISTING, 2)
    body = page(service("b", version="99"), service("c"), more="t")
    assert told(answer(one, body, 1)) == ["+c"]
    assert len(one.table) == 3
    assert told(answer(one, page(service("d")), 1)) == ["+d", "-a"]


def test_410_in_the_middle_of_a_list_starts_it_over() -> None:
    one = watching()
    one.refused(410, "", 0, 1)
    answer(one, page(service("a"), more="t"), 1)
    one.request(1, 0)
    one.refused(410, "expired", 0, 1)
    assert one.due == 1.25
    assert "continue" not in one.request(2, 0).target
    one.accepted(2)
    assert told(one.data(page(service("b")), 2) + one.ended(2)) == ["-a"]


def test_a_cut_list_goes_on_where_it_was() -> None:
    one = informer()
    answer(one, page(service("a"), more="t"))
    one.request(0, 0)
    one.failed("cut", 0)
    assert one.phase == WAITING
    assert one.request(1, 0).target.endswith("continue=t")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"metadata": 1}', page()[:-3]])
def test_a_list_that_is_none_is_asked_for_again_later(body: bytes) -> None:
    one = informer()
    assert answer(one, body) == []
    assert (one.phase, one.due, one.errors["garbled"]) == (WAITING, 0.25, 1)
    assert told(answer(one, page(service("a")), 1)) == ["+a"]


def test_a_bad_object_of_a_page_is_refused_alone() -> None:
    one = informer()
    bad = {"metadata": {"name": "bad", "namespace": "ns"}, "spec": {"clusterIP": 7}}
    worse = {"metadata": {"name": ["?"]}}
    assert told(answer(one, page(service("a"), bad, worse, service("b")))) == ["+a", "+b"]
    assert one.is_complete
    assert [reason.partition(":")[0] for reason in one.table.refusals()] == [
        "Service ns/bad",
        "Service (unnamed)",
    ]


# --- watch-list ----------------------------------------------------------------------------------


def test_a_watch_that_begins_with_everything() -> None:
    one = informer(watch_list=True)
    request = one.request(0, 0)
    assert request.target == (
        "/api/v1/services?watch=true&allowWatchBookmarks=true&timeoutSeconds=240"
        "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    )
    assert request.silence == SILENT_START
    one.accepted(0)
    first = one.data(line("ADDED", service("a")) + bookmark("5"), 0)
    assert (told(first), one.phase, one.is_complete) == (["+a"], LISTING, False)
    assert one.data(bookmark("9", ends=True), 1) == []
    assert (one.phase, one.is_complete, one.version) == (WATCHING, True, "9")
    assert not one.is_silent(200)
    assert told(one.data(line("DELETED", service("a", version="10")), 2)) == ["-a"]
    one.ended(240)
    assert one.request(240, 0).target.endswith("resourceVersion=10")


def test_a_watch_list_after_410_sweeps() -> None:
    one = informer(watch_list=True)
    everything = line("ADDED", service("a")) + line("ADDED", service("b"))
    answer_begins(one, everything + bookmark("9", ends=True))
    one.data(error(410), 1)
    one.ended(1)
    answer_begins(one, line("ADDED", service("b", "192.0.2.2")) + line("ADDED", service("c")))
    assert len(one.table) == 3
    # what is deleted before the end was never there
    events = one.data(line("DELETED", service("c")) + bookmark("20", ends=True), 1)
    assert told(events) == ["-c", "-a"]


def test_the_first_reading_is_by_pages_and_the_next_by_watch_list() -> None:
    one = Informer(SERVICES, Table(KIND), Abilities())
    assert one.request(0, 0).target == LIST
    one.accepted(0)
    one.data(page(service("a"), version="10"), 0)
    one.ended(0)
    answer_begins(one, error(410))
    one.ended(1)
    assert "sendInitialEvents=true" in one.request(60, 0).target


def answer_begins(one: Informer, body: bytes) -> list[Event]:
    one.request(1, 0)
    one.accepted(1)
    return one.data(body, 1)


@pytest.mark.parametrize("status", [400, 405, 422])
def test_a_server_without_it_is_asked_for_pages(status: int) -> None:
    abilities = Abilities(first_list=True)
    one, other = (Informer(SERVICES, Table(KIND), abilities) for _ in range(2))
    one.request(0, 0)
    one.refused(status, "resourceVersionMatch is forbidden for watch", 0, 0)
    assert (one.due, one.notes) == (0, [])
    assert one.request(0, 0).target == other.request(0, 0).target == LIST


def test_a_server_that_never_ends_the_beginning() -> None:
    one = informer(watch_list=True)
    answer_begins(one, line("ADDED", service("a")))
    assert not one.is_silent(1 + SILENT_START)
    assert one.is_silent(2 + SILENT_START)
    one.failed("silent", 2 + SILENT_START)
    assert one.request(20, 0).target == LIST

    one = informer(watch_list=True)
    answer(one, line("ADDED", service("a")))
    assert one.request(20, 0).target == LIST


def test_a_beginning_that_is_cut_is_asked_for_again() -> None:
    one = informer(watch_list=True)
    answer_begins(one, line("ADDED", service("a")))
    one.failed("cut", 2)
    assert "sendInitialEvents" in one.request(3, 0).target


# --- watches -------------------------------------------------------------------------------------


def test_events_of_a_watch() -> None:
    one = watching()
    stream = (
        line("ADDED", service("c", version="11"))
        + line("MODIFIED", service("a", "192.0.2.9", "12"))
        + line("DELETED", service("b", version="13"))
        + bookmark("20")
    )
    events = [event for octet in stream for event in one.data(bytes([octet]), 5)]
    assert told(events) == ["+c", "+a", "-b"]
    assert (one.version, one.last_event, one.last_bookmark) == ("20", 5, 5)


def test_a_change_that_means_nothing_is_no_event() -> None:
    one = watching()
    before = list(one.table.objects())
    changed = service("a", version="11", status={"loadBalancer": {}})
    changed["metadata"]["annotations"] = {"who": "cares"}
    assert one.data(line("MODIFIED", changed), 0) == []
    assert (list(one.table.objects()), one.version) == (before, "11")


def test_a_watch_that_ends_goes_on_at_once_without_a_list() -> None:
    one = watching()
    one.data(bookmark("15"), 100)
    assert one.ended(240) == []
    assert (one.due, one.phase) == (240, WATCHING)
    assert one.request(240, 0).target.endswith("resourceVersion=15")
    assert one.lists == 1


def test_a_watch_that_ends_at_once_with_nothing_waits() -> None:
    one = watching()
    one.ended(0.1)
    assert (one.due, one.phase) == (0.35, WAITING)


def test_a_short_watch_that_gave_something_is_no_failure() -> None:
    one = watching()
    one.data(bookmark("15"), 0.2)
    one.ended(0.3)
    assert (one.due, one.phase, one.errors.total()) == (0.55, WATCHING, 0)


def test_a_bad_object_of_a_watch_is_refused_alone() -> None:
    one = watching()
    bad = service("a", version="11")
    bad["spec"]["ports"] = "none"
    assert one.data(line("MODIFIED", bad) + line("ADDED", service("c")), 0) != []
    assert not one.cut
    assert one.table.refusals()[0].startswith("Service ns/a: spec.ports: ")
    assert len(one.table) == 3
    (report,) = one.table.reports
    assert (report.metadata.name, len(report.reasons)) == ("a", 1)
    assert told(one.data(line("DELETED", bad), 0)) == ["-a"]
    assert one.table.refusals() == []


@pytest.mark.parametrize("garbage", [b"<html>\n", b"{}\n", b'{"type": "ADDED"\n', b"[1]\n"])
def test_a_line_that_is_no_event_ends_the_watch_and_lists(garbage: bytes) -> None:
    one = watching()
    assert told(one.data(garbage + line("ADDED", service("c")), 0)) == []
    assert one.cut
    one.failed("closed", 0)
    assert (one.phase, one.due) == (WAITING, 0.25)
    assert one.request(1, 0).target == LIST


def test_garbage_again_and_again_waits_longer() -> None:
    one = watching()
    dues = []
    for _ in range(9):
        one.data(b"?\n", 0)
        one.failed("closed", 0)
        dues.append(one.due)
        answer(one, page(service("a")))
        one.request(0, 0)
        one.accepted(0)
    assert dues == [0.25, 0.5, 1, 2, 4, 8, 15, 15, 15]


def test_an_event_without_an_end_is_cut() -> None:
    one = watching()
    for _ in range(17):
        one.data(b"x" * (1 << 20), 0)
    assert one.cut


def test_another_error_event_waits_and_lists() -> None:
    one = watching()
    one.data(error(500, "etcd"), 0)
    one.ended(0)
    assert (one.phase, one.due, one.last_error) == (
        WAITING,
        0.25,
        "the watch ended with status 500: etcd",
    )
    assert one.request(1, 0).target == LIST


def test_silence() -> None:
    one = watching()
    assert not one.is_silent(270)
    assert one.is_silent(271)
    one.data(bookmark("11"), 60)  # a server that sends bookmarks sends one a minute
    assert not one.is_silent(60 + 150)
    assert one.is_silent(60 + 151)
    one.failed("silent", 331)
    assert one.request(332, 0).target.endswith("resourceVersion=11")


# --- trouble -------------------------------------------------------------------------------------


def test_a_server_that_cannot_serve_is_given_more_time() -> None:
    one = informer()
    waits = []
    for _ in range(9):
        one.request(0, 1.0)
        one.refused(500, "etcd", 0.0, 0)
        waits.append(one.due)
    assert waits == [0.5, 1, 2, 4, 8, 16, LONGEST_WAIT, LONGEST_WAIT, LONGEST_WAIT]


def test_waiting_doubles_and_the_first_good_page_ends_it() -> None:
    one = informer()
    waits = []
    for _ in range(9):
        one.request(0, 1.0)
        one.failed("down", 0)
        waits.append(one.due)
    assert waits == [0.5, 1, 2, 4, CONNECTION_WAIT, CONNECTION_WAIT, 5, 5, 5]
    assert [note.text for note in one.notes] == ["down"]
    answer(one, page())
    assert one.notes[-1].text == "followed again"
    one.request(0, 1.0)
    one.failed("down", 0)
    assert one.due == 0.5


def test_chance_spreads_the_waiting() -> None:
    dues = set()
    for chance in (0.0, 0.3, 0.9):
        one = informer()
        one.request(0, chance)
        one.failed("down", 0)
        dues.add(round(one.due, 3))
    assert dues == {0.25, 0.325, 0.475}


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(status: int) -> None:
    one = informer()
    one.request(0, 0)
    one.refused(status, "slow down", 7, 100)
    assert (one.due, one.phase) == (107, WAITING)


def test_a_missing_rule_is_written_as_one_would_write_it() -> None:
    one = informer()
    for now in (0, 10, 20):
        one.request(now, 0)
        one.refused(403, "no", 0, now)
        assert (one.phase, one.is_forbidden, one.due - now >= 5) == (FORBIDDEN, True, True)
    (note,) = one.notes
    assert note.text == (
        "403 Forbidden; grant this account the rule "
        '{apiGroups: [""], resources: ["services"], verbs: [list, watch]}'
    )
    answer(one, page(service("a")), 40)
    assert not one.is_forbidden
    assert one.notes[-1].text == "followed again"


def test_the_resource_is_not_there() -> None:
    clusters = Resource("federation.feddns.dev/v1beta1", "clusters")
    one = Informer(clusters, Table(KIND), Abilities(first_list=True))
    assert one.request(0, 0).target.startswith("/apis/federation.feddns.dev/v1beta1/clusters?")
    one.refused(404, "", 0, 0)
    assert one.is_absent
    assert "CustomResourceDefinition clusters.federation.feddns.dev" in one.notes[0].text


def test_a_version_of_a_world_that_is_no_more() -> None:
    """Restored from a backup, the server waits for ever for a version that is still to come."""
    one = watching()
    for now in range(6):
        assert "resourceVersion=10" in one.request(now, 0).target
        one.refused(504, "Too large resource version", 0, now)
    assert one.request(60, 0).target == LIST


def test_an_outage_resumes_the_watch() -> None:
    one = watching()
    one.failed("cut", 50)
    assert (one.phase, one.unfollowed) == (WAITING, 50)
    one.request(51, 0)
    one.accepted(51)
    assert (one.phase, one.lists) == (WATCHING, 1)


# --- any history ---------------------------------------------------------------------------------

_NAMES = st.sampled_from(["a", "b", "c", "d"])
_CHANGES = st.tuples(st.just("change"), _NAMES, st.integers(0, 3))
_OTHERS = ["answer", "end", "cut", "410", "error", "bad"]
_STEPS = st.one_of(
    _CHANGES,
    _CHANGES,
    st.tuples(st.just("delete"), _NAMES, st.just(0)),
    st.tuples(st.sampled_from(_OTHERS), st.just(""), st.integers(1, 3)),
)


class Api:
    """A scripted API: its objects, its history, and the one answer that is under way."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self.history: list[tuple[int, str, Any]] = []
        self.version = 1
        self.oldest = 1

    def change(self, name: str, address: int) -> None:
        self.version += 1
        kind = "MODIFIED" if name in self.objects else "ADDED"
        self.objects[name] = service(name, f"192.0.2.{address}", str(self.version))
        self.history.append((self.version, kind, self.objects[name]))

    def delete(self, name: str) -> None:
        if name in self.objects:
            self.version += 1
            self.history.append((self.version, "DELETED", self.objects.pop(name)))

    def compact(self) -> None:
        self.version += 1
        self.oldest = self.version


class Run:
    """One informer against the API, step by step; `held` is the list that pages are cut from."""

    def __init__(self, watch_list: bool, size: int) -> None:
        self.api, self.one, self.now = Api(), informer(watch_list=watch_list), 0.0
        self.size = size
        self.events: list[Event] = []
        self.held: list[Any] = []
        self.held_version = 0
        self.sent: int | None = None

    def step(self) -> None:
        """Ask, and get as much of the answer as there is."""
        one, api = self.one, self.api
        self.now = max(self.now, one.due)
        if self.sent is None:
            target = one.request(self.now, 0.5).target
            if "watch=true" not in target:
                self.page("continue=" in target)
                return
            if "sendInitialEvents" in target:
                one.accepted(self.now)
                self.sent = api.version
                body = b"".join(line("ADDED", item) for item in api.objects.values())
                self.take(body + bookmark(str(api.version), ends=True))
                return
            since = int(target.rpartition("=")[2])
            if since < api.oldest:
                one.refused(410, "too old", 0, self.now)
                return
            one.accepted(self.now)
            self.sent = since
        new = [entry for entry in api.history if entry[0] > self.sent]
        self.sent = max([self.sent, *(entry[0] for entry in new)])
        self.take(b"".join(line(kind, item) for _, kind, item in new))

    def page(self, continued: bool) -> None:
        one, api = self.one, self.api
        if not continued:
            self.held, self.held_version = list(api.objects.values()), api.version
        elif self.held_version < api.oldest:
            one.refused(410, "continue token expired", 0, self.now)
            return
        items, self.held = self.held[: self.size], self.held[self.size :]
        one.accepted(self.now)
        body = page(*items, version=str(self.held_version), more="more" if self.held else "")
        self.events += one.data(body, self.now) + one.ended(self.now)

    def take(self, body: bytes) -> None:
        half = len(body) // 2
        self.events += self.one.data(body[:half], self.now)
        self.events += self.one.data(body[half:], self.now)
        if self.one.cut:
            self.stop()

    def stop(self) -> None:
        if self.sent is not None:
            self.sent = None
            self.one.failed("cut", self.now)

    def trouble(self, what: str) -> None:
        if what == "410":
            self.api.compact()
        if self.sent is None:
            return
        if what == "end":
            self.sent = None
            self.events += self.one.ended(self.now)
        elif what == "cut":
            self.stop()
        elif what != "410":
            self.take({"error": error(500), "bad": b"no JSON\n"}[what])
        else:
            self.take(error(410))


@settings(deadline=None, max_examples=200)
@given(st.booleans(), st.integers(1, 3), st.lists(_STEPS, max_size=40))
def test_it_ends_where_the_api_is(watch_list: bool, size: int, steps: list[Any]) -> None:
    run = Run(watch_list, size)
    for what, name, number in steps:
        if what == "change":
            run.api.change(name, number)
        elif what == "delete":
            run.api.delete(name)
        elif what == "answer":
            for _ in range(number):
                run.step()
        else:
            run.trouble(what)
    for _ in range(12):
        run.step()
    expected = {
        name: KIND.convert(KIND.decode(json.dumps(item).encode()), []).addresses
        for name, item in run.api.objects.items()
    }
    told_of: dict[str, Any] = {}
    for event in run.events:
        assert isinstance(event, Put | Gone)
        thing = event.object
        assert isinstance(thing, Service)
        if isinstance(event, Put):
            assert told_of.get(thing.name.decode()) != thing.addresses, "no event without a change"
            told_of[thing.name.decode()] = thing.addresses
        else:
            assert told_of.pop(thing.name.decode()) == thing.addresses
    kept = [decode(encoded) for encoded in run.one.table.objects()]
    assert told_of == expected
    assert {thing.name.decode(): thing.addresses for thing in kept} == expected
    assert len(run.one.table) == len(expected)


def decode(encoded: bytes) -> Service:
    return msgspec.msgpack.decode(encoded, type=Service)
