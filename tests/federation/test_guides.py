"""Guide 0 and the Service part of guide 3 on real clusters, word for word where kubectl is."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.clusters import require_cluster
from tests.federation.world import Site, World
from tests.realcluster import CONTROLLER_PROGRAMS

NGINX = "nginx.default.fellowship.svc.cluster.local."
SERVICE = """
apiVersion: v1
kind: Service
metadata:
  name: nginx
  labels:
    run: nginx
spec:
  type: LoadBalancer
  selector:
    run: nginx
  ports:
  - name: http
    port: 80
"""
SITES = Site("us-east", "us", "us-a"), Site("us-west", "us", "us-b"), Site("eu", "europe", "eu-a")


@pytest.fixture(scope="module")
def world(pytestconfig: pytest.Config) -> Iterator[World]:
    require_cluster(pytestconfig, *CONTROLLER_PROGRAMS)
    with World(*SITES) as running:
        yield running


def clusters(world: World) -> dict[str, object]:
    """The annotation service-ingresses, by cluster."""
    path = "/api/v1/namespaces/default/services/nginx"
    annotations = world.federation.request("GET", path)["metadata"].get("annotations", {})
    items = json.loads(annotations.get("federation.kubernetes.io/service-ingresses", "{}"))
    return {one["cluster"]: one["items"] for one in items.get("items", [])}


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.tool("kubectl")
def test_one_service_over_three_real_clusters(world: World) -> None:
    federation, members = world.federation, world.members
    table = federation.kubectl("get", "clusters")
    assert table.count(" Ready ") == 3
    # Guide 0: created once, there in every cluster.
    assert "service/nginx created" in federation.kubectl("create", "-f", "-", stdin=SERVICE)
    for member in members.values():
        world.until(
            lambda member=member: "nginx" in member.kubectl("get", "services"), "it is copied"
        )
    # Guide 3: backend pods, one in each cluster.
    for member in members.values():
        member.kubectl("run", "nginx", "--image=nginx:1.11.1-alpine", "--port=80")
    every = {name: [{"ip": world.balancer(name)}] for name in members}
    world.until(lambda: clusters(world) == every, "every shard is healthy")
    said = federation.kubectl("describe", "services", "nginx")
    assert all(world.balancer(name) in said for name in members)
    # A pod asks: its own shard.
    for name, member in members.items():
        own = member.kubectl("get", "service", "nginx", "-ojsonpath={.spec.clusterIP}")
        world.until(lambda name=name, own=own: world.addresses(name, NGINX) == {own}, "its own")
    # The shard goes: the next one of the region; then everywhere.
    members["us-east"].kubectl("delete", "pod", "nginx", "--wait=false")
    took = world.until(
        lambda: world.addresses("us-east", NGINX) == {world.balancer("us-west")}, "the region"
    )
    print(f"its own shard was gone: the region's after {took:.2f} s")
    assert world.dig("us-east", NGINX)[:2] == [
        "nginx.default.fellowship.svc.us-a.us.example.com.",
        "nginx.default.fellowship.svc.us.example.com.",
    ]
    members["us-west"].kubectl("delete", "pod", "nginx", "--wait=false")
    took = world.until(
        lambda: world.addresses("us-east", NGINX) == {world.balancer("eu")}, "everywhere"
    )
    print(f"the region's was gone: everywhere after {took:.2f} s")
    # A whole cluster dies: its addresses are in no answer.
    members["us-west"].kubectl("run", "nginx", "--image=nginx:1.11.1-alpine", "--port=80")
    world.until(
        lambda: world.addresses("us-east", NGINX) == {world.balancer("us-west")}, "it is back"
    )
    members["us-west"].kill_api()
    took = world.until(
        lambda: world.addresses("us-east", NGINX) == {world.balancer("eu")}, "us-west is out"
    )
    print(f"a dead cluster's address was gone after {took:.2f} s")
    assert "Offline" in federation.kubectl("get", "cluster", "us-west")
    members["us-west"].start_api()
    world.until(
        lambda: world.addresses("us-east", NGINX) == {world.balancer("us-west")}, "it is back"
    )
    # Deleted: gone everywhere.
    federation.kubectl("delete", "service", "nginx")
    for member in members.values():
        world.until(
            lambda member=member: "nginx" not in member.kubectl("get", "services"), "it is gone"
        )
