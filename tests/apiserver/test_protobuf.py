"""Bodies in protobuf: the envelope, the wire, the special messages; a real server's own bytes."""

from __future__ import annotations

import gzip
import ssl
import struct
import urllib.request
from importlib import resources
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddns.apiserver import decoding, kinds, protobuf
from feddns.apiserver.refusals import RequestRefused
from tests.apiserver import writes
from tests.clusterapi import ADMIN_TOKEN
from tests.clusterprograms import ClusterFailed
from tests.realcluster import RealCluster
from tools import protofields

_REGISTRY = kinds.BUILTIN()
CONFIGMAPS = _REGISTRY.find("", "v1", "configmaps")
assert CONFIGMAPS is not None


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    made = b""
    while value > 0x7F:
        made += bytes([value & 0x7F | 0x80])
        value >>= 7
    return made + bytes([value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def part(field: int, value: bytes | str) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def envelope(api_version: str, kind: str, raw: bytes) -> bytes:
    head = part(1, api_version) + part(2, kind)
    return protobuf.MAGIC + part(1, head) + part(2, raw) + part(3, "") + part(4, "")


def decode(api_version: str, kind: str, raw: bytes) -> dict[str, Any]:
    made = protobuf.decode(envelope(api_version, kind, raw))
    assert (made.pop("apiVersion"), made.pop("kind")) == (api_version, kind)
    return made


# --- messages ----------------------------------------------------------------------------------


def test_maps_bytes_and_the_metadata() -> None:
    metadata = part(1, "a") + part(11, part(1, "app") + part(2, "web")) + part(8, number(1, 0))
    raw = part(1, metadata) + part(2, part(1, "k") + part(2, b"\1\2")) + part(2, part(1, "empty"))
    assert decode("v1", "Secret", raw + part(3, "Opaque") + number(5, 1)) == {
        "metadata": {"name": "a", "labels": {"app": "web"},
                     "creationTimestamp": "1970-01-01T00:00:00Z"},
        "data": {"k": "AQI=", "empty": ""}, "type": "Opaque", "immutable": True,
    }  # fmt: skip


def test_numbers_have_their_sign_and_lists_may_be_packed() -> None:
    security = number(2, -5)
    raw = part(3, number(1, 3) + part(3, part(2, part(14, security + part(4, varint(7) * 2)))))
    made = decode("apps/v1", "Deployment", part(2, raw[2:]))
    assert made == {"spec": {
        "replicas": 3, "template": {"spec": {"securityContext": {
            "runAsUser": -5, "supplementalGroups": [7, 7]}}},
    }}  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "port"),
    [(number(1, 0) + number(2, 80), 80), (number(1, 1) + part(3, "http"), "http"),
     (number(2, -1), -1), (b"", 0)],
)  # fmt: skip
def test_int_or_string(raw: bytes, port: int | str) -> None:
    spec = part(1, part(1, "p") + part(4, raw))
    assert decode("v1", "Service", part(2, spec)) == {
        "spec": {"ports": [{"name": "p", "targetPort": port}]}
    }


def test_quantities_and_inline_messages() -> None:
    limits = part(8, part(1, part(1, "cpu") + part(2, part(1, "500m"))))
    volume = part(1, part(1, "v") + part(2, part(2, b"")))
    spec = volume + part(2, part(1, "c") + limits)
    assert decode("v1", "Pod", part(2, spec)) == {"spec": {
        "volumes": [{"name": "v", "emptyDir": {}}],
        "containers": [{"name": "c", "resources": {"limits": {"cpu": "500m"}}}],
    }}  # fmt: skip


def test_times() -> None:
    moment = number(1, 1_767_225_600) + number(2, 123_456_000)
    spec = part(1, "me") + part(3, moment)
    assert decode("coordination.k8s.io/v1", "Lease", part(1, part(8, b"")) + part(2, spec)) == {
        "metadata": {},
        "spec": {"holderIdentity": "me", "acquireTime": "2026-01-01T00:00:00.123456Z"},
    }  # fmt: skip


