"""Cloud DNS v1 without a network: managed zones, their record sets, changes of them.

What a change is refused for, in this order, and then nothing of it is done:

    status  reason                          when
    400     required                        neither additions nor deletions, a field is missing
    403     quotaExceeded                   more record sets or octets than one change may have
    404     notFound                        a deletion's record set is not there
    412     conditionNotMet                 it is there with another TTL or other data
    400     invalid                         a name without its dot or outside of the zone, a TTL
                                            below 0, data that is none of its type, no such type
    400     invalidRecordCount              a CNAME with more than one name
    409     alreadyExists                   an addition's record set is there and is not deleted
    400     cnameResourceRecordSetConflict  a CNAME beside anything else
    400     invalidZoneApex                 the apex would have no SOA or NS, or two
    403     quotaExceeded                   the zone would have more record sets than it may

The zone has the change at once; the change itself is `pending` until it was asked for once more.
Deletions are compared as they were written, but for the order of their data.  Status and reason
are Google's, and what callers decide by; the words come close to Google's.  Called by
`tests.cloud.clouddns`, which is the HTTP server, and by tests that look past the API.
"""

from __future__ import annotations

import bisect
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import dns.exception
import dns.name
import dns.rdata

Resource = dict[str, Any]
Key = tuple[str, str]

TYPES = frozenset({
    "A", "AAAA", "ALIAS", "CAA", "CNAME", "DNSKEY", "DS", "HTTPS", "IPSECKEY", "MX", "NAPTR", "NS",
    "PTR", "SOA", "SPF", "SRV", "SSHFP", "SVCB", "TLSA", "TXT",
})  # fmt: skip
_TARGETS = frozenset({"CNAME", "NS", "PTR", "ALIAS"})
QUOTA: Mapping[str, int] = {
    "managedZones": 10_000,
    "rrsetsPerManagedZone": 10_000,
    "rrsetAdditionsPerChange": 1_000,
    "rrsetDeletionsPerChange": 1_000,
    "resourceRecordsPerRrset": 100,
    "totalRrdataSizePerChange": 100_000,
}
_PAGE, _LARGEST_PAGE = 100, 1_000
_SERVERS = [f"ns-cloud-a{number}.googledomains.com." for number in range(1, 5)]
_TIME = "2026-01-01T00:00:00.000Z"


class Refused(Exception):
    """An error as the API gives it."""

    def __init__(self, status: int, reason: str, message: str, domain: str = "global") -> None:
        super().__init__(message)
        self.status, self.reason, self.message, self.domain = status, reason, message, domain

    def body(self) -> Resource:
        told = {"message": self.message, "domain": self.domain, "reason": self.reason}
        return {"error": {"code": self.status, "message": self.message, "errors": [told]}}


def missing(what: str, name: str) -> Refused:
    return Refused(404, "notFound", f"The '{what}' resource named '{name}' does not exist.")


def invalid(field: str, value: object) -> Refused:
    return Refused(400, "invalid", f"Invalid value for '{field}': '{value}'")


