"""The users' own programs: dig, kdig, nslookup and dnsperf against a running server."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import manifesting
from tests.serving import EXAMPLES, Serve, Server, until

FEDERATED = "{}.default.fellowship.svc.cluster.local"


@pytest.fixture
def example(serve: Serve, tmp_path: Path) -> Server:
    """A server over a copy of examples/, so that a test may edit it."""
    shutil.copytree(EXAMPLES / "cluster", tmp_path / "cluster")
    return serve(folder=tmp_path / "cluster", federation=EXAMPLES / "federation")


def dig(server: Server, *arguments: str, program: str = "dig") -> str:
    ran = subprocess.run(
        [program, f"@{server.address}", "-p", str(server.port), *arguments],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def short(server: Server, *arguments: str, program: str = "dig") -> list[str]:
    return dig(server, "+short", *arguments, program=program).split()


# --- the walk-through of guide 0 -----------------------------------------------------------------


@pytest.mark.tool("dig")
def test_the_promise_of_guide_0(example: Server) -> None:
    """The own shard when it is healthy, else the nearest; and the way back."""
    nginx = FEDERATED.format("nginx")
    assert short(example, nginx) == ["nginx.default.svc.cluster.local.", "10.63.250.98"]

    file = example.folder / "nginx.yaml"
    healthy = file.read_text()
    example.write({"nginx.yaml": healthy.replace("ready: true", "ready: false")})
    away = [
        "nginx.default.fellowship.svc.us-central1-a.us-central1.example.com.",
        "192.0.2.10",
    ]
    until(lambda: short(example, nginx) == away, "the public address of the own zone")

    file.unlink()
    until(lambda: short(example, nginx) == away, "the same without the Service")

    example.write({"nginx.yaml": healthy})
    until(lambda: short(example, nginx)[-1] == "10.63.250.98", "the own shard again")


@pytest.mark.tool("dig")
def test_a_client_that_follows_the_chain_itself_gets_the_same(example: Server) -> None:
    whole = short(example, FEDERATED.format("reports"))
    name, addresses = whole[0], set()
    while not re.fullmatch(r"[0-9.]+", name):
        found = short(example, name)
        addresses = {word for word in found if re.fullmatch(r"[0-9.]+", word)}
        name = found[0]
    assert addresses == {"198.51.100.45", "203.0.113.90"} == set(whole[-2:])


# --- what dig can ask for ------------------------------------------------------------------------


@pytest.mark.tool("dig")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nginx.default.svc.cluster.local", "+nsid"], ["NSID: ", "status: NOERROR"]),
        (["NgInX.dEfAuLt.svc.cluster.local"], ["NgInX.dEfAuLt.svc.cluster.local. 5 IN\tA"]),
        (["nobody.default.svc.cluster.local"], ["status: NXDOMAIN", "flags: qr aa rd;", "SOA"]),
        (["www.example.org"], ["status: REFUSED", "EDE: 20 (Not Authoritative)"]),
        (["nginx.default.svc.cluster.local", "ANY"], ['HINFO\t"RFC8482" ""']),
        (["nginx.default.svc.cluster.local", "+norec"], ["flags: qr aa;"]),
        (["nginx.default.svc.cluster.local", "+dnssec"], ["flags: do; udp: 1232"]),
        (["-t", "AXFR", "cluster.local"], ["Transfer failed."]),
        (["-c", "CH", "-t", "TXT", "version.bind"], ["status: REFUSED"]),
        (["+opcode=4", "cluster.local"], ["status: NOTIMP"]),
        (["+header-only", "+nocookie"], ["status: FORMERR"]),
        (["+header-only", "+cookie"], ["status: NOERROR", "COOKIE: "]),  # RFC 7873 5.4
        (["-t", "NS", "cluster.local"], ["ns.dns.cluster.local.\t5\tIN\tA\t127."]),
    ],
    ids=lambda value: " ".join(value) if len(value) < 4 else None,
)
def test_dig(example: Server, arguments: list[str], words: list[str]) -> None:
    said = dig(example, *arguments)
    for word in words:
        assert word in said


@pytest.mark.tool("dig")
def test_a_large_answer_is_cut_over_udp_and_whole_over_tcp(serve: Serve) -> None:
    server = serve({"a.yaml": manifesting.headless("big", 120)})
    name = "big.ns.svc.cluster.local"
    cut = dig(server, name, "+ignore")
    assert "flags: qr aa tc rd;" in cut
    shown = int(re.search(r"ANSWER: (\d+)", cut)[1])
    assert 70 < shown < 80  # what fits into 1232 octets
    assert len(set(short(server, name))) == 120  # dig comes back over TCP by itself
    assert len(set(short(server, name, "+tcp"))) == 120
    assert "flags: qr aa rd;" in dig(server, name, "+bufsize=4096", "+tcp")


@pytest.mark.tool("kdig")
def test_kdig_keeps_a_connection_open(example: Server) -> None:
    names = [FEDERATED.format(name) for name in ("nginx", "api", "reports")]
    said = short(example, "+tcp", "+keepopen", *names, program="kdig")
    assert [word for word in said if re.fullmatch(r"[0-9.]+", word)][:2] == [
        "10.63.250.98", "192.0.2.21",
    ]  # fmt: skip


@pytest.mark.tool("nslookup")
def test_nslookup_forwards_and_back(example: Server) -> None:
    for question, answer in (
        (FEDERATED.format("nginx"), "Address: 10.63.250.98"),
        ("10.63.250.98", "name = nginx.default.svc.cluster.local."),
    ):
        ran = subprocess.run(
            ["nslookup", f"-port={example.port}", question, example.address],
            capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
        assert answer in ran.stdout


@pytest.mark.slow
@pytest.mark.tool("dnsperf")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_dnsperf_loses_nothing(serve: Serve, tmp_path: Path, transport: str) -> None:
    server = serve({"a.yaml": manifesting.many(300)})
    questions = tmp_path / "questions"
    questions.write_text("".join(f"s{n}.ns.svc.cluster.local A\n" for n in range(300)))
    ran = subprocess.run(
        [
            "dnsperf", "-m", transport, "-s", server.address, "-p", str(server.port),
            "-d", str(questions), "-l", "2", "-q", "100", "-c", "4",
        ],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert re.search(r"Queries lost:\s+0 ", ran.stdout), ran.stdout
    assert re.search(r"NOERROR \d+ \(100.00%\)", ran.stdout), ran.stdout
