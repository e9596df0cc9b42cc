"""/metrics, /healthz and /readyz of the controllers, answered from a thread beside their loop.

    path        200 when                                   else
    /healthz    the loop turns                             503
    /readyz     the federation has been read whole; who    503, and what has not
                stands by is ready, too
    ?verbose    each check on a line; members that are
                not ready as notes, which are no failure

I/O.  Called by `runtime`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as NotInTime
from typing import TypeVar

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from controllers import metrics
from controllers.metrics import Picture
from feddns.app import http
from feddns.config import SocketAddress
from feddns.errors import OperatorNeeded

_PATIENCE = 2.0
T = TypeVar("T")


class Serving(Collector):
    """`picture` and `missing` are called in the loop."""

    def __init__(self, picture: Callable[[], Picture], missing: Callable[[], list[str]]) -> None:
        self._picture, self._missing = picture, missing
        self._loop = asyncio.get_running_loop()
        self._server: http.Server | None = None

    def open(self, address: SocketAddress) -> None:
        """Raises `OperatorNeeded` when the port is not free."""
        family = socket.AF_INET6 if ":" in address.address else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((address.address, address.port))
            listening.listen()
        except OSError as error:
            listening.close()
            raise OperatorNeeded(f"--metrics {address}: {error.strerror}") from error
        app = http.application(self, self._alive, self._ready, self._notes)
        self._server = http.serve(listening, app)

    async def close(self) -> None:
        if self._server is not None:
            await asyncio.to_thread(http.close, self._server)
            self._server.server_close()
            self._server = None

    # --- from the other thread -------------------------------------------------------------------

    def collect(self) -> Iterator[Metric]:
        return metrics.families(self._ask(self._picture))

    def describe(self) -> list[Metric]:
        """Nothing is asked when the collector is registered, which is in the loop."""
        return []

    def _alive(self) -> dict[str, str]:
        return {"loop": self._trouble()}

    def _ready(self) -> dict[str, str]:
        trouble = self._trouble()
        missing = [] if trouble else self._ask(self._missing)
        said = f"not read yet: {', '.join(missing)}" if missing else ""
        return {"loop": trouble, "federation": said}

    def _notes(self) -> list[str]:
        ready = self._ask(self._picture).ready
        return [f"cluster {name} is not ready" for name, one in sorted(ready.items()) if not one]

    def _trouble(self) -> str:
        try:
            self._ask(lambda: None)
        except NotInTime:
            return f"it has not turned for {_PATIENCE:g} s"
        return ""

    def _ask(self, what: Callable[[], T]) -> T:
        async def asked() -> T:
            return what()

        return asyncio.run_coroutine_threadsafe(asked(), self._loop).result(_PATIENCE)
