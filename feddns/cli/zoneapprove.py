"""`feddns zone approve`: an operator's word for removals that the controllers wait with."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from feddns.cli import zonefederation, zonehistory, zoneoptions, zonework
from feddns.cli.zoneoptions import FEDERATION, Flags
from feddns.errors import OperatorNeeded
from feddns.providers import book, plan

_API = tuple(flag for flag in FEDERATION if flag.name != "federation-manifests")


@click.command(name="approve")
@click.argument("plan_id", metavar="[PLAN]", default="")
@zoneoptions.options(_API)
def command(plan_id: str, **flags: Any) -> None:
    """Let the controllers remove what the plan PLAN says, which waits because it removes too much.

    Without PLAN, show the plan that waits. The word is written into the ConfigMap `public-zone`
    of the federation's system namespace; the controllers take it away again when it is done. What
    has changed meanwhile is another plan, and waits again.
    """
    asyncio.run(_approve(plan_id, flags))


async def _approve(plan_id: str, flags: Flags) -> None:
    one = zonefederation.api(flags)
    path = f"{zonehistory.config_maps(flags)}/{book.NAME}"
    try:
        answer = await one.get(path)
        if answer.status == 404:
            raise OperatorNeeded(
                f"no controllers keep a public zone here: there is no ConfigMap {book.NAME} in "
                f"{flags['federation_system_namespace']} (--federation-system-namespace)"
            )
        config_map = zonefederation.good(one, answer, path).object
        waiting = (config_map.get("data") or {}).get("plan", "")
        if not plan_id:
            _show(config_map, waiting)
            return
        if plan_id != waiting:
            raise OperatorNeeded(f"plan {plan_id} does not wait: {_waits(waiting)}")
        patched = await one.merge(path, book.approval(plan_id))
        zonefederation.good(one, patched, path)
    finally:
        one.close()
    click.echo(f"approved plan {plan_id}; the controllers do it now")


def _waits(waiting: str) -> str:
    return f"{waiting} does; look at it, it may be another now" if waiting else "none does"


def _show(config_map: dict[str, Any], waiting: str) -> None:
    if not waiting:
        click.echo("no plan waits")
        return
    pending = book.read(config_map).pending
    lines = plan.text(pending) if pending else config_map["data"].get("plan.txt", "").splitlines()
    zonework.show(lines)
    click.echo(f"look at it, then: feddns zone approve {waiting}")
