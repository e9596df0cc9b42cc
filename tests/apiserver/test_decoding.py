"""Bodies in the form in which a kube-apiserver has them, or refused with its decoder's words."""

from __future__ import annotations

import contextlib
import copy
import json
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddns.apiserver import decoding, kinds, quantities, schema
from feddns.apiserver.refusals import RequestRefused
from tests.apiserver import truthful
from tests.apiserver.truthful import Object

REGISTRY = kinds.BUILTIN()
GO = "json: cannot unmarshal {} into Go struct field {} of type {}"


def decoded(kind: str, obj: Object) -> list[str]:
    group, _, name = kind.rpartition("/")
    found = REGISTRY.of_kind(group, "v1", name)
    assert found
    return decoding.decode(found, obj)


@pytest.mark.parametrize(
    ("kind", "obj", "words"),
    [
        ("Service", {"spec": {"ports": [{"port": "x"}]}},
         GO.format("string", "ServicePort.spec.ports.port", "int32")),
        ("Service", {"spec": {"ports": {"port": 1}}},
         GO.format("object", "ServiceSpec.spec.ports", "[]v1.ServicePort")),
        ("Service", {"spec": {"ports": [{"port": 1.5}]}},
         GO.format("number 1.5", "ServicePort.spec.ports.port", "int32")),
        ("Service", {"metadata": {"labels": {"a": 1}}},
         GO.format("number", "ObjectMeta.metadata.labels", "string")),
        ("Service", {"spec": {"publishNotReadyAddresses": "yes"}},
         GO.format("string", "ServiceSpec.spec.publishNotReadyAddresses", "bool")),
        ("Service", {"spec": {"ports": [{"port": 1, "targetPort": []}]}},
         GO.format("array", "ServicePort.spec.ports.targetPort", "int32")),
        ("Secret", {"data": {"x": 4}}, GO.format("number", "Secret.data", "[]uint8")),
        ("Service", {"spec": {"ports": [{"port": 2**31}]}},
         GO.format("number 2147483648", "ServicePort.spec.ports.port", "int32")),
        ("Service", {"spec": {"ports": [{"port": 1, "targetPort": -(2**31) - 1}]}},
         GO.format("number -2147483649", "ServicePort.spec.ports.targetPort", "int32")),
        ("Pod", {"spec": {"terminationGracePeriodSeconds": 2**63}},
         GO.format("number 9223372036854775808", "PodSpec.spec.terminationGracePeriodSeconds",
                   "int64")),
        ("Service", {"metadata": {"creationTimestamp": "x"}},
         'parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"'),
        ("Pod", {"spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "abc"}}}]}},
         "quantities must match the regular expression"
         " '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"),
    ],
)  # fmt: skip
def test_what_cannot_be_decoded(kind: str, obj: Object, words: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        decoded(kind, obj)
    name = kind.rpartition("/")[2]
    assert refused.value.message == f'{name} in version "v1" cannot be handled as a {name}: {words}'
    assert (refused.value.code, refused.value.reason) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("%%", 0), ("é", 0), ("abcé", 3), ("YW\tJj", 2), ("YWI", 0), ("YWJjYWI", 4),
        ("YWJj====", 4), ("YQ==YQ==", 2),
    ],
)  # fmt: skip
def test_what_is_no_base64(written: str, place: int) -> None:
    with pytest.raises(RequestRefused, match=f"illegal base64 data at input byte {place}$"):
        decoded("Secret", {"data": {"x": written}})


@pytest.mark.parametrize(
    ("written", "kept"),
    [("YWJj\nYWJj\n", "YWJjYWJj"), ("YWJj\r\n", "YWJj"), ("YR==", "YQ=="), ("YWI=", "YWI=")],
)
def test_base64_is_kept_without_line_ends(written: str, kept: str) -> None:
    secret: Object = {"data": {"x": written}}
    decoded("Secret", secret)
    assert secret["data"] == {"x": kept}


def limited(amount: object) -> Object:
    return {"spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": amount}}}]}}


@pytest.mark.parametrize(("amount", "kept"), [(2, "2"), (1.5, "1500m"), (1e22, "10e21")])
def test_a_quantity_may_be_a_number(amount: object, kept: str) -> None:
    pod = limited(amount)
    decoded("Pod", pod)
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {"cpu": kept}


@pytest.mark.parametrize("amount", [True, [], {}])
def test_a_quantity_is_nothing_else(amount: object) -> None:
    with pytest.raises(RequestRefused, match="cannot unmarshal"):
        decoded("Pod", limited(amount))


