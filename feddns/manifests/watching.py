"""inotify on a set of directories: when something in them changed, and which files are whole.

    inotify says                          the file
    CREATE, MODIFY                        is being written: leave it
    CLOSE_WRITE, MOVED_TO                 is whole: read it, whatever its times say
    CREATE of a link, hard or symbolic    is whole
    nothing for `STUCK` seconds           is taken as whole; somebody keeps it open
    an overflow of the queue              all are taken as whole

What changed is not taken from here: the directories are scanned again, so that one event may
stand for many.

This file touches inotify.  Called by `manifests.folder`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import stat
from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple

from asyncinotify import Event, Inotify, Mask, Watch

from feddns.errors import OperatorNeeded
from feddns.manifests.scanning import Inode

_log = logging.getLogger("feddns.manifests")

QUIET = 0.02
AT_MOST = 0.06
STUCK = 1.0

_CHANGES = (
    Mask.CREATE
    | Mask.MODIFY
    | Mask.CLOSE_WRITE
    | Mask.ATTRIB
    | Mask.MOVED_FROM
    | Mask.MOVED_TO
    | Mask.DELETE
    | Mask.DELETE_SELF
    | Mask.MOVE_SELF
)
_BEGUN = Mask.CREATE | Mask.MODIFY
_WHOLE = Mask.CLOSE_WRITE | Mask.MOVED_TO


class Parent(NamedTuple):
    """A directory above a folder: only these of its names lead to the folder."""

    path: str
    names: frozenset[str]


def _open_inotify() -> Inotify:
    try:
        return Inotify(cache_size=64, sync_timeout=0)
    except OSError as error:
        raise OperatorNeeded(
            f"the folders cannot be followed ({error.strerror}): raise "
            "`sysctl fs.inotify.max_user_instances`, or stop what uses them up"
        ) from error


class Watcher:
    """Watches directories.  To be used in `with`, within a running loop."""

    def __init__(self) -> None:
        self.whole: set[Inode] = set()
        """Files to read again, until `forget`."""
        self._writing: dict[Inode, float] = {}
        self._watches: dict[Inode, Watch] = {}
        self._only: dict[Inode, frozenset[str]] = {}
        self._inotify = _open_inotify()
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._changed = False

    def __enter__(self) -> Watcher:
        self._loop.add_reader(self._inotify.fd, self._drain)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.remove_reader(self._inotify.fd)
        self._inotify.close()

    def watch(self, directories: Mapping[Inode, str], parents: Mapping[Inode, Parent]) -> bool:
        """Watch exactly these; whether one of them is new, so that a scan may have missed it."""
        self._only = {
            inode: parent.names for inode, parent in parents.items() if inode not in directories
        }
        wanted = {inode: parent.path for inode, parent in parents.items()} | dict(directories)
        for inode in self._watches.keys() - wanted.keys():
            with contextlib.suppress(OSError):  # the directory is gone, and its watch with it
                self._inotify.rm_watch(self._watches.pop(inode))
        new = False
        for inode, path in wanted.items():
            if inode not in self._watches:
                try:
                    self._watches[inode] = self._inotify.add_watch(path, _CHANGES)
                except OSError as error:
                    if error.errno == errno.ENOSPC:
                        _log.warning(
                            "%s is not followed: raise `sysctl fs.inotify.max_user_watches`", path
                        )
                    continue  # else it is gone since, and its parent will tell
                new = True
        return new

    def is_writing(self, inode: Inode) -> bool:
        return inode in self._writing

    def forget(self) -> set[Inode]:
        """The files to read again, which are the caller's business from now on."""
        whole, self.whole = self.whole, set()
        return whole

    async def change(self) -> None:
        """Wait for a change, and then until no more come."""
        while not (self._changed or self._take_stuck()):
            await self._wait(self._patience())
        deadline = self._loop.time() + AT_MOST
        while (left := deadline - self._loop.time()) > 0:
            if not await self._wait(min(QUIET, left)):
                break
        self._changed = False

    async def _wait(self, seconds: float | None) -> bool:
        """Wait for any event; False when there was none."""
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return False
        self._woken.clear()
        return True

    def _patience(self) -> float | None:
        """Seconds until the first of the files being written counts as stuck."""
        if not self._writing:
            return None
        return max(0.0, min(self._writing.values()) + STUCK - self._loop.time())

    def _take_stuck(self) -> bool:
        before = self._loop.time() - STUCK
        stuck = [inode for inode, since in self._writing.items() if since <= before]
        for inode in stuck:
            del self._writing[inode]
        self.whole.update(stuck)
        return bool(stuck)

    # --- events ----------------------------------------------------------------------------------

    def _drain(self) -> None:
        while (event := self._inotify.sync_get()) is not None:
            self._changed |= self._note(event)
        self._woken.set()

    def _note(self, event: Event) -> bool:
        """Whether the event may mean a change of what the folders hold."""
        mask = event.mask
        if mask & Mask.Q_OVERFLOW:
            self.whole.update(self._writing)
            self._writing.clear()
            return True
        watch = event.watch
        inode = self._inode_of(watch)
        if inode is None or watch is None:
            return False
        if mask & Mask.IGNORED:
            del self._watches[inode]
            return True
        names = self._only.get(inode)
        if names is not None:
            return str(event.name) in names
        if event.name is not None and not mask & Mask.ISDIR and mask & (_BEGUN | _WHOLE):
            return self._note_file(os.path.join(watch.path, event.name), mask)
        return True

    def _inode_of(self, watch: Watch | None) -> Inode | None:
        for inode, known in self._watches.items():
            if known is watch:
                return inode
        return None

    def _note_file(self, path: str, mask: Mask) -> bool:
        try:
            status = os.lstat(path)
        except OSError:
            return True
        inode = (status.st_dev, status.st_ino)
        if mask & _WHOLE:
            self._writing.pop(inode, None)
            self.whole.add(inode)
            return True
        if not stat.S_ISREG(status.st_mode) or (mask & Mask.CREATE and status.st_nlink > 1):
            return True
        self._writing[inode] = self._loop.time()
        return False
