"""Where this server and CoreDNS differ on purpose: the rows of coredns-behaviour.md, as data.

    finer point     both are right; what it concerns is made alike before the two are compared
    row             a difference that is left; named by the first row whose test holds

A difference without a row is a bug in one of the two.  In a row's test `we` and `they` are what
this server and CoreDNS said in a word: NOERROR, NODATA, NXDOMAIN, …
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from tests.parity.comparing import Difference, Said

_SOA_BELOW_ARPA = re.compile(r"(?i)(\.arpa\. \d+ SOA) \S+")
_SRV = re.compile(r"(?i)(.* SRV \d+) (\d+) (\d+ )(\S+)")
_HINFO = 'HINFO "RFC8482" ""'


@dataclass(frozen=True)
class Case:
    """A difference as the rows see it."""

    name: str
    """In lower case."""
    kind: str
    we: str
    they: str
    difference: Difference

    @property
    def labels(self) -> list[str]:
        """In front of the zone."""
        for zone in (".cluster.local.", ".10.in-addr.arpa.", ".d.f.ip6.arpa."):
            if self.name.endswith(zone):
                return self.name.removesuffix(zone).split(".")
        return []

    @property
    def at(self) -> str:
        """Which part of the schema the name is in."""
        if self.name.endswith(".arpa."):
            return "reverse"
        return self.labels[-1] if self.labels else ""

    @property
    def is_reverse(self) -> bool:
        return self.name.endswith(".arpa.")

    @property
    def ours(self) -> Said:
        return self.difference.first

    @property
    def theirs(self) -> Said:
        return self.difference.second


class Row(NamedTuple):
    """A row's name and when it explains a difference."""

    name: str
    holds: Callable[[Case], bool]


def _below_service(case: Case) -> list[str]:
    """The labels in front of `<service>.<namespace>.svc`."""
    return case.labels[:-3] if case.at == "svc" else []


def _is_port(labels: list[str]) -> bool:
    return len(labels) == 2 and all(len(one) > 1 and one[0] == "_" for one in labels)


def _has_bare_word(labels: list[str]) -> bool:
    return len(labels) == 2 and not all(one.startswith("_") for one in labels)


def _is_external(case: Case) -> bool:
    """The name is an alias in our answer."""
    return any(line.lower().startswith(f"{case.name} 5 cname ") for line in case.ours.answer)


ROWS = [
    Row("K-UNLABELLED", lambda c: c.they == "SILENCE" and c.is_reverse and c.we == "NXDOMAIN"),
    Row("K-SOA-BELOW", lambda c: c.kind == "SOA" and (c.we, c.they) == ("NXDOMAIN", "NODATA")),
    Row("K-TXT-APEX", lambda c: c.kind == "TXT" and (c.we, c.they) == ("NODATA", "NXDOMAIN")
        and (not c.labels or (len(c.labels) <= 2 and c.at in ("svc", "pod", "dns")))),
    Row("K-VERSION-NODATA", lambda c: c.labels == ["dns-version"] and not c.is_reverse
        and (c.we, c.they) == ("NODATA", "NXDOMAIN") and c.kind != "TXT"),
    Row("K-VERSION-REVERSE", lambda c: c.labels == ["dns-version"] and c.is_reverse
        and c.we == "NXDOMAIN"),
    Row("K-ENT-DNS", lambda c: c.labels == ["dns"] and (c.we, c.they) == ("NODATA", "NXDOMAIN")),
    Row("K-ENT-PROTO", lambda c: _below_service(c) in (["_tcp"], ["_udp"], ["_sctp"])
        and (c.we, c.they) == ("NODATA", "NXDOMAIN")),
    Row("K-EMPTY-LABEL", lambda c: "_" in _below_service(c) and c.we == "NXDOMAIN"
        and c.they in ("NOERROR", "NODATA")),
    Row("K-BARE-WORDS", lambda c: _has_bare_word(_below_service(c)) and c.we == "NXDOMAIN"
        and c.they in ("NOERROR", "NODATA")),
    Row("K-A-AT-PORT", lambda c: _is_port(_below_service(c)) and c.kind in ("A", "AAAA")
        and (c.we, c.they) == ("NODATA", "NOERROR")),
    Row("K-SRV-ENDPOINT", lambda c: c.kind == "SRV" and len(_below_service(c)) == 1
        and (c.we, c.they) == ("NODATA", "NOERROR")),
    Row("K-SRV-POD", lambda c: c.kind == "SRV" and c.at == "pod"
        and (c.we, c.they) == ("NODATA", "NOERROR")),
    Row("K-REVERSE-SVC", lambda c: c.is_reverse and c.at == "reverse"
        and c.labels[-1:] in (["svc"], ["pod"]) and c.we == "NXDOMAIN"),
    Row("K-REVERSE-TYPES", lambda c: c.is_reverse and c.kind != "PTR"
        and (c.we, c.they) == ("NODATA", "NXDOMAIN") and len(c.labels) in (3, 30)),
    Row("K-ENT-REVERSE", lambda c: c.is_reverse
        and (c.we, c.they) == ("NODATA", "NXDOMAIN") and len(c.labels) < 30),
    Row("K-REVERSE-LONG", lambda c: c.is_reverse and c.we == "NXDOMAIN" and len(c.labels) > 30),
    Row("K-ORPHAN", lambda c: c.is_reverse and c.kind == "PTR" and c.we == "NXDOMAIN"
        and any("orphan." in line for line in c.theirs.answer)),
    Row("K-NS", lambda c: c.kind == "NS" and not c.labels and c.they in ("NODATA", "NOERROR")),
    Row("K-NS", lambda c: c.labels == ["ns", "dns"] and c.they in ("NODATA", "NXDOMAIN")),
    Row("K-UDP-CAP", lambda c: not c.difference.question.tcp and "TC" in c.ours.flags
        and (c.difference.question.edns or 512) > 1232 and c.theirs.answer >= c.ours.answer),
    Row("K-FQDN", lambda c: ".fqdn" in f".{c.name}" and c.we == "NXDOMAIN"),
    Row("K-FQDN", lambda c: "fqdn-mixed." in c.name and "cname www." in str(c.theirs.answer)),
    Row("K-NOPORT", lambda c: "no-number" in c.name and _is_port(_below_service(c))),
    Row("K-TOLERANT", lambda c: c.they == "NXDOMAIN"
        and "tolerant-slice." in f"{c.name} {c.ours.answer}"),
    Row("K-EXT-IP", lambda c: ".".join(c.labels).startswith("ext-address.") and _is_external(c)),
    Row("K-EXT-TYPES", lambda c: c.kind not in ("A", "AAAA", "CNAME") and _is_external(c)
        and c.they == "NODATA"),
    Row("K-EXT-NODATA", lambda c: c.kind in ("A", "AAAA") and _is_external(c)
        and c.they == "NODATA"),
    Row("K-EXT-RCODE", lambda c: _is_external(c) and c.ours.answer == c.theirs.answer
        and (c.we, c.they) == ("NOERROR", "NOERROR")),
]  # fmt: skip


