"""What Route 53 allows in a batch of changes, in its XML and its words.

    refused: InvalidChangeBatch                          its words
    more than 1,000 values, or 32,000 characters         Number of records limit of 1000 exceeded.
    a name of another zone                               RRSet with DNS name … is not permitted in …
    a value that is none                                 Invalid Resource Record: 'FATAL problem: …
    an alias of a name that is not in the zone it says   Tried to create an alias that targets …
    CREATE of what is there                              Tried to create … but it already exists
    DELETE of what is not there, or is otherwise         Tried to delete … but it was not found
    a CNAME beside others, others beside a CNAME         RRSet of type CNAME … conflicts with …
    simple and routed sets of one name and type          … as other RRSets exist with the same …

All of a batch or none; its changes are looked at one after the other, each in what the ones before
it leave.  UPSERT counts twice.  Names are lower case, octets but a-z 0-9 - _ in octal.

Source: Route 53 API Reference, ChangeResourceRecordSets and ResourceRecordSet; Developer Guide,
"DNS domain name format", "Supported DNS record types", "Quotas"; the words as in external-dns' and
Terraform's reports of them.  Called by `route53shim`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from feddns.providers import awsbalancers

NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/"
MOST_VALUES, MOST_CHARACTERS = 1_000, 32_000
SetKey = tuple[str, str, str]
"""Name, type and set identifier."""
Changes = Sequence[tuple[str, Element]]

_TAG = re.compile(r"\{.*\}")
_ESCAPED = re.compile(r"\\[0-7]{3}|.", re.DOTALL)
_STRING = re.compile(r'"((?:\\[0-7]{3}|\\["\\]|[ !#-\[\]-~])*)"')
_CHARACTER = re.compile(r"\\[0-7]{3}|\\.|.")


# --- XML ----------------------------------------------------------------------------------------


def parse(body: bytes) -> Element:
    """Without namespaces.  Raises `ElementTree.ParseError`."""
    root = ElementTree.fromstring(body)
    for element in root.iter():
        element.tag = _TAG.sub("", element.tag)
    return root


def serialize(root: Element) -> bytes:
    root.set("xmlns", NAMESPACE)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root)


def made(tag: str, *children: Element, **texts: str) -> Element:
    element = Element(tag)
    for name, text in texts.items():
        ElementTree.SubElement(element, name).text = text
    element.extend(children)
    return element


def changes_of(root: Element) -> list[tuple[str, Element]]:
    """The actions and record sets of a ChangeResourceRecordSetsRequest, names as they are kept."""
    found = []
    for change in root.iter("Change"):
        record = change.find("ResourceRecordSet")
        if record is not None:
            for name in record.iter("Name"):
                name.text = stored(name.text or "")
            found.append((change.findtext("Action", ""), record))
    return found


def request_of(changes: Iterable[tuple[str, Element]]) -> Element:
    """And back."""
    told = [made("Change", made_set, Action=action) for action, made_set in changes]
    return made("ChangeResourceRecordSetsRequest", made("ChangeBatch", made("Changes", *told)))


def stored(name: str) -> str:
    """A name as Route 53 keeps and tells it."""
    parts = _ESCAPED.findall(name.lower().rstrip(".") + ".")
    return "".join(part if _is_plain(part) else f"\\{ord(part):03o}" for part in parts)


def _is_plain(part: str) -> bool:
    return len(part) > 1 or part in "abcdefghijklmnopqrstuvwxyz0123456789-_."


def key_of(record: Element) -> SetKey:
    return (
        stored(record.findtext("Name", "")),
        record.findtext("Type", ""),
        record.findtext("SetIdentifier", ""),
    )


def values_of(record: Element) -> list[str]:
    return [value.text or "" for value in record.iter("Value")]


def content_of(record: Element) -> tuple[object, ...]:
    """What has to be the same for a DELETE; the order of values is nothing."""
    skipped = ("Name", "Type", "SetIdentifier", "ResourceRecords")
    rest = sorted(_flat(child) for child in record if child.tag not in skipped)
    return (*rest, *sorted(values_of(record)))


def _flat(element: Element) -> tuple[object, ...]:
    text = (element.text or "").strip()
    if element.tag == "DNSName":
        text = stored(text)
    return (element.tag, text, *sorted(_flat(child) for child in element))


# --- rules --------------------------------------------------------------------------------------


def refusals(
    zone: str, there: Iterable[Element], changes: Changes, *, looks: bool = True
) -> list[str]:
    """Why the batch is refused.  Without `looks`, what is there (not) is somebody else's to say."""
    found = [*_too_much(changes), *(word for _, one in changes for word in _wrong(zone, one))]
    after = {key_of(record): record for record in there}
    missing = [*_run(after, changes)]
    if looks:
        found += missing
    return found or ([] if missing else [*_conflicts(zone, after, changes)])


