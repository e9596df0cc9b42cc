"""The worked examples of the public zone: what `ladder.rungs` gives, written as zone text.

Each step is the state of the federation and the zone it makes.  `+` marks the lines that the
original did not have: every registered cluster has its ladder, shard or not (decision 11), and
`-` those it left behind when a Service was deleted (decision 13).  Addresses are of the
documentation ranges; host names of load balancers stay names here.
"""

import pytest

from feddns import ladder, names
from feddns.ladder import Rung
from tests.asking import Server

UPSTREAM = """
federations ufp=example.com
cluster c1 zones=foozone region=fooregion
cluster c2 zones=barzone region=barregion
synced
"""
NAME = "nginx.test.ufp.svc"

NOTHING_HEALTHY = """
    fooregion CNAME @
    foozone.fooregion CNAME fooregion
    barregion CNAME @
    barzone.barregion CNAME barregion
"""
BOTH_HEALTHY = """
    @ 198.51.100.1 203.0.113.1
    fooregion 198.51.100.1
    foozone.fooregion 198.51.100.1
    barregion 203.0.113.1
    barzone.barregion 203.0.113.1
"""

EXAMPLES = [
    ("ServiceWithNoIngress", UPSTREAM, "federated test/nginx", NOTHING_HEALTHY),
    ("ServiceWithSingleLBIngress", UPSTREAM, "federated test/nginx c1=198.51.100.1 c2=-", """
        @ 198.51.100.1
        fooregion 198.51.100.1
        foozone.fooregion 198.51.100.1
        barregion CNAME @
        barzone.barregion CNAME barregion"""),
    ("ServiceWithAWSAndGCPMultipleLBIngress", UPSTREAM,
     "federated test/nginx c1=a9.us-west-2.lb.example.net c2=203.0.113.1", """
        @ 203.0.113.1 a9.us-west-2.lb.example.net.
        fooregion a9.us-west-2.lb.example.net.
        foozone.fooregion a9.us-west-2.lb.example.net.
        barregion 203.0.113.1
        barzone.barregion 203.0.113.1"""),
    ("ServiceWithNoLBIngress", UPSTREAM, "federated test/nginx c1=- c2=-", NOTHING_HEALTHY),
    ("ServiceWithMultipleLBIngress", UPSTREAM,
     "federated test/nginx c1=198.51.100.1 c2=203.0.113.1", BOTH_HEALTHY),
    ("ServiceWithLBIngressAndServiceDeleted", UPSTREAM,
     "federated test/nginx c1=198.51.100.1 c2=203.0.113.1\ndelete federated test/nginx", None),
    ("ServiceWithLBIngressAndLBIngressModifiedOvertime", UPSTREAM,
     "federated test/nginx c1=198.51.100.1 c2=203.0.113.1\n"
     "federated test/nginx c1=192.0.2.150 c2=203.0.113.1",
     BOTH_HEALTHY.replace("198.51.100.1", "192.0.2.150")),
    ("docs-13-cluster-listing", """
        federations ufp=example.com
        cluster us-central1-a zones=us-central1-a region=us-central1
        cluster us-central1-b zones=us-central1-b region=us-central1
        cluster us-central1-c zones=us-central1-c region=us-central1
        cluster us-central1-f zones=us-central1-f region=us-central1
        cluster asia-east1-a zones=asia-east1-a region=asia-east1
        cluster asia-east1-b zones=asia-east1-b region=asia-east1
        cluster asia-east1-c zones=asia-east1-c region=asia-east1
        cluster europe-west1-d zones=europe-west1-d region=europe-west1
        synced""",
     "federated test/nginx asia-east1-a=192.0.2.243 asia-east1-b=- asia-east1-c=192.0.2.221 "
     "europe-west1-d=- us-central1-a=203.0.113.191 us-central1-b=203.0.113.180 "
     "us-central1-c=203.0.113.170 us-central1-f=-", """
        asia-east1-a.asia-east1 192.0.2.243
        asia-east1-b.asia-east1 CNAME asia-east1
        asia-east1-c.asia-east1 192.0.2.221
        asia-east1 192.0.2.221 192.0.2.243
        europe-west1-d.europe-west1 CNAME europe-west1
        europe-west1 CNAME @
        @ 192.0.2.221 192.0.2.243 203.0.113.170 203.0.113.180 203.0.113.191
        us-central1-a.us-central1 203.0.113.191
        us-central1-b.us-central1 203.0.113.180
        us-central1-c.us-central1 203.0.113.170
        us-central1-f.us-central1 CNAME us-central1
        us-central1 203.0.113.170 203.0.113.180 203.0.113.191"""),
]  # fmt: skip

