"""Regions of counts: they outlive whoever writes them, and counters only grow."""

from __future__ import annotations

import os

from feddns.app.memory import Region
from feddns.resolver import counts
from feddns.resolver.counts import GAUGES, RESTARTS, SIZE, gauge

SLOT = counts.slot(False, 1, 0, False)


def test_nothing_is_seen_before_it_is_published() -> None:
    region = Region()
    region.counts[SLOT] = 7
    assert region.read() == (0,) * SIZE
    region.publish()
    assert region.read()[SLOT] == 7


def test_the_next_holder_goes_on_from_what_was_published() -> None:
    region = Region()
    region.counts[SLOT] = 7
    region.gauge("ready", 1)
    region.publish()
    region.counts[SLOT] = 9  # the last quarter of a second, which a kill loses
    region.note_death()
    region.take_over()
    assert region.counts[SLOT] == 7
    assert [region.counts[gauge(name)] for name in GAUGES] == [0] * len(GAUGES)
    region.counts[SLOT] += 1
    region.publish()
    assert region.read()[SLOT] == 8
    assert region.read()[RESTARTS] == 1


def test_a_death_takes_the_gauges_and_leaves_the_counters() -> None:
    region = Region()
    region.counts[SLOT] = 7
    for name in GAUGES:
        region.gauge(name, 5)
    region.publish()
    for restarts in (1, 2):
        region.note_death()
        assert region.read()[SLOT] == 7
        assert region.read()[RESTARTS] == restarts
        assert all(region.read()[gauge(name)] == 0 for name in GAUGES)


def test_other_processes_see_it() -> None:
    region = Region()
    pid = os.fork()
    if pid == 0:
        region.counts[SLOT] = 1 << 63
        region.publish()
        os._exit(0)
    os.waitpid(pid, 0)
    assert region.read()[SLOT] == 1 << 63
