"""The Cluster of the federation as an API server takes it, shows it and refuses it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from feddns.kube.resources import Role, read
from tests.clusterprograms import ClusterFailed
from tests.clusters import RealCluster
from tests.deploy.test_manifests import DEPLOY

PATH = "/apis/federation.feddns.dev/v1beta1/clusters"
ADDRESS = {"clientCIDR": "0.0.0.0/0", "serverAddress": "https://203.0.113.7:6443"}


def member(name: str = "gondor", **spec: object) -> dict:
    spec = {"serverAddressByClientCIDRs": [ADDRESS], **spec}
    metadata = {"name": name}
    return {
        "apiVersion": "federation.feddns.dev/v1beta1", "kind": "Cluster", "metadata": metadata,
        "spec": spec,
    }  # fmt: skip


@pytest.fixture
def federation(cluster: RealCluster) -> Iterator[RealCluster]:
    """The shared cluster with the CRD, and no Cluster but the test's own."""

    def established() -> bool:
        with contextlib.suppress(ClusterFailed):
            return bool(cluster.request("GET", PATH))
        return False

    if not established():
        cluster.kubectl("apply", "-f", str(DEPLOY / "crds"))
        cluster.until(established, "the kind Cluster is served")
    yield cluster
    cluster.request("DELETE", PATH)


def test_what_kubectl_shows(federation: RealCluster) -> None:
    federation.apply([member(secretRef={"name": "gondor"}), member("rohan")])
    federation.patch(
        f"{PATH}/gondor/status",
        {"status": {
            "conditions": [
                {"type": "Offline", "status": "False", "reason": "ClusterReachable"},
                {"type": "Ready", "status": "True", "lastProbeTime": "2026-01-01T00:00:00Z"},
            ],
            "zones": ["us-a", "us-b"], "region": "us", "version": "v1.36.3",
        }},
    )  # fmt: skip
    head, *rows = federation.kubectl("get", "fcl").splitlines()
    assert head.split() == ["NAME", "STATUS", "ZONES", "REGION", "VERSION", "AGE"]
    assert rows[0].split()[:-1] == ["gondor", "Ready", '["us-a","us-b"]', "us", "v1.36.3"]
    assert rows[1].split()[0] == "rohan"


def test_status_is_written_by_its_own_way_only(federation: RealCluster) -> None:
    federation.apply([member() | {"status": {"region": "us"}}])
    federation.patch(f"{PATH}/gondor", {"status": {"region": "us"}})
    assert "status" not in federation.request("GET", f"{PATH}/gondor")
    federation.patch(f"{PATH}/gondor/status", {"status": {"region": "us", "zones": ["us-a"]},
                                               "spec": {"secretRef": {"name": "x"}}})  # fmt: skip
    found = federation.request("GET", f"{PATH}/gondor")
    assert found["status"] == {"region": "us", "zones": ["us-a"]}
    assert "secretRef" not in found["spec"]


def test_the_dns_server_reads_it(federation: RealCluster) -> None:
    federation.apply([member()])
    federation.patch(f"{PATH}/gondor/status", {"status": {"region": "us", "zones": ["us-a"]}})
    text = federation.kubectl("get", "fcl", "gondor", "-o", "json")
    outcome = read(text.encode(), Role.FEDERATION)
    (found,) = outcome.objects
    assert (found.name, found.region, found.zones) == ("gondor", "us", ("us-a",))
    assert not outcome.reasons


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (member("Gondor"), "lowercase RFC 1123"),
        (member("1st"), "start with a letter"),
        (member("a.b"), "have no dot"),
        (member("a" * 64), "at most 63"),
        (member(serverAddressByClientCIDRs=[]), "at least 1 item"),
        (member() | {"spec": {}}, "serverAddressByClientCIDRs: Required value"),
        (member(serverAddressByClientCIDRs=[{**ADDRESS, "clientCIDR": "10.0.0.0"}]),
         'clientCIDR "10.0.0.0" is no address range; write one such as 0.0.0.0/0'),
        (member(serverAddressByClientCIDRs=[{**ADDRESS, "clientCIDR": ""}]), "no address range"),
        (member(serverAddressByClientCIDRs=[{**ADDRESS, "serverAddress": "ftp://x"}]),
         "write a host, host:port or URL"),
        (member(serverAddressByClientCIDRs=[{**ADDRESS, "serverAddress": "a b"}]),
         "write a host, host:port or URL"),
        (member(serverAddressByClientCIDRs=[ADDRESS, ADDRESS]), "Duplicate value"),
        (member(secretRef={}), "secretRef.name: Required value"),
        (member(secretRef={"name": "a b"}), "the name of a Secret"),
    ],
)  # fmt: skip
def test_what_it_refuses(federation: RealCluster, given: dict, said: str) -> None:
    with pytest.raises(ClusterFailed) as failure:
        federation.request("POST", PATH, given)
    assert said.replace('"', '\\"') in str(failure.value)


@pytest.mark.parametrize(
    "address",
    ["203.0.113.7", "203.0.113.7:6443", "api.example.com", "https://api.example.com:6443/path",
     "[2001:db8::7]:6443", "2001:db8::7", "https://[2001:db8::7]", "localhost:8080"],
)  # fmt: skip
def test_addresses_that_it_takes(federation: RealCluster, address: str) -> None:
    given = member(serverAddressByClientCIDRs=[{**ADDRESS, "serverAddress": address}])
    federation.request("POST", f"{PATH}?dryRun=All", given)
