"""◇ A plan, done by hand: shown, asked about when it removes too much, done, and written down.

    the plan                                       what happens
    changes nothing                                said
    removes more than --dns-removal-limit          on a terminal it is asked; else --approve ID is
                                                   needed, the plan's
    any other                                      done without a question
    done in part                                   what is not, and why; exit status 1

Called by `apply`, `import` and `rollback`.
"""

from __future__ import annotations

import sys
import time
from typing import NamedTuple

import click

from feddns.cli import zoneapplying, zonehistory, zoneoptions, zonework
from feddns.cli.zoneapplying import Outcome
from feddns.cli.zoneoptions import Flags
from feddns.errors import FeddnsError, OperatorNeeded
from feddns.providers import plan
from feddns.providers.base import Provider
from feddns.providers.history import Applied
from feddns.providers.ownership import Holdings
from feddns.providers.plan import Plan

_MOST_TOLD = 20


class Consent(NamedTuple):
    """What the operator has said: `approve` is the id of a plan; `is_dry`: only show it."""

    approve: str = ""
    is_dry: bool = False


def run(made: Plan, provider: Provider, found: Holdings, flags: Flags, consent: Consent) -> int:
    """Shows it, does it.  Returns the exit status."""
    zonework.show(plan.text(zonework.readable(made, found.registry)))
    if not made.changes:
        click.echo(f"nothing to change in {provider.zone}")
        return 0
    if consent.is_dry:
        return 0
    _ask(made, found, flags, consent)
    if not zonehistory.has_one(flags):
        click.echo("this is kept in no history; --history FILE would")
    outcome = zoneapplying.carry_out(provider, made.changes)
    status = _tell(outcome, provider.zone)
    try:
        zonehistory.keep(flags, Applied(time.time(), tuple(outcome.done)))
    except FeddnsError as error:
        raise OperatorNeeded(
            f"the zone was changed, but the history is not kept: {error}"
        ) from error
    return status


def _ask(made: Plan, found: Holdings, flags: Flags, consent: Consent) -> None:
    """Raises `OperatorNeeded` when it may not be done."""
    words = zoneoptions.guard_words(made, len(found.ours), flags)
    if not words or consent.approve == made.id:
        return
    if consent.approve:
        raise OperatorNeeded(
            f"--approve {consent.approve}: that was another plan; this one is {made.id}, look at it"
        )
    if sys.stdin.isatty() and click.confirm(f"{words}. Remove them?", default=False, err=True):
        return
    raise OperatorNeeded(f"{words}; nothing was changed; if it is meant: --approve {made.id}")


def _tell(outcome: Outcome, zone: str) -> int:
    count = len(outcome.done)
    click.echo(f"changed {count} name{'' if count == 1 else 's'} in {zone}")
    for change, words in outcome.refused[:_MOST_TOLD]:
        click.echo(f"feddns: {change.name} was not changed: {words}", err=True)
    if len(outcome.refused) > _MOST_TOLD:
        more = len(outcome.refused) - _MOST_TOLD
        click.echo(f"feddns: and {more} more were not changed", err=True)
    if outcome.trouble:
        unsure = f", {len(outcome.unsure)} perhaps" if outcome.unsure else ""
        left = f"{len(outcome.left)} names are left{unsure}"
        click.echo(f"feddns: {outcome.trouble}; {left}; plan again to see", err=True)
    return 0 if outcome.is_whole else 1
