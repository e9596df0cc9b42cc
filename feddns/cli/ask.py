"""`feddns ask`: one question, answered from manifests by the server's own code."""

from __future__ import annotations

from typing import Any

import click

from feddns.cli.options import question_options, read_settings


@click.command(name="ask")
@question_options
@click.option("--short", is_flag=True, help="Print the data of the answer only.")
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
