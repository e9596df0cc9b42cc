"""`stubDomains` and `upstreamNameservers` of the ConfigMap: what counts and what is refused."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from feddns import names, nameservers
from feddns.nameservers import Nameservers, StubDomain


def stub(domain: str, *servers: str) -> StubDomain:
    return StubDomain(names.parse(domain), servers)


# stubDomains, what counts, what the reasons say
STUBS = [
    ("", (), []),
    ("  ", (), []),
    ("{}", (), []),
    ('{"corp.example": ["192.0.2.1"]}', (stub("corp.example", "192.0.2.1:53"),), []),
    ('{"corp.example.": ["192.0.2.1"]}', (stub("corp.example", "192.0.2.1:53"),), []),
    ('{"acme": ["192.0.2.1:5353", "2001:db8::1", "[2001:db8::2]:54", "[2001:db8::3]"]}',
     (stub("acme", "192.0.2.1:5353", "[2001:db8::1]:53", "[2001:db8::2]:54", "[2001:db8::3]:53"),),
     []),
    ('{"a.example": ["192.0.2.1"], "b.example": ["192.0.2.2"]}',
     (stub("a.example", "192.0.2.1:53"), stub("b.example", "192.0.2.2:53")), []),
    ('{"a.example": ["192.0.2.1", "192.0.2.1:53"]}', (stub("a.example", "192.0.2.1:53"),), []),
    ('{"A.example": ["192.0.2.1"], "b.example": ["192.0.2.2"]}',
     (stub("b.example", "192.0.2.2:53"),), ["'A.example': is no RFC 1123 subdomain"]),
    ('{"*.example": ["192.0.2.1"]}', (), ["'*.example': is no RFC 1123 subdomain"]),
    ('{"": ["192.0.2.1"]}', (), ["'': is no RFC 1123 subdomain"]),
    ('{"a.example": ["ns.example", "192.0.2.2"]}', (stub("a.example", "192.0.2.2:53"),),
     ["'ns.example' is no IP address"]),
    ('{"a.example": ["192.0.2.1:0"]}', (), ["port 0"]),
    ('{"a.example": ["192.0.2.1:99999"]}', (), ["is not ADDRESS:PORT"]),
    ('{"a.example": [7]}', (), ["'7' is no IP address"]),
    ('{"a.example": "192.0.2.1"}', (), ["expected a list of addresses, not '192.0.2.1'"]),
    ('{"a.example": []}', (), ["lists no server"]),
    ('["192.0.2.1"]', (), ["stubDomains: Expected `object`, got `array`; write an object"]),
    ("{", (), ["stubDomains: Input data was truncated; write an object"]),
    ("corp.example=192.0.2.1", (), ["write an object"]),
]  # fmt: skip

UPSTREAM = [
    ("", (), []),
    ("[]", (), []),
    ('["192.0.2.1", "192.0.2.2:54"]', ("192.0.2.1:53", "192.0.2.2:54"), []),
    ('["192.0.2.1", "bad", "192.0.2.2"]', ("192.0.2.1:53", "192.0.2.2:53"),
     ["'bad' is no IP address"]),
    ('["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]',
     ("192.0.2.1:53", "192.0.2.2:53", "192.0.2.3:53"),
     ["192.0.2.4:53 is one more than 3"]),
    ('{"a": 1}', (), ["upstreamNameservers: Expected `array`, got `object`; write a list"]),
    ("192.0.2.1", (), ["write a list"]),
]  # fmt: skip


def said(reasons: list[str], expected: list[str]) -> bool:
    return len(reasons) == len(expected) and all(
        part in reason for part, reason in zip(expected, reasons, strict=True)
    )


@pytest.mark.parametrize(("text", "good", "reasons"), STUBS)
def test_stub_domains(text: str, good: tuple, reasons: list[str]) -> None:
    found, given_reasons = nameservers.parse(text, "")
    assert found == Nameservers(good, ())
    assert said(given_reasons, reasons), given_reasons


@pytest.mark.parametrize(("text", "good", "reasons"), UPSTREAM)
def test_upstream_nameservers(text: str, good: tuple, reasons: list[str]) -> None:
    found, given_reasons = nameservers.parse("", text)
    assert found == Nameservers((), good)
    assert said(given_reasons, reasons), given_reasons


def test_one_bad_value_leaves_the_other_in_force() -> None:
    found, reasons = nameservers.parse("nonsense", '["192.0.2.1"]')
    assert found == Nameservers((), ("192.0.2.1:53",))
    assert len(reasons) == 1


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_parsed(stubs: str, upstream: str) -> None:
    found, _ = nameservers.parse(stubs, upstream)
    assert isinstance(found, Nameservers)
