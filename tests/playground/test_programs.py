"""Where the real programs are, what they are told, and what is said without them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from feddns.playground.kubelet import FAILED
from feddns.playground.real import commands, programs, stages
from feddns.playground.real.commands import Plan, Ports

KWOK = """\
---
metadata:
  name: node-heartbeat
spec:
  resourceRef:
    kind: Node
  selector:
    matchExpressions:
    - key: one
      operator: Exists
---
metadata:
  name: pod-ready
spec:
  resourceRef:
    kind: Pod
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "feddns" / "peers"


def test_a_checkout_says_the_versions(cache: Path) -> None:
    version = programs.version("kwok")
    assert version[0].isdigit()
    assert programs.path("kwok") == cache / f"kwok-{version}" / "kwok"
    assert programs.missing("etcd", "kwok") == ["etcd", "kwok"]


def test_without_one_the_newest_counts(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_SCRIPT", cache / "none")
    assert programs.missing("etcd") == ["etcd"]
    for version in ("3.6.7", "3.10.0", "3.9.12"):
        (cache / f"etcd-{version}").mkdir(parents=True)
        (cache / f"etcd-{version}" / "etcd").touch()
    assert programs.path("etcd") == cache / "etcd-3.10.0" / "etcd"
    assert programs.missing("etcd", "kubectl") == ["kubectl"]


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "feddns", "playground", "--real", "--network", "127.190"],
        capture_output=True, text=True, timeout=20, check=False,
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    missing = "etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kwok"
    assert f"--real: {missing} missing; tools/peers.sh builds them" in done.stderr
    assert done.stderr.count("\n") == 1


def test_each_program_is_told_where_it_is() -> None:
    plan = Plan(Path("/home"), "127.11.0.1", Ports(), "127.11.128.0/18", "10.11.0.0/16")
    told = [
        commands.etcd(plan), commands.api_server(plan),
        *commands.controllers(plan, Path("/config"), Path("/stages")),
    ]  # fmt: skip
    assert tuple(one[0] for one in told) == (*programs.API_PROGRAMS, *programs.CONTROLLER_PROGRAMS)
    for one in told:
        assert any("127.11.0.1" in flag for flag in one)
    assert plan.url == "https://127.11.0.1:6443"


def test_what_fails_is_not_made_ready() -> None:
    node, _, *ours = yaml.safe_load_all(stages.with_failures(KWOK))
    one, marked = node["spec"]["selector"]["matchExpressions"]
    assert one == {"key": "one", "operator": "Exists"}
    assert FAILED in marked["key"]
    assert marked["operator"] == "DoesNotExist"
    assert [each["metadata"]["name"] for each in ours] == [
        "node-failed",
        "pod-failed",
        "pod-healed",
    ]
