"""Record sets ↔ keys of etcd: tables, and that what is written is read again."""

from __future__ import annotations

import json

import hypothesis.strategies as st
import pytest
from hypothesis import given

from feddns.errors import NameRefused, Rejected
from feddns.providers import skydns
from feddns.providers.recordsets import RecordSet, quoted_octets, record_set
from feddns.providers.skydns import Entry, Layout

ZONE = "example.com."
ROOT = "/skydns/com/example"
LAYOUT = Layout(ZONE)


def read(key: str, value: str) -> list[str]:
    """`name TTL type values` of one key below the zone's."""
    entry = LAYOUT.entry(f"{ROOT}{key}", value.encode(), 1)
    return [] if entry is None else sorted(map(str, skydns.record_sets([entry])))


KEYS = [
    # as it spells
    ("/web", '{"host":"192.0.2.1","ttl":60}', ["web.example.com. 60 A 192.0.2.1"]),
    ("/shop/web", '{"host":"2001:DB8::1"}', ["web.shop.example.com. 300 AAAA 2001:db8::1"]),
    ("/web", '{"host":"::ffff:192.0.2.1"}', ["web.example.com. 300 A 192.0.2.1"]),
    ("/web", '{"host":"fe80::1%eth0"}', ["web.example.com. 300 CNAME fe80::1%eth0."]),
    ("/web", '{"host":"Lb.example.net"}', ["web.example.com. 300 CNAME lb.example.net."]),
    ("/web", '{"host":"lb.example.net."}', ["web.example.com. 300 CNAME lb.example.net."]),
    ("/web", '{"host":"a..b"}', []),
    ("/web", '{"text":"a\\\\\\"b"}', ['web.example.com. 300 TXT "a\\"b"']),
    ("/web", '{"text":"\\\\065\\\\"}', ['web.example.com. 300 TXT "A"']),
    ("/web", '{"text":"\\\\"}', ['web.example.com. 300 TXT ""']),
    ("/web", '{"text":"ü"}', ['web.example.com. 300 TXT "\\195\\188"']),
    ("/web", '{"ttl":60}', []),
    (
        "/web", '{"host":"192.0.2.1","text":"x"}',
        ["web.example.com. 300 A 192.0.2.1", 'web.example.com. 300 TXT "x"'],
    ),
    ("/m", '{"host":"mx.example.net","mail":true}', ["m.example.com. 300 MX 10 mx.example.net."]),
    (
        "/m", '{"host":"mx.example.net","mail":true,"priority":5}',
        ["m.example.com. 300 MX 5 mx.example.net."],
    ),
    (
        "/_tcp/_sip", '{"host":"sip.example.com","port":5060,"weight":7}',
        ["_sip._tcp.example.com. 300 SRV 10 7 5060 sip.example.com."],
    ),
    ("/web", '{"host":"192.0.2.1","port":80}', ["web.example.com. 300 A 192.0.2.1"]),
    # its name is above
    ("/web/x1", '{"host":"192.0.2.1","targetstrip":1}', ["web.example.com. 300 A 192.0.2.1"]),
    ("/web/x/y", '{"host":"192.0.2.1","targetstrip":2}', ["web.example.com. 300 A 192.0.2.1"]),
    ("/x1", '{"text":"a","targetstrip":1}', ['example.com. 300 TXT "a"']),
    ("/x1", '{"text":"a","targetstrip":9}', ['example.com. 300 TXT "a"']),
    ("/web/x1", '{"host":"192.0.2.1","group":"web.example.com"}',
     ["web.example.com. 300 A 192.0.2.1"]),
    ("/web/x1", '{"host":"192.0.2.1","group":"web.example.com."}',
     ["web.example.com. 300 A 192.0.2.1"]),
    ("/web/x1", '{"host":"192.0.2.1","group":"web"}', ["x1.web.example.com. 300 A 192.0.2.1"]),
    ("/dns/apex", '{"host":"192.0.2.1"}', ["example.com. 300 A 192.0.2.1"]),
    ("/dns/apex/x1", '{"host":"192.0.2.1"}', ["example.com. 300 A 192.0.2.1"]),
    ("/dns/apex/x1/x2", '{"host":"192.0.2.1"}', ["x2.x1.apex.dns.example.com. 300 A 192.0.2.1"]),
    ("/dns/ns/a", '{"host":"192.0.2.1"}', ["a.ns.dns.example.com. 300 A 192.0.2.1"]),
    # TTLs
    ("/web", '{"host":"192.0.2.1","ttl":0}', ["web.example.com. 300 A 192.0.2.1"]),
    ("/web", '{"host":"192.0.2.1","ttl":1,"feddns/ttl":0}', ["web.example.com. 0 A 192.0.2.1"]),
    ("/web", '{"host":"192.0.2.1","ttl":4294967295}',
     ["web.example.com. 4294967295 A 192.0.2.1"]),
    ("/web", '{"Host":"192.0.2.1","TTL":60,"text":null}', ["web.example.com. 60 A 192.0.2.1"]),
    # what CoreDNS cannot read, or is never asked for
    ("/web", '{"host":"192.0.2.1","ttl":4294967296}', []),
    ("/web", '{"host":"192.0.2.1","ttl":"60"}', []),
    ("/web", '["192.0.2.1"]', []),
    ("/web", "192.0.2.1", []),
    ("/web", "", []),
    ("/WEB", '{"host":"192.0.2.1"}', []),
    ("//web", '{"host":"192.0.2.1"}', []),
    (f"/{'x' * 64}", '{"host":"192.0.2.1"}', []),
    ("/ü", '{"host":"192.0.2.1"}', []),
    ("-2/web", '{"host":"192.0.2.1"}', []),
    ("", '{"host":"192.0.2.1"}', []),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "expected"), KEYS)
