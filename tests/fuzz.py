"""Throws octets at a server and holds it to its word: an answer, an error or silence.

    python -m tests.fuzz --seconds 60
    python -m tests.fuzz --seed 7 --count 20000     the same run again

No exception, nothing longer than allowed, no error longer than what it answers, every answer reads
back, and a second responder without a cache says the same.  The world changes now and then.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

import dns.message

from feddns.events import Stale
from feddns.resolver.responder import Responder
from feddns.store import Store
from tests import asking, world, zonetext

WORLD = """
federations fellowship=example.com
node n1 zone=z1 region=r1
cluster gondor zones=z1 region=r1
cluster mordor zones=z3 region=r2
service default/web 10.96.0.1 fd00:96::1 http:80/tcp
slice default/web-a of web 10.244.0.1 10.244.0.2
service default/db headless
slice default/db-a of db db-0=10.244.0.3 db-1=10.244.0.4 10.244.0.5 pg:5432/tcp
service default/blog external web.default.svc.cluster.local
service fellowship/default 10.96.0.9
federated default/far http:80/tcp gondor=- mordor=198.51.100.7+2001:db8::7
pod default/p 10.244.0.9
synced
"""
CHANGES = [
    "delete slice default/web-a of web", "slice default/web-a of web 10.244.0.1 10.244.0.2",
    "federated default/far mordor=-", "federated default/far http:80/tcp mordor=198.51.100.7",
    "node n1", "node n1 zone=z1 region=r1", "service default/new 10.96.0.7",
    "delete service default/new", "federations fellowship=example.org",
    "federations fellowship=example.com",
]  # fmt: skip
NAMES = [
    "web.default.svc", "db.default.svc", "db-0.db.default.svc", "blog.default.svc",
    "far.default.fellowship.svc", "web.default.fellowship.svc", "default.fellowship.svc",
    "_http._tcp.web.default.svc", "_pg._tcp.db.default.fellowship.svc", "new.default.svc",
    "nope.default.svc", "10-244-0-9.default.pod", "cluster.local.", "ns.dns", "dns-version",
    "1.0.96.10.in-addr.arpa.", "0.0.0.0.d.f.ip6.arpa.", "example.com.", ".",
    "far.default.fellowship.svc.z1.r1.example.com.", "www.example.net.",
]  # fmt: skip
KINDS = ["A", "AAAA", "SRV", "PTR", "CNAME", "ANY", "TXT", "SOA", "NS", "AXFR", "TYPE999"]
ODD = bytes([0, 1, 2, 3, 0x0C, 0x29, 0x3F, 0x40, 0x7F, 0x80, 0xC0, 0xFF])


class Fuzz:
    """One run from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.server = asking.Server(WORLD, pods="verified")
        self.seeds = [
            asking.query(name, kind, payload=payload).to_wire()
            for name in NAMES
            for kind in KINDS
            for payload in (None, 512, 1232)
        ]
        self.replies = 0

    def step(self) -> None:
        """One message over one transport."""
        if self.random.random() < 0.01:
            self.change()
        message, tcp = self.message(), self.random.random() < 0.5
        for _ in range(self.random.choice([1, 1, 2, 4])):
            self.check(message, tcp, self.server.send(message, tcp=tcp))

    def change(self) -> None:
        line = self.random.choice(CHANGES)
        if line.startswith("delete"):
            self.server.store.commit([world.event(line)])
        else:
            self.server.happen(line)
        self.server.store.commit([Stale(1.0 if self.random.random() < 0.2 else 0.0)])

    def message(self) -> bytes:
        """A good question, or one with some damage, or noise."""
        chance = self.random
        if chance.random() < 0.05:
            return chance.randbytes(chance.randint(0, 700))
        message = bytearray(chance.choice(self.seeds))
        message[:2] = chance.randbytes(2)
        for _ in range(chance.choice([0, 1, 1, 2, 5])):
            self.damage(message)
        return bytes(message[:65535])

    def damage(self, message: bytearray) -> None:
        chance = self.random
        at = chance.randrange(len(message) + 1)
        match chance.randrange(6):
            case 0:
                message[at : at + 1] = chance.randbytes(1)
            case 1:
                message[at : at + 1] = bytes((chance.choice(ODD),))
            case 2:
                del message[at : at + chance.randint(1, 20)]
            case 3:
                message[at:at] = chance.randbytes(chance.randint(1, 80))
            case 4:
                other = chance.choice(self.seeds)
                message[at:] = other[min(at, len(other)) :]
            case _:
                start = chance.randrange(len(message) + 1)
                message[at:at] = message[start : start + chance.randint(1, 100)]

    def check(self, message: bytes, tcp: bool, reply: bytes | None) -> None:
        if reply is None:
            assert len(message) < 12 or message[2] & 0x80, "silence"
            return
        self.replies += 1
        assert reply[:2] == message[:2], "another id"
        assert reply[2] & 0x80, "no response"
        assert tcp or len(reply) <= 1232, "too long"
        if len(reply) == 12:
            assert reply[3] & 15 in (1, 4), "a bare header that is no error"
            assert len(message) >= 12
            return
        parsed = asking.check(message, reply)
        fresh = Responder(self.server.settings, Store(self.server.store.current), zonetext.SERIAL)
        again = fresh.respond(message, asking.TCP if tcp else asking.UDP, 0)
        assert again is not None, "silence of a fresh server"
        expected = zonetext.read(dns.message.from_wire(again))
        assert zonetext.read(parsed).sorted() == expected.sorted(), "not what a fresh server says"


def main() -> int:
    """Run until the time or the count is over; prints the seed first."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--count", type=int, default=0, help="messages, instead of seconds")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    fuzz = Fuzz(given.seed)
    end = time.monotonic() + given.seconds
    steps = 0
    while steps < given.count if given.count else time.monotonic() < end:
        state = fuzz.random.getstate()
        try:
            fuzz.step()
        except Exception:
            fuzz.random.setstate(state)
            print(f"after {steps} messages, seed {given.seed}", file=sys.stderr)
            raise
        steps += 1
    print(f"{steps} messages, {fuzz.replies} replies, nothing amiss")
    return 0


if __name__ == "__main__":
    sys.exit(main())
