"""Cloud DNS: the stand-in of `tests.cloud`, asked by Google's own library.

The other hands and eyes are in the stand-in's memory, past its API.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feddns.errors import OperatorNeeded, ProviderAway, Throttled
from feddns.providers.base import Provider
from feddns.providers.recordsets import Key, RecordSet, record_set
from tests.cloud.clouddns import PROJECT, CloudDns, Fault
from tests.providers.backends import ZONE, Maker, Traits, Trouble, library

_TOKEN = "ya29.not-for-anybody"


class Backend:
    name = "clouddns"

    def __init__(self) -> None:
        self.cloud = CloudDns()
        self.cloud.create("other", "example.org.")
        self.zone = self.cloud.create("example", ZONE)
        self.traits = Traits(
            refused=RecordSet(f"bad.{ZONE}", "A", 60, ("192.0.2.256",)),
            refusal="Invalid value for 'entity.change.additions",
            page=1_000,
            keeps_case=True,
            secrets=(_TOKEN,),
            troubles={
                "throttled": self._trouble(
                    Throttled, "Quota", Fault(429, "rateLimitExceeded", "Quota")
                ),
                "away": self._trouble(ProviderAway, "Backend Error", Fault(503)),
                "cut off": self._trouble(ProviderAway, "no answer", Fault(0)),
                "not allowed": self._trouble(
                    OperatorNeeded, "Permission", Fault(403, "forbidden", "Permission denied")
                ),
            },
        )

    def open(self) -> Provider:
        from feddns.providers import clouddns

        return clouddns.open(
            clouddns.Settings(
                zone=ZONE,
                project=PROJECT,
                endpoint=self.cloud.url,
                is_anonymous=True,
                token_body=_TOKEN,
            )
        )

    def put(self, record: RecordSet) -> None:
        with self.cloud.lock:
            self.zone.put(
                {
                    "name": record.name,
                    "type": record.type,
                    "ttl": record.ttl,
                    "rrdatas": [*record.values],
                }
            )

    def remove(self, key: Key) -> None:
        with self.cloud.lock:
            if key in self.zone.sets:
                self.zone.drop(key)

    def content(self) -> frozenset[RecordSet]:
        with self.cloud.lock:
            return frozenset(
                record_set(one["name"], one["type"], one["ttl"], one["rrdatas"])
                for key, one in self.zone.sets.items()
                if key not in ((ZONE, "SOA"), (ZONE, "NS"))
            )

    def clear(self) -> None:
        with self.cloud.lock:
            self.cloud.faults.clear()
            self.cloud.chance = lambda method: None
            for key in [*self.zone.sets]:
                if key not in ((ZONE, "SOA"), (ZONE, "NS")):
                    self.zone.drop(key)

    def close(self) -> None:
        self.cloud.close()

    def _trouble(self, raises: type[Exception], words: str, fault: Fault) -> Trouble:
        @contextmanager
        def arrange() -> Iterator[Provider]:
            provider = self.open()
            self.cloud.chance = lambda method: fault
            try:
                yield provider
            finally:
                self.cloud.chance = lambda method: None
                provider.close()

        return Trouble(raises, words, arrange)


def _make(folder: Path) -> Backend:
    return Backend()


MAKERS = {"clouddns": Maker(_make, library("google.cloud.dns", "google"))}
