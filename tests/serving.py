"""A real `feddns serve` for a test: started, waited for, asked, looked at, and stopped by its pid.

    def test_something(serve: Serve) -> None:
        server = serve({"a.yaml": manifesting.service("web", "10.0.0.1")})
        assert server.addresses("web.ns.svc.cluster.local.") == ["10.0.0.1"]

Each server has a loopback address of its own (127.x.y.z), so that its ports are free, a folder of
manifests and a folder for what the server itself puts down.  When a test fails, the log of its
servers is in the report.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import dns.exception
import dns.message
import dns.query
import dns.rcode
import pytest
from prometheus_client.parser import text_string_to_metric_families

PATIENCE = 20.0
"""Seconds that a condition may take on a busy machine before a test gives up."""

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
PATHS = str(ROOT)
"""Where the servers find their modules."""

READY = "cluster.local."
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def until(holds: Callable[[], object], what: str, *, within: float = PATIENCE) -> float:
    """Poll until `holds()` is true; the seconds it took.  Fails with `what` when it never is."""
    started = time.monotonic()
    while not holds():
        if time.monotonic() - started > within:
            pytest.fail(f"not within {within:.0f} s: {what}")
        time.sleep(0.002)
    return time.monotonic() - started


def loopback() -> str:
    """An address of this machine that nobody else uses now."""
    return f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.{random.randint(1, 254)}"


def free_port(address: str) -> int:
    """A port that is free for UDP and for TCP."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for _ in range(50):
        with socket.socket(family, socket.SOCK_DGRAM) as udp, socket.socket(family) as tcp:
            udp.bind((address, 0))
            port: int = udp.getsockname()[1]
            with contextlib.suppress(OSError):
                tcp.bind((address, port))
                return port
    raise AssertionError("no free port")


def endpoint(address: str, port: int) -> str:
    """ADDRESS:PORT as flags take it."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def environment(**more: str) -> dict[str, str]:
    """The test's environment without settings of a server, and with warnings as errors.

    A process that ends leaves its sockets to the kernel; only that is no reason to complain.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FEDDNS_")}
    return {
        **kept,
        "PYTHONPATH": PATHS,
        "PYTHONWARNINGS": "error,ignore::ResourceWarning",
        **more,
    }


