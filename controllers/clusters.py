"""Whether a member is healthy, and what its `Cluster` says of it.

    state     probe                          becomes
    new       good                           ready, at once
              any other                      away, at once
    ready     good                           ready, misses forgotten
              bad, for the third time        away
    away      good, for the second time      ready
              bad                            away; what is wrong may be another thing now

    probe     what came                     Ready                        Offline
    GOOD      /healthz answers `ok`         True ClusterReady            False ClusterReachable
    ODD       another answer                False ClusterNotReady        False ClusterReachable
    REFUSED   401, 403                      False ClusterAccessDenied    False ClusterReachable
    LOST      no answer                     False ClusterNotReachable    True ClusterNotReachable
    UNKNOWN   no credentials, no address    False ClusterNotConfigured   Unknown, the same reason

How many misses and hits it takes can be set (decisions.md 24).  Zones and region are those of the
nodes, under both spellings of the labels (decisions.md 9), and stay what they were as long as the
nodes are not known.  The region is the one of most nodes.

Source: federation-v1.md 6.  Pure: `now` is Unix time.  Called by `members`.
"""

from __future__ import annotations

import enum
import ipaddress
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from controllers.conditions import timestamp

ZONE = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
REGION = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")
PROBED_AT_LEAST = 300.0
"""Seconds after which a status is written only because its lastProbeTime is old."""


class Result(enum.Enum):
    """What a probe found: Ready's status and reason, Offline's, what is said when it changes."""

    GOOD = ("True", "ClusterReady", "False", "ClusterReachable")
    ODD = ("False", "ClusterNotReady", "False", "ClusterReachable")
    REFUSED = ("False", "ClusterAccessDenied", "False", "ClusterReachable")
    LOST = ("False", "ClusterNotReachable", "True", "ClusterNotReachable")
    UNKNOWN = ("False", "ClusterNotConfigured", "Unknown", "ClusterNotConfigured")


class Probe(NamedTuple):
    """`message`: for a person."""

    result: Result
    message: str


class Policy(NamedTuple):
    """How many probes in a row it takes to leave, and to return."""

    misses: int = 3
    hits: int = 2


class Monitoring(NamedTuple):
    """How members are watched, and spoken to.

    `timeout`: how long one answer may take, a third of the period at most.  A look asks three
    things, so it is over when the next is due; and who is mute is known a third of a period after
    the last miss began, not a whole one: three misses are one too many after 3⅓ periods.
    """

    period: float = 10.0
    timeout: float = 10.0 / 3
    policy: Policy = Policy()
    connections: int = 8
    request_timeout: float = 10.0


class Health(msgspec.Struct, frozen=True):
    """What is thought of a member.  `result` is None as long as nothing is known.

    The times are Unix: since when Ready and Offline are what they are.
    """

    result: Result | None = None
    message: str = ""
    misses: int = 0
    hits: int = 0
    ready_since: float = 0.0
    offline_since: float = 0.0
    probed: float = 0.0

    @property
    def is_ready(self) -> bool:
        return self.result is Result.GOOD

    @property
    def is_doubted(self) -> bool:
        """Ready, but the last look was a miss."""
        return self.is_ready and self.misses > 0


def next_look(due: float, now: float, period: float) -> float:
    """When the next look begins, after one that was due then: at a boundary of the period, whatever
    that one took; what was missed is left out."""
    return due + period * max(1, math.ceil((now - due) / period))


def judge(health: Health, probe: Probe, policy: Policy, now: float) -> Health:
    """What is thought after a probe."""
    is_good = probe.result is Result.GOOD
    misses = 0 if is_good else health.misses + 1
    hits = health.hits + 1 if is_good else 0
    if health.result is None:
        stays = False
    elif health.is_ready:
        stays = misses < policy.misses
    else:
        stays = is_good and hits < policy.hits
    if stays:
        return msgspec.structs.replace(health, misses=misses, hits=hits, probed=now)
    return Health(
        probe.result, probe.message, misses, hits,
        _since(health, probe.result, 0, health.ready_since, now),
        _since(health, probe.result, 2, health.offline_since, now), now,
    )  # fmt: skip


def _since(health: Health, result: Result, field: int, before: float, now: float) -> float:
    is_same = health.result is not None and health.result.value[field] == result.value[field]
    return before if is_same else now


# --- the status ----------------------------------------------------------------------------------


class Places(NamedTuple):
    """Where a member's nodes are; zones sorted, each once."""

    zones: tuple[str, ...] = ()
    region: str = ""


