"""A zone file.  The other hands are an editor's, and dnspython's reader and writer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import dns.rdatatype
import dns.rrset
import dns.zone

from feddns.errors import OperatorNeeded
from feddns.providers import zonefile
from feddns.providers.base import Provider
from feddns.providers.recordsets import Key, RecordSet, record_set
from tests.providers.backends import ZONE, Maker, Traits, Trouble

_EMPTY = f"""; by hand
$ORIGIN {ZONE}
$TTL 300
@ SOA localhost. hostmaster 1 7200 1800 1209600 60
@ NS localhost.
"""


class Backend:
    name = "zonefile"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder / "example.com.zone"
        self.traits = Traits(
            refused=RecordSet(f"bad.{ZONE}", "MX", 60, ("ten mail.example.net.",)),
            refusal=r"bad\.example\.com\. MX 'ten mail.*' cannot stand in a zone file",
            keeps_case=True,
            troubles={
                "no folder": Trouble(OperatorNeeded, "No such file", self._without_folder),
                "no zone file": Trouble(OperatorNeeded, "line 6: no master file", self._broken),
            },
        )

    def open(self) -> Provider:
        return zonefile.open(zonefile.Settings(zone=ZONE, path=str(self.path)))

    def put(self, record: RecordSet) -> None:
        zone = self._read()
        rrset = dns.rrset.from_text_list(
            record.name, record.ttl, "IN", record.type, record.values, relativize=False
        )
        zone.replace_rdataset(record.name, rrset.to_rdataset())
        self._write(zone)

    def remove(self, key: Key) -> None:
        zone = self._read()
        zone.delete_rdataset(*key)
        self._write(zone)

    def content(self) -> frozenset[RecordSet]:
        return frozenset(
            record_set(
                name.to_text(), dns.rdatatype.to_text(found.rdtype), found.ttl,
                [rdata.to_text() for rdata in found],
            )
            for name, found in self._read().iterate_rdatasets()
            if (name.to_text(), found.rdtype) not in ((ZONE, 6), (ZONE, 2))
        )  # fmt: skip

    def clear(self) -> None:
        self.path.write_text(_EMPTY)

    def close(self) -> None:
        """Nothing runs."""

    def _read(self) -> dns.zone.Zone:
        return dns.zone.from_file(str(self.path), ZONE, relativize=False)

    def _write(self, zone: dns.zone.Zone) -> None:
        beside = self.path.with_suffix(".edited")
        zone.to_file(str(beside), relativize=False)
        beside.replace(self.path)

    @contextlib.contextmanager
    def _without_folder(self) -> Iterator[Provider]:
        folder = self._folder / "mounted"
        folder.mkdir()
        path = folder / "zone"
        provider = zonefile.open(zonefile.Settings(zone=ZONE, path=str(path)))
        path.unlink()
        folder.rmdir()
        yield provider

    @contextlib.contextmanager
    def _broken(self) -> Iterator[Provider]:
        provider = self.open()
        self.path.write_text(_EMPTY + "www A no-address\n")
        yield provider


MAKERS = {"zonefile": Maker(Backend)}
