"""The stand-in for Cloud DNS, row by row, as plain HTTP and as Google's library sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cloud.clouddns import PROJECT, CloudDns, Fault

dns = pytest.importorskip("google.cloud.dns")
NEW = "x.example.com."
WEB = {"name": "web.example.com.", "type": "A", "ttl": 180, "rrdatas": ["192.0.2.1", "192.0.2.2"]}


@pytest.fixture
def cloud() -> Iterator[CloudDns]:
    with CloudDns() as started:
        started.create("example", "example.com.")
        yield started


def ask(cloud: CloudDns, method: str, path: str, body: object = None) -> tuple[int, Any]:
    request = urllib.request.Request(
        f"{cloud.url}/dns/v1/projects/{PROJECT}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
    )
    try:
        with urllib.request.urlopen(request) as answer:
            told = answer.read()
            return answer.status, json.loads(told) if told else None
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())["error"]


def change(cloud: CloudDns, add: object = (), delete: object = ()) -> tuple[int, Any]:
    body = {"additions": list(add), "deletions": list(delete)}  # type: ignore[call-overload]
    return ask(cloud, "POST", "/managedZones/example/changes", body)


def found(cloud: CloudDns, query: str = "") -> Any:
    status, told = ask(cloud, "GET", f"/managedZones/example/rrsets{query}")
    assert status == 200
    return told


def names(cloud: CloudDns) -> set[tuple[str, str]]:
    return {(one["name"], one["type"]) for one in found(cloud, "?maxResults=1000")["rrsets"]}


def test_a_new_zone_has_its_soa_and_servers(cloud: CloudDns) -> None:
    assert names(cloud) == {("example.com.", "NS"), ("example.com.", "SOA")}
    _, zone = ask(cloud, "GET", "/managedZones/example")
    assert zone["nameServers"][0] == "ns-cloud-a1.googledomains.com."
    assert ask(cloud, "GET", f"/managedZones/{zone['id']}")[1] == zone


def test_a_change_is_pending_and_then_done_and_the_zone_has_it_at_once(cloud: CloudDns) -> None:
    status, made = change(cloud, [WEB])
    assert (status, made["status"]) == (200, "pending")
    assert ("web.example.com.", "A") in names(cloud)
    path = f"/managedZones/example/changes/{made['id']}"
    assert [ask(cloud, "GET", path)[1]["status"] for _ in range(2)] == ["pending", "done"]
    assert ask(cloud, "GET", "/managedZones/example/changes/99")[0] == 404


def test_changes_are_listed_newest_first_by_pages(cloud: CloudDns) -> None:
    for number in range(3):
        change(cloud, [WEB | {"name": f"w{number}.example.com."}])
    _, page = ask(cloud, "GET", "/managedZones/example/changes?maxResults=3")
    assert [one["id"] for one in page["changes"]] == ["3", "2", "1"]
    _, rest = ask(cloud, "GET", f"/managedZones/example/changes?pageToken={page['nextPageToken']}")
    assert [one["id"] for one in rest["changes"]] == ["0"]
    assert "nextPageToken" not in rest


REFUSED: dict[str, tuple[int, str, list[dict[str, Any]], list[dict[str, Any]]]] = {
    "nothing": (400, "required", [], []),
    "no data": (400, "required", [WEB | {"rrdatas": []}], []),
    "not there": (404, "notFound", [], [WEB | {"name": "no.example.com."}]),
    "another TTL": (412, "conditionNotMet", [], [WEB | {"ttl": 181}]),
    "less data": (412, "conditionNotMet", [], [WEB | {"rrdatas": ["192.0.2.1"]}]),
    "already there": (409, "alreadyExists", [WEB], []),
    "twice": (409, "alreadyExists", [WEB | {"name": NEW}] * 2, []),
    "no dot": (400, "invalid", [WEB | {"name": "x.example.com"}], []),
    "outside": (400, "invalid", [WEB | {"name": "web.example.org."}], []),
    "almost inside": (400, "invalid", [WEB | {"name": "webexample.com."}], []),
    "long label": (400, "invalid", [WEB | {"name": f"{'x' * 64}.example.com."}], []),
    "negative TTL": (400, "invalid", [WEB | {"name": NEW, "ttl": -1}], []),
    "no number": (400, "invalid", [WEB | {"name": NEW, "ttl": "soon"}], []),
    "no address": (400, "invalid", [WEB | {"name": NEW, "rrdatas": ["300.1.1.1"]}], []),
    "data twice": (400, "invalid", [WEB | {"name": NEW, "rrdatas": ["192.0.2.1"] * 2}], []),
    "no such type": (400, "invalid", [WEB | {"name": NEW, "type": "HINFO"}], []),
    "relative target": (
        400, "invalid",
        [{"name": NEW, "type": "CNAME", "ttl": 1, "rrdatas": ["web"]}], [],
    ),
    "two targets": (
        400, "invalidRecordCount",
        [{"name": NEW, "type": "CNAME", "ttl": 1, "rrdatas": ["a.", "b."]}], [],
    ),
    "CNAME beside A": (
        400, "cnameResourceRecordSetConflict",
        [{"name": "web.example.com.", "type": "CNAME", "ttl": 1, "rrdatas": ["a."]}], [],
    ),
    "CNAME at the apex": (
        400, "cnameResourceRecordSetConflict",
        [{"name": "example.com.", "type": "CNAME", "ttl": 1, "rrdatas": ["a."]}], [],
    ),
    "ALIAS below the apex": (
        400, "invalid",
        [{"name": NEW, "type": "ALIAS", "ttl": 1, "rrdatas": ["a."]}], [],
    ),
    "too many": (
        403, "quotaExceeded",
        [WEB | {"name": f"w{number}.example.com."} for number in range(1001)], [],
    ),
    "too large": (
        403, "quotaExceeded",
        [{"name": f"t{number}.example.com.", "type": "TXT", "ttl": 1, "rrdatas": [f'"{"x" * 250}"']}
         for number in range(400)], [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_change_that_is_refused_changes_nothing(cloud: CloudDns, case: str) -> None:
    change(cloud, [WEB])
    before = found(cloud)
    status, reason, add, delete = REFUSED[case]
    good = {"name": "good.example.com.", "type": "A", "ttl": 1, "rrdatas": ["192.0.2.9"]}
    told, error = change(cloud, [*([good] if add else []), *add], delete)
    assert (told, error["code"], error["errors"][0]["reason"]) == (status, status, reason)
    assert found(cloud) == before


def test_what_is_deleted_must_be_there_in_these_words(cloud: CloudDns) -> None:
    change(cloud, [WEB])
    _, error = change(cloud, delete=[WEB | {"ttl": 5}])
    assert error["message"] == "Precondition not met for 'entity.change.deletions[0]'"


def test_soa_and_servers_of_the_apex_stay(cloud: CloudDns) -> None:
    for one in found(cloud)["rrsets"]:
        status, error = change(cloud, delete=[one])
        assert (status, error["errors"][0]["reason"]) == (400, "invalidZoneApex")
        assert change(cloud, [one | {"ttl": 60}], [one])[0] == 200


def test_a_name_goes_from_cname_to_a_in_one_change(cloud: CloudDns) -> None:
    alias = {"name": "web.example.com.", "type": "CNAME", "ttl": 1, "rrdatas": ["up.example.com."]}
    assert change(cloud, [alias])[0] == 200
    assert change(cloud, [WEB])[1]["errors"][0]["reason"] == "cnameResourceRecordSetConflict"
    assert change(cloud, [WEB], [alias])[0] == 200
    assert change(cloud, [alias], [WEB])[0] == 200


def test_pages_and_filters(cloud: CloudDns) -> None:
    change(cloud, [WEB | {"name": f"w{number:02}.example.com."} for number in range(25)])
    pages, token = [], ""
    while True:
        told = found(cloud, f"?maxResults=10{token and '&pageToken='}{token}")
        pages.append(told["rrsets"])
        if not (token := told.get("nextPageToken", "")):
            break
    assert [len(page) for page in pages] == [10, 10, 7]
    assert len({(one["name"], one["type"]) for page in pages for one in page}) == 27
    assert [one["type"] for one in found(cloud, "?name=example.com.")["rrsets"]] == ["NS", "SOA"]
    assert len(found(cloud, "?name=w03.example.com.&type=A")["rrsets"]) == 1
    assert ask(cloud, "GET", "/managedZones/example/rrsets?type=A")[0] == 400
    assert ask(cloud, "GET", "/managedZones/example/rrsets?maxResults=0")[0] == 400


def test_a_page_goes_on_where_the_last_one_ended_though_its_last_record_set_went(
    cloud: CloudDns,
) -> None:
    many = [WEB | {"name": f"w{number}.example.com."} for number in range(6)]
    change(cloud, many)
    first = found(cloud, "?maxResults=4")
    change(cloud, delete=[first["rrsets"][-1]])
    rest = found(cloud, f"?pageToken={first['nextPageToken']}")
    assert [one["name"] for one in rest["rrsets"]] == [one["name"] for one in many[2:]]


def test_the_quota_of_a_zone(cloud: CloudDns) -> None:
    zone = cloud.projects[PROJECT].zones["example"]
    zone.quota = {**zone.quota, "rrsetsPerManagedZone": 3}
    assert change(cloud, [WEB])[0] == 200
    status, error = change(cloud, [WEB | {"name": NEW}])
    assert (status, error["errors"][0]["reason"]) == (403, "quotaExceeded")
    assert change(cloud, [WEB | {"ttl": 1}], [WEB])[0] == 200


def test_zones_are_made_listed_and_deleted_when_empty(cloud: CloudDns) -> None:
    body = {"name": "other", "dnsName": "example.org.", "description": ""}
    assert ask(cloud, "POST", "/managedZones", body)[1]["visibility"] == "public"
    assert ask(cloud, "POST", "/managedZones", body)[1]["errors"][0]["reason"] == "alreadyExists"
    for lacking in body:
        less = {field: value for field, value in body.items() if field != lacking}
        assert ask(cloud, "POST", "/managedZones", less)[1]["errors"][0]["reason"] == "required"
    for wrong in ({"name": "Other"}, {"name": "x-"}, {"dnsName": "example.org"}):
        assert ask(cloud, "POST", "/managedZones", body | wrong)[0] == 400
    _, told = ask(cloud, "GET", "/managedZones?maxResults=1")
    assert [one["name"] for one in told["managedZones"]] == ["example"]
    _, told = ask(cloud, "GET", f"/managedZones?pageToken={told['nextPageToken']}")
    assert [one["name"] for one in told["managedZones"]] == ["other"]
    _, told = ask(cloud, "GET", "/managedZones?dnsName=example.com.")
    assert [one["name"] for one in told["managedZones"]] == ["example"]
    change(cloud, [WEB])
    assert ask(cloud, "DELETE", "/managedZones/example")[1]["errors"][0]["reason"] == (
        "containerNotEmpty"
    )
    change(cloud, delete=[WEB])
    assert ask(cloud, "DELETE", "/managedZones/example") == (204, None)
    assert ask(cloud, "GET", "/managedZones/example")[0] == 404


def test_faults_on_demand_before_and_after_it_was_done(cloud: CloudDns) -> None:
    cloud.faults.append(Fault(503))
    assert change(cloud, [WEB])[0] == 503
    assert ("web.example.com.", "A") not in names(cloud)
    cloud.faults.append(Fault(500, is_done=True))
    assert change(cloud, [WEB])[0] == 500
    assert ("web.example.com.", "A") in names(cloud)
    cloud.faults.append(Fault(0, method="POST"))
    assert found(cloud)["rrsets"]
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        change(cloud, [WEB | {"name": NEW}])


def test_calls_are_counted_by_the_minute(cloud: CloudDns) -> None:
    now = 0.0
    cloud.clock = lambda: now
    cloud.per_minute = 2
    assert [ask(cloud, "GET", "")[0] for _ in range(3)] == [200, 200, 429]
    now = 61.0
    assert ask(cloud, "GET", "")[0] == 200


def test_tokens_and_projects(cloud: CloudDns) -> None:
    cloud.tokens.add("good")
    assert ask(cloud, "GET", "")[1]["errors"][0]["reason"] == "authError"
    cloud.tokens.clear()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{cloud.url}/dns/v1/projects/unknown/managedZones")
    with refused.value as error:
        assert error.code == 403
    assert ask(cloud, "PATCH", "/managedZones/example")[0] == 404


def test_as_a_program_it_prints_what_google_s_programs_are_told() -> None:
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.cloud.clouddns", "example.com", "svc.example.net."],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PORT": "0"},
    )
    assert program.stdout is not None
    told = dict(program.stdout.readline().split()[1].split("=", 1) for _ in range(3))
    url, project = told["CLOUDSDK_API_ENDPOINT_OVERRIDES_DNS"], told["GOOGLE_CLOUD_PROJECT"]
    with urllib.request.urlopen(f"{url}dns/v1/projects/{project}/managedZones") as answer:
        zones = json.loads(answer.read())["managedZones"]
    program.terminate()
    program.communicate(timeout=20)
    assert program.returncode == 0
    assert told["CLOUDSDK_AUTH_DISABLE_CREDENTIALS"] == "true"
    assert [zone["dnsName"] for zone in zones] == ["example.com.", "svc.example.net."]


def test_google_s_library_and_the_stand_in_understand_each_other(cloud: CloudDns) -> None:
    from google.auth.credentials import AnonymousCredentials

    client = dns.Client(PROJECT, AnonymousCredentials(), client_options={"api_endpoint": cloud.url})
    assert client.quotas()["rrsetAdditionsPerChange"] == 1000
    zone = client.zone("made", "example.net.")
    assert not zone.exists()
    zone.create()
    zone.reload()
    assert [one.name for one in client.list_zones()] == ["example", "made"]
    web = zone.resource_record_set("web.example.net.", "A", 60, ["192.0.2.1"])
    changes = zone.changes()
    changes.add_record_set(web)
    changes.create()
    assert changes.status == "pending"
    changes.reload()
    changes.reload()
    assert changes.status == "done"
    assert [(one.record_type, one.ttl) for one in zone.list_resource_record_sets()][-1] == ("A", 60)
    back = zone.changes()
    back.delete_record_set(web)
    back.create()
    assert [one.name for one in zone.list_changes()] == ["2", "1", "0"]
    zone.delete()
    assert not zone.exists()
    client.close()
