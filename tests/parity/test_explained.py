"""The rows explain what they say and nothing else: plain mistakes stay unexplained."""

from __future__ import annotations

import pytest

from tests.parity import explained
from tests.parity.comparing import Difference, Question, Said

SOA = "5 SOA ns.dns.cluster.local. hostmaster.cluster.local. … 7200 1800 86400 5"
ZONE = "cluster.local."
NXDOMAIN = Said("NXDOMAIN", "AA", authority=frozenset([f"{ZONE} {SOA}"]), edns="EDNS0")
NODATA = Said("NOERROR", "AA", authority=frozenset([f"{ZONE} {SOA}"]), edns="EDNS0")


def said(*lines: str, flags: str = "AA", additional: tuple[str, ...] = ()) -> Said:
    return Said("NOERROR", flags, frozenset(lines), frozenset(), frozenset(additional), "EDNS0")


WEB = f"web.zoo.svc.{ZONE}"
PTR = "1.1.96.10.in-addr.arpa."
A = said(f"{WEB} 5 A 10.96.1.1")
SRV = f"_http._tcp.{WEB}"
EXT = f"ext-x.zoo.svc.{ZONE}"


@pytest.mark.parametrize(
    ("name", "kind", "first", "second"),
    [
        (WEB, "A", A, said(f"{WEB} 5 A 10.96.1.2")),
        (WEB, "A", A, said(f"{WEB} 30 A 10.96.1.1")),
        (WEB, "A", A, said(f"{WEB} 5 A 10.96.1.1", flags="")),
        (WEB, "A", A, said(f"{WEB} 5 A 10.96.1.1", flags="AA RA")),
        (WEB, "A", A, said(f"{WEB} 5 A 10.96.1.1", flags="AA TC")),
        (WEB, "A", NXDOMAIN, A),
        (WEB, "A", NODATA, A),
        (WEB, "A", A, NXDOMAIN),
        (WEB, "AAAA", NXDOMAIN, NODATA),
        (WEB, "AAAA", NODATA, Said("NOERROR", "AA", edns="EDNS0")),
        (WEB, "A", Said("SILENCE"), A),
        (WEB, "A", A, Said("SILENCE")),
        (WEB, "A", Said("SERVFAIL"), A),
        (WEB, "TXT", NODATA, NXDOMAIN),
        (SRV, "SRV", NXDOMAIN, said(f"{SRV} 5 SRV 0 100 80 {WEB}")),
        (SRV, "SRV", said(f"{SRV} 5 SRV 0 100 81 {WEB}"), said(f"{SRV} 5 SRV 0 100 80 {WEB}")),
        (SRV, "SRV", said(f"{SRV} 5 SRV 0 50 80 {WEB}"), said(f"{SRV} 5 SRV 0 100 80 {WEB}")),
        (SRV, "SRV", said(f"{SRV} 5 SRV 0 100 80 {WEB}"),
         said(f"{SRV} 5 SRV 0 100 80 {WEB}", additional=(f"{WEB} 5 A 10.96.1.1",))),
        (f"10-244-1-1.{WEB}", "A", NXDOMAIN, said(f"10-244-1-1.{WEB} 5 A 10.244.1.1")),
        (PTR, "PTR", NXDOMAIN, said(f"{PTR} 5 PTR {WEB}")),
        (PTR, "PTR", said(f"{PTR} 5 PTR {WEB}"), said(f"{PTR} 5 PTR other.zoo.svc.{ZONE}")),
        (PTR, "A", NXDOMAIN, NODATA),
        (EXT, "A", said(f"{EXT} 5 CNAME a.example."), said(f"{EXT} 5 CNAME b.example.")),
        (EXT, "A", NXDOMAIN, said(f"{EXT} 5 CNAME a.example.")),
        (f"zoo.svc.{ZONE}", "A", NXDOMAIN, NODATA),
        (ZONE, "SOA", NODATA, said(f"{ZONE} {SOA}")),
    ],
)  # fmt: skip
def test_a_mistake_has_no_row(name: str, kind: str, first: Said, second: Said) -> None:
    assert explained.explain(Difference(Question(name, kind), first, second)) is None


@pytest.mark.parametrize(
    ("row", "name", "kind", "first", "second"),
    [
        ("K-SOA-BELOW", f"nope.zoo.svc.{ZONE}", "SOA", NXDOMAIN, NODATA),
        ("K-ENT-PROTO", f"_tcp.{WEB}", "A", NODATA, NXDOMAIN),
        ("K-BARE-WORDS", f"http.tcp.{WEB}", "A", NXDOMAIN, A),
        ("case", WEB.upper(), "A", said(f"{WEB.upper()} 5 A 10.96.1.1"), A),
        ("weight", SRV, "SRV", said(f"{SRV} 5 SRV 0 100 80 {WEB}"),
         said(f"{SRV} 5 SRV 0 50 80 {WEB}")),
        ("K-ANY", WEB, "ANY", said(f'{WEB} 5 HINFO "RFC8482" ""'), NODATA),
    ],
)  # fmt: skip
def test_a_row(row: str, name: str, kind: str, first: Said, second: Said) -> None:
    assert explained.explain(Difference(Question(name, kind), first, second)) == row
