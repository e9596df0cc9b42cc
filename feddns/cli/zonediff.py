"""`feddns zone diff`: the zone beside a zone file, or beside another provider's."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import click

from feddns.cli import zoneoptions, zonetexts, zonework
from feddns.cli.zoneoptions import ZONE, Flags, ScriptCommand
from feddns.errors import SettingRefused
from feddns.providers import catalogue, ownership
from feddns.providers.recordsets import Key, RecordSet


@click.command(name="diff", cls=ScriptCommand)
@click.argument("file", metavar="[FILE]", default="")
@zoneoptions.options(ZONE)
@click.option("--with-provider", metavar="NAME", default="", help="The other provider.")
@click.option("--with-config", metavar="FILE", default="", help="Its INI file.")
@click.option("--with-zone-id", metavar="ID", default="", help="Its id of the zone.")
@click.option(
    "--with-option", metavar="KEY=VALUE", multiple=True, help="A key of that file, said here."
)
@click.option("--ours", is_flag=True, help="Compare only what is ours on either side.")
def command(
    file: str, with_provider: str, with_config: str, with_zone_id: str,
    with_option: tuple[str, ...], ours: bool, **flags: Any,
) -> None:  # fmt: skip
    """Compare the zone with FILE, a zone file, or with the zone that another provider has.

    `-` is in the zone alone, `+` in the other alone; SOA and the NS of the top are not compared.
    Exit status 0 when both are the same, 2 when they are not, 1 for an error.
    """
    if bool(file) == bool(with_provider):
        raise SettingRefused("name FILE, or another provider by --with-provider: one of them")
    with zonework.opened(zoneoptions.choice(flags)) as provider:
        here = zonework.records(provider)
    if file:
        there: Iterable[RecordSet] = zonetexts.read(file, provider.zone).records
    else:
        other = catalogue.choose(
            with_provider, flags["zone_name"], with_zone_id, with_config, with_option
        )
        with zonework.opened(other) as second:
            there = zonework.records(second)
    if ours:
        here, there = _ours(here, flags), _ours(there, flags)
    lines = list(differences(here, there))
    zonework.show(lines)
    if not lines:
        click.echo(f"{provider.zone}: the same, {len(here)} record sets")
    sys.exit(2 if lines else 0)


def _ours(records: Iterable[RecordSet], flags: Flags) -> list[RecordSet]:
    found = ownership.divide(records, zoneoptions.registry(flags))
    return [one for own in found.ours.values() for one in (own.record, own.claim) if one]


def differences(here: Iterable[RecordSet], there: Iterable[RecordSet]) -> Iterator[str]:
    """Lines of a diff, by name from the zone's top down."""
    one, two = _by_key(here), _by_key(there)
    for key in sorted(one.keys() | two.keys(), key=lambda key: (key[0].split(".")[::-1], key[1])):
        if one.get(key) == two.get(key):
            continue
        if key in one:
            yield f"- {one[key]}"
        if key in two:
            yield f"+ {two[key]}"


def _by_key(records: Iterable[RecordSet]) -> dict[Key, RecordSet]:
    return {record.key: record for record in records}
