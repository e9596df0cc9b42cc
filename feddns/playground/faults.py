"""What can be broken on purpose, and what each takes down.

    fail …                  the cluster's API   Pods answer          its DNS server answers
    pod CLUSTER/POD         yes                 all but this one     yes
    zone ZONE               yes                 all but in this zone yes
    api CLUSTER             no                  yes                  yes, from what it knows
    data CLUSTER            yes, and it says    no                   yes
                            that all is well
    cluster CLUSTER         no                  no                   no
    region REGION           as `cluster`, for every cluster of the region
    federation              only the federation's API is away

A Pod and a zone are broken by an annotation (`kubelet.FAILED`), so the cluster knows; of the rest
the cluster itself knows nothing.  `heal` takes the same words, or `all`.

Pure.  Called by `member`, `playground` and the commands.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import NamedTuple

from feddns.errors import SettingRefused
from feddns.playground.layout import Layout


class What(enum.Enum):
    """Which kind of thing is broken."""

    POD = "pod"
    ZONE = "zone"
    API = "api"
    DATA = "data"
    CLUSTER = "cluster"
    REGION = "region"
    FEDERATION = "federation"


class Fault(NamedTuple):
    """One thing that is broken; `name` is empty for the federation."""

    what: What
    name: str = ""

    def __str__(self) -> str:
        return f"{self.what.value} {self.name}".strip()


class Down(NamedTuple):
    """What is down now: names of clusters, of zones, and Pods as (cluster, namespace, name)."""

    apis: frozenset[str] = frozenset()
    data: frozenset[str] = frozenset()
    dns: frozenset[str] = frozenset()
    zones: frozenset[str] = frozenset()
    pods: frozenset[tuple[str, str, str]] = frozenset()
    federation: bool = False


def parse(words: Iterable[str], layout: Layout) -> Fault:
    """`zone us-a`, `pod us/nginx-x`, …; raises `SettingRefused`."""
    what, *rest = list(words) or [""]
    try:
        kind = What(what)
    except ValueError:
        known = ", ".join(each.value for each in What)
        raise SettingRefused(f"{what!r} cannot fail; what can is: {known}") from None
    if kind is What.FEDERATION:
        if rest:
            raise SettingRefused(f"federation: there is one only, without a name: {rest[0]!r}")
        return Fault(kind)
    if len(rest) != 1:
        raise SettingRefused(f"{what}: one name is needed, for example {_example(kind, layout)}")
    name = rest[0]
    known_names = _names(kind, layout)
    if kind is What.POD:
        cluster, *parts = name.split("/")
        if cluster not in _names(What.CLUSTER, layout) or len(parts) not in (1, 2):
            example = _example(kind, layout)
            raise SettingRefused(f"pod {name!r} must be CLUSTER/[NAMESPACE/]POD, as {example}")
        return Fault(kind, name if len(parts) == 2 else f"{cluster}/default/{parts[0]}")
    if name not in known_names:
        raise SettingRefused(f"there is no {what} {name!r}; there are: {', '.join(known_names)}")
    return Fault(kind, name)


def down(faults: Iterable[Fault], layout: Layout) -> Down:
    """What these faults take down together."""
    apis: set[str] = set()
    data: set[str] = set()
    dns: set[str] = set()
    zones: set[str] = set()
    pods: set[tuple[str, str, str]] = set()
    federation = False
    for fault in faults:
        whole: list[str] = []
        match fault.what:
            case What.POD:
                cluster, namespace, name = fault.name.split("/")
                pods.add((cluster, namespace, name))
            case What.ZONE:
                zones.add(fault.name)
            case What.API:
                apis.add(fault.name)
            case What.DATA:
                data.add(fault.name)
            case What.CLUSTER:
                whole = [fault.name]
            case What.REGION:
                whole = [one.name for one in layout.clusters if one.region == fault.name]
            case What.FEDERATION:
                federation = True
        for group in (apis, data, dns):
            group.update(whole)
    return Down(
        frozenset(apis), frozenset(data), frozenset(dns), frozenset(zones), frozenset(pods),
        federation,
    )  # fmt: skip


def _names(kind: What, layout: Layout) -> list[str]:
    if kind is What.ZONE:
        return [zone for one in layout.clusters for zone in one.zones]
    if kind is What.REGION:
        return sorted({one.region for one in layout.clusters})
    return [one.name for one in layout.clusters]


def _example(kind: What, layout: Layout) -> str:
    name = _names(kind, layout)[0]
    return f"pod {name}/nginx" if kind is What.POD else f"{kind.value} {name}"
