"""Empties a namespace of the federation before it is finalized: what no reconciler looks after.

    every namespaced resource that the API serves, and that is not propagated: its collection in the
    namespace is deleted; the namespace is empty when each of them lists nothing

There is no kube-controller-manager in a federation that would do it.  I/O.  Called by `executor`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from controllers.world import Resource
from feddns.kube.api import Api, Result

log = logging.getLogger("feddns.controllers")

_KNOWN_FOR = 300.0


class Sweeper:
    """See the module's docstring."""

    def __init__(self, api: Api, kinds: Iterable[Resource]) -> None:
        self._api = api
        self._kept = {(one.group, one.plural) for one in kinds}
        self._resources: list[Resource] = []
        self._asked = -_KNOWN_FOR

    async def sweep(self, namespace: str) -> bool:
        """Delete what is left; whether nothing is."""
        is_empty = True
        for resource in await self._others():
            path = resource.path(namespace)
            listed = await self._api.get(f"{path}?limit=1")
            if listed.status in (404, 405):
                continue
            if listed.is_good and not listed.object.get("items"):
                continue
            is_empty = False
            result = await self._api.delete(path)
            if not listed.is_good or not result.is_good:
                log.warning("%s in %s: %s", resource.plural, namespace, result)
        return is_empty or await self._is_empty(namespace)

    async def _is_empty(self, namespace: str) -> bool:
        for resource in self._resources:
            listed = await self._api.get(f"{resource.path(namespace)}?limit=1")
            if listed.status not in (404, 405) and not (
                listed.is_good and not listed.object.get("items")
            ):
                return False
        return True

    async def _others(self) -> list[Resource]:
        now = asyncio.get_running_loop().time()
        if now - self._asked >= _KNOWN_FOR:
            found = _resources("", "v1", await self._api.get("/api/v1"))
            groups = await self._api.get("/apis")
            for group in groups.object.get("groups", ()) if groups.is_good else ():
                version = group["preferredVersion"]["version"]
                path = f"/apis/{group['name']}/{version}"
                found += _resources(group["name"], version, await self._api.get(path))
            self._resources = [one for one in found if (one.group, one.plural) not in self._kept]
            if found and groups.is_good:
                self._asked = now
        return self._resources


def _resources(group: str, version: str, listed: Result) -> list[Resource]:
    if not listed.is_good:
        return []
    return [
        Resource(group, version, one["name"], one["kind"])
        for one in listed.object.get("resources", ())
        if one.get("namespaced") and _can_be_swept(one)
    ]


def _can_be_swept(resource: dict[str, Any]) -> bool:
    verbs = resource.get("verbs") or ()
    return "/" not in resource["name"] and "list" in verbs and "deletecollection" in verbs
