"""The adapter of octoDNS' providers: their habits, good and bad, and what their errors become."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feddns.errors import (
    DocumentRefused,
    FeddnsError,
    OperatorNeeded,
    Outdated,
    ProviderAway,
    Rejected,
    Throttled,
)
from feddns.providers import catalogue
from feddns.providers.recordsets import Change, RecordSet, quoted, record_set

octodns = pytest.importorskip("feddns.providers.octodns")
config = pytest.importorskip("feddns.providers.octodnsconfig")
base = pytest.importorskip("octodns.provider.base")
ZONE = "example.com."
HERE = f"{__name__}.Scripted"
WEB = record_set("web.example.com.", "A", 180, ["192.0.2.1"])
CLAIM = record_set("a-web.example.com.", "TXT", 180, [quoted("heritage=external-dns")])


class Scripted(base.BaseProvider):  # type: ignore[misc]
    """A provider in memory that does what its test says."""

    SUPPORTS_GEO = False
    SUPPORTS = frozenset({"A", "AAAA", "CNAME", "MX", "NS", "TXT"})
    last: Scripted

    def __init__(self, id: str, is_there: bool | None = True, **more: Any) -> None:
        self.log = logging.getLogger(id)
        self.arguments = dict(more)
        super().__init__(id, apply_disabled=bool(more.get("apply_disabled")))
        self.is_there = is_there
        self.zone = octodns.Zone(ZONE, [])
        self.plans: list[Any] = []
        self.applying: Callable[[Any], None] = lambda plan: None
        self.reading: Callable[[], None] = lambda: None
        Scripted.last = self

    def populate(self, zone: Any, target: bool = False, lenient: bool = False) -> bool | None:
        self.reading()
        for record in self.zone.records:
            zone.add_record(record, lenient=lenient)
        return self.is_there

    def _apply(self, plan: Any) -> None:
        self.plans.append(plan)
        self.applying(plan)
        self.zone.apply(plan.changes)
        self.is_there = True

    def have(self, *records: RecordSet) -> None:
        for one in records:
            rrset = octodns.Rrset(one.name, one.type, one.ttl, one.values)
            self.zone.add_record(octodns.Record.from_rrset(self.zone, rrset, lenient=True))


class Forgetful(Scripted):
    """As a target it knows nothing, and writes what it is told and nothing else."""

    def populate(self, zone: Any, target: bool = False, lenient: bool = False) -> bool | None:
        return False if target else super().populate(zone, target, lenient)


class HttpError(Exception):
    """As the libraries of providers raise it."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status} for url with hunter2hunter2")
        self.response = type("Response", (), {"status_code": status})


def open(kind: str = HERE, **more: Any) -> Any:
    arguments = more.pop("arguments", {})
    given = {"zone": ZONE, "provider": kind, "arguments": arguments, "interval": 0}
    return octodns.open(octodns.Settings(**given | more))


def add(*records: RecordSet) -> Change:
    return Change(records[0].name, (), records)


def everything(provider: Any) -> set[RecordSet]:
    return {record for page in provider.list() for record in page}


# --- reading and writing ------------------------------------------------------------------------


def test_a_change_is_octodns_own_plan_of_it_and_nothing_else() -> None:
    provider = open()
    Scripted.last.have(WEB, record_set("mail.example.com.", "MX", 60, ["10 mx.example.net."]))
    new = record_set("web.example.com.", "A", 60, ["192.0.2.2"])
    provider.apply([Change(WEB.name, (WEB,), (new, CLAIM))])
    (plan,) = Scripted.last.plans
    assert [type(change).__name__ for change in plan.changes] == ["Create", "Update"]
    assert len(plan.desired.records) == 3
    assert everything(provider) == {
        new, CLAIM, record_set("mail.example.com.", "MX", 60, ["10 mx.example.net."])
    }  # fmt: skip


