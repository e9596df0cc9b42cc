"""federation-v1.md 1.5 to 1.8, as record sets of a zone: what is wanted, planned and then there.

    1.5   the record rules: for each list of addresses and what is at the name before
    1.6   removal; each row is a defect of section 10 that is gone
    1.7   errors: what held up others in the original
    1.8   the worked examples, whole, from the data of `test_public_ladder`
    10    the numbered defects 1 to 6 and 8 to 13 that lie in the zone

`+` in comments: decisions.md says otherwise than the original did.
"""

from __future__ import annotations

import pytest

from feddns.providers import plan
from feddns.providers.plan import Reason
from feddns.providers.recordsets import RecordSet, record_set
from tests.providers.zoneworld import PublicZone, hosts, records
from tests.spec import test_public_ladder as ladder

TWO = """
    cluster c1 zones=foozone region=fooregion
    cluster c2 zones=barzone region=barregion
"""
NGINX = "nginx.test.ufp.svc"
GLOBAL = f"{NGINX}.example.com."
REGION = f"{NGINX}.fooregion.example.com."
ZONE = f"{NGINX}.foozone.fooregion.example.com."
BOTH = "federated test/nginx c1=198.51.100.1 c2=203.0.113.1"
BOTH_HEALTHY = f"""
    {GLOBAL} 180 A 198.51.100.1 203.0.113.1
    {REGION} 180 A 198.51.100.1
    {ZONE} 180 A 198.51.100.1
    {NGINX}.barregion 180 A 203.0.113.1
    {NGINX}.barzone.barregion 180 A 203.0.113.1
"""
FOREIGN = records("""
    mail 300 A 192.0.2.25
    nginx 300 CNAME elsewhere.example.net.
    nginx.test.ufp.svc.elsewhere 300 A 192.0.2.26
""")


# --- 1.5: the record rules ----------------------------------------------------------------------

HEALTHY, SICK = "c1=198.51.100.1", "c1=-"
RULES = [
    # the name, shards before, shards now, what is there now, whether its name was changed
    (ZONE, None, HEALTHY, "180 A 198.51.100.1", True),
    (ZONE, HEALTHY, HEALTHY, "180 A 198.51.100.1", False),
    (ZONE, "c1=198.51.100.9", HEALTHY, "180 A 198.51.100.1", True),
    (ZONE, SICK, HEALTHY, "180 A 198.51.100.1", True),
    (ZONE, None, SICK, f"180 CNAME {REGION}", True),
    (ZONE, SICK, SICK, f"180 CNAME {REGION}", False),
    (ZONE, HEALTHY, SICK, f"180 CNAME {REGION}", True),
    (REGION, None, HEALTHY, "180 A 198.51.100.1", True),
    (REGION, SICK, HEALTHY, "180 A 198.51.100.1", True),
    (REGION, None, SICK, f"180 CNAME {GLOBAL}", True),
    (REGION, SICK, SICK, f"180 CNAME {GLOBAL}", False),
    (REGION, HEALTHY, SICK, f"180 CNAME {GLOBAL}", True),
    (GLOBAL, None, HEALTHY, "180 A 198.51.100.1", True),
    (GLOBAL, HEALTHY, HEALTHY, "180 A 198.51.100.1", False),
    (GLOBAL, "c1=198.51.100.9", HEALTHY, "180 A 198.51.100.1", True),
    (GLOBAL, None, SICK, "", False),
    (GLOBAL, HEALTHY, SICK, "", True),
]


@pytest.mark.parametrize(("name", "before", "now", "there", "is_changed"), RULES)
def test_rules(name: str, before: str | None, now: str, there: str, is_changed: bool) -> None:
    zone = PublicZone(TWO, FOREIGN)
    if before is not None:
        zone.happen(f"federated test/nginx {before}")
    zone.happen(f"federated test/nginx {now}")
    found = [record for record in zone.ours() if record.name == name]
    assert found == records(f"{name} {there}" if there else "")
    assert (name in {change.name for change in zone.plan.changes}) == is_changed
    assert zone.foreign() == sorted(FOREIGN)


LISTS = [
    # level, clusters, shards, where, addresses
    ("zone: every cluster that shares a zone",
     "cluster c1 zones=za,zb region=r1\ncluster c2 zones=zb region=r1",
     "c1=198.51.100.1 c2=198.51.100.2", "zb.r1", "198.51.100.1 198.51.100.2"),
    ("zone: nobody else's", "cluster c1 zones=za region=r1\ncluster c2 zones=zb region=r1",
     "c1=198.51.100.1 c2=198.51.100.2", "za.r1", "198.51.100.1"),
    ("region: every cluster of the region",
     "cluster c1 zones=za region=r1\ncluster c2 zones=zb region=r1\ncluster c3 zones=za region=r2",
     "c1=198.51.100.1 c2=198.51.100.2 c3=198.51.100.3", "r1", "198.51.100.1 198.51.100.2"),
    ("each address once", "cluster c1 zones=za region=r1\ncluster c2 zones=zb region=r1",
     "c1=198.51.100.1 c2=198.51.100.1", "r1", "198.51.100.1"),
    ("sorted as numbers, + not as text", "cluster c1 zones=za region=r1",
     "c1=198.51.100.10+198.51.100.9+9.9.9.9", "r1", "9.9.9.9 198.51.100.9 198.51.100.10"),
]  # fmt: skip


