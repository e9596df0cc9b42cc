"""Kill -9 of anything while objects change: nothing is lost, nothing foreign is hurt."""

from __future__ import annotations

import random

import pytest

from tests.clusters import require_cluster
from tests.federation.chaos import SITES, Chaos
from tests.federation.world import World


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_members_hold_what_the_federation_wants(pytestconfig: pytest.Config) -> None:
    require_cluster(pytestconfig)
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    with World(*SITES, controllers=False) as world:
        chaos = Chaos(world, seed)
        chaos.run(20)
        print(chaos.counts)
        print(f"settled after {chaos.settle():.1f} s")
        assert chaos.wrong == []