def _too_much(changes: Changes) -> Iterator[str]:
    values = [v for action, one in changes for v in values_of(one) * (1 + (action == "UPSERT"))]
    if len(values) > MOST_VALUES:
        yield f"Number of records limit of {MOST_VALUES} exceeded."
    if sum(map(len, values)) > MOST_CHARACTERS:
        yield f"Sum of the lengths of values limit of {MOST_CHARACTERS} exceeded."


def _run(after: dict[SetKey, Element], changes: Changes) -> Iterator[str]:
    for action, record in changes:
        key = key_of(record)
        if action == "CREATE" and key in after:
            yield f"Tried to create resource record set {_told(key)} but it already exists"
        if action == "DELETE" and key not in after:
            yield f"Tried to delete resource record set {_told(key)} but it was not found"
        elif action == "DELETE" and content_of(after[key]) != content_of(record):
            yield (
                f"Tried to delete resource record set {_told(key)} but the values provided do not "
                "match the current values"
            )
        if action == "DELETE":
            after.pop(key, None)
        else:
            after[key] = record


def _told(key: SetKey) -> str:
    name, type, identifier = key
    more = f", set identifier='{identifier}'" if identifier else ""
    return f"[name='{name}', type='{type}'{more}]"


def _conflicts(zone: str, after: dict[SetKey, Element], changes: Changes) -> Iterator[str]:
    at: dict[str, list[SetKey]] = {}
    for key in after:
        at.setdefault(key[0], []).append(key)
    for action, record in changes:
        name, type, identifier = key_of(record)
        if action == "DELETE" or (name, type, identifier) not in after:
            continue
        types = {other for _, other, _ in at[name]}
        if type == "CNAME" and len(types) > 1:
            yield (
                f"RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with "
                f"other records with the same DNS name in zone {zone}"
            )
        elif "CNAME" in types and type != "CNAME":
            yield (
                f"RRSet of type {type} with DNS name {name} is not permitted because a conflicting "
                f"RRSet of type  CNAME with the same DNS name already exists in zone {zone}"
            )
        others = [other for _, same, other in at[name] if same == type]
        if len(others) > 1 and "" in others:
            yield (
                f"RRSet with DNS name {name}, type {type}, SetIdentifier {identifier or 'null'} "
                "cannot be created as other RRSets exist with the same name and type."
            )


def _wrong(zone: str, record: Element) -> Iterator[str]:
    name, type, _ = key_of(record)
    if name != zone and not name.endswith(f".{zone}"):
        yield f"RRSet with DNS name {name} is not permitted in zone {zone}"
    if type == "CNAME" and name == zone:
        yield f"RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {zone}"
    if any(len(_ESCAPED.findall(label)) > 63 for label in name.split(".")):
        yield f"FATAL problem: DomainLabelTooLong (Domain label is too long) in {name}"
    target = record.find("AliasTarget")
    if target is not None:
        yield from _wrong_alias(zone, type, target)
    elif not values_of(record) or record.find("TTL") is None:
        yield f"Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords]] for {name}"  # fmt: skip  # noqa: E501
    if type == "CNAME" and len(values_of(record)) > 1:
        yield f"Invalid Resource Record: FATAL problem: OnlyOneValueAllowed encountered with {name}"
    for value in values_of(record):
        if problem := _problem(type, value):
            yield f"Invalid Resource Record: 'FATAL problem: {problem} encountered with '{value}''"


def _wrong_alias(zone: str, type: str, target: Element) -> Iterator[str]:
    host, id = stored(target.findtext("DNSName", "")), target.findtext("HostedZoneId", "")
    expected = awsbalancers.hosted_zone(host)
    if expected != id and not host.endswith(f".{zone}"):
        yield (
            f"Tried to create an alias that targets {host}, type {type} in zone {id}, but the "
            "alias target name does not lie within the target zone"
        )


def _problem(type: str, value: str) -> str:
    if type == "A":
        return _address(ipaddress.IPv4Address, value, "ARRDATAIllegalIPv4Address", "IPv4")
    if type == "AAAA":
        return _address(ipaddress.IPv6Address, value, "AAAARRDATAIllegalIPv6Address", "IPv6")
    if type in ("TXT", "SPF"):
        return _text(value)
    return "" if value.isascii() and value.isprintable() else "UnsupportedCharacter"


def _address(kind: type, value: str, code: str, family: str) -> str:
    try:
        kind(value)
    except ValueError:
        return f"{code} (Value is not a valid {family} address)"
    return ""


def _text(value: str) -> str:
    rest = _STRING.sub("", value)
    if rest.strip() or not value.startswith('"'):
        if value.isascii() and value.isprintable():
            return "InvalidCharacterString (Value should be enclosed in quotation marks)"
        return "UnsupportedCharacter (Value contains unsupported characters)"
    if any(len(_CHARACTER.findall(part)) > 255 for part in _STRING.findall(value)):
        return "CharacterStringTooLong (Value is too long)"
    if len(value) > 4_000:
        return "TXTRDATATooLong (Value is too long)"
    return ""
