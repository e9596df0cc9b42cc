"""What the commands ask of a playground that runs: to break, to heal, to show.

    fail WHAT [NAME]     one thing more is broken, see `faults`
    heal WHAT [NAME]     it is not any more
    heal all             nothing is
    status               the view, once

I/O, through the stage.  Called by `session`.
"""

from __future__ import annotations

import asyncio
import io

from rich.console import Console
from rich.live import Live

from feddns.errors import OperatorNeeded, SettingRefused
from feddns.playground import faults, showing, view
from feddns.playground.faults import Fault, What
from feddns.playground.stage import Stage

_EVERY = 0.5
_WIDTH = 120


class Desk:
    """See the module's docstring."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._said = ""

    async def do(self, words: list[str]) -> str:
        """What is to be told; raises `SettingRefused`, and `OperatorNeeded` before all runs."""
        if not self._stage.is_up:
            raise OperatorNeeded("the playground is still starting; try again in a few seconds")
        match words:
            case ["status"]:
                return await self._picture()
            case ["heal", "all"]:
                await self._stage.fail(())
                self._said = "everything is healed"
            case ["fail", *what]:
                await self._fail(faults.parse(what, self._stage.layout))
            case ["heal", *what]:
                await self._heal(faults.parse(what, self._stage.layout))
            case _:
                raise SettingRefused(f"no such command: {' '.join(words)}")
        return self._said

    async def show(self) -> None:
        """The live view, for ever."""
        with Live(auto_refresh=False) as live:
            while True:
                scene = await showing.scene(self._stage, self._said)
                live.update(view.render(scene), refresh=True)
                await asyncio.sleep(_EVERY)

    async def _fail(self, fault: Fault) -> None:
        if fault.what is What.POD:
            cluster, namespace, name = fault.name.split("/")
            if not self._stage.members[cluster].has_pod(namespace, name):
                raise SettingRefused(f"there is no Pod {namespace}/{name} in {cluster}")
        await self._stage.fail((*self._stage.faults, fault))
        self._said = f"{fault} is broken now; heal it with: heal {fault}"

    async def _heal(self, fault: Fault) -> None:
        broken = self._stage.faults
        if fault not in broken:
            known = f"broken are: {', '.join(map(str, broken))}" if broken else "nothing is"
            raise SettingRefused(f"{fault} is not broken; {known}")
        await self._stage.fail(one for one in broken if one != fault)
        self._said = f"{fault} is healed"

    async def _picture(self) -> str:
        console = Console(file=(page := io.StringIO()), width=_WIDTH, emoji=False, highlight=False)
        console.print(view.render(await showing.scene(self._stage, self._said)))
        return "\n".join(line.rstrip() for line in page.getvalue().splitlines())
