"""Keeps a public zone, in a thread of its own: nothing that a provider does holds up anything else.

    the provider                     what happens
    cannot be opened                 told; again after 5 s, doubling to 5 minutes
    is opened                        `opened` is called; nothing is taken by `do` before
    does what it is asked, or not    `PublicZone` is told, and says what comes next
    raises what it should not        the same as no answer; its name is logged, and where it was
                                     raised, but no words: they could hold a secret
    does not answer when stopped     its thread ends when it does; it is not waited for

The hooks are called in the loop that made this.  I/O.  Called by `publicdns`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from controllers.counts import Durations
from controllers.publiczone import PublicZone, Report, Settings, State
from feddns.errors import FeddnsError, OperatorNeeded, ProviderAway
from feddns.providers.base import Provider
from feddns.providers.keeper import News, Read, Send, Wait
from feddns.providers.recordsets import RecordSet, canonical

log = logging.getLogger("feddns.controllers")

_FIRST, _LONGEST = 5.0, 300.0
_JITTER = 0.3
Task = Callable[[PublicZone, float], object]


class Hooks(NamedTuple):
    """`opened`: tasks are taken from now on; `told`: what is new."""

    opened: Callable[[], None]
    told: Callable[[Report], None]


class ZoneThread:
    """See the module's docstring.  `over` is set when the thread has ended.

    `told` is of `PublicZone`; `took` of each call to the provider.
    """

    def __init__(
        self, settings: Settings, open_provider: Callable[[], Provider], hooks: Hooks
    ) -> None:
        self.over = asyncio.Event()
        self.told, self.took = Durations(), Durations()
        self._settings, self._open_provider, self._hooks = settings, open_provider, hooks
        self._loop = asyncio.get_running_loop()
        self._ready = threading.Condition()
        self._inbox: list[tuple[float, Task]] = []
        self._is_open = self._is_stopping = False
        self._pages: Iterator[Sequence[RecordSet]] = iter(())
        self._thread = threading.Thread(target=self._work, name="public zone", daemon=True)

    # --- from the loop ---------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def do(self, task: Task) -> None:
        """Call it there, with the time of now; not before the provider is opened."""
        with self._ready:
            if self._is_open:
                self._inbox.append((time.monotonic(), task))
                self._ready.notify()

    def stop(self) -> None:
        """Nothing is begun any more."""
        with self._ready:
            self._is_stopping = True
            self._ready.notify()

    # --- in the thread ---------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            provider = self._open()
            if provider is not None:
                with contextlib.closing(provider):
                    self._keep(PublicZone(self._settings, provider.limits, self.told), provider)
        except FeddnsError as error:
            self._trouble(error)
        except Exception as error:
            log.error("the public zone is not kept any more: %s", _where(error))
        finally:
            self._call(self.over.set)

    def _open(self) -> Provider | None:
        """The provider, when that goes well at last; None when it is stopped before."""
        wait, zone = _FIRST, canonical(self._settings.zone)
        while not self._is_stopping:
            try:
                provider = self._open_provider()
                if canonical(provider.zone) == zone:
                    return provider
                provider.close()
                error: FeddnsError = OperatorNeeded(f"it has {provider.zone}, not {zone}")
            except FeddnsError as caught:
                error = caught
            except Exception as caught:
                error = _unexpected(caught)
            self._trouble(error)
            self._wait(time.monotonic() + wait)
            wait = min(2 * wait, _LONGEST)
        return None

    def _trouble(self, error: FeddnsError) -> None:
        words = f"{self._settings.zone}: the DNS provider cannot be used: {error}"
        news = [News(type(error).__name__, "", words, True)]
        self._call(self._hooks.told, Report(news, [], {}, State()))

    def _keep(self, zone: PublicZone, provider: Provider) -> None:
        with self._ready:
            self._is_open = True
        self._call(self._hooks.opened)
        until: float | None = 0.0
        while (tasks := self._wait(until)) is not None:
            for heard, task in tasks:
                task(zone, heard)
            order = zone.next(time.monotonic())
            if isinstance(order, Wait):
                until = order.until
            else:
                self._do(zone, provider, order)
                until = 0.0
            if (report := zone.report()) is not None:
                self._call(self._hooks.told, report)

    def _wait(self, until: float | None) -> list[tuple[float, Task]] | None:
        """What was put into the inbox by then, or at once; None when it is over."""
        with self._ready:
            while not self._inbox and not self._is_stopping:
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    break
                self._ready.wait(left)
            tasks, self._inbox = self._inbox, []
            return None if self._is_stopping else tasks

    def _do(self, zone: PublicZone, provider: Provider, order: Read | Send) -> None:
        began = time.monotonic()
        page: Sequence[RecordSet] | None = None
        try:
            if isinstance(order, Send):
                provider.apply(order.changes)
            else:
                page = self._page(provider, order)
        except Exception as raised:
            error = raised if isinstance(raised, FeddnsError) else _unexpected(raised)
            zone.failed(error, time.monotonic(), random.random() * _JITTER)
            return
        finally:
            self.took.add(time.monotonic() - began)
        if isinstance(order, Send):
            zone.sent(time.monotonic())
        elif page is None:
            zone.read(time.monotonic())
        else:
            zone.page(page, time.monotonic())

    def _page(self, provider: Provider, order: Read) -> Sequence[RecordSet] | None:
        if order.is_new:
            self._pages = iter(provider.list())
        return next(self._pages, None)

    def _call(self, what: Callable[..., object], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is over
            self._loop.call_soon_threadsafe(what, *arguments)


def _unexpected(error: Exception) -> ProviderAway:
    log.error("the DNS provider raised %s", _where(error))
    return ProviderAway(f"it failed in an unexpected way ({type(error).__name__}); see the log")


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    path = " < ".join(f"{frame.filename}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__} at {path}"
