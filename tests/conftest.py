"""Profiles of the properties: `ci` is the same run every time, `long` is for an evening."""

import os
import signal

import pytest
from hypothesis import HealthCheck, Phase, settings

pytest.register_assert_rewrite("tests.asking", "tests.scenario")
pytest_plugins = ("tests.programs", "tests.serving", "tests.clusters")

# Who runs the tests in the background may have turned these off, and servers that are started
# would inherit that; they are to hear their signals.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

_PHASES = [Phase.explicit, Phase.generate, Phase.target]
_QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile(
    "ci", derandomize=True, database=None, deadline=None, max_examples=60, phases=_PHASES,
    stateful_step_count=30, suppress_health_check=_QUIET,
)  # fmt: skip
settings.register_profile(
    "long", deadline=None, database=None, max_examples=600, stateful_step_count=60,
    suppress_health_check=_QUIET, print_blob=True,
)  # fmt: skip
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is slow comes last."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
