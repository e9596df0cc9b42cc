"""What a real kube-apiserver answered (truth/), and the same asked of our parts."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, NamedTuple

from feddns.apiserver import custom, decoding, defaults, kinds, validation
from feddns.apiserver.kinds import Kind, Registry
from feddns.apiserver.refusals import RequestRefused

Object = dict[str, Any]

TRUTH = Path(__file__).parent / "truth"


def read(name: str) -> Any:
    return json.loads((TRUTH / f"{name}.json").read_text())


def called(case: Object) -> str:
    """A name for a parametrised test."""
    sent = case.get("sent") or case.get("new") or case
    return f"{sent.get('kind', '')}-{json.dumps(sent.get('spec', sent))[:60]}"


class Answer(NamedTuple):
    """`made` is the object in the version that is kept; `message` is None when it is taken."""

    made: Object
    message: str | None
    causes: list[list[str]]
    warnings: list[str]


def kind_of(registry: Registry, obj: Object) -> Kind:
    found = registry.of_kind(*kinds.split(obj["apiVersion"]), obj["kind"])
    assert found, obj["kind"]
    return found


def ask(registry: Registry, sent: Object, uid: str = "uid", old: Object | None = None) -> Answer:
    """Create the object, or replace `old` by it, as `handling` does."""
    obj = copy.deepcopy(sent)
    kind = kind_of(registry, obj)
    stored = registry.stored_as(kind)
    warnings: list[str] = []
    try:
        warnings += [f"{text}" for text in decoding.decode(kind, obj)]
        obj = kinds.convert(obj, stored)
        if old is not None:
            old = copy.deepcopy(old)
            decoding.decode(stored, old)
        obj["metadata"].setdefault("uid", uid)
        if stored.namespaced:
            obj["metadata"].setdefault("namespace", "default")
        defaults.set_defaults(stored, obj)
        defaults.prepare(stored, obj, old)
        causes = validation.check(stored, obj, old)
        if causes:
            raise validation.refuse(stored, obj["metadata"].get("name", ""), causes)
    except RequestRefused as error:
        told = [[one.reason.removeprefix("FieldValue"), one.field] for one in error.causes]
        return Answer(obj, error.message, told, [])
    return Answer(obj, None, [], [*warnings, *validation.warnings(stored, obj)])


def with_widgets() -> tuple[Registry, list[Object]]:
    """A registry with the CRD of widgets.json, and what was asked of it."""
    truth, registry = read("widgets"), kinds.BUILTIN()
    crd = ask(registry, truth["crd"]).made
    crd["status"] = custom.accept(registry, crd, "2026-11-21T00:00:00Z")
    custom.install(registry, crd)
    return registry, truth["asked"]


def widget(spec: Object) -> Object:
    about = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "x"}}
    return {**about, "spec": spec}
