"""Where the objects come from: today folders of manifests, of the cluster and of the federation.

I/O.  Called by `serve` and `watching`, and by the commands that answer without a server.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator

from feddns.config import Settings
from feddns.errors import SettingRefused
from feddns.events import Event, Object
from feddns.inventory import Inventory
from feddns.kube.resources import Role
from feddns.manifests.folder import Loader
from feddns.manifests.objects import Refusal


def check(settings: Settings) -> None:
    """Refuse what cannot work before anything is started.

    Raises `SettingRefused` without a source, `OperatorNeeded` for a folder that is not there.
    """
    require(settings)
    next(_loader(settings).load(), None)  # looks at every folder before the first file


def require(settings: Settings) -> None:
    """Raises `SettingRefused` without a source."""
    if not settings.manifests:
        raise SettingRefused(
            "nothing to answer from: --manifests DIR names a folder with what "
            "`kubectl get -A -o yaml` prints"
        )


def _loader(settings: Settings) -> Loader:
    folders = {Role.CLUSTER: settings.manifests, Role.FEDERATION: settings.federation_manifests}
    # Pods are many, and only verified pod names need them.
    unwanted = () if settings.pods == "verified" else ("Pod",)
    return Loader({role: paths for role, paths in folders.items() if paths}, unwanted)


class Sources:
    """All sources of a server as one stream of events."""

    def __init__(self, settings: Settings) -> None:
        self._loader = _loader(settings)

    def load(self) -> Iterator[list[Event]]:
        """Everything there is, in small lists."""
        return self._loader.load()

    def changes(self) -> AsyncIterator[list[Event]]:
        """Each change from then on, one list for one step; never ends."""
        return self._loader.follow()

    def objects(self) -> Iterator[Object]:
        """All objects in force."""
        for table in self._loader.tables.values():
            yield from table.objects()

    def refusals(self) -> list[Refusal]:
        return self._loader.refusals()

    def inventory(self) -> Inventory:
        """Counts of what is in force, passed over and refused."""
        objects: Counter[str] = Counter()
        ignored: Counter[str] = Counter()
        refused: dict[str, int] = {}
        for role, counts in self._loader.counts().items():
            objects.update(counts.objects)
            ignored.update(counts.ignored)
            refused[role.value] = counts.refused
        return Inventory(dict(objects), dict(ignored), refused, 0.0)
