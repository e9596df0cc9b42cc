"""What differs between two sets of settings, and settings as text again.

`ANSWERING_ONLY` are read by the answering processes alone: when nothing else changed, the watching
process and all that it has read stay.  Pure.  Called by `app.standing` and `cli.why`.
"""

from __future__ import annotations

from feddns import config
from feddns.config.settings import Settings

ANSWERING_ONLY = frozenset((
    "cluster-domain", "reverse-zone", "ttl", "answer-form", "when-none-healthy",
    "ignore-empty-services", "nameserver-address", "edns-size", "nsid", "upstream", "forward",
    "stub-domain", "upstream-policy", "upstream-budget", "upstream-outstanding", "never-forward",
    "forward-cache", "forward-ttl", "forward-negative-ttl", "serve-stale", "rate-limit",
    "rate-limit-ipv4-prefix", "rate-limit-ipv6-prefix", "cookies", "cookie-secret", "answer-cache",
    "tcp-connections", "tcp-connections-per-client", "tcp-idle", "lame-duck", "log-queries",
))  # fmt: skip

AT_THE_START = frozenset(("takeover",))
"""Mean something at the start only, so that a change is none."""

SECRET = frozenset(("cookie-secret",))
"""Not shown to anybody."""

Flag = str | int | float | bool | list[str]


def between(before: Settings, after: Settings) -> list[str]:
    """The keys of the settings that differ."""
    return [
        row.key
        for row in config.schema()
        if row.key not in AT_THE_START and _value(before, row.key) != _value(after, row.key)
    ]


def to_flags(settings: Settings) -> dict[str, Flag]:
    """Each setting that is no secret, as `config.load` takes it among the flags."""
    return {
        row.key: _flag(_value(settings, row.key))
        for row in config.schema()
        if row.key not in SECRET
    }


def _value(settings: Settings, key: str) -> object:
    return getattr(settings, key.replace("-", "_"))


def _flag(value: object) -> Flag:
    if isinstance(value, tuple):
        return [str(item) for item in value]
    if isinstance(value, bool | int | float):
        return value
    return "none" if value is None else str(value)
