"""What the API refuses, as the `Status` object that a client gets (meta/v1).

Pure.  Raised everywhere in `apiserver`, written by `handling`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from feddns.errors import Refused


class Cause(NamedTuple):
    """One of a Status's `details.causes`: `reason` as in meta/v1 CauseType, `field` a path."""

    reason: str
    message: str
    field: str = ""


class RequestRefused(Refused):
    """A request that is not done.  `code` is the HTTP status, `reason` of meta/v1 StatusReason.

    `details` is what names the thing: name, group, kind (a resource or a kind), uid,
    retryAfterSeconds; where there are none, {} is written and None is not.
    """

    def __init__(
        self, code: int, reason: str, message: str,
        details: Mapping[str, Any] | None = None, causes: Sequence[Cause] = (),
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = dict(details or {})
        self.named = details is not None
        self.causes = tuple(causes)

    def status(self) -> dict[str, Any]:
        """The object, ready for JSON."""
        details = dict(self.details)
        if self.causes:
            details["causes"] = [
                {key: value for key, value in cause._asdict().items() if value}
                for cause in self.causes
            ]
        whole: dict[str, Any] = {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message,
        }  # fmt: skip
        if self.reason:
            whole["reason"] = self.reason
        if details or self.named:
            whole["details"] = details
        return whole | {"code": self.code}
