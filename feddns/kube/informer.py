"""One resource of an API, listed and then watched: what to ask next, and the events in the answers.

    state           asked                                  leads to
    to list         pages of 5,000, by continue token        watching, after the last page
    to list again   a watch that begins with everything    watching, at the bookmark that ends it
                    (where the server has it); else pages
    watching        a watch from the last version, with    itself, when the watch ends by its time
                    bookmarks, for 4 to 5 minutes
    waiting         nothing, until the time is over        what it was before

    what comes                                        what happens
    a good page, event or bookmark                    the next failure waits as the first one
    a watch ends by itself                            it is asked for again from the last version,
                                                      at once, or in half a second when it lasted
                                                      less than one; a failure if it gave nothing
    410 Gone, as status or as an ERROR event, in      everything is listed again, the first time at
    the middle of a list too                          once; what is known stays until that is whole
    400, 405 or 422 for a watch that begins with      pages, from now on, for the whole API
    everything; no such bookmark in it
    401, 403, 404                                     waits; the way out is said once
    429, 5xx                                          waits, as long as Retry-After says at least;
                                                      5xx for the sixth time: everything is listed
    an ERROR event other than 410                     waits, then lists again
    a line that is no JSON                            waits, then lists again
    nothing for timeoutSeconds + 30, or for 150 s     `is_silent`: the caller cuts the connection
    after a bookmark
    no connection, or a cut one                       waits; the list or watch goes on where it was

Waiting doubles from half a second to 30 seconds (5 where nobody is reached), the half by chance.

The caller makes each `Request`, tells `accepted`, `data`, `ended` or `refused` or `failed`, and has
the events.  `cut` says that the connection is to be closed.  Pure: `now` is a clock that only goes
forward, `chance` a number from 0 to 1.  What the objects mean is the table's to know: `kube.table`
makes DNS events of them, `kube.objects` keeps them as they are.  Called by `kube.follower`.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from feddns.kube import resources, shapes
from feddns.kube.fields import Metadata

PAGE = 5000
"""Objects: some 10 MB.  Smaller ones cost the server more: 100,000 Services and their slices take
it 6 s of CPU by 2,000, 2 s by 5,000."""
LONGEST_LINE = 16 << 20
WATCH_SECONDS = 240
SLACK = 30.0
SILENT_START = 15.0
"""Seconds without a byte after which a watch that begins with everything has not begun."""
SILENT_LIST = 60.0
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
CONNECTION_WAIT = 5.0
"""The longest where nobody is reached: a server that comes back is to be followed soon."""
SILENT_WATCH = 150.0
"""Seconds without a byte that end a watch which has had a bookmark: one comes each minute."""
FORBIDDEN_WAIT = 5.0
"""The least wait when a rule is missing: somebody has to act."""

PATIENCE = 5
SHORT = 1.0
"""Seconds; a watch is meant to last for minutes."""
_GENERAL = ("connection", "unauthorized", "busy")

LISTING, WATCHING, WAITING, FORBIDDEN = "listing", "watching", "waiting", "forbidden"

_INITIAL_END = "k8s.io/initial-events-end"


class Resource(NamedTuple):
    """What is followed: all objects of a kind, or the one of `namespace` and `name`.

    `selector`: only those with these labels.
    """

    api_version: str
    plural: str
    namespace: str = ""
    name: str = ""
    selector: str = ""

    @property
    def path(self) -> str:
        root = "/apis/" if "/" in self.api_version else "/api/"
        inside = f"/namespaces/{quote(self.namespace, safe='')}" if self.namespace else ""
        return f"{root}{self.api_version}{inside}/{self.plural}"

    def only(self) -> str:
        """What the query begins with where not all objects of the path are meant."""
        name = f"fieldSelector=metadata.name%3D{self.name}&" if self.name else ""
        labels = f"labelSelector={quote(self.selector, safe='')}&" if self.selector else ""
        return name + labels

    def rule(self) -> str:
        """The RBAC rule that allows to follow it, as one would write it."""
        group = self.api_version.rpartition("/")[0]
        named = f', resourceNames: ["{self.name}"]' if self.name else ""
        return f'apiGroups: ["{group}"], resources: ["{self.plural}"]{named}, verbs: [list, watch]'


class Abilities(msgspec.Struct):
    """What the server was found able to do; shared by all informers of an API.

    `first_list`: the first reading, too, is by watch-list.  It is not by default: as JSON that
    costs the server twice the time of pages.  When many clients list again at once, what counts is
    its memory, which a watch-list spares (KEP-3157).
    """

    watch_list: bool = True
    first_list: bool = False


class Request(NamedTuple):
    """`silence`: how long no byte need come."""

    target: str
    watch: bool
    silence: float


class Note(NamedTuple):
    """A line for the log."""

    is_warning: bool
    text: str
    is_general: bool = False
    """It is likely to hit every resource of the API alike."""


class Keeper(Protocol):
    """What an informer fills: a table whose methods append what has changed to `events`.

    The methods are those of `kube.table.Table`.
    """

    @property
    def decoders(self) -> shapes.Decoders: ...

    def put(self, item: Any, events: list[Any], *, live: bool = False) -> None: ...

    def put_raw(self, raw: msgspec.Raw, events: list[Any], *, live: bool = False) -> None: ...

    def remove(self, metadata: Metadata, events: list[Any]) -> None: ...

    def begin(self) -> None: ...

    def end(self) -> list[Any]: ...


T = TypeVar("T", bound=Keeper)


class Informer(Generic[T]):
    """See the module's docstring."""

    def __init__(self, resource: Resource, table: T, abilities: Abilities) -> None:
        self.resource = resource
        self.table = table
        self.phase = LISTING
        self.since = 0.0
        self.is_complete = False
        """It has been read whole once."""
        self.is_absent = False
        """The server has no such resource."""
        self.is_forbidden = False
        """The account lacks a rule."""
        self.unfollowed = 0.0
        """Since when there is no live watch, if there is none."""
        self.due = 0.0
        """When the next request may be made."""
        self.cut = False
        self.version = ""
        self.lists = self.watches = 0
        self.last_event = self.last_bookmark = 0.0
        self.errors: Counter[str] = Counter()
        self.last_error = ""
        self.notes: list[Note] = []
        self._decoders = table.decoders
        self._abilities = abilities
        self._request = Request("", False, 0.0)
        self._is_initial = False
        self._continue = ""
        self._is_listing = False
        self._rest = b""
        self._page: list[bytes] = []
        self._has_given = False
        self._chance = 0.0
        self._began = self._heard = 0.0
        self._failures = self._expired = 0
        self._kind = ""
        self._told = ""
        self._told_general = False

    @property
    def is_listed(self) -> bool:
        """What is known is all that there was at `version`, and is not to be listed again."""
        return bool(self.version)

    @property
    def is_followed(self) -> bool:
        return self.phase == WATCHING

    # --- what to ask -----------------------------------------------------------------------------

    def request(self, now: float, chance: float) -> Request:
        """What to ask now; `due` is not later than `now`."""
        self._chance, self._began, self._heard = chance, now, now
        self._rest, self._page = b"", []
        self.cut = self._has_given = False
        seconds = WATCH_SECONDS + int(chance * 60)
        only = self.resource.only()
        watch = f"{only}watch=true&allowWatchBookmarks=true&timeoutSeconds={seconds}"
        self._is_initial = False
        if self.version:
            query = f"{watch}&resourceVersion={quote(self.version, safe='')}"
            request = Request(query, True, seconds + SLACK)
        elif self._by_watch_list():
            query = f"{watch}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
            request = Request(query, True, SILENT_START)
            self._is_initial = True
            self._begin_list()
        else:
            query = f"{only}limit={PAGE}"
            if self._continue:
                query += f"&continue={quote(self._continue, safe='')}"
            else:
                self._begin_list()
            request = Request(query, False, SILENT_LIST)
        self._request = request._replace(target=f"{self.resource.path}?{request.target}")
        return self._request

    def _by_watch_list(self) -> bool:
        abilities = self._abilities
        return (
            abilities.watch_list
            and not self._continue
            and (self.is_complete or abilities.first_list)
        )

    def list_again(self, now: float) -> None:
        """What is known may be of a world that is no more; the caller cuts what is under way."""
        self.version = self._continue = ""
        self.due = now
        self.cut = True
        self._enter(LISTING, now)

    def is_silent(self, now: float) -> bool:
        """Whether what was asked for has been without a byte for too long."""
        return now - self._heard > self._request.silence

    def _begin_list(self) -> None:
        self.lists += 1
        self.table.begin()

    # --- what comes ------------------------------------------------------------------------------

    def accepted(self, now: float) -> None:
        """The server answers with 200."""
        self._heard = now
        self.is_absent = self.is_forbidden = False
        if self._request.watch and not self._is_initial:
            self._watching(now)
        else:
            self._enter(LISTING, now)

    def data(self, data: bytes, now: float) -> list[Any]:
        """A piece of the answer's body."""
        self._heard = now
        self._has_given = True
        if not self._request.watch:
            self._page.append(data)
            return []
        lines = (self._rest + data if self._rest else data).split(b"\n")
        self._rest = lines.pop()
        events: list[Any] = []
        for line in lines:
            if line and not self.cut:
                self._line(line, events, now)
        if len(self._rest) > LONGEST_LINE and not self.cut:
            self._restart("an event that does not end", now)
        return events

    def ended(self, now: float) -> list[Any]:
        """The answer is whole.  After `cut` nothing is left to do."""
        if self.cut:
            self.cut = False
            return []
        if not self._request.watch:
            return self._read_page(now)
        if self._is_initial:
            self._without_watch_list(now)
        elif not self._has_given and now - self._began < SHORT:
            self.failed("the watch ended at once", now)
        else:
            is_short = now - self._began < SHORT
            self.due = now + _wait(1, self._chance) if is_short else now
        return []

    def refused(self, status: int, message: str, retry_after: float, now: float) -> None:
        """The server answers with another status than 200; `message` is what it says."""
        if status == 410:
            self._expire(now)
        elif self._is_initial and status in (400, 405, 422):
            self._without_watch_list(now)
        elif status == 403:
            self.is_forbidden = True
            self._wait("forbidden", self._forbidden(), now, FORBIDDEN_WAIT, FORBIDDEN)
        elif status == 404:
            self.is_absent = True
            self._wait("absent", self._absent(), now, FORBIDDEN_WAIT)
        elif status == 401:
            text = "401 Unauthorized, the credentials are refused; renew the token or certificate"
            self._wait("unauthorized", text, now, retry_after)
        else:
            kind = "busy" if status == 429 else f"status {status}"
            if status != 429 and self._failures >= PATIENCE:
                self.version = self._continue = ""  # it may be of a world that is no more
            self._wait(kind, f"status {status}: {message or 'no reason given'}", now, retry_after)

    def failed(self, reason: str, now: float) -> None:
        """There is no answer, or it ended in the middle."""
        if self.cut:
            self.cut = False
            return
        if self._is_initial and now - self._heard > SILENT_START:
            self._without_watch_list(now)
        else:
            self._wait("connection", reason, now, longest=CONNECTION_WAIT)

    # --- lists -----------------------------------------------------------------------------------

    def _read_page(self, now: float) -> list[Any]:
        body = b"".join(self._page)
        self._page = []
        events: list[Any] = []
        try:
            page = self._decoders.page(body)
            for item in page.items or ():
                self.table.put(item, events)
        except (msgspec.DecodeError, UnicodeError):
            try:
                page = shapes.read_page(body)
            except (msgspec.DecodeError, UnicodeError) as error:
                self._restart(f"a list that is none ({error})", now)
                self.cut = False
                return []
            for raw in page.items or ():
                self.table.put_raw(raw, events)
        self._good()
        self._continue = page.metadata.next or ""
        if not self._continue:
            self.version = page.metadata.resource_version or "0"
            events += self._complete(now)
        self.due = now
        return events

    def _complete(self, now: float) -> list[Any]:
        self.is_complete = True
        self.unfollowed = now
        self._tell_recovery()
        return self.table.end()

    def _tell_recovery(self) -> None:
        if self._told:
            self._told = ""
            self.notes.append(Note(False, "followed again", self._told_general))

    def _without_watch_list(self, now: float) -> None:
        self._abilities.watch_list = False
        self.due = now

    # --- watches ---------------------------------------------------------------------------------

    def _line(self, line: bytes, events: list[Any], now: float) -> None:
        try:
            event = self._decoders.event(line)
        except (msgspec.DecodeError, UnicodeError):
            self._odd_line(line, events, now)
            return
        kind = event.type
        if kind == "ADDED" or kind == "MODIFIED":
            self.table.put(event.object, events, live=not self._is_initial)
        elif kind == "DELETED":
            self.table.remove(event.object.metadata, events)
        else:
            self._odd_line(line, events, now)
            return
        self._passed(event.object.metadata, now)

    def _odd_line(self, line: bytes, events: list[Any], now: float) -> None:
        """Bookmarks, errors, objects that do not decode, and what is no event."""
        try:
            kind, raw = shapes.read_event(line)
            if kind == "ERROR":
                self._error(shapes.read_status(raw), now)
                return
            if kind == "BOOKMARK":
                self._bookmark(shapes.read_bookmark(raw).metadata, events, now)
                return
        except (msgspec.DecodeError, UnicodeError) as error:
            self._restart(f"an event that is none ({error})", now)
            return
        metadata = resources.metadata_of(raw) or Metadata()
        if kind == "DELETED":
            self.table.remove(metadata, events)
        elif kind in ("ADDED", "MODIFIED"):
            self.table.put_raw(raw, events, live=not self._is_initial)
        self._passed(metadata, now)

    def _passed(self, metadata: Metadata, now: float) -> None:
        self.last_event = now
        self._good()
        if not self._is_initial and metadata.resource_version:
            self.version = metadata.resource_version

    def _bookmark(self, metadata: shapes.Bookmarked, events: list[Any], now: float) -> None:
        self.last_bookmark = now
        self._good()
        version = metadata.resource_version or ""
        if not self._is_initial:
            self.version = version or self.version
            self._request = self._request._replace(silence=SILENT_WATCH)
        elif (metadata.annotations or {}).get(_INITIAL_END) == "true":
            self.version = version or "0"
            self._is_initial = False
            self._request = self._request._replace(silence=WATCH_SECONDS + 60 + SLACK)
            events += self._complete(now)
            self._watching(now)

    def _watching(self, now: float) -> None:
        self.watches += 1
        self._enter(WATCHING, now)
        self._tell_recovery()

    # --- trouble ---------------------------------------------------------------------------------

    def _good(self) -> None:
        self._failures = 0
        if self.phase == WATCHING:
            self._expired = 0

    def _expire(self, now: float) -> None:
        """The version is too old: list again; in a row, not at once."""
        self.errors["expired"] += 1
        self.version = self._continue = ""
        self._expired += 1
        self._enter(LISTING, now)
        self.due = now + (_wait(self._expired - 1, self._chance) if self._expired > 1 else 0.0)

    def _error(self, status: shapes.Status, now: float) -> None:
        self.cut = True
        if status.code == 410:
            self._expire(now)
        else:
            text = f"the watch ended with status {status.code}: {status.message}"
            self._list_later(f"status {status.code}", text, now)

    def _restart(self, what: str, now: float) -> None:
        self.cut = True
        text = f"the server sent {what}; everything is listed again"
        self._list_later("garbled", text, now)

    def _list_later(self, kind: str, text: str, now: float) -> None:
        self.version = self._continue = ""
        self._expired += 1
        self._wait(kind, text, now, _wait(self._expired, self._chance))

    def _wait(
        self,
        kind: str,
        text: str,
        now: float,
        least: float = 0.0,
        phase: str = WAITING,
        longest: float = LONGEST_WAIT,
    ) -> None:
        if self._kind == "connection" != kind:
            self._failures = 0  # somebody is there again: another trouble, with its own patience
        self._kind = kind
        self._failures += 1
        self.errors[kind] += 1
        self.last_error = text
        if text != self._told:
            self._told = text
            self._told_general = kind in _GENERAL
            self.notes.append(Note(True, text, self._told_general))
        self.due = now + max(least, _wait(self._failures, self._chance, longest))
        self._enter(phase, now)

    def _enter(self, phase: str, now: float) -> None:
        if self.phase == WATCHING != phase:
            self.unfollowed = now
        if self.phase != phase:
            self.phase, self.since = phase, now

    def _forbidden(self) -> str:
        return f"403 Forbidden; grant this account the rule {{{self.resource.rule()}}}"

    def _absent(self) -> str:
        if self.resource.plural == "clusters":
            return (
                "404 Not Found, the CustomResourceDefinition clusters.federation.feddns.dev is not "
                "installed; apply it, or point the federation's kubeconfig at the federation's API"
            )
        version, plural = self.resource.api_version, self.resource.plural
        return f"404 Not Found, the server has no {version} {plural}"


def _wait(attempt: int, chance: float, longest: float = LONGEST_WAIT) -> float:
    whole: float = min(longest, FIRST_WAIT * 2 ** min(attempt - 1, 16))
    return whole * (0.5 + chance / 2)
