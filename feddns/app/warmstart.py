"""The saved snapshot: read at the start, written now and then (`--snapshot FILE`).

    at the start          the file …                       the answers
                          is whole and of these sources    from it at once, stale (EDE 3)
                          is not there                     wait for the sources
                          is damaged, or of others         the same; it is set aside as FILE.bad
    while running         the world changed, is followed,  written beside the file in small pieces,
                          and the last time is a while ago synced, renamed over it
    at the end            the same                         written at once

A directory that cannot be written is one log line for each new reason; the answers go on.  I/O.
Called by the answering process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from feddns import saved
from feddns.errors import DocumentRefused
from feddns.snapshot import Snapshot
from feddns.store import Store

_log = logging.getLogger("feddns.snapshot")

EVERY = 30.0
"""Seconds between two writings of a world that keeps changing."""

_SPARING = 100
"""And at least so many times as long as the last writing took."""


def load(path: str, source: str, empty: Snapshot) -> Snapshot | None:
    """The world of the file; None when there is none that can be used."""
    file = Path(path)
    started = time.perf_counter()
    try:
        snapshot = saved.read(file.read_bytes(), source, empty)
    except FileNotFoundError:
        return None
    except OSError as error:
        _log.warning("--snapshot %s cannot be read: %s", path, error.strerror)
        return None
    except DocumentRefused as refusal:
        _set_aside(file, refusal)
        return None
    age = max(0.0, time.time() - snapshot.stale_since)
    seconds = time.perf_counter() - started
    _log.info("answering from %s, %.0f s old (read in %.2f s)", path, age, seconds)
    return snapshot


def _set_aside(file: Path, refusal: DocumentRefused) -> None:
    aside = file.with_name(file.name + ".bad")
    try:
        file.rename(aside)
        _log.warning("--snapshot %s is not used: %s; it is now %s", file, refusal, aside.name)
    except OSError as error:
        _log.warning("--snapshot %s is not used: %s (%s)", file, refusal, error.strerror)


class Keeper:
    """Writes the world of a store, in a loop of somebody else's."""

    def __init__(
        self, path: str, source: str, store: Store, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._path = Path(path)
        self._new = self._path.with_name(f".{self._path.name}.new")
        self._last = self._path.with_name(f".{self._path.name}.last")
        self._source = source
        self._store = store
        self._loop = loop
        self._version = 0  # of the snapshot that is in the file
        self._due = 0.0
        self._trouble = ""
        self._is_writing = False

    def tick(self) -> None:
        """Called now and then: begin to write when it is time."""
        if not self._is_writing and self._loop.time() >= self._due and self._is_wanted():
            self._is_writing = True
            self._begin()

    def wait(self) -> None:
        """Not yet: the process that is to be followed may be writing still."""
        self._due = self._loop.time() + EVERY

    def finish(self) -> None:
        """The process ends: write now what is not written, and never mind what is half written."""
        try:
            self._new.unlink(missing_ok=True)  # a thread that is late finds nothing to put in place
            if self._is_wanted():
                self._last.write_bytes(b"".join(self._pieces(self._store.current)))
                self._last.replace(self._path)
        except OSError as error:
            self._tell(error)

    def _is_wanted(self) -> bool:
        snapshot = self._store.current
        return snapshot.synced and not snapshot.stale_since and snapshot.version != self._version

    def _pieces(self, snapshot: Snapshot) -> Iterator[bytes]:
        return saved.write(snapshot, self._source, time.time())

    def _begin(self) -> None:
        snapshot = self._store.current
        try:
            file = self._new.open("wb")
        except OSError as error:
            self._end(error, EVERY)
            return
        self._write(file, self._pieces(snapshot), snapshot.version, 0.0)

    def _write(self, file: BinaryIO, pieces: Iterator[bytes], version: int, spent: float) -> None:
        """One piece a turn of the loop; then the slow part in a thread."""
        started = time.perf_counter()
        try:
            piece = next(pieces, None)
            if piece is not None:
                file.write(piece)
        except OSError as error:
            file.close()
            self._end(error, EVERY)
            return
        spent += time.perf_counter() - started
        if piece is not None:
            self._loop.call_soon(self._write, file, pieces, version, spent)
            return
        placing = self._loop.run_in_executor(None, self._close, file)
        placing.add_done_callback(lambda done: self._placed(done, version, spent))

    def _close(self, file: BinaryIO) -> None:
        with file:
            file.flush()
            os.fsync(file.fileno())
        self._new.replace(self._path)

    def _placed(self, done: asyncio.Future[None], version: int, spent: float) -> None:
        error = done.exception()
        if isinstance(error, OSError):
            self._end(error, EVERY)
        else:
            self._version = version
            self._end(None, max(EVERY, _SPARING * spent))

    def _end(self, error: OSError | None, pause: float) -> None:
        self._is_writing = False
        self._due = self._loop.time() + pause
        if error is not None:
            self._tell(error)
        else:
            self._trouble = ""

    def _tell(self, error: OSError) -> None:
        trouble = error.strerror or str(error)
        if trouble != self._trouble:
            self._trouble = trouble
            _log.warning("--snapshot %s cannot be written: %s", self._path, trouble)
