"""What kube-dns answered to federated names, and the CoreDNS plugin after it.

Where this server decided otherwise, the row's third part says why.
"""

import pytest

from tests.asking import Server

# --- kube-dns ---------------------------------------------------------------------------------

NODES = """
node testnode-0
node testnode-1 zone=testcontinent-testreg-testzone region=testcontinent-testreg
federations myfederation=example.com,secondfederation=second.example.com
synced
"""
PLACE = "svc.testcontinent-testreg-testzone.testcontinent-testreg"
LADDER = f"testservice.default.myfederation.{PLACE}.example.com."
LOCAL = "testservice.default.svc.cluster.local."
ENDPOINT = "slice default/testservice-a of testservice 10.0.0.1"

HEADLESS = "service default/testservice headless"
IPV4 = "service default/testservice 10.96.3.4"
IPV6 = "service default/testservice 2001:db8::8a2e:370:7334"
DUAL = "service default/testservice 10.96.3.4 2001:db8::8a2e:370:7334"
TURNED = "service default/testservice 2001:db8::8a2e:370:7334 10.96.3.4"

SERVICES = [("headless", HEADLESS), ("IPv4", IPV4), ("IPv6", IPV6), ("IPv4/IPv6", DUAL),
            ("IPv6/IPv4", TURNED)]  # fmt: skip
STEPS = [
    ("1-no-local-service", lambda service: "", LADDER),
    ("2-local-no-endpoints", lambda service: service, LADDER),
    ("3-local-with-endpoint", lambda service: f"{service}\n{ENDPOINT}", LOCAL),
    ("4-endpoint-removed",
     lambda service: f"{service}\n{ENDPOINT}\nslice default/testservice-a of testservice", LADDER),
]  # fmt: skip


@pytest.mark.parametrize(("_kind", "service"), SERVICES, ids=[row[0] for row in SERVICES])
@pytest.mark.parametrize(("_step", "world", "target"), STEPS, ids=[row[0] for row in STEPS])
def test_single_target(_kind: str, service: str, _step: str, world, target: str) -> None:
    server = Server(NODES + world(service), view=False)
    name = "testservice.default.myfederation.svc"
    server.expect(name, "CNAME", f"{name} CNAME {target}")


QUERIES = [
    ("domain", "mysvc.myns.myfederation.svc", f"mysvc.myns.myfederation.{PLACE}.example.com."),
    ("subdomain", "secsvc.default.secondfederation.svc",
     f"secsvc.default.secondfederation.{PLACE}.second.example.com."),
    ("not federated", "mysvc.myns.svc", None),
    ("unknown federation", "mysvc.default.nofederation.svc", None),
    # decision 7: names of hosts below a service are federated too; two labels are not
    ("one label too long", "pod.svc.ns.myfederation.svc",
     f"pod.svc.ns.myfederation.{PLACE}.example.com."),
    ("two labels too long", "a.b.svc.ns.myfederation.svc", None),
]  # fmt: skip


@pytest.mark.parametrize(("_id", "name", "target"), QUERIES, ids=[row[0] for row in QUERIES])
@pytest.mark.parametrize("times", [1, 4], ids=["without cache", "with cache"])
def test_query(_id: str, name: str, target: str | None, times: int) -> None:
    server = Server(NODES, view=False)
    for _ in range(times):
        server.expect(name, "A", f"{name} CNAME {target}" if target else "NXDOMAIN")


FACTS = [
    # what kube-dns did, and what is decided instead
    ("a subset of endpoints that are not ready counted as usable: ready ones only (2)",
     f"{IPV4}\nslice default/testservice-a of testservice 10.0.0.1!unready",
     "testservice.default.myfederation.svc", LADDER),
    ("the first label had to start with a letter: any label of a Service (1)",
     "", "1st.default.myfederation.svc", f"1st.default.myfederation.{PLACE}.example.com."),
    ("wildcards never match", "", "*.default.myfederation.svc", None),
    ("wildcards never match", "", "testservice.*.myfederation.svc", None),
    ("labels are of RFC 1123", "", "test_service.default.myfederation.svc", None),
    ("the name is compared in lower case", IPV4 + "\n" + ENDPOINT,
     "TestService.Default.MyFederation.Svc", LOCAL),
]  # fmt: skip


@pytest.mark.parametrize(("_why", "world", "name", "target"), FACTS, ids=[row[0] for row in FACTS])
def test_fact(_why: str, world: str, name: str, target: str | None) -> None:
    expected = f"{name} CNAME {target}" if target else "NXDOMAIN"
    Server(NODES + world, view=False).expect(name, "CNAME", expected)


def test_ttl_is_that_of_the_cluster_where_kube_dns_said_0() -> None:
    said = Server(NODES, view=False).said("testservice.default.myfederation.svc")
    assert [record.ttl for record in said.answer] == [5]


def test_nodes_without_labels_are_no_error_where_kube_dns_failed() -> None:
    server = Server("federations myfederation=example.com\nnode testnode-0\nsynced", view=False)
    name = "testservice.default.myfederation.svc"
    server.expect(name, "A", f"{name} CNAME testservice.default.myfederation.svc.example.com.")


# --- the plugin -------------------------------------------------------------------------------

PLUGIN = """
federations prod=federal.example
node here zone=fd-az region=fd-r
service testns/svc1 10.0.0.1 http:80/tcp
slice testns/svc1-a of svc1 172.16.0.1 http:80/tcp
service testns/hdls1 headless
synced
"""
AWAY = "prod.svc.fd-az.fd-r.federal.example."

