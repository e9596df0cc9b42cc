"""Octets from outside, right or refused; replies that other libraries read as they were meant."""

from __future__ import annotations

import dns.exception
import dns.flags
import dns.message
import dns.name
import hypothesis.strategies as st
import pytest
from hypothesis import given

from feddns import names, records
from feddns.errors import ErrorReply, Ignored
from feddns.records import AAAA, CNAME, NS, PTR, SOA, SRV, TXT, A, RRset
from feddns.resolver import wire
from feddns.resolver.wire import AA, Query, Sections
from tests import zonetext

FORMERR, NOTIMP = 1, 4

labels = st.binary(min_size=1, max_size=63)
names_of_bytes = (
    st.lists(labels, max_size=8)
    .filter(lambda parts: sum(map(len, parts)) + len(parts) < 255)
    .map(names.from_labels)
)


def header(
    *, flags: int = 0x0100, questions: int = 1, answers: int = 0, authorities: int = 0,
    additionals: int = 0,
) -> bytes:  # fmt: skip
    counts = (flags, questions, answers, authorities, additionals)
    return b"\x12\x67" + b"".join(number.to_bytes(2, "big") for number in counts)


QUESTION = names.parse("web.default.svc.cluster.local") + b"\x00\x01\x00\x01"
OPT = bytes.fromhex("00 0029 04d0 00000000 0000")


def refused(message: bytes) -> int:
    with pytest.raises(ErrorReply) as caught:
        wire.read_query(message)
    return caught.value.rcode


# --- reading ----------------------------------------------------------------------------------


def test_a_question_is_read() -> None:
    query = wire.read_query(header(flags=0x0130) + QUESTION)
    assert query.flags == 0x0110  # RD and CD, not AD
    assert query.question == QUESTION
    assert query.name == QUESTION[:-4]
    assert query.offsets == [0, 4, 12, 16, 24]
    assert (query.type, query.klass, query.edns) == (1, 1, None)


def test_the_name_is_lower_cased_and_the_question_is_not() -> None:
    query = wire.read_query(header() + QUESTION.replace(b"web", b"WeB"))
    assert query.name == QUESTION[:-4]
    assert query.question.startswith(b"\x03WeB")


@pytest.mark.parametrize("size", range(12))
def test_shorter_than_a_header_is_ignored(size: int) -> None:
    with pytest.raises(Ignored):
        wire.read_query((header() + QUESTION)[:size])


@pytest.mark.parametrize("flags", [0x8000, 0x8180, 0xFFFF, 0xA800])
def test_a_response_is_ignored(flags: int) -> None:
    with pytest.raises(Ignored):
        wire.read_query(header(flags=flags) + QUESTION)


@pytest.mark.parametrize("opcode", range(1, 16))
def test_other_opcodes_are_not_implemented(opcode: int) -> None:
    assert refused(header(flags=opcode << 11) + QUESTION) == NOTIMP


@pytest.mark.parametrize(
    "counts",
    [{"questions": 0}, {"questions": 2}, {"questions": 65535}, {"answers": 1}, {"authorities": 1},
     {"additionals": 1}, {"additionals": 65535}],
)  # fmt: skip
def test_counts_that_do_not_fit(counts: dict[str, int]) -> None:
    assert refused(header(**counts) + QUESTION) == FORMERR
    assert refused(header(**counts)) == FORMERR


def test_every_cut_of_a_question_is_refused() -> None:
    message = header(additionals=1) + QUESTION + OPT
    for size in range(12, len(message)):
        assert refused(message[:size]) == FORMERR
    assert wire.read_query(message).edns is not None


@pytest.mark.parametrize("tail", [b"\x00", b"\x00" * 11, OPT, QUESTION])
def test_octets_left_over_are_refused(tail: bytes) -> None:
    assert refused(header() + QUESTION + tail) == FORMERR
    assert refused(header(additionals=1) + QUESTION + OPT + tail) == FORMERR


