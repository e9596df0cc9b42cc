"""/metrics, /healthz and /readyz: as Prometheus and the kubelet read them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
import urllib.request

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from feddns.app import health
from feddns.app.memory import Region
from tests import manifesting
from tests.serving import Serve, Server, until

NAME = "web.ns.svc.cluster.local."
FILES = {
    "a.yaml": manifesting.service("web", "10.0.0.1") + manifesting.headless("set", 2),
    "b.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: x, namespace: ns}\n",
}
PUBLISHED = 0.25
"""Counts are as old as this."""


def settled(server: Server, wanted: float) -> None:
    until(lambda: server.metric("feddns_dns_requests_total") == wanted, f"{wanted:.0f} are counted")


@pytest.mark.parametrize("processes", [0, 1, 2])
def test_counts_are_what_was_asked(serve: Serve, processes: int) -> None:
    server = serve(FILES, processes=processes)
    server.rcode("cluster.local.", "SOA")
    time.sleep(2 * PUBLISHED)
    before = server.metrics()
    for _ in range(10):
        server.ask(NAME)
        server.ask(NAME, "AAAA")
        server.ask(f"none.{NAME}")
        server.ask("elsewhere.example.")
        server.ask(NAME, tcp=True)
        server.ask(NAME, "MX")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.sendto(b"", (server.address, server.port))
        silent.sendto(b"short", (server.address, server.port))
        silent.sendto(b"\0" * 12, (server.address, server.port))  # no question: FORMERR
    total = sum(value for (name, _), value in before.items() if name == "feddns_dns_requests_total")
    settled(server, total + 63)
    after = server.metrics()

    def grown(name: str, **labels: str) -> float:
        key = name, tuple(sorted(labels.items()))
        return after[key] - before.get(key, 0)

    requests, responses = "feddns_dns_requests_total", "feddns_dns_responses_total"
    assert grown(requests, proto="udp", type="A") == 30
    assert grown(requests, proto="udp", type="AAAA") == 10
    assert grown(requests, proto="tcp", type="A") == 10
    assert grown(requests, proto="udp", type="other") == 13
    assert grown(responses, proto="udp", rcode="NOERROR") == 30
    assert grown(responses, proto="udp", rcode="NXDOMAIN") == 10
    assert grown(responses, proto="udp", rcode="REFUSED") == 10
    assert grown(responses, proto="udp", rcode="SILENCE") == 2
    assert grown(responses, proto="udp", rcode="FORMERR") == 1
    assert grown(responses, proto="tcp", rcode="NOERROR") == 10
    hits, misses = grown("feddns_cache_hits_total"), grown("feddns_cache_misses_total")
    assert hits + misses == 63
    assert grown("feddns_dns_request_duration_seconds_count") == 63
    assert grown("feddns_dns_request_duration_seconds_sum") > 0
    assert server.metric("feddns_objects", kind="Service") == 2
    assert server.metric("feddns_objects_ignored", kind="Secret") == 1
    assert server.metric("feddns_build_info") == 1
    assert server.metric("feddns_ready") == max(1, processes)
    assert 0 <= server.metric("feddns_snapshot_age_seconds", process="0") < 60


def test_both_formats_parse(serve: Serve) -> None:
    """Prometheus asks for OpenMetrics first; its parser is the strict one."""
    server = serve(FILES)
    server.ask(NAME)
    asked = urllib.request.Request(
        f"http://{server.http}/metrics",
        headers={"Accept": "application/openmetrics-text; version=1.0.0"},
    )
    with urllib.request.urlopen(asked, timeout=10) as reply:
        assert reply.headers["Content-Type"].startswith("application/openmetrics-text")
        strict = {family.name for family in openmetrics(reply.read().decode())}
    plain = {family.name for family in text_string_to_metric_families(server.get("/metrics").text)}
    assert strict == plain
    assert "feddns_dns_requests" in strict


def test_counts_survive_a_kill(serve: Serve) -> None:
    server = serve(FILES, processes=1)
    for _ in range(20):
        server.ask(NAME)
    until(lambda: server.metric("feddns_dns_requests_total") >= 20, "they are counted")
    before = server.metric("feddns_dns_requests_total")
    os.kill(server.answering()[0], signal.SIGKILL)
    until(lambda: server.says(NAME, "10.0.0.1"), "it is back")
    until(lambda: server.metric("feddns_process_restarts_total") == 1, "the restart is counted")
    until(lambda: server.metric("feddns_dns_requests_total") > before, "counting goes on")
    os.kill(server.watching(), signal.SIGKILL)
    until(lambda: server.metric("feddns_dns_requests_total") > before, "the next watcher has them")


def test_health(serve: Serve) -> None:
    server = serve(FILES, processes=2)
    assert server.get("/healthz") == (200, "ok\n")
    assert server.get("/readyz") == (200, "ok\n")
    assert server.get("/healthz?verbose") == (200, "[+]watching ok\n")
    assert server.get("/readyz?verbose=1") == (200, "[+]answering-0 ok\n[+]answering-1 ok\n")
    for path in ("/", "/metric", "/readyz/", "/debug"):
        assert server.get(path) == (404, "/metrics, /healthz or /readyz\n")


def test_readiness() -> None:
    """Of a process that is starting, of one that answers, and of one whose loop is stuck."""
    starting, good, stuck = Region(), Region(), Region()
    for region, turned in ((good, 99.5), (stuck, 80.0)):
        region.gauge("ready", 1)
        region.gauge("turned_ns", int(turned * 1e9))
        region.publish()
    assert health.readiness([starting, good, stuck], 100.0) == {
        "answering-0": "has no whole world yet",
        "answering-1": "",
        "answering-2": "no turn for 20 s",
    }


def test_a_process_without_a_world_is_not_ready(serve: Serve) -> None:
    """The supervisor is held, so that what was killed stays so for the moment."""
    server = serve(FILES, processes=2)
    pids = server.answering()
    os.kill(server.pid, signal.SIGSTOP)
    os.kill(pids[1], signal.SIGKILL)
    assert server.get("/healthz").status == 200
    os.kill(server.pid, signal.SIGCONT)
    until(lambda: server.get("/readyz").status == 200, "it is ready again")
    assert server.addresses(NAME) == ["10.0.0.1"]


def test_clients_that_say_nothing_keep_nobody_waiting(serve: Serve) -> None:
    """One open connection must not take /healthz away from the kubelet."""
    server = serve(FILES)
    address, _, port = server.http.rpartition(":")
    with contextlib.ExitStack() as stack:
        for said in (b"", b"GET /metrics", b"GET /metrics HTTP/1.1\r\nHost: x\r\n"):
            silent = stack.enter_context(socket.create_connection((address, int(port))))
            silent.sendall(said)
        started = time.monotonic()
        for path in ("/healthz", "/readyz", "/metrics"):
            assert server.get(path).status == 200
        assert time.monotonic() - started < 2


def test_garbage_and_clients_that_hang_up(serve: Serve) -> None:
    server = serve(FILES)
    address, _, port = server.http.rpartition(":")
    for said in (
        b"\x00\xff\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /metrics HTTP/1.1\r\n\r\n",
        b"x" * 9000,
    ):
        with socket.create_connection((address, int(port))) as client:
            client.sendall(said)
    for _ in range(5):
        with socket.create_connection((address, int(port))) as client:
            client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
    assert server.get("/healthz").status == 200
    assert "Traceback" not in server.log()


def test_scrapes_while_the_world_changes(serve: Serve) -> None:
    """A scrape counts objects that come and go meanwhile: it must not stumble."""
    server = serve({"a.yaml": manifesting.many(3000)})
    failed: list[int] = []
    stop = threading.Event()

    def scrape() -> None:
        while not stop.is_set():
            reply = server.get("/metrics")
            if reply.status != 200 or "feddns_objects{" not in reply.text:
                failed.append(reply.status)

    scraping = [threading.Thread(target=scrape) for _ in range(2)]
    for thread in scraping:
        thread.start()
    try:
        for count in (1000, 4000, 2000, 3500):
            server.write({"a.yaml": manifesting.many(count)})
            last = f"s{count - 1}.ns.svc.cluster.local."
            until(lambda last=last: server.rcode(last) == "NOERROR", last)
    finally:
        stop.set()
        for thread in scraping:
            thread.join()
    assert failed == []
    assert "Traceback" not in server.log()


def test_without_metrics_nothing_listens(serve: Serve) -> None:
    server = serve(FILES, metrics=False)
    assert len(server.children()) == 2
    assert server.addresses(NAME) == ["10.0.0.1"]
