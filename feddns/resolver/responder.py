"""The whole server as a function: `respond(message, peer, now)` gives the reply, or None.

    message → ready answer? its next order, with the message's id
            → a cookie? cut out, put into the reply: `cookies`
            → a denial that can be said in short? `denial`
           → else wire.read_query → answer.answer → wire.write → cache
           → outside our zones, with a `relay`: what that says, or `Pending`

Never raises for any bytes, and never answers more than one message for one.  Sans-I/O: `udp` and
`tcp` bring the bytes and the clock.  What a reply was is counted in `counts`, a flat list indexed
by `slot`, which `metrics` reads.
"""

from __future__ import annotations

import functools
import ipaddress
import itertools
from typing import NamedTuple

from feddns.config import Settings
from feddns.errors import ErrorReply, Ignored
from feddns.records import BADCOOKIE, BADVERS, FORMERR, NOERROR, NXDOMAIN, REFUSED
from feddns.resolver import cache, cookies, counts, edns, wire
from feddns.resolver.answer import Answer, Zones, answer
from feddns.resolver.cache import Cache
from feddns.resolver.counts import OTHER, SILENCE, SIZE, Counts
from feddns.resolver.denial import Form, Shortcut
from feddns.resolver.forwarding import relay
from feddns.resolver.forwarding.relay import Pending, Relay
from feddns.resolver.forwarding.routing import Routes
from feddns.resolver.limits import Limiter
from feddns.resolver.wire import AA, TC, Query, Reply, Sections
from feddns.resolver.zones import Recorder, Zone
from feddns.snapshot import EVERYTHING, Dependency
from feddns.store import Store

LARGEST_TCP = 65_535
UDP_SIZE = 512

_KEPT = frozenset((NOERROR, NXDOMAIN, REFUSED))
"""What is not ours changes only with everything; SERVFAIL and the like are for the moment."""

