"""`feddns check`: what in these manifests would be refused or passed over, and why."""

from __future__ import annotations

import json
import logging
import sys

import click


@click.command(name="check")
@click.argument("folder")
@click.option("--federation", is_flag=True, help="The folder holds a federation's objects.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(folder: str, federation: bool, as_json: bool) -> None:
    """Read FOLDER as serve would, and show what would be refused or ignored.

    Exit status 0 when nothing is refused, 1 when something is.
    """
    from feddns.kube.resources import Role
    from feddns.manifests.folder import Loader

    loader = Loader({Role.FEDERATION if federation else Role.CLUSTER: [folder]})
    log = logging.getLogger("feddns.manifests")
    log.disabled = True  # what it would say is what this command prints
    try:
        for _ in loader.load():
            pass
    finally:
        log.disabled = False
    refusals = loader.refusals()
    (counts,) = loader.counts().values()
    if as_json:
        click.echo(
            json.dumps(
                {
                    "objects": counts.objects,
                    "ignored": counts.ignored,
                    "refused": [refusal._asdict() for refusal in refusals],
                },
                indent=2,
                ensure_ascii=False,
            )
        )
    else:
        click.echo(_text(counts.objects, counts.ignored, [str(r) for r in refusals]), nl=False)
    sys.exit(1 if refusals else 0)


def _text(objects: dict[str, int], ignored: dict[str, int], refused: list[str]) -> str:
    lines = [f"refused  {refusal}" for refusal in refused]
    lines += [f"ignored  {number} {kind}" for kind, number in sorted(ignored.items())]
    lines += [f"used     {number} {kind}" for kind, number in sorted(objects.items())]
    lines.append(f"{len(refused)} refused" if refused else "nothing refused")
    return "\n".join([*lines, ""])
