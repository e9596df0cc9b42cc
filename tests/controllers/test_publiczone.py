"""The public zone of a federation, in virtual time: the table of `publiczone`."""

from __future__ import annotations

import pytest

from feddns import names
from feddns.errors import OperatorNeeded, ProviderAway, Rejected, Throttled
from feddns.providers import memory, ownership
from feddns.providers.desired import Host
from feddns.providers.recordsets import TXT, Key, record_set
from tests.controllers.zoning import REGISTRY, ZONE, Counting, Zone, cluster, service

US, EU = ["192.0.2.1"], ["192.0.2.2"]
FOREIGN = (
    record_set(f"www.{ZONE}", "A", 300, ["198.51.100.1"]),
    record_set(ZONE, "MX", 300, ["10 mail.example.com."]),
)


def two() -> Zone:
    """Two clusters, a Service with a healthy shard in each, all of it in the zone."""
    zone = Zone(Counting(memory.Settings(zone=ZONE, records=FOREIGN)))
    zone.cluster("us", "us-a", region="us")
    zone.cluster("eu", "eu-a", region="eu")
    zone.service("shop/web", us=US, eu=EU)
    zone.start()
    return zone


def calls(zone: Zone) -> int:
    return len(zone.driver.calls)


# --- the ladder, and what moves it ----------------------------------------------------------------


def test_the_ladder_of_a_service() -> None:
    zone = two()
    assert [one for one in zone.records() if one.startswith("web")] == [
        "web.shop.f.svc.eu-a.eu 180 A 192.0.2.2",
        "web.shop.f.svc.eu 180 A 192.0.2.2",
        "web.shop.f.svc 180 A 192.0.2.1 192.0.2.2",
        "web.shop.f.svc.us-a.us 180 A 192.0.2.1",
        "web.shop.f.svc.us 180 A 192.0.2.1",
    ]
    assert set(FOREIGN) < set(zone.provider.content())
    assert zone.standings["shop/web"].reason == "Settled"


def test_a_shard_that_is_not_healthy_any_more_goes_up_the_ladder_in_one_call() -> None:
    zone = two()
    before = calls(zone)
    zone.service("shop/web", us=US, eu=[])
    zone.run(0.2)
    assert calls(zone) == before + 1
    assert zone.at("") == zone.at("us") == "A 192.0.2.1"
    assert zone.at("eu-a.eu") == "CNAME web.shop.f.svc.eu"
    assert zone.at("eu") == "CNAME web.shop.f.svc"
    zone.service("shop/web", us=[], eu=[])
    zone.run(0.2)
    assert zone.at("") == ""
    assert zone.standings["shop/web"].reason == "Settled"


def gone(zone: Zone) -> None:
    assert set(zone.provider.content()) == set(FOREIGN), zone.records()


def test_a_service_that_is_deleted_leaves_the_zone_as_it_was() -> None:
    zone = two()
    zone.put_service("shop/web", None)
    zone.run(1.0)
    gone(zone)
    assert zone.standings["shop/web"].reason == "NotPublic"


def test_a_service_of_another_type_leaves_the_zone_as_it_was() -> None:
    zone = two()
    zone.service("shop/web", {"type": "ClusterIP"})
    zone.run(1.0)
    gone(zone)


def test_a_cluster_that_leaves_takes_its_names_along() -> None:
    zone = two()
    zone.put_cluster("eu", None)
    zone.run(1.0)
    assert zone.at("") == zone.at("us") == zone.at("us-a.us") == "A 192.0.2.1"
    assert not [one for one in zone.records() if ".eu" in one]


def test_a_cluster_in_other_zones_has_their_names_and_no_others() -> None:
    zone = two()
    zone.cluster("eu", "eu-b", "eu-c", region="eu")
    zone.run(1.0)
    assert zone.at("eu-b.eu") == zone.at("eu-c.eu") == zone.at("eu") == "A 192.0.2.2"
    assert zone.at("eu-a.eu") == ""


