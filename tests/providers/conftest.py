"""The back ends, one after the other; each is started once for each file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from feddns.providers.base import Provider
from tests import peers, programs
from tests.providers import backends, corednszone
from tests.providers.backends import Backend
from tests.providers.corednszone import Zone

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


@pytest.fixture(scope="session")
def coredns_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Zone]:
    """A real etcd with a real CoreDNS on it."""
    if lacking := corednszone.missing():
        programs.leave_out(request.config, *lacking)
    for name in corednszone.PROGRAMS:
        programs.use(request.config, name, peers.version(name))
    started = Zone(tmp_path_factory.mktemp("coredns"))
    yield started
    started.stop()
