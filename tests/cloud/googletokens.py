"""Where Google's tokens come from, on loopback: the metadata server, OAuth, a token service.

    GET  /                                        the ping of a metadata server
    GET  /computeMetadata/v1/project/project-id
    GET  /computeMetadata/v1/instance/...         the machine's account and its token, `machine`
    POST /oauth                                   a signed assertion → the token `account`
    POST /service                                 the right body → the token `service`

`status` other than 200 refuses the POSTs; with `is_silent` nothing is answered to anybody.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.cloud.clouddns import PROJECT

_ACCOUNT = "computeMetadata/v1/instance/service-accounts/default/"


class Tokens:
    def __init__(self, body: str = "") -> None:
        self.body = body
        self.status = 200
        self.is_silent = False
        self.lifetime = 3600
        self.asked: list[tuple[str, str]] = []
        """Path and Authorization of each call."""
        self.end = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.tokens = self  # type: ignore[attr-defined]
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self.end.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Tokens:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def answer(self, path: str, body: str) -> object:
        """What a call is told: text or JSON, or None where there is nothing."""
        oauth = {"expires_in": self.lifetime, "token_type": "Bearer"}
        match path.partition("?")[0].strip("/"):
            case "":
                return "computeMetadata/"
            case "computeMetadata/v1/project/project-id":
                return PROJECT
            case path if path == _ACCOUNT.strip("/"):
                return {"email": "default", "scopes": [], "aliases": ["default"]}
            case path if path == _ACCOUNT + "token":
                return {"access_token": "machine", **oauth}
            case "oauth" if "assertion=" in body:
                return {"access_token": "account", **oauth}
            case "service" if body == self.body:
                return {"accessToken": "service", "expireTime": "2099-01-01T00:00:00.5Z"}
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def do_GET(self) -> None:
        self._serve(200)

    def do_POST(self) -> None:
        tokens: Tokens = self.server.tokens  # type: ignore[attr-defined]
        self._serve(tokens.status)

    def _serve(self, status: int) -> None:
        tokens: Tokens = self.server.tokens  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        tokens.asked.append((self.path, self.headers.get("Authorization", "")))
        if tokens.is_silent:
            tokens.end.wait()
            self.close_connection = True
            return
        told = tokens.answer(self.path, body)
        if told is None:
            status, told = 403, {"error": f"not with {body}"}
        self._reply(status, told)

    def _reply(self, status: int, told: Any) -> None:
        is_text = isinstance(told, str)
        raw = (told if is_text else json.dumps(told)).encode()
        self.send_response(status)
        self.send_header("Metadata-Flavor", "Google")
        self.send_header("Content-Type", "text/plain" if is_text else "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""
