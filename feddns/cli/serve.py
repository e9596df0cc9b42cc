"""`feddns serve`."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import click

from feddns.cli.options import read_settings, settings_options


@click.command(name="serve")
@settings_options()
def command(config_file: str | None, **flags: Any) -> None:
    """Answer DNS questions over UDP and TCP, from a cluster's API or from manifests.

    Every option is also an environment variable (--ttl is FEDDNS_TTL) and a key of the TOML file
    that --config names (ttl = 5).
    """
    from feddns.app import serve

    sys.exit(serve.run(partial(read_settings, config_file, flags), config_file or ""))
