"""Where questions outside our zones go, as the kube-dns ConfigMap says it: two JSON values.

    stubDomains            {"corp.example": ["192.0.2.1", "192.0.2.2:5353"]}
    upstreamNameservers    ["192.0.2.8", "192.0.2.9"]

    item                                        outcome
    not JSON, or of another shape               the whole value is refused, the other one counts
    a domain that is no RFC 1123 subdomain      refused alone (a trailing dot is accepted)
    a server that is no IP address, or a port   refused alone; a domain without a good server too
    a nameserver after the third                refused alone (as kube-dns had at most three)

Decision 10; the original refused everything for one bad item (federation-v1.md 2.1).  Pure; called
by `kube.cluster`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from feddns import names
from feddns.config import values
from feddns.names import Name

MOST_UPSTREAM = 3


class StubDomain(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`domain` as a lower-case wire name; `servers` as `ADDRESS:PORT`."""

    domain: Name
    servers: tuple[str, ...]


class Nameservers(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=True):
    """What the ConfigMap says about forwarding; empty parts say nothing."""

    stub_domains: tuple[StubDomain, ...] = ()
    upstream: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return "nameservers"


def parse(stub_domains: str, upstream: str) -> tuple[Nameservers, list[str]]:
    """The good items of the two values, and one reason for each bad one."""
    reasons: list[str] = []
    return Nameservers(_stubs(stub_domains, reasons), _upstream(upstream, reasons)), reasons


def _stubs(text: str, reasons: list[str]) -> tuple[StubDomain, ...]:
    given = _json(text, dict[str, Any], "stubDomains", 'an object, {"domain": ["server"]}', reasons)
    found = []
    for domain, listed in (given or {}).items():
        owner = f"stubDomains {domain!r}"
        plain = domain.strip().removesuffix(".")
        if not names.is_dns_subdomain(plain):
            reasons.append(
                f"{owner}: is no RFC 1123 subdomain (lower case labels with dots between)"
            )
            continue
        servers = _servers(owner, listed, reasons)
        if servers:
            found.append(StubDomain(names.parse(plain), servers))
        elif isinstance(listed, list) and not listed:
            reasons.append(f"{owner}: lists no server; write at least one address")
    return tuple(found)


def _upstream(text: str, reasons: list[str]) -> tuple[str, ...]:
    given = _json(text, list[Any], "upstreamNameservers", 'a list, ["server"]', reasons)
    found = _servers("upstreamNameservers", given or [], reasons)
    for extra in found[MOST_UPSTREAM:]:
        reasons.append(f"upstreamNameservers: {extra} is one more than {MOST_UPSTREAM}")
    return found[:MOST_UPSTREAM]


def _servers(owner: str, listed: Any, reasons: list[str]) -> tuple[str, ...]:
    if not isinstance(listed, list):
        reasons.append(f"{owner}: expected a list of addresses, not {listed!r}")
        return ()
    found: dict[str, None] = {}
    for item in listed:
        try:
            found[str(values.nameserver(item if isinstance(item, str) else repr(item)))] = None
        except ValueError as error:
            reasons.append(f"{owner}: {error}")
    return tuple(found)


def _json(text: str, shape: Any, key: str, wanted: str, reasons: list[str]) -> Any:
    if not text.strip():
        return None
    try:
        return msgspec.json.decode(text, type=shape)
    except (msgspec.DecodeError, UnicodeError) as error:
        reasons.append(f"{key}: {error}; write {wanted}")
        return None
