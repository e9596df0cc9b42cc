"""◇ Who we are to Google, and for which project: found quickly, or said clearly.

    settings                 credentials
    is_anonymous             none are sent; only to an endpoint of one's own
    token_url, token_body    a token service, as GKE's masters had it: the body is posted there, by
                             the machine's own account where it has one, and the answer is
                             {"accessToken", "expireTime"} (or OAuth's own two names)
    credentials_file         a service account's key, or what `gcloud` writes
    none of them             Application Default Credentials: GOOGLE_APPLICATION_CREDENTIALS,
                             gcloud's file, the metadata server

The project is the one of the settings, of GOOGLE_CLOUD_PROJECT, of gcloud's CLOUDSDK_CORE_PROJECT,
of the credentials, of the metadata server, in this order.

The library waits for a metadata server that is not there for a quarter of a minute, and for half a
minute with each token; here `PATIENCE` seconds are the end of it.  No message holds a body or a
token.  Called by `clouddns`.
"""

from __future__ import annotations

import datetime
import json
import os
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import google.auth
from google.auth import compute_engine, credentials, exceptions
from google.auth.compute_engine import _metadata
from google.auth.transport.requests import AuthorizedSession, Request

from feddns.errors import OperatorNeeded

SCOPES = ("https://www.googleapis.com/auth/ndev.clouddns.readwrite",)
PATIENCE = 2.5
"""Seconds after which a server of credentials that does not answer is given up."""
_PROJECT_VARIABLES = ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT")
_CONNECT, _READ = 5.0, 25.0
_HELP = (
    "name a service account's key file, by GOOGLE_APPLICATION_CREDENTIALS or in the settings, or "
    "run where the machine or the Pod has an account (Workload Identity)"
)


class Wish(Protocol):
    """The part of the settings that is read here."""

    @property
    def project(self) -> str: ...
    @property
    def credentials_file(self) -> str: ...
    @property
    def token_url(self) -> str: ...
    @property
    def token_body(self) -> str: ...
    @property
    def is_anonymous(self) -> bool: ...


class Identity(NamedTuple):
    """Credentials of google-auth, with scopes, and the project."""

    credentials: Any
    project: str


def identity(wish: Wish) -> Identity:
    """Raises `OperatorNeeded` within a few seconds where there are none."""
    try:
        found, project = _credentials(wish)
        named = wish.project or _project_of_environment() or project or ""
        if not named and not wish.is_anonymous:
            named = str(_metadata.get_project_id(Patient(PATIENCE)))
    except exceptions.RefreshError as error:
        raise OperatorNeeded(f"Cloud DNS: no credentials were found, {error}; {_HELP}") from error
    except (exceptions.GoogleAuthError, OSError, ValueError, KeyError, AttributeError) as error:
        raise OperatorNeeded(f"Cloud DNS: {_words(error)}; {_HELP}") from error
    if not named:
        raise OperatorNeeded(
            "Cloud DNS: for which project? Set project-id in [Global], or GOOGLE_CLOUD_PROJECT"
        )
    return Identity(found, named)


def session(found: Identity) -> Any:
    """What calls are made with: each ends in half a minute, and so does a refresh of the token."""
    return _Session(found.credentials, auth_request=Patient(PATIENCE, longest=10.0))


def _credentials(wish: Wish) -> tuple[Any, str | None]:
    if wish.is_anonymous:
        return credentials.AnonymousCredentials(), None
    if wish.token_url not in ("", "nil"):
        return _TokenService(wish.token_url, wish.token_body), None
    if wish.credentials_file:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            found = google.auth.load_credentials_from_file(wish.credentials_file, scopes=SCOPES)
    else:
        found = google.auth.default(scopes=SCOPES, request=Patient(PATIENCE, longest=1.0))
    return _Plain(found[0]), found[1]


def _project_of_environment() -> str:
    named = (os.environ.get(variable, "") for variable in _PROJECT_VARIABLES)
    return next(filter(None, named), "")


