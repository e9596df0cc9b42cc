"""A federated object → the body of its copies, and whether a copy is as it.

    part                               in the body
    metadata.name, namespace, labels   as they are, and the label `federation.feddns.dev/federation`
    metadata.annotations               all but service-ingresses, kubectl's last-applied, those that
                                       speak to the controllers; and two marks:
                                       applied, a hash of the body, so that a removal is seen, too;
                                       origin, which API's object of which uid it is
    the kind's fields (`kinds`)        as they are; null is nothing
    Service spec.clusterIP             None (headless) only; else the member's
    Service spec.clusterIPs            never
    ipFamilies, ipFamilyPolicy,        when a user set them: `managedFields` names whoever did, and
    healthCheckNodePort, nodePorts     nobody where the federation's API chose the value
    status, finalizers, ownerReferences, everything else    never

What is not sent stays the member's: server-side apply leaves it.  An API server keeps node ports
by port number, and by name when the number changes, so they are not sent either (tried on
kube-apiserver 1.36: reordered, renamed, renumbered, all keep theirs).

A copy is as wanted when it has the hash and every wanted value; or when it has what the API made
of them at the last apply (`settled`): an API may write a value in its own way.

Pure.  Called by the reconcilers, and by `executor` for `fingerprint`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from controllers import conditions
from controllers.kinds import NAMESPACES, Propagated
from controllers.world import Json, Key, World
from feddns.healthwatch import probe
from feddns.kube.federation import INGRESSES, TTL, WHEN_NONE_HEALTHY

LABEL = "federation.feddns.dev/federation"
APPLIED = "federation.feddns.dev/applied"
ORIGIN = "federation.feddns.dev/origin"
ADOPT = "federation.feddns.dev/adopt"
SHARDS = "federation.feddns.dev/shards"
PROBE = probe.ANNOTATION

_KEPT_HERE = frozenset(
    {
        INGRESSES, conditions.STATUS, APPLIED, ORIGIN, ADOPT, SHARDS, PROBE,
        TTL, WHEN_NONE_HEALTHY,
        "kubectl.kubernetes.io/last-applied-configuration",
        "deprecated.daemonset.template.generation",
    }
)  # fmt: skip
_SET_BY_USERS = ("ipFamilies", "ipFamilyPolicy", "healthCheckNodePort")

Body = dict[str, Any]


class Marks(NamedTuple):
    """What all copies of a federation bear: its name, and which API it is that has it.

    `identity` is the uid of that API's kube-system: another when the API was lost and made anew.
    """

    federation: str
    identity: str = ""


def marks(world: World) -> Marks:
    """Those of the federation as it is now."""
    system = world.federated(Key(NAMESPACES, "", "kube-system"))
    return Marks(world.federation, system["metadata"].get("uid", "") if system else "")


def body(row: Propagated, federated: Json, marks: Marks, override: Json | None = None) -> Body:
    """What a member is to have.  `override`: a merge patch for this member alone."""
    metadata = federated["metadata"]
    named = {part: metadata[part] for part in ("name", "namespace") if metadata.get(part)}
    annotations = {
        name: value
        for name, value in (metadata.get("annotations") or {}).items()
        if name not in _KEPT_HERE
    }
    annotations[ORIGIN] = f"{marks.identity}/{metadata.get('uid', '')}"
    wanted: Body = {
        "apiVersion": row.resource.api_version,
        "kind": row.resource.kind,
        "metadata": {
            **named,
            "labels": _labels(metadata, marks.federation),
            "annotations": annotations,
        },
    }
    for field in row.fields:
        if federated.get(field) is not None:
            wanted[field] = _without_nulls(federated[field])
    if row.resource.kind == "Service":
        wanted["spec"] = _service_spec(wanted.get("spec") or {}, metadata)
    if override:
        wanted = _merged(wanted, override)
    wanted["metadata"]["annotations"] = {**annotations, APPLIED: _digest(wanted)}
    return wanted


def _labels(metadata: Json, federation: str) -> dict[str, str]:
    labels = {**(metadata.get("labels") or {}), LABEL: federation}
    labels.pop("kubernetes.io/metadata.name", None)  # every API server writes its own
    return labels


def _service_spec(spec: Json, metadata: Json) -> Body:
    """The part of a Service's spec that is the federation's to say."""
    users = _set_by_users(metadata)
    left_out = {"clusterIPs", *(name for name in _SET_BY_USERS if f"f:{name}" not in users)}
    if spec.get("clusterIP") != "None":
        left_out.add("clusterIP")
    kept = {name: value for name, value in spec.items() if name not in left_out}
    if "ports" in kept:
        kept["ports"] = [_port(port, users.get("f:ports") or {}) for port in kept["ports"]]
    return kept


def _port(port: Json, users: Json) -> Json:
    owned = msgspec.json.encode(dict(zip(("port", "protocol"), _port_key(port), strict=True)))
    if "f:nodePort" in (users.get(f"k:{owned.decode()}") or {}):
        return port
    return {name: value for name, value in port.items() if name != "nodePort"}


def _port_key(port: Json) -> tuple[int, str]:
    return port["port"], port.get("protocol") or "TCP"


def _set_by_users(metadata: Json) -> Body:
    """`f:spec` of all managed fields, merged: what somebody wrote, not what the API chose."""
    found: Body = {}
    for manager in metadata.get("managedFields") or ():
        if manager.get("subresource"):
            continue
        found = _merged(found, {"spec": (manager.get("fieldsV1") or {}).get("f:spec") or {}})
    users: Body = found.get("spec") or {}
    return users


# --- marks ----------------------------------------------------------------------------------------


def owner(copy: Json) -> str:
    """The federation whose copy this is; empty for nobody's."""
    labels: Mapping[str, str] = copy["metadata"].get("labels") or {}
    return labels.get(LABEL, "")


