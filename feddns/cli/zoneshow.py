"""`feddns zone show`: what is in the zone, and whose it is."""

from __future__ import annotations

import shutil
import sys
from typing import Any

import click

from feddns.cli import zonelisting, zoneoptions, zonetexts, zonework
from feddns.cli.zoneoptions import ZONE

_WIDE = 10_000
"""Columns where nobody looks: a record set is one line, whatever it has."""


@click.command(name="show")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@zoneoptions.options(ZONE)
@click.option(
    "--output", "-o", type=click.Choice(["table", "json", "zone"]), default="table",
    show_default=True, help="`zone`: a zone file, as `feddns zone export` writes it.",
)  # fmt: skip
@click.option("--ours", is_flag=True, help="Only what is ours.")
@click.option(
    "--service", metavar="NAMESPACE/NAME", default="", help="Only what is this Service's."
)
def command(names: tuple[str, ...], output: str, ours: bool, service: str, **flags: Any) -> None:
    """List the record sets of the zone, those at NAME and below or all: TTL, values, whose they
    are, and for ours the Service, its clusters and its generation.

    The TXT records that say so are not listed for themselves, but with `-o zone`.
    """
    with zonework.opened(zoneoptions.choice(flags)) as provider:
        found = zonework.holdings(provider, zoneoptions.registry(flags))
    if output == "zone":
        zonetexts.warn_and_echo(provider, found.records())
        return
    rows = [
        row
        for row in zonelisting.rows(found)
        if (row.is_ours or not (ours or service))
        and (not service or row.service == service)
        and (not names or any(_is_at(row.name, name) for name in names))
    ]
    if output == "json":
        click.echo(zonelisting.to_json(rows))
        return
    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if is_terminal else _WIDE
    click.echo(zonelisting.table(rows, width, is_terminal), nl=False)


def _is_at(name: str, given: str) -> bool:
    """At it, or below."""
    top = given.lower().removesuffix(".") + "."
    return f".{name}".endswith(f".{top}")
