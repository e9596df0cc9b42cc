"""An API without a network, in virtual time: what most tests ask.

api = InProcess()
api.create("/api/v1/namespaces/default/configmaps", {"metadata": {"name": "a"}})
api.clock += 10
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from feddns.apiserver import bootstrap, kinds
from feddns.apiserver.handling.api import Api
from feddns.apiserver.handling.call import Answer, Settings
from feddns.apiserver.handling.watching import Watch
from feddns.apiserver.identity import MASTERS, User
from feddns.apiserver.requests import Request
from feddns.apiserver.store import Store

ADMIN = User("admin", (MASTERS,))
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
_START = datetime(2026, 1, 1, tzinfo=UTC)
_JSON = {"content-type": "application/json", "user-agent": "test/1"}


class Refused(Exception):
    """A Status that is a failure; `status` is the object."""

    def __init__(self, status: dict[str, Any]) -> None:
        super().__init__(status["message"])
        self.status = status
        self.code, self.reason = status["code"], status.get("reason", "")


class InProcess:
    """One API, its clock and its client."""

    def __init__(self, store: Store | None = None, **settings: Any) -> None:
        self.clock = 0.0
        self._numbers = itertools.count(1)
        self.store = store or Store(lambda: self.clock)
        self.api = Api(
            kinds.BUILTIN(), self.store, now=lambda: _START + timedelta(seconds=self.clock),
            entropy=lambda n: next(self._numbers).to_bytes(n, "big"), settings=Settings(**settings),
        )  # fmt: skip
        bootstrap.fill(self.api, 6443)

    def answer(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """The bare answer; what deletions bring has been done."""
        path, _, query = path.partition("?")
        sent = (
            body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        )
        given = _JSON | {name.replace("_", "-"): value for name, value in headers.items()}
        made = self.api.handle(Request(method, path, query, given, sent), ADMIN)
        while self.api.settle():
            pass
        self.api.hub.wake()
        return made

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The object.  Raises `Refused`."""
        made = self.answer(method, path, body, **headers)
        obj = msgspec.json.decode(made.body)
        if made.status >= 400:
            raise Refused(obj)
        return obj

    def get(self, path: str, **headers: str) -> Any:
        return self.ask("GET", path, **headers)

    def create(self, path: str, obj: dict[str, Any], **headers: str) -> Any:
        return self.ask("POST", path, obj, **headers)

    def update(self, path: str, obj: dict[str, Any]) -> Any:
        return self.ask("PUT", path, obj)

    def merge(self, path: str, patch: dict[str, Any]) -> Any:
        return self.ask("PATCH", path, patch, content_type="application/merge-patch+json")

    def delete(self, path: str, options: dict[str, Any] | None = None) -> Any:
        return self.ask("DELETE", path, options)

    def watch(self, path: str, **headers: str) -> Watch:
        opened = self.answer("GET", f"{path}{'&' if '?' in path else '?'}watch=1", **headers).watch
        assert isinstance(opened, Watch)
        return opened

    def config_map(self, name: str, **data: str) -> Any:
        return self.create(CONFIG_MAPS, {"metadata": {"name": name}, "data": data})

    def names(self, path: str = CONFIG_MAPS) -> list[str]:
        return [item["metadata"]["name"] for item in self.get(path)["items"]]


def events(watch: Watch) -> list[Any]:
    """What a watch brought since it was asked last."""
    return [msgspec.json.decode(line) for line in watch.take().splitlines()]


def told(watch: Watch) -> list[tuple[str, str]]:
    """The same as (type, name)."""
    return [(one["type"], one["object"]["metadata"].get("name", "")) for one in events(watch)]
