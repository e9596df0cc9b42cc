"""octoDNS' providers: its own for YAML files, and octodns-bind's for DNS UPDATE with a real BIND.

The other hands and eyes read and write the file by PyYAML alone, and the zone by dnspython's own
messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import yaml

from feddns.errors import OperatorNeeded, ProviderAway
from feddns.providers import rfc2136
from feddns.providers.base import Provider
from feddns.providers.recordsets import Key, RecordSet, quoted, record_set, unquoted
from tests import programs
from tests.providers.backends import ZONE, Maker, Traits, Trouble, library, program
from tests.providers.nameservers import SECRET, Named

_FIELDS = {
    "MX": ("preference", "exchange"),
    "SRV": ("priority", "weight", "port", "target"),
    "CAA": ("flags", "tag", "value"),
}
_TTL = 3600
_SPOILS = r"^$|\\|[^\x00-\x7f]"


class Yaml:
    """A folder with the zone's file."""

    name = "octodns-yaml"

    def __init__(self, folder: Path) -> None:
        self._file = folder / f"{ZONE}yaml"
        self.traits = Traits(
            refused=RecordSet(f"bad.{ZONE}", "A", 60, ("192.0.2.256",)),
            refusal="invalid IPv4",
            keeps_strings=False,
            spoils=_SPOILS,
            troubles={
                "no zone": Trouble(OperatorNeeded, "has no zone", self._without_file),
                "broken file": Trouble(ProviderAway, "YamlProvider: ", self._with_broken_file),
            },
        )
        self.clear()

    def open(self) -> Provider:
        from feddns.providers import octodns

        return octodns.open(
            octodns.Settings(
                zone=ZONE,
                provider="octodns.provider.yaml.YamlProvider",
                arguments={
                    "directory": str(self._file.parent),
                    "default_ttl": _TTL,
                    "enforce_order": False,
                    "escaped_semicolons": False,
                },
                interval=0,
            )
        )

    def put(self, record: RecordSet) -> None:
        self._write({**self._read(), record.key: record})

    def remove(self, key: Key) -> None:
        self._write({other: one for other, one in self._read().items() if other != key})

    def content(self) -> frozenset[RecordSet]:
        return frozenset(self._read().values())

    def clear(self) -> None:
        self._write({})

    def close(self) -> None:
        """Nothing runs."""

    def _read(self) -> dict[Key, RecordSet]:
        found: dict[Key, RecordSet] = {}
        for label, entries in (yaml.safe_load(self._file.read_text()) or {}).items():
            for one in entries if isinstance(entries, list) else [entries]:
                name = f"{label}.{ZONE}" if label else ZONE
                values = [
                    _text(one["type"], value) for value in one.get("values") or [one["value"]]
                ]
                record = record_set(name, one["type"], one.get("ttl", _TTL), values)
                found[record.key] = record
        return found

    def _write(self, records: dict[Key, RecordSet]) -> None:
        told: dict[str, list[dict[str, Any]]] = {}
        for record in records.values():
            values = [_value(record.type, value) for value in record.values]
            many = {"value": values[0]} if record.type == "CNAME" else {"values": values}
            told.setdefault(record.name.removesuffix(ZONE).rstrip("."), []).append(
                {"type": record.type, "ttl": record.ttl, **many}
            )
        self._file.write_text(yaml.safe_dump(told))

    @contextmanager
    def _without_file(self) -> Iterator[Provider]:
        provider = self.open()
        self._file.unlink()
        try:
            yield provider
        finally:
            self.clear()
            provider.close()

    @contextmanager
    def _with_broken_file(self) -> Iterator[Provider]:
        provider = self.open()
        self._file.write_text("web: [")
        try:
            yield provider
        finally:
            self.clear()
            provider.close()


def _text(type: str, value: Any) -> str:
    """A value of the file as a master file has it."""
    if type == "TXT":
        return quoted(value)
    if type == "CAA":
        return f'{value["flags"]} {value["tag"]} "{value["value"]}"'
    if type in _FIELDS:
        return " ".join(str(value[field]) for field in _FIELDS[type])
    return str(value)


def _value(type: str, text: str) -> Any:
    """And back."""
    if type == "TXT":
        return unquoted(text)
    if type in _FIELDS:
        parts = text.replace('"', "").split()
        return {
            field: int(part) if part.isdigit() else part
            for field, part in zip(_FIELDS[type], parts, strict=True)
        }
    return text


class Bind:
    """A zone that BIND serves."""

    name = "octodns-bind"

    def __init__(self, folder: Path) -> None:
        self._server = Named(folder)
        self._key = rfc2136.read_key(str(self._server.key_file))
        self.traits = Traits(
            refused=record_set(f"no_host.{ZONE}", "A", 60, ["192.0.2.1"]),
            refusal="Unable to perform update: REFUSED",
            keeps_strings=False,
            spoils=_SPOILS,
            secrets=(self._key[1], SECRET),
            programs={"named": programs.version("named")},
            troubles={
                "wrong secret": self._trouble(ProviderAway, "Unable to", key_secret=SECRET),
                "nobody there": self._trouble(ProviderAway, "refused|Unable", port=1),
            },
        )

    def open(self) -> Provider:
        from feddns.providers import octodns

        name, secret, algorithm = self._key
        return octodns.open(
            octodns.Settings(
                zone=ZONE,
                provider="octodns_bind.Rfc2136Provider",
                arguments={
                    "host": self._server.address,
                    "port": self._server.port,
                    "key_name": name,
                    "key_secret": secret,
                    "key_algorithm": algorithm,
                },
                interval=0,
            )
        )

    def put(self, record: RecordSet) -> None:
        self._server.hands.change([record.key], [record])

    def remove(self, key: Key) -> None:
        self._server.hands.change([key])

    def content(self) -> frozenset[RecordSet]:
        return self._server.hands.content()

    def clear(self) -> None:
        self._server.hands.clear()

    def close(self) -> None:
        self._server.stop()

    def _trouble(self, raises: type[Exception], words: str, **more: object) -> Trouble:
        @contextmanager
        def arrange() -> Iterator[Provider]:
            with closing(self.open()) as provider:
                vars(provider._provider).update(more)  # type: ignore[attr-defined]
                yield provider

        return Trouble(raises, words, arrange)


def _lacking() -> tuple[str, str] | None:
    return library("octodns_bind", "test")() or program("named", "bind9")()


MAKERS = {
    "octodns-yaml": Maker(Yaml, library("octodns", "octodns")),
    "octodns-bind": Maker(Bind, _lacking),
}
