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

from bench import report
from bench.api import contest
from bench.api.contenders import Contender, Embedded, Real, missing
from bench.report import Section
from bench.results import Results

SERVERS: dict[str, Callable[[], Contender]] = {"feddns": Embedded, "kube-apiserver": Real}
TITLES = {
    "api-create-1": "creates a second, one client",
    "api-create": "creates a second, 16 clients",
    "api-create-cpu": "µs of CPU a create",
    "api-watch": "events a second to 20 watchers",
    "api-watch-cpu": "µs of CPU an event that arrives",
    "api-get": "gets a second, 16 clients",
    "api-list": "list of 10,000 objects, ms",
    "api-memory": "memory when empty, MB",
    "api-memory-more": "memory of 10,000 objects, MB",
    "api-start": "start: exec → first answer, ms",
    "api-restart": "the same over 10,000 objects, ms",
}
SECTION = Section("API RESULTS", "on one core", TITLES)
AT_LEAST = {"api-create": 2_000.0, "api-watch": 20_000.0}
AT_MOST = {"api-start": 1_000.0}


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
    text = _render(results, versions, options.rounds)
    print(text)
    if options.output:
        report.put({SECTION: text}, options.output)
    return 1 if _missed(results) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.api", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--servers", type=lambda text: text.split(","), default=list(SERVERS))
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def _render(results: Results, versions: dict[str, str], rounds: int) -> str:
    how = (
        f"Medians, rounds: {rounds}; the server (kube-apiserver together with its etcd) on one "
        "core, the clients on the other; etcd does not wait for the disk."
    )
    text = report.render(SECTION, results, versions, how)
    missed = _missed(results)
    bounds = [f"{TITLES[work]} ≥ {limit:,.0f}" for work, limit in AT_LEAST.items()]
    bounds += [f"{TITLES[work]} ≤ {limit:,.0f}" for work, limit in AT_MOST.items()]
    verdict = f"Not met: {', '.join(TITLES[work] for work in missed)}." if missed else "All met."
    return f"{text}\nMust hold of feddns: {'; '.join(bounds)}. {verdict}\n"


def _missed(results: Results) -> list[str]:
    found = {work: results.median(work, "feddns") for work in TITLES}
    low = [w for w, limit in AT_LEAST.items() if (n := found[w]) is not None and n < limit]
    high = [w for w, limit in AT_MOST.items() if (n := found[w]) is not None and n > limit]
    return low + high


if __name__ == "__main__":
    sys.exit(main())
