"""Questions in flight: one for each (name, type, DO, CD, RD), whoever and how many ask it.

    a question …                                   outcome
    has a fresh copy                               that copy
    has a stale one that was tried lately, or
      all its servers are down                     the stale copy at once; asked again behind it
    is in flight already                           waits with the others
    is one more than --upstream-outstanding        stale copy, else SERVFAIL, EDE 23
    else                                           asked, and waits

    in flight, what happens                        then
    an answer (NOERROR, NXDOMAIN, YXDOMAIN)        kept and given to all who wait
    a reply that does not match                    waited on
    TC                                             the same server over TCP
    FORMERR, NOTIMP, BADVERS to an OPT record      the same server without; if it then answers it is
                                                   asked without from now on
    SERVFAIL, REFUSED, another rcode, a reply      the next server; when all said no: the stale
      that is cut short, no delivery               copy, else the last rcode, else SERVFAIL, EDE 23
    no answer in the time of a try                 the next server, in turn, with twice the time in
                                                   each round; late answers still count
    1.8 s are over and there is a stale copy       given (RFC 8767 §5); the question goes on
    --upstream-budget is over                      the stale copy, else SERVFAIL, EDE 22 with names

    a copy near its end, asked in three seconds or more, is asked for again before anybody waits

Sans-I/O: the clock, chance and the sockets are handed in.  `transport` brings replies and time.
Called by `relay` and `transport`.
"""

from __future__ import annotations

from collections.abc import Callable

from feddns.config import Settings
from feddns.inventory import Upstream
from feddns.records import BADVERS, FORMERR, NOTIMP, RCODE_NAMES
from feddns.resolver.forwarding import loops, messages
from feddns.resolver.forwarding.copies import Clock, Copies
from feddns.resolver.forwarding.inflight import Chance, Exchange, Given, Question, Transport, Waiter
from feddns.resolver.forwarding.messages import FINAL, WANTS_RD, Asked, Copy
from feddns.resolver.forwarding.routing import Route
from feddns.resolver.forwarding.servers import Server, Servers

NO_REACHABLE_AUTHORITY, NETWORK_ERROR = 22, 23
RECHECK = 5.0
MOST_TRIES = 12
POPULAR = 3
_PROBE_TRIES = 2
_WITHOUT_EDNS = frozenset((FORMERR, NOTIMP, BADVERS))


class Numbers:
    """What is counted, for the gauges `forward_<name>` of `counts`."""

    __slots__ = ("answered", "failed", "misses", "prefetches", "refused_full", "stale")

    def __init__(self) -> None:
        self.answered = self.failed = self.misses = 0
        self.prefetches = self.refused_full = self.stale = 0


