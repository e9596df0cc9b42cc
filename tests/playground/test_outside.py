"""The public zone as the rest of the world sees it: a server for a master file."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import pytest

from feddns.errors import OperatorNeeded
from feddns.playground.outside import Outside

ZONE = """\
$ORIGIN example.com.
@ 60 IN SOA ns hostmaster 1 7200 1800 86400 60
@ 60 IN NS ns
ns 60 IN A 127.0.0.53
web.svc 180 IN A 192.0.2.1
web.svc 180 IN A 192.0.2.2
web.svc.eu 180 IN CNAME web.svc
far 60 IN CNAME www.example.org.
round 60 IN CNAME round-2
round-2 60 IN CNAME round
"""


@pytest.fixture
def outside(tmp_path: Path) -> Outside:
    path = tmp_path / "zone"
    path.write_text(ZONE + "".join(f"big 60 IN A 192.0.2.{last}\n" for last in range(1, 200)))
    return Outside("example.com", path)


def asked(
    outside: Outside, name: str, type: str = "A", *, tcp: bool = False
) -> dns.message.Message:
    reply = outside.respond(dns.message.make_query(name, type).to_wire(), tcp=tcp)
    assert reply is not None
    return dns.message.from_wire(reply)


def data(reply: dns.message.Message) -> list[str]:
    return sorted(record.to_text() for rrset in reply.answer for record in rrset)


@pytest.mark.parametrize(
    ("name", "type", "rcode", "answer"),
    [
        ("web.svc.example.com", "A", "NOERROR", ["192.0.2.1", "192.0.2.2"]),
        ("WEB.svc.example.com", "A", "NOERROR", ["192.0.2.1", "192.0.2.2"]),
        ("web.svc.eu.example.com", "A", "NOERROR",
         ["192.0.2.1", "192.0.2.2", "web.svc.example.com."]),
        ("web.svc.eu.example.com", "CNAME", "NOERROR", ["web.svc.example.com."]),
        ("web.svc.eu.example.com", "AAAA", "NOERROR", ["web.svc.example.com."]),
        ("far.example.com", "A", "NOERROR", ["www.example.org."]),
        ("web.svc.example.com", "AAAA", "NOERROR", []),
        ("svc.eu.example.com", "A", "NOERROR", []),
        ("none.example.com", "A", "NXDOMAIN", []),
        ("web.svc.example.org", "A", "REFUSED", []),
    ],
)  # fmt: skip
def test_a_question(outside: Outside, name: str, type: str, rcode: str, answer: list[str]) -> None:
    reply = asked(outside, name, type)
    assert (dns.rcode.to_text(reply.rcode()), data(reply)) == (rcode, answer)
    assert bool(reply.flags & dns.flags.AA) == (rcode != "REFUSED")
    denies = rcode == "NXDOMAIN" or not answer or type == "AAAA"
    assert bool(reply.authority) == (denies and rcode != "REFUSED")


def test_a_circle_of_aliases_ends(outside: Outside) -> None:
    assert set(data(asked(outside, "round.example.com"))) == {
        "round.example.com.", "round-2.example.com.",
    }  # fmt: skip


def test_what_does_not_fit_is_asked_again_over_tcp(outside: Outside) -> None:
    cut = asked(outside, "big.example.com")
    assert (bool(cut.flags & dns.flags.TC), cut.answer) == (True, [])
    assert len(data(asked(outside, "big.example.com", tcp=True))) == 199


def test_a_file_that_changes_goes_and_comes(outside: Outside) -> None:
    path = outside._path
    assert data(asked(outside, "web.svc.example.com"))
    path.with_suffix(".new").write_text(ZONE.replace("192.0.2.1\n", "192.0.2.9\n"))
    os.replace(path.with_suffix(".new"), path)
    assert data(asked(outside, "web.svc.example.com")) == ["192.0.2.2", "192.0.2.9"]
    path.write_text("example.com. IN A is no zone")
    assert asked(outside, "web.svc.example.com").rcode() == dns.rcode.SERVFAIL
    path.unlink()
    assert asked(outside, "web.svc.example.com").rcode() == dns.rcode.SERVFAIL
    path.write_text(ZONE)
    assert data(asked(outside, "web.svc.example.com")) == ["192.0.2.1", "192.0.2.2"]


@pytest.mark.parametrize(
    ("message", "rcode"),
    [
        (b"", None),
        (bytes(11), None),
        (b"\xab\xcd\x01\x00\x00\x01" + bytes(6), dns.rcode.FORMERR),
        (b"\xab\xcd\x80\x00" + bytes(8), None),
        (b"\xab\xcd\x28\x00" + bytes(8), dns.rcode.NOTIMP),
        (b"\xab\xcd\x00\x00" + bytes(8), dns.rcode.NOTIMP),
    ],
)
def test_what_is_no_question(outside: Outside, message: bytes, rcode: int | None) -> None:
    reply = outside.respond(message, tcp=False)
    assert (reply and reply[3] & 0x0F) == rcode
    assert reply is None or reply[:2] == message[:2]


def test_over_udp_and_tcp(outside: Outside) -> None:
    async def ask() -> None:
        await outside.start("127.0.0.1", 0)
        assert outside._transport is not None
        assert outside._server is not None
        query = dns.message.make_query("web.svc.example.com", "A", use_edns=True)
        port = outside._transport.get_extra_info("sockname")[1]
        reply = await dns.asyncquery.udp(query, "127.0.0.1", port=port, timeout=5)
        assert data(reply) == ["192.0.2.1", "192.0.2.2"]
        port = outside._server.sockets[0].getsockname()[1]
        reply = await dns.asyncquery.tcp(query, "127.0.0.1", port=port, timeout=5)
        assert data(reply) == ["192.0.2.1", "192.0.2.2"]
        with pytest.raises(OperatorNeeded, match=f"127.0.0.1:{port}: "):
            await Outside("example.com", outside._path).start("127.0.0.1", port)
        outside.close()

    asyncio.run(ask())
