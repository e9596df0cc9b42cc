"""Where the objects come from: the cluster and the federation, each from manifests or from its API.

    setting                                  the cluster's          the federation's
    --manifests, --federation-manifests      folders, followed      folders, followed
    --kubeconfig, --federation-kubeconfig    its API                its API
    nothing                                  the API of the cluster that the process runs in;
                                             outside one that is refused
    nothing                                                         no view: the public zone knows

I/O.  Called by `serve` and `watching`, and by the commands that answer without a server.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

import msgspec

from feddns.config import Settings
from feddns.errors import SettingRefused
from feddns.events import Event, Object, Synced
from feddns.inventory import Counts, InformerState, Inventory, Refusal
from feddns.kube.resources import Role
from feddns.manifests.folder import Loader
from feddns.resolver.forwarding import routing

if TYPE_CHECKING:
    from feddns.kube.following import ApiSource

Emit = Callable[[list[Event]], None]
"""Takes a list of events that belong together; `Synced` is the last of those that made it whole."""

Kept = Object | msgspec.Raw
"""An object, or the msgpack that it is kept as."""


class Source(Protocol):
    """One origin of objects."""

    async def run(self, emit: Emit) -> None:
        """Tell everything, then every change, for ever."""

    def objects(self) -> Iterable[Kept]:
        """All objects in force."""

    def refusals(self) -> list[Refusal]:
        """What does not count now, and why."""

    def counts(self) -> Mapping[Role, Counts]:
        """For metrics: how many of what."""

    def states(self) -> list[InformerState]:
        """How each resource is followed."""


# --- which ------------------------------------------------------------------------------------


def check(settings: Settings) -> None:
    """Refuse what cannot work before anything is started.

    Raises `SettingRefused` without a source, `OperatorNeeded` for a folder that is not there or a
    kubeconfig that cannot be used.
    """
    routing.denied(settings.never_forward)
    require(settings)
    if settings.manifests or settings.federation_manifests:
        next(_loader(settings).load(), None)  # looks at every folder before the first file
    for role in _followed(settings):
        _api(settings, role).check()


def require(settings: Settings, environment: Mapping[str, str] = os.environ) -> None:
    """Raises `SettingRefused` without a source, and with two for the same objects."""
    for folders, kubeconfig, prefix in (
        (settings.manifests, settings.kubeconfig, ""),
        (settings.federation_manifests, settings.federation_kubeconfig, "federation-"),
    ):
        if folders and kubeconfig:
            raise SettingRefused(f"--{prefix}manifests and --{prefix}kubeconfig exclude each other")
    if not (settings.manifests or settings.kubeconfig or _is_in_cluster(environment)):
        raise SettingRefused(
            "nothing to answer from: --kubeconfig FILE names a cluster's API, --manifests DIR a "
            "folder with what `kubectl get -A -o yaml` prints; inside a cluster neither is needed"
        )


def name_of(settings: Settings) -> str:
    """Which sources these are, so that a saved snapshot is not taken for another cluster's."""
    if settings.manifests:
        cluster = " ".join(settings.manifests)
    else:
        cluster = f"{settings.kubeconfig or 'in-cluster'} {settings.context}".strip()
    federation = " ".join(settings.federation_manifests) or " ".join(
        filter(None, (settings.federation_kubeconfig, settings.federation_context))
    )
    return f"{cluster} + {federation}" if federation else cluster


def _is_in_cluster(environment: Mapping[str, str]) -> bool:
    return "KUBERNETES_SERVICE_HOST" in environment


def _followed(settings: Settings) -> list[Role]:
    """The roles whose objects come from an API."""
    found = [] if settings.manifests else [Role.CLUSTER]
    return found + ([Role.FEDERATION] if settings.federation_kubeconfig else [])


# --- all of them ------------------------------------------------------------------------------


class Sources:
    """All sources of a server as one."""

    def __init__(self, settings: Settings) -> None:
        self._sources: list[Source] = []
        if settings.manifests or settings.federation_manifests:
            self._sources.append(Manifests(settings))
        self._sources += [_api(settings, role) for role in _followed(settings)]

    async def run(self, emit: Emit) -> None:
        """Tell everything, then every change, for ever; an error of one is an error of all."""
        async with asyncio.TaskGroup() as group:
            for source in self._sources:
                group.create_task(source.run(emit))

    def objects(self) -> Iterator[Kept]:
        """All objects in force."""
        for source in self._sources:
            yield from source.objects()

    def refusals(self) -> list[Refusal]:
        return [refusal for source in self._sources for refusal in source.refusals()]

    def inventory(self) -> Inventory:
        """Counts of what is in force, passed over and refused, and how it is followed."""
        objects: Counter[str] = Counter()
        ignored: Counter[str] = Counter()
        refused: dict[str, int] = {}
        for source in self._sources:
            for role, counts in source.counts().items():
                objects.update(counts.objects)
                ignored.update(counts.ignored)
                refused[role.value] = counts.refused
        states = [row for source in self._sources for row in source.states()]
        return Inventory(dict(objects), dict(ignored), refused, states)


def _api(settings: Settings, role: Role) -> ApiSource:
    from feddns.kube.following import ApiSource  # not needed with manifests

    return ApiSource(settings, role)


class Manifests:
    """The folders of both roles."""

    def __init__(self, settings: Settings) -> None:
        self._loader = _loader(settings)

    def load(self) -> Iterator[list[Event]]:
        """Everything there is, in small lists."""
        yield from self._loader.load()
        yield [Synced(federation=role is Role.FEDERATION) for role in self._loader.tables]

    async def run(self, emit: Emit) -> None:
        for events in self.load():
            emit(events)
            await asyncio.sleep(0)
        async for events in self._loader.follow():
            emit(events)

    def objects(self) -> Iterator[Object]:
        for table in self._loader.tables.values():
            yield from table.objects()

    def refusals(self) -> list[Refusal]:
        return self._loader.refusals()

    def counts(self) -> Mapping[Role, Counts]:
        return self._loader.counts()

    def states(self) -> list[InformerState]:
        return []


def _loader(settings: Settings) -> Loader:
    folders = {Role.CLUSTER: settings.manifests, Role.FEDERATION: settings.federation_manifests}
    # Pods are many, and only verified pod names need them.
    unwanted = () if settings.pods == "verified" else ("Pod",)
    given = {role: paths for role, paths in folders.items() if paths}
    return Loader(given, unwanted, config_map=settings.config_map)
