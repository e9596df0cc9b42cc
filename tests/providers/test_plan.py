"""The tables of `plan`: what is done at a name, what is held, what waits."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from feddns.errors import DocumentRefused
from feddns.providers import ownership, plan
from feddns.providers.desired import Wanted
from feddns.providers.ownership import Mark, divide
from feddns.providers.plan import Held, Plan, Policy, Reason, Source, Terms
from feddns.providers.recordsets import Change, RecordSet, quoted, record_set

ZONE = "example.com."
US = ownership.registry("feddns-ufp")
THEM = ownership.registry("feddns-other")
MARK = Mark("service/shop/web", ("eu", "us"), 7)
COMPLETE = (Source("services", "77"), Source("clusters", "12"))
PARTLY = (Source("services", "77"), Source("clusters", "", False))

NAME = "web.example.com."
ONE = record_set(NAME, "A", 180, ["192.0.2.1"])
TWO = record_set(NAME, "A", 180, ["192.0.2.1", "192.0.2.2"])
OTHER = record_set(NAME, "A", 180, ["192.0.2.9"])
SIX = record_set(NAME, "AAAA", 180, ["2001:db8::1"])
UP = record_set(NAME, "CNAME", 180, ["up.example.com"])
ALIAS = record_set(NAME, "ALIAS", 180, ["lb.example.net"])
MAIL = record_set(NAME, "MX", 300, ["10 mail.example.com."])
SHORT = record_set(NAME, "A", 60, ["192.0.2.1"])


def claim(record: RecordSet, mark: Mark = MARK) -> RecordSet:
    return ownership.claim(record, mark, US)


def ours(*records: RecordSet, mark: Mark = MARK) -> list[RecordSet]:
    return [one for record in records for one in (record, claim(record, mark))]


def made(
    found: Iterable[RecordSet],
    *wanted: RecordSet | Wanted,
    policy: Policy = Policy.SYNC,
    proof: plan.Proof = COMPLETE,
) -> Plan:
    wishes: dict[str, list[Wanted]] = {}
    for one in wanted:
        wish = one if isinstance(one, Wanted) else Wanted(one, MARK)
        wishes.setdefault(wish.record.name, []).append(wish)
    holdings = divide(found, US)
    names = plan.everything(holdings, wishes)
    return plan.make(holdings, wishes, names, Terms(ZONE, US, policy), proof)


def only(found: Plan) -> Change:
    assert not found.held
    (change,) = found.changes
    return change


# --- nothing foreign, everything read -------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "wanted", "removals", "additions", "keeps"),
    [
        ([], [ONE], [], ours(ONE), []),
        ([], [ONE, SIX], [], [ONE, SIX, claim(ONE), claim(SIX)], []),
        (ours(ONE), [TWO], [ONE], [TWO], [claim(ONE)]),
        (ours(ONE), [SHORT], [ONE], [SHORT], [claim(ONE)]),
        (ours(ONE), [UP], ours(ONE), ours(UP), []),
        (ours(UP), [ONE], ours(UP), ours(ONE), []),
        (ours(UP), [ONE, SIX], ours(UP), [ONE, SIX, claim(ONE), claim(SIX)], []),
        (ours(ONE, SIX), [ONE], ours(SIX), [], []),
        (ours(ONE), [ALIAS], [ONE], [ALIAS], [claim(ONE)]),
        (ours(ONE), [], ours(ONE), [], []),
        (ours(ONE, SIX), [], [ONE, SIX, claim(ONE), claim(SIX)], [], []),
        ([claim(ONE)], [], [claim(ONE)], [], []),
        ([claim(ONE)], [ONE], [], [ONE], [claim(ONE)]),
        ([claim(ONE), *ours(SIX)], [SIX], [claim(ONE)], [], []),
        ([claim(ONE, Mark("service/shop/old"))], [ONE],
         [claim(ONE, Mark("service/shop/old"))], ours(ONE), []),
        (ours(ONE, mark=Mark("service/shop/web", ("eu",), 6)), [TWO],
         ours(ONE, mark=Mark("service/shop/web", ("eu",), 6)), ours(TWO), []),
    ],
)  # fmt: skip
def test_what_is_ours_follows_what_is_wanted(
    found: list[RecordSet],
    wanted: list[RecordSet],
    removals: list[RecordSet],
    additions: list[RecordSet],
    keeps: list[RecordSet],
) -> None:
    change = only(made(found, *wanted))
    assert change.name == NAME
    assert change.service == "shop/web"
    assert change.why
    assert sorted(change.removals) == sorted(removals)
    assert sorted(change.additions) == sorted(additions)
    assert sorted(change.keeps) == sorted(keeps)
    after = divide(found, US)
    after.follow(change)
    assert {own.record for own in after.ours.values()} == set(wanted)
    assert made(after.records(), *wanted).changes == ()


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ([], []),
        (ours(ONE), [ONE]),
        (ours(ONE, mark=Mark("service/shop/web", ("asia",), 1)), [ONE]),
        (ours(record_set(NAME, "ALIAS", 60, ["lb.example.net"])), [ALIAS]),
        ([MAIL, ONE, *ours(SIX)], [SIX]),
        ([ONE], []),
    ],
)
def test_nothing_is_to_be_done(found: list[RecordSet], wanted: list[RecordSet]) -> None:
    for proof in (COMPLETE, PARTLY, ()):
        assert made(found, *wanted, proof=proof) == plan.of(ZONE, (), (), proof)


# --- sources that were not read to their end ------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "wanted", "types"),
    [
        (ours(ONE), [], ["A"]),
        (ours(ONE, SIX), [], ["A", "AAAA"]),
        (ours(ONE, SIX), [ONE], ["AAAA"]),
        (ours(TWO), [ONE], ["A"]),
        (ours(ONE), [OTHER], ["A"]),
        (ours(ONE), [UP], ["A"]),
        (ours(UP), [ONE], ["CNAME"]),
        ([claim(ONE)], [], ["TXT"]),
    ],
)
@pytest.mark.parametrize("proof", [PARTLY, (), (Source("services", "", False),)])
def test_without_a_proof_nothing_gets_less(
    found: list[RecordSet], wanted: list[RecordSet], types: list[str], proof: plan.Proof
) -> None:
    read = made(found, *wanted, proof=proof)
    assert read.changes == ()
    assert sorted(held.type for held in read.held) == types
    assert {held.reason for held in read.held} == {Reason.INCOMPLETE}
    assert made(found, *wanted).changes
    assert made(found, *wanted).held == ()


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ([], [ONE]),
        (ours(ONE), [TWO]),
        (ours(ONE), [SHORT]),
        (ours(ONE), [ONE, SIX]),
        ([claim(ONE)], [ONE]),
    ],
)
def test_without_a_proof_more_may_come(found: list[RecordSet], wanted: list[RecordSet]) -> None:
    assert only(made(found, *wanted, proof=PARTLY)) == only(made(found, *wanted))


# --- what others have -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "wanted", "types"),
    [
        ([ONE], [ONE], ["A"]),
        ([OTHER], [ONE, SIX], ["A", "AAAA"]),
        ([SIX], [ONE], ["A"]),
        ([ONE], [UP], ["CNAME"]),
        ([UP], [ONE], ["A"]),
        ([ALIAS], [SIX], ["AAAA"]),
        ([MAIL], [UP], ["CNAME"]),
        ([ONE, ownership.claim(ONE, MARK, THEM)], [ONE], ["A"]),
        ([ownership.claim(ONE, MARK, THEM)], [ONE], ["A"]),
        ([record_set("_a.web.example.com", "TXT", 5, [quoted("mine")])], [ONE], ["A"]),
        ([record_set("_a.web.example.com", "CNAME", 5, ["x.example"])], [ONE], ["A"]),
    ],
)
@pytest.mark.parametrize("policy", Policy)
def test_what_is_in_the_way_is_never_touched(
    found: list[RecordSet], wanted: list[RecordSet], types: list[str], policy: Policy
) -> None:
    read = made(found, *wanted, policy=policy)
    assert read.changes == ()
    assert [held.type for held in read.held] == types
    for held in read.held:
        assert (held.name, held.service, held.reason) == (NAME, "shop/web", Reason.CONFLICT)
        assert str(found[0]).split()[0] in held.why


def test_one_type_is_in_the_way_and_the_other_one_comes() -> None:
    """The claim of AAAA is somebody's text; A is free."""
    read = made([record_set("_aaaa.web.example.com", "TXT", 5, [quoted("mine")])], ONE, SIX)
    (change,) = read.changes
    assert change.additions == tuple(ours(ONE))
    assert [held.type for held in read.held] == ["AAAA"]