@pytest.mark.parametrize(("_id", "world", "shards", "rung", "values"), LISTS)
def test_lists_of_addresses(_id: str, world: str, shards: str, rung: str, values: str) -> None:
    zone = PublicZone(f"{world}\nfederated test/nginx {shards}")
    (found,) = [one for one in zone.ours() if one.name == f"{NGINX}.{rung}.example.com."]
    assert (found.type, found.values) == ("A", tuple(values.split()))


def test_record_sets_are_equal_in_any_order_and_spelling() -> None:
    """In the original another order, or a missing dot, was another record set."""
    there = record_set("WEB.Example.com", "A", 180, ["192.0.2.9", "192.0.2.10"])
    assert there == record_set("web.example.com.", "A", 180, ["192.0.2.10", "192.0.2.9"])
    up = record_set("web.example.com", "CNAME", 180, ["WWW.example.com"])
    assert up == record_set("web.example.com.", "CNAME", 180, ["www.example.com."])


# --- 1.6: removal -------------------------------------------------------------------------------

LEFT = f"""
    {GLOBAL} 180 A 198.51.100.1
    {REGION} 180 A 198.51.100.1
    {ZONE} 180 A 198.51.100.1
"""
REMOVALS = [
    ("the Service deleted", "delete federated test/nginx", ""),
    ("the Service of another type", BOTH + " type=ClusterIP", ""),
    ("a cluster unjoined", "delete cluster c2", LEFT),
    ("a cluster unjoined, and out of the annotation",
     "federated test/nginx c1=198.51.100.1\ndelete cluster c2", LEFT),
    ("all clusters unjoined", "delete cluster c1\ndelete cluster c2", ""),
    ("its load balancer gone", "federated test/nginx c1=198.51.100.1", LEFT + f"""
        {NGINX}.barregion 180 CNAME {GLOBAL}
        {NGINX}.barzone.barregion 180 CNAME {NGINX}.barregion"""),
    ("all of them", "federated test/nginx", f"""
        {REGION} 180 CNAME {GLOBAL}
        {ZONE} 180 CNAME {REGION}
        {NGINX}.barregion 180 CNAME {GLOBAL}
        {NGINX}.barzone.barregion 180 CNAME {NGINX}.barregion"""),
]  # fmt: skip


@pytest.mark.parametrize(("_id", "step", "left"), REMOVALS)
def test_removal(_id: str, step: str, left: str) -> None:
    zone = PublicZone(TWO + BOTH, FOREIGN)
    zone.expect(BOTH_HEALTHY)
    zone.happen(step)
    zone.expect(left)
    assert zone.foreign() == sorted(FOREIGN)
    zone.happen(BOTH + "\ndelete federated test/nginx")
    assert list(zone.holdings.records()) == list(zone.holdings.foreign.values())
    assert zone.foreign() == sorted(FOREIGN), "the zone is as it was before"


# --- 1.7: errors --------------------------------------------------------------------------------


def test_a_vanished_cluster_of_the_annotation_holds_up_nobody() -> None:
    zone = PublicZone(TWO + BOTH + " gone=192.0.2.66")
    zone.expect(BOTH_HEALTHY)
    zone.happen("federated test/nginx c1=198.51.100.7 c2=203.0.113.1 gone=192.0.2.66")
    zone.expect(BOTH_HEALTHY.replace("198.51.100.1", "198.51.100.7"))


def test_a_cluster_without_zones_freezes_nothing() -> None:
    zone = PublicZone(TWO + BOTH)
    zone.happen("cluster c1 region=fooregion")
    zone.expect("\n".join(line for line in BOTH_HEALTHY.splitlines() if "foozone" not in line))


def test_a_conflict_is_of_one_name() -> None:
    """A record set of somebody else's stays, and the other names of the Service are kept."""
    theirs = record_set(REGION, "A", 60, ["192.0.2.99"])
    zone = PublicZone(TWO + BOTH, [theirs])
    assert zone.foreign() == [theirs]
    assert [(held.name, held.service, held.reason) for held in zone.plan.held] == [
        (REGION, "test/nginx", Reason.CONFLICT)
    ]
    zone.expect("\n".join(line for line in BOTH_HEALTHY.splitlines() if f" {REGION} " not in line))


