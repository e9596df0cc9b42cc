"""Probes, as `probe` describes them: connections, requests, and nothing kept between two.

    prober = Prober(told)                       told(id, passed, why) after each outcome
    prober.follow(id, probe, targets)           from now on; the same again changes nothing
    prober.forget(id)
    await prober.close()

Every followed shard has a task of its own that sleeps; at most `MOST` of them ask at a time.  The
first outcome comes at once, the next ones `every` seconds apart, spread by chance a little, so
that a thousand shards do not ask in step.  A probe `on_loss` is rare (`STEADY`) after `QUICK`
outcomes alike.  Does I/O, decides nothing: `judge` does.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from feddns.healthwatch.probe import Probe, Target

MOST = 100
"""Probes under way at a time."""
QUICK, STEADY = 5, 10.0
"""Outcomes alike after which a probe on loss rests, and for how many seconds."""
_LINE = 1024
_SPREAD = 0.1
"""Of `every`."""


class Outcome(NamedTuple):
    passed: bool
    why: str


Told = Callable[[Hashable, bool, str], None]


class Prober:
    """Follows shards by an id of the caller's choice."""

    def __init__(self, told: Told, most: int = MOST) -> None:
        self._told = told
        self._slots = asyncio.Semaphore(most)
        self._followed: dict[Hashable, tuple[Probe, tuple[Target, ...]]] = {}
        self._tasks: dict[Hashable, asyncio.Task[None]] = {}

    def follow(self, id_: Hashable, probe: Probe, targets: Sequence[Target]) -> None:
        """Probe from now on, instead of what was followed under this id."""
        wanted = (probe, tuple(targets))
        if self._followed.get(id_) == wanted:
            return
        self.forget(id_)
        if targets:
            self._followed[id_] = wanted
            self._tasks[id_] = asyncio.ensure_future(self._repeat(id_, *wanted))

    def forget(self, id_: Hashable) -> None:
        """Probe no more; nothing is told of what was under way."""
        self._followed.pop(id_, None)
        task = self._tasks.pop(id_, None)
        if task is not None:
            task.cancel()

    def followed(self) -> frozenset[Hashable]:
        return frozenset(self._followed)

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for id_ in list(self._followed):
            self.forget(id_)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _repeat(self, id_: Hashable, probe: Probe, targets: tuple[Target, ...]) -> None:
        loop = asyncio.get_running_loop()
        alike, last = 0, False
        while True:
            began = loop.time()
            async with self._slots:
                outcome = await attempt(probe, targets)
            self._told(id_, outcome.passed, outcome.why)
            alike, last = (alike + 1 if outcome.passed is last else 1), outcome.passed
            pause = STEADY if probe.on_loss and alike >= QUICK else probe.every
            pause *= random.uniform(1 - _SPREAD, 1 + _SPREAD)
            await asyncio.sleep(max(0.0, began + pause - loop.time()))


async def attempt(probe: Probe, targets: Sequence[Target]) -> Outcome:
    """One outcome for a shard: passed when one of its addresses passes."""
    outcomes = await asyncio.gather(*(_attempt(probe, target) for target in targets))
    for outcome in outcomes:
        if outcome.passed:
            return outcome
    return Outcome(False, "; ".join(outcome.why for outcome in outcomes) or "nothing to ask")


async def _attempt(probe: Probe, target: Target) -> Outcome:
    name = f"{probe.way} {target.address} port {target.port}"
    try:
        async with asyncio.timeout(probe.timeout):
            return await _ask(probe, target, name)
    except TimeoutError:
        return Outcome(False, f"{name}: no answer within {probe.timeout:g}s")
    except (OSError, ssl.SSLError, ValueError, asyncio.IncompleteReadError) as error:
        return Outcome(False, f"{name}: {error or type(error).__name__}")


async def _ask(probe: Probe, target: Target, name: str) -> Outcome:
    tls = _tls(probe.verify) if probe.way == "https" else None
    server_name = (probe.host or target.address) if tls else None
    reader, writer = await asyncio.open_connection(
        target.address, target.port, ssl=tls, server_hostname=server_name, limit=_LINE
    )
    try:
        if probe.way == "tcp":
            return Outcome(True, f"{name}: connected")
        writer.write(_request(probe, target))
        status = _status(await reader.readline())
        passed = probe.least <= status <= probe.most
        return Outcome(passed, f"{name}: status {status}")
    finally:
        writer.transport.abort()  # nothing more is wanted, and a close may take its time
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _request(probe: Probe, target: Target) -> bytes:
    address = f"[{target.address}]" if ":" in target.address else target.address
    usual = 443 if probe.way == "https" else 80
    port = "" if target.port == usual else f":{target.port}"
    lines = (
        f"GET {probe.path} HTTP/1.1", f"Host: {probe.host or address}{port}",
        "User-Agent: feddns-probe", "Accept: */*", "Connection: close", "", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode("ascii")


def _status(line: bytes) -> int:
    """Of a status line (RFC 9112 §4).  Raises ValueError."""
    version, _, rest = line.partition(b" ")
    if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
        raise ValueError("the answer is not HTTP/1.1")
    return int(rest[:3])


def _tls(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
