"""The harness itself: a real Kubernetes that does what tests ask of it."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import clusters, programs, serving
from tests.clusters import NewCluster
from tests.realcluster import ClusterFailed, RealCluster
from tests.tcpproxy import Proxy

SERVICES = [{"apiGroups": [""], "resources": ["services"], "verbs": ["list", "watch"]}]


def slice_of(namespace: str, service: str, name: str, *addresses: str) -> dict:
    return {
        "metadata": {
            "name": name, "namespace": namespace, "labels": {"kubernetes.io/service-name": service}
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [one], "conditions": {"ready": True}} for one in addresses],
        "ports": [{"name": "", "port": 80, "protocol": "TCP"}],
    }  # fmt: skip


def test_slices_written_into_etcd_are_in_the_api(cluster: RealCluster) -> None:
    namespace = cluster.namespace("in-etcd")
    slices = [slice_of(namespace, "web", f"web-{n}", f"192.0.2.{n}") for n in range(150)]
    cluster.put_slices_in_etcd(*slices)
    path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    cluster.until(lambda: len(cluster.request("GET", path)["items"]) == 150, "150 slices", within=5)


def test_a_user_has_the_rights_given_and_no_other(cluster: RealCluster) -> None:
    cluster.user_kubeconfig("reader", SERVICES, {"kube-system": [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]})  # fmt: skip
    assert "kubernetes" in cluster.kubectl("get", "services", "-A", as_user="reader")
    cluster.kubectl("get", "configmaps", "-n", "kube-system", "x", "--ignore-not-found",
                    as_user="reader")  # fmt: skip
    with pytest.raises(ClusterFailed, match="forbidden"):
        cluster.kubectl("get", "nodes", as_user="reader")


def test_deployments_get_pods_and_slices(cluster_with_controllers: RealCluster) -> None:
    cluster = cluster_with_controllers
    namespace = cluster.namespace("deployed")
    cluster.add_node("n1", "zone-a", "region-a")
    cluster.deploy(namespace, "web", 2)
    path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"

    def ready() -> int:
        return sum(
            bool(endpoint["conditions"]["ready"])
            for item in cluster.request("GET", path)["items"]
            for endpoint in item["endpoints"] or ()
        )

    cluster.until(lambda: ready() == 2, "two endpoints are ready")
    cluster.scale(namespace, "web", 3)
    cluster.until(lambda: ready() == 3, "three endpoints are ready")
    cluster.set_load_balancer(namespace, "web", "192.0.2.7")
    assert "192.0.2.7" in cluster.kubectl("get", "service", "-n", namespace, "web")


@contextlib.contextmanager
def watch(cluster: RealCluster, port: int, version: str) -> Iterator[http.client.HTTPResponse]:
    """A watch of ConfigMaps from this version on."""
    context = ssl.create_default_context(cafile=str(cluster.home / "certs/ca.crt"))
    connection = http.client.HTTPSConnection(cluster.address, port, context=context, timeout=5)
    headers = {"Authorization": f"Bearer {cluster.token('admin')}"}
    path = f"/api/v1/configmaps?watch=true&resourceVersion={version}"
    with contextlib.closing(connection):
        connection.request("GET", path, headers=headers)
        with connection.getresponse() as reply:
            yield reply


@pytest.mark.slow
def test_what_breaks_and_comes_back(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    version = cluster.request("GET", "/api/v1/configmaps")["metadata"]["resourceVersion"]
    for n in range(3):
        cluster.apply([{"apiVersion": "v1", "kind": "ConfigMap", "data": {"n": str(n)},
                        "metadata": {"name": "one", "namespace": "default"}}])  # fmt: skip
    cluster.compact_etcd()
    with watch(cluster, cluster.port, version) as reply:
        assert json.loads(reply.readline())["object"]["code"] == 410

    path = cluster.user_kubeconfig("reader", SERVICES)
    before = path.read_text()
    cluster.expire_token("reader")
    with pytest.raises(ClusterFailed, match=r"Unauthorized|logged in"):
        cluster.kubectl("get", "services", as_user="reader")
    cluster.renew_token("reader")
    cluster.kubectl("get", "services", as_user="reader")
    assert path.read_text() != before

    authority = (cluster.home / "certs/ca.crt").read_text()
    cluster.rotate_certificates()
    assert (cluster.home / "certs/ca.crt").read_text() != authority
    cluster.kubectl("get", "services", as_user="reader")
    cluster.stop_api()
    with pytest.raises(ClusterFailed, match="refused"):
        cluster.kubectl("get", "services")
    cluster.start_api()
    cluster.kubectl("get", "services")


def test_two_at_a_time(cluster: RealCluster, new_cluster: NewCluster) -> None:
    other = new_cluster("other")
    assert other.service_cidr != cluster.service_cidr
    for one in (cluster, other):
        assert "kubernetes" in one.kubectl("get", "services")


def test_the_network_gets_worse(cluster: RealCluster) -> None:
    proxy: Proxy = cluster.proxy()

    def passes(seconds: float) -> bool:
        """Whether an event of a new watch comes through within that time."""
        version = cluster.request("GET", "/api/v1/configmaps")["metadata"]["resourceVersion"]
        with watch(cluster, proxy.port, version) as reply:
            started = time.monotonic()
            name = f"event-{started}"
            cluster.request("POST", "/api/v1/namespaces/default/configmaps",
                            {"metadata": {"name": name}})  # fmt: skip
            try:
                return bool(reply.readline()) and time.monotonic() - started < seconds
            except (OSError, http.client.HTTPException):
                return False

    assert passes(1.0)
    proxy.delay = 0.3
    assert not passes(0.25)
    proxy.delay = 0.0
    with watch(cluster, proxy.port, "") as reply:
        proxy.cut()
        with pytest.raises((OSError, http.client.HTTPException)):
            reply.read()
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError), watch(cluster, proxy.port, ""):
        pass
    proxy.accept()
    assert passes(1.0)


def test_everything_ends_with_the_cluster(pytestconfig: pytest.Config) -> None:
    clusters.require_cluster(pytestconfig)
    cluster = RealCluster("ends")
    pids = []
    try:
        cluster.start()
        pids = [process.pid for process in cluster.processes.values()]
        assert all(serving.is_alive(pid) for pid in pids)
    finally:
        cluster.stop()
    assert len(pids) == 2
    assert not any(serving.is_alive(pid) for pid in pids)
    assert not cluster.home.exists()


def test_the_version_of_a_program_is_found() -> None:
    assert programs.version("kubectl")[0].isdigit()


@pytest.mark.slow
def test_the_command_for_people(pytestconfig: pytest.Config) -> None:
    """tools/cluster: says its KUBECONFIG, has nodes in zones, and ends by ^C with nothing left."""
    clusters.require_cluster(pytestconfig)
    with subprocess.Popen(
        [str(serving.ROOT / "tools/cluster"), "--no-controllers", "--region", "europe"],
        stdout=subprocess.PIPE, text=True, cwd=serving.ROOT,
    ) as process:  # fmt: skip
        assert process.stdout
        said = next(line for line in process.stdout if line.startswith("export KUBECONFIG="))
        path = Path(said.strip().partition("=")[2])
        nodes = subprocess.run(
            ["kubectl", f"--kubeconfig={path}", f"--cache-dir={path.parent}", "get", "nodes", "-L",
             "topology.kubernetes.io/zone"], capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert process.returncode == 0
    assert nodes.count("europe-") == 3
    assert not path.parent.exists()
