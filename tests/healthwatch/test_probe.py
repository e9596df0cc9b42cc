"""The annotation of a probe: what it may say, and what is wrong with the rest."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddns.errors import ObjectRefused
from feddns.healthwatch import probe
from feddns.healthwatch.probe import Probe, Target

GOOD = [
    (None, probe.DEFAULT),
    ("none", None),
    ("tcp", Probe()),
    ("tcp:443", Probe(port="443")),
    ("tcp:https", Probe(port="https")),
    ("http://", Probe("http")),
    ("http:///healthz", Probe("http", path="/healthz")),
    ("http://:8080/healthz", Probe("http", port="8080", path="/healthz")),
    ("http://:admin", Probe("http", port="admin")),
    ("http://shop.example.com/a?b=c", Probe("http", "shop.example.com", path="/a?b=c")),
    ("https://shop.example.com:8443", Probe("https", "shop.example.com", "8443")),
    ("tcp every=5s timeout=500ms", Probe(every=5.0, timeout=0.5)),
    ("tcp every=1s", Probe(every=1.0, timeout=1.0)),
    ("tcp every=1.5s timeout=1500ms", Probe(every=1.5, timeout=1.5)),
    ("tcp every=1m rise=1 fall=10", Probe(every=60.0, rise=1, fall=10)),
    ("http:/// expect=204", Probe("http", least=204, most=204)),
    ("https:/// expect=200-299 verify=yes", Probe("https", least=200, most=299, verify=True)),
    ("  tcp   verify=no ", Probe()),
]


@pytest.mark.parametrize(("annotation", "expected"), GOOD)
def test_what_it_may_say(annotation: str | None, expected: Probe | None) -> None:
    assert probe.parse(annotation) == expected


BAD = [
    ("", "begin with none, tcp, tcp:PORT, http://HOST:PORT/PATH or https://…"),
    ("ping", "begin with"),
    ("TCP", "begin with"),
    ("none every=5s", "begin with"),
    ("http:healthz", "begin with"),
    ("ftp://x/", "begin with"),
    ("http://x/ä", "begin with"),
    ("tcp:", "'' is no port"),
    ("tcp:0", "'0' is no port: a number from 1 to 65535, or the name of a port"),
    ("tcp:65536", "'65536' is no port"),
    ("tcp:Https", "'Https' is no port"),
    ("http://x:y_z/", "'y_z' is no port"),
    ("http://a_b/", "'a_b' is no host name; leave it out to ask by address"),
    ("http://u:p@x/", "no user and no fragment"),
    ("http://x/#y", "no user and no fragment"),
    ("tcp often", "'often' is none of every=…, timeout=…, rise=…, fall=…, expect=…, verify=…"),
    ("tcp every=0s", "every=0s is no duration from 1s to 300s"),
    ("tcp every=5", "every=5 is no duration"),
    ("tcp every=6m", "every=6m is no duration"),
    ("tcp timeout=61s every=100s", "timeout=61s is no duration from 0.1s to 60s"),
    ("tcp timeout=11s", "timeout=11s is longer than every=10s"),
    ("tcp rise=0", "rise=0 is no count from 1 to 10"),
    ("tcp fall=x", "fall=x is no count"),
    ("http:/// expect=ok", "expect=ok is no status such as 200, and no range such as 200-399"),
    ("http:/// expect=300-200", "expect=300-200 is no status"),
    ("http:/// expect=600", "expect=600 is no status"),
    ("https:/// verify=maybe", "verify=maybe is neither yes nor no"),
    ("http://[/", "Invalid IPv6 URL"),
]


@pytest.mark.parametrize(("annotation", "reason"), BAD)
def test_what_is_refused_and_why(annotation: str, reason: str) -> None:
    with pytest.raises(ObjectRefused) as refusal:
        probe.parse(annotation)
    said = str(refusal.value)
    assert said.startswith(f"annotation {probe.ANNOTATION} {annotation!r}: ")
    assert reason in said


@given(st.text() | st.from_regex(r"(tcp|https?)(://)?[-a-z0-9:/.?#@\[\] =]{0,30}", fullmatch=True))
def test_any_text_is_a_probe_or_refused_with_one_line(annotation: str) -> None:
    said, found = "", None
    try:
        found = probe.parse(annotation)
    except ObjectRefused as refusal:
        said = str(refusal)
    assert "\n" not in said
    assert found is None or 0.1 <= found.timeout <= found.every


SERVICE = {
    "spec": {
        "ports": [
            {"name": "dns", "port": 53, "protocol": "UDP"},
            {"name": "http", "port": 80},
            {"name": "https", "port": 443, "protocol": "TCP"},
        ]
    }
}


@pytest.mark.parametrize(
    ("annotation", "port"),
    [("tcp", 80), ("tcp:https", 443), ("tcp:9", 9), ("tcp:dns", None), ("tcp:other", None)],
)
def test_which_port(annotation: str, port: int | None) -> None:
    found = probe.parse(annotation)
    assert found is not None
    entries = [{"ip": "192.0.2.1"}, {"hostname": "lb.example.net"}]
    expected = [Target("192.0.2.1", port), Target("lb.example.net", port)] if port else []
    assert probe.targets(found, SERVICE, entries) == expected


def test_a_service_without_tcp_is_not_probed() -> None:
    found = probe.parse("tcp")
    assert found is not None
    ports = [{"port": 53, "protocol": "UDP"}]
    assert probe.targets(found, {"spec": {"ports": ports}}, [{"ip": "192.0.2.1"}]) == []
    assert probe.targets(found, {}, [{"ip": "192.0.2.1"}]) == []


DOCS = (Path(__file__).parents[2] / "docs/health.md").read_text()


def test_the_documented_forms_parse() -> None:
    table = DOCS.partition("| annotation | every address")[2].partition("\n\n")[0]
    forms = re.findall(r"`([^`]+)`", "".join(line.split("|")[1] for line in table.splitlines()[2:]))
    assert len(forms) == 6
    for form in forms:
        form = form.replace("HOST", "a.example.com").replace("PORT", "80").replace("PATH", "x")
        probe.parse(form)
    example = re.search(r"federation.feddns.dev/probe: (.*)", DOCS)
    assert example is not None
    assert probe.parse(example[1]) == Probe(
        "https", "shop.example.com", path="/healthz", every=5.0, least=204, most=204
    )


def test_the_documented_defaults_and_limits_are_those() -> None:
    rows = re.findall(r"(?m)^\| `(\w+)=.*?` \| `(.*?)` \| `(\w+)` (?:…|, )?.*?`(\w+)` \|", DOCS)
    assert [row[0] for row in rows] == ["every", "timeout", "rise", "fall", "expect"]
    for name, default, least, most in rows[:4]:
        assert probe.parse(f"tcp every=300s {name}={most}") is not None
        small = "every=1s timeout=100ms" if name in ("every", "timeout") else ""
        assert probe.parse(f"tcp {small} {name}={least}") is not None
        assert probe.parse(f"tcp {name}={default}") == Probe()
    for line in DOCS.splitlines():
        for word in re.findall(r"`(expect=\S+|verify=\S+)`", line):
            assert probe.parse(f"https:/// {word}") is not None
