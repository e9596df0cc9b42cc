"""What the objects of a member cluster mean."""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddns import names
from feddns.events import Object
from feddns.federations import Federation, Federations
from feddns.kube import fields, resources
from feddns.kube.resources import Outcome, Role
from feddns.nameservers import Nameservers, StubDomain
from feddns.services import Endpoint, Kind, Namespace, Pod, Port, Service, Slice
from feddns.topology import Node


def read(kind: str, version: str = "v1", /, **parts: Any) -> Outcome:
    parts.setdefault("metadata", {"name": "x", "namespace": "ns"})
    raw = json.dumps({"apiVersion": version, "kind": kind, **parts}).encode()
    return resources.read(raw, Role.CLUSTER)


def only(outcome: Outcome) -> Object:
    assert (outcome.reasons, outcome.ignored, outcome.refused) == ([], "", False)
    (thing,) = outcome.objects
    return thing


def address(text: str) -> bytes:
    return ip_address(text).packed


# --- Service -------------------------------------------------------------------------------------


def service(**changes: Any) -> Service:
    whole: dict[str, Any] = {"namespace": b"ns", "name": b"x", "kind": Kind.CLUSTER_IP} | changes
    return Service(**whole)


V4, V6 = "192.0.2.1", "2001:db8::1"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (None, service()),
        ({}, service()),
        ({"clusterIP": ""}, service()),
        ({"clusterIP": V4}, service(addresses=(address(V4),))),
        ({"clusterIP": V4, "clusterIPs": [V4, V6]}, service(addresses=(address(V4), address(V6)))),
        ({"clusterIP": "192.0.2.9", "clusterIPs": [V6]}, service(addresses=(address(V6),))),
        ({"clusterIPs": [V4, V4]}, service(addresses=(address(V4),))),
        ({"clusterIP": V4, "clusterIPs": None}, service(addresses=(address(V4),))),
        ({"clusterIP": "None"}, service(kind=Kind.HEADLESS)),
        ({"clusterIPs": ["None"]}, service(kind=Kind.HEADLESS)),
        ({"type": "LoadBalancer", "clusterIP": V4}, service(addresses=(address(V4),))),
        (
            {"type": "ExternalName", "externalName": "Db.Example.COM."},
            service(kind=Kind.EXTERNAL_NAME, external_name=names.parse("db.example.com")),
        ),
        (
            {"type": "ExternalName", "externalName": "10.9.8.7"},
            service(kind=Kind.EXTERNAL_NAME, external_name=names.parse("10.9.8.7")),
        ),
        ({"externalName": "unused.example.com"}, service()),
        ({"publishNotReadyAddresses": True}, service(publish_not_ready=True)),
        (
            {
                "ports": [
                    {"name": "HTTP", "port": 80},
                    {"port": 53, "protocol": "UDP"},
                    {"name": "n"},
                ]
            },
            service(ports=(Port(b"http", b"tcp", 80), Port(b"", b"udp", 53))),
        ),
    ],
)
def test_service(spec: Any, expected: Service) -> None:
    assert only(read("Service", spec=spec)) == expected


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"name": "NginX", "namespace": "NS"}, service(name=b"nginx")),
        ({"name": "x"}, service(namespace=b"default")),
        ({"name": "x", "namespace": "ns", "resourceVersion": "7"}, service(version="7")),
        (
            {"name": "x", "namespace": "ns", "annotations": {
                "service.alpha.kubernetes.io/tolerate-unready-endpoints": "true"}},
            service(publish_not_ready=True),
        ),
        (
            {"name": "x", "namespace": "ns",
             "annotations": {"federation.feddns.dev/cluster-ttl": "0", "other": "5"}},
            service(ttl=0),
        ),
    ],
)  # fmt: skip
def test_service_metadata(metadata: Any, expected: Service) -> None:
    assert only(read("Service", metadata=metadata)) == expected


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (
            {"spec": {"clusterIP": "1.2.3"}},
            "Service ns/x: spec.clusterIPs '1.2.3' is no IP address",
        ),
        ({"spec": {"type": "ExternalName"}}, "Service ns/x: spec.externalName is empty"),
        (
            {"spec": {"type": "ExternalName", "externalName": "a..b"}},
            "Service ns/x: spec.externalN",
        ),
        (
            {"spec": {"ports": [{"port": "http"}]}},
            "Service ns/x: spec.ports[0].port: Expected `int",
        ),
        ({"metadata": {"name": "a_b"}}, "Service default/a_b: metadata.name 'a_b' must be"),
        ({"metadata": {"name": "a.b"}}, "Service default/a.b: metadata.name"),
        ({"metadata": {"name": "x", "namespace": "n s"}}, "Service n s/x: metadata.namespace"),
        ({"metadata": {"namespace": "ns"}}, "Service ns/: metadata.name ''"),
        ({"metadata": None}, "Service (unnamed): metadata: Expected"),
    ],
)
def test_service_refused(parts: Any, reason: str) -> None:
    outcome = read("Service", **parts)
    assert outcome.refused
    assert not outcome.objects
    (found,) = outcome.reasons
    assert found.startswith(reason)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"spec": {"ports": [{"port": 0}]}}, "spec.ports[0].port 0 must be within"),
        ({"spec": {"ports": [{"name": "a b", "port": 1}]}}, "spec.ports[0].name 'a b'"),
        ({"spec": {"ports": [{"protocol": "?", "port": 1}]}}, "spec.ports[0].protocol '?'"),
        *(
            ({"metadata": {"name": "x", "namespace": "ns", "annotations": {
                "federation.feddns.dev/cluster-ttl": ttl}}},
             f"annotation federation.feddns.dev/cluster-ttl {ttl!r} must be")
            for ttl in ("", "soon", "-1", "604801", "1.5", "99999999999")
        ),
    ],
)  # fmt: skip
def test_a_bad_part_of_a_service_is_refused_alone(parts: Any, reason: str) -> None:
    outcome = read("Service", **parts)
    assert outcome.objects == (service(),)
    (found,) = outcome.reasons
    assert found.startswith(f"Service ns/x: {reason}")


