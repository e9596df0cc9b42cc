"""Who has which name, address and port on this machine.

    address                    of
    127.<n>.0.1:6443           the API of cluster n; the federation's is 127.<base>.0.1
                               with real programs they are all on this address
    127.<n>.0.53               its DNS server, on port 53 where that is allowed, else 5353
    127.<base>.0.53            a DNS server outside all clusters, which has the public zone
    127.<n>.1.<i>              its nodes
    127.<n>.2.0 … 127.255      its Pods; with real programs 10.<n>.0.0/16
    127.<n>.128.0/18           its Services' cluster addresses
    127.<n>.192.0/18           its load balancers

All of 127.0.0.0/8 is this machine on Linux, so every one of them can be listened on.

Pure.  Called by everything in `playground`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from feddns.errors import SettingRefused

FEDERATION = "fellowship"
DOMAIN = "example.com"
CONTEXT = "federation-cluster"
"""The context of the federation in the kubeconfig, as the guides call it."""

FEDERATION_SERVICE_CIDR = "10.96.0.0/16"
API_PORT = 6443
MOST_CLUSTERS = 8
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,30}[a-z0-9])?")


class Cluster(NamedTuple):
    """A member: `network` is the first two octets of all its addresses."""

    name: str
    region: str
    network: str

    @property
    def zones(self) -> tuple[str, str]:
        return f"{self.name}-a", f"{self.name}-b"

    @property
    def api(self) -> str:
        return f"{self.network}.0.1"

    @property
    def dns(self) -> str:
        return f"{self.network}.0.53"

    @property
    def service_cidr(self) -> str:
        return f"{self.network}.128.0/18"

    @property
    def real_pod_cidr(self) -> str:
        """Pods' addresses with real programs: those of this machine itself they refuse."""
        return f"10.{self.network.partition('.')[2]}.0.0/16"

    def has(self, address: str) -> bool:
        """Whether the address is one of its own on this machine."""
        return address.startswith(f"{self.network}.")

    def nodes(self) -> Iterator[tuple[str, str, str]]:
        """Name, zone and address of each node: two a zone."""
        for index in range(4):
            zone = self.zones[index % 2]
            yield f"{self.name}-{index + 1}", zone, f"{self.network}.1.{index + 1}"

    def pods(self) -> Iterator[str]:
        """The addresses for Pods."""
        return self._addresses(2, 128)

    def balancers(self) -> Iterator[str]:
        """The addresses for load balancers."""
        return self._addresses(192, 256)

    def _addresses(self, first: int, end: int) -> Iterator[str]:
        for third in range(first, end):
            for fourth in range(1, 255):
                yield f"{self.network}.{third}.{fourth}"


class Layout(NamedTuple):
    """The federation's API address, and the members in their order."""

    api: str
    clusters: tuple[Cluster, ...]

    @property
    def outside(self) -> str:
        """The DNS server of the public zone."""
        return f"{self.api.rpartition('.0.')[0]}.0.53"


def make(clusters: str, base: int) -> Layout:
    """`us,eu,asia`, or `east:us,west:us,eu` with regions; raises `SettingRefused`."""
    members = []
    for number, word in enumerate(filter(None, clusters.split(",")), base + 1):
        name, _, region = word.strip().partition(":")
        for part in (name, region or name):
            if not _NAME.fullmatch(part):
                raise SettingRefused(
                    f"--clusters: {part!r} must be lower-case letters, digits and '-', and start "
                    "with a letter; for example us,eu,asia or east:us,west:us"
                )
        members.append(Cluster(name, region or name, f"127.{number}"))
    known = [member.name for member in members]
    if not 1 <= len(members) <= MOST_CLUSTERS or len(set(known)) < len(known):
        raise SettingRefused(
            f"--clusters: {clusters!r} must be 1 to {MOST_CLUSTERS} different names, comma between"
        )
    if CONTEXT in known:
        raise SettingRefused(f"--clusters: {CONTEXT!r} is the federation's own context")
    return Layout(f"127.{base}.0.1", tuple(members))
