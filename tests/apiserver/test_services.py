"""Addresses and node ports of Services."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from feddns.apiserver import services
from tests.apiserver.inprocess import InProcess, Refused

SERVICES = "/api/v1/namespaces/default/services"
TWO = ("10.96.0.0/24", "fd00:10:96::/108")


@pytest.fixture
def api() -> InProcess:
    return InProcess(service_ranges=TWO)


def make(api: InProcess, name: str = "s", **spec: Any) -> Any:
    spec.setdefault("ports", [{"port": 80}])
    return api.create(SERVICES, {"metadata": {"name": name}, "spec": spec})["spec"]


def test_the_apis_own_service(api: InProcess) -> None:
    assert api.get(f"{SERVICES}/kubernetes")["spec"]["clusterIP"] == "10.96.0.1"


def test_families(api: InProcess) -> None:
    one = make(api)
    assert (one["ipFamilies"], one["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")
    assert ipaddress.ip_address(one["clusterIP"]) in ipaddress.ip_network(TWO[0])
    two = make(api, "two", ipFamilyPolicy="PreferDualStack")
    assert two["ipFamilies"] == ["IPv4", "IPv6"]
    assert ipaddress.ip_address(two["clusterIPs"][1]) in ipaddress.ip_network(TWO[1])
    six = make(api, "six", ipFamilies=["IPv6"])
    assert six["clusterIP"].startswith("fd00:")
    single = InProcess()
    with pytest.raises(Refused, match="not configured on this cluster"):
        make(single, ipFamilies=["IPv6"])
    with pytest.raises(Refused, match="not configured for dual-stack"):
        make(single, ipFamilyPolicy="RequireDualStack")


def test_headless_and_external(api: InProcess) -> None:
    bare = make(api, clusterIP="None")
    assert (bare["clusterIPs"], bare["ipFamilyPolicy"]) == (["None"], "RequireDualStack")
    chosen = make(api, "chosen", clusterIP="None", selector={"a": "b"})
    assert chosen["ipFamilies"] == ["IPv4"]
    external = make(api, "external", type="ExternalName", externalName="a.example", ports=[])
    assert not {"clusterIP", "ipFamilies", "internalTrafficPolicy"} & set(external)


def test_addresses_that_are_refused(api: InProcess) -> None:
    taken = make(api)["clusterIP"]
    for address, words in (
        (taken, "provided IP is already allocated"),
        ("192.0.2.1", "does not match the current range"),
        ("10.96.0.0", "does not match the current range"),
        ("10.96.0.255", "does not match the current range"),
        ("fd00:10:96::", "does not match the current range"),
        ("x", "must be a valid IP address"),
    ):
        with pytest.raises(Refused, match=words):
            make(api, "other", clusterIP=address)
    for change in (
        {"clusterIP": "10.96.0.77"}, {"clusterIPs": ["10.96.0.77"]},
        {"clusterIP": "10.96.0.77", "clusterIPs": ["10.96.0.77"]},
    ):  # fmt: skip
        with pytest.raises(Refused, match="may not change once set"):
            api.merge(f"{SERVICES}/s", {"spec": change})


def test_an_address_is_one_however_it_is_written(api: InProcess) -> None:
    make(api, clusterIP="fd00:10:96::5")
    with pytest.raises(Refused, match="provided IP is already allocated"):
        make(api, "other", clusterIP="fd00:10:96:0::5")
    assert make(api, "last", clusterIP="fd00:10:96::f:ffff")["clusterIPs"]
    make(api, "long", clusterIP="fd00:10:96:0::6")
    with pytest.raises(Refused, match="provided IP is already allocated"):
        make(api, "other", clusterIP="fd00:10:96::6")
    with pytest.raises(Refused, match="first value must match `clusterIP`"):
        make(api, "other", clusterIP="10.96.0.9", clusterIPs=["10.96.0.11"])


def test_ports_of_health_checks(api: InProcess) -> None:
    balanced: dict[str, Any] = {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}
    port = make(api, **balanced, healthCheckNodePort=30100)["healthCheckNodePort"]
    same = api.merge(f"{SERVICES}/s", {"spec": {"sessionAffinity": "ClientIP"}})
    assert (port, same["spec"]["healthCheckNodePort"]) == (30100, 30100)
    mine = [{"port": 80, "nodePort": 30200}]
    for given, words in (
        ({"healthCheckNodePort": 30100}, "30100: provided port is already allocated"),
        ({"healthCheckNodePort": 80}, "80: provided port is not in the valid range"),
        ({"healthCheckNodePort": 30200, "ports": mine}, "30200: provided port is already"),
    ):
        with pytest.raises(Refused, match=f"requested HealthCheck NodePort {words}") as caught:
            make(api, "other", **balanced, **given)
        assert caught.value.code == 500
    assert api.names(SERVICES) == ["kubernetes", "s"]


def test_node_ports_that_are_all_taken(api: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_PORTS", range(30000, 30002))
    make(api, type="NodePort", ports=[{"name": "a", "port": 80}, {"name": "b", "port": 81}])
    with pytest.raises(Refused, match="failed to allocate a nodePort: range is full"):
        make(api, "other", type="NodePort")
    balanced: dict[str, Any] = {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}
    with pytest.raises(Refused, match="failed to allocate a HealthCheck NodePort"):
        make(api, "other", **balanced, allocateLoadBalancerNodePorts=False)


def test_what_is_given_back_is_given_again(api: InProcess) -> None:
    address = make(api, type="NodePort", ports=[{"port": 80, "nodePort": 30080}])["clusterIP"]
    with pytest.raises(Refused, match="provided port is already allocated"):
        make(api, "other", type="NodePort", ports=[{"port": 80, "nodePort": 30080}])
    api.delete(f"{SERVICES}/s")
    again = make(
        api, "other", type="NodePort", clusterIP=address, ports=[{"port": 80, "nodePort": 30080}]
    )
    assert again["clusterIP"] == address


def test_a_refused_service_takes_nothing(api: InProcess) -> None:
    for _ in range(300):
        with pytest.raises(Refused):
            make(api, "s", ports=[{"port": 80}, {"port": 81}])
    assert make(api)["clusterIP"]


def test_a_full_range_is_told() -> None:
    api = InProcess(service_ranges=("10.96.0.0/29",))
    for name in "abcde":
        make(api, name)
    with pytest.raises(Refused, match="range is full"):
        make(api, "f")


def test_node_ports_are_kept_by_the_names_of_ports(api: InProcess) -> None:
    ports = [{"name": "a", "port": 80}, {"name": "b", "port": 81}]
    made = make(api, type="LoadBalancer", externalTrafficPolicy="Local", ports=ports)
    numbers = {port["name"]: port["nodePort"] for port in made["ports"]}
    assert made["healthCheckNodePort"] not in numbers.values()
    spec = {"type": "LoadBalancer", "ports": [{"name": "b", "port": 90}, {"name": "c", "port": 91}]}
    changed = api.update(f"{SERVICES}/s", {"metadata": {"name": "s"}, "spec": spec})["spec"]
    assert changed["clusterIP"] == made["clusterIP"]
    now = {port["name"]: port["nodePort"] for port in changed["ports"]}
    assert now["b"] == numbers["b"]
    assert "healthCheckNodePort" not in changed
    plain = api.merge(f"{SERVICES}/s", {"spec": {"type": "ClusterIP"}})["spec"]
    assert not any("nodePort" in port for port in plain["ports"])
    assert not {"externalTrafficPolicy", "allocateLoadBalancerNodePorts"} & set(plain)


def test_ports_out_of_range(api: InProcess) -> None:
    with pytest.raises(Refused, match="The range of valid ports is 30000-32767"):
        make(api, type="NodePort", ports=[{"port": 80, "nodePort": 80}])


def test_what_a_balancer_had_goes_with_it(api: InProcess) -> None:
    make(api, type="LoadBalancer")
    status = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
    api.merge(f"{SERVICES}/s/status", status)
    assert api.merge(f"{SERVICES}/s", {"spec": {"type": "ClusterIP"}})["status"] == {
        "loadBalancer": {}
    }
    external = api.merge(f"{SERVICES}/s", {"spec": {"type": "ExternalName", "externalName": "a.b"}})
    assert "clusterIP" not in external["spec"]
    assert api.merge(f"{SERVICES}/s", {"spec": {"type": "ClusterIP"}})["spec"]["clusterIP"]


@pytest.mark.parametrize(
    ("ingress", "words"),
    [
        ({"ip": "no"}, "must be a valid IP address"),
        ({"hostname": "192.0.2.1"}, "must be a DNS name, not an IP address"),
        ({"hostname": "a.example", "ipMode": "VIP"}, "may not be specified when `ip` is not set"),
        ({"ip": "192.0.2.1", "ipMode": "X"}, 'Unsupported value: "X"'),
    ],
)
def test_statuses_that_are_refused(api: InProcess, ingress: dict[str, str], words: str) -> None:
    make(api, type="LoadBalancer")
    with pytest.raises(Refused, match=words):
        api.merge(f"{SERVICES}/s/status", {"status": {"loadBalancer": {"ingress": [ingress]}}})
    make(api, "plain")
    given = {"status": {"loadBalancer": {"ingress": [{"hostname": "a.example"}]}}}
    with pytest.raises(Refused, match=r"`spec.type` is 'LoadBalancer'"):
        api.merge(f"{SERVICES}/plain/status", given)
