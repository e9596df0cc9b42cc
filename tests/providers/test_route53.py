"""The adapter of Route 53: finding and making the zone, credentials, what each refusal becomes."""

from __future__ import annotations

import logging
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from feddns.cli import zonework
from feddns.errors import OperatorNeeded, Outdated, ProviderAway, Rejected, Throttled
from feddns.providers.base import Limits
from feddns.providers.desired import Wanted
from feddns.providers.keeper import Keeper
from feddns.providers.keeper import Settings as KeeperSettings
from feddns.providers.ownership import Mark, claim, divide, registry
from feddns.providers.recordsets import Change, RecordSet, quoted, record_set
from tests import programs
from tests.cloud import emulators
from tests.cloud import route53rules as rules
from tests.cloud.route53shim import BUSY, THROTTLED, Fault, Shim
from tests.providers.driver import Driver

pytest.importorskip("boto3")
from feddns.providers import awscalls, plan, route53

ZONE = "example.com."
WEB = record_set("web.example.com.", "A", 180, ["192.0.2.1"])
ELB = "web-1.eu-west-1.elb.amazonaws.com."
ALIAS = RecordSet("web.example.com.", "ALIAS", 60, (ELB,))
EU = ("eu-west-1", "vpc-0e")
US = ("us-east-1", "vpc-0u")
NOTE = record_set("note.example.com.", "TXT", 60, ['"x"'])
Open = Callable[..., Any]


@pytest.fixture(scope="module", params=emulators.NAMES)
def started(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shim]:
    if lacking := emulators.missing(request.param):
        programs.leave_out(request.config, *lacking)
    with Shim(request.param, tmp_path_factory.mktemp(request.param)) as shim:
        programs.use(request.config, request.param, shim.emulator.version)
        yield shim


@pytest.fixture
def shim(started: Shim) -> Shim:
    """An account without zones."""
    started.reset()
    return started


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFEDDNSTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-not-for-anybody")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token-not-for-anybody")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def opening(shim: Shim) -> Iterator[Open]:
    opened: list[Any] = []

    def opening(**more: Any) -> Any:
        opened.append(route53.open(route53.Settings(**{"zone": ZONE, "endpoint": shim.url} | more)))
        return opened[-1]

    yield opening
    for one in opened:
        one.close()


def add(*records: RecordSet) -> Change:
    return Change(records[0].name, (), records)


def swap(old: list[RecordSet], new: list[RecordSet], *keeps: RecordSet) -> Change:
    return Change(WEB.name, tuple(old), tuple(new), keeps=keeps)


def everything(provider: Any) -> list[RecordSet]:
    return [record for page in provider.list() for record in page]


def raw(name: str, type: str, *values: str, **more: str) -> rules.Element:
    """A record set as somebody else writes it."""
    ttl = {"TTL": "60"} if values else {}
    records = [rules.made("ResourceRecord", Value=value) for value in values]
    made = rules.made("ResourceRecordSet", Name=name, Type=type, **more, **ttl)
    if values:
        made.append(rules.made("ResourceRecords", *records))
    return made


def put(shim: Shim, zone_id: str, *sets: rules.Element) -> None:
    answer = shim.change(zone_id, [("CREATE", one) for one in sets])
    assert answer.is_good, answer


# --- the zone -----------------------------------------------------------------------------------


def test_a_zone_is_found_by_its_name_whatever_others_there_are(shim: Shim, opening: Open) -> None:
    for name in ("a.example.com.", "example.org.", "aexample.com."):
        shim.create(name)
    zone_id = shim.create(ZONE)
    shim.calls.clear()
    provider = opening(zone="Example.COM")
    assert (provider.zone, provider.zone_id) == (ZONE, zone_id)
    assert len(provider.name_servers) == 4
    assert all("awsdns" in one and one.endswith(".") for one in provider.name_servers)
    assert shim.calls == ["GET /hostedzonesbyname", f"GET /hostedzone/{zone_id}"]


