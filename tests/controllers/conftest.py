"""APIs for the tests of this room: a federation and two members of real API servers (`running`),
and one API of either kind.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import clusters
from tests.clusterapi import Api
from tests.controllers import embedded, running
from tests.controllers.running import Federation


@pytest.fixture(scope="session")
def _real_federation(pytestconfig: pytest.Config) -> Iterator[Federation]:
    clusters.require_cluster(pytestconfig)
    with running.on_real("us", "eu") as federation:
        yield federation


@pytest.fixture
def real(request: pytest.FixtureRequest) -> Iterator[Federation]:
    """The federation that all tests share; each has namespaces, Clusters and a name of its own."""
    clusters.require_cluster(request.config)
    federation: Federation = request.getfixturevalue("_real_federation")
    try:
        yield federation
        clusters.show_logs(request, federation.api, *federation.members.values())
    finally:
        federation.clear()


@pytest.fixture(scope="session")
def _embedded_federation() -> Iterator[Federation]:
    with running.on_embedded("us", "eu") as federation:
        yield federation


@pytest.fixture
def embedded_federation(_embedded_federation: Federation) -> Iterator[Federation]:
    """The same of embedded APIs."""
    try:
        yield _embedded_federation
    finally:
        _embedded_federation.clear()


@pytest.fixture(scope="session")
def _embedded_api() -> Iterator[Api]:
    with embedded.running() as api:
        yield api


@pytest.fixture(params=["real", "embedded"])
def either(request: pytest.FixtureRequest) -> Api:
    """A kube-apiserver, and then the embedded API: the test asks one as the other."""
    name = "cluster" if request.param == "real" else "_embedded_api"
    api: Api = request.getfixturevalue(name)
    return api
