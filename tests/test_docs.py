"""What the documents claim, held against the program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import CollectorRegistry

from feddns.inventory import InformerState, Inventory, Upstream
from feddns.metrics import Asked, ServerCollector
from feddns.resolver.counts import SIZE

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_table_of_metrics_is_what_is_served() -> None:
    page = (ROOT / "docs/metrics.md").read_text()
    rows = re.findall(r"^\| (`feddns.*?) \| (\w+) \| (.*?) \|", page, re.MULTILINE)
    told = {
        name.removesuffix("_total"): (kind, set(re.findall(r"`(\w+)`", labels)))
        for names, kind, labels in rows
        for name in re.findall(r"`(\w+)`", names)
    }
    registry = CollectorRegistry()
    informer = InformerState(
        "cluster", "services", "watching", 1.0, 1, 1.0, 1.0, "1", 1, 1, {"gone": 1}, ""
    )
    upstream = Upstream("192.0.2.1:53", True, False, 0, 1, 1, 0, 0, 0, 0.1, 0.1, (1,) * 13)
    inventory = Inventory(
        {"Service": 1}, {"Deployment": 1}, {"cluster": 0}, [informer], 1.0, {1: [upstream]}
    )
    asked = Asked(
        lambda: [[1] * SIZE], lambda: inventory, lambda: 5.0, memory=lambda: {"watching": 1}
    )
    registry.register(ServerCollector(asked))
    served = {
        family.name: (
            family.type,
            {label for sample in family.samples for label in sample.labels} - {"le"},
        )
        for family in text_string_to_metric_families(generate_latest(registry).decode())
    }
    assert told == served


def test_every_source_file_of_the_tree_is_in_the_architecture() -> None:
    tree = (ROOT / "ARCHITECTURE.md").read_text()
    for path in (ROOT / "feddns").rglob("*.py"):
        if path.stem not in ("__init__", "__main__", "options", "offline", "present", "search"):
            assert path.stem in tree, path
