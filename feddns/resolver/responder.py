"""The whole server as a function: `respond(message, peer, now)` gives the reply, or None.

    message → ready answer? its next order, with the message's id
            → a denial that can be said in short? `denial`
           → else wire.read_query → answer.answer → wire.write → cache

Never raises for any bytes, and never answers more than one message for one.  Sans-I/O: `udp` and
`tcp` bring the bytes and the clock.  What a reply was is counted in `counts`, a flat list indexed
by `slot`, which `metrics` reads.
"""

from __future__ import annotations

import functools
import itertools
from typing import NamedTuple

from feddns.config import Settings
from feddns.errors import ErrorReply, Ignored
from feddns.records import BADVERS, NOERROR, NXDOMAIN, REFUSED
from feddns.resolver import cache, counts, edns, wire
from feddns.resolver.answer import Answer, Zones, answer
from feddns.resolver.cache import Cache
from feddns.resolver.counts import OTHER, SILENCE, SIZE, Counts
from feddns.resolver.denial import Form, Shortcut
from feddns.resolver.wire import AA, Query, Reply, Sections
from feddns.resolver.zones import Recorder, Zone
from feddns.snapshot import EVERYTHING, Dependency
from feddns.store import Store

LARGEST_TCP = 65_535
UDP_SIZE = 512

_KEPT = frozenset((NOERROR, NXDOMAIN, REFUSED))
"""What is not ours changes only with everything; SERVFAIL and the like are for the moment."""

_STALE = edns.ExtendedError(edns.STALE_ANSWER, "the source of these names is not followed now")


class Peer(NamedTuple):
    """Who asks: address and port in text and number, and whether over TCP."""

    address: str
    port: int
    tcp: bool = False


