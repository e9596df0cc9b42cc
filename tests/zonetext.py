"""Replies as zone text, so that a table or a scenario reads like a zone file.

    NXDOMAIN                                  rcode; NOERROR when left out
    nginx.default.svc 5 A 10.96.0.1           a record of the answer section; TTL 5 when left out
    AUTHORITY
    SOA cluster.local.                        the SOA record that the server writes for a zone
    ADDITIONAL
    ns.dns A 127.0.0.1

Names without a final dot stand in front of `cluster.local.`, in owners and in rdata.  Two short
forms: a lone `NODATA`, or a lone rcode of NXDOMAIN, means an empty answer and the SOA of the zone
that the question lies in.
"""

from __future__ import annotations

from typing import NamedTuple

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype

ORIGIN = dns.name.from_text("cluster.local.")
TTL = 5
SERIAL = 1

_PUBLIC = ("example.com.", "example.org.")
_REVERSE = (
    ["10.in-addr.arpa.", "168.192.in-addr.arpa.", "c.f.ip6.arpa.", "d.f.ip6.arpa."]
    + [f"{number}.172.in-addr.arpa." for number in range(16, 32)]
)  # fmt: skip
_ZONES = [dns.name.from_text(text) for text in ("cluster.local.", *_REVERSE, *_PUBLIC)]


class Record(NamedTuple):
    """One record, comparable without regard to case."""

    owner: str
    ttl: int
    type: str
    rdata: str


class Said(NamedTuple):
    """What a reply says: the rcode and its sections, in order.  OPT is not among them."""

    rcode: str
    answer: list[Record]
    authority: list[Record]
    additional: list[Record]

    def sorted(self) -> Said:
        """The same without an order."""
        return Said(self.rcode, sorted(self[1]), sorted(self[2]), sorted(self[3]))


def read(message: dns.message.Message) -> Said:
    """What a parsed reply says."""
    return Said(
        dns.rcode.to_text(message.rcode()),
        *(
            [
                record(rrset.name.to_text(), rrset.ttl, rrset.rdtype, rdata)
                for rrset in section
                for rdata in rrset
            ]
            for section in (message.answer, message.authority, message.additional)
        ),
    )


def record(owner: str, ttl: int, kind: int, rdata: dns.rdata.Rdata) -> Record:
    return Record(owner.lower(), ttl, dns.rdatatype.to_text(kind), rdata.to_text().lower())


def parse(text: str, question: str = "cluster.local.") -> Said:
    """What zone text says; `question` names the zone of the short forms."""
    lines = [line.strip() for line in text.strip().splitlines()]
    lines = [line for line in lines if line and not line.startswith(";")]
    if lines in (["NODATA"], ["NXDOMAIN"]):
        rcode = "NOERROR" if lines == ["NODATA"] else "NXDOMAIN"
        return Said(rcode, [], [soa(zone_of(question))], [])
    rcode = "NOERROR"
    sections: dict[str, list[Record]] = {"ANSWER": [], "AUTHORITY": [], "ADDITIONAL": []}
    current = "ANSWER"
    for line in lines:
        if line in sections:
            current = line
        elif line.isalpha():
            rcode = line
        else:
            sections[current].append(parse_record(line))
    return Said(rcode, sections["ANSWER"], sections["AUTHORITY"], sections["ADDITIONAL"])


def parse_record(line: str) -> Record:
    """One line of zone text."""
    owner, *rest = line.split()
    if owner == "SOA":
        return soa(dns.name.from_text(rest[0]))
    ttl = int(rest.pop(0)) if rest[0].isdigit() else TTL
    kind = dns.rdatatype.from_text(rest.pop(0))
    rdata = dns.rdata.from_text(dns.rdataclass.IN, kind, " ".join(rest), ORIGIN, relativize=False)
    return record(dns.name.from_text(owner, ORIGIN).to_text(), ttl, kind, rdata)


def soa(zone: dns.name.Name) -> Record:
    """The SOA record that the server under test has for `zone`."""
    text = f"ns.dns.cluster.local. hostmaster.{zone} {SERIAL} 7200 1800 86400 {TTL}"
    return Record(zone.to_text(), TTL, "SOA", text)


def zone_of(question: str) -> dns.name.Name:
    """The zone of the server under test that a name lies in."""
    name = dns.name.from_text(question, ORIGIN)
    return next(zone for zone in _ZONES if name.is_subdomain(zone))


def flags(message: dns.message.Message) -> set[str]:
    """The header's flags by name."""
    return set(dns.flags.to_text(message.flags).split())
