"""The file: what was committed is there again, also after SIGKILL."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from feddns.apiserver.journal import Journal
from feddns.apiserver.store import Store
from feddns.errors import OperatorNeeded


def opened(path: Path) -> tuple[Journal, Store]:
    journal, store = Journal(path), Store(lambda: 0.0)
    journal.load_into(store)
    return journal, store


def obj(name: str) -> dict[str, Any]:
    owners = [{"uid": "o"}]
    return {"metadata": {"name": name, "uid": f"u-{name}", "ownerReferences": owners}}


def test_what_was_committed_is_there_again(tmp_path: Path) -> None:
    journal, store = opened(tmp_path / "api.db")
    first = store.create("things", "a/x", obj("x"))
    second = store.create("things", "a/y", obj("y"))
    store.delete("things", "a/x", first.revision)
    journal.commit()
    journal.close()
    journal, again = opened(tmp_path / "api.db")
    assert again.entries("things") == [second]
    assert again.revision == store.revision
    journal.close()


def test_what_was_not_committed_is_not(tmp_path: Path) -> None:
    journal, store = opened(tmp_path / "api.db")
    store.create("things", "x", obj("x"))
    journal.commit()
    store.create("things", "y", obj("y"))
    journal.close()
    journal, again = opened(tmp_path / "api.db")
    assert [entry.key for entry in again.entries("things")] == ["x"]
    journal.close()


def test_secrets_are_kept_and_the_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "api.db"
    journal, _ = opened(path)
    assert journal.secret("token") is None
    journal.keep_secret("token", b"s")
    journal.close()
    journal, _ = opened(path)
    assert journal.secret("token") == b"s"
    journal.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "api.db").write_text("not a database, but long enough to be looked at" * 30)
    with pytest.raises(OperatorNeeded, match="not a database"):
        Journal(tmp_path / "api.db")
    with pytest.raises(OperatorNeeded, match="none"):
        Journal(tmp_path / "none" / "api.db")


def test_one_process_has_the_file(tmp_path: Path) -> None:
    journal, store = opened(tmp_path / "api.db")
    store.create("things", "x", obj("x"))
    journal.commit()
    with pytest.raises(OperatorNeeded, match=r"api\.db: another process has it"):
        Journal(tmp_path / "api.db")
    journal.close()
    opened(tmp_path / "api.db")[0].close()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("DROP TABLE objects; CREATE TABLE objects (x)", "no such column"),
        ("UPDATE objects SET body = 'x'", "malformed"),
    ],
)
def test_a_file_that_is_damaged_is_told(tmp_path: Path, damage: str, words: str) -> None:
    journal, store = opened(tmp_path / "api.db")
    store.create("things", "x", obj("x"))
    journal.commit()
    journal.close()
    raw = sqlite3.connect(tmp_path / "api.db")
    raw.executescript(damage)
    raw.close()
    with pytest.raises(OperatorNeeded, match=words):
        opened(tmp_path / "api.db")


def test_what_cannot_be_written_waits(tmp_path: Path) -> None:
    journal, store = opened(tmp_path / "api.db")
    store.create("things", "x", obj("x"))
    store.create("things", "y", obj("y"))
    journal._db.execute("CREATE TEMP TRIGGER full BEFORE INSERT ON objects WHEN new.key = 'y' "
                        "BEGIN SELECT RAISE(FAIL, 'no space'); END")  # fmt: skip
    with pytest.raises(OperatorNeeded, match=r"api\.db cannot be written: no space"):
        journal.commit()
    assert [event.key for event in journal.changes] == ["x", "y"]
    assert journal._db.execute("SELECT key FROM objects").fetchall() == []
    journal._db.execute("DROP TRIGGER full")
    store.create("things", "z", obj("z"))
    journal.commit()
    journal.close()
    journal, again = opened(tmp_path / "api.db")
    assert [entry.key for entry in again.entries("things")] == ["x", "y", "z"]
    assert again.revision == store.revision
    journal.close()


_WRITER = """
import sys
from pathlib import Path
from feddns.apiserver.journal import Journal
from feddns.apiserver.store import Store
journal, store = Journal(Path(sys.argv[1])), Store(lambda: 0.0)
journal.load_into(store)
for number in range(100_000):
    store.create("things", f"n{number:06}", {"metadata": {"name": f"n{number}"}})
    journal.commit()
    print(number, flush=True)
"""


def test_a_killed_process_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "api.db"
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    told = [next(writer.stdout) for _ in range(50)]
    os.kill(writer.pid, signal.SIGKILL)
    told += writer.stdout.readlines()
    writer.wait()
    writer.stdout.close()
    journal, store = opened(path)
    acknowledged = len([line for line in told if line.endswith("\n")])
    assert len(store.entries("things")) >= acknowledged >= 50
    journal.close()
