"""Addresses and node ports of Services: given, kept, refused.

    type            clusterIP(s)        node ports         health check node port
    ExternalName    none                none               none
    ClusterIP       by family           none               none
    ClusterIP None  "None"              none               none
    NodePort        by family           one for each port  none
    LoadBalancer    by family           one for each port, with externalTrafficPolicy Local
                                        unless told not to

A change keeps what the old Service had: node ports by the name of the port.  What is in use is read
off the store's events, so that nothing leaks when a request comes to nothing.

Pure.  Called by `handling.writing`.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from feddns.apiserver.refusals import Cause, RequestRefused
from feddns.apiserver.store import Entry, Event

RESOURCE = "services"
_PORTS = range(30000, 32768)
_FAMILIES = {4: "IPv4", 6: "IPv6"}
_TRIES = 64
_NO_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_ADDRESS_FIELDS = (
    "clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy",
)  # fmt: skip

Object = dict[str, Any]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Addresses:
    """Those of one server.  `ranges` as CIDRs, the first family is the default one."""

    def __init__(self, ranges: Iterable[str]) -> None:
        networks = [ipaddress.ip_network(one) for one in ranges]
        self.networks: dict[str, Network] = {_FAMILIES[one.version]: one for one in networks}
        self._addresses: Counter[str] = Counter()
        self._ports: Counter[int] = Counter()

    @property
    def first(self) -> str:
        """The address of the Service `kubernetes`."""
        return str(next(iter(self.networks.values()))[1])

    def hear(self, event: Event) -> None:
        """A listener of the store."""
        if event.resource == RESOURCE:
            if event.before is not None:
                self._count(event.before, -1)
            if event.entry is not None:
                self.take(event.entry)

    def take(self, entry: Entry) -> None:
        """What a stored Service has is in use."""
        self._count(entry, 1)

    def _count(self, entry: Entry, step: int) -> None:
        spec = entry.object().get("spec") or {}
        for address in spec.get("clusterIPs") or ():
            self._addresses[_canonical(address)] += step
        for port in _ports_of(spec):
            self._ports[port] += step

    # --- one Service -----------------------------------------------------------------------------

    def fit(self, obj: Object, old: Object | None, entropy: Callable[[int], bytes]) -> list[Cause]:
        """Give the Service what it has not; the causes why that is not possible.

        clusterIP and clusterIPs are one already (`defaults.prepare`).
        Raises `RequestRefused`: 500, where no port is left or the one of the health check is not
        free.
        """
        spec, before = obj["spec"], (old or {}).get("spec") or {}
        if before:
            _keep(spec, before)
        wrong = _wrong_addresses(spec, before)
        if wrong:
            return wrong
        if spec.get("type") == "ExternalName":
            for name in _ADDRESS_FIELDS:
                spec.pop(name, None)
            return []
        causes = self._fit_families(spec, before)
        if not causes and spec.get("clusterIP") != "None":
            causes = self._fit_addresses(spec, before, entropy)
        return causes or self._fit_ports(spec, before, entropy)

    def _fit_families(self, spec: Object, before: Object) -> list[Cause]:
        given: list[str] = spec.get("ipFamilies") or []
        families = list(given) or _families_of(spec.get("clusterIPs") or ())
        policy = spec.get("ipFamilyPolicy")
        if not policy:
            bare = spec.get("clusterIP") == "None" and not spec.get("selector")
            policy = "RequireDualStack" if bare or len(families) > 1 else "SingleStack"
            spec["ipFamilyPolicy"] = policy
            if bare:
                families = [*families, *({*_FAMILIES.values()} - {*families})] if families else []
                default = next(iter(self.networks))
                families = families or [default, *(f for f in _FAMILIES.values() if f != default)]
                spec["ipFamilies"] = families
                return []
        for number, family in enumerate(given):
            if family not in self.networks:
                return [
                    _invalid(f"spec.ipFamilies[{number}]", family, "not configured on this cluster")
                ]
        families = families or [next(iter(self.networks))]
        if policy == "RequireDualStack" and len(self.networks) == 1 and not before:
            why = "this cluster is not configured for dual-stack services"
            return [_invalid("spec.ipFamilyPolicy", policy, why)]
        if policy == "SingleStack":
            families = families[:1]
        else:
            families += [family for family in self.networks if family not in families]
        spec["ipFamilies"] = families
        return []

    def _fit_addresses(
        self, spec: Object, before: Object, entropy: Callable[[int], bytes]
    ) -> list[Cause]:
        given = list(spec.get("clusterIPs") or ())[: len(spec["ipFamilies"])]
        kept = before.get("clusterIPs") or ()
        for address in given:
            why = "" if address in kept else self._why_not(address)
            if why:
                return [
                    _invalid("spec.clusterIPs", given, f"failed to allocate IP {address}: {why}")
                ]
        for family in spec["ipFamilies"][len(given) :]:
            address = self._free_address(self.networks[family], entropy)
            if not address:
                why = "failed to allocate a serviceIP: range is full"
                return [_invalid("spec.clusterIPs", given, why)]
            given.append(address)
        spec["clusterIPs"], spec["clusterIP"] = given, given[0]
        return []

    def _why_not(self, address: str) -> str:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return "not a valid IP address"
        network = self.networks.get(_FAMILIES[parsed.version])
        if network is None or parsed not in network or parsed in _not_given(network):
            return "the provided network does not match the current range"
        return "provided IP is already allocated" if self._addresses[str(parsed)] > 0 else ""

    def _free_address(self, network: Network, entropy: Callable[[int], bytes]) -> str:
        """By chance, then the first; not those of the network and the broadcast."""
        size = min(network.num_addresses, 1 << 20) - 2
        start = 2 if size > 2 else 1
        for _ in range(_TRIES):
            address = str(network[start + int.from_bytes(entropy(4), "big") % (size - start + 1)])
            if self._addresses[address] <= 0:
                return address
        for number in range(start, size + 1):
            if self._addresses[str(network[number])] <= 0:
                return str(network[number])
        return ""

    def _fit_ports(
        self, spec: Object, before: Object, entropy: Callable[[int], bytes]
    ) -> list[Cause]:
        if not _has_node_ports(spec):
            return []
        kept = set(_ports_of(before))
        mine: set[int] = set()
        used: set[tuple[int, str]] = set()
        wanted = spec.get("type") == "NodePort" or spec.get("allocateLoadBalancerNodePorts", True)
        shared: dict[int, int] = {}
        for number, port in enumerate(spec.get("ports") or ()):
            given, protocol = port.get("nodePort"), port.get("protocol", "TCP")
            if not given and wanted:
                given = shared.get(port["port"]) or self._free_port(mine, entropy)
                if not given:
                    raise _internal("failed to allocate a nodePort: range is full")
                port["nodePort"] = given
            elif given:
                why = "" if given in kept or given in mine else self._why_not_port(given)
                if (given, protocol) in used:
                    why = "provided port is already allocated"
                if why:
                    return [_invalid(f"spec.ports[{number}].nodePort", given, why)]
            if given:
                mine.add(given)
                used.add((given, protocol))
                shared.setdefault(port["port"], given)
        if spec["type"] == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local":
            self._fit_health_port(spec, before, mine, entropy)
        return []

    def _fit_health_port(
        self, spec: Object, before: Object, mine: set[int], entropy: Callable[[int], bytes]
    ) -> None:
        """Raises `RequestRefused`: 500, as kube-apiserver calls it."""
        given = spec.get("healthCheckNodePort") or 0
        if not given:
            given = self._free_port(mine, entropy)
            if not given:
                raise _internal("failed to allocate a HealthCheck NodePort : range is full")
            spec["healthCheckNodePort"] = given
        elif given != before.get("healthCheckNodePort"):
            why = self._why_not_port(given)
            if given in mine:
                why = "provided port is already allocated"
            if why:
                raise _internal(f"failed to allocate requested HealthCheck NodePort {given}: {why}")

    def _why_not_port(self, port: int) -> str:
        if port not in _PORTS:
            return (
                "provided port is not in the valid range. The range of valid ports is 30000-32767"
            )
        return "provided port is already allocated" if self._ports[port] > 0 else ""

    def _free_port(self, mine: set[int], entropy: Callable[[int], bytes]) -> int:
        start = int.from_bytes(entropy(2), "big") % len(_PORTS)
        for step in range(len(_PORTS)):
            port = _PORTS[(start + step) % len(_PORTS)]
            if self._ports[port] <= 0 and port not in mine:
                return port
        return 0


def _wrong_addresses(spec: Object, before: Object) -> list[Cause]:
    """What no Service can have."""
    given = spec.get("clusterIPs") or []
    if spec.get("type") == "ExternalName":
        if given and given != before.get("clusterIPs"):
            why = "Forbidden: may not be set for ExternalName services"
            return [Cause("FieldValueForbidden", why, "spec.clusterIPs")]
        return []
    for number, address in enumerate(given):
        if address != "None" and not _is_address(address):
            return [_invalid(f"spec.clusterIPs[{number}]", address, _NO_ADDRESS)]
    had = before.get("clusterIPs")
    if had and before.get("type") != "ExternalName" and given[:1] != had[:1]:
        return [_invalid("spec.clusterIPs[0]", given, "may not change once set")]
    if given and spec.get("clusterIP", given[0]) != given[0]:
        return [_invalid("spec.clusterIPs", given, "first value must match `clusterIP`")]
    return []


def _not_given(network: Network) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, ...]:
    """What means the network itself, or all that are in it."""
    if network.version == 6:
        return (network.network_address,)
    return (network.network_address, network.broadcast_address)


def _canonical(address: str) -> str:
    """One spelling of an IPv6 address, of many."""
    return str(ipaddress.ip_address(address)) if ":" in address else address


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _keep(spec: Object, before: Object) -> None:
    """What was given before stays; what only the old type had goes."""
    kind, was = spec.get("type"), before.get("type")
    if "ExternalName" not in (kind, was):
        if not spec.get("clusterIP") and not spec.get("clusterIPs"):
            for name in ("clusterIP", "clusterIPs"):
                if before.get(name):
                    spec[name] = before[name]
        for name in ("ipFamilies", "ipFamilyPolicy"):
            if not spec.get(name) and before.get(name):
                spec[name] = before[name]
    if _has_node_ports(before) and _has_node_ports(spec):
        old = {port.get("name", ""): port.get("nodePort") for port in before.get("ports") or ()}
        for port in spec.get("ports") or ():
            if not port.get("nodePort") and old.get(port.get("name", "")):
                port["nodePort"] = old[port.get("name", "")]
    elif _has_node_ports(before):
        _drop_node_ports(spec, before)
    if was == "LoadBalancer" and kind != was:
        for name in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
            if spec.get(name) == before.get(name):
                spec.pop(name, None)
    local = kind == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"
    if local and before.get("healthCheckNodePort"):
        spec.setdefault("healthCheckNodePort", before["healthCheckNodePort"])
    elif spec.get("healthCheckNodePort") == before.get("healthCheckNodePort"):
        spec.pop("healthCheckNodePort", None)


def _drop_node_ports(spec: Object, before: Object) -> None:
    had = set(_ports_of(before))
    for port in spec.get("ports") or ():
        if port.get("nodePort") in had:
            del port["nodePort"]
    if spec.get("externalTrafficPolicy") == before.get("externalTrafficPolicy"):
        spec.pop("externalTrafficPolicy", None)


def _has_node_ports(spec: Object) -> bool:
    return spec.get("type") in ("NodePort", "LoadBalancer")


def _ports_of(spec: Object) -> list[int]:
    ports = [port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")]
    health = spec.get("healthCheckNodePort")
    return list({*ports, health} if health else {*ports})


def _families_of(addresses: Iterable[str]) -> list[str]:
    found = []
    for address in addresses:
        if address and address != "None":
            found.append("IPv6" if ":" in address else "IPv4")
    return found


def _internal(why: str) -> RequestRefused:
    message = f"Internal error occurred: {why}"
    return RequestRefused(500, "InternalError", message, causes=[Cause("", why)])


def _invalid(field: str, value: Any, why: str) -> Cause:
    shown = f'"{value}"' if isinstance(value, str) else value
    if isinstance(value, list):
        shown = "[" + ",".join(f'"{one}"' for one in value) + "]"
    return Cause("FieldValueInvalid", f"Invalid value: {shown}: {why}", field)