class Forwarder:
    """See the module's docstring.  One for each process."""

    def __init__(
        self, settings: Settings, transport: Transport, clock: Callable[[], float],
        chance: Chance, mark: bytes, tell: Callable[[str], None] = lambda line: None,
    ) -> None:  # fmt: skip
        """`mark`: random, the same in all processes; `tell` takes a line for the operator."""
        self.settings = settings
        self.clock = clock
        self.servers = Servers(settings.upstream_policy, chance)
        self.loops = loops.Loops(mark, self.servers, tell)
        self.copies = Copies(settings.forward_cache << 20, settings.serve_stale)
        self.coarse = Clock()
        self.numbers = Numbers()
        self.waiting = 0
        self._transport = transport
        self._chance = chance
        self._tell = tell
        self._questions: dict[Asked, Question] = {}
        self._probes: set[Question] = set()
        self._wanted: dict[Asked, Route] = {}

    # --- questions ----------------------------------------------------------------------------

    def resolve(self, asked: Asked, route: Route, waiter: Waiter) -> Given | None:
        """The outcome when it is known now; else None, and `waiter` is told."""
        now = self.clock()
        self.coarse.second = int(now)
        copy = self.copies.get(asked)
        stale = None
        if copy is not None:
            if now < copy.expires:
                self.coarse.hits += 1
                return Given(copy)
            if self.copies.is_usable(copy, now):
                stale = copy
                if now < copy.recheck:
                    self.numbers.stale += 1
                    return Given(copy, stale=True)
        self.numbers.misses += 1
        question = self._questions.get(asked)
        most = self.settings.upstream_outstanding
        if self.waiting >= most or len(self._questions) >= most:
            return self._full(stale, now)
        if question is None:
            question = self._start(asked, route, stale, now)
            if question.given is not None:
                return question.given
        if stale is not None and (
            now >= question.stale_at or all(server.is_down for server in question.order)
        ):
            self.numbers.stale += 1
            return Given(stale, stale=True)
        question.waiters.append(waiter)
        self.waiting += 1
        return None

    def _full(self, stale: Copy | None, now: float) -> Given:
        self.numbers.refused_full += 1
        if stale is not None:
            self.numbers.stale += 1
            return Given(stale, stale=True)
        limit = self.settings.upstream_outstanding
        text = f"{limit} forwarded questions wait already (--upstream-outstanding)"
        return Given(messages.failure(NETWORK_ERROR, text, now))

    def _start(self, asked: Asked, route: Route, stale: Copy | None, now: float) -> Question:
        order = self.servers.order(route.servers, now)
        question = Question(asked, order, stale, now, now + self.settings.upstream_budget)
        self._questions[asked] = question
        if not question.order:
            names = ", ".join(route.servers)
            self._give_up(question, now, NETWORK_ERROR, f"{names} leads back to this server")
            return question
        self._next(question, now)
        if not question.done:
            self._copy_to_the_sick(question, now)
        return question

    # --- tries --------------------------------------------------------------------------------

    def _next(self, question: Question, now: float) -> None:
        """Try the next server that has not said no; when there is none, give up."""
        order = question.order
        most = MOST_TRIES if question.probed is None else _PROBE_TRIES
        while len(question.refused) < len(order):
            if question.turn >= most:
                self._wait(question, question.deadline)
                return
            server = order[question.turn % len(order)]
            rounds = question.turn // len(order)
            question.turn += 1
            if server in question.refused:
                continue
            if self._try(question, server, False, server.takes_edns(now), now):
                patience = server.patience(self.settings.upstream_budget) * (1 << rounds)
                self._wait(question, now + patience)
                return
        self._give_up(question, now, NETWORK_ERROR, "; ".join(question.refused.values()))

    def _wait(self, question: Question, until: float) -> None:
        """When to look at the question again: a stale copy may be due before the next try."""
        if until > question.deadline:
            until = question.deadline
        question.try_until = question.due = until
        if question.stale is not None and not question.is_appeased:
            question.due = min(question.due, question.stale_at)

    def _try(
        self, question: Question, server: Server, tcp: bool, edns: bool, now: float
    ) -> bool:  # fmt: skip
        if edns and not server.option:
            server.option = self.loops.marks.option(server.address)
        ident = self._chance(65_536)
        message = messages.write(question.asked, ident, server.option, edns=edns)
        exchange = Exchange(question, server, tcp, edns, ident, message, now)
        server.note_asked(now)
        question.exchanges.append(exchange)
        if self._transport.send(exchange):
            question.current = exchange
            return True
        question.exchanges.remove(exchange)
        self._undelivered(exchange, "cannot be reached", now)
        return False

    def _undelivered(self, exchange: Exchange, why: str, now: float) -> None:
        server = exchange.server
        server.in_flight -= 1
        exchange.question.refused[server] = f"{server.address} {why}"
        if server.note_failure(now, timeout=False):
            self._tell(f"upstream {server.address} is down: {why}")

    def _copy_to_the_sick(self, question: Question, now: float) -> None:
        for server in question.order[1:]:
            if server.wants_copy(now):
                current = question.current
                self._try(question, server, False, server.takes_edns(now), now)
                question.current = current
                return

    # --- what comes back ------------------------------------------------------------------------

    def received(self, exchange: Exchange, message: bytes) -> bool:
        """Take a message from the exchange's server; False when it is no reply to it.

        With the reply the exchange is over.
        """
        question, server = exchange.question, exchange.server
        if not messages.matches(message, exchange.ident, question.asked.question):
            return False
        if question.done:
            return True
        now = self.clock()
        self.coarse.second = int(now)
        server.in_flight -= 1
        question.exchanges.remove(exchange)
        if server.note_answer(now - exchange.started):
            self._tell(f"upstream {server.address} is up")
        settings = self.settings
        copy = messages.read(
            message, question.asked, now, settings.forward_ttl, settings.forward_negative_ttl
        )
        if copy is None:
            self._refuse(exchange, "sends what cannot be read", now)
        elif copy.rcode in _WITHOUT_EDNS and exchange.edns:
            self._again(exchange, exchange.tcp, False, now)
        elif copy.truncated and not exchange.tcp:
            self._again(exchange, True, exchange.edns, now)
        elif copy.rcode in FINAL:
            if not exchange.edns and server.takes_edns(now):
                server.note_plain(now)
            self._finish(question, copy)
        else:
            question.last = copy
            self._refuse(exchange, f"says {_rcode(copy.rcode)}", now)
        return True

    def _again(self, exchange: Exchange, tcp: bool, edns: bool, now: float) -> None:
        """The same server in another way."""
        question, server = exchange.question, exchange.server
        if self._try(question, server, tcp, edns, now):
            patience = max(1.0, server.patience(self.settings.upstream_budget))
            self._wait(question, now + patience)
        else:
            self._next(question, now)

    def _refuse(self, exchange: Exchange, why: str, now: float) -> None:
        question, server = exchange.question, exchange.server
        server.refusals += 1
        question.refused[server] = f"{server.address} {why}"
        if exchange is question.current or len(question.refused) == len(question.order):
            self._next(question, now)

    def failed(self, exchange: Exchange, why: str) -> None:
        """The exchange's socket says that no reply will come."""
        question = exchange.question
        if question.done or exchange not in question.exchanges:
            return
        now = self.clock()
        question.exchanges.remove(exchange)
        self._transport.drop(exchange)
        self._undelivered(exchange, why, now)
        if exchange is question.current or len(question.refused) == len(question.order):
            self._next(question, now)

    # --- outcomes -------------------------------------------------------------------------------

    def _finish(self, question: Question, copy: Copy) -> None:
        self._close(question)
        if question.probed is not None:
            self.loops.judge(question.probed, loops.came_back(copy.body))
            return
        self.numbers.answered += 1
        self.copies.put(question.asked, copy)
        self._settle(question, Given(copy))

    def _give_up(self, question: Question, now: float, code: int, text: str) -> None:
        self._close(question)
        if question.probed is not None:
            self.loops.excuse(question.probed, now)
            return
        self.numbers.failed += 1
        stale = question.stale
        if stale is not None and self.copies.is_usable(stale, now):
            stale.recheck = now + RECHECK
            self._settle(question, Given(stale, stale=True))
            return
        copy = question.last if code == NETWORK_ERROR else None
        if copy is None:
            copy = messages.failure(code, text, now)
        elif copy.error is None:
            copy.error = messages.failure(code, text, now).error
        self.copies.put(question.asked, copy)
        self._settle(question, Given(copy))

    def _close(self, question: Question) -> None:
        question.done = True
        if question.probed is None:
            del self._questions[question.asked]
        else:
            self._probes.remove(question)
        for exchange in question.exchanges:
            exchange.server.in_flight -= 1
            self._transport.drop(exchange)
        question.exchanges.clear()
        question.current = None  # no circle is left for the collector

    def _settle(self, question: Question, given: Given) -> None:
        question.given = given
        waiters, question.waiters = question.waiters, []
        self.waiting -= len(waiters)
        if given.stale:
            self.numbers.stale += len(waiters)
        for waiter in waiters:
            waiter.settle(given)

    # --- time -----------------------------------------------------------------------------------

    def sweep(self) -> bool:
        """Do what is due; whether anything is in flight.  To be called every few hundredths.

        It looks at all there is: most questions are over before it comes by, and then a place in
        the order of time would cost each of them more than a look costs the few.
        """
        now = self.clock()
        for question in [*self._questions.values(), *self._probes]:
            if question.due <= now and not question.done:
                self._on_due(question, now)
        return bool(self._questions or self._probes)

    def _on_due(self, question: Question, now: float) -> None:
        if now >= question.deadline:
            self._time_out(question, now)
            silent = ", ".join(dict.fromkeys(e.server.address for e in question.exchanges))
            said = "; ".join(question.refused.values())
            text = "; ".join(filter(None, (f"no answer from {silent}" if silent else "", said)))
            code = NO_REACHABLE_AUTHORITY if silent else NETWORK_ERROR
            self._give_up(question, now, code, text)
            return
        if question.stale is not None and not question.is_appeased and now >= question.stale_at:
            question.is_appeased = True
            self._settle(question, Given(question.stale, stale=True))
            self._wait(question, question.try_until)
        if now >= question.try_until:
            self._time_out(question, now)
            self._next(question, now)

    def _time_out(self, question: Question, now: float) -> None:
        """The current try has had its time; its reply still counts when it comes."""
        current = question.current
        if current is None or current not in question.exchanges:
            return
        question.current = None
        if current.server.note_failure(now, timeout=True):
            self._tell(f"upstream {current.server.address} is down: it does not answer")

    def tick(self) -> None:
        """Now and then, four times a second or so: fetch what is popular again, probe for loops."""
        now = self.clock()
        self.coarse.second = int(now)
        wanted, self._wanted = self._wanted, {}
        for asked, route in wanted.items():
            if asked not in self._questions:
                self.numbers.prefetches += 1
                self._start(asked, route, self.copies.get(asked), now)
        for server in self.loops.due(now):
            self._probe(server, now)

    def _probe(self, server: Server, now: float) -> None:
        server.probed_at = now
        nonce = self._chance(1 << 32).to_bytes(4, "big")
        asked = Asked(self.loops.marks.probe(nonce), WANTS_RD)
        deadline = now + self.settings.upstream_budget
        question = Question(asked, [server], None, now, deadline, probed=server)
        self._probes.add(question)
        self._next(question, now)

    def note(self, asked: Asked, route: Route, copy: Copy) -> None:
        """A copy was asked for in another second; near its end it is fetched again."""
        copy.asked += 1
        if copy.asked < POPULAR or copy.rcode not in FINAL:
            return
        if copy.expires - self.coarse.second <= max(1.0, copy.lifetime / 10):
            self._wanted[asked] = route

    # --- for others -----------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Questions that wait for an upstream."""
        return len(self._questions)

    def report(self) -> list[Upstream]:
        """Each server in numbers."""
        return [server.row() for server in self.servers.known.values()]

    def give_up_memory(self) -> None:
        """Forget every copy."""
        self.copies.clear()


def _rcode(number: int) -> str:
    return RCODE_NAMES.get(number, f"rcode {number}")
