"""As a shell sees the commands: help, exit statuses, and errors of one line without a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from feddns import config
from feddns.cli import cli
from feddns.cli.options import ANSWERING
from tests import manifesting
from tests.cli import SOURCES, run
from tests.serving import EXAMPLES, ROOT, feddns

COMMANDS = (
    "playground", "serve", "apiserver", "ask", "why", "status", "zone", "settings", "check",
)  # fmt: skip


# --- help ----------------------------------------------------------------------------------------


def test_help() -> None:
    for flag in ("--help", "-h"):
        ended = run(flag)
        assert ended.status == 0
        assert all(f"  {command} " in ended.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command(command: str) -> None:
    ended = run(command, "--help")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith(f"Usage: feddns {command} ")


@pytest.mark.parametrize(
    ("command", "keys"),
    [("serve", [row.key for row in config.schema()]), ("ask", ANSWERING), ("why", ANSWERING)],
)
def test_every_setting_is_a_flag_with_its_why(command: str, keys: list[str]) -> None:
    text = " ".join(run(command, "--help").out.split())
    rows = {row.key: row for row in config.schema()}
    for key in keys:
        assert f"--{key}" in text
        assert rows[key].why.split()[0] in text


def test_the_list_of_commands_is_the_commands() -> None:
    context = click.Context(cli)
    assert cli.list_commands(context) == list(COMMANDS)
    assert all(cli.get_command(context, name) is not None for name in COMMANDS)
    assert cli.get_command(context, "no-such") is None


def test_version() -> None:
    ended = feddns("--version")
    assert ended.stdout.startswith("feddns ")
    assert ended.returncode == 0


# --- check ---------------------------------------------------------------------------------------


def test_check_of_the_examples() -> None:
    ended = run("check", str(EXAMPLES / "cluster"))
    assert ended.status == 0
    assert ended.out.splitlines()[-1] == "nothing refused"
    ended = run("check", "--federation", str(EXAMPLES / "federation"))
    assert ended.status == 0
    assert "used     4 Cluster" in ended.out


def test_check_says_what_is_refused_and_ignored(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(manifesting.service("web", "10.0.0.1"))
    (tmp_path / "other.yaml").write_text("apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n")
    (tmp_path / "broken.yaml").write_text("kind: Service\nmetadata: [\n")
    (tmp_path / "bad.yaml").write_text(manifesting.service("web2", "10.0.0.300"))
    ended = run("check", str(tmp_path))
    assert ended.status == 1
    lines = ended.out.splitlines()
    assert [line for line in lines if line.startswith(f"refused  {tmp_path}/broken.yaml:")]
    assert [line for line in lines if line.startswith(f"refused  {tmp_path}/bad.yaml:1: ")]
    assert "ignored  1 Secret" in lines
    assert "used     1 Service" in [line.replace("2 Service", "1 Service") for line in lines]
    assert lines[-1] == "2 refused"
    read = json.loads(run("check", "--json", str(tmp_path)).out)
    assert set(read) == {"objects", "ignored", "refused"}
    assert {Path(refusal["path"]).name for refusal in read["refused"]} == {
        "broken.yaml", "bad.yaml"
    }  # fmt: skip
    assert all(refusal["line"] >= 1 and refusal["reason"] for refusal in read["refused"])


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "arguments"),
    [
        (2, ("ask",)),
        (2, ("ask", "web")),
        (1, ("why", "web", "--control", "nobody")),
        (1, ("status", "--control", "nobody")),
        (2, ("ask", "web", "NOTYPE", *SOURCES)),
        (2, ("why", "web", "TYPE70000", *SOURCES)),
        (2, ("ask", "web", "--ttl", "-1", *SOURCES)),
        (2, ("nonsense",)),
        (2, ("check",)),
        (1, ("ask", "a..b", *SOURCES)),
        (1, ("why", "a" * 64, *SOURCES)),
        (1, ("ask", "é.example", *SOURCES)),
        (1, ("ask", "web", "--manifests", "/nowhere")),
        (1, ("check", "/nowhere")),
        (1, ("check", "/proc/self/status")),
    ],
)
def test_errors_are_short(status: int, arguments: tuple[str, ...]) -> None:
    ended = run(*arguments)
    assert ended.status == status, ended
    assert ended.out == ""
    assert "Traceback" not in ended.err
    lines = [
        line for line in ended.err.splitlines() if line and not line.startswith(("Usage: ", "Try "))
    ]
    assert len(lines) == 1, lines


def test_errors_of_the_process_itself() -> None:
    ended = feddns("ask", "web", "--manifests", "/nowhere")
    assert ended.returncode == 1
    assert ended.stderr.startswith("feddns: folder /nowhere does not exist")
    assert ended.stderr.count("\n") == 1
    ended = feddns("ask", "web", "NOTYPE", *SOURCES)
    assert ended.returncode == 2
    assert "'NOTYPE' is no record type" in ended.stderr


# --- ask -----------------------------------------------------------------------------------------


def test_the_namespace_of_the_pod_that_asks() -> None:
    ended = run("ask", "--short", "cart", "--from-namespace", "shop", *SOURCES)
    assert sorted(ended.out.split()) == ["10.60.1.30", "10.60.2.31"]
    assert run("ask", "--short", "cart", *SOURCES).out == ""


def test_types_in_any_case_and_by_number() -> None:
    for kind in ("aaaa", "AAAA", "TYPE28"):
        ended = run("ask", "--short", "reports.default.fellowship", kind, *SOURCES)
        assert ended.out.split()[-1] == "2001:db8:1::45"


def test_settings_reach_the_answer() -> None:
    ended = run("ask", "nginx.default.svc.cluster.local.", "--ttl", "77", *SOURCES)
    assert "\t77\tIN\tA\t10.63.250.98" in ended.out
    ended = run(
        "ask", "--short", "10-1-2-3.default.pod.cluster.local.", "--pods", "insecure", *SOURCES
    )
    assert ended.out == "10.1.2.3\n"


def test_output_into_a_closed_pipe() -> None:
    import subprocess
    import sys

    from tests.serving import environment

    ended = subprocess.run(
        f"{sys.executable} -m feddns settings | head -1", shell=True, capture_output=True,
        text=True, env=environment(), cwd=ROOT, timeout=60, check=False,
    )  # fmt: skip
    assert ended.stdout == "# Settings\n"
    assert ended.stderr == ""