def origin(copy: Json) -> str:
    """`identity/uid` of the federated object that it was copied from."""
    annotations: Mapping[str, str] = copy["metadata"].get("annotations") or {}
    return annotations.get(ORIGIN, "")


def is_made_by(marks: Marks, copy: Json) -> bool:
    """Whether it was copied from the very API that has the federation now."""
    return bool(marks.identity) and origin(copy).partition("/")[0] == marks.identity


def unmarking(copy: Json) -> Body:
    """The merge patch that makes a copy nobody's."""
    marks = {"labels": {LABEL: None}, "annotations": {APPLIED: None, ORIGIN: None}}
    return {"metadata": {**_same(copy), **marks}}


def _same(copy: Json) -> Body:
    """What makes a patch hold only for the object that was read."""
    metadata = copy["metadata"]
    return {part: metadata[part] for part in ("uid", "resourceVersion") if part in metadata}


# --- as wanted? -----------------------------------------------------------------------------------


def is_as_wanted(wanted: Json, copy: Json, settled: str) -> bool:
    """Whether a copy needs no apply."""
    annotations = copy["metadata"].get("annotations") or {}
    if annotations.get(APPLIED) != wanted["metadata"]["annotations"][APPLIED]:
        return False
    return _has(wanted, copy) or (bool(settled) and settled == fingerprint(wanted, copy))


def fingerprint(wanted: Json, returned: Json) -> str:
    """What an API made of the wanted values."""
    return _digest([wanted["metadata"]["annotations"][APPLIED], _seen_through(wanted, returned)])


def surplus(row: Propagated, wanted: Json, copy: Json) -> Body | None:
    """The merge patch that takes away what others added to `row.exact`; None when nothing is."""
    patch: Body = {}
    for path in row.exact:
        should, there = _at(wanted, path), _at(copy, path)
        if isinstance(there, dict):
            extra: Any = {name: None for name in there if name not in (should or {})}
        else:
            ours = {_port_key(port) for port in should or ()}
            kept = [port for port in there or () if _port_key(port) in ours]
            extra = kept if len(kept) < len(there or ()) else None
        if extra or (extra == [] and there):
            patch = _merged(patch, _nested(path, extra), deletes=False)
    return {**patch, "metadata": _same(copy)} if patch else None


def _has(wanted: Any, found: Any) -> bool:
    """Whether all of `wanted` is in `found`; lists have no more than they should."""
    if isinstance(wanted, dict):
        if found is None:
            return not wanted
        if not isinstance(found, dict):
            return False
        for name, value in wanted.items():  # no generator: every copy goes through here
            there = found.get(name)
            if value != there and not _has(value, there):
                return False
        return True
    if isinstance(wanted, list):
        there = found or []
        return len(wanted) == len(there) and all(map(_has, wanted, there))
    return bool(wanted == found) or (wanted == "" and found is None)


def _seen_through(wanted: Any, found: Any) -> Any:
    """`found`, reduced to where `wanted` has something; lists of another length whole."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return {name: _seen_through(value, found.get(name)) for name, value in wanted.items()}
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [_seen_through(*pair) for pair in zip(wanted, found, strict=True)]
    return found


# --- JSON -----------------------------------------------------------------------------------------


def _digest(value: Any) -> str:
    text = msgspec.json.encode(value, order="deterministic")
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_nulls(one) for one in value]
    return value


def _merged(target: Json, patch: Json, *, deletes: bool = True) -> Body:
    """RFC 7386; without `deletes` a null stays a null, for patches made of patches."""
    result = dict(target)
    for name, value in patch.items():
        if value is None and deletes:
            result.pop(name, None)
        elif isinstance(value, dict):
            before = result.get(name)
            below = before if isinstance(before, dict) else {}
            result[name] = _merged(below, value, deletes=deletes)
        else:
            result[name] = value
    return result


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = (value or {}).get(name)
    return value


def _nested(path: tuple[str, ...], value: Any) -> Body:
    for name in reversed(path):
        value = {name: value}
    nested: Body = value
    return nested
