"""◇ etcd, asked through its JSON gateway: HTTP/1.1, one connection that stays open.

    etcd says                                         raised
    Unavailable, no leader, silence, a broken         ProviderAway: another endpoint is asked
      connection                                        first then
    too many requests                                 Throttled
    InvalidArgument of a change: too large, …         Rejected, in its own words
    the same of a reading, PermissionDenied, a wrong  OperatorNeeded
      password, none at all, no space left, a
      certificate that is not good, no gateway

Endpoints are tried in the order given; one that failed within the last half minute comes last.  A
reading goes on at the next one, a change does only while nothing was sent: it may have been done.
A token that has expired is asked for anew.  No message holds the password or a token.

Called by `coredns`.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import select
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from feddns.errors import (
    FeddnsError,
    OperatorNeeded,
    ProviderAway,
    ProviderTrouble,
    Rejected,
    Throttled,
)

IDLE = 30.0
"""Seconds that a connection is kept without use."""
CONNECT = 3.0
SHUNNED = 30.0
PORT = 2379

_CANCELLED, _UNKNOWN, _INVALID, _LATE, _ABSENT, _EXISTS, _DENIED, _EXHAUSTED, _UNMET = range(1, 10)
_UNAUTHENTICATED = 16
_OLD_TOKEN = "revision of auth store is old"
_NO_SPACE = "database space exceeded"
_NO_USER = "user name is empty"
_BUSY = 0.5
_CERTIFICATE = ("certificate required", "bad certificate", "unknown ca", "certificate unknown")


class Endpoint(NamedTuple):
    host: str
    port: int = PORT
    is_tls: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.is_tls else 'http'}://{host}:{self.port}"


def endpoint(text: str) -> Endpoint:
    """`http://host:port`, `https://host:port`, `host:port`.  Raises `OperatorNeeded`."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(text if "://" in text else f"http://{text}")
        if parts.username is not None or parts.password is not None:
            # What stands there may be a password.
            raise OperatorNeeded("an endpoint of etcd has no user in it; give user and password")
        is_known = parts.scheme in ("http", "https") and parts.path in ("", "/")
        if parts.hostname and is_known and not parts.query:
            return Endpoint(parts.hostname, parts.port or PORT, parts.scheme == "https")
    raise OperatorNeeded(f"{text!r} is no endpoint of etcd; write https://HOST:PORT")


