"""What a running server says of itself, as values: for `feddns status` and /metrics.

    Notice      what the supervisor knows: settings, restarts, whether the server ends
    Report      the whole: what `status` on the control socket answers

A field that nobody fills in is empty, and `status` leaves its part out.  Times are Unix seconds, 0
for never.  Pure.  Filled in by `app.standing` and `app.reporting`, shown by `cli.statusview`.
"""

from __future__ import annotations

import msgspec


class Notice(msgspec.Struct, frozen=True):
    """What the supervisor lets the other processes know.

    `watcher` is the number of the watching process that is in force, `trouble` the reason why the
    last reading of the settings failed; `settings` are those in force (`config.to_flags`).
    """

    supervisor: int = 0
    started: float = 0.0
    instance: str = ""
    watcher: int = 0
    watcher_restarts: int = 0
    draining: bool = False
    config_file: str = ""
    reloads: int = 0
    reloads_failed: int = 0
    reloaded: float = 0.0
    trouble: str = ""
    settings: dict[str, str | int | float | bool | list[str]] = {}


class Process(msgspec.Struct, frozen=True):
    """One process.  What only an answering one has is 0 for the others."""

    role: str
    pid: int
    memory: int = 0
    restarts: int = 0
    ready: bool = True
    stale_since: float = 0.0
    turned: float = 0.0
    snapshot_version: int = 0
    snapshot_changed: float = 0.0
    questions: int = 0
    a_second: float = 0.0
    tcp_connections: int = 0
    unsent: int = 0


class Source(msgspec.Struct, frozen=True):
    """Where objects come from: a folder, or one resource of an API."""

    title: str
    state: str
    objects: int = 0
    last_event: float = 0.0
    lists: int = 0
    watches: int = 0
    errors: int = 0
    last_error: str = ""


class Federation(msgspec.Struct, frozen=True):
    """A federation of the kube-dns ConfigMap.  `view`: what is known of it here, in words."""

    name: str
    domain: str
    view: str = ""


class Upstream(msgspec.Struct, frozen=True):
    """A server that questions are forwarded to.  `latency` in seconds."""

    address: str
    domain: str = ""
    healthy: bool = True
    latency: float = 0.0
    questions: int = 0
    failures: int = 0


class Cache(msgspec.Struct, frozen=True):
    """Kept answers of all processes together."""

    title: str
    entries: int = 0
    bytes: int = 0
    hits: int = 0
    misses: int = 0


class Refused(msgspec.Struct, frozen=True):
    """What does not count now, and why."""

    where: str
    reason: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything."""

    version: str
    now: float
    notice: Notice
    listen: list[str]
    metrics: str = ""
    control: str = ""
    processes: list[Process] = []
    sources: list[Source] = []
    objects: dict[str, int] = {}
    ignored: dict[str, int] = {}
    federations: list[Federation] = []
    zone: str = ""
    region: str = ""
    upstreams: list[Upstream] = []
    caches: list[Cache] = []
    refused: list[Refused] = []
    refused_more: int = 0
    changed: float = 0.0
    trouble: str = ""
