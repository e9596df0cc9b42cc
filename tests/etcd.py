"""etcd as a test speaks to it: its JSON gateway, over one connection that stays open.

    etcd.revision()                       the newest
    etcd.compact()                        what is older than the newest is forgotten
    etcd.put({key: value, …})             in one transaction for each hundred keys

Imports nothing of pytest.
"""

from __future__ import annotations

import base64
import http.client
import itertools
import json
from collections.abc import Mapping
from typing import Any

_TRANSACTION = 100  # etcd takes 128 operations at a time


class Etcd:
    def __init__(self, address: str, port: int) -> None:
        self.place = f"{address}:{port}"
        self._connection = http.client.HTTPConnection(address, port, timeout=10)

    def revision(self) -> int:
        return int(self.call("/v3/kv/range", {"key": _text("/")})["header"]["revision"])

    def compact(self, revision: int = 0) -> int:
        """Forget what is older than `revision`, by default than the newest."""
        revision = revision or self.revision()
        self.call("/v3/kv/compaction", {"revision": str(revision), "physical": True})
        return revision

    def put(self, values: Mapping[str, bytes]) -> None:
        pairs = iter(values.items())
        while batch := list(itertools.islice(pairs, _TRANSACTION)):
            puts = [
                {"requestPut": {"key": _text(key), "value": base64.b64encode(value).decode()}}
                for key, value in batch
            ]
            self.call("/v3/kv/txn", {"success": puts})

    def delete(self, key: str) -> None:
        self.call("/v3/kv/deleterange", {"key": _text(key)})

    def close(self) -> None:
        self._connection.close()

    def call(self, path: str, body: object, **headers: str) -> dict[str, Any]:
        self._connection.request("POST", path, json.dumps(body), headers)
        reply = self._connection.getresponse()
        text = reply.read()
        if reply.status != 200:
            raise RuntimeError(f"etcd {path}: {reply.status} {text.decode(errors='replace')}")
        found: dict[str, Any] = json.loads(text)
        return found


def _text(key: str) -> str:
    return base64.b64encode(key.encode()).decode()