def test_numbers_as_large_as_they_may_be() -> None:
    pod: Object = {"spec": {"terminationGracePeriodSeconds": 2**63 - 1}}
    decoded("Pod", pod)
    assert pod["spec"]["terminationGracePeriodSeconds"] == 2**63 - 1
    ports = [{"port": 2**31 - 1, "targetPort": -(2**31)}]
    service: Object = {"spec": {"ports": ports}}
    decoded("Service", service)
    assert service["spec"]["ports"] == ports


def test_unknown_fields_are_told_and_dropped() -> None:
    obj = {"metadata": {"foo": 1}, "specs": 4, "spec": {"x": 1, "ports": [{"port": 1, "b": 3}]}}
    kind = truthful.kind_of(REGISTRY, {"apiVersion": "v1", "kind": "Service"})
    unknown = decoding.decode(kind, obj)
    assert unknown == [
        'unknown field "metadata.foo"', 'unknown field "specs"', 'unknown field "spec.x"',
        'unknown field "spec.ports[0].b"',
    ]  # fmt: skip
    assert obj["spec"] == {"ports": [{"port": 1, "targetPort": 0}]}
    assert decoding.strict(kind, unknown[:2]).message == (
        'Service in version "v1" cannot be handled as a Service: strict decoding error:'
        ' unknown field "metadata.foo", unknown field "specs"'
    )


def test_what_is_empty_and_what_is_always_written() -> None:
    obj: Object = {
        "metadata": {"creationTimestamp": None, "labels": {}, "annotations": {"a": None}},
        "spec": {"template": {"spec": {"hostNetwork": False, "containers": [None]}}, "replicas": 0},
    }
    assert decoded("apps/Deployment", obj) == []
    assert obj == {
        "metadata": {"annotations": {"a": ""}},
        "spec": {
            "replicas": 0, "selector": None, "strategy": {},
            "template": {
                "metadata": {}, "spec": {"containers": [{"name": "", "resources": {}}]},
            },
        },
        "status": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("2026-01-01T01:00:00.5+01:00", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-01-31T23:59:59Z", "2026-01-31T23:59:59Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
        ("2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00.1234567891Z", "2026-01-01T00:00:00Z"),
    ],
)
def test_times_are_kept_in_utc_and_seconds(written: str, kept: str) -> None:
    event: Object = {"firstTimestamp": written}
    decoded("Event", event)
    assert event["firstTimestamp"] == kept


@pytest.mark.parametrize(
    ("written", "part"),
    [
        ("2026-13-31T25:00:00Z", "month"), ("2026-00-01T00:00:00Z", "month"),
        ("2026-01-01T24:00:00Z", "hour"), ("2026-01-01T00:60:00Z", "minute"),
        ("2026-06-30T23:59:60Z", "second"), ("2026-02-29T00:00:00Z", "day"),
        ("2026-02-00T00:00:00Z", "day"), ("2026-02-30T00:00:00.000000Z", "day"),
        ("2026-01-01T00:00:00+25:00", "time zone offset hour"),
        ("0001-01-01T00:00:00+14:00", "day"), ("0000-01-01T00:00:00Z", "day"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ["firstTimestamp", "eventTime"])
def test_times_that_there_are_not(field: str, written: str, part: str) -> None:
    if field == "eventTime" and "." not in written:
        written = f"{written[:19]}.000000{written[19:]}"
    with pytest.raises(RequestRefused, match=f'parsing time "{re.escape(written)}": {part} out'):
        decoded("Event", {field: written})


@pytest.mark.parametrize(
    "written",
    [
        "20260101T000000Z", "2026-W01-1T00:00:00Z", "2026-01-01T00:00Z", "2026-01-01t00:00:00z",
        "2026-01-01T00:00:00+0100", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00",
    ],
)  # fmt: skip
def test_what_is_no_time(written: str) -> None:
    with pytest.raises(RequestRefused, match='as "2006-01-02T15:04:05Z07:00": cannot parse'):
        decoded("Event", {"firstTimestamp": written})


def test_micro_times_have_six_digits() -> None:
    event: Object = {"eventTime": "2026-01-01T01:00:00.500000+01:00"}
    decoded("Event", event)
    assert event["eventTime"] == "2026-01-01T00:00:00.500000Z"
    with pytest.raises(RequestRefused, match="parsing time"):
        decoded("Event", {"eventTime": "2026-01-01T00:00:00.5Z"})


def test_fields_that_stand_twice() -> None:
    assert decoding.duplicates(b'{"a":1,"b":[{"c":1,"c":2}],"d":{"e":1}}') == [
        'duplicate field "b[0].c"'
    ]
    assert decoding.duplicates(b'{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}') == []


def schema_of(**rules: object) -> Object:
    version = {"name": "v1", "schema": {"openAPIV3Schema": {"type": "array", **rules}}}
    return {"spec": {"versions": [version]}}


@pytest.mark.parametrize("where", ["items", "additionalProperties"])
def test_schemas_in_the_schemas_of_crds(where: str) -> None:
    inner = {"type": "string", "title": "", "nullable": False, "x": 1, "properties": {"a": {}}}
    crd = schema_of(**{where: inner})
    place = f"spec.versions[0].schema.openAPIV3Schema.{where}.x"
    assert decoded("apiextensions.k8s.io/CustomResourceDefinition", crd) == [
        f'unknown field "{place}"'
    ]
    whole = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert whole[where] == {"type": "string", "properties": {"a": {}}}


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"items": {"properties": {"a": "x"}}}, "cannot unmarshal string into Go struct field"),
        ({"items": [{"properties": 1.5}]}, "cannot unmarshal number into Go struct field"),
        ({"additionalProperties": {"minimum": "x"}}, "minimum of type float64"),
        ({"additionalProperties": "x"}, "boolean or JSON schema expected"),
    ],
)
def test_what_is_no_schema_of_a_crd(rules: Object, words: str) -> None:
    with pytest.raises(RequestRefused, match=words):
        decoded("apiextensions.k8s.io/CustomResourceDefinition", schema_of(**rules))


