"""external-dns in the same zone: neither touches what the other has, in any of these settings.

Asks the real one (`externaldns`): it reads our claims, we read its own, both names alike.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from feddns.providers import claims, ownership, plan, sealing
from feddns.providers.desired import Wanted
from feddns.providers.ownership import Holdings, Mark, Registry
from feddns.providers.plan import Reason, Source, Terms
from feddns.providers.recordsets import Key, RecordSet, record_set, unquoted
from tests import clusters
from tests.providers import externaldns
from tests.providers.test_claims import NAMES

ZONE = "example.com."
KEY = "0123456789abcdef0123456789abcdef"
PROOF = (Source("services", "7"),)

A = record_set("web.example.com", "A", 180, ["192.0.2.1", "192.0.2.2"])
AAAA = record_set("web.example.com", "AAAA", 180, ["2001:db8::1"])
CNAME = record_set("eu.web.example.com", "CNAME", 180, ["web.example.com"])
OURS = [A, AAAA, CNAME]
THEIRS = [
    record_set("shop.example.com", "A", 60, ["198.51.100.1"]),
    record_set("blog.example.com", "CNAME", 60, ["shop.example.com"]),
]
NOBODYS = [
    record_set("example.com", "TXT", 300, ['"v=spf1 -all"']),
    record_set("mail.example.com", "A", 300, ["192.0.2.25"]),
]

SETTINGS = [  # of our registry, of its own
    pytest.param({}, {"prefix": claims.PREFIX}, id="it names claims as we do"),
    pytest.param({}, {}, id="each names claims as it does"),
    pytest.param({"prefix": ""}, {}, id="we name claims as it does"),
    pytest.param({}, {"suffix": "-txt"}, id="it has a suffix"),
    pytest.param({"key": KEY}, {"prefix": claims.PREFIX, "key": KEY}, id="sealed alike"),
    pytest.param({"key": KEY}, {"prefix": claims.PREFIX}, id="ours are sealed"),
    pytest.param({}, {"prefix": claims.PREFIX, "key": KEY}, id="its own are sealed"),
]


@pytest.fixture(autouse=True)
def _program(pytestconfig: pytest.Config) -> None:
    clusters.require(pytestconfig, externaldns.PROGRAM)


def registry(**settings: str) -> Registry:
    return ownership.registry("feddns-ufp", **settings)


def wishes(records: Iterable[RecordSet]) -> dict[str, list[Wanted]]:
    found: dict[str, list[Wanted]] = {}
    for record in records:
        mark = Mark("service/test/web", ("c1", "c2"), 3)
        found.setdefault(record.name, []).append(Wanted(record, mark))
    return found


def ours(zone: Iterable[RecordSet], wanted: Iterable[RecordSet], registry: Registry) -> plan.Plan:
    """One pass of ours."""
    holdings = ownership.divide(zone, registry)
    by_name = wishes(wanted)
    names = plan.everything(holdings, by_name)
    return plan.make(holdings, by_name, names, Terms(ZONE, registry), PROOF)


def applied(zone: Iterable[RecordSet], made: plan.Plan, registry: Registry) -> list[RecordSet]:
    holdings = ownership.divide(zone, registry)
    for change in made.changes:
        holdings.follow(change)
    return list(holdings.records())


def shared(settings: dict[str, str], its: dict[str, str]) -> tuple[list[RecordSet], Registry]:
    """A zone in which both have been, and what nobody has."""
    mine = registry(**settings)
    zone = applied(NOBODYS, ours(NOBODYS, OURS, mine), mine)
    return externaldns.run(zone, THEIRS, **its).records, mine


@pytest.mark.parametrize(("prefix", "suffix", "key", "name"), NAMES)
def test_names_alike(prefix: str, suffix: str, key: Key, name: str) -> None:
    values = {"A": "192.0.2.1", "AAAA": "2001:db8::1", "CNAME": "x.example.net."}
    record = record_set(*key, 60, [values[key[1]]])
    its = {"prefix": prefix, "suffix": suffix, "wildcard": claims.WILDCARD}
    made = externaldns.run([], [record], **its)
    assert [one.name for one in made.records if one.type == "TXT"] == [name]
    mine = registry(prefix=prefix, suffix=suffix)
    claimed = ownership.claim(record, Mark("service/a/b", ("c1",), 2), mine)
    labels = externaldns.run([record, claimed], [], **its).labels[record.key]
    assert labels == {"owner": "feddns-ufp", "resource": "service/a/b"}


@pytest.mark.parametrize("key", ["", KEY])
def test_it_reads_what_we_wrote(key: str) -> None:
    mine = registry(key=key)
    mark = Mark("service/test/web", tuple(f"cluster-{number}" for number in range(200)), 7)
    claimed = ownership.claim(A, mark, mine)
    labels = externaldns.run([A, claimed], prefix=claims.PREFIX, key=key).labels[A.key]
    labels.pop("txt-encryption-nonce", None)
    assert labels == {"owner": "feddns-ufp", "resource": "service/test/web"}


@pytest.mark.parametrize("key", ["", KEY])
def test_we_read_what_it_wrote(key: str) -> None:
    made = externaldns.run([], THEIRS, prefix=claims.PREFIX, key=key)
    said = {one.name: unquoted(one.values[0]) for one in made.records if one.type == "TXT"}
    if key:
        said = {name: sealing.unseal(text, key.encode()) or "" for name, text in said.items()}
    assert {name: claims.read(text) for name, text in said.items()} == {
        "_a.shop.example.com.": {"external-dns/owner": "external"},
        "_cname.blog.example.com.": {"external-dns/owner": "external"},
    }


@pytest.mark.parametrize(("settings", "its"), SETTINGS)
def test_two_in_one_zone(settings: dict[str, str], its: dict[str, str]) -> None:
    zone, mine = shared(settings, its)
    assert {*OURS, *NOBODYS} <= set(zone)
    assert {record.key for record in THEIRS} <= {record.key for record in zone}
    assert not externaldns.run(zone, THEIRS, **its).changed
    made = ours(zone, OURS, mine)
    assert (made.changes, made.held) == ((), ())


@pytest.mark.parametrize(("settings", "its"), SETTINGS)
def test_what_it_takes_away_is_its_own(settings: dict[str, str], its: dict[str, str]) -> None:
    zone, mine = shared(settings, its)
    rest = externaldns.run(zone, [], **its)
    assert sorted(rest.changed) == sorted(record.key for record in THEIRS)
    held = ownership.divide(rest.records, mine)
    assert set(held.foreign.values()) == set(NOBODYS)
    assert {own.record for own in held.ours.values()} == set(OURS)


@pytest.mark.parametrize(("settings", "its"), SETTINGS)
def test_what_we_take_away_is_ours(settings: dict[str, str], its: dict[str, str]) -> None:
    zone, mine = shared(settings, its)
    rest = applied(zone, ours(zone, [], mine), mine)
    before = externaldns.run(NOBODYS, THEIRS, **its).records
    if "key" in its:  # each writing has a nonce of its own
        assert {record.key for record in rest} == {record.key for record in before}
    else:
        assert set(rest) == set(before)
    assert not externaldns.run(rest, THEIRS, **its).changed


GREEDY = [
    record_set("web.example.com", "A", 60, ["198.51.100.9"]),
    record_set("web.example.com", "CNAME", 60, ["elsewhere.example.net"]),
    record_set("eu.web.example.com", "A", 60, ["198.51.100.9"]),
    record_set("eu.web.example.com", "AAAA", 60, ["2001:db8::9"]),
]


@pytest.mark.parametrize("wish", GREEDY, ids=str)
@pytest.mark.parametrize(("settings", "its"), SETTINGS)
def test_it_gets_no_name_of_ours(
    settings: dict[str, str], its: dict[str, str], wish: RecordSet
) -> None:
    zone, _ = shared(settings, its)
    done = externaldns.run(zone, [*THEIRS, wish], **its)
    assert not done.changed
    assert set(done.records) == set(zone)


@pytest.mark.parametrize(("settings", "its"), SETTINGS)
def test_we_get_no_name_of_its_own(settings: dict[str, str], its: dict[str, str]) -> None:
    zone, mine = shared(settings, its)
    wanted = [
        record_set("shop.example.com", "A", 180, ["192.0.2.1"]),
        record_set("blog.example.com", "A", 180, ["192.0.2.1"]),
        record_set("mail.example.com", "A", 180, ["192.0.2.1"]),
    ]
    made = ours(zone, [*OURS, *wanted], mine)
    assert made.changes == ()
    assert {(held.name, held.reason) for held in made.held} == {
        (record.name, Reason.CONFLICT) for record in wanted
    }


def test_an_owner_id_given_twice_takes_nothing_of_its_own() -> None:
    """Given our owner id by mistake, it loses its records to us as little as with another."""
    mine = registry()
    its = {"prefix": claims.PREFIX, "owner": mine.owner}
    zone = externaldns.run([], THEIRS, **its).records
    assert ours(zone, [], mine).changes == ()


@pytest.mark.parametrize("seed", range(10))
def test_passes_in_any_order_come_to_rest(seed: int) -> None:
    """Both want some of the same names: who was first keeps each, and then nothing moves."""
    chance = random.Random(seed)
    settings, its = chance.choice(SETTINGS).values
    mine = registry(**settings)
    pool = [*OURS, *THEIRS, *GREEDY]
    zone: list[RecordSet] = list(NOBODYS)
    our_wish, its_wish = _possible(chance, pool), _possible(chance, pool)
    for turn in range(4):
        if (turn + seed) % 2:
            zone = externaldns.run(zone, its_wish, **its).records
        else:
            zone = applied(zone, ours(zone, our_wish, mine), mine)
        assert set(NOBODYS) <= set(zone)
    assert not externaldns.run(zone, its_wish, **its).changed
    assert ours(zone, our_wish, mine).changes == ()
    holdings: Holdings = ownership.divide(zone, mine)
    assert {own.record for own in holdings.ours.values()} <= set(our_wish)
    assert all(own.record is not None for own in holdings.ours.values())


def _possible(chance: random.Random, pool: list[RecordSet]) -> list[RecordSet]:
    """Some of the pool: a key once, and nothing beside a CNAME."""
    chosen: list[RecordSet] = []
    for record in chance.sample(pool, 4):
        there = [other.type for other in chosen if other.name == record.name]
        if record.type not in there and "CNAME" not in [*there, record.type][: 2 if there else 0]:
            chosen.append(record)
    return chosen