_LIMITED_SILENCE = counts.counter("limited_silence")
_LIMITED_TRUNCATED = counts.counter("limited_truncated")
_LIMITED_BADCOOKIE = counts.counter("limited_badcookie")
_SILENT = counts.slot(False, OTHER, SILENCE, False)

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
        self._budget = 0 if settings.log_queries else settings.answer_cache << 20
        self.udp = Cache(self._budget * 3 // 4)
        self.tcp = Cache(self._budget // 4)
        self._nsid = settings.nsid.encode("utf-8")
        self._empty_opts = {
            rcode: _opt_bytes(False, settings.edns_size, rcode, b"", None)
            for rcode in (NOERROR, BADCOOKIE)
        }
        self.limiter = Limiter(settings.rate_limit) if settings.rate_limit else None
        secret = bytes.fromhex(settings.cookie_secret) if settings.cookies else b""
        self._cookies = cookies.Cookies(secret) if secret else None
        self.relay: Relay | None = None
        self.foresees = False  # say what a relay would do, where there is none: `feddns ask`
        self._shortcuts = (Shortcut(settings.cluster_domain), Shortcut(settings.cluster_domain))
        store.listen(self.udp.forget)
        store.listen(self.tcp.forget)
        store.listen(self._forget_denials)

    def respond(self, message: bytes, peer: Peer, now: float) -> bytes | Pending | None:
        """One reply to one message; None for silence.  `now` is Unix time in seconds."""
        ready = self._ready(message, peer.tcp)
        if ready is not None:
            return ready
        asked = self.take_cookie(message)
        if asked is not None:
            client = ipaddress.ip_address(peer.address.partition("%")[0]).packed
            return self.answer_cookie(asked, client, now, peer.tcp)[0]
        return self.miss(message, peer.tcp)

    def miss(
        self, message: bytes, tcp: bool, recorder: Recorder | None = None
    ) -> bytes | Pending | None:
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
        if result.outside is not None:
            outside = self._outside(message, tcp, query, result, depends, recorder)
            if not isinstance(outside, Answer):
                return outside
            result = outside
        slot = counts.slot(tcp, query.type, result.rcode, False)
        opt = b"" if offer is None else self.opt(offer, result)
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

    def _outside(
        self, message: bytes, tcp: bool, query: Query, result: Answer,
        depends: list[Dependency], recorder: Recorder | None,
    ) -> Answer | Pending | bytes:  # fmt: skip
        """What becomes of an answer that leaves our zones; without a relay it stays as it is."""
        snapshot = self.store.current
        # "No zone of ours" has no records; all other answers that leave are chains.
        local = relay.Local(result.answers, depends, result.home, snapshot.version)
        if self.relay is not None:
            self.relay.follow(snapshot.nameservers)
            if recorder is None:
                return self.relay.ask(message, tcp, query, result, local)
            return relay.foresee(self.relay.routes, query, result, local, recorder)
        if self.settings.forward and (self.foresees or recorder is not None):
            routes = Routes(self.settings, snapshot.nameservers)
            return relay.foresee(routes, query, result, local, recorder)
        return result

    # --- cookies and limits ----------------------------------------------------------------------

    def take_cookie(self, message: bytes) -> cookies.Asked | None:
        """The two parts of a message with a COOKIE option, for `answer_cookie`."""
        if message.find(cookies.MARK, 12) < 0 or self._cookies is None:
            return None
        return cookies.take(message, self.settings.edns_size)

    def answer_cookie(
        self, asked: cookies.Asked, client: bytes, now: float, tcp: bool, over: bool = False
    ) -> tuple[bytes | Pending | None, bool]:
        """The reply with a cookie in it, and whether the client's own is valid.

        `client`: its address, packed.  `over`: it is above its limit; only a valid cookie helps.
        """
        plain = asked.plain
        is_query = not plain[2] & wire.NO_QUERY
        if not is_query or not asked.is_well_formed:
            return self._without_cookie(plain, tcp, over, is_query), False
        assert self._cookies is not None
        option, valid = self._cookies.judge(asked.cookie, client, int(now))
        if over and not valid:
            return self._refuse(plain, BADCOOKIE, option, asked.limit), False
        reply: bytes | Pending | None
        if asked.has_question:
            reply = self._ready(plain, tcp) or self.miss(plain, tcp)
        else:
            self.counts[counts.slot(tcp, OTHER, NOERROR, False)] += 1
            reply = wire.write_empty(plain, 0, self._empty_opts[NOERROR])
        limit = LARGEST_TCP if tcp else asked.limit
        if isinstance(reply, Pending):
            reply.finish = functools.partial(cookies.add, cookie=option, limit=limit)
        elif reply is not None:
            reply = cookies.add(reply, option, limit)
        return reply, valid

    def _without_cookie(
        self, plain: bytes, tcp: bool, over: bool, is_query: bool
    ) -> bytes | Pending | None:
        """What has an option of a wrong length, or is no query."""
        if over:
            return self.refuse(plain)
        if not is_query:
            return self.miss(plain, tcp)
        self.counts[counts.slot(tcp, OTHER, FORMERR, False)] += 1
        return wire.write_error(plain, FORMERR)

    def _ready(self, message: bytes, tcp: bool) -> bytes | None:
        ready = (self.tcp if tcp else self.udp).ready.get(message[2:])
        if ready is None:
            return None
        answers, slot = ready
        self.counts[slot] += 1
        return message[:2] + next(answers)

    def refuse(self, message: bytes) -> bytes | None:
        """What a client above its limit gets over UDP, see `limits`."""
        return self._refuse(message, NOERROR, b"", UDP_SIZE)

    def _refuse(self, message: bytes, rcode: int, option: bytes, limit: int) -> bytes | None:
        reply = None
        if self.limiter is not None and self.limiter.slips:
            flags = rcode & 15 if rcode else TC
            reply = wire.write_empty(message, flags, self._empty_opts[rcode])
        if reply is None:
            self.counts[_LIMITED_SILENCE] += 1
            self.counts[_SILENT] += 1
            return None
        self.counts[_LIMITED_BADCOOKIE if rcode else _LIMITED_TRUNCATED] += 1
        self.counts[counts.slot(False, OTHER, rcode, False)] += 1
        return cookies.add(reply, option, limit) if option else reply

    # --- the parts of a miss ---------------------------------------------------------------------

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
            size = cache.cost(key, reply, len(depends))
            ready.put(key, (cache.orders(reply), slot + 1), size, depends)
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
        return wire.write_reply(query, flags, sections, opt, self.limit(query, tcp))

    def limit(self, query: Query, tcp: bool) -> int:
        """The largest reply that an asker takes."""
        if tcp:
            return LARGEST_TCP
        if query.edns is None:
            return UDP_SIZE
        return max(UDP_SIZE, min(query.edns.size, self.settings.edns_size))

    def opt(self, offer: edns.Offer, result: Answer, *, is_ours: bool = True) -> bytes:
        """The OPT record of a reply; what is ours says when its source is not followed."""
        nsid = self._nsid if offer.nsid else b""
        is_stale = is_ours and self.store.current.stale_since
        error = result.error or (_STALE if is_stale else None)
        return _opt_bytes(offer.do, self.settings.edns_size, result.rcode, nsid, error)

    def _forget_denials(self, dependencies: set[Dependency]) -> None:
        """Replies may look different after `EVERYTHING`: staleness is said in each."""
        if EVERYTHING in dependencies:
            for shortcut in self._shortcuts:
                shortcut.forget()

    def allow(self, share: float, *, give_up: bool) -> None:
        """The ready answers may take this share of their budget; `give_up` empties them."""
        self.udp.allow(int(self._budget * share * 3 / 4), give_up=give_up)
        self.tcp.allow(int(self._budget * share / 4), give_up=give_up)

    def observe(self, seconds: float, queries: int) -> None:
        """`queries` were each answered so long after they were taken from the kernel."""
        counts.DURATIONS.observe(self.counts, seconds, queries)


@functools.lru_cache(maxsize=256)
def _opt_bytes(
    do: bool, size: int, rcode: int, nsid: bytes, error: edns.ExtendedError | None
) -> bytes:
    offer = edns.Offer(size, 0, do, bool(nsid))
    return edns.write_opt(offer, size, rcode, nsid, error)
