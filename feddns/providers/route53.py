"""◇ Amazon Route 53: a hosted zone, by the library boto3.

A change is one call, done whole or not at all: DELETE of what goes, then CREATE of what comes, and
never UPSERT, which would write over what somebody else has put there meanwhile.  A claim that stays
(`Change.keeps`) is deleted and created in the same call, so the change is refused when it is not
there.  The zone has it at once, the name servers within a minute (`name_servers` says which).

    found by            the zone
    its id              that one, when its name (and `visibility`, `vpc`) is as was said
    its name            the one public or private zone of the name; of several, one must be chosen
    neither             made, when it may be; a private one for a VPC

Zones that belong to another service of AWS (Cloud Map) are passed over.

A call holds at most 1,000 values of 32,000 characters in all; an account may make 5 calls a second,
for all of its zones together.  Whoever makes keepers gives those of one account one budget.

Called by the catalogue.  The calls are `awscalls`, the spelling of record sets is `awsrecords`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import msgspec

from feddns.errors import FeddnsError, NameRefused, OperatorNeeded, Rejected, Throttled
from feddns.providers import awsbalancers, awscalls, awsrecords
from feddns.providers.awscalls import Calls, Exists, Missing
from feddns.providers.awsrecords import Found, ResourceRecordSet
from feddns.providers.base import Limits
from feddns.providers.recordsets import Change, Key, RecordSet, canonical, contradiction

RATE = 5.0
"""Calls a second that an account may make."""
PAGE = 300
_VALUES, _OCTETS = 1_000, 32_000
_HOUR = 3600
_PAUSES = (1.0, 2.0, 4.0)
_ZONE, _LIST = "HostedZone", ("HostedZones", "IsTruncated")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Which zone, and who asks.  What is empty here is as the SDK finds it."""

    zone: str
    zone_id: str = ""
    """At Route 53, where the name is not enough: `Z123…`, with or without `/hostedzone/`."""
    visibility: str = ""
    """`public` or `private`, where there are both."""
    vpc_id: str = ""
    """Of a private zone: the one for this VPC."""
    vpc_region: str = ""
    is_created: bool = False
    """Make the zone where there is none."""
    endpoint: str = ""
    region: str = ""
    profile: str = ""
    rate: float = RATE


def open(settings: Settings, sleep: Callable[[float], None] = time.sleep) -> Route53:
    """The zone, found or made.  Raises `OperatorNeeded`, or what a call raises.

    No keeper paces these calls, and others may use up the account's: they are made again.
    """
    settings = _looked_at(settings)
    calls = awscalls.calls(settings.endpoint, settings.region, settings.profile)
    try:
        for pause in _PAUSES:
            try:
                return _open(calls, settings)
            except Throttled as error:
                sleep(max(pause, error.after))
        return _open(calls, settings)
    except FeddnsError:
        calls.close()
        raise


def _open(calls: Calls, settings: Settings) -> Route53:
    found = _find(calls, settings) or _create(calls, settings)
    return Route53(calls, found, settings.rate)


