"""A playground from its start to its end: a free network, a folder, the stage, the commands.

I/O.  Called by `cli.playground`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from feddns.errors import OperatorNeeded, SettingRefused
from feddns.playground import control, layout
from feddns.playground.desk import Desk
from feddns.playground.stage import Stage

PROGRAM = "FEDDNS_PLAYGROUND"
"""Variable: what a person types for `feddns playground`, where that is not on the PATH."""

_BASES = range(10, 100, 10)

_TRY = """
The federation {federation} runs: {members}.

  export KUBECONFIG={kubeconfig}
  kubectl config get-contexts
  kubectl --context={context} get clusters

A Service for all of them, and Pods in each:

  kubectl --context={context} create -f {manifest}
  for C in {names}; do kubectl --context=$C run nginx --image=nginx:1.11.1-alpine --port=80; done
  kubectl --context={first} get services nginx
  kubectl --context={context} describe services nginx

Each cluster's DNS gives its own shard, on addresses that really answer:

  {dig} nginx.default.fellowship.svc.cluster.local
  curl $({dig} +short nginx.default.fellowship.svc.cluster.local | tail -n 1){curl_port}

And when that is gone, the nearest one elsewhere:

  kubectl --context={first} delete pod nginx
  {dig} nginx.default.fellowship.svc.cluster.local
  {program} fail cluster {last}      # or: pod zone api data region federation
  {program} heal all

Clients outside ask the public zone:

  {outside} nginx.default.fellowship.svc.example.com

^C ends it.
"""


class Asked(NamedTuple):
    """What the command line says; `keep`: a folder that stays; `real`: kube-apiservers."""

    clusters: str = "us,eu,asia"
    network: str = ""
    keep: Path | None = None
    view: bool = False
    real: bool = False


async def run(asked: Asked) -> None:
    """Until a signal; raises `SettingRefused` and `OperatorNeeded`."""
    base = _base(asked.network)
    plan = layout.make(asked.clusters, base)
    logging.getLogger("feddns").setLevel(logging.WARNING)
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    with _folder(asked.keep) as folder:
        stage = Stage(plan, folder, keep=asked.keep is not None, real=asked.real)
        desk = Desk(stage)
        listening = await control.serve(f"127.{base}", desk.do)
        try:
            if await _until(stopping, stage.start()):
                return
            print(_hints(stage), flush=True)
            await _until(stopping, stage.run(), *([desk.show()] if asked.view else []))
        finally:
            listening.close()
            await stage.stop()


async def _until(stopping: asyncio.Event, *work: Coroutine[Any, Any, None]) -> bool:
    """Work until the first is done or it is enough; whether it is enough."""
    waiting = asyncio.create_task(stopping.wait())
    tasks: list[asyncio.Task[Any]] = [waiting, *map(asyncio.create_task, work)]
    done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    for task in done:
        task.result()
    return waiting in done


def _base(network: str) -> int:
    """The second octet of the federation's addresses."""
    if network:
        found = re.fullmatch(r"127\.([1-9][0-9]{0,2})", network)
        if not found or int(found[1]) > 240:
            raise SettingRefused(f"--network: {network!r} must be 127.1 to 127.240")
        return int(found[1])
    taken = control.names()
    base = next((base for base in _BASES if f"127.{base}" not in taken), None)
    if base is None:
        raise OperatorNeeded("so many playgrounds run already; --network takes another place")
    return base


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Where everything will be; gone at the end unless it is kept."""
    if keep is not None:
        yield keep.resolve()
        return
    made = Path(tempfile.mkdtemp(prefix="feddns-playground-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _hints(stage: Stage) -> str:
    names = [one.name for one in stage.layout.clusters]
    first = stage.layout.clusters[0]
    port = "" if stage.dns_port == 53 else f" -p {stage.dns_port}"
    return _TRY.format(
        program=os.environ.get(PROGRAM, "feddns playground"), federation=layout.FEDERATION,
        members=", ".join(names), kubeconfig=stage.kubeconfig,
        context=layout.CONTEXT, manifest=stage.manifest, names=" ".join(names), first=names[0],
        last=names[-1], dig=f"dig @{first.dns}{port}", outside=f"dig @{stage.layout.outside}{port}",
        curl_port=f":{80 + stage.web_offset}" if stage.web_offset else "",
    )  # fmt: skip