@pytest.mark.parametrize(
    "name",
    [b"\xc0\x0c", b"\xc0\x00", b"\xff\xff", b"\x03web\xc0\x0c", b"\x40" + b"a" * 64 + b"\x00",
     b"\x80\x00", b"\x7f" + b"a" * 127 + b"\x00", b"\x3f" + b"a" * 62, b"\x03we", b""],
    ids=["a pointer to itself", "a pointer to the header", "a pointer to nowhere",
         "a pointer after a label", "an extended label", "a reserved label type",
         "a label of 127", "a label cut short", "no end", "nothing"],
)  # fmt: skip
def test_names_that_are_none(name: bytes) -> None:
    assert refused(header() + name + b"\x00\x01\x00\x01") == FORMERR


def test_names_of_255_octets_pass_and_longer_ones_do_not() -> None:
    longest = names.from_labels([b"a" * 63] * 3 + [b"b" * 61])
    assert len(longest) == 255
    assert wire.read_query(header() + longest + b"\x00\x01\x00\x01").name == longest
    longer = longest[:-1].replace(b"\x3d" + b"b" * 61, b"\x3e" + b"b" * 62) + b"\x00"
    assert len(longer) == 256
    assert refused(header() + longer + b"\x00\x01\x00\x01") == FORMERR
    many = b"\x01a" * 127 + b"\x00"
    assert len(many) == 255
    assert wire.read_query(header() + many + b"\x00\x01\x00\x01").name == many
    assert refused(header() + b"\x01a" + many + b"\x00\x01\x00\x01") == FORMERR


def test_the_root_is_a_name() -> None:
    query = wire.read_query(header() + b"\x00\x00\x02\x00\x01")
    assert (query.name, query.offsets, query.type) == (b"\x00", [], NS)


@pytest.mark.parametrize(
    ("additional", "count"),
    [
        (OPT + OPT, 2),
        (b"\x03web" + OPT, 1),
        (b"\xc0\x0c" + OPT[1:], 1),
        (OPT[:-2] + b"\x00\x01", 1),
        (OPT[:-2] + b"\x00\x03\x00\x03\x00", 1),
        (OPT[:-2] + b"\x00\x04\x00\x03\x00\x01", 1),
        (OPT[:-2] + b"\x00\x06\x00\x03\x00\x01ab", 1),
        (OPT[:-2] + b"\xff\xff", 1),
        (OPT, 2),
        (b"\xc0" + OPT[1:], 1),
        (b"\x40" + OPT, 1),
    ],
    ids=["twice", "at a name", "at a pointer", "data cut", "option cut", "option too long",
         "option too short", "length of 65535", "one missing", "pointer cut", "a reserved label"],
)  # fmt: skip
def test_opt_records_that_are_broken(additional: bytes, count: int) -> None:
    assert refused(header(additionals=count) + QUESTION + additional) == FORMERR


@pytest.mark.parametrize(
    ("options", "nsid"),
    [(b"", False), (b"\x00\x03\x00\x00", True), (b"\x00\x0a\x00\x08abcdefgh", False),
     (b"\x00\x0a\x00\x00\x00\x03\x00\x00", True), (b"\x00\x03\x00\x02ab", True),
     (b"\x12\x34\x00\x00\xff\xff\x00\x01x", False)],
)  # fmt: skip
def test_options(options: bytes, nsid: bool) -> None:
    opt = OPT[:-2] + len(options).to_bytes(2, "big") + options
    offer = wire.read_query(header(additionals=1) + QUESTION + opt).edns
    assert offer == (1232, 0, False, nsid)


def test_the_fields_of_an_opt_record() -> None:
    opt = bytes.fromhex("00 0029 ffff ab 07 8001 0000")
    offer = wire.read_query(header(additionals=1) + QUESTION + opt).edns
    assert offer == (65535, 7, True, False)


def test_other_additional_records_are_passed_over() -> None:
    other = b"\xc0\x0c" + bytes.fromhex("00fa 00ff 00000000 0003") + b"abc"
    query = wire.read_query(header(additionals=2) + QUESTION + other + OPT)
    assert query.edns is not None
    assert wire.read_query(header(additionals=1) + QUESTION + other).edns is None


@given(st.binary(max_size=300))
def test_any_octets_are_read_or_refused(message: bytes) -> None:
    try:
        query = wire.read_query(message)
    except (Ignored, ErrorReply):
        return
    assert query.question == message[12 : 12 + len(query.question)]


