"""The kinds of values that settings have: each a type that shows itself as it is written.

    text                        becomes
    192.0.2.1:53, [::1]:53      SocketAddress
    192.0.2.1, 192.0.2.1:5353   Nameserver, port 53 unless given
    corp.example=192.0.2.1      StubDomain
    corp.example                DomainName, lower-case wire name
    10.0.0.0/8                  ReverseZone, one or several
    192.0.2.1                   Address, packed

Each function raises `ValueError` with a reason for a person.  Pure.  Called by `config`, and by
`kube` for what stands in a ConfigMap.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from feddns import names
from feddns.errors import NameRefused


class SocketAddress(str):
    """An IP address and a port, in the canonical text `192.0.2.1:53` or `[2001:db8::1]:53`."""

    @property
    def address(self) -> str:
        return self.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.rpartition(":")[2])


class Nameserver(SocketAddress):
    """A server that questions are forwarded to; port 53 unless one is given."""


class StubDomain(str):
    """A domain and the servers that know it: `corp.example.=192.0.2.1:53 192.0.2.2:53`."""

    @property
    def domain(self) -> bytes:
        return names.parse(self.partition("=")[0])

    @property
    def servers(self) -> tuple[Nameserver, ...]:
        return tuple(map(Nameserver, self.partition("=")[2].split()))


class DomainName(bytes):
    """A lower-case wire name that was given as text."""

    def __str__(self) -> str:
        return names.format(self)


class ReverseZone(DomainName):
    """A zone under in-addr.arpa or ip6.arpa, given as such or as a CIDR on a label boundary."""


class Address(bytes):
    """A packed IP address that was given as text."""

    def __str__(self) -> str:
        return str(ipaddress.ip_address(bytes(self)))


_LONGEST_ZONE = 120
PRIVATE_RANGES = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")


def socket_address(text: str) -> SocketAddress:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{text!r} is not ADDRESS:PORT, for example 127.0.0.1:5353 or [::1]:5353")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise ValueError(f"{host!r} is no IP address; 0.0.0.0 and [::] mean every one") from None
    return SocketAddress(f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}")


def nameserver(text: str) -> Nameserver:
    """`ADDRESS` or `ADDRESS:PORT`, IPv6 with a port in brackets.  Raises `ValueError`."""
    text = text.strip()
    if text.startswith("[") or text.count(":") == 1:
        found = socket_address(text if text.rpartition(":")[2].isdigit() else f"{text}:53")
    else:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            raise ValueError(f"{text!r} is no IP address, with or without a port") from None
        found = socket_address(f"[{address}]:53" if address.version == 6 else f"{address}:53")
    if found.port == 0:
        raise ValueError(f"{text!r} has port 0, where no server listens")
    return Nameserver(found)


def stub_domain(text: str) -> StubDomain:
    """`DOMAIN=ADDRESS[:PORT][ ADDRESS…]`.  Raises `ValueError`."""
    domain, equals, servers = text.partition("=")
    given = servers.split()
    if not equals or not given:
        raise ValueError(
            f"{text!r} is not DOMAIN=ADDRESS[:PORT], for example corp.example=10.0.0.1"
        )
    return StubDomain(f"{domain_name(domain.strip())}={' '.join(map(nameserver, given))}")


def domain_name(text: str) -> DomainName:
    try:
        name = names.parse(text).lower()
    except NameRefused as error:
        raise ValueError(str(error)) from None
    if name == names.ROOT:
        raise ValueError("the root is not ours to serve")
    if len(name) > _LONGEST_ZONE:
        raise ValueError(f"{text!r} leaves no room for names below it")
    return DomainName(name)


def reverse_zones(text: str) -> tuple[ReverseZone, ...]:
    """The zones of a CIDR (several when it ends between label boundaries), or the zone named."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        name = domain_name(text)
        if not (names.is_under(name, names.IN_ADDR_ARPA) or names.is_under(name, names.IP6_ARPA)):
            raise ValueError(
                f"{text!r} is neither a CIDR without host bits nor a zone of .arpa"
            ) from None
        return (ReverseZone(name),)
    bits = 8 if network.version == 4 else 4
    length = max(bits, -(-network.prefixlen // bits) * bits)
    arpa = names.IN_ADDR_ARPA if network.version == 4 else names.IP6_ARPA
    spare = (network.max_prefixlen - length) // bits
    return tuple(
        ReverseZone(names.join(names.reverse_labels(part.network_address.packed)[spare:], arpa))
        for part in network.subnets(new_prefix=max(length, network.prefixlen))
    )


def address(text: str) -> Address:
    try:
        return Address(ipaddress.ip_address(text).packed)
    except ValueError:
        raise ValueError(f"{text!r} is no IP address") from None


_PARSERS: dict[Any, Any] = {
    SocketAddress: socket_address,
    Nameserver: nameserver,
    StubDomain: stub_domain,
    DomainName: domain_name,
    Address: address,
}


def read(kind: Any, value: Any) -> Any:
    """The value of a type of this module from its text."""
    if not isinstance(value, str):
        raise ValueError(f"expected text, not {value!r}")
    return _PARSERS[kind](value)
