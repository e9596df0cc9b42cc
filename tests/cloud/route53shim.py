"""Route 53 on loopback: ministack or moto, with before it what they lack and what they get wrong.

    with Shim("moto", folder) as shim:           the emulator and the shim, started and stopped
        shim.create("example.com.")              a hosted zone; its id
        shim.url                                 what boto3 is pointed at
        shim.rate = 5.0                          calls a second; more are Throttling
        shim.settling = 0.5                      seconds in which a zone takes no second change
        shim.faults.append(Fault(503))           the next call ends so
        shim.chance = lambda call: None          or those that this says
        shim.calls                               what was asked: "GET /hostedzone/Z1/rrset", …

    python -m tests.cloud.route53shim [--on moto] [example.com ...]
                                                 serves until ^C, and prints what to export; at port
                                                 8054, or at PORT (0: any)

What the emulators get wrong (tests hold them to it, so that a newer one that does not is seen):

    of Route 53                                               ministack    moto
    the words for a refused change are InvalidChangeBatch's   yes          InvalidInput for some
    CREATE of what is there is refused                        yes          by what was once created
    CREATE of what was there once is done                     yes          refused
    DELETE of what is not there, or otherwise, is refused     yes          by what was once created
    all of a batch or none                                    yes          no
    a CNAME excludes others                                   no           no
    simple and routed sets of a type exclude each other       no           no
    values that are none are refused                          no           no
    a name of another zone is refused                         no           yes, by its last letters
    names are lower case, `*` is \\052                         no           no
    a page may begin within the sets of one name and type     yes          no: some come twice
    IsTruncated of a list of zones by name                    yes          no
    a private zone without a VPC is refused                   no           no

So the shim looks at each batch itself (`route53rules`), leaves to ministack what that knows, and
keeps moto as a store: it gets UPSERT for CREATE, DELETE as it has the record set, and is asked for
all of a zone at once.
"""

from __future__ import annotations

import argparse
import http.client
import os
import signal
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from tests.cloud import route53rules as rules
from tests.cloud.emulators import NAMES, Emulator

VERSION = "/2013-04-01"
KEY, SECRET = "AKIAFEDDNSTEST", "feddns-test"
RATE = 5.0
_PORT = 8054
_MOST_SETS = 300


class Fault(NamedTuple):
    """How a call ends: with `status`, without an answer (0), and late by `wait` seconds.

    `is_done`: what was asked was done all the same.  `method`: only calls of this one.
    """

    status: int = 0
    code: str = "InternalError"
    message: str = "We encountered an internal error. Please try again."
    is_done: bool = False
    method: str = ""
    wait: float = 0.0
    body: bytes | None = None
    """Instead of the error that AWS would tell."""


THROTTLED = Fault(400, "Throttling", "Rate exceeded")
BUSY = Fault(
    400, "PriorRequestNotComplete",
    "The request was rejected because Route 53 was still processing a prior request.",
)  # fmt: skip


class Answer(NamedTuple):
    status: int
    body: bytes = b""

    @property
    def is_good(self) -> bool:
        return self.status < 300


class _NoAnswer(Exception):
    """The connection ends here."""


