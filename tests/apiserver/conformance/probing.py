"""The HTTP steps: one request, and its reply as text that can be compared.

    201 Created
    Content-Type: application/json
    {
      "kind": "ConfigMap", …

Only headers that mean something to clients are shown.  JSON is shown with sorted keys, one event a
line in a watch; other bodies as they are.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from tests.apiserver.conformance.normalising import in_order
from tests.apiserver.conformance.servers import Server
from tests.apiserver.conformance.steps import Request

PATIENCE = 15.0
_SHOWN = (
    "Content-Type", "Allow", "Location", "Retry-After", "Warning", "Cache-Control", "Vary",
    "WWW-Authenticate",
)  # fmt: skip


class Reply:
    """A reply that is being read."""

    def __init__(self, server: Server, asked: Request) -> None:
        place = urlsplit(server.url)
        assert place.hostname
        context = ssl.create_default_context(cadata=server.authority)
        self._connection = http.client.HTTPSConnection(
            place.hostname, place.port, context=context, timeout=PATIENCE
        )
        self._asked = asked
        self.body: Any = None
        body = _body(asked.body)
        self._connection.request(
            asked.method, asked.target, body or None, _headers(asked, server.token, bool(body))
        )
        self._answer = self._connection.getresponse()

    def head(self) -> str:
        """Status and headers."""
        lines = [f"{self._answer.status} {self._answer.reason}"]
        for name in _SHOWN:
            lines += [f"{name}: {value}" for value in self._answer.headers.get_all(name, [])]
        return "\n".join(lines)

    def all(self) -> str:
        """Head and body; closed after it."""
        show = self._asked.ours.get("Show", "")
        if count := self._asked.ours.get("Lines"):
            return f"{self.head()}\n{self.lines(count)}"
        with contextlib.closing(self._connection):
            raw = self._answer.read()
        return "\n".join(filter(None, (self.head(), self._shown(raw, show))))

    def lines(self, count: str) -> str:
        """So many lines of a watch, or all until the server ends it; closed after it."""
        found = []
        with contextlib.closing(self._connection):
            while count == "end" or len(found) < int(count):
                line = self._answer.readline()
                if not line:
                    found.append("(the end)")
                    break
                self.body = _json(line)
                found.append(_in_one_line(line, self._asked.ours.get("Show", "")))
        return "\n".join(found)

    def _shown(self, raw: bytes, show: str) -> str:
        if show == "-":
            return ""
        self.body = _json(raw)
        if show:
            return "\n".join(f"{path}: {_dump(found)}" for path, found in parts(self.body, show))
        if self.body is not None:
            return json.dumps(self.body, indent=2, sort_keys=True)
        return raw.decode(errors="backslashreplace")


def parts(value: Any, paths: str) -> Iterator[tuple[str, Any]]:
    """The values at these paths (`.a.b`, `*` for every item); None where there is nothing."""
    for path in paths.split():
        yield path, at(value, path.strip(".").split("."))


def at(value: Any, path: list[str]) -> Any:
    if not path or path == [""]:
        return value
    first, *rest = path
    if first == "*":
        items = value.values() if isinstance(value, dict) else value or ()
        return [at(item, rest) for item in items]
    if isinstance(value, list) and first.isdigit():
        return at(value[int(first)], rest) if int(first) < len(value) else None
    return at(value.get(first), rest) if isinstance(value, dict) else None


def _headers(asked: Request, token: str, has_body: bool) -> dict[str, str]:
    usual = {"Accept": "application/json", "Authorization": f"Bearer {token}"}
    if has_body:
        usual["Content-Type"] = "application/json"
    both = usual | asked.headers
    return {name: value for name, value in both.items() if value != "-"}


def _body(text: str) -> bytes:
    """`base64:…` is bytes that are no text."""
    if text.startswith("base64:"):
        return base64.b64decode(text.removeprefix("base64:"))
    return text.encode()


def _json(raw: bytes) -> Any:
    try:
        return in_order(json.loads(raw))
    except ValueError:
        return None


def _in_one_line(line: bytes, show: str) -> str:
    found = _json(line)
    if show and found is not None:
        return "  ".join(_dump(part) for _, part in parts(found, show))
    return _dump(found) if found is not None else line.decode(errors="backslashreplace").rstrip()


def _dump(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
