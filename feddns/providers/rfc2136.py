"""◇ Any name server that takes DNS UPDATE (RFC 2136): BIND, Knot, PowerDNS, Windows and others.

    the server says                        raised
    YXDOMAIN, YXRRSET, NXRRSET, NXDOMAIN   Outdated: what was read is not there any more, or what
                                           comes is, or excludes it (a CNAME)
    REFUSED, NOTAUTH, BADKEY, FORMERR,     OperatorNeeded when it says so to an empty message, or to
      NOTZONE, NOTIMP                      harmless ones everywhere; else Rejected
    BADSIG, BADTIME                        OperatorNeeded
    SERVFAIL, silence                      ProviderAway

A message is done whole or not at all, so a `Change` is, and with it the claim of its record: the
prerequisites are looked at under the same lock.  Many changes share a message (a thousand cost the
server a tenth then); one that is not done is sent again in halves, in order, until the change that
is to blame stands alone.

The zone is read by AXFR once; then by IXFR, so that a reading of an unchanged zone is one small
message.  Once a day it is read whole again, for servers whose serial does not tell everything.

Called by the catalogue.  The messages are `updates`' and `transfers`', the conversation `tcpdns`'.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from feddns import names
from feddns.errors import (
    FeddnsError,
    NameRefused,
    OperatorNeeded,
    Outdated,
    ProviderAway,
    ProviderTrouble,
    Rejected,
)
from feddns.providers import rdata, tcpdns, transfers, updates
from feddns.providers.base import Limits
from feddns.providers.rdata import Broken
from feddns.providers.recordsets import CNAME, Change, Key, RecordSet, canonical, record_set
from feddns.providers.tcpdns import Conversation, DeniedKey, Server, Unreachable
from feddns.providers.transfers import Copy, Transfer

WHOLE_EVERY = 86_400.0
"""Seconds after which the zone is read whole again."""

_NOERROR, _FORMERR, _SERVFAIL, _NXDOMAIN, _NOTIMP, _REFUSED = range(6)
_YXDOMAIN, _YXRRSET, _NXRRSET, _NOTAUTH, _NOTZONE = range(6, 11)
_OUTDATED = {_NXDOMAIN, _YXDOMAIN, _YXRRSET, _NXRRSET}
_DENIED = {_FORMERR, _NOTIMP, _REFUSED, _NOTAUTH, _NOTZONE}
_NAMES = {
    _FORMERR: "FORMERR", _SERVFAIL: "SERVFAIL", _NXDOMAIN: "NXDOMAIN", _NOTIMP: "NOTIMP",
    _REFUSED: "REFUSED", _YXDOMAIN: "YXDOMAIN", _YXRRSET: "YXRRSET", _NXRRSET: "NXRRSET",
    _NOTAUTH: "NOTAUTH", _NOTZONE: "NOTZONE",
}  # fmt: skip
_KEY_FILE = re.compile(
    r'key\s+"?([^"\s{]+)"?\s*\{\s*algorithm\s+"?([^";\s]+)"?\s*;\s*secret\s+"?([^";\s]+)"?\s*;'
)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The servers in the order in which they are tried, and the key they know.

    `key_file`: as `tsig-keygen` writes it and `nsupdate -k` reads it, instead of the three others.
    `batch`: changes in one message; 1 has each one told for itself.
    """

    zone: str
    servers: tuple[str, ...]
    key_name: str = ""
    key_secret: str = ""
    key_algorithm: str = tcpdns.ALGORITHMS[0]
    key_file: str = ""
    timeout: float = 10.0
    batch: int = 100

    def __repr__(self) -> str:
        """Without what is secret."""
        return f"Settings(zone={self.zone!r}, servers={self.servers!r}, key={self.key_name!r})"


def open(settings: Settings) -> Rfc2136:
    """The zone, not asked for yet.  Raises `OperatorNeeded`, and `NameRefused` for its name."""
    if not settings.servers:
        raise OperatorNeeded("no name server is given that takes updates")
    servers = tuple(tcpdns.server(text) for text in settings.servers)
    conversation = Conversation(servers, _key(settings), settings.timeout)
    return Rfc2136(canonical(settings.zone), conversation, max(1, settings.batch))


def _key(settings: Settings) -> tcpdns.Key | None:
    if settings.key_file:
        return tcpdns.Key(*read_key(settings.key_file))
    if not settings.key_name and not settings.key_secret:
        return None
    if not settings.key_name or not settings.key_secret:
        raise OperatorNeeded("a TSIG key has a name and a secret; one of them is missing")
    return tcpdns.Key(settings.key_name, settings.key_secret, settings.key_algorithm)


