"""◇ Any provider that octoDNS has: a class by its dotted name, made with octoDNS' own arguments.

    what octoDNS reads and does, or says           here
    `populate`: the zone is not there              OperatorNeeded, or made with the first change
    the same, but as a source it is                OperatorNeeded: it would write the zone anew,
                                                   without what others have there
    the zone lacks what is removed or kept, or     Outdated; nothing is done
    has what is added
    a type that it does not support, a record      Rejected, in octoDNS' words; nothing is done
    that octoDNS does not allow
    an error, and then the zone cannot be read     ProviderAway
    an error, and all of it is there               done
    an error, and the first changes are there,     Rejected with `done`; or what the error's HTTP
    or none                                        status says; ProviderAway where it was silence
    an error, and something else is there          ProviderAway

So each change is compared with a zone that has just been read, and goes to the provider as octoDNS'
own `Plan` of `Create`, `Update` and `Delete` for these record sets and nothing else; its errors,
which are each provider's own, are judged by what is in the zone afterwards.  Nobody can hold a zone
still between the two: a change by others in these milliseconds is not seen.  What a provider does
not support is not read either.  Each call reads the whole zone, hence `interval`.

Strings of a TXT record are joined, as octoDNS does; texts that it spoils are Rejected.  No message
has an argument that looks secret.  Called by the catalogue; `octodnsconfig` reads its settings.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dns.exception
import msgspec
from octodns.provider import SupportsException
from octodns.provider.plan import Plan
from octodns.record import Create, Delete, Record, Rrset, Update
from octodns.record.exception import RecordException, ValidationError
from octodns.zone import Zone

from feddns.errors import (
    FeddnsError,
    NameRefused,
    OperatorNeeded,
    Outdated,
    ProviderAway,
    ProviderTrouble,
    Rejected,
    Throttled,
)
from feddns.providers.base import Limits
from feddns.providers.octodnsconfig import is_secret, one_line
from feddns.providers.recordsets import (
    CNAME,
    TXT,
    Change,
    Key,
    RecordSet,
    canonical,
    contradiction,
    record_set,
    unquoted,
)

_AFTER = 30.0


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The zone, and octoDNS' provider for it: a class by its dotted name, and its arguments."""

    zone: str
    provider: str
    arguments: Mapping[str, object] = {}
    is_created: bool = False
    """A zone that is not there is made with the first change, by providers that do that."""
    interval: float = 10.0
    """Seconds between two calls, in the long run."""

    def __repr__(self) -> str:
        """Without the arguments: some are secret."""
        return f"Settings(zone={self.zone!r}, provider={self.provider!r})"


def open(settings: Settings) -> OctoDns:
    """The provider, and the zone looked at.  Raises `OperatorNeeded`, or what a reading raises."""
    provider = OctoDns(settings, _made(settings))
    provider.read()
    return provider


def _made(settings: Settings) -> Any:
    if not Record.validators.configured:
        Record.enable_validators({"legacy"})  # octoDNS' own default, which it warns of otherwise
    module, _, name = settings.provider.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, ValueError, AttributeError) as error:
        package = module.partition(".")[0].replace("_", "-") or "octodns"
        raise OperatorNeeded(
            f"octoDNS has no provider {settings.provider!r} here ({one_line(error)}); it is like "
            f"octodns_bind.Rfc2136Provider, and comes with its package: pip install {package}"
        ) from error
    try:
        with _quiet():
            made = kind("feddns", **settings.arguments)
    except Exception as error:
        words = _without(one_line(error), settings)
        raise OperatorNeeded(f"{settings.provider} cannot be made: {words}") from error
    if not hasattr(made, "apply"):
        raise OperatorNeeded(f"{settings.provider} can be read only; name a provider, not a source")
    if getattr(made, "apply_disabled", False):
        raise OperatorNeeded(f"{settings.provider} has apply_disabled, so it changes nothing")
    return made


