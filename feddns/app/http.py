"""/metrics, /healthz and /readyz over HTTP, from a thread beside the watcher's loop.

    path             200 when                              else
    /healthz         the watcher's loop turns              503
    /readyz          every answering process is ready      503, and which one is not
                     and the server is not draining
    ?verbose         each check on a line, as kube-apiserver writes them; what is no failure but
                     worth a look behind them, with [!]
    /metrics         always

I/O.  Called by `watching`, which gives it functions that are safe in any thread.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.registry import Collector

Checks = Callable[[], dict[str, str]]
"""Names of checks, each with an empty text when it holds and the reason when it does not."""

_POLL = 0.05
_LAST_ANSWERS = 0.5
_StartResponse = Callable[[str, list[tuple[str, str]]], object]


class _Quiet(WSGIRequestHandler):
    timeout = 10
    """Seconds that a client may take to say what it wants."""

    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes are no news."""


class Server(ThreadingMixIn, WSGIServer):
    """A thread for each request, so that a client that says nothing keeps nobody waiting."""

    daemon_threads = True
    busy = 0
    _counting = threading.Lock()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._counting:
            self.busy += 1
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._counting:
                self.busy -= 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news either."""


def application(
    collector: Collector,
    alive: Checks,
    ready: Checks,
    notes: Callable[[], list[str]] = list,
) -> Callable[..., Any]:
    """The WSGI application.  `notes` are lines of /readyz?verbose that are no failures."""
    registry = CollectorRegistry()
    registry.register(collector)
    metrics = make_wsgi_app(registry)

    def route(environ: dict[str, Any], start_response: _StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if path == "/metrics":
            found: Iterable[bytes] = metrics(environ, start_response)
            return found
        checks = {"/healthz": alive, "/readyz": ready}.get(path)
        if checks is None:
            return _reply(start_response, "404 Not Found", "/metrics, /healthz or /readyz\n")
        results = checks()
        good = not any(results.values())
        verbose = "verbose" in environ.get("QUERY_STRING", "")
        lines = "".join(
            f"[-]{name} failed: {reason}\n" if reason else f"[+]{name} ok\n"
            for name, reason in results.items()
        )
        if verbose and checks is ready:
            lines += "".join(f"[!]{note}\n" for note in notes())
        text = lines if verbose or not good else "ok\n"
        return _reply(start_response, "200 OK" if good else "503 Service Unavailable", text)

    return route


def _reply(start_response: _StartResponse, status: str, text: str) -> list[bytes]:
    body = text.encode("utf-8")
    start_response(
        status,
        [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))],
    )
    return [body]


def close(server: Server) -> None:
    """Take no more, and let those who are being answered finish, if they do so soon."""
    server.shutdown()
    end = time.monotonic() + _LAST_ANSWERS
    while server.busy and time.monotonic() < end:
        time.sleep(_POLL)


def serve(listening: socket.socket, app: Callable[..., Any]) -> Server:
    """Answer on a socket that listens already, from a daemon thread."""
    address = listening.getsockname()[:2]
    server = Server(address, _Quiet, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    server.server_name, server.server_port = address
    server.setup_environ()
    server.set_app(app)
    serving = partial(server.serve_forever, poll_interval=_POLL)
    threading.Thread(target=serving, name="metrics", daemon=True).start()
    return server