def test_a_zone_is_found_by_its_id(shim: Shim, opening: Open) -> None:
    zone_id, _ = shim.create(ZONE), shim.create(ZONE, EU)
    opening(zone_id=zone_id).apply([add(WEB)])
    opening(zone_id=f"/hostedzone/{zone_id}")
    assert shim.calls[-1] == f"GET /hostedzone/{zone_id}"
    assert f"POST /hostedzone/{zone_id}/rrset" in shim.calls


def test_of_two_zones_of_one_name_one_is_to_be_chosen(shim: Shim, opening: Open) -> None:
    public, private = shim.create(ZONE), shim.create(ZONE, EU)
    with pytest.raises(OperatorNeeded, match="there are 2 zones") as caught:
        opening()
    assert f"{public} (public)" in str(caught.value)
    assert f"{private} (private)" in str(caught.value)
    assert opening(visibility="public").zone_id == public
    assert opening(visibility="private").zone_id == private


def test_of_two_private_zones_the_one_of_the_vpc_is_found(shim: Shim, opening: Open) -> None:
    there = {vpc: shim.create(ZONE, vpc) for vpc in (EU, US)}
    shim.create(ZONE)
    with pytest.raises(OperatorNeeded, match="there are 2 zones"):
        opening(visibility="private")
    for (region, vpc), zone_id in there.items():
        assert opening(vpc_region=region, vpc_id=vpc).zone_id == zone_id
    with pytest.raises(OperatorNeeded, match=r"no zone example\.com\. \(private, vpc-0x\)"):
        opening(vpc_region="eu-west-1", vpc_id="vpc-0x")


def test_a_zone_that_is_another_s(shim: Shim, opening: Open) -> None:
    other, private = shim.create("example.org."), shim.create(ZONE, EU)
    with pytest.raises(OperatorNeeded, match=r"is example\.org\. \(public\), not example\.com\."):
        opening(zone_id=other)
    with pytest.raises(OperatorNeeded, match=r"\(private\), not example\.com\. \(public\)"):
        opening(zone_id=private, visibility="public")
    with pytest.raises(OperatorNeeded, match=r"not example\.com\. \(private, vpc-0u\)"):
        opening(zone_id=private, vpc_region=US[0], vpc_id=US[1])


def test_no_zone_says_which_there_are(shim: Shim, opening: Open) -> None:
    zone_id = shim.create(ZONE)
    words = rf"no zone example\.net\., only: example\.com\. {zone_id}; create it"
    with pytest.raises(OperatorNeeded, match=words):
        opening(zone="example.net.")
    with pytest.raises(OperatorNeeded, match="no zone ZNOBODY, only"):
        opening(zone_id="ZNOBODY", is_created=True)


def test_a_zone_is_made_on_request(shim: Shim, opening: Open) -> None:
    provider = opening(zone="svc.example.net.", is_created=True)
    assert provider.name_servers
    assert opening(zone="svc.example.net.", is_created=True).zone_id == provider.zone_id
    assert shim.calls.count("POST /hostedzone") == 1
    provider.apply([add(record_set("web.svc.example.net.", "A", 60, ["192.0.2.1"]))])


