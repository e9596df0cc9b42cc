"""Real API servers: what is in the federation is in the members, whatever happens to it there."""

from __future__ import annotations

import json
import os
import socket
import time
import urllib.request
from typing import Any

import pytest

from controllers.kinds import CONFIGMAPS
from controllers.lease import NAME
from feddns.config import SocketAddress
from tests.controllers.running import SYSTEM, Federation
from tests.serving import free_port, loopback


def data(real: Federation, member: str, namespace: str, name: str = "a") -> Any:
    found = real.found(member, f"{namespace}/configmaps/{name}")
    return None if found is None else found.get("data")


def test_from_a_cluster_and_its_secret_to_a_copy_that_is_kept_true(real: Federation) -> None:
    with real.controllers("slice"):
        real.register("us")
        namespace = real.namespace()
        real.create(namespace, "configmaps", "a", data={"k": "v"})
        real.until(lambda: data(real, "us", namespace) == {"k": "v"}, "it is copied")
        one = f"/api/v1/namespaces/{namespace}/configmaps/a"
        us = real.members["us"]
        us.patch(one, {"data": {"k": "other"}})
        took = real.until(lambda: data(real, "us", namespace) == {"k": "v"}, "it is repaired")
        assert took < 2.0
        us.request("DELETE", one)
        real.until(lambda: data(real, "us", namespace) == {"k": "v"}, "it is made again")
        real.api.patch(one, {"data": {"k": None, "l": "w"}})
        real.until(lambda: data(real, "us", namespace) == {"l": "w"}, "it is changed")
        real.api.kubectl("delete", "configmap", "a", "-n", namespace)
        real.until(lambda: data(real, "us", namespace) is None, "it is deleted")


def test_members_come_and_go_while_it_runs(real: Federation) -> None:
    with real.controllers("coming"):
        namespace = real.namespace()
        real.create(namespace, "configmaps", "a", data={"k": "v"})
        real.register("us")
        real.until(lambda: data(real, "us", namespace) == {"k": "v"}, "us has it")
        real.register("eu")
        real.until(lambda: data(real, "eu", namespace) == {"k": "v"}, "eu has it")
        real.unregister("eu")
        real.api.patch(f"/api/v1/namespaces/{namespace}/configmaps/a", {"data": {"k": "new"}})
        real.until(lambda: data(real, "us", namespace) == {"k": "new"}, "us has what is new")
        assert data(real, "eu", namespace) == {"k": "v"}, "its copies stay as they are"


def test_a_member_that_was_away_catches_up(real: Federation) -> None:
    proxy = real.members["eu"].proxy()
    with real.controllers("away"):
        real.register("us")
        real.register("eu", url=proxy.url)
        namespace = real.namespace()
        for name in ("gone", "kept", "lost"):
            real.create(namespace, "configmaps", name, data={"k": "v"})
        for member in ("us", "eu"):
            real.until(lambda m=member: data(real, m, namespace, "lost"), f"{member} has all")
        proxy.refuse()
        real.until(lambda: real.conditions("eu").get("Offline") == ("True", "ClusterNotReachable"),
                   "it is found out")  # fmt: skip
        assert real.is_ready("us")
        real.create(namespace, "configmaps", "made", data={"k": "v"})
        real.api.patch(f"/api/v1/namespaces/{namespace}/configmaps/kept", {"data": {"k": "w"}})
        real.api.kubectl("delete", "configmap", "gone", "-n", namespace)
        real.until(lambda: data(real, "us", namespace, "made"), "us goes on alone")
        real.members["eu"].request("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/lost")
        proxy.accept()
        real.until(lambda: data(real, "eu", namespace, "made") == {"k": "v"}, "what was made")
        real.until(lambda: data(real, "eu", namespace, "kept") == {"k": "w"}, "what was changed")
        real.until(lambda: data(real, "eu", namespace, "gone") is None, "what was deleted")
        real.until(lambda: data(real, "eu", namespace, "lost") == {"k": "v"}, "what was lost there")


def test_a_dead_member_holds_up_nobody(real: Federation) -> None:
    proxy = real.members["eu"].proxy()
    with real.controllers("dead", monitor_misses=1000, request_timeout=1.0):
        real.register("us")
        real.register("eu", url=proxy.url)
        namespace = real.namespace()
        real.create(namespace, "configmaps", "first", data={"k": "v"})
        real.until(lambda: data(real, "eu", namespace, "first"), "all is well")
        proxy.stall()
        for number in range(60):
            real.create(namespace, "configmaps", f"a{number}", data={"k": "v"})
        took = real.until(
            lambda: all(data(real, "us", namespace, f"a{number}") for number in range(60)),
            "us has all",
        )
        assert took < 5.0
        proxy.resume()
        real.until(lambda: data(real, "eu", namespace, "a59"), "and then eu", 30.0)


