"""Host names of load balancers, resolved again and again.

    what the servers say                 what is known of the name
    addresses                            these; asked again when their TTL is over (5 s at least)
    no such name, or no addresses        as it was; said three times in a row: none
    no answer                            as it was; asked again after 5 s, doubling to a minute
    never an answer                      nothing: it is not in `known`
    nobody wants it any more             followed for ten minutes more, then forgotten

The TTL is that of the name's own servers, who are asked for it once an hour; where they cannot be
asked the largest that was seen, as caches count it down.  I/O (time).  Called by `publicdns`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from controllers.authority import Found
from feddns import names
from feddns.names import Name
from feddns.providers.desired import Host

log = logging.getLogger("feddns.controllers")

_SHORTEST, _FIRST, _LONGEST = 5.0, 5.0, 60.0
_LINGER, _TTL_EVERY = 600.0, 3600.0
_ROW = 3
_AT_ONCE = 32
LookUp = Callable[[Name, bool], Awaitable[Found | str]]
"""A name, and whether its own servers are to be asked for the TTL."""


class _Followed:
    """What is known of one name."""

    def __init__(self) -> None:
        self.host: Host | None = None
        self.ttl, self.ttl_at = 0, float("-inf")
        """What its own servers said, and when."""
        self.empty = self.failures = 0
        self.unwanted: float | None = None
        self.task: asyncio.Task[None] | None = None


class HostNames:
    """`told` is called with a name and what it resolves to, when that is something new."""

    def __init__(self, look_up: LookUp, told: Callable[[Name, Host], None]) -> None:
        self._look_up, self._told = look_up, told
        self._names: dict[Name, _Followed] = {}
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._clock = asyncio.get_running_loop().time

    @property
    def known(self) -> dict[Name, Host]:
        return {name: one.host for name, one in self._names.items() if one.host is not None}

    def follow(self, wanted: Iterable[Name]) -> None:
        """These, and no others for long."""
        wanted, now = set(wanted), self._clock()
        for name in wanted - self._names.keys():
            one = self._names[name] = _Followed()
            one.task = asyncio.get_running_loop().create_task(self._keep(name, one))
        for name, one in self._names.items():
            if name in wanted:
                one.unwanted = None
            elif one.unwanted is None:
                one.unwanted = now

    async def close(self) -> None:
        tasks = [one.task for one in self._names.values() if one.task is not None]
        self._names.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, name: Name, one: _Followed) -> None:
        while one.unwanted is None or self._clock() - one.unwanted < _LINGER:
            try:
                wait = await self._again(name, one)
            except Exception:  # of one name; the others go on
                log.exception("%s: it is looked up again", names.format(name))
                wait = _LONGEST
            await asyncio.sleep(wait)
        if self._names.get(name) is one:
            del self._names[name]

    async def _again(self, name: Name, one: _Followed) -> float:
        """Looks it up; how long what was said may be believed."""
        is_old = self._clock() - one.ttl_at >= _TTL_EVERY
        async with self._free:
            found = await self._look_up(name, is_old)
        if isinstance(found, str):
            one.failures += 1
            if one.failures == _ROW:
                log.warning("%s cannot be resolved: %s", names.format(name), found)
            return float(min(_LONGEST, _FIRST * 2.0 ** min(one.failures - 1, 8)))
        one.failures = 0
        if found.ttl:
            one.ttl, one.ttl_at = found.ttl, self._clock()
        one.empty = 0 if found.addresses else one.empty + 1
        if found.addresses or one.empty >= _ROW:
            self._note(name, one, found)
        return max(_SHORTEST, min(float(found.left), _LONGEST * 60)) if found.left else _FIRST

    def _note(self, name: Name, one: _Followed, found: Found) -> None:
        before = one.host.ttl if one.host is not None else 0
        ttl = one.ttl or max(found.left, before, 1)
        host = Host(found.addresses, ttl)
        if host != one.host:
            one.host = host
            self._told(name, host)
