"""◇ Google Cloud DNS: a managed zone, by the library google-cloud-dns.

A change is one call, done whole or not at all; the zone has it at once, the name servers within
seconds (`name_servers` says which; who wants to know asks them).  What is removed must be there as
it was read: Cloud DNS compares it as it was written, so the spelling of others is remembered where
it is not ours.  A claim that stays (`Change.keeps`) is removed and added in the same call, so the
change is refused when it is not there.

A zone is found by its name, or by the name or number that Google has for it; forwarding and peering
zones have no records and are passed over.  Of two with the same name (public and private) one must
be chosen.

Google's quotas: the project says how much one change may hold; calls are counted by the minute
(240 unless it was raised), which no call tells, so `rate` and `burst` stay below it by themselves.

Called by the catalogue.  Who we are to Google is `googleauth`, what its errors are to us
`googlecalls`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

import msgspec
from google.cloud.dns import Client

from feddns.errors import FeddnsError, NameRefused, OperatorNeeded, Outdated, Rejected
from feddns.providers import googleauth
from feddns.providers.base import Limits
from feddns.providers.googlecalls import Calls, Missing, converted
from feddns.providers.recordsets import Change, Key, RecordSet, canonical, contradiction, record_set

ENDPOINT = "https://dns.googleapis.com"
_BURST = 20
_QUOTA = {
    "rrsetAdditionsPerChange": 1_000,
    "rrsetDeletionsPerChange": 1_000,
    "totalRrdataSizePerChange": 100_000,
}
_NEAR = re.compile(r"http://(127\.[0-9.]+|localhost|\[::1\])(:[0-9]+)?$")
_WITHOUT_RECORDS = ("forwardingConfig", "peeringConfig", "serviceDirectoryConfig")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Which zone, and who asks.  What is empty here may come from the environment."""

    zone: str
    zone_id: str = ""
    """Its name or number at Google, where the DNS name is not enough."""
    project: str = ""
    visibility: str = ""
    """`public` or `private`, where there are both."""
    is_created: bool = False
    """Make the zone where there is none; a private one for `networks`."""
    networks: tuple[str, ...] = ()
    credentials_file: str = ""
    token_url: str = ""
    token_body: str = ""
    endpoint: str = ""
    is_anonymous: bool = False
    rate: float = 3.5

    def __repr__(self) -> str:
        """Without what is secret."""
        return f"Settings(zone={self.zone!r}, zone_id={self.zone_id!r}, project={self.project!r})"


class _RrSet(msgspec.Struct):
    """A record set as the API tells it."""

    name: str
    type: str
    ttl: int = 0
    rrdatas: list[str] = []
    routingPolicy: dict[str, Any] | None = None


class _ManagedZone(msgspec.Struct):
    name: str
    dnsName: str
    id: str = ""
    visibility: str = "public"
    nameServers: list[str] = []


def open(settings: Settings) -> CloudDns:
    """The zone, found or made.  Raises `OperatorNeeded`, or what a call raises."""
    settings = _with_environment(settings)
    found = googleauth.identity(settings)
    session = googleauth.session(found)
    session.trust_env = not _NEAR.match(settings.endpoint)
    options = {"api_endpoint": settings.endpoint}
    client = Client(found.project, found.credentials, session, client_options=options)
    calls = Calls(client, settings.token_body)
    try:
        zone = _find(calls, settings) or _create(calls, settings)
        return CloudDns(calls, zone, _limits(calls, settings.rate))
    except FeddnsError:
        calls.close()
        raise


