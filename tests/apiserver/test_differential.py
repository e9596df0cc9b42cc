"""Random writes: a real kube-apiserver and ours agree.  By hand for long: `differential`."""

from __future__ import annotations

from tests.apiserver import differential
from tests.clusters import NewCluster


def test_random_writes(new_cluster: NewCluster) -> None:
    cluster = new_cluster("differential")
    differential.prepare(cluster)
    compared = sum(differential.sequence(cluster, seed) for seed in range(1, 26))
    assert compared > 100
