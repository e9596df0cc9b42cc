"""A zone as a zone file; what cannot stand in one is left out, with a word.

Called by `export`, `show`, `diff` and `import`.
"""

from __future__ import annotations

from collections.abc import Iterable

import click
import msgspec

from feddns.cli import zonework
from feddns.errors import DocumentRefused, NameRefused
from feddns.providers import catalogue, zonetext
from feddns.providers.base import Provider
from feddns.providers.recordsets import RecordSet
from feddns.providers.zonetext import NS, ZoneText


def text(
    provider: Provider, records: Iterable[RecordSet], server: str = ""
) -> tuple[str, list[str]]:
    """The zone file, and what is left out.  `server`: its name server, if the provider names none.

    Raises `NameRefused` for a server that is no name.
    """
    servers = (server,) if server else getattr(provider, "name_servers", ()) or ("localhost.",)
    made = zonetext.new(provider.zone, servers[0])
    told = RecordSet(provider.zone, NS, 3600, tuple(sorted(servers)))
    good, left_out = [], []
    for record in records:
        try:
            zonetext.write(ZoneText(provider.zone, (record,)))
        except NameRefused as error:
            left_out.append(f"left out: {error}")
        else:
            good.append(record)
    whole = msgspec.structs.replace(made, records=tuple(good), servers=told)
    return zonetext.write(whole), left_out


def warn_and_echo(provider: Provider, records: Iterable[RecordSet]) -> None:
    whole, left_out = text(provider, records)
    zonework.warn(left_out)
    click.echo(whole, nl=False)


def read(path: str, zone: str) -> ZoneText:
    """A zone file.  Raises `SettingRefused` and `DocumentRefused`, with the line."""
    try:
        return zonetext.read(catalogue.read_text(path, "the zone file"), zone)
    except DocumentRefused as error:
        raise DocumentRefused(f"the zone file {path}, line {error.line}: {error}") from error
