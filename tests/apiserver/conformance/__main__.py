"""`python -m tests.apiserver.conformance [SCENARIO…]`: the list by hand.

    --show real          what one server shows, instead of what differs
    --twice real         one server twice, in two processes: what differs then is chance
    --kubectl PATH       another kubectl than the newest of the machine
    --slow SECONDS       name the steps that took longer
    --output FILE        the differences, one line each, beside what is printed

The exit status is 1 when the servers disagree.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path

from tests.apiserver.conformance import comparing, kubectls, servers, steps
from tests.apiserver.conformance.comparing import Disagreement, Games
from tests.apiserver.conformance.differences import Difference


def main() -> int:
    options = _options()
    named = set(options.scenarios)
    scenarios = [one for one in steps.scenarios() if not named or one.name in named]
    kinds = {"real": servers.real, "embedded": servers.embedded}
    with contextlib.ExitStack() as stack:
        chosen = (
            [options.show]
            if options.show
            else [options.twice] * 2
            if options.twice
            else list(kinds)
        )
        running = [stack.enter_context(kinds[name]()) for name in chosen]
        started = time.monotonic()
        games = Games(running)
        stack.callback(games.close)
        for scenario in scenarios:
            games.begin(scenario, options.kubectl or kubectls.newest())
        found: list[Disagreement] = []
        used: set[Difference] = set()
        for scenario in scenarios:
            transcripts = games.transcripts(scenario.name)
            if options.show:
                for step, shown, _ in transcripts[0]:
                    print(f"{scenario.name}.txt:{step.line}: {step.title}\n{shown}")
            else:
                found += comparing.disagreements(scenario.name, *transcripts, used)
            for one in (
                transcript for both in zip(*transcripts, strict=True) for transcript in both
            ):
                if one.seconds > options.slow:
                    print(
                        f"{one.seconds:.1f} s: {scenario.name}:{one.step.line} {one.step.title}",
                        file=sys.stderr,
                    )
        print(f"{time.monotonic() - started:.1f} s", file=sys.stderr)
    for one in found:
        print(f"{one}\n")
    if options.output:
        options.output.write_text("".join(f"{_line(one)}\n" for one in found))
    count = sum(len(scenario.steps) for scenario in scenarios)
    print(f"{len(found)} of {count} steps differ", file=sys.stderr)
    return 1 if found else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.apiserver.conformance")
    parser.add_argument("scenarios", nargs="*")
    parser.add_argument("--show", choices=["real", "embedded"])
    parser.add_argument("--twice", choices=["real", "embedded"])
    parser.add_argument("--kubectl", type=Path)
    parser.add_argument("--slow", type=float, default=float("inf"))
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def _line(one: Disagreement) -> str:
    real = " ⏎ ".join(line[1:] for line in one.diff if line.startswith("-"))
    ours = " ⏎ ".join(line[1:] for line in one.diff if line.startswith("+"))
    return f"{one.scenario}:{one.line} {one.title} | real: {real[:600]} | ours: {ours[:600]}"


if __name__ == "__main__":
    sys.exit(main())
