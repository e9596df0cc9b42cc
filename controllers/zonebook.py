"""Writes down how it is with the public zone, and reads what an operator approves: the ConfigMaps
of `feddns.providers.book` in the federation's system namespace.

    what changed                              written
    how it is with the zone                   `public-zone`, at most every second, and only when it
                                              says something else
    something was done                        the page of the history, 1 s later with what came
                                              meanwhile; a process that is killed loses that second
    a write fails                             again after 1 s, doubling to 60 s
    `approve` names the waiting plan          it may be done; `approve` is taken away
    `approve` names another, and the zone     the same, without effect: what was not meant now is
    has nothing to do                         not to be let go later

What is large is packed in a thread.  I/O.  Called by `publicdns`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from controllers.caches import Caches
from controllers.executor import Place
from controllers.kinds import CONFIGMAPS
from controllers.world import Key
from feddns.kube.api import Result
from feddns.providers import book
from feddns.providers.book import Entry, History
from feddns.providers.history import Applied

log = logging.getLogger("feddns.controllers")

_PAUSE, _LONGEST = 1.0, 60.0
Json = Mapping[str, Any]
Aside = Callable[..., Awaitable[Any]]


class ZoneBook:
    """`approve` is told the id that an operator wrote.  `aside` calls where the loop does not
    wait for it."""

    def __init__(
        self,
        world: Caches,
        federation: Place,
        approve: Callable[[str], None],
        aside: Aside = asyncio.to_thread,
    ) -> None:
        self._world, self._federation, self._approve = world, federation, approve
        self._aside = aside
        self._news, self._writing = asyncio.Event(), asyncio.Lock()
        self._entry: Entry | None = None
        self._made: tuple[Entry | None, dict[str, Any]] = (None, {})
        """What `public-zone` is to say, and the entry that it was made of."""
        self._applied: list[Applied] = []
        """Not yet in the history."""
        self._history = History()
        self._is_at_rest = self._is_open = False
        self._asked = ""
        self._versions: dict[str, str] = {}
        """Of the pages of the history, as we know them."""

    def open(self) -> None:
        """We lead now: what others wrote counts."""
        objects = self._objects()
        self._history = History(objects)
        self._versions = {one["metadata"]["name"]: _version(one) for one in objects}
        self._entry, self._is_open, self._asked = None, True, ""
        self._applied.clear()

    def close(self) -> None:
        """We do not any more."""
        self._is_open = False

    def changed(self) -> None:
        """`public-zone` did."""
        if not self._is_open:
            return
        asked = book.approved(self._find(book.NAME) or {})
        if asked and asked != self._asked:
            self._approve(asked)
        self._asked = asked
        self._news.set()

    def tell(self, entry: Entry, applied: Iterable[Applied], *, is_at_rest: bool) -> None:
        """How it is, and what was done, times in seconds since 1970."""
        if entry.pending and self._asked == entry.pending.id:
            self._approve(self._asked)
        self._entry, self._is_at_rest = entry, is_at_rest
        self._applied += applied if self._is_open else ()
        self._news.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        wait = _PAUSE
        while True:
            await self._news.wait()
            self._news.clear()
            is_good = await self.write()
            wait = _PAUSE if is_good else min(2 * wait, _LONGEST)
            if not is_good:
                self._news.set()
            await asyncio.sleep(wait)

    async def finish(self, seconds: float) -> None:
        """What is still to be written, if there is time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.write()

    async def write(self) -> bool:
        """Whether all is written that is to be written."""
        async with self._writing:
            return await self._write() if self._is_open else True

    async def _write(self) -> bool:
        is_good = True
        self._learn()
        applied, self._applied = self._applied, []
        due = await self._aside(_pages, self._history, applied)
        for name, body in due.items():
            if await self._put(name, body):
                self._history.wrote(name)
            else:
                is_good = False
        if self._entry is not None:
            is_good = await self._put(book.NAME, await self._body(self._entry)) and is_good
        return is_good

    def _learn(self) -> None:
        """`feddns zone` writes into the history, too."""
        for one in self._objects():
            name = one["metadata"]["name"]
            if self._versions.get(name) != _version(one):
                self._versions[name] = _version(one)
                self._history.learn(one)

    async def _body(self, entry: Entry) -> dict[str, Any]:
        if entry is not self._made[0]:
            self._made = entry, await self._aside(book.write, entry)
        body = {part: dict(values) for part, values in self._made[1].items()}
        is_over = not entry.pending or entry.pending.id != self._asked
        if self._asked and is_over and self._is_at_rest:
            body["data"]["approve"] = None
        return body

    async def _put(self, name: str, body: dict[str, Any]) -> bool:
        """Whether the ConfigMap says so now."""
        there = self._find(name)
        if there is not None and _says(there, body):
            return True
        api, following = self._federation
        namespace = self._world.system_namespace
        result: Result
        if there is None:
            result = await self._create(name, body)
        else:
            result = await api.merge(CONFIGMAPS.path(namespace, name), body)
        if result.is_good:
            following.remember(CONFIGMAPS, result.body)
            self._versions[name] = _version(result.object)
            if name == book.NAME:
                self._asked = book.approved(result.object)
        elif result.status not in (404, 409):
            log.warning("ConfigMap %s/%s cannot be written: %s", namespace, name, result)
        return result.is_good

    async def _create(self, name: str, body: dict[str, Any]) -> Result:
        """With its namespace, should that not be there."""
        api, namespace = self._federation.api, self._world.system_namespace
        made = {"metadata": {"name": name}, **{key: _there(part) for key, part in body.items()}}
        result = await api.create(CONFIGMAPS.path(namespace), made)
        if result.status == 404:
            await api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
            result = await api.create(CONFIGMAPS.path(namespace), made)
        return result

    def _find(self, name: str) -> Json | None:
        return self._world.federated(Key(CONFIGMAPS, self._world.system_namespace, name))

    def _objects(self) -> list[Json]:
        names = self._world.tables[CONFIGMAPS].names(self._world.system_namespace)
        found = (self._find(name) for name in names if name.startswith(book.NAME))
        return [one for one in found if one is not None]


def _pages(history: History, applied: list[Applied]) -> dict[str, dict[str, Any]]:
    history.add(applied)
    return history.due()


def _version(config_map: Json) -> str:
    return str(config_map["metadata"].get("resourceVersion", ""))


def _there(part: Mapping[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in part.items() if value is not None}


def _says(there: Json, body: Mapping[str, Mapping[str, str | None]]) -> bool:
    return all(
        (there.get(part) or {}).get(key) == value
        for part, wanted in body.items()
        for key, value in wanted.items()
    )
