"""Scenario files: conversations with a server, in virtual time.

    # prose                                 for the reader
    SETTINGS ttl=30 answer-form=flattened   before the first event; `view=no`: a server without one
    EVENT                                   what follows happens as one step, a line an object
        service default/web 10.96.0.1       (`tests.world`; `delete …` for one that goes)
    QUERY web.default.svc A tcp             name, type, and `tcp`, `plain` (no EDNS), `payload=512`
    EXPECT NXDOMAIN EDE 3                   rcode or NODATA; then what else must be there
        web.default.svc A 10.96.0.1         records as zone text (`tests.zonetext`)
    EXPECT IN ORDER                         the records' order counts
    ADVANCE 5                               seconds pass
    STALE on                                the source of the names is not followed any more

EXPECT speaks of the last QUERY.  Every QUERY is asked through a cold and a warm cache and over both
transports (`tests.asking`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import dns.edns
import dns.message

from feddns.events import Stale
from tests import zonetext
from tests.asking import Server, query


class Step(NamedTuple):
    """One verb with its words and the indented lines below it."""

    line: int
    verb: str
    words: list[str]
    body: str


def read(text: str) -> Iterator[Step]:
    """The steps of a file."""
    pending: Step | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line[0].isspace():
            assert pending is not None, f"line {number} belongs to nothing"
            pending = pending._replace(body=pending.body + line + "\n")
            continue
        if pending is not None:
            yield pending
        verb, *words = line.split()
        pending = Step(number, verb, words, "")
    if pending is not None:
        yield pending


def play(path: Path) -> int:
    """Run a file; returns how many expectations held.  Raises AssertionError with the line."""
    run = _Run()
    held = 0
    for step in read(path.read_text()):
        try:
            _VERBS[step.verb](run, step)
        except AssertionError as error:
            raise AssertionError(f"{path.name}:{step.line}: {error}") from error
        held += step.verb == "EXPECT"
    return held


class _Run:
    def __init__(self) -> None:
        self.given: dict[str, object] = {}
        self.started: Server | None = None
        self.name = ""
        self.reply: dns.message.Message | None = None

    @property
    def server(self) -> Server:
        if self.started is None:
            self.started = Server("synced", **self.given)
        return self.started

    def settings(self, step: Step) -> None:
        assert self.started is None, "SETTINGS come first"
        for word in step.words:
            key, _, value = word.partition("=")
            self.given[key.replace("-", "_")] = value == "yes" if key == "view" else value

    def event(self, step: Step) -> None:
        self.server.happen(" ".join(step.words) + "\n" + step.body)

    def query(self, step: Step) -> None:
        name, kind, *how = step.words
        more: dict[str, object] = {"payload": None} if "plain" in how else {}
        for word in how:
            if word.startswith("payload="):
                more["payload"] = int(word.removeprefix("payload="))
        self.name = name
        if "tcp" in how or "once" in how:
            self.reply = self.server.exchange(query(name, kind, **more), tcp="tcp" in how)
        else:
            self.reply = self.server.ask(name, kind, **more)

    def expect(self, step: Step) -> None:
        assert self.reply is not None, "EXPECT before any QUERY"
        words = list(step.words)
        ordered = words[:2] == ["IN", "ORDER"]
        del words[: 2 if ordered else 0]
        errors = [int(code) for before, code in itertools.pairwise(words) if before == "EDE"]
        if "EDE" in words:
            del words[words.index("EDE") :]
        text = "\n".join([*words, step.body])
        said, expected = zonetext.read(self.reply), zonetext.parse(text, self.name)
        if not ordered:
            said, expected = said.sorted(), expected.sorted()
        assert said == expected
        assert _errors(self.reply) == errors

    def advance(self, step: Step) -> None:
        self.server.now += float(step.words[0])

    def stale(self, step: Step) -> None:
        self.server.store.commit([Stale(1.0 if step.words == ["on"] else 0.0)])


def _errors(reply: dns.message.Message) -> list[int]:
    return [int(o.code) for o in reply.options if isinstance(o, dns.edns.EDEOption)]


_VERBS = {
    "SETTINGS": _Run.settings,
    "EVENT": _Run.event,
    "QUERY": _Run.query,
    "EXPECT": _Run.expect,
    "ADVANCE": _Run.advance,
    "STALE": _Run.stale,
}