class CloudDns:
    """One managed zone."""

    def __init__(self, calls: Calls, zone: _ManagedZone, limits: Limits) -> None:
        self.zone = canonical(zone.dnsName)
        self.limits = limits
        self.name_servers = tuple(map(canonical, zone.nameServers))
        self._calls = calls
        self._path = f"/managedZones/{zone.name}"
        self._written: dict[Key, tuple[RecordSet, dict[str, Any]]] = {}

    def list(self) -> Iterator[Sequence[RecordSet]]:
        for page in self._calls.pages(f"{self._path}/rrsets", "rrsets", _RrSet):
            yield [
                self._read(one)
                for one in page
                if one.type not in ("SOA", "NS") or one.name.lower() != self.zone
            ]

    def apply(self, changes: Sequence[Change]) -> None:
        removals = [one for change in changes for one in change.removals]
        additions = [one for change in changes for one in change.additions]
        if name := contradiction(additions):
            raise _nothing_done(Rejected(f"{name} cannot have a CNAME and something else"))
        touched = {one.key for one in (*removals, *additions)}
        kept = {one.key: one for change in changes for one in change.keeps}
        kept_still = [one for key, one in kept.items() if key not in touched]
        body = {
            "additions": [_resource(one) for one in additions]
            + [self._as_written(one) for one in kept_still],
            "deletions": [self._as_written(one) for one in (*removals, *kept_still)],
        }
        if touched:
            self._calls.call("POST", f"{self._path}/changes", data=body)

    def close(self) -> None:
        self._calls.close()

    def _read(self, one: _RrSet) -> RecordSet:
        """In our spelling; theirs is kept where it is another."""
        values = one.rrdatas
        if one.routingPolicy is not None:
            values = [json.dumps(one.routingPolicy, sort_keys=True)]
        try:
            record = record_set(one.name, one.type, one.ttl, values)
        except NameRefused:
            record = RecordSet(one.name.lower(), one.type, one.ttl, tuple(sorted(values)))
        if record.name != one.name or record.values != tuple(sorted(values)) or one.routingPolicy:
            self._written[record.key] = record, _theirs(one)
        else:
            self._written.pop(record.key, None)
        return record

    def _as_written(self, record: RecordSet) -> dict[str, Any]:
        known, resource = self._written.get(record.key, (None, {}))
        return resource if known == record else _resource(record)


def _nothing_done(error: Rejected) -> Rejected:
    error.done = 0
    return error


def _theirs(one: _RrSet) -> dict[str, Any]:
    resource: dict[str, Any] = {"name": one.name, "type": one.type, "ttl": one.ttl}
    if one.routingPolicy is None:
        return resource | {"rrdatas": one.rrdatas}
    return resource | {"routingPolicy": one.routingPolicy}


def _resource(record: RecordSet) -> dict[str, Any]:
    values = list(record.values)
    return {"name": record.name, "type": record.type, "ttl": record.ttl, "rrdatas": values}


# --- the zone -----------------------------------------------------------------------------------


def _with_environment(settings: Settings) -> Settings:
    """With what gcloud's own variables say; and no token in clear over a network."""
    given = settings.endpoint or os.environ.get("CLOUDSDK_API_ENDPOINT_OVERRIDES_DNS", "")
    endpoint = given.rstrip("/").removesuffix("/dns/v1") or ENDPOINT
    is_anonymous = settings.is_anonymous or (
        os.environ.get("CLOUDSDK_AUTH_DISABLE_CREDENTIALS", "").lower() in ("true", "1")
    )
    if is_anonymous and endpoint == ENDPOINT:
        raise OperatorNeeded(
            "Cloud DNS: Google answers nobody without credentials; take back "
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS, or name another endpoint"
        )
    if not is_anonymous and not endpoint.startswith("https://") and not _NEAR.match(endpoint):
        raise OperatorNeeded(
            f"Cloud DNS: {endpoint} would see our token in clear; write https://, or do without "
            "credentials (CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true)"
        )
    return msgspec.structs.replace(
        settings, zone=canonical(settings.zone), endpoint=endpoint, is_anonymous=is_anonymous
    )