class Shim:
    """The API of one account."""

    def __init__(self, emulator: str, folder: Path, port: int = 0) -> None:
        self.emulator = Emulator(emulator, folder)
        self.rate = self.settling = 0.0
        self.clock: Callable[[], float] = time.monotonic
        self.faults: deque[Fault] = deque()
        self.chance: Callable[[str], Fault | None] = lambda call: None
        self.tells_messages = False
        """InvalidChangeBatch as the API Reference has it, not as the service answers today."""
        self.calls: list[str] = []
        self.lock = threading.Lock()
        self._tokens, self._at = RATE, 0.0
        self._changed: dict[str, float] = {}
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.shim = self
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def create(self, apex: str, vpc: tuple[str, str] | None = None, **config: str) -> str:
        """A hosted zone, past limits and faults; its id.  `vpc`: region and id."""
        request = rules.made(
            "CreateHostedZoneRequest", Name=apex, CallerReference=f"{apex} {time.monotonic_ns()}"
        )
        if vpc:
            request.append(rules.made("VPC", VPCRegion=vpc[0], VPCId=vpc[1]))
            config["PrivateZone"] = "true"
        request.append(rules.made("HostedZoneConfig", **config))
        answer = self.answer("POST", f"{VERSION}/hostedzone", rules.serialize(request))
        assert answer.is_good, answer
        return rules.parse(answer.body).findtext("HostedZone/Id", "").rpartition("/")[2]

    def change(self, zone_id: str, changes: rules.Changes) -> Answer:
        """A batch, past limits and faults."""
        body = rules.serialize(rules.request_of(changes))
        return self.answer("POST", f"{VERSION}/hostedzone/{zone_id}/rrset/", body)

    def content(self, zone_id: str) -> list[Element]:
        """The record sets of a zone, as the emulator tells them."""
        return [*self._all_sets(zone_id)]

    def reset(self) -> None:
        """No zone is there any more, no fault to come."""
        with self.lock:
            self.emulator.reset()
            self.rate = self.settling = 0.0
            self.tells_messages = False
            self.faults.clear()
            self.chance = lambda call: None
            self._changed.clear()
            self.calls.clear()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.emulator.close()

    def __enter__(self) -> Shim:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # one call

    def admit(self, call: str) -> Fault | None:
        """How it ends before it reaches Route 53, if it does."""
        method, _, path = call.partition(" ")
        self.calls.append(call)
        if self.rate and not self._has_token():
            return THROTTLED
        if self.faults and self.faults[0].method in ("", method):
            return self.faults.popleft()
        if self.settling and method == "POST" and "/rrset" in path:
            last = self._changed.get(path, float("-inf"))
            if self.clock() < last + self.settling:
                return BUSY
            self._changed[path] = self.clock()
        return self.chance(call)

    def _has_token(self) -> bool:
        now = self.clock()
        self._tokens = min(self.rate, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def answer(self, method: str, target: str, body: bytes) -> Answer:
        """What Route 53 answers."""
        path = urlsplit(target).path.removeprefix(VERSION)
        parts = path.strip("/").split("/")
        if len(parts) == 3 and parts[0] == "hostedzone" and parts[2] == "rrset":
            if method == "POST":
                return self._change(parts[1], body)
            if self.emulator.name == "moto":
                return self._page(parts[1], dict(parse_qsl(urlsplit(target).query)))
        if method == "POST" and path == "/hostedzone" and (wrong := _wrong_zone(body)):
            return wrong
        answer = self._forward(method, target, body)
        if path == "/hostedzonesbyname" and answer.is_good:
            return _with_is_truncated(answer)
        return answer

    def _change(self, zone_id: str, body: bytes) -> Answer:
        told = self._forward("GET", f"{VERSION}/hostedzone/{zone_id}", b"")
        if not told.is_good:
            return told
        zone = rules.stored(rules.parse(told.body).findtext("HostedZone/Name", ""))
        is_store = self.emulator.name == "moto"
        changes = rules.changes_of(rules.parse(body))
        there = [*self._all_sets(zone_id)]
        if messages := rules.refusals(zone, there, changes, looks=is_store):
            return self._refused(messages)
        batches = _as_stored(there, changes) if is_store else [changes]
        for batch in batches:
            request = rules.serialize(rules.request_of(batch))
            answer = self._forward("POST", f"{VERSION}/hostedzone/{zone_id}/rrset/", request)
        return answer

    def _refused(self, messages: list[str]) -> Answer:
        if not self.tells_messages:
            return error(400, "InvalidChangeBatch", f"[{', '.join(messages)}]")
        told = rules.made("Messages")
        told.extend(_text("Message", message) for message in messages)
        return Answer(400, rules.serialize(rules.made("InvalidChangeBatch", told, RequestId="1")))

    def _all_sets(self, zone_id: str) -> Iterator[Element]:
        """The record sets of a zone, by as few calls to the emulator as it takes."""
        most = 1_000_000 if self.emulator.name == "moto" else _MOST_SETS
        query: dict[str, str] = {}
        while True:
            target = (
                f"{VERSION}/hostedzone/{zone_id}/rrset?{urlencode({'maxitems': most, **query})}"
            )
            answer = self._forward("GET", target, b"")
            if not answer.is_good:
                raise _Passed(answer)
            page = rules.parse(answer.body)
            yield from page.iter("ResourceRecordSet")
            if page.findtext("IsTruncated") != "true":
                return
            names = {"name": "NextRecordName", "type": "NextRecordType"}
            names["identifier"] = "NextRecordIdentifier"
            query = {key: page.findtext(tag, "") for key, tag in names.items()}

    def _page(self, zone_id: str, query: dict[str, str]) -> Answer:
        """ListResourceRecordSets, in place of moto's."""
        most = min(int(query.get("maxitems", _MOST_SETS)), _MOST_SETS)
        start = _order_of((rules.stored(query.get("name", ".")), query.get("type", ""),
                           query.get("identifier", "")))  # fmt: skip
        sets = sorted(self._all_sets(zone_id), key=lambda one: _order_of(rules.key_of(one)))
        rest = [one for one in sets if "name" not in query or _order_of(rules.key_of(one)) >= start]
        page = rules.made("ListResourceRecordSetsResponse")
        ElementTree.SubElement(page, "ResourceRecordSets").extend(rest[:most])
        more = rest[most:]
        page.append(_text("IsTruncated", "true" if more else "false"))
        page.append(_text("MaxItems", str(most)))
        if more:
            tags = ("NextRecordName", "NextRecordType", "NextRecordIdentifier")
            for tag, text in zip(tags, rules.key_of(more[0]), strict=True):
                if text:
                    page.append(_text(tag, text))
        return Answer(200, rules.serialize(page))

    def _forward(self, method: str, target: str, body: bytes) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.emulator.port, timeout=60)
        headers = {
            "Content-Type": "application/xml",
            # Both find the service by the signature's scope.
            "Authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-east-1/route53/"
            "aws4_request, SignedHeaders=host, Signature=0",
            "Host": "route53.amazonaws.com",
        }
        try:
            connection.request(method, target, body or None, headers)
            response = connection.getresponse()
            return Answer(response.status, response.read())
        finally:
            connection.close()


