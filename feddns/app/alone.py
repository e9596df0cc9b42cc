"""`--processes 0`: watcher and answers in one loop, the feed between them without a socket.

For a debugger, and for very small machines.  It ends, drains and is taken over as the supervised
server is (`standing`); only new settings need a new start.  I/O.  Called by `serve`.
"""

from __future__ import annotations

import asyncio
import logging
import signal

from feddns import feed
from feddns.app import answering, control, pressure, sources, watching
from feddns.app.answering import Answering
from feddns.app.control import Desk, Handover
from feddns.app.health import Heartbeat
from feddns.app.memory import Region
from feddns.app.notice import Board
from feddns.app.sockets import Sockets
from feddns.app.supervisor import ENDING, RELOAD, heard
from feddns.app.upstreams import Upstreams
from feddns.app.watching import Watching
from feddns.config import Settings
from feddns.errors import OperatorNeeded
from feddns.events import Event

_log = logging.getLogger("feddns")

_READY_WITHIN = 60.0
_TELL_EVERY = 1.0


class Ending:
    """The signals that end the server, and what they mean."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._asked = asyncio.Event()
        self._hurry = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in heard():
            loop.add_signal_handler(number, self._on_signal, number)

    def _on_signal(self, number: int) -> None:
        if number == RELOAD:
            _log.warning("with --processes 0 new settings need a new start")
        elif number in ENDING:
            if self._asked.is_set() or number != signal.SIGTERM:
                self._hurry.set()
            self._asked.set()

    async def wait(self, lame_duck: float) -> None:
        """Until it is time to drain."""
        await self._asked.wait()
        self._board.change(draining=True)
        try:
            await asyncio.wait_for(self._hurry.wait(), lame_duck)
        except TimeoutError:
            return


async def run(settings: Settings, sockets: Sockets, serial: int, handover: Handover | None) -> int:
    """The exit status."""
    loop = asyncio.get_running_loop()
    region = Region()
    board = Board(control.first_notice(settings, ""))
    relief = pressure.Board()
    answers = Answering(settings, sockets.listeners, region, serial, loop)
    answers.obey(relief)
    watcher = Watching(settings)
    heartbeat = Heartbeat()
    pending: asyncio.Queue[tuple[list[Event], bool]] = asyncio.Queue()
    watcher.listen(lambda events, commit: pending.put_nowait((events, commit)))

    async def relay() -> None:
        reset = True  # not on top of a saved world, which may have what is there no more
        while True:
            events, commit = await pending.get()
            for step in feed.steps(events, reset=reset, commit=commit):
                answers.builder.apply(step)
                await asyncio.sleep(0)
            reset = False

    async def tell(upstreams: Upstreams) -> None:
        while True:
            watcher.note_upstreams(upstreams.report())
            await asyncio.sleep(_TELL_EVERY)

    async def take_over() -> None:
        if handover is not None:
            async with asyncio.timeout(_READY_WITHIN):
                while not answers.store.current.synced:
                    await asyncio.sleep(0.02)
            trouble = await loop.run_in_executor(None, control.retire, handover)
            if trouble:
                _log.warning("the other server may still run: %s", trouble)
        board.change(watcher=1)

    ending = Ending(board)
    answers.start(
        answering.saved_world(settings) if handover is None else None, waits=handover is not None
    )
    if settings.snapshot:
        answers.keep(settings.snapshot, sources.name_of(settings), later=handover is not None)
    desk = Desk(board, sockets, 1, settings, relief)
    served = watching.serve_others(watcher, heartbeat, sockets.metrics, [region], desk)
    parts = [watcher.run(), heartbeat.run(), relay(), served]
    if answers.upstreams is not None:
        parts.append(tell(answers.upstreams))
    if settings.memory_limit:
        parts.append(watching.relieve(settings.memory_limit, [region], desk))
    tasks = [loop.create_task(part) for part in parts]
    stopped = loop.create_task(ending.wait(settings.lame_duck))
    taken = loop.create_task(take_over())
    done, _ = await asyncio.wait([*tasks, stopped, taken], return_when=asyncio.FIRST_COMPLETED)
    if taken in done and taken.exception() is None:
        done, _ = await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
    await answers.leave()
    for task in (*tasks, stopped, taken):
        task.cancel()
    answers.drain()
    if taken in done and isinstance(taken.exception(), TimeoutError):
        raise OperatorNeeded("not taken over, the other server goes on: nothing is read whole yet")
    for task in done - {stopped, taken}:
        task.result()  # an error of a part is an error of the whole
    return 0
