"""`feddns serve` as the accounts of deploy/ on a real API server: each right it needs is there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import worldobjects
from tests.clusters import require_cluster
from tests.deploy.test_manifests import DEPLOY
from tests.realcluster import RealCluster
from tests.serving import Serve, until

pytestmark = pytest.mark.slow
BAD = {
    "apiVersion": "v1", "kind": "ConfigMap",
    "metadata": {"name": "kube-dns", "namespace": "kube-system"},
    "data": {"federations": "fellowship=example.com,bad domain=.."},
}  # fmt: skip


@pytest.fixture(scope="module")
def _deployed() -> Iterator[RealCluster]:
    with RealCluster("deployed", number=0) as cluster:
        for name in ("feddns.yaml", "rbac-federation.yaml", "crds/cluster.yaml"):
            cluster.apply((DEPLOY / name).read_text())
        worldobjects.happen(
            cluster, "namespace zoo\nservice zoo/web headless\nslice zoo/web-a of web 192.0.2.1"
        )
        yield cluster


@pytest.fixture
def federation(request: pytest.FixtureRequest) -> RealCluster:
    """A cluster that is its own federation, with what deploy/ has for both in it."""
    require_cluster(request.config)
    cluster: RealCluster = request.getfixturevalue("_deployed")
    return cluster


def test_no_right_is_missing(serve: Serve, federation: RealCluster) -> None:
    here = federation.account_kubeconfig("feddns", "kube-system")
    there = federation.account_kubeconfig("feddns", "federation-system", as_user="reader")
    federation.apply((DEPLOY / "rbac-pods.yaml").read_text())
    federation.put(BAD)
    server = serve(
        None, "--kubeconfig", str(here), "--federation-kubeconfig", str(there),
        "--federation-name", "fellowship", "--pods", "verified",
    )  # fmt: skip
    until(lambda: server.says("web.zoo.svc.cluster.local.", "192.0.2.1"), "it answers")
    events = ("get", "events", "-n", "kube-system", "-o", "jsonpath={.items[*].message}")
    until(lambda: "bad domain" in federation.kubectl(*events), "an Event says what is wrong")
    assert "orbidden" not in server.log()
    assert "401" not in server.log()
    assert "rule" not in server.log()


def test_the_right_to_pods_is_needed_for_verified_pods_only(
    serve: Serve, federation: RealCluster
) -> None:
    federation.kubectl("delete", "--ignore-not-found", "-f", str(DEPLOY / "rbac-pods.yaml"))
    here = str(federation.account_kubeconfig("feddns", "kube-system"))
    server = serve(None, "--kubeconfig", here)
    assert "orbidden" not in server.log()
    server = serve(None, "--kubeconfig", here, "--pods", "verified", ready=False)
    until(lambda: "pods" in server.log() and "rule" in server.log(), "the log names the rule")


def test_the_way_to_take_over_and_back(federation: RealCluster) -> None:
    """The commands of deploy/README.md that change a selector."""
    metadata = {"name": "kube-dns", "namespace": "kube-system"}
    spec = {"selector": {"k8s-app": "kube-dns"}, "ports": [{"port": 53, "protocol": "UDP"}]}
    federation.put({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    text = (DEPLOY / "README.md").read_text().replace("\\\n", " ")
    commands = [line for line in text.splitlines() if "patch service kube-dns" in line]
    found = []
    for command in commands:
        before, _, change = command.partition(" -p '")
        federation.kubectl(*before.split()[1:], "-p", change.rstrip("'"))
        found.append(federation.kubectl(
            "get", "service", "-n", "kube-system", "kube-dns", "-o", "jsonpath={.spec.selector}"
        ))  # fmt: skip
    assert found == ['{"app.kubernetes.io/name":"feddns"}', '{"k8s-app":"kube-dns"}']