def test_a_time_of_the_first_century() -> None:
    metadata = part(1, part(8, number(1, -61_125_753_600)))
    made = decode("v1", "ConfigMap", metadata)
    assert made == {"metadata": {"creationTimestamp": "0033-01-01T00:00:00Z"}}


def test_schemas_of_crds() -> None:
    items = part(24, part(1, part(5, "string")))
    closed = part(30, number(1, 0))
    anything = part(30, number(1, 1) + part(2, part(5, "integer")))
    default = part(8, part(1, b'{"a":[1]}'))
    limit = varint(11 << 3 | 1) + struct.pack("<d", 2.5)
    whole = part(29, part(1, "x") + part(2, items + closed + default + limit + number(38, 1)))
    version = part(1, "v1") + part(4, part(1, whole + anything))
    raw = part(2, part(1, "example.org") + part(7, version))
    made = decode("apiextensions.k8s.io/v1", "CustomResourceDefinition", raw)
    assert made["spec"]["versions"][0]["schema"]["openAPIV3Schema"] == {
        "properties": {"x": {
            "items": {"type": "string"}, "additionalProperties": False, "default": {"a": [1]},
            "minimum": 2.5, "x-kubernetes-preserve-unknown-fields": True,
        }},
        "additionalProperties": {"type": "integer"},
    }  # fmt: skip


def test_who_am_i_and_may_i() -> None:
    extra = part(4, part(1, "scopes") + part(2, part(1, "a") + part(1, "b")))
    user = part(1, "me") + part(3, "group") + extra
    assert decode("authentication.k8s.io/v1", "SelfSubjectReview", part(2, part(1, user))) == {
        "status": {"userInfo": {
            "username": "me", "groups": ["group"], "extra": {"scopes": ["a", "b"]}}}
    }  # fmt: skip
    asked = part(1, part(1, "default") + part(2, "list") + part(5, "pods"))
    assert decode("authorization.k8s.io/v1", "SelfSubjectAccessReview", part(2, asked)) == {
        "spec": {"resourceAttributes": {"namespace": "default", "verb": "list", "resource": "pods"}}
    }


def test_unknown_fields_are_nothing() -> None:
    raw = part(1, part(1, "a") + part(999, "x")) + number(888, 1) + varint(77 << 3 | 5) + b"1234"
    assert decode("v1", "ConfigMap", raw) == {"metadata": {"name": "a"}}


def test_delete_options_are_of_every_version() -> None:
    assert decode("apps/v1", "DeleteOptions", part(4, "Orphan")) == {"propagationPolicy": "Orphan"}


def test_an_envelope_without_kind_is_of_the_path() -> None:
    body = envelope("", "", part(1, part(1, "a")))
    assert protobuf.decode(body, CONFIGMAPS)["kind"] == "ConfigMap"


# --- what is none ------------------------------------------------------------------------------

