"""`feddns zone import`: records of a zone file into the zone, or the zone's into feddns' hands.

a record set of FILE                without --adopt         with --adopt
is not in the zone                  added, as nobody's      left to `feddns zone apply`
is there, the same, not ours        nothing                 claimed, when a Service wants its
                                                            name, and nobody else claims it
is there, the same, ours            nothing                 nothing
the zone has another at its name    left alone: Conflict    left alone: Conflict
and type, or a CNAME in its way
is ours by a claim in FILE          left out: the           as one without a claim
                                    federation makes it
is of a type that feddns makes no   as above                nothing
records of
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

from feddns.cli import (
    zonechanging,
    zonefederation,
    zonelisting,
    zoneoptions,
    zonetexts,
    zonework,
)
from feddns.cli.zonechanging import Consent
from feddns.cli.zonehistory import HISTORY
from feddns.cli.zoneoptions import FEDERATION, WISHES, ZONE
from feddns.errors import NameRefused
from feddns.providers import ownership, plan
from feddns.providers.base import Provider
from feddns.providers.desired import Wanted
from feddns.providers.ownership import Holdings, Registry
from feddns.providers.plan import Held, Plan, Reason
from feddns.providers.recordsets import (
    AAAA,
    ALIAS,
    CNAME,
    TXT,
    A,
    Change,
    Key,
    RecordSet,
)

_OURS = (A, AAAA, CNAME, ALIAS)


@click.command(name="import")
@click.argument("file", metavar="FILE")
@zoneoptions.options(FEDERATION, ZONE, WISHES, HISTORY)
@click.option(
    "--adopt", is_flag=True,
    help="Make what FILE and the zone have alike feddns' own, where a Service wants its name.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only show what would be changed.")
def command(file: str, adopt: bool, dry_run: bool, **flags: Any) -> None:
    """Put the records of FILE, a zone file, into the zone.

    What is added so is nobody's: feddns never touches it again. What is in the zone already stays
    as it is, and records that are feddns' own by the claims in FILE are left out, as the
    federation makes them.

    With --adopt nothing is added but claims: records that are in the zone just as FILE has them,
    and whose names a federated Service wants, are feddns' own from then on, and follow the
    Service. So a zone that another program kept is taken over without a gap.
    """
    federation = zonefederation.read(flags) if adopt else None
    with zonework.opened(zoneoptions.choice(flags)) as provider:
        given = zonetexts.read(file, provider.zone).records
        registry = zoneoptions.registry(flags)
        found = zonework.holdings(provider, registry)
        if federation is None:
            made = _added(provider, given, found)
        else:
            wanted = zonework.wanted(provider, federation, flags, found)
            made = _adopted(provider, given, found, wanted)
        sys.exit(zonechanging.run(made, provider, found, flags, Consent("", dry_run)))


# --- without --adopt -----------------------------------------------------------------------------


def _added(provider: Provider, given: Iterable[RecordSet], found: Holdings) -> Plan:
    """What is nobody's in the file and not in the zone."""
    of_file = ownership.divide(given, found.registry)
    if of_file.ours:
        zonework.warn([
            f"{len(of_file.ours)} record sets of the file are feddns' own; left out, as the "
            "federation makes them (feddns zone apply)"
        ])  # fmt: skip
    held: list[Held] = []
    adding: dict[str, list[RecordSet]] = {}
    for record in sorted(of_file.foreign.values()):
        if why := _why_not(record, found):
            held.append(Held(record.name, record.type, "", Reason.CONFLICT, why))
        elif _there(record.key, found) is None:
            adding.setdefault(record.name, []).append(record)
    changes = [Change(name, (), tuple(records), "", "imported") for name, records in adding.items()]
    return plan.of(provider.zone, changes, held)


def _there(key: Key, found: Holdings) -> RecordSet | None:
    own = found.ours.get(key)
    if own is not None and own.record is not None:
        return own.record
    claimed = found.claim_at(key[0]) if key[1] == TXT else None
    return claimed.claim if claimed else found.foreign.get(key)


def _why_not(record: RecordSet, found: Holdings) -> str:
    there = _there(record.key, found)
    if there is not None:
        return "" if there == record else f"the zone has {there}"
    beside = [own.record for own in found.owned_at(record.name) if own.record]
    beside += found.foreign_at(record.name)
    for other in beside:
        if CNAME in (record.type, other.type):
            return f"it cannot be beside {other}"
    return ""


# --- with --adopt --------------------------------------------------------------------------------


def _adopted(
    provider: Provider,
    given: Iterable[RecordSet],
    found: Holdings,
    wanted: Mapping[str, Sequence[Wanted]],
) -> Plan:
    """Claims for what the file and the zone have alike, name by name."""
    claimed = {
        (row.name, row.type): row.owner for row in zonelisting.rows(found) if not row.is_ours
    }
    held: list[Held] = []
    changes: list[Change] = []
    by_name: dict[str, list[RecordSet]] = {}
    for record in given:
        if record.type in _OURS and record.key not in found.ours:
            by_name.setdefault(record.name, []).append(record)
    for name, records in by_name.items():
        good = []
        for record in records:
            why = _why_not_ours(record, found, wanted, claimed)
            if why:
                held.append(Held(name, record.type, "", Reason.CONFLICT, why))
            else:
                good.append(record)
        changes += _claiming(name, good, wanted, found.registry)
    return plan.of(provider.zone, changes, held)


def _why_not_ours(
    record: RecordSet,
    found: Holdings,
    wanted: Mapping[str, Sequence[Wanted]],
    claimed: Mapping[Key, str],
) -> str:
    there = found.foreign.get(record.key)
    if there is None:
        return "it is not in the zone; feddns zone apply makes what is wanted"
    if there != record:
        return f"the zone has {there}"
    if owner := claimed.get(record.key):
        return f"it is claimed by {owner!r}; make that let it go first"
    if not wanted.get(record.name):
        return "no federated Service wants this name: it would go as soon as it were feddns' own"
    try:
        mark = wanted[record.name][0].mark
        claim = ownership.claim(record, mark, found.registry)
    except NameRefused as error:
        return f"it cannot be claimed: {error}"
    if in_the_way := found.foreign.get(claim.key):
        return f"a record set is in the way of the claim: {in_the_way}"
    return ""


def _claiming(
    name: str,
    records: Sequence[RecordSet],
    wanted: Mapping[str, Sequence[Wanted]],
    registry: Registry,
) -> Iterator[Change]:
    if not records:
        return
    mark = wanted[name][0].mark
    claims = {ownership.claim(record, mark, registry).key: record for record in records}
    added = tuple(ownership.claim(record, mark, registry) for record in claims.values())
    yield Change(name, (), added, mark.service, "adopted", tuple(records))
