"""What the machine refuses is one line that says what to do about it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from feddns.app import sockets
from feddns.config import SocketAddress
from feddns.errors import OperatorNeeded
from tests import manifesting, programs
from tests.serving import EXAMPLES, ROOT, endpoint, environment, feddns, free_port, loopback

CLUSTER = str(EXAMPLES / "cluster")


def refused(status: int, *arguments: str, **more: str) -> str:
    """The one line with which `serve` ends."""
    ended = feddns("serve", "--metrics", "none", *arguments, **more)
    assert ended.returncode == status, ended.stderr
    assert ended.stdout == ""
    lines = [line for line in ended.stderr.splitlines() if " INFO " not in line]
    assert "Traceback" not in ended.stderr
    return "\n".join(lines)


# --- ports ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "transport"), [(socket.SOCK_DGRAM, "UDP"), (socket.SOCK_STREAM, "TCP")]
)
def test_a_port_in_use(kind: socket.SocketKind, transport: str) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        address = loopback()
        port = free_port(address)
        other.bind((address, port))
        if kind == socket.SOCK_STREAM:
            other.listen()
        line = refused(1, "--manifests", CLUSTER, "--listen", f"{address}:{port}")
        assert line == (
            f"feddns: cannot listen on {address}:{port} ({transport}): something else does; "
            f"`ss -lpn sport = :{port}` shows what, --listen takes another ADDRESS:PORT"
        )
        line = (
            refused(
                1,
                "--manifests",
                CLUSTER,
                "--listen",
                f"{loopback()}:0",
                "--metrics",
                f"{address}:{port}",
            )
            if transport == "TCP"
            else "--metrics takes another"
        )
        assert "--metrics takes another" in line


def test_the_same_address_twice() -> None:
    address = endpoint(loopback(), 5353)
    line = refused(1, "--manifests", CLUSTER, "--listen", f"{address},{address}")
    assert line.startswith(f"feddns: cannot listen on {address} (UDP): something else does")


def test_the_metrics_port_is_the_dns_port() -> None:
    address = endpoint(loopback(), 5353)
    line = refused(1, "--manifests", CLUSTER, "--listen", address, "--metrics", address)
    assert line.startswith(f"feddns: cannot listen on {address} (TCP)")
    assert "--metrics takes another" in line


def test_an_address_of_another_machine() -> None:
    line = refused(1, "--manifests", CLUSTER, "--listen", "192.0.2.1:5353")
    assert line == "feddns: cannot listen on 192.0.2.1:5353 (UDP): this machine has no such address"


def test_no_permission(request: pytest.FixtureRequest) -> None:
    """As a user without privileges, where ports below 1024 are guarded."""
    if os.getuid() != 0:
        programs.leave_out(request.config, "root")
    limit = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()
    if int(limit) <= 53:
        pytest.skip("this machine guards no ports")
    ended = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, f"{loopback()}:53"], capture_output=True, text=True,
        env=environment(), cwd=ROOT, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 1, ended.stderr
    assert ended.stdout == (
        "ports below 1024 need root or CAP_NET_BIND_SERVICE; --listen takes another port, "
        "for example 127.0.0.1:5353\n"
    )


_AS_NOBODY = """
import os, sys
from feddns.app import sockets
from feddns.config import SocketAddress
from feddns.errors import OperatorNeeded
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    sockets.open_listener(SocketAddress(sys.argv[1]))
except OperatorNeeded as error:
    print(str(error).partition(": ")[2])
    sys.exit(1)
"""
"""The folders of a test's Python may be closed to that user, so the modules come first."""


# --- folders -------------------------------------------------------------------------------------


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    line = refused(1, "--manifests", str(missing))
    assert line.startswith(f"feddns: folder {missing} does not exist")
    assert "--manifests" in line
    line = refused(1, "--manifests", CLUSTER, "--federation-manifests", str(missing))
    assert "--federation-manifests" in line


def test_an_empty_folder(tmp_path: Path) -> None:
    line = refused(1, "--manifests", str(tmp_path))
    assert line.startswith(f"feddns: folder {tmp_path} holds no *.yaml, *.yml or *.json file")


def test_a_file_in_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(manifesting.service("web", "10.0.0.1"))
    assert "is no folder" in refused(1, "--manifests", str(tmp_path / "a.yaml"))


@pytest.mark.parametrize("processes", ["0", "1"])
def test_no_place_for_temporary_files(processes: str) -> None:
    """A read-only file system: one line, or no need for it."""
    ended = feddns(
        "serve", "--manifests", CLUSTER, "--listen", f"{loopback()}:0", "--metrics",
        "192.0.2.1:9153", "--processes", processes, TMPDIR="/proc/nowhere",
    )  # fmt: skip
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr


