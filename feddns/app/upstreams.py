"""Forwarding in an answering process: the forwarder, its sockets, and who the machine itself asks.

    nameservers of /etc/resolv.conf      are followed when the file changes, without those that
                                         would be this server itself
    our mark (`forwarding.loops`)        made once, before the processes are forked

I/O.  Called by `answering`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from feddns.app.sockets import Listener
from feddns.config import values
from feddns.inventory import Upstream
from feddns.resolver.counts import FORWARDED, Counts, counter, gauge
from feddns.resolver.forwarding import loops
from feddns.resolver.forwarding.forwarder import Forwarder
from feddns.resolver.forwarding.relay import Relay
from feddns.resolver.forwarding.transport import Transport
from feddns.resolver.responder import Responder

_log = logging.getLogger("feddns.forwarding")

MARK = os.urandom(loops.MARK)
RESOLV_CONF = Path("/etc/resolv.conf")
_DRAIN_AT_MOST = 5.0
_WORDS = struct.Struct("128Q")


class Chance:
    """Random numbers below n from the kernel's generator, many taken from it at a time."""

    def __init__(self) -> None:
        self._words: Iterator[int] = iter(())

    def __call__(self, below: int) -> int:
        """For n up to 2³² and small beside 2⁶⁴, so that the remainder favours nobody."""
        word = next(self._words, None)
        if word is None:
            self._words = iter(_WORDS.unpack(os.urandom(_WORDS.size)))
            word = next(self._words)
        return word % below


class Upstreams:
    """Puts a relay into a responder, and gives it time."""

    def __init__(
        self, responder: Responder, listeners: list[Listener], loop: asyncio.AbstractEventLoop
    ) -> None:
        settings = responder.settings
        self._settings = settings
        self._listeners = listeners
        self._store = responder.store
        self._loop = loop
        chance = Chance()
        self.transport = Transport(loop.call_later, chance)
        clock = time.monotonic  # the loop's, without a call of the loop
        self.forwarder = Forwarder(settings, self.transport, clock, chance, MARK, _log.warning)
        self.transport.forwarder = self.forwarder
        self.relay = Relay(responder, self.forwarder)
        self._ready = (responder.udp, responder.tcp)
        self._seen: tuple[int, ...] = ()
        self._published: dict[str, int] = {}
        self._is_taking = False
        self._after: list[Callable[[], None]] = []
        self._troubled = False
        responder.relay = self.relay
        loop.add_reader(self.transport.fileno(), self.on_ready)

    def on_ready(self) -> None:
        """Take what has come from upstream, and send on at once what can be."""
        self._is_taking = True
        self.transport.on_ready()
        self._is_taking = False
        after, self._after = self._after, []
        for function in after:
            function()

    def soon(self, function: Callable[[], None]) -> None:
        """Call it at the end of this turn, if one is being taken, or in the next."""
        if self._is_taking:
            self._after.append(function)
        else:
            self._loop.call_soon(function)

    def tick(self) -> None:
        """Four times a second or so."""
        self._follow_resolv_conf()
        self.relay.follow(self._store.current.nameservers)
        self.forwarder.tick()
        now = time.monotonic()
        for ready in self._ready:
            ready.sweep(now)

    def pending(self) -> int:
        """How many askers wait for an answer from upstream."""
        return self.forwarder.waiting

    def drain(self) -> None:
        """Wait for what is pending, without the loop, and close the sockets."""
        self._loop.remove_reader(self.transport.fileno())
        self.transport.finish(min(self._settings.upstream_budget + 0.5, _DRAIN_AT_MOST))
        self.transport.close()

    def publish(self, numbers: Counts) -> None:
        """Put what has been counted into the slots of `counts`."""
        forwarder = self.forwarder
        numbers[gauge("forward_in_flight")] = forwarder.in_flight
        numbers[gauge("forward_waiting")] = forwarder.waiting
        numbers[gauge("forward_entries")] = len(forwarder.copies)
        numbers[gauge("forward_bytes")] = forwarder.copies.bytes
        counted = forwarder.numbers
        grown = {f"forward_{name}": getattr(counted, name) for name in counted.__slots__}
        grown["forward_hits"] = forwarder.coarse.hits
        grown["forward_loops"] = forwarder.loops.found
        for name in FORWARDED:
            numbers[counter(name)] += grown[name] - self._published.get(name, 0)
        self._published = grown

    def report(self) -> list[Upstream]:
        """Each upstream server in numbers."""
        return self.forwarder.report()

    def allow(self, share: float, *, give_up: bool) -> None:
        """What is kept may take this share of its budget; with `give_up` it is forgotten first."""
        if give_up:
            self.forwarder.give_up_memory()
        self.forwarder.copies.set_budget(int((self._settings.forward_cache << 20) * share))

    # --- resolv.conf ------------------------------------------------------------------------------

    def _follow_resolv_conf(self) -> None:
        try:
            found = os.stat(RESOLV_CONF)
        except OSError:
            seen: tuple[int, ...] = (0,)
        else:
            seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        if seen == self._seen:
            return
        self._seen = seen
        servers = () if seen == (0,) else read(RESOLV_CONF, self._listeners)
        self.relay.set_fallback(servers)
        if self.relay.routes.upstream is None and not self._troubled:
            self._troubled = True
            _log.warning(
                "no upstream: --upstream, the ConfigMap's upstreamNameservers and %s name none; "
                "questions outside our zones are refused",
                RESOLV_CONF,
            )


def read(path: Path, listeners: list[Listener]) -> tuple[str, ...]:
    """The nameservers of a resolv.conf as ADDRESS:PORT, without our own listeners."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    found: dict[str, None] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0] != "nameserver":
            continue
        address = words[1]
        try:
            server = values.nameserver(address)
        except ValueError as error:  # a zone index, for example
            _log.warning("%s: %s", path, error)
            continue
        if not any(_is_own(server, listener) for listener in listeners):
            found[str(server)] = None
    return tuple(found)


def _is_own(server: values.Nameserver, listener: Listener) -> bool:
    if server.port != listener.address.port:
        return False
    bound = listener.address.address
    if bound not in ("0.0.0.0", "::"):  # noqa: S104 - a comparison
        return server.address == bound
    return _is_of_this_machine(server.address)


def _is_of_this_machine(address: str) -> bool:
    """Whether a socket can be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