def test_what_says_the_same_costs_nothing() -> None:
    zone = two()
    before = calls(zone)
    zone.put_service("shop/web", service("shop/web", {"us": US, "eu": EU}, generation=9))
    same = cluster("eu", "eu-a", region="eu").replace(b'"status"', b'"spec":{},"status"')
    zone.put_cluster("eu", same)
    zone.run(3000.0)
    assert calls(zone) == before


# --- what is not known ----------------------------------------------------------------------------


def test_nothing_goes_before_services_and_clusters_have_been_read_whole() -> None:
    before = two()
    zone = Zone(before.provider)
    content = before.provider.content()
    zone.run(10.0)
    zone.cluster("us", "us-a", region="us")
    zone.zone.read_whole("clusters", "8", zone.driver.now)
    zone.run(3600.0)
    assert before.provider.content() == content, "no Service was read yet"
    zone.service("shop/web", us=US)
    zone.run(10.0)
    assert before.provider.content() == content, "not all Services were read yet"
    zone.zone.read_whole("services", "9", zone.driver.now)
    zone.run(10.0)
    assert zone.at("") == "A 192.0.2.1"
    assert not [one for one in zone.records() if ".eu" in one]


def test_a_restart_reads_the_zone_and_changes_nothing() -> None:
    before = two()
    sent = len(before.provider.sent)
    zone = before.again()
    zone.start()
    assert len(before.provider.sent) == sent
    assert calls(zone) == 1, "one page"
    assert zone.standings["shop/web"].reason == "Settled"


def test_a_zone_that_is_read_before_its_sources_says_nothing_wrong() -> None:
    before = two()
    zone = before.again()
    zone.run(10.0)
    assert zone.state.audited is not None
    zone.zone.read_whole("services", "7", zone.driver.now)
    zone.zone.read_whole("clusters", "8", zone.driver.now)
    zone.zone.next(zone.driver.now)
    zone.settle()
    assert set(zone.said) <= {"Pending", "Settled"}
    assert zone.standings["shop/web"].reason == "Settled"


def test_what_went_while_nobody_looked_goes_at_the_start() -> None:
    before = two()
    before.service("shop/api", us=US)
    before.settle()
    zone = Zone(before.provider, keeper={"share": 1.0})
    zone.cluster("us", "us-a", region="us")
    zone.service("shop/api", us=US)
    zone.start()
    assert not [one for one in zone.records() if "web.shop" in one or ".eu" in one]
    assert zone.at("us", "api.shop.f.svc") == "A 192.0.2.1"


def test_a_service_that_cannot_be_read_keeps_what_it_has() -> None:
    zone = two()
    content = zone.provider.content()
    broken = service("shop/web", {}, ingresses="no JSON")
    zone.put_service("shop/web", broken)
    zone.run(10.0)
    assert zone.provider.content() == content
    assert zone.standings["shop/web"].reason == "NameLeftOut"
    assert "service-ingresses" in zone.standings["shop/web"].words
    again = zone.again()
    again.start()
    again.run(4000.0)
    assert zone.provider.content() == content, "neither after a restart"
    assert again.standings["shop/web"].reason == "NameLeftOut"
    again.service("shop/web", us=US, eu=[])
    again.run(1.0)
    assert again.at("") == "A 192.0.2.1", "readable again, it counts"
    again.put_service("shop/web", broken)
    again.put_service("shop/web", None)
    again.run(1.0)
    gone(again)


# --- host names -----------------------------------------------------------------------------------

LB = names.parse("lb.example.net.")
FOUND = {LB: Host((bytes([203, 0, 113, 1]),), 180)}


def balanced(provider: Counting | None = None) -> Zone:
    zone = Zone(provider)
    zone.cluster("us", "us-a", region="us")
    zone.service("shop/web", us=["lb.example.net"])
    zone.start()
    return zone


