"""`feddns playground`: a federation on this machine, and the commands that break and heal it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click


@click.group(name="playground", invoke_without_command=True)
@click.option(
    "--clusters", default="us,eu,asia", show_default=True, metavar="NAME[:REGION],...",
    help="The members; a cluster is its own region unless that is said.",
)  # fmt: skip
@click.option("--view/--no-view", default=None, help="The live view; by default on a terminal.")
@click.option(
    "--keep", metavar="DIR", type=click.Path(path_type=Path, file_okay=False),
    help="Keep what the APIs hold in this folder, to go on later.",
)  # fmt: skip
@click.option(
    "--network", metavar="127.N", default="", help="First octets of the federation's addresses; "
    "each member has the next. By default the first that are free, from 127.10.",
)  # fmt: skip
@click.option(
    "--real", is_flag=True, help="Real programs: kube-apiserver, etcd, their controllers and KWOK, "
    "which tools/peers.sh builds.",
)  # fmt: skip
@click.pass_context
def command(
    context: click.Context, clusters: str, view: bool | None, keep: Path | None, network: str,
    real: bool,
) -> None:  # fmt: skip
    """A federation of clusters on this machine, in one terminal; ^C ends it.

    Members behave like clusters: Deployments and `kubectl run` give Pods, load balancers get
    addresses, and these are loopback addresses on which every ready Pod really answers HTTP.
    """
    context.obj = network
    if context.invoked_subcommand is None:
        from feddns.playground import session

        shown = sys.stdout.isatty() if view is None else view
        asyncio.run(session.run(session.Asked(clusters, network, keep, shown, real)))


@command.command()
@click.argument("words", nargs=-1, required=True, metavar="WHAT [NAME]")
@click.pass_obj
def fail(network: str, words: tuple[str, ...]) -> None:
    """Break a pod, a zone, a region, the federation, or the api, data or all of a cluster."""
    _ask(["fail", *words], network)


@command.command()
@click.argument("words", nargs=-1, required=True, metavar="WHAT [NAME] | all")
@click.pass_obj
def heal(network: str, words: tuple[str, ...]) -> None:
    """Mend what `fail` broke; `heal all` everything."""
    _ask(["heal", *words], network)


@command.command()
@click.pass_obj
def status(network: str) -> None:
    """Show clusters, shards, and what each cluster's DNS answers."""
    _ask(["status"], network)


def _ask(words: list[str], network: str) -> None:
    from feddns.playground import control

    click.echo(control.ask(words, network))
