"""◇ Calls to Google, and what its refusals and silences are to us.

    Google says                                           raised
    429; 403 of a rate                                    Throttled, after Retry-After
    5xx, 408, no answer, one that cannot be read          ProviderAway
    409, 412; 404 of a change; 400 of a CNAME beside
    others: somebody else has been here                   Outdated
    any other 400, 413; 403 quotaExceeded of a change     Rejected
    401, any other 403 and 404; no credentials            OperatorNeeded

Decided by status and reason; the words are Google's own.  Nothing is tried twice here: who calls
knows when.  Called by `clouddns`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import requests
from google.api_core import exceptions, page_iterator
from google.auth import exceptions as auth_exceptions

from feddns.errors import (
    FeddnsError,
    OperatorNeeded,
    Outdated,
    ProviderAway,
    ProviderTrouble,
    Rejected,
    Throttled,
)

_PAGE = 1_000
_RATES = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "dailyLimitExceeded"})
_AFTER = 5.0
"""Seconds to wait where Google does not say how many."""


class Missing(OperatorNeeded):
    """404 of something that is not a change."""


class Calls:
    """Calls for one project, with our errors."""

    def __init__(self, client: Any, secret: str) -> None:
        self.project: str = client.project
        self._client, self._secret = client, secret

    def call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        is_change = method == "POST" and path.endswith("/changes")
        try:
            told = self._client._connection.api_request(
                method, f"/projects/{self.project}{path}", **more
            )
        except Exception as error:
            raise self._trouble(error, is_change) from error
        answer: dict[str, Any] = converted(told, dict)
        return answer

    def pages(
        self, path: str, key: str, type: type[Any], query: Mapping[str, str] | None = None
    ) -> Iterator[list[Any]]:
        """The items of a list, a call for each page."""
        pages = page_iterator.HTTPIterator(
            self._client, self._client._connection.api_request, f"/projects/{self.project}{path}",
            lambda _, item: converted(item, type), key, page_size=_PAGE, extra_params=query,
        ).pages  # fmt: skip
        while True:
            try:
                page = next(pages, None)
                items = None if page is None else [*page]
            except Exception as error:
                raise self._trouble(error, is_change=False) from error
            if items is None:
                return
            yield items

    def close(self) -> None:
        self._client.close()

    def _trouble(self, error: Exception, is_change: bool) -> FeddnsError:
        found = _trouble(error, is_change)
        if self._secret and self._secret in str(found):
            found.args = (str(found).replace(self._secret, "…"),)
        if isinstance(found, ProviderTrouble) and not isinstance(found, ProviderAway):
            found.done = 0
        return found


def converted(told: object, type: type[Any]) -> Any:
    try:
        return msgspec.convert(told, type, strict=False)
    except msgspec.ValidationError as error:
        raise ProviderAway(f"Cloud DNS: an answer that is none: {error}") from error


def _trouble(error: Exception, is_change: bool) -> FeddnsError:
    if isinstance(error, FeddnsError):
        return error
    if isinstance(error, exceptions.GoogleAPICallError):
        return _refusal(error, is_change)
    if isinstance(error, auth_exceptions.TransportError) or getattr(error, "retryable", False):
        return ProviderAway(f"Cloud DNS: no token, {_line(error)}")
    if isinstance(error, auth_exceptions.GoogleAuthError):
        return OperatorNeeded(f"Cloud DNS: the credentials are not good: {_line(error)}")
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
        return OperatorNeeded("Cloud DNS: the endpoint is no URL; it is like https://host:port")
    if isinstance(error, requests.exceptions.Timeout):
        return ProviderAway("Cloud DNS: no answer in time")
    if isinstance(error, (ValueError, AttributeError)):
        return ProviderAway(f"Cloud DNS: an answer that cannot be read: {type(error).__name__}")
    if isinstance(error, requests.exceptions.RequestException):
        return ProviderAway(f"Cloud DNS: no answer: {type(error).__name__}")
    raise error


def _refusal(error: exceptions.GoogleAPICallError, is_change: bool) -> FeddnsError:
    code, reason = int(error.code or 0), _reason(error)
    words = f"Cloud DNS: {_googles_words(error)} ({code} {reason})".replace(" )", ")")
    if code == 429 or (code == 403 and reason in _RATES):
        return Throttled(words, _after(error))
    if code >= 500 or code == 408 or code < 400:
        return ProviderAway(words)
    if code in (409, 412) or (code == 404 and is_change):
        return Outdated(words)
    if reason == "cnameResourceRecordSetConflict":
        return Outdated(words)
    if code in (400, 413) or (reason == "quotaExceeded" and is_change):
        return Rejected(words)
    return Missing(words) if code == 404 else OperatorNeeded(words)


def _reason(error: exceptions.GoogleAPICallError) -> str:
    errors = error.errors
    first = errors[0] if isinstance(errors, Sequence) and errors else {}
    return str(first.get("reason", "")) if isinstance(first, Mapping) else ""


def _googles_words(error: exceptions.GoogleAPICallError) -> str:
    """The message of the error alone: the library's has the method and the URL before it."""
    try:
        told = error.response.json()["error"]["message"]
    except (ValueError, KeyError, TypeError, AttributeError):
        told = f"HTTP {error.code} without an explanation"
    return " ".join(str(told).split())[:500]


def _after(error: exceptions.GoogleAPICallError) -> float:
    told = error.response.headers.get("Retry-After", "") if error.response is not None else ""
    return float(told) if told.isdigit() else _AFTER


def _line(error: Exception) -> str:
    return (
        (str(error.args[0]).splitlines() or [""])[0][:300] if error.args else type(error).__name__
    )
