"""A text that shows itself to nobody by accident.

    what is done with it                    what is seen
    str(), repr(), format(), f"…", %s       ***
    in a struct, a list, a traceback        ***
    json, msgpack, pickle                   an error: it is not to be written anywhere
    `reveal()`                              the text; for the library that needs it

Pure.  Made by `catalogue`.
"""

from __future__ import annotations

import hmac
from typing import NoReturn

HIDDEN = "***"


class Secret:
    """See the module's docstring."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")
