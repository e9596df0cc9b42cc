"""The informers of one API, kept up while it is there.

    following = Following(credentials, "cluster eu", heard)
    following.add(resource, table, selector="…")
    await following.run()

`heard(resource, events)` is told of every change, and with no events when a resource has been read
whole: the first time, and after each `list_again`.  `remembered` is told what writes of ours have
changed, which `heard` is not.  Trouble is a log line, once.  I/O.  Called by `members` and
`runtime`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from controllers.world import Resource
from feddns.kube import informer
from feddns.kube.credentials import Credentials
from feddns.kube.follower import Follower, Notes
from feddns.kube.informer import Abilities, Informer
from feddns.kube.objects import Changed, ObjectTable

log = logging.getLogger("feddns.controllers")

Heard = Callable[[Resource, list[Changed]], None]


class Following:
    """See the module's docstring."""

    def __init__(self, credentials: Credentials, title: str, heard: Heard) -> None:
        self.title = title
        self._credentials = credentials
        self._heard = heard
        self.remembered: Heard = _unheard
        self._abilities = Abilities()
        self._followers: dict[Resource, Follower[ObjectTable]] = {}
        self._whole: set[Resource] = set()
        self._notes = Notes(log, title)

    def add(
        self, resource: Resource, table: ObjectTable, *, selector: str = "", namespace: str = ""
    ) -> None:
        """Follow these objects, into the table."""
        place = informer.Resource(
            resource.api_version, resource.plural, namespace, selector=selector
        )
        one = Informer(place, table, self._abilities)
        follower = Follower(one, self._credentials, partial(self._pass, resource), _nothing)
        self._followers[resource] = follower

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            for follower in self._followers.values():
                group.create_task(follower.run())

    def list_again(self) -> None:
        """Read everything anew: the API may have lost or got what no watch tells.

        Nothing is whole until it has been: what is known is of another time.
        """
        self._whole.clear()
        for follower in self._followers.values():
            follower.list_again()

    def remember(self, resource: Resource, raw: bytes) -> None:
        """What a write of ours gave; see `ObjectTable.remember`."""
        follower = self._followers.get(resource)
        if follower is not None and follower.informer.is_followed:
            events = follower.informer.table.remember(raw, follower.informer.version)
            if events:
                self.remembered(resource, events)

    @property
    def whole(self) -> frozenset[Resource]:
        """What has been read completely, and is not to be read anew."""
        return frozenset(self._whole)

    def version(self, resource: Resource) -> str:
        """Up to which it has been read."""
        return self._followers[resource].informer.version

    @property
    def missing(self) -> list[str]:
        """Why something is not whole, for a person."""
        return [
            f"{resource.plural}: {follower.informer.last_error or 'being read'}"
            for resource, follower in self._followers.items()
            if resource not in self._whole
        ]

    def objects(self) -> dict[str, int]:
        """How many of each are kept."""
        return {
            resource.plural: len(follower.informer.table)
            for resource, follower in self._followers.items()
        }

    def _pass(self, resource: Resource, events: list[Changed]) -> None:
        one = self._followers[resource].informer
        self._notes.tell(one)
        if events:
            self._heard(resource, events)
        if one.is_listed and resource not in self._whole:
            self._whole.add(resource)
            self._heard(resource, [])


def _unheard(resource: Resource, events: list[Changed]) -> None:
    """Most have no use for what they did themselves."""


def _nothing() -> None:
    """Nobody judges staleness by the second here."""
