"""The zone in etcd as a real CoreDNS serves it: every type, names that nest, and what is refused
because CoreDNS would make something else of it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from feddns import ladder, names
from feddns.errors import Rejected
from feddns.providers.coredns import CoreDns
from feddns.providers.recordsets import Change, RecordSet
from feddns.resolver.responder import Responder
from feddns.store import Store
from tests import asking, laddering, zonetext
from tests.laddering import DOMAIN, PREFIX, clusters, nodes, shards
from tests.providers.backends import ZONE
from tests.providers.corednszone import (
    GLOBAL,
    PLACE,
    REGION,
    Zone,
    a,
    aaaa,
    add,
    answer,
    claim,
    cname,
    listed,
    opened,
    told,
    txt,
)
from tests.providers.test_inside_outside import Found, inside, keep, said


@pytest.fixture
def zone(coredns_server: Zone) -> Zone:
    coredns_server.hands.clear()
    return coredns_server


@pytest.fixture
def provider(zone: Zone) -> Iterator[CoreDns]:
    with contextlib.closing(opened(zone)) as provider:
        yield provider


# --- what CoreDNS answers -------------------------------------------------------------------------


def test_every_type(zone: Zone, provider: CoreDns) -> None:
    both = [a(GLOBAL, "192.0.2.1", "192.0.2.2", "192.0.2.200"), aaaa(GLOBAL, "2001:db8::1", "::2")]
    alias = cname(REGION, GLOBAL)
    note = txt(f"note.{ZONE}", "one", 'two "quoted" \\ text')
    for records in (both, [alias], [note]):
        add(provider, *records, *(claim(one) for one in records if one.type != "TXT"))
    assert answer(zone, GLOBAL, "A") == told(both[0])
    assert answer(zone, GLOBAL, "AAAA") == told(both[1])
    assert answer(zone, REGION, "A") == sorted(told(alias) + told(both[0]))
    assert answer(zone, REGION, "AAAA") == sorted(told(alias) + told(both[1]))
    assert answer(zone, f"note.{ZONE}", "TXT") == told(note)
    assert answer(zone, f"note.{ZONE}", "A") == ["NOERROR"]
    for record in (*both, alias):
        name = claim(record).name
        assert answer(zone, name, "TXT") == told(claim(record))
        assert answer(zone, name, "A") == ["NOERROR"]
        assert answer(zone, record.name, "TXT") == ["NOERROR"], "its claim is not its own"


def test_nothing_is_left_when_it_goes(zone: Zone, provider: CoreDns) -> None:
    one, alias = a(GLOBAL, "192.0.2.1", "192.0.2.2"), cname(REGION, GLOBAL)
    add(provider, one, claim(one))
    add(provider, alias, claim(alias))
    provider.apply([Change(GLOBAL, (one, claim(one)))])
    assert answer(zone, GLOBAL, "A") == ["NXDOMAIN"]
    assert answer(zone, REGION, "A") == ["NOERROR"], "an alias to nothing is no answer"
    provider.apply([Change(REGION, (alias, claim(alias)))])
    for name in (GLOBAL, REGION, claim(one).name, f"ufp.svc.{ZONE}", f"svc.eu.{ZONE}"):
        for type in ("A", "TXT"):
            assert answer(zone, name, type) == ["NXDOMAIN"]
    assert zone.hands.keys() == {}


@pytest.mark.parametrize(("ttl", "served"), [(1, 1), (30, 30), (86_400, 86_400), (0, 1)])
def test_ttls(zone: Zone, provider: CoreDns, ttl: int, served: int) -> None:
    """0 is what CoreDNS takes for no TTL at all, 300; it is the shortest that it knows then."""
    add(provider, a(GLOBAL, ttl=ttl))
    assert answer(zone, GLOBAL, "A") == told(a(GLOBAL, ttl=served))
    assert listed(provider) == {a(GLOBAL, ttl=ttl)}


@pytest.mark.parametrize(
    "octets",
    [
        b"", b"\\", b'"', b"\\065", b"a\\b", b"\x00\x01\x7f\xff", "ü 漢字".encode(), b"x" * 254,
        b"x" * 255, b"x" * 256, b"x" * 510, b"x" * 700, b"\\" * 127, "é".encode() * 200,
    ],
)  # fmt: skip
def test_texts(zone: Zone, provider: CoreDns, octets: bytes) -> None:
    """The octets that clients are told are those of the record."""
    note = RecordSet(f"note.{ZONE}", "TXT", 180, (_presented(octets),))
    add(provider, note)
    assert listed(provider) == {note}
    (rdata,) = zone.ask(note.name, "TXT").answer[0]
    assert b"".join(rdata.strings) == octets


def _presented(octets: bytes) -> str:
    pieces = [octets[start : start + 255] for start in range(0, len(octets), 255)] or [b""]
    return " ".join(f'"{"".join(map(_octet, piece))}"' for piece in pieces)


def _octet(octet: int) -> str:
    if octet in b'"\\':
        return f"\\{chr(octet)}"
    return chr(octet) if 0x20 <= octet < 0x7F else f"\\{octet:03d}"


def test_a_text_that_coredns_would_spoil(zone: Zone, provider: CoreDns) -> None:
    """It cuts a text before it takes the escapes away."""
    spoilt = txt(f"note.{ZONE}", "x" * 254 + "\\" + "y" * 10)
    with pytest.raises(Rejected, match="would cut its text in other places"):
        add(provider, spoilt)
    zone.hands.put(spoilt)
    assert answer(zone, spoilt.name, "TXT") != told(spoilt)
    with pytest.raises(Rejected, match="would cut its text in other places"):
        add(provider, RecordSet(f"cut.{ZONE}", "TXT", 180, ('"a" "b"',)))


def test_the_apex(zone: Zone, provider: CoreDns) -> None:
    """Its addresses are where CoreDNS looks for them first, its texts beside all names."""
    records = [a(ZONE, "192.0.2.80"), aaaa(ZONE, "2001:db8::80"), txt(ZONE, "v=spf1 -all")]
    add(provider, *records)
    add(provider, a(GLOBAL), claim(a(GLOBAL)))
    for record in records:
        assert answer(zone, ZONE, record.type) == told(record)
    assert listed(provider) == {*records, a(GLOBAL), claim(a(GLOBAL))}
    provider.apply([Change(ZONE, tuple(records))])
    assert listed(provider) == {a(GLOBAL), claim(a(GLOBAL))}


def test_an_alias_to_a_name_outside(zone: Zone, provider: CoreDns) -> None:
    """CoreDNS has nobody to ask for it here; it says the alias, as a zone would."""
    add(provider, cname(GLOBAL, "lb-1.example.net."))
    assert answer(zone, GLOBAL, "A") == told(cname(GLOBAL, "lb-1.example.net."))


# --- names that nest ------------------------------------------------------------------------------

LEVELS = {GLOBAL: "192.0.2.1", REGION: "192.0.2.2", PLACE: "192.0.2.3"}
NESTED = {
    f"nginx.{ZONE}": "192.0.2.4",
    f"eu.nginx.{ZONE}": "192.0.2.5",
    f"us.nginx.{ZONE}": "192.0.2.6",
    f"b.eu.nginx.{ZONE}": "192.0.2.7",
    f"svc.{ZONE}": "192.0.2.8",
    f"eu.{ZONE}": "192.0.2.9",
}


def test_names_below_names(zone: Zone, provider: CoreDns) -> None:
    """CoreDNS answers a name from all keys below it; by their groups they do not mix."""
    records = [a(name, address) for name, address in {**LEVELS, **NESTED}.items()]
    for record in records:
        add(provider, record, claim(record))
    for record in records:
        assert answer(zone, record.name, "A") == told(record)
        assert answer(zone, record.name, "AAAA") == ["NOERROR"]
        assert answer(zone, record.name, "TXT") == ["NOERROR"]
        assert answer(zone, claim(record).name, "TXT") == told(claim(record))
    assert listed(provider) == {*records, *map(claim, records)}


def test_without_groups_they_would_mix(zone: Zone, provider: CoreDns) -> None:
    """What `test_names_below_names` sees."""
    below, above = a(f"eu.nginx.{ZONE}", "192.0.2.5"), a(f"nginx.{ZONE}", "192.0.2.4")
    add(provider, above)
    add(provider, below)
    assert answer(zone, above.name, "A") == told(above)
    ungrouped = {
        key: json.dumps({**json.loads(raw), "group": ""}).encode()
        for key, raw in zone.hands.keys().items()
    }
    zone.etcd.put(ungrouped)
    assert len(answer(zone, above.name, "A")) == 2


def test_a_name_with_nothing_of_its_own(zone: Zone, provider: CoreDns) -> None:
    """Names between are answered from below: that is CoreDNS' way, nobody's keys are at them."""
    add(provider, a(f"eu.nginx.{ZONE}", "192.0.2.5"))
    assert answer(zone, f"nginx.{ZONE}", "A") == told(a(f"nginx.{ZONE}", "192.0.2.5"))


@pytest.mark.parametrize("page", [1, 2, 3, 7])
def test_pages_between_names_that_nest(zone: Zone, provider: CoreDns, page: int) -> None:
    """However the keys fall on pages, a record set comes once and whole."""
    records = [
        a(name, *(f"198.51.100.{number}" for number in range(1, 6)))
        for name in (*LEVELS, *NESTED, f"nginx-2.{ZONE}", ZONE)
    ]
    for record in records:
        add(provider, record)
    add(provider, txt(ZONE, "one", "two", "three"))
    with contextlib.closing(opened(zone, page=page)) as other:
        found = [record for part in other.list() for record in part]
    assert sorted(found) == sorted([*records, txt(ZONE, "one", "two", "three")])


# --- inside is outside ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept(coredns_server: Zone) -> Zone:
    """Empty at the beginning; then each example is reached from the one before."""
    coredns_server.hands.clear()
    return coredns_server


@given(clusters, shards, nodes, st.sampled_from(["none", "all"]))
@settings(max_examples=25, deadline=None)
def test_inside_is_outside(
    kept: Zone, clusters: list, shards: list, nodes: list, policy: str
) -> None:
    """What a member's DNS server answers is what CoreDNS does, at every name of the ladder; but an
    alias to a name without such addresses is no answer at all from CoreDNS."""
    with contextlib.closing(opened(kept)) as provider:
        made = laddering.snapshot(clusters, shards, nodes, policy)
        wanted = keep(provider, made)
        assert {one for one in kept.hands.content() if one.type != "TXT"} == wanted
    assert made.view is not None
    server = Responder(asking.settings(), Store(made), 1)
    for scope in made.view.scopes.values():
        name = names.format(ladder.owner(PREFIX, b"fed", scope, DOMAIN))
        for kind in ("A", "AAAA"):
            expected = inside(server, name, kind)
            if not any(type == kind for _, type, _ in expected):
                expected = frozenset()
            assert outside(kept, name, kind) == expected, f"{name} {kind}"


def outside(zone: Zone, name: str, kind: str) -> Found:
    return said(zonetext.read(zone.ask(name, kind)))
