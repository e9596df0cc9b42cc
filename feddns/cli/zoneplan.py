"""`feddns zone plan`: what would be changed in the zone."""

from __future__ import annotations

import sys
from typing import Any

import click
import msgspec

from feddns.cli import zonefederation, zoneoptions, zonework
from feddns.cli.zoneoptions import FEDERATION, WISHES, ZONE, ScriptCommand
from feddns.providers import plan


@click.command(name="plan", cls=ScriptCommand)
@zoneoptions.options(FEDERATION, ZONE, WISHES)
@click.option(
    "--output", "-o", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="`json`: the plan as `feddns zone apply` takes it.",
)  # fmt: skip
@click.option("--claims", is_flag=True, help="Show the TXT records, too, that say whose they are.")
def command(output: str, claims: bool, **flags: Any) -> None:
    """Show what would be changed in the zone so that it is as the federation wants it.

    Lines are those of a diff: `-` goes, `+` comes, `!` is not done, with the reason. Nothing is
    changed. Exit status 0 when there is nothing to change, 2 when there is, 1 for an error.
    """
    federation = zonefederation.read(flags)
    with zonework.opened(zoneoptions.choice(flags)) as provider:
        made, found = zonework.draft(provider, federation, flags)
    zonework.warn(federation.warnings)
    if output == "json":
        click.echo(msgspec.json.format(made.to_json(), indent=2).decode())
    else:
        shown = made if claims else zonework.readable(made, found.registry)
        zonework.show(plan.text(shown))
        if words := zoneoptions.guard_words(made, len(found.ours), flags):
            click.echo(f"this waits for an operator: {words}")
    sys.exit(2 if made.changes else 0)
