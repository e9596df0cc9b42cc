"""The back ends, one after the other; each is started once for each file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from feddns.providers.base import Provider
from tests import programs
from tests.providers import backends
from tests.providers.backends import Backend

_MAKERS = backends.found()


@pytest.fixture(scope="module", params=_MAKERS)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    maker = _MAKERS[request.param]
    if lacking := maker.missing():
        programs.leave_out(request.config, *lacking)
    backend = maker.make(tmp_path_factory.mktemp(request.param))
    for name, version in backend.traits.programs.items():
        programs.use(request.config, name, version)
    yield backend
    backend.close()


@pytest.fixture
def backend(running: Backend) -> Backend:
    """A back end with an empty zone."""
    running.clear()
    return running


@pytest.fixture
def provider(backend: Backend) -> Iterator[Provider]:
    """Our adapter on it."""
    opened = backend.open()
    yield opened
    opened.close()
