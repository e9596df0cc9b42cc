"""The speaker to one API: a request over a connection, its answer given on piece by piece.

    trouble                               what happens
    401                                   credentials are read again, asked once more
    a handshake that fails                the same: a CA or a certificate may have been rotated
    a kept connection is closed           a new one for the next request
    any other                             `ApiTrouble`, one line; the informer waits

I/O.  Called by `kube.follower`, `kube.telling` and `kube.api`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import NamedTuple

from feddns import __version__
from feddns.errors import ApiTrouble
from feddns.kube import http1, stream
from feddns.kube.credentials import Access, Credentials
from feddns.kube.stream import Stream

_LONGEST_REFUSAL = 1 << 16


class Sink(NamedTuple):
    """Who takes an answer of status 200 to 299: its beginning, and each piece of its body."""

    accepted: Callable[[], None]
    data: Callable[[bytes], None]


class Answer(NamedTuple):
    """What came.  `body` is there unless a sink took it; `retry_after` in seconds."""

    status: int
    body: bytes = b""
    retry_after: float = 0.0


class _Whole(NamedTuple):
    """What is asked."""

    method: str
    target: str
    body: bytes
    form: str


class Connection:
    """One connection at a time, opened when it is needed; one request at a time."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._access: Access | None = None
        self._exchange: _Exchange | None = None

    @property
    def is_asking(self) -> bool:
        """Whether a request is under way on an open connection."""
        return self._exchange is not None and not self._exchange.is_idle

    @property
    def is_open(self) -> bool:
        """Whether the next request finds a connection."""
        return self._exchange is not None and self._exchange.is_idle

    async def ask(
        self,
        method: str,
        target: str,
        sink: Sink | None = None,
        body: bytes = b"",
        form: str = "application/json",
    ) -> Answer:
        """The answer, when it is whole.  `form` is the body's.  Raises `ApiTrouble`,
        `OperatorNeeded`."""
        whole = _Whole(method, target, body, form)
        try:
            answer = await self._ask(whole, sink, None)
        except ssl.SSLError:
            answer = None
        if answer is None or answer.status == 401:
            self.close()
            try:
                answer = await self._ask(whole, sink, self._access)
            except ssl.SSLError as error:
                where = self._credentials.where
                raise ApiTrouble(f"TLS: {_tls_words(error)}; see {where}") from error
        return answer

    def close(self, reason: str = "the connection was given up") -> None:
        """Give up what is under way: `ask` ends with `ApiTrouble` for this reason."""
        if self._exchange is not None:
            self._exchange.abort(reason)
            self._exchange = None

    async def _ask(self, asked: _Whole, sink: Sink | None, refused: Access | None) -> Answer:
        access = await self._credentials.access(refused)
        if access is not self._access:
            self.close()
            self._access = access
        if self._exchange is None or not self._exchange.is_idle:
            self.close()
            self._exchange = _Exchange(await stream.connect(access))
        fields = {"Accept": "application/json", "User-Agent": f"feddns/{__version__}"}
        if access.authorization:
            fields["Authorization"] = access.authorization
        if asked.body:
            fields["Content-Type"] = asked.form
        target = access.prefix + asked.target
        whole = http1.request(asked.method, target, access.authority, fields, asked.body)
        return await self._exchange.ask(whole, sink)


class _Exchange:
    """Requests and answers over one stream."""

    def __init__(self, over: Stream) -> None:
        self._stream = over
        self._reader = http1.AnswerReader()
        self._sink: Sink | None = None
        self._give: Callable[[bytes], None] | None = None
        self._body: list[bytes] = []
        self._size = 0
        self._answered: asyncio.Future[Answer] | None = None
        over.start(self._take, self._lose)

    @property
    def is_idle(self) -> bool:
        return self._answered is None and self._stream.is_open

    async def ask(self, whole: bytes, sink: Sink | None) -> Answer:
        self._reader, self._sink, self._give = http1.AnswerReader(), sink, None
        self._body, self._size = [], 0
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answered = answered
        try:
            await self._stream.send(whole)
            return await answered
        finally:
            self._answered = None
            if not self._reader.is_lasting:
                self._stream.close()
            if answered.done() and not answered.cancelled():
                answered.exception()

    def abort(self, reason: str) -> None:
        self._stream.close()
        self._fail(reason)

    # --- what comes ------------------------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        answered = self._answered
        if answered is None or answered.done():
            return
        try:
            self._read(data)
        except Exception as error:  # the one who asked has to know: what came is lost
            if not answered.done():
                answered.set_exception(error)

    def _read(self, data: bytes) -> None:
        reader = self._reader
        pieces = reader.feed(data)
        give = self._give
        if give is None and reader.status:
            give = self._give = self._begin()
        if give is not None and pieces:
            give(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if reader.is_done:
            self._finish()

    def _begin(self) -> Callable[[bytes], None]:
        if self._sink is not None and 200 <= self._reader.status < 300:
            self._sink.accepted()
            return self._sink.data
        return self._keep

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size <= _LONGEST_REFUSAL:
            self._body.append(piece)

    def _lose(self, reason: str) -> None:
        if self._reader.status and self._reader.end():
            self._finish()
        elif reason:
            self._fail(f"the connection broke ({reason})")
        else:
            self._fail("the server closed the connection in the middle of an answer")

    def _finish(self) -> None:
        if self._answered is not None and not self._answered.done():
            reader = self._reader
            wait = reader.fields.get("retry-after", "")
            seconds = float(wait) if wait.isascii() and wait.isdigit() and len(wait) < 5 else 0.0
            self._answered.set_result(Answer(reader.status, b"".join(self._body), seconds))

    def _fail(self, reason: str) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(ApiTrouble(reason))


def _tls_words(error: ssl.SSLError) -> str:
    return getattr(error, "verify_message", "") or error.reason or str(error)
