"""Replies as text, laid out as dig lays them out.  Called by `ask` and `why`.

dnspython reads the bytes: what is shown is what a client would read, not what we think we wrote.
"""

from __future__ import annotations

import click
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset

from feddns import __version__, names, records
from feddns.cli.offline import Asked


def read_type(text: str) -> int:
    """The number of a record type, or a usage error."""
    number = records.type_number(text)
    if number is None:
        raise click.BadParameter(
            f"{text!r} is no record type; A, AAAA, SRV, PTR, CNAME, TXT, ANY or TYPE###",
            param_hint="TYPE",
        )
    return number


def short(reply: bytes) -> str:
    """The rdata of the answer section, a line each."""
    message = dns.message.from_wire(reply)
    return "".join(f"{rdata}\n" for rrset in message.answer for rdata in rrset)


def whole(name: str, kind: str, tried: list[Asked]) -> str:
    """The last reply in full, and a line for each name tried before it."""
    last = tried[-1]
    message = dns.message.from_wire(last.reply)
    lines = [f"; <<>> feddns {__version__} <<>> {name} {kind}"]
    lines += [f";; {tried_line(asked)}, next in the search list" for asked in tried[:-1]]
    flags = dns.flags.to_text(message.flags).lower()
    lines += [
        f";; ->>HEADER<<- opcode: {dns.opcode.to_text(message.opcode())}, "
        f"status: {dns.rcode.to_text(message.rcode())}, id: {message.id}",
        f";; flags: {flags}; QUERY: {len(message.question)}, ANSWER: {_count(message.answer)}, "
        f"AUTHORITY: {_count(message.authority)}, "
        f"ADDITIONAL: {_count(message.additional) + (message.edns >= 0)}",
        "",
    ]
    if message.edns >= 0:
        lines += [";; OPT PSEUDOSECTION:", f"; EDNS: version: 0, flags:; udp: {message.payload}"]
        lines += [f"; {option.to_text()}" for option in message.options]
    lines += [";; QUESTION SECTION:"]
    for question in message.question:
        lines.append(f";{question.name}\t\tIN\t{dns.rdatatype.to_text(question.rdtype)}")
    for title, section in (
        ("ANSWER", message.answer),
        ("AUTHORITY", message.authority),
        ("ADDITIONAL", message.additional),
    ):
        if section:
            lines += ["", f";; {title} SECTION:", *records_of(section)]
    lines += ["", f";; MSG SIZE  rcvd: {len(last.reply)}", ""]
    return "\n".join(lines)


def records_of(section: list[dns.rrset.RRset]) -> list[str]:
    """One line a record: owner, TTL, class, type and data in columns."""
    return [
        f"{rrset.name}\t{rrset.ttl}\tIN\t{dns.rdatatype.to_text(rrset.rdtype)}\t{rdata}"
        for rrset in section
        for rdata in rrset
    ]


def answer_lines(reply: bytes) -> tuple[str, list[str]]:
    """The status and the records of the answer section."""
    message = dns.message.from_wire(reply)
    return dns.rcode.to_text(message.rcode()), records_of(message.answer)


def shown(asked: Asked) -> str:
    """The name that was asked, as text."""
    return names.format(asked.name)


def tried_line(asked: Asked) -> str:
    """A name of the search list and what became of it."""
    return f"{shown(asked)} {records.RCODE_NAMES.get(asked.rcode, str(asked.rcode))}"


def _count(section: list[dns.rrset.RRset]) -> int:
    return sum(len(rrset) for rrset in section)
