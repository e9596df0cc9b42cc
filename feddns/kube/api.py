"""One API that is read and written: objects got, made, applied, patched, deleted.

    api = Api(credentials)
    result = await api.apply(path, body)
    if not result.is_good: result.status, result.reason, result.message, result.retry_after

    what happens                        the result
    an answer                           its status and body; of a Status its reason and message
    no connection, or a broken one      status 0, reason Unreachable
    no answer within the time           status 0, reason Timeout
    the credentials cannot be used      status 0, reason Credentials
    a kept connection breaks            asked once more, unless it is a POST

Several requests run at once, each over a connection of its own, which is kept for the next.  Errors
are values: nothing is raised but what cancels.  I/O.  Called by the controllers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec

from feddns.errors import ApiTrouble, OperatorNeeded
from feddns.kube import follower
from feddns.kube.client import Connection, Sink
from feddns.kube.credentials import Credentials

MANAGER = "feddns"
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
_JSON = "application/json"
_encode = msgspec.json.Encoder().encode
Json = Mapping[str, Any]


class _Status(msgspec.Struct, gc=False):
    reason: str = ""


class Result(NamedTuple):
    """What came of a request; see the module's table."""

    status: int
    body: bytes = b""
    reason: str = ""
    message: str = ""
    retry_after: float = 0.0

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    @property
    def object(self) -> dict[str, Any]:
        """The object of a good answer."""
        found: dict[str, Any] = msgspec.json.decode(self.body)
        return found

    def __str__(self) -> str:
        if not self.status:
            return self.message
        return f"{self.status} {self.reason}: {self.message}".rstrip(": ")


class Api:
    """See the module's docstring."""

    def __init__(
        self, credentials: Credentials, *, connections: int = 8, timeout: float = 10.0
    ) -> None:
        self.credentials = credentials
        self._timeout = timeout
        self._free = asyncio.Semaphore(connections)
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()

    # --- verbs -----------------------------------------------------------------------------------

    async def get(self, path: str) -> Result:
        """An object, or a small list."""
        return await self.request("GET", path)

    async def create(self, path: str, body: Json) -> Result:
        """`path` is the collection's."""
        return await self.request("POST", _with(path, fieldManager=MANAGER), _encode(body))

    async def update(self, path: str, body: Json) -> Result:
        """Replace it; the resourceVersion in the body is the one that was read."""
        return await self.request("PUT", _with(path, fieldManager=MANAGER), _encode(body))

    async def apply(self, path: str, body: Json, *, force: bool = True) -> Result:
        """Server-side apply as `feddns` (decisions.md 19)."""
        target = _with(path, fieldManager=MANAGER, force=str(force).lower())
        return await self.request("PATCH", target, _encode(body), APPLY)

    async def merge(self, path: str, body: Json) -> Result:
        """A JSON merge patch (RFC 7396)."""
        target = _with(path, fieldManager=MANAGER)
        return await self.request("PATCH", target, _encode(body), MERGE)

    async def delete(
        self, path: str, *, uid: str = "", version: str = "", propagation: str = "Background"
    ) -> Result:
        """Delete it, if it is still this one."""
        known = {"uid": uid, "resourceVersion": version}
        body: dict[str, Any] = {"propagationPolicy": propagation}
        if uid or version:
            body["preconditions"] = {key: value for key, value in known.items() if value}
        return await self.request("DELETE", path, _encode(body))

    # --- requests --------------------------------------------------------------------------------

    async def request(
        self, method: str, target: str, body: bytes = b"", form: str = _JSON
    ) -> Result:
        """Any request."""
        async with self._free:
            connection = self._idle.pop() if self._idle else Connection(self.credentials)
            self._busy.add(connection)
            try:
                async with asyncio.timeout(self._timeout):
                    return await _ask(connection, method, target, body, form)
            except TimeoutError:
                connection.close()
                return _trouble("Timeout", f"no answer within {self._timeout:g} s")
            except asyncio.CancelledError:
                connection.close()
                raise
            finally:
                self._busy.discard(connection)
                self._idle.append(connection)

    def close(self) -> None:
        """Give up what is under way, and every connection."""
        for connection in (*self._busy, *self._idle):
            connection.close()
        self._idle.clear()


async def _ask(connection: Connection, method: str, target: str, body: bytes, form: str) -> Result:
    may_repeat = connection.is_open and method != "POST"
    while True:
        try:
            return await _once(connection, method, target, body, form)
        except OperatorNeeded as trouble:
            return _trouble("Credentials", str(trouble))
        except ApiTrouble as trouble:
            if not may_repeat:
                return _trouble("Unreachable", str(trouble))
            may_repeat = False


async def _once(connection: Connection, method: str, target: str, body: bytes, form: str) -> Result:
    pieces: list[bytes] = []
    answer = await connection.ask(method, target, Sink(lambda: None, pieces.append), body, form)
    if 200 <= answer.status < 300:
        return Result(answer.status, b"".join(pieces))
    said = follower.message(answer.body)
    return Result(answer.status, answer.body, _reason(answer.body), said, answer.retry_after)


def _reason(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Status).reason
    except (msgspec.DecodeError, UnicodeError):
        return ""


def _trouble(reason: str, text: str) -> Result:
    return Result(0, b"", reason, text)


def _with(path: str, **query: str) -> str:
    return f"{path}?{urlencode(query)}"
