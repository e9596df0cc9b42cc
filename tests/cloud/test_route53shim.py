"""The stand-in for Route 53: its rules, its bad days, and what the emulators get wrong.

The last part asks the emulators without the shim: where one has become right, its test fails, and
the table of `route53shim` and what the shim does for it are to be looked at.
"""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import pytest

from tests import programs
from tests.cloud import emulators
from tests.cloud import route53rules as rules
from tests.cloud.route53shim import VERSION, Answer, Fault, Shim

ROOT = Path(__file__).resolve().parents[2]
ZONE = "example.com."
ELB = "web-1.eu-west-1.elb.amazonaws.com."


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
    started.reset()
    return started


@pytest.fixture
def zone_id(shim: Shim) -> str:
    return shim.create(ZONE)


def raw(name: str, type: str, *values: str, ttl: str = "60", **more: str) -> Element:
    made = rules.made("ResourceRecordSet", Name=name, Type=type, **more, TTL=ttl)
    records = [rules.made("ResourceRecord", Value=value) for value in values]
    made.append(rules.made("ResourceRecords", *records))
    return made


def alias(zone: str, host: str = ELB) -> Element:
    target = rules.made(
        "AliasTarget", HostedZoneId=zone, DNSName=host, EvaluateTargetHealth="false"
    )
    return rules.made("ResourceRecordSet", target, Name=f"alias.{ZONE}", Type="A")


A = raw(f"web.{ZONE}", "A", "192.0.2.1", "192.0.2.2")
B = raw(f"web.{ZONE}", "A", "192.0.2.2", "192.0.2.1")
OTHER = raw(f"web.{ZONE}", "A", "192.0.2.9")
CNAME = raw(f"web.{ZONE}", "CNAME", f"api.{ZONE}")
WEIGHTED = raw(f"web.{ZONE}", "A", "192.0.2.1", SetIdentifier="x", Weight="1")
MANY = [raw(f"w{n}.{ZONE}", "A", "192.0.2.1") for n in range(1001)]
LONG = [raw(f"t{n}.{ZONE}", "TXT", f'"{"x" * 248}"') for n in range(129)]

