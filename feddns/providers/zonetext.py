"""A zone as a master file (RFC 1035 §5), and back.

    in the file                         here
    SOA                                 `soa`, None where the file has none
    NS of the apex                      `servers`, None where the file has none
    any other record set                one of `records`
    ;ALIAS name ttl target              a record set of type ALIAS: no server knows it, all skip it

Reads what BIND and Knot read but $INCLUDE and $GENERATE.  Pure (dnspython parses).  Called by the
`zonefile` provider and `feddns zone export|import`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from feddns.providers.recordsets import RecordSet


class ZoneText(msgspec.Struct, frozen=True):
    """A master file.  `zone` is canonical; `records` sorted, without SOA and NS of the apex."""

    zone: str
    records: tuple[RecordSet, ...] = ()
    soa: RecordSet | None = None
    servers: RecordSet | None = None

    @property
    def serial(self) -> int:
        """Of the SOA; 0 without one."""
        raise NotImplementedError

    def renewed(self, records: Iterable[RecordSet]) -> ZoneText:
        """With other records, and the next serial (RFC 1982) when there is an SOA."""
        raise NotImplementedError


def read(text: str, zone: str) -> ZoneText:
    """A master file of `zone`, which is the origin at its beginning.

    Raises `DocumentRefused` with the line; records outside the zone are refused too.
    """
    raise NotImplementedError


def write(given: ZoneText) -> str:
    """The master file, in the same order for the same records.

    Raises `NameRefused` for values that are not of their type.
    """
    raise NotImplementedError


def new(zone: str, server: str, mail: str = "", address: str = "") -> ZoneText:
    """An empty zone with an SOA of serial 1 and one name server.

    `address` is of the server, where it lies within the zone.
    """
    raise NotImplementedError
