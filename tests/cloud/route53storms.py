"""Bad days at Route 53 itself: the fault sequences, with faults that come through HTTP.

    python -m tests.cloud.route53storms [--on moto] [SEEDS [FIRST]]

    what is answered                          what was done
    Throttling, PriorRequestNotComplete, 503  nothing
    500, 502, 504; nothing, the connection    all of it, or nothing
    ends
    200 with half a body, or another one      all of it

And somebody else changes the zone.  boto3 and the adapter make of it what they do; the zone ends as
`sequences` wants it.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.cloud.emulators import NAMES
from tests.cloud.route53shim import BUSY, THROTTLED, Fault
from tests.providers import faulty, sequences
from tests.providers.backend_route53 import Backend

FAULTS = (
    THROTTLED,
    BUSY,
    Fault(503, "ServiceUnavailable", "Service Unavailable"),
    Fault(503, "Throttling", "Rate exceeded"),
    Fault(500),
    Fault(500, is_done=True),
    Fault(502, is_done=True, body=b"<html>Bad Gateway</html>"),
    Fault(504, is_done=True, body=b""),
    Fault(0),
    Fault(0, is_done=True),
    Fault(200, is_done=True, body=b"<ListResourceRecordSetsResponse><Reso"),
    Fault(200, is_done=True, body=b"<html>Sign in to the network</html>"),
)
_CHANCE = 0.3


class Storm(sequences.Sequence):
    """A sequence at a back end that has bad days of its own."""

    def __init__(self, backend: Backend, seed: int) -> None:
        self._shim = backend.shim
        self.answered = 0
        self._provider_of_it = backend.open()
        super().__init__(backend, self._provider_of_it, random.Random(seed))
        self._provider.chances = {faulty.Fault.MEDDLING: 0.1}
        self._weather = random.Random(-seed)
        self._shim.chance = self._fault

    def _fault(self, call: str) -> Fault | None:
        if self._weather.random() > _CHANCE:
            return None
        self.answered += 1
        return self._weather.choice(FAULTS)

    def _rest(self) -> None:
        """The faults are over when the sequence comes to its end."""
        self._shim.chance = lambda call: None
        super()._rest()

    def close(self) -> None:
        self._shim.chance = lambda call: None
        self._provider_of_it.close()


def run(backend: Backend, seed: int) -> int:
    """One sequence; how many calls went wrong.  Raises `AssertionError`."""
    backend.clear()
    storm = Storm(backend, seed)
    try:
        storm.run()
    finally:
        storm.close()
    return storm.answered


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cloud.route53storms")
    parser.add_argument("--on", choices=NAMES, default=NAMES[0])
    parser.add_argument("seeds", type=int, nargs="?", default=1000)
    parser.add_argument("first", type=int, nargs="?", default=0)
    options = parser.parse_args()
    calls = failures = wrong = 0
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        backend = Backend(options.on, Path(folder))
        for seed in range(options.first, options.first + options.seeds):
            try:
                wrong += run(backend, seed)
            except AssertionError as error:
                failures += 1
                print(f"seed {seed}: {error}", flush=True)
            calls += len(backend.shim.calls)
        backend.close()
    seconds = time.monotonic() - start
    print(
        f"{backend.name}: {options.seeds} sequences, {wrong} of {calls} calls wrong, "
        f"{failures} failed, {seconds:.0f} s"
    )
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
