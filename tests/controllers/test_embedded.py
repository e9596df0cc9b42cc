"""What `test_runtime` asks of real API servers, on embedded ones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from controllers.lease import NAME
from tests.controllers import test_runtime as on_real
from tests.controllers.running import SYSTEM, Federation
from tests.serving import free_port, loopback

SCENES = [
    on_real.test_from_a_cluster_and_its_secret_to_a_copy_that_is_kept_true,
    on_real.test_members_come_and_go_while_it_runs,
    on_real.test_what_is_foreign_is_left_alone_until_it_is_adopted,
    on_real.test_two_at_once_one_writes_and_the_other_takes_over,
    on_real.test_an_endpoint_that_goes_is_told_at_once,
]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__.removeprefix("test_"))
def test_the_same_on_embedded(
    embedded_federation: Federation, scene: Callable[[Federation], None]
) -> None:
    scene(embedded_federation)


def test_the_faulty_hold_up_nobody(embedded_federation: Federation) -> None:
    """A fifth has a selector that cannot be read, or a name that is taken in one member."""
    real, good, bad = embedded_federation, 100, 12
    selector = {"federation.alpha.kubernetes.io/cluster-selector": "no JSON"}
    adopt = {"federation.feddns.dev/adopt": "true"}
    with real.controllers("faulty"):
        namespace = real.namespace()
        path = f"/api/v1/namespaces/{namespace}"
        real.api.patch(path, {"metadata": {"annotations": adopt}})
        real.members["eu"].namespace(namespace)
        for number in range(bad):
            name = {"metadata": {"name": f"taken{number}"}, "data": {"mine": "x"}}
            real.members["eu"].request("POST", f"{path}/configmaps", name)
            real.create(namespace, "configmaps", f"taken{number}", data={"k": "v"})
            real.create(namespace, "configmaps", f"unread{number}", annotations=selector)
        for number in range(good):
            real.create(namespace, "configmaps", f"good{number}", data={"k": "v"})
        real.register("us")
        real.register("eu")

        def ours(member: str) -> int:
            label = "labelSelector=federation.feddns.dev/federation%3Dfaulty"
            return len(real.members[member].request("GET", f"{path}/configmaps?{label}")["items"])

        took = real.until(lambda: (ours("us"), ours("eu")) == (good + bad, good), "all good ones")
        assert took < 10.0

        def told() -> set[str]:
            events = real.api.request("GET", f"{path}/events")["items"]
            return {one["involvedObject"]["name"] for one in events if one["type"] == "Warning"}

        faulty = {f"{kind}{number}" for kind in ("taken", "unread") for number in range(bad)}
        real.until(lambda: told() == faulty, "each of the faulty says so, and no other")
        assert real.found("eu", f"{namespace}/configmaps/taken0")["data"] == {"mine": "x"}


def test_the_program_ends_in_order(embedded_federation: Federation) -> None:
    real, address = embedded_federation, loopback()
    place = f"{address}:{free_port(address)}"
    command = [sys.executable, "-m", "controllers", "--metrics", place, "--log-format", "json"]
    settings = {
        "FEDDNS_FEDERATION_KUBECONFIG": str(real.api.kubeconfig),
        "FEDDNS_FEDERATION_NAME": "program", "FEDDNS_CLUSTER_MONITOR_PERIOD": "300ms",
    }  # fmt: skip
    process = subprocess.Popen(
        command, env={**os.environ, **settings}, stderr=subprocess.PIPE, text=True
    )
    try:
        real.register("us")
        namespace = real.namespace()
        real.create(namespace, "configmaps", "a", data={"k": "v"})
        real.until(lambda: real.found("us", f"{namespace}/configmaps/a"), "it is copied")
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=15)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    said = [json.loads(line)["message"] for line in log.splitlines()]
    assert any(text.endswith(": leads") for text in said)
    assert said[-1].endswith("does not lead any more")
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases/{NAME}"
    assert real.api.request("GET", lease)["spec"]["holderIdentity"] == ""


class _Fine(BaseHTTPRequestHandler):
    """Says that all is well, whatever it is asked."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


def test_what_is_no_kubernetes_is_not_ready(embedded_federation: Federation) -> None:
    real = embedded_federation
    with ThreadingHTTPServer((loopback(), 0), _Fine) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://{server.server_address[0]!s}:{server.server_port}"
        with real.controllers("fine"):
            real.register("us")
            real.register("eu", url=url)
            wrong = ("False", "ClusterNotReady")
            real.until(lambda: real.conditions("eu").get("Ready") == wrong, "it is found out")
            namespace = real.namespace()
            real.create(namespace, "configmaps", "a", data={"k": "v"})
            real.until(lambda: real.found("us", f"{namespace}/configmaps/a"), "the other goes on")
        server.shutdown()