TWO = """
    federations ufp=example.com
    cluster west-cluster zones=us-west1-a region=us-west1
    cluster east-cluster zones=us-east1-b region=us-east1
    synced
"""
TWO_HEALTHY = """
    @ 203.0.113.14 203.0.113.136
    us-east1-b.us-east1 203.0.113.14
    us-east1 203.0.113.14
    us-west1-a.us-west1 203.0.113.136
    us-west1 203.0.113.136
"""
FAILOVER = [
    ("west-cluster=203.0.113.136 east-cluster=203.0.113.14", TWO_HEALTHY),
    ("west-cluster=- east-cluster=203.0.113.14", """
        @ 203.0.113.14
        us-east1-b.us-east1 203.0.113.14
        us-east1 203.0.113.14
        us-west1-a.us-west1 CNAME us-west1
        us-west1 CNAME @"""),
    ("west-cluster=- east-cluster=-", """
        us-east1-b.us-east1 CNAME us-east1
        us-east1 CNAME @
        us-west1-a.us-west1 CNAME us-west1
        us-west1 CNAME @"""),
    ("west-cluster=203.0.113.136 east-cluster=203.0.113.14", TWO_HEALTHY),
]  # fmt: skip


def zone(server: Server) -> dict[str, str] | None:
    """The zone that the ladder makes: rung → addresses, or the rung it is an alias of."""
    view = server.store.current.view
    assert view is not None
    service = view.services.get((b"test", b"nginx"))
    if service is None:
        return None
    made = {}
    for rung in ladder.rungs(view, service, "none"):
        wider = rung.scope.up()
        if rung.ingresses:
            made[_label(rung)] = " ".join(sorted(_texts(rung)))
        elif wider is not None:
            made[_label(rung)] = "CNAME " + _label(Rung(wider, (), ()))
    return made


def _label(rung: Rung) -> str:
    return names.format(rung.scope.labels()).rstrip(".") or "@"


def _texts(rung: Rung) -> list[str]:
    return [
        ".".join(map(str, ingress.address)) or names.format(ingress.hostname)
        for ingress in rung.ingresses
    ]


def expected(text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    rows = [line.strip().partition(" ") for line in text.strip().splitlines()]
    return {
        label: data if data.startswith("CNAME") else " ".join(sorted(data.split()))
        for label, _, data in rows
    }


@pytest.mark.parametrize(
    ("_id", "world", "step", "made"), EXAMPLES, ids=[row[0] for row in EXAMPLES]
)
def test_example(_id: str, world: str, step: str, made: str | None) -> None:
    server = Server(world)
    for line in step.splitlines():
        server.happen(line)
    assert zone(server) == expected(made)


def test_failover_and_back() -> None:
    server = Server(TWO)
    for shards, made in FAILOVER:
        server.happen(f"federated test/nginx {shards}")
        assert zone(server) == expected(made)


@pytest.mark.parametrize(
    ("_id", "world", "step", "made"), EXAMPLES, ids=[row[0] for row in EXAMPLES]
)
def test_the_dns_server_answers_the_same_zone(
    _id: str, world: str, step: str, made: str | None
) -> None:
    server = Server(world)
    for line in step.splitlines():
        server.happen(line)
    for label, data in (expected(made) or {}).items():
        rung = "" if label == "@" else label + "."
        name = f"{NAME}.{rung}example.com."
        if data.startswith("CNAME"):
            target = data.removeprefix("CNAME ")
            target = f"{NAME}.{'' if target == '@' else target + '.'}example.com."
            server.expect(name, "CNAME", f"{name} CNAME {target}")
        elif data.endswith("."):  # host names beside addresses are left to their own resolver
            assert "lb.example.net" in data
        else:
            server.expect(name, "A", "\n".join(f"{name} A {a}" for a in data.split()))


def test_multi_zone_clusters_and_shared_zones() -> None:
    """Decision 11: each zone has its name; a zone's name has all that share it."""
    server = Server("""
        federations ufp=example.com
        cluster wide zones=za,zb region=r1
        cluster narrow zones=zb region=r1
        synced
        federated test/nginx wide=198.51.100.1 narrow=198.51.100.2""")
    assert zone(server) == expected("""
        @ 198.51.100.1 198.51.100.2
        r1 198.51.100.1 198.51.100.2
        za.r1 198.51.100.1
        zb.r1 198.51.100.1 198.51.100.2""")


def test_a_shard_of_a_cluster_that_is_not_registered_does_not_count() -> None:
    """The original stopped all records of the service."""
    server = Server(UPSTREAM + "federated test/nginx c1=198.51.100.1 gone=203.0.113.9")
    assert zone(server) == expected("""
        @ 198.51.100.1
        fooregion 198.51.100.1
        foozone.fooregion 198.51.100.1
        barregion CNAME @
        barzone.barregion CNAME barregion""")


def test_a_cluster_without_zones_or_region_counts_where_it_is_known_to_be() -> None:
    server = Server("""
        federations ufp=example.com
        cluster somewhere
        cluster wide region=r1
        synced
        federated test/nginx somewhere=198.51.100.1 wide=198.51.100.2""")
    assert zone(server) == expected("""
        @ 198.51.100.1 198.51.100.2
        r1 198.51.100.2""")


def test_an_address_of_two_shards_is_one_record() -> None:
    server = Server(UPSTREAM + "federated test/nginx c1=198.51.100.1 c2=198.51.100.1")
    made = zone(server)
    assert made is not None
    assert made["@"] == "198.51.100.1"
