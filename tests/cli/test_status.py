"""What `status` prints, word for word: `golden/*.status`, see `test_golden`."""

from __future__ import annotations

import msgspec
import pytest

from feddns.cli import statusview
from feddns.report import (
    Cache,
    Federation,
    Notice,
    Process,
    Refused,
    Report,
    Source,
    Upstream,
)
from tests.cli.test_golden import compare

NOW = 1_700_000_000.0
QUIET = Report(
    version="0.1.0",
    now=NOW,
    notice=Notice(supervisor=100, started=NOW - 93_000),
    listen=["0.0.0.0:53", "[::]:53"],
    metrics="0.0.0.0:9153",
    control="0.0.0.0:53",
    processes=[
        Process("supervisor", 100, 13 << 20),
        Process("watching", 101, 45 << 20, 1),
        Process(
            "answering-0", 102, 61 << 20, snapshot_version=48_213, questions=812_345_678,
            a_second=12_345.6,
        ),
    ],
    sources=[Source("in-cluster services", "watching", 2500, NOW - 3, 2, 5)],
    objects={"Service": 2500, "Slice": 2610, "Node": 12},
    federations=[Federation("fellowship", "example.com.", "4 clusters, 5 services")],
    zone="us-central1-a",
    region="us-central1",
    caches=[Cache("ready answers", 2210, 1_500_000, 99_000, 1_000)],
    changed=NOW - 3,
)  # fmt: skip
TROUBLED = msgspec.structs.replace(
    QUIET,
    notice=Notice(
        supervisor=100, started=NOW - 40, config_file="/etc/feddns/feddns.toml", reloads=3,
        reloads_failed=1, reloaded=NOW - 600, draining=True,
        trouble="/etc/feddns/feddns.toml: 'tll' is no setting; did you mean 'ttl'?",
    ),
    processes=[
        Process("supervisor", 100, 13 << 20),
        Process("watching", 101, 45 << 20, 17),
        Process("answering-0", 102, 61 << 20, stale_since=NOW - 75, snapshot_version=7),
        Process("answering-1", 0, ready=False),
    ],
    sources=[
        Source(
            "https://192.0.2.1:6443 endpointslices", "waiting", 2610, NOW - 75, 4, 9, 6,
            "connect to 192.0.2.1:6443: connection refused",
        )
    ],
    ignored={"Deployment": 3},
    upstreams=[
        Upstream("192.0.2.53:53", "", True, 0.0034, 120_000, 3),
        Upstream("198.51.100.53:53", "corp.example.", False, 0.0, 12, 12),
    ],
    refused=[
        Refused("cluster/web.yaml:3", "Service ns/Web: name is no DNS label"),
        Refused("", "Cluster east: has no zones and no region"),
    ],
    refused_more=7,
    zone="",
    trouble="--federation-name rohan is not among fellowship",
)  # fmt: skip
EMPTY = Report(version="0.1.0", now=NOW, notice=Notice(started=NOW), listen=[])


@pytest.mark.parametrize(
    ("name", "report"), [("quiet", QUIET), ("troubled", TROUBLED), ("empty", EMPTY)]
)
def test_the_page(name: str, report: Report) -> None:
    page = statusview.text(report)
    assert all(len(line) <= 80 for line in page.splitlines())
    assert "\x1b" not in page
    compare(f"{name}.status", page)


def test_a_terminal_gets_colours_and_its_width() -> None:
    assert "\x1b[" in statusview.text(TROUBLED, 120, color=True)
    assert max(map(len, statusview.text(TROUBLED, 20).splitlines())) <= 60


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"),
     (172_799, "47 h"), (172_800, "2 d")],
)  # fmt: skip
def test_ago(seconds: float, text: str) -> None:
    assert statusview.ago(seconds) == text
