"""A federation and two members of real API servers for all tests of this room; see `running`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import clusters
from tests.controllers.running import Federation


@pytest.fixture(scope="session")
def _real_federation(pytestconfig: pytest.Config) -> Iterator[Federation]:
    clusters.require_cluster(pytestconfig)
    with Federation("us", "eu") as running:
        yield running


@pytest.fixture
def real(request: pytest.FixtureRequest) -> Iterator[Federation]:
    """The federation that all tests share; each has namespaces, Clusters and a name of its own."""
    clusters.require_cluster(request.config)
    running: Federation = request.getfixturevalue("_real_federation")
    try:
        yield running
        clusters.show_logs(request, running.api, *running.members.values())
    finally:
        running.clear()
