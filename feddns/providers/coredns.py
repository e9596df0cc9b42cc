"""◇ CoreDNS with its etcd plugin: the zone lies in etcd, as SkyDNS had it (`skydns`).

    a change                     one transaction of etcd: all of it or nothing
    several changes              share a transaction up to its 128 operations; where that is not
                                 done, each is sent for itself, until the one to blame stands alone
    a reading                    pages of a thousand keys, each of its own moment

The names of a change are read first, so that `Outdated` is found as somebody's doing and said as
such, and the transaction compares the revisions: what is done is done to what was read.  etcd is
asked through its JSON gateway (`etcdgateway`); what a change does to keys is `skydnsedits`'.

Called by the catalogue.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from feddns.errors import OperatorNeeded, Outdated, ProviderTrouble, Rejected
from feddns.providers import etcdgateway, skydns, skydnsedits
from feddns.providers.base import Limits
from feddns.providers.etcdgateway import Gateway, Login, below, text
from feddns.providers.recordsets import Change, RecordSet, canonical
from feddns.providers.skydns import Entry, Layout
from feddns.providers.skydnsedits import Edit

ENDPOINT = "http://127.0.0.1:2379"
OPERATIONS = 128
"""What etcd takes in one transaction, unless it is told otherwise (--max-txn-ops)."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`zones`: those that CoreDNS serves from this etcd, where they are told; ours is one of them.

    `servers` is where CoreDNS answers, for those who ask it; `prefix` is `path` of the plugin,
    `page` the keys of one page.  The files are in PEM.
    """

    zone: str
    endpoints: tuple[str, ...] = (ENDPOINT,)
    zones: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    prefix: str = skydns.PREFIX
    cert_file: str = ""
    key_file: str = ""
    ca_file: str = ""
    user: str = ""
    password: str = ""
    timeout: float = 10.0
    page: int = 1_000

    def __repr__(self) -> str:
        """Without what is secret."""
        return f"Settings(zone={self.zone!r}, endpoints={self.endpoints!r}, user={self.user!r})"


def open(settings: Settings) -> CoreDns:
    """The zone, not asked for yet.  Raises `OperatorNeeded`, and `NameRefused` for its name."""
    zone = canonical(settings.zone)
    zones = [canonical(other) for other in settings.zones]
    if zones and zone not in zones:
        raise OperatorNeeded(f"{zone} is not among the zones of CoreDNS: {', '.join(zones)}")
    endpoints = tuple(etcdgateway.endpoint(one) for one in settings.endpoints)
    if not endpoints:
        raise OperatorNeeded("no endpoint of etcd is given")
    if bool(settings.user) != bool(settings.password):
        raise OperatorNeeded("a user of etcd has a name and a password; one of them is missing")
    login = Login(settings.user, settings.password) if settings.user else None
    context = _context(settings) if any(one.is_tls for one in endpoints) else None
    gateway = Gateway(endpoints, context, login, settings.timeout)
    layout = Layout(zone, settings.prefix)
    return CoreDns(layout, gateway, settings.servers, max(1, settings.page))


def _context(settings: Settings) -> ssl.SSLContext:
    if bool(settings.cert_file) != bool(settings.key_file):
        raise OperatorNeeded("a client's certificate and its key belong together; one is missing")
    file = settings.ca_file
    try:
        context = ssl.create_default_context(cafile=file or None)
        if settings.cert_file:
            file = f"{settings.cert_file} or {settings.key_file}"
            # A key with a passphrase is not asked for it on the terminal.
            context.load_cert_chain(settings.cert_file, settings.key_file, password="")
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", "") or type(error).__name__
        raise OperatorNeeded(f"etcd: {file}: {words}") from error
    return context


class CoreDns:
    """One zone in etcd.  `servers` is where it is answered, as the settings say."""

    limits = Limits(changes=500)

    def __init__(
        self, layout: Layout, gateway: Gateway, servers: tuple[str, ...], page: int
    ) -> None:
        self.zone, self.servers = layout.zone, servers
        self._layout, self._gateway, self._page = layout, gateway, page
        self._neighbours: dict[str, str] = {}
        """Of the last reading that came to its end: see `skydnsedits.neighbours`."""

    def close(self) -> None:
        self._gateway.close()

    # --- reading --------------------------------------------------------------------------------

    def list(self) -> Iterator[Sequence[RecordSet]]:
        """A record set comes with the page that ends what is below its name."""
        neighbours: dict[str, str] = {}
        waiting: dict[str, list[Entry]] = {}
        for entries, last in self._pages(*below(self._layout.root)):
            neighbours |= skydnsedits.neighbours(entries)
            for entry in entries:
                waiting.setdefault(entry.path, []).append(entry)
            done = [path for path in waiting if last >= below(path)[1]]
            yield skydns.record_sets(entry for path in done for entry in waiting.pop(path))
        self._neighbours = neighbours
        if waiting:
            yield skydns.record_sets(entry for there in waiting.values() for entry in there)

    def _pages(self, start: str, end: str) -> Iterator[tuple[Sequence[Entry], str]]:
        """The entries of each page, and the last key that was looked at."""
        after, is_more = start.encode(), True
        while is_more:
            answer = self._gateway.read(
                {"key": text(after), "range_end": text(end), "limit": self._page}
            )
            found = answer.get("kvs") or []
            is_more = bool(answer.get("more")) and bool(found)
            last = _key(found[-1]) if found else ""
            after = last.encode("utf-8", "surrogateescape") + b"\0"
            yield self._entries(found), last

    def _entries(self, found: Iterable[Mapping[str, Any]]) -> Sequence[Entry]:
        entries = (
            self._layout.entry(
                _key(one), base64.b64decode(one.get("value", "")), int(one["mod_revision"])
            )
            for one in found
        )
        return [entry for entry in entries if entry is not None]

    # --- changing -------------------------------------------------------------------------------

    def apply(self, changes: Sequence[Change]) -> None:
        done = 0
        while done < len(changes):
            try:
                done += self._piece(changes[done:])
            except ProviderTrouble as error:
                if error.done is not None:
                    error.done += done
                raise

    def _piece(self, changes: Sequence[Change]) -> int:
        """The first of the changes, as many as can be looked at at once.  How many they were."""
        paths: list[tuple[str, ...]] = []
        failure: ProviderTrouble | None = None
        for change in changes:
            try:
                found = skydnsedits.paths(change, self._layout)
            except Rejected as error:
                failure = error
                break
            count = sum(map(len, paths))
            if paths and (2 * (count + len(found)) > OPERATIONS or _overlap(paths, found)):
                break
            paths.append(found)
        edits: list[Edit] = []
        if paths:
            there, revision = self._there([path for found in paths for path in found])
            for change, _ in zip(changes, paths, strict=False):
                try:
                    edits.append(skydnsedits.edit(change, there, self._layout))
                except (Outdated, Rejected) as error:
                    failure = error
                    break
            self._send(edits, changes, revision)
        if failure is not None:
            failure.done = len(edits)
            raise failure
        return len(edits)

    def _there(self, paths: Sequence[str]) -> tuple[dict[str, Entry], int]:
        """What is at and below these keys, what may be in the way above them, and the revision."""
        keys = {*paths}
        for path in paths:
            keys.update(
                self._neighbours[above]
                for above in self._layout.above(path)
                if above in self._neighbours
            )
        asked: list[Mapping[str, Any]] = [{"key": text(key)} for key in sorted(keys)]
        ranges = [*map(below, paths)]
        asked += [
            {"key": text(start), "range_end": text(end), "limit": self._page}
            for start, end in ranges
        ]
        there: dict[str, Entry] = {}
        revision = 0
        for first in range(0, len(asked), OPERATIONS):
            answer = self._gateway.read_all(asked[first : first + OPERATIONS])
            revision = revision or int(answer["header"]["revision"])
            responses = [one["response_range"] for one in answer["responses"]]
            for number, response in enumerate(responses, first - len(keys)):
                there.update(self._by_key(response.get("kvs") or ()))
                if response.get("more"):
                    for entries, _ in self._pages(*ranges[number]):
                        there.update((entry.key, entry) for entry in entries)
        return there, revision

    def _by_key(self, found: Iterable[Mapping[str, Any]]) -> dict[str, Entry]:
        return {entry.key: entry for entry in self._entries(found)}

    def _send(self, edits: Sequence[Edit], changes: Sequence[Change], revision: int) -> None:
        """As few transactions as it takes.  The error's `done` is of these edits."""
        first = 0
        while first < len(edits):
            last, size = first, 0
            while last < len(edits) and (last == first or size + edits[last].size <= OPERATIONS):
                size += edits[last].size
                last += 1
            try:
                is_done = self._transact(edits[first:last], revision)
            except Rejected as error:
                error.done = first
                if last - first == 1:
                    raise
                is_done = False
            except ProviderTrouble as error:
                if error.done is not None:
                    error.done += first
                raise
            if not is_done:
                self._one_by_one(edits[first:last], changes[first:last], revision, first)
            first = last

    def _one_by_one(
        self, edits: Sequence[Edit], changes: Sequence[Change], revision: int, done: int
    ) -> None:
        for number, edit in enumerate(edits, done):
            try:
                if not self._transact([edit], revision):
                    name = changes[number - done].name
                    raise Outdated(f"{name} was changed by somebody else just now")
            except ProviderTrouble as error:
                if error.done is not None or isinstance(error, (Outdated, Rejected)):
                    error.done = number
                raise

    def _transact(self, edits: Sequence[Edit], revision: int) -> bool:
        if not any(edit.puts or edit.deletes for edit in edits):
            return True
        compares: list[Mapping[str, Any]] = []
        operations: list[Mapping[str, Any]] = []
        for edit in edits:
            compares += [_unmoved(key, at) for key, at in edit.unmoved.items()]
            for path in edit.paths:
                compares += [_not_newer(revision, path), _not_newer(revision, *below(path))]
            operations += [
                {"request_put": {"key": text(key), "value": text(raw)}}
                for key, raw in edit.puts.items()
            ]
            operations += [{"request_delete_range": {"key": text(key)}} for key in edit.deletes]
        return self._gateway.change({"compare": compares, "success": operations})


def _key(found: Mapping[str, Any]) -> str:
    return base64.b64decode(found["key"]).decode("utf-8", "surrogateescape")


def _overlap(before: Iterable[Sequence[str]], paths: Sequence[str]) -> bool:
    """Whether one of the changes before has to do with the same keys."""
    return any(
        f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")
        for found in before
        for one in found
        for other in paths
    )


def _unmoved(key: str, revision: int) -> Mapping[str, Any]:
    return {"key": text(key), "target": "MOD", "result": "EQUAL", "mod_revision": revision}


def _not_newer(revision: int, key: str, end: str = "") -> Mapping[str, Any]:
    """Of a range: of every key in it."""
    compared = {"key": text(key), "target": "MOD", "result": "LESS", "mod_revision": revision + 1}
    return {**compared, "range_end": text(end)} if end else compared
