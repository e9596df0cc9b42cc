"""What is wanted of one Service: the table of `desired`.

The record rules and the worked examples are in `tests/spec/test_public_zone`, the property that
inside is outside in `tests/test_ladder`.
"""

from __future__ import annotations

import pytest

from feddns import names
from feddns.errors import SettingRefused
from feddns.providers import desired
from feddns.providers.base import Limits
from feddns.providers.desired import Naming
from feddns.providers.ownership import Mark
from feddns.providers.plan import Reason
from feddns.providers.recordsets import record_set
from tests.providers.zoneworld import PublicZone, records

ONE = "cluster c1 zones=z1 region=r1\n"
WEB = "web.shop.ufp.svc"
GLOBAL, REGION, ZONE = f"{WEB}", f"{WEB}.r1", f"{WEB}.z1.r1"


def rung(zone: PublicZone, name: str) -> list[str]:
    """What is at one name, without the name."""
    absolute = f"{name}.example.com."
    return [str(one).partition(" ")[2] for one in zone.ours() if one.name == absolute]


# --- host names ---------------------------------------------------------------------------------

HOSTS = """
    lb1.example.net 60 203.0.113.1 2001:db8::1
    lb2.example.net 30 203.0.113.2
    empty.example.net 10
"""
NAMED = [
    # shards, the provider has ALIAS, what the region's name has
    ("c1=lb1.example.net", False, ["60 A 203.0.113.1", "60 AAAA 2001:db8::1"]),
    ("c1=lb1.example.net", True, ["180 ALIAS lb1.example.net."]),
    ("c1=lb1.example.net+lb2.example.net", True,
     ["30 A 203.0.113.1 203.0.113.2", "30 AAAA 2001:db8::1"]),
    ("c1=192.0.2.1+lb2.example.net", True, ["30 A 192.0.2.1 203.0.113.2"]),
    ("c1=192.0.2.1+203.0.113.2+lb2.example.net", False, ["30 A 192.0.2.1 203.0.113.2"]),
    ("c1=192.0.2.1+new.example.net", False, ["180 A 192.0.2.1"]),
    ("c1=lb2.example.net+new.example.net", False, ["30 A 203.0.113.2"]),
    ("c1=new.example.net", False, ["180 CNAME new.example.net."]),
    ("c1=new.example.net", True, ["180 ALIAS new.example.net."]),
    ("c1=new.example.net+also.example.net", True, ["180 CNAME new.example.net."]),
    ("c1=empty.example.net", False, ["180 CNAME empty.example.net."]),
    ("c1=lb1.example.net ttl=20", False, ["20 A 203.0.113.1", "20 AAAA 2001:db8::1"]),
    ("c1=lb1.example.net ttl=20", True, ["20 ALIAS lb1.example.net."]),
]  # fmt: skip


@pytest.mark.parametrize(("shards", "has_alias", "there"), NAMED)
def test_host_names(shards: str, has_alias: bool, there: list[str]) -> None:
    world = f"{ONE}federated shop/web {shards}"
    zone = PublicZone(world, resolved=HOSTS, has_alias=has_alias)
    assert rung(zone, REGION) == rung(zone, ZONE) == rung(zone, GLOBAL) == there


def test_an_alias_of_the_providers_own_load_balancers_alone() -> None:
    own = (names.parse("elb.amazonaws.com"), names.parse("example.net"))
    world = ONE + "cluster c2 zones=z2 region=r2\n"
    world += "federated shop/web c1=a.elb.amazonaws.com c2=lb.example.org"
    zone = PublicZone(world, has_alias=True, alias_under=own)
    assert rung(zone, REGION) == ["180 ALIAS a.elb.amazonaws.com."]
    assert rung(zone, f"{WEB}.r2") == ["180 CNAME lb.example.org."]
    assert desired.host_names(zone.view, zone.services[0], zone.naming) == {
        names.parse("a.elb.amazonaws.com"),  # for the global name, where it is one of two
        names.parse("lb.example.org"),
    }


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("c1=192.0.2.1", set()),
        ("c1=lb1.example.net+192.0.2.1 c9=other.example.net", {"lb1.example.net"}),
        ("c1=lb1.example.net type=NodePort", set()),
        ("c1=- known=old.example.net", set()),
        ("c1=- known=old.example.net when-none-healthy=all", {"old.example.net"}),
    ],
)
def test_the_host_names_to_resolve(line: str, asked: set[str]) -> None:
    zone = PublicZone(f"{ONE}federated shop/web {line}")
    found = desired.host_names(zone.view, zone.services[0], zone.naming)
    assert found == {names.parse(name) for name in asked}