class OctoDns:
    """One zone at one of octoDNS' providers."""

    def __init__(self, settings: Settings, provider: Any) -> None:
        self.zone = canonical(settings.zone)
        rate = 1 / settings.interval if settings.interval else 0.0
        self.limits = Limits(rate=rate, burst=6)
        self._settings, self._provider = settings, provider
        self._is_there: bool | None = None
        self._was_made = False

    def list(self) -> Iterator[Sequence[RecordSet]]:
        yield [*_record_sets(self.read()).values()]

    def apply(self, changes: Sequence[Change]) -> None:
        zone = self.read()
        before = _record_sets(zone)
        _compare(changes, before)
        try:
            plan = self._plan(zone, changes)
            with _quiet():
                self._provider.apply(plan)
        except FeddnsError:
            raise
        except (ValidationError, RecordException, SupportsException) as error:
            raise _done(Rejected(self._told(error)), 0) from error
        except Exception as error:
            if trouble := self._judge(error, changes, before):
                raise trouble from error
        self._was_made = True

    def close(self) -> None:
        """Providers have no such thing; the last reference closes what there is."""
        self._provider = None

    def read(self) -> Any:
        """octoDNS' `Zone` as it is now."""
        zone = Zone(self.zone, [])
        try:
            with _quiet():
                is_there = self._provider.populate(zone, target=True, lenient=True)
        except Exception as error:
            raise self._status(error) or ProviderAway(self._told(error)) from error
        self._is_there = is_there
        if is_there is False:
            self._check_whether_it_can_be_made()
        return zone

    def _check_whether_it_can_be_made(self) -> None:
        """A zone that is not there may be made, but not one that is there and forgotten."""
        zone = Zone(self.zone, [])
        try:
            with _quiet():
                is_source = self._provider.populate(zone, lenient=True) or zone.records
        except Exception:
            is_source = False
        if is_source or self._was_made:
            raise OperatorNeeded(
                f"{self._settings.provider} writes a zone anew each time and would take away what "
                f"others have in {self.zone}; choose another (for files --dns-provider=zonefile)"
            )
        if not self._settings.is_created:
            raise OperatorNeeded(
                f"{self._settings.provider} has no zone {self.zone}; create it there, or let it be "
                "created"
            )

    def _plan(self, zone: Any, changes: Sequence[Change]) -> Any:
        """octoDNS' plan of these changes alone.  Raises what octoDNS does not allow."""
        old = {(record.fqdn.lower(), record._type): record for record in zone.records}
        gone = {one.key for change in changes for one in change.removals}
        new = {one.key: self._record(zone, one) for change in changes for one in change.additions}
        planned = [Delete(old[key]) for key in gone if key not in new]
        planned += [Update(old[key], new[key]) for key in gone if key in new]
        planned += [Create(record) for key, record in new.items() if key not in gone]
        desired = zone.copy()
        desired.apply(planned)
        return Plan(zone, desired, planned, exists=self._is_there)

    def _record(self, zone: Any, record: RecordSet) -> Any:
        if words := self._unfit(record):
            raise _done(Rejected(f"{record.name} {record.type}: {words}"), 0)
        rrset = Rrset(record.name, record.type, record.ttl, record.values)
        made = Record.from_rrset(zone, rrset, source=self._provider)
        if not self._provider.supports(made):
            words = f"{self._settings.provider} has no {record.type} records, as of {record.name}"
            raise _done(Rejected(words), 0)
        return made

    def _unfit(self, record: RecordSet) -> str:
        """Why octoDNS would write something else than this, or wait for ever."""
        if record.name != self.zone and not record.name.endswith(f".{self.zone}"):
            return f"not in the zone {self.zone}"
        texts = [unquoted(value) for value in record.values] if record.type == TXT else []
        if not all(texts):
            return "octoDNS has no empty text"
        if any("\\" in text or not text.isascii() for text in texts):
            return "octoDNS has no backslash in a text, and nothing but ASCII"
        return ""

    def _judge(
        self, error: Exception, changes: Sequence[Change], before: Mapping[Key, RecordSet]
    ) -> FeddnsError | None:
        """What an error was, by what is in the zone now; None: it was done all the same."""
        try:
            now = _record_sets(self.read())
        except FeddnsError as unread:
            return self._status(error) or (
                ProviderAway(self._told(error)) if isinstance(unread, ProviderTrouble) else unread
            )
        states = [_state(change, before, now) for change in changes]
        if all(state == "done" for state in states):
            return None
        done = next(index for index, state in enumerate(states) if state != "done")
        if any(state != "untouched" for state in states[done:]):
            return ProviderAway(self._told(error))
        found = self._status(error)
        if found is None and _is_silence(error):
            found = ProviderAway(self._told(error))
        return _done(found or Rejected(self._told(error)), done)

    def _status(self, error: Exception) -> FeddnsError | None:
        """What the error's HTTP status says, where it has one."""
        told = self._told(error)
        match _status_of(error):
            case 429:
                return Throttled(told, _AFTER)
            case 401 | 403:
                return OperatorNeeded(told)
            case int(status) if status >= 500:
                return ProviderAway(told)
        return None

    def _told(self, error: Exception) -> str:
        name = self._settings.provider.rpartition(".")[2]
        return _without(f"{name}: {one_line(error)}", self._settings)


