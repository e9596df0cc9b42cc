"""What the objects of the federation API mean."""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import Any

import pytest

from feddns import names
from feddns.kube import resources
from feddns.kube.resources import Outcome, Role
from feddns.services import FederatedService, Ingress, Port, PublicName, Shard
from feddns.topology import Cluster

KEY = "federation.kubernetes.io/service-ingresses"


def read(kind: str, version: str = "v1", /, **parts: Any) -> Outcome:
    raw = json.dumps({"apiVersion": version, "kind": kind, **parts}).encode()
    return resources.read(raw, Role.FEDERATION)


def read_service(annotations: dict[str, str] | None = None, **parts: Any) -> Outcome:
    metadata = {"name": "nginx", "namespace": "default", "annotations": annotations}
    parts.setdefault("spec", {"type": "LoadBalancer"})
    return read("Service", metadata=metadata, **parts)


def at(text: str) -> Ingress:
    return Ingress(address=ip_address(text).packed)


def named(text: str) -> Ingress:
    return Ingress(hostname=names.parse(text))


@pytest.mark.parametrize(
    ("annotation", "shards"),
    [
        (None, ()),
        ("", ()),
        ("null", ()),
        ("{}", ()),
        ('{"items": null}', ()),
        ('{"items": []}', ()),
        ('{"items": [{"cluster": "c1"}]}', (Shard("c1", ()),)),
        ('{"items": [{"cluster": "c1", "items": null}]}', (Shard("c1", ()),)),
        ('{"items": [{"cluster": "c1", "items": []}]}', (Shard("c1", ()),)),
        (
            '{"items":[{"cluster":"c1","items":[{"ip":"198.51.100.1"}]},{"cluster":"c2","items":null}]}',
            (Shard("c1", (at("198.51.100.1"),)), Shard("c2", ())),
        ),
        (
            '{"items":[{"cluster":"c1","items":[{"hostname":"A9.elb.example.COM."},{"ip":"2001:db8::1",'
            '"hostname":"unused.example.com"}]}]}',
            (Shard("c1", (named("a9.elb.example.com"), at("2001:db8::1"))),),
        ),
    ],
)
def test_shards(annotation: str | None, shards: tuple[Shard, ...]) -> None:
    outcome = read_service(None if annotation is None else {KEY: annotation})
    assert outcome == Outcome(
        "Service default/nginx", (FederatedService(b"default", b"nginx", shards=shards),), []
    )


@pytest.mark.parametrize(
    ("entry", "left", "reason"),
    [
        ({"cluster": "c1", "items": [{}]}, (Shard("c1", ()),), "items[1].items[0] has neither"),
        ({"cluster": "c1", "items": [None]}, (Shard("c1", ()),), "items[1].items[0] has neither"),
        (
            {"cluster": "c1", "items": [{"ip": "", "hostname": ""}]},
            (Shard("c1", ()),),
            "items[1].it",
        ),
        ({"cluster": "c1", "items": [{"ip": "x"}]}, (Shard("c1", ()),), "items[1].items[0].ip 'x'"),
        (
            {"cluster": "c1", "items": [{"hostname": "a..b"}]},
            (Shard("c1", ()),),
            "items[1].items[0].h",
        ),
        ({"items": [{"ip": "192.0.2.1"}]}, (), "items[1] names no cluster"),
        (None, (), "items[1] names no cluster"),
        ({"cluster": "c0"}, (), "items[1] names 'c0' again"),
    ],
)
def test_a_bad_entry_is_refused_alone(entry: Any, left: Any, reason: str) -> None:
    good = {"cluster": "c0", "items": [{"ip": "192.0.2.1"}]}
    outcome = read_service({KEY: json.dumps({"items": [good, entry]})})
    (service,) = outcome.objects
    assert isinstance(service, FederatedService)
    assert service.shards == (Shard("c0", (at("192.0.2.1"),)), *left)
    (found,) = outcome.reasons
    assert found.startswith(f"Service default/nginx: annotation {KEY}: {reason}")


@pytest.mark.parametrize(
    "annotation", ["{", "[]", "1", '{"items": 1}', '{"items": [{"cluster": 1}]}']
)
def test_a_malformed_annotation_refuses_the_object(annotation: str) -> None:
    outcome = read_service({KEY: annotation})
    assert outcome.refused
    assert outcome.reasons[0].startswith(f"Service default/nginx: annotation {KEY}: ")