def test_an_mx_is_not_in_the_way_of_an_address() -> None:
    assert only(made([MAIL], ONE)).additions == tuple(ours(ONE))


def test_what_is_ours_beside_a_foreign_address_still_follows() -> None:
    assert only(made([SIX, *ours(ONE)], TWO)).additions == (TWO,)
    assert sorted(only(made([SIX, *ours(ONE)])).removals) == sorted(ours(ONE))
    read = made([SIX, *ours(ONE)], UP)
    assert [held.reason for held in read.held] == [Reason.CONFLICT]
    assert [sorted(change.removals) for change in read.changes] == [sorted(ours(ONE))]


def test_a_name_that_cannot_be_claimed_is_held_and_the_others_come() -> None:
    label = "x" * 60
    long = record_set(f"{'.'.join([label] * 3)}.{'y' * 56}.example.com", "A", 180, ["192.0.2.1"])
    read = made([], long, ONE)
    assert [change.name for change in read.changes] == [NAME]
    assert [(held.name, held.reason) for held in read.held] == [(long.name, Reason.REJECTED)]


# --- two Services at one name ---------------------------------------------------------------------


def test_the_first_by_name_gets_it_and_who_has_it_keeps_it() -> None:
    early, late = Mark("service/a/web"), Mark("service/b/web")
    both = Wanted(ONE, late), Wanted(OTHER, early)
    read = made([], *both)
    assert read.changes[0].additions[0] == OTHER
    assert read.changes[0].service == "a/web"
    (held,) = read.held
    assert (held.service, held.reason, held.type) == ("b/web", Reason.CONFLICT, "")
    assert "a/web has this name" in held.why
    read = made(ours(ONE, mark=late), *both)
    assert read.changes == ()
    assert [held.service for held in read.held] == ["a/web"]


