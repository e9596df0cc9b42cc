"""◇ One conversation with a name server over TCP, signed by a key (TSIG, RFC 8945).

    what happens                                   raised
    no server takes the connection                 Unreachable: nothing was sent
    it breaks, times out, or babbles afterwards    Lost: what was sent may have been done
    the key, the signature or the clock is wrong   OperatorNeeded, which of them and what to do

Servers are tried in the order given, from the first whenever a connection has to be made; one that
is there is kept for some seconds, as a burst of changes has use for it.  A message must not be sent
a second time to another server: it may have been done.  Called by `rfc2136`.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
import secrets
import select
import socket
import time
from collections.abc import Generator
from typing import NamedTuple

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TSIG
import dns.tsig

from feddns.errors import OperatorNeeded, ProviderAway
from feddns.providers import transfers
from feddns.providers.rdata import Broken
from feddns.providers.transfers import Reply

IDLE = 5.0
"""Seconds that a connection is kept without use: servers close it some time after."""
CONNECT = 3.0
FUDGE = 300
"""Seconds that the clocks may differ (RFC 8945 §10)."""
_UNSIGNED_MESSAGES = 99

ALGORITHMS = "hmac-sha256", "hmac-sha512", "hmac-sha384", "hmac-sha224", "hmac-sha1", "hmac-md5"
_TSIG = dns.rdatatype.TSIG
_BADSIG, _BADKEY, _BADTIME, _BADTRUNC = 16, 17, 18, 22


class Unreachable(ProviderAway):
    """No server could be connected to."""


class Lost(ProviderAway):
    """The conversation broke after a message was sent."""


class DeniedKey(OperatorNeeded):
    """BADKEY: the key is not known, or Knot means that it may not do this."""


class Server(NamedTuple):
    host: str
    port: int = 53

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def server(text: str) -> Server:
    """HOST, HOST:PORT, or an IPv6 address, in brackets when a port follows.

    Raises `OperatorNeeded`.
    """
    match = re.fullmatch(r"(?:\[([^]]+)\]|([^:]+))(?::(\d{1,5}))?", text.strip())
    if match:
        host, port = match[1] or match[2], int(match[3] or 53)
        if 0 < port < 65536:
            return Server(host, port)
    elif text.count(":") > 1 and re.fullmatch(r"[0-9a-fA-F:.]+", text):
        return Server(text)
    raise OperatorNeeded(f"{text!r} is no name server; write HOST or HOST:PORT")


# --- the key ------------------------------------------------------------------------------------


class Key:
    """A TSIG key.  Its text never shows the secret."""

    def __init__(self, name: str, secret: str, algorithm: str = ALGORITHMS[0]) -> None:
        """`secret` in base64.  Raises `OperatorNeeded`."""
        algorithm = algorithm.lower().rstrip(".").removesuffix(".sig-alg.reg.int")
        if algorithm not in ALGORITHMS:
            raise OperatorNeeded(
                f"TSIG has no algorithm {algorithm!r}; one of {', '.join(ALGORITHMS)}"
            )
        try:
            octets = base64.b64decode(re.sub(r"\s", "", secret), validate=True)
        except (binascii.Error, ValueError):
            octets = b""
        if not octets:
            # Without its cause: that may quote what was given.
            raise OperatorNeeded(f"the secret of the TSIG key {name} is not base64")
        try:
            self.name = dns.name.from_text(name)
        except dns.exception.DNSException as error:
            raise OperatorNeeded(f"the TSIG key's name {name!r} is no name: {error}") from error
        self._key = dns.tsig.Key(self.name, octets, _ALGORITHM_NAMES.get(algorithm, algorithm))

    def __repr__(self) -> str:
        return f"<TSIG key {self.name}>"

    def signed(self, message: bytes, now: int) -> tuple[bytes, bytes]:
        """The message with its TSIG, and the MAC to which the answer belongs."""
        ident = int.from_bytes(message[:2], "big")
        empty = self._rdata(now, b"", ident)
        rdata, _ = dns.tsig.sign(message, self._key, empty, now)  # type: ignore[no-untyped-call]
        octets = rdata.to_wire()
        record = b"%b%b%b%b" % (
            self.name.to_wire() or b"", b"\x00\xfa\x00\xff\x00\x00\x00\x00",
            len(octets).to_bytes(2, "big"), octets,
        )  # fmt: skip
        count = int.from_bytes(message[10:12], "big") + 1
        mac: bytes = rdata.mac
        return message[:10] + count.to_bytes(2, "big") + message[12:] + record, mac

    def _rdata(self, now: int, mac: bytes, ident: int) -> dns.rdtypes.ANY.TSIG.TSIG:
        return dns.rdtypes.ANY.TSIG.TSIG(  # type: ignore[no-untyped-call]
            dns.rdataclass.ANY, _TSIG, self._key.algorithm, now, FUDGE, mac, ident, 0, b""
        )

    def listener(self, mac: bytes, where: Server) -> _Listener:
        """Who checks the messages of the answer to a signed one."""
        return _Listener(self._key, mac, where)


_ALGORITHM_NAMES = {"hmac-md5": "hmac-md5.sig-alg.reg.int."}


class _Listener:
    """The signatures of one answer, which may be many messages (RFC 8945 §5.3.1)."""

    def __init__(self, key: dns.tsig.Key, mac: bytes, where: Server) -> None:
        self._key = key
        self._mac = mac
        self._where = where
        self._context: object = None
        self._unsigned = 0

    def check(self, message: bytes, reply: Reply, now: int, *, multi: bool = False) -> None:
        """Raises `OperatorNeeded` for a signature that is not right, `Broken` for none at all.

        An error without a signature passes: it says of itself that it did nothing.
        """
        last = reply.additional[-1] if reply.additional else None
        if last is None or last.type != _TSIG:
            self._without(message, reply, multi)
            return
        rdata = dns.rdata.from_wire(dns.rdataclass.ANY, _TSIG, message, last.place, last.length)
        assert isinstance(rdata, dns.rdtypes.ANY.TSIG.TSIG)
        owner = dns.name.from_wire(last.name, 0)[0]
        try:
            self._context = dns.tsig.validate(  # type: ignore[no-untyped-call]
                message, self._key, owner, rdata, now, self._mac, reply.last, self._context, multi
            )
        except (dns.exception.DNSException, NotImplementedError) as error:
            raise self._refused(error, rdata, now) from error
        self._unsigned = 0

    def _without(self, message: bytes, reply: Reply, multi: bool) -> None:
        if reply.rcode:
            return
        self._unsigned += 1
        if not multi or self._context is None or self._unsigned > _UNSIGNED_MESSAGES:
            self.end()
        self._context.update(message)  # type: ignore[attr-defined]

    def end(self) -> None:
        """No message more: the last one must have been signed."""
        if self._unsigned:
            raise OperatorNeeded(
                f"{self._where} answers without a signature: it, or something between it and us, "
                f"does not know TSIG (key {self._key.name})"
            )

    def _refused(
        self, error: Exception, rdata: dns.rdtypes.ANY.TSIG.TSIG, now: int
    ) -> OperatorNeeded:
        key, where = self._key.name, self._where
        if rdata.error == _BADKEY:
            algorithm = str(self._key.algorithm).rstrip(".")
            return DeniedKey(
                f"{where}: BADKEY: it does not know the key {key} with {algorithm}, "
                "or the key may not do this"
            )
        if rdata.error == _BADTIME or isinstance(error, dns.tsig.BadTime):
            theirs = int.from_bytes(rdata.other, "big") if rdata.other else rdata.time_signed
            return OperatorNeeded(
                f"{where}: BADTIME: its clock is {abs(theirs - now)} s "
                f"{'ahead of' if theirs > now else 'behind'} ours; {FUDGE} s are allowed"
            )
        if rdata.error in (_BADSIG, _BADTRUNC):
            name = "BADSIG" if rdata.error == _BADSIG else "BADTRUNC"
            return OperatorNeeded(f"{where}: {name}: it has another secret for the key {key}")
        return OperatorNeeded(
            f"{where}: its answer is not signed by the key {key}: {error or type(error).__name__}"
        )


# --- the conversation ---------------------------------------------------------------------------


class Conversation:
    """The servers of a zone, asked one message after the other."""

    def __init__(self, servers: tuple[Server, ...], key: Key | None, timeout: float) -> None:
        self._servers = servers
        self._key = key
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._used = 0.0
        self._listener: _Listener | None = None
        self.where = servers[0]
        """The server that was asked last."""

    def ask(self, message: bytes, *, is_signed: bool = True) -> Reply:
        """One message and its reply.  Raises the above."""
        return next(self._stream(message, self._key if is_signed else None, False))

    def stream(self, message: bytes) -> Generator[Reply, None, None]:
        """One message and the replies to it as they come; who listens knows which is the last.

        Then he calls `end`.
        """
        return self._stream(message, self._key, True)

    def _stream(self, message: bytes, key: Key | None, multi: bool) -> Generator[Reply, None, None]:
        message = secrets.token_bytes(2) + message[2:]
        connection = self._connected()
        now = int(time.time())
        mac = b""
        signed = message
        if key:
            signed, mac = key.signed(message, now)
        listener = self._listener = key.listener(mac, self.where) if key else None
        is_kept = False
        try:
            connection.sendall(len(signed).to_bytes(2, "big") + signed)
            while True:
                raw = self._message(connection)
                reply = transfers.read(raw)
                if raw[:2] != message[:2]:
                    raise Broken("an answer to something else")
                if listener:
                    listener.check(raw, reply, int(time.time()), multi=multi)
                self._used = time.monotonic()
                is_kept = not multi
                yield reply
                is_kept = False
        except (OSError, Broken, dns.exception.DNSException) as error:
            raise Lost(f"{self.where}: {_words(error)}") from error
        finally:
            if not is_kept:
                self.close()

    def end(self) -> None:
        """What the last stream told is all.  Raises `OperatorNeeded` when that is not proven."""
        if self._listener:
            self._listener.end()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _message(self, connection: socket.socket) -> bytes:
        size = int.from_bytes(self._octets(connection, 2), "big")
        return self._octets(connection, size)

    def _octets(self, connection: socket.socket, size: int) -> bytes:
        found = bytearray()
        while len(found) < size:
            more = connection.recv(size - len(found))
            if not more:
                raise Broken("the connection was closed before the answer was there")
            found += more
        return bytes(found)

    def _connected(self) -> socket.socket:
        if self._socket is not None:
            if time.monotonic() - self._used < IDLE and not _has_ended(self._socket):
                return self._socket
            self.close()
        reasons = []
        for server in self._servers:
            try:
                made = socket.create_connection(server, min(CONNECT, self._timeout))
            except OSError as error:
                reasons.append(f"{server}: {_words(error)}")
                continue
            self.where = server
            made.settimeout(self._timeout)
            with contextlib.suppress(OSError):
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = made
            self._used = time.monotonic()
            return made
        raise Unreachable(f"no name server can be reached: {'; '.join(reasons)}")


def _has_ended(connection: socket.socket) -> bool:
    """What can be read before anything was asked is the end of the connection."""
    poll = select.poll()  # takes descriptors of any number
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
