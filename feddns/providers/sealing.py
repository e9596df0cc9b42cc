"""A claim's text under AES, as external-dns writes it with its --txt-encrypt-enabled.

    sealed    base64 of: nonce of 12 octets, then AES-256-GCM of the gzipped text, tag last
    nonce     made from key, name and text: the same claim is the same bytes at each writing, so an
              unchanged zone stays unchanged, and no nonce stands for two texts

Source: external-dns 0.22, endpoint/crypto.go.  Pure.  Called by `ownership`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import zlib
from typing import TYPE_CHECKING

from feddns.errors import OperatorNeeded, SettingRefused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_SIZE = 32
NONCE_SIZE = 12
LONGEST_TEXT = 65_536
_GZIP = 31


def read_key(text: str) -> bytes:
    """The key as external-dns takes it: 32 octets as they are, or their base64; empty for none.

    Raises `SettingRefused`, without the key.
    """
    raw = text.encode("utf-8")
    if len(raw) in (0, KEY_SIZE):
        return raw
    try:
        key = base64.b64decode(raw, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_SIZE:
        raise SettingRefused(
            "the key of the ownership records must be 32 octets, as they are or in base64 "
            "(openssl rand -base64 32)"
        )
    return key


def seal(text: str, name: str, key: bytes, nonce: bytes = b"") -> str:
    """The text sealed for the TXT record of this name.  Raises `OperatorNeeded` without AES."""
    raw = text.encode("utf-8")
    nonce = nonce or _nonce(raw, name, key)
    packer = zlib.compressobj(9, wbits=_GZIP)
    packed = packer.compress(raw) + packer.flush()
    return base64.b64encode(nonce + _cipher(key).encrypt(nonce, packed, None)).decode("ascii")


def unseal(sealed: str, key: bytes) -> str | None:
    """The text; None when it is not sealed with this key."""
    cipher = _cipher(key)
    from cryptography.exceptions import InvalidTag

    try:
        raw = base64.b64decode(sealed, validate=True)
        packed = cipher.decrypt(raw[:NONCE_SIZE], raw[NONCE_SIZE:], None)
        return zlib.decompressobj(_GZIP).decompress(packed, LONGEST_TEXT).decode("utf-8")
    except (InvalidTag, ValueError, zlib.error):
        return None


def _nonce(raw: bytes, name: str, key: bytes) -> bytes:
    said = name.encode("utf-8") + b"\0" + raw
    return hmac.new(key, b"feddns claim\0" + said, hashlib.sha256).digest()[:NONCE_SIZE]


def _cipher(key: bytes) -> AESGCM:
    """AES comes with the federation's extra, so that who seals nothing needs no library."""
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise OperatorNeeded(
            "sealed ownership records need a library: pip install feddns[federation]"
        ) from error
    return AESGCM(key)