def test_a_private_zone_is_made_for_its_vpc(shim: Shim, opening: Open) -> None:
    shim.create(ZONE)
    provider = opening(vpc_region=EU[0], vpc_id=EU[1], is_created=True)
    provider.apply([add(WEB)])
    assert provider.zone_id == opening(vpc_region=EU[0], vpc_id=EU[1]).zone_id
    assert provider.name_servers == ()
    assert everything(opening(visibility="public")) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"vpc_id": "vpc-1"}, "by its region and its id"),
        ({"vpc_region": "eu-west-1"}, "by its region and its id"),
        ({"vpc_id": "v", "vpc_region": "r", "visibility": "public"}, "for no VPC"),
        ({"visibility": "private", "is_created": True}, "is made for a VPC"),
        ({"endpoint": "nowhere"}, "https://host:port"),
    ],
)
def test_settings_that_do_not_fit(opening: Open, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(OperatorNeeded, match=words):
        opening(**settings)


# --- record sets --------------------------------------------------------------------------------


def test_an_alias_comes_goes_and_takes_turns(shim: Shim, opening: Open) -> None:
    shim.create(ZONE)
    provider = opening()
    assert "eu-west-1.elb.amazonaws.com." in provider.limits.alias_under
    provider.apply([add(ALIAS, NOTE)])
    assert set(everything(provider)) == {ALIAS, NOTE}
    provider.apply([swap([ALIAS], [WEB], NOTE)])
    assert set(everything(opening())) == {WEB, NOTE}
    provider.apply([swap([WEB], [ALIAS])])
    assert set(everything(opening())) == {ALIAS, NOTE}
    with pytest.raises(Outdated, match="already exists"):
        opening().apply([add(WEB)])
    opening().apply([swap([ALIAS, NOTE], [])])
    assert everything(provider) == []


def test_an_alias_of_what_is_no_load_balancer_is_refused(shim: Shim, opening: Open) -> None:
    shim.create(ZONE)
    with pytest.raises(Rejected, match="no load balancer of AWS") as caught:
        opening().apply([add(RecordSet(WEB.name, "ALIAS", 60, ("web.example.net.",)))])
    assert caught.value.done == 0
    assert not any("/rrset" in call for call in shim.calls)


def test_half_of_an_alias_is_seen_and_may_be_taken_away(shim: Shim, opening: Open) -> None:
    zone_id = shim.create(ZONE)
    provider = opening()
    provider.apply([add(ALIAS)])
    half = next(one for one in shim.content(zone_id) if rules.key_of(one)[1] == "AAAA")
    assert shim.change(zone_id, [("DELETE", half)]).is_good
    (found,) = everything(provider)
    assert found.key == WEB.key
    with pytest.raises(Outdated, match="not found"):
        provider.apply([swap([ALIAS], [WEB])])
    provider.apply([swap([found], [ALIAS])])
    assert everything(provider) == [ALIAS]


def test_routed_sets_are_foreign_and_never_touched(shim: Shim, opening: Open) -> None:
    zone_id = shim.create(ZONE)
    weighted = [
        raw(WEB.name, "A", f"192.0.2.{n}", SetIdentifier=f"s{n}", Weight=str(n)) for n in (1, 2)
    ]
    put(shim, zone_id, *weighted)
    provider = opening()
    (found,) = everything(provider)
    assert found.key == WEB.key
    for change in (swap([found], [WEB]), swap([found], []), swap([], [NOTE], found)):
        with pytest.raises(Rejected, match="has a routing policy, which is somebody's") as caught:
            provider.apply([change])
        assert caught.value.done == 0
    with pytest.raises(Outdated, match="not found"):
        provider.apply([swap([WEB], [])])
    with pytest.raises(Outdated, match="exist with the same name and type"):
        provider.apply([add(WEB)])
    assert len([one for one in shim.content(zone_id) if rules.key_of(one)[2]]) == 2


def test_a_claimed_routed_set_is_said_and_left(shim: Shim, opening: Open) -> None:
    """Somebody made ours a weighted one: the keeper tells why it can do nothing, and goes on."""
    zone_id = shim.create(ZONE)
    ours = registry("feddns-fellowship")
    mark = Mark("service/shop/web", ("eu",), 1)
    opening().apply([add(claim(WEB, mark, ours))])
    put(shim, zone_id, raw(WEB.name, "A", "192.0.2.9", SetIdentifier="mine", Weight="1"))
    provider = opening()
    keeper = Keeper(ZONE, KeeperSettings(), ours, provider.limits)
    keeper.prove((plan.Source("services"),), 0.0)
    keeper.want("shop/web", (Wanted(WEB, mark),), 0.0)
    other = record_set("api.example.com.", "A", 60, ["192.0.2.2"])
    keeper.want("shop/api", (Wanted(other, Mark("service/shop/api")),), 0.0)
    Driver(keeper, provider).settle()
    assert "routing policy" in keeper.quarantine["shop/web"]
    assert keeper.settled("shop/api")
    holdings = divide(everything(provider), ours)
    assert holdings.ours[other.key].record == other
    assert '"SetIdentifier": "mine"' in str(holdings.ours[WEB.key].record)


def test_an_alias_under_a_keeper(shim: Shim, opening: Open) -> None:
    """Its TTL is Route 53's: that is no drift.  Half of it is, and is made whole."""
    zone_id = shim.create(ZONE)
    provider, ours = opening(), registry("feddns-fellowship")
    keeper = Keeper(ZONE, KeeperSettings(), ours, provider.limits)
    keeper.prove((plan.Source("services"),), 0.0)
    driver = Driver(keeper, provider)
    wish = Wanted(RecordSet(WEB.name, "ALIAS", 180, (ELB,)), Mark("service/shop/web", ("eu",), 1))
    keeper.want("shop/web", (wish,), 0.0)
    driver.settle()
    assert keeper.settled("shop/web")
    driver.run(7300.0)
    assert len(driver.applies) == 1
    assert not [news for news in keeper.news() if news.reason == "RecordDrift"]
    half = next(one for one in shim.content(zone_id) if rules.key_of(one)[1] == "AAAA")
    assert shim.change(zone_id, [("DELETE", half)]).is_good
    driver.run(7300.0)
    assert [news.reason for news in keeper.news()].count("RecordDrift") == 1
    assert ALIAS in everything(provider)
    keeper.want("shop/web", (wish._replace(record=WEB),), driver.now)
    driver.settle()
    assert WEB in everything(provider)
    keeper.forget("shop/web", driver.now)
    driver.settle()
    assert everything(provider) == []


def test_names_and_texts_are_spelled_in_octal_there(shim: Shim, opening: Open) -> None:
    zone_id = shim.create(ZONE)
    records = {
        record_set("*.web.example.com.", "A", 60, ["192.0.2.1"]),
        record_set("a\\@b.example.com.", "CNAME", 60, ["*.web.example.com."]),
        record_set("note.example.com.", "TXT", 60, [quoted('ü "x" \\')]),
    }
    opening().apply([add(*records)])
    assert set(everything(opening())) == records
    told = {rules.key_of(one)[0]: rules.values_of(one) for one in shim.content(zone_id)}
    assert told["\\052.web.example.com."] == ["192.0.2.1"]
    assert "a\\100b.example.com." in told
    assert told["note.example.com."] == ['"\\303\\274 \\"x\\" \\134"']
    opening().apply([Change(WEB.name, removals=tuple(records))])
    assert everything(opening()) == []


def test_what_others_spelled_otherwise_can_be_replaced(shim: Shim, opening: Open) -> None:
    zone_id = shim.create(ZONE)
    put(shim, zone_id, raw("WEB.example.com", "AAAA", "2001:DB8:0:0:0:0:0:1"))
    provider = opening()
    (found,) = everything(provider)
    assert found == record_set(WEB.name, "AAAA", 60, ["2001:db8::1"])
    with pytest.raises(Outdated, match="do not match the current values"):
        opening().apply([swap([found], [WEB])])
    provider.apply([swap([found], [WEB])])
    assert everything(provider) == [WEB]


def test_a_page_may_end_within_a_name(shim: Shim, opening: Open) -> None:
    """An alias and weighted sets on both sides of the end of a page are not torn."""
    zone_id = shim.create(ZONE)
    provider = opening()
    # NS and SOA, these, then the two names: their sets are the 299th to 301st and 599th to 602nd.
    many = [record_set(f"{n:03}.example.com.", "A", 60, ["192.0.2.1"]) for n in range(297)]
    more = [record_set(f"o{n:03}.example.com.", "A", 60, ["192.0.2.1"]) for n in range(297)]
    alias = RecordSet("299.example.com.", "ALIAS", 60, (ELB,))
    provider.apply([add(record) for record in [*many, alias]])
    provider.apply([add(record) for record in more])
    put(
        shim,
        zone_id,
        *(raw("p.example.com.", "A", f"192.0.2.{n}", SetIdentifier=f"s{n}", Weight="1")
          for n in range(4)),
    )  # fmt: skip
    shim.calls.clear()
    pages = [[*page] for page in provider.list()]
    assert shim.calls == [f"GET /hostedzone/{zone_id}/rrset"] * 3
    found = [record for page in pages for record in page]
    assert len(found) == len({record.key for record in found}) == 297 + 1 + 297 + 1
    assert alias in found
    (weighted,) = (record for record in found if record.name == "p.example.com.")
    assert len(weighted.values) == 4
    assert max(map(len, pages)) <= route53.PAGE


def test_a_batch_at_its_limits(shim: Shim, opening: Open) -> None:
    shim.create(ZONE)
    provider = opening()
    long = quoted("x" * 248)
    sized = [record_set(f"t{n}.example.com.", "TXT", 60, [long]) for n in range(128)]
    assert sum(len(value) for record in sized for value in record.values) == 32_000
    provider.apply([add(record) for record in sized])
    with pytest.raises(Rejected, match="limit of 32000 exceeded"):
        provider.apply([add(NOTE), *(swap([record], []) for record in sized)])
    provider.apply([swap([record], []) for record in sized])
    values = [f"192.0.2.{n}" for n in range(100)]
    wide = [record_set(f"w{n}.example.com.", "A", 60, values) for n in range(10)]
    with pytest.raises(Rejected, match="limit of 1000 exceeded"):
        provider.apply([add(record) for record in [*wide, WEB]])
    provider.apply([add(record) for record in wide])
    assert set(everything(provider)) == set(wide)


def test_a_keeper_cuts_its_batches_to_what_a_call_takes(shim: Shim, opening: Open) -> None:
    """And makes its calls at the rate of the account, so that none is throttled."""
    shim.create(ZONE)
    provider = opening()
    keeper = Keeper(ZONE, KeeperSettings(), registry("feddns-fellowship"), provider.limits)
    driver = Driver(keeper, provider)
    shim.clock, shim.rate = (lambda: driver.now), route53.RATE
    try:
        wishes = {}
        for n in range(300):
            record = record_set(f"web{n}.example.com.", "A", 60, [f"192.0.2.{n % 250}"])
            wishes[f"shop/web{n}"] = Wanted(record, Mark(f"service/shop/web{n}", ("eu",), 1))
        for service, wish in wishes.items():
            keeper.want(service, (wish,), 0.0)
        driver.settle()
    finally:
        shim.clock, shim.rate = time.monotonic, 0.0
    assert keeper.counts["changes"] == 300
    assert not keeper.counts["Throttled"] + keeper.counts["Rejected"]
    assert 2 <= len(driver.applies) <= 4
    assert len(everything(provider)) == 600


# --- what is in the way -------------------------------------------------------------------------


@pytest.mark.parametrize("tells_messages", [False, True])
def test_what_is_outdated_and_what_is_refused(
    shim: Shim, opening: Open, tells_messages: bool
) -> None:
    """By AWS' words, in both forms; one that is refused makes a refusal of all."""
    shim.create(ZONE)
    shim.tells_messages = tells_messages
    provider = opening()
    provider.apply([add(WEB)])
    wrong = RecordSet("bad.example.com.", "A", 60, ("192.0.2.256",))
    outdated = [add(WEB), swap([NOTE], []), swap([record_set(WEB.name, "A", 9, WEB.values)], [])]
    outdated += [add(record_set(WEB.name, "CNAME", 60, [ZONE]))]
    for change in outdated:
        with pytest.raises(Outdated) as caught:
            provider.apply([change])
        assert caught.value.done == 0
    # boto3 loses several words of the old form (ministack has one only); alone each has its own.
    with pytest.raises((Outdated, Rejected) if tells_messages else Outdated):
        provider.apply(outdated[:3])
    for change in (add(wrong), add(record_set("web.example.org.", "A", 60, ["192.0.2.1"]))):
        with pytest.raises(Rejected):
            provider.apply([change])
    with pytest.raises(Rejected, match=r"\(400\)|not a valid IPv4 address"):
        provider.apply([add(wrong), *outdated[:1]])
    assert everything(provider) == [WEB]


def test_the_words_of_the_api_reference() -> None:
    said = "Tried to delete resource record set duplicate.example.com. type A, but it was not found"
    assert awscalls._is_outdated(said)
    assert awscalls._is_outdated(f"[{said}, {said}.]")
    assert not awscalls._is_outdated(f"[{said}, The request is too long]")
    assert not awscalls._is_outdated(f"[{said}, and more]")
    assert not awscalls._is_outdated("no explanation")
    assert not awscalls._is_outdated(
        "Invalid Resource Record: 'FATAL problem: X encountered with 'but it already exists''"
    )


FAULTS = [
    (THROTTLED, Throttled, "Rate exceeded .Throttling"),
    (BUSY, Throttled, "still processing a prior request"),
    (Fault(503, "Throttling", "Rate exceeded"), Throttled, "Rate exceeded"),
    (Fault(429, "TooManyRequests", "x"), Throttled, "x"),
    (Fault(500), ProviderAway, "internal error"),
    (Fault(503, "ServiceUnavailable", "x"), ProviderAway, "ServiceUnavailable"),
    (Fault(504, body=b""), ProviderAway, "504"),
    (Fault(0), ProviderAway, "no answer: ConnectionClosedError"),
    (Fault(200, body=b"<x"), ProviderAway, "cannot be read"),
    (Fault(302, body=b""), ProviderAway, "302"),
    (Fault(403, "AccessDenied", "not authorized"), OperatorNeeded, "not authorized"),
    (Fault(403, "InvalidClientTokenId", "x"), OperatorNeeded, "InvalidClientTokenId"),
    (Fault(404, "NoSuchHostedZone", "No hosted zone"), OperatorNeeded, "No hosted zone"),
    (Fault(400, "SomethingNew", "what"), OperatorNeeded, "what .SomethingNew"),
]


@pytest.mark.parametrize(("fault", "raised", "words"), FAULTS, ids=range(len(FAULTS)))
def test_what_each_answer_becomes(
    shim: Shim, opening: Open, fault: Fault, raised: type[Exception], words: str
) -> None:
    shim.create(ZONE)
    provider = opening()
    for call in (lambda: provider.apply([add(WEB)]), lambda: everything(provider)):
        shim.faults.append(fault)
        with pytest.raises(raised, match=words) as caught:
            call()
        expected = None if issubclass(raised, (ProviderAway, OperatorNeeded)) else 0
        assert getattr(caught.value, "done", None) == expected
    assert not shim.faults, "boto3 has tried again"


def test_another_answer_than_a_list_is_no_empty_zone(shim: Shim, opening: Open) -> None:
    shim.create(ZONE)
    provider = opening()
    for body in (b"<html>Sign in</html>", b"<ListResourceRecordSetsResponse/>", b""):
        shim.faults.append(Fault(200, body=body))
        with pytest.raises(ProviderAway, match="an answer"):
            everything(provider)


def test_no_answer_in_time_though_it_was_done(
    shim: Shim, opening: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim.create(ZONE)
    monkeypatch.setattr(awscalls, "_READ", 0.05)
    provider = opening()
    shim.faults.append(Fault(500, is_done=True, wait=0.3))
    with pytest.raises(ProviderAway, match="no answer in time") as caught:
        provider.apply([add(WEB)])
    assert caught.value.done is None
    assert everything(opening()) == [WEB]


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ProviderAway, match="no answer: EndpointConnectionError"):
            route53.open(route53.Settings(zone=ZONE, endpoint=endpoint))


def test_a_zone_that_is_busy_is_tried_again(shim: Shim, opening: Open) -> None:
    shim.create(ZONE)
    provider = opening()
    keeper = Keeper(ZONE, KeeperSettings(), registry("x"), Limits(changes=4, rate=5.0))
    driver = Driver(keeper, provider)
    shim.clock, shim.settling = (lambda: driver.now), 0.7
    try:
        for n in range(6):
            record = record_set(f"web{n}.example.com.", "A", 60, ["192.0.2.1"])
            keeper.want(f"shop/web{n}", (Wanted(record, Mark(f"service/shop/web{n}")),), 0.0)
        driver.settle()
    finally:
        shim.clock, shim.settling = time.monotonic, 0.0
    assert keeper.counts["Throttled"] > 0
    assert len(everything(provider)) == 12


# --- who we are ---------------------------------------------------------------------------------


def without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)


