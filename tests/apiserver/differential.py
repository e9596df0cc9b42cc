"""Random writes against a real kube-apiserver and against `apply` and `patch`: both must agree.

    python -m tests.apiserver.differential [--seconds 600] [--seed 1]

Each sequence is the life of one object: created, applied by several managers, patched in three
ways, replaced, its status written.  Every step starts from what the real one has, so
one difference does not hide the next.  What must be equal: the object, its managedFields but for
times, and of a refusal the code, the reason, the message and the causes.

What the server itself sets (uid, generation, addresses) is taken over from the real answer.  Bodies
that validation refuses are left out: it is not asked here.
"""

from __future__ import annotations

import argparse
import copy
import functools
import json
import random
import ssl
import time
import urllib.error
import urllib.request
from typing import Any, NamedTuple

from feddns.apiserver import apply, custom, decoding, defaults, kinds, patch, schema
from feddns.apiserver.refusals import RequestRefused
from tests.apiserver import writes
from tests.apiserver.writes import Write
from tests.clusterprograms import ClusterFailed
from tests.realcluster import RealCluster

NAMESPACE = "differential"
_REGISTRY = kinds.BUILTIN()
custom.install(_REGISTRY, writes.CRD)
_FROM_REAL = (
    "uid", "resourceVersion", "creationTimestamp", "generation", "deletionTimestamp",
    "deletionGracePeriodSeconds",
)  # fmt: skip
_ALLOCATED = (
    "clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort",
    "allocateLoadBalancerNodePorts", "externalTrafficPolicy", "internalTrafficPolicy",
)  # fmt: skip


_KEPT_WITH_STATUS = {
    "Deployment": ("labels",),
    "Widget": ("labels", "annotations", "finalizers", "ownerReferences"),
}


class Answer(NamedTuple):
    code: int
    body: dict[str, Any]


class Difference(AssertionError):
    """The two do not agree; the text has the write, the object before, and both answers."""


def prepare(cluster: RealCluster) -> None:
    """The namespace and the CRD of the objects."""
    cluster.namespace(NAMESPACE)
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    cluster.request("POST", crds, writes.CRD)
    cluster.until(lambda: _is_served(cluster), "Widgets are served")


def _is_served(cluster: RealCluster) -> bool:
    try:
        cluster.request("GET", f"/apis/example.org/v1/namespaces/{NAMESPACE}/widgets")
    except ClusterFailed:
        return False
    return True


def sequence(cluster: RealCluster, seed: int) -> int:
    """The life of one object; how many steps were compared.  Raises `Difference`."""
    chance = random.Random(seed)
    kind = _REGISTRY.find(*chance.choice(writes.RESOURCES))
    assert kind is not None
    name = f"object-{seed}"
    try:
        return _live(cluster, kind, name, chance)
    finally:
        gone = {"metadata": {"finalizers": None}}
        _ask(cluster, kind, name, Write("PATCH", patch.MERGE_PATCH, gone))
        _ask(cluster, kind, name, Write("DELETE"))


def _live(cluster: RealCluster, kind: kinds.Kind, name: str, chance: random.Random) -> int:
    live, compared = None, 0
    for _ in range(chance.randint(4, 14)):
        write = writes.choose(chance, kind, name, live)
        real = _ask(cluster, kind, name, write)
        if not _left_out(real):
            _compare(kind, live, write, real)
            compared += 1
        if real.code < 300:
            live = real.body
    return compared


def _left_out(real: Answer) -> bool:
    """Refused by validation, or for a reason that is the store's."""
    if real.code == 422 and real.body.get("details", {}).get("causes"):
        return True
    if "duplicate nodePort" in real.body.get("message", ""):
        return True
    return real.code in (404, 409) and real.body.get("reason") != "Conflict"


def _ask(cluster: RealCluster, kind: kinds.Kind, name: str, write: Write) -> Answer:
    root = f"/apis/{kind.group}" if kind.group else "/api"
    path = f"{root}/{kind.version}/namespaces/{NAMESPACE}/{kind.plural}"
    if write.method != "POST":
        path += f"/{name}" + (f"/{write.subresource}" if write.subresource else "")
    query = f"?fieldManager={write.manager}" if write.manager else ""
    if write.force:
        query += "&force=true"
    request = urllib.request.Request(
        cluster.url + path + query, method=write.method,
        data=None if write.body is None else json.dumps(write.body).encode(),
        headers={"Authorization": "Bearer admin-token", "Content-Type": write.content_type},
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=20, context=_context(cluster)) as reply:
            return Answer(reply.status, json.load(reply))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, json.loads(error.read()))


@functools.cache
def _context(cluster: RealCluster) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(cluster.home / "certs/ca.crt"))


# --- ours --------------------------------------------------------------------------------------


