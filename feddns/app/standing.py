"""The server as a whole: which processes there are, and what a signal or a changed file means.

    what happens                         what is done
    SIGTERM                              /readyz fails; answers for --lame-duck, then drains; ends
    SIGTERM again, SIGINT                drains and ends, without waiting any longer
    another server took over (RETIRE)    the same
    SIGHUP, or --config changed          the settings are read again
      they are bad                         one line; the old ones stay in force
      they differ                          a new process beside each old one, one after the other;
                                           when it is ready the old one drains
      the first new one dies, or is        the new one ends, one line; the old ones stay in force
      not ready within a minute
    --takeover, and all is ready         the old server is told to end
      one dies, or is not ready            ends with status 1; the old server goes on
      within a minute

Each of these is a plan, a generator that `step` moves on; it yields the seconds that it can wait.
A socket that old and new settings have in common is never closed.  I/O.  Called by `serve`;
`supervisor` is the hands, this is the head.
"""

from __future__ import annotations

import logging
import signal
import socket
import time
from collections.abc import Callable, Generator
from functools import partial
from typing import NamedTuple

import msgspec

from feddns.app import answering, control, logs, pressure, sources, watching
from feddns.app.configfile import ConfigFile
from feddns.app.control import Desk, Handover
from feddns.app.memory import Region, Slot
from feddns.app.notice import Board
from feddns.app.sockets import Sockets, open_feed, open_sockets
from feddns.app.supervisor import ENDING, RELOAD, Child, Supervisor
from feddns.config import Settings, changes
from feddns.errors import FeddnsError
from feddns.resolver.counts import gauge

_log = logging.getLogger("feddns.supervisor")

READY_WITHIN = 60.0
_POLL = 0.02
_LOOK_EVERY = 1.0
_PATIENCE = 5.0
"""Seconds that a process has to end by itself, forwarded questions aside."""

Plan = Generator[float, None, None]


class Reading(NamedTuple):
    """How the settings are read, and completed with what the machine knows."""

    read: Callable[[], Settings]
    complete: Callable[[Settings, Sockets], Settings]
    file: ConfigFile


class Generation(NamedTuple):
    """What the processes that belong together have in common."""

    number: int
    settings: Settings
    sockets: Sockets
    feed: socket.socket
    slots: list[Slot]


