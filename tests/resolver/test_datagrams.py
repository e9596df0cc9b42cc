"""Who sent the messages of a batch; the rest is in tests/app/test_udp.py."""

from __future__ import annotations

import socket
import time

import pytest

from feddns.resolver.datagrams import Batch
from tests import programs
from tests.app.test_udp import has_ipv6


def received(family: socket.AddressFamily, sources: list[str]) -> Batch:
    """A batch with one message from each."""
    with socket.socket(family, socket.SOCK_DGRAM) as bound:
        bound.bind((sources[0], 0))
        batch = Batch(bound)
        for source in sources:
            with socket.socket(family, socket.SOCK_DGRAM) as client:
                client.bind((source, 0))
                client.sendto(b"x", bound.getsockname()[:2])
        end = time.monotonic() + 5
        while not (count := batch.receive(bound.fileno())) and time.monotonic() < end:
            pass
        assert count == len(sources)
    return batch


@pytest.mark.parametrize(
    ("bits", "expected"),
    [(32, [0x7F010203, 0x7F010204, 0x7FFF0001]), (24, [0x7F0102, 0x7F0102, 0x7FFF00]),
     (8, [0x7F, 0x7F, 0x7F])],
)  # fmt: skip
def test_ipv4(bits: int, expected: list[int]) -> None:
    batch = received(socket.AF_INET, ["127.1.2.3", "127.1.2.4", "127.255.0.1"])
    assert batch.prefixes(bits, 3) == expected
    assert batch.prefixes(bits, 1) == expected[:1]
    assert batch.address(1) == bytes((127, 1, 2, 4))


@pytest.mark.parametrize(("bits", "expected"), [(16, 0), (64, 0), (65, 0), (127, 0), (128, 1)])
def test_ipv6(bits: int, expected: int, request: pytest.FixtureRequest) -> None:
    if not has_ipv6():
        programs.leave_out(request.config, "IPv6")
    batch = received(socket.AF_INET6, ["::1", "::1"])
    assert batch.prefixes(bits, 2) == [expected] * 2
    assert batch.address(1) == bytes(15) + b"\x01"


def test_an_ipv6_address_in_the_bytes_of_the_kernel(request: pytest.FixtureRequest) -> None:
    """One that no loopback has."""
    if not has_ipv6():
        programs.leave_out(request.config, "IPv6")
    batch = received(socket.AF_INET6, ["::1"])
    packed = socket.inet_pton(socket.AF_INET6, "2001:db8:1:2:3:4:5:6")
    batch._envelopes[8:24] = packed
    number = int.from_bytes(packed, "big")
    for bits in (16, 48, 63, 64, 65, 100, 128):
        assert batch.prefixes(bits, 1) == [number >> 128 - bits]
    assert batch.address(0) == packed