def _record_sets(zone: Any) -> dict[Key, RecordSet]:
    """What is in octoDNS' zone, but for the NS of the apex."""
    found = (
        _record_set(record) for record in zone.records if (record.name, record._type) != ("", "NS")
    )
    return {one.key: one for one in found}


def _record_set(record: Any) -> RecordSet:
    """Of a record of octoDNS; one with pools or regions is not like any of ours."""
    rrset = record.to_rrset()
    special = getattr(record, "dynamic", None) or getattr(record, "geo", None)
    try:
        if not special:
            return record_set(rrset.name, rrset._type, rrset.ttl, rrset.rdatas)
    except NameRefused:
        pass
    values = [*rrset.rdatas, *(["dynamic"] if special else [])]
    return RecordSet(rrset.name.lower(), rrset._type, rrset.ttl, tuple(sorted(values)))


def _compare(changes: Sequence[Change], zone: Mapping[Key, RecordSet]) -> None:
    """Raises `Outdated` where the zone is not as the changes were made for."""
    after = dict(zone)
    for one in _each(changes, "removals"):
        if (there := zone.get(one.key)) != one:
            raise _done(Outdated(f"to be removed: {one}; there is: {there}"), 0)
        del after[one.key]
    if name := contradiction(_each(changes, "additions")):
        raise _done(Rejected(f"{name} cannot have a CNAME and something else"), 0)
    for one in _each(changes, "additions"):
        if one.key in after:
            raise _done(Outdated(f"to be added: {one}; there is: {after[one.key]}"), 0)
    for one in _each(changes, "keeps"):
        if (there := zone.get(one.key)) != one:
            raise _done(Outdated(f"to be kept: {one}; there is: {there}"), 0)
    after |= {one.key: one for one in _each(changes, "additions")}
    names: dict[str, set[str]] = {}
    for name, type in after:
        names.setdefault(name, set()).add(type)
    for one in _each(changes, "additions"):
        if CNAME in names[one.name] and len(names[one.name]) > 1:
            others = " ".join(sorted(names[one.name] - {one.type}))
            raise _done(Outdated(f"to be added: {one}; and there is: {others}"), 0)


def _each(changes: Iterable[Change], side: str) -> Iterator[RecordSet]:
    for change in changes:
        yield from getattr(change, side)


def _state(change: Change, before: Mapping[Key, RecordSet], now: Mapping[Key, RecordSet]) -> str:
    """`done`, `untouched`, or something else."""
    keys = {one.key for one in (*change.removals, *change.additions)}
    wanted = {one.key: one for one in change.additions}
    if all(now.get(key) == wanted.get(key) for key in keys):
        return "done"
    return "untouched" if all(now.get(key) == before.get(key) for key in keys) else "half"


def _done(error: FeddnsError, count: int) -> FeddnsError:
    if isinstance(error, ProviderTrouble):
        error.done = count
    return error


def _status_of(error: BaseException) -> int | None:
    """An HTTP status, where requests, botocore and others keep it."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        response = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    for found in (
        getattr(response, "status_code", response),
        getattr(error, "status_code", None),
        getattr(error, "code", None),
    ):
        if isinstance(found, int) and 300 <= found < 600:
            return found
    return None


def _is_silence(error: Exception) -> bool:
    return isinstance(error, (OSError, EOFError, dns.exception.Timeout))


def _without(words: str, settings: Settings) -> str:
    """Without the arguments that look secret."""
    for key, value in settings.arguments.items():
        if is_secret(key) and isinstance(value, (str, int)) and len(str(value)) > 3:
            words = words.replace(str(value), "…")
    return words


@contextmanager
def _quiet() -> Iterator[None]:
    """Providers use what octoDNS has deprecated; that is between the two."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield
