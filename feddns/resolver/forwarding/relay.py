"""From a question that leaves our zones to its reply.

    the local answer               the name outside is …              reply
    is REFUSED: no zone of ours    in a route                         upstream's, AA clear, RA set
                                   never forwarded, localhost         `routing`'s, AA set
                                   without any server                 REFUSED, EDE 20, as it was
                                   a question of ours, come back      REFUSED, EDE 0; a probe: HINFO
                                                                      (`loops`)
    is a chain of CNAMEs           in a route                         below
                                   never forwarded, localhost         CNAMEs, and `routing`'s
                                   without any server                 CNAMEs alone, NOERROR

    a chain, by what upstream      from an ExternalName or a          from a federated name
    says of its end                load balancer's host name          without a view
    records                        CNAMEs and records, NOERROR        CNAMEs and records, NOERROR
    NODATA                         CNAMEs, NOERROR, its SOA           no records, NOERROR, our SOA
    NXDOMAIN                       CNAMEs, NXDOMAIN, its SOA          no records, NOERROR, our SOA
    another rcode, or nothing      CNAMEs, that rcode (SERVFAIL)      CNAMEs alone, NOERROR

The left column is RFC 6604 and one of the forms of K-EXT-RCODE.  In the right one a federated
Service without a shard anywhere has no records, whether the public zone or the view says so
(decision 5, federation-v1.md 2.2); when the public zone cannot be asked, nothing is said of it that
a client might keep.  A chain is AA, as its first name is ours, and asked for with RD.

A reply is kept among the ready answers until its shortest TTL is over (or what a chain's local part
was made from is touched), and counts its TTLs down there.

Pure; called by `responder`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import msgspec

from feddns import names
from feddns.config import Settings
from feddns.nameservers import Nameservers
from feddns.records import NOERROR, NXDOMAIN, REFUSED, SERVFAIL, SOA, RRset
from feddns.resolver import cache, counts, edns, wire
from feddns.resolver.answer import Answer
from feddns.resolver.cache import Cache
from feddns.resolver.counts import Counts
from feddns.resolver.forwarding import copies, messages
from feddns.resolver.forwarding.forwarder import Forwarder
from feddns.resolver.forwarding.inflight import Given
from feddns.resolver.forwarding.messages import AD, RA, WANTS_CD, WANTS_DO, WANTS_RD, Asked, Copy
from feddns.resolver.forwarding.routing import Denied, Route, Routes
from feddns.resolver.wire import AA, CD, QR, RD, TC, Query
from feddns.resolver.zones import Recorder, Zone
from feddns.snapshot import EVERYTHING, Dependency
from feddns.store import Store

_COUNTS = struct.Struct("!HHHHH")
_STALE = edns.ExtendedError(edns.STALE_ANSWER, "no upstream answers now: from an earlier answer")
_LOOP = Answer(
    REFUSED, error=edns.ExtendedError(edns.OTHER, "this question was sent from here: a loop")
)
_COUNTDOWN = 880  # bytes of a countdown's generator and what it holds


class Host(Protocol):
    """What is needed of the responder."""

    settings: Settings
    counts: Counts
    store: Store
    udp: Cache
    tcp: Cache

    def limit(self, query: Query, tcp: bool) -> int:
        """The largest reply that the asker takes."""

    def opt(self, offer: edns.Offer, result: Answer, *, is_ours: bool = True) -> bytes:
        """The OPT record of a reply."""


class Local(msgspec.Struct, gc=False):
    """What our zones said: the CNAMEs, what they were made from, and in which world.

    `home`: see `answer.Answer`.
    """

    chain: Sequence[RRset]
    depends: list[Dependency]
    home: Zone | None
    version: int


class Pending(msgspec.Struct, eq=False):
    """A reply that is still to come: `send` is called with it.

    Whoever takes the message puts `send` in at once; a place that is gone by then must not mind.
    `finish` adds what is for this asker alone.
    """

    relay: Relay
    message: bytes
    tcp: bool
    query: Query
    local: Local
    asked: Asked
    route: Route
    finish: Callable[[bytes], bytes] | None = None
    send: Callable[[bytes], None] | None = None

    def settle(self, given: Given) -> None:
        """Called by the forwarder."""
        reply = self.relay.reply(self, given)
        if self.finish is not None:
            reply = self.finish(reply)
        if self.send is not None:
            self.send(reply)


class Relay:
    """Between the responder and the forwarder."""

    def __init__(self, host: Host, forwarder: Forwarder) -> None:
        self.host = host
        self.forwarder = forwarder
        self._given: Nameservers | None = None
        self._fallback: tuple[str, ...] = ()
        self.routes = Routes(host.settings)

    def set_fallback(self, servers: tuple[str, ...]) -> None:
        """The nameservers of resolv.conf."""
        if servers != self._fallback:
            self._fallback = servers
            self.follow(self._given or Nameservers(), again=True)
            for ready in (self.host.udp, self.host.tcp):
                ready.forget({EVERYTHING})  # what was refused for want of a server, too

    def follow(self, given: Nameservers, *, again: bool = False) -> None:
        """Take over what the ConfigMap says, when it says something else."""
        if given is self._given and not again:
            return
        self._given = given
        self.routes = Routes(self.host.settings, given, self._fallback)
        self.forwarder.servers.keep(self.routes.servers())

    # --- the question -------------------------------------------------------------------------

    def ask(
        self, message: bytes, tcp: bool, query: Query, result: Answer, local: Local
    ) -> Answer | Pending | bytes:
        """An answer to be written as usual, a reply without being counted again, or the wait."""
        name = result.outside
        assert name is not None
        forwarder = self.forwarder
        loops = forwarder.loops
        if loops.is_ours(message, forwarder.clock):
            return _LOOP
        if loops.marks.is_probe(name):
            return Answer(NOERROR, (loops.marks.answer(name),))
        found = self.routes.of(name, query.type)
        if found is None:
            return result
        if isinstance(found, Denied):
            return _denied(found, local)
        wants = _wants(query, chain=bool(local.chain))
        asked = Asked(name + query.question[-4:], wants, found.domain)
        pending = Pending(self, message, tcp, query, local, asked, found)
        given = forwarder.resolve(asked, found, pending)
        return pending if given is None else self.reply(pending, given)

    # --- the reply ----------------------------------------------------------------------------

    def reply(self, pending: Pending, given: Given) -> bytes:
        """The reply to one asker, kept for others when its copy is fresh; counted."""
        copy, host, message = given.copy, self.host, pending.message
        query, tcp = pending.query, pending.tcp
        shape = _chained(pending, copy) if pending.local.chain else None
        rcode = copy.rcode if shape is None else shape.rcode
        rcode = rcode if rcode < 16 else SERVFAIL
        slot = counts.slot(tcp, query.type, rcode, False)
        host.counts[slot] += 1
        error = _STALE if given.stale else copy.error
        opt = b""
        if query.edns is not None:
            opt = host.opt(query.edns, Answer(rcode, error=error), is_ours=shape is not None)
        limit = host.limit(query, tcp)
        if shape is None:
            aging = _relayed(pending, copy, rcode, opt, limit)
        else:
            aging = _appended(pending, shape, opt, limit)
        self.forwarder.note(pending.asked, pending.route, copy)
        if given.stale:
            return message[:2] + aging.stale()
        if copy.lifetime > 0 and copy.rcode in messages.FINAL:
            self._keep(pending, copy, aging, slot + 1)
        return message[:2] + aging.at(self.forwarder.coarse.second - int(copy.received))

    def _keep(self, pending: Pending, copy: Copy, aging: Aging, slot: int) -> None:
        message = pending.message
        ready = self.host.tcp if pending.tcp else self.host.udp
        key = message[2:]
        forwarder, local = self.forwarder, pending.local
        if not ready.knock(key) or copy.expires <= forwarder.clock():
            return
        snapshot = self.host.store.current
        if snapshot.nameservers is not self._given or (
            local.depends and snapshot.version != local.version
        ):
            return  # made in a world that is no more
        note = partial(forwarder.note, pending.asked, pending.route, copy)
        answers = copies.countdown(aging.at, int(copy.received), forwarder.coarse, note)
        cost = cache.OVERHEAD + _COUNTDOWN + len(key) + 2 * aging.size + 40 * len(copy.ttls)
        ready.put(key, (answers, slot), cost, local.depends, copy.expires)


def _wants(query: Query, *, chain: bool) -> int:
    wants = WANTS_RD if chain or query.flags & RD else 0
    if query.flags & CD:
        wants |= WANTS_CD
    if query.edns is not None and query.edns.do:
        wants |= WANTS_DO
    return wants


def _denied(found: Denied, local: Local) -> Answer:
    if local.home is not None and found.rrset is None:
        return Answer(NOERROR, (), local.home)
    if found.rrset is not None:
        return Answer(NOERROR, (*local.chain, found.rrset))
    return Answer(NOERROR if found.exists else NXDOMAIN, tuple(local.chain), found.zone)


class Aging(msgspec.Struct, gc=False):
    """A reply without its id; the TTLs are at `ttls` in `body`."""

    head: bytes
    body: bytes
    ttls: tuple[int, ...]
    tail: bytes = b""

    @property
    def size(self) -> int:
        return len(self.head) + len(self.body) + len(self.tail)

    def at(self, age: int) -> bytes:
        """As it is so many seconds after upstream gave it."""
        return self.head + copies.aged(self.body, self.ttls, age, -1) + self.tail

    def stale(self) -> bytes:
        """As it is after its time."""
        return self.head + copies.aged(self.body, self.ttls, 0, copies.STALE_TTL) + self.tail


# --- upstream's reply as it came --------------------------------------------------------------


def _relayed(pending: Pending, copy: Copy, rcode: int, opt: bytes, limit: int) -> Aging:
    query = pending.query
    question = query.question
    flags = QR | RA | query.flags | rcode
    # Who sets AD or DO understands AD in the reply (RFC 6840 §5.8).
    if copy.authentic and (pending.message[3] & AD or (query.edns and query.edns.do)):
        flags |= AD
    answers, authorities, additionals = copy.counts
    body, ttls = copy.body, copy.ttls
    room = limit - 12 - len(question) - len(opt)
    if len(body) > room and additionals:
        body, additionals = body[: copy.additional], 0
        ttls = ttls[: 2 * (answers + authorities)]
    if len(body) > room or copy.truncated:
        flags |= TC
        body, ttls, answers, authorities, additionals = b"", (), 0, 0, 0
    head = _COUNTS.pack(flags, 1, answers, authorities, additionals + bool(opt)) + question
    return Aging(head, body, ttls, opt)


# --- upstream's records behind our CNAMEs -----------------------------------------------------


class Shape(msgspec.Struct, gc=False):
    """The sections of a chain's reply; `local` answers come first and keep their TTL."""

    rcode: int
    answers: Sequence[RRset]
    authorities: Sequence[RRset]
    local: int


def _chained(pending: Pending, copy: Copy) -> Shape:
    """The second table of the module."""
    local = pending.local
    chain = local.chain
    found = messages.rrsets(copy, pending.asked.question) if copy.rcode in messages.FINAL else None
    if found is None:
        rcode = copy.rcode if copy.rcode not in messages.FINAL else SERVFAIL
        return Shape(rcode if local.home is None else NOERROR, chain, (), len(chain))
    answers, authorities = found
    kinds = {rrset.type for rrset in answers}
    if pending.query.type in kinds and copy.rcode == NOERROR:
        return Shape(NOERROR, [*chain, *answers], (), len(chain))
    if local.home is not None:
        return Shape(NOERROR, (), (local.home.soa,), 1)
    soa = [rrset for rrset in authorities if rrset.type == SOA]
    return Shape(copy.rcode, [*chain, *answers], soa, len(chain))


def _appended(pending: Pending, shape: Shape, opt: bytes, limit: int) -> Aging:
    """The records of the first CNAMEs keep their TTL."""
    sections = wire.Sections(shape.answers, shape.authorities)
    flags = shape.rcode & 15 | RA | (AA if shape.rcode in (NOERROR, NXDOMAIN) else 0)
    reply = wire.write_reply(pending.query, flags, sections, opt, limit)
    whole = cache.order(reply, int.from_bytes(pending.message[:2], "big"))
    start = 10 + len(pending.query.question)
    return Aging(whole[:start], whole[start:], messages.places(whole, start, shape.local))


# --- without a server -------------------------------------------------------------------------


def foresee(
    routes: Routes, query: Query, result: Answer, local: Local, recorder: Recorder | None = None
) -> Answer:
    """The answer of `feddns ask` and `why`, which ask nobody: what never leaves, or who would be
    asked, said in its extended error.
    """
    name = result.outside
    assert name is not None
    text = routes.explain(name, query.type)
    if recorder is not None:
        recorder("forward", text, name=names.format(name))
    found = routes.of(name, query.type)
    if isinstance(found, Denied):
        return _denied(found, local)
    code = result.error.code if result.error is not None else edns.OTHER
    return msgspec.structs.replace(result, error=edns.ExtendedError(code, text))
