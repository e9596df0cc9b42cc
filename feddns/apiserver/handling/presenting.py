"""How objects look to who asked: negotiated by Accept.

    Accept                                                      answer
    application/json, */*, nothing                              the object, the list
    application/json;as=Table;v=v1;g=meta.k8s.io                a Table, as kubectl get prints
    application/json;as=PartialObjectMetadata;v=v1;…            metadata alone (…List for lists)
    application/yaml                                            the same as YAML
    application/vnd.kubernetes.protobuf alone, text/html        406; YAML for a watch, too

Pure.  Called by the verbs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import yaml

from feddns.apiserver.handling.call import JSON, Answer, Call, bad_request, load, whole
from feddns.apiserver.refusals import RequestRefused
from feddns.apiserver.store import Entry

OBJECT = ""
TABLE = "Table"
METADATA = "PartialObjectMetadata"
_YAML = "application/yaml"
_MEDIA = (JSON, _YAML, "*/*", "application/*")
_META = "meta.k8s.io"
_OFFERED = (JSON, _YAML, "application/vnd.kubernetes.protobuf")
_STREAMED = tuple(f"{one};stream=watch" for one in _OFFERED if one != _YAML)
_NO_SUCH_FORM = f"only the following media types are accepted: {', '.join(_OFFERED)}"
_NO_SUCH_STREAM = f"only the following media types are accepted: {', '.join(_STREAMED)}"
_INCLUDED = ("Metadata", "Object", "None")


def form(call: Call) -> str:
    """OBJECT, TABLE or METADATA.  Raises `RequestRefused`: 406."""
    accept = call.request.headers.get("accept", "")
    if "as=" not in accept and ("json" in accept or "*/*" in accept or not accept):
        return OBJECT
    for clause in accept.replace(" ", "").split(","):
        medium, *parameters = clause.split(";")
        if medium not in _MEDIA:
            continue
        if medium == _YAML and call.verb == "watch":
            raise RequestRefused(406, "NotAcceptable", _NO_SUCH_STREAM)
        given = dict(one.partition("=")[::2] for one in parameters)
        wanted = given.get("as", "").removesuffix("List")
        if wanted == OBJECT:
            return OBJECT
        if wanted in (TABLE, METADATA) and given.get("g") == _META and given.get("v") == "v1":
            return wanted
        if medium == JSON:
            raise RequestRefused(406, "NotAcceptable", _NO_SUCH_FORM)
    raise not_acceptable(call.verb)


def not_acceptable(verb: str) -> RequestRefused:
    """406, in kube-apiserver's words; protobuf is in them, and is not answered."""
    offered = list(_OFFERED)
    if verb in ("list", "watch"):
        offered += _STREAMED
    return RequestRefused(
        406, "NotAcceptable",
        f"406: Not Acceptable\n\nAvailable representations: {', '.join(offered)}", {},
    )  # fmt: skip


class _Dumper(yaml.SafeDumper):
    """Quotes what must be quoted with double quotes."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        resolve: Callable[..., str] = self.resolve
        plain = resolve(yaml.ScalarNode, text, (True, False)) == "tag:yaml.org,2002:str"
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _Dumper.represent_text)


def as_accepted(made: Answer, accept: str) -> Answer:
    """The answer as YAML, where the client wants nothing else."""
    if made.watch is not None or made.content_type != JSON:
        return made
    if _YAML not in accept or "json" in accept:
        return made
    text = yaml.dump(msgspec.json.decode(made.body), Dumper=_Dumper, allow_unicode=True)
    return made._replace(body=text.encode(), content_type=_YAML)


def one(call: Call, entry: Entry, status: int = 200) -> Answer:
    """The object of the entry."""
    wanted = form(call)
    if wanted == OBJECT:
        return Answer(status, whole(call.stored, call.kind, entry))
    return obj(call, call.object_of(entry), status)


def obj(call: Call, made: dict[str, Any], status: int = 200) -> Answer:
    """An object that is in no entry: of a dry run, or as it was."""
    wanted = form(call)
    if wanted == TABLE:
        made = table(call, [made], {"resourceVersion": made["metadata"].get("resourceVersion", "")})
    elif wanted == METADATA:
        made = metadata(made)
    return Answer(status, msgspec.json.encode(made))


def many(call: Call, entries: Sequence[Entry], meta: dict[str, Any]) -> Answer:
    """A list with this metadata."""
    wanted, kind = form(call), call.kind
    if wanted == OBJECT:
        if kind.custom or kind is not call.stored:
            items = [whole(call.stored, kind, entry) for entry in entries]
        else:
            items = [entry.body for entry in entries]
        head = msgspec.json.encode(
            {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": meta}
        )
        return Answer(200, b'%s,"items":[%s]}' % (head[:-1], b",".join(items)))
    objects = [load(call.stored, kind, entry) for entry in entries]
    if wanted == TABLE:
        return Answer(200, msgspec.json.encode(table(call, objects, meta)))
    listed = {
        "kind": f"{METADATA}List", "apiVersion": f"{_META}/v1", "metadata": meta,
        "items": [metadata(made) for made in objects],
    }  # fmt: skip
    return Answer(200, msgspec.json.encode(listed))


def table(call: Call, objects: list[dict[str, Any]], meta: dict[str, Any]) -> dict[str, Any]:
    """A Table with this metadata."""
    from feddns.apiserver import tables

    included = call.options.include_object
    if included not in _INCLUDED:
        raise bad_request(
            f"Unable to convert to Table as requested: includeObject: Invalid value: "
            f"\"{included}\": must be 'Metadata', 'Object', 'None', or empty"
        )
    now = call.context.now()
    made = tables.table(call.kind, objects, now, include=included)
    return {"kind": made["kind"], "apiVersion": made["apiVersion"], **made, "metadata": meta}


def metadata(made: dict[str, Any]) -> dict[str, Any]:
    return {"kind": METADATA, "apiVersion": f"{_META}/v1", "metadata": made["metadata"]}
