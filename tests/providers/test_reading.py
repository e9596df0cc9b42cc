"""A reading of a zone while changes go on; what has moved since the last one."""

from __future__ import annotations

import pytest

from feddns.providers import reading
from feddns.providers.ownership import Holdings, divide
from feddns.providers.reading import Reading
from feddns.providers.recordsets import Change, RecordSet, record_set
from tests.providers.keeping import US, a, claimed

MAIL = record_set("mail.example.com", "MX", 300, ["10 mx.example.net."])


def test_what_we_changed_meanwhile_is_what_we_made_of_it() -> None:
    """One page came before the change, the other after it, with another hand's work in between."""
    before = divide(claimed(a(1), a(2), a(3)), US)
    read = Reading(0.0)
    read.page(claimed(a(1), a(2)), 0.0)
    changes = [
        Change(a(1).name, (a(1),), (a(1, 9),)),
        Change(a(2).name, tuple(claimed(a(2)))),
        Change(a(4).name, (), tuple(claimed(a(4)))),
    ]
    for change in changes:
        before.follow(change)
        read.follow(change)
    read.page([*claimed(a(3, 66), a(4, 66)), MAIL], 1.0)
    after = read.end(before, US)
    assert set(after.records()) == {*claimed(a(1, 9))[:1], *claimed(a(1))[1:],
                                    *claimed(a(3, 66), a(4)), MAIL}  # fmt: skip
    assert read.pages == 2


def test_without_changes_it_is_what_the_pages_say_the_last_one_first() -> None:
    read = Reading(0.0)
    read.page([a(1)], 0.0)
    read.page([a(1, 2), MAIL], 0.0)
    assert set(read.end(None, US).records()) == {a(1, 2), MAIL}


def test_pages_with_a_pause() -> None:
    read = Reading(5.0, 2.0)
    assert read.due == 5.0
    read.page([MAIL], 6.0)
    assert read.due == 8.0


@pytest.mark.parametrize(
    ("rate", "pages", "audit", "seconds"),
    [(0, 67, 3600, 0), (5, 1, 3600, 0), (5, 67, 3600, 2), (1, 67, 3600, 10), (5, 67, 67, 0.5)],
)
def test_an_audit_takes_a_tenth_of_the_calls(
    rate: float, pages: int, audit: float, seconds: float
) -> None:
    assert reading.pause(rate, pages, audit) == pytest.approx(seconds)


def test_what_has_moved() -> None:
    before = divide([*claimed(a(1), a(2), a(3)), a(4), MAIL], US)
    after = divide([*claimed(a(1), a(2, 9), a(5)), a(6), MAIL], US)
    names, ours = reading.moved(before, after)
    assert names == {a(number).name for number in (2, 3, 4, 5, 6)}
    assert sorted(ours) == [a(2).key, a(3).key]
    assert reading.moved(before, before) == (set(), [])


def test_a_claim_that_went_has_moved_its_record_set() -> None:
    before = divide(claimed(a(1)), US)
    assert reading.moved(before, divide([a(1)], US)) == ({a(1).name}, [a(1).key])


@pytest.mark.parametrize("is_ours", [True, False])
def test_the_ttl_of_an_alias_is_the_provider_s(is_ours: bool) -> None:
    def alias(ttl: int, target: str = "elb.example.net.") -> RecordSet:
        return record_set("web.example.com.", "ALIAS", ttl, [target])

    def holding(record: RecordSet) -> Holdings:
        return divide(claimed(record) if is_ours else [record], US)

    assert reading.moved(holding(alias(180)), holding(alias(60))) == (set(), [])
    names, drifted = reading.moved(holding(alias(60)), holding(alias(60, "elb.example.org.")))
    assert names == {"web.example.com."}
    assert bool(drifted) is is_ours
