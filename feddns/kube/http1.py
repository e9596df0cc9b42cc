"""The answers of an HTTP/1.1 server, cut out of its stream (RFC 9112).

    body                               how it ends
    Transfer-Encoding: chunked         with the chunk of no length, and what trails it
    Content-Length: N                  after N octets
    status 204, 304                    at once
    neither                            with the connection

A piece of a chunk is given as soon as it is there; 1xx answers are skipped.  `feed` raises
`ApiTrouble` for what is no HTTP.  A watch is a chunk for each event, a thousand a second, which is
why there is a reader of our own: a general one takes 15 µs for each.

Pure.  Called by `kube.client`.
"""

from __future__ import annotations

from feddns.errors import ApiTrouble

LONGEST_HEAD = 1 << 16
_HEAD, _SIZED, _UNTIL_END, _SIZE, _CHUNK, _AFTER_CHUNK, _TRAILER, _DONE = range(8)


def request(method: str, target: str, host: str, fields: dict[str, str], body: bytes) -> bytes:
    """A request as bytes."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class AnswerReader:
    """Reads one answer.  `status` is 0 until its head is there."""

    def __init__(self) -> None:
        self.status = 0
        self.fields: dict[str, str] = {}
        self._state = _HEAD
        self._stream = b""
        self._left = 0

    @property
    def is_done(self) -> bool:
        return self._state == _DONE

    @property
    def is_lasting(self) -> bool:
        """Whether the connection can be used again."""
        return self.is_done and self.fields.get("connection", "").lower() != "close"

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces of the body in `data`."""
        if self._stream:
            data = self._stream + data
            self._stream = b""
        at = 0
        if self._state == _HEAD:
            at = self._read_head(data)
        pieces: list[bytes] = []
        size = len(data)
        while at < size and self._state not in (_HEAD, _DONE):
            after = self._step(data, at, pieces)
            if after == at:
                self._stream = data[at:]
                break
            at = after
        return pieces

    def end(self) -> bool:
        """The connection has ended; whether the answer is whole."""
        if self._state == _UNTIL_END:
            self._state = _DONE
        return self.is_done

    # --- states ----------------------------------------------------------------------------------

    def _step(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        """Where to go on; `at` itself when more has to come."""
        state = self._state
        if state in (_CHUNK, _SIZED):
            end = at + self._left
            piece = data[at:end]
            pieces.append(piece)
            self._left -= len(piece)
            if not self._left:
                self._state = _AFTER_CHUNK if state == _CHUNK else _DONE
            return at + len(piece)
        if state == _UNTIL_END:
            pieces.append(data[at:])
            return len(data)
        end = data.find(b"\r\n", at)
        if end < 0:
            if len(data) - at > LONGEST_HEAD:
                raise ApiTrouble("the server's answer is no HTTP: a line without an end")
            return at
        if state == _SIZE:
            self._begin_chunk(data[at:end])
        elif state == _AFTER_CHUNK:
            self._state = _SIZE
        elif end == at:  # the empty line after the trailer
            self._state = _DONE
        return end + 2

    def _begin_chunk(self, line: bytes) -> None:
        size = line.partition(b";")[0].strip()
        try:
            self._left = int(size, 16) if size.isalnum() else -1
        except ValueError:
            self._left = -1
        if self._left < 0:
            raise ApiTrouble(f"the server's answer is no HTTP: chunk size {line[:20]!r}")
        self._state = _CHUNK if self._left else _TRAILER

    def _read_head(self, data: bytes) -> int:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            if len(data) > LONGEST_HEAD:
                raise ApiTrouble("the server's answer is no HTTP: a head without an end")
            self._stream = data
            return len(data)
        first, *lines = data[:end].decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
            raise ApiTrouble(f"the server's answer is no HTTP: {first[:60]!r}")
        status = int(rest[:3])
        if 100 <= status < 200:
            return self._read_head_after(data, end + 4)
        self.status = status
        pairs = (line.partition(":") for line in lines)
        self.fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
        self._begin_body(version)
        return end + 4

    def _read_head_after(self, data: bytes, at: int) -> int:
        found = self._read_head(data[at:])
        return at + found

    def _begin_body(self, version: str) -> None:
        if version == "HTTP/1.0":
            self.fields.setdefault("connection", "close")
        length = self.fields.get("content-length")
        if "chunked" in self.fields.get("transfer-encoding", "").lower():
            self._state = _SIZE
        elif self.status in (204, 304) or length == "0":
            self._state = _DONE
        elif length is None:
            self._state = _UNTIL_END
            self.fields["connection"] = "close"
        elif length.isascii() and length.isdigit():
            self._left = int(length)
            self._state = _SIZED
        else:
            raise ApiTrouble(f"the server's answer is no HTTP: Content-Length {length!r}")
