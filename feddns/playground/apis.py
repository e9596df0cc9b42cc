"""What the playground needs of an API, be it embedded or a real kube-apiserver.

    api.fill(known)                       what it holds is in there from now on
    await api.ask("POST", path, body)     as the administrator; PATCH is a JSON merge patch
    await api.pause(), api.resume()       it cannot be reached; what it holds stays

Pure: a contract.  Kept by `embedded` ◇ and `real.kubernetes` ◇; called by `member` and `stage`.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from feddns.playground.mirror import Known
from feddns.playground.objects import Json


class Reply(NamedTuple):
    """What the API said; status 0 when nobody answered, and why is in the body."""

    status: int
    body: bytes

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_trouble(self) -> bool:
        """Whether the same request may do later."""
        return self.status in (0, 429) or self.status >= 500


class Api(Protocol):
    """See the module's docstring."""

    @property
    def url(self) -> str: ...

    @property
    def tends(self) -> bool:
        """Whether controllers, a scheduler and kubelets of its own make a cluster of it."""
        ...

    def kubeconfig(self, context: str = "") -> Json:
        """Of the administrator."""
        ...

    async def start(self) -> None:
        """It answers at the end.  Raises `OperatorNeeded`."""
        ...

    def check(self) -> None:
        """Raises `OperatorNeeded` when something of it has ended by itself."""
        ...

    async def pause(self) -> None: ...

    async def resume(self) -> None:
        """It can be reached again, soon."""
        ...

    async def stop(self) -> None:
        """Can be called twice."""
        ...

    def fill(self, known: Known) -> None: ...

    async def ask(self, method: str, path: str, body: Json | None = None) -> Reply: ...
