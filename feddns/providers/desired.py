"""What the public zone should hold for one federated Service, with where it comes from.

    rung of the ladder                    its name has
    addresses                             A and AAAA apart, of healthy shards, host names resolved
    one host name alone                   ALIAS, where the provider has it
    host names alone, none resolved yet   CNAME to the first of them
    nothing healthy, a rung above         CNAME to that rung
    nothing healthy, global               nothing; with `all` every known address

    annotation federation.feddns.dev/names, e.g. "eu.nginx.example.com=europe-west1, …"
    within the zone, its rung exists      CNAME to the rung's name
    any other                             nothing; `refusals` says why; the good ones stay

The TTL is the Service's, else the setting; never longer than the host names' own.  The rungs come
from `ladder`, which the DNS server asks too: what is seen inside is what is seen outside.

Pure.  Called by the controllers and by `feddns zone`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from feddns.names import Label, Name
from feddns.providers.ownership import Mark
from feddns.providers.recordsets import RecordSet
from feddns.services import FederatedService
from feddns.snapshot import View

TTL = 180


class Naming(msgspec.Struct, frozen=True):
    """How a federation's names are made.

    `suffix` is below or equal to `zone`, both lower case: what follows the rung's labels.
    `none_healthy` is "none" or "all"; `has_alias` what the provider says.
    """

    federation: Label
    suffix: Name
    zone: Name
    ttl: int = TTL
    none_healthy: str = "none"
    has_alias: bool = False


class Host(NamedTuple):
    """What a load balancer's name resolved to last: packed addresses, and for how many seconds."""

    addresses: tuple[bytes, ...]
    ttl: int


class Wanted(NamedTuple):
    record: RecordSet
    mark: Mark


def wanted(
    view: View,
    service: FederatedService,
    naming: Naming,
    hosts: Mapping[Name, Host],
    generation: int = 0,
) -> tuple[Wanted, ...]:
    """The record sets of the service, each key once; names of the ladder first, the top one first.

    What cannot be is left out, with a word of `refusals`.
    """
    raise NotImplementedError


def refusals(view: View, service: FederatedService, naming: Naming) -> tuple[str, ...]:
    """Why some of what was asked for is not in `wanted`, a line each, for the Service's user."""
    raise NotImplementedError


def host_names(view: View, service: FederatedService, naming: Naming) -> frozenset[Name]:
    """The host names that `wanted` wants resolved."""
    raise NotImplementedError
