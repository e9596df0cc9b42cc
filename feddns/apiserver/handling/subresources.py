"""What is asked of a part of an object.

    status     get, update, patch: only the status is written
    scale      get, update, patch: a Scale (autoscaling/v1), of Deployments, ReplicaSets and CRDs
    finalize   update of a Namespace: its spec.finalizers
    eviction   create: the Pod is deleted
    binding    create: the Pod has its node
    token      create: a token of the ServiceAccount
    log        there are no logs: refused in words

Pure.  Called by `api`.
"""

from __future__ import annotations

import base64
import copy
from typing import Any

from feddns.apiserver import selectortext, validation
from feddns.apiserver.handling import bodies, deleting, presenting, reading, writing
from feddns.apiserver.handling.call import Answer, Call, answer, bad_request, load, modified
from feddns.apiserver.handling.writing import Object
from feddns.apiserver.identity import User
from feddns.apiserver.kinds import SUBRESOURCES, Kind
from feddns.apiserver.refusals import Cause, RequestRefused

_SHORTEST_TOKEN = 600
"""Seconds."""
_STREAMS = ("exec", "attach", "portforward", "proxy")
"""What needs something that runs."""


def handle(call: Call) -> Answer:
    name, verb = call.target.subresource, call.verb
    if name.partition("/")[0] in _STREAMS and call.kind.kind in ("Pod", "Service", "Node"):
        call.get()
    if name not in call.kind.subresources:
        raise RequestRefused(
            404, "NotFound", "the server could not find the requested resource", {}
        )
    if verb not in SUBRESOURCES[name].verbs:
        raise not_allowed()
    match name:
        case "scale":
            return _scale(call)
        case "log":
            return _log(call)
        case "eviction":
            return _evict(call)
        case "binding":
            return _bind(call)
        case "token":
            return _token(call)
    if verb == "get":
        return reading.get(call)
    return writing.update(call) if verb == "update" else writing.patch_(call)


def not_allowed() -> RequestRefused:
    return RequestRefused(
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
        {},
    )


# --- scale ---------------------------------------------------------------------------------------


def _scale(call: Call) -> Answer:
    entry = call.get()
    old = load(call.stored, call.stored, entry)
    scale = _scale_of(call, old)
    as_scale = call._replace(kind=_scale_kind(call))
    if call.verb == "get":
        return presenting.obj(as_scale, scale)
    if call.verb == "update":
        asked = bodies.parse(call, None)
    else:
        asked = writing.patched(as_scale, copy.deepcopy(scale), bodies.medium(call))
    given = (asked.get("metadata") or {}).get("resourceVersion")
    if given and given != str(entry.revision):
        raise modified(call.kind, call.target.name)
    replicas = (asked.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request(
            'Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal into Go '
            "struct field ScaleSpec.spec.replicas of type int32"
        )
    if replicas < 0:
        why = f"Invalid value: {replicas}: must be greater than or equal to 0"
        cause = Cause("FieldValueInvalid", why, "spec.replicas")
        raise validation.refuse(_scale_kind(call), call.target.name, [cause])
    made = call.object_of(entry)
    _put(made, _paths(call)["specReplicasPath"], replicas)
    whole = call._replace(target=call.target._replace(subresource=""))
    writing.replace(whole, entry, made, writing.manager(call, "Update"))
    if not call.options.dry_run:
        made = load(call.stored, call.stored, call.get())
    return presenting.obj(as_scale, _scale_of(call, made))


def _scale_kind(call: Call) -> Kind:
    sub = SUBRESOURCES["scale"]
    return Kind(sub.group, sub.version, sub.kind, call.kind.plural, "", definition=_SCALE_SCHEMA)


_SCALE_SCHEMA = "io.k8s.api.autoscaling.v1.Scale"
_BUILT_IN_PATHS = {
    "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas",
}  # fmt: skip


def _paths(call: Call) -> dict[str, str]:
    custom = call.stored.custom
    return dict(custom.scale or {}) if custom else _BUILT_IN_PATHS


def _scale_of(call: Call, obj: Object) -> Object:
    metadata = obj["metadata"]
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    paths = _paths(call)
    status: Object = {"replicas": _at(obj, paths["statusReplicasPath"]) or 0}
    selector = _selector(obj, paths)
    if selector:
        status["selector"] = selector
    replicas = _at(obj, paths["specReplicasPath"])
    return {
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in names if name in metadata},
        "spec": {"replicas": replicas} if replicas else {}, "status": status,
    }  # fmt: skip


def _selector(obj: Object, paths: dict[str, str]) -> str:
    if paths is not _BUILT_IN_PATHS:
        return str(_at(obj, paths.get("labelSelectorPath", "")) or "")
    return selectortext.text((obj.get("spec") or {}).get("selector") or {})


def _at(obj: Any, path: str) -> Any:
    for step in path.strip(".").split("."):
        obj = obj.get(step) if isinstance(obj, dict) else None
    return obj


def _put(obj: Object, path: str, value: Any) -> None:
    *steps, last = path.strip(".").split(".")
    for step in steps:
        obj = obj.setdefault(step, {})
    obj[last] = value


# --- of Pods and accounts ------------------------------------------------------------------------


def _log(call: Call) -> Answer:
    call.get()
    raise bad_request(
        f'container logs of pod "{call.target.name}" are not kept: no containers run here'
    )


def _evict(call: Call) -> Answer:
    entry = call.get()
    deleting.remove(call.context, call.stored, entry, deleting.Wanted())
    return answer(201, _done())


def _bind(call: Call) -> Answer:
    entry = call.get()
    node = (bodies.parse(call, None).get("target") or {}).get("name", "")
    made = load(call.stored, call.stored, entry)
    made.setdefault("spec", {})["nodeName"] = node
    store = call.context.store
    if not call.options.dry_run:
        store.update(call.stored.resource, entry.key, made, entry.revision)
    return answer(201, _done())


def _done() -> Object:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def _token(call: Call) -> Answer:
    """A token that is good as long as the server runs."""
    call.get()
    target, context = call.target, call.context
    asked = bodies.parse(call, None) if call.request.body else {}
    seconds = (asked.get("spec") or {}).get("expirationSeconds") or 3600
    if seconds < _SHORTEST_TOKEN:
        why = f"Invalid value: {seconds}: may not specify a duration less than 10 minutes"
        cause = Cause("FieldValueInvalid", why, "spec.expirationSeconds")
        kind = Kind("authentication.k8s.io", "v1", "TokenRequest", "", "")
        raise validation.refuse(kind, "", [cause])
    text = base64.urlsafe_b64encode(context.entropy(24)).decode().rstrip("=")
    context.tokens[text] = User(
        f"system:serviceaccount:{target.namespace}:{target.name}",
        ("system:serviceaccounts", f"system:serviceaccounts:{target.namespace}",
         "system:authenticated"),
    )  # fmt: skip
    made = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", **asked}
    made["metadata"] = {
        "name": target.name, "namespace": target.namespace,
        "creationTimestamp": context.timestamp(),
    }  # fmt: skip
    made["status"] = {"token": text, "expirationTimestamp": "2099-01-01T00:00:00Z"}
    return answer(201, made)
