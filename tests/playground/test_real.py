"""The playground on real programs: guide 0's first steps, what fails, and nothing left behind."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import clusters
from tests.playground.running import NETWORKS, OTHER, OWN, Playground, balancers
from tests.realcluster import CONTROLLER_PROGRAMS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SOON = 40.0
"""Seconds: an API server starts again meanwhile, on a busy machine."""


def of(playground: Playground) -> list[str]:
    """The programs that run for it, by the folder that they are told."""
    folder = str(playground.kubeconfig.parent).encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(folder in word for word in words[1:]):
            found.append(Path(words[0].decode()).name)
    return sorted(found)


@pytest.fixture(scope="module")
def _running(pytestconfig: pytest.Config) -> Iterator[Playground]:
    clusters.require_cluster(pytestconfig, *CONTROLLER_PROGRAMS)
    began = time.monotonic()
    playground = Playground(NETWORKS, "--real")
    print(f"ready after {time.monotonic() - began:.1f} s")
    try:
        manifest = str(playground.kubeconfig.with_name("nginx.yaml"))
        playground.kubectl("federation-cluster", "create", "-f", manifest)
        for context in ("us", "eu", "asia"):
            playground.kubectl(context, "run", "nginx", "--image=nginx:1.11.1-alpine", "--port=80")
        yield playground
    finally:
        assert playground.stop() == 0
        assert not playground.kubeconfig.exists()
        assert of(playground) == []


@pytest.fixture
def playground(_running: Playground) -> Playground:
    """The one that all tests share, with everything healed."""
    assert _running.command("heal", "all").returncode == 0
    for number, context in ((1, "us"), (2, "eu"), (3, "asia")):
        own = f"127.{_running.base + number}."
        _running.until(
            lambda own=own, number=number: (
                len(found := _running.addresses(number)) == 1  # type: ignore[misc]
                and next(iter(found)).startswith(own)
            ),
            f"{context} answers its own shard", within=SOON,
        )  # fmt: skip
        _running.until(
            lambda context=context: said(_running, "get", "cluster", context, "Ready"),  # type: ignore[misc]
            f"{context} is ready", within=SOON,
        )  # fmt: skip
    return _running


def said(playground: Playground, *words: str) -> bool:
    """Whether kubectl, asked the federation for all but the last word, says that one."""
    *asked, word = words
    return word in playground.kubectl("federation-cluster", *asked)


def test_guide_0(playground: Playground) -> None:
    contexts = playground.kubectl("us", "config", "get-contexts", "-oname").split()
    assert contexts == ["asia", "eu", "federation-cluster", "us"]
    version = playground.kubectl("us", "version")
    assert re.search(r"Server Version: v1\.\d+\.\d+\n", version)
    assert "feddns" not in version
    table = playground.kubectl("us", "get", "services", "nginx")
    assert re.search(OWN, table)
    described = playground.kubectl("federation-cluster", "describe", "services", "nginx")
    for address in balancers(playground, 1, 2, 3):
        assert address in described
    (address,) = playground.addresses(1)
    assert re.fullmatch(r"pod nginx in zone us-. of cluster us\n", playground.curl(address))
    (balancer,) = balancers(playground, 2)
    assert playground.curl(balancer).endswith("of cluster eu\n")


def test_a_pod_fails(playground: Playground) -> None:
    assert playground.command("fail", "pod", "us/nginx").returncode == 0
    playground.until(lambda: playground.addresses(1) == balancers(playground, 2, 3), "us is out")
    assert "0/1" in playground.kubectl("us", "get", "pod", "nginx")


def test_a_zone_fails(playground: Playground) -> None:
    """The Pods on its nodes, and those that come there later."""
    wide = playground.kubectl("us", "get", "pod", "nginx", "-ojsonpath={.spec.nodeName}")
    zone = "us-a" if wide in ("us-1", "us-3") else "us-b"
    assert playground.command("fail", "zone", zone).returncode == 0
    playground.until(lambda: playground.addresses(1) == balancers(playground, 2, 3), "us is out")
    playground.until(
        lambda: playground.kubectl("us", "get", "nodes").count(" NotReady ") == 2, "two nodes"
    )


def test_a_cluster_dies(playground: Playground) -> None:
    assert playground.command("fail", "pod", "us/nginx").returncode == 0
    playground.until(lambda: playground.addresses(1) == balancers(playground, 2, 3), "us is out")
    assert playground.command("fail", "cluster", "eu").returncode == 0
    took = playground.until(
        lambda: playground.addresses(1) == balancers(playground, 3), "eu is out", within=15
    )
    print(f"a dead cluster's addresses were gone after {took:.1f} s")
    assert said(playground, "get", "cluster", "eu", "Offline")
    assert "! cluster eu" in playground.command("status").stdout


def test_an_api_dies(playground: Playground) -> None:
    """Its Pods and its DNS go on, and what is broken meanwhile is broken when it is back."""
    assert playground.command("fail", "api", "us").returncode == 0
    playground.until(lambda: said(playground, "get", "cluster", "us", "Offline"), "us is offline")
    (balancer,) = balancers(playground, 1)
    assert playground.curl(balancer).endswith("of cluster us\n")
    assert len(playground.addresses(1)) == 1
    assert playground.command("fail", "pod", "us/nginx").returncode == 0
    assert playground.command("heal", "api", "us").returncode == 0
    playground.until(
        lambda: playground.addresses(1) == balancers(playground, 2, 3),
        "the Pod is out",
        within=SOON,
    )


def test_the_federation_s_api_is_away(playground: Playground) -> None:
    assert playground.command("fail", "federation").returncode == 0
    assert playground.command("fail", "pod", "eu/nginx").returncode == 0
    playground.until(lambda: playground.addresses(2) == balancers(playground, 1, 3), "eu is out")


def test_what_is_killed_leaves_no_program_and_goes_on_later(
    pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    clusters.require_cluster(pytestconfig, *CONTROLLER_PROGRAMS)
    flags = "--real", "--clusters", "us", "--keep", str(tmp_path / "kept")
    first = Playground(OTHER, *flags)
    try:
        first.kubectl("federation-cluster", "create", "configmap", "kept", "--from-literal=a=1")
        first.kubectl("us", "create", "deployment", "web", "--image=none", "--replicas=2")
        assert "kwok" in of(first)
    finally:
        first.process.kill()
        first.until(lambda: of(first) == [], "its programs have ended")
        first.stop()
    second = Playground(OTHER, *flags)
    try:
        second.until(
            lambda: second.kubectl("us", "get", "pods").count("Running") == 2, "the Pods run"
        )
        second.until(
            lambda: "kept" in second.kubectl("us", "get", "configmaps"), "it is propagated"
        )
    finally:
        assert second.stop() == 0
