"""Commands run in this process; `run` is what a shell would see."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import NamedTuple

from feddns.cli import main
from tests.serving import EXAMPLES

GOLDEN = Path(__file__).parent / "golden"
SOURCES = (
    "--manifests", str(EXAMPLES / "cluster"),
    "--federation-manifests", str(EXAMPLES / "federation"),
)  # fmt: skip


class Ended(NamedTuple):
    """Exit status and output of a command."""

    status: int
    out: str
    err: str


def run(*arguments: str) -> Ended:
    """Run `feddns …` here."""
    out, err = io.StringIO(), io.StringIO()
    status = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(list(arguments))
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
    return Ended(status, out.getvalue(), err.getvalue())