PLUGIN_ROWS = [
    ("0: flattened is the plugin's form", "flattened", "svc1.testns.prod.svc",
     "svc1.testns.prod.svc A 10.0.0.1"),
    ("0: the chain is the default", "chain", "svc1.testns.prod.svc",
     "svc1.testns.prod.svc CNAME svc1.testns.svc\nsvc1.testns.svc A 10.0.0.1"),
    ("1", "flattened", "svc0.testns.prod.svc",
     f"svc0.testns.prod.svc CNAME svc0.testns.{AWAY}"),
    ("1", "chain", "svc0.testns.prod.svc", f"svc0.testns.prod.svc CNAME svc0.testns.{AWAY}"),
    ("headless without endpoints fails over", "flattened", "hdls1.testns.prod.svc",
     f"hdls1.testns.prod.svc CNAME hdls1.testns.{AWAY}"),
    ("names of endpoints", "flattened", "ep1.svc0.testns.prod.svc",
     f"ep1.svc0.testns.prod.svc CNAME ep1.svc0.testns.{AWAY}"),
    ("another federation", "flattened", "svc1.testns.staging.svc", "NXDOMAIN"),
    ("names of pods are not federated (1)", "flattened", "10-0-0-1.testns.prod.pod", "NXDOMAIN"),
    ("IsNameFederation 2", "flattened", "svc1.testns", "NXDOMAIN"),
    ("the plugin crashed (1)", "flattened", "prod.svc", "NODATA"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("_id", "form", "name", "expected"), PLUGIN_ROWS, ids=[" ".join(r[:3]) for r in PLUGIN_ROWS]
)
def test_plugin(_id: str, form: str, name: str, expected: str) -> None:
    Server(PLUGIN, view=False, answer_form=form).expect(name, "A", expected)


def test_plugin_missing_labels_are_no_failure() -> None:
    """Decision 6: the plugin said SERVFAIL."""
    server = Server(PLUGIN.replace(" zone=fd-az region=fd-r", ""), view=False)
    server.expect("svc0.testns.prod.svc", "A",
                  "svc0.testns.prod.svc CNAME svc0.testns.prod.svc.federal.example.")  # fmt: skip


def test_plugin_no_failover_without_endpoints_is_not_followed() -> None:
    """Decision 2: the plugin answered the address of a Service without endpoints."""
    server = Server(PLUGIN + "delete slice testns/svc1-a of svc1", view=False)
    server.expect("svc1.testns.prod.svc", "A", f"svc1.testns.prod.svc CNAME svc1.testns.{AWAY}")


def test_plugin_namespace_called_like_the_federation_works() -> None:
    """Decision 1: with the plugin every name of it was taken for a federated one."""
    server = Server(PLUGIN + "service prod/web 10.0.0.9", view=False)
    server.expect("web.prod.svc", "A", "web.prod.svc A 10.0.0.9")
    server.expect("nope.prod.svc", "A", "NODATA")


# --- both halves ------------------------------------------------------------------------------

BOTH = """
federations kfed=infra.example.com
node n1 zone=us-west1-a region=us-west1
cluster west-cluster zones=us-west1-a region=us-west1
cluster east-cluster zones=us-east1-b region=us-east1
cluster third zones=us-central1-a region=us-central1
synced
"""
NAME = "nginx.default.kfed.svc"
HERE = "service default/nginx 10.96.0.1\nslice default/nginx-a of nginx 10.244.0.1"
WEST = "203.0.113.136"
EAST = "203.0.113.14"


def test_west_has_endpoints() -> None:
    server = Server(
        BOTH + HERE + f"\nfederated default/nginx west-cluster={WEST} east-cluster={EAST}"
    )
    server.expect(NAME, "A", f"{NAME} CNAME nginx.default.svc\nnginx.default.svc A 10.96.0.1")


def test_west_has_none_east_has() -> None:
    server = Server(BOTH + f"federated default/nginx west-cluster=- east-cluster={EAST}")
    server.expect(NAME, "A", f"""
        {NAME} CNAME {NAME}.us-west1-a.us-west1.infra.example.com.
        {NAME}.us-west1-a.us-west1.infra.example.com. CNAME {NAME}.us-west1.infra.example.com.
        {NAME}.us-west1.infra.example.com. CNAME {NAME}.infra.example.com.
        {NAME}.infra.example.com. A {EAST}""")  # fmt: skip


def test_none_anywhere() -> None:
    server = Server(BOTH + "federated default/nginx west-cluster=- east-cluster=-")
    server.expect(NAME, "A", "NODATA")


def test_a_third_cluster_without_a_shard_gets_the_global_addresses() -> None:
    """Decision 11: the original answered nothing there."""
    world = BOTH.replace("zone=us-west1-a region=us-west1", "zone=us-central1-a region=us-central1")
    server = Server(
        world.replace("cluster west-cluster zones=us-central1-a region=us-central1",
                      "cluster west-cluster zones=us-west1-a region=us-west1")
        + f"federated default/nginx west-cluster={WEST} east-cluster={EAST}"
    )  # fmt: skip
    server.expect(NAME, "A", f"""
        {NAME} CNAME {NAME}.us-central1-a.us-central1.infra.example.com.
        {NAME}.us-central1-a.us-central1.infra.example.com. CNAME {NAME}.us-central1.infra.example.com.
        {NAME}.us-central1.infra.example.com. CNAME {NAME}.infra.example.com.
        {NAME}.infra.example.com. A {WEST}
        {NAME}.infra.example.com. A {EAST}""")  # fmt: skip  # noqa: E501
