"""The public zone beside the other controllers: who leads keeps it, and says how it fares.

    what happens                             here
    we lead                                  a thread is started that keeps the zone (`zonethread`);
                                             it is told all that is known
    federated Services, Clusters change,     the thread is told; of our own writes at once
    or have been read whole
    the thread tells news                    Events: on Services, or on the ConfigMap `public-zone`
    host names of load balancers             they are resolved (`hostnames`), the thread is told
    what was done                            the zone's servers are asked for it (`checking`)
    how a Service fares                      its condition Propagated (`zonestatus`)
    how the zone fares, what was done        the ConfigMaps (`zonebook`)
    an operator approves a plan              the thread is told
    another leads, or we end                 the thread begins nothing any more
    the thread ends by itself                a fault of ours; another is started after a minute

Nothing here holds up propagation: the provider is asked in the thread, the rest in tasks.
I/O.  Called by `runtime`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping

import msgspec

from controllers import checking, zonestatus
from controllers.authority import Authority, Delegation, Server
from controllers.caches import CLUSTER, SERVICE, Caches
from controllers.checking import Checker
from controllers.counts import Durations
from controllers.executor import Place
from controllers.hostnames import HostNames
from controllers.kinds import CONFIGMAPS
from controllers.metrics import ZonePicture
from controllers.options import Options, addresses
from controllers.publiczone import (
    CLUSTERS,
    NOT_PUBLIC,
    PENDING,
    SERVICES,
    SETTLED,
    Report,
    Settings,
    Standing,
    State,
)
from controllers.recorder import Recorder
from controllers.world import Key, Resource, Told
from controllers.zonebook import ZoneBook
from controllers.zonestatus import Said, ZoneStatus
from controllers.zonethread import Hooks, ZoneThread
from feddns.config import SocketAddress
from feddns.errors import SettingRefused
from feddns.kube.objects import Changed
from feddns.names import Name
from feddns.providers import book, claims, keeper, ownership
from feddns.providers.base import Provider
from feddns.providers.desired import Host
from feddns.providers.keeper import News
from feddns.providers.plan import Policy
from feddns.providers.recordsets import canonical

log = logging.getLogger("feddns.controllers")

OpenProvider = Callable[[], Provider]
_AFTER_A_FAULT = 60.0
_SOURCES = {SERVICE: SERVICES, CLUSTER: CLUSTERS}


_UNSERVED = ("memory",)
"""Providers that nobody serves the zone of."""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """A zone, as the options have it.  `check`: auto, none, or servers with commas between."""

    provider: str
    settings: Settings
    resolvers: tuple[SocketAddress, ...] = ()
    check: str = "auto"

    @property
    def is_checked(self) -> bool:
        return self.check != "none" and (self.check != "auto" or self.provider not in _UNSERVED)

    @property
    def servers(self) -> list[Server]:
        """To be asked in place of those that the zone is delegated to."""
        if self.check in ("auto", "none"):
            return []
        return [Server("", one.address, one.port) for one in addresses(self.check)]


def chosen(options: Options) -> Chosen:
    """Raises `SettingRefused`."""
    registry = ownership.registry(
        options.dns_owner_id or f"feddns-{options.federation_name}",
        options.dns_txt_prefix or claims.PREFIX,
        options.dns_txt_suffix,
        _key(options.dns_txt_key_file),
    )
    keeping = keeper.Settings(
        policy=Policy(options.dns_policy),
        share=options.dns_removal_limit / 100,
        audit=options.dns_audit_period,
        is_dry=options.dns_dry_run,
    )
    settings = Settings(
        federation=options.federation_name, zone=canonical(options.zone_name), registry=registry,
        suffix=options.service_dns_suffix, ttl=int(options.dns_ttl),
        none_healthy=options.when_none_healthy, keeper=keeping,
    )  # fmt: skip
    return Chosen(
        provider=options.dns_provider, settings=settings, resolvers=options.dns_resolvers,
        check=options.dns_check_servers,
    )  # fmt: skip


def _key(path: str) -> str:
    if not path:
        return ""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except UnicodeDecodeError:
        raise SettingRefused(f"--dns-txt-key-file {path}: it is no text") from None
    except OSError as error:
        raise SettingRefused(f"--dns-txt-key-file {path}: {error.strerror}") from None


def opening(options: Options) -> OpenProvider:
    """Opens the provider of the options.  Raises `SettingRefused`, now and not later."""
    from feddns.providers import catalogue

    choice = catalogue.choose(
        options.dns_provider, options.zone_name, options.zone_id, options.dns_provider_config,
        options.dns_options,
    )  # fmt: skip
    return lambda: catalogue.open_provider(choice)


class PublicDns:
    """See the module's docstring.  Made inside the loop."""

    def __init__(
        self,
        choice: Chosen,
        open_provider: OpenProvider,
        world: Caches,
        federation: Place,
        recorder: Recorder,
    ) -> None:
        self._choice, self._open_provider = choice, open_provider
        self._world, self._federation, self._recorder = world, federation, recorder
        self._thread: ZoneThread | None = None
        self._before: ZoneThread | None = None
        """One that was stopped, and may still wait for its provider."""
        self._leading: list[asyncio.Task[None]] = []
        self._wrong: dict[str, Standing] = {}
        """Of Services that are not as they should be."""
        self._delegation: tuple[str, ...] = ()
        self._state, self._trouble = State(), ""
        self._read_at = 0.0, 0.0
        self.book = ZoneBook(world, federation, self._approve)
        self.status = ZoneStatus(world, federation)
        authority = Authority(choice.resolvers)
        self.hosts = HostNames(authority.look_up, self._resolved)
        self.checker: Checker | None = None
        if choice.is_checked:
            asking = checking.Hooks(self._checked, self._looked)
            self.checker = Checker(choice.settings.zone, authority, asking, choice.servers)

    # --- who leads -------------------------------------------------------------------------------

    def lead(self) -> None:
        """Begin to keep the zone."""
        if self._leading:
            return
        self.book.open()
        loop = asyncio.get_running_loop()
        self._leading.append(loop.create_task(self._keep()))
        if self.checker is not None:
            self._leading.append(loop.create_task(self.checker.run()))

    def follow(self) -> None:
        """Nothing is begun any more."""
        for task in self._leading:
            task.cancel()
        self._leading.clear()
        if self.checker is not None:
            self.checker.clear()
        if self._thread is not None:
            self._thread.stop()
            self._before, self._thread = self._thread, None
        self.book.close()
        self.status.clear()
        self._state, self._trouble = State(), ""
        self._wrong.clear()
        self.hosts.follow(())

    async def _keep(self) -> None:
        while True:
            if self._before is not None:
                await self._before.over.wait()
            hooks = Hooks(self._opened, self._told)
            thread = ZoneThread(self._choice.settings, self._open_provider, hooks)
            self._before = self._thread = thread
            thread.start()
            await thread.over.wait()
            await asyncio.sleep(_AFTER_A_FAULT)

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.book.run())
            group.create_task(self.status.pump.run())

    async def close(self, seconds: float) -> None:
        """Begin nothing more; let the call that is under way be done, and write it down."""
        thread = self._thread
        if thread is not None:
            thread.stop()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await thread.over.wait()
            await self.book.finish(seconds)
        self.follow()
        await self.hosts.close()

    # --- what is heard ---------------------------------------------------------------------------

    def federated_changed(self, resource: Resource, events: list[Changed]) -> None:
        """Objects of the federation did; none of them: the kind has been read whole."""
        if resource == CONFIGMAPS:
            system = self._world.system_namespace
            if any(one.namespace == system and one.name == book.NAME for one in events):
                self.book.changed()
        elif resource in _SOURCES and self._thread is not None:
            self._hear(self._thread, resource, events)
            if not events:
                self._read_whole(self._thread, resource)

    def _opened(self) -> None:
        """The thread takes what it is told: all that is known by now, then what comes."""
        if (thread := self._thread) is None:
            return
        for resource in _SOURCES:
            table = self._world.tables[resource]
            there = [Changed(*place, None, table.get(*place)) for place in table.places()]
            self._hear(thread, resource, there)
            if resource in self._federation.following.whole:
                self._read_whole(thread, resource)
        known = self.hosts.known
        thread.do(lambda zone, now: zone.resolved(known, now))

    def _resolved(self, name: Name, host: Host) -> None:
        if self._thread is not None:
            self._thread.do(lambda zone, now: zone.resolved({name: host}, now))

    def _hear(self, thread: ZoneThread, resource: Resource, events: list[Changed]) -> None:
        if resource == SERVICE:
            thread.do(lambda zone, now: zone.services_changed(events, now))
        else:
            thread.do(lambda zone, now: zone.clusters_changed(events, now))

    def _read_whole(self, thread: ZoneThread, resource: Resource) -> None:
        version, source = self._federation.following.version(resource), _SOURCES[resource]
        thread.do(lambda zone, now: zone.read_whole(source, version, now))

    def _approve(self, plan_id: str) -> None:
        if self._thread is not None:
            self._thread.do(lambda zone, now: zone.approve(plan_id, now))

    # --- what is told ----------------------------------------------------------------------------

    def _told(self, report: Report) -> None:
        if self._thread is None:
            return
        offset = time.time() - time.monotonic()
        for news in report.news:
            self._event(news)
        self._note_trouble(report)
        self._state = report.state
        self.hosts.follow(report.state.hosts)
        if self.checker is not None:
            self.checker.changed(report.applied)
        self._stand(report.standings)
        applied = [msgspec.structs.replace(one, time=one.time + offset) for one in report.applied]
        self.book.tell(self._entry(), applied, is_at_rest=report.state.is_at_rest)

    def _stand(self, standings: Mapping[str, Standing]) -> None:
        for service, standing in standings.items():
            if standing.reason in (SETTLED, PENDING, NOT_PUBLIC):
                self._wrong.pop(service, None)
            else:
                self._wrong[service] = standing
            is_checked = self.checker is not None and self.checker.is_checking(service)
            one = zonestatus.said(standing)
            if one is not None and not (is_checked and standing.reason == SETTLED):
                self.status.say(service, one)

    def _checked(self, service: str, one: Said) -> None:
        if service not in self._wrong:
            self.status.say(service, one)

    def _looked(self, found: Delegation) -> None:
        if found.mistakes and found.mistakes != self._delegation:
            self._event(News("DelegationMistake", "", "; ".join(found.mistakes), True))
        self._delegation = found.mistakes
        self.book.tell(self._entry(), (), is_at_rest=self._state.is_at_rest)

    def _note_trouble(self, report: Report) -> None:
        for news in report.news:
            if news.service or not news.is_warning:
                self._trouble = "" if news.reason == "ProviderBack" else self._trouble
            elif news.reason != "ZoneWaitsForApproval":
                self._trouble = news.message
        if report.state.is_at_rest:
            self._trouble = ""

    def _audited(self) -> float:
        """Unix time, 0 for not yet; the same for the same, however the clocks drift."""
        at = self._state.audited
        if at is None:
            return 0.0
        if at != self._read_at[0]:
            self._read_at = at, float(round(time.time() - time.monotonic() + at))
        return self._read_at[1]

    def _entry(self) -> book.Entry:
        settings, state = self._choice.settings, self._state
        return book.Entry(
            zone=settings.zone, provider=self._choice.provider, owner=settings.registry.owner,
            policy=str(settings.keeper.policy), records=state.ours,
            audited=self._audited(),
            pending=state.pending, proposed=state.proposed, quarantine=state.quarantine,
            held=state.held, trouble=self._trouble, delegation=self._delegation,
        )  # fmt: skip

    def _event(self, news: News) -> None:
        kind = "Warning" if news.is_warning else "Normal"
        if news.service:
            namespace, _, name = news.service.partition("/")
            key = Key(SERVICE, namespace, name)
        else:
            key = Key(CONFIGMAPS, self._world.system_namespace, book.NAME)
            level = logging.WARNING if news.is_warning else logging.INFO
            log.log(level, "public zone: %s: %s", news.reason, news.message)
        told = Told(key, kind, news.reason, news.message)
        self._recorder.tell(told, self._world.federated(key), time.time())

    def picture(self) -> ZonePicture:
        """For the metrics."""
        state, thread = self._state, self._thread or self._before
        return ZonePicture(
            zone=self._choice.settings.zone,
            calls=state.calls,
            ours=state.ours,
            foreign=state.foreign,
            waiting=len(state.pending.changes) if state.pending else 0,
            quarantined=len(state.quarantine),
            held=[str(one.reason) for one in state.held],
            audited=self._audited(),
            is_in_trouble=bool(self._trouble),
            told=thread.told if thread else Durations(),
            took=thread.took if thread else Durations(),
            propagated=self.checker.took if self.checker else Durations(),
        )