# --- EndpointSlice -------------------------------------------------------------------------------

LABELLED = {"name": "x-1", "namespace": "ns", "labels": {"kubernetes.io/service-name": "X"}}


def read_slice(*endpoints: Any, family: str | None = "IPv4", **parts: Any) -> Outcome:
    parts.setdefault("metadata", LABELLED)
    return read("EndpointSlice", "discovery.k8s.io/v1", addressType=family, endpoints=endpoints,
                **parts)  # fmt: skip


def endpoints_of(outcome: Outcome) -> tuple[Endpoint, ...]:
    (piece,) = outcome.objects
    assert isinstance(piece, Slice)
    return piece.endpoints


@pytest.mark.parametrize(
    ("conditions", "ready", "serving", "terminating"),
    [
        (None, True, True, False),
        ({}, True, True, False),
        ({"ready": None}, True, True, False),
        ({"ready": True}, True, True, False),
        ({"ready": False}, False, False, False),
        ({"ready": False, "serving": True, "terminating": True}, False, True, True),
        ({"ready": True, "serving": False}, True, False, False),
        ({"terminating": None}, True, True, False),
    ],
)
def test_conditions(conditions: Any, ready: bool, serving: bool, terminating: bool) -> None:
    outcome = read_slice({"addresses": [V4], "conditions": conditions})
    assert endpoints_of(outcome) == (
        Endpoint((address(V4),), ready=ready, serving=serving, terminating=terminating),
    )


def test_slice() -> None:
    target = {"kind": "Pod", "name": "x-0", "namespace": "ns"}
    outcome = read_slice(
        {"addresses": [V4, "192.0.2.2"], "hostname": "Web-0", "targetRef": target},
        ports=[{"name": "", "port": 80, "protocol": "TCP"}, {"name": "none", "port": None}],
    )
    assert only(outcome) == Slice(
        b"ns",
        b"x-1",
        b"x",
        (Endpoint((address(V4), address("192.0.2.2")), b"web-0", pod=b"x-0"),),
        (Port(b"", b"tcp", 80),),
    )


