"""Whether the file of the settings has changed.

Links are followed, as a kubelet swaps the links of a mounted ConfigMap.  What is new must look the
same twice, about a second apart: an editor may not have finished, and the first half of a file can
be good TOML.  I/O.  Called by `serve` and `standing`.
"""

from __future__ import annotations

import os

LOOK_EVERY = 1.0


class ConfigFile:
    """The file at `path`; an empty path is no file, which never changes."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._due = 0.0
        self._read = self._seen = self._look()

    def note_read(self) -> None:
        """It is about to be read."""
        self._read = self._seen = self._look()

    def has_changed(self, now: float) -> bool:
        """Called often; looks when the time has come.  `now`: of a clock that only grows."""
        if not self.path or now < self._due:
            return False
        self._due = now + LOOK_EVERY * 0.9  # who calls comes a little early or late
        found = self._look()
        settled = found == self._seen
        self._seen = found
        return settled and found != self._read

    def _look(self) -> tuple[int, ...]:
        try:
            found = os.stat(self.path) if self.path else None
        except OSError:
            return ()
        if found is None:
            return ()
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