def test_a_name_goes_from_cname_to_a_and_back() -> None:
    provider = open()
    alias = record_set(WEB.name, "CNAME", 180, ["up.example.com."])
    provider.apply([add(alias)])
    provider.apply([Change(WEB.name, (alias,), (WEB,))])
    assert everything(provider) == {WEB}
    provider.apply([Change(WEB.name, (WEB,), (alias,))])
    assert everything(provider) == {alias}


def test_the_servers_of_the_apex_are_nobody_s_business_here() -> None:
    provider = open()
    Scripted.last.have(record_set(ZONE, "NS", 60, ["ns1.example.net."]))
    assert everything(provider) == set()


def test_a_record_with_pools_is_not_like_ours() -> None:
    provider = open()
    pools = {"one": {"values": [{"value": "192.0.2.1"}]}}
    data = {
        "type": "A", "ttl": 180, "value": "192.0.2.1",
        "dynamic": {"pools": pools, "rules": [{"pool": "one"}]},
    }  # fmt: skip
    zone = Scripted.last.zone
    zone.add_record(octodns.Record.new(zone, "web", data))
    (found,) = everything(provider)
    assert found.key == WEB.key
    assert found != WEB


@pytest.mark.parametrize(
    ("there", "change", "words"),
    [
        ([], Change(WEB.name, (WEB,)), "to be removed: .* there is: None"),
        ([WEB], Change(WEB.name, (record_set(WEB.name, "A", 5, ["192.0.2.1"]),)), "there is: web"),
        ([WEB], add(WEB), "to be added: .* there is: web"),
        ([], Change(WEB.name, (), (WEB,), keeps=(CLAIM,)), "to be kept: .* there is: None"),
        ([WEB], add(record_set(WEB.name, "CNAME", 5, ["a."])), "to be added: .* there is: A"),
        ([record_set(WEB.name, "CNAME", 5, ["a."])], add(WEB), "to be added: .* there is: CNAME"),
    ],
)
def test_a_zone_that_is_not_as_it_was_read(
    there: list[RecordSet], change: Change, words: str
) -> None:
    provider = open()
    Scripted.last.have(*there)
    with pytest.raises(Outdated, match=words) as refused:
        provider.apply([change])
    assert refused.value.done == 0
    assert Scripted.last.plans == []


def test_a_cname_beside_our_own_will_never_be() -> None:
    with pytest.raises(Rejected, match="cannot have a CNAME and something else"):
        open().apply([add(WEB, record_set(WEB.name, "CNAME", 5, ["a."]))])


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (
            record_set("_x._tcp.example.com.", "SRV", 60, ["0 5 80 a.example."]),
            "has no SRV records",
        ),
        (RecordSet("x.example.com.", "A", 60, ("192.0.2.256",)), "invalid IPv4 address"),
        (RecordSet("x.example.com.", "A", -1, ("192.0.2.1",)), "invalid ttl"),
        (RecordSet("x.example.com.", "A", 1, ()), "at least one RDATA"),
        (record_set("notexample.com.", "A", 1, ["192.0.2.1"]), "not in the zone"),
        (record_set("x.example.com.", "TXT", 1, [quoted("a \\")]), "no backslash"),
        (record_set("x.example.com.", "TXT", 1, [quoted("ä")]), "nothing but ASCII"),
        (record_set("x.example.com.", "TXT", 1, ['""']), "no empty text"),
    ],
)
def test_what_octodns_does_not_allow(record: RecordSet, words: str) -> None:
    provider = open()
    with pytest.raises(Rejected, match=words) as refused:
        provider.apply([add(WEB), add(record)])
    assert refused.value.done == 0
    assert everything(provider) == set()


def test_there_is_a_slow_beat() -> None:
    assert open(interval=10).limits.rate == pytest.approx(0.1)
    assert not open().limits.is_atomic


# --- errors -------------------------------------------------------------------------------------


