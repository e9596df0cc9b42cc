"""Settings: one schema for flags, environment and TOML file, each with default, limits and a why.

    flag                --cluster-domain corp.example      (wins)
    environment         FEDDNS_CLUSTER_DOMAIN=corp.example
    file (--config F)   cluster-domain = "corp.example"
    default             cluster.local                      (loses)

A setting that may be given several times takes a list in the file, and commas in the environment
and in one flag.  `settings` declares them, `values` reads each kind of value; this file merges the
sources.  Pure: the caller brings the environment and the file's bytes.  Called by `cli`, read by
everybody.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from feddns.config import values
from feddns.config.settings import Settings
from feddns.config.values import (
    PRIVATE_RANGES,
    Address,
    DomainName,
    Nameserver,
    ReverseZone,
    SocketAddress,
    StubDomain,
)
from feddns.errors import SettingRefused

__all__ = [
    "PRIVATE_RANGES", "Address", "DomainName", "Nameserver", "ReverseZone", "Setting", "Settings",
    "SocketAddress", "StubDomain", "load", "schema",
]  # fmt: skip

ENVIRONMENT_PREFIX = "FEDDNS_"


class Setting(NamedTuple):
    """One row of the schema, for flags and documents."""

    key: str
    type: Any
    default: Any
    metavar: str
    why: str
    repeatable: bool
    limits: str


def schema() -> list[Setting]:
    """All settings in the order they are declared."""
    return [_row(field) for field in msgspec.structs.fields(Settings)]


def _row(field: msgspec.structs.FieldInfo) -> Setting:
    meta: Meta = field.type.__metadata__[-1]
    inner: Any = field.type.__origin__
    repeatable = getattr(inner, "__origin__", None) is tuple
    choices = "|".join(inner.__args__) if getattr(inner, "__origin__", None) is Literal else ""
    limits = [f"{low.ge} to {low.le}" for low in field.type.__metadata__ if low.ge is not None]
    return Setting(
        key=field.encode_name,
        type=field.type,
        default=field.default,
        metavar=choices or meta.title or "",
        why=meta.description or "",
        repeatable=repeatable,
        limits=limits[0] if limits else "",
    )


# --- from the three sources -------------------------------------------------------------------


def load(
    flags: Mapping[str, Any], environment: Mapping[str, str], file: bytes | None, path: str = ""
) -> Settings:
    """Merge the sources; keys are those of the schema.  Raises `SettingRefused`."""
    known = {row.key: row for row in schema()}
    given: dict[str, Any] = {}
    for key, value in (_read_file(file, path) if file is not None else {}).items():
        if key not in known:
            raise SettingRefused(f"{path}: {key!r} is no setting{_did_you_mean(key, known)}")
        given[key] = _convert(known[key], value, f"{path}: {key}")
    for row in known.values():
        variable = ENVIRONMENT_PREFIX + row.key.upper().replace("-", "_")
        if variable in environment:
            given[row.key] = _convert(row, environment[variable], variable)
    for key, value in flags.items():
        given[key] = _convert(known[key], value, f"--{key}")
    return Settings(**{key.replace("-", "_"): value for key, value in given.items()})


def _read_file(file: bytes, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(file.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingRefused(f"{path}: {error}") from error


def _did_you_mean(key: str, known: Mapping[str, Setting]) -> str:
    close = difflib.get_close_matches(key.replace("_", "-"), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _convert(row: Setting, value: Any, source: str) -> Any:
    """The value of one setting.  A text is split at commas when the setting is repeatable."""
    if row.repeatable:
        parts = value.split(",") if isinstance(value, str) else value
        if isinstance(parts, (list, tuple)) and all(isinstance(part, str) for part in parts):
            value = [item.strip() for part in parts for item in part.split(",") if item.strip()]
    if row.key == "reverse-zone" and isinstance(value, list):
        value = [zone for text in value for zone in _each_reverse_zone(text, source)]
        return tuple(dict.fromkeys(value))
    if row.key == "metrics" and value == "none":
        return None
    try:
        return msgspec.convert(value, row.type, strict=False, dec_hook=values.read)
    except msgspec.ValidationError as error:
        raise SettingRefused(f"{source}: {_reason(row, value, error)}") from error


def _reason(row: Setting, value: Any, error: msgspec.ValidationError) -> str:
    if row.limits:
        return f"{value!r} is not within {row.limits}"
    if "|" in row.metavar and row.metavar.islower():
        return f"{value!r} is none of {row.metavar.replace('|', ', ')}"
    if row.default in (True, False):
        return f"{value!r} is neither true nor false"
    return str(error).split(" - at ")[0]


def _each_reverse_zone(text: object, source: str) -> tuple[ReverseZone, ...]:
    if not isinstance(text, str):
        raise SettingRefused(f"{source}: expected text, not {text!r}")
    try:
        return values.reverse_zones(text)
    except ValueError as error:
        raise SettingRefused(f"{source}: {error}") from None
