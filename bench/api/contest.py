"""What is measured of a server, in this order:

start        exec → first answer, over no data
memory       PSS of its processes, some seconds after
create-1     ConfigMaps of half a kilobyte made one after the other by one client
create       the same by 16 clients; with it the CPU of one
watch        2,000 more by 4 clients while 20 watchers look: events that arrive; with the
                 server's CPU for each, the creates' part in it
get          one object, again and again, by 16 clients
list         all 10,000 at once
memory-more  PSS that 10,000 objects need more
restart      start again over 10,000 objects
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import urllib.request
from typing import Any

from bench import memory, processes
from bench.api import load
from bench.api.contenders import CORE, Contender
from bench.results import Results

OBJECTS = 10_000
ALONE = 1_000
WATCHED = 2_000
WATCHERS = 20
CLIENTS = 16
SETTLING = 3.0
"""Seconds until a server's memory is looked at."""


def run(contender: Contender, turn: int, results: Results) -> None:
    """All of it, over empty data."""

    def found(work: str, value: float) -> None:
        results.cell(f"api-{work}", contender.key).values[turn] = value

    found("start", contender.start() * 1e3)
    others = os.sched_getaffinity(0) - {CORE} or {CORE}
    os.sched_setaffinity(0, others)
    time.sleep(SETTLING)
    empty = memory.pss_of(contender.pids())
    found("memory", empty)
    place = contender.place()
    _create(contender, found)
    before = processes.cpu_seconds(contender.pids())
    found("watch", asyncio.run(_watch(place)))
    used = processes.cpu_seconds(contender.pids()) - before
    found("watch-cpu", used / (WATCHERS * WATCHED) * 1e6)
    asyncio.run(load.run(place, load.creations(place, "rest", OBJECTS - _count(place)), CLIENTS))
    gets = [load.head(place, "GET", f"{load.CONFIGMAPS}/alone-1")] * 4_000
    found("get", len(gets) / asyncio.run(load.run(place, gets, CLIENTS)))
    lists = [load.head(place, "GET", load.CONFIGMAPS)] * 3
    found("list", asyncio.run(load.run(place, lists, 1)) / len(lists) * 1e3)
    time.sleep(SETTLING)
    found("memory-more", memory.pss_of(contender.pids()) - empty)
    contender.stop()
    found("restart", contender.start() * 1e3)
    if (count := _count(contender.place())) != OBJECTS:
        results.refuse("api-restart", contender.key, "lost", f"{count} objects after the restart")
    contender.stop()


def _create(contender: Contender, found: Any) -> None:
    place = contender.place()
    alone = load.creations(place, "alone", ALONE)
    found("create-1", ALONE / asyncio.run(load.run(place, alone, 1)))
    count = OBJECTS - ALONE - WATCHED - 1_000
    many = load.creations(place, "many", count)
    before = processes.cpu_seconds(contender.pids())
    found("create", count / asyncio.run(load.run(place, many, CLIENTS)))
    found("create-cpu", (processes.cpu_seconds(contender.pids()) - before) / count * 1e6)


async def _watch(place: load.Place) -> float:
    """Events a second that arrive at all watchers together."""
    watchers = await load.watch(place, WATCHERS, _list(place, 1)["metadata"]["resourceVersion"])
    requests = load.creations(place, "watched", WATCHED)
    started = time.perf_counter()
    await load.run(place, requests, 4)
    while any(watcher.count < WATCHED for watcher in watchers):
        await asyncio.sleep(0.002)
        if time.perf_counter() - started > 60:
            raise SystemExit(f"events are missing: {[watcher.count for watcher in watchers]}")
    seconds = time.perf_counter() - started
    for watcher in watchers:
        watcher.transport.close()
    return WATCHERS * WATCHED / seconds


def _count(place: load.Place) -> int:
    """ConfigMaps that were made here."""
    found = _list(place, 0, "?labelSelector=app%3Dbench")
    return len(found["items"])


def _list(place: load.Place, limit: int, query: str = "?") -> Any:
    headers = {"Authorization": f"Bearer {place.token}"}
    url = f"{place.url}{load.CONFIGMAPS}{query}&limit={limit}"
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=60, context=place.context()) as reply:
        return json.load(reply)
