"""Who owns which field, row by row of the table; the real server is asked in test_differential."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddns.apiserver import apply, kinds, schema
from feddns.apiserver.apply import LAST_APPLIED, Manager
from feddns.apiserver.refusals import RequestRefused
from feddns.apiserver.schema import Type
from tests.apiserver.test_typed import OBJECT

Object = dict[str, Any]

_REGISTRY = kinds.BUILTIN()
CONFIGMAPS = _REGISTRY.find("", "v1", "configmaps")
DEPLOYMENTS = _REGISTRY.find("apps", "v1", "deployments")
assert CONFIGMAPS is not None
assert DEPLOYMENTS is not None
TYPE = schema.type_of(CONFIGMAPS)


def manager(name: str, operation: str = "Update", *, minute: int = 0, subresource: str = "",
            kind: kinds.Kind = CONFIGMAPS) -> Manager:  # fmt: skip
    time = f"2026-01-01T00:{minute:02}:00Z"
    return apply.manager(kind, name, operation, subresource=subresource, time=time)


def config(metadata: Object | None = None, **data: str | None) -> Object:
    head = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", **(metadata or {})}}
    return {**head, "data": data} if data else head


def stored(made: Object) -> Object:
    """As the server keeps it."""
    return {**made, "metadata": {**made["metadata"], "uid": "u"}}


def applied(live: Object | None, who: str, *, force: bool = False, minute: int = 0,
            **data: str) -> Object:  # fmt: skip
    by = manager(who, "Apply", minute=minute)
    return stored(apply.apply(live, config(**data), TYPE, by, force))


def owners(made: Object) -> dict[tuple[str, str], str]:
    """Manager and operation → the keys of the data that it owns, and + for the data itself."""
    return {
        (entry["manager"], entry["operation"]): "".join(
            sorted(key.removeprefix("f:") for key in entry["fieldsV1"].get("f:data", {}))
        ).replace(".", "+")
        for entry in made["metadata"].get("managedFields", ())
    }


# --- apply -------------------------------------------------------------------------------------


def test_an_applier_owns_what_it_applies_and_keys_not_their_map() -> None:
    assert owners(applied(None, "one", a="1")) == {("one", "Apply"): "a"}


def test_appliers_share_what_they_agree_on() -> None:
    made = applied(applied(None, "one", a="1"), "two", a="1", b="1")
    assert owners(made) == {("one", "Apply"): "a", ("two", "Apply"): "ab"}


def test_what_is_applied_no_more_goes_unless_another_has_it() -> None:
    made = applied(applied(None, "one", a="1", b="1", c="1"), "two", b="1")
    made = applied(made, "one", a="1")
    assert made["data"] == {"a": "1", "b": "1"}
    assert owners(made) == {("one", "Apply"): "a", ("two", "Apply"): "b"}


def test_what_an_updater_has_set_stays() -> None:
    made = applied(None, "one", a="1", b="1")
    changed = {**made, "data": {"a": "1", "b": "2", "c": "3"}}
    made = stored(apply.record(made, changed, TYPE, manager("two")))
    made = applied(made, "one", a="1")
    assert made["data"] == {"a": "1", "b": "2", "c": "3"}


def test_conflicts_are_told() -> None:
    made = applied(applied(None, "one", a="1", b="1"), "two", c="1")
    changed = {**made, "data": {**made["data"], "d": "1"}}
    made = stored(apply.record(made, changed, TYPE, manager("three")))
    with pytest.raises(RequestRefused) as refused:
        applied(made, "four", a="2")
    assert refused.value.status() == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": 'Apply failed with 1 conflict: conflict with "one": .data.a',
        "reason": "Conflict", "code": 409,
        "details": {"causes": [{"reason": "FieldManagerConflict",
                                "message": 'conflict with "one"', "field": ".data.a"}]},
    }  # fmt: skip
    with pytest.raises(RequestRefused) as refused:
        applied(made, "four", a="2", b="2", d="2")
    assert refused.value.message == (
        'Apply failed with 3 conflicts: conflicts with "one":\n- .data.a\n- .data.b\n'
        'conflicts with "three" using v1:\n- .data.d'
    )


def test_force_takes() -> None:
    made = applied(applied(None, "one", a="1", b="1"), "two", force=True, a="2")
    assert made["data"] == {"a": "2", "b": "1"}
    assert owners(made) == {("one", "Apply"): "b", ("two", "Apply"): "a"}


def test_what_was_there_before_the_first_apply_has_an_owner_then() -> None:
    made = applied(stored(config(a="1")), "one", b="1")
    assert owners(made) == {("before-first-apply", "Update"): "+a", ("one", "Apply"): "b"}


def test_the_time_is_of_the_last_change() -> None:
    made = applied(None, "one", a="1")
    same = applied(made, "one", minute=1, a="1")
    assert same["metadata"]["managedFields"] == made["metadata"]["managedFields"]
    changed = applied(made, "one", minute=1, a="2")
    assert changed["metadata"]["managedFields"][0]["time"] == "2026-01-01T00:01:00Z"


def test_times_are_kept_where_nothing_else_is_new() -> None:
    before = applied(None, "one", a="1")
    after = copy.deepcopy(before)
    after["metadata"]["managedFields"][0]["time"] = "2026-01-01T00:09:00Z"
    assert apply.keep_times(before, after) == before
    other = {**after, "data": {"a": "2"}}
    assert apply.keep_times(before, other) == other


def test_an_applier_of_nothing_owns_nothing() -> None:
    made = apply.apply(applied(None, "one", a="1"), config(), TYPE, manager("one", "Apply"), False)
    assert made["metadata"].get("managedFields") is None
    assert not made.get("data")
    assert made["metadata"]["name"] == "a"


# --- kubectl apply, the old and the new way ----------------------------------------------------


def _client_side(**data: str | None) -> Object:
    """An object that kubectl applied without --server-side."""
    said = json.dumps(config(**data))
    made = config({"annotations": {LAST_APPLIED: said}}, **data)
    return stored(apply.record(None, made, TYPE, manager("kubectl-client-side-apply")))


def test_kubectl_takes_what_it_had_applied_client_side() -> None:
    made = applied(_client_side(a="1", b="1"), "kubectl", a="2")
    assert made["data"] == {"a": "2", "b": "1"}
    text = made["metadata"]["annotations"][LAST_APPLIED]
    assert text == (
        '{"apiVersion":"v1","data":{"a":"2"},"kind":"ConfigMap","metadata":{"name":"a"}}\n'
    )


def test_others_do_not() -> None:
    with pytest.raises(RequestRefused, match=r"kubectl-client-side-apply\\?\" using v1: .data.a"):
        applied(_client_side(a="1"), "other", a="2")


def test_kubectl_does_not_take_what_another_changed_since() -> None:
    made = _client_side(a="1", b="1")
    changed = {**made, "data": {"a": "5", "b": "1"}}
    made = stored(apply.record(made, changed, TYPE, manager("other")))
    with pytest.raises(RequestRefused, match="1 conflict") as refused:
        applied(made, "kubectl", a="2", b="2")
    assert [cause.field for cause in refused.value.causes] == [".data.a"]


def test_the_annotation_goes_when_it_would_be_too_large() -> None:
    made = applied(_client_side(a="1"), "kubectl", a="x" * 300_000)
    assert LAST_APPLIED not in made["metadata"]["annotations"]


def test_the_annotation_stays_beside_an_applied_null() -> None:
    by = manager("kubectl", "Apply")
    given = config({"annotations": {"x": None}}, a="1")
    made = apply.apply(_client_side(a="1"), given, TYPE, by, False)
    assert made["metadata"]["annotations"]["x"] is None
    assert '"annotations":{"x":null}' in made["metadata"]["annotations"][LAST_APPLIED]


# --- what can be applied -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"kind": "Secret"}, 400, "invalid object type: /v1, Kind=Secret"),
        ({"apiVersion": "a/v1"}, 400, "invalid object type: a/v1, Kind=ConfigMap"),
        ({"metadata": {"name": "a", "managedFields": []}}, 400,
         "metadata.managedFields must be nil"),
        ({"dat": {}}, 500, "failed to create typed patch object (/a; /v1, Kind=ConfigMap): "
         ".dat: field not declared in schema"),
        ({"data": {"a": 1}, "immutable": "x"}, 500,
         "failed to create typed patch object (/a; /v1, Kind=ConfigMap): errors:\n"
         "  .data.a: expected string, got &value.valueUnstructured{Value:1}\n"
         "  .immutable: expected boolean, got &{x}"),
    ],
)  # fmt: skip
def test_configurations_that_are_none(change: Object, code: int, message: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        apply.apply(None, config() | change, TYPE, manager("one", "Apply"), False)
    assert (refused.value.code, refused.value.message) == (code, message)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "z", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["name", "zone", "value", "keyed", "set", "map", "free", "pair"]), inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
_OBJECTS = st.fixed_dictionaries(
    {"metadata": st.just({"name": "a"})},
    optional=dict.fromkeys(("keyed", "set", "map", "free", "pair", "whole", "plain"), _VALUES),
)
_TYPE = Type("object", {**OBJECT.fields, "metadata": Type(preserves_unknown=True)})


@given(_OBJECTS, _OBJECTS, _OBJECTS)
def test_whatever_is_written_is_kept_or_refused(one: Object, other: Object, third: Object) -> None:
    """Also objects that are not of their type, as validation comes later."""
    head = {"apiVersion": "v1", "kind": "Thing"}
    by = Manager("m", "Apply", "v1", kind="Thing")
    live = apply.record(None, head | one, _TYPE, by._replace(operation="Update"))
    live = apply.record(live, {**head, **other}, _TYPE, by._replace(operation="Update"))
    for wanted in (other, third, one):
        try:
            live = apply.apply(live, head | wanted, _TYPE, by, True)
        except RequestRefused as refused:
            live = live if refused.code == 500 else {}
        assert live["metadata"]["name"] == "a"


def test_nothing_that_is_given_is_changed() -> None:
    live, wanted = applied(None, "one", a="1", b="1"), config(a="2")
    kept = copy.deepcopy((live, wanted))
    apply.apply(live, wanted, TYPE, manager("two", "Apply"), True)
    apply.apply(live, wanted, TYPE, manager("one", "Apply"), False)
    apply.record(live, {**live, **wanted}, TYPE, manager("two"))
    assert (live, wanted) == kept


def test_defaults_filled_into_one_applied_object_are_in_no_other() -> None:
    """What a new object begins with is its own."""
    head = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}}
    by = manager("me", "Apply", kind=DEPLOYMENTS)
    first, second = (
        apply.apply(None, head, schema.type_of(DEPLOYMENTS), by, force=False) for _ in range(2)
    )
    first["spec"]["strategy"]["type"] = "RollingUpdate"
    assert second["spec"]["strategy"] == {}
    third = apply.apply(None, head, schema.type_of(DEPLOYMENTS), by, force=False)
    assert third["spec"]["strategy"] == {}
