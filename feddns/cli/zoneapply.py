"""`feddns zone apply`: the zone changed as the federation wants it, or as a saved plan says."""

from __future__ import annotations

import sys
from typing import Any

import click

from feddns.cli import zonechanging, zonefederation, zoneoptions, zonework
from feddns.cli.zonechanging import Consent
from feddns.cli.zonehistory import HISTORY
from feddns.cli.zoneoptions import FEDERATION, WISHES, ZONE, Flags
from feddns.errors import DocumentRefused, OperatorNeeded
from feddns.providers import catalogue, plan
from feddns.providers.base import Provider
from feddns.providers.plan import Plan


@click.command(name="apply")
@click.argument("plan_file", metavar="[PLAN]", default="")
@zoneoptions.options(FEDERATION, ZONE, WISHES, HISTORY)
@click.option("--approve", metavar="ID", default="", help="Do this plan, however much it removes.")
def command(plan_file: str, approve: str, **flags: Any) -> None:
    """Change the zone as the federation wants it, or as PLAN says, a file of `feddns zone plan
    --output json`; `-` is standard input.

    It asks nothing, unless more would be removed than --dns-removal-limit lets go: then on a
    terminal, and elsewhere --approve must name the plan. A saved plan is done where the zone is
    still as it was then; records that are not ours are never removed.
    """
    consent = Consent(approve)
    choice = zoneoptions.choice(flags)
    if plan_file:
        saved = _saved(plan_file)
        with zonework.opened(choice) as provider:
            sys.exit(_apply_saved(saved, provider, flags, consent))
    federation = zonefederation.read(flags)
    with zonework.opened(choice) as provider:
        made, found = zonework.draft(provider, federation, flags)
        zonework.warn(federation.warnings)
        sys.exit(zonechanging.run(made, provider, found, flags, consent))


def _saved(path: str) -> Plan:
    text = sys.stdin.read() if path == "-" else catalogue.read_text(path, "PLAN")
    try:
        return plan.from_json(text)
    except DocumentRefused as error:
        raise DocumentRefused(f"PLAN {path}: {error}") from error


def _apply_saved(made: Plan, provider: Provider, flags: Flags, consent: Consent) -> int:
    if made.zone != provider.zone:
        raise OperatorNeeded(f"the plan is for {made.zone}, not for {provider.zone}")
    found = zonework.holdings(provider, zoneoptions.registry(flags))
    zonework.only_ours(made.changes, found)
    return zonechanging.run(made, provider, found, flags, consent)
