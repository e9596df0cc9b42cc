"""Changes into etcd at a fixed rate, from transactions that were made before.

    python -m bench.cluster.writer ADDRESS:PORT FILE SECONDS RATE     prints one line of JSON

The file holds the bodies of transactions for etcd's JSON gateway, `PUTS` changes each, all made
before the run: sending one costs less than making it.  Run by `storm` as a process of its own.
"""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.cluster.filling import Pair

PUTS = 1
"""Changes a transaction: a hundred groups of ten each second, not a thousand requests."""


def pack(pairs: Iterable[Pair], count: int) -> bytes:
    """The bodies of transactions with `count` changes in all, one a line."""
    pairs = itertools.islice(pairs, count)
    lines = []
    while group := list(itertools.islice(pairs, PUTS)):
        puts = [
            {"requestPut": {"key": _text(key.encode()), "value": _text(value)}}
            for key, value in group
        ]
        lines.append(json.dumps({"success": puts}).encode())
    return b"\n".join(lines)


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def write(server: str, bodies: Iterator[bytes], seconds: float, rate: int) -> tuple[int, float]:
    """How many changes were written, and by how many seconds the last was behind its time."""
    connection = http.client.HTTPConnection(server, timeout=10)
    began = time.perf_counter()
    written = 0
    while (due := began + written / rate) < began + seconds:
        body = next(bodies, None)
        if body is None:
            break
        time.sleep(max(0.0, due - time.perf_counter()))
        connection.request("POST", "/v3/kv/txn", body)
        reply = connection.getresponse()
        said = reply.read()
        if reply.status != 200:
            raise SystemExit(f"etcd: {reply.status} {said.decode(errors='replace')}")
        written += PUTS
    behind = time.perf_counter() - began - written / rate
    connection.close()
    return written, behind


def main(server: str, file: Path, seconds: float, rate: int) -> None:
    bodies = file.read_bytes().split(b"\n")
    before = time.process_time()
    written, behind = write(server, iter(bodies), seconds, rate)
    cpu = (time.process_time() - before) / seconds
    print(json.dumps({"written": written, "behind": max(0.0, behind), "cpu": cpu}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
