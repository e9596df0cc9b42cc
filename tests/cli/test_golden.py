"""What `ask` and `why` print about the examples, word for word.

The files in `golden/` are what a person has read and found right; FEDDNS_GOLDEN=write writes them
anew, and `git diff` shows what became of them.
"""

from __future__ import annotations

import json
import os

import pytest

from feddns import __version__
from tests.cli import GOLDEN, SOURCES, run
from tests.serving import EXAMPLES

CASES = {
    "nginx": ("nginx.default.fellowship",),
    "nginx-flattened": ("nginx.default.fellowship", "--answer-form", "flattened"),
    "api": ("api.default.fellowship",),
    "reports": ("reports.default.fellowship",),
    "reports-aaaa": ("reports.default.fellowship", "AAAA"),
    "reports-flattened": ("reports.default.fellowship", "--answer-form", "flattened"),
    "billing": ("billing.default.fellowship",),
    "billing-all": ("billing.default.fellowship", "--when-none-healthy", "all"),
    "cart": ("cart.shop.fellowship",),
    "cart-0": ("cart-0.cart.shop.fellowship",),
    "cart-srv": ("_redis._tcp.cart.shop.svc.cluster.local.", "SRV"),
    "nginx-srv": ("_http._tcp.nginx.default.fellowship", "SRV"),
    "payments": ("payments.shop",),
    "nginx-public": ("nginx.default.fellowship.svc.us-central1.example.com.",),
    "ptr": ("98.250.63.10.in-addr.arpa.", "PTR"),
    "ptr-endpoint": ("30.1.60.10.in-addr.arpa.", "PTR"),
    "apex": ("cluster.local.", "SOA"),
    "none": ("nothing.default.svc.cluster.local.",),
    "elsewhere": ("www.example.net.",),
    "any": ("nginx.default.svc.cluster.local.", "ANY"),
}


def compare(name: str, text: str) -> None:
    text = text.replace(__version__, "VERSION").replace(str(EXAMPLES), "examples")
    path = GOLDEN / name
    if os.environ.get("FEDDNS_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("case", CASES)
def test_ask(case: str) -> None:
    ended = run("ask", *CASES[case], *SOURCES)
    assert (ended.status, ended.err) == (0, "")
    compare(f"{case}.ask", ended.out)


@pytest.mark.parametrize("case", CASES)
def test_why(case: str) -> None:
    ended = run("why", *CASES[case], *SOURCES)
    assert (ended.status, ended.err) == (0, "")
    compare(f"{case}.why", ended.out)


@pytest.mark.parametrize("case", CASES)
def test_why_as_json_says_the_same(case: str) -> None:
    text = run("why", *CASES[case], *SOURCES).out
    story = json.loads(run("why", "--json", *CASES[case], *SOURCES).out)
    assert set(story) == {"asked", "type", "tried", "name", "steps", "status", "answer"}
    assert story["asked"] == CASES[case][0]
    assert story["steps"], "there is always a reason"
    for step in story["steps"]:
        assert step["text"] in text
    for record in story["answer"]:
        assert " ".join(record) in text


@pytest.mark.parametrize("case", CASES)
def test_why_answers_what_ask_answers(case: str) -> None:
    story = json.loads(run("why", "--json", *CASES[case], *SOURCES).out)
    asked = run("ask", *CASES[case], *SOURCES).out
    assert f"status: {story['status']}," in asked
    assert answer_section(asked) == ["\t".join(record) for record in story["answer"]]
    short = run("ask", "--short", *CASES[case], *SOURCES).out
    assert short.splitlines() == [record[-1] for record in story["answer"]]


def answer_section(text: str) -> list[str]:
    """The lines of the answer section of what `ask` printed."""
    _, found, rest = text.partition(";; ANSWER SECTION:\n")
    return rest.partition("\n\n")[0].splitlines() if found else []


def test_the_promise_of_guide_0() -> None:
    """A healthy shard here: its address.  Else the chain through zone, region and global."""

    def chain(service: str) -> list[str]:
        return run("ask", "--short", f"{service}.default.fellowship", *SOURCES).out.split()

    public = "default.fellowship.svc"
    assert chain("nginx") == ["nginx.default.svc.cluster.local.", "10.63.250.98"]
    assert chain("api") == [
        f"api.{public}.us-central1-a.us-central1.example.com.",
        f"api.{public}.us-central1.example.com.",
        "192.0.2.21",
    ]
    found = chain("reports")
    assert found[:3] == [
        f"reports.{public}.us-central1-a.us-central1.example.com.",
        f"reports.{public}.us-central1.example.com.",
        f"reports.{public}.example.com.",
    ]
    assert sorted(found[3:]) == ["198.51.100.45", "203.0.113.90"]
    assert not [word for word in chain("billing") if word[0].isdigit()]
