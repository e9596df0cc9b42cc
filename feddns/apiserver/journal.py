"""The file in which the store is durable: SQLite, write-ahead log.

    changes of one turn of the loop → one transaction → answers and events go out

`kill -9` at any time loses nothing that was acknowledged, as the system has what was committed;
with `sync` each commit waits for the disk, so that a power cut loses nothing either.  The file also
has what a server needs to be itself again (its authority, tokens): it is readable by its owner
only.

I/O.  Called by `server`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from feddns.apiserver import store
from feddns.apiserver.store import Entry, Event, Store
from feddns.errors import OperatorNeeded

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
  resource TEXT NOT NULL, key TEXT NOT NULL, revision INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (resource, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS revision (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER);
"""
_PATIENCE = 1.0
"""Seconds to wait for a process that is just ending."""
_PUT = "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)"
_REMOVE = "DELETE FROM objects WHERE resource = ? AND key = ?"


class Journal:
    """One file, or memory when `path` is None.  `changes` waits for `commit`."""

    def __init__(self, path: Path | None, *, sync: bool = False) -> None:
        self.changes: list[Event] = []
        self._where = str(path or ":memory:")
        try:
            if path is not None:
                _make_private(path)
            self._db = sqlite3.connect(self._where, isolation_level=None, timeout=_PATIENCE)
        except (sqlite3.Error, OSError) as error:
            raise OperatorNeeded(f"{self._where}: {error}") from error
        with self._opening():
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute(f"PRAGMA synchronous = {'FULL' if sync else 'NORMAL'}")
            self._db.executescript(_SCHEMA)

    def load_into(self, target: Store) -> None:
        """Fill the store, and hear of its changes from now on.  Raises `OperatorNeeded`."""
        with self._opening():
            row = self._db.execute("SELECT number FROM revision").fetchone()
            if row is not None:
                target.load(row[0], self._rows())
        target.listeners.append(self.changes.append)

    def commit(self) -> None:
        """Write what changed since the last time.

        Raises `OperatorNeeded`: nothing is written, and all of it waits for the next `commit`.
        """
        changes, self.changes[:] = list(self.changes), []
        if not changes:
            return
        try:
            self._db.execute("BEGIN")
            for event in changes:
                if event.entry is None:
                    self._db.execute(_REMOVE, (event.resource, event.key))
                else:
                    entry = event.entry
                    self._db.execute(_PUT, (event.resource, entry.key, entry.revision, entry.body))
            self._db.execute(
                "INSERT OR REPLACE INTO revision VALUES (1, ?)", (changes[-1].revision,)
            )
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            self.changes[:0] = changes
            raise OperatorNeeded(f"{self._where} cannot be written: {error}") from error

    def secret(self, name: str) -> bytes | None:
        """Something that the server keeps beside its objects.  Raises `OperatorNeeded`."""
        with self._opening():
            row = self._db.execute("SELECT value FROM secrets WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def keep_secret(self, name: str, value: bytes) -> None:
        """Durable at once.  Raises `OperatorNeeded`."""
        with self._opening():
            self._db.execute("INSERT OR REPLACE INTO secrets VALUES (?, ?)", (name, value))

    def close(self) -> None:
        self._db.close()

    @contextlib.contextmanager
    def _opening(self) -> Iterator[None]:
        """At the start, what goes wrong with the file is told, and the file is left alone."""
        try:
            yield
        except (sqlite3.Error, msgspec.DecodeError) as error:
            self._db.close()
            why = str(error)
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY:
                why = "another process has it; stop that, or take another file"
            raise OperatorNeeded(f"{self._where}: {why}") from error

    def _rows(self) -> Iterator[tuple[str, Entry]]:
        rows = self._db.execute("SELECT resource, key, revision, body FROM objects")
        for resource, key, revision, body in rows:
            yield resource, store.entry_of(key, revision, body)


def _make_private(path: Path) -> None:
    """Before there is anything in it."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