def read_key(path: str) -> tuple[str, str, str]:
    """Name, secret and algorithm in a key file of BIND.  Raises `OperatorNeeded`."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        words = error.strerror or os.strerror(error.errno or 0)
        raise OperatorNeeded(f"the key file {path}: {words}") from error
    match = _KEY_FILE.search(text)
    if match is None:
        raise OperatorNeeded(
            f'the key file {path} has no `key "NAME" {{ algorithm …; secret …; }}`'
        )
    return match[1], match[3], match[2]


class Rfc2136:
    """One zone at its servers."""

    limits = Limits(changes=1_000)

    def __init__(self, zone: str, conversation: Conversation, batch: int) -> None:
        self.zone = zone
        self._conversation = conversation
        self._batch = batch
        self._copy: tuple[Server, float, Copy] | None = None
        self._is_welcome = False
        """Whether an update of ours was ever accepted."""

    # --- reading --------------------------------------------------------------------------------

    def list(self) -> Iterator[Sequence[RecordSet]]:
        """One page: a transfer tells nothing before its end."""
        copy = self._followed() or self._whole()
        yield copy.records()

    def _followed(self) -> Copy | None:
        """The copy that there is, made new; None when it has to be read whole."""
        if self._copy is None:
            return None
        where, since, copy = self._copy
        self._copy = None  # until it is known to be right
        if time.monotonic() - since > WHOLE_EVERY:
            return None
        try:
            transfer = self._transfer(copy.serial)
            if transfer is None or self._conversation.where != where:
                return None
            if transfer.is_whole:
                copy, since = Copy(self.zone, transfer), time.monotonic()
            else:
                copy.follow(transfer)
        except Broken:
            return None
        self._copy = where, since, copy
        return copy

    def _whole(self) -> Copy:
        try:
            transfer = self._transfer(None)
            assert transfer is not None
            copy = Copy(self.zone, transfer)
        except (Broken, NameRefused) as error:
            raise ProviderAway(f"{self._where}: {error}") from error
        self._copy = self._conversation.where, time.monotonic(), copy
        return copy

    def _transfer(self, serial: int | None) -> Transfer | None:
        """What there is since `serial`; None where the server does not know IXFR."""
        transfer = Transfer(serial)
        replies = self._conversation.stream(transfers.request(self.zone, serial))
        for reply in replies:
            if reply.rcode:
                replies.close()
                if serial is not None:
                    return None
                raise self._unreadable(reply.rcode)
            if not reply.answers:
                raise Broken("a transfer without records")
            transfer.feed(reply.answers)
            if transfer.is_done:
                break
        replies.close()
        self._conversation.end()
        return transfer

    def _unreadable(self, rcode: int) -> FeddnsError:
        words = f"{self._where}: {_NAMES.get(rcode, rcode)} for the transfer (AXFR) of {self.zone}"
        if rcode == _SERVFAIL:
            return ProviderAway(words)
        return OperatorNeeded(
            f"{words}: let the key transfer the zone (BIND: allow-transfer, Knot: acl with action "
            "transfer), and see that the server has the zone"
        )

    # --- changing -------------------------------------------------------------------------------

    def apply(self, changes: Sequence[Change]) -> None:
        done = 0
        for piece in updates.batches(changes, self._batch):
            try:
                self._send(piece)
            except ProviderTrouble as error:
                # What was done of the piece; nobody knows after a conversation that broke.
                if error.done is not None:
                    error.done += done
                raise
            done += len(piece)

    def _send(self, changes: Sequence[Change]) -> None:
        """In one message if it goes, else in halves.  The error's `done` is of these changes."""
        try:
            message = updates.write(self.zone, changes)
        except (updates.TooLong, NameRefused) as error:
            if len(changes) == 1:
                raise self._unwritable(changes[0], error) from error
            return self._halves(changes)
        rcode = self._asked(message)
        if rcode == _NOERROR:
            self._is_welcome = self._is_welcome or any(change.size for change in changes)
            try:
                return self._see_to_aliases(changes)
            except ProviderTrouble as error:
                error.done = None  # of these changes it is not known
                raise
        if rcode not in _OUTDATED | _DENIED:
            raise _with_done(ProviderAway(f"{self._where}: {_NAMES.get(rcode, f'rcode {rcode}')}"))
        if rcode in _DENIED and (words := self._denied_at_all(changes[0])):
            raise OperatorNeeded(words)
        if len(changes) > 1:
            return self._halves(changes)
        if rcode in _OUTDATED:
            raise _with_done(self._outdated(changes[0]))
        raise self._denied(changes[0], rcode)

    def _see_to_aliases(self, changes: Sequence[Change]) -> None:
        """A CNAME in place of something else may be missing all the same; then it comes now.

        Knot, in a zone that it signs, finds the signatures of what was just removed beside it, and
        passes over it.  What one server does with one of them it does with all.
        """
        aliases = [
            record
            for change in changes
            for record in change.additions
            if record.type == CNAME and record.name in {there.name for there in change.removals}
        ]
        there = [Change(record.name, keeps=(record,)) for record in aliases]
        if not aliases or self._asked(updates.write(self.zone, there)) == _NOERROR:
            return
        again = [Change(record.name, (), (record,)) for record in aliases]
        rcode = self._asked(updates.write(self.zone, again))
        if rcode != _NOERROR:
            raise ProviderAway(
                f"{self._where} left out the CNAME of {aliases[0].name}, and says "
                f"{_NAMES.get(rcode, rcode)} when it is to come again"
            )

    def _halves(self, changes: Sequence[Change]) -> None:
        half = len(changes) // 2
        self._send(changes[:half])
        try:
            self._send(changes[half:])
        except ProviderTrouble as error:
            if error.done is not None:
                error.done += half
            raise

    def _asked(self, message: bytes) -> int:
        """The rcode; Knot says BADKEY for what a key may not do, too."""
        try:
            return self._conversation.ask(message).rcode
        except DeniedKey:
            return _NOTAUTH
        except Unreachable as error:
            error.done = 0
            raise

    @property
    def _where(self) -> str:
        return f"{self._conversation.where}"

    # --- why not --------------------------------------------------------------------------------

    def _unwritable(self, change: Change, error: Exception) -> ProviderTrouble:
        words = f"{error}"
        if isinstance(error, updates.TooLong):
            words = f"{change.name} does not fit into a message of {updates.LONGEST} octets"
        return _with_done(Rejected(words))

    def _denied_at_all(self, change: Change) -> str:
        """Why not even a message that changes nothing is taken, or "" when one is."""
        words = ""
        try:
            rcode = self._conversation.ask(updates.probe(self.zone)).rcode
        except DeniedKey as error:
            rcode, words = _NOTAUTH, str(error)
        if rcode not in _DENIED or self._is_welcome_near(change):
            return ""
        return words or f"{self._where}: {_NAMES[rcode]}: {_ADVICE[rcode].format(zone=self.zone)}"

    def _denied(self, change: Change, rcode: int) -> FeddnsError:
        """A lone change is denied: for what it is, or is all that the key asks for denied?"""
        words = f"{self._where}: {_NAMES[rcode]}"
        if not self._is_welcome and not self._is_welcome_near(change):
            return OperatorNeeded(
                f"{words} for {change.name} and for a TXT record beside it: the key may change "
                "nothing there (BIND: update-policy, Knot: acl with action update)"
            )
        said = ", ".join(f"{record.name} {record.type}" for record in _touched(change))
        return _with_done(Rejected(f"{words} for {said}"))

    def _is_welcome_near(self, change: Change) -> bool:
        """Whether the removal of a TXT that is not there is accepted beside one of its names."""
        beside = dict.fromkeys(_beside(record.name) for record in _touched(change))
        return any(
            self._asked(updates.probe(self.zone, name)) == _NOERROR
            for name in beside
            if names.is_under(names.parse(name), names.parse(self.zone))
        )

    def _outdated(self, change: Change) -> ProviderTrouble:
        """What is not as the change has it, as far as it can still be seen."""
        removed = {record.key for record in change.removals}
        for record in (*change.removals, *change.keeps):
            there = self._found(record.key)
            if there is None or there.values != record.values:
                return Outdated(f"{record} is not in {self.zone}: {there or 'nothing is there'}")
        for record in change.additions:
            if record.key not in removed and (there := self._found(record.key)):
                return Outdated(f"{record.name} {record.type} is in {self.zone} already: {there}")
        for record in change.additions:
            for type in updates.EXCLUDED if record.type == CNAME else (CNAME,):
                key = record.name, type
                if key not in removed and record.type != type and self._found(key):
                    # The zone's own SOA and NS never go.
                    kind = Rejected if record.name == self.zone else Outdated
                    return kind(f"{record.name} cannot have {record.type} beside {type}")
        return Outdated(f"{change.name} was changed by somebody else just now")

    def _found(self, key: Key) -> RecordSet | None:
        """What the server has there now, for the words of an error."""
        question = transfers.question(*key)
        try:
            reply = self._conversation.ask(question)
        except DeniedKey:  # Knot, to whom a question is another permission
            reply = self._conversation.ask(question, is_signed=False)
        if reply.rcode not in (_NOERROR, _NXDOMAIN):
            words = f"{self._where} says {_NAMES.get(reply.rcode, reply.rcode)} when asked for it"
            raise _with_done(Outdated(f"{key[0]} is not as it was read; {words}"))
        name, number = names.parse(key[0]), rdata.type_number(key[1])
        found = [one for one in reply.answers if one.name == name and one.type == number]
        try:
            return record_set(*key, found[0].ttl, [one.text for one in found]) if found else None
        except (Broken, NameRefused) as error:
            raise ProviderAway(f"{self._where}: {error}") from error

    def close(self) -> None:
        self._conversation.close()


_ADVICE = {
    _FORMERR: "it does not understand an update",
    _NOTIMP: "it takes no updates",
    _REFUSED: "it takes no updates of {zone} from us: let the key change the zone (BIND: "
    "update-policy or allow-update, Knot: acl with action update)",
    _NOTAUTH: "it is not the server of {zone}, or wants another key for it",
    _NOTZONE: "it does not have the zone {zone}",
}


def _with_done(error: ProviderTrouble) -> ProviderTrouble:
    """Of a message that was not done: none of its changes."""
    error.done = 0
    return error


def _touched(change: Change) -> dict[RecordSet, None]:
    return dict.fromkeys((*change.removals, *change.additions))


def _beside(name: str) -> str:
    """A name that nobody has, below the same one."""
    labels = names.labels_of(names.parse(name))
    return names.format(names.from_labels([b"_feddns-probe", *labels[1:]]))
