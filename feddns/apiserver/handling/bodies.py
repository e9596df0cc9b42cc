"""What a client sent, as an object of the kind that is meant.

    Content-Type                          body
    application/json, nothing             JSON
    application/yaml                      YAML, its first document
    application/vnd.kubernetes.protobuf   protobuf, as kubectl sends it for `create NAME`
    anything else                         415

    fieldValidation   unknown and doubled fields
    Ignore            dropped
    Warn              dropped, each told in a Warning header
    Strict            400

Pure.  Called by the verbs that write.
"""

from __future__ import annotations

from typing import Any

import msgspec

from feddns.apiserver import decoding, gotext, kinds, protobuf
from feddns.apiserver.handling.call import Call, bad_request
from feddns.apiserver.kinds import Kind
from feddns.apiserver.refusals import RequestRefused
from feddns.errors import DocumentRefused

PROTOBUF = "application/vnd.kubernetes.protobuf"
_JSON = ("", "application/json")
_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_YAML = ("application/yaml", "application/x-yaml", "text/yaml")


def medium(call: Call) -> str:
    """The content type without its parameters."""
    return call.request.headers.get("content-type", "").partition(";")[0].strip()


def read(call: Call) -> dict[str, Any]:
    """The object, in form, with kind and apiVersion.  Raises `RequestRefused`: 400, 415."""
    obj = parse(call, call.kind)
    _check_kind(call, obj)
    obj["kind"], obj["apiVersion"] = call.kind.kind, call.kind.api_version
    doubled = []
    if medium(call) in _JSON and call.options.field_validation != "Ignore":
        doubled = decoding.duplicates(call.request.body)
    form(call, obj, doubled)
    return obj


def form(call: Call, obj: dict[str, Any], doubled: list[str]) -> None:
    """Bring the object into form; say, or refuse, what the kind has not."""
    if obj.get("metadata") is None:
        obj["metadata"] = {}
    strange = decoding.decode(call.kind, obj) + doubled
    if strange and call.options.field_validation == "Strict":
        raise decoding.strict(call.kind, strange)
    if call.options.field_validation == "Warn":
        call.warnings.extend(strange)


def parse(call: Call, kind: Kind | None) -> dict[str, Any]:
    """The body as it is.  Raises `RequestRefused`."""
    sort, body = medium(call), call.request.body
    if sort == PROTOBUF:
        return protobuf.decode(body, kind)
    if sort not in (*_JSON, *_YAML):
        raise RequestRefused(
            415, "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json, application/yaml, application/vnd.kubernetes.protobuf",
        )  # fmt: skip
    try:
        made = msgspec.json.decode(body) if sort in _JSON else from_yaml(body)
    except _NO_JSON as error:
        why = gotext.json_error(body, error) if isinstance(error, msgspec.DecodeError) else error
        raise _unrecognized(kind, body, f"json parse error: {why}") from None
    except DocumentRefused as error:
        raise bad_request(f"error converting YAML to JSON: {error}") from None
    if made is None:
        return {}
    if not isinstance(made, dict):
        why = (
            f"json: cannot unmarshal {gotext.json_type(made)} into Go value of type "
            'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; '
            'Kind string "json:\\"kind,omitempty\\"" }'
        )
        raise _unrecognized(kind, body, f"json parse error: {why}")
    for name in ("apiVersion", "kind"):
        if not isinstance(made.get(name), str | None):
            sort = gotext.json_type(made[name])
            why = f"json: cannot unmarshal {sort} into Go struct field .{name} of type string"
            raise _unrecognized(kind, body, f"json parse error: {why}")
    return made


def from_yaml(text: bytes) -> Any:
    """The first document; most that are called YAML are JSON.  Raises `DocumentRefused`."""
    try:
        return msgspec.json.decode(text)
    except _NO_JSON:
        from feddns.manifests import yamltext

        documents = yamltext.exact(text)
        return msgspec.json.decode(documents[0][0]) if documents else None


def _unrecognized(kind: Kind | None, body: bytes, why: str) -> RequestRefused:
    start = body.decode(errors="replace") if body.startswith(b"{") else body.hex() or "<empty>"
    message = f"couldn't get version/kind; {why}"
    if kind is not None:
        message = f"{message} ({start[:1024]})"
        message = f"the object provided is unrecognized (must be of type {kind.kind}): {message}"
    return bad_request(message)


def _check_kind(call: Call, obj: dict[str, Any]) -> None:
    """Raises `RequestRefused` for an object that says that it is something else."""
    kind = call.kind
    said, version = obj.get("kind") or kind.kind, obj.get("apiVersion") or kind.api_version
    if (said, version) == (kind.kind, kind.api_version):
        return
    group, number = kinds.split(version) if isinstance(version, str) else ("", "")
    other = call.context.registry.of_kind(group, number, said)
    if kind.custom:
        raise bad_request(
            f"the API version in the data ({version}) does not match the expected API version "
            f"({kind.api_version})"
            if version != kind.api_version
            else f"the kind in the data ({said}) does not match the expected kind ({kind.kind})"
        )
    if other is None:
        why = (
            f'no kind "{said}" is registered for version "{version}" in scheme '
            '"pkg/runtime/scheme.go:111"'
        )
    else:
        mine, theirs = kind.group or "core", f"{other.version}.{other.kind}"
        why = f"converting ({theirs}) to ({mine}.{kind.kind}): unknown conversion"
    raise bad_request(f'{said} in version "{number}" cannot be handled as a {kind.kind}: {why}')
