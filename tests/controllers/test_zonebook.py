"""The ConfigMaps of a public zone and the conditions of its Services, written in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from controllers.caches import SERVICE, Caches, Federation
from controllers.executor import Place
from controllers.kinds import CONFIGMAPS, TABLE
from controllers.publiczone import Standing
from controllers.zonebook import ZoneBook
from controllers.zonestatus import NOTHING, RECORDED, Said, ZoneStatus, propagated, said
from feddns.kube.api import Result
from feddns.providers import book, plan
from feddns.providers.book import Entry
from feddns.providers.history import Applied
from feddns.providers.recordsets import Change, record_set
from tests import virtualtime

Object = dict[str, Any]
MAPS = "/api/v1/namespaces/federation-system/configmaps"
ZONE = "example.com."


class Store:
    """The federation's API, as far as it is needed: objects by path.  A `Place` of its own."""

    def __init__(self) -> None:
        self.world = Caches(Federation("f"), {row.resource: row for row in TABLE})
        self.objects: dict[str, Object] = {}
        self.writes: list[tuple[float, str]] = []
        self.trouble: list[Result] = []
        self.place = Place(self, self)  # type: ignore[arg-type]
        self._version = 0

    async def create(self, path: str, body: Object) -> Result:
        return self._write(f"{path}/{body['metadata']['name']}", body, is_new=True)

    async def merge(self, path: str, body: Object) -> Result:
        return self._write(path.removesuffix("/status"), body, is_new=False)

    def _write(self, path: str, body: Object, *, is_new: bool) -> Result:
        self.writes.append((round(asyncio.get_running_loop().time(), 1), path.rpartition("/")[2]))
        if self.trouble:
            return self.trouble.pop(0)
        there = self.objects.get(path)
        if is_new is (there is not None):
            return Result(409 if is_new else 404)
        version = body.get("metadata", {}).get("resourceVersion")
        if there is not None and version not in (None, there["metadata"]["resourceVersion"]):
            return Result(409, reason="Conflict")
        return Result(200, self.put(path, merged(there or {}, body)))

    def put(self, path: str, thing: Object) -> bytes:
        """As anybody's write; the informer has told of it."""
        self._version += 1
        namespace, plural, name = path.split("/")[-3:]
        metadata = {**thing.get("metadata", {}), "resourceVersion": str(self._version)}
        metadata |= {"namespace": namespace, "name": name}
        self.objects[path] = {**thing, "metadata": metadata}
        raw = json.dumps(self.objects[path]).encode()
        table = SERVICE if plural == "services" else CONFIGMAPS
        self.world.tables[table].remember(raw, "")
        return raw

    def remember(self, resource: Any, raw: bytes) -> None:
        """A `Following`: it knows already."""