def test_unknown_fields_alone() -> None:
    kind = truthful.kind_of(REGISTRY, {"apiVersion": "v1", "kind": "Service"})
    obj = {"spec": {"ports": [{"port": 1, "x": 2}], "selector": {"a": "b"}}, "y": 1}
    before = copy.deepcopy(obj)
    assert decoding.unknown_fields(schema.type_of(kind), obj) == ["spec.ports[0].x", "y"]
    assert obj == before


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("1000m", "1"), ("1.0", "1"), ("0.5", "500m"), ("1.5Gi", "1536Mi"), ("1024Ki", "1Mi"),
        ("0.5Ki", "512"), ("0.1Ki", "102400m"), ("12e4", "120e3"), ("1e3", "1e3"), ("0.1n", "1n"),
        ("1000", "1k"), ("0", "0"), ("0m", "0"), ("1024", "1024"), ("-5", "-5"), (".5", "500m"),
        ("5.", "5"), ("1500Mi", "1500Mi"), ("1E", "1E"), ("2048Gi", "2Ti"),
        ("1Ki", "1Ki"), ("-1Ki", "-1Ki"), ("-0.5Ki", "-512"), ("-0.1n", "-1n"), ("1n", "1n"),
        ("10u", "10u"), ("1e-3", "1e-3"), ("1E3", "1e3"), ("12e1", "120"), ("0.001Ki", "1024m"),
        ("1.0001Ki", "1024102400u"), ("1e21", "1e21"), ("1e99", "1e99"), ("1e100", "10e99"),
        ("10e20", "1e21"), ("1e20", "100e18"), ("1.1e18", "1100e15"), ("5e-9", "5e-9"),
    ],
)  # fmt: skip
def test_quantities(written: str, kept: str) -> None:
    assert quantities.canonical(written) == kept
    assert quantities.canonical(kept) == kept
    if not written.endswith("n"):
        assert quantities.value(written) == quantities.value(kept)


def test_every_suffix() -> None:
    assert [quantities.value(f"1{suffix}") for suffix in ("n", "u", "m", "", *"kMGTPE")] == [
        Fraction(10) ** power for power in range(-9, 19, 3)
    ]
    assert [quantities.value(f"1{letter}i") for letter in "KMGTPE"] == [
        1024**power for power in range(1, 7)
    ]


def test_binary_quantities_end_at_int64() -> None:
    assert quantities.canonical("16Ei") == "9223372036854775807"
    assert quantities.canonical("16E") == "16E"
    assert quantities.value("1" * 1000) == int("1" * 1000)
    assert quantities.canonical(f"1e{'9' * 900}") == "1e999"
    assert quantities.canonical(f"1e-{'9' * 900}") == "1e-9"


@pytest.mark.parametrize(
    "written",
    [
        "1" * 1001,
        "1" * 5000,
        "0." + "1" * 1000,
        "",
        "x",
        "1x",
        "1 Gi",
        "--1",
        "1.2.3",
        "Gi",
        "1gi",
        ".",
        "-.k",
    ],
)
def test_what_is_no_quantity(written: str) -> None:
    with pytest.raises(quantities.QuantityError):
        quantities.canonical(written)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    LEAVES,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(), part, max_size=3),
)


@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status", "data", "x"]), VALUES))
def test_anything_is_decoded_or_refused(obj: Object) -> None:
    for name in ("Service", "apps/Deployment", "Secret"):
        body = json.loads(json.dumps(obj))
        with contextlib.suppress(RequestRefused):
            decoded(name, body)