def failing(error: Exception, count: int = 0) -> Callable[[Any], None]:
    """Does the first `count` of the plan's changes, and fails."""

    def applying(plan: Any) -> None:
        Scripted.last.zone.apply(plan.changes[:count])
        raise error

    return applying


A, B = (record_set(f"{name}.example.com.", "A", 1, ["192.0.2.1"]) for name in "ab")


@pytest.mark.parametrize(
    ("error", "count", "raises", "done"),
    [
        (Exception("SERVFAIL"), 0, Rejected, 0),
        (Exception("SERVFAIL"), 1, Rejected, 1),
        (HttpError(400), 0, Rejected, 0),
        (HttpError(429), 1, Throttled, 1),
        (HttpError(502), 0, ProviderAway, 0),
        (HttpError(403), 0, OperatorNeeded, None),
        (TimeoutError("late"), 0, ProviderAway, 0),
        (ConnectionResetError(), 1, ProviderAway, 1),
    ],
)
def test_an_error_is_judged_by_what_is_there_afterwards(
    error: Exception, count: int, raises: type[FeddnsError], done: int | None
) -> None:
    provider = open(arguments={"password": "hunter2hunter2"})
    Scripted.last.applying = failing(error, count)
    with pytest.raises(raises) as refused:
        provider.apply([add(A), add(B)])
    assert getattr(refused.value, "done", None) == done
    assert "hunter2" not in str(refused.value)


def test_an_error_after_all_was_done_is_none() -> None:
    provider = open()
    Scripted.last.applying = failing(TimeoutError(), 2)
    provider.apply([add(A), add(B)])
    assert everything(provider) == {A, B}


def test_half_a_change_is_read_again() -> None:
    provider = open()
    Scripted.last.applying = failing(Exception("no"), 1)
    with pytest.raises(ProviderAway):
        provider.apply([add(A, B)])


def test_an_error_and_then_silence() -> None:
    provider = open()

    def applying(plan: Any) -> None:
        Scripted.last.reading = lambda: (_ for _ in ()).throw(TimeoutError("late"))
        raise Exception("SERVFAIL")

    Scripted.last.applying = applying
    with pytest.raises(ProviderAway, match="SERVFAIL"):
        provider.apply([add(A)])


@pytest.mark.parametrize(
    ("error", "raises"),
    [
        (HttpError(401), OperatorNeeded),
        (HttpError(429), Throttled),
        (HttpError(500), ProviderAway),
        (KeyError("zone"), ProviderAway),
    ],
)
def test_a_reading_that_fails(error: Exception, raises: type[Exception]) -> None:
    provider = open()

    def reading() -> None:
        raise error

    Scripted.last.reading = reading
    with pytest.raises(raises):
        everything(provider)


# --- the provider -------------------------------------------------------------------------------


def test_a_zone_that_is_not_there() -> None:
    with pytest.raises(OperatorNeeded, match=r"has no zone example\.com\."):
        open(arguments={"is_there": False})


def test_a_zone_is_made_with_its_first_change_on_request() -> None:
    provider = open(arguments={"is_there": False}, is_created=True)
    provider.apply([add(WEB)])
    assert everything(provider) == {WEB}


def test_a_provider_that_forgets_what_others_have_is_not_used() -> None:
    for is_created in (False, True):
        with pytest.raises(OperatorNeeded, match="would take away what others"):
            open(f"{__name__}.Forgetful", is_created=is_created)


