"""The Python clients' steps: the official client, its dynamic client, lightkube.

`python official.crud` in a scenario runs `official.Official.crud` and shows what it says, a line
each.
What a client raises is shown too: a step never ends the scenario.
"""

from __future__ import annotations

import contextlib
import json
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import kubernetes
import lightkube
from lightkube.config.kubeconfig import KubeConfig

from tests.apiserver.conformance.light import Light
from tests.apiserver.conformance.normalising import in_order
from tests.apiserver.conformance.official import Dynamic, Official

_TRIES = 10


class Clients:
    """The clients of one scenario; each is made when its first step comes, and closed with this."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._kubeconfig = kubeconfig
        self._namespace = namespace
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Clients:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._open.close()

    def run(self, name: str) -> str:
        """What the step says."""
        client, _, step = name.partition(".")
        try:
            said: list[Any] = getattr(self._made(client), step)()
        except Exception as error:
            said = [f"raised {type(error).__name__}: {error}"]
        return "\n".join(
            one if isinstance(one, str) else json.dumps(in_order(one), sort_keys=True, default=str)
            for one in said
        )

    def _made(self, client: str) -> Any:
        """pytest changes the environment between tests; who then reads all of it, beside, fails."""
        for _ in range(_TRIES):
            with contextlib.suppress(KeyError):
                return getattr(self, client)
        return getattr(self, client)

    @cached_property
    def official(self) -> Official:
        return Official(self._configured, self._namespace)

    @cached_property
    def dynamic(self) -> Dynamic:
        return Dynamic(self._configured, self._namespace)

    @cached_property
    def light(self) -> Light:
        config = KubeConfig.from_file(self._kubeconfig)
        client = self._open.enter_context(lightkube.Client(config, field_manager="light"))
        return Light(client, self._namespace)

    @cached_property
    def _configured(self) -> Any:
        client = kubernetes.config.new_client_from_config(str(self._kubeconfig))
        return self._open.enter_context(client)
