"""Some of the bad days of `tests.cloud.storms`; all of them by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("google.cloud.dns")

from tests.cloud import storms
from tests.providers.backend_clouddns import Backend


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    started = Backend()
    yield started
    started.close()


@pytest.mark.parametrize("seed", range(10))
def test_the_zone_ends_as_it_should(backend: Backend, seed: int) -> None:
    assert storms.run(backend, seed) > 0