class Login(NamedTuple):
    """A user of etcd.  Its text never shows the password."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"<user {self.user}>"


class Gateway:
    """See the module's docstring."""

    def __init__(
        self,
        endpoints: tuple[Endpoint, ...],
        context: ssl.SSLContext | None,
        login: Login | None,
        timeout: float,
    ) -> None:
        self._endpoints, self._context = endpoints, context
        self._login, self._timeout = login, timeout
        self._shunned: dict[Endpoint, float] = {}
        self._connection: http.client.HTTPConnection | None = None
        self._used = 0.0
        self._token, self._is_guarded = "", True
        self.where = endpoints[0]
        """The endpoint that was asked last."""

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # --- calls ----------------------------------------------------------------------------------

    def read(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A range.  Raises the above."""
        return self._asked("/v3/kv/range", request, is_change=False)

    def read_all(self, ranges: list[Mapping[str, Any]]) -> dict[str, Any]:
        """Several ranges of one revision, as a transaction."""
        body = {"success": [{"request_range": one} for one in ranges]}
        return self._asked("/v3/kv/txn", body, is_change=False)

    def change(self, transaction: Mapping[str, Any]) -> bool:
        """Whether its comparisons held, so that it was done.  Raises the above."""
        return bool(self._asked("/v3/kv/txn", transaction, is_change=True).get("succeeded"))

    def _asked(self, path: str, body: Mapping[str, Any], *, is_change: bool) -> dict[str, Any]:
        for attempt in range(len(self._endpoints)):
            try:
                return self._asked_here(path, body, is_change)
            except ProviderAway as error:
                self._shun()
                if isinstance(error, _Unreachable) or is_change:
                    raise
                if attempt + 1 == len(self._endpoints):
                    raise
        raise AssertionError("there is an endpoint")

    def _asked_here(self, path: str, body: Mapping[str, Any], is_change: bool) -> dict[str, Any]:
        if self._login and not self._token and self._is_guarded:
            self._log_in(self._login)
        status, answer = self._exchange(path, body)
        if status != 200 and self._login and self._is_stranger(answer):
            self._token = ""
            self._log_in(self._login)
            status, answer = self._exchange(path, body)
        if status != 200:
            raise self._refused(status, answer, is_change)
        return answer

    def _is_stranger(self, answer: Mapping[str, Any]) -> bool:
        """Our token is not good any more, or one is wanted now."""
        message = str(answer.get("message", ""))
        if not self._token:
            return _NO_USER in message
        return answer.get("code") == _UNAUTHENTICATED or _OLD_TOKEN in message

    def _log_in(self, login: Login) -> None:
        status, answer = self._exchange(
            "/v3/auth/authenticate", {"name": login.user, "password": login.password}
        )
        self._is_guarded = answer.get("code") != _UNMET  # else it asks nobody who he is
        if status == 200:
            self._token = str(answer.get("token", ""))
        elif not self._is_guarded:
            return
        elif answer.get("code") == _INVALID:
            raise OperatorNeeded(
                f"etcd {self.where}: it does not take the password of the user {login.user}"
            )
        else:
            raise self._refused(status, answer, is_change=False)

    def _exchange(self, path: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        connection = self._connected()
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = self._token
        try:
            connection.request("POST", path, msgspec.json.encode(body), headers)
            reply = connection.getresponse()
            text = reply.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._lost(error, connection) from error
        self._used = time.monotonic()
        if reply.will_close:
            self.close()
        try:
            return reply.status, msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError as error:
            self.close()
            if reply.status != 200:
                return reply.status, {"message": text[:100].decode(errors="replace").strip()}
            raise ProviderAway(f"etcd {self.where}: an answer that is none: {error}") from error

    # --- the connection -------------------------------------------------------------------------

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is not None:
            is_fresh = time.monotonic() - self._used < IDLE
            # What can be read before anything was asked is the end of the connection.
            if is_fresh and not select.select([self._connection.sock], [], [], 0)[0]:
                return self._connection
            self.close()
        reasons: list[str] = []
        is_away = False
        for place in self._in_turn():
            try:
                self._connection = self._connect(place)
            except (OSError, ValueError) as error:
                is_away = is_away or not isinstance(error, ssl.SSLCertVerificationError)
                reasons.append(f"{place}: {_words(error)}")
                self._shunned[place] = time.monotonic() + SHUNNED
                continue
            self.where = place
            self._used = time.monotonic()
            return self._connection
        words = f"no endpoint of etcd can be reached: {'; '.join(reasons)}"
        raise _unreachable(words) if is_away else OperatorNeeded(words)

    def _in_turn(self) -> Iterator[Endpoint]:
        now = time.monotonic()
        yield from sorted(self._endpoints, key=lambda place: self._shunned.get(place, 0.0) > now)

    def _connect(self, place: Endpoint) -> http.client.HTTPConnection:
        timeout = min(CONNECT, self._timeout)
        made: http.client.HTTPConnection
        if place.is_tls:
            made = http.client.HTTPSConnection(
                place.host, place.port, timeout=timeout, context=self._context
            )
        else:
            made = http.client.HTTPConnection(place.host, place.port, timeout=timeout)
        made.connect()
        made.sock.settimeout(self._timeout)
        return made

    def _shun(self) -> None:
        self.close()
        self._shunned[self.where] = time.monotonic() + SHUNNED

    # --- why not --------------------------------------------------------------------------------

    def _lost(self, error: Exception, connection: http.client.HTTPConnection) -> FeddnsError:
        words = f"etcd {self.where}: {_words(_alert(error, connection))}"
        self.close()
        if any(part in words.lower() for part in _CERTIFICATE):
            return OperatorNeeded(f"{words}: it does not take our certificate")
        return ProviderAway(words)

    def _refused(self, status: int, answer: Mapping[str, Any], is_change: bool) -> FeddnsError:
        code, said = answer.get("code", 0), str(answer.get("message") or answer.get("error") or "")
        words = f"etcd {self.where}: {said or f'status {status}'}"
        if "code" not in answer and status in (400, 404, 405, 501):
            return OperatorNeeded(
                f"{words}: this is no JSON gateway of etcd 3.4 or later (http or https? "
                "--enable-grpc-gateway?)"
            )
        if _NO_SPACE not in said and (code == _EXHAUSTED or status == 429):
            return _undone(Throttled(words, _BUSY))
        if code == _INVALID and _NO_USER in said:
            return OperatorNeeded(f"{words}: it wants a user and a password")
        if code == _INVALID and is_change:
            return _undone(Rejected(words))
        if code in (_INVALID, _DENIED, _EXHAUSTED, _UNAUTHENTICATED) or status in (401, 403):
            return OperatorNeeded(words)
        return ProviderAway(words)


def _alert(error: Exception, connection: http.client.HTTPConnection) -> Exception:
    """Why a server broke a TLS connection: it says so behind the handshake, where one that sends
    finds it closed only."""
    if isinstance(connection.sock, ssl.SSLSocket) and not isinstance(error, TimeoutError):
        try:
            connection.sock.recv(1)
        except (OSError, ValueError) as alert:
            return alert if isinstance(alert, ssl.SSLError) else error
    return error


class _Unreachable(ProviderAway):
    """No endpoint takes a connection: nothing was sent."""


def _unreachable(words: str) -> ProviderTrouble:
    return _undone(_Unreachable(words))


def _undone(error: ProviderTrouble) -> ProviderTrouble:
    error.done = 0
    return error


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


# --- what is sent -------------------------------------------------------------------------------


def text(key: str | bytes) -> str:
    """A key or a value as the gateway takes it."""
    return base64.b64encode(key.encode() if isinstance(key, str) else key).decode("ascii")


def below(path: str) -> tuple[str, str]:
    """The range of the keys below one."""
    return f"{path}/", f"{path}0"