class Responder:
    """Answers from a store; one for each process."""

    def __init__(
        self, settings: Settings, store: Store, serial: int, memory: Counts | None = None
    ) -> None:
        """`serial`: of every SOA, for example the Unix time of the start."""
        self.settings = settings
        self.store = store
        self.counts: Counts = [0] * SIZE if memory is None else memory
        self.zones = Zones(settings, serial)
        # A question that is to be logged must come by here: no ready answers then.
        budget = 0 if settings.log_queries else settings.answer_cache << 20
        self.udp = Cache(budget * 3 // 4)
        self.tcp = Cache(budget // 4)
        self._nsid = settings.nsid.encode("utf-8")
        self.stale = False
        self._shortcuts = (Shortcut(settings.cluster_domain), Shortcut(settings.cluster_domain))
        store.listen(self.udp.forget)
        store.listen(self.tcp.forget)

    def respond(self, message: bytes, peer: Peer, now: float) -> bytes | None:
        """One reply to one message; None for silence.  `now` is Unix time in seconds."""
        ready = (self.tcp if peer.tcp else self.udp).ready.get(message[2:])
        if ready is not None:
            answers, slot = ready
            self.counts[slot] += 1
            return message[:2] + next(answers)
        return self.miss(message, peer.tcp)

    def miss(self, message: bytes, tcp: bool, recorder: Recorder | None = None) -> bytes | None:
        """The reply to a message that has no ready answer; `recorder` is told why it is so."""
        denial = self._shortcuts[tcp].deny(message, self.store.current)
        if denial is not None and recorder is None:
            return self._finish_denial(message, tcp, *denial)
        try:
            query = wire.read_query(message)
        except Ignored:
            self.counts[counts.slot(tcp, OTHER, SILENCE, False)] += 1
            return None
        except ErrorReply as error:
            self.counts[counts.slot(tcp, OTHER, error.rcode, False)] += 1
            return wire.write_error(message, error.rcode)
        depends: list[Dependency] = []
        offer = query.edns
        if offer is not None and offer.version > 0:
            result = Answer(BADVERS)
        else:
            result = answer(self.zones, self.store.current, query, depends, recorder)
        slot = counts.slot(tcp, query.type, result.rcode, False)
        opt = b"" if offer is None else self._opt(offer, result)
        zone = result.soa
        if zone is not None and not result.answers:
            reply = self._deny(query, zone, result.rcode, opt)
            if result.rcode == NXDOMAIN:
                form = Form(reply.head[: wire.HEAD], opt, slot)
                self._shortcuts[tcp].learn(message, query, zone.denials, form)
            if not tcp and len(reply.head) > UDP_SIZE - 2:
                reply = self._write(query, result, opt, tcp)
        else:
            reply = self._write(query, result, opt, tcp)
        if result.rcode not in _KEPT:
            self.counts[slot] += 1
            return message[:2] + reply.head
        return self._finish(message, tcp, reply, slot, depends)

    def _finish_denial(
        self, message: bytes, tcp: bool, reply: bytes, slot: int, depends: Dependency
    ) -> bytes:
        """`_finish` for the commonest miss, without the parts that it has not."""
        self.counts[slot] += 1
        key = message[2:]
        ready = self.tcp if tcp else self.udp
        if ready.knock(key):
            size = cache.OVERHEAD + len(key) + len(reply)
            ready.put(key, (itertools.repeat(reply), slot + 1), size, [depends])
        return message[:2] + reply

    def _finish(
        self, message: bytes, tcp: bool, reply: Reply, slot: int, depends: list[Dependency]
    ) -> bytes:
        """Count the reply, keep it if its question came before, and give it the message's id."""
        self.counts[slot] += 1
        key = message[2:]
        ready = self.tcp if tcp else self.udp
        if ready.knock(key):
            ready.put(key, (cache.orders(reply), slot + 1), cache.cost(key, reply), depends)
        if reply.total < 2:
            return message[:2] + reply.head
        # Questions that never come twice (cookies, mixed case) take turns by their ids.
        return message[:2] + cache.order(reply, int.from_bytes(message[:2], "big"))

    def _deny(self, query: Query, zone: Zone, rcode: int, opt: bytes) -> Reply:
        """NXDOMAIN or NODATA with the zone's SOA, written against a question that ends in it."""
        soa = zone.denials.get(len(query.name))
        if soa is None:
            soa = zone.denials[len(query.name)] = wire.write_authority(query, zone.soa)
        head = wire.negative_head(query, rcode, bool(opt))
        return Reply(head + query.question + soa + opt, b"", b"", 0, 0)

    def _write(self, query: Query, result: Answer, opt: bytes, tcp: bool) -> Reply:
        flags = result.rcode & 15 | (AA if result.rcode in (NOERROR, NXDOMAIN) else 0)
        authorities = (result.soa.soa,) if result.soa is not None else ()
        sections = Sections(result.answers, authorities, result.additional)
        return wire.write_reply(query, flags, sections, opt, self._limit(query, tcp))

    def _limit(self, query: Query, tcp: bool) -> int:
        if tcp:
            return LARGEST_TCP
        if query.edns is None:
            return UDP_SIZE
        return max(UDP_SIZE, min(query.edns.size, self.settings.edns_size))

    def _opt(self, offer: edns.Offer, result: Answer) -> bytes:
        nsid = self._nsid if offer.nsid else b""
        error = result.error or (_STALE if self.stale else None)
        return _opt_bytes(offer.do, self.settings.edns_size, result.rcode, nsid, error)

    def mark_stale(self, stale: bool) -> None:
        """Whether answers are to say that the world behind them is no longer followed (EDE 3)."""
        if stale != self.stale:
            self.stale = stale
            for ready, shortcut in zip((self.udp, self.tcp), self._shortcuts, strict=True):
                ready.forget({EVERYTHING})
                shortcut.forget()

    def observe(self, seconds: float, queries: int) -> None:
        """See `counts.observe`."""
        counts.observe(self.counts, seconds, queries)


@functools.lru_cache(maxsize=256)
def _opt_bytes(
    do: bool, size: int, rcode: int, nsid: bytes, error: edns.ExtendedError | None
) -> bytes:
    offer = edns.Offer(size, 0, do, bool(nsid))
    return edns.write_opt(offer, size, rcode, nsid, error)
