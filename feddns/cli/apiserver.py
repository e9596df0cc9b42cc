"""`feddns apiserver`: a Kubernetes API in one process and one file."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import signal
import sys
from pathlib import Path

import click

from feddns.errors import OperatorNeeded, SettingRefused

_FEWEST = 8
"""Addresses of Services, as kube-apiserver."""


@click.command(name="apiserver")
@click.option(
    "--data", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Where everything is kept (SQLite). Without it, in memory.",
)  # fmt: skip
@click.option(
    "--listen", default="127.0.0.1:6443", show_default=True, metavar="ADDRESS:PORT",
    help="Where to answer; port 0 takes a free one.",
)  # fmt: skip
@click.option(
    "--write-kubeconfig", "kubeconfig", type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE", help="Write the administrator's kubeconfig there; an older one is replaced.",
)  # fmt: skip
@click.option(
    "--service-cluster-ip-range", "ranges", default="10.96.0.0/16", show_default=True,
    metavar="CIDR,...", help="Addresses of Services; two ranges for dual stack.",
)  # fmt: skip
@click.option("--name", default="feddns", show_default=True, help="Of the cluster and the context.")
@click.option(
    "--token", "tokens", multiple=True, metavar="TOKEN=USER",
    help="One more user, who may do everything. Can be repeated.",
)  # fmt: skip
@click.option(
    "--tend/--no-tend", default=True, show_default=True,
    help="Empty namespaces that go, and delete what belongs to deleted objects, as "
    "kube-controller-manager does; or leave that to other controllers.",
)  # fmt: skip
@click.option(
    "--sync/--no-sync", default=True, show_default=True,
    help="Wait for the disk before a write is acknowledged, so that a power cut loses nothing; "
    "without it, a killed process still loses nothing.",
)  # fmt: skip
def command(
    data: Path | None, listen: str, kubeconfig: Path | None, ranges: str, name: str,
    tokens: tuple[str, ...], tend: bool, sync: bool,
) -> None:  # fmt: skip
    """Serve a Kubernetes API: for a laptop, a test, a small site."""
    from feddns.apiserver.handling.call import Settings
    from feddns.apiserver.server import Options

    settings = Settings(service_ranges=_ranges(ranges), tends=tend)
    options = Options(listen, data, name, settings, _tokens(tokens), sync)
    asyncio.run(_run(options, kubeconfig))


async def _run(options: object, kubeconfig: Path | None) -> None:
    from feddns.apiserver import server

    assert isinstance(options, server.Options)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    running = await server.start(options)
    try:
        if kubeconfig is not None:
            _write(kubeconfig, json.dumps(running.kubeconfig(), indent=2) + "\n")
        click.echo(f"serving {running.url}" + (f", see {kubeconfig}" if kubeconfig else ""))
        sys.stdout.flush()
        await stopping.wait()
    finally:
        await running.stop()


def _write(path: Path, text: str) -> None:
    """In one step, readable by its owner only.  Raises `OperatorNeeded`."""
    new = path.with_name(f"{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        new.replace(path)
    except OSError as error:
        raise OperatorNeeded(f"--write-kubeconfig {path}: {error.strerror}") from error


def _ranges(text: str) -> tuple[str, ...]:
    ranges = tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        networks = [ipaddress.ip_network(one) for one in ranges]
    except ValueError as error:
        raise SettingRefused(f"--service-cluster-ip-range: {error}") from None
    if not networks or len({one.version for one in networks}) != len(networks):
        raise SettingRefused("--service-cluster-ip-range: one range, or one of each family")
    for one in networks:
        if one.num_addresses < _FEWEST:
            few = f"{one} has fewer than {_FEWEST} addresses"
            raise SettingRefused(f"--service-cluster-ip-range: {few}")
    return ranges


def _tokens(given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for one in given:
        token, _, user = one.partition("=")
        if not token or not user:
            raise SettingRefused("--token: not TOKEN=USER")
        found[token] = user
    return found
