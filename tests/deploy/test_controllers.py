"""deploy/ for the controllers on real API servers: taken, with each right that is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from controllers import options
from tests import clusters
from tests.controllers.running import CLUSTERS, SYSTEM, Federation, on_real
from tests.deploy.test_manifests import DEPLOY, may
from tests.realcluster import RealCluster

MANIFESTS = ["controllers.yaml", "rbac-controllers.yaml", "rbac-member.yaml"]
ACCOUNT = f"{SYSTEM}/feddns-controllers"
NEVER = [
    ("create", "pods", ""), ("patch", "nodes", ""), ("delete", "nodes", ""),
    ("create", "serviceaccounts/token", SYSTEM), ("impersonate", "users", ""),
    ("bind", "clusterroles.rbac.authorization.k8s.io", ""),
    ("escalate", "clusterroles.rbac.authorization.k8s.io", ""), ("*", "*", ""),
]  # fmt: skip


@pytest.mark.parametrize("name", MANIFESTS)
def test_the_api_takes_the_manifest(cluster: RealCluster, name: str) -> None:
    text = (DEPLOY / name).read_text()
    cluster.apply(f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {SYSTEM}}}")
    said = cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)
    assert len(said.splitlines()) == sum(1 for each in yaml.safe_load_all(text) if each)


def test_the_deployment_knows_the_flags() -> None:
    found = yaml.safe_load_all((DEPLOY / "controllers.yaml").read_text())
    (deployment,) = (one for one in found if one["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    flags = dict(one.removeprefix("--").split("=", 1) for one in container["args"])
    assert options.load(flags, {}).metrics is not None
    assert set(flags) <= {row.flag for row in options.ROWS}


def config_maps(real: Federation) -> set[str]:
    found = real.api.request("GET", f"/api/v1/namespaces/{SYSTEM}/configmaps")["items"]
    return {one["metadata"]["name"] for one in found}


@pytest.fixture(scope="module")
def _deployed(pytestconfig: pytest.Config) -> Iterator[Federation]:
    clusters.require_cluster(pytestconfig)
    with on_real("us") as real:
        real.api.apply((DEPLOY / "rbac-controllers.yaml").read_text())
        real.members["us"].apply((DEPLOY / "rbac-member.yaml").read_text())
        yield real


@pytest.mark.slow
def test_no_right_is_missing(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    clusters.require_cluster(request.config)
    real: Federation = request.getfixturevalue("_deployed")
    us = real.members["us"]
    there = us.account_kubeconfig("feddns-controllers", SYSTEM)
    here = real.api.account_kubeconfig("feddns-controllers", SYSTEM)
    admin = str(real.api.kubeconfig)
    with real.controllers(
        "rights", federation_kubeconfig=str(here), host_kubeconfig=admin, leader_elect=True,
        dns_provider="memory", zone_name="example.com",
    ):  # fmt: skip
        real.register("us", secret=False)
        real.put_secret("us", {"kubeconfig": there.read_text()})
        namespace = real.namespace()
        real.create(namespace, "configmaps", "a", data={"k": "v"})
        real.create(namespace, "services", "web", spec={"type": "LoadBalancer", "ports": [
            {"port": 80}]})  # fmt: skip
        real.until(lambda: real.found("us", f"{namespace}/configmaps/a"), "it is copied")
        real.until(lambda: real.found("us", f"{namespace}/services/web"), "the Service, too")
        us.set_load_balancer(namespace, "web", "192.0.2.1")
        path = f"/api/v1/namespaces/{namespace}"
        real.until(lambda: "192.0.2.1" in json.dumps(
            real.api.request("GET", f"{path}/services/web")["status"]), "its status")  # fmt: skip
        real.until(lambda: "Propagated" in json.dumps(
            real.api.request("GET", f"{path}/services/web")["status"]), "its records")  # fmt: skip
        real.until(lambda: "public-zone" in config_maps(real), "the zone's ConfigMap")
        real.api.kubectl("delete", "namespace", namespace, "--wait=false")
        real.until(lambda: real.found("us", f"{namespace}/configmaps/a") is None, "it is emptied")
        assert real.is_ready("us")
        assert real.api.request("GET", f"{CLUSTERS}/us")["status"]["version"]
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "orbidden" not in said
    there_only = [("get", "secrets", "kube-system"), ("create", "secrets", "")]
    for where, rows in ((real.api, [*NEVER, *there_only]), (us, NEVER)):
        for verb, resource, space in rows:
            assert not may(where, ACCOUNT, verb, resource, space), (where.name, verb, resource)
