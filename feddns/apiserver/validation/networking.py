"""The rules of Endpoints, EndpointSlices and Ingresses.

Pure.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from feddns.apiserver.problems import (
    IMMUTABLE,
    PORT,
    Problems,
    ip,
    label,
    label_1035,
    port_or_name,
    qualified_name,
    subdomain,
    wildcard,
)

Object = dict[str, Any]

_PROTOCOLS = ("SCTP", "TCP", "UDP")
_FAMILIES = ("FQDN", "IPv4", "IPv6")
_PATHS = ("Exact", "ImplementationSpecific", "Prefix")
_MOST_ENDPOINTS, _MOST_PORTS, _MOST_ADDRESSES = 1000, 20000, 100


def endpoints(obj: Object, old: Object | None, found: Problems) -> None:
    for number, subset in enumerate(obj.get("subsets", ())):
        here = f"subsets[{number}]"
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            found.required(here, "must specify `addresses` or `notReadyAddresses`")
        for field in ("addresses", "notReadyAddresses"):
            for place, address in enumerate(subset.get(field, ())):
                _address(address, f"{here}.{field}[{place}]", found)
        ports = subset.get("ports", ())
        for place, port in enumerate(ports):
            _endpoint_port(port, f"{here}.ports[{place}]", len(ports) > 1, found)


def _address(address: Object, here: str, found: Problems) -> None:
    wrong = ip(address["ip"])
    found.each(f"{here}.ip", address["ip"], wrong)
    if wrong:
        found.invalid(f"{here}.ip", address["ip"], "must be a valid IP address")
    else:
        found.endpoint_ip(f"{here}.ip", address["ip"])
    if name := address.get("hostname"):
        found.each(f"{here}.hostname", name, label(name))
    if name := address.get("nodeName"):
        found.each(f"{here}.nodeName", name, subdomain(name))


def _endpoint_port(port: Object, here: str, named: bool, found: Problems) -> None:
    name = port.get("name", "")
    if named and not name:
        found.required(f"{here}.name")
    elif name:
        found.each(f"{here}.name", name, label(name))
    if not 0 < port["port"] < 65536:
        found.invalid(f"{here}.port", port["port"], PORT)
    found.one_of(f"{here}.protocol", port["protocol"], _PROTOCOLS)


def endpoint_slice(obj: Object, old: Object | None, found: Problems) -> None:
    family = obj["addressType"]
    if not family:
        found.required("addressType")
    else:
        found.one_of("addressType", family, _FAMILIES)
    _slice_ports(obj["ports"] or (), found)
    members = obj["endpoints"] or ()
    if len(members) > _MOST_ENDPOINTS:
        found.too_many("endpoints", len(members), _MOST_ENDPOINTS)
    else:
        for number, endpoint in enumerate(members):
            _endpoint(endpoint, family, f"endpoints[{number}]", found)
    if old and family != old["addressType"]:
        found.invalid("addressType", family, IMMUTABLE)


def _slice_ports(ports: Sequence[Object], found: Problems) -> None:
    if len(ports) > _MOST_PORTS:
        found.too_many("ports", len(ports), _MOST_PORTS)
        return
    names = set()
    for number, port in enumerate(ports):
        here, name = f"ports[{number}]", port["name"]
        if name in names:
            found.duplicate(f"{here}.name", name)
        elif name:
            found.each(f"{here}.name", name, label(name))
        names.add(name)
        found.one_of(f"{here}.protocol", port["protocol"], _PROTOCOLS)
        if protocol := port.get("appProtocol"):
            found.each(f"{here}.appProtocol", protocol, qualified_name(protocol))


def _endpoint(endpoint: Object, family: str, here: str, found: Problems) -> None:
    addresses = endpoint["addresses"] or ()
    if not addresses:
        found.required(f"{here}.addresses", "must contain at least 1 address")
    elif len(addresses) > _MOST_ADDRESSES:
        found.too_many(f"{here}.addresses", len(addresses), _MOST_ADDRESSES)
    for number, address in enumerate(addresses):
        place = f"{here}.addresses[{number}]"
        if family == "FQDN":
            found.each(place, address, subdomain(address))
        elif wrong := ip(address):
            found.each(place, address, wrong)
        else:
            version = f"IPv{ipaddress.ip_address(address).version}"
            if family in _FAMILIES and version != family:
                found.invalid(f"{here}.addresses", address, f"must be an {family} address")
            found.endpoint_ip(place, address)
    if (name := endpoint.get("nodeName")) is not None:
        found.each(f"{here}.nodeName", name, subdomain(name))
    if (name := endpoint.get("hostname")) is not None:
        found.each(f"{here}.hostname", name, label(name))


# --- Ingress -------------------------------------------------------------------------------------


def ingress(obj: Object, old: Object | None, found: Problems) -> None:
    spec = obj["spec"]
    if not spec.get("rules") and "defaultBackend" not in spec:
        found.invalid("spec", None, "either `defaultBackend` or `rules` must be specified")
    for number, tls in enumerate(spec.get("tls", ())):
        for place, host in enumerate(tls.get("hosts", ())):
            _host(host, f"spec.tls[{number}].hosts[{place}]", found)
        if name := tls.get("secretName"):
            found.each(f"spec.tls[{number}].secretName", name, subdomain(name))
    for number, rule in enumerate(spec.get("rules", ())):
        here = f"spec.rules[{number}]"
        if host := rule.get("host"):
            _host(host, f"{here}.host", found)
        if "http" in rule:
            _paths(rule["http"], f"{here}.http.paths", found)
    if "defaultBackend" in spec:
        _backend(spec["defaultBackend"], "spec.defaultBackend", found)
    if (name := spec.get("ingressClassName")) is not None:
        found.each("spec.ingressClassName", name, subdomain(name))


def _host(host: str, here: str, found: Problems) -> None:
    if not ip(host):
        found.invalid(here, host, "must be a DNS name, not an IP address")
    elif "*" in host:
        found.each(here, host, wildcard(host))
    else:
        found.each(here, host, subdomain(host))


def _paths(http: Object, here: str, found: Problems) -> None:
    if not http["paths"]:
        found.required(here)
    for number, path in enumerate(http["paths"] or ()):
        place, kind = f"{here}[{number}]", path.get("pathType")
        if kind is None:
            found.required(f"{place}.pathType", "pathType must be specified")
            continue
        text = path.get("path", "")
        if kind in ("Exact", "Prefix"):
            if not text.startswith("/"):
                found.invalid(f"{place}.path", text, "must be an absolute path")
            for bad in ("//", "/./", "/../", "%2f", "%2F"):
                if bad in text:
                    found.invalid(f"{place}.path", text, f"must not contain '{bad}'")
        elif kind == "ImplementationSpecific":
            if text and not text.startswith("/"):
                found.invalid(f"{place}.path", text, "must be an absolute path")
        else:
            found.unsupported(f"{place}.pathType", kind, _PATHS)
        _backend(path["backend"], f"{place}.backend", found)


def _backend(backend: Object, here: str, found: Problems) -> None:
    service, resource = backend.get("service"), backend.get("resource")
    if service and resource:
        found.invalid(here, "", "cannot set both resource and service backends")
    elif resource is not None:
        for field in ("kind", "name"):
            if not resource[field]:
                found.required(f"{here}.resource.{field}")
    elif not service:
        found.required(here, "resource or service backend is required")
    else:
        _service_backend(service, here, found)


def _service_backend(service: Object, here: str, found: Problems) -> None:
    name, port = service["name"], service.get("port", {})
    if not name:
        found.required(f"{here}.service.name")
    else:
        found.each(f"{here}.service.name", name, label_1035(name) and label(name))
    number, text = port.get("number", 0), port.get("name", "")
    if number and text:
        found.invalid(here, "", "cannot set both port name & port number")
    elif text:
        found.each(f"{here}.service.port.name", text, port_or_name(text))
    elif number:
        found.each(f"{here}.service.port.number", number, port_or_name(number))
    else:
        found.required(here, "port name or number is required")
