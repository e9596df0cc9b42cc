"""/metrics, /healthz and /readyz over HTTP, from a thread beside the watcher's loop.

    path             200 when                              else
    /healthz         the watcher's loop turns              503
    /readyz          every answering process is ready      503, and which one is not
    ?verbose         each check on a line, as kube-apiserver writes them
    /metrics         always

I/O.  Called by `watching`, which gives it functions that are safe in any thread.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.registry import Collector

Checks = Callable[[], dict[str, str]]
"""Names of checks, each with an empty text when it holds and the reason when it does not."""

_StartResponse = Callable[[str, list[tuple[str, str]]], object]


class _Quiet(WSGIRequestHandler):
    timeout = 10
    """Seconds that a client may take to say what it wants."""

    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes are no news."""


class _Server(ThreadingMixIn, WSGIServer):
    """A thread for each request, so that a client that says nothing keeps nobody waiting."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news either."""


def application(collector: Collector, alive: Checks, ready: Checks) -> Callable[..., Any]:
    """The WSGI application."""
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


def serve(listening: socket.socket, app: Callable[..., Any]) -> WSGIServer:
    """Answer on a socket that listens already, from a daemon thread."""
    address = listening.getsockname()[:2]
    server = _Server(address, _Quiet, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    server.server_name, server.server_port = address
    server.setup_environ()
    server.set_app(app)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
