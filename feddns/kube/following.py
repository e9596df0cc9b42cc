"""The API of one cluster, or of the federation, as a source of events.

    role          followed                                             the first `Synced` needs
    CLUSTER       services, endpointslices, pods for verified names    all of them
                  namespaces, nodes, the ConfigMap                     unless forbidden or absent
    FEDERATION    services, clusters                                   all of them

    source = following.ApiSource(settings, Role.CLUSTER)
    await source.run(emit)        # for ever; a list of events is one step

Each resource has its informer and its connection.  When services or endpointslices have had no
live watch for 10 seconds the cluster is `Stale`, until they have one again.  What is refused is a
log line and a Warning Event on the object (decisions.md 10).

I/O.  Called by `app.sources`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import msgspec

from feddns.config import Settings
from feddns.events import Event, Object, Stale, Synced
from feddns.inventory import Counts, InformerState, Refusal
from feddns.kube import resources
from feddns.kube.credentials import Credentials
from feddns.kube.follower import Follower, Notes
from feddns.kube.informer import Abilities, Informer, Resource
from feddns.kube.resources import Role
from feddns.kube.table import Table
from feddns.kube.telling import Teller

log = logging.getLogger("feddns.kube")

STALE_AFTER = 10.0

Emit = Callable[[list[Event]], None]

_DISCOVERY = "discovery.k8s.io/v1"
_FEDERATION = "federation.feddns.dev/v1beta1"
_decode = msgspec.msgpack.Decoder(Object).decode


class ApiSource:
    """See the module's docstring."""

    def __init__(self, settings: Settings, role: Role) -> None:
        if role is Role.CLUSTER:
            self._credentials = Credentials(settings.kubeconfig, settings.context)
        else:
            self._credentials = Credentials(
                settings.federation_kubeconfig, settings.federation_context
            )
        self.role = role
        self.title = f"{role.value} API ({self._credentials.where})"
        self.synced = False
        self._informers = _informers(settings, role)
        self._essential, self._optional = (
            [one for one in self._informers if (one.resource.plural in _OPTIONAL) is optional]
            for optional in (False, True)
        )
        self._teller = Teller(self._credentials, self.title)
        self._is_stale = False
        self._emit: Emit = lambda events: None
        self._notes = Notes(log, self.title)

    def check(self) -> None:
        """Raises `OperatorNeeded` when the kubeconfig or the service account cannot be used."""
        self._credentials.check()

    async def run(self, emit: Emit) -> None:
        """Tell everything, then every change, for ever."""
        self._emit = emit
        async with asyncio.TaskGroup() as group:
            for informer in self._informers:
                group.create_task(self._follower(informer).run())
            group.create_task(self._teller.run())

    # --- what comes ------------------------------------------------------------------------------

    def _follower(self, informer: Informer[Table]) -> Follower[Table]:
        def passed(events: list[Event]) -> None:
            self._pass(informer, events)

        return Follower(informer, self._credentials, passed, self._judge)

    def _pass(self, informer: Informer[Table], events: list[Event]) -> None:
        """Give events on, and say what is to be said."""
        if informer.notes or informer.table.reports:
            self._tell(informer)
        if not self.synced and self._is_whole():
            self.synced = True
            events.append(Synced(federation=self.role is Role.FEDERATION))
        if events:
            self._emit(events)
        if self._is_stale:
            self._judge()

    # --- the whole -------------------------------------------------------------------------------

    def _is_whole(self) -> bool:
        return all(informer.is_complete for informer in self._essential) and all(
            informer.is_complete or informer.is_forbidden or informer.is_absent
            for informer in self._optional
        )

    def _judge(self) -> None:
        """Whether the cluster is followed, and an event when that has changed."""
        if not self.synced or self.role is not Role.CLUSTER:
            return
        lost = [one.unfollowed for one in self._essential if not one.is_followed]
        if not lost:
            if self._is_stale:
                self._is_stale = False
                self._emit([Stale(0.0)])
        elif not self._is_stale:
            silent = asyncio.get_running_loop().time() - min(lost)
            if silent > STALE_AFTER:
                self._is_stale = True
                self._emit([Stale(time.time() - silent)])

    # --- what is told ----------------------------------------------------------------------------

    def _tell(self, informer: Informer[Table]) -> None:
        self._notes.tell(informer)
        for report in informer.table.reports:
            for reason in report.reasons:
                log.warning("%s: %s", self.title, reason)
            kind = informer.table.kind
            self._teller.tell(informer.resource.api_version, kind, report)
        informer.table.reports.clear()

    # --- what is there ---------------------------------------------------------------------------

    def objects(self) -> Iterator[msgspec.Raw]:
        """All objects in force, as the msgpack that they are kept as."""
        for informer in self._informers:
            yield from map(msgspec.Raw, informer.table.objects())

    def refusals(self) -> list[Refusal]:
        """What does not count now, and why."""
        return [
            Refusal("", 0, reason)
            for informer in self._informers
            for reason in informer.table.refusals()
        ]

    def counts(self) -> Mapping[Role, Counts]:
        """For metrics: how many of what."""
        objects: Counter[str] = Counter()
        ignored: Counter[str] = Counter()
        for informer in self._informers:
            objects.update(informer.table.counts)
            ignored.update(informer.table.ignored)
        return {self.role: Counts(dict(+objects), dict(ignored), len(self.refusals()))}

    def states(self) -> list[InformerState]:
        """How each resource is followed."""
        ahead = time.time() - time.monotonic()
        return [
            InformerState(
                source=self.role.value,
                resource=informer.resource.plural,
                phase=informer.phase,
                since=_unix(informer.since, ahead),
                objects=len(informer.table),
                last_event=_unix(informer.last_event, ahead),
                last_bookmark=_unix(informer.last_bookmark, ahead),
                resource_version=informer.version,
                lists=informer.lists,
                watches=informer.watches,
                errors=dict(informer.errors),
                last_error=informer.last_error,
            )
            for informer in self._informers
        ]


def _unix(at: float, ahead: float) -> float:
    """The loop's clock is the monotonic one."""
    return at + ahead if at else 0.0


# --- which resources -----------------------------------------------------------------------------

_FILTERED = frozenset(("Service", "EndpointSlice", "Pod"))
"""What --namespaces leaves out."""

_OPTIONAL = frozenset(("namespaces", "nodes", "configmaps"))
"""What the rest can go on without."""


def _informers(settings: Settings, role: Role) -> list[Informer[Table]]:
    abilities = Abilities()
    kinds = resources.kinds(settings.config_map)[role]
    served = settings.namespaces if role is Role.CLUSTER else ()

    def make(version: str, kind: str, plural: str, place: str = "/") -> None:
        namespace, _, name = place.partition("/")
        table = Table(kinds[version, kind], served if kind in _FILTERED else ())
        made.append(Informer(Resource(version, plural, namespace, name), table, abilities))

    made: list[Informer[Table]] = []
    make("v1", "Service", "services")
    if role is Role.FEDERATION:
        make(_FEDERATION, "Cluster", "clusters")
        return made
    make(_DISCOVERY, "EndpointSlice", "endpointslices")
    if settings.pods == "verified":
        make("v1", "Pod", "pods")
    make("v1", "Namespace", "namespaces")
    make("v1", "Node", "nodes")
    make("v1", "ConfigMap", "configmaps", settings.config_map)
    return made
