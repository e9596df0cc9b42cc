"""`feddns-controllers`: its flags, and one line for what cannot be used."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

import click

from controllers import options as flags
from controllers.options import Options
from feddns.errors import FeddnsError

log = logging.getLogger("feddns.controllers")


def _options(command: Any) -> Any:
    for row in reversed(flags.ROWS):
        names = [f"--{name}" for name in (row.flag, *row.aliases)]
        shown = f"{row.why}  [default: {flags.default_text(row)}]"
        field = row.flag.replace("-", "_")
        command = click.option(*names, field, metavar=row.metavar, help=shown, **_shape(row))(
            command
        )
    for name in flags.WITHOUT_EFFECT:
        command = click.option(f"--{name}", hidden=True)(command)
    return command


def _shape(row: flags.Row) -> dict[str, Any]:
    """`--leader-elect` alone means true, as it did."""
    if row.read is flags.lines:
        return {"multiple": True}
    return {"is_flag": False, "flag_value": "true"} if row.read is flags.truth else {}


@click.command(name="feddns-controllers", context_settings={"max_content_width": 100})
@_options
@click.version_option(package_name="feddns", prog_name="feddns-controllers")
def main(**given: str | tuple[str, ...] | None) -> None:
    """Keep every member of a federation as the federation's API says.

    Every option is also an environment variable: --federation-name is FEDDNS_FEDERATION_NAME.
    """
    chosen = {
        name.replace("_", "-"): value if isinstance(value, str) else "\n".join(value)
        for name, value in given.items()
        if value is not None and value != ()
    }
    idle = [name for name in flags.WITHOUT_EFFECT if chosen.pop(name, None) is not None]
    try:
        identity = f"{socket.gethostname()}_{os.getpid()}"
        options = flags.load(chosen, os.environ, identity)
        _run(options, idle)
    except FeddnsError as error:
        click.echo(f"feddns-controllers: {error}", err=True)
        sys.exit(2)


def _run(options: Options, idle: list[str]) -> None:
    from controllers import runtime  # not needed for --help
    from feddns.app import logs

    logs.set_up(options.log_format)
    for name in idle:
        log.warning("--%s has no effect here", name)

    async def work() -> None:
        stopping = asyncio.Event()
        _on_signals(stopping.set)
        await runtime.Runtime(options, runtime.reconcilers(options)).run(stopping)

    asyncio.run(work())


def _on_signals(stop: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
