"""`feddns status`: what the running server says of itself, through its control socket."""

from __future__ import annotations

import shutil
import sys

import click
import msgspec


@click.command(name="status")
@click.option(
    "--control", "name", metavar="NAME", default="", envvar="FEDDNS_CONTROL",
    help="Which server, when there are several: the first address it listens on, or its --control.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
def command(name: str, as_json: bool) -> None:
    """Show how the server on this machine is: processes, sources, federations, caches, and what
    is refused and why. Ask as root or as the server's user.
    """
    from feddns.app import control
    from feddns.cli import statusview

    report = control.status(control.choose(name))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
        return
    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if is_terminal else 80
    click.echo(statusview.text(report, width, is_terminal), nl=False)
