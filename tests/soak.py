"""A soak: load, changes and kills at once, and nothing may be answered wrong.

    python -m tests.soak [--seconds 60] [--processes 2]

    dnsperf      asks all names, as fast as it may with 100 outstanding; counts what is lost
    writer       rewrites one of the files every 20 ms: a Service gets its next address
    killer       SIGKILLs an answering process or the watching one now and then
    checker      asks the names that change, one after the other, and holds each answer against
                 what the files said: an address is right when it was in force at some moment
                 between `GRACE` before the question and the reply; an answer that is no address,
                 or an error, is always wrong; a question without a reply is lost, not wrong

At the end, when all is quiet, every name must have its last address.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import dns.message
import dns.rcode

from tests import manifesting
from tests.serving import Server, servers, until

NAMES = 40
GRACE = 3.0
"""Seconds that a change may take into the answers while processes die and start again."""

WRITE_EVERY = 0.02
KILL_EVERY = 0.8


class Outcome(NamedTuple):
    """What a soak saw."""

    asked: int
    lost: int
    wrong: list[str]
    changes: int
    kills: int
    load_sent: int
    load_lost: int
    load_rcodes: str

    def __str__(self) -> str:
        return (
            f"{self.changes} changes, {self.kills} kills; checker: {self.asked} asked, "
            f"{self.lost} lost, {len(self.wrong)} wrong; dnsperf: {self.load_sent} sent, "
            f"{self.load_lost} lost ({self.load_lost / max(1, self.load_sent):.4%}), "
            f"{self.load_rcodes}"
        )


class Soak:
    """One run against one server."""

    def __init__(self, server: Server, seconds: float, seed: int) -> None:
        self.server = server
        self.seconds = seconds
        self.chance = random.Random(seed)
        # For each name: when an address began to be written, and the address.
        self.states = {number: [(0.0, _address(number, 0))] for number in range(NAMES)}
        self.wrong: list[str] = []
        self.asked = self.lost = self.changes = self.kills = 0
        self._stop = threading.Event()

    def run(self) -> Outcome:
        load = self._start_load()
        parts = [threading.Thread(target=part) for part in (self._write, self._kill, self._check)]
        for part in parts:
            part.start()
        said, _ = load.communicate(timeout=self.seconds + 60)
        self._stop.set()
        for part in parts:
            part.join()
        self._check_the_end()
        return Outcome(
            self.asked, self.lost, self.wrong, self.changes, self.kills,
            _number(said, "Queries sent"), _number(said, "Queries lost"),
            " ".join(re.findall(r"Response codes:\s+(.*)", said)),
        )  # fmt: skip

    # --- the parts -------------------------------------------------------------------------------

    def _start_load(self) -> subprocess.Popen[str]:
        questions = self.server.home / "questions"
        lines = [f"s{number}.ns.svc.cluster.local A\n" for number in range(NAMES)]
        lines += [f"nobody-{number}.ns.svc.cluster.local A\n" for number in range(500)]
        questions.write_text("".join(lines))
        return subprocess.Popen(
            [
                "dnsperf", "-s", self.server.address, "-p", str(self.server.port), "-d",
                str(questions), "-l", str(self.seconds), "-q", "100", "-c", "4", "-t", "2",
            ],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def _write(self) -> None:
        turn = 0
        while not self._stop.wait(WRITE_EVERY):
            turn += 1
            number = self.chance.randrange(NAMES)
            address = _address(number, turn)
            self.states[number].append((time.monotonic(), address))
            self.server.write({f"s{number}.yaml": manifesting.service(f"s{number}", address)})
            self.changes += 1

    def _kill(self) -> None:
        while not self._stop.wait(KILL_EVERY):
            candidates = self.server.children()
            if candidates:
                os.kill(self.chance.choice(candidates), signal.SIGKILL)
                self.kills += 1

    def _check(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect((self.server.address, self.server.port))
            client.settimeout(0.5)
            while not self._stop.is_set():
                self._check_one(client, self.chance.randrange(NAMES))

    def _check_one(self, client: socket.socket, number: int) -> None:
        question = dns.message.make_query(f"s{number}.ns.svc.cluster.local.", "A")
        sent = time.monotonic()
        client.send(question.to_wire())
        self.asked += 1
        while True:
            try:
                reply = dns.message.from_wire(client.recv(4096))
            except (TimeoutError, ConnectionError):
                self.lost += 1
                return
            if reply.id == question.id:
                break
        got = [rdata.to_text() for rrset in reply.answer for rdata in rrset]
        right = self._in_force(number, sent - GRACE, time.monotonic())
        if reply.rcode() != dns.rcode.NOERROR or len(got) != 1 or got[0] not in right:
            rcode = dns.rcode.to_text(reply.rcode())
            self.wrong.append(f"s{number}: {rcode} {got}, in force: {sorted(right)}")

    def _in_force(self, number: int, since: float, until_: float) -> set[str]:
        """The addresses of the name at some moment within the two."""
        states = list(self.states[number])
        ends = [began for began, _ in states[1:]] + [until_]
        return {
            address
            for (began, address), end in zip(states, ends, strict=True)
            if began <= until_ and end >= since
        }

    def _check_the_end(self) -> None:
        for number in range(NAMES):
            _, address = self.states[number][-1]
            name = f"s{number}.ns.svc.cluster.local."
            until(lambda n=name, a=address: self.server.says(n, a), f"{name} is {address} at last")


def _address(number: int, turn: int) -> str:
    return f"10.{100 + number}.{turn >> 8 & 255}.{turn & 255}"


def _number(said: str, what: str) -> int:
    found = re.search(rf"{what}:\s+(\d+)", said)
    assert found, said
    return int(found[1])


def run(seconds: float, processes: int, seed: int) -> Outcome:
    """A whole soak, with a server of its own."""
    files = {
        f"s{number}.yaml": manifesting.service(f"s{number}", _address(number, 0))
        for number in range(NAMES)
    }
    with servers() as (start, _):
        return Soak(start(files, processes=processes), seconds, seed).run()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    if not shutil.which("dnsperf"):
        print("dnsperf is needed: apt-get install dnsperf", file=sys.stderr)
        return 2
    print(f"seed {options.seed}, {Path(sys.executable).name}, {options.processes} processes")
    outcome = run(options.seconds, options.processes, options.seed)
    print(outcome)
    for line in outcome.wrong[:20]:
        print("wrong:", line)
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
