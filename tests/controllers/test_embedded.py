"""What `test_runtime` asks of real API servers, on embedded ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.controllers import test_runtime as on_real
from tests.controllers.running import Federation

SCENES = [
    on_real.test_from_a_cluster_and_its_secret_to_a_copy_that_is_kept_true,
    on_real.test_members_come_and_go_while_it_runs,
    on_real.test_what_is_foreign_is_left_alone_until_it_is_adopted,
    on_real.test_two_at_once_one_writes_and_the_other_takes_over,
    on_real.test_an_endpoint_that_goes_is_told_at_once,
]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__.removeprefix("test_"))
def test_the_same_on_embedded(
    embedded_federation: Federation, scene: Callable[[Federation], None]
) -> None:
    scene(embedded_federation)
