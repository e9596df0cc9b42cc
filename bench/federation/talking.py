"""How the benchmark talks to an API: at once, one after the other, and by a watch.

`at_once` is `bench.api.load`; `Line` keeps a connection, as what is timed must not shake hands;
`Watch` is a thread that keeps the time at which each state of an object came.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from bench.api import load
from bench.api.load import Place
from tests.clusterapi import Api

CONNECTIONS = 8
MERGE = "application/merge-patch+json"
Json = dict[str, Any]


def at_once(api: Api, method: str, requests: Iterable[tuple[str, Json]]) -> float:
    """Send each body to its path, several at once; the seconds it took."""
    place = load.place_of(api.kubeconfig)
    packed = []
    for path, body in requests:
        data = json.dumps(body).encode()
        packed.append(_head(place, method, path, len(data)) + data)
    return asyncio.run(load.run(place, packed, CONNECTIONS))


def _head(place: Place, method: str, path: str, length: int) -> bytes:
    made = load.head(place, method, path, length)
    if method == "PATCH":
        made = made.replace(b"Content-Type: application/json", f"Content-Type: {MERGE}".encode())
    return made


class Line:
    """A kept connection."""

    def __init__(self, api: Api) -> None:
        place = load.place_of(api.kubeconfig)
        self._connection = _connect(place)
        self._headers = {"Authorization": f"Bearer {place.token}", "Content-Type": MERGE}

    def patch(self, path: str, change: Json) -> float:
        """A merge patch; when the API said that it is done."""
        reply = self._ask("PATCH", path, json.dumps(change))
        done = time.perf_counter()
        self._read(reply)
        return done

    def get(self, path: str) -> Json:
        return self._read(self._ask("GET", path))

    def count(self, path: str) -> int:
        """How many objects there are, without reading them all."""
        found = self.get(f"{path}?limit=1")
        return len(found["items"]) + int(found["metadata"].get("remainingItemCount") or 0)

    def close(self) -> None:
        self._connection.close()

    def _ask(self, method: str, path: str, body: str | None = None) -> http.client.HTTPResponse:
        for is_last in (False, True):
            try:
                self._connection.request(method, path, body, headers=self._headers)
                return self._connection.getresponse()
            except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
                if is_last:  # not because it was kept for too long
                    raise
                self._connection.close()
        raise AssertionError("unreachable")

    def _read(self, reply: http.client.HTTPResponse) -> Json:
        said = reply.read()
        if reply.status >= 300:
            raise RuntimeError(f"the API: {reply.status} {said.decode(errors='replace')[:500]}")
        found: Json = json.loads(said)
        return found


class Watch:
    """One object followed by a thread: `read` makes of it what is waited for."""

    def __init__(self, api: Api, path: str, name: str, read: Callable[[Json], Any]) -> None:
        self._place, self._read = load.place_of(api.kubeconfig), read
        self._connection = _connect(self._place, timeout=None)
        self._path = f"{path}?watch=1&fieldSelector=metadata.name%3D{name}"
        self._changed = threading.Condition()
        self._last: Any = None
        self._at = 0.0
        self._thread = threading.Thread(target=self._follow, name="watch", daemon=True)
        self._thread.start()

    def until(self, wanted: Any, patience: float) -> float | None:
        """When it came to be so; None when it did not."""
        with self._changed:
            found = self._changed.wait_for(lambda: self._last == wanted, patience)
            return self._at if found else None

    def close(self) -> None:
        if self._connection.sock is not None:
            self._connection.sock.close()

    def _follow(self) -> None:
        headers = {"Authorization": f"Bearer {self._place.token}"}
        self._connection.request("GET", self._path, headers=headers)
        reply = self._connection.getresponse()
        try:
            while line := reply.readline():
                at = time.perf_counter()
                said = self._read(json.loads(line)["object"])
                with self._changed:
                    if said != self._last:
                        self._last, self._at = said, at
                        self._changed.notify_all()
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            return  # closed


def _connect(place: Place, timeout: float | None = 30.0) -> http.client.HTTPSConnection:
    split = urlsplit(place.url)
    assert split.hostname
    context: ssl.SSLContext = place.context()
    return http.client.HTTPSConnection(split.hostname, split.port, context=context, timeout=timeout)
