"""Record sets of Route 53 and ours: spelling, aliases, what is somebody's policy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddns import names
from feddns.errors import NameRefused
from feddns.providers import awsbalancers, awsrecords
from feddns.providers.recordsets import RecordSet, quoted, quoted_octets, record_set

ELB = "web-1.eu-west-1.elb.amazonaws.com."
WEB = "web.example.com."


def plain(name: str, type: str, *values: str, ttl: int = 60) -> dict[str, Any]:
    records = [{"Value": value} for value in values]
    return {"Name": name, "Type": type, "TTL": ttl, "ResourceRecords": records}


def alias(type: str, host: str = ELB, zone: str = "Z32O12XQLNTSW2", **more: Any) -> dict[str, Any]:
    target = {"HostedZoneId": zone, "DNSName": host, "EvaluateTargetHealth": False, **more}
    return {"Name": WEB, "Type": type, "AliasTarget": target}


def read(*sets: dict[str, Any]) -> list[awsrecords.Found]:
    return awsrecords.read(sets)


# --- spelling -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("\\052.web.example.com.", "*.web.example.com."),
        ("*.web.example.com.", "*.web.example.com."),
        ("_sip._tcp.example.com.", "_sip._tcp.example.com."),
        ("web.example.com", WEB),
        ("WEB.Example.COM.", WEB),
        ("a\\056b.example.com.", "a\\.b.example.com."),
        ("a\\134b\\100.example.com.", "a\\\\b\\@.example.com."),
        ("\\303\\274.example.com.", "\\195\\188.example.com."),
        ("sp\\040ace.example.com.", "sp\\032ace.example.com."),
    ],
)
def test_names(theirs: str, ours: str) -> None:
    assert awsrecords.read_name(theirs) == ours
    assert awsrecords.read_name(awsrecords.write_name(ours)) == ours


def test_what_is_no_name_stays_as_it_is() -> None:
    assert awsrecords.read_name("a..B.example.com.") == "a..b.example.com."


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=5))
def test_names_of_any_octets_come_back(labels: list[bytes]) -> None:
    name = names.format(names.from_labels([label.lower() for label in labels]))
    theirs = awsrecords.write_name(name)
    assert awsrecords.read_name(theirs) == name
    assert "\\" not in theirs.replace("\\0", "").replace("\\1", "").replace("\\2", "").replace(
        "\\3", ""
    )


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ('"plain text"', '"plain text"'),
        ('"a" "b c" ""', '"a" "b c" ""'),
        ('"\\303\\274 \\011"', '"\\195\\188 \\009"'),
        ('"say \\"hi\\""', '"say \\"hi\\""'),
        ('"back\\134slash"', '"back\\\\slash"'),
        ('"\\042"', '"\\""'),
        ('"ü"', '"\\195\\188"'),
        ('"\\x"', '"x"'),
        ("unquoted\\303", "unquoted\\303"),
    ],
)
def test_texts(theirs: str, ours: str) -> None:
    (found,) = read(plain(WEB, "TXT", theirs))
    assert found.record.values == (ours,)
    (written,) = awsrecords.write(found.record)
    (again,) = read(written)
    assert again.record == found.record
    assert not again.written
    if found.written:
        assert found.written == (plain(WEB, "TXT", theirs),)


@given(st.binary(max_size=600))
def test_texts_of_any_octets_come_back(octets: bytes) -> None:
    record = record_set(WEB, "TXT", 60, [quoted_octets(octets)])
    (written,) = awsrecords.write(record)
    assert written["ResourceRecords"][0]["Value"].isascii()
    assert read(written) == [awsrecords.Found(record)]


def test_a_backslash_and_a_number_are_not_an_octet() -> None:
    record = record_set(WEB, "TXT", 60, [quoted("\\065 and \\\\065")])
    (written,) = awsrecords.write(record)
    assert written["ResourceRecords"][0]["Value"] == '"\\134065 and \\134\\134065"'
    assert read(written)[0].record == record


def test_what_others_spell_otherwise_is_kept_as_they_did() -> None:
    theirs = plain(WEB, "AAAA", "2001:DB8:0:0:0:0:0:2", "2001:db8::1")
    (found,) = read(theirs)
    assert found.record == record_set(WEB, "AAAA", 60, ["2001:db8::1", "2001:db8::2"])
    assert found.written == (theirs,)
    (found,) = read(plain(WEB, "CNAME", "Example.net"))
    assert found.record.values == ("example.net.",)
    assert found.written
    (found,) = read(plain(WEB, "A", "192.0.2.2", "192.0.2.1"))
    assert not found.written


# --- aliases ------------------------------------------------------------------------------------


def test_an_alias_is_two_record_sets_there() -> None:
    record = RecordSet(WEB, "ALIAS", awsrecords.ALIAS_TTL, (ELB,))
    written = awsrecords.write(record)
    assert written == (alias("A"), alias("AAAA"))
    assert read(*written) == [awsrecords.Found(record, written)]


@pytest.mark.parametrize(
    "sets",
    [
        [alias("A")],
        [alias("AAAA")],
        [alias("A"), alias("AAAA", EvaluateTargetHealth=True)],
        [alias("A", EvaluateTargetHealth=True), alias("AAAA", EvaluateTargetHealth=True)],
        [alias("A"), alias("AAAA", "web-2.eu-west-1.elb.amazonaws.com.")],
        [alias("A", WEB, "Z1"), alias("AAAA", WEB, "Z1")],
        [alias("A"), plain(WEB, "AAAA", "2001:db8::1")],
        [alias("A") | {"HealthCheckId": "h"}, alias("AAAA")],
    ],
    ids=range(8),
)
def test_other_aliases_are_what_they_are(sets: list[dict[str, Any]]) -> None:
    found = read(*sets)
    assert [one.record.type for one in found] == [one["Type"] for one in sets]
    assert not any(one.is_routed for one in found)
    for one, raw in zip(found, sets, strict=True):
        assert one.written == (raw,) or "ResourceRecords" in raw


@pytest.mark.parametrize(
    ("host", "zone"),
    [
        (ELB, "Z32O12XQLNTSW2"),
        ("dualstack.web-1.us-east-1.elb.amazonaws.com.", "Z35SXDOTRQ7X7K"),
        ("web-1.elb.us-east-1.amazonaws.com.", "Z26RNL4JYFTOTI"),
        ("web-1.cn-north-1.elb.amazonaws.com.cn.", "Z1GDH35T77C1KE"),
        ("web-1.mars-north-1.elb.amazonaws.com.", ""),
        ("eu-west-1.elb.amazonaws.com.", ""),
        ("eu-west-1.elb.amazonaws.com.example.com.", ""),
        ("web.example.net.", ""),
    ],
)
def test_load_balancers(host: str, zone: str) -> None:
    assert awsbalancers.hosted_zone(host) == zone
    if not zone:
        with pytest.raises(NameRefused, match="no load balancer of AWS"):
            awsrecords.write(RecordSet(WEB, "ALIAS", 60, (host,)))


def test_an_alias_stays_in_its_partition() -> None:
    here, china = awsbalancers.suffixes("eu-west-1"), awsbalancers.suffixes("cn-north-1")
    assert len(here) == 2 * 34
    assert "elb.eu-west-1.amazonaws.com." in here
    assert not any(".cn." in one or "gov" in one for one in here)
    assert len(china) == 4
    assert all(one.endswith(".com.cn.") for one in china)
    assert len(awsbalancers.suffixes("us-gov-west-1")) == 4


# --- routing ------------------------------------------------------------------------------------


def test_weighted_sets_are_one_and_somebody_s() -> None:
    sets = [
        plain(WEB, "A", f"192.0.2.{number}") | {"SetIdentifier": f"s{number}", "Weight": number}
        for number in (1, 2)
    ]
    (found,) = read(*sets)
    assert found.is_routed
    assert found.written == tuple(sets)
    assert found.record.key == (WEB, "A")
    assert len(found.record.values) == 2
    assert '"Weight": 1' in found.record.values[0]
    assert read(*reversed(sets))[0].record == found.record


@pytest.mark.parametrize(
    "more",
    [
        {"SetIdentifier": "eu", "GeoLocation": {"ContinentCode": "EU"}},
        {"SetIdentifier": "x", "Failover": "PRIMARY", "HealthCheckId": "h"},
        {"TrafficPolicyInstanceId": "t"},
    ],
)
def test_one_set_with_a_policy_is_somebody_s(more: dict[str, Any]) -> None:
    (found,) = read(plain(WEB, "A", "192.0.2.1") | more)
    assert found.is_routed
    assert found.record != record_set(WEB, "A", 60, ["192.0.2.1"])
