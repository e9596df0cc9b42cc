"""The table of files: what a changed file does to the world."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feddns.events import Event, Gone, Put
from feddns.inventory import Refusal
from feddns.kube.resources import Role
from feddns.manifests.objects import FileTable
from feddns.nameservers import Nameservers


def service(name: str, address: str = "192.0.2.1", version: str = "v1") -> str:
    return (
        f"apiVersion: {version}\nkind: Service\nmetadata: {{name: {name}, namespace: ns}}\n"
        f"spec: {{clusterIP: {address}}}\n---\n"
    )


def piece(name: str, of: str) -> str:
    return (
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\n"
        f"metadata: {{name: {name}, namespace: ns, labels: {{kubernetes.io/service-name: {of}}}}}\n"
        "---\n"
    )


def told(events: list[Event]) -> list[str]:
    """`+name address` and `-name`, in order."""
    found = []
    for event in events:
        assert isinstance(event, Put | Gone)
        thing = event.object
        key = "/".join(part.decode() for part in thing.key[1:])  # type: ignore[union-attr]
        addresses = [".".join(map(str, a)) for a in getattr(thing, "addresses", ())]
        found.append(" ".join(["-" + key] if isinstance(event, Gone) else ["+" + key, *addresses]))
    return found


def configuration(name: str, federations: str, upstream: str = "") -> bytes:
    return (
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: kube-system}}\n"
        f"data: {{federations: '{federations}', upstreamNameservers: '{upstream}'}}\n"
    ).encode()


class Table(FileTable):
    def __init__(self, role: Role = Role.CLUSTER) -> None:
        super().__init__(role)

    def write(self, path: str, content: str | None) -> list[str]:
        return sorted(told(self.update(path, None if content is None else content.encode())))


def test_1_new_changed_and_equal() -> None:
    table = Table()
    assert table.write("a", service("x") + service("y")) == ["+x 192.0.2.1", "+y 192.0.2.1"]
    assert table.write("a", service("y") + service("x")) == []
    assert table.write("a", service("x", "192.0.2.2") + service("z")) == [
        "+x 192.0.2.2", "+z 192.0.2.1", "-y",
    ]  # fmt: skip


def test_2_gone() -> None:
    table = Table()
    table.write("a", service("x"))
    assert table.write("a", None) == ["-x"]
    assert table.write("a", None) == []
    assert table.paths() == []


@pytest.mark.parametrize("broken", ["kind: [", "hello", "apiVersion: v1", "\x01"])
def test_3_a_file_that_does_not_parse_keeps_its_objects(broken: str) -> None:
    table = Table()
    table.write("a", service("x"))
    assert table.write("a", service("new") + broken) == []
    (refusal,) = table.refusals()
    assert (refusal.path, refusal.line) == ("a", 6)
    assert str(refusal).startswith(f"a:{refusal.line}: ")
    assert table.counts().objects == {"Service": 1}
    assert table.write("a", service("y")) == ["+y 192.0.2.1", "-x"]
    assert table.refusals() == []


def test_4_a_refused_object_keeps_its_earlier_form() -> None:
    table = Table()
    table.write("a", service("x") + service("y"))
    assert table.write("a", service("x", "bad") + service("z", "bad") + service("w")) == [
        "+w 192.0.2.1", "-y",
    ]  # fmt: skip
    assert [(refusal.line, refusal.reason.split(":")[0]) for refusal in table.refusals()] == [
        (1, "Service ns/x"), (6, "Service ns/z"),
    ]  # fmt: skip
    assert table.write("a", service("x", "bad")) == ["-w"]
    assert table.write("a", service("x")) == []
    assert table.write("a", "") == ["-x"]


def test_5_the_last_path_counts() -> None:
    table = Table()
    assert table.write("b", service("x", "192.0.2.2")) == ["+x 192.0.2.2"]
    assert table.write("a", service("x", "192.0.2.1")) == []
    assert table.refusals() == [Refusal("a", 0, "Service ns/x: it is also in b, which counts")]
    assert table.write("c", service("x", "192.0.2.3")) == ["+x 192.0.2.3"]
    assert [refusal.path for refusal in table.refusals()] == ["a", "b"]
    assert table.write("a", service("x", "192.0.2.9")) == []
    assert table.write("c", None) == ["+x 192.0.2.2"]
    assert table.write("b", None) == ["+x 192.0.2.9"]
    assert table.refusals() == []
    assert table.write("a", service("x", "192.0.2.8")) == ["+x 192.0.2.8"]
    assert table.write("a", None) == ["-x"]


def test_5_equal_in_two_files_makes_no_event() -> None:
    table = Table()
    assert table.write("a", service("x")) == ["+x 192.0.2.1"]
    assert table.write("b", service("x")) == []
    assert table.write("a", None) == []
    assert table.write("b", None) == ["-x"]


def test_6_a_slice_of_another_service_now() -> None:
    table = Table()
    assert table.write("a", piece("x-1", of="x")) == ["+x/x-1"]
    assert told(table.update("a", piece("x-1", of="y").encode())) == ["-x/x-1", "+y/x-1"]
    assert told(table.update("b", piece("x-1", of="z").encode())) == ["-y/x-1", "+z/x-1"]
    assert told(table.update("b", None)) == ["-z/x-1", "+y/x-1"]


def test_7_the_later_of_one_file_counts() -> None:
    table = Table()
    assert table.write("a", service("x") + service("x", "192.0.2.2")) == ["+x 192.0.2.2"]


def test_counts() -> None:
    table = Table()
    deployment = "apiVersion: apps/v1\nkind: Deployment\n---\n"
    table.write("a", service("x") + deployment + piece("x-1", of="x") + deployment)
    table.write("b", deployment + service("y", "bad"))
    assert table.counts() == ({"Service": 1, "Slice": 1}, {"Deployment": 3}, 1)
    assert len(list(table.objects())) == 2


def test_the_federation_has_its_own_meaning() -> None:
    table = Table(Role.FEDERATION)
    table.update("a", service("x").encode())
    assert table.counts().objects == {"FederatedService": 1}


def test_steps_change_nothing_before_the_last() -> None:
    table = Table()
    steps = table.updating("a", service("x").encode() * 3)
    for _ in steps:
        assert table.counts().objects == {}
    assert table.counts().objects == {"Service": 1}


contents = st.none() | st.lists(
    st.builds(service, st.sampled_from("xyz"), st.sampled_from(["192.0.2.1", "192.0.2.2", "bad"]))
    | st.builds(piece, st.sampled_from(["p", "q"]), of=st.sampled_from("xy"))
    | st.just("kind: ["),
    max_size=3,
).map("".join)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), contents), max_size=12))
def test_the_events_lead_to_the_objects(changes: list[tuple[str, str | None]]) -> None:
    """Applied in order, the events give exactly what the table holds."""
    table = Table()
    world: dict[object, object] = {}
    for path, content in changes:
        for event in table.update(path, None if content is None else content.encode()):
            assert isinstance(event, Put | Gone)
            key = (type(event.object), event.object.key)
            if isinstance(event, Gone):
                assert world.pop(key) == event.object
            else:
                assert world.get(key) != event.object
                world[key] = event.object
        assert sorted(map(repr, world.values())) == sorted(map(repr, table.objects()))
    for path in "abc":
        table.update(path, None)
    assert list(table.objects()) == []
    assert table.refusals() == []


# --- the first reading ---------------------------------------------------------------------------


def _service(name: str, address: str) -> str:
    return (
        "---\napiVersion: v1\nkind: Service\n"
        f"metadata: {{name: {name}, namespace: default}}\nspec: {{clusterIP: {address}}}\n"
    )


def test_loading_gives_the_same_objects_as_an_update():
    text = "".join(_service(f"web-{i}", f"10.96.0.{i}") for i in range(1, 50)).encode()
    loaded, updated = FileTable(Role.CLUSTER), FileTable(Role.CLUSTER)
    events = [event for piece in loaded.loading("a.yaml", text) for event in piece]
    assert events == updated.update("a.yaml", text)
    assert list(loaded.objects()) == list(updated.objects())
    assert loaded.update("a.yaml", text) == []


def test_loading_a_file_that_breaks_off_takes_back_what_it_gave():
    table = FileTable(Role.CLUSTER)
    text = "".join(_service(f"web-{i}", f"10.96.0.{i}") for i in range(1, 50)) + "---\n{a: [\n"
    there: dict[object, object] = {}
    for piece in table.loading("a.yaml", text.encode()):
        for event in piece:
            if isinstance(event, Put):
                there[event.object.key] = event.object
            else:
                del there[event.object.key]
    assert there == {}
    assert list(table.objects()) == []
    assert len(table.refusals()) == 1


def test_loading_counts_the_later_of_two_in_one_file_and_the_last_of_two_files():
    table = FileTable(Role.CLUSTER)
    twice = (_service("web", "10.96.0.1") + _service("web", "10.96.0.2")).encode()
    list(table.loading("a.yaml", twice))
    list(table.loading("b.yaml", _service("web", "10.96.0.3").encode()))
    assert [thing.addresses for thing in table.objects()] == [(bytes([10, 96, 0, 3]),)]
    table.update("b.yaml", None)
    assert [thing.addresses for thing in table.objects()] == [(bytes([10, 96, 0, 2]),)]


def test_unwanted_kinds_are_passed_over_and_counted():
    table = FileTable(Role.CLUSTER, unwanted=["Pod"])
    pod = (
        b"apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: default}\n"
        b"status: {podIP: 10.244.0.1}\n"
    )
    assert table.update("a.yaml", pod) == []
    assert table.counts().ignored == {"Pod": 1}


def test_a_config_map_means_two_things() -> None:
    table = FileTable(Role.CLUSTER)
    both = configuration("kube-dns", "a=b.example", '["192.0.2.8"]')
    kinds = [type(event.object).__name__ for event in table.update("a", both)]  # type: ignore[union-attr]
    assert kinds == ["Federations", "Nameservers"]
    (event,) = table.update("a", configuration("kube-dns", "a=b.example"))
    assert event == Put(Nameservers())
    table.update("b", both)
    assert len(table.warnings()) == 1
    broken = both.replace(b"data: {", b"data: {stubDomains: 7, ")
    assert table.update("b", broken) == []
    assert len(list(table.objects())) == 2
    table.update("b", None)
    assert {type(event) for event in table.update("a", None)} == {Gone}
    assert list(table.objects()) == []


def test_the_name_of_the_config_map_is_a_setting() -> None:
    table = FileTable(Role.CLUSTER, config_map="kube-system/mine")
    assert table.update("a", configuration("kube-dns", "a=b.example")) == []
    assert len(table.update("b", configuration("mine", "a=b.example"))) == 2
