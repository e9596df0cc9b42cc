"""A certificate authority and a serving certificate for a test's API server, made by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path

_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def make(folder: Path, address: str) -> None:
    """Write ca.crt, tls.crt and tls.key for a server at `address`, all new."""
    folder.mkdir(exist_ok=True)
    names = f"IP:{address},DNS:kubernetes,DNS:kubernetes.default.svc,DNS:localhost"
    _openssl(
        folder, "req", "-x509", *_CURVE, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2",
        "-subj", "/CN=test-ca",
    )  # fmt: skip
    _openssl(
        folder, "req", "-x509", *_CURVE, "-keyout", "tls.key", "-out", "tls.crt", "-days", "2",
        "-subj", "/CN=kube-apiserver", "-CA", "ca.crt", "-CAkey", "ca.key",
        "-addext", f"subjectAltName={names}", "-addext", "basicConstraints=critical,CA:FALSE",
    )  # fmt: skip


def make_signing_key(folder: Path) -> None:
    """Write sa.key and sa.pub, which sign and check the tokens of service accounts."""
    _openssl(folder, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "sa.key")
    _openssl(folder, "ec", "-in", "sa.key", "-pubout", "-out", "sa.pub")


def _openssl(folder: Path, *arguments: str) -> None:
    ran = subprocess.run(
        ["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise RuntimeError(f"openssl {arguments[0]}: {ran.stderr.strip()}")
