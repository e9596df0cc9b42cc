"""Fixtures with a real Kubernetes: one that all tests share, and ones that a test may break.

    def test_something(cluster: RealCluster) -> None:           shared by the whole run
        cluster.apply(…)                                        in namespaces of its own
    def test_pods(cluster_with_controllers: RealCluster):       the same, controllers and KWOK run
    def test_chaos(new_cluster: NewCluster) -> None:            its own, stopped after the test
        broken = new_cluster("broken")

A machine without the programs leaves such tests out, with a word.  When a test fails, the end of
the logs of its clusters is in the report.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator

import pytest

from tests import peers, programs, serving
from tests.realcluster import API_PROGRAMS, CONTROLLER_PROGRAMS, RealCluster

NewCluster = Callable[..., RealCluster]


def require(config: pytest.Config, *names: str) -> None:
    """Leave the test out when a program of tools/peers.sh is missing; else it is named as used."""
    for name in names:
        if peers.missing(name):
            programs.leave_out(config, name, f"{peers.BUILD} builds it")
        programs.use(config, name, peers.version(name))


def require_cluster(config: pytest.Config, *more: str) -> None:
    """What `RealCluster` needs, and more programs."""
    require(config, *API_PROGRAMS, *more)
    if shutil.which("kubectl") is None:
        programs.leave_out(config, "kubectl", "kubernetes-client")
    programs.use(config, "kubectl", programs.version("kubectl"))


@pytest.fixture(scope="session")
def _shared_cluster(pytestconfig: pytest.Config) -> Iterator[RealCluster]:
    require_cluster(pytestconfig)
    with RealCluster("shared", number=0) as running:
        yield running


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Iterator[RealCluster]:
    """The cluster that all tests share; each uses its own namespaces."""
    require_cluster(request.config)  # the next test is left out too, with its own word
    running: RealCluster = request.getfixturevalue("_shared_cluster")
    yield running
    show_logs(request, running)


@pytest.fixture
def cluster_with_controllers(cluster: RealCluster, pytestconfig: pytest.Config) -> RealCluster:
    """The shared cluster, with its controllers, its scheduler and KWOK from now on."""
    require_cluster(pytestconfig, *CONTROLLER_PROGRAMS)
    cluster.start_controllers()
    return cluster


@pytest.fixture
def new_cluster(request: pytest.FixtureRequest) -> Iterator[NewCluster]:
    """Starts clusters that the test may break."""
    running: list[RealCluster] = []

    def start(
        name: str = "own", *, number: int | None = None, controllers: bool = False
    ) -> RealCluster:
        require_cluster(request.config, *(CONTROLLER_PROGRAMS if controllers else ()))
        running.append(RealCluster(name, number=number, controllers=controllers))
        return running[-1].start()

    try:
        yield start
        show_logs(request, *running)
    finally:
        for one in running:
            one.stop()


def show_logs(request: pytest.FixtureRequest, *clusters: RealCluster) -> None:
    """When the test has failed, the end of the clusters' logs."""
    if serving.has_failed(request.node):
        for one in clusters:
            sys.stderr.write(one.logs() + "\n")
