"""Folders of manifests: read them whole, then follow them, as events.

    loader = folder.Loader({Role.CLUSTER: [path], Role.FEDERATION: [other]})
    for events in loader.load():          # a few milliseconds of work each; many are empty
        store.commit(events)
    store.commit([Synced(...)])           # all folders have been read whole
    async for events in loader.follow():
        store.commit(events)              # one list is one atomic step

    case  while following                              what happens
    1     a file is written, renamed into place,       one list of events, at most 100 ms later
          linked, removed; `..data` is swapped
    2     several such within 20 ms of one another     one list for all (after 60 ms at the latest)
    3     a file is open for writing                   nothing until it is closed (see `watching`)
    4     a directory comes or goes, the folder too    as its files do
    5     a file or directory cannot be read           what it gave before stays; one log line

This file touches the disk.  Called by `app`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from feddns.errors import OperatorNeeded
from feddns.events import Event
from feddns.inventory import Counts, Refusal
from feddns.kube.cluster import CONFIG_MAP
from feddns.kube.resources import Role
from feddns.manifests import scanning
from feddns.manifests.objects import FileTable
from feddns.manifests.scanning import Inode, Tree
from feddns.manifests.watching import Parent, Watcher

_FLAGS = {Role.CLUSTER: "--manifests", Role.FEDERATION: "--federation-manifests"}

log = logging.getLogger("feddns.manifests")


class Root(NamedTuple):
    """A folder that was given, and whose manifests are in it."""

    path: str
    role: Role


class Loader:
    """The folders of both roles as one source of events."""

    def __init__(
        self,
        folders: Mapping[Role, Sequence[str | Path]],
        unwanted: Collection[str] = (),
        config_map: str = CONFIG_MAP,
    ) -> None:
        """`unwanted`: kinds of the cluster that are passed over although feddns knows them."""
        self.tables = {
            role: FileTable(role, unwanted if role is Role.CLUSTER else (), config_map)
            for role in folders
        }
        self._roots = [Root(str(path), role) for role, paths in folders.items() for path in paths]
        self._trees: dict[Root, Tree] = dict.fromkeys(self._roots, scanning.NOTHING)
        self._told: dict[Role, dict[str, frozenset[str]]] = {role: {} for role in folders}
        self._warned: set[Refusal] = set()

    # --- once ------------------------------------------------------------------------------------

    def load(self) -> Iterator[list[Event]]:
        """Everything that is there, in small lists; its end means complete.

        Raises `OperatorNeeded` for a folder that is missing or holds no manifest.
        """
        for root in self._roots:
            self._trees[root] = _scan_at_start(root)
        for root in self._roots:
            for path in self._trees[root].files:
                yield from self._load_file(path, root.role)
        self._tell_warnings()

    def _load_file(self, path: str, role: Role) -> Iterator[list[Event]]:
        table = self.tables[role]
        content = _content_of(path)
        if isinstance(content, OSError):
            table.refuse(path, _reason(content))
            self._tell(role, path)
            return
        if content is not None:
            yield from table.loading(path, content)
        self._tell(role, path)

    # --- from then on ----------------------------------------------------------------------------

    async def follow(self) -> AsyncIterator[list[Event]]:
        """Each change since `load`, as one list of events; without it, the first has everything."""
        with Watcher() as watcher:
            while True:
                events: list[Event] = []
                while True:
                    events += await self._changes(watcher)
                    if not self._watch(watcher):
                        break
                if events:
                    yield events
                await watcher.change()

    def _watch(self, watcher: Watcher) -> bool:
        """Watch what the last scan saw, and where the folders themselves may come back."""
        directories: dict[Inode, str] = {}
        parents: dict[Inode, Parent] = {}
        for root in self._roots:
            directories.update(self._trees[root].directories)
            parent = _nearest_parent(root.path)
            if parent is not None:
                inode, path, name = parent
                names = parents[inode].names if inode in parents else frozenset()
                parents[inode] = Parent(path, names | {name})
        return watcher.watch(directories, parents)

    async def _changes(self, watcher: Watcher) -> list[Event]:
        """The events that lead from what the folders held to what they hold now.

        What is gone comes last: an object that moved to another file has not been away.
        """
        events: list[Event] = []
        again = watcher.forget()
        gone: list[tuple[str, Root]] = []
        for root in self._roots:
            before = self._trees[root]
            now = await asyncio.to_thread(_scan_later, root, before)
            self._trees[root] = now
            gone += [(path, root) for path in before.files.keys() - now.files.keys()]
            for path, stamp in list(now.files.items()):
                if watcher.is_writing(stamp.inode):
                    _put_back(now, before, path)
                elif before.files.get(path) != stamp or stamp.inode in again:
                    events += await self._update(path, root.role)
        for path, root in gone:
            if not self._is_elsewhere(path, root):
                events += await self._update(path, root.role, gone=True)
        self._tell_warnings()
        return events

    def _is_elsewhere(self, path: str, root: Root) -> bool:
        """Whether another root of the same role has the file too: roots may overlap."""
        return any(
            other != root and other.role is root.role and path in tree.files
            for other, tree in self._trees.items()
        )

    async def _update(self, path: str, role: Role, *, gone: bool = False) -> list[Event]:
        table = self.tables[role]
        content = None if gone else await asyncio.to_thread(_content_of, path)
        if isinstance(content, OSError):
            table.refuse(path, _reason(content))
            self._tell(role, path)
            return []
        steps = table.updating(path, content)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                self._tell(role, path)
                events: list[Event] = end.value
                return events
            await asyncio.sleep(0)

    # --- what is told ----------------------------------------------------------------------------

    def refusals(self) -> list[Refusal]:
        """All that does not count now, for `feddns check`."""
        return [refusal for table in self.tables.values() for refusal in table.refusals()]

    def counts(self) -> dict[Role, Counts]:
        return {role: table.counts() for role, table in self.tables.items()}

    def _tell(self, role: Role, path: str) -> None:
        """One log line for each refusal of the file that is new, or has another reason."""
        refusals = self.tables[role].refusals_of(path)
        before = self._told[role].get(path, frozenset())
        for refusal in refusals:
            if refusal.reason not in before:
                log.warning("%s", refusal)
        if refusals:
            self._told[role][path] = frozenset(refusal.reason for refusal in refusals)
        else:
            self._told[role].pop(path, None)

    def _tell_warnings(self) -> None:
        """The same for objects that several files have."""
        now = {warning for table in self.tables.values() for warning in table.warnings()}
        for warning in sorted(now - self._warned):
            log.warning("%s", warning)
        self._warned = now


# --- disk ----------------------------------------------------------------------------------------


def _scan_at_start(root: Root) -> Tree:
    path, flag = root.path, _FLAGS[root.role]
    try:
        tree = scanning.scan(path)
    except FileNotFoundError as error:
        raise OperatorNeeded(
            f"folder {path} does not exist; create it, or give {flag} another one"
        ) from error
    except NotADirectoryError as error:
        raise OperatorNeeded(
            f"{path} is no folder; give {flag} the folder that it is in"
        ) from error
    except OSError as error:
        raise OperatorNeeded(
            f"folder {path} cannot be read ({error.strerror}); let user {os.getuid()} read it, "
            f"or give {flag} another one"
        ) from error
    if not tree.files:
        raise OperatorNeeded(
            f"folder {path} holds no *.yaml, *.yml or *.json file; put manifests there, for "
            f"example what `kubectl get -A -o yaml` prints, or give {flag} another one"
        )
    return tree


def _scan_later(root: Root, before: Tree) -> Tree:
    """What the folder holds now.  What cannot be read for the moment is as it was before."""
    try:
        now = scanning.scan(root.path)
    except (FileNotFoundError, NotADirectoryError):
        if before.files:
            log.warning("%s:0: the folder is gone, and its objects until it is back", root.path)
        return scanning.NOTHING
    except OSError as error:
        log.warning("%s:0: %s", root.path, _reason(error))
        return before
    for path, stamp in before.files.items():
        if path not in now.files and not now.is_missing(path):
            now.files[path] = stamp
    return now


def _content_of(path: str) -> bytes | OSError | None:
    """The content; None when the file is gone; what else the machine says."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return error


def _reason(error: OSError) -> str:
    return f"it cannot be read ({error.strerror}); what it gave before stays"


def _put_back(now: Tree, before: Tree, path: str) -> None:
    """A file that is being written counts as it was before."""
    if path in before.files:
        now.files[path] = before.files[path]
    else:
        del now.files[path]


def _nearest_parent(path: str) -> tuple[Inode, str, str] | None:
    """The nearest directory above `path` that is there, and the name in it that leads to `path`."""
    below = os.path.abspath(path)
    while (above := os.path.dirname(below)) != below:
        try:
            status = os.stat(above)
        except OSError:
            below = above
            continue
        return (status.st_dev, status.st_ino), above, os.path.basename(below)
    return None
