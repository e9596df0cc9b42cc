"""The command line: `feddns playground | serve | apiserver | ask | why | status | …`.

Each command imports what it needs when it runs, so that `serve` starts fast.  Errors that a
person can mend are one line on standard error: exit status 2 for usage, 1 for the rest.
"""

from __future__ import annotations

import importlib
import logging
import sys
from typing import Any

import click

from feddns import __version__
from feddns.errors import FeddnsError, SettingRefused

_COMMANDS = {
    "playground": "A federation of clusters on this machine, to try things with.",
    "serve": "Answer DNS questions, from a cluster's API or from manifests.",
    "apiserver": "Serve a Kubernetes API from one file, for laptops, tests, small sites.",
    "ask": "Answer one question from manifests, without a server, as dig prints it.",
    "why": "Show each step of the decision behind an answer.",
    "status": "Show how the running server is.",
    "zone": "Look at the public zone of a federation, and change it by hand.",
    "settings": "Print all settings with default, limits and why.",
    "check": "Show what in a folder of manifests would be refused or ignored.",
}


class _Lazy(click.Group):
    """Finds `feddns.cli.<name>:command` when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"feddns.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="feddns %(version)s")
def cli() -> None:
    """One name for a service over many Kubernetes clusters."""


def main(arguments: list[str] | None = None) -> Any:
    """The console script."""
    logging.basicConfig(format="feddns: %(message)s")  # `serve` sets up its own
    try:
        return cli.main(args=arguments, prog_name="feddns", standalone_mode=True)
    except SettingRefused as error:
        click.echo(f"feddns: {error}", err=True)
        sys.exit(2)
    except FeddnsError as error:
        click.echo(f"feddns: {error}", err=True)
        sys.exit(1)
