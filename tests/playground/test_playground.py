"""The playground as a person uses it: guide 0 with kubectl, dig and curl, failures and healing."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rdatatype
import pytest

from tests import programs

_PATIENCE = 20.0
NGINX = "nginx.default.fellowship.svc.cluster.local."


class Playground:
    """One that runs; `network` is its own."""

    def __init__(self, base: int, *flags: str) -> None:
        self.base = base
        self.process = subprocess.Popen(
            [sys.executable, "-m", "feddns", "playground", "--no-view",
             "--network", f"127.{base}", *flags],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.text = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.text += line
            if "^C ends it" in line:
                break
        found = re.search(r"KUBECONFIG=(\S+)", self.text)
        assert found, self.text
        self.kubeconfig = Path(found[1])
        port = re.search(r"dig @\S+ -p (\d+)", self.text)
        self.dns_port = int(port[1]) if port else 53
        port = re.search(r"tail -n 1\):(\d+)", self.text)
        self.web_port = int(port[1]) if port else 80

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(_PATIENCE)
        finally:
            self.process.kill()
            assert self.process.stdout is not None
            self.process.stdout.close()

    def kubectl(self, context: str, *words: str) -> str:
        environment = os.environ | {"KUBECONFIG": str(self.kubeconfig)}
        done = subprocess.run(
            ["kubectl", f"--context={context}", *words],
            capture_output=True, text=True, env=environment, timeout=_PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "feddns", "playground", "--network", f"127.{self.base}", *words],
            capture_output=True, text=True, timeout=_PATIENCE, check=False,
        )  # fmt: skip

    def dig(self, number: int, name: str = NGINX) -> list[str]:
        """The names and addresses of the answer of member `number`, from 1; none: no answer."""
        query = dns.message.make_query(name, "A")
        where = f"127.{self.base + number}.0.53"
        try:
            reply = dns.query.udp(query, where, timeout=1, port=self.dns_port)
        except (dns.exception.Timeout, OSError):
            return []
        return [
            str(each.target if rrset.rdtype == dns.rdatatype.CNAME else each.address)
            for rrset in reply.answer
            for each in rrset
        ]

    def addresses(self, number: int) -> set[str]:
        return {one for one in self.dig(number) if one[0].isdigit()}

    def curl(self, address: str) -> str:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{address}:{self.web_port}/", timeout=5) as reply:
            said: str = reply.read().decode()
        return said

    def until(self, condition: Callable[[], bool], what: str, within: float = _PATIENCE) -> float:
        """Wait for it; returns how many seconds that took."""
        began = time.monotonic()
        while not condition():
            passed = time.monotonic() - began
            assert passed < within, (
                f"not within {within} s: {what}\n{self.command('status').stdout}"
            )
            time.sleep(0.02)
        return time.monotonic() - began


@pytest.fixture(scope="module")
def _running(pytestconfig: pytest.Config) -> Iterator[Playground]:
    if shutil.which("kubectl") is None:
        programs.leave_out(pytestconfig, "kubectl", "kubernetes-client")
    programs.use(pytestconfig, "kubectl", programs.version("kubectl"))
    playground = Playground(130)
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
    return _running


def balancers(playground: Playground, *numbers: int) -> set[str]:
    return {f"127.{playground.base + number}.192.1" for number in numbers}


def annotated(playground: Playground) -> dict[str, object]:
    """What the federated Service says of its shards."""
    service = json.loads(playground.kubectl("federation-cluster", "get", "svc", "nginx", "-ojson"))
    text = service["metadata"]["annotations"]["federation.kubernetes.io/service-ingresses"]
    return {one["cluster"]: one["items"] for one in json.loads(text).get("items", [])}


def test_guide_0(playground: Playground) -> None:
    contexts = playground.kubectl("us", "config", "get-contexts", "-oname").split()
    assert contexts == ["asia", "eu", "federation-cluster", "us"]
    table = playground.kubectl("us", "get", "services", "nginx")
    assert re.search(r"nginx +LoadBalancer +127\.131\.\S+ +127\.131\.192\.1 +80", table)
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
    assert "another playground is on 127.130" in done.stderr


def test_bad_flags(tmp_path: Path) -> None:
    for flags, said in (
        (("--clusters", "Us"), "lower-case"),
        (("--network", "10.1"), "127.1 to 127.240"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "feddns", "playground", *flags],
            capture_output=True, text=True, timeout=_PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert said in done.stderr


def test_what_is_kept_is_there_again(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    if shutil.which("kubectl") is None:
        programs.leave_out(pytestconfig, "kubectl", "kubernetes-client")
    flags = "--keep", str(tmp_path / "kept"), "--clusters", "us"
    first = Playground(140, *flags)
    try:
        first.kubectl("federation-cluster", "create", "configmap", "kept", "--from-literal=a=1")
        first.kubectl("us", "create", "deployment", "web", "--image=none", "--replicas=2")
    finally:
        assert first.stop() == 0
    second = Playground(140, *flags)
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
