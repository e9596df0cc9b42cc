"""The servers of a run: where each is found, how it is started, one worker each.

A server is an entry of `SERVERS`; adding one is adding an entry and its `launch`.  This module
writes configuration files and makes commands; it must not start anything (`processes` does).
`__main__` and `rounds` call it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import zone
from bench.processes import Launch, free_port
from tests import peers

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Place:
    """What a server is given: its port, a folder of its own, and the inventory's forms.

    With a kubeconfig, feddns and CoreDNS follow the API server that it names instead of the
    manifests and of the stand-in at `api_port`; with an upstream they forward to that port.
    """

    port: int
    home: Path
    manifests: Path
    zones: Path
    api_port: int
    kubeconfig: Path | None = None
    upstream: int | None = None
    snapshot: Path | None = None
    processes: int = 1


@dataclass(frozen=True, slots=True)
class Server:
    """One competitor.  `find` gives its program or None, `how` says how to get it."""

    key: str
    find: Callable[[], str | None]
    how: str
    launch: Callable[[str, Place], Launch]
    version: Callable[[str], str]


def _version(*arguments: str) -> Callable[[str], str]:
    """A reader of the version a program prints when called with `arguments`."""

    def read(program: str) -> str:
        result = subprocess.run(
            [program, *arguments], capture_output=True, text=True, check=False, cwd=ROOT
        )
        match = re.search(r"\d+\.\d+(\.\d+)?\S*", result.stdout + result.stderr)
        return match[0].strip(",)") if match and result.returncode == 0 else "of unknown version"

    return read


# --- feddns ------------------------------------------------------------------------------------


def launch_feddns(python: str, place: Place) -> Launch:
    command = [python, "-m", "feddns", "serve", "--listen", f"127.0.0.1:{place.port}"]
    command += ["--metrics", "none", "--processes", str(place.processes)]
    command += (
        ["--kubeconfig", str(place.kubeconfig), "--lame-duck", "0"]
        if place.kubeconfig
        else ["--manifests", str(place.manifests)]
    )
    command += ["--upstream", f"127.0.0.1:{place.upstream}"] if place.upstream else []
    command += ["--snapshot", str(place.snapshot)] if place.snapshot else []
    return Launch(command, folder=ROOT)


# --- Knot --------------------------------------------------------------------------------------


def launch_knot(program: str, place: Place) -> Launch:
    zones = "\n".join(
        f"  - domain: {origin}\n    file: {zone.path_of(place.zones, origin)}"
        for origin in (zone.ORIGIN, zone.REVERSE)
    )
    configuration = place.home / "knot.conf"
    configuration.write_text(
        f"""server:
    rundir: {place.home}
    listen: 127.0.0.1@{place.port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: {place.home}
log:
  - target: stderr
    any: warning
template:
  - id: default
    storage: {place.home}
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
zone:
{zones}
"""
    )
    return Launch([program, "-c", str(configuration)], folder=place.home)


# --- NSD ---------------------------------------------------------------------------------------


def launch_nsd(program: str, place: Place) -> Launch:
    zones = "\n".join(
        f"zone:\n    name: {origin}\n    zonefile: {zone.path_of(place.zones, origin)}"
        for origin in (zone.ORIGIN, zone.REVERSE)
    )
    configuration = place.home / "nsd.conf"
    # Rate limits off: Debian's build has them on, at 200 queries a second and source.
    configuration.write_text(
        f"""server:
    server-count: 1
    ip-address: 127.0.0.1@{place.port}
    username: ""
    database: ""
    zonesdir: "{place.home}"
    pidfile: "{place.home}/nsd.pid"
    xfrdfile: "{place.home}/xfrd.state"
    xfrdir: "{place.home}"
    zonelistfile: "{place.home}/zone.list"
    minimal-responses: yes
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
remote-control:
    control-enable: no
{zones}
"""
    )
    return Launch([program, "-d", "-c", str(configuration)], folder=place.home)


# --- CoreDNS -----------------------------------------------------------------------------------

COREDNS_PLAIN = """.:{port} {{
    bind 127.0.0.1
    errors
{cache}    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        {api}
        pods insecure
        ttl 30
    }}
{forward}}}
"""

# What `kubeadm init` writes, but for the addresses, and for the API and the upstream, which are
# stand-ins on this machine.
COREDNS_KUBEADM = """.:{port} {{
    bind 127.0.0.1
    errors
    health 127.0.0.1:{health} {{
        lameduck 5s
    }}
    ready 127.0.0.1:{ready}
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        {api}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }}
    prometheus 127.0.0.1:{metrics}
    forward . 127.0.0.1:{upstream} {{
        max_concurrent 1000
    }}
    cache 30 {{
        disable success cluster.local
        disable denial cluster.local
    }}
    loop
    reload
    loadbalance
}}
"""


def find_coredns() -> str | None:
    built = peers.path("coredns")
    return str(built) if built.is_file() else shutil.which("coredns")


def launch_coredns(program: str, place: Place) -> Launch:
    return _launch_coredns(program, place, COREDNS_PLAIN, cache="")


def launch_coredns_cache(program: str, place: Place) -> Launch:
    return _launch_coredns(program, place, COREDNS_PLAIN, cache="    cache 30\n")


def launch_coredns_kubeadm(program: str, place: Place) -> Launch:
    return _launch_coredns(program, place, COREDNS_KUBEADM, cache="")


def _launch_coredns(program: str, place: Place, template: str, cache: str) -> Launch:
    corefile = place.home / "Corefile"
    api = f"endpoint http://127.0.0.1:{place.api_port}"
    text = template.format(
        port=place.port,
        api=f"kubeconfig {place.kubeconfig}" if place.kubeconfig else api,
        upstream=place.upstream or place.api_port,
        forward=f"    forward . 127.0.0.1:{place.upstream}\n" if place.upstream else "",
        cache=cache,
        health=free_port(),
        ready=free_port(),
        metrics=free_port(),
    )
    corefile.write_text(text)
    return Launch([program, "-conf", str(corefile)], {"GOMAXPROCS": "1"}, place.home)


def _find(program: str) -> Callable[[], str | None]:
    return lambda: shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")


_GET_COREDNS = f"{peers.BUILD} coredns"
_COREDNS_VERSION = _version("-version")

SERVERS: dict[str, Server] = {
    server.key: server
    for server in (
        Server(
            "feddns",
            lambda: sys.executable,
            "",
            launch_feddns,
            _version("-m", "feddns", "--version"),
        ),
        Server("knot", _find("knotd"), "apt-get install knot", launch_knot, _version("-V")),
        Server("nsd", _find("nsd"), "apt-get install nsd", launch_nsd, _version("-v")),
        Server("coredns", find_coredns, _GET_COREDNS, launch_coredns, _COREDNS_VERSION),
        Server("coredns-cache", find_coredns, _GET_COREDNS, launch_coredns_cache, _COREDNS_VERSION),
        Server(
            "coredns-kubeadm", find_coredns, _GET_COREDNS, launch_coredns_kubeadm, _COREDNS_VERSION
        ),
    )
}
