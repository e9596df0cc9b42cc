"""A playground that runs as a person runs it: its commands, and kubectl, dig and curl beside it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

PATIENCE = 20.0
NETWORKS = 40 + os.getpid() % 30 * 6
"""The first of six networks that are this run's own, so that two runs do not meet."""
OTHER = NETWORKS + 4
"""For a playground of one member beside the one that tests share."""
OWN = rf"nginx +LoadBalancer +127\.{NETWORKS + 1}\.\S+ +127\.{NETWORKS + 1}\.192\.1 +80"
"""What kubectl prints of the first member's Service."""

NGINX = "nginx.default.fellowship.svc.cluster.local."


class Playground:
    """One that runs; `network` is its own."""

    def __init__(self, base: int, *flags: str) -> None:
        self.base = base
        self.process = subprocess.Popen(
            [sys.executable, "-m", "feddns", "playground", "--no-view",
             "--network", f"127.{base}", *flags],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.text = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.text += line
            if "^C ends it" in line:
                break
        found = re.search(r"KUBECONFIG=(\S+)", self.text)
        if not found:
            self.stop()
        assert found, self.text
        self.kubeconfig = Path(found[1])
        port = re.search(r"dig @\S+ -p (\d+)", self.text)
        self.dns_port = int(port[1]) if port else 53
        port = re.search(r"tail -n 1\):(\d+)", self.text)
        self.web_port = int(port[1]) if port else 80

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            assert self.process.stdout is not None
            self.process.stdout.close()

    def kubectl(self, context: str, *words: str) -> str:
        environment = os.environ | {"KUBECONFIG": str(self.kubeconfig)}
        done = subprocess.run(
            ["kubectl", f"--context={context}", *words],
            capture_output=True, text=True, env=environment, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "feddns", "playground", "--network", f"127.{self.base}", *words],
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip

    def dig(self, number: int, name: str = NGINX) -> list[str]:
        """The names and addresses of the answer of member `number`, from 1; none: no answer."""
        query = dns.message.make_query(name, "A")
        where = f"127.{self.base + number}.0.53"
        try:
            reply = dns.query.udp(query, where, timeout=1, port=self.dns_port)
        except (dns.exception.Timeout, OSError):
            return []
        return [
            str(each.target if rrset.rdtype == dns.rdatatype.CNAME else each.address)
            for rrset in reply.answer
            for each in rrset
        ]

    def addresses(self, number: int) -> set[str]:
        return {one for one in self.dig(number) if one[0].isdigit()}

    def curl(self, address: str) -> str:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{address}:{self.web_port}/", timeout=5) as reply:
            said: str = reply.read().decode()
        return said

    def until(self, condition: Callable[[], bool], what: str, within: float = PATIENCE) -> float:
        """Wait for it; returns how many seconds that took."""
        began = time.monotonic()
        while not condition():
            passed = time.monotonic() - began
            assert passed < within, (
                f"not within {within} s: {what}\n{self.command('status').stdout}"
            )
            time.sleep(0.02)
        return time.monotonic() - began


def balancers(playground: Playground, *numbers: int) -> set[str]:
    return {f"127.{playground.base + number}.192.1" for number in numbers}