def test_octodns_bind_s_zone_files_are_written_anew_so_they_are_not_used(tmp_path: Path) -> None:
    pytest.importorskip("octodns_bind")
    file = tmp_path / "example.com.zone"
    text = (
        "@ 60 IN SOA ns hostmaster 1 2 3 4 5\n@ 60 IN NS ns.example.net.\nmail 60 IN A 192.0.2.9\n"
    )
    file.write_text(text)
    arguments = {"directory": str(tmp_path), "file_extension": ".zone"}
    with pytest.raises(OperatorNeeded, match="--dns-provider=zonefile"):
        open("octodns_bind.ZoneFileProvider", arguments=arguments)
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("kind", "arguments", "words"),
    [
        ("octodns_nowhere.Provider", {}, "pip install octodns-nowhere"),
        ("octodns.provider.yaml.NoSuch", {}, "no provider 'octodns.provider.yaml.NoSuch'"),
        ("Provider", {}, "it is like octodns_bind.Rfc2136Provider"),
        ("octodns.provider.yaml.YamlProvider", {}, "cannot be made: .*directory"),
        ("octodns.source.base.BaseSource", {}, "cannot be made"),
        (HERE, {"apply_disabled": True}, "apply_disabled"),
    ],
)
def test_a_provider_that_cannot_be(kind: str, arguments: dict[str, object], words: str) -> None:
    with pytest.raises(OperatorNeeded, match=words):
        open(kind, arguments=arguments)


def test_octodns_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    open().apply([add(WEB)])
    assert [one.message for one in caplog.records if one.levelno >= logging.WARNING] == []


def test_arguments_are_in_no_text() -> None:
    given = octodns.Settings(zone=ZONE, provider=HERE, arguments={"token": "hunter2hunter2"})
    assert "hunter2" not in repr(given)


# --- its configuration --------------------------------------------------------------------------

DOCUMENT = """
providers:
  one:
    class: octodns_bind.Rfc2136Provider
    host: 192.0.2.53
    port: 5353
    key_secret: env/TSIG
    key_name: env/NOT_SET/federation
  two:
    class: octodns.provider.yaml.YamlProvider
"""


def test_octodns_own_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSIG", "c2VjcmV0")
    kind, arguments = config.read_config(DOCUMENT, "octodns.yaml", "one")
    assert kind == "octodns_bind.Rfc2136Provider"
    assert arguments == {
        "host": "192.0.2.53", "port": 5353, "key_secret": "c2VjcmV0", "key_name": "federation",
    }  # fmt: skip


def test_an_ini_section() -> None:
    keys = {"class": "x.Y", "key-secret": "123456", "port": "5353", "ipv6": "False", "host": "h"}
    assert config.read_keys(keys, "provider.ini") == (
        "x.Y",
        {"key_secret": "123456", "port": 5353, "ipv6": False, "host": "h"},
    )


def test_an_ini_file_of_the_catalogue(tmp_path: Path) -> None:
    file = tmp_path / "provider.ini"
    file.write_text(f"[Global]\nclass = {HERE}\nsome-token = hunter2hunter2\ninterval = 30\n")
    choice = catalogue.choose("octodns", ZONE, config=str(file))
    assert "hunter2" not in repr(choice)
    provider = catalogue.open_provider(choice)
    assert Scripted.last.arguments == {"some_token": "hunter2hunter2"}
    assert provider.limits.rate == pytest.approx(1 / 30)


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("a: [", "", "octodns.yaml: no YAML"),
        ("zones: {}", "", "no `providers`"),
        (DOCUMENT, "", "which of one, two"),
        (DOCUMENT, "three", "'three' has no class"),
        ("providers: {a: {}}", "", "'a' has no class"),
    ],
)
def test_a_configuration_that_is_none(text: str, name: str, words: str) -> None:
    with pytest.raises(DocumentRefused, match=words):
        config.read_config(text, "octodns.yaml", name)


def test_a_variable_that_is_not_set() -> None:
    with pytest.raises(OperatorNeeded, match="missing env var TSIG_OF_NOBODY"):
        config.read_keys({"class": "x.Y", "key_secret": "env/TSIG_OF_NOBODY"}, "provider.ini")


def test_an_ini_section_without_a_class() -> None:
    with pytest.raises(DocumentRefused, match="no class"):
        config.read_keys({"host": "h"}, "provider.ini")