# --- 1.8: the worked examples -------------------------------------------------------------------


def lines(made: str | None) -> str:
    """The short rows of `test_public_ladder` as record sets."""
    found = []
    for rung, data in (ladder.expected(made) or {}).items():
        name = NGINX if rung == "@" else f"{NGINX}.{rung}"
        if data.startswith("CNAME"):
            target = data.removeprefix("CNAME ")
            found.append(f"{name} 180 CNAME {NGINX}{'' if target == '@' else '.' + target}")
        else:
            values = data.replace("a9.us-west-2.lb.example.net.", "198.51.100.1")
            found.append(f"{name} 180 A {values}")
    return "\n".join(found)


@pytest.mark.parametrize(
    ("_id", "world", "step", "made"), ladder.EXAMPLES, ids=[row[0] for row in ladder.EXAMPLES]
)
def test_example(_id: str, world: str, step: str, made: str | None) -> None:
    zone = PublicZone(world, FOREIGN, resolved="a9.us-west-2.lb.example.net 300 198.51.100.1")
    for line in step.splitlines():
        zone.happen(line)
    zone.expect(lines(made))
    assert zone.foreign() == sorted(FOREIGN)


def test_failover_and_back() -> None:
    zone = PublicZone(ladder.TWO, FOREIGN)
    for shards, made in ladder.FAILOVER:
        zone.happen(f"federated test/nginx {shards}")
        zone.expect(lines(made))
    assert {own.mark.resource for own in zone.owned()} == {"service/test/nginx"}


def test_failover_is_one_change_for_each_name() -> None:
    """The addresses go and the alias comes in one change, as nothing else is possible."""
    zone = PublicZone(ladder.TWO)
    zone.happen("federated test/nginx west-cluster=203.0.113.136 east-cluster=203.0.113.14")
    zone.happen("federated test/nginx west-cluster=- east-cluster=203.0.113.14")
    told = {change.name: types(change.removals, change.additions) for change in zone.plan.changes}
    assert told == {
        GLOBAL: "A → A",
        f"{NGINX}.us-west1.example.com.": "A → CNAME",
        f"{NGINX}.us-west1-a.us-west1.example.com.": "A → CNAME",
    }


def types(*sides: tuple[RecordSet, ...]) -> str:
    return " → ".join(
        " ".join(record.type for record in side if record.type != "TXT") for side in sides
    )


# --- 10: the defects that are gone --------------------------------------------------------------


def test_1_a_deleted_service_leaves_no_alias_and_no_claim() -> None:
    zone = PublicZone(TWO + BOTH)
    zone.happen("delete federated test/nginx")
    assert list(zone.holdings.records()) == []


def test_2_an_unjoined_cluster_takes_its_names_along_at_once() -> None:
    zone = PublicZone(TWO + BOTH)
    zone.happen("delete cluster c2")
    assert {change.name for change in zone.plan.changes} == {
        GLOBAL,
        f"{NGINX}.barregion.example.com.",
        f"{NGINX}.barzone.barregion.example.com.",
    }


def test_3_one_vanished_cluster_blocks_no_other_service() -> None:
    zone = PublicZone(TWO + BOTH + "\nfederated test/web c1=198.51.100.5 c2=-")
    zone.happen("delete cluster c2")
    zone.expect(LEFT + LEFT.replace("nginx.", "web.").replace("100.1", "100.5"))


def test_4_a_cluster_that_is_not_healthy_is_in_no_list() -> None:
    """Neither does its own name freeze, nor does its address stay at the global name."""
    zone = PublicZone(TWO + BOTH)
    zone.happen("federated test/nginx c1=198.51.100.1 c2=-")
    assert not [one for one in zone.ours() if "203.0.113.1" in one.values]
    zone.happen("cluster c2\n" + BOTH)  # what the original made of a status it could not ask for
    zone.expect(LEFT.replace("A 198.51.100.1", "A 198.51.100.1 203.0.113.1", 1))


def test_5_a_cluster_that_lost_its_endpoints_has_an_alias() -> None:
    zone = PublicZone(TWO + BOTH)
    zone.happen("federated test/nginx c1=- c2=203.0.113.1")
    assert records(f"{ZONE} 180 CNAME {REGION}")[0] in zone.ours()


def test_6_each_zone_of_a_cluster_has_its_name() -> None:
    zone = PublicZone("""
        cluster wide zones=za,zb,zc region=r1
        federated test/nginx wide=198.51.100.1""")
    assert [record.name.removeprefix(f"{NGINX}.") for record in zone.ours()] == [
        "example.com.", "r1.example.com.", "za.r1.example.com.", "zb.r1.example.com.",
        "zc.r1.example.com.",
    ]  # fmt: skip


