"""◇ What the commands of `feddns zone` have in common: the zone opened, read and planned for.

Called by them.  What comes of the provider's library and is no error of ours is told by its name
alone: its words could hold a secret.
"""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import click
import msgspec

from feddns.cli import zonefederation, zonehosts, zoneoptions
from feddns.cli.zonefederation import Federation
from feddns.cli.zoneoptions import Flags
from feddns.errors import FeddnsError, OperatorNeeded, Throttled
from feddns.providers import catalogue, desired, ownership, plan
from feddns.providers.base import Provider
from feddns.providers.catalogue import Choice
from feddns.providers.desired import Host, Naming, Wanted
from feddns.providers.ownership import Holdings, Registry
from feddns.providers.plan import Plan
from feddns.providers.recordsets import TXT, Change, RecordSet

_TRIES, _LONGEST_PAUSE = 5, 60.0
_MOST_WARNINGS = 20


class Draft(NamedTuple):
    """A plan, and what it was made from."""

    plan: Plan
    holdings: Holdings


# --- the provider --------------------------------------------------------------------------------


@contextlib.contextmanager
def opened(choice: Choice) -> Iterator[Provider]:
    """The zone at its provider, closed in the end."""
    with careful(choice):
        provider = catalogue.open_provider(choice)
    try:
        with careful(choice):
            yield provider
    finally:
        with contextlib.suppress(Exception):
            provider.close()


@contextlib.contextmanager
def careful(choice: Choice) -> Iterator[None]:
    """Errors that are not ours become one line without a word of theirs."""
    try:
        yield
    except (FeddnsError, click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise OperatorNeeded(
            f"{choice.provider}: {type(error).__name__} in {last.name}, {last.filename} line "
            f"{last.lineno}; what it says is not shown, as it could hold a secret"
        ) from None


def records(provider: Provider, sleep: Callable[[float], None] = time.sleep) -> list[RecordSet]:
    """All of the zone, no faster than may be; one that is asked too much is asked again."""
    for attempt in range(_TRIES):
        try:
            return [record for page in _paced(provider, sleep) for record in page]
        except Throttled as error:
            if attempt == _TRIES - 1:
                raise
            sleep(min(error.after, _LONGEST_PAUSE))
    raise AssertionError("unreachable")


def _paced(provider: Provider, sleep: Callable[[float], None]) -> Iterator[Sequence[RecordSet]]:
    limits = provider.limits
    for count, page in enumerate(provider.list(), 1):
        yield page
        if limits.rate and count >= limits.burst:
            sleep(1 / limits.rate)


def holdings(provider: Provider, registry: Registry) -> Holdings:
    return ownership.divide(records(provider), registry)


# --- the plan ------------------------------------------------------------------------------------


def draft(provider: Provider, federation: Federation, flags: Flags) -> Draft:
    """What the federation wants of the zone, and what is there → the plan of all of it."""
    terms = zoneoptions.terms(flags, provider.zone)
    zoneoptions.share(flags)
    found = holdings(provider, terms.registry)
    wishes = wanted(provider, federation, flags, found)
    names = plan.everything(found, wishes)
    return Draft(plan.make(found, wishes, names, terms, federation.proof), found)


def wanted(
    provider: Provider, federation: Federation, flags: Flags, found: Holdings
) -> dict[str, tuple[Wanted, ...]]:
    """By name.  What is not known now is as it is in the zone."""
    naming = zoneoptions.naming(flags, provider.limits)
    hosts = zonehosts.resolve(_hosts(federation, naming), flags["dns_resolvers"])
    wishes: dict[str, tuple[Wanted, ...]] = {}
    kept = _kept(found)
    for wish in _all(federation, naming, hosts, kept):
        name = wish.record.name
        wishes[name] = (*wishes.get(name, ()), wish)
    return wishes


def _hosts(federation: Federation, naming: Naming) -> Iterator[bytes]:
    for service in federation.view.services.values():
        yield from desired.host_names(federation.view, service, naming)


def _all(
    federation: Federation,
    naming: Naming,
    hosts: Mapping[bytes, Host],
    kept: Mapping[str, list[Wanted]],
) -> Iterator[Wanted]:
    view = federation.view
    for name in federation.unreadable:
        yield from kept.get(name, ())
    for service in view.services.values():
        name = zonefederation.name_of(service)
        there = kept.get(name, [])
        needed = desired.host_names(view, service, naming)
        if not needed <= hosts.keys() and there:
            yield from there
            continue
        generation = federation.generations.get(name, 0)
        made = desired.wanted(view, service, naming, hosts, generation)
        most = naming.ttl if service.ttl is None else service.ttl
        yield from (_as_long(wish, there, most) for wish in made) if needed else made
        federation.warnings += desired.refusals(view, service, naming)


def _as_long(wish: Wanted, there: Iterable[Wanted], most: int) -> Wanted:
    """With the TTL that is there: of a host name, what is left in a resolver's cache was read."""
    for other in there:
        one = other.record
        if one.key == wish.record.key and one.values == wish.record.values:
            return wish._replace(record=one) if wish.record.ttl <= one.ttl <= most else wish
    return wish


def _kept(found: Holdings) -> dict[str, list[Wanted]]:
    kept: dict[str, list[Wanted]] = {}
    for own in found.ours.values():
        if own.record is not None:
            kept.setdefault(own.mark.service, []).append(Wanted(own.record, own.mark))
    return kept


def only_ours(changes: Iterable[Change], found: Holdings) -> None:
    """Raises `OperatorNeeded` when something of others would go: a saved plan may be of old."""
    for change in changes:
        for record in change.removals:
            if found.foreign.get(record.key) == record:
                raise OperatorNeeded(f"it would remove what is not ours: {record}; make a new plan")


# --- what is told --------------------------------------------------------------------------------


def warn(lines: Iterable[str]) -> None:
    """On standard error, beside the result."""
    found = list(dict.fromkeys(lines))
    for line in found[:_MOST_WARNINGS]:
        click.echo(f"feddns: {line}", err=True)
    if len(found) > _MOST_WARNINGS:
        click.echo(f"feddns: and {len(found) - _MOST_WARNINGS} more like these", err=True)


def readable(made: Plan, registry: Registry) -> Plan:
    """Without the claims that come and go with what they claim."""
    return msgspec.structs.replace(
        made, changes=tuple(_without_claims(change, registry) for change in made.changes)
    )


def _without_claims(change: Change, registry: Registry) -> Change:
    removals, additions = (
        tuple(one for one in side if one.type != TXT or registry.claimed(one.name) is None)
        for side in (change.removals, change.additions)
    )
    if not removals and not additions:
        return change
    return msgspec.structs.replace(change, removals=removals, additions=additions)


_COLORS: dict[str, dict[str, Any]] = {
    "-": {"fg": "red"}, "+": {"fg": "green"}, "!": {"fg": "yellow"}, "@": {"bold": True},
}  # fmt: skip


def show(lines: Iterable[str]) -> None:
    """Lines of a diff, with colours on a terminal."""
    for line in lines:
        click.echo(click.style(line, **_COLORS.get(line[:1], {})))
