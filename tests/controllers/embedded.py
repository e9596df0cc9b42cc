"""The embedded API as a test asks a cluster: `feddns apiserver`, as a federation would run it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from tests.apiserver.conformance import servers
from tests.clusterapi import Api, Object


class Embedded(Api):
    """A server that runs already."""

    def __init__(self, server: servers.Server) -> None:
        super().__init__("embedded", server.url)
        self._token = server.token
        (self.home / "certs").mkdir()
        (self.home / "certs/ca.crt").write_text(server.authority)
        self.kubeconfig.write_text(json.dumps(server.kubeconfig("default")))

    def request(self, method: str, path: str, body: Object | None = None, **how: Any) -> Any:
        return super().request(method, path, body, **{"token": self._token, **how})


@contextlib.contextmanager
def running() -> Iterator[Embedded]:
    """A process of its own; namespaces are left to the controllers."""
    with servers.embedded("--no-tend") as server:
        api = Embedded(server)
        try:
            yield api
        finally:
            api.stop()