def test_host_names_are_asked_for_and_followed() -> None:
    zone = balanced()
    assert zone.zone.hosts == {LB}
    assert zone.at("") == "CNAME lb.example.net."
    zone.zone.resolved(FOUND, zone.driver.now)
    zone.run(1.0)
    assert zone.at("") == zone.at("us") == "A 203.0.113.1"
    zone.zone.resolved({LB: Host((bytes([203, 0, 113, 2]),), 180)}, zone.driver.now)
    zone.run(1.0)
    assert zone.at("us-a.us") == "A 203.0.113.2"


def test_after_a_restart_their_records_stay_until_they_are_known() -> None:
    before = balanced()
    before.zone.resolved(FOUND, 0.0)
    before.run(1.0)
    sent = len(before.provider.sent)
    zone = before.again()
    zone.start()
    zone.run(3700.0)
    assert len(before.provider.sent) == sent, "not yet known"
    zone.zone.resolved(FOUND, zone.driver.now)
    zone.run(10.0)
    assert len(before.provider.sent) == sent, "known, and the same"
    zone.service("shop/web", us=[])
    zone.run(1.0)
    assert zone.at("") == "", "what is known of its shards counts"


def test_other_shards_count_while_a_host_name_is_not_known() -> None:
    before = balanced()
    before.zone.resolved(FOUND, 0.0)
    before.run(1.0)
    zone = before.again()
    zone.start()
    zone.cluster("eu", "eu-a", region="eu")
    zone.service("shop/web", us=["lb.example.net"], eu=EU)
    zone.run(1.0)
    assert zone.at("eu") == "A 192.0.2.2"


# --- trouble --------------------------------------------------------------------------------------


def test_what_is_not_ours_is_left_alone_and_said() -> None:
    taken = record_set(f"web.shop.f.svc.us.{ZONE}", "A", 60, ["198.51.100.9"])
    zone = Zone(Counting(memory.Settings(zone=ZONE, records=(taken,))))
    zone.cluster("us", "us-a", region="us")
    zone.service("shop/web", us=US)
    zone.start()
    assert taken in zone.provider.content()
    assert zone.at("us-a.us") == "A 192.0.2.1"
    standing = zone.standings["shop/web"]
    assert standing.reason == "RecordConflict"
    assert "198.51.100.9" in standing.words
    assert [one.reason for one in zone.news if one.is_warning] == ["RecordConflict"]
    zone.provider.remove(taken.key)
    zone.run(3700.0)
    assert zone.standings["shop/web"].reason == "Settled"


class Picky(Counting):
    """Takes no record set of a name."""

    def apply(self, changes: object) -> None:
        if any("bad" in one.name for one in changes):  # type: ignore[attr-defined]
            raise Rejected("no such name, says the provider")
        super().apply(changes)  # type: ignore[arg-type]


def test_what_the_provider_does_not_take_stands_alone() -> None:
    zone = Zone(Picky(memory.Settings(zone=ZONE)))
    zone.cluster("us", "us-a", region="us")
    for name in ("web", "bad", "api"):
        zone.service(f"shop/{name}", us=US)
    zone.start()
    assert zone.standings["shop/web"].reason == zone.standings["shop/api"].reason == "Settled"
    standing = zone.standings["shop/bad"]
    assert standing.reason == "RecordRejected"
    assert "says the provider" in standing.words
    assert "says the provider" in zone.state.quarantine["shop/bad"]


@pytest.mark.parametrize("error", [ProviderAway("x"), Throttled("x", 3.0), OperatorNeeded("x")])
def test_what_could_not_be_told_is_told_later(error: Exception) -> None:
    zone = two()
    zone.provider.failures.append(error)  # type: ignore[arg-type]
    zone.service("shop/web", us=US, eu=[])
    zone.run(0.5)
    assert zone.standings["shop/web"].reason == "Pending"
    assert zone.at("eu") == "A 192.0.2.2"
    assert not zone.state.is_at_rest
    zone.run(130.0)
    assert zone.state.is_at_rest
    assert zone.standings["shop/web"].reason == "Settled"
    assert zone.at("eu") == "CNAME web.shop.f.svc"
    assert type(error).__name__ in [one.reason for one in zone.news]


