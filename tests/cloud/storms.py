"""Bad days at Cloud DNS itself: the fault sequences, with faults that come through HTTP.

    python -m tests.cloud.storms [SEEDS [FIRST]]

    what is answered                       what was done
    503; 429 with and without Retry-After  nothing
    500; nothing, the connection ends      all of it, or nothing
    200 with half a body                   all of it

And somebody else changes the zone.  Google's library and the adapter make of it what they do; the
zone ends as `sequences` wants it.
"""

from __future__ import annotations

import random
import sys
import time

from tests.cloud.clouddns import Fault
from tests.providers import faulty, sequences
from tests.providers.backend_clouddns import Backend

FAULTS = (
    Fault(503),
    Fault(429, "rateLimitExceeded", "Quota exceeded", after=2),
    Fault(429, "rateLimitExceeded", "Quota exceeded"),
    Fault(403, "userRateLimitExceeded", "Quota exceeded"),
    Fault(500),
    Fault(500, is_done=True),
    Fault(502, is_done=True, body=b"<html>Bad Gateway</html>"),
    Fault(0),
    Fault(0, is_done=True),
    Fault(200, is_done=True, body=b'{"kind": "dns#'),
)
_CHANCE = 0.3


class Storm(sequences.Sequence):
    """A sequence at a back end that has bad days of its own."""

    def __init__(self, backend: Backend, seed: int) -> None:
        self._cloud = backend.cloud
        self.answered = 0
        self._provider_of_it = backend.open()
        super().__init__(backend, self._provider_of_it, random.Random(seed))
        self._provider.chances = {faulty.Fault.MEDDLING: 0.1}
        self._weather = random.Random(-seed)
        self._cloud.chance = self._fault

    def _fault(self, method: str) -> Fault | None:
        if self._weather.random() > _CHANCE:
            return None
        self.answered += 1
        return self._weather.choice(FAULTS)

    def _rest(self) -> None:
        """The faults are over when the sequence comes to its end."""
        self._cloud.chance = lambda method: None
        super()._rest()

    def close(self) -> None:
        self._cloud.chance = lambda method: None
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


def main(seeds: int, first: int) -> int:
    backend, failures, wrong, start = Backend(), 0, 0, time.monotonic()
    for seed in range(first, first + seeds):
        try:
            wrong += run(backend, seed)
        except AssertionError as error:
            failures += 1
            print(f"seed {seed}: {error}", flush=True)
    seconds = time.monotonic() - start
    calls = len(backend.cloud.calls)
    print(f"{seeds} sequences, {wrong} of {calls} calls wrong, {failures} failed, {seconds:.0f} s")
    backend.close()
    return min(failures, 1)


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*(given + [1000, 0][len(given) :])))
