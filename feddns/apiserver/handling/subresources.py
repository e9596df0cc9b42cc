"""What is asked of a part of an object.

    status     get, update, patch: only the status is written
    scale      get, update, patch: a Scale (autoscaling/v1), of Deployments, ReplicaSets and CRDs
    finalize   update of a Namespace: its spec.finalizers
    eviction   create: the Pod is deleted, as the deleteOptions say
    binding    create: the Pod has its node
    token      create: a token of the ServiceAccount
    log        there are no logs: refused in words

Pure.  Called by `api`.
"""

from __future__ import annotations

import base64
import copy
from typing import Any

from feddns.apiserver import decoding, selectortext, validation
from feddns.apiserver.handling import bodies, deleting, presenting, reading, writing
from feddns.apiserver.handling.call import Answer, Call, answer, bad_request, load, modified
from feddns.apiserver.handling.writing import Object
from feddns.apiserver.identity import User
from feddns.apiserver.kinds import SUBRESOURCES, Kind
from feddns.apiserver.refusals import Cause, RequestRefused

_SHORTEST_TOKEN = 600
"""Seconds."""
_AN_HOUR = 3600
_SCHEMAS = {
    "scale": "io.k8s.api.autoscaling.v1.Scale",
    "binding": "io.k8s.api.core.v1.Binding",
    "eviction": "io.k8s.api.policy.v1.Eviction",
    "token": "io.k8s.api.authentication.v1.TokenRequest",
}
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


def _kind_of(call: Call) -> Kind:
    """The kind of the bodies, where it is not that of the object."""
    name = call.target.subresource
    sub = SUBRESOURCES[name]
    plural = call.kind.plural
    return Kind(sub.group, sub.version or "v1", sub.kind, plural, "", definition=_SCHEMAS[name])


def _asked(call: Call) -> Object:
    """The body, in form.  Raises `RequestRefused`: 400."""
    asked, kind = bodies.parse(call, None), _kind_of(call)
    decoding.decode(kind, asked)
    name = (asked.get("metadata") or {}).get("name")
    if name and name != call.target.name:
        raise bad_request(f"name in URL does not match name in {kind.kind} object")
    return asked


# --- scale ---------------------------------------------------------------------------------------


def _scale(call: Call) -> Answer:
    entry = call.get()
    old = load(call.stored, call.stored, entry)
    scale = _scale_of(call, old)
    as_scale = call._replace(kind=_kind_of(call))
    if call.verb == "get":
        return presenting.obj(as_scale, scale)
    if call.verb == "update":
        asked = bodies.parse(call, None)
    else:
        asked = writing.patched(as_scale, copy.deepcopy(scale), bodies.medium(call))
    decoding.decode(as_scale.kind, asked)
    given = (asked.get("metadata") or {}).get("resourceVersion")
    if given and given != str(entry.revision):
        raise modified(call.kind, call.target.name)
    replicas = (asked.get("spec") or {}).get("replicas") or 0
    if replicas < 0:
        why = f"Invalid value: {replicas}: must be greater than or equal to 0"
        cause = Cause("FieldValueInvalid", why, "spec.replicas")
        raise validation.refuse(as_scale.kind, call.target.name, [cause])
    made = call.object_of(entry)
    _put(made, _paths(call)["specReplicasPath"], replicas)
    whole = call._replace(target=call.target._replace(subresource=""))
    writing.replace(whole, entry, made, writing.manager(call, "Update"))
    if not call.options.dry_run:
        made = load(call.stored, call.stored, call.get())
    return presenting.obj(as_scale, _scale_of(call, made))


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
    asked = _asked(call)
    wanted = deleting.wanted(asked.get("deleteOptions") or {})
    if call.options.dry_run:
        wanted = wanted._replace(dry_run=True)
    entry = call.get()
    deleting.check(call, entry, wanted)
    deleting.remove(call.context, call.stored, entry, wanted)
    return answer(201, _done())


def _bind(call: Call) -> Answer:
    node = (_asked(call).get("target") or {}).get("name")
    if not node:
        raise RequestRefused(500, "", "target.name: Required value")
    entry = call.get()
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
    asked = _asked(call) if call.request.body else {"spec": {}}
    seconds = asked["spec"].get("expirationSeconds") or _AN_HOUR
    asked["spec"]["expirationSeconds"] = seconds
    if seconds < _SHORTEST_TOKEN:
        why = f"Invalid value: {seconds}: may not specify a duration less than 10 minutes"
        cause = Cause("FieldValueInvalid", why, "spec.expirationSeconds")
        raise validation.refuse(_kind_of(call), "", [cause])
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
