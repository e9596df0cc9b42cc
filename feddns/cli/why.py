"""`feddns why`: the steps behind an answer, told by the code that answers.

    given            the world is
    --manifests      read from there
    nothing          the running server's: its objects and settings come through its control socket,
                     as they come to an answering process, so that asking costs the answers nothing

The recorder is handed down the path of a question; nothing is decided a second time here.
"""

from __future__ import annotations

import json
import time
from typing import Any, NamedTuple

import click

from feddns.cli.options import given, question_options, read_settings
from feddns.resolver.responder import Responder


@click.command(name="why")
@question_options
@click.option(
    "--control", metavar="NAME", default="", envvar="FEDDNS_CONTROL",
    help="Ask this running server, when there are several.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the steps as one JSON object.")
def command(
    name: str,
    type: str,
    from_namespace: str,
    control: str,
    as_json: bool,
    config_file: str | None,
    **flags: Any,
) -> None:
    """Show each step of the decision: the case of the name, the objects and conditions that
    decided, why the local shard counts or not, and each rung of the ladder.

    Without --manifests the running server is asked.
    """
    from feddns.cli import offline, present, search

    settings = read_settings(config_file, flags)
    kind = present.read_type(type)
    asked_server = None
    if settings.manifests or settings.federation_manifests:
        responder = offline.responder(settings)
    else:
        asked_server = _ask_server(control, flags)
        responder, settings = asked_server.responder, asked_server.responder.settings
    tried = offline.ask(
        responder, search.candidates(name, from_namespace, settings.cluster_domain), kind
    )
    steps = _record(responder, tried[-1].question)
    trouble = responder.store.current.view_trouble()
    if trouble:
        click.echo(f"feddns: the federation's manifests are not used: {trouble}", err=True)
    status, records = present.answer_lines(tried[-1].reply)
    story = {
        "asked": name,
        "type": type.upper(),
        "tried": [
            f"{present.tried_line(asked)}: {_verdict(_record(responder, asked.question))}"
            for asked in tried[:-1]
        ],
        "name": present.shown(tried[-1]),
        "steps": steps,
        "status": status,
        "answer": [record.split("\t") for record in records],
    }
    if asked_server is not None:
        story |= _origin(asked_server)
    if as_json:
        click.echo(json.dumps(story, indent=2, ensure_ascii=False))
    else:
        click.echo(_text(story), nl=False)


class Server(NamedTuple):
    """A running server, and its world here.  `changed`: Unix time of its last change."""

    name: str
    changed: float
    responder: Responder


def _ask_server(name: str, flags: dict[str, Any]) -> Server:
    """Flags win over the server's own settings.  Raises `OperatorNeeded`."""
    from feddns import config
    from feddns.app import control
    from feddns.app.answering import empty_world
    from feddns.cli import offline
    from feddns.feed import Builder
    from feddns.store import Store

    name = control.choose(name)
    head, steps = control.world(name)
    settings = config.load({**head.settings, **given(flags)}, {}, None)
    store = Store(empty_world(settings))
    builder = Builder(store, store.current)
    for step in steps:
        builder.apply(step)
    return Server(name, head.changed, offline.responder_of(settings, store))


def _origin(server: Server) -> dict[str, Any]:
    """How old what is shown is."""
    now = time.time()
    stale_since = server.responder.store.current.stale_since
    return {
        "server": server.name,
        "last change": max(0.0, now - server.changed),
        "stale": max(0.0, now - stale_since) if stale_since else 0.0,
    }


def _record(responder: Responder, question: bytes) -> list[dict[str, object]]:
    steps: list[dict[str, object]] = []

    def recorder(step: str, text: str, **facts: object) -> None:
        steps.append({"step": step, "text": text, **facts})

    responder.miss(question, tcp=True, recorder=recorder)
    return steps


def _verdict(steps: list[dict[str, object]]) -> str:
    """What decided, in one line: the last step that is about an object, else the outcome."""
    about = [step for step in steps if step["step"] not in ("zone", "outcome")]
    return str((about or steps)[-1]["text"])


def _text(story: dict[str, Any]) -> str:
    lines = [f"{story['name']} {story['type']}", ""]
    lines += [f"   {'search':<16}{line}" for line in story["tried"]]
    for number, step in enumerate(story["steps"], start=1):
        lines.append(f"{number:>2} {step['step']:<16}{step['text']}")
        facts = {key: value for key, value in step.items() if key not in ("step", "text")}
        lines += [f"{'':<19}{key}: {_fact(value)}" for key, value in facts.items()]
    lines += ["", f"   {'status':<16}{story['status']}"]
    lines += [f"   {'answer':<16}{' '.join(record)}" for record in story["answer"]]
    if "server" in story:
        lines += ["", f"   {'server':<16}{_age(story)}"]
    return "\n".join([*lines, ""])


def _age(story: dict[str, Any]) -> str:
    from feddns.cli.statusview import ago

    said = f"{story['server']}, last change {ago(story['last change'])} ago"
    return f"{said}, not followed for {ago(story['stale'])}" if story["stale"] else said


def _fact(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)