def test_8_a_type_that_is_changed_back_and_forth() -> None:
    zone = PublicZone(TWO + BOTH)
    zone.happen(BOTH + " type=NodePort")
    assert list(zone.holdings.records()) == []
    zone.happen(BOTH)
    zone.expect(BOTH_HEALTHY)


NAMED = "federated test/nginx c1=lb.example.net c2=203.0.113.1"


def test_9_host_names_are_resolved_again() -> None:
    zone = PublicZone(TWO + NAMED, resolved="lb.example.net 60 198.51.100.1")
    zone.expect(BOTH_HEALTHY.replace(".com. 180", ".com. 60"))
    zone.hosts = hosts("lb.example.net 60 198.51.100.8 2001:db8::8")
    zone.sync()
    assert {change.name for change in zone.plan.changes} == {GLOBAL, REGION, ZONE}
    assert records(f"{GLOBAL} 60 A 198.51.100.8 203.0.113.1")[0] in zone.ours()
    assert records(f"{GLOBAL} 60 AAAA 2001:db8::8")[0] in zone.ours()


def test_9_a_host_name_that_is_not_resolved_holds_up_nothing() -> None:
    """Alone it is an alias of the host name itself; beside others it is left out."""
    zone = PublicZone(TWO + NAMED)
    zone.expect(f"""
        {GLOBAL} 180 A 203.0.113.1
        {REGION} 180 CNAME lb.example.net.
        {ZONE} 180 CNAME lb.example.net.
        {NGINX}.barregion 180 A 203.0.113.1
        {NGINX}.barzone.barregion 180 A 203.0.113.1""")


def test_9_where_the_provider_follows_host_names() -> None:
    zone = PublicZone(TWO + NAMED, resolved="lb.example.net 60 198.51.100.1", has_alias=True)
    assert [str(record) for record in zone.ours()] == [
        f"{NGINX}.barregion.example.com. 180 A 203.0.113.1",
        f"{NGINX}.barzone.barregion.example.com. 180 A 203.0.113.1",
        f"{GLOBAL} 60 A 198.51.100.1 203.0.113.1",
        f"{REGION} 180 ALIAS lb.example.net.",
        f"{ZONE} 180 ALIAS lb.example.net.",
    ]


def test_10_addresses_of_each_family_are_a_set_of_their_own() -> None:
    zone = PublicZone(TWO + "federated test/nginx c1=198.51.100.1+2001:db8::1 c2=2001:db8::2")
    zone.expect(f"""
        {GLOBAL} 180 A 198.51.100.1
        {GLOBAL} 180 AAAA 2001:db8::1 2001:db8::2
        {REGION} 180 A 198.51.100.1
        {REGION} 180 AAAA 2001:db8::1
        {ZONE} 180 A 198.51.100.1
        {ZONE} 180 AAAA 2001:db8::1
        {NGINX}.barregion 180 AAAA 2001:db8::2
        {NGINX}.barzone.barregion 180 AAAA 2001:db8::2""")
    zone.happen("federated test/nginx c1=198.51.100.1 c2=2001:db8::2")
    assert not [one for one in zone.ours() if (one.name, one.type) == (REGION, "AAAA")]


def test_10_no_region_is_not_a_region() -> None:
    """Two clusters of which no region is known have nothing in common but the global name."""
    zone = PublicZone("""
        cluster here zones=za
        cluster there zones=za
        federated test/nginx here=198.51.100.1 there=198.51.100.2""")
    zone.expect(f"{GLOBAL} 180 A 198.51.100.1 198.51.100.2")


def test_11_a_cluster_without_a_load_balancer_has_its_ladder() -> None:
    zone = PublicZone(TWO + "federated test/nginx c1=198.51.100.1")
    zone.expect(
        LEFT
        + f"""
        {NGINX}.barregion 180 CNAME {GLOBAL}
        {NGINX}.barzone.barregion 180 CNAME {NGINX}.barregion"""
    )


@pytest.mark.parametrize("suffix", ["example.com", "example.com.", "Example.COM"])
def test_12_a_missing_dot_makes_no_duplicates(suffix: str) -> None:
    zone = PublicZone(TWO + BOTH, suffix=suffix)
    zone.expect(BOTH_HEALTHY)
    again = [
        record_set(one.name.removesuffix("."), one.type, one.ttl, one.values)
        for one in zone.holdings.records()
    ]
    reread = PublicZone(TWO + BOTH, again, suffix=suffix)
    assert reread.plan.changes == ()
    reread.expect(BOTH_HEALTHY)


def test_13_the_ttl_can_be_changed() -> None:
    zone = PublicZone(TWO + BOTH, ttl=300)
    zone.expect(BOTH_HEALTHY.replace(" 180 ", " 300 "))
    zone.happen(BOTH + " ttl=20")
    zone.expect(BOTH_HEALTHY.replace(" 180 ", " 20 "))
    assert plan.removed(zone.plan.changes) == 0