class _Passed(Exception):
    """An answer of the emulator that goes to the client as it is."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


def error(status: int, code: str, message: str) -> Answer:
    who = "Sender" if status < 500 else "Receiver"
    told = rules.made("Error", Type=who, Code=code, Message=message)
    return Answer(status, rules.serialize(rules.made("ErrorResponse", told, RequestId="1")))


def _as_stored(there: list[Element], changes: rules.Changes) -> Iterator[rules.Changes]:
    """What moto does rightly: UPSERT, and DELETE of what it has, word by word.

    UPSERT counts twice, so it may take several calls.
    """
    known = {rules.key_of(record): record for record in there}
    batch: list[tuple[str, Element]] = []
    size = 0
    for action, record in changes:
        key = rules.key_of(record)
        size += 2 * len(rules.values_of(record))
        if size > rules.MOST_VALUES:
            yield batch
            batch, size = [], 2 * len(rules.values_of(record))
        if action == "DELETE":
            batch.append((action, known.pop(key)))
        else:
            known[key] = record
            batch.append(("UPSERT", record))
    yield batch


def _wrong_zone(body: bytes) -> Answer | None:
    request = rules.parse(body)
    is_private = request.findtext("HostedZoneConfig/PrivateZone") == "true"
    if is_private and request.find("VPC") is None:
        return error(400, "InvalidInput", "A private hosted zone needs a VPC.")
    return None


def _with_is_truncated(answer: Answer) -> Answer:
    told = rules.parse(answer.body)
    if told.find("IsTruncated") is None:
        told.append(_text("IsTruncated", "false"))
    return Answer(answer.status, rules.serialize(told))


def _text(tag: str, text: str) -> Element:
    element = Element(tag)
    element.text = text
    return element


def _order_of(key: rules.SetKey) -> tuple[list[str], str, str]:
    """Names by their labels from the right, then by type."""
    name, type, identifier = key
    return name.rstrip(".").split(".")[::-1], type, identifier


# --- HTTP ---------------------------------------------------------------------------------------


class _Server(ThreadingHTTPServer):
    shim: Shim
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
            self._reply(self._answer(body))
        except _NoAnswer:
            self.close_connection = True

    do_GET = do_POST = do_DELETE = _serve

    def _answer(self, body: bytes) -> Answer:
        shim = self.server.shim
        path = urlsplit(self.path).path.removeprefix(VERSION).rstrip("/")
        with shim.lock:
            fault = shim.admit(f"{self.command} {path}")
            answer = Answer(0)
            if fault is None or fault.is_done:
                try:
                    answer = shim.answer(self.command, self.path, body)
                except _Passed as passed:
                    answer = passed.answer
        if fault is None:
            return answer
        time.sleep(fault.wait)
        if not fault.status:
            raise _NoAnswer
        if fault.body is not None:
            return Answer(fault.status, fault.body)
        return error(fault.status, fault.code, fault.message)

    def _reply(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:
        """Silence: what was asked is in `calls`."""


def main() -> None:
    """Serves the zones until a signal."""
    parser = argparse.ArgumentParser(prog="python -m tests.cloud.route53shim")
    parser.add_argument("--on", choices=NAMES, default=NAMES[0], help="the emulator behind it")
    parser.add_argument("zones", nargs="*", metavar="ZONE", default=["example.com"])
    options = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    port = int(os.environ.get("PORT", _PORT))
    with tempfile.TemporaryDirectory() as folder, Shim(options.on, Path(folder), port) as shim:
        for zone in options.zones:
            shim.create(f"{zone.rstrip('.')}.")
        shim.rate = RATE
        print(f"export AWS_ENDPOINT_URL_ROUTE_53={shim.url}")
        print(f"export AWS_ACCESS_KEY_ID={KEY}")
        print(f"export AWS_SECRET_ACCESS_KEY={SECRET}", flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
