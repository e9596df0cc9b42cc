"""OPT records, against dnspython."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import hypothesis.strategies as st
import pytest
from hypothesis import given

from feddns.errors import ErrorReply
from feddns.resolver import edns
from feddns.resolver.edns import ExtendedError, Offer


def read_back(opt: bytes, rcode: int) -> dns.message.Message:
    """dnspython's reading of a reply that ends in `opt`."""
    head = b"\x12\x67" + (0x8000 | rcode & 15).to_bytes(2, "big") + bytes(6) + b"\x00\x01"
    return dns.message.from_wire(head + opt)


@given(
    st.booleans(), st.integers(512, 4096), st.sampled_from([0, 2, 3, 5, 16]),
    st.binary(min_size=1, max_size=64), st.booleans(),
    st.one_of(st.none(), st.builds(ExtendedError, st.integers(0, 65535), st.text(max_size=60))),
)  # fmt: skip
def test_written_is_read(
    do: bool, size: int, rcode: int, nsid: bytes, wanted: bool, error: ExtendedError | None
) -> None:
    opt = edns.write_opt(Offer(1400, 0, do, wanted), size, rcode, nsid, error)
    parsed = read_back(opt, rcode)
    assert (parsed.edns, parsed.payload, parsed.rcode()) == (0, size, rcode)
    assert bool(parsed.ednsflags & dns.flags.DO) is do
    said = [option for option in parsed.options if option.otype == 3]
    assert [option.nsid for option in said] == ([nsid] if wanted else [])
    errors = [option for option in parsed.options if isinstance(option, dns.edns.EDEOption)]
    expected = [] if error is None else [(error.code, error.text.rstrip("\0") or None)]
    assert [(option.code, option.text or None) for option in errors] == expected


@given(
    st.integers(0, 65535), st.booleans(),
    st.lists(st.builds(dns.edns.GenericOption, st.integers(16, 65535), st.binary(max_size=30))),
    st.booleans(),
)  # fmt: skip
def test_dnspython_s_offers_are_read(size: int, do: bool, options: list, nsid: bool) -> None:
    if nsid:
        options = [*options, dns.edns.GenericOption(3, b"")]
    flags = dns.flags.DO if do else 0
    message = dns.message.Message()
    message.use_edns(0, ednsflags=flags, payload=size, options=options)
    wire = message.to_wire()
    assert edns.read_opt(wire, 13, len(wire)) == (size, 0, do, nsid)


@given(st.binary(max_size=60))
def test_any_data_is_read_or_refused(data: bytes) -> None:
    record = bytes.fromhex("0029 04d0 00000000") + len(data).to_bytes(2, "big") + data
    refused = 0
    try:
        assert edns.read_opt(record, 0, len(record))[:3] == (1232, 0, False)
    except ErrorReply as error:
        refused = error.rcode
    assert refused in (0, 1)


@pytest.mark.parametrize("size", range(1, 4))
def test_an_option_cut_short(size: int) -> None:
    record = bytes.fromhex("0029 04d0 00000000") + size.to_bytes(2, "big") + bytes(size)
    with pytest.raises(ErrorReply, match="without a length"):
        edns.read_opt(record, 0, len(record))