def explain(difference: Difference) -> str | None:
    """Which row (or finer point) explains the difference; None: nothing does."""
    first, second = difference.first, difference.second
    for point, alike in _FINER_POINTS:
        first, second = alike(first, second)
        if first == second:
            return point
    question = difference.question
    left = replace(difference, first=first, second=second)
    case = Case(question.name.lower(), question.type, _word(first), _word(second), left)
    return next((row.name for row in ROWS if row.holds(case)), None)


def _word(said: Said) -> str:
    if said.rcode == "NOERROR" and not said.answer and "TC" not in said.flags:
        return "NODATA"
    return said.rcode


# --- finer points --------------------------------------------------------------------------------


def _any(first: Said, second: Said) -> tuple[Said, Said]:
    """K-ANY: our HINFO (RFC 8482) is their NODATA."""
    if not any(line.endswith(_HINFO) for line in first.answer):
        return first, second
    return replace(first, answer=frozenset(), authority=second.authority), second


def _soa(first: Said, second: Said) -> tuple[Said, Said]:
    """The name server of a reverse zone: `ns.dns` of the cluster's zone, or of the zone itself."""

    def alike(lines: Iterable[str]) -> frozenset[str]:
        return frozenset(_SOA_BELOW_ARPA.sub(r"\1 *", line) for line in lines)

    return tuple(  # type: ignore[return-value]
        replace(said, answer=alike(said.answer), authority=alike(said.authority))
        for said in (first, second)
    )


def _case(first: Said, second: Said) -> tuple[Said, Said]:
    """Names within answers, where the question has capitals: as stored or as asked."""

    def alike(lines: Iterable[str]) -> frozenset[str]:
        return frozenset(line.lower() for line in lines)

    return tuple(  # type: ignore[return-value]
        replace(
            said, answer=alike(said.answer), authority=alike(said.authority),
            additional=alike(said.additional),
        )
        for said in (first, second)
    )  # fmt: skip


def _weight(first: Said, second: Said) -> tuple[Said, Said]:
    """Our weights share 100 among the records, theirs among those before duplicates go."""
    ours, theirs = _weights(first), _weights(second)
    if not ours or not theirs or max(theirs) > max(ours):
        return first, second
    if ours != {max(1, 100 // len(first.answer))} and "TC" not in first.flags:
        return first, second

    def alike(lines: Iterable[str]) -> frozenset[str]:
        return frozenset(_SRV.sub(r"\1 * \3\4", line) for line in lines)

    return (
        replace(first, answer=alike(first.answer)), replace(second, answer=alike(second.answer))
    )  # fmt: skip


def _weights(said: Said) -> set[int]:
    return {int(found[2]) for line in said.answer if (found := _SRV.fullmatch(line))}


def _truncated(first: Said, second: Said) -> tuple[Said, Said]:
    """Which of the records of a truncated answer come is anybody's choice."""
    if "TC" in first.flags and "TC" in second.flags:
        return replace(first, answer=frozenset(), additional=frozenset()), replace(
            second, answer=frozenset(), additional=frozenset()
        )
    return first, second


_FINER_POINTS = [
    ("K-ANY", _any), ("soa", _soa), ("case", _case), ("weight", _weight),
    ("truncated", _truncated),
]  # fmt: skip
