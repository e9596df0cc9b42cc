"""What is seen of a playground."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest
from rich.console import Console

from feddns.playground import layout, showing, view
from feddns.playground.faults import parse
from feddns.playground.objects import SERVICES
from feddns.playground.stage import Stage
from feddns.playground.view import ClusterRow, Scene, ServiceRow
from tests.playground.running import OTHER


def page(scene: Scene) -> str:
    console = Console(file=(text := io.StringIO()), width=120, color_system=None)
    console.print(view.render(scene))
    return text.getvalue()


@pytest.mark.parametrize(
    ("words", "broken"),
    [
        ("pod us/nginx", ["us"]),
        ("zone us-a", ["us"]),
        ("api us", ["us"]),
        ("data us-a", ["us-a"]),
        ("cluster us", ["us"]),
        ("region us", ["east", "west"]),
        ("federation", []),
    ],
)
def test_what_a_fault_concerns(words: str, broken: list[str], tmp_path: Path) -> None:
    """Also where a cluster, a zone and a region of others have the same name."""
    plan = layout.make("us:america,us-a,east:us,west:us", OTHER)
    stage = Stage(plan, tmp_path)
    stage.faults = (parse(words.split(), plan),)
    scene = asyncio.run(showing.scene(stage))
    assert [row.name for row in scene.clusters if row.broken] == broken
    assert ("! federation" in page(scene)) == (words == "federation")


def test_the_first_services_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def row(_: Stage, one: dict[str, dict[str, str]]) -> ServiceRow:
        return ServiceRow(one["metadata"]["name"], {}, {})

    monkeypatch.setattr(showing, "_service", row)
    stage = Stage(layout.make("us", OTHER), tmp_path)
    for name in ("kubernetes", *"abcdefgh"):
        stage.federation.put(SERVICES, {"metadata": {"namespace": "default", "name": name}})
    scene = asyncio.run(showing.scene(stage, "that was said"))
    assert [one.name for one in scene.services] == [*"abcdef"]
    assert "… and 2 more Services" in page(scene)
    assert page(scene).endswith("that was said\n")
    stage.federation.remove(SERVICES, "default", "g")
    stage.federation.remove(SERVICES, "default", "h")
    assert "more Services" not in page(asyncio.run(showing.scene(stage)))


def test_what_is_wrong_is_marked() -> None:
    rows = ClusterRow("us", "us: us-a", "Ready", "", ""), ClusterRow("eu", "", "Offline", "api", "")
    text = page(Scene(rows, (ServiceRow("web", {"us": "1 of 1"}, {"eu": "no answer"}),)))
    assert "! Ready" not in text
    assert "! Offline" in text
    assert "! api" in text
    assert "no answer" in text
