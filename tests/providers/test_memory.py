"""The zone in memory: as strict as the strictest, page by page, whole or change by change."""

from __future__ import annotations

import threading

import pytest

from feddns.errors import Outdated, ProviderTrouble, Rejected
from feddns.providers import memory
from feddns.providers.base import Limits
from feddns.providers.memory import Memory
from feddns.providers.recordsets import Change, RecordSet, record_set

ZONE = "example.com."
WEB = record_set("web.example.com", "A", 180, ["192.0.2.1"])
WEB2 = record_set("web.example.com", "A", 180, ["192.0.2.2"])
SIX = record_set("web.example.com", "AAAA", 180, ["2001:db8::1"])
UP = record_set("web.example.com", "CNAME", 180, ["example.com"])
ALIAS = record_set("web.example.com", "ALIAS", 60, ["lb.example.net"])
TXT = record_set("web.example.com", "TXT", 60, ['"text"'])
AWAY = record_set("web.example.net", "A", 180, ["192.0.2.1"])


def zone(*records: RecordSet, changes: int = 0, is_atomic: bool = True, page: int = 2) -> Memory:
    limits = Limits(changes=changes, is_atomic=is_atomic)
    settings = memory.Settings(zone="Example.COM", records=records, limits=limits, page=page)
    return memory.open(settings)


@pytest.mark.parametrize(
    ("found", "removals", "additions", "keeps"),
    [
        ([], [], [WEB], []),
        ([WEB], [WEB], [], []),
        ([WEB], [WEB], [WEB2], []),
        ([WEB], [WEB], [UP], []),
        ([UP], [UP], [WEB, SIX], []),
        ([WEB, SIX], [WEB], [WEB2], [SIX]),
        ([TXT], [], [ALIAS], []),
    ],
)
def test_a_change_is_done_and_undone(
    found: list[RecordSet],
    removals: list[RecordSet],
    additions: list[RecordSet],
    keeps: list[RecordSet],
) -> None:
    there = zone(*found)
    change = Change(WEB.name, tuple(removals), tuple(additions), keeps=tuple(keeps))
    version = there.version
    there.apply([change])
    assert set(there.content()) == set(found) - set(removals) | set(additions)
    assert there.version > version
    there.apply([change.undone()])
    assert set(there.content()) == set(found)


@pytest.mark.parametrize(
    ("found", "change", "error", "words"),
    [
        ([], Change(WEB.name, removals=(WEB,)), Outdated, "nothing is there"),
        ([WEB2], Change(WEB.name, removals=(WEB,)), Outdated, "192.0.2.2"),
        ([WEB], Change(WEB.name, additions=(WEB,)), Outdated, "already"),
        ([], Change(WEB.name, additions=(WEB,), keeps=(SIX,)), Outdated, "2001:db8::1"),
        ([], Change(AWAY.name, additions=(AWAY,)), Rejected, "not in example.com."),
        ([TXT], Change(WEB.name, additions=(UP,)), Rejected, "beside TXT"),
        ([UP], Change(WEB.name, additions=(WEB,)), Rejected, "beside CNAME"),
        ([WEB], Change(WEB.name, additions=(ALIAS,)), Rejected, "beside A"),
        ([], Change(WEB.name, additions=(WEB, UP)), Rejected, "beside"),
        ([], Change(WEB.name, additions=(RecordSet(WEB.name, "A", 1, ()),)), Rejected, "no values"),
    ],
)
def test_what_cannot_be_is_not_done(
    found: list[RecordSet], change: Change, error: type[ProviderTrouble], words: str
) -> None:
    there = zone(*found)
    with pytest.raises(error, match=words):
        there.apply([change])
    assert set(there.content()) == set(found)


@pytest.mark.parametrize(("is_atomic", "done"), [(True, 0), (False, 2)])
def test_whole_or_one_by_one(is_atomic: bool, done: int) -> None:
    names = [record_set(f"w{n}.example.com", "A", 60, ["192.0.2.1"]) for n in range(4)]
    there = zone(names[2], is_atomic=is_atomic)
    with pytest.raises(Outdated) as caught:
        there.apply([Change(one.name, additions=(one,)) for one in names])
    assert caught.value.done == done
    assert len(there.content()) == 1 + done


def test_more_than_one_call_takes() -> None:
    there = zone(changes=2)
    with pytest.raises(Rejected, match="3 record sets in one call, 2 at most"):
        there.apply([Change(WEB.name, additions=(WEB, SIX, TXT))])
    there.apply([Change(WEB.name, additions=(WEB, SIX))])


@pytest.mark.parametrize(("page", "sizes"), [(2, [2, 2, 1]), (5, [5]), (0, [5]), (100, [5])])
def test_pages(page: int, sizes: list[int]) -> None:
    records = [record_set(f"w{n}.example.com", "A", 60, ["192.0.2.1"]) for n in range(5)]
    pages = list(zone(*records, page=page).list())
    assert [len(one) for one in pages if one] == sizes
    assert [record for one in pages for record in one] == records


def test_a_page_is_of_its_own_time() -> None:
    records = [record_set(f"w{n}.example.com", "A", 60, ["192.0.2.1"]) for n in range(5)]
    there = zone(*records)
    pages = there.list()
    assert len(next(pages)) == 2
    there.remove(records[0].key)
    there.remove(records[3].key)
    there.put(WEB)
    assert [record for page in pages for record in page] == [records[2], records[4], WEB]


def test_threads_do_not_lose_a_change() -> None:
    there = zone()

    def add(first: int) -> None:
        for number in range(first, first + 100):
            name = f"w{number}.example.com."
            there.apply([Change(name, additions=(record_set(name, "A", 60, ["192.0.2.1"]),))])

    threads = [threading.Thread(target=add, args=(100 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(there.content()) == 400
