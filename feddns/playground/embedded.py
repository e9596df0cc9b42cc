"""The embedded API, as the playground uses it: in this process, and asked without HTTP.

I/O: it listens.  Called by `stage`.
"""

from __future__ import annotations

from functools import partial

from feddns.apiserver import server
from feddns.apiserver.handling.api import plain_request
from feddns.apiserver.identity import MASTERS, User
from feddns.apiserver.server import Options, Server
from feddns.apiserver.store import Event
from feddns.playground.apis import Reply
from feddns.playground.mirror import Known
from feddns.playground.objects import Json, Resource

_USER = User("system:playground", (MASTERS,))
_FORMS = {"PATCH": "application/merge-patch+json"}


class Embedded:
    """Keeps the contract of `apis.Api`."""

    tends = False

    def __init__(self, options: Options) -> None:
        self._options = options
        self._running: Server | None = None

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def _server(self) -> Server:
        assert self._running, "it is started first"
        return self._running

    def kubeconfig(self, context: str = "") -> Json:
        return self._server.kubeconfig(context)

    async def start(self) -> None:
        self._running = await server.start(self._options)

    def check(self) -> None:
        """It ends with this process only."""

    async def pause(self) -> None:
        await self._server.pause()

    async def resume(self) -> None:
        await self._server.resume()

    async def stop(self) -> None:
        if self._running is not None:
            await self._running.stop()

    def fill(self, known: Known) -> None:
        store = self._server.api.context.store
        resources = {_stored(resource): resource for resource in known.watched}
        for stored, resource in resources.items():
            for entry in store.entries(stored):
                known.put(resource, entry.object())
        store.listeners.append(partial(_tell, known, resources))

    async def ask(self, method: str, path: str, body: Json | None = None) -> Reply:
        form = _FORMS.get(method, "application/json")
        request = plain_request(method, path, body, content_type=form)
        answer = self._server.api.handle(request, _USER)
        self._server.changed()
        return Reply(answer.status, answer.body)


def _tell(known: Known, resources: dict[str, Resource], event: Event) -> None:
    resource = resources.get(event.resource)
    if resource is None:
        return
    if event.entry is not None:
        known.put(resource, event.entry.object())
    else:
        namespace, _, name = event.key.rpartition("/")
        known.remove(resource, namespace, name)


def _stored(resource: Resource) -> str:
    group, _, plural = resource
    return f"{plural}.{group}" if group else plural