def merged(there: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    found = dict(there) if isinstance(there, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value)
    return found


# --- ConfigMaps -----------------------------------------------------------------------------------


async def at_once(what: Callable[..., Any], *arguments: Any) -> Any:
    """No thread, as time is virtual."""
    return what(*arguments)


class Books:
    """A `ZoneBook` of a store, and the plans that it was asked to let go."""

    def __init__(self) -> None:
        self.store = Store()
        self.approved: list[str] = []
        self.book = ZoneBook(self.store.world, self.store.place, self.approved.append, at_once)
        self.book.open()

    def tell(self, *applied: Applied, is_at_rest: bool = True, **entry: Any) -> None:
        self.book.tell(Entry(zone=ZONE, **entry), applied, is_at_rest=is_at_rest)

    @property
    def data(self) -> Object:
        found: Object = self.store.objects[f"{MAPS}/public-zone"]["data"]
        return found

    def approve(self, plan_id: str) -> None:
        path = f"{MAPS}/public-zone"
        self.store.put(path, merged(self.store.objects[path], book.approval(plan_id)))
        self.book.changed()

    def history(self) -> list[float]:
        return [one.time for one in book.History(self.store.objects.values()).applied()]


def run(test: Callable[[Books], Awaitable[None]]) -> None:
    async def main() -> None:
        books = Books()
        running = asyncio.create_task(books.book.run())
        await test(books)
        running.cancel()

    virtualtime.run(main())


def applied(at: float, number: int = 1) -> Applied:
    record = record_set(f"web{number}.{ZONE}", "A", 180, ["192.0.2.1"])
    return Applied(at, (Change(record.name, (), (record,), "shop/web"),))


WAITING = plan.of(ZONE, applied(0.0).changes)


def test_it_is_written_once_and_again_when_it_says_something_else() -> None:
    async def test(books: Books) -> None:
        books.tell(records=3)
        await asyncio.sleep(10)
        books.tell(records=3)
        await asyncio.sleep(10)
        assert [name for _, name in books.store.writes] == ["public-zone"]
        for number in range(50):
            books.tell(applied(100.0 + number, number), records=number)
            await asyncio.sleep(0.1)
        await asyncio.sleep(5)
        assert books.data["records"] == "49"
        assert len(books.history()) == 50
        assert len(books.store.writes) < 20, "once a second"

    run(test)


def test_what_cannot_be_written_is_written_later() -> None:
    async def test(books: Books) -> None:
        books.store.trouble = [Result(0, reason="Unreachable")] * 8
        books.tell(applied(1.0), trouble="no answer")
        await asyncio.sleep(120)
        assert books.data["trouble"] == "no answer"
        assert books.history() == [1.0]
        assert len(books.store.writes) < 15

    run(test)


def test_the_history_of_another_process_is_gone_on_with() -> None:
    async def test(books: Books) -> None:
        books.tell(applied(1.0))
        await asyncio.sleep(2)
        books.book.close()
        books.book.open()
        books.tell(applied(2.0, 2))
        await asyncio.sleep(2)
        assert books.history() == [1.0, 2.0]
        cli = book.History(books.store.objects.values())
        cli.add([applied(3.0, 3)])
        for name, body in cli.due().items():  # `feddns zone` does so
            path = f"{MAPS}/{name}"
            books.store.put(path, merged(books.store.objects[path], body))
        books.tell(applied(4.0, 4))
        await asyncio.sleep(2)
        assert books.history() == [1.0, 2.0, 3.0, 4.0]

    run(test)


def test_an_operator_approves_the_waiting_plan() -> None:
    async def test(books: Books) -> None:
        books.tell(pending=WAITING)
        await asyncio.sleep(2)
        assert books.data["plan"] == WAITING.id
        books.approve(WAITING.id)
        assert books.approved == [WAITING.id]
        books.tell(is_at_rest=False)
        await asyncio.sleep(2)
        assert "plan" not in books.data
        books.tell()
        await asyncio.sleep(2)
        assert "approve" not in books.data

    run(test)


def test_what_was_approved_while_nobody_led_counts() -> None:
    async def test(books: Books) -> None:
        books.tell(pending=WAITING)
        await asyncio.sleep(2)
        books.book.close()
        books.approve(WAITING.id)
        assert books.approved == []
        books.book.open()
        books.tell(is_at_rest=False)
        await asyncio.sleep(2)
        assert books.data["approve"] == WAITING.id, "nothing waits yet"
        books.tell(pending=WAITING)
        assert books.approved == [WAITING.id]

    run(test)


def test_another_plan_that_was_approved_is_not_let_go_later() -> None:
    async def test(books: Books) -> None:
        books.tell(pending=WAITING)
        await asyncio.sleep(2)
        books.approve("another")
        await asyncio.sleep(2)
        books.tell(pending=WAITING)
        await asyncio.sleep(2)
        assert "approve" not in books.data
        assert books.data["plan"] == WAITING.id

    run(test)


def test_who_does_not_lead_writes_nothing() -> None:
    async def test(books: Books) -> None:
        books.book.close()
        books.tell(applied(1.0))
        await asyncio.sleep(10)
        assert books.store.writes == []

    run(test)


# --- conditions -----------------------------------------------------------------------------------

WEB = "/api/v1/namespaces/shop/services/web"
CONFLICT = {
    "type": "Conflict", "status": "False", "reason": "AllOurs", "message": "",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}  # fmt: skip


def stating(test: Callable[[Store, ZoneStatus], Awaitable[None]]) -> None:
    async def main() -> None:
        store = Store()
        store.put(WEB, {"status": {"conditions": [CONFLICT]}})
        status = ZoneStatus(store.world, store.place)
        running = asyncio.create_task(status.pump.run())
        await test(store, status)
        running.cancel()

    virtualtime.run(main())


def condition(store: Store) -> tuple[str, str]:
    found = store.objects[WEB]["status"]["conditions"]
    assert CONFLICT in found, "what others say stays"
    ours = [one for one in found if one["type"] == "Propagated"]
    return (ours[0]["status"], ours[0]["reason"]) if ours else ("", "")


BAD = Said(False, "RecordConflict", "it is not ours")


@pytest.mark.parametrize(
    ("steps", "ends", "writes"),
    [
        ([RECORDED], ("True", "Recorded"), 1),
        ([RECORDED, RECORDED], ("True", "Recorded"), 1),
        ([RECORDED, propagated(1.3, 2)], ("True", "Propagated"), 2),
        ([propagated(1.3, 2), RECORDED], ("True", "Propagated"), 1),
        ([propagated(1.3, 2), propagated(0.4, 2)], ("True", "Propagated"), 2),
        ([RECORDED, BAD], ("False", "RecordConflict"), 2),
        ([BAD, BAD], ("False", "RecordConflict"), 1),
        ([BAD, RECORDED], ("True", "Recorded"), 2),
        ([BAD, NOTHING], ("", ""), 2),
        ([NOTHING], ("", ""), 0),
    ],
)
def test_the_condition(steps: list[Said], ends: tuple[str, str], writes: int) -> None:
    async def test(store: Store, status: ZoneStatus) -> None:
        for one in steps:
            status.say("shop/web", one)
            await asyncio.sleep(1)
        assert condition(store) == ends
        assert len(store.writes) == writes

    stating(test)


def test_a_condition_that_could_not_be_written_is_written_later() -> None:
    async def test(store: Store, status: ZoneStatus) -> None:
        store.trouble = [Result(409), Result(0, reason="Unreachable"), Result(500)]
        status.say("shop/web", RECORDED)
        await asyncio.sleep(30)
        assert condition(store) == ("True", "Recorded")
        assert len(store.writes) == 4

    stating(test)


def test_what_is_said_while_it_is_written_is_said_then() -> None:
    async def test(store: Store, status: ZoneStatus) -> None:
        status.say("shop/web", RECORDED)
        status.say("shop/web", BAD)
        status.say("shop/gone", BAD)
        await asyncio.sleep(5)
        assert condition(store) == ("False", "RecordConflict")
        status.say("shop/web", propagated(2.0, 1))
        status.say("shop/web", BAD)
        await asyncio.sleep(5)
        assert condition(store) == ("False", "RecordConflict")

    stating(test)


def test_what_a_standing_means() -> None:
    assert said(Standing("Pending")) is None
    assert said(Standing("Settled")) == RECORDED
    assert said(Standing("NotPublic")) == NOTHING
    assert said(Standing("RecordConflict", "it is not ours")) == BAD
    assert propagated(1.34, 4).message == (
        "all 4 servers of the zone give its records, 1.3 s after the change"
    )
