"""The rules of Services.

Addresses and node ports outside their ranges are refused by `services` of the API, which gives
them.

Pure.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from feddns.apiserver.problems import (
    PORT,
    Problems,
    check_labels,
    cidr,
    ip,
    label,
    port_or_name,
    qualified_name,
    subdomain,
)

Object = dict[str, Any]

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_FAMILIES = ("IPv4", "IPv6")
_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_TRAFFIC = ("Cluster", "Local")
_DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
_BALANCER_ONLY = "may only be used when `type` is 'LoadBalancer'"


def service(obj: Object, old: Object | None, found: Problems) -> None:
    spec = obj["spec"]
    kind = spec["type"]
    headless = spec.get("clusterIP") == "None"
    if not spec.get("ports") and not headless and kind != "ExternalName":
        found.required("spec.ports")
    if kind == "ExternalName":
        _external_name(spec, found)
    _ports(spec, kind, found)
    check_labels(spec.get("selector", {}), "spec.selector", found)
    _affinity(spec, found)
    found.one_of("spec.type", kind, _TYPES)
    _addresses(spec, kind, found)
    for number, address in enumerate(spec.get("externalIPs", ())):
        found.endpoint_ip(f"spec.externalIPs[{number}]", address)
    _balancer(spec, kind, found)
    _traffic(spec, kind, found)
    if old:
        _changes(spec, old["spec"], found)
        if obj.get("status") != old.get("status"):
            _status(obj["status"].get("loadBalancer", {}), kind, found)


def _external_name(spec: Object, found: Problems) -> None:
    name = spec.get("externalName", "").removesuffix(".")
    if spec.get("clusterIPs") or spec.get("clusterIP"):
        found.forbidden("spec.clusterIPs", "may not be set for ExternalName services")
    for field in ("ipFamilies", "ipFamilyPolicy"):
        if spec.get(field):
            found.forbidden(f"spec.{field}", "may not be set for ExternalName services")
    if name:
        found.each("spec.externalName", spec["externalName"], subdomain(name))
    else:
        found.required("spec.externalName")


def _ports(spec: Object, kind: str, found: Problems) -> None:
    ports = spec.get("ports", ())
    names: set[str] = set()
    seen: set[tuple[str, int]] = set()
    node_ports: set[tuple[str, int]] = set()
    for number, port in enumerate(ports):
        here = f"spec.ports[{number}]"
        name = port.get("name", "")
        if not name and len(ports) > 1:
            found.required(f"{here}.name")
        elif name:
            if complaints := label(name):
                found.each(f"{here}.name", name, complaints)
            elif name in names:
                found.duplicate(f"{here}.name", name)
            names.add(name)
        _port(port, here, kind, found)
        key = port["protocol"], port["port"]
        if key in seen:
            shape = {"Name": "", "Protocol": key[0], "AppProtocol": None, "Port": key[1]}
            found.duplicate(here, shape | {"TargetPort": 0, "NodePort": 0})
        seen.add(key)
        if node := port.get("nodePort"):
            same = port["protocol"], node
            if same in node_ports:
                shape = {"Name": "", "Protocol": same[0], "AppProtocol": None, "Port": 0}
                found.duplicate(f"{here}.nodePort", shape | {"TargetPort": 0, "NodePort": node})
            node_ports.add(same)


def _port(port: Object, here: str, kind: str, found: Problems) -> None:
    if not 0 < port["port"] < 65536:
        found.invalid(f"{here}.port", port["port"], PORT)
    if not port["protocol"]:
        found.required(f"{here}.protocol")
    else:
        found.one_of(f"{here}.protocol", port["protocol"], _PROTOCOLS)
    found.each(f"{here}.targetPort", port["targetPort"], port_or_name(port["targetPort"]))
    if protocol := port.get("appProtocol"):
        found.each(f"{here}.appProtocol", protocol, qualified_name(protocol))
    if port.get("nodePort") and kind in ("ClusterIP", "ExternalName"):
        detail = f"may not be used when `type` is '{kind}'"
        found.forbidden(f"{here}.nodePort", detail)


def _affinity(spec: Object, found: Problems) -> None:
    found.one_of("spec.sessionAffinity", spec["sessionAffinity"], ("ClientIP", "None"))
    if spec["sessionAffinity"] == "ClientIP":
        seconds = spec["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"]
        if not 0 < seconds <= 86400:
            place = "spec.sessionAffinityConfig.clientIP.timeoutSeconds"
            found.invalid(place, seconds, "must be greater than 0 and less than 86400")


def _addresses(spec: Object, kind: str, found: Problems) -> None:
    """Cluster addresses: None for headless Services, else addresses, the first as clusterIP."""
    if kind == "ExternalName":
        return
    first, all_of_them = spec.get("clusterIP", ""), spec.get("clusterIPs")
    if all_of_them and first and all_of_them[0] != first:
        found.invalid("spec.clusterIPs", all_of_them, "first value must match `clusterIP`")
    for number, address in enumerate(all_of_them or ([first] if first else [])):
        here = f"spec.clusterIPs[{number}]"
        if address != "None":
            wrong = ip(address)
            found.each(here, address, wrong)
            if not wrong:
                _of_family(address, spec.get("ipFamilies", ()), number, found)
        elif kind in ("NodePort", "LoadBalancer"):
            found.invalid(here, "None", f"may not be set to 'None' for {kind} services")
    policy, families = spec.get("ipFamilyPolicy"), spec.get("ipFamilies", ())
    if policy is not None:
        found.one_of("spec.ipFamilyPolicy", policy, _POLICIES)
    for number, family in enumerate(families):
        here = f"spec.ipFamilies[{number}]"
        if family in families[:number]:
            found.duplicate(here, family)
        else:
            found.one_of(here, family, _FAMILIES)
    if len(families) > 1 and policy in (None, "SingleStack"):
        detail = "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are"
        found.invalid("spec.ipFamilyPolicy", "SingleStack", f"{detail} specified")


def _of_family(address: str, families: Sequence[str], number: int, found: Problems) -> None:
    version = f"IPv{ipaddress.ip_address(address).version}"
    if number < len(families) and families[number] in _FAMILIES and families[number] != version:
        detail = f"expected an {families[number]} value as indicated by `ipFamilies[{number}]`"
        found.invalid(f"spec.clusterIPs[{number}]", address, detail)


def _traffic(spec: Object, kind: str, found: Problems) -> None:
    external = spec.get("externalTrafficPolicy")
    reachable = kind in ("NodePort", "LoadBalancer") or (
        kind == "ClusterIP" and spec.get("externalIPs")
    )
    if external and not reachable:
        detail = "may only be set for externally-accessible services"
        found.invalid("spec.externalTrafficPolicy", external, detail)
    elif external:
        found.one_of("spec.externalTrafficPolicy", external, _TRAFFIC)
    elif reachable:
        found.required("spec.externalTrafficPolicy")
    checked = spec.get("healthCheckNodePort")
    if checked and not (kind == "LoadBalancer" and external == "Local"):
        detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is"
        found.invalid("spec.healthCheckNodePort", checked, f"{detail} 'Local'")
    if internal := spec.get("internalTrafficPolicy"):
        found.one_of("spec.internalTrafficPolicy", internal, _TRAFFIC)
    if (spread := spec.get("trafficDistribution")) is not None:
        found.one_of("spec.trafficDistribution", spread, _DISTRIBUTIONS)


def _balancer(spec: Object, kind: str, found: Problems) -> None:
    balanced = kind == "LoadBalancer"
    if ranges := spec.get("loadBalancerSourceRanges"):
        field = "spec.LoadBalancerSourceRanges"
        if not balanced:
            found.forbidden(field, _BALANCER_ONLY)
        for number, range in enumerate(ranges):
            found.each(f"{field}[{number}]", range, cidr(range))
    if spec.get("allocateLoadBalancerNodePorts") is not None and not balanced:
        found.forbidden("spec.allocateLoadBalancerNodePorts", _BALANCER_ONLY)
    if (name := spec.get("loadBalancerClass")) is not None:
        if not balanced:
            found.forbidden("spec.loadBalancerClass", _BALANCER_ONLY)
        else:
            found.each("spec.loadBalancerClass", name, qualified_name(name))


def _changes(spec: Object, old: Object, found: Problems) -> None:
    """Addresses stay, as long as the type is one that has them."""
    if "ExternalName" in (spec["type"], old["type"]):
        return
    before, after = old.get("clusterIPs", []), spec.get("clusterIPs", [])
    if before and after and before[0] != after[0]:
        found.invalid("spec.clusterIPs[0]", after, "may not change once set")
    elif len(before) > 1 and len(after) > 1 and before[1] != after[1]:
        found.invalid("spec.clusterIPs[1]", after, "may not change once set")
    was, now = old.get("loadBalancerClass"), spec.get("loadBalancerClass")
    if spec["type"] == "LoadBalancer" and was is not None and was != now:
        found.invalid("spec.loadBalancerClass", now, "may not change once set")


def _status(balancer: Object, kind: str, found: Problems) -> None:
    """What somebody writes into the status; nobody but the server asks for it otherwise."""
    here = "status.loadBalancer.ingress"
    if balancer.get("ingress") and kind != "LoadBalancer":
        found.forbidden(here, "may only be used when `spec.type` is 'LoadBalancer'")
        return
    for number, ingress in enumerate(balancer.get("ingress") or ()):
        place, address, mode = f"{here}[{number}]", ingress.get("ip", ""), ingress.get("ipMode")
        if address:
            found.each(f"{place}.ip", address, ip(address))
        if mode is None:
            if address:
                found.required(f"{place}.ipMode", "must be specified when `ip` is set")
        elif not address:
            found.forbidden(f"{place}.ipMode", "may not be specified when `ip` is not set")
        else:
            found.one_of(f"{place}.ipMode", mode, ("Proxy", "VIP"))
        if name := ingress.get("hostname"):
            found.each(f"{place}.hostname", name, subdomain(name))
            if not ip(name):
                found.invalid(f"{place}.hostname", name, "must be a DNS name, not an IP address")
