"""◇ A zone in a master file that BIND, Knot or NSD loads.

    the file                        what happens
    is not there                    it is made, with an SOA and one name server
    was written by somebody else    it is read again; what is removed must be as it was read
    cannot be read as a zone        OperatorNeeded, with the line
    cannot be written               OperatorNeeded, or ProviderAway where a moment may help
    was written, the server was     ProviderAway; told again with the next call
      not told (`reload`)

It is written beside and renamed, so that a server never reads half of it, with the next serial of
the SOA; comments and what a $GENERATE was are lost.  Two processes that both have it as a provider
take turns; an editor that has it open does not know of that.  A change costs what it costs to write
the file, nothing is formatted that did not change.  Called by the catalogue.
"""

from __future__ import annotations

import bisect
import contextlib
import errno
import fcntl
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from feddns.errors import (
    DocumentRefused,
    NameRefused,
    OperatorNeeded,
    ProviderAway,
    ProviderTrouble,
    Rejected,
)
from feddns.providers import memory, zonetext
from feddns.providers.base import Limits
from feddns.providers.memory import Memory
from feddns.providers.recordsets import Change, RecordSet, canonical
from feddns.providers.zonetext import ZoneText

_MODE = 0o644
_PATIENCE = 20.0
_PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EAGAIN, errno.EMFILE, errno.ENFILE}

_Stamp = tuple[int, int, int]
_Line = tuple[list[bytes], str, str]
"""Where a record set stands in the file, its type, its text."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`path` of the file; `reload`: a command that tells the server (`knotc zone-reload …`).

    `server`, `address`: the name server of a file that is made, and its address when it lies within
    the zone.
    """

    zone: str
    path: str
    reload: tuple[str, ...] = ()
    server: str = "localhost."
    address: str = ""


def open(settings: Settings) -> ZoneFile:
    """The file, read or made.  Raises `OperatorNeeded`, and `NameRefused` for the zone's name."""
    provider = ZoneFile(settings)
    with provider.held():
        provider.look()
    return provider


class ZoneFile:
    """See the module's docstring."""

    limits = Limits(is_atomic=True)

    def __init__(self, settings: Settings) -> None:
        self.zone = canonical(settings.zone)
        self._settings = settings
        self._path = Path(settings.path)
        self._stamp: _Stamp | None = None
        self._apex = ZoneText(self.zone)
        self._content = Memory(memory.Settings(zone=self.zone))
        self._lines: list[_Line] = []
        self._is_untold = False

    def list(self) -> Iterator[Sequence[RecordSet]]:
        """One page."""
        with self.held():
            self.look()
        self._tell(0)
        yield self._content.content()

    def apply(self, changes: Sequence[Change]) -> None:
        try:
            made = [self._line(record) for change in changes for record in change.additions]
        except NameRefused as error:
            raise _undone(Rejected(str(error))) from error
        with self.held():
            self.look()
            self._content.apply(changes)
            for change in changes:
                for record in change.removals:
                    self._lines.pop(self._place(self._line(record)))
            for line in made:
                bisect.insort(self._lines, line)
            self._write(self._apex.renewed(()))
        self._is_untold = True
        self._tell(len(changes))

    def close(self) -> None:
        """Nothing is open between two calls."""

    # --- the file -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else who has it as a provider reads or writes meanwhile.

        What the system says about the file is said in our words.
        """
        handle = -1
        try:
            handle = os.open(self._path.parent, os.O_RDONLY)
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        except OSError as error:
            self._stamp = None
            words = f"the zone file {self._path}: {error.strerror or error}"
            if error.errno in _PASSING:
                raise _undone(ProviderAway(words)) from error
            raise OperatorNeeded(words) from error
        finally:
            if handle >= 0:
                os.close(handle)

    def look(self) -> None:
        """Read the file if it is another one than before."""
        try:
            stamp = self._stamped()
        except FileNotFoundError:
            self._take(self._new())
            self._write(self._apex)
            return
        if stamp == self._stamp:
            return
        try:
            text = self._path.read_text(encoding="utf-8")
            self._take(zonetext.read(text, self.zone))
        except DocumentRefused as error:
            words = f"the zone file {self._path}, line {error.line}: {error}"
            raise OperatorNeeded(words) from error
        except UnicodeDecodeError as error:
            raise OperatorNeeded(f"the zone file {self._path} is no text: {error}") from error
        self._stamp = stamp

    def _new(self) -> ZoneText:
        return zonetext.new(self.zone, self._settings.server, address=self._settings.address)

    def _take(self, found: ZoneText) -> None:
        self._apex = ZoneText(self.zone, (), found.soa, found.servers)
        self._content = Memory(memory.Settings(zone=self.zone, records=found.records, page=0))
        self._lines = sorted(self._line(record) for record in found.records)

    def _stamped(self) -> _Stamp:
        found = self._path.stat()
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _write(self, apex: ZoneText) -> None:
        """All of it, in place of what was there.  When that fails, it is read again."""
        self._stamp = None
        handle, beside = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(zonetext.write(apex))
                file.writelines(text for _, _, text in self._lines)
                file.flush()
                self._give(file.fileno())
                os.fsync(file.fileno())
            os.replace(beside, self._path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            raise
        self._apex = apex
        self._stamp = self._stamped()

    def _give(self, handle: int) -> None:
        """Mode and owner of the file that is there: the server may be somebody else."""
        try:
            there = self._path.stat()
        except FileNotFoundError:
            os.fchmod(handle, _MODE)
            return
        os.fchmod(handle, there.st_mode & 0o7777)
        with contextlib.suppress(PermissionError):
            os.fchown(handle, there.st_uid, there.st_gid)

    # --- its lines ------------------------------------------------------------------------------

    def _line(self, record: RecordSet) -> _Line:
        """Raises `NameRefused` for what cannot stand in a zone file."""
        text = zonetext.write(ZoneText(self.zone, (record,)))
        return zonetext.order(record.name), record.type, text.partition("\n")[2]

    def _place(self, line: _Line) -> int:
        return bisect.bisect_left(self._lines, line)

    # --- the server -----------------------------------------------------------------------------

    def _tell(self, done: int) -> None:
        if not self._is_untold or not self._settings.reload:
            return
        command = " ".join(self._settings.reload)
        try:
            ran = subprocess.run(
                self._settings.reload, stdin=subprocess.DEVNULL, capture_output=True,
                timeout=_PATIENCE, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            words = f"the zone file is written, but `{command}` cannot be run: {error}"
            raise _undone(ProviderAway(words), done) from error
        if ran.returncode:
            said = (ran.stderr or ran.stdout).decode(errors="replace").strip()
            words = f"the zone file is written, but `{command}` says: {said[:500]}"
            raise _undone(ProviderAway(words), done)
        self._is_untold = False


def _undone(error: ProviderTrouble, done: int = 0) -> ProviderTrouble:
    error.done = done
    return error