class Route53:
    """One hosted zone, as GetHostedZone tells of it."""

    def __init__(self, calls: Calls, told: Mapping[str, Any], rate: float = RATE) -> None:
        self.zone = awsrecords.read_name(told["HostedZone"]["Name"])
        self.zone_id = _short(told["HostedZone"]["Id"])
        servers = (told.get("DelegationSet") or {}).get("NameServers", ())
        self.name_servers = tuple(map(canonical, servers))
        self.limits = Limits(
            changes=_VALUES,
            values=_VALUES,
            octets=_OCTETS,
            rate=rate,
            has_alias=True,
            is_atomic=True,
            alias_under=awsbalancers.suffixes(calls.region),
        )
        self._calls = calls
        self._written: dict[Key, Found] = {}

    def list(self) -> Iterator[Sequence[RecordSet]]:
        more: dict[str, Any] = {}
        held: list[ResourceRecordSet] = []
        while True:
            page = self._page(more)
            more = _next_page(page)
            sets = held + page["ResourceRecordSets"]
            # A name may go on: the sets of a weighted one, the AAAA of an alias.
            held = [one for one in sets if one["Name"] == more.get("StartRecordName")]
            yield [*self._read(one for one in sets if one["Name"] != more.get("StartRecordName"))]
            if not more:
                return

    def apply(self, changes: Sequence[Change]) -> None:
        removals = [one for change in changes for one in change.removals]
        additions = [one for change in changes for one in change.additions]
        if name := contradiction(additions):
            raise _rejected(f"{name} cannot have a CNAME and something else")
        touched = {one.key for one in (*removals, *additions)}
        kept = {one.key: one for change in changes for one in change.keeps}
        kept_still = [one for key, one in kept.items() if key not in touched]
        batch = [*self._deletions([*removals, *kept_still]), *_creations(additions)]
        batch += [_do("CREATE", raw) for one in kept_still for raw in self._as_written(one)]
        if touched:
            self._calls.call(
                "change_resource_record_sets",
                HostedZoneId=self.zone_id,
                ChangeBatch={"Changes": batch},
            )

    def close(self) -> None:
        self._calls.close()

    def _page(self, start: Mapping[str, Any]) -> dict[str, Any]:
        arguments = {"HostedZoneId": self.zone_id, "MaxItems": str(PAGE), **start}
        needed = ("ResourceRecordSets", "IsTruncated")
        return self._calls.call("list_resource_record_sets", *needed, **arguments)

    def _read(self, sets: Iterator[ResourceRecordSet]) -> Iterator[RecordSet]:
        """In our spelling; theirs is kept where it is another."""
        for found in awsrecords.read(sets):
            record = found.record
            if record.type in ("SOA", "NS") and record.name == self.zone:
                continue
            if found.written:
                self._written[record.key] = found
            else:
                self._written.pop(record.key, None)
            yield record

    def _deletions(self, removals: Sequence[RecordSet]) -> Iterator[dict[str, Any]]:
        for record in removals:
            known = self._written.get(record.key)
            if known and known.is_routed and known.record == record:
                raise _rejected(
                    f"{record.name} {record.type} has a routing policy, which is somebody's; take "
                    "it away, or the TXT record that says that it is ours"
                )
            yield from (_do("DELETE", raw) for raw in self._as_written(record))

    def _as_written(self, record: RecordSet) -> tuple[ResourceRecordSet, ...]:
        known = self._written.get(record.key)
        return known.written if known and known.record == record else _written(record)


def _creations(additions: Sequence[RecordSet]) -> Iterator[dict[str, Any]]:
    for record in additions:
        yield from (_do("CREATE", raw) for raw in _written(record))


def _do(action: str, raw: ResourceRecordSet) -> dict[str, Any]:
    return {"Action": action, "ResourceRecordSet": raw}


def _written(record: RecordSet) -> tuple[ResourceRecordSet, ...]:
    try:
        return awsrecords.write(record)
    except NameRefused as error:
        raise _rejected(f"{record.name} {record.type}: {error}") from error


def _rejected(words: str) -> Rejected:
    error = Rejected(f"Route 53: {words}")
    error.done = 0
    return error


def _next_page(page: Mapping[str, Any]) -> dict[str, Any]:
    if not page["IsTruncated"]:
        return {}
    names = {
        "NextRecordName": "StartRecordName",
        "NextRecordType": "StartRecordType",
        "NextRecordIdentifier": "StartRecordIdentifier",
    }
    return {ours: page[theirs] for theirs, ours in names.items() if page.get(theirs)}


# --- the zone -----------------------------------------------------------------------------------


def _looked_at(settings: Settings) -> Settings:
    if bool(settings.vpc_id) != bool(settings.vpc_region):
        raise OperatorNeeded("Route 53: a VPC is named by its region and its id, both of them")
    visibility = settings.visibility or ("private" if settings.vpc_id else "")
    if visibility == "public" and settings.vpc_id:
        raise OperatorNeeded("Route 53: a public zone is for no VPC; take one of the two back")
    if visibility == "private" and settings.is_created and not settings.vpc_id:
        raise OperatorNeeded("Route 53: a private zone is made for a VPC; name its id and region")
    zone, zone_id = canonical(settings.zone), _short(settings.zone_id)
    return msgspec.structs.replace(settings, zone=zone, zone_id=zone_id, visibility=visibility)