REFUSED = {
    "is there": ([("CREATE", A)], [("CREATE", OTHER)], "already exists"),
    "is not there": ([], [("DELETE", A)], "not found"),
    "other values": ([("CREATE", A)], [("DELETE", OTHER)], "do not match the current values"),
    "another TTL": (
        [("CREATE", A)],
        [("DELETE", raw(f"web.{ZONE}", "A", "192.0.2.1", "192.0.2.2", ttl="61"))],
        "do not match the current values",
    ),
    "twice": ([], [("CREATE", A), ("CREATE", A)], "already exists"),
    "a CNAME beside others": ([("CREATE", A)], [("CREATE", CNAME)], "conflicts with other records"),
    "others beside a CNAME": ([("CREATE", CNAME)], [("CREATE", A)], "a conflicting RRSet of type"),
    "a CNAME at the apex": ([], [("UPSERT", raw(ZONE, "CNAME", "x.example.org."))], "at apex"),
    "simple and weighted": ([("CREATE", A)], [("CREATE", WEIGHTED)], "same name and type"),
    "another zone": ([], [("CREATE", raw("x.example.org.", "A", "192.0.2.1"))], "not permitted in"),
    "the end of a name": ([], [("CREATE", raw("xexample.com.", "A", "192.0.2.1"))], "permitted"),
    "no address": ([], [("CREATE", raw(f"x.{ZONE}", "A", "192.0.2.256"))], "valid IPv4"),
    "no IPv6 address": ([], [("CREATE", raw(f"x.{ZONE}", "AAAA", "192.0.2.1"))], "valid IPv6"),
    "a bare text": ([], [("CREATE", raw(f"x.{ZONE}", "TXT", "text"))], "in quotation marks"),
    "a raw octet": ([], [("CREATE", raw(f"x.{ZONE}", "TXT", '"ü"'))], "UnsupportedCharacter"),
    "a long string": ([], [("CREATE", raw(f"x.{ZONE}", "TXT", f'"{"x" * 256}"'))], "TooLong"),
    "a long label": ([], [("CREATE", raw(f"{'x' * 64}.{ZONE}", "A", "192.0.2.1"))], "LabelTooLong"),
    "two names": ([], [("CREATE", raw(f"x.{ZONE}", "CNAME", "a.", "b."))], "OnlyOneValue"),
    "no values": ([], [("CREATE", raw(f"x.{ZONE}", "A"))], "Expected exactly one of"),
    "another's alias": ([], [("CREATE", alias("Z35SXDOTRQ7X7K"))], "does not lie within"),
    "many values": ([], [("CREATE", one) for one in MANY], "limit of 1000"),
    "long values": ([], [("CREATE", one) for one in LONG], "limit of 32000"),
    "UPSERT counts twice": ([], [("UPSERT", one) for one in MANY[:501]], "limit of 1000"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_batch_is_refused_and_nothing_of_it_is_done(shim: Shim, zone_id: str, case: str) -> None:
    before, batch, words = REFUSED[case]
    if before:
        assert shim.change(zone_id, before).is_good
    there = told(shim, zone_id)
    first = ("CREATE", raw(f"first.{ZONE}", "A", "192.0.2.1"))
    answer = shim.change(zone_id, [*batch, first] if len(batch) > 9 else [first, *batch])
    assert answer.status == 400
    found = rules.parse(answer.body)
    assert found.findtext("Error/Code") == "InvalidChangeBatch"
    assert words in found.findtext("Error/Message", "")
    assert told(shim, zone_id) == there


DONE = {
    "replace": [[("CREATE", A)], [("DELETE", A), ("CREATE", OTHER)]],
    "the same again": [[("CREATE", A)], [("DELETE", B), ("CREATE", A)]],
    "once more": [[("CREATE", A)], [("DELETE", A)], [("CREATE", A)], [("DELETE", A)]],
    "a CNAME for an A": [[("CREATE", A)], [("DELETE", A), ("CREATE", CNAME)]],
    "back": [[("CREATE", CNAME)], [("DELETE", CNAME), ("CREATE", A)]],
    "UPSERT": [[("UPSERT", A)], [("UPSERT", OTHER)]],
    "an alias": [[("CREATE", alias("Z32O12XQLNTSW2"))], [("DELETE", alias("Z32O12XQLNTSW2"))]],
    "weighted": [[("CREATE", WEIGHTED)], [("DELETE", WEIGHTED)]],
    "texts": [[("CREATE", raw(f"x.{ZONE}", "TXT", '"\\303\\274 \\"" "b"', '""'))]],
    "as many as can be": [[("CREATE", one) for one in MANY[:1000]]],
}


@pytest.mark.parametrize("case", DONE)
def test_a_batch_is_done(shim: Shim, zone_id: str, case: str) -> None:
    expected: dict[rules.SetKey, object] = told(shim, zone_id)
    for batch in DONE[case]:
        answer = shim.change(zone_id, batch)
        assert answer.is_good, answer
        for action, record in batch:
            expected.pop(rules.key_of(record), None)
            if action != "DELETE":
                expected[rules.key_of(record)] = rules.content_of(record)
    assert told(shim, zone_id) == expected


def told(shim: Shim, zone_id: str) -> dict[rules.SetKey, object]:
    return {rules.key_of(one): rules.content_of(one) for one in shim.content(zone_id)}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("WEB.Example.com", "web.example.com."),
        ("*.web.example.com.", "\\052.web.example.com."),
        ("\\052.web.example.com.", "\\052.web.example.com."),
        ("a b.example.com.", "a\\040b.example.com."),
        ("_a.web-1.example.com.", "_a.web-1.example.com."),
    ],
)
def test_names_as_they_are_kept(shim: Shim, zone_id: str, given: str, kept: str) -> None:
    assert shim.change(zone_id, [("CREATE", raw(given, "A", "192.0.2.1"))]).is_good
    assert (kept, "A", "") in told(shim, zone_id)


def test_pages(shim: Shim, zone_id: str) -> None:
    """Of 300; each set once, those of one name and type too."""
    sets = MANY[:590] + [
        raw(f"x.{ZONE}", "A", "192.0.2.1", SetIdentifier=f"s{n:02}", Weight="1") for n in range(20)
    ]
    assert shim.change(zone_id, [("CREATE", one) for one in sets]).is_good
    query, found, pages = "", [], 0
    while query is not None and pages < 9:
        page = rules.parse(
            ask(shim, "GET", f"/hostedzone/{zone_id}/rrset?maxitems=500{query}").body
        )
        found += [rules.key_of(one) for one in page.iter("ResourceRecordSet")]
        pages += 1
        if page.findtext("IsTruncated") != "true":
            break
        query = f"&name={page.findtext('NextRecordName')}&type={page.findtext('NextRecordType')}"
        if identifier := page.findtext("NextRecordIdentifier"):
            query += f"&identifier={identifier}"
    assert pages == 3
    assert len(found) == len(set(found)) == len(sets) + 2


def ask(shim: Shim, method: str, path: str, body: bytes = b"") -> Answer:
    connection = http.client.HTTPConnection(urlsplit(shim.url).netloc, timeout=30)
    try:
        connection.request(method, VERSION + path, body or None)
        response = connection.getresponse()
        return Answer(response.status, response.read())
    finally:
        connection.close()


