"""A real CoreDNS beside the server: started on a cluster's API, waited for, stopped by its pid.

    with CoreDNS(cluster.kubeconfig_for(), pods="disabled") as peer:
        peer.address, peer.port

No cache, no forwarding; its zones are `ZONES`, and other names are refused.  Imports nothing of
pytest.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from tests import peers

ZONES = ("cluster.local", "10.in-addr.arpa", "d.f.ip6.arpa")
REVERSE = ("10.0.0.0/8", "fd00::/8")
"""The reverse zones as `feddns serve --reverse-zone` takes them."""

_COREFILE = """{zones} {{
    bind {address}
    errors
    ready {address}:{ready}
    kubernetes {names} {{
        kubeconfig {kubeconfig}
        pods {pods}
        ttl 5
    }}
}}
"""


class CoreDNS:
    """One CoreDNS on a loopback address of its own."""

    def __init__(self, kubeconfig: Path, *, pods: str = "disabled") -> None:
        self.home = Path(tempfile.mkdtemp(prefix="coredns-"))
        self.address = (
            f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.{random.randint(1, 254)}"
        )
        self.port, self._ready = 5300, 8181
        (self.home / "Corefile").write_text(_COREFILE.format(
            zones=" ".join(f"{zone}:{self.port}" for zone in ZONES), names=" ".join(ZONES),
            address=self.address, ready=self._ready, kubeconfig=kubeconfig, pods=pods,
        ))  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> CoreDNS:
        command = [str(peers.path("coredns")), "-conf", str(self.home / "Corefile")]
        if guard := shutil.which("setpriv"):
            command = [guard, "--pdeathsig", "KILL", "--", *command]
        with (self.home / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.home, start_new_session=True
            )
        deadline = time.monotonic() + 20
        while not self._is_ready():
            if time.monotonic() > deadline or self._process.poll() is not None:
                log_text = (self.home / "log").read_text(errors="replace")
                self.__exit__()
                raise RuntimeError(f"CoreDNS is not ready:\n{log_text}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def _is_ready(self) -> bool:
        with contextlib.suppress(OSError):
            place = f"http://{self.address}:{self._ready}/ready"
            with urllib.request.urlopen(place, timeout=1):
                return True
        return False
