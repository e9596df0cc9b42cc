"""`python -m bench`: measure feddns and its peers side by side, and print the tables.

This is the only module that reads arguments, and the one that puts the others together.  The
exit status is 1 when a number of feddns is over what must hold, 2 for usage.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from bench import inventory, manifests, report, scale, targets, zone
from bench.cluster import pieces
from bench.federation import pieces as federation
from bench.processes import Launch, Running, free_port
from bench.questions import WORKS
from bench.results import Results
from bench.rounds import Contest, Rounds
from bench.servers import ROOT, SERVERS, Place, Server

SIZE = 2500
HOW_FEDERATED = (
    "APIs, controllers and DNS servers on the same machine, once; no API waits for the disk; "
    "the controllers look at members every 3 s."
)
README = Path(__file__).with_name("README.md")
STARTS = ("start", "memory")
ALONE = (*WORKS, *STARTS, "scale")
KEYS = (*ALONE, *pieces.KEYS, *federation.KEYS)


def main() -> int:
    options = _options()
    if not shutil.which("dnsperf"):
        print("dnsperf is needed: apt-get install dnsperf", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _leave)
    results = Results(servers=[])
    found = _find(options.servers, results)
    clustered = Results(servers=list(results.servers), notes=list(results.notes))
    federated = Results(servers=[targets.OURS])
    with tempfile.TemporaryDirectory(prefix="feddns-bench-") as folder:
        _run(options, found, Path(folder), results)
        _run_cluster(options, found, Path(folder), clustered)
        _run_federation(options, Path(folder), federated)
    versions = {server.key: server.version(program) for server, program in found}
    texts = {
        section: report.render(section, each, versions, how)
        for section, each, how, keys in (
            (report.MAIN, results, _how(options), ALONE),
            (report.CLUSTER, clustered, _how_clustered(options), pieces.KEYS),
            (report.FEDERATION, federated, HOW_FEDERATED, federation.KEYS),
        )
        if any(key in keys for key in options.only)
    }
    print("\n".join(texts.values()))
    if options.output:
        report.put(texts, options.output)
    return 1 if any(map(targets.missed, (results, clustered, federated))) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round, smaller folders")
    parser.add_argument("--rounds", type=int, help="how many rounds (default 5)")
    parser.add_argument("--seconds", type=float, help="load per number and round (default 2)")
    parser.add_argument("--only", type=_ListOf(KEYS), help=f"some of {','.join(KEYS)}")
    parser.add_argument("--servers", type=_ListOf(SERVERS), help=f"some of {','.join(SERVERS)}")
    parser.add_argument(
        "--output",
        type=Path,
        help="write the tables between the markers of this file, or as the whole of it; "
        "a run of everything writes to bench/README.md",
    )
    options = parser.parse_args()
    whole = not (options.quick or options.only or options.servers)
    options.output = options.output or (README if whole else None)
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.seconds = options.seconds or (1.0 if options.quick else 2.0)
    options.only = options.only or list(KEYS)
    options.servers = options.servers or list(SERVERS)
    return options


class _ListOf:
    """The type of an argument that is a list of known words, separated by commas."""

    def __init__(self, known: Sequence[str] | dict[str, Server]) -> None:
        self._known = known

    def __call__(self, text: str) -> list[str]:
        words = text.split(",")
        for word in words:
            if word not in self._known:
                raise argparse.ArgumentTypeError(f"{word!r} is none of {', '.join(self._known)}")
        return words


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(1)


def _how(options: argparse.Namespace) -> str:
    return (
        f"Medians, rounds: {options.rounds}, of {options.seconds:g} s a number; "
        f"{SIZE:,} Services, one worker each; ratios are medians of the rounds' ratios."
    )


def _how_clustered(options: argparse.Namespace) -> str:
    return (
        "kube-apiserver and etcd on the same machine, with 2,500 Services where nothing else is "
        f"said. Medians, rounds: {options.rounds}; follow, memory and relist once."
    )


def _find(keys: Sequence[str], results: Results) -> list[tuple[Server, str]]:
    """The servers that this machine has; a note for each that it has not."""
    found = []
    for key in keys:
        server = SERVERS[key]
        program = server.find()
        if program is None:
            results.note(f"{key} is left out; to get it: {server.how}")
            continue
        results.servers.append(key)
        found.append((server, program))
    return found


def _run(
    options: argparse.Namespace,
    found: list[tuple[Server, str]],
    folder: Path,
    results: Results,
) -> None:
    if not any(key in ALONE for key in options.only):
        return
    world = inventory.make(SIZE)
    place = Place(0, folder, folder / "manifests", folder / "zones", free_port())
    manifests.write(world, place.manifests)
    zone.write(world, place.zones)
    contest = Contest(
        world=world,
        answers=zone.Answers(world),
        place=place,
        folder=folder,
        servers=found,
        works=[WORKS[key] for key in options.only if key in WORKS],
        seconds=options.seconds,
        rounds=options.rounds,
    )
    with _kube_api(place.api_port, folder, any("coredns" in server.key for server, _ in found)):
        with ExitStack() as entrants:
            rounds = Rounds(contest, results, entrants)
            if contest.works:
                rounds.works()
        if any(key in options.only for key in STARTS):
            rounds.starts()
    ours = [pair for pair in found if pair[0].key == targets.OURS]
    if "scale" in options.only and ours:
        sizes = scale.QUICK_SIZES if options.quick else scale.SIZES
        scale.run(*ours[0], sizes, folder, results)


def _run_cluster(
    options: argparse.Namespace,
    found: list[tuple[Server, str]],
    folder: Path,
    results: Results,
) -> None:
    only = [key for key in options.only if key in pieces.KEYS]
    if only:
        plan = pieces.Plan(
            only, found, options.rounds, options.seconds, options.quick, folder / "cluster"
        )
        plan.folder.mkdir()
        pieces.run(plan, results)


def _run_federation(options: argparse.Namespace, folder: Path, results: Results) -> None:
    only = [key for key in options.only if key in federation.KEYS]
    if only:
        federation.run(federation.Plan(only, options.quick, folder / "federation"), results)


@contextmanager
def _kube_api(port: int, folder: Path, needed: bool) -> Iterator[None]:
    if not needed:
        yield
        return
    command = [sys.executable, "-m", "bench.kubeapi", str(port), str(SIZE)]
    api = Running(Launch(command, folder=ROOT), folder / "kubeapi.log")
    try:
        _wait_for_tcp(api, port)
        yield
    finally:
        api.stop()


def _wait_for_tcp(api: Running, port: int) -> None:
    while True:
        if death := api.death():
            raise SystemExit(f"the stand-in for the Kubernetes API {death}")
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
