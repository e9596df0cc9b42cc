"""Quantities (`100m`, `1.5Gi`, `2e3`) in the one form in which a kube-apiserver keeps them.

    written                      kept             because
    1000m, 1.0, 0.001k           1                the largest suffix without a fraction
    0.5                          500m
    1.5Gi, 1024Ki                1536Mi, 1Mi      binary stays binary
    0.5Ki, 0.1Ki                 512, 102400m     unless below 1024, or no whole number of bytes
    12e4                         120e3            exponents stay exponents, multiples of three
    0.1n                         1n               rounded up

Pure.  Called by `decoding`, and by whoever calculates with quantities.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

_WRITTEN = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(.*)", re.ASCII)
_PLAUSIBLE = re.compile(r"([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)", re.ASCII)
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]+)", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_NANO = Fraction(1, 10**9)
_LARGEST = 2**63 - 1
_LONGEST = 1000
"""Characters: nobody means a longer one, and Python reads no number of more than 4,300 digits."""


class QuantityError(ValueError):
    """The text is no quantity.  The words are the server's."""


@lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """The form that is kept.  Raises `QuantityError`."""
    value, form = _parse(text)
    if form == "binary" and (abs(value) < 1024 or value.denominator != 1):
        form = "decimal"
    if form == "binary":
        return _with_binary(int(value))
    if not value:
        return "0"
    return _with_exponent(value) if form == "exponent" else _with_decimal(value)


@lru_cache(maxsize=4096)
def value(text: str) -> Fraction:
    """What the quantity is worth.  Raises `QuantityError`."""
    return _parse(text)[0]


def _parse(text: str) -> tuple[Fraction, str]:
    if not _PLAUSIBLE.fullmatch(text):
        raise QuantityError(
            "quantities must match the regular expression "
            "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        )
    found = _WRITTEN.fullmatch(text) if len(text) <= _LONGEST else None
    if not found or not (found[2] or found[3]):
        raise QuantityError("unable to parse numeric part of quantity")
    sign, whole, part, suffix = found.groups()
    number = Fraction(int((whole or "0") + (part or "")), 10 ** len(part or ""))
    scale, form = _scale(suffix)
    number *= scale
    if number % _NANO:
        number = Fraction(-(-number // _NANO)) * _NANO
    number = min(number, Fraction(_LARGEST)) if form == "binary" else number
    return (-number if sign == "-" else number), form


def _scale(suffix: str) -> tuple[Fraction, str]:
    if suffix in _DECIMAL:
        return Fraction(10) ** _DECIMAL[suffix], "decimal"
    if suffix in _BINARY:
        return Fraction(2 ** _BINARY[suffix]), "binary"
    if found := _EXPONENT.fullmatch(suffix):
        return Fraction(10) ** max(-999, min(999, int(found[1]))), "exponent"
    raise QuantityError("unable to parse quantity's suffix")


def _with_binary(number: int) -> str:
    for suffix, bits in reversed(_BINARY.items()):
        if number % 2**bits == 0:
            return f"{number >> bits}{suffix}"
    return str(number)


def _with_exponent(number: Fraction) -> str:
    whole, exponent = int(number / _NANO), -9
    while whole % 1000 == 0:
        whole, exponent = whole // 1000, exponent + 3
    return f"{whole}e{exponent}" if exponent else str(whole)


def _with_decimal(number: Fraction) -> str:
    """Every number is a whole one of nanos."""
    largest_first = reversed(_DECIMAL.items())
    scaled = ((number / Fraction(10) ** exponent, suffix) for suffix, exponent in largest_first)
    return next(f"{whole}{suffix}" for whole, suffix in scaled if whole.denominator == 1)
