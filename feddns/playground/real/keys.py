"""Certificates, keys and the token of one cluster, as the files that its programs read.

    in the folder             what
    ca.crt, ca.key            the cluster's own authority
    tls.crt, tls.key          its API server's certificate
    sa.key, sa.pub            sign and check the tokens of service accounts
    tokens.csv                who comes with a token of ours: the administrator

I/O: writes files.  Called by `kubernetes`, and by the tests' clusters and servers.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from feddns.apiserver import certificates

ADMIN = "admin"
_NAMES = ("kubernetes", "kubernetes.default.svc", "localhost")


def make(folder: Path, address: str) -> None:
    """Write ca.crt, tls.crt and their keys for a server at `address`, all new."""
    now = datetime.now(UTC)
    authority = certificates.authority("cluster", now)
    serving = certificates.serving(authority, [address, *_NAMES], now)
    folder.mkdir(exist_ok=True)
    for name, pair in (("ca", authority), ("tls", serving)):
        (folder / f"{name}.crt").write_bytes(pair.certificate)
        _write_key(folder / f"{name}.key", pair.key)


def make_signing_key(folder: Path) -> None:
    """Write sa.key and sa.pub."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    _write_key(
        folder / "sa.key",
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )  # fmt: skip
    (folder / "sa.pub").write_bytes(key.public_key().public_bytes(*public))


def write_tokens(folder: Path, token: str) -> None:
    """Write tokens.csv: who has this token may do everything."""
    _write_key(folder / "tokens.csv", f'{token},{ADMIN},{ADMIN},"system:masters"\n'.encode())


def _write_key(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
