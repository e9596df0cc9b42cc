"""A responder over manifests, without a server: what `ask`, `why` and `check` have in common.

I/O: reads the folders once.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from feddns.config import Settings
from feddns.names import Name
from feddns.records import NXDOMAIN, REFUSED
from feddns.resolver.responder import Peer, Responder
from feddns.store import Store

PEER = Peer("127.0.0.1", 0, tcp=True)


class Asked(NamedTuple):
    """A name that was tried, its question and the reply."""

    name: Name
    question: bytes
    reply: bytes

    @property
    def rcode(self) -> int:
        return self.reply[3] & 15


def responder(settings: Settings) -> Responder:
    """Reads the folders of the settings.

    Raises `SettingRefused` without any, `OperatorNeeded` for a missing or empty one.
    """
    from feddns.app.answering import empty_world
    from feddns.app.sources import Manifests, require

    require(settings)
    store = Store(empty_world(settings))
    for events in Manifests(settings).load():
        store.commit(events)
    return responder_of(settings, store)


def responder_of(settings: Settings, store: Store) -> Responder:
    """One over a world that is there."""
    made = Responder(settings, store, serial=0)
    made.foresees = True
    return made


def ask(responder: Responder, candidates: list[Name], kind: int) -> list[Asked]:
    """Ask one name after the other, as a resolver with a search list, until one exists."""
    tried = []
    for name in candidates:
        question = write_question(name, kind)
        reply = responder.respond(question, PEER, 0.0)
        assert isinstance(reply, bytes)  # nothing is forwarded here
        tried.append(Asked(name, question, reply))
        if tried[-1].rcode not in (NXDOMAIN, REFUSED):
            break
    return tried


def write_question(name: Name, kind: int) -> bytes:
    """A question as dig asks it, with an OPT record."""
    header = struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 1)
    return header + name + struct.pack("!HH", kind, 1) + b"\x00\x00\x29\x04\xd0" + bytes(6)
