"""What is there from the start: the namespaces that every cluster has, and the API's own Service.

Pure.  Called by `server`.
"""

from __future__ import annotations

from typing import Any

from feddns.apiserver.handling.api import Api, plain_request
from feddns.apiserver.identity import MASTERS, User

NAMESPACES = ("kube-system", "kube-public", "kube-node-lease", "default")
_SELF = User("system:apiserver", (MASTERS,))


def fill(api: Api, port: int) -> None:
    """Make what is missing."""
    for name in NAMESPACES:
        _make(api, "/api/v1/namespaces", {"metadata": {"name": name}})
    labels = {"component": "apiserver", "provider": "kubernetes"}
    ports = [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": port}]
    spec = {"clusterIP": api.context.addresses.first, "ports": ports}
    metadata = {"name": "kubernetes", "namespace": "default", "labels": labels}
    _make(api, "/api/v1/namespaces/default/services", {"metadata": metadata, "spec": spec})


def _make(api: Api, path: str, obj: dict[str, Any]) -> None:
    place = f"{path}/{obj['metadata']['name']}"
    if api.handle(plain_request("GET", place), _SELF).status == 200:
        return
    made = api.handle(plain_request("POST", path, obj, user_agent="kube-apiserver"), _SELF)
    assert made.status == 201, made.body
