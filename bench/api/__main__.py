"""`python -m bench.api`: the embedded API beside kube-apiserver and etcd, in turns.

    --rounds N        how many (default 3)
    --servers a,b     some of feddns, kube-apiserver
    --output FILE     write the table between its markers of this file, as of bench/README.md

The exit status is 1 when feddns is below what must hold.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from bench import report, targets
from bench.api import contest
from bench.api.contenders import Contender, Embedded, Real, missing
from bench.results import Results

SERVERS: dict[str, Callable[[], Contender]] = {"feddns": Embedded, "kube-apiserver": Real}


def main() -> int:
    options = _options()
    results = Results(servers=[])
    versions = {}
    for turn in range(options.rounds):
        for key in options.servers:
            if key == "kube-apiserver" and missing():
                results.note(
                    "kube-apiserver is left out; to get it: tools/peers.sh etcd kubernetes"
                )
                continue
            contender = SERVERS[key]()
            try:
                versions[key] = contender.version
                contest.run(contender, turn, results)
            finally:
                contender.close()
    results.servers = list(versions)
    how = (
        f"Medians, rounds: {options.rounds}; the server (kube-apiserver together with its etcd) on "
        "one core, the clients on the other; etcd does not wait for the disk."
    )
    text = report.render(report.API, results, versions, how)
    print(text)
    if options.output:
        report.put({report.API: text}, options.output)
    return 1 if targets.missed(results) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.api", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--servers", type=lambda text: text.split(","), default=list(SERVERS))
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
