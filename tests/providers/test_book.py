"""What is written down of a zone, and read again."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import pytest

from feddns.errors import DocumentRefused
from feddns.providers import book, plan
from feddns.providers.book import Entry, History
from feddns.providers.history import Applied
from feddns.providers.plan import Held, Reason, Source
from feddns.providers.recordsets import Change, record_set

ZONE = "example.com."


def change(number: int) -> Change:
    record = record_set(f"web{number}.{ZONE}", "A", 180, ["192.0.2.1"])
    return Change(record.name, (record,), (), "shop/web", "not wanted any more")


def config_map(body: dict[str, dict[str, Any]], name: str = book.NAME) -> dict[str, Any]:
    """As an API has it that was given the merge patch."""
    parts = {
        part: {key: value for key, value in values.items() if value is not None}
        for part, values in body.items()
    }
    return {"metadata": {"name": name}, **parts}


FULL = Entry(
    zone=ZONE, provider="rfc2136", owner="feddns-f", policy="sync", audited=1_800_000_000.0,
    records=12,
    pending=plan.of(ZONE, [change(1), change(2)], proof=(Source("services", "7"),)),
    quarantine={"shop/web": "web.example.com.: no"},
    held=(Held("web.example.com.", "A", "shop/web", Reason.CONFLICT, "it is not ours"),),
    trouble="no answer in time", delegation=("ns2.example.com. has no address",),
)  # fmt: skip


@pytest.mark.parametrize("entry", [FULL, Entry(zone=ZONE)])
def test_it_is_read_as_it_was_written(entry: Entry) -> None:
    assert book.read(config_map(book.write(entry))) == entry


def test_what_is_over_is_taken_away() -> None:
    body = book.write(Entry(zone=ZONE))
    gone = {"plan", "plan.txt", "quarantine", "held", "trouble", "delegation", "audited"}
    assert {key for key, value in body["data"].items() if value is None} >= gone
    assert body["binaryData"] == {"plan.gz": None}
    assert "approve" not in body["data"], "that is the operator's"


def test_a_plan_is_there_for_people_too() -> None:
    text = book.write(FULL)["data"]["plan.txt"]
    assert "- web1.example.com. 180 A 192.0.2.1" in text.splitlines()


def test_a_large_plan_is_cut_and_the_api_takes_it() -> None:
    large = Entry(
        zone=ZONE,
        pending=plan.of(ZONE, map(change, range(20_000))),
        held=FULL.held * 5000,
        quarantine={f"shop/web{number}": "no" * 100 for number in range(5000)},
    )
    body = book.write(large)
    size = sum(len(value or "") for part in body.values() for value in part.values())
    assert size < 1_000_000
    assert body["data"]["plan.txt"].endswith("…")
    assert book.read(config_map(body)).pending == large.pending


def test_who_approves_writes_one_key() -> None:
    assert book.approved(config_map(book.approval("abc"))) == "abc"
    assert book.approved(config_map(book.approval(None))) == ""
    assert book.approved({"metadata": {"name": book.NAME}}) == ""


@pytest.mark.parametrize(
    "spoilt",
    [
        {"data": {"held": "no JSON"}},
        {"data": {"audited": "yesterday"}},
        {"binaryData": {"plan.gz": "!"}},
        {"binaryData": {"plan.gz": base64.b64encode(gzip.compress(b"{}")).decode()}},
    ],
)
def test_what_cannot_be_read_is_one_line(spoilt: dict[str, Any]) -> None:
    with pytest.raises(DocumentRefused, match="ConfigMap public-zone"):
        book.read({"metadata": {"name": book.NAME}, **spoilt})


# --- history --------------------------------------------------------------------------------------


def pages(history: History) -> dict[str, dict[str, Any]]:
    """Writes what is due; the ConfigMaps."""
    due = history.due()
    for name in due:
        history.wrote(name)
    assert history.due() == {}
    return {name: config_map(body, name) for name, body in due.items()}


def test_what_was_done_is_there_after_a_restart() -> None:
    done = [Applied(float(number), (change(number),)) for number in range(5)]
    history = History()
    history.add(done[:3])
    there = pages(history)
    history.add(done[3:])
    there |= pages(history)
    assert list(there) == ["public-zone-history-00"]
    again = History(there.values())
    assert list(again.applied()) == done
    assert again.due() == {}


def test_the_oldest_page_goes_when_all_are_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "PAGE", 1000)
    history = History()
    there: dict[str, dict[str, Any]] = {}
    for number in range(400):
        history.add([Applied(float(number), (change(number),))])
        there |= pages(history)
        if number % 57 == 0:  # a restart
            history = History(there.values())
    assert len(there) == book.PAGES
    times = [one.time for one in History(there.values()).applied()]
    assert times == [float(number) for number in range(int(times[0]), 400)]
    assert len(times) >= 2 * (book.PAGES - 1)


def test_a_call_with_many_changes_is_several_entries() -> None:
    history = History()
    history.add([Applied(7.0, tuple(map(change, range(20_000))))])
    there = pages(history)
    size = max(len(str(one)) for one in there.values())
    assert size < 1_000_000
    found = list(History(there.values()).applied())
    assert sum(len(one.changes) for one in found) == 20_000
    assert {one.time for one in found} == {7.0}


def test_what_was_done_while_a_page_was_written_is_still_due() -> None:
    history = History()
    history.add([Applied(1.0, (change(1),))])
    due = history.due()
    history.add([Applied(2.0, (change(2),))])
    for name in due:
        history.wrote(name)
    assert history.due() != {}


def test_pages_that_cannot_be_read_are_left_out() -> None:
    good = History()
    good.add([Applied(1.0, (change(1),))])
    bad = config_map({"binaryData": {"applied.gz": "!"}}, "public-zone-history-03")
    other = config_map({"data": {}}, "public-zone-history-of-mine")
    again = History([*pages(good).values(), bad, other, config_map({}, book.NAME)])
    assert [one.time for one in again.applied()] == [1.0]


def test_what_somebody_else_wrote_into_a_page_stays() -> None:
    history, other = History(), History()
    for number, one in ((1, history), (2, other)):
        one.add([Applied(float(number), (change(number),))])
    (theirs,) = pages(other).values()
    pages(history)
    history.learn(theirs)
    (both,) = pages(history).values()
    assert [one.time for one in History([both]).applied()] == [1.0, 2.0]
    history.learn(both)
    assert history.due() == {}, "nothing new"
