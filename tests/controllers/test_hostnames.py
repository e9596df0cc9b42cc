"""Host names followed, in virtual time: the table of `hostnames`."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable

from controllers.authority import Found
from controllers.hostnames import HostNames
from feddns import names
from feddns.names import Name
from feddns.providers.desired import Host
from tests import virtualtime

LB, OTHER = names.parse("lb.example.net."), names.parse("other.example.net.")
ONE, TWO = b"\xc0\x00\x02\x01", b"\xc0\x00\x02\x02"


class Asked:
    """Answers as it is told, and what became known."""

    def __init__(self, answer: Found | str) -> None:
        self.answer = answer
        self.times: list[float] = []
        self.with_ttl: list[bool] = []
        self.told: list[tuple[Name, Host]] = []
        self.names = HostNames(self._look_up, lambda name, host: self.told.append((name, host)))

    async def _look_up(self, name: Name, with_ttl: bool) -> Found | str:
        self.times.append(asyncio.get_running_loop().time())
        self.with_ttl.append(with_ttl)
        await asyncio.sleep(0.01)
        return self.answer


def run(answer: Found | str, test: Callable[[Asked], Awaitable[None]]) -> None:
    async def main() -> None:
        asked = Asked(answer)
        asked.names.follow({LB})
        await test(asked)
        await asked.names.close()

    virtualtime.run(main())


def test_addresses_are_asked_for_again_when_their_ttl_is_over() -> None:
    async def test(asked: Asked) -> None:
        await asyncio.sleep(1)
        assert asked.told == [(LB, Host((ONE,), 60))]
        await asyncio.sleep(25)
        assert len(asked.times) == 2, "20 s were left in the cache"
        assert asked.with_ttl == [True, False]
        asked.answer = Found((TWO,), 60, 60)
        await asyncio.sleep(20)
        assert asked.told[1:] == [(LB, Host((TWO,), 60))]
        assert asked.names.known == {LB: Host((TWO,), 60)}

    run(Found((ONE,), 20, 60), test)


def test_without_its_own_servers_the_longest_ttl_counts() -> None:
    async def test(asked: Asked) -> None:
        await asyncio.sleep(1)
        asked.answer = Found((ONE,), 60)
        await asyncio.sleep(18)
        asked.answer = Found((ONE,), 30)
        await asyncio.sleep(200)
        assert asked.told == [(LB, Host((ONE,), 17)), (LB, Host((ONE,), 60))]

    run(Found((ONE,), 17), test)


def test_no_answer_leaves_it_as_it_was() -> None:
    async def test(asked: Asked) -> None:
        await asyncio.sleep(1)
        asked.answer = "no answer in time"
        await asyncio.sleep(4000)
        assert asked.told == [(LB, Host((ONE,), 60))]
        waits = [after - before for before, after in itertools.pairwise(asked.times[1:])]
        assert [round(wait) for wait in waits[:6]] == [5, 10, 20, 40, 60, 60]

    run(Found((ONE,), 60, 60), test)


def test_never_an_answer_is_nothing_known() -> None:
    async def test(asked: Asked) -> None:
        await asyncio.sleep(4000)
        assert asked.names.known == {}
        asked.answer = Found((ONE,), 60, 60)
        await asyncio.sleep(61)
        assert asked.names.known == {LB: Host((ONE,), 60)}

    run("no answer in time", test)


def test_that_there_is_no_such_name_is_believed_the_third_time() -> None:
    async def test(asked: Asked) -> None:
        await asyncio.sleep(1)
        asked.answer = Found((), 0)
        await asyncio.sleep(67)
        assert len(asked.times) == 3
        assert asked.names.known[LB].addresses == (ONE,)
        await asyncio.sleep(5)
        assert asked.names.known[LB].addresses == ()

    run(Found((ONE,), 60, 60), test)


def test_what_nobody_wants_is_followed_a_while_and_forgotten() -> None:
    async def test(asked: Asked) -> None:
        await asyncio.sleep(1)
        asked.names.follow({OTHER})
        await asyncio.sleep(300)
        assert asked.names.known.keys() == {LB, OTHER}
        await asyncio.sleep(400)
        assert asked.names.known.keys() == {OTHER}
        asked.names.follow({LB})
        await asyncio.sleep(1)
        assert LB in asked.names.known

    run(Found((ONE,), 60, 60), test)
