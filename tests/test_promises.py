"""What the documents promise, run: commands, the names, the examples.

`test_docs` holds pages against the tree; here they are held against what the program does.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from controllers import options
from feddns import config
from tests.cli import SOURCES, run
from tests.serving import (
    EXAMPLES,
    ROOT,
    Serve,
    feddns,
)

PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md")),
         EXAMPLES / "README.md"]  # fmt: skip


def names(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> list[str]:
    """The shell commands of a page's code blocks."""
    found = re.findall(r"^```sh\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in found for line in block.splitlines() if line.strip()]


def rows(page: Path, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading."""
    lines = page.read_text().partition(f"{heading}\n")[2].splitlines()
    table: list[list[str]] = []
    for line in lines:
        if line.startswith("|"):
            table.append([cell.strip() for cell in line.strip("|").split(" | ")])
        elif table or line.startswith("#"):
            break
    return table[2:]


# --- flags --------------------------------------------------------------------------------------


OTHERS = {
    "public-zone-coredns.md": {"--client-cert-auth", "--max-txn-ops"},  # etcd's
    "public-zone-route53.md": {"--on"},  # of the stand-in
}
"""Flags of other programs that a page names in its text."""


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_flag_that_is_mentioned_exists(page: Path) -> None:
    others = r"\b(?:kubectl|gcloud|aws|curl) [^;|`\n]*|^tools/.*$"
    text = re.sub(others, "", page.read_text(), flags=re.MULTILINE)
    known = {f"--{row.key}" for row in config.schema()} | {"--config"}
    for row in options.ROWS:
        known.update(f"--{flag}" for flag in (row.flag, *row.aliases))
    known.update(f"--{flag}" for flag in options.WITHOUT_EFFECT)
    for command in ("ask", "why", "check", "status", "playground", "apiserver"):
        known.update(re.findall(r"--[a-z][-a-z]+", run(command, "--help").out))
    for command in ("plan", "apply", "show", "diff", "export", "import", "approve", "rollback"):
        known.update(re.findall(r"--[a-z][-a-z]+", run("zone", command, "--help").out))
    known |= OTHERS.get(page.name, set())
    mentioned = set(re.findall(r"(?<![-\w])--[a-z][-a-z0-9]+", text))
    assert mentioned - known == set()


# --- README --------------------------------------------------------------------------------------


def test_the_two_commands_are_there() -> None:
    for line in blocks(ROOT / "README.md")[:2]:
        script = ROOT / line.split()[0]
        assert script.stat().st_mode & 0o111


SERVES = {
    "--listen": "nothing to answer from",  # outside a cluster
    "--kubeconfig": "FILE cannot be read",
    "--manifests": "this machine has no such address",
}
"""What `serve` says when it is given an address that nobody has: how far it gets."""


def test_the_commands_of_the_readme(serve: Serve) -> None:
    """With the examples in the place of DIR, and a server for those that ask one."""
    server = serve(None, folder=EXAMPLES / "cluster", federation=EXAMPLES / "federation")
    running = f"{server.address}:{server.port}"
    lines = [line.partition(" #")[0].strip() for line in blocks(ROOT / "README.md")[2:]]
    commands = [line.split()[1] for line in lines]
    assert commands == ["serve", "serve", "serve", "status", "why", "ask", "check"]
    for line in lines:
        words = shlex.split(line.replace("…", "--federation-manifests DIR"))[1:]
        places = iter((EXAMPLES / "cluster", EXAMPLES / "federation"))
        words = [str(next(places)) if word == "DIR" else word for word in words]
        if words[0] == "serve":
            served = feddns(*words, "--listen", "192.0.2.1:53")
            assert SERVES[words[1]] in served.stderr
            continue
        if words[0] in ("status", "why"):
            words += ["--control", running]
        ended = run(*words)
        assert ended.status == 0, ended
        assert ended.out


# --- docs ----------------------------------------------------------------------------------------


def test_the_paths_of_the_page_are_served(serve: Serve) -> None:
    server = serve(None, folder=EXAMPLES / "cluster")
    for row in rows(ROOT / "docs" / "metrics.md", "by the watching process."):
        assert server.get(row[0].strip("`")).status == 200


NAMES = {
    "`cluster.local`": [("cluster.local.", "SOA"), ("cluster.local.", "NS")],
    "`dns-version.cluster.local`": [("dns-version.cluster.local.", "TXT")],
    "`ns.dns.cluster.local`": [("ns.dns.cluster.local.", "A")],
    "`<service>.<namespace>.svc…`": [
        ("nginx.default.svc.cluster.local.", "A"),
        ("nginx.default.svc.cluster.local.", "SRV"),
    ],
    "the same, headless": [
        ("cart.shop.svc.cluster.local.", "A"),
        ("cart.shop.svc.cluster.local.", "SRV"),
    ],
    "the same, ExternalName": [("payments.shop.svc.cluster.local.", "CNAME")],
    "`_port._proto.<service>…`": [("_http._tcp.nginx.default.svc.cluster.local.", "SRV")],
    "`<endpoint>.<service>…`": [("cart-1.cart.shop.svc.cluster.local.", "A")],
    "`10-1-2-3.<namespace>.pod…`": [("10-1-2-3.default.pod.cluster.local.", "A")],
    "names under the reverse zones": [("31.2.60.10.in-addr.arpa.", "PTR")],
    "`<service>.<namespace>.fellowship.svc.cluster.local`": [
        ("nginx.default.fellowship.svc.cluster.local.", "A"),
        ("api.default.fellowship.svc.cluster.local.", "A"),
    ],
    "`<hostname>.<service>.<namespace>.fellowship.svc…`": [
        ("cart-0.cart.shop.fellowship.svc.cluster.local.", "A")
    ],
    "`_port._proto.<service>.<namespace>.fellowship.svc…`": [
        ("_http._tcp.nginx.default.fellowship.svc.cluster.local.", "SRV"),
        ("_https._tcp.api.default.fellowship.svc.cluster.local.", "SRV"),
    ],
    "zone": [("nginx.default.fellowship.svc.us-central1-f.us-central1.example.com.", "A")],
    "region": [("nginx.default.fellowship.svc.us-central1.example.com.", "A")],
    "global": [("nginx.default.fellowship.svc.example.com.", "A")],
}
"""For each row of the tables in docs/names.md: questions about the examples that it promises."""


def test_every_row_of_the_names_has_questions() -> None:
    page = ROOT / "docs" / "names.md"
    headings = ("## Of the cluster", "lists them: `fellowship=example.com`.",
                "below it are CNAMEs one up:")  # fmt: skip
    first = [row[0] for heading in headings for row in rows(page, heading)]
    assert sorted(first) == sorted(NAMES)


@pytest.mark.parametrize("row", NAMES)
def test_the_names_have_what_the_page_says(row: str) -> None:
    for name, kind in NAMES[row]:
        ended = run(
            "ask", "--short", name, kind, "--pods", "insecure", "--nameserver-address",
            "192.0.2.53", *SOURCES,
        )  # fmt: skip
        assert ended.out, (name, kind)


def test_the_table_of_the_examples() -> None:
    """The last column of examples/README.md, asked."""
    gets = {row[0].strip("`"): row[3] for row in rows(EXAMPLES / "README.md", "`example.com`.")}
    assert set(gets) == {
        "default/nginx", "default/api", "default/reports", "default/billing", "shop/cart"
    }  # fmt: skip
    found = {}
    for path in gets:
        namespace, _, service = path.partition("/")
        out = run("ask", "--short", f"{service}.{namespace}.fellowship", *SOURCES).out.split()
        found[path] = sorted(word for word in out if word[0].isdigit())
    assert found == {
        "default/nginx": ["10.63.250.98"],
        "default/api": ["192.0.2.21"],
        "default/reports": ["198.51.100.45", "203.0.113.90"],
        "default/billing": [],
        "shop/cart": ["10.60.1.30", "10.60.2.31"],
    }


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/*.yaml")), ids=names)
def test_examples_use_documentation_addresses(path: Path) -> None:
    """Public addresses in examples are those that nobody has (RFC 5737, RFC 3849)."""
    for address in re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", path.read_text()):
        assert address.startswith(("10.", "192.0.2.", "198.51.100.", "203.0.113.", "0.0.0.0"))
