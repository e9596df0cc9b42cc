"""This server and a real CoreDNS on one API server: the same answers, or a row that says why not.

The zoo is asked about before and after a batch of changes, with the changes seen by both first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest

from tests import clusters, worldobjects
from tests.clusters import NewCluster
from tests.coredns import REVERSE, CoreDNS
from tests.parity import comparing, explained, questions, zoo
from tests.parity.comparing import Place, Question
from tests.realcluster import RealCluster
from tests.serving import Serve, until

pytestmark = pytest.mark.slow
Peers = Callable[[str], tuple[Place, Place]]


@pytest.fixture
def world(new_cluster: NewCluster) -> RealCluster:
    cluster = new_cluster("zoo", number=0)
    worldobjects.happen(cluster, zoo.WORLD)
    return cluster


@pytest.fixture
def peers(serve: Serve, world: RealCluster, pytestconfig: pytest.Config) -> Iterator[Peers]:
    """Starts both servers on the world, with `--pods` as given."""
    clusters.require(pytestconfig, "coredns")
    running: list[CoreDNS] = []

    def start(pods: str) -> tuple[Place, Place]:
        flags = [f"--reverse-zone={each}" for each in REVERSE]
        server = serve(None, "--kubeconfig", str(world.kubeconfig), "--no-forward",
                       "--pods", pods, *flags)  # fmt: skip
        running.append(CoreDNS(world.kubeconfig, pods=pods))
        peer = running[-1].__enter__()
        return (server.address, server.port), (peer.address, peer.port)

    yield start
    for peer in running:
        peer.__exit__()


def hold_alike(first: Place, second: Place, asked: Sequence[Question]) -> Counter[str | None]:
    """Ask both; how many differences each row explains.  Fails with those that none does."""
    found = comparing.compare(first, second, asked)
    reasons = Counter(explained.explain(difference) for difference in found)
    left = [one for one in found if explained.explain(one) is None]
    assert not left, f"{len(left)} of {len(asked)}:\n" + "\n".join(map(str, left[:20]))
    return reasons


def settle(first: Place, second: Place, asked: Sequence[Question]) -> None:
    """Wait until both have seen what happened: no unexplained difference in these answers."""

    def alike() -> bool:
        return None not in map(explained.explain, comparing.compare(first, second, asked))

    until(alike, "both servers have seen the changes", within=5)


@pytest.mark.timeout(300)
def test_the_zoo_before_and_after_changes(world: RealCluster, peers: Peers) -> None:
    first, second = peers("disabled")
    asked = questions.make(worldobjects.objects(zoo.WORLD))
    assert len(asked) > 5000
    explained_by = hold_alike(first, second, asked)
    assert explained_by["K-SRV-ENDPOINT"]  # they are asked, and are not the same server
    worldobjects.happen(world, zoo.CHANGES)
    changed = "\n".join(line for line in zoo.CHANGES.splitlines() if not line.startswith("delete "))
    more = questions.make(worldobjects.objects(changed))
    settle(first, second, [one for one in more if one.type in ("A", "PTR")][::4])
    hold_alike(first, second, list(dict.fromkeys([*more, *asked[::3]])))


def test_pods_that_exist(world: RealCluster, peers: Peers) -> None:
    first, second = peers("verified")
    asked = [
        one for one in questions.make(worldobjects.objects(zoo.WORLD)) if ".pod.cluster" in one.name
    ]
    hold_alike(first, second, asked)
    answers = comparing.ask(first, [Question("10-244-7-1.zoo.pod.cluster.local.", "A")])
    assert "10-244-7-1.zoo.pod.cluster.local. 5 A 10.244.7.1" in answers[0].answer