def many() -> Zone:
    zone = Zone()
    zone.cluster("us", "us-a", region="us")
    for number in range(10):
        zone.service(f"shop/s{number}", us=US)
    zone.start()
    return zone


def test_too_much_at_once_waits_for_an_operator() -> None:
    zone = many()
    for number in range(4):
        zone.put_service(f"shop/s{number}", None)
    zone.run(10.0)
    pending = zone.state.pending
    assert pending is not None
    assert len(zone.provider.content()) == 2 * 30
    assert zone.standings["shop/s0"].reason == "WaitsForApproval"
    assert pending.id in zone.standings["shop/s0"].words
    assert not zone.zone.approve("another", zone.driver.now)
    assert zone.zone.approve(pending.id, zone.driver.now)
    zone.run(10.0)
    assert len(zone.provider.content()) == 2 * 18
    assert zone.state.pending is None
    assert zone.standings["shop/s0"].reason == "NotPublic"


def test_an_empty_federation_does_not_empty_the_zone() -> None:
    before = many()
    zone = Zone(before.provider)
    zone.start()
    zone.run(7300.0)
    assert len(before.provider.content()) == 2 * 30
    assert zone.state.pending is not None


def test_a_dry_run_says_what_it_would_do() -> None:
    zone = Zone(keeper={"is_dry": True})
    zone.cluster("us", "us-a", region="us")
    zone.service("shop/web", us=US)
    zone.start()
    assert zone.provider.content() == ()
    assert zone.state.proposed is not None
    assert len(zone.state.proposed.changes) == 3


# --- what the records say -------------------------------------------------------------------------


def test_where_a_record_comes_from() -> None:
    zone = Zone()
    zone.cluster("us", "us-a", region="us")
    zone.put_service("shop/web", service("shop/web", {"us": US}, generation=4))
    zone.start()
    holdings = ownership.divide(zone.provider.content(), REGISTRY)
    key: Key = (f"web.shop.f.svc.us.{ZONE}", "A")
    mark = holdings.ours[key].mark
    assert (mark.service, mark.clusters, mark.generation) == ("shop/web", ("us",), 4)
    claims = [one for one in zone.provider.content() if one.type == TXT]
    assert len(claims) == 3
    assert zone.applied[0].changes[0].service == "shop/web"


def test_ttl_names_and_policy_of_a_service() -> None:
    zone = Zone(none_healthy="none", ttl=120)
    zone.cluster("us", "us-a", region="us")
    chosen = {"names": "shop.example.com=us, other.example.org", "ttl": "30"}
    zone.service("shop/web", chosen, us=US)
    zone.service("shop/api", {"known": ["192.0.2.7"], "when_none_healthy": "all"}, us=[])
    zone.start()
    assert "shop 30 CNAME web.shop.f.svc.us" in zone.records()
    assert "web.shop.f.svc.us 30 A 192.0.2.1" in zone.records()
    assert "api.shop.f.svc 120 A 192.0.2.7" in zone.records()
    standing = zone.standings["shop/web"]
    assert standing.reason == "NameLeftOut"
    assert "other.example.org" in standing.words


def test_how_long_it_took_is_measured() -> None:
    zone = two()
    before = zone.zone.told.count
    zone.service("shop/web", us=US, eu=[])
    zone.run(1.0)
    assert zone.zone.told.count == before + 1
    assert zone.zone.told.sum < 1.0


def test_a_name_that_is_too_long_for_dns_is_said() -> None:
    zone = Zone()
    long = "a" * 63
    zone.cluster("us", f"{long}.{long}", region=long)
    zone.service(f"{long}/{long}", us=US)
    zone.start()
    assert zone.at("", f"{long}.{long}.f.svc") == "A 192.0.2.1"
    standing = zone.standings[f"{long}/{long}"]
    assert standing.reason == "NameLeftOut"
    assert "no name for zone" in standing.words