_UNRECOGNIZED = "the object provided is unrecognized (must be of type ConfigMap): "
_NOT_HANDLED = 'ConfigMap in version "v1" cannot be handled as a ConfigMap: '


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", f"{_UNRECOGNIZED}empty data (<empty>)"),
        (b"garbage", f"{_UNRECOGNIZED}provided data does not appear to be a protobuf message, "
         "expected prefix [107 56 115 0] (67617262616765)"),
        (b"k8s\0", f"{_UNRECOGNIZED}empty body (6b387300)"),
        (b"k8s\0\xff\xff", f"{_UNRECOGNIZED}unexpected EOF (6b387300ffff)"),
        (envelope("v1", "Foo", b""), 'Foo in version "v1" cannot be handled as a ConfigMap: no '
         'kind "Foo" is registered for version "v1" in scheme "pkg/runtime/scheme.go:111"'),
        (envelope("v1", "ConfigMap", b"\xff\xff\xff"), f"{_NOT_HANDLED}unexpected EOF"),
        (envelope("v1", "ConfigMap", b"\x0a\x02\x0a\xff"), f"{_NOT_HANDLED}unexpected EOF"),
        (envelope("v1", "ConfigMap", b"\x08\x01"),
         f"{_NOT_HANDLED}proto: wrong wireType = 0 for field Metadata"),
    ],
)  # fmt: skip
def test_bad_bodies(body: bytes, message: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        protobuf.decode(body, CONFIGMAPS)
    assert (refused.value.code, refused.value.reason) == (400, "BadRequest")
    assert refused.value.message == message


_KINDS = st.sampled_from(sorted(protobuf.known()))


def decoded(body: bytes) -> str:
    """What became of a body; every other exception is a fault."""
    try:
        msgspec.json.encode(protobuf.decode(body))
    except RequestRefused as refused:
        return str(refused.code)
    return "object"


@given(_KINDS, st.binary(max_size=60))
def test_any_bytes_are_an_object_or_refused(name: tuple[str, str], raw: bytes) -> None:
    for body in (raw, protobuf.MAGIC + raw, envelope(*name, raw)):
        assert decoded(body) in ("object", "400")


@given(_KINDS, st.lists(st.tuples(st.integers(1, 45), st.integers(0, 6)), max_size=40))
def test_any_nesting_is_an_object_or_refused(
    name: tuple[str, str], path: list[tuple[int, int]]
) -> None:
    raw = b""
    for field, value in path:
        raw = part(field, raw) + (number(field, value) if value > 4 else b"")
    assert decoded(envelope(*name, raw)) in ("object", "400")


def test_deep_nesting_is_refused() -> None:
    raw = b""
    for _ in range(10_000):
        raw = part(28, raw)
    version = part(1, "v1") + part(4, part(1, raw))
    body = envelope(
        "apiextensions.k8s.io/v1", "CustomResourceDefinition", part(2, part(7, version))
    )
    with pytest.raises(RequestRefused, match="recursion"):
        protobuf.decode(body)


# --- the truth ---------------------------------------------------------------------------------


def test_the_asset_is_what_the_sources_say() -> None:
    if not protofields.is_possible():
        pytest.skip("no sources of Kubernetes; tools/peers.sh brings them")
    packed = resources.files("feddns.apiserver").joinpath("protobuf.msgpack.gz").read_bytes()
    found = msgspec.msgpack.decode(gzip.decompress(packed), strict=False)
    assert _numbered(found) == _numbered(protofields.read())


def _numbered(asset: dict[str, Any]) -> dict[str, Any]:
    messages = {
        name: {int(number): list(field) for number, field in fields.items()}
        for name, fields in asset["messages"].items()
    }
    return {**asset, "messages": messages}


def test_what_a_real_server_sends(cluster: RealCluster) -> None:
    """Its objects of every kind, in both forms, are the same."""
    cluster.deploy(cluster.namespace("protobuf"), "web", 2)
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    cluster.request("POST", crds, writes.CRD)
    try:
        compared = sum(_compared(cluster, kind) for kind in _REGISTRY.all())
    finally:
        cluster.request("DELETE", f"{crds}/{writes.CRD['metadata']['name']}")
    assert compared > 30


def _compared(cluster: RealCluster, kind: kinds.Kind) -> int:
    """How many objects of the kind did not change while they were asked for twice."""
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    try:
        listed = cluster.request("GET", f"{root}/{kind.plural}?limit=10")
    except ClusterFailed:
        return 0
    same = 0
    for item in listed["items"]:
        place = item["metadata"].get("namespace")
        path = f"namespaces/{place}/{kind.plural}" if place else kind.plural
        made = protobuf.decode(_bytes(cluster, f"{root}/{path}/{item['metadata']['name']}"))
        decoding.decode(kind, made)
        if made["metadata"]["resourceVersion"] == item["metadata"]["resourceVersion"]:
            assert made == {"kind": kind.kind, "apiVersion": kind.api_version} | item
            same += 1
    return same


def _bytes(cluster: RealCluster, path: str) -> bytes:
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Accept": protobuf.CONTENT_TYPE}
    request = urllib.request.Request(cluster.url + path, headers=headers)
    context = ssl.create_default_context(cafile=str(cluster.home / "certs/ca.crt"))
    with urllib.request.urlopen(request, timeout=10, context=context) as reply:
        found: bytes = reply.read()
        return found