@given(names_of_bytes, st.integers(0, 65535), st.integers(0, 65535), st.booleans())
def test_what_dnspython_writes_is_read(name: bytes, kind: int, klass: int, opt: bool) -> None:
    written = dns.message.QueryMessage(id=4711)
    written.flags = dns.flags.RD
    if opt:
        written.use_edns(0, payload=1400)
    message = bytearray(written.to_wire())
    message[4:6] = b"\x00\x01"
    tail = kind.to_bytes(2, "big") + klass.to_bytes(2, "big")
    message[12:12] = name + tail
    query = wire.read_query(bytes(message))
    assert query.question == name + tail
    assert query.name == name.lower()
    assert (query.type, query.klass) == (kind, klass)
    assert [name[at] for at in query.offsets] == [len(label) for label in names.labels_of(name)]
    assert (query.edns.size if query.edns else None) == (1400 if opt else None)


# --- writing ----------------------------------------------------------------------------------

hosts = st.lists(st.sampled_from([b"a", b"B", b"web", b"x" * 63]), max_size=3).map(
    lambda parts: names.join(parts, names.parse("default.svc.cluster.local"))
)
_a_name = st.one_of(hosts, names_of_bytes)
_rdata = {
    A: st.binary(min_size=4, max_size=4),
    AAAA: st.binary(min_size=16, max_size=16),
    NS: _a_name,
    CNAME: _a_name,
    PTR: _a_name,
    SRV: st.builds(records.srv, *[st.integers(0, 65535)] * 3, _a_name),
    TXT: st.lists(st.binary(max_size=40), min_size=1, max_size=3).map(lambda t: records.txt(*t)),
    SOA: st.builds(
        records.soa, _a_name, _a_name, st.integers(0, 2**32 - 1), st.integers(0, 2**31 - 1)
    ),
}
rrsets = st.sampled_from(sorted(_rdata)).flatmap(
    lambda kind: st.builds(
        RRset,
        _a_name,
        st.just(kind),
        st.integers(0, 2**31 - 1),
        st.lists(
            _rdata[kind], min_size=1, max_size=1 if kind in (CNAME, SOA) else 5, unique=True
        ).map(tuple),
    )
)
sections = st.builds(
    Sections, *[st.lists(rrsets, max_size=3, unique_by=lambda s: (s.owner.lower(), s.type))] * 3
)


def as_answered(name: bytes, said: Sections) -> Sections:
    """The last answer stands at the question or at the end of its aliases, as in every reply."""
    answers = list(said.answers)
    if answers:
        answers[-1] = answers[-1]._replace(owner=name)
    return said._replace(answers=answers)


def question(name: bytes, kind: int = A) -> Query:
    return wire.read_query(header() + name + kind.to_bytes(2, "big") + b"\x00\x01")


def text_of(rrset: RRset) -> list[tuple]:
    """Records as octets, names within them lower-cased as dnspython compares them."""
    return [(rrset.owner.lower(), rrset.type, rrset.ttl, rdata) for rdata in rrset.rdatas]


def read_section(section: list) -> list[tuple]:
    return [
        (rrset.name.to_wire().lower(), int(rrset.rdtype), rrset.ttl, rdata.to_wire())
        for rrset in section
        for rdata in rrset
    ]


def same(written: list[RRset], read: list) -> bool:
    """Compression may change the case of a name's tail, and nothing else."""
    ours = sorted((o, k, t, r.lower()) for rrset in written for o, k, t, r in text_of(rrset))
    return ours == sorted((o, k, t, r.lower()) for o, k, t, r in read_section(read))


@given(_a_name, sections)
def test_read_of_write_is_what_was_written(name: bytes, said: Sections) -> None:
    said = as_answered(name, said)
    reply = wire.write_reply(question(name), AA, said, b"", 65535)
    message = b"\x12\x67" + whole(reply)
    parsed = dns.message.from_wire(message, one_rr_per_rrset=True)
    assert parsed.question[0].name.to_wire() == name
    assert same(said.answers, parsed.answer)
    assert same(said.authorities, parsed.authority)
    assert same(said.additionals, parsed.additional)