def places(nodes: Iterable[Mapping[str, str]], before: Places) -> Places:
    """Of nodes with these labels; with no node at all what was known stays."""
    zones: set[str] = set()
    regions: Counter[str] = Counter()
    is_empty = True
    for labels in nodes:
        is_empty = False
        zones.add(_label(labels, ZONE))
        regions[_label(labels, REGION)] += 1
    if is_empty:
        return before
    del regions[""]
    region = min(regions, key=lambda name: (-regions[name], name), default="")
    return Places(tuple(sorted(zones - {""})), region)


def _label(labels: Mapping[str, str], spellings: Iterable[str]) -> str:
    return next((labels[name] for name in spellings if labels.get(name)), "")


def status(health: Health, where: Places, version: str) -> dict[str, Any]:
    """The `status` of the Cluster, as a merge patch: what is not known is not there."""
    return {
        "conditions": conditions(health),
        "zones": list(where.zones) or None,
        "region": where.region or None,
        "version": version or None,
    }


def conditions(health: Health) -> list[dict[str, str]]:
    """Ready and Offline, each with its reason."""
    if health.result is None:
        return []
    ready, why_ready, offline, why_offline = health.result.value
    return [
        _condition("Ready", ready, why_ready, health, health.ready_since),
        _condition("Offline", offline, why_offline, health, health.offline_since),
    ]


def _condition(kind: str, state: str, reason: str, health: Health, since: float) -> dict[str, str]:
    return {
        "type": kind, "status": state, "reason": reason, "message": health.message,
        "lastProbeTime": timestamp(health.probed), "lastTransitionTime": timestamp(since),
    }  # fmt: skip


def is_news(before: Mapping[str, Any], after: Mapping[str, Any], now: float) -> bool:
    """Whether the status is worth a write: anything but lastProbeTime, or that is old."""
    if _without_probes(before) != _without_probes(after):
        return True
    probed = [item.get("lastProbeTime") or "" for item in before.get("conditions") or ()]
    return not probed or now - min(map(unix, probed)) >= PROBED_AT_LEAST


def _without_probes(given: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in given.items() if value and key != "conditions"}
    kept["conditions"] = [
        {key: value for key, value in item.items() if key != "lastProbeTime"}
        for item in given.get("conditions") or ()
    ]
    return kept


def restore(given: Mapping[str, Any], now: float) -> tuple[Health, Places, str]:
    """What a status that was written before says: health, places, version.

    A condition that is not ours to know means that nothing is known: since now, so that what
    others wrote of its shards has its grace.
    """
    found = {item.get("type"): item for item in given.get("conditions") or ()}
    ready, offline = found.get("Ready") or {}, found.get("Offline") or {}
    key = tuple(item.get(field) for item in (ready, offline) for field in ("status", "reason"))
    result = next((one for one in Result if one.value == key), None)
    where = Places(tuple(given.get("zones") or ()), given.get("region") or "")
    version = given.get("version") or ""
    if result is None:
        return Health(ready_since=now, offline_since=now), where, version
    health = Health(
        result, ready.get("message", ""), 0, 0,
        unix(ready.get("lastTransitionTime") or ""), unix(offline.get("lastTransitionTime") or ""),
        unix(ready.get("lastProbeTime") or ""),
    )  # fmt: skip
    return health, where, version


def event(before: Health, after: Health) -> tuple[str, str, str] | None:
    """Type, reason and message of the Event that a change is worth."""
    if after.result is None or before.result is after.result:
        return None
    kind = "Normal" if after.is_ready else "Warning"
    return kind, after.result.value[1], after.message


def unix(text: str) -> float:
    """The time in an object; 0 for what is none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0


# --- the address ---------------------------------------------------------------------------------


def address(spec: Mapping[str, Any], own: Callable[[], Iterable[str]]) -> str:
    """The URL of the API for a client with these addresses; empty when no range holds one.

    The longest range counts, the first of equals; an empty range holds everybody, and counts least.
    """
    mine = [ipaddress.ip_address(text) for text in own()]
    best, chosen = -2, ""
    for item in spec.get("serverAddressByClientCIDRs") or ():
        length = _length(item.get("clientCIDR") or "", mine)
        if length > best and length >= -1 and item.get("serverAddress"):
            best, chosen = length, item["serverAddress"]
    return chosen if not chosen or "://" in chosen else f"https://{_bracketed(chosen)}"


def _length(text: str, mine: Iterable[Any]) -> int:
    """The length of the prefix when it holds one of ours; -1 for an empty one, -2 for no."""
    if not text:
        return -1
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return -2
    return network.prefixlen if any(one in network for one in mine) else -2


def _bracketed(host: str) -> str:
    """An IPv6 address as it stands in a URL."""
    try:
        return f"[{ipaddress.IPv6Address(host)}]"
    except ValueError:
        return host