def _ours(kind: kinds.Kind, live: dict[str, Any] | None, write: Write) -> dict[str, Any]:
    body, type_ = copy.deepcopy(write.body), schema.type_of(kind)
    assert body is not None or write.method == "GET"
    operation = "Apply" if write.content_type == patch.APPLY_PATCH else "Update"
    manager = apply.manager(
        kind, write.manager, operation, subresource=write.subresource, time="2026-01-01T00:00:00Z"
    )
    before = copy.deepcopy(live)
    if operation == "Apply":
        made = apply.apply(before, body, type_, manager, write.force)
    elif write.content_type == patch.JSON_PATCH:
        made = patch.json_patch(before, patch.read(json.dumps(body).encode(), write.content_type))
    elif write.content_type == patch.MERGE_PATCH:
        made = patch.merge(before, body)
    elif write.content_type == patch.STRATEGIC_MERGE_PATCH:
        made = patch.strategic(before, body, type_)
    else:
        made = body
    assert before == live, "the stored object was changed"
    made = copy.deepcopy(made)
    decoding.decode(kind, made)
    defaults.set_defaults(kind, made)
    if operation == "Update":
        made["metadata"].setdefault("namespace", NAMESPACE)
        made = apply.record(before, made, type_, manager)
    return made


def _compare(kind: kinds.Kind, live: dict[str, Any] | None, write: Write, real: Answer) -> None:
    try:
        ours = _ours(kind, live, write)
    except RequestRefused as refused:
        _same(live, write, _refusal(refused.status()), _refusal(real.body))
        return
    if real.code >= 300:
        _same(live, write, _shown(ours), _refusal(real.body))
        return
    _take_over(kind, write, ours, real.body)
    _same(live, write, _shown(ours), _shown(real.body))


def _take_over(kind: kinds.Kind, write: Write, ours: dict[str, Any], real: dict[str, Any]) -> None:
    """What the server sets or keeps, whatever a client writes."""
    for name in _FROM_REAL:
        ours["metadata"].pop(name, None)
        if name in real["metadata"]:
            ours["metadata"][name] = real["metadata"][name]
    ours["metadata"].setdefault("namespace", NAMESPACE)
    kept = "spec" if write.subresource == "status" else "status"
    ours.pop(kept, None)
    if kept in real:
        ours[kept] = copy.deepcopy(real[kept])
    if write.subresource == "status":
        for name in _KEPT_WITH_STATUS.get(kind.kind, ()):
            ours["metadata"].pop(name, None)
            if name in real["metadata"]:
                ours["metadata"][name] = real["metadata"][name]
    if kind.kind == "Service":
        _take_over_addresses(ours["spec"], real["spec"])


def _take_over_addresses(ours: dict[str, Any], real: dict[str, Any]) -> None:
    for name in _ALLOCATED:
        ours.pop(name, None)
        if name in real:
            ours[name] = real[name]
    for one, other in zip(ours.get("ports", ()), real.get("ports", ()), strict=False):
        one.pop("nodePort", None)
        if "nodePort" in other:
            one["nodePort"] = other["nodePort"]


def _shown(obj: dict[str, Any]) -> dict[str, Any]:
    shown = copy.deepcopy(obj)
    for entry in shown.get("metadata", {}).get("managedFields") or ():
        entry.pop("time", None)
    if shown.get("metadata", {}).get("managedFields"):
        shown["metadata"]["managedFields"].sort(key=lambda entry: json.dumps(entry, sort_keys=True))
    return shown


def _refusal(status: dict[str, Any]) -> dict[str, Any]:
    causes = status.get("details", {}).get("causes", [])
    message = status.get("message", "")
    return {
        "code": status.get("code"), "reason": status.get("reason", ""),
        "message": sorted(message.split("\n")),  # Go's maps have no order
        "causes": sorted(json.dumps(cause, sort_keys=True) for cause in causes),
    }  # fmt: skip


def _same(live: Any, write: Write, ours: Any, real: Any) -> None:
    if ours != real:
        parts = {"write": write._asdict(), "before": live, "ours": ours, "real": real}
        texts = [
            f"{name}:\n{json.dumps(part, indent=1, sort_keys=True)}" for name, part in parts.items()
        ]
        raise Difference("\n".join([*texts, "difference:", *_difference(ours, real)]))


def _difference(ours: Any, real: Any, path: str = "") -> list[str]:
    if isinstance(ours, dict) and isinstance(real, dict):
        names = sorted(ours.keys() | real.keys())
        return [
            line
            for name in names
            for line in _difference(ours.get(name, "-"), real.get(name, "-"), f"{path}.{name}")
        ]
    if isinstance(ours, list) and isinstance(real, list) and len(ours) == len(real):
        pairs = enumerate(zip(ours, real, strict=True))
        return [line for at, pair in pairs for line in _difference(*pair, f"{path}[{at}]")]
    return [] if ours == real else [f"{path}: ours {json.dumps(ours)}, real {json.dumps(real)}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all", action="store_true", help="go on after a difference")
    options = parser.parse_args()
    with RealCluster("differential") as cluster:
        prepare(cluster)
        seed, steps, bad, end = options.seed, 0, 0, time.monotonic() + options.seconds
        while time.monotonic() < end:
            try:
                steps += sequence(cluster, seed)
            except Difference as found:
                bad += 1
                print(f"--- seed {seed}\n{found}" if not options.all else f"--- seed {seed}")
                if options.all:
                    print("\n".join(str(found).split("difference:\n")[-1].splitlines()[:8]))
                else:
                    raise SystemExit(1) from found
            seed += 1
        print(f"{seed - options.seed} sequences, {steps} steps agree, {bad} sequences do not")


if __name__ == "__main__":
    main()
