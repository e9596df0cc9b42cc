"""`feddns zone export`: the zone as a zone file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from feddns.cli import zoneoptions, zonetexts, zonework
from feddns.cli.zoneoptions import ZONE
from feddns.errors import NameRefused, OperatorNeeded, SettingRefused


@click.command(name="export")
@click.argument("file", metavar="[FILE]", default="")
@zoneoptions.options(ZONE)
@click.option("--ours", is_flag=True, help="Only what is ours, with the TXT records that say so.")
@click.option(
    "--server", metavar="NAME", default="",
    help="The name server of the file; by default those that the provider names.",
)  # fmt: skip
def command(file: str, ours: bool, server: str, **flags: Any) -> None:
    """Write the zone to FILE, or to standard output, as a zone file (RFC 1035) that name servers
    load and `feddns zone import` reads.

    Providers have an SOA of their own, so that of the file is made up, as are its name servers
    where the provider does not say them. An ALIAS is a comment; a record set that is none of DNS
    is left out, with a word.
    """
    with zonework.opened(zoneoptions.choice(flags)) as provider:
        found = zonework.holdings(provider, zoneoptions.registry(flags))
    records = list(found.records())
    if ours:
        owned = found.ours.values()
        records = [one for own in owned for one in (own.record, own.claim) if one is not None]
    try:
        whole, left_out = zonetexts.text(provider, records, server)
    except NameRefused as error:
        raise SettingRefused(f"--server: {error}") from error
    zonework.warn(left_out)
    if not file or file == "-":
        click.echo(whole, nl=False)
        return
    try:
        Path(file).write_text(whole, encoding="utf-8")
    except OSError as error:
        raise OperatorNeeded(f"{file} cannot be written: {error.strerror}") from error
    click.echo(f"wrote {len(records) - len(left_out)} record sets of {provider.zone} to {file}")