# --- bad days -----------------------------------------------------------------------------------


def test_five_calls_a_second(shim: Shim, zone_id: str) -> None:
    now = 0.0
    shim.clock, shim.rate = (lambda: now), 5.0
    try:
        now = 100.0
        answers = [ask(shim, "GET", f"/hostedzone/{zone_id}") for _ in range(7)]
        assert [one.status for one in answers] == [200] * 5 + [400] * 2
        assert b"<Code>Throttling</Code><Message>Rate exceeded" in answers[-1].body
        now += 0.2
        assert ask(shim, "GET", f"/hostedzone/{zone_id}").is_good
        assert not ask(shim, "GET", "/hostedzonesbyname").is_good
    finally:
        shim.clock = time.monotonic


def test_a_zone_settles(shim: Shim, zone_id: str) -> None:
    """A second change of the zone is too early; of another zone it is not."""
    other = shim.create("example.org.")
    shim.settling = 60.0

    def change(zone: str, name: str) -> bytes:
        body = rules.serialize(rules.request_of([("CREATE", raw(name, "A", "192.0.2.1"))]))
        return ask(shim, "POST", f"/hostedzone/{zone}/rrset/", body).body

    assert b"ChangeInfo" in change(zone_id, f"a.{ZONE}")
    assert b"<Code>PriorRequestNotComplete</Code>" in change(zone_id, f"b.{ZONE}")
    assert b"ChangeInfo" in change(other, "a.example.org.")


@pytest.mark.parametrize("is_done", [False, True])
def test_a_fault_is_of_one_call_and_says_nothing_of_what_was_done(
    shim: Shim, zone_id: str, is_done: bool
) -> None:
    body = rules.serialize(rules.request_of([("CREATE", A)]))
    shim.faults += [Fault(503, method="POST", is_done=is_done), Fault(0)]
    assert ask(shim, "GET", f"/hostedzone/{zone_id}").is_good
    assert ask(shim, "POST", f"/hostedzone/{zone_id}/rrset", body).status == 503
    assert (rules.key_of(A) in told(shim, zone_id)) is is_done
    with pytest.raises(http.client.RemoteDisconnected):
        ask(shim, "GET", "/hostedzonesbyname")
    assert ask(shim, "GET", "/hostedzonesbyname").is_good


def test_no_such_zone(shim: Shim) -> None:
    for method, path in (("GET", "/hostedzone/ZX"), ("POST", "/hostedzone/ZX/rrset"),
                         ("GET", "/hostedzone/ZX/rrset")):  # fmt: skip
        answer = ask(shim, method, path, rules.serialize(rules.request_of([("CREATE", A)])))
        assert b"NoSuchHostedZone" in answer.body, (method, path)


# --- the emulators alone ------------------------------------------------------------------------


class Alone:
    """An emulator without the shim."""

    def __init__(self, shim: Shim, zone_id: str) -> None:
        self._shim, self._zone_id = shim, zone_id

    def change(self, *changes: tuple[str, Element]) -> Answer:
        body = rules.serialize(rules.request_of(changes))
        return self._shim._forward("POST", f"{VERSION}/hostedzone/{self._zone_id}/rrset/", body)

    def count(self, name: str) -> int:
        return sum(rules.key_of(one)[0] == name for one in self._shim.content(self._zone_id))


@pytest.fixture
def alone(shim: Shim, zone_id: str) -> Alone:
    return Alone(shim, zone_id)


def is_moto(shim: Shim) -> bool:
    return shim.emulator.name == "moto"


def test_fault_of_moto_what_is_there_is_created(shim: Shim, alone: Alone) -> None:
    assert alone.change(("CREATE", A)).is_good
    assert alone.change(("CREATE", OTHER)).is_good is is_moto(shim)
    assert alone.count(f"web.{ZONE}") == 1 + is_moto(shim)


def test_fault_of_moto_what_was_there_is_not_created(shim: Shim, alone: Alone) -> None:
    behind = raw(f"zzz.{ZONE}", "A", "192.0.2.1")
    for change in (("CREATE", A), ("CREATE", behind), ("DELETE", A)):
        assert alone.change(change).is_good
    assert alone.change(("CREATE", A)).is_good is not is_moto(shim)


def test_fault_of_moto_what_is_gone_is_deleted(shim: Shim, alone: Alone) -> None:
    for change in (("CREATE", A), ("DELETE", A)):
        assert alone.change(change).is_good
    assert alone.change(("DELETE", A)).is_good is is_moto(shim)