def _find(calls: Calls, settings: Settings) -> Mapping[str, Any] | None:
    """What GetHostedZone says of it, or nothing."""
    if settings.zone_id:
        return _find_by_id(calls, settings)
    named = [one for one in _named(calls, settings) if _fits(one, settings)]
    if settings.vpc_id or len(named) == 1:
        details = [calls.call("get_hosted_zone", _ZONE, Id=_short(one["Id"])) for one in named]
        found = [one for one in details if _is_of_vpc(one, settings)]
        if len(found) < 2:
            return found[0] if found else None
    if not named:
        return None
    told = ", ".join(f"{_short(one['Id'])} ({_visibility(one)})" for one in named)
    raise OperatorNeeded(
        f"Route 53: there are {len(named)} zones {settings.zone}: {told}; choose one by its id, "
        "its visibility or its VPC"
    )


def _find_by_id(calls: Calls, settings: Settings) -> Mapping[str, Any] | None:
    try:
        found = calls.call("get_hosted_zone", _ZONE, Id=settings.zone_id)
    except Missing:
        return None
    if not _fits(found["HostedZone"], settings) or not _is_of_vpc(found, settings):
        zone = found["HostedZone"]
        raise OperatorNeeded(
            f"Route 53: the zone {settings.zone_id} is {zone['Name']} ({_visibility(zone)}), not "
            f"{_wanted(settings)} with records of its own"
        )
    return found


def _named(calls: Calls, settings: Settings) -> Iterator[Mapping[str, Any]]:
    """The zones of the name.  AWS lists from there on, all the others too."""
    start = {"DNSName": awsrecords.write_name(settings.zone)}
    while True:
        page = calls.call("list_hosted_zones_by_name", *_LIST, MaxItems="100", **start)
        for one in page["HostedZones"]:
            if awsrecords.read_name(one["Name"]) != settings.zone:
                return
            yield one
        if not page["IsTruncated"]:
            return
        start = {"DNSName": page["NextDNSName"], "HostedZoneId": page["NextHostedZoneId"]}


def _fits(told: Mapping[str, Any], settings: Settings) -> bool:
    """A zone with this name and visibility, and nobody else's service."""
    return (
        awsrecords.read_name(told["Name"]) == settings.zone
        and settings.visibility in ("", _visibility(told))
        and "LinkedService" not in told
    )


def _is_of_vpc(told: Mapping[str, Any], settings: Settings) -> bool:
    wanted = (settings.vpc_region, settings.vpc_id)
    vpcs = {(one.get("VPCRegion"), one.get("VPCId")) for one in told.get("VPCs") or ()}
    return not settings.vpc_id or wanted in vpcs


def _create(calls: Calls, settings: Settings) -> Mapping[str, Any]:
    if not settings.is_created or settings.zone_id:
        _say_what_there_is(calls, settings)
    body: dict[str, Any] = {
        "Name": awsrecords.write_name(settings.zone),
        "HostedZoneConfig": {"Comment": "kept by feddns"},
        # The same within an hour: a zone whose making was not answered is not made twice.
        "CallerReference": f"feddns {settings.zone} {settings.vpc_id} {int(time.time()) // _HOUR}",
    }
    if settings.visibility == "private":
        body["HostedZoneConfig"]["PrivateZone"] = True
        body["VPC"] = {"VPCRegion": settings.vpc_region, "VPCId": settings.vpc_id}
    try:
        return calls.call("create_hosted_zone", _ZONE, **body)
    except Exists as error:
        if found := _find(calls, settings):
            return found
        raise OperatorNeeded(f"{error}; name the zone by its id") from error


def _say_what_there_is(calls: Calls, settings: Settings) -> NoReturn:
    zones = calls.call("list_hosted_zones_by_name", *_LIST, MaxItems="5")["HostedZones"]
    known = ", ".join(f"{one['Name']} {_short(one['Id'])}" for one in zones) or "none"
    raise OperatorNeeded(
        f"Route 53: there is no zone {settings.zone_id or _wanted(settings)}, only: {known}; "
        "create it at AWS, or let it be created"
    )


def _wanted(settings: Settings) -> str:
    more = [one for one in (settings.visibility, settings.vpc_id) if one]
    return f"{settings.zone} ({', '.join(more)})" if more else settings.zone


def _visibility(told: Mapping[str, Any]) -> str:
    return "private" if (told.get("Config") or {}).get("PrivateZone") else "public"


def _short(zone_id: str) -> str:
    return zone_id.rpartition("/")[2]
