"""The zone in memory: done whole or not at all, and change by change."""

from __future__ import annotations

from feddns.providers import memory
from feddns.providers.base import Limits, Provider
from feddns.providers.recordsets import Key, RecordSet
from tests.providers.backends import ZONE, Maker, Traits

PAGE = 7


class Backend:
    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.traits = Traits(
            refused=RecordSet(f"bad.{ZONE}", "A", 60, ()), refusal="has no values", page=PAGE
        )
        self._zone = memory.open(memory.Settings(zone=ZONE, limits=limits, page=PAGE))

    def open(self) -> Provider:
        return self._zone

    def put(self, record: RecordSet) -> None:
        self._zone.put(record)

    def remove(self, key: Key) -> None:
        self._zone.remove(key)

    def content(self) -> frozenset[RecordSet]:
        return frozenset(self._zone.content())

    def clear(self) -> None:
        for record in self._zone.content():
            self._zone.remove(record.key)

    def close(self) -> None:
        self._zone.close()


MAKERS = {
    "memory": Maker(
        lambda folder: Backend("memory", Limits(changes=100, has_alias=True, is_atomic=True))
    ),
    "memory-stepwise": Maker(
        lambda folder: Backend("memory-stepwise", Limits(rate=5, has_alias=True))
    ),
}
