"""Flags, environment and defaults."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from controllers import options
from controllers.options import Options
from feddns.errors import SettingRefused
from tests.serving import loopback


def test_defaults_and_their_texts() -> None:
    assert options.load({}, {}) == Options()
    texts = {row.flag: options.default_text(row) for row in options.ROWS}
    assert texts["cluster-monitor-period"] == "10s"
    assert texts["leader-elect"] == "true"
    assert texts["controllers"] == "all"
    assert texts["metrics"] == "none"
    for row in options.ROWS:
        if isinstance(row.default, (bool, int, float)):
            assert row.read(options.default_text(row)) == row.default, row.flag


def test_a_flag_wins_over_the_environment() -> None:
    environment = {"FEDDNS_CLUSTER_MONITOR_PERIOD": "3s", "FEDDNS_FEDERATION_NAME": "a"}
    chosen = options.load({"federation-name": "b"}, environment, "host_1")
    assert (chosen.monitor_period, chosen.federation_name, chosen.identity) == (3.0, "b", "host_1")
    assert options.load({}, {"KUBERNETES_SERVICE_HOST": "192.0.2.1"}).in_cluster


@pytest.mark.parametrize(
    ("flag", "text", "field", "value"),
    [
        ("cluster-monitor-period", "500ms", "monitor_period", 0.5),
        ("cluster-monitor-period", "1m30s", "monitor_period", 90.0),
        ("grace-period", "0s", "grace_period", 0.0),
        ("controllers", "services=true, secrets=false", "controllers",
         {"services": True, "secrets": False}),
        ("metrics", "[::1]:9090", "metrics", "[::1]:9090"),
        ("metrics", "none", "metrics", None),
        ("zone-name", "Example.COM.", "zone_name", "example.com"),
        ("leader-elect", "false", "leader_elect", False),
        ("dns-ttl", "5m", "dns_ttl", 300.0),
        ("dns-resolvers", "192.0.2.1:53, [2001:db8::1]:53", "dns_resolvers",
         ("192.0.2.1:53", "[2001:db8::1]:53")),
        ("dns-check-servers", "none", "dns_check_servers", "none"),
    ],
)  # fmt: skip
def test_values(flag: str, text: str, field: str, value: object) -> None:
    assert getattr(options.load({flag: text}, {}), field) == value


@pytest.mark.parametrize(
    ("flag", "text", "said"),
    [
        ("cluster-monitor-period", "3", "'3' is no duration; write 3s"),
        ("cluster-monitor-period", "0s", "is not within 100ms to 60m"),
        ("cluster-monitor-misses", "0", "is no whole number from 1 to 100"),
        ("controllers", "service=true", "is no controller; did you mean 'services'"),
        ("controllers", "services=maybe", "neither true nor false"),
        ("federation-name", "a.b", "must be a DNS label"),
        ("metrics", "9090", "is not ADDRESS:PORT"),
        ("log-format", "xml", "none of text, json"),
        ("leader-elect-renew-deadline", "20s", "must be less than"),
        ("leader-elect-retry-period", "10s", "must be less than"),
        ("dns-provider", "memory", "--zone-name must say which zone"),
        ("dns-policy", "delete", "is none of sync, upsert-only, create-only"),
        ("dns-removal-limit", "30%", "is no whole number from 0 to 100"),
        ("dns-check-servers", "ns1.example.com", "is not ADDRESS:PORT"),
    ],
)
def test_what_cannot_be_used(flag: str, text: str, said: str) -> None:
    with pytest.raises(SettingRefused) as refused:
        options.load({flag: text}, {})
    assert str(refused.value).startswith(f"--{flag}")
    assert said in str(refused.value)


def test_public_names_lie_in_the_zone() -> None:
    flags = {"dns-provider": "memory", "zone-name": "example.com"}
    assert options.load(flags | {"service-dns-suffix": "k8s.example.com"}, {}).dns_provider
    with pytest.raises(SettingRefused, match=r"myexample\.com is not in the zone example\.com"):
        options.load(flags | {"service-dns-suffix": "myexample.com"}, {})


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = "from controllers.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def test_the_program_says_it_in_one_line() -> None:
    refused = ran("--cluster-monitor-period", "never")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        "feddns-controllers: --cluster-monitor-period: 'never' is no duration; "
        "write 3s, 500ms or 1m30s\n"
    )
    missing = ran("--federation-kubeconfig", "/nowhere", "--profiling", "true")
    assert missing.returncode == 2
    assert "/nowhere cannot be read" in missing.stderr.splitlines()[-1]
    assert "--profiling has no effect here" in missing.stderr


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    entry = {"name": "x", "cluster": {"server": "http://127.0.0.1:9"}}
    context = {"name": "x", "context": {"cluster": "x"}}
    found = {"current-context": "x", "contexts": [context], "clusters": [entry]}
    kubeconfig.write_text(json.dumps(found))
    with socket.create_server((loopback(), 0)) as taken:
        address, port = taken.getsockname()
        refused = ran("--kubeconfig", str(kubeconfig), "--metrics", f"{address}:{port}")
    assert refused.returncode == 2
    assert refused.stderr == (
        f"feddns-controllers: --metrics {address}:{port}: Address already in use\n"
    )


def test_help_names_every_flag() -> None:
    text = ran("--help").stdout
    for row in options.ROWS:
        assert f"--{row.flag}" in text
    for name in options.WITHOUT_EFFECT:
        assert f"--{name} " not in text
