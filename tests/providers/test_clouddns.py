"""The adapter of Cloud DNS: finding and making the zone, spelling, what each refusal becomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from feddns.errors import OperatorNeeded, Outdated, ProviderAway, Rejected, Throttled
from feddns.providers.recordsets import Change, RecordSet, record_set
from tests.cloud.clouddns import PROJECT, CloudDns, Fault

clouddns = pytest.importorskip("feddns.providers.clouddns")
ZONE = "example.com."
WEB = record_set("web.example.com.", "A", 180, ["192.0.2.1"])
Open = Callable[..., Any]


@pytest.fixture
def cloud() -> Iterator[CloudDns]:
    with CloudDns() as started:
        started.create("example", ZONE)
        yield started


@pytest.fixture
def opening(cloud: CloudDns) -> Iterator[Open]:
    opened: list[Any] = []

    def opening(**more: Any) -> Any:
        given = {"zone": ZONE, "project": PROJECT, "endpoint": cloud.url, "is_anonymous": True}
        opened.append(clouddns.open(clouddns.Settings(**given | more)))
        return opened[-1]

    yield opening
    for one in opened:
        one.close()


def add(*records: RecordSet) -> Change:
    return Change(records[0].name, (), records)


def everything(provider: Any) -> list[RecordSet]:
    return [record for page in provider.list() for record in page]


# --- the zone -----------------------------------------------------------------------------------


def test_a_zone_is_found_by_its_dns_name_whatever_others_there_are(
    cloud: CloudDns, opening: Open
) -> None:
    for number in range(3):
        cloud.create(f"other{number}", f"z{number}.example.org.")
    provider = opening(zone="Example.COM")
    assert provider.zone == ZONE
    assert provider.name_servers[0] == "ns-cloud-a1.googledomains.com."
    assert cloud.calls == ["GET /managedZones", "GET /"]


@pytest.mark.parametrize("id", ["example", "1001"])
def test_a_zone_is_found_by_its_id(cloud: CloudDns, opening: Open, id: str) -> None:
    cloud.create("private", ZONE, visibility="private")
    opening(zone_id=id).apply([add(WEB)])
    assert (WEB.name, "A") in cloud.projects[PROJECT].zones["example"].sets


def test_of_two_zones_of_one_name_one_is_to_be_chosen(cloud: CloudDns, opening: Open) -> None:
    cloud.create("inside", ZONE, visibility="private")
    with pytest.raises(OperatorNeeded, match=r"example \(public\), inside \(private\); choose one"):
        opening()
    opening(visibility="private").apply([add(WEB)])
    assert cloud.calls[-1] == "POST /managedZones/inside/changes"
    opening(visibility="public").apply([add(WEB)])
    assert cloud.calls[-1] == "POST /managedZones/example/changes"


def test_zones_that_forward_have_no_records_and_are_passed_over(
    cloud: CloudDns, opening: Open
) -> None:
    cloud.create("forward", ZONE, visibility="private", forwardingConfig={})
    opening().apply([add(WEB)])
    assert cloud.calls[-1] == "POST /managedZones/example/changes"
    with pytest.raises(OperatorNeeded, match=r"the zone forward .* with records of its own"):
        opening(zone_id="forward")


def test_a_zone_that_is_another_s(cloud: CloudDns, opening: Open) -> None:
    cloud.create("other", "example.org.")
    with pytest.raises(OperatorNeeded, match=r"is example\.org\. \(public\), not example\.com\."):
        opening(zone_id="other")


def test_no_zone_says_which_there_are(opening: Open) -> None:
    with pytest.raises(
        OperatorNeeded, match=r"no zone example\.net\., only: example \(example\.com"
    ):
        opening(zone="example.net.")


def test_a_zone_is_made_on_request(cloud: CloudDns, opening: Open) -> None:
    provider = opening(zone="svc.example.net.", is_created=True)
    assert cloud.projects[PROJECT].zones["svc-example-net"].apex == provider.zone
    assert opening(zone="svc.example.net.", is_created=True).zone == provider.zone
    assert cloud.calls.count("POST /managedZones") == 1


def test_a_private_zone_is_made_for_its_networks(cloud: CloudDns, opening: Open) -> None:
    opening(
        zone="10.example.", zone_id="inside", visibility="private", networks=("default",),
        is_created=True,
    )  # fmt: skip
    made = cloud.projects[PROJECT].zones["inside"].resource
    assert made["visibility"] == "private"
    assert made["privateVisibilityConfig"]["networks"] == [
        {
            "networkUrl": f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/global/networks/default"
        }
    ]


def test_two_who_make_the_same_zone_have_one(cloud: CloudDns, opening: Open) -> None:
    cloud.faults.append(Fault(409, "alreadyExists", "there", method="POST", is_done=True))
    assert opening(zone="example.net.", is_created=True).zone == "example.net."


def test_an_id_that_another_zone_has(cloud: CloudDns, opening: Open) -> None:
    cloud.create("example-net", "example.org.")
    with pytest.raises(OperatorNeeded, match=r"already exists .*choose another id"):
        opening(zone="example.net.", is_created=True)


def test_an_id_that_cannot_be(opening: Open) -> None:
    with pytest.raises(OperatorNeeded, match=r"entity\.managedZone\.name"):
        opening(zone="example.net.", zone_id="Not_A_Name", is_created=True)


def test_one_change_holds_what_the_project_s_quotas_allow(cloud: CloudDns, opening: Open) -> None:
    assert opening().limits.changes == 500
    assert opening().limits.octets == 100_000
    project = cloud.projects[PROJECT]
    project.quota = {**project.quota, "rrsetDeletionsPerChange": 40}
    assert opening().limits.changes == 20
    cloud.faults.extend(
        [Fault(200, body=b'{"managedZones":[{"name":"e","dnsName":"example.com."}]}')]
    )
    cloud.faults.append(Fault(403, "forbidden", "no"))
    assert opening().limits.changes == 500


def test_the_calls_of_a_minute_are_below_google_s_240(opening: Open) -> None:
    limits = opening().limits
    assert limits.burst + 60 * limits.rate < 240
    assert opening(rate=30.0).limits.rate == 30.0


# --- record sets --------------------------------------------------------------------------------


def test_pages_of_a_thousand(cloud: CloudDns, opening: Open) -> None:
    zone = cloud.projects[PROJECT].zones["example"]
    for number in range(2100):
        name = f"w{number}.example.com."
        zone.put({"name": name, "type": "A", "ttl": 60, "rrdatas": ["192.0.2.1"]})
    assert [len(page) for page in opening().list()] == [998, 1000, 102]
    assert cloud.calls.count("GET /managedZones/example/rrsets") == 3


@pytest.mark.parametrize(
    ("type", "theirs", "ours"),
    [
        ("AAAA", ["2001:DB8:0:0::2", "2001:db8::1"], ("2001:db8::1", "2001:db8::2")),
        ("CNAME", ["Up.Example.COM."], ("up.example.com.",)),
        ("TXT", ["plain", '"two words"'], ('"two words"', "plain")),
    ],
)
def test_what_others_spelled_is_removed_as_they_did(
    cloud: CloudDns, opening: Open, type: str, theirs: list[str], ours: tuple[str, ...]
) -> None:
    zone = cloud.projects[PROJECT].zones["example"]
    zone.put({"name": "x.example.com.", "type": type, "ttl": 60, "rrdatas": theirs})
    provider = opening()
    (found,) = everything(provider)
    assert found == RecordSet("x.example.com.", type, 60, ours)
    provider.apply([Change(found.name, (found,), (WEB,))])
    assert everything(provider) == [WEB]


def test_a_routing_policy_is_somebody_s_and_seen(cloud: CloudDns, opening: Open) -> None:
    policy = {"geo": {"items": [{"location": "europe-west1", "rrdatas": ["192.0.2.1"]}]}}
    zone = cloud.projects[PROJECT].zones["example"]
    zone.put({"name": "geo.example.com.", "type": "A", "ttl": 60, "routingPolicy": policy})
    (found,) = everything(opening())
    assert found.key == ("geo.example.com.", "A")
    assert "europe-west1" in found.values[0]


def test_names_that_are_none_of_ours_are_read(cloud: CloudDns, opening: Open) -> None:
    zone = cloud.projects[PROJECT].zones["example"]
    for name in ("*.example.com.", "_a._tcp.example.com.", "bücher.example.com."):
        zone.put({"name": name, "type": "TXT", "ttl": 60, "rrdatas": ['"x"']})
    assert len(everything(opening())) == 3


def test_a_ttl_of_zero_is_read(cloud: CloudDns, opening: Open) -> None:
    zone = cloud.projects[PROJECT].zones["example"]
    zone.put({"name": "x.example.com.", "type": "A", "rrdatas": ["192.0.2.1"], "ttl": 0})
    assert everything(opening())[0].ttl == 0


CLAIM = record_set("a-web.example.com.", "TXT", 180, ['"heritage=external-dns"'])


def test_what_is_kept_must_be_there_and_stays(cloud: CloudDns, opening: Open) -> None:
    provider = opening()
    new = record_set("web.example.com.", "A", 60, ["192.0.2.1"])
    kept = Change(WEB.name, (WEB,), (new,), keeps=(CLAIM,))
    provider.apply([add(WEB)])
    with pytest.raises(Outdated, match="a-web"):
        provider.apply([kept])
    assert everything(provider) == [WEB]
    provider.apply([add(CLAIM)])
    provider.apply([kept])
    assert everything(provider) == [CLAIM, new]


def test_a_claim_that_one_change_keeps_and_another_removes(cloud: CloudDns, opening: Open) -> None:
    provider = opening()
    provider.apply([add(CLAIM)])
    provider.apply([Change(WEB.name, (), (WEB,), keeps=(CLAIM,)), Change(CLAIM.name, (CLAIM,))])
    assert everything(provider) == [WEB]


def test_a_cname_beside_our_own_will_never_be(cloud: CloudDns, opening: Open) -> None:
    provider = opening()
    alias = record_set(WEB.name, "CNAME", 180, ["up.example.com."])
    with pytest.raises(Rejected, match=r"web\.example\.com\. cannot have a CNAME and") as refused:
        provider.apply([add(WEB, alias)])
    assert refused.value.done == 0
    provider.apply([add(WEB)])
    with pytest.raises(Outdated):
        provider.apply([add(alias)])


def test_nothing_to_change_is_no_call(cloud: CloudDns, opening: Open) -> None:
    provider = opening()
    cloud.calls.clear()
    provider.apply([])
    assert cloud.calls == []


# --- refusals -----------------------------------------------------------------------------------

REFUSALS: list[tuple[Fault, type[Exception], str]] = [
    (
        Fault(429, "rateLimitExceeded", "Queries per minute", after=7),
        Throttled,
        "Queries per minute",
    ),
    (Fault(403, "userRateLimitExceeded", "slower"), Throttled, "slower"),
    (Fault(500), ProviderAway, "Backend Error"),
    (Fault(503, body=b"<html>"), ProviderAway, "HTTP 503"),
    (Fault(408, "timeout", "late"), ProviderAway, "late"),
    (Fault(0), ProviderAway, "no answer"),
    (Fault(200, body=b"<html>"), ProviderAway, "cannot be read"),
    (Fault(200, body=b"[]"), ProviderAway, "none|read"),
    (Fault(400, "invalid", "Invalid value"), Rejected, "Invalid value"),
    (Fault(413, "uploadTooLarge", "large"), Rejected, "large"),
    (Fault(403, "quotaExceeded", "full"), Rejected, "full"),
    (Fault(404, "notFound", "gone"), Outdated, "gone"),
    (Fault(409, "alreadyExists", "there"), Outdated, "there"),
    (Fault(412, "conditionNotMet", "Precondition"), Outdated, "Precondition"),
    (Fault(400, "cnameResourceRecordSetConflict", "both"), Outdated, "both"),
    (Fault(401, "authError", "who?"), OperatorNeeded, "who|credentials"),
    (Fault(403, "forbidden", "no"), OperatorNeeded, "no"),
    (Fault(403, "insufficientPermissions", "scope"), OperatorNeeded, "scope"),
]


@pytest.mark.parametrize(
    ("fault", "raises", "words"),
    REFUSALS,
    ids=[f"{one.status}-{one.reason}" for one, *_ in REFUSALS],
)
def test_a_change_s_refusal(
    cloud: CloudDns, opening: Open, fault: Fault, raises: type[Exception], words: str
) -> None:
    provider = opening()
    cloud.faults.append(fault)
    with pytest.raises(raises, match=words) as refused:
        provider.apply([add(WEB)])
    assert "http" not in str(refused.value).replace("HTTP", "")
    if raises in (Throttled, Outdated, Rejected):
        assert refused.value.done == 0  # type: ignore[attr-defined]
    provider.apply([add(WEB)])


def test_how_long_google_asks_to_wait(cloud: CloudDns, opening: Open) -> None:
    provider = opening()
    for after, seconds in ((7, 7.0), (None, 5.0)):
        cloud.faults.append(Fault(429, "rateLimitExceeded", "slow", after=after))
        with pytest.raises(Throttled) as refused:
            provider.apply([add(WEB)])
        assert refused.value.after == seconds


def test_reading_a_zone_that_is_gone_needs_an_operator(cloud: CloudDns, opening: Open) -> None:
    provider = opening()
    cloud.projects[PROJECT].delete("example")
    with pytest.raises(Outdated, match="'example' does not exist"):
        provider.apply([add(WEB)])
    with pytest.raises(OperatorNeeded, match="'example' does not exist"):
        everything(provider)


def test_a_reading_that_breaks_between_its_pages(cloud: CloudDns, opening: Open) -> None:
    zone = cloud.projects[PROJECT].zones["example"]
    for number in range(1500):
        name = f"w{number}.example.com."
        zone.put({"name": name, "type": "A", "ttl": 60, "rrdatas": ["192.0.2.1"]})
    pages = opening().list()
    assert len(next(pages)) == 998
    cloud.faults.append(Fault(503))
    with pytest.raises(ProviderAway):
        next(pages)


def test_done_and_then_cut_off_is_found_by_reading_again(cloud: CloudDns, opening: Open) -> None:
    provider = opening()
    cloud.faults.append(Fault(0, is_done=True, method="POST"))
    with pytest.raises(ProviderAway):
        provider.apply([add(WEB)])
    assert everything(provider) == [WEB]


def test_nobody_there(cloud: CloudDns, opening: Open) -> None:
    provider = opening()
    cloud.close()
    provider._calls.close()
    with pytest.raises(ProviderAway, match="no answer"):
        everything(provider)


# --- what stays secret --------------------------------------------------------------------------


def test_a_body_is_in_no_message(cloud: CloudDns, opening: Open) -> None:
    provider = opening(token_body="s3cr3t-body")
    cloud.faults.append(Fault(400, "invalid", "what is s3cr3t-body?"))
    with pytest.raises(Rejected) as refused:
        provider.apply([add(WEB)])
    assert "s3cr3t" not in str(refused.value)
    assert "s3cr3t" not in repr(clouddns.Settings(zone=ZONE, token_body="s3cr3t-body"))


@pytest.mark.parametrize(
    ("endpoint", "is_anonymous", "words"),
    [
        ("", True, "answers nobody without credentials"),
        ("http://dns.example.net", False, "would see our token in clear"),
    ],
)
def test_no_token_in_clear_and_none_missing(endpoint: str, is_anonymous: bool, words: str) -> None:
    given = clouddns.Settings(zone=ZONE, endpoint=endpoint, is_anonymous=is_anonymous)
    with pytest.raises(OperatorNeeded, match=words):
        clouddns.open(given)


def test_gcloud_s_own_variables(cloud: CloudDns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_DNS", f"{cloud.url}/")
    monkeypatch.setenv("CLOUDSDK_AUTH_DISABLE_CREDENTIALS", "true")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", PROJECT)
    provider = clouddns.open(clouddns.Settings(zone=ZONE))
    assert provider.zone == ZONE
    provider.close()