def test_what_one_member_refuses_is_told_and_the_rest_goes_on(real: Federation) -> None:
    with real.controllers("quota"):
        real.register("us")
        real.register("eu")
        namespace = real.namespace()
        real.until(lambda: real.found("eu", f"/api/v1/namespaces/{namespace}"), "it is there")
        policy = f"/api/v1/namespaces/{namespace}"
        real.members["eu"].request(
            "POST", f"{policy}/resourcequotas",
            {"metadata": {"name": "none"}, "spec": {"hard": {"count/secrets": "0"}}},
        )  # fmt: skip
        real.members["eu"].patch(
            f"{policy}/resourcequotas/none/status",
            {"status": {"hard": {"count/secrets": "0"}, "used": {"count/secrets": "0"}}},
        )
        real.create(namespace, "secrets", "refused")
        real.create(namespace, "configmaps", "a", data={"k": "v"})
        real.until(lambda: real.found("us", f"{namespace}/secrets/refused"), "us has it")
        real.until(lambda: data(real, "eu", namespace), "eu has what it takes")

        def told() -> bool:
            return any(
                reason == "CreateInClusterFailed" and "cluster eu" in text and "quota" in text
                for reason, text in real.events("refused", namespace)
            )

        real.until(told, "an Event says so")
        real.members["eu"].request("DELETE", f"{policy}/resourcequotas/none")
        real.until(lambda: real.found("eu", f"{namespace}/secrets/refused"), "then eu has it, too")


def test_what_is_foreign_is_left_alone_until_it_is_adopted(real: Federation) -> None:
    with real.controllers("foreign"):
        namespace = real.namespace()
        us = real.members["us"]
        us.namespace(namespace)
        us.request("POST", f"/api/v1/namespaces/{namespace}/configmaps",
                   {"metadata": {"name": "a"}, "data": {"mine": "x"}})  # fmt: skip
        adopt = {"federation.feddns.dev/adopt": "true"}
        real.api.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"annotations": adopt}})
        real.create(namespace, "configmaps", "a", data={"k": "v"})
        real.register("us")
        real.until(
            lambda: any(reason == "Conflict" for reason, _ in real.events("a", namespace)),
            "the conflict is told",
        )
        assert data(real, "us", namespace) == {"mine": "x"}
        real.api.patch(
            f"/api/v1/namespaces/{namespace}/configmaps/a", {"metadata": {"annotations": adopt}}
        )
        real.until(lambda: data(real, "us", namespace) == {"k": "v"}, "it is taken over")


def test_a_namespace_is_emptied_and_goes(real: Federation) -> None:
    with real.controllers("ending"):
        real.register("us")
        namespace = real.namespace()
        real.create(namespace, "configmaps", "a", data={"k": "v"})
        real.create(namespace, "serviceaccounts", "not-propagated")
        real.until(lambda: data(real, "us", namespace), "it is copied")
        path = f"/api/v1/namespaces/{namespace}"
        real.api.request("DELETE", path)
        real.until(lambda: data(real, "us", namespace) is None, "what lay in it is gone")
        us = real.members["us"]
        real.until(lambda: us.request("GET", path)["status"]["phase"] == "Terminating", "it ends")
        ending = us.request("GET", path)
        us.request("PUT", f"{path}/finalize", {**ending, "spec": {"finalizers": []}})
        real.until(lambda: namespace not in real.namespaces(), "and is gone in the federation")


def test_two_at_once_one_writes_and_the_other_takes_over(real: Federation) -> None:
    namespace = real.namespace()
    real.create(namespace, "configmaps", "a", data={"k": "v"})
    real.register("us")
    names = {"identity": "first"}, {"identity": "second"}
    with real.controllers("two", leader_elect=True, **names[1]) as second:
        real.until(lambda: data(real, "us", namespace), "the second leads, alone")
        first = real.start("two", leader_elect=True, **names[0])
        try:
            real.until(lambda: first.ask(lambda: first.runtime.engine.missing) == [], "it is warm")
            real.until(
                lambda: first.ask(lambda: len(first.runtime.world.keys(CONFIGMAPS))), "it knows"
            )
            assert not first.ask(lambda: first.runtime.engine.is_leading)
            assert first.ask(lambda: first.runtime.executor.counts.reconciled) == {}
            second.kill()
            took = real.until(lambda: first.ask(lambda: first.runtime.engine.is_leading), "over")
            assert took > 0.5, "not before the Lease has ended"
            real.create(namespace, "configmaps", "b", data={"k": "v"})
            real.until(lambda: data(real, "us", namespace, "b"), "the first goes on")
        finally:
            first.stop()
    lease = real.api.request(
        "GET", f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases/{NAME}"
    )
    assert lease["spec"]["holderIdentity"] == "", "it was given back"


