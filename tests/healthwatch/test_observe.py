"""Endpoints counted, load-balancer addresses read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddns.healthwatch import observe


def endpoint(*addresses: str, pod: str = "", **conditions: bool | None) -> dict[str, Any]:
    made: dict[str, Any] = {"addresses": list(addresses), "conditions": conditions}
    return made | ({"targetRef": {"kind": "Pod", "name": pod}} if pod else {})


def slice_(*endpoints: dict[str, Any], family: str = "IPv4") -> dict[str, Any]:
    metadata = {"namespace": "shop", "name": "web-a", "labels": {observe.SERVICE_NAME: "web"}}
    return {"metadata": metadata, "addressType": family, "endpoints": list(endpoints)}


def endpoints(*slices: dict[str, Any]) -> tuple[int, int]:
    """Ready and terminating ones of these slices of a Service."""
    counted = [observe.count(json.dumps(one).encode()) for one in slices]
    assert all(one is not None and one.service == "web" for one in counted)
    return observe.together(one for one in counted if one is not None)


CONDITIONS = [
    ({}, (1, 0)),
    ({"ready": True}, (1, 0)),
    ({"ready": None}, (1, 0)),
    ({"ready": False}, (0, 0)),
    ({"ready": False, "serving": True}, (0, 0)),
    ({"ready": False, "serving": True, "terminating": True}, (0, 1)),
    ({"ready": False, "serving": False, "terminating": True}, (0, 0)),
    ({"ready": False, "terminating": True}, (0, 0)),
    ({"ready": True, "serving": True, "terminating": True}, (1, 0)),  # publishes what is not ready
]


@pytest.mark.parametrize(("conditions", "expected"), CONDITIONS)
def test_conditions(conditions: dict[str, bool | None], expected: tuple[int, int]) -> None:
    assert endpoints(slice_(endpoint("192.0.2.1", **conditions))) == expected


def test_no_slices_no_endpoints_no_conditions() -> None:
    assert endpoints() == (0, 0)
    assert endpoints({**slice_(), "endpoints": None}) == (0, 0)
    assert endpoints(slice_({"addresses": ["192.0.2.1"]})) == (1, 0)


def test_a_pod_of_two_families_is_one() -> None:
    one = slice_(endpoint("192.0.2.1", pod="a"), endpoint("192.0.2.2", pod="b", ready=False))
    two = slice_(endpoint("2001:db8::1", pod="a"), family="IPv6")
    assert endpoints(one, two) == (1, 0)
    ends = slice_(endpoint("192.0.2.1", pod="a", ready=False, serving=True, terminating=True))
    assert endpoints(ends, two) == (1, 0)


def test_names_are_no_endpoints() -> None:
    assert endpoints(slice_(endpoint("a.example.com"), family="FQDN")) == (0, 0)


@pytest.mark.parametrize("raw", [b'{"metadata": {}}', b'{"metadata": {"labels": null}}', b"{}",
                                 b'{"metadata": 1}', b"[", b"\xff"])  # fmt: skip
def test_what_is_of_no_service(raw: bytes) -> None:
    assert observe.count(raw) is None


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, []),
        ({}, []),
        ({"loadBalancer": None}, []),
        ({"loadBalancer": {"ingress": None}}, []),
        ({"loadBalancer": {"ingress": [None, {}, {"ip": ""}]}}, []),
        ({"loadBalancer": {"ingress": [{"ip": "192.0.2.9"}, {"ip": "192.0.2.10"}]}},
         [{"ip": "192.0.2.10"}, {"ip": "192.0.2.9"}]),
        ({"loadBalancer": {"ingress": [{"ip": "192.0.2.1", "ports": [{"port": 1}]}] * 2}},
         [{"ip": "192.0.2.1"}]),
    ],
)  # fmt: skip
def test_load_balancer_addresses(status: Any, expected: list[dict[str, str]]) -> None:
    assert observe.ingresses({"status": status}) == expected
    assert observe.ingresses(None) == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (None, "ClusterIP"),
        ({"clusterIP": "10.96.0.1"}, "ClusterIP"),
        ({"clusterIP": "None"}, "Headless"),
        ({"type": "NodePort", "clusterIP": "10.96.0.1"}, "NodePort"),
        ({"type": "ExternalName"}, "ExternalName"),
    ],
)
def test_types(spec: Any, expected: str) -> None:
    assert observe.type_of({"spec": spec}) == expected


@given(st.permutations([f"192.0.2.{one}" for one in range(4)]), st.integers(1, 3))
def test_the_order_and_the_cut_into_slices_do_not_matter(addresses: list[str], cut: int) -> None:
    ends = [endpoint(one, ready=one != "192.0.2.0") for one in addresses]
    assert endpoints(slice_(*ends[:cut]), slice_(*ends[cut:])) == (3, 0)
    assert observe.tidy({"ip": one} for one in addresses) == [
        {"ip": one} for one in sorted(addresses)
    ]
