"""The programs that tools/peers.sh builds: where they are, and their versions.

Imports nothing of pytest: tests, bench and tools use it.
"""

from feddns.playground.real.programs import BUILD, missing, path, version

__all__ = ["BUILD", "missing", "path", "version"]