# --- nothing healthy ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "setting", "there"),
    [
        ("", "none", []),
        ("", "all", ["180 A 192.0.2.7"]),
        (" when-none-healthy=none", "all", []),
        (" when-none-healthy=all", "none", ["180 A 192.0.2.7"]),
    ],
)
def test_when_none_is_healthy(policy: str, setting: str, there: list[str]) -> None:
    world = f"{ONE}federated shop/web c1=- known=192.0.2.7{policy}"
    zone = PublicZone(world, none_healthy=setting)
    assert rung(zone, GLOBAL) == there
    assert rung(zone, REGION) == [f"180 CNAME {GLOBAL}.example.com."]
    assert rung(zone, ZONE) == [f"180 CNAME {REGION}.example.com."]


# --- provenance ---------------------------------------------------------------------------------


def test_provenance() -> None:
    zone = PublicZone("""
        cluster c1 zones=z1 region=r1
        cluster c2 zones=z2 region=r1
        cluster c3 zones=z3 region=r3
        federated shop/web c1=198.51.100.1 c2=198.51.100.2 c3=-""")
    found = {own.record.name: own.mark.clusters for own in zone.owned() if own.record}
    assert {name.removesuffix(".example.com."): found[name] for name in found} == {
        GLOBAL: ("c1", "c2"),
        REGION: ("c1", "c2"),
        ZONE: ("c1",),
        f"{WEB}.z2.r1": ("c2",),
        f"{WEB}.r3": ("c3",),  # whose names they are, as nobody's address is there
        f"{WEB}.z3.r3": ("c3",),
    }
    (first, *_) = desired.wanted(zone.view, zone.services[0], zone.naming, {}, 7)
    assert first.mark == Mark("service/shop/web", ("c1", "c2"), 7)


# --- names that somebody chose ------------------------------------------------------------------

GUIDE = """
    cluster europe-west1-b zones=europe-west1-b region=europe-west1
    cluster us-central1-a zones=us-central1-a region=us-central1
"""
CHOSEN = "eu.nginx.example.com/europe-west1,us.nginx.example.com/us-central1,nginx.example.com"


def chosen(zone: PublicZone) -> list[str]:
    return [str(one) for one in zone.ours() if ".svc." not in one.name]


def test_the_names_of_guide_3() -> None:
    zone = PublicZone(
        GUIDE + f"federated the-namespace/nginx europe-west1-b=192.0.2.1 names={CHOSEN}"
    )
    base = "nginx.the-namespace.ufp.svc"
    assert chosen(zone) == [
        f"eu.nginx.example.com. 180 CNAME {base}.europe-west1.example.com.",
        f"nginx.example.com. 180 CNAME {base}.example.com.",
        f"us.nginx.example.com. 180 CNAME {base}.us-central1.example.com.",
    ]
    assert zone.refusals() == []
    zone.happen("federated the-namespace/nginx europe-west1-b=192.0.2.1")
    assert chosen(zone) == []


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("nginx.example.org", "nginx.example.org. is left out: it is not in the zone example.com."),
        ("example.com", "example.com. is left out: it is the top of the zone example.com., where "
         "no alias can be"),
        ("com", "com. is left out: it is not in the zone example.com."),
        ("a.example.com/r9", "a.example.com. is left out: no registered cluster is in r9; write a "
         "region, or zone.region"),
        (f"{ZONE}.example.com", f"{ZONE}.example.com. is left out: it is a name of the ladder"),
    ],
)  # fmt: skip
def test_a_bad_name_is_left_out_and_the_good_ones_stay(bad: str, why: str) -> None:
    line = f"federated shop/web c1=192.0.2.1 names={bad},w.example.com/z1.r1,*.w.example.com"
    zone = PublicZone(ONE + line)
    assert chosen(zone) == [
        f"*.w.example.com. 180 CNAME {WEB}.example.com.",
        f"w.example.com. 180 CNAME {ZONE}.example.com.",
    ]
    assert zone.refusals() == [why]
    assert {own.claim.name for own in zone.owned() if own.record.name[:2] in ("*.", "w.")} == {
        "_cname._any.w.example.com.", "_cname.w.example.com.",
    }  # fmt: skip


def test_two_services_that_choose_the_same_name() -> None:
    zone = PublicZone(ONE + "federated shop/web c1=192.0.2.1 names=w.example.com")
    zone.happen("federated shop/also c1=192.0.2.2 names=w.example.com")
    assert chosen(zone) == [f"w.example.com. 180 CNAME {WEB}.example.com."]
    assert [(held.name, held.service, held.reason) for held in zone.plan.held] == [
        ("w.example.com.", "shop/also", Reason.CONFLICT)
    ]
    zone.happen("federated shop/web c1=192.0.2.1")
    assert chosen(zone) == ["w.example.com. 180 CNAME also.shop.ufp.svc.example.com."]


# --- two federations in one zone ----------------------------------------------------------------

HERE = ONE + "federated shop/web c1=192.0.2.1 names=w.example.com"
THERE = """
    cluster c9 zones=z9 region=r9
    federated shop/web c9=192.0.2.9 names=w.example.com,v.example.com
"""


