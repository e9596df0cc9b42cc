"""`feddns settings`: the schema of all settings as a page of Markdown, for `docs/settings.md`."""

from __future__ import annotations

import click

from feddns import config
from feddns.cli.options import default_text

_HEAD = """\
# Settings

Each setting is a flag, an environment variable and a key of the TOML file that `--config FILE` or
`FEDDNS_CONFIG` names. A flag wins over a variable, a variable over the file, the file over the
default. A setting marked *several* may be given more than once as a flag, with commas in a
variable, and as a list in the file.

This page is what `feddns settings` prints.
"""


@click.command(name="settings")
def command() -> None:
    """Print all settings with default, limits and why, as Markdown."""
    click.echo(page(), nl=False)


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for row in config.schema():
        variable = config.ENVIRONMENT_PREFIX + row.key.upper().replace("-", "_")
        facts = [f"default `{default_text(row)}`"]
        if row.limits:
            facts.append(row.limits)
        if row.repeatable:
            facts.append("several")
        value = f" {row.metavar}" if row.metavar else ""
        parts.append(
            f"## `--{row.key}{value}`\n\n`{variable}` · {' · '.join(facts)}\n\n{row.why}\n"
        )
    return "\n".join(parts)