def whole(reply: wire.Reply) -> bytes:
    if reply.total == 0:
        return reply.head
    return reply.head + reply.block[: len(reply.block) // reply.total * reply.shown] + reply.tail


@given(_a_name, sections, st.integers(512, 1500))
def test_a_cut_reply_is_a_part_of_the_whole_one(name: bytes, said: Sections, limit: int) -> None:
    said, opt = as_answered(name, said), OPT
    full = dns.message.from_wire(
        b"\x12\x67" + whole(wire.write_reply(question(name), AA, said, opt, 65535))
    )
    message = b"\x12\x67" + whole(wire.write_reply(question(name), AA, said, opt, limit))
    assert len(message) <= limit
    cut = dns.message.from_wire(message)
    assert cut.opt is not None
    assert cut.question == full.question
    for ours, theirs in zip(cut.sections[1:], full.sections[1:], strict=True):
        assert set(read_section(ours)) <= set(read_section(theirs))
    if cut.flags & dns.flags.TC:
        assert not cut.additional
        assert not cut.authority
        assert (
            read_section(cut.answer) == read_section(full.answer)[: len(read_section(cut.answer))]
        )
    else:
        assert read_section(cut.answer) == read_section(full.answer)
        assert read_section(cut.authority) == read_section(full.authority)
        assert cut.additional in ([], full.additional)


@given(hosts, st.integers(2, 40), st.integers(0, 100))
def test_the_block_rotates_by_whole_records(name: bytes, count: int, turn: int) -> None:
    rdatas = tuple(bytes((10, 0, 0, number)) for number in range(count))
    reply = wire.write_reply(question(name), AA, Sections([RRset(name, A, 5, rdatas)]), OPT, 65535)
    size = len(reply.block) // reply.total
    at = turn % count * size
    message = b"\x12\x67" + reply.head + reply.block[at:] + reply.block[:at] + reply.tail
    parsed = dns.message.from_wire(message)
    read = [rdata.to_wire() for rdata in parsed.answer[0]]
    assert read == list(rdatas[turn % count :] + rdatas[: turn % count])


def test_names_are_compressed_against_the_question_and_each_other() -> None:
    name = names.parse("WEB.default.svc.cluster.local")
    target = names.parse("other.default.svc.cluster.local")
    said = Sections(
        [RRset(name.lower(), CNAME, 5, (target,)), RRset(target, A, 5, (b"\x0a\0\0\1",))]
    )
    reply = whole(wire.write_reply(question(name), AA, said, b"", 512))
    assert reply[10 + len(name) + 4 :] == bytes.fromhex(
        "c00c 0005 0001 00000005 0008 056f74686572 c010"  # other + default.svc…
        "c03b 0001 0001 00000005 0004 0a000001"
    )


def test_targets_of_srv_are_not_compressed() -> None:
    name = names.parse("web.default.svc.cluster.local")
    said = Sections([RRset(name, SRV, 5, (records.srv(0, 100, 80, name),))])
    assert whole(wire.write_reply(question(name), AA, said, b"", 512)).endswith(name)


def test_an_error_is_a_bare_header() -> None:
    assert wire.write_error(header(flags=0x2110) + QUESTION, 4) == bytes.fromhex(
        "1267 a104 0000 0000 0000 0000"
    )


def test_the_soa_of_a_denial_does_not_lean_on_names_below_the_zone() -> None:
    """The octets are used for other questions of the same length."""
    zone = names.parse("cluster.local")
    soa = records.soa(names.parse("ns.dns.cluster.local"), names.parse("hostmaster.cluster.local"),
                      1, 5)  # fmt: skip
    rrset = RRset(zone, SOA, 5, (soa,))
    first = wire.write_authority(question(names.parse("ns.dns.cluster.local")), rrset)
    second = wire.write_authority(question(names.parse("ab.cde.cluster.local")), rrset)
    assert first == second


def test_zonetext_reads_what_it_writes() -> None:
    said = zonetext.parse(
        "NXDOMAIN\na CNAME b\nAUTHORITY\nSOA cluster.local.\nADDITIONAL\nb A 10.0.0.1"
    )
    assert said.rcode == "NXDOMAIN"
    assert said.answer == [("a.cluster.local.", 5, "CNAME", "b.cluster.local.")]
    assert said.authority[0].owner == "cluster.local."
    assert said.additional == [("b.cluster.local.", 5, "A", "10.0.0.1")]
