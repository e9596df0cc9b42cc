"""◇ What was done to the zone: kept in the federation's API, as the controllers do, or in a file.

    given                        the history is
    --history FILE               that file, a line for each change of the zone
    the federation's API         the ConfigMaps `public-zone-history-…` (`providers.book`)
    manifests, and no file       not kept

Called by the commands that change the zone, and by `rollback`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from feddns.cli import zonefederation
from feddns.cli.zoneoptions import Flag, Flags
from feddns.errors import DocumentRefused, OperatorNeeded
from feddns.kube.api import Api
from feddns.providers import book, history
from feddns.providers.history import Applied

HISTORY = (
    Flag("history", "FILE",
         "Keep what is done to the zone in this file, instead of the federation's API."),
)  # fmt: skip


def has_one(flags: Flags) -> bool:
    """Whether the history is kept anywhere."""
    return bool(
        flags["history"]
        or flags["federation_kubeconfig"]
        or (os.environ.get("KUBERNETES_SERVICE_HOST") and not flags.get("federation_manifests"))
    )


def read(flags: Flags) -> list[Applied]:
    """All that is kept, the oldest first.  Raises `OperatorNeeded` when it cannot be read."""
    if flags["history"]:
        return _of_file(flags["history"])
    return list(book.History(asyncio.run(_config_maps(flags))).applied())


def keep(flags: Flags, done: Applied) -> None:
    """Writes it down.  Raises `OperatorNeeded` and `ApiTrouble`."""
    if not done.changes or not has_one(flags):
        return
    if flags["history"]:
        _append(flags["history"], done)
    else:
        asyncio.run(_keep(flags, done))


# --- a file --------------------------------------------------------------------------------------


def _of_file(path: str) -> list[Applied]:
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise OperatorNeeded(f"--history {path}: {error.strerror}") from error
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append(history.from_json(line))
        except DocumentRefused as error:
            raise OperatorNeeded(f"--history {path}, line {number}: {error}") from error
    return sorted(found, key=lambda one: one.time)


def _append(path: str, done: Applied) -> None:
    try:
        with open(path, "ab") as file:
            file.write(done.to_json() + b"\n")
    except OSError as error:
        raise OperatorNeeded(f"--history {path}: {error.strerror}") from error


# --- the API -------------------------------------------------------------------------------------


def config_maps(flags: Flags) -> str:
    """Their collection."""
    return f"/api/v1/namespaces/{flags['federation_system_namespace']}/configmaps"


async def _config_maps(flags: Flags) -> list[dict[str, Any]]:
    one = zonefederation.api(flags)
    try:
        return await _read(one, flags)
    finally:
        one.close()


async def _read(one: Api, flags: Flags) -> list[dict[str, Any]]:
    path = config_maps(flags)
    answer = zonefederation.good(one, await one.get(path), path)
    items: list[dict[str, Any]] = answer.object.get("items") or []
    return items


async def _keep(flags: Flags, done: Applied) -> None:
    one = zonefederation.api(flags)
    try:
        kept = book.History(await _read(one, flags))
        kept.add([done])
        for name, body in kept.due().items():
            await write(one, flags, name, body)
    finally:
        one.close()


async def write(one: Api, flags: Flags, name: str, body: dict[str, Any]) -> None:
    """Merges it into a ConfigMap, which is made where there is none."""
    path = config_maps(flags)
    answer = await one.merge(f"{path}/{name}", body)
    if answer.status == 404:
        answer = await one.create(path, {"metadata": {"name": name}, **body})
    zonefederation.good(one, answer, f"ConfigMap {name}")


def begin(found: Iterable[Applied]) -> float | None:
    """Since when there is a history."""
    return min((one.time for one in found), default=None)