def test_the_rest_of_a_federated_service() -> None:
    outcome = read_service(
        {"federation.feddns.dev/ttl": "30", "federation.feddns.dev/when-none-healthy": "all"},
        spec={"type": "LoadBalancer", "ports": [{"name": "http", "port": 80}]},
        status={"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}, {"hostname": "lb.example.com"}]}},
    )
    assert outcome.objects == (
        FederatedService(
            b"default",
            b"nginx",
            ports=(Port(b"http", b"tcp", 80),),
            known=(at("192.0.2.1"), named("lb.example.com")),
            ttl=30,
            when_none_healthy="all",
        ),
    )


@pytest.mark.parametrize(
    ("key", "value"), [("ttl", "soon"), ("when-none-healthy", "some"), ("when-none-healthy", "")]
)
def test_a_bad_annotation_leaves_the_servers_setting(key: str, value: str) -> None:
    outcome = read_service({f"federation.feddns.dev/{key}": value})
    assert outcome.objects == (FederatedService(b"default", b"nginx"),)
    assert f"annotation federation.feddns.dev/{key} {value!r}" in outcome.reasons[0]


@pytest.mark.parametrize("status", [None, {}, {"loadBalancer": None}, {"loadBalancer": {}}])
def test_a_service_without_load_balancer(status: Any) -> None:
    assert read_service(status=status).objects == (FederatedService(b"default", b"nginx"),)


@pytest.mark.parametrize("spec", [None, {}, {"type": None}, {"type": "NodePort"}])
def test_a_service_of_another_type_is_not_public(spec: Any) -> None:
    (service,) = read_service(spec=spec).objects
    assert service == FederatedService(b"default", b"nginx", is_public=False)


def public(*pairs: tuple[str, str]) -> tuple[PublicName, ...]:
    return tuple(PublicName(names.parse(name), names.parse(rung)) for name, rung in pairs)


@pytest.mark.parametrize(
    ("annotation", "chosen", "reason"),
    [
        ("", (), ""),
        (" , ", (), ""),
        ("nginx.example.com", public(("nginx.example.com", "")), ""),
        ("eu.nginx.example.com=europe-west1, Nginx.Example.COM.",
         public(("eu.nginx.example.com", "europe-west1"), ("nginx.example.com", "")), ""),
        ("n.example.com = us-central1-a.us-central1 ,",
         public(("n.example.com", "us-central1-a.us-central1")), ""),
        ("*.nginx.example.com=", public(("*.nginx.example.com", "")), ""),
        ("n.example.com=r1,n.example.com=r1", public(("n.example.com", "r1")), ""),
        ("n.example.com=r1,n.example.com=r2", public(("n.example.com", "r1")),
         "n.example.com. is there twice; the first counts"),
        ("a..b,n.example.com", public(("n.example.com", "")), "'a..b' is no name; write name or"),
        ("=r1", (), "'' is no name"),
        ("_x.example.com", (), "'_x.example.com' is no name"),
        ("a.*.example.com", (), "'a.*.example.com' is no name"),
        ("n.example.com=r..1", (), "'r..1' has an empty label; the item is left out"),
        ("n\u00f6.example.com", (), "'n\u00f6.example.com' is no name"),
    ],
)  # fmt: skip
def test_names_in_the_public_zone(
    annotation: str, chosen: tuple[PublicName, ...], reason: str
) -> None:
    outcome = read_service({"federation.feddns.dev/names": annotation})
    (service,) = outcome.objects
    assert service == FederatedService(b"default", b"nginx", names=chosen)
    assert len(outcome.reasons) == bool(reason)
    assert reason in "".join(outcome.reasons)


# --- Cluster -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["federation.feddns.dev/v1beta1", "federation/v1beta1"])
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, Cluster("c1", (), "")),
        ({}, Cluster("c1", (), "")),
        ({"zones": None, "region": None}, Cluster("c1", (), "")),
        ({"zones": ["b", "a", "b", ""], "region": "r"}, Cluster("c1", ("a", "b"), "r")),
    ],
)
def test_cluster(version: str, status: Any, expected: Cluster) -> None:
    outcome = read("Cluster", version, metadata={"name": "c1"}, status=status)
    assert outcome == Outcome("Cluster c1", (expected,), [])


def test_a_place_that_no_name_can_hold() -> None:
    outcome = read(
        "Cluster",
        "federation/v1beta1",
        metadata={"name": "c1"},
        status={"zones": ["a..b", "z"], "region": "ü"},
    )
    assert outcome.objects == (Cluster("c1", ("z",), ""),)
    assert [reason.split(" cannot")[0] for reason in outcome.reasons] == [
        "Cluster c1: status.zones 'a..b'",
        "Cluster c1: status.region 'ü'",
    ]


@pytest.mark.parametrize("name", ["", "1c", "C1", "a.b", "a" * 64])
def test_a_cluster_with_another_name_is_refused(name: str) -> None:
    assert read("Cluster", "federation/v1beta1", metadata={"name": name}).refused
