"""What exists at a name, zone by zone.

A zone is asked `find(lookup, labels)`: `labels` are those in front of the zone's apex, leftmost
first, lower case.  It answers with one of a closed set of outcomes, which `resolver.answer` turns
into a reply or follows to the next name:

    outcome      the name …                                            reply
    Data         has records of the asked type                         them, and the additional ones
    NO_DATA      exists, without that type (empty non-terminals too)   NOERROR, SOA
    MISSING      does not exist                                        NXDOMAIN, SOA
    Alias        is an alias                                           CNAME, and its target's
    ELSEWHERE    is not ours after all                                 REFUSED

Each zone module opens with the numbered cases of its names.  Pure; called by `resolver.answer`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from feddns.config import Settings
from feddns.names import Label, Name
from feddns.records import RRset
from feddns.snapshot import Dependency, Snapshot


class Data(NamedTuple):
    """Records of the asked type, and those that belong into the additional section."""

    rrset: RRset
    additional: Sequence[RRset] = ()


class Alias(NamedTuple):
    """The name is an alias of `target`."""

    target: Name
    ttl: int


class _Bare(NamedTuple):
    outcome: str


NO_DATA = _Bare("no data")
MISSING = _Bare("missing")
ELSEWHERE = _Bare("elsewhere")

Outcome = Data | Alias | _Bare


class Recorder(Protocol):
    """Takes the steps of a decision, for `feddns why`."""

    def __call__(self, step: str, text: str, **facts: object) -> None:
        """`step` names the case or the rung; `text` is the verdict for a person."""


class Lookup(msgspec.Struct, gc=False):
    """One name being looked up.

    `depends` collects what the answer is made from; `recorder` is None but for `feddns why`.
    """

    settings: Settings
    snapshot: Snapshot
    name: Name
    type: int
    depends: list[Dependency]
    recorder: Recorder | None = None


Find = Callable[[Lookup, list[Label]], Outcome]


class Zone(msgspec.Struct, frozen=True):
    """A zone that is served: its SOA set, what its apex has, and who knows the names below.

    `is_address`: its apex is the name of a whole address (a /32 or /128) and may have a PTR.
    `denials` keeps the SOA as wire bytes, by the length of the name it denies something of.
    """

    name: Name
    soa: RRset
    apex: dict[int, Data]
    find: Find
    is_address: bool = False
    denials: dict[int, bytes] = {}