def test_two_federations_in_one_zone() -> None:
    """Each keeps its own; who has a name that both want keeps it."""
    one = PublicZone(HERE)
    two = PublicZone(THERE, one.holdings.records(), federation="other")
    assert set(one.holdings.records()) < set(two.holdings.records())
    assert chosen(two) == ["v.example.com. 180 CNAME web.shop.other.svc.example.com."]
    assert [held.name for held in two.plan.held] == ["w.example.com."]

    again = PublicZone(HERE, two.holdings.records())
    assert again.plan.changes == ()
    assert again.ours() == one.ours()
    two.happen("delete federated shop/web")
    assert set(two.holdings.records()) == set(one.holdings.records())
    again.happen("delete federated shop/web")
    assert {own.mark.service for own in again.owned()} == set()
    assert {record.name for record in again.foreign()} >= {"v.example.com."}


# --- names in a suffix, names that are too long -------------------------------------------------


def test_a_suffix_below_the_zone() -> None:
    zone = PublicZone(
        ONE + "federated shop/web c1=192.0.2.1 names=w.example.com", suffix="k8s.example.com"
    )
    assert [str(one) for one in zone.ours()] == [
        "w.example.com. 180 CNAME web.shop.ufp.svc.k8s.example.com.",
        "web.shop.ufp.svc.k8s.example.com. 180 A 192.0.2.1",
        "web.shop.ufp.svc.r1.k8s.example.com. 180 A 192.0.2.1",
        "web.shop.ufp.svc.z1.r1.k8s.example.com. 180 A 192.0.2.1",
    ]


def test_a_rung_that_is_too_long_for_dns() -> None:
    """The others stay; what it would be an alias of is not wanted either."""
    service, namespace, region, zone_ = "s" * 63, "n" * 63, "r" * 63, "z" * 63
    zone = PublicZone(f"""
        cluster c1 zones={zone_} region={region}
        federated {namespace}/{service} c1=192.0.2.1""")
    base = f"{service}.{namespace}.ufp.svc"
    assert [one.name for one in zone.ours()] == [
        f"{base}.example.com.", f"{base}.{region}.example.com.",
    ]  # fmt: skip
    (refusal,) = zone.refusals()
    assert refusal.startswith(f"no name for zone {zone_}: name of ")


def test_a_service_that_is_called_like_a_claim() -> None:
    """In external-dns' own way to name claims, `a-web` would be both a claim and an alias."""
    zone = PublicZone(
        ONE + "federated shop/web c1=192.0.2.1\nfederated shop/a-web c1=-\n"
        "federated shop/cname-web c1=192.0.2.2"
    )
    assert not zone.plan.held
    at = {}
    for record in zone.holdings.records():
        at.setdefault(record.name, set()).add(record.type)
    assert all(len(types) == 1 for types in at.values())


def test_it_is_of_no_use_without_a_load_balancer() -> None:
    zone = PublicZone(ONE + "federated shop/web c1=192.0.2.1 names=x.example.org type=ClusterIP")
    assert zone.ours() == []
    assert zone.refusals() == []


def test_the_one_spelling() -> None:
    """What is wanted equals what is read back, however a provider spells it."""
    zone = PublicZone(
        ONE + "federated shop/web c1=192.0.2.10+192.0.2.9+2001:db8::10+2001:db8::9+lb.example.net",
        resolved="lb.example.net 300 192.0.2.8",
    )
    for record in zone.ours():
        assert record == record_set(record.name, record.type, record.ttl, record.values)
    assert records(f"{GLOBAL} 180 A 192.0.2.8 192.0.2.9 192.0.2.10")[0] in zone.ours()


# --- settings -----------------------------------------------------------------------------------


def test_naming() -> None:
    example = names.parse("example.com")
    assert desired.naming("ufp", "Example.COM.") == Naming(b"ufp", example, example)
    below = desired.naming("ufp", "example.com", "k8s.Example.com.")
    assert below == Naming(b"ufp", names.parse("k8s.example.com"), example)
    limits = Limits(has_alias=True, alias_under=("ELB.example.net",))
    found = desired.naming("ufp", "example.com", limits=limits)
    assert found.can_alias(names.parse("a.elb.example.net"))
    assert not found.can_alias(names.parse("a.example.net"))
    assert not below.can_alias(names.parse("a.elb.example.net"))
    assert desired.naming("ufp", "example.com", limits=Limits(has_alias=True)).can_alias(example)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("UFP", "example.com"), "federation 'UFP' must be a lower-case DNS label"),
        (("", "example.com"), "federation '' must be"),
        (("a.b", "example.com"), "federation 'a.b' must be"),
        (("ufp", "a..b"), "'a..b' has an empty label"),
        (("ufp", "example.com", "example.org"), "'example.org' is not in the zone example.com."),
        (("ufp", "example.com", "com"), "'com' is not in the zone"),
        (("ufp", "example.com", "xexample.com"), "'xexample.com' is not in the zone"),
    ],
)
def test_naming_that_cannot_be(given: tuple[str, ...], words: str) -> None:
    with pytest.raises(SettingRefused, match=words):
        desired.naming(*given)