class Server:
    """Supervised processes around sockets that outlive them."""

    def __init__(
        self,
        asked: Settings,
        reading: Reading,
        sockets: Sockets,
        serial: int,
        handover: Handover | None = None,
    ) -> None:
        """`asked`: the settings as they were read; `handover`: what another server gave us."""
        self.status = 0
        self._relief = pressure.Board()
        self._asked = asked
        self._reading = reading
        self._serial = serial
        self._handover = handover
        self._supervisor = Supervisor()
        self._file = reading.file
        self._wanted = self._ending = self._hurry = self._over = False
        settings = reading.complete(asked, sockets)
        slots = [Slot() for _ in range(settings.processes)]
        self._now = Generation(1, settings, sockets, open_feed(), slots)
        self._all: list[Generation] = [self._now]
        self.board = Board(control.first_notice(settings, reading.file.path))
        self._plan: Plan | None = None
        if handover is None:
            self.board.change(watcher=1)
        else:
            self._plan = self._take_over(handover)
        self._watcher = self._add_watcher(self._now)
        self._answering = [
            self._add_answering(self._now, index, slot.current())
            for index, slot in enumerate(slots)
        ]

    def run(self) -> int:
        """The exit status."""
        self._supervisor.run(self.step)
        return self.status

    def step(self, received: int) -> float | None:
        """See `supervisor.Step`."""
        if received in ENDING:
            self._note_end(received)
        self._wanted |= received == RELOAD or self._file.has_changed(time.monotonic())
        if self._plan is None and self._wanted:
            self._plan = self._reload()
        wait = _LOOK_EVERY
        if self._plan is not None:
            try:
                wait = min(wait, next(self._plan))
            except StopIteration:
                self._plan, wait = None, 0.0
        return None if self._over else wait

    # --- processes -------------------------------------------------------------------------------

    def _add_watcher(self, generation: Generation) -> Child:
        return self._supervisor.add("watching", partial(self._watch, generation), self._count_death)

    def _count_death(self) -> None:
        self.board.change(watcher_restarts=self.board.read().watcher_restarts + 1)

    def _watch(self, generation: Generation) -> None:
        """In the child."""
        self._leave_to_others(generation)
        desk = Desk(
            self.board, generation.sockets, generation.number, generation.settings, self._relief
        )
        watching.run(
            generation.settings, generation.feed, generation.sockets.metrics, generation.slots, desk
        )

    def _add_answering(self, generation: Generation, index: int, region: Region) -> Child:
        role = partial(self._answer, generation, index, region)
        return self._supervisor.add(f"answering-{index}", role, region.note_death)

    def _answer(self, generation: Generation, index: int, region: Region) -> None:
        """In the child."""
        self._leave_to_others(generation)
        region.take_over()
        answering.run(
            generation.settings,
            generation.sockets.listeners,
            generation.feed.getsockname(),
            region,
            self._serial,
            self._relief,
            keeps=index == 0,
            follows=self._handover is not None or generation.slots[index].current() is not region,
        )

    def _leave_to_others(self, generation: Generation) -> None:
        """Close what other generations have, so that who closes a socket there closes it."""
        ours = {generation.feed, *generation.sockets.all()}
        for other in self._all:
            for theirs in {other.feed, *other.sockets.all()} - ours:
                theirs.close()

    # --- the end ---------------------------------------------------------------------------------

    def _note_end(self, received: int) -> None:
        if self._ending:
            self._hurry = True
            return
        self._ending = True
        self._hurry = received != signal.SIGTERM or self._handover is not None
        self._plan = self._end()

    def _end(self) -> Plan:
        self.board.change(draining=True)
        seconds = self._now.settings.lame_duck
        if not self._hurry and seconds:
            _log.info("ending: answers for %g s more (--lame-duck)", seconds)
        end = time.monotonic() + seconds
        while not self._hurry and (left := end - time.monotonic()) > 0:
            yield left
        children = self._supervisor.children
        yield from self._end_all([child for child in children if child.name != "watching"])
        yield from self._end_all(children)
        self._over = True

    def _end_all(self, children: list[Child]) -> Plan:
        for child in list(children):
            self._supervisor.end(child, self._patience())
        while not all(child.is_gone for child in children):
            yield _LOOK_EVERY

    def _patience(self) -> float:
        return max(_PATIENCE, self._now.settings.upstream_budget + 1)

    # --- new settings ----------------------------------------------------------------------------

    def _reload(self) -> Plan:
        self._wanted = False
        self._file.note_read()
        try:
            asked = self._stay_alone_or_not(self._reading.read())
            changed = changes.between(self._asked, asked)
            if changed:
                sources.check(asked)
                generation = self._follow(asked, changed)
        except FeddnsError as error:
            self._refuse(str(error))
            return
        if not changed:
            _log.info("settings read again: nothing changed")
            self._note_success(self._now.settings)
            return
        _log.info("settings read again: %s changed", ", ".join(changed))
        yield from self._replace(generation, asked)

    def _stay_alone_or_not(self, asked: Settings) -> Settings:
        if asked.processes:
            return asked
        _log.warning("processes = 0 needs a new start: one process cannot become several, or back")
        return msgspec.structs.replace(asked, processes=self._asked.processes)

    def _follow(self, asked: Settings, changed: list[str]) -> Generation:
        """The generation after this one, with what both have in common."""
        now = self._now
        keeps = changes.ANSWERING_ONLY.issuperset(changed)
        sockets = open_sockets(asked, now.sockets)
        spare = [Slot() for _ in range(asked.processes - len(now.slots))]
        return Generation(
            now.number + (not keeps),
            self._reading.complete(asked, sockets),
            sockets,
            now.feed if keeps else open_feed(),
            [*now.slots, *spare][: asked.processes],
        )

    def _replace(self, new: Generation, asked: Settings) -> Plan:
        before, old_watcher, old = self._now, self._watcher, self._answering
        self._all.append(new)
        keeps = new.feed is before.feed
        watcher = old_watcher if keeps else self._add_watcher(new)
        fresh: list[Child] = []
        for index, slot in enumerate(new.slots):
            is_place = index < len(old)
            region = slot.spare() if is_place else slot.current()
            region.clear()
            fresh.append(self._add_answering(new, index, region))
            stale = bool(before.slots[0].read()[gauge("stale")])
            trouble = yield from self._until_ready([watcher, fresh[-1]], region, stale)
            if trouble and index == 0:
                yield from self._give_up(new, [*fresh, *([] if keeps else [watcher])], trouble)
                return
            if is_place:
                slot.switch()
                yield from self._end_all([old[index]])
        if not keeps:
            self.board.change(watcher=new.number)
        yield from self._end_all(old[len(fresh) :])
        self._now, self._asked, self._answering, self._watcher = new, asked, fresh, watcher
        self._note_success(new.settings)
        if not keeps:
            yield from self._end_all([old_watcher])
        self._close_all_but(new)
        logs.set_up(new.settings.log_format)
        _log.info("the new settings are in force")

    def _until_ready(
        self, children: list[Child], region: Region, stale: bool
    ) -> Generator[float, None, str]:
        """Wait for the last of the children, which has the region; why it will not be ready."""
        deaths = [child.deaths for child in children]
        deadline = time.monotonic() + READY_WITHIN
        while True:
            numbers = region.read()
            is_its_own = numbers[gauge("process_id")] == children[-1].pid != 0
            if is_its_own and numbers[gauge("ready")] and (stale or not numbers[gauge("stale")]):
                return ""
            for child, number in zip(children, deaths, strict=True):
                if child.deaths > number:
                    return child.last_death
            if time.monotonic() > deadline:
                return f"{children[-1].name} is not ready after {READY_WITHIN:.0f} s"
            yield _POLL

    def _give_up(self, new: Generation, children: list[Child], trouble: str) -> Plan:
        yield from self._end_all(children)
        self._close_all_but(self._now)
        self._refuse(trouble)

    def _close_all_but(self, kept: Generation) -> None:
        ours = {kept.feed, *kept.sockets.all()}
        for other in self._all:
            for theirs in {other.feed, *other.sockets.all()} - ours:
                theirs.close()
        self._all = [kept]

    def _refuse(self, reason: str) -> None:
        _log.error("settings not taken, the old ones stay in force: %s", reason)
        failed = self.board.read().reloads_failed + 1
        self.board.change(reloads_failed=failed, trouble=reason)

    def _note_success(self, settings: Settings) -> None:
        self.board.change(
            reloads=self.board.read().reloads + 1,
            reloaded=time.time(),
            trouble="",
            settings=changes.to_flags(settings),
        )

    # --- from another server ---------------------------------------------------------------------

    def _take_over(self, handover: Handover) -> Plan:
        yield 0.0  # the children are added after this plan is made
        for child, slot in zip(self._answering, self._now.slots, strict=True):
            trouble = yield from self._until_ready([self._watcher, child], slot.current(), False)
            if trouble:
                _log.error("not taken over, the other server goes on: %s", trouble)
                self.status, self._ending = 1, True
                yield from self._end_all(self._supervisor.children)
                self._over = True
                return
        trouble = control.retire(handover)
        if trouble:
            _log.warning("the other server may still run: %s", trouble)
        self._handover = None
        self.board.change(watcher=self._now.number)
        _log.info("taken over from feddns %s, process %d", handover.version, handover.supervisor)
