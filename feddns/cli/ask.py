"""`feddns ask`: one question, answered from manifests by the server's own code."""

from __future__ import annotations

from typing import Any

import click

from feddns.cli.options import ANSWERING, read_settings, settings_options


@click.command(name="ask")
@click.argument("name")
@click.argument("type", default="A")
@click.option(
    "--from-namespace", default="default", metavar="NAME", show_default=True,
    help="Complete the name as a pod of this namespace would.",
)  # fmt: skip
@click.option("--short", is_flag=True, help="Print the data of the answer only.")
@settings_options(ANSWERING)
def command(
    name: str, type: str, from_namespace: str, short: bool, config_file: str | None, **flags: Any
) -> None:
    """Answer NAME from manifests, without a server, and print it as dig does.

    A NAME without a final dot is completed as in a pod: nginx.default.fellowship is asked as
    nginx.default.fellowship.svc.cluster.local. in the end.
    """
    from feddns.cli import offline, present, search

    settings = read_settings(config_file, flags)
    kind = present.read_type(type)
    tried = offline.ask(
        offline.responder(settings),
        search.candidates(name, from_namespace, settings.cluster_domain),
        kind,
    )
    if short:
        click.echo(present.short(tried[-1].reply), nl=False)
        return
    click.echo(present.whole(name, type, tried), nl=False)
