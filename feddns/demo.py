"""The main job, shown: a server over `examples/`, four federated questions, then yours.

    python -m feddns.demo [--once] [ADDRESS:PORT]

Called by `./demo`.  I/O.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

import dns.edns
import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from feddns.config import SocketAddress

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

QUESTIONS = (
    ("nginx", "a healthy shard here: its own ClusterIP"),
    ("api", "the shard here is not ready: the next zone of the same region"),
    ("reports", "no shard here: zone, region, global; the addresses of Europe and Asia"),
    ("billing", "no healthy shard anywhere: no address, and at once"),
)


def main(arguments: list[str]) -> int:
    """The exit status."""
    once = "--once" in arguments
    given = [argument for argument in arguments if argument != "--once"]
    address = SocketAddress(given[0] if given else "127.0.0.1:5353")
    command = [
        sys.executable, "-m", "feddns", "serve", "--listen", str(address), "--metrics", "none",
        "--manifests", str(EXAMPLES / "cluster"),
        "--federation-manifests", str(EXAMPLES / "federation"),
    ]  # fmt: skip
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)  # the server is not to outlive us
    print("$ feddns", " ".join(command[3:]), flush=True)
    # Something else may answer on this port already: the name server's identity tells them apart.
    identity = f"demo-{os.getpid()}"
    server = subprocess.Popen(command, env={**os.environ, "FEDDNS_NSID": identity})
    try:
        if not _is_up(server, address, identity.encode()):
            return server.wait() or 1
        for service, text in QUESTIONS:
            _ask(f"{service}.default.fellowship.svc.cluster.local.", text, address)
        if once:
            return 0
        _invite(address)
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        server.terminate()
        server.wait()


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def _is_up(server: subprocess.Popen[bytes], address: SocketAddress, identity: bytes) -> bool:
    """Wait until this server answers, or has given up."""
    asked = dns.edns.GenericOption(dns.edns.OptionType.NSID, b"")
    question = dns.message.make_query("cluster.local.", "SOA", options=[asked])
    while server.poll() is None:
        try:
            reply = dns.query.udp(question, address.address, timeout=0.2, port=address.port)
        except (dns.exception.Timeout, OSError):
            time.sleep(0.05)
            continue
        said = [option.to_wire() for option in reply.options]
        if reply.rcode() == dns.rcode.NOERROR and identity in said:
            return True
        time.sleep(0.05)
    return False


def _ask(name: str, text: str, address: SocketAddress) -> None:
    question = dns.message.make_query(name, "A")
    reply = dns.query.udp(question, address.address, timeout=2, port=address.port)
    print(f"\n# {text}")
    print(f"$ dig +noall +answer @{address.address} -p {address.port} {name}")
    for rrset in reply.answer:
        kind = dns.rdatatype.to_text(rrset.rdtype)
        for rdata in rrset:
            print(f"{rrset.name}\t{rrset.ttl}\tIN\t{kind}\t{rdata}")
    if not reply.answer:
        print(f";; status: {dns.rcode.to_text(reply.rcode())}, ANSWER: 0")


def _invite(address: SocketAddress) -> None:
    at = f"@{address.address} -p {address.port}"
    print(
        f"""
The server stays up; ^C stops it. Try, from another terminal:
  dig {at} nginx.default.fellowship.svc.cluster.local
  dig {at} -t SRV _redis._tcp.cart.shop.svc.cluster.local
  dig {at} -x 10.63.250.98
  .venv/bin/feddns why reports.default.fellowship \\
      --manifests examples/cluster --federation-manifests examples/federation
Change a file of examples/ and ask again: the answer has changed too.""",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
