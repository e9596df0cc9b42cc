"""`feddns zone rollback`: the zone as it was at a time."""

from __future__ import annotations

import datetime
import re
import sys
import time
from typing import Any

import click

from feddns.cli import zonechanging, zonehistory, zoneoptions, zonework
from feddns.cli.zonechanging import Consent
from feddns.cli.zonehistory import HISTORY
from feddns.cli.zoneoptions import FEDERATION, WISHES, ZONE
from feddns.errors import OperatorNeeded, SettingRefused
from feddns.providers import history, plan

_API = tuple(flag for flag in FEDERATION if flag.name != "federation-manifests")
_LIMIT = tuple(flag for flag in WISHES if flag.name == "dns-removal-limit")


@click.command(name="rollback")
@zoneoptions.options(_API, ZONE, _LIMIT, HISTORY)
@click.option(
    "--to", metavar="TIME", required=True,
    help="2026-11-21T09:30:00Z, the same with an offset, seconds since 1970, or how long ago: 15m.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only show what would be changed.")
@click.option("--approve", metavar="ID", default="", help="Do this plan, however much it removes.")
def command(to: str, dry_run: bool, approve: str, **flags: Any) -> None:
    """Take the zone back to how it was at TIME, by the history of what feddns did to it.

    Names that somebody else has changed since then are left alone, with a word. Controllers that
    keep the zone would bring back at their next look what the federation wants: turn them to
    --dns-dry-run before, or mend the federation first.
    """
    if not zonehistory.has_one(flags):
        raise SettingRefused("nothing says where the history is: --federation-kubeconfig FILE, or "
                             "--history FILE")  # fmt: skip
    at = read_time(to, time.time())
    choice = zoneoptions.choice(flags)
    known = zonehistory.read(flags)
    _check(known, at)
    with zonework.opened(choice) as provider:
        zone = provider.zone
        changes = [one for one in history.rollback(at, known) if _is_in(one.name, zone)]
        made = plan.of(zone, changes)
        found = zonework.holdings(provider, zoneoptions.registry(flags))
        sys.exit(zonechanging.run(made, provider, found, flags, Consent(approve, dry_run)))


def _is_in(name: str, zone: str) -> bool:
    """A history may be of several zones."""
    return f".{name}".endswith(f".{zone}")


def _check(known: list[history.Applied], at: float) -> None:
    begin = zonehistory.begin(known)
    if begin is None:
        raise OperatorNeeded("there is no history: nothing was done to the zone, or nobody kept it")
    if at < begin:
        words = datetime.datetime.fromtimestamp(begin, datetime.UTC).isoformat("T", "seconds")
        zonework.warn([f"the history begins at {words}: what was done before stays"])


_AGO = re.compile(r"([0-9]+[smhd])+\Z")


def read_time(text: str, now: float) -> float:
    """Seconds since 1970.  Raises `SettingRefused`."""
    found: float | None = None
    if _AGO.match(text):
        units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
        parts = re.findall(r"([0-9]+)([smhd])", text)
        found = now - sum(int(number) * units[unit] for number, unit in parts)
    elif re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text):
        found = float(text)
    else:
        try:
            read = datetime.datetime.fromisoformat(text)
            found = read.timestamp() if read.tzinfo else None
        except ValueError:
            pass
    if found is None:
        raise SettingRefused(
            f"--to: {text!r} is no time; write 2026-11-21T09:30:00Z, with its zone, or 15m"
        )
    if found > now:
        raise SettingRefused(f"--to: {text!r} is still to come")
    return found
