"""A cluster dies, its API and its load balancers: how long its addresses are still in answers.

Two deaths of `asia`, a few times each, with a federated Service in `us` and `asia` asked of `eu`:

    row                 the API                          its load balancers
    deadcluster         refuses, connections are reset   refuse
    deadcluster-mute    says nothing more, as one whose  say nothing more
                        power is gone

The longest of each is the number.  The controllers look every 3 s, three misses are one too many.
Needs two loopback addresses with a port of their own; no rights.
"""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from bench.federation import failover, objects
from bench.federation.stage import NotSo, Stage, say
from tests.clusterapi import Api
from tests.tcpproxy import Proxy

DEAD, MUTE = "federation-deadcluster", "federation-deadcluster-mute"
WORKS = (DEAD, MUTE)
TIMES, QUICK_TIMES = 5, 1
SHOP = "shop"
PATIENCE = 90.0
WHO = "asia"


class Balancer:
    """An address of load balancers, as a cluster's: it takes connections, and drops them."""

    def __init__(self) -> None:
        self.address = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.1"
        self._listener: socket.socket | None = None
        self._crowd: list[socket.socket] = []
        self.live()

    def live(self) -> None:
        self.die()
        self._listener = socket.create_server((self.address, objects.PORT))
        threading.Thread(target=self._take, args=(self._listener,), daemon=True).start()

    def die(self) -> None:
        """Connections are refused."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for one in self._crowd:
            one.close()
        self._crowd.clear()

    def fall_mute(self) -> None:
        """Nobody takes connections, and so many wait that the kernel drops the others."""
        self.die()
        self._listener = socket.create_server((self.address, objects.PORT), backlog=0)
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex((self.address, objects.PORT))
            self._crowd.append(client)

    def _take(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                listener.accept()[0].close()


def proxy_of(api: Api) -> Proxy:
    """A way to a member's API that can be made bad."""
    split = urlsplit(api.url)
    assert split.hostname
    assert split.port
    return Proxy((split.hostname, split.port))


def run(stage: Stage, proxy: Proxy) -> None:
    """On a federation of `failover.MEMBERS`; `asia` is registered through the proxy."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(stage.dns("eu"))
        balancers = {"us": Balancer(), WHO: Balancer()}
        for one in balancers.values():
            stack.callback(one.die)
        failover.prepare(stage, SHOP, {name: one.address for name, one in balancers.items()})
        death = Death(stage, proxy, balancers, server.port)
        for work in WORKS:
            try:
                took = list(_measure(stage, death, work))
            except NotSo as missing:
                stage.refuse(work, "not seen", str(missing))
            else:
                stage.put(work, max(took))
                spread = ", ".join(f"{one:.1f}" for one in took)
                stage.results.note(f"{work}{stage.suffix}: after {spread} s")


def _measure(stage: Stage, death: Death, work: str) -> Iterator[float]:
    for number in range(QUICK_TIMES if stage.quick else TIMES):
        say(f"{work}{stage.suffix}: {number + 1}")
        yield death.once(mute=work == MUTE, pause=number * 0.7)


class Death:
    """Of one cluster, and its return."""

    def __init__(
        self, stage: Stage, proxy: Proxy, balancers: dict[str, Balancer], port: int
    ) -> None:
        self._stage, self._proxy, self._port = stage, proxy, port
        self._mine = balancers[WHO]
        self._both = frozenset(one.address for one in balancers.values())
        self._wire = failover.question(SHOP)

    def once(self, *, mute: bool, pause: float) -> float:
        """Seconds until its address was in no answer.  Raises `NotSo`."""
        self._stage.until(lambda: self._answer() == self._both, "both answer", PATIENCE)
        time.sleep(pause)  # not always at the same place in the period
        since = time.perf_counter()
        if mute:
            self._proxy.stall()
            self._mine.fall_mute()
        else:
            self._proxy.refuse()
            self._mine.die()
        try:
            others = self._both - {self._mine.address}
            self._stage.until(lambda: self._answer() == others, f"{WHO} is out", PATIENCE, 0.005)
            return time.perf_counter() - since
        finally:
            self._mine.live()
            self._proxy.resume() if mute else self._proxy.accept()

    def _answer(self) -> frozenset[str]:
        return failover.addresses(self._port, self._wire)
