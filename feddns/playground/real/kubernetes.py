"""One real cluster: etcd and kube-apiserver, and what makes a cluster of them where it is wanted.

    started first          etcd, kube-apiserver
    when that is ready     definitions of kinds; the controllers, the scheduler, KWOK
    paused                 kube-apiserver is killed, the others wait for it

Everything is in the plan's folder and on its address.  I/O.  Called by `stage`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from feddns.apiserver import server
from feddns.errors import OperatorNeeded
from feddns.kube import api, informer, objects
from feddns.kube.credentials import Credentials, Document
from feddns.kube.follower import Follower
from feddns.kube.informer import Abilities, Informer
from feddns.kube.objects import Changed, ObjectTable
from feddns.playground.apis import Reply
from feddns.playground.children import Child
from feddns.playground.mirror import Known
from feddns.playground.objects import Json, Resource
from feddns.playground.real import commands, keys, programs, stages
from feddns.playground.real.commands import Command, Plan

log = logging.getLogger("feddns.playground")

_PATIENCE = 60.0
_POLL = 0.05
_OWN = ("/readyz", "/api/v1/namespaces/kube-system", "/api/v1/namespaces/default")
"""What a new API server makes by itself."""
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Kubernetes:
    """Keeps the contract of `apis.Api`."""

    def __init__(
        self, name: str, plan: Plan, logs: Path, *, tends: bool, definitions: Sequence[Json] = ()
    ) -> None:
        """`tends`: with controllers and KWOK.  `definitions`: the CRDs that it has."""
        self.tends = tends
        self._name, self._plan, self._logs = name, plan, logs
        self._definitions = definitions
        self._token = secrets.token_urlsafe(32)
        self._children: dict[str, Child] = {}
        self._abilities = Abilities()
        self._following: list[asyncio.Task[None]] = []
        self._api: api.Api | None = None

    @property
    def url(self) -> str:
        return self._plan.url

    def kubeconfig(self, context: str = "") -> Json:
        authority = (self._plan.home / "certs/ca.crt").read_bytes()
        return server.kubeconfig(context or self._name, self.url, self._token, authority)

    # --- life ------------------------------------------------------------------------------------

    async def start(self) -> None:
        self._write_keys()
        self._api = api.Api(self._credentials())
        await self._run(commands.etcd(self._plan))
        await self._run(commands.api_server(self._plan))
        for path in _OWN:
            await self._until_there(path)
        for one in self._definitions:
            await self._define(one)
        if self.tends:
            for command in self._controllers():
                await self._run(command)

    def check(self) -> None:
        for child in self._children.values():
            child.check()
        for task in self._following:
            if task.done():
                task.result()

    async def pause(self) -> None:
        await self._children["kube-apiserver"].stop(at_once=True)

    async def resume(self) -> None:
        await self._children["kube-apiserver"].start()

    async def stop(self) -> None:
        for task in self._following:
            task.cancel()
        if self._api is not None:
            self._api.close()
        children = reversed(self._children.values())
        await asyncio.gather(*(child.stop(at_once=True) for child in children))

    # --- what it holds ---------------------------------------------------------------------------

    def fill(self, known: Known) -> None:
        for resource in known.watched:
            task = asyncio.create_task(self._follow(known, resource))
            self._following.append(task)

    async def ask(self, method: str, path: str, body: Json | None = None) -> Reply:
        assert self._api, "it is started first"
        form = api.MERGE if method == "PATCH" else "application/json"
        encoded = b"" if body is None else msgspec.json.encode(body)
        result = await self._api.request(method, path, encoded, form)
        return Reply(result.status, result.body or result.message.encode())

    async def _follow(self, known: Known, resource: Resource) -> None:
        group, version, plural = resource
        place = informer.Resource(f"{group}/{version}" if group else version, plural)
        one = Informer(place, ObjectTable(bytes), self._abilities)
        heard = partial(_pass, known, resource, one)
        await Follower(one, self._credentials(), heard, lambda: None).run()

    # --- starting --------------------------------------------------------------------------------

    def _credentials(self) -> Credentials:
        config = json.dumps(self.kubeconfig()).encode()
        return Credentials(document=Document(self._name, config))

    def _write_keys(self) -> None:
        """New ones, but for the key of tokens that the cluster has given out."""
        home = self._plan.home
        home.mkdir(parents=True, exist_ok=True)
        keys.make(home / "certs", self._plan.address)
        keys.write_tokens(home, self._token)
        if not (home / "sa.key").exists():
            keys.make_signing_key(home)

    def _controllers(self) -> Sequence[Command]:
        home = self._plan.home
        config, plays = home / "kubeconfig", home / programs.STAGES
        config.touch(mode=0o600)
        config.write_text(json.dumps(self.kubeconfig()))
        plays.write_text(stages.with_failures(programs.path(programs.STAGES).read_text()))
        return commands.controllers(self._plan, config, plays)

    async def _run(self, command: Command) -> None:
        program, *flags = command
        name = f"{self._name}-{program}"
        child = Child(name, [str(programs.path(program)), *flags], self._logs, insistent=True)
        self._children[program] = child
        await child.start()

    async def _define(self, definition: Json) -> None:
        reply = await self.ask("POST", _DEFINITIONS, definition)
        if not reply.is_good and reply.status != 409:
            raise OperatorNeeded(f"{self._name}: {_DEFINITIONS}: {reply.body.decode()}")
        spec = definition["spec"]
        version = spec["versions"][0]["name"]
        await self._until_there(f"/apis/{spec['group']}/{version}/{spec['names']['plural']}")

    async def _until_there(self, path: str) -> None:
        clock = asyncio.get_running_loop().time
        end = clock() + _PATIENCE
        while not (await self.ask("GET", path)).is_good:
            self.check()
            if clock() > end:
                raise OperatorNeeded(
                    f"{self._name}: no {path} after {_PATIENCE:g} s; see {self._logs}"
                )
            await asyncio.sleep(_POLL)


def _pass(
    known: Known, resource: Resource, one: Informer[ObjectTable], events: list[Changed]
) -> None:
    for note in one.notes:
        log.info("%s: %s", resource[-1], note.text)  # no warning: it is broken on purpose
    one.notes.clear()
    for event in events:
        if event.new is None:
            known.remove(resource, event.namespace, event.name)
        else:
            known.put(resource, objects.decode(event.new))
