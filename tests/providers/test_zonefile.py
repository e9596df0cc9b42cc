"""A zone in a file where the contract does not lead: the file, who loads it, who else writes it."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import dns.message
import dns.query
import pytest

from bench.processes import free_port
from feddns.errors import NameRefused, OperatorNeeded, ProviderAway, Rejected
from feddns.providers import zonefile, zonetext
from feddns.providers.recordsets import Change, RecordSet, record_set
from feddns.providers.zonefile import ZoneFile
from tests.providers.backends import ZONE

BY_HAND = """\
$ORIGIN example.com.
$TTL 300  ; five minutes
@  IN SOA ns hostmaster ( 2026112101 7200 1800 1209600 60 )
   IN NS  ns
ns IN A   127.0.0.1
www 60 IN A 192.0.2.7
    60 IN A 192.0.2.8
"""


def a(name: str, *addresses: str, ttl: int = 60) -> RecordSet:
    return record_set(f"{name}.{ZONE}", "A", ttl, addresses or ["192.0.2.1"])


def put(*records: RecordSet) -> Change:
    return Change(records[0].name, (), records)


def listed(provider: ZoneFile) -> set[RecordSet]:
    (page,) = provider.list()
    return set(page)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "example.com.zone"


def opened(path: Path, **more: object) -> ZoneFile:
    return zonefile.open(zonefile.Settings(zone=ZONE, path=str(path), **more))


# --- the file -----------------------------------------------------------------------------------


def test_a_file_that_is_not_there_is_made(path: Path) -> None:
    assert listed(opened(path)) == set()
    assert path.read_text().splitlines() == [
        "$ORIGIN example.com.",
        "example.com. 3600 IN SOA localhost. hostmaster.example.com. 1 7200 1800 1209600 60",
        "example.com. 3600 IN NS localhost.",
    ]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_file_that_is_made_with_its_name_server(path: Path) -> None:
    opened(path, server=f"ns.{ZONE}", address="192.0.2.53")
    text = zonetext.read(path.read_text(), ZONE)
    assert text.records == (a("ns", "192.0.2.53", ttl=3600),)
    assert text.servers is not None
    assert text.servers.values == (f"ns.{ZONE}",)


def test_others_lines_stay_and_the_serial_grows(path: Path) -> None:
    path.write_text(BY_HAND)
    path.chmod(0o640)
    provider = opened(path)
    provider.apply([put(a("web"), record_set(f"a-web.{ZONE}", "TXT", 60, ['"x \\"y\\""']))])
    assert path.read_text().splitlines() == [
        "$ORIGIN example.com.",
        "example.com. 300 IN SOA ns.example.com. hostmaster.example.com. "
        "2026112102 7200 1800 1209600 60",
        "example.com. 300 IN NS ns.example.com.",
        'a-web.example.com. 60 IN TXT "x \\"y\\""',
        "ns.example.com. 300 IN A 127.0.0.1",
        "web.example.com. 60 IN A 192.0.2.1",
        "www.example.com. 60 IN A 192.0.2.7",
        "www.example.com. 60 IN A 192.0.2.8",
    ]
    assert path.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_an_unchanged_file_is_read_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(BY_HAND)
    provider = opened(path)
    read: list[int] = []
    plain = zonetext.read
    monkeypatch.setattr(zonetext, "read", lambda *args: read.append(1) or plain(*args))
    for number in range(3):
        provider.apply([put(a(f"w{number}"))])
        assert len(listed(provider)) == 3 + number
    assert not read
    path.write_text(BY_HAND.replace("192.0.2.8", "192.0.2.9"))
    assert a("www", "192.0.2.7", "192.0.2.9") in listed(provider)
    assert len(read) == 1


def test_what_cannot_be_written_leaves_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old one is whole, nothing lies beside it, and the next change finds what is there."""
    path.write_text(BY_HAND)
    provider = opened(path)

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ProviderAway, match="No space left") as caught:
        provider.apply([put(a("web"))])
    assert caught.value.done == 0
    monkeypatch.undo()
    assert path.read_text() == BY_HAND
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    provider.apply([put(a("api"))])
    assert listed(provider) >= {a("api")}
    assert a("web") not in listed(provider)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_bytes(b"\xff\xfe"), "is no text"),
        (lambda path: path.write_text(BY_HAND + "$INCLUDE /etc/passwd\n"), "line 8"),
        (lambda path: path.write_text("www 60 A 192.0.2.300\n"), "line 1"),
        (lambda path: path.unlink() or path.mkdir(), "Is a directory"),
    ],
)
def test_what_is_no_zone_file(path: Path, spoil: Callable[[Path], object], words: str) -> None:
    path.write_text(BY_HAND)
    provider = opened(path)
    spoil(path)
    for call in (lambda: listed(provider), lambda: provider.apply([put(a("web"))])):
        with pytest.raises(OperatorNeeded, match=words) as caught:
            call()
        assert str(path) in str(caught.value)


