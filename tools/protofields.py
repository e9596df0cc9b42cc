#!/usr/bin/env python3
"""Make feddns/apiserver/protobuf.msgpack.gz: the numbers of the fields in Kubernetes' protobuf.

    tools/protofields.py

Reads generated.proto (numbers and types) and the tags of the structs beside it (names in JSON, and
what stands there without a name) in Go's module cache, which tools/peers.sh fills.  Takes the kinds
that are served and all that they refer to.  Run by hand when tools/peers.sh gets another
Kubernetes; tests/apiserver/test_protobuf.py compares.

    messages   {name: {number: [name in JSON, type, shape]}}     shape: "", repeated, map, inline
    kinds      {"apps/v1 Deployment": name}; DeleteOptions, of every version, without one
"""

from __future__ import annotations

import gzip
import re
import sys
from pathlib import Path
from typing import Any

import msgspec

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

from feddns.apiserver import kinds  # noqa: E402
from tools.schemas import VERSION  # noqa: E402

ASSET = HERE / "feddns/apiserver/protobuf.msgpack.gz"
MODULES = Path.home() / "go/pkg/mod/k8s.io"
ROOTS = {
    "k8s.io.api.": f"api@{VERSION}",
    "k8s.io.apimachinery.pkg.": f"apimachinery@{VERSION}/pkg",
    "k8s.io.apiextensions_apiserver.pkg.": f"apiextensions-apiserver@{VERSION}/pkg",
}
META = "k8s.io.apimachinery.pkg.apis.meta.v1."
MORE = {
    "autoscaling/v1 Scale": "k8s.io.api.autoscaling.v1.Scale",
    "policy/v1 Eviction": "k8s.io.api.policy.v1.Eviction",
    "v1 Binding": "k8s.io.api.core.v1.Binding",
    "authentication.k8s.io/v1 TokenRequest": "k8s.io.api.authentication.v1.TokenRequest",
    "DeleteOptions": f"{META}DeleteOptions",
}
_MESSAGE = re.compile(r"^message (\w+) \{(.*?)^\}", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(
    r"^\s+(optional|repeated|required)?\s*(map<\w+, [\w.]+>|[\w.]+) (\w+) = (\d+);", re.MULTILINE
)
_STRUCT = re.compile(r"^type (\w+) struct \{(.*?)^\}", re.MULTILINE | re.DOTALL)
_TAG = re.compile(r'json:"([^",]*)(,[^"]*)?"[^`\n]* protobuf:"\w+,(\d+),')
_SCALARS = frozenset((
    "string", "bytes", "bool", "int32", "int64", "uint32", "uint64", "double", "float",
))  # fmt: skip

Message = dict[int, list[str]]


def main() -> None:
    made = read()
    ASSET.write_bytes(gzip.compress(msgspec.msgpack.encode(made), mtime=0))
    print(f"{len(made['messages'])} messages, {ASSET.stat().st_size} bytes")


def is_possible() -> bool:
    """Whether the sources are there."""
    return all((MODULES / root).exists() for root in ROOTS.values())


def read() -> dict[str, Any]:
    """What the asset has."""
    found = {key: name for kind in kinds.BUILTIN().all() for key, name in _names(kind)} | MORE
    messages: dict[str, Message] = {}
    waiting = list(found.values())
    while waiting:
        name = waiting.pop()
        if name not in messages and name not in _SCALARS:
            message = messages[name] = _package(name.rpartition(".")[0])[name]
            waiting += [field[1] for field in message.values()]
    return {"kinds": dict(sorted(found.items())), "messages": dict(sorted(messages.items()))}


def _names(kind: kinds.Kind) -> list[tuple[str, str]]:
    """The kind's message, unless it is only ours or of an old guide."""
    if not kind.definition.startswith("io.k8s.") or kind.group == "extensions":
        return []
    name = "k8s.io." + kind.definition.removeprefix("io.k8s.").replace("-", "_")
    return [(f"{kind.api_version} {kind.kind}", name)]


_packages: dict[str, dict[str, Message]] = {}


def _package(name: str) -> dict[str, Message]:
    """The messages of a package by their full names."""
    if name not in _packages:
        root = next(root for root in ROOTS if name.startswith(root))
        folder = MODULES / ROOTS[root] / name.removeprefix(root).replace(".", "/")
        texts = [file.read_text() for file in folder.glob("*.go") if "_test" not in file.name]
        tags = {
            (struct, int(number)): "" if "inline" in options else json
            for text in texts
            for struct, body in _STRUCT.findall(text)
            for json, options, number in _TAG.findall(body)
        }
        proto = (folder / "generated.proto").read_text()
        _packages[name] = {
            f"{name}.{message}": _fields(name, message, body, tags)
            for message, body in _MESSAGE.findall(proto)
        }
    return _packages[name]


def _fields(package: str, message: str, body: str, tags: dict[Any, str]) -> Message:
    made = {}
    for label, type_, name, number in _FIELD.findall(body):
        shape = label if label == "repeated" else ""
        if type_.startswith("map<"):
            shape, type_ = "map", type_[4:-1].split(", ")[1]
        json = tags.get((message, int(number)), name)
        if not json:
            shape = "inline"
        made[int(number)] = [json, _full(package, type_), shape]
    return made


def _full(package: str, type_: str) -> str:
    if type_ in _SCALARS:
        return type_
    return type_[1:] if type_.startswith(".") else f"{package}.{type_}"


if __name__ == "__main__":
    main()