class Zone:
    """One managed zone: its record sets, and the changes that made them."""

    def __init__(self, resource: Resource, quota: Mapping[str, int]) -> None:
        self.resource, self.quota = resource, quota
        self.apex: str = resource["dnsName"]
        self.sets: dict[Key, Resource] = {}
        self.changes: list[Resource] = []
        self._order: list[tuple[list[str], str]] | None = None
        soa = f"{_SERVERS[0]} cloud-dns-hostmaster.google.com. 1 21600 3600 259200 300"
        for type, data in (("NS", _SERVERS), ("SOA", [soa])):
            self.put({"name": self.apex, "type": type, "ttl": 21600, "rrdatas": list(data)})
        self.changes.append({"kind": "dns#change", "id": "0", "status": "done", "startTime": _TIME})

    def put(self, resource: Resource) -> None:
        """A record set as it is, past every rule of the API."""
        key = resource["name"].lower(), resource["type"]
        self.sets[key] = {"kind": "dns#resourceRecordSet", **resource}
        self._order = None

    def drop(self, key: Key) -> None:
        del self.sets[key]
        self._order = None

    def page(self, query: Mapping[str, str]) -> Resource:
        """One page of record sets by name, from where the page before ended."""
        name, type = query.get("name"), query.get("type")
        if type and not name:
            raise invalid("parameters.name", "")
        start = 0
        if token := query.get("pageToken"):
            last_name, _, last_type = token.partition("/")
            start = bisect.bisect_right(self._sorted(), _place((last_name, last_type)))
        size = page_size(query)
        found = (
            self.sets[_key(place)]
            for place in itertools.islice(self._sorted(), start, None)
            if (not name or _key(place)[0] == name) and (not type or place[1] == type)
        )
        page = list(itertools.islice(found, size))
        answer = {"kind": "dns#resourceRecordSetsListResponse", "rrsets": page}
        if next(found, None) is not None:
            answer["nextPageToken"] = f"{page[-1]['name']}/{page[-1]['type']}"
        return answer

    def _sorted(self) -> list[tuple[list[str], str]]:
        if self._order is None:
            self._order = sorted(map(_place, self.sets))
        return self._order

    def change(self, body: Resource) -> Resource:
        """All of a change, or `Refused` and nothing of it."""
        additions = [dict(one) for one in body.get("additions") or ()]
        deletions = [dict(one) for one in body.get("deletions") or ()]
        if not additions and not deletions:
            raise Refused(400, "required", "The 'entity.change' parameter is required.")
        self._within_quota(additions, deletions)
        after = dict(self.sets)
        for index, one in enumerate(deletions):
            self._delete(one, f"entity.change.deletions[{index}]", after)
        for index, one in enumerate(additions):
            self._add(one, f"entity.change.additions[{index}]", after)
        self._hold(additions, deletions, after)
        self.sets, self._order = after, None
        made = {"additions": additions, "deletions": deletions, "startTime": _TIME}
        made |= {"kind": "dns#change", "id": str(len(self.changes)), "status": "pending"}
        self.changes.append(made)
        return dict(made)

    def change_of(self, id: str) -> Resource:
        """A change by its id, done when it is asked for the second time."""
        if not id.isdigit() or int(id) >= len(self.changes):
            raise missing("parameters.changeId", id)
        change = self.changes[int(id)]
        told = dict(change)
        change["status"] = "done"
        return told

    def _within_quota(self, additions: list[Resource], deletions: list[Resource]) -> None:
        size = sum(len(data) for one in additions + deletions for data in one.get("rrdatas") or ())
        for name, count in (
            ("rrsetAdditionsPerChange", len(additions)),
            ("rrsetDeletionsPerChange", len(deletions)),
            ("totalRrdataSizePerChange", size),
        ):
            self._quota(name, count)

    def _quota(self, name: str, count: int) -> None:
        if count > self.quota[name]:
            words = f"The quota '{name}' is {self.quota[name]}, and {count} would exceed it."
            raise Refused(403, "quotaExceeded", words)

    def _delete(self, one: Resource, field: str, after: dict[Key, Resource]) -> None:
        self._check_shape(one, field)
        key = one["name"], one["type"]
        there = after.get(key)
        if there is None:
            raise missing(field, f"{one['name']} ({one['type']})")
        if _content(there) != _content(one):
            raise Refused(412, "conditionNotMet", f"Precondition not met for '{field}'")
        del after[key]

    def _add(self, one: Resource, field: str, after: dict[Key, Resource]) -> None:
        self._check_shape(one, field)
        self._check_name(one["name"], field)
        if one["type"] not in TYPES:
            raise invalid(f"{field}.type", one["type"])
        if not 0 <= one["ttl"] < 2**31:
            raise invalid(f"{field}.ttl", one["ttl"])
        if one["type"] == "ALIAS" and one["name"] != self.apex:
            raise invalid(f"{field}.type", "ALIAS")
        self._quota("resourceRecordsPerRrset", len(one["rrdatas"]))
        for index, data in enumerate(one["rrdatas"]):
            if not _is_data(one["type"], data) or data in one["rrdatas"][:index]:
                raise invalid(f"{field}.rrdata[{index}]", data)
        if one["type"] in ("CNAME", "ALIAS", "SOA") and len(one["rrdatas"]) != 1:
            words = f"The resource record set '{field}' may have one record only."
            raise Refused(400, "invalidRecordCount", words)
        key = one["name"], one["type"]
        if key in after:
            words = f"The resource '{field}' named '{key[0]} ({key[1]})' already exists"
            raise Refused(409, "alreadyExists", words)
        after[key] = {"kind": "dns#resourceRecordSet", **one}

    def _check_shape(self, one: Resource, field: str) -> None:
        for name in ("name", "type", "rrdatas"):
            if not one.get(name):
                words = f"The '{field}.{name}' parameter is required but was missing."
                raise Refused(400, "required", words)
        try:
            one["ttl"] = int(one.get("ttl", 0))
        except ValueError:
            raise invalid(f"{field}.ttl", one["ttl"]) from None
        one["name"] = one["name"].lower()

    def _check_name(self, name: str, field: str) -> None:
        is_inside = name == self.apex or name.endswith("." + self.apex)
        try:
            dns.name.from_text(name, None)
        except dns.exception.DNSException:
            is_inside = False
        if not is_inside or not name.endswith(".") or any(c.isspace() for c in name):
            raise invalid(f"{field}.name", name)

    def _hold(
        self, additions: list[Resource], deletions: list[Resource], after: dict[Key, Resource]
    ) -> None:
        for type in ("SOA", "NS"):
            if (self.apex, type) not in after:
                words = f"A zone must have exactly one {type} at its apex."
                raise Refused(400, "invalidZoneApex", words)
        touched = {one["name"] for one in additions}
        if any(one["type"] == "CNAME" for one in additions) or self._has_cname(touched, after):
            self._check_cnames(additions, after)
        if len(after) > len(self.sets):
            self._quota("rrsetsPerManagedZone", len(after))

    def _has_cname(self, names: set[str], after: dict[Key, Resource]) -> bool:
        return any((name, "CNAME") in after for name in names)

    def _check_cnames(self, additions: list[Resource], after: dict[Key, Resource]) -> None:
        wanted = {one["name"] for one in additions}
        types = Counter(name for name, _ in after if name in wanted)
        for index, one in enumerate(additions):
            if (one["name"], "CNAME") in after and types[one["name"]] > 1:
                words = (
                    f"The resource record set 'entity.change.additions[{index}]' is invalid "
                    f"because the DNS name '{one['name']}' may have either one CNAME resource "
                    "record set or resource record sets of other types, but not both."
                )
                raise Refused(400, "cnameResourceRecordSetConflict", words)