def test_slice_without_anything() -> None:
    outcome = read("EndpointSlice", "discovery.k8s.io/v1", metadata=LABELLED, addressType="IPv6",
                   endpoints=None, ports=None)  # fmt: skip
    assert only(outcome) == Slice(b"ns", b"x-1", b"x")


@pytest.mark.parametrize(
    "target", [None, {"kind": "Node", "name": "n"}, {"kind": "Pod"}, {"kind": "Pod", "name": "a.b"}]
)
def test_a_target_that_gives_no_pod_name(target: Any) -> None:
    (endpoint,) = endpoints_of(read_slice({"addresses": [V4], "targetRef": target}))
    assert endpoint.pod == b""


@pytest.mark.parametrize(
    ("family", "bad"),
    [("IPv4", V6), ("IPv6", V4), ("IPv4", "1.2.3.04"), ("IPv4", "x"), ("IPv6", "fe80::1%eth0"),
     ("IPv4", "192.0.2.256"), ("IPv4", "")],
)  # fmt: skip
def test_a_bad_address_is_refused_alone(family: str, bad: str) -> None:
    good = V4 if family == "IPv4" else V6
    outcome = read_slice({"addresses": [bad]}, {"addresses": [good, bad]}, family=family)
    assert endpoints_of(outcome) == (Endpoint((address(good),)),)
    assert [reason.split(" is no ")[0] for reason in outcome.reasons] == [
        f"EndpointSlice ns/x-1: endpoints[{index}].addresses {bad!r}" for index in (0, 1)
    ]


def test_a_bad_hostname_is_refused_alone() -> None:
    outcome = read_slice({"addresses": [V4], "hostname": "a_b"})
    assert endpoints_of(outcome) == (Endpoint((address(V4),)),)
    assert outcome.reasons[0].startswith(
        "EndpointSlice ns/x-1: endpoints[0].hostname 'a_b' must be"
    )


@pytest.mark.parametrize(
    ("metadata", "family", "cause"),
    [
        ({"name": "a"}, "IPv4", "EndpointSlice without label kubernetes.io/service-name"),
        ({"name": "a", "labels": None}, "IPv4", "EndpointSlice without label"),
        ({"name": "a", "labels": {"other": "x"}}, "IPv4", "EndpointSlice without label"),
        (LABELLED, "FQDN", "EndpointSlice of addressType FQDN"),
    ],
)
def test_a_slice_that_is_passed_over(metadata: Any, family: str, cause: str) -> None:
    outcome = read_slice({"addresses": [V4]}, family=family, metadata=metadata)
    assert outcome.ignored.startswith(cause)
    assert (outcome.objects, outcome.refused) == ((), False)


@pytest.mark.parametrize("family", [None, "", "ipv4", "IPv5"])
def test_an_unknown_address_type_is_refused(family: str | None) -> None:
    assert "addressType" in read_slice({"addresses": [V4]}, family=family).reasons[0]


# --- Namespace, Node, Pod, ConfigMap -------------------------------------------------------------


def test_namespace() -> None:
    assert only(read("Namespace", metadata={"name": "Kube-System"})) == Namespace(b"kube-system")
    assert read("Namespace", metadata={"name": "a.b"}).refused


NEW, OLD = "topology.kubernetes.io/", "failure-domain.beta.kubernetes.io/"


@pytest.mark.parametrize(
    ("labels", "zone", "region"),
    [
        (None, "", ""),
        ({}, "", ""),
        ({NEW + "zone": "z", NEW + "region": "r"}, "z", "r"),
        ({OLD + "zone": "z", OLD + "region": "r"}, "z", "r"),
        ({OLD + "zone": "old", NEW + "zone": "z", OLD + "region": "r"}, "z", "r"),
        ({NEW + "zone": "z.1"}, "z.1", ""),
    ],
)
def test_node(labels: Any, zone: str, region: str) -> None:
    assert only(read("Node", metadata={"name": "n1", "labels": labels})) == Node("n1", zone, region)


def test_a_zone_that_no_name_can_hold() -> None:
    outcome = read(
        "Node", metadata={"name": "n1", "labels": {NEW + "zone": "a..b", NEW + "region": "r"}}
    )
    assert outcome.objects == (Node("n1", "", "r"),)
    assert outcome.reasons[0].startswith("Node n1: label topology.kubernetes.io/zone 'a..b' cannot")
    assert read("Node", metadata={}).refused


