"""◇ The federation, read once: from its API, or from a folder of manifests.

    what was read                          the proof           what is kept as it is in the zone
    all of the API's Services, Clusters    complete            records of Services that cannot be
                                                               read (`unreadable`)
    all files of the folders               complete            –
    a file, or an object of one, that      not complete: so    –
    cannot be read                         nothing is removed

Host names of load balancers are resolved (`zonehosts`).  Called by the commands of `feddns zone`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import quote

import msgspec

from feddns import snapshot
from feddns.cli.zoneoptions import Flags
from feddns.errors import ApiTrouble, OperatorNeeded, SettingRefused
from feddns.events import Event, Put
from feddns.kube import resources, shapes
from feddns.kube.api import Api, Result
from feddns.kube.credentials import Credentials
from feddns.kube.resources import Role
from feddns.manifests.folder import Loader
from feddns.providers.plan import Proof, Source
from feddns.services import FederatedService
from feddns.snapshot import Snapshot, View

_PAGE = 2000
_PATIENCE = 60.0
_CLUSTERS = "federation.feddns.dev/v1beta1"
_PATHS = {
    "services": ("/api/v1/services", ("v1", "Service")),
    "clusters": (f"/apis/{_CLUSTERS}/clusters", (_CLUSTERS, "Cluster")),
}


class _Metadata(msgspec.Struct, gc=False):
    namespace: str = ""
    name: str = ""
    generation: int = 0


class _Head(msgspec.Struct, gc=False):
    metadata: _Metadata


class Federation(msgspec.Struct):
    """What was read.  `generations` and `unreadable` are by `shop/web`."""

    view: View
    proof: Proof
    generations: dict[str, int] = {}
    unreadable: set[str] = set()
    warnings: list[str] = []


def name_of(service: FederatedService) -> str:
    """`shop/web`."""
    return f"{service.namespace.decode()}/{service.name.decode()}"


def read(flags: Flags) -> Federation:
    """Raises `SettingRefused` without a source, `OperatorNeeded` and `ApiTrouble` for a bad one."""
    if flags["federation_manifests"]:
        if flags["federation_kubeconfig"]:
            raise SettingRefused(
                "--federation-kubeconfig and --federation-manifests: take one of them"
            )
        return _of_folders(flags["federation_manifests"])
    return asyncio.run(_of_api(flags))


# --- folders -------------------------------------------------------------------------------------


def _of_folders(folders: Iterable[str]) -> Federation:
    loader = Loader({Role.FEDERATION: list(folders)})
    world = _world([])
    for events in loader.load():
        world = _add(world, events)
    assert world.view is not None
    refusals = [str(refusal) for refusal in loader.refusals()]
    source = Source(" ".join(map(str, folders)), is_complete=not refusals)
    return Federation(world.view, (source,), warnings=refusals)


def _world(events: Iterable[Event]) -> Snapshot:
    return _add(Snapshot(view=View()), events)


def _add(world: Snapshot, events: Iterable[Event]) -> Snapshot:
    for event in events:
        world = snapshot.apply(world, event)
    return world


# --- an API --------------------------------------------------------------------------------------


def api(flags: Flags) -> Api:
    """The federation's API.  Raises `SettingRefused`, and `OperatorNeeded` for its credentials."""
    kubeconfig = flags["federation_kubeconfig"]
    if not kubeconfig and not os.environ.get("KUBERNETES_SERVICE_HOST"):
        raise SettingRefused(
            "nothing says where the federation is: --federation-kubeconfig FILE"
            + (", or --federation-manifests FOLDER" if "federation_manifests" in flags else "")
        )
    credentials = Credentials(kubeconfig, flags["federation_context"])
    credentials.check()
    return Api(credentials, timeout=_PATIENCE)


async def _of_api(flags: Flags) -> Federation:
    one = api(flags)
    found = Federation(View(), ())
    world = _world([])
    try:
        for plural, (path, kind) in _PATHS.items():
            version, items = await _listed(one, path)
            world = _add(world, _events(items, resources.KINDS[Role.FEDERATION][kind], found))
            found.proof += (Source(plural, version),)
    finally:
        one.close()
    assert world.view is not None
    found.view = world.view
    return found


async def _listed(one: Api, path: str) -> tuple[str, list[msgspec.Raw]]:
    """All objects, and the version of the list."""
    items: list[msgspec.Raw] = []
    token = ""
    while True:
        query = f"?limit={_PAGE}" + (f"&continue={quote(token, safe='')}" if token else "")
        answer = await one.get(path + query)
        page = shapes.read_page(good(one, answer, path).body)
        items += page.items or []
        token = page.metadata.next or ""
        if not token:
            return page.metadata.resource_version or "", items


def good(one: Api, answer: Result, what: str) -> Result:
    """The answer, when it is a good one.  Raises `ApiTrouble` and `OperatorNeeded`."""
    if answer.is_good:
        return answer
    words = f"the federation's API ({one.credentials.where}), {what}: {answer}"
    if answer.status in (401, 403):
        raise OperatorNeeded(f"{words}; the account of the kubeconfig must be allowed to do this")
    if answer.status == 404:
        raise OperatorNeeded(f"{words}; is this the federation's API, with its Clusters defined?")
    raise ApiTrouble(words)


def _events(items: Iterable[msgspec.Raw], kind: resources.Kind, into: Federation) -> list[Event]:
    events: list[Event] = []
    for raw in items:
        outcome = resources.read_as(kind, raw)
        into.warnings += outcome.reasons
        head = msgspec.json.decode(raw, type=_Head).metadata
        name = f"{head.namespace}/{head.name}"
        if outcome.refused and kind.namespaced:
            into.unreadable.add(name)
        if not outcome.refused:
            events += [Put(cast("Any", one)) for one in outcome.objects]
            into.generations[name] = head.generation
    return events
