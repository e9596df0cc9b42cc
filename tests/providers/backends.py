"""What a zone is kept at, for tests: the real server or its stand-in, as others see it.

    tests/providers/backend_NAME.py     MAKERS = {"name": Maker(make, missing), …}
    backends.found()                    all of them by name, imported when asked for
    conftest: fixture `backend`         each of them in turn, opened, its zone empty

A `Backend` stands on the other side of the adapter: `put` and `remove` are somebody else's hands in
the zone, `content` is what is really there, asked otherwise than by our adapter wherever there is
another way.  One contract suite (`test_contract`) and the fault sequences run over all of them.

Imports nothing of pytest: `python -m tests.providers.sequences` uses it too.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from feddns.providers.base import Provider
from feddns.providers.recordsets import Key, RecordSet, record_set

ZONE = "example.com."


class Trouble(NamedTuple):
    """A provider on which every call ends in one way: `with trouble.arrange() as provider`."""

    raises: type[Exception]
    words: str
    """A regular expression that the message has."""
    arrange: Callable[[], AbstractContextManager[Provider]]


@dataclass(frozen=True)
class Traits:
    """What differs between back ends."""

    foreign: tuple[RecordSet, ...] = (
        record_set(f"mail.{ZONE}", "MX", 300, ["10 mx1.example.net.", "20 mx2.example.net."]),
        record_set(f"_sip._tcp.{ZONE}", "SRV", 60, [f"0 5 5060 sip.{ZONE}"]),
        record_set(f"sub.{ZONE}", "NS", 3600, ["ns1.example.net.", "ns2.example.net."]),
        record_set(ZONE, "CAA", 300, ['0 issue "ca.example.net"']),
    )
    """Record sets of types that feddns never writes, as `list` gives them; some of the apex."""
    refused: RecordSet | None = None
    """What the server refuses for what it is, and nobody before it notices."""
    refusal: str = ""
    """A regular expression of its own words for that."""
    page: int = 0
    """The most record sets of a page of `list`; 0: no such bound."""
    keeps_strings: bool = True
    """Whether the strings of a TXT record stay as they were cut."""
    spoils: str = ""
    """A regular expression of texts that its library would spoil: they are `Rejected`."""
    keeps_case: bool = False
    """Whether others' names keep their upper case, also after `put`."""
    has_ttl: bool = True
    """Whether each record set has a TTL of its own."""
    tells_ttls: bool = True
    """Whether a removal whose TTL alone is another one is `Outdated`."""
    looks_at_keeps: bool = True
    """Whether a change is `Outdated` when what it keeps is not there."""
    secrets: tuple[str, ...] = ()
    """What no message may hold."""
    programs: Mapping[str, str] = field(default_factory=dict)
    """What runs behind it, with versions."""
    troubles: Mapping[str, Trouble] = field(default_factory=dict)


class Backend(Protocol):
    """The zone `example.com.` at one kind of provider, running."""

    name: str
    traits: Traits

    def open(self) -> Provider:
        """Our adapter on it, as the settings open it; the caller closes it."""

    def put(self, record: RecordSet) -> None:
        """The record set is this one now, as if somebody else had written it."""

    def remove(self, key: Key) -> None:
        """The record set is gone, by somebody else; nothing happens where there is none."""

    def content(self) -> frozenset[RecordSet]:
        """Everything in the zone but SOA and the NS of the apex."""

    def clear(self) -> None:
        """An empty zone again; what `troubles` and others arranged is over."""

    def close(self) -> None: ...


class Maker(NamedTuple):
    """How a back end is started; `folder` is its own and empty.

    `missing` says what the machine lacks and the way to get it (a Debian package, or words), or
    None.
    """

    make: Callable[[Path], Backend]
    missing: Callable[[], tuple[str, str] | None] = lambda: None


def program(name: str, package: str) -> Callable[[], tuple[str, str] | None]:
    """`missing` of a back end that needs a program of the machine."""
    return lambda: None if shutil.which(name) else (name, package)


def library(name: str, extra: str) -> Callable[[], tuple[str, str] | None]:
    """`missing` of a back end that needs a library."""
    way = f"pip install feddns[{extra}]"
    return lambda: None if importlib.util.find_spec(name.partition(".")[0]) else (name, way)


def found() -> dict[str, Maker]:
    """Every back end of this folder, by name."""
    package = importlib.import_module(__package__)
    makers: dict[str, Maker] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(package.__path__)):
        if module.startswith("backend_"):
            makers |= importlib.import_module(f"{__package__}.{module}").MAKERS
    return makers