def _words(error: Exception) -> str:
    """The first line of what the library says; it names files, and nothing of what is in them."""
    if isinstance(error, exceptions.TransportError):
        return "the metadata server does not tell the project"
    if isinstance(error, (KeyError, AttributeError)):
        return "the file of credentials is not what Google makes"
    lines = str(error).splitlines() or [""]
    return lines[0][:300].rstrip(". ") or type(error).__name__


class Patient:
    """google-auth's way to ask a server, which gives up for good after some seconds of failures.

    The library's loops end only at errors that are none of transport, so that is what it raises.
    """

    def __init__(
        self, seconds: float, longest: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.session: Any = None
        self._ask, self._clock = Request(), clock
        self._seconds, self._longest = seconds, longest
        self._failing_since: float | None = None

    def __call__(self, url: str, method: str = "GET", **more: Any) -> Any:
        if self._failing_since is None:
            self._failing_since = self._clock()
        asked = more.get("timeout")
        longest = asked if isinstance(asked, (int, float)) else self._longest
        more["timeout"] = min(longest, self._longest)
        try:
            answer = self._ask(url, method, **more)
        except exceptions.TransportError as error:
            if self._clock() - self._failing_since < self._seconds:
                raise
            self._failing_since = None
            host = urlsplit(url).netloc
            words = f"{host} does not answer"
            raise exceptions.RefreshError(words, retryable=True) from error
        self._failing_since = None
        return answer


class _Plain(credentials.Credentials):  # type: ignore[misc]
    """The token of other credentials, and nothing that the library does beside it.

    It asks the metadata server for a universe, in its own time, and starts a thread that asks IAM
    for the regions of the account; neither is needed for DNS.
    """

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self._inner = inner
        self._quota_project_id = inner.quota_project_id

    def refresh(self, request: Any) -> None:
        self._inner.refresh(request)
        self.token, self.expiry = self._inner.token, self._inner.expiry


class _Session(AuthorizedSession):  # type: ignore[misc]
    """Calls with credentials and a time by which they end."""

    def request(self, method: str, url: str, **more: Any) -> Any:
        return super().request(method, url, **more | {"timeout": (_CONNECT, _READ)})


class _TokenService(credentials.Credentials):  # type: ignore[misc]
    """Access tokens from a service that is asked with a body of the operator's."""

    def __init__(self, url: str, body: str) -> None:
        super().__init__()
        self._url, self._body = url, body
        self._has_account = True

    def refresh(self, request: Any) -> None:
        headers = {"Content-Type": "application/json"}
        if account := self._account(request):
            headers["Authorization"] = f"Bearer {account}"
        answer = request(self._url, "POST", body=self._body.encode(), headers=headers, timeout=10.0)
        host = urlsplit(self._url).netloc
        if answer.status != 200:
            raise exceptions.RefreshError(
                f"the token service {host} answers {answer.status}",
                retryable=answer.status >= 500 or answer.status == 429,
            )
        try:
            self.token, self.expiry = _read_token(answer.data)
        except (ValueError, KeyError, TypeError):
            raise exceptions.RefreshError(
                f"the token service {host} answers without accessToken and expireTime"
            ) from None

    def _account(self, request: Any) -> str:
        """The token of the machine's own account; a machine without one is asked once."""
        if not self._has_account:
            return ""
        account = compute_engine.Credentials()
        try:
            account.refresh(request)
        except exceptions.GoogleAuthError:
            self._has_account = False
        return account.token or ""


def _read_token(data: bytes) -> tuple[str, datetime.datetime]:
    """Token and its end in UTC, without a zone, as google-auth keeps it."""
    told = json.loads(data)
    token = str(told["accessToken"] if "accessToken" in told else told["access_token"])
    if "expireTime" in told:
        end = datetime.datetime.fromisoformat(told["expireTime"])
        return token, end.astimezone(datetime.UTC).replace(tzinfo=None)
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    return token, now + datetime.timedelta(seconds=float(told["expires_in"]))
