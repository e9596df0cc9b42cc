"""The flat array of numbers."""

import pytest

from feddns.resolver import counts


def test_every_slot_has_one_meaning() -> None:
    slots = [slot for slot, _ in counts.rows()]
    gauges = [counts.gauge(name) for name in counts.GAUGES]
    assert len(set(slots)) == len(slots) == 2 * len(counts.TYPES) * len(counts.RCODES) * 2
    counters = [counts.counter(name) for name in counts.COUNTERS]
    used = {*slots, *counters, *gauges, counts.RESTARTS}
    assert len(used) == len(slots) + len(counters) + len(gauges) + 1
    assert max(used) == counts.SIZE - 1
    histograms = set(range(counts.SIZE)) - used
    assert len(histograms) == len(counts.BOUNDS) + len(counts.PROGRAMMING_BOUNDS) + 4


def test_rows_name_their_slots() -> None:
    for slot, row in counts.rows():
        assert counts.slot(*row) == slot


def test_other_types_share_a_slot() -> None:
    other = counts.slot(False, counts.OTHER, 0, False)
    assert counts.slot(False, 999, 0, False) == other
    assert counts.slot(False, 1, 0, False) != other


def test_a_type_that_is_asked_once_is_not_remembered_for_ever() -> None:
    for kind in range(65536):
        counts.slot(False, kind, 3, False)
    assert getattr(counts.slot, "cache_info", lambda: (0, 0, 0, 0))()[3] < 10_000


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0, 0), (0.00001, 0), (0.000011, 1), (0.1, 11), (0.2, 12), (60, 12)]
)
def test_durations(seconds: float, bucket: int) -> None:
    memory = [0] * counts.SIZE
    counts.DURATIONS.observe(memory, seconds, 3)
    counts.DURATIONS.observe(memory, seconds)
    buckets, total = counts.DURATIONS.read(memory)
    assert not any(counts.PROGRAMMING.read(memory)[0])
    assert [index for index, number in enumerate(buckets) if number] == [bucket]
    assert buckets[bucket] == 4
    assert total == pytest.approx(seconds * 4)
