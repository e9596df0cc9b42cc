"""`feddns zone plan | apply | show | …`: the public zone, by hand.

Each command is `feddns.cli.zone<name>:command`, imported when it is asked for.
"""

from __future__ import annotations

import importlib

import click

_COMMANDS = {
    "plan": "Show what would be changed in the zone.",
    "apply": "Change the zone as the federation wants it, or as a saved plan says.",
    "show": "List what is in the zone, and whose it is.",
    "diff": "Compare the zone with a zone file, or with another provider's.",
    "export": "Write the zone as a zone file.",
    "import": "Put the records of a zone file into the zone, or make them feddns' own.",
    "approve": "Let the controllers remove what a waiting plan says.",
    "rollback": "Take the zone back to how it was at a time.",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"feddns.cli.zone{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(name="zone", cls=_Lazy)
def command() -> None:
    """The public zone of a federation: what it holds, what would change, and changes by hand.

    `feddns-controllers` keeps the zone by itself; these look at it, and are there for a zone that
    no controllers keep, for a zone that is taken over, and for what an operator decides.
    """