# --- policies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "found", "wanted", "after", "held"),
    [
        (Policy.UPSERT_ONLY, [], [ONE], [ONE], []),
        (Policy.UPSERT_ONLY, [ONE], [TWO], [TWO], []),
        (Policy.UPSERT_ONLY, [ONE], [], [ONE], ["A"]),
        (Policy.UPSERT_ONLY, [ONE, SIX], [TWO], [TWO, SIX], ["AAAA"]),
        (Policy.UPSERT_ONLY, [ONE, SIX], [UP], [UP], []),
        (Policy.UPSERT_ONLY, [UP], [ONE], [ONE], []),
        (Policy.CREATE_ONLY, [], [ONE], [ONE], []),
        (Policy.CREATE_ONLY, [ONE], [TWO], [ONE], ["A"]),
        (Policy.CREATE_ONLY, [ONE], [], [ONE], ["A"]),
        (Policy.CREATE_ONLY, [ONE], [ONE, SIX], [ONE, SIX], []),
        (Policy.CREATE_ONLY, [ONE], [TWO, SIX], [ONE, SIX], ["A"]),
        (Policy.CREATE_ONLY, [ONE], [UP], [ONE], ["CNAME", "A"]),
        (Policy.CREATE_ONLY, [UP], [ONE], [UP], ["A", "CNAME"]),
    ],
)
def test_policies(
    policy: Policy,
    found: list[RecordSet],
    wanted: list[RecordSet],
    after: list[RecordSet],
    held: list[str],
) -> None:
    holdings = divide(ours(*found), US)
    read = made(ours(*found), *wanted, policy=policy)
    for change in read.changes:
        holdings.follow(change)
    assert {own.record for own in holdings.ours.values()} == set(after)
    assert [one.type for one in read.held] == held
    assert {one.reason for one in read.held} <= {Reason.POLICY}
    assert all(policy in one.why for one in read.held)