@pytest.mark.parametrize(
    ("status", "addresses"),
    [
        ({"phase": "Running", "podIP": V4}, [V4]),
        ({"phase": "Running", "podIP": V4, "podIPs": [{"ip": V4}, {"ip": V6}]}, [V4, V6]),
        ({"phase": "Pending", "podIPs": [{"ip": V6}, {"ip": V6}, {}]}, [V6]),
        ({"podIP": V4}, [V4]),
    ],
)
def test_pod(status: Any, addresses: list[str]) -> None:
    expected = Pod(b"ns", b"x", tuple(map(address, addresses)))
    assert only(read("Pod", spec={"hostNetwork": False}, status=status)) == expected


@pytest.mark.parametrize(
    ("parts", "cause"),
    [
        (
            {"spec": {"hostNetwork": True}, "status": {"podIP": V4}},
            "Pod in the network of its host",
        ),
        ({"status": {"phase": "Succeeded", "podIP": V4}}, "Pod that has ended"),
        ({"status": {"phase": "Failed", "podIP": V4}}, "Pod that has ended"),
        ({"status": {"phase": "Pending"}}, "Pod without an address"),
        ({}, "Pod without an address"),
    ],
)
def test_a_pod_that_does_not_count(parts: Any, cause: str) -> None:
    outcome = read("Pod", **parts)
    assert (outcome.objects, outcome.ignored) == ((), cause)


def test_config_map() -> None:
    metadata = {"name": "kube-dns", "namespace": "kube-system"}
    found = Federations((Federation(b"fellowship", names.parse("example.com")),))
    stubs = Nameservers((StubDomain(names.parse("corp.example"), ("192.0.2.1:53",)),))
    data = {
        "federations": "fellowship=example.com",
        "stubDomains": '{"corp.example": ["192.0.2.1"]}',
    }
    nothing = (Federations(), Nameservers())
    assert read("ConfigMap", metadata=metadata, data=data).objects == (found, stubs)
    assert read("ConfigMap", metadata=metadata, data=None).objects == nothing
    assert read("ConfigMap", metadata=metadata, data={}).objects == nothing
    bad = {"federations": "fellowship=example.com,b", "upstreamNameservers": "192.0.2.1"}
    outcome = read("ConfigMap", metadata=metadata, data=bad)
    assert outcome.objects == (found, Nameservers())
    first, second = outcome.reasons
    assert first.startswith(
        "ConfigMap kube-system/kube-dns: data.federations: federations item 'b'"
    )
    assert second.startswith("ConfigMap kube-system/kube-dns: data.upstreamNameservers: ")


def test_the_name_of_the_config_map_is_a_setting() -> None:
    raw = json.dumps(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "dns", "namespace": "mine"},
            "data": {"federations": "a=b.example"},
        }
    ).encode()
    outcome = resources.read(raw, Role.CLUSTER, config_map="mine/dns")
    assert outcome.objects == (
        Federations((Federation(b"a", names.parse("b.example")),)),
        Nameservers(),
    )
    assert resources.read(raw, Role.CLUSTER).ignored == "ConfigMap"


@pytest.mark.parametrize("place", [("kube-system", "coredns"), ("default", "kube-dns")])
def test_another_config_map_is_passed_over(place: tuple[str, str]) -> None:
    metadata = {"namespace": place[0], "name": place[1]}
    outcome = read("ConfigMap", metadata=metadata, data={"federations": "a=b"})
    assert (outcome.objects, outcome.ignored) == ((), "ConfigMap")


# --- addresses -----------------------------------------------------------------------------------


@given(st.ip_addresses())
def test_every_address_is_packed(given_address: Any) -> None:
    assert fields.packed(str(given_address)) == given_address.packed


@given(st.text("0123456789.:abf%/ -", max_size=20) | st.text(max_size=10))
def test_only_addresses_are_packed(text: str) -> None:
    try:
        expected = None if "%" in text else ip_address(text).packed
    except ValueError:
        expected = None
    assert fields.packed(text) == expected
