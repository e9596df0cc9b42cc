"""The table of kinds, and objects of no use."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddns.kube import resources
from feddns.kube.resources import Head, Role


@pytest.mark.parametrize(
    ("role", "version", "kind"),
    [
        (Role.CLUSTER, "apps/v1", "Deployment"),
        (Role.CLUSTER, "v1", "Endpoints"),
        (Role.CLUSTER, "serving.knative.dev/v1", "Service"),
        (Role.CLUSTER, "federation/v1beta1", "Cluster"),
        (Role.FEDERATION, "v1", "Namespace"),
        (Role.FEDERATION, "discovery.k8s.io/v1", "EndpointSlice"),
    ],
)
def test_a_kind_that_is_not_needed_is_passed_over(role: Role, version: str, kind: str) -> None:
    raw = json.dumps({"apiVersion": version, "kind": kind, "metadata": "nonsense"}).encode()
    outcome = resources.read(raw, role)
    assert (outcome.ignored, outcome.objects, outcome.refused) == (kind, (), False)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"[]", "object: it is no Kubernetes object"),
        (b"1", "object: it is no Kubernetes object"),
        (b"{", "object: it is no Kubernetes object"),
        (b"{}", "object: it has no kind"),
        (b'{"kind": 1}', "object: it is no Kubernetes object"),
        (b'{"apiVersion": "v1", "kind": "Service"}', "Service (unnamed): "),
        (
            b'{"apiVersion": "v1", "kind": "Service", "metadata": {"name": 1}}',
            "Service (unnamed): ",
        ),
    ],
)
def test_what_is_no_object_is_refused(raw: bytes, reason: str) -> None:
    outcome = resources.read(raw, Role.CLUSTER)
    assert outcome.refused
    assert outcome.reasons[0].startswith(reason)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "metadata",
                    "name",
                    "namespace",
                    "spec",
                    "status",
                    "labels",
                    "annotations",
                    "ports",
                    "clusterIP",
                    "clusterIPs",
                    "endpoints",
                    "addresses",
                    "conditions",
                    "addressType",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values, st.sampled_from(Role), st.data())
def test_any_json_gives_an_outcome(value: object, role: Role, data: st.DataObject) -> None:
    version, kind = data.draw(st.sampled_from(sorted(resources.KINDS[role])))
    outcome = resources.read(json.dumps(value).encode(), role, Head(version, kind))
    assert bool(outcome.objects) + bool(outcome.ignored) + outcome.refused == 1
    assert outcome.reasons or not outcome.refused


@given(st.binary(max_size=40), st.sampled_from(Role))
def test_any_bytes_give_an_outcome(raw: bytes, role: Role) -> None:
    assert resources.read(raw, role).identity
