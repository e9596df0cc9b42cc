"""The commands that need no server, over the examples, as a person reads them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from feddns import cli
from feddns.cli import settings as settings_command
from feddns.errors import OperatorNeeded, SettingRefused
from tests.serving import feddns

ROOT = Path(__file__).resolve().parents[2]
WORLD = [
    "--manifests", str(ROOT / "examples/cluster"),
    "--federation-manifests", str(ROOT / "examples/federation"),
]  # fmt: skip


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.cli, list(arguments))


def said(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


# --- ask -----------------------------------------------------------------------------------------

SHORT = [
    ("nginx.default.fellowship", "A", ["nginx.default.svc.cluster.local.", "10.63.250.98"]),
    (
        "api.default.fellowship", "A",
        [
            "api.default.fellowship.svc.us-central1-a.us-central1.example.com.",
            "api.default.fellowship.svc.us-central1.example.com.",
            "192.0.2.21",
        ],
    ),
    (
        "reports.default.fellowship", "AAAA",
        [
            "reports.default.fellowship.svc.us-central1-a.us-central1.example.com.",
            "reports.default.fellowship.svc.us-central1.example.com.",
            "reports.default.fellowship.svc.example.com.",
            "2001:db8:1::45",
        ],
    ),
    ("billing.default.fellowship", "A", []),
    ("nginx", "A", ["10.63.250.98"]),
    ("nginx.default", "A", ["10.63.250.98"]),
    ("cart-1.cart.shop", "A", ["10.60.2.31"]),
    (
        "cart-1.cart.shop.fellowship", "A",
        ["cart-1.cart.shop.svc.cluster.local.", "10.60.2.31"],
    ),
    ("98.250.63.10.in-addr.arpa.", "PTR", ["nginx.default.svc.cluster.local."]),
    ("dns-version.cluster.local.", "TXT", ['"1.1.0"']),
    (
        "payments.shop.svc.cluster.local.", "A",
        ["nginx.default.svc.cluster.local.", "10.63.250.98"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind", "expected"), SHORT)
def test_ask_short(name: str, kind: str, expected: list[str]) -> None:
    assert said("ask", name, kind, "--short", *WORLD).split("\n")[:-1] == expected


def test_ask_prints_as_dig_does() -> None:
    lines = said("ask", "api.default.fellowship", *WORLD).split("\n")
    assert lines[1] == (
        ";; api.default.fellowship.default.svc.cluster.local. NXDOMAIN, next in the search list"
    )
    assert ";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1" in lines
    assert ";; flags: qr aa rd; QUERY: 1, ANSWER: 3, AUTHORITY: 0, ADDITIONAL: 1" in lines
    assert ";api.default.fellowship.svc.cluster.local.\t\tIN\tA" in lines
    at = lines.index(";; ANSWER SECTION:")
    assert (
        lines[at + 3] == "api.default.fellowship.svc.us-central1.example.com.\t5\tIN\tA\t192.0.2.21"
    )


def test_ask_shows_what_denies() -> None:
    text = said("ask", "nobody.default.svc.cluster.local.", *WORLD)
    assert "status: NXDOMAIN" in text
    assert ";; AUTHORITY SECTION:\ncluster.local.\t5\tIN\tSOA\tns.dns.cluster.local." in text


def test_the_namespace_of_the_pod_decides_what_a_short_name_means() -> None:
    assert said("ask", "cart-0.cart", "--short", "--from-namespace", "shop", *WORLD) == (
        "10.60.1.30\n"
    )
    assert said("ask", "cart-0.cart", "--short", *WORLD) == ""


def test_the_flattened_form() -> None:
    asked = said("ask", "api.default.fellowship", "--answer-form", "flattened", "--short", *WORLD)
    assert asked == "192.0.2.21\n"


# --- why -----------------------------------------------------------------------------------------


def test_why_tells_each_rung() -> None:
    story = json.loads(said("why", "api.default.fellowship", "--json", *WORLD))
    steps = {step["step"]: step for step in reversed(story["steps"])}
    assert steps["service"]["service"] == "default/api"
    assert (steps["service"]["ready"], steps["service"]["endpoints"]) == (0, 1)
    assert steps["service"]["slices"] == ["api-m4ktv@1311"]
    assert steps["local shard"]["text"] == "not usable: it has no ready endpoint"
    assert steps["location"]["start"] == "zone"
    assert steps["ladder: zone"]["healthy"] == []
    assert steps["ladder: region"]["healthy"] == ["gce-us-central1-f"]
    assert steps["ladder: region"]["version"] == "310"
    assert story["status"] == "NOERROR"
    assert [record[3:] for record in story["answer"]][-1] == ["A", "192.0.2.21"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nginx.default.fellowship", ["local shard     usable", "1 A"]),
        ("billing.default.fellowship", ["no healthy shard anywhere", "status          NOERROR"]),
        ("nobody.default.fellowship", ["the federation has no such Service", "NXDOMAIN"]),
        ("reports.default.fellowship", ["everywhere: healthy in gce-asia-east1-a"]),
    ],
)
def test_why_in_words(name: str, words: list[str]) -> None:
    text = said("why", name, *WORLD)
    for word in words:
        assert word in text


@pytest.mark.parametrize(("name", "kind", "_expected"), SHORT)
def test_why_and_ask_have_the_same_answer(name: str, kind: str, _expected: list[str]) -> None:
    story = json.loads(said("why", name, kind, "--json", *WORLD))
    told = [" ".join(record[4:]) for record in story["answer"]]
    assert told == said("ask", name, kind, "--short", *WORLD).split("\n")[:-1]


def test_why_warns_of_a_view_that_is_of_no_use(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n")
    result = run("why", "a.b.c", "--manifests", str(tmp_path), *WORLD[2:])
    assert "the kube-dns ConfigMap lists no federation" in result.output


# --- check ---------------------------------------------------------------------------------------


def test_check_of_a_good_folder() -> None:
    result = run("check", str(ROOT / "examples/cluster"))
    assert result.exit_code == 0
    assert result.output.endswith("used     4 Service\nused     3 Slice\nnothing refused\n")


def test_check_of_a_federation() -> None:
    result = run("check", "--federation", "--json", str(ROOT / "examples/federation"))
    assert result.exit_code == 0
    assert json.loads(result.output)["objects"] == {"Cluster": 4, "FederatedService": 5}


def test_check_names_file_line_and_reason(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {clusterIP: 10.0.0.999}\n"
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n"
    )
    result = run("check", str(tmp_path))
    assert result.exit_code == 1
    assert result.output.split("\n")[0].startswith(f"refused  {file}:1: Service default/a: ")
    assert "10.0.0.999" in result.output
    assert "ignored  1 Deployment" in result.output


def test_check_says_each_thing_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("apiVersion: v1\nkind: [\n")
    assert feddns("check", str(tmp_path)).stderr == ""
    asked = feddns("ask", "a", "--manifests", str(tmp_path))
    assert asked.stderr.startswith(f"feddns: {tmp_path}/a.yaml:")


# --- usage ---------------------------------------------------------------------------------------


def test_the_page_of_settings_is_the_one_in_the_docs() -> None:
    assert (ROOT / "docs/settings.md").read_text() == settings_command.page()


@pytest.mark.parametrize("command", ["serve", "ask", "why", "check", "settings"])
def test_help(command: str) -> None:
    assert "Usage: " in said(command, "--help")
    assert re.search(rf"^  {command} ", said("--help"), re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ask", "a", "--ttl", "x", *WORLD], "--ttl: 'x' is not within 0 to 604800"),
        (["ask", "a", "--pods", "all", *WORLD], "--pods: 'all' is none of disabled, insecure"),
        (["ask", "a", "--config", "/nowhere.toml"], "--config /nowhere.toml: No such file"),
        (["serve"], "nothing to answer from: --kubeconfig FILE"),
    ],
)
def test_bad_settings_are_one_line(arguments: list[str], words: str) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, SettingRefused)
    assert words in str(result.exception)
    assert "\n" not in str(result.exception)


@pytest.mark.parametrize("command", [["ask", "a"], ["why", "a"]])
def test_a_missing_folder_is_one_line(command: list[str]) -> None:
    result = run(*command, "--manifests", "/nowhere")
    assert isinstance(result.exception, OperatorNeeded)
    assert str(result.exception).startswith("folder /nowhere does not exist")


def test_a_type_that_is_none_and_a_name_that_is_none() -> None:
    assert "'BOGUS' is no record type" in run("ask", "a", "BOGUS", *WORLD).output
    result = run("ask", "a..b", *WORLD)
    assert "empty label" in str(result.exception)


def test_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as usage:
        cli.main(["ask", "a", "--ttl", "x", *WORLD])
    assert usage.value.code == 2
    with pytest.raises(SystemExit) as trouble:
        cli.main(["ask", "a", "--manifests", "/nowhere"])
    assert trouble.value.code == 1
    assert capsys.readouterr().err.count("\n") == 2
