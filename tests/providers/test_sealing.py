"""Sealed claims: external-dns' AES, the same bytes each time, and nothing read that is not ours."""

from __future__ import annotations

import base64
import builtins
import zlib
from typing import Any

import hypothesis.strategies as st
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given

from feddns.errors import OperatorNeeded, SettingRefused
from feddns.providers import sealing

KEY = b"0123456789abcdef0123456789abcdef"
NONCE = b"nonce of 12!"
TEXT = "heritage=external-dns,external-dns/owner=me"


@given(st.text(max_size=2000), st.text(max_size=20))
def test_sealed_and_back(text: str, name: str) -> None:
    sealed = sealing.seal(text, name, KEY)
    assert sealing.unseal(sealed, KEY) == text
    assert sealing.unseal(sealed, KEY[::-1]) is None


def test_the_layout() -> None:
    """Nonce first, then the sealed gzip with its tag."""
    raw = base64.b64decode(sealing.seal(TEXT, "a.", KEY, NONCE))
    assert raw[:12] == NONCE
    packed = AESGCM(KEY).decrypt(NONCE, raw[12:], None)
    assert packed[:2] == b"\x1f\x8b"
    assert zlib.decompress(packed, 31).decode() == TEXT


def test_a_claim_is_the_same_each_time_and_no_nonce_is_used_twice() -> None:
    sealed = [
        sealing.seal(text, name, key)
        for text in (TEXT, TEXT + "2")
        for name in ("a.example.com.", "b.example.com.")
        for key in (KEY, KEY[::-1])
    ]
    again = sealing.seal(TEXT, "a.example.com.", KEY)
    assert sealed[0] == again
    assert len({base64.b64decode(one)[:12] for one in sealed}) == len(sealed)


@given(st.one_of(st.text(), st.binary().map(lambda raw: base64.b64encode(raw).decode())))
def test_whatever_is_not_sealed_is_none(text: str) -> None:
    assert sealing.unseal(text, KEY) is None


def test_a_changed_octet_is_noticed() -> None:
    raw = bytearray(base64.b64decode(sealing.seal(TEXT, "a.", KEY)))
    for place in range(len(raw)):
        raw[place] ^= 1
        assert sealing.unseal(base64.b64encode(raw).decode(), KEY) is None
        raw[place] ^= 1


def test_a_long_text_is_cut_and_not_unpacked_without_end() -> None:
    bomb = zlib.compressobj(9, wbits=31)
    packed = bomb.compress(bytes(10_000_000)) + bomb.flush()
    sealed = base64.b64encode(NONCE + AESGCM(KEY).encrypt(NONCE, packed, None)).decode()
    found = sealing.unseal(sealed, KEY)
    assert found is not None
    assert len(found) == sealing.LONGEST_TEXT


@pytest.mark.parametrize(
    ("text", "key"),
    [("", b""), (KEY.decode(), KEY), (base64.b64encode(KEY[::-1]).decode(), KEY[::-1])],
)
def test_keys(text: str, key: bytes) -> None:
    assert sealing.read_key(text) == key


@pytest.mark.parametrize("text", ["secret", "s" * 31, base64.b64encode(b"secret").decode(), "ü"])
def test_a_bad_key_is_refused_and_not_told(text: str) -> None:
    with pytest.raises(SettingRefused) as refused:
        sealing.read_key(text)
    assert text not in str(refused.value)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    there = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError(name)
        return there(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(OperatorNeeded, match=r"pip install feddns\[federation\]"):
        sealing.seal(TEXT, "a.", KEY)
    with pytest.raises(OperatorNeeded, match=r"pip install feddns\[federation\]"):
        sealing.unseal(TEXT, KEY)