def _find(calls: Calls, settings: Settings) -> _ManagedZone | None:
    if settings.zone_id:
        return _find_by_id(calls, settings)
    pages = calls.pages("/managedZones", "managedZones", dict, {"dnsName": settings.zone})
    found = [_managed(one) for page in pages for one in page if _fits(one, settings)]
    if len(found) > 1:
        told = ", ".join(f"{one.name} ({one.visibility})" for one in found)
        raise OperatorNeeded(
            f"Cloud DNS: {calls.project} has {len(found)} zones {settings.zone}: {told}; choose "
            "one by its id or its visibility"
        )
    return found[0] if found else None


def _find_by_id(calls: Calls, settings: Settings) -> _ManagedZone | None:
    try:
        told = calls.call("GET", f"/managedZones/{settings.zone_id}")
    except Missing:
        return None
    zone = _managed(told)
    if canonical(zone.dnsName) != settings.zone or not _fits(told, settings):
        raise OperatorNeeded(
            f"Cloud DNS: the zone {settings.zone_id} of {calls.project} is {zone.dnsName} "
            f"({zone.visibility}), not {_wanted(settings)} with records of its own"
        )
    return zone


def _fits(told: Mapping[str, Any], settings: Settings) -> bool:
    """A zone with this name and visibility, and records of its own."""
    return (
        str(told.get("dnsName", "")).lower() == settings.zone
        and settings.visibility in ("", told.get("visibility", "public"))
        and not any(kind in told for kind in _WITHOUT_RECORDS)
    )


def _create(calls: Calls, settings: Settings) -> _ManagedZone:
    if not settings.is_created:
        _say_what_there_is(calls, settings)
    body: dict[str, Any] = {
        "name": settings.zone_id or _zone_name(settings.zone),
        "dnsName": settings.zone,
        "description": "kept by feddns",
        "visibility": settings.visibility or "public",
    }
    if body["visibility"] == "private":
        networks = [{"networkUrl": _network(one, calls.project)} for one in settings.networks]
        body["privateVisibilityConfig"] = {"networks": networks}
    try:
        return _managed(calls.call("POST", "/managedZones", data=body))
    except Outdated as error:
        if found := _find(calls, settings):
            return found
        raise OperatorNeeded(f"{error}; choose another id for {settings.zone}") from error
    except Rejected as error:
        raise OperatorNeeded(str(error)) from error


def _say_what_there_is(calls: Calls, settings: Settings) -> NoReturn:
    page = next(calls.pages("/managedZones", "managedZones", _ManagedZone), [])
    known = ", ".join(f"{one.name} ({one.dnsName})" for one in page[:5]) or "none"
    raise OperatorNeeded(
        f"Cloud DNS: {calls.project} has no zone {settings.zone_id or _wanted(settings)}, only: "
        f"{known}; create it at Google, or let it be created"
    )


def _wanted(settings: Settings) -> str:
    return f"{settings.zone} ({settings.visibility})" if settings.visibility else settings.zone


def _managed(told: Mapping[str, Any]) -> _ManagedZone:
    zone: _ManagedZone = converted(told, _ManagedZone)
    return zone


def _zone_name(zone: str) -> str:
    """`svc.example.com.` → `svc-example-com`; a letter first, 63 in all."""
    name = re.sub("[^a-z0-9]+", "-", zone).strip("-")
    return (name if name[:1].isalpha() else f"zone-{name}")[:63].rstrip("-")


def _network(name: str, project: str) -> str:
    if "/" in name:
        return name
    return f"https://www.googleapis.com/compute/v1/projects/{project}/global/networks/{name}"


def _limits(calls: Calls, rate: float) -> Limits:
    """What one change may hold, as the project has it; who may not ask gets what all have.

    Half of the record sets, as each one that is changed may have a claim that is kept.
    """
    try:
        told = calls.call("GET", "").get("quota") or {}
    except OperatorNeeded:
        told = {}
    quota = {name: int(told.get(name, most)) for name, most in _QUOTA.items()}
    changes = min(quota["rrsetAdditionsPerChange"], quota["rrsetDeletionsPerChange"]) // 2
    octets = quota["totalRrdataSizePerChange"]
    return Limits(changes=max(changes, 1), rate=rate, burst=_BURST, is_atomic=True, octets=octets)
