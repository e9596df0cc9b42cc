"""Whose a record set is: the table of `ownership`; following changes is as good as reading."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from feddns.errors import NameRefused
from feddns.providers import ownership
from feddns.providers.ownership import Holdings, Mark, Owned, claim, divide, registry
from feddns.providers.recordsets import Change, RecordSet, quoted, record_set, unquoted

US = registry("feddns-ufp")
SEALED = registry("feddns-ufp", key="0123456789abcdef0123456789abcdef")
OTHER = registry("feddns-other")
MARK = Mark("service/test/web", ("c1", "c2"), 7)

WEB = record_set("web.example.com", "A", 180, ["192.0.2.1"])
WEB6 = record_set("web.example.com", "AAAA", 180, ["2001:db8::1"])
ALIAS = record_set("web.example.com", "ALIAS", 60, ["lb.example.net"])
EU = record_set("eu.web.example.com", "CNAME", 180, ["web.example.com"])
MAIL = record_set("web.example.com", "MX", 300, ["10 mail.example.com."])


def said(owner: str, *more: str, name: str = "_a.web.example.com", also: tuple[str, ...] = ()):
    text = ",".join(["heritage=external-dns", f"external-dns/owner={owner}", *more])
    return record_set(name, "TXT", 300, [quoted(text), *also])


# --- what a claim says --------------------------------------------------------------------------


def test_a_claim_as_text() -> None:
    assert str(claim(WEB, MARK, US)) == (
        '_a.web.example.com. 300 TXT "heritage=external-dns,external-dns/owner=feddns-ufp,'
        'external-dns/resource=service/test/web,feddns/clusters=c1+c2,feddns/generation=7"'
    )


@pytest.mark.parametrize("registry", [US, SEALED])
@pytest.mark.parametrize("mark", [MARK, Mark("service/a/b"), Mark("", (), 2**63)])
def test_provenance_and_back(registry: ownership.Registry, mark: Mark) -> None:
    made = claim(WEB, mark, registry)
    assert made == claim(WEB, mark, registry)
    assert divide([WEB, made], registry).ours == {WEB.key: Owned(WEB, made, mark)}
    assert mark.service == mark.resource.removeprefix("service/")


def test_a_sealed_claim_tells_nothing() -> None:
    made = claim(WEB, MARK, SEALED)
    assert made.name == "_a.web.example.com."
    assert "test" not in made.values[0]
    assert divide([WEB, made], US).foreign == {WEB.key: WEB, made.key: made}


def test_claims_from_before_there_was_a_key_still_count() -> None:
    made = claim(WEB, MARK, US)
    assert divide([WEB, made], SEALED).ours == {WEB.key: Owned(WEB, made, MARK)}


@pytest.mark.parametrize("registry", [US, SEALED])
@pytest.mark.parametrize("count", [20, 100, 3000])
def test_many_clusters_are_cut(registry: ownership.Registry, count: int) -> None:
    """So that a claim stays small, and a sealed one is one string, which external-dns needs."""
    mark = Mark("service/test/web", tuple(f"cluster-{number:04}" for number in range(count)), 7)
    made = claim(WEB, mark, registry)
    text = unquoted(made.values[0])
    assert len(text) < 1000
    if registry is SEALED:
        assert len(text) <= 255
    (own,) = divide([WEB, made], registry).ours.values()
    assert own.mark.generation == 7
    if own.mark != mark:
        *told, rest = own.mark.clusters
        assert tuple(told) == mark.clusters[: len(told)]
        assert rest == "..."


@pytest.mark.parametrize(("last", "is_whole"), [("c" * 10, True), ("c" * 11, False)])
def test_a_list_of_clusters_that_just_fits(last: str, is_whole: bool) -> None:
    mark = Mark("service/test/web", (*["c" * 9] * 79, last))
    assert len("+".join(mark.clusters)) == ownership.LONGEST_LIST + (not is_whole)
    (own,) = divide([WEB, claim(WEB, mark, US)], US).ours.values()
    assert own.mark.clusters == (mark.clusters if is_whole else (*mark.clusters[:79], "..."))


def test_a_name_that_is_too_long_to_be_claimed() -> None:
    long = ".".join(["a" * 63] * 3 + ["b" * 57]) + "."
    with pytest.raises(NameRefused):
        claim(record_set(long, "CNAME", 5, ["a.b"]), MARK, US)
    assert claim(record_set(long[2:], "A", 5, ["192.0.2.1"]), MARK, US).name == f"_a.{long[2:]}"


# --- the table ----------------------------------------------------------------------------------

OURS_6 = claim(WEB6, MARK, US)
BARE = record_set("_a.web.example.com", "TXT", 300, [unquoted(claim(WEB, MARK, US).values[0])])
TABLE = [
    # name, the zone, what is ours: record and claim
    ("nothing", [], []),
    ("ours", [WEB, claim(WEB, MARK, US)], [(WEB, claim(WEB, MARK, US))]),
    ("an orphan", [claim(WEB, MARK, US)], [(None, claim(WEB, MARK, US))]),
    ("no claim", [WEB, MAIL], []),
    ("another federation's", [WEB, claim(WEB, MARK, OTHER)], []),
    ("external-dns' with another id", [WEB, said("ext", "external-dns/resource=x")], []),
    ("external-dns' with our id", [WEB, said("feddns-ufp", "external-dns/resource=x")], []),
    ("another heritage",
     [WEB, record_set("_a.web.example.com", "TXT", 5, ['"heritage=mate,feddns/generation=1"'])],
     []),
    ("no number", [WEB, said("feddns-ufp", "feddns/generation=x")], []),
    ("among other values", [WEB, said("feddns-ufp", "feddns/generation=1", also=('"x"',))], []),
    ("one type of two", [WEB, WEB6, OURS_6], [(WEB6, OURS_6)]),
    ("an ALIAS", [ALIAS, claim(ALIAS, MARK, US)], [(ALIAS, claim(WEB, MARK, US))]),
    ("a CNAME", [EU, claim(EU, MARK, US)], [(EU, claim(EU, MARK, US))]),
    ("others at our name", [WEB, MAIL, claim(WEB, MARK, US)], [(WEB, claim(WEB, MARK, US))]),
    ("a claim for another type", [EU, claim(WEB, MARK, US)], [(None, claim(WEB, MARK, US))]),
    ("an unquoted TXT", [WEB, BARE], [(WEB, BARE)]),
    ("external-dns' names", [WEB, said("feddns-ufp", "feddns/generation=1",
                                       name="a-web.example.com")], []),
]  # fmt: skip


@pytest.mark.parametrize(("_id", "zone", "ours"), TABLE, ids=[row[0] for row in TABLE])
@pytest.mark.parametrize("is_reversed", [False, True])
def test_whose(_id: str, zone: list[RecordSet], ours: list[tuple], is_reversed: bool) -> None:
    holdings = divide(zone[::-1] if is_reversed else zone, US)
    assert [(own.record, own.claim) for own in holdings.ours.values()] == ours
    mine = {record for pair in ours for record in pair}
    assert set(holdings.foreign.values()) == set(zone) - mine
    assert sorted(holdings.records()) == sorted(zone)


def test_by_name() -> None:
    spf = record_set("web.example.com", "TXT", 300, ['"v=spf1 -all"'])
    holdings = divide([WEB, MAIL, spf, claim(WEB, MARK, US), EU, claim(EU, MARK, US)], US)
    assert [own.record for own in holdings.owned_at(WEB.name)] == [WEB]
    assert sorted(holdings.foreign_at(WEB.name)) == sorted([MAIL, spf])
    assert holdings.owned_at("_a.web.example.com.") == []
    assert holdings.claim_at("_a.web.example.com.") == holdings.ours[WEB.key]
    assert holdings.claim_at("_aaaa.web.example.com.") is None
    assert holdings.claim_at("web.example.com.") is None
    assert set(holdings.owned_names()) == {WEB.name, EU.name}
    aliased = divide([ALIAS, claim(ALIAS, MARK, US)], US)
    assert aliased.claim_at("_a.web.example.com.") == aliased.ours[ALIAS.key]


# --- following ----------------------------------------------------------------------------------

POOL = [
    WEB, WEB6, ALIAS, EU, MAIL, record_set("web.example.com", "A", 180, ["192.0.2.9"]),
    record_set("eu.web.example.com", "A", 60, ["192.0.2.3"]),
    *(claim(record, mark, whose) for record in (WEB, WEB6, EU)
      for mark in (MARK, Mark("service/a/b")) for whose in (US, OTHER)),
    said("feddns-ufp", "feddns/generation=1", also=('"x"',)),
    record_set("_a.web.example.com", "A", 60, ["192.0.2.4"]),
]  # fmt: skip
steps = st.lists(st.tuples(st.booleans(), st.sampled_from(POOL)), max_size=25)


def seen(holdings: Holdings) -> tuple:
    names = {record.name for record in POOL}
    at = {
        name: (sorted(map(str, holdings.owned_at(name))), sorted(holdings.foreign_at(name)),
               holdings.claim_at(name))
        for name in names
    }  # fmt: skip
    return holdings.ours, holdings.foreign, at, set(holdings.owned_names())


@given(steps)
def test_following_is_as_good_as_reading(steps: list[tuple[bool, RecordSet]]) -> None:
    holdings, zone = Holdings(US), {}
    for is_there, record in steps:
        if is_there:
            holdings.put(record)
            zone[record.key] = record
        else:
            holdings.remove(record.key)
            zone.pop(record.key, None)
    assert sorted(holdings.records()) == sorted(zone.values())
    assert seen(holdings) == seen(divide(zone.values(), US))


def test_a_change_and_back() -> None:
    zone = [WEB, claim(WEB, MARK, US), MAIL]
    holdings = divide(zone, US)
    before = seen(divide(zone, US))
    change = Change(
        WEB.name, (WEB, claim(WEB, MARK, US)), (ALIAS, WEB6, claim(ALIAS, MARK, US), OURS_6)
    )
    holdings.follow(change)
    assert set(holdings.ours) == {ALIAS.key, WEB6.key}
    holdings.follow(change.undone())
    assert seen(holdings) == before
