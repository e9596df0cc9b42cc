"""The targets of feddns: what must hold and what is aimed at, as data.

A bound is a factor of a peer in the same run, or a plain limit in the work's unit.  `report`
prints them and calls `met`, the two `__main__` call `missed`.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.results import Results

OURS = "feddns"


@dataclass(frozen=True, slots=True)
class Bound:
    """At most `limit` times the peer's number, or `limit` without a peer; or at least that."""

    limit: float
    peer: str | None = None
    unit: str = ""
    least: bool = False

    def __str__(self) -> str:
        sign = "≥" if self.least else "≤"
        return f"{sign} {self.limit:g} {f'× {self.peer}' if self.peer else self.unit}"

    def holds(self, number: float) -> bool:
        return number >= self.limit if self.least else number <= self.limit


Bounds = tuple[Bound, ...]

_LIKE_KNOT: tuple[Bounds, Bounds] = ((Bound(1.5, "knot"),), (Bound(1.1, "knot"),))

# work -> what must hold, what is aimed at
TARGETS: dict[str, tuple[Bounds, Bounds]] = {
    "hot": ((Bound(1.25, "knot"), Bound(0.08, "coredns-kubeadm")), (Bound(1.0, "knot"),)),
    "nodata": _LIKE_KNOT,
    "srv": _LIKE_KNOT,
    "headless": _LIKE_KNOT,
    "ptr": _LIKE_KNOT,
    "new": ((Bound(0.4, "coredns"),), (Bound(0.2, "coredns"),)),
    "mix": ((Bound(0.3, "coredns"),), (Bound(0.15, "coredns"),)),
    "tcp": ((Bound(1.0, "coredns-cache"),), (Bound(1.5, "knot"),)),
    "connect": ((Bound(1.2, "coredns"),), (Bound(1.3, "knot"),)),
    "start": ((Bound(1000, unit="ms"),), (Bound(400, unit="ms"),)),
    "memory": ((Bound(100, unit="MB"),), (Bound(60, unit="MB"),)),
    # On a real kube-apiserver (`bench.cluster`).
    "follow-50": ((Bound(3, unit="ms"),), (Bound(0.7, unit="ms"),)),
    "follow-99": ((Bound(20, unit="ms"),), (Bound(5, unit="ms"),)),
    "storm": ((Bound(0.3, "coredns"),), (Bound(1.5, "knot"),)),
    "storm-lost": ((Bound(0, unit="%"),), ()),
    "storm-change": ((Bound(100, unit="µs"),), ()),
    "footprint-20000": ((Bound(1.0, "coredns"),), ()),
    "footprint-slope": ((Bound(2.7, unit="MB"),), (Bound(1.4, unit="MB"),)),
    "relist": ((Bound(25, unit="%"),), ()),
    "restart-cold": ((Bound(1.0, "coredns"),), ()),
    "restart-warm": ((Bound(1000, unit="ms"),), ()),
    "forward-cached": ((Bound(0.3, "coredns-cache"),), ()),
    "forward-new": ((Bound(2.0, "coredns"),), ()),
    # The embedded API beside kube-apiserver (`bench.api`).
    "api-create": ((Bound(2_000, unit="a second", least=True),), ()),
    "api-watch": ((Bound(20_000, unit="a second", least=True),), ()),
    "api-start": ((Bound(1_000, unit="ms"),), ()),
    # A public zone (`bench.publiczone`).
    "zone-rest-calls": ((Bound(0, unit="calls"),), ()),
    "zone-change-calls": ((Bound(1, unit="call"),), ()),
    "zone-change-cpu": ((Bound(2_000, unit="ms"),), (Bound(10, unit="ms"),)),
    # A whole federation (`bench.federation`).
    **{
        f"federation-{work}{apis}": ((Bound(limit, unit=unit),), ())
        for apis in ("", "-real")
        for work, limit, unit in (
            ("failover-99", 1000, "ms"),
            ("deadcluster", 15, "s"),
            ("deadcluster-mute", 15, "s"),
            ("fanout", 60, "s"),
            ("fanout-rest", 2, "%"),
            ("fanout-faulty", 60, "s"),
        )
    },
    "federation-event-growth": ((Bound(1.25, unit="times"),), ()),
    "federation-event-copy-growth": ((Bound(1.25, unit="times"),), ()),
}


def met(results: Results, work: str, bounds: Bounds) -> bool | None:
    """Whether all bounds hold; None when that cannot be said for want of a peer's number."""
    if not bounds:
        return None
    if results.cell(work, OURS).reason:
        return False
    verdicts = [_holds(results, work, bound) for bound in bounds]
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _holds(results: Results, work: str, bound: Bound) -> bool | None:
    number = results.ratio(work, OURS, bound.peer) if bound.peer else results.median(work, OURS)
    return None if number is None else bound.holds(number)


def missed(results: Results) -> list[str]:
    """The works that were measured and are over what must hold."""
    works = {work for work, server in results.cells if server == OURS}
    return [
        work
        for work, (must, _) in TARGETS.items()
        if work in works and met(results, work, must) is False
    ]