@pytest.mark.parametrize("policy", [Policy.UPSERT_ONLY, Policy.CREATE_ONLY])
def test_an_orphan_stays_but_is_renewed(policy: Policy) -> None:
    old = claim(ONE, Mark("service/shop/old"))
    assert [held.type for held in made([old], policy=policy).held] == ["TXT"]
    change = only(made([old], ONE, policy=policy))
    assert (change.removals, change.additions) == ((old,), tuple(ours(ONE)))


# --- the plan as a value --------------------------------------------------------------------------


def _many(count: int) -> list[RecordSet]:
    return [record_set(f"w{n}.example.com", "A", 180, ["192.0.2.1"]) for n in range(count)]


def test_wider_names_come_first_and_go_last() -> None:
    names = ["web.example.com.", "web.eu.example.com.", "web.a.eu.example.com."]
    records = [record_set(name, "A", 180, ["192.0.2.1"]) for name in reversed(names)]
    assert [change.name for change in made([], *records).changes] == names
    going = made(ours(*records), ONE).changes
    assert [change.name for change in going] == [names[2], names[1]]


def test_the_id_is_of_the_changes_and_of_nothing_else() -> None:
    one, other = made([], ONE), made([], ONE, proof=PARTLY)
    assert one.id == other.id
    assert one.id not in (made([], TWO).id, made(ours(OTHER), ONE).id)
    assert len(one.id) == 12


def test_a_plan_is_saved_and_read() -> None:
    read = made([*ours(OTHER), *ours(*_many(3))], ONE, proof=COMPLETE)
    assert plan.from_json(read.to_json()) == read
    held = made(ours(ONE), proof=PARTLY)
    assert plan.from_json(held.to_json().decode()) == held


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"{", "no plan"),
        (b'{"id": 7}', "no plan"),
        (b"\xff", "no plan"),
        (made([], ONE).to_json().replace(b"192.0.2.1", b"192.0.2.9"), "has been changed"),
    ],
)
def test_what_is_no_plan_is_refused(raw: bytes, words: str) -> None:
    with pytest.raises(DocumentRefused, match=words):
        plan.from_json(raw)


def test_a_plan_as_text() -> None:
    read = made(ours(ONE), TWO)
    assert list(plan.text(read)) == [
        f"plan {read.id} of example.com.: 1 name, 0 held",
        "@@ web.example.com. (shop/web): changed",
        "- web.example.com. 180 A 192.0.2.1",
        "+ web.example.com. 180 A 192.0.2.1 192.0.2.2",
    ]
    read = made(ours(ONE), proof=PARTLY)
    assert list(plan.text(read)) == [
        f"plan {read.id} of example.com.: 0 names, 1 held",
        "! web.example.com. A (shop/web): SourceIncomplete: its sources are not read completely",
        "not read completely: clusters; so nothing is removed",
    ]


# --- the guard ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("going", "owned", "before", "waits"),
    [
        (3, 10, 0, False),
        (4, 10, 0, True),
        (9, 9, 0, False),
        (10, 10, 0, True),
        (2, 10, 1, False),
        (2, 10, 2, True),
        (0, 10, 0, False),
        (30, 100, 0, False),
        (31, 100, 0, True),
    ],
)
def test_more_than_a_third_of_ten_waits(going: int, owned: int, before: int, waits: bool) -> None:
    records = _many(going)
    words = plan.guard(made(ours(*records)), owned, before=before)
    assert bool(words) is waits
    if waits:
        assert f"removes {going} of {owned} record sets of ours in example.com." in words
        assert "feddns zone approve " in words


def test_only_what_goes_without_a_successor_counts() -> None:
    assert plan.removed(made(ours(ONE, SIX)).changes) == 2
    assert plan.removed(made(ours(ONE, SIX), UP).changes) == 0
    assert plan.removed(made(ours(ONE), OTHER).changes) == 0
    assert plan.removed(made([claim(ONE)]).changes) == 0


def test_the_share_is_settable() -> None:
    read = made(ours(*_many(5)))
    assert plan.guard(read, 10, share=0.5) == ""
    assert plan.guard(read, 10, share=0.4) != ""
    assert plan.guard(read, 10, share=0.4, least=11) == ""


def test_held_names_its_service() -> None:
    (held,) = made(ours(ONE), proof=PARTLY).held
    assert held == Held(
        NAME, "A", "shop/web", Reason.INCOMPLETE, "its sources are not read completely"
    )
