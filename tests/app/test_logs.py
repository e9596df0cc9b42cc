"""Log lines: for people, or one JSON object a line."""

from __future__ import annotations

import json
import logging

from feddns.app import logs
from tests import manifesting
from tests.serving import Serve, until

NAME = "web.ns.svc.cluster.local."
FILES = {"a.yaml": manifesting.service("web", "10.0.0.1"), "b.yaml": "kind: {\n"}


def test_json(serve: Serve) -> None:
    server = serve(FILES, "--log-format", "json", "--log-queries", processes=1)
    for _ in range(3):
        server.addresses(NAME)
        server.addresses(NAME, tcp=True)
    until(lambda: server.log().count(f"A IN {NAME}") >= 6, "each question is logged")
    lines = [json.loads(line) for line in server.log().splitlines()]
    assert {line["level"] for line in lines} == {"info", "warning"}
    assert all(set(line) == {"time", "level", "logger", "message"} for line in lines)
    assert [line["logger"] for line in lines if "listens on" in line["message"]] == ["feddns"]


def test_an_error_is_part_of_its_line() -> None:
    try:
        raise ValueError("so\nit is")
    except ValueError as error:
        record = logging.LogRecord(
            "feddns.x", logging.ERROR, "x.py", 1, "said %s", ("é",),
            (ValueError, error, error.__traceback__),
        )  # fmt: skip
    (line,) = logs.JsonFormatter().format(record).splitlines()
    read = json.loads(line)
    assert read["message"] == "said é"
    assert read["error"].endswith("ValueError: so\nit is")
