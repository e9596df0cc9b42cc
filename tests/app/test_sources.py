"""Which sources a server has, by its settings, and what is refused."""

from __future__ import annotations

import pytest

from feddns.app import sources
from feddns.errors import SettingRefused
from tests import asking

IN_CLUSTER = {"KUBERNETES_SERVICE_HOST": "192.0.2.1"}


@pytest.mark.parametrize(
    ("given", "environment", "reason"),
    [
        ({"manifests": "/m"}, {}, ""),
        ({"kubeconfig": "/k"}, {}, ""),
        ({}, IN_CLUSTER, ""),
        ({"manifests": "/m", "federation_kubeconfig": "/k"}, {}, ""),
        ({"kubeconfig": "/k", "federation_manifests": "/m"}, {}, ""),
        ({}, {}, "nothing to answer from: --kubeconfig FILE"),
        ({"federation_manifests": "/m"}, {}, "nothing to answer from"),
        ({"manifests": "/m", "kubeconfig": "/k"}, {}, "--manifests and --kubeconfig exclude"),
        (
            {"manifests": "/m", "federation_manifests": "/f", "federation_kubeconfig": "/k"},
            {},
            "--federation-manifests and --federation-kubeconfig exclude",
        ),
    ],
)
def test_what_is_required(given: dict, environment: dict, reason: str) -> None:
    settings = asking.settings(**given)
    if not reason:
        sources.require(settings, environment)
        return
    with pytest.raises(SettingRefused, match=reason):
        sources.require(settings, environment)


def test_each_set_of_sources_has_its_own_name() -> None:
    sets = [
        {"manifests": "/m"}, {"kubeconfig": "/k"}, {"kubeconfig": "/k", "context": "c"}, {},
        {"manifests": "/m", "federation_manifests": "/f"},
        {"manifests": "/m", "federation_kubeconfig": "/f", "federation_context": "c"},
    ]  # fmt: skip
    names = [sources.name_of(asking.settings(**given)) for given in sets]
    assert names == [
        "/m", "/k", "/k c", "in-cluster", "/m + /f", "/m + /f c",
    ]  # fmt: skip
