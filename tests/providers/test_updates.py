"""Changes as messages of DNS UPDATE, read by dnspython."""

from __future__ import annotations

import dns.message
import dns.rdataclass
import dns.rdatatype
import dns.update
import pytest

from feddns.errors import NameRefused
from feddns.providers import updates
from feddns.providers.recordsets import Change, RecordSet, record_set
from feddns.providers.updates import TooLong

ZONE = "example.com."
A = record_set("web.example.com.", "A", 180, ["192.0.2.2", "192.0.2.1"])
AAAA = record_set("web.example.com.", "AAAA", 180, ["2001:db8::1"])
CNAME = record_set("web.example.com.", "CNAME", 60, ["up.example.com."])
CLAIM = record_set("a-web.example.com.", "TXT", 180, ['"heritage=external-dns,a=\\"b\\""'])


def written(*changes: Change) -> tuple[list[str], list[str]]:
    """Prerequisites and updates, one record a line."""
    message = dns.message.from_wire(updates.write(ZONE, changes))
    assert isinstance(message, dns.update.UpdateMessage)
    (zone,) = message.zone
    assert (zone.name.to_text(), zone.rdtype, zone.rdclass) == (ZONE, 6, 1)
    return lines(message.prerequisite), lines(message.update)


def lines(section: list) -> list[str]:
    found = []
    for rrset in section:
        name = rrset.name.to_text().removesuffix(f".{ZONE}")
        kind = dns.rdataclass.to_text(rrset.deleting or rrset.rdclass)
        type = dns.rdatatype.to_text(rrset.rdtype)
        head = f"{name} {rrset.ttl} {kind} {type}"
        found += [f"{head} {rdata.to_text()}" for rdata in rrset] or [head]
    return found


def test_an_addition() -> None:
    assert written(Change("web", (), (A, CLAIM))) == (
        ["web 0 NONE A", "web 0 NONE CNAME", "a-web 0 NONE TXT", "a-web 0 NONE CNAME"],
        ["web 180 IN A 192.0.2.1", "web 180 IN A 192.0.2.2",
         'a-web 180 IN TXT "heritage=external-dns,a=\\"b\\""'],
    )  # fmt: skip


def test_a_replacement_with_its_claim() -> None:
    new = record_set("web.example.com.", "A", 60, ["192.0.2.9"])
    assert written(Change("web", (A,), (new,), keeps=(CLAIM,))) == (
        ['a-web 0 IN TXT "heritage=external-dns,a=\\"b\\""',
         "web 0 IN A 192.0.2.1", "web 0 IN A 192.0.2.2", "web 0 NONE CNAME"],
        ["web 0 ANY A", "web 60 IN A 192.0.2.9"],
    )  # fmt: skip


def test_a_removal() -> None:
    assert written(Change("web", (A, AAAA))) == (
        ["web 0 IN A 192.0.2.1", "web 0 IN A 192.0.2.2", "web 0 IN AAAA 2001:db8::1"],
        ["web 0 ANY A", "web 0 ANY AAAA"],
    )


def test_a_new_alias_stands_alone() -> None:
    assert written(Change("web", (), (CNAME,))) == (
        ["web 0 NONE ANY"],
        ["web 60 IN CNAME up.example.com."],
    )


def test_an_alias_in_place_of_addresses() -> None:
    """Every other type is named: no prerequisite says "nothing else"."""
    required, updated = written(Change("web", (A,), (CNAME,)))
    assert required[:3] == ["web 0 IN A 192.0.2.1", "web 0 IN A 192.0.2.2", "web 0 NONE CNAME"]
    assert set(required[3:]) == {f"web 0 NONE {type}" for type in updates.EXCLUDED if type != "A"}
    assert updated == ["web 0 ANY A", "web 60 IN CNAME up.example.com."]


def test_addresses_in_place_of_an_alias() -> None:
    assert written(Change("web", (CNAME,), (A, AAAA))) == (
        ["web 0 IN CNAME up.example.com.", "web 0 NONE A", "web 0 NONE AAAA"],
        ["web 0 ANY CNAME", "web 180 IN A 192.0.2.1", "web 180 IN A 192.0.2.2",
         "web 180 IN AAAA 2001:db8::1"],
    )  # fmt: skip


def test_any_type() -> None:
    mx = record_set("web.example.com.", "MX", 60, ["10 mx.example.net."])
    unknown = record_set("web.example.com.", "TYPE65280", 60, ["\\# 2 abcd"])
    assert written(Change("web", (mx,), (unknown,)))[1] == [
        "web 0 ANY MX", "web 60 IN TYPE65280 \\# 2 abcd",
    ]  # fmt: skip


def test_a_message_of_several_changes_looks_at_all_before_the_first() -> None:
    other = record_set("b.example.com.", "A", 60, ["192.0.2.1"])
    required, updated = written(Change("web", (A,)), Change("b", (), (other,)))
    assert required == [
        "web 0 IN A 192.0.2.1", "web 0 IN A 192.0.2.2", "b 0 NONE A", "b 0 NONE CNAME",
    ]  # fmt: skip
    assert updated == ["web 0 ANY A", "b 60 IN A 192.0.2.1"]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (RecordSet("web.example.com.", "A", 60, ()), "no values"),
        (RecordSet("web.example.com.", "A", 60, ("192.0.2.256",)), "no address"),
        (RecordSet("web.example.com.", "A", -1, ("192.0.2.1",)), "no TTL"),
        (RecordSet("web.example.com.", "A", 2**31, ("192.0.2.1",)), "no TTL"),
        (RecordSet("web.example.com.", "MX", 60, ("ten mx.",)), "no MX record"),
        (RecordSet("web.example.com.", "ALIAS", 60, ("up.example.com.",)), "ALIAS is no type"),
        (RecordSet("web.example.com.", "CNAME", 60, ("a..b.",)), "empty label"),
        (RecordSet("web.example.com.", "CNAME", 60, ("a.", "b.")), "2 CNAMEs"),
        (RecordSet("web.example.org.", "A", 60, ("192.0.2.1",)), "does not lie in"),
        (RecordSet("notexample.com.", "A", 60, ("192.0.2.1",)), "does not lie in"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_said(record: RecordSet, words: str) -> None:
    with pytest.raises(NameRefused, match=words):
        updates.write(ZONE, [Change("web", (), (record,))])


def test_a_cname_beside_our_own() -> None:
    with pytest.raises(NameRefused, match="cannot have a CNAME and something else"):
        updates.write(ZONE, [Change("web", (), (A, CNAME))])


def test_a_message_has_an_end() -> None:
    many = [
        Change("x", (), (record_set(f"x{n}.example.com.", "TXT", 60, [f'"{"y" * 250}"']),))
        for n in range(300)
    ]
    with pytest.raises(TooLong):
        updates.write(ZONE, many)
    assert len(updates.write(ZONE, many[:200])) < updates.LONGEST


def test_batches_touch_each_name_once() -> None:
    one, two, three = (Change(name, (), (record(name),)) for name in "abc")
    again = Change("a", (record("a"),))
    kept = Change("d", (), (record("d"),), keeps=(record("b"),))
    found = [[*batch] for batch in updates.batches([one, two, again, three, kept, two], 3)]
    assert found == [[one, two], [again, three, kept], [two]]
    assert [[*batch] for batch in updates.batches([one, two, three], 2)] == [[one, two], [three]]
    assert list(updates.batches([], 2)) == []


def record(name: str) -> RecordSet:
    return record_set(f"{name}.example.com.", "A", 60, ["192.0.2.1"])
