"""A scenario played against a server: what each step shows.

    the words on stdout
    ! the words on stderr
    ? 1                                 the exit status, unless it is 0

Used by the tests and by `__main__`.
"""

from __future__ import annotations

import json
import os
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests import peers
from tests.apiserver.conformance import clients, probing, steps
from tests.apiserver.conformance.normalising import normalise
from tests.apiserver.conformance.probing import Reply
from tests.apiserver.conformance.servers import Server
from tests.apiserver.conformance.steps import Scenario, Step

PATIENCE = 30.0
ROOT = Path(__file__).resolve().parents[3]
_AWAIT = """#!/bin/sh
# await COUNT FILE, await WORD FILE: wait until the file has so many lines, or the word in it, ten
# seconds at most.
case $1 in
*[!0-9]*) there() { grep -q -e "$1" "$2"; } ;;
*) there() { [ "$(wc -l < "$2")" -ge "$1" ]; } ;;
esac
i=0
until there "$1" "$2" || [ $i -eq 500 ]; do
    sleep 0.02
    i=$((i + 1))
done 2>/dev/null
"""


class Played(NamedTuple):
    """A step and what it showed, normalised."""

    step: Step
    shown: str
    seconds: float


def play(scenario: Scenario, server: Server, kubectl: Path) -> list[Played]:
    """Play all steps, one after the other."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        player = _Player(scenario.name, server, kubectl, Path(folder))
        with player.python:
            return [player.timed(step) for step in scenario.steps]


class _Player:
    """The state of a scenario: its folder, its variables, the watch that is open."""

    def __init__(self, name: str, server: Server, kubectl: Path, folder: Path) -> None:
        self._server = server
        self._folder = folder
        programs = folder / "bin"
        programs.mkdir()
        (programs / "kubectl").symlink_to(kubectl)
        (programs / "helm").symlink_to(peers.path("helm"))
        (programs / "await").write_text(_AWAIT)
        (programs / "await").chmod(0o755)
        config = folder / "kubeconfig"
        config.write_text(json.dumps(server.kubeconfig(name)))
        self._variables = {
            "NS": name, "HOME": str(folder), "KUBECONFIG": str(config), "TZ": "UTC", "LANG": "C",
            "PATH": f"{programs}:{os.environ['PATH']}", "SERVER": server.url,
            "TOKEN": server.token, "TMPDIR": str(folder), "ROOT": str(ROOT),
            "PYTHON": sys.executable,
            # a kubectl that does not collect garbage needs a fifth less time
            "GOGC": "off", "GOMEMLIMIT": "200MiB",
        }  # fmt: skip
        self._reply: Reply | None = None
        self._body: object = None
        self.python = clients.Clients(config, name)
        server.make_namespace(name)

    def timed(self, step: Step) -> Played:
        started = time.monotonic()
        shown = normalise(self.play(step))
        return Played(step, shown, time.monotonic() - started)

    def play(self, step: Step) -> str:
        ways: dict[str, Callable[[Step], str]] = {
            "shell": self._shell, "http": self._http, "open": self._open, "keep": self._keep,
            "read": self._read, "python": lambda step: self.python.run(step.text),
        }  # fmt: skip
        try:
            return ways[step.verb](step)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"(nothing came) {type(error).__name__}"

    def _shell(self, step: Step) -> str:
        ran = subprocess.run(
            ["sh", "-c", f"{step.text}\n{step.body}"], env=self._variables, cwd=self._folder,
            text=True, capture_output=True, timeout=PATIENCE, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        lines = ran.stdout.splitlines() + [f"! {line}" for line in ran.stderr.splitlines()]
        if ran.returncode:
            lines.append(f"? {ran.returncode}")
        return "\n".join(lines)

    def _http(self, step: Step) -> str:
        reply = Reply(self._server, self._request(step))
        shown = reply.all()
        self._body = reply.body
        return shown

    def _open(self, step: Step) -> str:
        self._reply = Reply(self._server, self._request(step))
        return self._reply.head()

    def _read(self, step: Step) -> str:
        assert self._reply is not None, f"line {step.line}: no watch is open"
        shown = self._reply.lines(step.text)
        self._body = self._reply.body
        return shown

    def _keep(self, step: Step) -> str:
        name, path = step.text.split()
        ((_, found),) = probing.parts(self._body, path)
        self._variables[name] = str(found)
        return "" if found is not None else "(nothing there)"

    def _request(self, step: Step) -> steps.Request:
        return steps.request(self._filled(step.text), self._filled(step.body))

    def _filled(self, text: str) -> str:
        return string.Template(text).safe_substitute(self._variables)