def test_fault_of_moto_its_words(shim: Shim, alone: Alone) -> None:
    answer = alone.change(("DELETE", A))
    expected = "InvalidInput" if is_moto(shim) else "InvalidChangeBatch"
    assert rules.parse(answer.body).findtext("Error/Code") == expected


def test_fault_of_moto_half_a_batch(shim: Shim, alone: Alone) -> None:
    wrong = raw("x.example.org.", "A", "192.0.2.1") if is_moto(shim) else A
    assert alone.change(("CREATE", A)).is_good
    first = raw(f"first.{ZONE}", "A", "192.0.2.1")
    assert not alone.change(("CREATE", first), ("CREATE", wrong)).is_good
    assert alone.count(f"first.{ZONE}") == is_moto(shim)


@pytest.mark.parametrize(
    "wrong",
    [CNAME, WEIGHTED, raw(f"x.{ZONE}", "A", "192.0.2.256")],
    ids=["CNAME", "weighted", "address"],
)
def test_fault_of_both_what_excludes_each_other(alone: Alone, wrong: Element) -> None:
    assert alone.change(("CREATE", A), ("CREATE", wrong)).is_good


def test_fault_of_both_names_of_other_zones(shim: Shim, alone: Alone) -> None:
    assert alone.change(("CREATE", raw("xexample.com.", "A", "192.0.2.1"))).is_good
    answer = alone.change(("CREATE", raw("x.example.org.", "A", "192.0.2.1")))
    assert answer.is_good is not is_moto(shim)


def test_fault_of_both_names_stay_as_they_were_given(shim: Shim, zone_id: str) -> None:
    record = raw("X", "A", "192.0.2.1")
    body = rules.serialize(rules.request_of([("CREATE", record)]))
    body = body.replace(b">X<", b">*.WEB.example.com.<")
    assert shim._forward("POST", f"{VERSION}/hostedzone/{zone_id}/rrset/", body).is_good
    page = shim._forward("GET", f"{VERSION}/hostedzone/{zone_id}/rrset", b"").body
    assert b"*.WEB.example.com." in page


def test_fault_of_moto_pages_within_a_name(shim: Shim, zone_id: str) -> None:
    sets = [raw(f"x.{ZONE}", "A", "192.0.2.1", SetIdentifier=f"s{n}", Weight="1") for n in range(4)]
    assert shim.change(zone_id, [("CREATE", one) for one in sets]).is_good
    page = f"{VERSION}/hostedzone/{zone_id}/rrset?maxitems=4"
    told = rules.parse(shim._forward("GET", page, b"").body)
    assert (told.findtext("NextRecordIdentifier") is None) is is_moto(shim)


def test_fault_of_moto_lists_of_zones(shim: Shim, zone_id: str) -> None:
    told = rules.parse(shim._forward("GET", f"{VERSION}/hostedzonesbyname", b"").body)
    assert (told.find("IsTruncated") is None) is is_moto(shim)


def test_fault_of_both_private_zones(shim: Shim) -> None:
    config = rules.made("HostedZoneConfig", PrivateZone="true")
    request = rules.made("CreateHostedZoneRequest", config, Name=ZONE, CallerReference="x")
    body = rules.serialize(request)
    assert shim._forward("POST", f"{VERSION}/hostedzone", body).is_good
    assert not ask(shim, "POST", "/hostedzone", body).is_good


def test_the_vpcs_of_a_private_zone_are_told(shim: Shim) -> None:
    zone_id = shim.create(ZONE, ("eu-west-1", "vpc-0e"))
    told = rules.parse(ask(shim, "GET", f"/hostedzone/{zone_id}").body)
    assert told.findtext("VPCs/VPC/VPCId") == "vpc-0e"
    assert told.findtext("VPCs/VPC/VPCRegion") == "eu-west-1"


# --- the program --------------------------------------------------------------------------------


def test_it_serves_until_a_signal_and_prints_what_to_export() -> None:
    if lacking := emulators.missing("ministack"):
        pytest.skip(" ".join(lacking))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.cloud.route53shim", "example.net"],
        cwd=ROOT, env=os.environ | {"PORT": "0"}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    killer = threading.Timer(60, process.kill)
    killer.start()
    try:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(3)]
        match = re.fullmatch(r"export AWS_ENDPOINT_URL_ROUTE_53=http://(\S+)\n", lines[0])
        assert match
        assert lines[1].startswith("export AWS_ACCESS_KEY_ID=")
        assert lines[2].startswith("export AWS_SECRET_ACCESS_KEY=")
        connection = http.client.HTTPConnection(match[1], timeout=30)
        connection.request("GET", f"{VERSION}/hostedzonesbyname")
        assert b"<Name>example.net.</Name>" in connection.getresponse().read()
        connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        killer.cancel()
        process.kill()
        process.wait()
        process.stdout.close()
