"""The text of `--dns-provider-config` → keys and values, as Kubernetes Federation read it.

    in the file                       is
    [Global]                          the one section; `[global]` too
    key = text                        text, without what a ` #` or ` ;` begins
    key = "text # \\" \\n"              all between the quotes; \\" \\\\ \\n \\t as in git's files
    key                               true
    # …, ; …                          nothing
    a key twice, a key without a      DocumentRefused, with the line and never with what stands
      section, another section,       there: it may be a secret
      any other line

Pure.  Called by `catalogue`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from feddns.errors import DocumentRefused

SECTION = "global"
_SECTION = re.compile(r"\[\s*([^\]]*?)\s*\]\s*([;#].*)?\Z")
_KEY = re.compile(r"([A-Za-z][-_A-Za-z0-9]*)\s*(?:=\s*(.*))?\Z", re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(?:[;#].*)?\Z')
_COMMENT = re.compile(r"(?:\s|\A)[;#].*")
_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}


def read(text: str) -> dict[str, str]:
    """The keys of `[Global]`, in lower case.  Raises `DocumentRefused`."""
    found: dict[str, str] = {}
    is_inside = False
    for number, line in enumerate(_lines(text), 1):
        if section := _SECTION.match(line):
            if section[1].lower() != SECTION:
                raise DocumentRefused(f"the only section is [Global], not [{section[1]}]", number)
            is_inside = True
            continue
        match = _KEY.match(line)
        if line and match is None:
            raise DocumentRefused("no `key = value`, and no comment", number)
        if match is None:
            continue
        key = match[1].lower()
        if not is_inside:
            raise DocumentRefused(f"{key} stands in front of [Global]", number)
        if key in found:
            raise DocumentRefused(f"{key} is there twice", number)
        found[key] = "true" if match[2] is None else _value(match[2], key, number)
    return found


def _lines(text: str) -> Iterator[str]:
    """Stripped, comments of whole lines empty."""
    for line in text.removeprefix("\ufeff").splitlines():
        stripped = line.strip()
        yield "" if stripped.startswith(("#", ";")) else stripped


def _value(text: str, key: str, number: int) -> str:
    if not text.startswith('"'):
        return _COMMENT.sub("", text).strip()
    match = _QUOTED.match(text)
    if match is None:
        raise DocumentRefused(f"the value of {key} has no closing quote, or text behind it", number)
    return re.sub(r"\\(.)", lambda escape: _escaped(escape[1], key, number), match[1])


def _escaped(char: str, key: str, number: int) -> str:
    if char not in _ESCAPES:
        known = 'there are \\" \\\\ \\n and \\t'
        raise DocumentRefused(f"the value of {key} has an unknown escape; {known}", number)
    return _ESCAPES[char]
