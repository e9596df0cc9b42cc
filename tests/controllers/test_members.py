"""Real API servers as members: credentials, health, places, and members that began anew."""

from __future__ import annotations

import json
import shutil
from typing import Any

from controllers import ways
from controllers.clusters import Result as Found
from controllers.members import read_probe
from feddns.kube.api import Result
from tests.clusters import NewCluster
from tests.controllers.running import CLUSTERS, SYSTEM, Federation


def message(real: Federation, name: str) -> str:
    found = real.api.request("GET", f"{CLUSTERS}/{name}")["status"]["conditions"]
    return str(found[0]["message"])


def token_of(real: Federation, member: str) -> dict[str, str]:
    """What a Secret with a token has."""
    cluster = real.members[member]
    return {"token": cluster.token("admin"), "ca.crt": (cluster.home / "certs/ca.crt").read_text()}


def test_the_secret_is_followed(real: Federation) -> None:
    with real.controllers("secrets"):
        real.register("us", secret=False)
        missing = {"Ready": ("False", "ClusterNotConfigured"),
                   "Offline": ("Unknown", "ClusterNotConfigured")}  # fmt: skip
        real.until(lambda: real.conditions("us") == missing, "it is told")
        assert message(real, "us") == f"there is no Secret {SYSTEM}/us with its credentials"
        real.put_secret("us", token_of(real, "us"))
        real.until(lambda: real.is_ready("us"), "the token is taken")
        real.put_secret("us", {**token_of(real, "us"), "token": "wrong"})
        real.until(
            lambda: real.conditions("us").get("Ready") == ("False", "ClusterAccessDenied"),
            "and a wrong one is not",
        )
        real.put_secret("us", {"kubeconfig": real.members["us"].kubeconfig.read_text()})
        real.until(lambda: real.is_ready("us"), "a kubeconfig is")
        real.put_secret("us", {"password": "x"})
        real.until(lambda: real.conditions("us") == missing, "and nothing else")
        assert "neither kubeconfig nor token and ca.crt" in message(real, "us")
        told = [reason for reason, _ in real.events("us")]
        assert {"ClusterNotConfigured", "ClusterReady", "ClusterAccessDenied"} <= set(told)


def test_the_address_is_followed(real: Federation) -> None:
    with real.controllers("address"):
        proxy = real.members["us"].proxy()
        proxy.refuse()
        real.register("us", url=proxy.url)
        offline = ("True", "ClusterNotReachable")
        real.until(lambda: real.conditions("us").get("Offline") == offline, "nobody is there")
        address = {"clientCIDR": "127.0.0.0/8", "serverAddress": real.members["us"].url}
        spec = {"serverAddressByClientCIDRs": [address]}
        real.api.patch(f"{CLUSTERS}/us", {"spec": spec})
        real.until(lambda: real.is_ready("us"), "the other address counts")
        nobody = {"clientCIDR": "203.0.113.0/24", "serverAddress": "192.0.2.1"}
        real.api.patch(f"{CLUSTERS}/us", {"spec": {"serverAddressByClientCIDRs": [nobody]}})
        real.until(lambda: not real.is_ready("us"), "no range holds us")
        assert "no clientCIDR" in message(real, "us")


def status(real: Federation, name: str) -> tuple[Any, Any, str]:
    found = real.api.request("GET", f"{CLUSTERS}/{name}").get("status") or {}
    return found.get("zones"), found.get("region"), found.get("version", "")


def test_places_follow_the_nodes_and_are_remembered(real: Federation) -> None:
    eu, proxy = real.members["eu"], real.members["eu"].proxy()
    with real.controllers("places"):
        real.register("eu", url=proxy.url)
        real.until(lambda: real.is_ready("eu"), "it is ready")
        eu.add_node("n1", "eu-b", "eu")
        eu.add_node("n2", "eu-a", "eu")
        try:
            real.until(lambda: status(real, "eu")[:2] == (["eu-a", "eu-b"], "eu"), "it is known")
            assert status(real, "eu")[2].startswith("v1.")
            eu.request("DELETE", "/api/v1/nodes/n2")
            real.until(lambda: status(real, "eu")[:2] == (["eu-b"], "eu"), "and followed")
            proxy.refuse()
            real.until(lambda: not real.is_ready("eu"), "it is away")
            assert status(real, "eu")[:2] == (["eu-b"], "eu")
        finally:
            eu.request("DELETE", "/api/v1/nodes/n1")
    with real.controllers("places"):
        real.until(lambda: real.conditions("eu")["Offline"][0] == "True", "found so again")
        assert status(real, "eu")[:2] == (["eu-b"], "eu"), "over a restart, too"


def test_a_restart_changes_nothing_and_misses_are_counted_anew(real: Federation) -> None:
    with real.controllers("again"):
        real.register("us")
        real.until(lambda: real.is_ready("us"), "it is ready")
    before = real.api.request("GET", f"{CLUSTERS}/us")
    with real.controllers("again") as running:
        world = running.runtime.world
        real.until(lambda: "us" in running.ask(world.members), "it is known")
        real.until(lambda: running.ask(world.members)["us"].whole, "and read")
    after = real.api.request("GET", f"{CLUSTERS}/us")
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


def test_a_member_that_was_wiped_gets_everything_again(
    real: Federation, new_cluster: NewCluster
) -> None:
    fresh = new_cluster("wiped")
    real.members["wiped"] = fresh
    try:
        with real.controllers("wiped"):
            real.register("wiped")
            namespace = real.namespace()
            real.create(namespace, "configmaps", "a", data={"k": "v"})
            path = f"{namespace}/configmaps/a"
            real.until(lambda: real.found("wiped", path), "it is copied")
            fresh.end("kube-apiserver")
            fresh.end("etcd")
            shutil.rmtree(fresh.home / "etcd")
            fresh.start_etcd()
            fresh.start_api()
            real.until(lambda: real.found("wiped", path), "it is there again", 30.0)
    finally:
        del real.members["wiped"]


def test_what_an_answer_to_healthz_means() -> None:
    def meant(status: int, body: bytes = b"", reason: str = "", text: str = "") -> Found:
        return read_probe(Result(status, body, reason, text)).result

    assert meant(200, b"ok") is Found.GOOD
    assert meant(200, b"OK\n") is Found.GOOD
    assert meant(200, b"<html>") is Found.ODD
    assert meant(500, b"[-]etcd failed") is Found.ODD
    assert meant(401) is Found.REFUSED
    assert meant(403) is Found.REFUSED
    assert meant(0, reason="Unreachable") is Found.LOST
    assert meant(0, reason="Timeout") is Found.LOST
    assert meant(0, reason="Credentials") is Found.UNKNOWN
    assert "no answer" in read_probe(Result(0, b"", "Timeout", "no answer within 1 s")).message


def test_own_addresses_have_the_loopback() -> None:
    assert {"127.0.0.1", "::1"} <= set(ways.own_addresses())


def test_a_secret_is_kept_without_what_is_no_credential() -> None:
    raw = json.dumps({"metadata": {"name": "x"}, "data": {"token": "dA==", "other": "eA=="}})
    kept = ways.lean_secret(raw.encode())
    assert kept is not None
    assert b"other" not in kept
    assert b"dA==" in kept
