"""What is to be thought of a shard, and for how long an old opinion holds.

A verdict on a shard, of three signals:

    control plane   endpoints (last seen)   probe      verdict
    reached         some ready              alive      healthy
    reached         some ready              untried    healthy
    reached         some ready              dead       unhealthy
    reached         none ready              any        unhealthy
    reached         not read yet            any        unknown
    lost            none ready              any        unhealthy
    lost            any other               alive      healthy
    lost            any other               dead       unhealthy
    lost            any other               untried    unknown

A probe's standing, of its outcomes:

    standing   outcome                                  becomes
    untried    passed                                   alive
    untried    failed `fall` times in a row             dead
    alive      failed `fall` times in a row             dead
    dead       passed `rise` times in a row             alive

An entry of a member whose control plane is lost (decisions.md 14):

    another member reached   verdict     another shard known good   lost for    its entry
    no                       any         any                        any         stays: who is cut
                                                                                off is this program
    yes                      healthy     any                        any         stays
    yes                      unhealthy   yes                        any         is emptied
    yes                      unhealthy   no                         < grace     stays until then
    yes                      unknown     any                        < grace     stays until then
    yes                      any other   any                        ≥ grace     is emptied

Pure; times are arguments.  Called by the controllers.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

import msgspec

GRACE = 40.0
"""Seconds that the entry of a member out of reach stays, by default."""


class Verdict(enum.StrEnum):
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


class Standing(msgspec.Struct, frozen=True):
    """Of one probed shard.  `alive`: None while untried; `streak`: outcomes against it in a row."""

    alive: bool | None = None
    streak: int = 0


def probed(standing: Standing, passed: bool, rise: int, fall: int) -> Standing:
    """The standing after one more outcome."""
    if standing.alive is None and passed:
        return Standing(True)
    if standing.alive is not None and passed == standing.alive:
        return Standing(standing.alive)
    streak = standing.streak + 1
    if streak >= (rise if passed else fall):
        return Standing(passed)
    return Standing(standing.alive, streak)


def verdict(reached: bool, ready: int | None, alive: bool | None = None) -> Verdict:
    """Of one shard.  `ready`: endpoints when last seen, None when never; `alive`: its probe."""
    if ready == 0:
        return Verdict.UNHEALTHY
    if reached and ready is None:
        return Verdict.UNKNOWN
    if alive is None:
        return Verdict.HEALTHY if reached else Verdict.UNKNOWN
    return Verdict.HEALTHY if alive else Verdict.UNHEALTHY


class Lost(NamedTuple):
    """What decides about the entry of a member that is not reached."""

    verdict: str
    lost_for: float
    others_good: bool
    others_reached: bool


class Fate(NamedTuple):
    """`again`: seconds until it is to be decided again; None for when something changes."""

    stays: bool
    again: float | None = None


def fate(lost: Lost, grace: float = GRACE) -> Fate:
    """Whether the entry stays."""
    if not lost.others_reached or lost.verdict == Verdict.HEALTHY:
        return Fate(True)
    if lost.verdict == Verdict.UNHEALTHY and lost.others_good:
        return Fate(False)
    left = grace - lost.lost_for
    return Fate(True, left) if left > 0 else Fate(False)
