"""The `federations` value of the kube-dns ConfigMap: `name=domain,name=domain`.

    case  item                                      outcome
    1     name=domain, space anywhere around        federation
    2     blank item                                refused
    3     no '=' or nothing on one side of it       refused (split at the first '=')
    4     name not an RFC 1123 label                refused
    5     domain not an RFC 1123 subdomain          refused; one trailing dot is accepted
    6     a name again                              the later one counts
    An empty or blank value is no federations.

Each item is refused alone and the others stay in force (decisions.md 10; the original refused
the whole value, federation-v1.md 2.1).  Pure; called by `kube.resources`.
"""

from __future__ import annotations

import msgspec

from feddns import names
from feddns.names import Label, Name


class Federation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`domain` as a lower-case wire name."""

    name: Label
    domain: Name


class Federations(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=True):
    """All federations this cluster takes part in."""

    items: tuple[Federation, ...] = ()

    @property
    def key(self) -> str:
        return "federations"


def parse(value: str) -> tuple[Federations, list[str]]:
    """The good items, and one reason for each bad one."""
    good: dict[Label, Federation] = {}
    reasons = []
    for item in value.split(",") if value.strip() else []:
        outcome = _parse_item(item)
        if isinstance(outcome, str):
            reasons.append(f"federations item {item.strip()!r}: {outcome}")
        else:
            good[outcome.name] = outcome
    return Federations(tuple(good.values())), reasons


def _parse_item(item: str) -> Federation | str:
    name, equals, domain = (part.strip() for part in item.partition("="))
    if not equals or not name or not domain:
        return "is not name=domain"
    if not names.is_dns_label(name.encode("utf-8", "replace")):
        return f"{name!r} is no RFC 1123 label (lower case letters, digits, '-'; at most 63)"
    domain = domain.removesuffix(".")
    if not names.is_dns_subdomain(domain):
        return f"{domain!r} is no RFC 1123 subdomain (lower case labels with dots between)"
    return Federation(name.encode(), names.parse(domain))