def test_a_key(key: str, value: str, expected: list[str]) -> None:
    assert read(key, value) == expected


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"ttl":-1}', b'{"port":"x"}', b"\xff"])
def test_a_key_that_coredns_cannot_read_is_known_for_one(raw: bytes) -> None:
    entry = LAYOUT.entry(f"{ROOT}/web/x1", raw, 1)
    assert entry is not None
    assert entry.is_broken
    assert not entry.has_host


def test_one_set_of_several_keys() -> None:
    """The smallest TTL; keys of one name in whatever form."""
    entries = [
        entry(f"{ROOT}/web/x1", '{"host":"192.0.2.2","ttl":60,"targetstrip":1}'),
        entry(f"{ROOT}/web/x2", '{"host":"192.0.2.1","ttl":30,"group":"web.example.com"}'),
        entry(f"{ROOT}/web", '{"host":"192.0.2.10","ttl":90}'),
    ]
    assert skydns.record_sets(entries) == [
        record_set("web.example.com.", "A", 30, ["192.0.2.1", "192.0.2.2", "192.0.2.10"])
    ]


def entry(key: str, value: str) -> Entry:
    found = LAYOUT.entry(key, value.encode(), 1)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("prefix", "root"),
    [("skydns", "/skydns/com/example"), ("/dns/one/", "/dns/one/com/example")],
)
def test_the_prefix(prefix: str, root: str) -> None:
    layout = Layout(ZONE, prefix)
    assert layout.root == root
    assert layout.path(f"web.{ZONE}", "A") == f"{root}/web"
    found = layout.entry(f"{root}/web", b'{"host":"192.0.2.1"}', 1)
    assert found is not None
    assert found.name == f"web.{ZONE}"


@pytest.mark.parametrize(
    ("name", "type", "path"),
    [
        ("web.shop.example.com.", "A", "/shop/web"),
        ("_a.web.example.com.", "TXT", "/web/_a"),
        ("example.com.", "A", "/dns/apex"),
        ("example.com.", "AAAA", "/dns/apex"),
        ("example.com.", "TXT", ""),
    ],
)
def test_paths(name: str, type: str, path: str) -> None:
    assert LAYOUT.path(name, type) == ROOT + path


@pytest.mark.parametrize(
    "name", ["example.org.", "notexample.com.", "com.", "any.example.com.", "*.example.com.",
             "a/b.example.com.", "a\\046b.example.com.", "x.any.example.com."],
)  # fmt: skip
def test_no_paths(name: str) -> None:
    with pytest.raises(Rejected):
        LAYOUT.path(name, "A")


def test_the_names_above() -> None:
    assert [*LAYOUT.above(f"{ROOT}/svc/shop/web")] == [f"{ROOT}/svc/shop", f"{ROOT}/svc"]
    assert [*LAYOUT.above(ROOT)] == []


def test_an_alias_that_looks_like_an_address() -> None:
    """`10.0.0.1.` is a name."""
    (value,) = skydns.values(RecordSet("web.example.com.", "CNAME", 60, ("10.0.0.1.",)))
    assert value.host == "10.0.0.1."
    assert read("/web", skydns.encoded(value).decode()) == ["example.com. 60 CNAME 10.0.0.1."]


def test_no_values() -> None:
    with pytest.raises(Rejected, match="has no values"):
        skydns.values(RecordSet("web.example.com.", "A", 60, ()))


@pytest.mark.parametrize("value", ['"no end', "\\999", '"a" "b"', '"x\\'])
def test_texts_that_are_none(value: str) -> None:
    with pytest.raises((Rejected, NameRefused)):
        skydns.values(RecordSet("web.example.com.", "TXT", 60, (value,)))


@given(st.binary(max_size=600))
def test_every_text_is_read_as_it_was_written_or_refused(octets: bytes) -> None:
    record = RecordSet("web.example.com.", "TXT", 60, (quoted_octets(octets),))
    try:
        (value,) = skydns.values(record)
    except Rejected:
        assert b"\\" in octets or any(octet > 127 for octet in octets)
        assert len(octets) > 60
        return
    assert b"".join(skydns.strings(value.text)) == octets
    made = LAYOUT.entry(f"{ROOT}/web/{skydns.label(value)}", skydns.encoded(value), 1)
    assert made is not None
    assert skydns.record_sets([made]) == [record]


@given(st.binary(max_size=254).filter(lambda octets: b"\\" not in octets and octets.isascii()))
def test_plain_texts_are_written_as_they_are(octets: bytes) -> None:
    (value,) = skydns.values(RecordSet("w.example.com.", "TXT", 60, (quoted_octets(octets),)))
    assert value.text == (octets.decode() or "\\")


def test_what_stays_of_a_key() -> None:
    both = '{"text":"mine","host":"192.0.2.1","owner":"them","port":80,"ttl":60}'
    found = entry(f"{ROOT}/web", both)
    left = skydns.without(found, "A")
    assert left is not None
    assert json.loads(left) == {"text": "mine", "owner": "them", "ttl": 60}
    left = skydns.without(found, "TXT")
    assert left is not None
    assert json.loads(left) == {"host": "192.0.2.1", "owner": "them", "port": 80, "ttl": 60}
    left = skydns.without(entry(f"{ROOT}/web", '{"Host":"192.0.2.1","Text":"x"}'), "A")
    assert left == b'{"Text":"x"}'
    assert skydns.without(entry(f"{ROOT}/web", '{"host":"192.0.2.1"}'), "A") is None