def test_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    without_credentials(monkeypatch)
    with pytest.raises(OperatorNeeded, match="finds no credentials; set AWS_ACCESS_KEY_ID"):
        route53.open(route53.Settings(zone=ZONE))


def test_no_credentials_where_the_metadata_are_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    without_credentials(monkeypatch)
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", address)
        start = time.monotonic()
        with pytest.raises(OperatorNeeded, match="finds no credentials"):
            route53.open(route53.Settings(zone=ZONE))
        assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"AWS_PROFILE": "nobody"}, "nobody"),
        ({"AWS_ACCESS_KEY_ID": "AKIA"}, "Partial credentials"),
        (
            {
                "AWS_WEB_IDENTITY_TOKEN_FILE": "/nonexistent/token",
                "AWS_ROLE_ARN": "arn:aws:iam::1:x",
            },
            "No such file",
        ),
    ],
)
def test_credentials_that_are_not_good(
    shim: Shim, opening: Open, monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str], words: str,
) -> None:  # fmt: skip
    shim.create(ZONE)
    without_credentials(monkeypatch)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(OperatorNeeded, match=words):
        opening()


def test_credentials_of_a_profile(
    shim: Shim, opening: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shim.create(ZONE)
    without_credentials(monkeypatch)
    file = tmp_path / "credentials"
    file.write_text("[mine]\naws_access_key_id = AKIAFEDDNSTEST\naws_secret_access_key = x\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    opening(profile="mine").apply([add(WEB)])


def test_the_endpoint_of_the_environment(
    shim: Shim, opening: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim.create(ZONE)
    monkeypatch.setenv("AWS_ENDPOINT_URL_ROUTE_53", shim.url)
    opening(endpoint="").apply([add(WEB)])
    assert everything(opening(endpoint="")) == [WEB]


def test_no_secret_is_told(shim: Shim, opening: Open, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shim.create(ZONE)
    provider = opening()
    leak = "should have been x-amz-security-token:token-not-for-anybody secret-not-for-anybody"
    shim.faults.append(Fault(403, "SignatureDoesNotMatch", leak))
    with pytest.raises(OperatorNeeded, match="should have been x-amz-security-token:…") as caught:
        provider.apply([add(WEB)])
    told = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(vars(provider))
    assert "not-for-anybody" not in told


# --- an account whose calls are used up ---------------------------------------------------------


def test_opening_waits_for_its_turn(shim: Shim) -> None:
    shim.create(ZONE)
    slept: list[float] = []
    settings = route53.Settings(zone=ZONE, endpoint=shim.url)
    shim.faults += [THROTTLED, THROTTLED]
    route53.open(settings, slept.append).close()
    assert slept == [1.0, 2.0]
    shim.chance = lambda call: THROTTLED
    with pytest.raises(Throttled):
        route53.open(settings, slept.append)
    assert slept[2:] == [1.0, 2.0, 4.0]


def test_reading_by_hand_keeps_to_the_rate(
    shim: Shim, opening: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`feddns zone` has no keeper: eight pages, and no call is throttled."""
    monkeypatch.setattr(route53, "PAGE", 50)
    shim.create(ZONE)
    provider = opening()
    records = [record_set(f"w{n}.example.com.", "A", 60, ["192.0.2.1"]) for n in range(350)]
    provider.apply([add(record) for record in records])
    now = [100.0]
    shim.clock, shim.rate = (lambda: now[0]), route53.RATE
    try:
        found = zonework.records(provider, lambda seconds: now.__setitem__(0, now[0] + seconds))
    finally:
        shim.clock, shim.rate = time.monotonic, 0.0
    assert len(found) == 350
    assert now[0] - 100.0 == pytest.approx(8 / route53.RATE)
