"""The schema of `config` as command-line options.  Called by the commands."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from feddns import config
from feddns.config import Setting, Settings
from feddns.errors import SettingRefused

ANSWERING = (
    "manifests", "federation-manifests", "federation-name", "cluster-domain", "reverse-zone",
    "pods", "namespaces", "ttl", "answer-form", "when-none-healthy", "ignore-empty-services",
    "endpoint-pod-names", "nameserver-address", "edns-size", "forward", "upstream", "stub-domain",
    "never-forward",
)  # fmt: skip
"""The settings that decide what an answer says."""


def settings_options(keys: Iterable[str] | None = None) -> Callable[[Any], Any]:
    """Adds an option for each setting (all of them by default) and `--config`.

    The command gets them as keyword arguments; `read_settings` makes `Settings` of those.
    """
    wanted = None if keys is None else set(keys)
    rows = [row for row in config.schema() if wanted is None or row.key in wanted]

    def decorate(command: Any) -> Any:
        for row in reversed(rows):
            command = _option(row)(command)
        return click.option(
            "--config", "config_file", metavar="FILE", envvar="FEDDNS_CONFIG",
            help="Read settings from this TOML file; flags and environment win over it.",
        )(command)  # fmt: skip

    return decorate


def question_options(command: Any) -> Any:
    """NAME, TYPE and --from-namespace, and the settings that decide what an answer says."""
    command = settings_options(ANSWERING)(command)
    command = click.option(
        "--from-namespace", default="default", metavar="NAME", show_default=True,
        help="Complete the name as a pod of this namespace would.",
    )(command)  # fmt: skip
    return click.argument("name")(click.argument("type", default="A")(command))


def _option(row: Setting) -> Callable[[Any], Any]:
    limits = f" {row.limits}." if row.limits else ""
    text = f"{row.why}{limits}  [default: {default_text(row)}]"
    flag = f"--{row.key}"
    if isinstance(row.default, bool):
        return click.option(f"{flag}/--no-{row.key}", default=None, help=text)
    return click.option(flag, metavar=row.metavar, multiple=row.repeatable, default=None, help=text)


def default_text(row: Setting) -> str:
    """The default as one would write it."""
    if row.key == "reverse-zone":
        return ", ".join(config.PRIVATE_RANGES)
    if isinstance(row.default, tuple):
        return ", ".join(map(str, row.default)) or "none"
    if isinstance(row.default, bool):
        return "on" if row.default else "off"
    return str(row.default).removesuffix(".") or "none"


def read_settings(config_file: str | None, flags: dict[str, Any]) -> Settings:
    """`Settings` from the file, the environment and the flags that were given."""
    file = None
    if config_file is not None:
        try:
            file = Path(config_file).read_bytes()
        except OSError as error:
            raise SettingRefused(f"--config {config_file}: {error.strerror}") from error
    return config.load(given(flags), os.environ, file, config_file or "")


def given(flags: dict[str, Any]) -> dict[str, Any]:
    """The flags that were given, by their keys."""
    return {
        key.replace("_", "-"): list(value) if isinstance(value, tuple) else value
        for key, value in flags.items()
        if value is not None and value != ()
    }
