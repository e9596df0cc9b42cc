"""Some of the bad days of `tests.cloud.route53storms`; all of them by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("boto3")

from tests import programs
from tests.cloud import emulators, route53storms
from tests.providers.backend_route53 import Backend


@pytest.fixture(scope="module")
def backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    if lacking := emulators.missing("ministack"):
        programs.leave_out(request.config, *lacking)
    started = Backend("ministack", tmp_path_factory.mktemp("ministack"))
    yield started
    started.close()


@pytest.mark.parametrize("seed", range(10))
def test_the_zone_ends_as_it_should(backend: Backend, seed: int) -> None:
    assert route53storms.run(backend, seed) > 0
