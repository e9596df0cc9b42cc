"""The playground as a person uses it: guide 0 with kubectl, dig and curl, failures and healing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import programs
from tests.playground.running import NETWORKS, OTHER, OWN, PATIENCE, Playground, balancers

EU = "eu-a.eu.example.com."


@pytest.fixture(scope="module")
def _running(pytestconfig: pytest.Config) -> Iterator[Playground]:
    if shutil.which("kubectl") is None:
        programs.leave_out(pytestconfig, "kubectl", "kubernetes-client")
    programs.use(pytestconfig, "kubectl", programs.version("kubectl"))
    playground = Playground(NETWORKS)
    try:
        playground.kubectl(
            "federation-cluster", "create", "-f", str(playground.kubeconfig.with_name("nginx.yaml"))
        )
        for context in ("us", "eu", "asia"):
            playground.kubectl(context, "run", "nginx", "--image=nginx:1.11.1-alpine", "--port=80")
        yield playground
    finally:
        assert playground.stop() == 0
        assert not playground.kubeconfig.exists()


@pytest.fixture
def playground(_running: Playground) -> Playground:
    """The one that all tests share, with everything healed."""
    assert _running.command("heal", "all").returncode == 0
    for number in (1, 2, 3):
        own = f"127.{_running.base + number}."
        _running.until(
            lambda own=own, number=number: (
                len(found := _running.addresses(number)) == 1  # type: ignore[misc]
                and next(iter(found)).startswith(own)
            ),
            f"member {number} answers its own shard",
        )
    _running.until(lambda: all(annotated(_running).values()), "all shards are known")
    return _running


def annotated(playground: Playground) -> dict[str, object]:
    """What the federated Service says of its shards."""
    service = json.loads(playground.kubectl("federation-cluster", "get", "svc", "nginx", "-ojson"))
    text = service["metadata"]["annotations"]["federation.kubernetes.io/service-ingresses"]
    return {one["cluster"]: one["items"] for one in json.loads(text).get("items", [])}


def test_guide_0(playground: Playground) -> None:
    contexts = playground.kubectl("us", "config", "get-contexts", "-oname").split()
    assert contexts == ["asia", "eu", "federation-cluster", "us"]
    table = playground.kubectl("us", "get", "services", "nginx")
    assert re.search(OWN, table)
    said = playground.kubectl("federation-cluster", "describe", "services", "nginx")
    assert "run=nginx" in said
    for address in balancers(playground, 1, 2, 3):
        assert address in said
    clusters = playground.kubectl("federation-cluster", "get", "clusters")
    assert len(re.findall(r"^\w+ +Ready ", clusters, re.MULTILINE)) == 3


def test_curl_follows_dig(playground: Playground) -> None:
    (address,) = playground.addresses(1)
    assert playground.curl(address) == "pod nginx in zone us-a of cluster us\n"
    for number, cluster in ((1, "us"), (2, "eu"), (3, "asia")):
        (balancer,) = balancers(playground, number)
        assert playground.curl(balancer).endswith(f"of cluster {cluster}\n")


def test_a_pod_fails_and_heals(playground: Playground) -> None:
    assert playground.command("fail", "pod", "us/nginx").returncode == 0
    playground.until(
        lambda: playground.addresses(1) == balancers(playground, 2, 3),
        "the name leads to the other clusters",
    )
    assert annotated(playground)["us"] is None
    chain = [one for one in playground.dig(1) if one.endswith(".")]
    assert chain == [
        "nginx.default.fellowship.svc.us-a.us.example.com.",
        "nginx.default.fellowship.svc.us.example.com.",
        "nginx.default.fellowship.svc.example.com.",
    ]
    for address in playground.addresses(1):
        assert playground.curl(address)


def test_a_zone_fails(playground: Playground) -> None:
    assert playground.command("fail", "zone", "us-a").returncode == 0
    playground.until(
        lambda: playground.addresses(1) == balancers(playground, 2, 3), "the zone is gone"
    )


def test_a_cluster_dies(playground: Playground) -> None:
    """Its own API, its Pods and its DNS: the others forget its addresses (decisions.md 14)."""
    assert playground.command("fail", "pod", "us/nginx").returncode == 0
    playground.until(lambda: playground.addresses(1) == balancers(playground, 2, 3), "us is out")
    assert playground.command("fail", "cluster", "eu").returncode == 0
    took = playground.until(
        lambda: playground.addresses(1) == balancers(playground, 3), "eu is out", within=15
    )
    print(f"a dead cluster's addresses were gone after {took:.1f} s")
    assert "Offline" in playground.kubectl("federation-cluster", "get", "cluster", "eu")
    assert "! cluster eu" in playground.command("status").stdout


def test_the_public_zone_follows(playground: Playground) -> None:
    """A client outside asks its own DNS server, which has what the controllers wrote."""
    name = "nginx.default.fellowship.svc.example.com."
    playground.until(
        lambda: set(playground.dig(0, name)) == balancers(playground, 1, 2, 3), "all are in it"
    )
    assert set(playground.dig(0, f"nginx.default.fellowship.svc.{EU}")) == balancers(playground, 2)
    assert playground.command("fail", "cluster", "eu").returncode == 0
    took = playground.until(
        lambda: set(playground.dig(0, name)) == balancers(playground, 1, 3), "eu is out", within=15
    )
    print(f"a dead cluster's addresses were gone from the public zone after {took:.1f} s")
    first, second, *rest = playground.dig(0, f"nginx.default.fellowship.svc.{EU}")
    assert [first, second] == ["nginx.default.fellowship.svc.eu.example.com.", name]
    assert set(rest) == balancers(playground, 1, 3)


def test_the_federation_s_api_is_away(playground: Playground) -> None:
    """Everybody goes on with what is known; the own shard is followed as ever."""
    assert playground.command("fail", "federation").returncode == 0
    assert playground.command("fail", "pod", "asia/nginx").returncode == 0
    playground.until(lambda: playground.addresses(3) == balancers(playground, 1, 2), "asia is out")


def test_a_service_is_deleted_and_comes_back(playground: Playground) -> None:
    manifest = str(playground.kubeconfig.with_name("nginx.yaml"))
    playground.kubectl("federation-cluster", "delete", "-f", manifest)
    assert "nginx" not in playground.kubectl("eu", "get", "services")
    playground.until(lambda: playground.addresses(1) == set(), "the name is gone")
    zone = playground.kubeconfig.with_name("example.com.zone")
    playground.until(lambda: "nginx" not in zone.read_text(), "nothing is left in the public zone")
    assert [line.split()[0] for line in zone.read_text().splitlines()] == [
        "$ORIGIN", "example.com.", "example.com.", "ns.example.com.",
    ]  # fmt: skip
    playground.kubectl("federation-cluster", "create", "-f", manifest)
    playground.until(lambda: len(playground.addresses(1)) == 1, "the name is back")


def test_what_is_orphaned_stays(playground: Playground) -> None:
    playground.kubectl("federation-cluster", "create", "configmap", "left", "--from-literal=a=1")
    playground.until(lambda: "left" in playground.kubectl("us", "get", "configmaps"), "copied")
    playground.kubectl("federation-cluster", "delete", "configmap", "left", "--cascade=orphan")
    left = json.loads(playground.kubectl("us", "get", "configmap", "left", "-ojson"))
    assert left["data"] == {"a": "1"}
    assert "labels" not in left["metadata"]


def test_a_namespace_goes_everywhere(playground: Playground) -> None:
    playground.kubectl("federation-cluster", "create", "namespace", "team")
    playground.kubectl(
        "federation-cluster", "create", "configmap", "--namespace=team", "one", "--from-literal=a=1"
    )
    playground.until(
        lambda: "one" in playground.kubectl("eu", "get", "configmaps", "--namespace=team"), "copied"
    )
    playground.kubectl("federation-cluster", "delete", "namespace", "team")
    for context in ("us", "eu", "asia"):
        playground.until(
            lambda context=context: "team" not in playground.kubectl(context, "get", "namespaces"),  # type: ignore[misc]
            "it is gone",
        )


def test_what_cannot_be_done_is_said(playground: Playground) -> None:
    for words, said in (
        (("fail", "moon"), "what can is: pod, zone"),
        (("fail", "zone", "mars"), "there are: us-a"),
        (("fail", "pod", "us/none"), "there is no Pod default/none in us"),
        (("heal", "zone", "us-a"), "is not broken; nothing is"),
    ):
        done = playground.command(*words)
        assert done.returncode == 1
        assert said in done.stderr
        assert done.stderr.count("\n") == 1


def test_two_at_one_place(playground: Playground) -> None:
    done = playground.command("--no-view")
    assert done.returncode == 1
    assert f"another playground is on 127.{playground.base}" in done.stderr


def test_bad_flags(tmp_path: Path) -> None:
    for flags, said in (
        (("--clusters", "Us"), "lower-case"),
        (("--network", "10.1"), "127.1 to 127.240"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "feddns", "playground", *flags],
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert said in done.stderr


def test_what_is_kept_is_there_again(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    if shutil.which("kubectl") is None:
        programs.leave_out(pytestconfig, "kubectl", "kubernetes-client")
    flags = "--keep", str(tmp_path / "kept"), "--clusters", "us"
    first = Playground(OTHER, *flags)
    try:
        first.kubectl("federation-cluster", "create", "configmap", "kept", "--from-literal=a=1")
        first.kubectl("us", "create", "deployment", "web", "--image=none", "--replicas=2")
    finally:
        assert first.stop() == 0
    second = Playground(OTHER, *flags)
    try:
        assert second.kubectl("federation-cluster", "get", "configmap", "kept", "-oname")
        second.until(
            lambda: second.kubectl("us", "get", "pods").count("Running") == 2, "the Pods run"
        )
        second.until(
            lambda: "kept" in second.kubectl("us", "get", "configmaps"), "it is propagated"
        )
    finally:
        assert second.stop() == 0