def _place(key: Key) -> tuple[list[str], str]:
    return key[0].split(".")[::-1], key[1]


def _key(place: tuple[list[str], str]) -> Key:
    return ".".join(place[0][::-1]), place[1]


def _content(one: Resource) -> tuple[int, list[str], object]:
    return int(one["ttl"]), sorted(one.get("rrdatas") or ()), one.get("routingPolicy")


def _is_data(type: str, data: object) -> bool:
    if not isinstance(data, str):
        return False
    if type in _TARGETS and not data.endswith("."):
        return False
    try:
        dns.rdata.from_text("IN", "CNAME" if type == "ALIAS" else type, data)
    except (dns.exception.DNSException, ValueError):
        return False
    return True


def page_size(query: Mapping[str, str]) -> int:
    asked = query.get("maxResults", str(_PAGE))
    if not asked.isdigit() or int(asked) < 1:
        raise invalid("parameters.maxResults", asked)
    return min(int(asked), _LARGEST_PAGE)


class Project:
    """The managed zones of one project."""

    def __init__(self, name: str, quota: Mapping[str, int] = QUOTA) -> None:
        self.name, self.quota = name, quota
        self.zones: dict[str, Zone] = {}
        self._ids = itertools.count(1001)

    def describe(self) -> Resource:
        quota = {"kind": "dns#quota", **self.quota}
        return {"kind": "dns#project", "id": self.name, "number": "1", "quota": quota}

    def zone(self, name: str) -> Zone:
        """A zone by its name or its number."""
        for zone in self.zones.values():
            if name in (zone.resource["name"], zone.resource["id"]):
                return zone
        raise missing("parameters.managedZone", name)

    def page(self, query: Mapping[str, str]) -> Resource:
        names = sorted(self.zones)
        if wanted := query.get("dnsName"):
            names = [name for name in names if self.zones[name].apex == wanted]
        names = [name for name in names if name > query.get("pageToken", "")]
        size = page_size(query)
        told = [self.zones[name].resource for name in names[:size]]
        answer: Resource = {"kind": "dns#managedZonesListResponse", "managedZones": told}
        if names[size:]:
            answer["nextPageToken"] = names[size - 1]
        return answer

    def create(self, body: Resource) -> Resource:
        for field in ("name", "dnsName", "description"):
            if field not in body:
                words = f"The 'entity.managedZone.{field}' parameter is required but was missing."
                raise Refused(400, "required", words)
        name, apex = body["name"], body["dnsName"]
        if not _is_zone_name(name):
            raise invalid("entity.managedZone.name", name)
        if not apex.endswith(".") or apex != apex.lower():
            raise invalid("entity.managedZone.dnsName", apex)
        if name in self.zones:
            words = f"The resource 'entity.managedZone' named '{name}' already exists"
            raise Refused(409, "alreadyExists", words)
        made = {"visibility": "public", **body, "kind": "dns#managedZone", "creationTime": _TIME}
        made["id"] = str(next(self._ids))
        made["nameServers"] = (
            _SERVERS if made["visibility"] == "public" else ["ns-gcp-private.googledomains.com."]
        )
        self.zones[name] = Zone(made, self.quota)
        return made

    def delete(self, name: str) -> None:
        zone = self.zone(name)
        if len(zone.sets) > 2:
            words = f"The resource named '{name}' cannot be deleted because it contains resources."
            raise Refused(400, "containerNotEmpty", words)
        del self.zones[zone.resource["name"]]


def _is_zone_name(name: str) -> bool:
    allowed: Iterable[str] = name.replace("-", "a")
    return (
        0 < len(name) <= 63
        and "a" <= name[0] <= "z"
        and not name.endswith("-")
        and all("a" <= char <= "z" or "0" <= char <= "9" for char in allowed)
    )