# --- usage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "--kubeconfig FILE names a cluster's API"),
        (("--listen", "localhost:53"), "'localhost' is no IP address"),
        (("--listen", "127.0.0.1"), "is not ADDRESS:PORT"),
        (("--listen", "127.0.0.1:70000"), "is not ADDRESS:PORT"),
        (("--processes", "-1"), "0 to 64"),
        (("--processes", "many"), "0 to 64"),
        (("--ttl", "604801"), "0 to 604800"),
        (("--pods", "some"), "none of disabled, insecure, verified"),
        (("--log-format", "xml"), "none of text, json"),
        (("--cluster-domain", "a..b"), "--cluster-domain"),
        (("--reverse-zone", "10.0.0.1/8"), "--reverse-zone"),
        (("--nameserver-address", "ns1"), "no IP address"),
        (("--config", "/nowhere.toml"), "/nowhere.toml: No such file"),
        (("--metrics", "9153"), "is not ADDRESS:PORT"),
        (("--tcp-idle", "0"), "0.1 to 3600"),
    ],
)
def test_bad_usage_has_status_2(arguments: tuple[str, ...], says: str) -> None:
    given = () if not arguments else ("--manifests", CLUSTER)
    line = refused(2, *given, *arguments)
    assert says in line
    assert line.count("\n") == 0


def test_an_unknown_flag_has_status_2() -> None:
    ended = feddns("serve", "--manifest", CLUSTER)
    assert ended.returncode == 2
    assert "--manifests" in ended.stderr  # the one that was meant
    assert "Traceback" not in ended.stderr


def test_variables_and_the_file_are_refused_by_name(tmp_path: Path) -> None:
    assert refused(2, FEDDNS_TTL="soon").startswith("feddns: FEDDNS_TTL: 'soon'")
    config = tmp_path / "feddns.toml"
    config.write_text("tll = 5\n")
    line = refused(2, "--config", str(config))
    assert line == f"feddns: {config}: 'tll' is no setting; did you mean 'ttl'?"
    config.write_text("ttl = \n")
    assert refused(2, "--config", str(config)).startswith(f"feddns: {config}: ")


# --- without a process ---------------------------------------------------------------------------


def test_a_listener_has_one_port_for_both() -> None:
    listener = sockets.open_listener(SocketAddress(f"{loopback()}:0"))
    with listener.udp, listener.tcp:
        assert listener.udp.getsockname() == listener.tcp.getsockname()
        assert listener.address.port == listener.udp.getsockname()[1] != 0
        assert not listener.udp.getblocking()
        with pytest.raises(OperatorNeeded):
            sockets.open_listener(listener.address)


def test_port_0_is_tried_again_when_tcp_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    address = loopback()
    taken = sockets.open_listener(SocketAddress(f"{address}:0"))
    opened = sockets._open
    tried: list[int] = []

    def unlucky(wanted: SocketAddress, family: object, kind: object, port: int) -> socket.socket:
        if kind == socket.SOCK_STREAM:
            tried.append(port)
            port = taken.address.port if len(tried) == 1 else port
        return opened(wanted, family, kind, port)  # type: ignore[arg-type]

    monkeypatch.setattr(sockets, "_open", unlucky)
    listener = sockets.open_listener(SocketAddress(f"{address}:0"))
    with taken.udp, taken.tcp, listener.udp, listener.tcp:
        assert len(tried) == 2
        assert listener.udp.getsockname() == listener.tcp.getsockname()


def test_the_feed_is_for_our_own_user(request: pytest.FixtureRequest) -> None:
    with sockets.open_feed() as feed:
        name = feed.getsockname()
        assert name.startswith(b"\0")  # in no folder
        with socket.socket(socket.AF_UNIX) as ours:
            ours.connect(name)
            accepted, _ = feed.accept()
            with accepted:
                assert sockets.is_ours(accepted)
        if os.getuid() != 0:
            programs.leave_out(request.config, "root")
        subprocess.run(
            [sys.executable, "-c", _CONNECT_AS_NOBODY, name.hex()], env=environment(), check=True,
            timeout=60,
        )  # fmt: skip
        accepted, _ = feed.accept()
        with accepted:
            assert not sockets.is_ours(accepted)


_CONNECT_AS_NOBODY = """
import os, socket, sys
os.setuid(65534)
with socket.socket(socket.AF_UNIX) as other:
    other.connect(bytes.fromhex(sys.argv[1]))
"""


def test_own_addresses_of_wildcards() -> None:
    """A wildcard is not an address that a client could use."""
    listener = sockets.open_listener(SocketAddress("0.0.0.0:0"))
    with listener.udp, listener.tcp:
        for packed in sockets.own_addresses([listener]):
            assert packed not in (bytes(4), bytes(16))