def feddns(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command of feddns to its end."""
    return subprocess.run(
        [sys.executable, "-m", "feddns", *arguments], text=True, capture_output=True,
        env=environment(**more), cwd=ROOT, timeout=60, check=False,
    )  # fmt: skip


def processes_below(pid: int) -> list[int]:
    """The children of a process."""
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False


class Reply(NamedTuple):
    """What HTTP said."""

    status: int
    text: str


class Server:
    """One `feddns serve` with its folders."""

    def __init__(
        self, files: Mapping[str, str] | None, *flags: str, address: str = "", processes: int = 1,
        federation: Path | None = None, folder: Path | None = None, metrics: bool = True,
        listen: list[str] | None = None, port: int = 0, http: str = "", config: str = "",
    ) -> None:  # fmt: skip
        """`port`, `http`: another server's; `config`: settings in a file instead of flags."""
        self.home = Path(tempfile.mkdtemp(prefix="fd-"))
        self.folder = folder or self.home / "manifests"
        self.temporary = self.home / "tmp"
        self.temporary.mkdir()
        if folder is None:
            self.folder.mkdir()
        self.write(files or {})
        self.address = address or loopback()
        self.port = port or free_port(self.address)
        self.http = http or (f"{loopback()}:9153" if metrics else "none")
        self.processes = processes
        command = [sys.executable, "-m", "feddns", "serve"]
        self.config = self.home / "config.toml"
        if config:
            self.configure(config)
            command += ["--config", str(self.config)]
        else:
            if "--kubeconfig" not in flags:
                command += ["--manifests", str(self.folder)]
            for place in listen or [self.address]:
                there = place if place.endswith(":0") else endpoint(place, self.port)
                command += ["--listen", there]
            command += ["--metrics", self.http, "--processes", str(processes), "--lame-duck", "0"]
        if federation is not None:
            command += ["--federation-manifests", str(federation)]
        if not {"--upstream", "--stub-domain", "--forward"} & set(flags):
            command.append("--no-forward")  # nobody asks the machine's own nameservers
        self.log_file = self.home / "log"
        with self.log_file.open("wb") as log:
            self.started = time.monotonic()
            self.process = subprocess.Popen(
                [*command, *flags], stdout=log, stderr=log, cwd=ROOT, start_new_session=True,
                env=environment(TMPDIR=str(self.temporary)),
            )  # fmt: skip

    # --- files -----------------------------------------------------------------------------------

    def write(self, files: Mapping[str, str]) -> None:
        """Write files into the folder, each in one step, as editors and kubelets do."""
        for name, text in files.items():
            new = self.folder / f".{name}.new"
            new.write_text(text)
            new.rename(self.folder / name)

    def configure(self, more: str) -> None:
        """Write the file of settings: where the server is, and `more`, whose keys win."""
        own = {
            "manifests": f'["{self.folder}"]',
            "listen": f'["{endpoint(self.address, self.port)}"]',
            "metrics": f'"{self.http}"',
            "processes": str(self.processes),
            "lame-duck": "0",
        }
        lines = [f"{key} = {value}" for key, value in own.items() if f"{key} =" not in more]
        new = self.home / "config.new"
        new.write_text("\n".join([*lines, more, ""]))
        new.rename(self.config)

    # --- questions -------------------------------------------------------------------------------

    def ask(
        self, name: str, kind: str = "A", *, tcp: bool = False, timeout: float = 3.0,
        at: str = "", **more: object,
    ) -> dns.message.Message:  # fmt: skip
        """One question over UDP or TCP; read by dnspython, which refuses replies to others."""
        message = dns.message.make_query(name, kind, **more)
        send = dns.query.tcp if tcp else dns.query.udp
        place = at or _WILDCARDS.get(self.address, self.address)
        reply: dns.message.Message = send(message, place, timeout=timeout, port=self.port)
        return reply

    def addresses(self, name: str, kind: str = "A", **more: object) -> list[str]:
        """The addresses in the answer, sorted."""
        reply = self.ask(name, kind, **more)
        return sorted(
            rdata.to_text() for rrset in reply.answer for rdata in rrset if rdata.rdtype in (1, 28)
        )

    def rcode(self, name: str, kind: str = "A", **more: object) -> str:
        return dns.rcode.to_text(self.ask(name, kind, **more).rcode())

    def says(self, name: str, *addresses: str) -> bool:
        """Whether the answer is exactly these addresses; False when there is no answer yet."""
        with contextlib.suppress(OSError, dns.exception.DNSException):
            return self.addresses(name, timeout=1.0) == sorted(addresses)
        return False

    # --- health ----------------------------------------------------------------------------------

    def get(self, path: str) -> Reply:
        """An HTTP question; status 0 when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{self.http}{path}", timeout=3) as reply:
                return Reply(reply.status, reply.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.read().decode())
        except (OSError, EOFError):
            return Reply(0, "")

    def metrics(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Each sample by name and labels."""
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(self.get("/metrics").text)
            for sample in family.samples
        }

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples with this name and at least these labels."""
        wanted = set(labels.items())
        return sum(
            value
            for (sample, found), value in self.metrics().items()
            if sample == name and wanted <= set(found)
        )

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    # --- processes -------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        return self.process.pid

    def children(self) -> list[int]:
        return processes_below(self.pid)

    def answering(self) -> list[int]:
        """The answering processes, as they say of themselves."""
        return [
            int(value) for (name, _), value in self.metrics().items() if name == "feddns_process_id"
        ]

    def watching(self) -> int:
        """The watching process: it writes no counts, so it is whom nobody else is."""
        found: list[int] = []

        def known() -> bool:
            answering = self.answering()
            found[:] = set(self.children()) - set(answering)
            return len(found) == 1 and 0 not in answering

        until(known, "each process says who it is")
        return found[0]

    def wait_until_ready(self) -> Server:
        """Until every answering process has a whole world, and the first answer has come."""

        def ready() -> bool:
            if self.process.poll() is not None:
                pytest.fail(
                    f"the server ended with status {self.process.returncode}:\n{self.log()}"
                )
            if self.http != "none" and self.get("/readyz").status != 200:
                return False
            with contextlib.suppress(OSError, dns.exception.DNSException):
                return self.rcode(READY, "SOA", timeout=0.2) == "NOERROR"
            return False

        until(ready, "the server answers")
        return self

    def stop(self) -> int:
        """SIGTERM, and SIGKILL to what is left later; the exit status."""
        children = self.children()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            for pid in (*children, self.pid):
                if is_alive(pid):
                    os.kill(pid, signal.SIGKILL)
            return self.process.wait()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.home)


class Serve(Protocol):
    """The fixture `serve`: starts a server, waits until it is ready, stops it after the test."""

    def __call__(
        self, files: Mapping[str, str] | None = None, *flags: str, ready: bool = True,
        **more: object,
    ) -> Server: ...  # fmt: skip


@contextlib.contextmanager
def servers() -> Iterator[tuple[Serve, list[Server]]]:
    """Starts servers, and stops them all at the end."""
    running: list[Server] = []

    def start(
        files: Mapping[str, str] | None = None, *flags: str, ready: bool = True, **more: object
    ) -> Server:
        server = Server(files, *flags, **more)  # type: ignore[arg-type]
        running.append(server)
        return server.wait_until_ready() if ready else server

    try:
        yield start, running
    finally:
        for server in running:
            server.remove()


_FAILED: pytest.StashKey[bool] = pytest.StashKey()


def has_failed(item: pytest.Item) -> bool:
    return item.stash.get(_FAILED, False)


@pytest.fixture
def serve(request: pytest.FixtureRequest) -> Iterator[Serve]:
    with servers() as (start, running):
        yield start
        if has_failed(request.node):
            for server in running:
                last = "\n".join(server.log().splitlines()[-200:])
                sys.stderr.write(f"--- log of {server.address} ---\n{last}\n")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[pytest.TestReport]:
    report: pytest.TestReport = yield  # type: ignore[misc]
    if report.failed:
        item.stash[_FAILED] = True
    return report  # type: ignore[return-value]