def test_a_refused_change_leaves_the_others(path: Path) -> None:
    path.write_text(BY_HAND)
    provider = opened(path)
    with pytest.raises(Rejected, match="cannot stand in a zone file"):
        provider.apply([put(a("web")), put(RecordSet(f"api.{ZONE}", "SRV", 1, ("x",)))])
    assert path.read_text() == BY_HAND


def test_a_zone_that_is_no_name(path: Path) -> None:
    with pytest.raises(NameRefused):
        zonefile.open(zonefile.Settings(zone="a..b", path=str(path)))


def test_two_take_turns(path: Path) -> None:
    """Forty changes by two providers at once: none is lost, and none is half done."""
    path.write_text(BY_HAND)
    failed: list[Exception] = []

    def run(kind: str) -> None:
        provider = opened(path)
        for number in range(20):
            try:
                provider.apply([put(a(f"{kind}{number}"))])
            except Exception as error:  # the other thread must not wait for this one
                failed.append(error)

    threads = [threading.Thread(target=run, args=(kind,)) for kind in "xy"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    found = zonetext.read(path.read_text(), ZONE)
    assert len(found.records) == 2 + 40
    assert found.serial == 2026112101 + 40


# --- who loads it -------------------------------------------------------------------------------


def test_the_server_is_told(path: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"
    provider = opened(path, reload=("sh", "-c", f"echo reload >> {told}"))
    assert not told.exists()
    provider.apply([put(a("web"))])
    provider.apply([put(a("api"))])
    listed(provider)
    assert told.read_text().split() == ["reload"] * 2


def test_a_server_that_is_not_told_is_told_again(path: Path, tmp_path: Path) -> None:
    is_up = tmp_path / "up"
    provider = opened(path, reload=("sh", "-c", f"test -e {is_up} || {{ echo down >&2; exit 1; }}"))
    with pytest.raises(ProviderAway, match=r"is written, but `sh .*` says: down") as caught:
        provider.apply([put(a("web"))])
    assert caught.value.done == 1
    with pytest.raises(ProviderAway):
        listed(provider)
    is_up.touch()
    assert listed(provider) == {a("web")}


def test_a_command_that_is_not_there(path: Path) -> None:
    provider = opened(path, reload=("/no/such/command",))
    with pytest.raises(ProviderAway, match=r"`/no/such/command` cannot be run"):
        provider.apply([put(a("web"))])


_KNOT = """
server:
  rundir: {folder}
  listen: 127.0.0.1@{port}
control:
  listen: {folder}/knot.sock
database:
  storage: {folder}
zone:
  - domain: example.com
    file: {path}
    storage: {folder}
    zonefile-sync: -1
    zonefile-load: difference
    journal-content: changes
"""


@pytest.mark.tool("knotd")
@pytest.mark.tool("knotc")
@pytest.mark.tool("named-checkzone")
def test_knot_serves_it(path: Path, tmp_path: Path) -> None:
    """Each change is there when `apply` has returned; BIND's own checker has nothing to say."""
    path.write_text(BY_HAND)
    port, config = free_port(), tmp_path / "knot.conf"
    config.write_text(_KNOT.format(folder=tmp_path, path=path, port=port))
    knot = subprocess.Popen(
        ["knotd", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        assert wait(port) == ["192.0.2.7", "192.0.2.8"]
        tell = ("knotc", "-c", str(config), "-b", "zone-reload", "example.com")
        provider = opened(path, reload=tell)
        alias = record_set(f"web.{ZONE}", "CNAME", 60, [f"www.{ZONE}"])
        provider.apply([put(a("web"))])
        assert asked(port, "web") == ["192.0.2.1"]
        provider.apply([Change("web", (a("web"),), (alias,))])
        assert asked(port, "web") == ["192.0.2.7", "192.0.2.8"]
        checked = subprocess.run(
            ["named-checkzone", "example.com", str(path)], capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert checked.stdout.splitlines()[-1] == "OK", checked.stdout
    finally:
        knot.terminate()
        knot.wait()


def wait(port: int) -> list[str]:
    started = time.monotonic()
    while time.monotonic() - started < 20:
        try:
            if found := asked(port, "www", 0.1):
                return found
        except (OSError, dns.exception.Timeout):
            time.sleep(0.01)
    raise AssertionError("knotd does not answer")


def asked(port: int, name: str, patience: float = 5.0) -> list[str]:
    question = dns.message.make_query(f"{name}.{ZONE}", "A")
    answer = dns.query.udp(question, "127.0.0.1", port=port, timeout=patience).answer
    return sorted(rdata.to_text() for rrset in answer if rrset.rdtype == 1 for rdata in rrset)


# --- what it costs ------------------------------------------------------------------------------


def test_one_change_in_many_is_quick(path: Path) -> None:
    """Nothing is formatted or parsed again: 20,000 record sets, one of them changed."""
    provider = opened(path)
    many = [a(f"w{number}.shop.fellowship.svc") for number in range(20_000)]
    provider.apply([put(record) for record in many])
    started = time.process_time()
    provider.apply([Change("w", (many[77],), (a("w77.shop.fellowship.svc", "192.0.2.9"),))])
    assert time.process_time() - started < 1.0
    assert len(listed(provider)) == 20_000
