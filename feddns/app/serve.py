"""`feddns serve`: from settings to running processes.

    1  the folders are there and hold manifests          else one line and exit status 1
    2  the sockets are bound, the feed's too             else one line and exit status 1
    3  --processes 0: everything in this process's loop
       else: supervisor, one watcher, N answering processes

The composition root of the DNS server.  I/O.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import time
from functools import partial

import msgspec

from feddns import __version__, feed
from feddns.app import answering, logs, sources, watching
from feddns.app.answering import Answering
from feddns.app.memory import Region
from feddns.app.sockets import Listener, open_feed, open_listener, open_metrics, own_addresses
from feddns.app.supervisor import Supervisor, ending
from feddns.app.watching import Heartbeat, Watching
from feddns.config import Address, Settings
from feddns.events import Event

_log = logging.getLogger("feddns")


def run(settings: Settings) -> int:
    """The exit status.  Raises `OperatorNeeded` for what can be seen before the first question."""
    logs.set_up(settings.log_format)
    _raise_descriptor_limit()
    sources.check(settings)
    listeners = [open_listener(wanted) for wanted in settings.listen]
    metrics = open_metrics(settings.metrics) if settings.metrics is not None else None
    settings = _complete(settings, listeners)
    for listener in listeners:
        _log.info("feddns %s listens on %s", __version__, listener.address)
    serial = int(time.time())
    if settings.processes == 0:
        return asyncio.run(_run_alone(settings, listeners, metrics, serial))
    return _supervise(settings, listeners, metrics, serial)


def _raise_descriptor_limit() -> None:
    """Each TCP connection is a descriptor, and the usual soft limit is low."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _complete(settings: Settings, listeners: list[Listener]) -> Settings:
    """Fill in the defaults that only the machine knows."""
    return msgspec.structs.replace(
        settings,
        nameserver_address=settings.nameserver_address
        or tuple(Address(packed) for packed in own_addresses(listeners)),
        nsid=settings.nsid or socket.gethostname()[:64],
    )


def _supervise(
    settings: Settings, listeners: list[Listener], metrics: socket.socket | None, serial: int
) -> int:
    feed_socket = open_feed()
    regions = [Region() for _ in range(settings.processes)]
    supervisor = Supervisor()
    supervisor.add("watching", partial(watching.run, settings, feed_socket, metrics, regions))
    for index, region in enumerate(regions):
        supervisor.add(
            f"answering-{index}",
            partial(_answer, settings, listeners, feed_socket.getsockname(), region, serial),
            region.note_death,
        )
    return supervisor.run()


def _answer(
    settings: Settings, listeners: list[Listener], feed: bytes, region: Region, serial: int
) -> None:
    region.take_over()
    answering.run(settings, listeners, feed, region, serial)


async def _run_alone(
    settings: Settings, listeners: list[Listener], metrics: socket.socket | None, serial: int
) -> int:
    """Watcher and answers in one loop, the feed between them without a socket."""
    loop = asyncio.get_running_loop()
    region = Region()
    answers = Answering(settings, listeners, region, serial, loop)
    watcher = Watching(settings)
    heartbeat = Heartbeat()
    pending: asyncio.Queue[tuple[list[Event], bool]] = asyncio.Queue()
    watcher.listen(lambda events, commit: pending.put_nowait((events, commit)))

    async def relay() -> None:
        while True:
            events, commit = await pending.get()
            for step in feed.steps(events, reset=False, commit=commit):
                answers.builder.apply(step)
                await asyncio.sleep(0)

    stop = asyncio.Event()
    for number in ending():
        loop.add_signal_handler(number, stop.set)
    answers.start()
    if metrics is not None:
        watching.serve_metrics(metrics, watcher, heartbeat, [region])
    tasks = [loop.create_task(part) for part in (watcher.run(), heartbeat.run(), relay())]
    stopped = loop.create_task(stop.wait())
    done, _ = await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
    for task in (*tasks, stopped):
        task.cancel()
    answers.drain()
    for task in done - {stopped}:
        task.result()  # an error of a part is an error of the whole
    return 0
