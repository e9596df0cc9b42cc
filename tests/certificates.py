"""A certificate authority and a serving certificate for a test's API server."""

from feddns.playground.real.keys import make, make_signing_key, write_tokens

__all__ = ["make", "make_signing_key", "write_tokens"]
