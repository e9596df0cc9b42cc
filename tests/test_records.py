"""Numbers, mnemonics and rdata, against dnspython."""

import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest

from feddns import names, records


@pytest.mark.parametrize("number", records.TYPE_NAMES)
def test_mnemonics_are_dnspython_s(number: int) -> None:
    assert dns.rdatatype.to_text(number) == records.type_name(number)
    assert records.type_number(records.type_name(number).lower()) == number


@pytest.mark.parametrize("number", records.RCODE_NAMES)
def test_rcodes_are_dnspython_s(number: int) -> None:
    assert dns.rcode.to_text(number) in (records.RCODE_NAMES[number], "BADVERS", "BADSIG")


@pytest.mark.parametrize(
    ("text", "number"),
    [("TYPE999", 999), ("type0", 0), ("TYPE65535", 65535), ("TYPE65536", None), ("TYPE", None),
     ("TYPE-1", None), ("NOPE", None), ("", None), ("a", 1)],
)  # fmt: skip
def test_type_numbers(text: str, number: int | None) -> None:
    assert records.type_number(text) == number


def test_unknown_types_have_a_name() -> None:
    assert records.type_name(999) == "TYPE999"


@pytest.mark.parametrize(
    ("kind", "text", "rdata"),
    [
        ("SRV", "10 20 5060 web.example.com.",
         records.srv(10, 20, 5060, names.parse("web.example.com"))),
        ("TXT", '"1.1.0" ""', records.txt(b"1.1.0", b"")),
        ("SOA", "ns.example.com. hostmaster.example.com. 7 7200 1800 86400 5",
         records.soa(names.parse("ns.example.com"), names.parse("hostmaster.example.com"), 7, 5)),
        ("SOA", "a. b. 4294967295 7200 1800 86400 0",
         records.soa(names.parse("a"), names.parse("b"), 2**33 - 1, 0)),
    ],
)  # fmt: skip
def test_rdata(kind: str, text: str, rdata: bytes) -> None:
    number = dns.rdatatype.from_text(kind)
    assert dns.rdata.from_text(dns.rdataclass.IN, number, text).to_wire() == rdata


def test_addresses_of_one_family_each_once() -> None:
    four, other, six = b"\x0a\0\0\1", b"\x0a\0\0\2", b"\xfd" + bytes(15)
    made = records.addresses(b"\0", records.A, 5, [four, six, other, four])
    assert made == records.RRset(b"\0", records.A, 5, (four, other))
    assert records.addresses(b"\0", records.AAAA, 5, [four, six]) == (b"\0", 28, 5, (six,))
    assert records.addresses(b"\0", records.AAAA, 5, [four]) is None
