"""Asks the servers of the zone, after a change, until all of them give what is new.

    the zone's servers                  a Service whose records were changed
    all give what is new                Propagated, with the seconds since the provider's word
    some do not, for a minute           NotAnswered, and which; asked on for an hour
    there are none                      NotDelegated
    are not known                       nothing is said of it
    it changes once more meanwhile      what is new then counts, from then on

Who the servers are, and what is wrong with them, is looked at every ten minutes.  Of a Service some
names are asked for, and of many Services some: this measures, it does not audit.  I/O.  Called by
`publicdns`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from controllers import zonestatus
from controllers.authority import Authority, Delegation, Server
from controllers.counts import Durations
from controllers.zonestatus import Said
from feddns.providers.history import Applied
from feddns.providers.recordsets import AAAA, ALIAS, CNAME, A, Change, Key, record_set

log = logging.getLogger("feddns.controllers")

_TYPES = (A, AAAA, CNAME)
_MOST_SERVICES, _MOST_QUESTIONS = 100, 8
_FIRST, _LONGEST = 0.1, 5.0
_PATIENCE, _SELDOM, _AT_LAST = 60.0, 30.0, 3600.0
_LOOK_AGAIN, _LOOK_SOON = 600.0, 30.0


class Expected(NamedTuple):
    """Of a name and type: these values; none of them: not `old`."""

    values: tuple[str, ...]
    old: tuple[str, ...] = ()


class Hooks(NamedTuple):
    """`said`: of a Service; `looked`: who the servers are, when that is something new."""

    said: Callable[[str, Said], None]
    looked: Callable[[Delegation], None]


def expected(change: Change) -> Iterator[tuple[Key, Expected]]:
    """What is to be answered after it."""
    gone = {record.key: record.values for record in change.removals if record.type in _TYPES}
    if any(record.type == ALIAS for record in change.additions):
        return  # its addresses are another's to say
    for record in change.additions:
        if record.type in _TYPES:
            gone.pop(record.key, None)
            yield record.key, Expected(record.values)
    for key, old in gone.items():
        yield key, Expected((), old)


def is_met(reply: dns.message.Message | str, key: Key, wanted: Expected) -> bool:
    """The server gives what is new; a wildcard may answer for what is gone."""
    if isinstance(reply, str) or not reply.flags & dns.flags.AA:
        return False
    if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return False
    there = _values(reply, key)
    return there == wanted.values if wanted.values else not wanted.old or there != wanted.old


def _values(reply: dns.message.Message, key: Key) -> tuple[str, ...]:
    owner, type = dns.name.from_text(key[0]), dns.rdatatype.from_text(key[1])
    found = [
        rdata.to_text()
        for rrset in reply.answer
        if rrset.name == owner and rrset.rdtype == type
        for rdata in rrset
    ]
    return record_set(*key, 0, found).values


class Checker:
    """See the module's docstring.  `servers`: these, instead of those it is delegated to."""

    def __init__(
        self, zone: str, authority: Authority, hooks: Hooks, servers: Iterable[Server] = ()
    ) -> None:
        self.took = Durations()
        self._zone, self._authority, self._hooks = zone, authority, hooks
        self._given = list(servers)
        self._delegation: Delegation | None = None
        self._looked = asyncio.Event()
        self._wanted: dict[str, dict[Key, Expected]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._clock = asyncio.get_running_loop().time

    def is_checking(self, service: str) -> bool:
        return service in self._tasks

    def changed(self, applied: Iterable[Applied]) -> None:
        """This was done; times are the loop's."""
        for one in applied:
            for change in one.changes:
                self._changed(change, one.time)

    def _changed(self, change: Change, at: float) -> None:
        service = change.service
        if not service or (service not in self._tasks and len(self._tasks) >= _MOST_SERVICES):
            return
        wanted = self._wanted.setdefault(service, {})
        for key, one in expected(change):
            wanted.pop(key, None)
            wanted[key] = one
        for key in list(wanted)[:-_MOST_QUESTIONS]:
            del wanted[key]
        if not wanted:
            del self._wanted[service]
            return
        if (before := self._tasks.pop(service, None)) is not None:
            before.cancel()
        task = asyncio.get_running_loop().create_task(self._check(service, dict(wanted), at))
        self._tasks[service] = task
        task.add_done_callback(lambda ended: self._ended(service, ended))

    def _ended(self, service: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(service) is task:
            del self._tasks[service]
            self._wanted.pop(service, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s: its records cannot be asked for", service, exc_info=error)

    async def run(self) -> None:
        """Looks after the delegation, until it is cancelled."""
        while True:
            try:
                found = await self._look()
            except Exception:
                log.exception("the servers of %s cannot be looked for", self._zone)
                found = Delegation()
            before, self._delegation = self._delegation, found
            self._looked.set()
            if before is None or before != found:
                self._hooks.looked(found)
            await asyncio.sleep(_LOOK_AGAIN if found.is_known else _LOOK_SOON)

    def clear(self) -> None:
        """Nobody is asked any more."""
        for task in self._tasks.values():
            task.cancel()

    async def _look(self) -> Delegation:
        if self._given:
            return await self._authority.inspected(self._zone, self._given, set(), [])
        return await self._authority.servers(self._zone)

    async def _check(self, service: str, wanted: dict[Key, Expected], at: float) -> None:
        await self._looked.wait()
        assert self._delegation is not None
        servers = list(self._delegation.servers)
        if not servers:
            if self._delegation.is_known:
                words = "; ".join(self._delegation.mistakes)
                self._hooks.said(service, Said(False, "NotDelegated", words))
            return
        count, pause, is_said = len(servers), _FIRST, False
        while servers := await self._behind(servers, wanted):
            passed = self._clock() - at
            if passed >= _PATIENCE and not is_said:
                is_said = True
                whom = ", ".join(map(str, servers))
                words = f"{whom}: what is new is not answered after {passed:.0f} s"
                self._hooks.said(service, Said(False, "NotAnswered", words))
            if passed >= _AT_LAST:
                return
            await asyncio.sleep(_SELDOM if is_said else pause)
            pause = min(2 * pause, _LONGEST)
        passed = self._clock() - at
        self.took.add(passed)
        self._hooks.said(service, zonestatus.propagated(passed, count))

    async def _behind(self, servers: list[Server], wanted: dict[Key, Expected]) -> list[Server]:
        """Those that do not give all of it yet."""
        found = await asyncio.gather(*(self._gives(server, wanted) for server in servers))
        return [server for server, gives in zip(servers, found, strict=True) if not gives]

    async def _gives(self, server: Server, wanted: dict[Key, Expected]) -> bool:
        for key, one in wanted.items():
            if not is_met(await self._authority.ask(server, *key), key, one):
                return False
        return True
