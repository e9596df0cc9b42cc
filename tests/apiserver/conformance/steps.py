"""Scenarios of the conformance list: what is done with an API, as text, a namespace each.

    # prose                                     for the reader
    $ kubectl get configmap one -o yaml         a shell command; what follows belongs to it (<<END)
    > GET /api/v1/namespaces/$NS/configmaps     an HTTP request; below it, indented,
      Accept: application/yaml                    headers (`-` takes away one that is usual)
      {"metadata": {"name": "one"}}               and from the first other line on the body
    = RV .metadata.resourceVersion              of its reply, for the steps after: $RV
    >& GET /…?watch=1                           a watch that stays open …
    < 2                                         … whose next two lines are shown, and it is closed
    < end                                       … or all until the server closes it
    python client.create                        a function of `clients`

Lines that are ours, and are not sent: `Show: .metadata.name .items.*.metadata.name` shows only
these parts of the body, `Show: -` none; `Lines: 3` closes after three lines, and `Lines: end` reads
line by line until the server closes.

Every scenario is played in the namespace $NS, which has its name, with a kubeconfig that names it;
what is not in a namespace begins with that name as well, so that scenarios can be played at once.
Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).with_name("scenarios")

_HEADER = re.compile(r"([A-Z][A-Za-z]*(?:-[A-Za-z]+)*): *(.*)")
_OURS = re.compile(r"(Show|Lines): *(.*)")
_BEGINNINGS = {"$ ": "shell", "> ": "http", ">& ": "open", "= ": "keep", "< ": "read"}
_PYTHON = "python "


class Step(NamedTuple):
    """One step: how it is done (shell, http, open, keep, read, python), and what of it."""

    line: int
    verb: str
    text: str
    """The first line without what it begins with."""
    body: str = ""
    """The lines that belong to it; those of an HTTP request without their indentation."""

    @property
    def title(self) -> str:
        """The step in one line."""
        sign = next((sign for sign, verb in _BEGINNINGS.items() if verb == self.verb), _PYTHON)
        return sign + self.text


class Scenario(NamedTuple):
    name: str
    steps: tuple[Step, ...]


class Request(NamedTuple):
    """An HTTP step in parts."""

    method: str
    target: str
    headers: dict[str, str]
    ours: dict[str, str]
    """Show, Lines."""
    body: str


def scenarios() -> list[Scenario]:
    """All of them, by name."""
    return [Scenario(path.stem, tuple(read(path.read_text()))) for path in sorted(FOLDER.glob("*"))]


def read(text: str) -> Iterator[Step]:
    """The steps of a file."""
    pending: Step | None = None
    for number, line in enumerate(text.splitlines(), 1):
        begun = _begun(number, line)
        if begun is not None:
            if pending is not None:
                yield pending
            pending = begun
        elif line.strip() and not line.startswith("# "):
            assert pending is not None, f"line {number} belongs to nothing"
            more = line.strip() if pending.verb in ("http", "open") else line
            pending = pending._replace(body=f"{pending.body}{more}\n")
    if pending is not None:
        yield pending


def _begun(number: int, line: str) -> Step | None:
    for sign, verb in _BEGINNINGS.items():
        if line.startswith(sign):
            return Step(number, verb, line[len(sign) :])
    if line.startswith(_PYTHON):
        return Step(number, "python", line[len(_PYTHON) :])
    return None


def request(text: str, body: str) -> Request:
    """The request of an HTTP step, its variables filled in already."""
    method, _, target = text.partition(" ")
    lines = body.splitlines()
    ours = {found[1]: found[2] for line in lines if (found := _OURS.fullmatch(line))}
    lines = [line for line in lines if not _OURS.fullmatch(line)]
    headers: dict[str, str] = {}
    while lines and (found := _HEADER.fullmatch(lines[0])):
        headers[found[1]] = found[2]
        lines.pop(0)
    return Request(method, target, headers, ours, "\n".join(lines))
