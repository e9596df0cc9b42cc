"""A stand-in for Google Cloud DNS, version 1 of its API, on loopback.

    with CloudDns() as cloud:                    started and stopped
        cloud.create("example", "example.com.")  a managed zone, past the API
        cloud.url                                what the client library is pointed at
        cloud.faults.append(Fault(503))          the next call ends so
        cloud.calls                              what was asked: "GET /managedZones", …

    python -m tests.cloud.clouddns [example.com ...]   serves until ^C, and prints what to export;
                                                       at port 8053, or at PORT (0: any)

    GET    /dns/v1/projects/P                        quotas
    GET    /dns/v1/projects/P/managedZones           ?dnsName= &maxResults= &pageToken=
    POST   /dns/v1/projects/P/managedZones
    GET    /dns/v1/projects/P/managedZones/Z         Z is a name or a number; DELETE too
    GET    /dns/v1/projects/P/managedZones/Z/rrsets  ?name= &type= &maxResults= &pageToken=
    GET    /dns/v1/projects/P/managedZones/Z/changes ?maxResults= &pageToken=; POST makes one
    GET    /dns/v1/projects/P/managedZones/Z/changes/C

What a zone allows is `tests.cloud.managedzones`.  With `tokens` set, a call needs one of them; with
`per_minute` set, more calls than that are 429 rateLimitExceeded.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.cloud.managedzones import Project, Refused, Resource, Zone, missing, page_size

PROJECT = "feddns-test"
_PORT = 8053
_PATH = re.compile(
    r"/dns/v1/projects/(?P<project>[^/]+)"
    r"(?:/(?P<zones>managedZones)(?:/(?P<zone>[^/]+)(?:/(?P<part>rrsets|changes)(?:/(?P<id>[^/]+))?)?)?)?"
)


class Fault(NamedTuple):
    """How a call ends: with `status`, without an answer (0), and late by `wait` seconds.

    `is_done`: what was asked was done all the same.  `method`: only calls of this one.
    """

    status: int = 0
    reason: str = "backendError"
    message: str = "Backend Error"
    is_done: bool = False
    method: str = ""
    wait: float = 0.0
    after: int | None = None
    """Retry-After."""
    body: bytes | None = None
    """Instead of the error that Google would tell."""


class _NoAnswer(Exception):
    """The connection ends here."""


class CloudDns:
    """The API of some projects."""

    def __init__(self, *projects: str, port: int = 0) -> None:
        self.projects = {name: Project(name) for name in projects or (PROJECT,)}
        self.faults: deque[Fault] = deque()
        self.chance: Callable[[str], Fault | None] = lambda method: None
        self.tokens: set[str] = set()
        self.per_minute = 0
        self.clock: Callable[[], float] = time.monotonic
        self.calls: list[str] = []
        self.lock = threading.Lock()
        self._recent: deque[float] = deque()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.cloud = self
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def create(self, name: str, apex: str, project: str = PROJECT, **more: Any) -> Zone:
        """A managed zone, without a call."""
        body = {"name": name, "dnsName": apex, "description": "", **more}
        with self.lock:
            self.projects[project].create(body)
            return self.projects[project].zones[name]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> CloudDns:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def answer(self, method: str, target: str, body: bytes, token: str) -> tuple[int, Resource]:
        """Status and body of one call.  Raises `Refused` for what the API refuses."""
        url = urlsplit(target)
        self.calls.append(f"{method} {re.sub('/dns/v1/projects/[^/]*', '', url.path) or '/'}")
        self._admit(token)
        if not (path := _PATH.fullmatch(url.path)):
            raise Refused(404, "notFound", "Not Found")
        call = _Call(method, dict(parse_qsl(url.query)), _parsed(body))
        name = unquote(path["project"])
        if name not in self.projects:
            raise Refused(403, "forbidden", f"Permission denied on resource project {name}.")
        return _route(self.projects[name], path, call)

    def _admit(self, token: str) -> None:
        if self.tokens and token.removeprefix("Bearer ") not in self.tokens:
            raise Refused(401, "authError", "Request had invalid authentication credentials.")
        now = self.clock()
        while self._recent and self._recent[0] <= now - 60:
            self._recent.popleft()
        if self.per_minute and len(self._recent) >= self.per_minute:
            words = (
                "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute' of "
                "service 'dns.googleapis.com' for consumer 'project_number:1'."
            )
            raise Refused(429, "rateLimitExceeded", words, "usageLimits")
        self._recent.append(now)


class _Call(NamedTuple):
    method: str
    query: dict[str, str]
    body: Resource


def _parsed(body: bytes) -> Resource:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        raise Refused(400, "parseError", "Parse Error") from None
    if not isinstance(parsed, dict):
        raise Refused(400, "parseError", "Parse Error")
    return parsed


def _route(project: Project, path: re.Match[str], call: _Call) -> tuple[int, Resource]:
    match call.method, path["zones"], path["zone"], path["part"], path["id"]:
        case "GET", None, *_:
            return 200, project.describe()
        case "GET", _, None, *_:
            return 200, project.page(call.query)
        case "POST", _, None, *_:
            return 200, project.create(call.body)
        case "GET", _, str(zone), None, _:
            return 200, project.zone(zone).resource
        case "DELETE", _, str(zone), None, _:
            project.delete(zone)
            return 204, {}
        case "GET", _, str(zone), "rrsets", None:
            return 200, project.zone(zone).page(call.query)
        case "GET", _, str(zone), "changes", None:
            return 200, _changes(project.zone(zone), call.query)
        case "POST", _, str(zone), "changes", None:
            return 200, project.zone(zone).change(call.body)
        case "GET", _, str(zone), "changes", str(id):
            return 200, project.zone(zone).change_of(id)
    raise missing("parameters.method", call.method)


def _changes(zone: Zone, query: dict[str, str]) -> Resource:
    """One page of changes, the newest first; `?sortOrder=ascending` turns it."""
    told = zone.changes if query.get("sortOrder") == "ascending" else zone.changes[::-1]
    ids = [change["id"] for change in told]
    token = query.get("pageToken", "")
    start = ids.index(token) + 1 if token in ids else 0
    page = told[start : start + page_size(query)]
    answer: Resource = {"kind": "dns#changesListResponse", "changes": page}
    if start + len(page) < len(told):
        answer["nextPageToken"] = page[-1]["id"]
    return answer


class _Server(ThreadingHTTPServer):
    cloud: CloudDns
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone away is no trouble of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    server: _Server

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self._reply(*self._answer(body))
        except _NoAnswer:
            self.close_connection = True

    do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = _serve

    def _answer(self, body: bytes) -> tuple[int, bytes, int | None]:
        cloud = self.server.cloud
        with cloud.lock:
            fault = self._fault()
            status, told = 0, {}
            if fault is None or fault.is_done:
                try:
                    token = self.headers.get("Authorization", "")
                    status, told = cloud.answer(self.command, self.path, body, token)
                except Refused as refused:
                    status, told = refused.status, refused.body()
            else:
                cloud.calls.append(f"{self.command} fault {fault.status}")
        if fault is None:
            return status, json.dumps(told).encode() + b"\n" if status != 204 else b"", None
        time.sleep(fault.wait)
        if not fault.status:
            raise _NoAnswer
        error = json.dumps(Refused(fault.status, fault.reason, fault.message).body()).encode()
        return fault.status, error if fault.body is None else fault.body, fault.after

    def _fault(self) -> Fault | None:
        cloud = self.server.cloud
        if cloud.faults and cloud.faults[0].method in ("", self.command):
            return cloud.faults.popleft()
        return cloud.chance(self.command)

    def _reply(self, status: int, body: bytes, after: int | None) -> None:
        self.send_response(status)
        if body:
            self.send_header("Content-Type", "application/json; charset=UTF-8")
        if after is not None:
            self.send_header("Retry-After", str(after))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silence: what was asked is in `calls`."""


def main(apexes: list[str]) -> None:
    """Serves the zones until a signal."""
    cloud = CloudDns(port=int(os.environ.get("PORT", _PORT)))
    for apex in apexes or ["example.com"]:
        name = apex.rstrip(".")
        cloud.create(name.replace(".", "-"), f"{name}.")
    print(f"export CLOUDSDK_API_ENDPOINT_OVERRIDES_DNS={cloud.url}/")
    print("export CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true")
    print(f"export GOOGLE_CLOUD_PROJECT={PROJECT}", flush=True)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()
    cloud.close()


if __name__ == "__main__":
    main(sys.argv[1:])