def test_metrics_and_health(real: Federation) -> None:
    address = loopback()
    place = f"{address}:{free_port(address)}"

    def page(path: str) -> str:
        with urllib.request.urlopen(f"http://{place}/{path}", timeout=5) as answer:
            return str(answer.read().decode())

    with real.controllers("pages", metrics=SocketAddress(place)):
        real.register("us")
        namespace = real.namespace()
        real.create(namespace, "configmaps", "a", data={"k": "v"})
        real.until(lambda: data(real, "us", namespace), "it is copied")
        assert page("healthz") == "ok\n"
        real.until(lambda: page("readyz") == "ok\n", "all is read")
        text = page("metrics")
    assert "feddns_controllers_leader 1.0" in text
    assert 'feddns_controllers_member_ready{cluster="us"} 1.0' in text
    done = 'operations_total{cluster="us",kind="ConfigMap",outcome="done",verb="apply"} '
    assert f"feddns_controllers_{done}1.0" in text
    with pytest.raises(OSError, match="refused"):
        page("healthz")


# --- shards --------------------------------------------------------------------------------------


def slice_of(name: str, address: str, *, ready: bool) -> dict[str, Any]:
    endpoint = {"addresses": [address], "conditions": {"ready": ready}}
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4", "endpoints": [endpoint], "ports": [{"name": "http", "port": 80}],
    }  # fmt: skip


class Shards:
    """A federated Service `web` with a shard in each member, whose endpoints the test sets."""

    def __init__(self, real: Federation, addresses: dict[str, str]) -> None:
        self.real, self.namespace = real, real.namespace()
        spec = {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80}]}
        real.create(self.namespace, "services", "web", spec=spec)
        for member, address in addresses.items():
            real.until(lambda m=member: real.found(m, f"{self.namespace}/services/web"), member)
            real.members[member].set_load_balancer(self.namespace, "web", address)
            path = f"/apis/discovery.k8s.io/v1/namespaces/{self.namespace}/endpointslices"
            real.members[member].request("POST", path, slice_of("web", "10.0.0.1", ready=True))

    def set(self, member: str, *, ready: bool) -> None:
        one = f"/apis/discovery.k8s.io/v1/namespaces/{self.namespace}/endpointslices/web"
        change = {"endpoints": slice_of("web", "10.0.0.1", ready=ready)["endpoints"]}
        self.real.members[member].patch(one, change)

    def said(self) -> dict[str, Any]:
        """The annotation: by cluster, its addresses."""
        path = f"/api/v1/namespaces/{self.namespace}/services/web"
        found = self.real.api.request("GET", path)["metadata"].get("annotations", {})
        items = json.loads(found.get("federation.kubernetes.io/service-ingresses", "{}"))
        return {
            one["cluster"]: [item["ip"] for item in one["items"] or ()]
            for one in items.get("items", ())
        }


def test_an_endpoint_that_goes_is_told_at_once(real: Federation) -> None:
    with real.controllers("shards"):
        real.register("us")
        real.register("eu")
        shards = Shards(real, {"us": "192.0.2.1", "eu": "192.0.2.2"})
        both = {"us": ["192.0.2.1"], "eu": ["192.0.2.2"]}
        real.until(lambda: shards.said() == both, "both are known")
        shards.set("us", ready=False)
        took = real.until(lambda: shards.said() == {**both, "us": []}, "one is gone")
        assert took < 1.0
        shards.set("us", ready=True)
        real.until(lambda: shards.said() == both, "and back")


def test_a_dead_cluster_goes_out_of_sight_when_its_data_plane_is_dead_too(
    real: Federation,
) -> None:
    proxy = real.members["eu"].proxy()
    with real.controllers("planes"):
        real.register("us")
        real.register("eu", url=proxy.url)
        address = loopback()
        shards = Shards(real, {"us": "192.0.2.1", "eu": address})
        both = {"us": ["192.0.2.1"], "eu": [address]}
        real.until(lambda: shards.said() == both, "both are known")
        server = socket.create_server((address, 80)) if os.geteuid() == 0 else None
        if server is None:
            pytest.skip("port 80 is root's")
        with server:
            proxy.refuse()
            real.until(lambda: not real.is_ready("eu"), "its control plane is lost")
            time.sleep(3.0)
            assert shards.said() == both, "it still answers"
        took = real.until(lambda: shards.said() == {**both, "eu": []}, "and now no more", 40.0)
        assert took < 40.0
        proxy.accept()
        real.until(lambda: shards.said() == both, "it is back")
