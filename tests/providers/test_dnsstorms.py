"""Some of the bad days of `dnsstorms`; all of them by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.providers import dnsstorms
from tests.providers.backend_rfc2136 import MAKERS, Backend
from tests.providers.dnsstorms import Wire

BAD_DAYS = 6


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("bind", marks=pytest.mark.tool("named")),
        pytest.param("knot", marks=pytest.mark.tool("knotd")),
    ],
)
def backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    started = MAKERS[request.param].make(tmp_path_factory.mktemp(request.param))
    assert isinstance(started, Backend)
    yield started
    started.close()


def test_the_zone_ends_as_it_should(backend: Backend) -> None:
    wire = Wire((backend.server.address, backend.server.port))
    try:
        happened = [dnsstorms.run(backend, wire, seed) for seed in range(BAD_DAYS)]
    finally:
        wire.close()
    assert sum(map(sum, (day.values() for day in happened))) > BAD_DAYS
