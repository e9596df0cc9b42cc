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


def test_the_faulty_hold_up_nobody(embedded_federation: Federation) -> None:
    """A fifth has a selector that cannot be read, or a name that is taken in one member."""
    real, good, bad = embedded_federation, 100, 12
    selector = {"federation.alpha.kubernetes.io/cluster-selector": "no JSON"}
    adopt = {"federation.feddns.dev/adopt": "true"}
    with real.controllers("faulty"):
        namespace = real.namespace()
        path = f"/api/v1/namespaces/{namespace}"
        real.api.patch(path, {"metadata": {"annotations": adopt}})
        real.members["eu"].namespace(namespace)
        for number in range(bad):
            name = {"metadata": {"name": f"taken{number}"}, "data": {"mine": "x"}}
            real.members["eu"].request("POST", f"{path}/configmaps", name)
            real.create(namespace, "configmaps", f"taken{number}", data={"k": "v"})
            real.create(namespace, "configmaps", f"unread{number}", annotations=selector)
        for number in range(good):
            real.create(namespace, "configmaps", f"good{number}", data={"k": "v"})
        real.register("us")
        real.register("eu")

        def ours(member: str) -> int:
            label = "labelSelector=federation.feddns.dev/federation%3Dfaulty"
            return len(real.members[member].request("GET", f"{path}/configmaps?{label}")["items"])

        took = real.until(lambda: (ours("us"), ours("eu")) == (good + bad, good), "all good ones")
        assert took < 10.0

        def told() -> set[str]:
            events = real.api.request("GET", f"{path}/events")["items"]
            return {one["involvedObject"]["name"] for one in events if one["type"] == "Warning"}

        faulty = {f"{kind}{number}" for kind in ("taken", "unread") for number in range(bad)}
        real.until(lambda: told() == faulty, "each of the faulty says so, and no other")
        assert real.found("eu", f"{namespace}/configmaps/taken0")["data"] == {"mine": "x"}
