"""`python -m bench.publiczone`: what a public zone costs, beside what external-dns publishes.

    --rounds N        how many (default 3)
    --output FILE     write the table between its markers of this file, as of bench/README.md

The exit status is 1 when feddns is over what must hold.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import feddns
from bench import report, targets
from bench.publiczone import contest
from bench.results import Results

PEER, PUBLISHED = "external-dns", "as published"
"""A pass over 20,000 records at Route 53, 300 a page (kubernetes-sigs/external-dns#4597)."""
_PEER_CALLS = 67.0


def main() -> int:
    options = _options()
    results = Results(servers=[targets.OURS, PEER])
    for turn in range(options.rounds):
        contest.run(turn, results)
        results.cell("zone-rest-calls", PEER).values[turn] = _PEER_CALLS
    versions = {targets.OURS: feddns.__version__, PEER: PUBLISHED}
    text = report.render(report.ZONE, results, versions, f"Medians, rounds: {options.rounds}.")
    print(text)
    if options.output:
        report.put({report.ZONE: text}, options.output)
    return 1 if targets.missed(results) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.publiczone", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
