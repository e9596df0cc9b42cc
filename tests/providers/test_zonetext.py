"""Master files: read as BIND and Knot read them, written so that they load them."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from feddns.errors import DocumentRefused, NameRefused
from feddns.providers import zonetext
from feddns.providers.ownership import Mark, claim, registry
from feddns.providers.recordsets import RecordSet, quoted, record_set, unquoted
from feddns.providers.zonetext import ZoneText

FILE = """\
$TTL 300
@       SOA   ns hostmaster ( 7    ; serial
                3600 600 86400 60 )
        NS    ns
        NS    ns2.example.org.
        MX    10 mail
ns      A     192.0.2.53
Web  60 A     192.0.2.2
     60 A     192.0.2.1
     60 AAAA  2001:DB8:0::1
www     CNAME web
spf     TXT   "a b" c "d\\"e\\;"
_sip._tcp SRV 0 5 5060 sip
elsewhere.example.org. A 192.0.2.9
$ORIGIN sub.example.com.
h$      A     192.0.2.7
$GENERATE 1-2 g$ A 192.0.2.$
;ALIAS lb.example.com. 60 LB.example.net
; a comment
"""
RECORDS = """\
example.com. 300 MX 10 mail.example.com.
_sip._tcp.example.com. 300 SRV 0 5 5060 sip.example.com.
lb.example.com. 60 ALIAS lb.example.net.
ns.example.com. 300 A 192.0.2.53
spf.example.com. 300 TXT "a b" "c" "d\\"e;"
g1.sub.example.com. 300 A 192.0.2.1
g2.sub.example.com. 300 A 192.0.2.2
h\\$.sub.example.com. 300 A 192.0.2.7
web.example.com. 60 A 192.0.2.1 192.0.2.2
web.example.com. 60 AAAA 2001:db8::1
www.example.com. 300 CNAME web.example.com.
"""


def test_a_file_of_all_sorts() -> None:
    read = zonetext.read(FILE, "Example.COM")
    assert read.zone == "example.com."
    assert [str(record) for record in read.records] == RECORDS.splitlines()
    assert str(read.servers) == "example.com. 300 NS ns.example.com. ns2.example.org."
    assert read.soa is not None
    assert read.soa.values == ("ns.example.com. hostmaster.example.com. 7 3600 600 86400 60",)
    assert read.serial == 7


def test_a_file_without_soa() -> None:
    read = zonetext.read("web 60 A 192.0.2.1", "example.com.")
    assert read == ZoneText(
        "example.com.", (record_set("web.example.com.", "A", 60, ["192.0.2.1"]),)
    )
    assert read.serial == 0
    assert read.renewed(read.records) == read
    assert zonetext.read("", "example.com.") == ZoneText("example.com.")


def test_signatures_of_a_name_are_one_set() -> None:
    times = "20300101000000 20200101000000 1 example.com."
    text = "".join(f"web 60 RRSIG {kind} 13 3 60 {times} AAAA\n" for kind in ("A", "AAAA"))
    (made,) = zonetext.read(text, "example.com.").records
    assert (made.type, len(made.values)) == ("RRSIG", 2)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a 5 A 192.0.2.1\nweb 5 A 192.0.2.300\n\n", 2, "malformed"),
        ("\n\nweb 5 FOO bar\nweb 5 A 192.0.2.1\n", 3, "unknown rdatatype 'FOO'"),
        ("web A 192.0.2.1", 1, "TTL"),
        ("web 60 A 192.0.2.1\nweb 60 CNAME x\nb 60 A 192.0.2.1\n", 2, "web.example.com.: a CNAME"),
        ("a 5 A 192.0.2.1\n$INCLUDE /etc/passwd\n", 2, "INCLUDE' is not allowed"),
        ("@ 5 SOA a b (1\n2\n3\n4\n5)\nx 5 A bad\nx 5 TXT ok\n", 6, "malformed"),
        ("a..b 5 A 192.0.2.1", 1, "label"),
        ('x 5 TXT "', 1, "ended"),
        ("(", 1, "parentheses"),
        ("\n;ALIAS a..b 5 c.example.net\n", 2, "empty label"),
    ],
)
def test_what_is_no_master_file(text: str, line: int, words: str) -> None:
    with pytest.raises(DocumentRefused, match=words) as refused:
        zonetext.read(text, "example.com.")
    assert refused.value.line == line


@given(st.text(alphabet='a@.$;() \t\n\r"\\0129AXTCNME*-_é\x00', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(DocumentRefused):
        read = zonetext.read(text, "example.com.")
        assert zonetext.read(zonetext.write(read), "example.com.") == read


# --- writing, and back --------------------------------------------------------------------------

names = st.sampled_from(["", "web.", "eu.web.", "*.web.", "_a.web.", "h\\$.", "a\\.b.", "x\\032."])
ips = st.lists(st.sampled_from(["192.0.2.1", "198.51.100.10", "192.0.2.9"]), min_size=1)
records = st.one_of(
    st.builds(lambda values, ttl: ("A", ttl, values), ips, st.integers(0, 2**31 - 1)),
    st.builds(lambda: ("AAAA", 60, ["2001:db8::1", "2001:db8::"])),
    st.builds(lambda text: ("TXT", 300, [quoted(text)]), st.text(max_size=300)),
    st.builds(lambda: ("MX", 300, ["10 mx1.example.net.", "20 mx2.example.net."])),
    st.builds(lambda: ("ALIAS", 60, ["lb.example.net."])),
    st.builds(lambda: ("CAA", 60, ['0 issue "ca.example.net"'])),
)
zones = st.dictionaries(
    st.tuples(names, st.integers(0, 2)), records, max_size=6
).map(lambda found: {
    (f"{name}example.com.", type): record_set(f"{name}example.com.", type, ttl, values)
    for (name, _), (type, ttl, values) in found.items()
})  # fmt: skip


@given(zones)
def test_written_and_back(zone: dict[tuple[str, str], RecordSet]) -> None:
    made = zonetext.new("example.com.", "ns.example.net.").renewed(zone.values())
    assert zonetext.read(zonetext.write(made), "example.com.") == made


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (RecordSet("web.example.com.", "A", 60, ("192.0.2.300",)), "192.0.2.300"),
        (RecordSet("web.example.com.", "MX", 60, ("mail",)), "web.example.com. MX 'mail'"),
        (RecordSet("web.example.com.", "TXT", 60, ('"a" b\nevil 5 A 192.0.2.6',)), "cannot stand"),
        (RecordSet("web.example.com.", "WHAT", 60, ("x",)), "WHAT"),
        (RecordSet("a..b.", "A", 60, ("192.0.2.1",)), "empty label"),
    ],
)
def test_what_cannot_be_written(record: RecordSet, words: str) -> None:
    with pytest.raises(NameRefused, match=words):
        zonetext.write(ZoneText("example.com.", (record,)))


def test_a_bare_text_is_quoted() -> None:
    record = RecordSet("web.example.com.", "TXT", 60, ("heritage=external-dns,a=b",))
    (read,) = zonetext.read(
        zonetext.write(ZoneText("example.com.", (record,))), "example.com."
    ).records
    assert read.values == ('"heritage=external-dns,a=b"',)
    assert unquoted(read.values[0]) == record.values[0]


@pytest.mark.parametrize(("old", "new"), [(1, 2), (2**31 - 1, 2**31), (2**32 - 1, 1)])
def test_the_serial_grows(old: int, new: int) -> None:
    soa = f"@ 60 SOA ns hostmaster {old} 1 2 3 4"
    assert zonetext.read(soa, "example.com.").renewed(()).serial == new


# --- real servers -------------------------------------------------------------------------------

US = registry("feddns-ufp", key="0123456789abcdef0123456789abcdef")
WEB = record_set("web.test.ufp.svc.example.com", "A", 180, ["192.0.2.1", "192.0.2.2"])
ZONE = [
    *zonetext.read(FILE, "example.com.").records,
    WEB,
    claim(WEB, Mark("service/test/web", ("c1",), 1), US),
    record_set("*.web.example.com", "CNAME", 180, ["web.test.ufp.svc.example.com"]),
]


@pytest.fixture
def master(tmp_path: Path) -> Path:
    made = zonetext.new("example.com.", "ns1.example.com.", address="192.0.2.53")
    path = tmp_path / "example.com.zone"
    path.write_text(zonetext.write(made.renewed([*made.records, *ZONE])))
    return path


@pytest.mark.tool("named-checkzone")
def test_bind_loads_it(master: Path) -> None:
    command = ["named-checkzone", "-k", "ignore", "-i", "none", "-D", "example.com", str(master)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert ran.returncode == 0, ran.stderr
    text = "".join(line for line in ran.stdout.splitlines(True) if not line.startswith("OK"))
    ours = zonetext.read(master.read_text(), "example.com.")
    plain = [record for record in ours.records if record.type != "ALIAS"]
    assert zonetext.read(text, "example.com.").records == tuple(plain)


@pytest.mark.tool("knotc")
def test_knot_loads_it(master: Path) -> None:
    config = master.with_name("knot.conf")
    config.write_text(
        f"server:\n  rundir: {master.parent}\n"
        f"database:\n  storage: {master.parent}\n"
        f"zone:\n  - domain: example.com\n    file: {master}\n"
    )
    command = ["knotc", "-c", str(config), "zone-check", "example.com"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
