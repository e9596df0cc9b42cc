"""◇ Calls to Route 53 by boto3, and what its refusals and silences are to us.

    AWS says                                              raised
    Throttling, any 429; PriorRequestNotComplete          Throttled
    5xx, no answer, one that cannot be read               ProviderAway
    InvalidChangeBatch, all of it about what is (not)     Outdated
    there
    any other InvalidChangeBatch, InvalidInput, … of a    Rejected
    change
    NoSuchHostedZone, AccessDenied, bad credentials,      OperatorNeeded
    all others

AWS has one code for every reason to refuse a change; only its words say which it is.  Words that
are not known here mean Rejected: the keeper then finds the one by halves, and tells them.

Credentials are found by the SDK's chain: the environment, the shared files, SSO, a web identity
(IRSA), a Pod's or task's identity, the machine's role.  The SDK tries nothing twice here: who calls
knows when.  Called by `route53`.
"""

from __future__ import annotations

import functools
import logging
import os
import re
from collections.abc import Mapping
from typing import Any

import boto3
import botocore.session
from botocore import exceptions
from botocore.config import Config
from botocore.parsers import ResponseParserError

from feddns.errors import (
    FeddnsError,
    OperatorNeeded,
    Outdated,
    ProviderAway,
    ProviderTrouble,
    Rejected,
    Throttled,
)

REGION = "us-east-1"
"""Where Route 53 is, unless the SDK is told another region, which may be of another partition."""
_CONNECT, _READ = 5.0, 25.0
_AFTER = 1.0
"""Seconds to wait where AWS does not say how many; the keeper makes more of it."""
_THROTTLES = frozenset({
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled",
    "RequestThrottledException", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown",
    "BandwidthLimitExceeded", "PriorRequestNotComplete",
})  # fmt: skip
_OF_A_CHANGE = frozenset({
    "InvalidChangeBatch", "InvalidInput", "InvalidArgument", "ValidationError", "LimitsExceeded",
    "NoSuchHealthCheck", "MalformedInput", "MalformedXML", "RequestEntityTooLarge",
})  # fmt: skip
_OUTDATED = re.compile(
    r"Tried to (?:create|delete) resource record set .* but (?:it was not found|it already exists|"
    r"the values provided do not match the current values)\.?"
    r"|RRSet .* (?:it conflicts with other records with the same DNS name|a conflicting RRSet of "
    r"type|exists? with the same name and type).*"
)
_NEXT = re.compile(r", (?=(?:Tried|RRSet|Invalid|FATAL|The|A|An|Duplicate|Expected)\b)")
_HELP = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile, or run where the Pod or the "
    "machine has a role"
)


class Missing(OperatorNeeded):
    """No such hosted zone."""


class Exists(OperatorNeeded):
    """The hosted zone is there already."""


class Calls:
    """Calls for one account, with our errors."""

    def __init__(self, client: Any, credentials: Any) -> None:
        self.region: str = client.meta.region_name
        self._client, self._credentials = client, credentials

    def call(self, operation: str, *needed: str, **arguments: Any) -> dict[str, Any]:
        """`list_resource_record_sets`, and so on, as boto3 has them.

        `needed`: what the answer must have; boto3 takes any XML for an answer with nothing in it.
        """
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**arguments)
        except Exception as error:
            found = _trouble(error, operation == "change_resource_record_sets")
            if found is None:
                raise
            found.args = (self._without_secrets(str(found)),)
            # Not its cause: a trace would tell what is taken out of the words.
            raise found from None
        if lacking := [key for key in needed if key not in answer]:
            raise ProviderAway(f"Route 53: an answer without {' and '.join(lacking)}")
        return answer

    def close(self) -> None:
        self._client.close()

    def _without_secrets(self, words: str) -> str:
        """AWS says of a bad signature what was signed, and that has the token."""
        try:
            found = self._credentials.get_frozen_credentials()
        except Exception:
            return words
        for secret in (found.secret_key, found.token):
            if secret:
                words = words.replace(secret, "…")
        return words


def calls(endpoint: str, region: str, profile: str) -> Calls:
    """The client for the credentials that the SDK finds.  Raises `OperatorNeeded`."""
    _mind_the_logs()
    try:
        session = _session(profile)
        credentials = session.get_credentials()
        if credentials is None:
            raise OperatorNeeded(f"Route 53: AWS' SDK finds no credentials; {_HELP}")
        client = session.client(
            "route53",
            region_name=region or session.region_name or os.environ.get("AWS_REGION") or REGION,
            endpoint_url=endpoint or None,
            config=Config(
                connect_timeout=_CONNECT,
                read_timeout=_READ,
                retries={"total_max_attempts": 1, "mode": "standard"},
                user_agent_extra="feddns",
            ),
        )
    except (exceptions.BotoCoreError, exceptions.ClientError) as error:
        raise OperatorNeeded(f"Route 53: {_line(error)}; {_HELP}") from None
    except ValueError as error:
        raise OperatorNeeded(
            f"Route 53: {_line(error)}; the endpoint is like https://host:port"
        ) from error
    return Calls(client, credentials)


def _session(profile: str) -> Any:
    core = botocore.session.Session(profile=profile or None)
    core.register_component("data_loader", _models())
    return boto3.session.Session(botocore_session=core)


@functools.cache
def _models() -> Any:
    """What the SDK knows of AWS' services: read once, as it takes longer than all the rest."""
    return botocore.session.Session().get_component("data_loader")


def _mind_the_logs() -> None:
    """The SDK writes what it signs, tokens too, at DEBUG; nobody's DEBUG of ours is meant so."""
    logger = logging.getLogger("botocore")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)


# --- what went wrong ----------------------------------------------------------------------------


def _trouble(error: Exception, is_change: bool) -> FeddnsError | None:
    found = _found(error, is_change)
    if isinstance(found, ProviderTrouble) and not isinstance(found, ProviderAway):
        found.done = 0
    return found


def _found(error: Exception, is_change: bool) -> FeddnsError | None:
    if isinstance(error, exceptions.ClientError):
        # The call for a token may be refused, too.
        return _refusal(error, is_change and error.operation_name == "ChangeResourceRecordSets")
    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        return OperatorNeeded(f"Route 53: {_line(error)}; {_HELP}")
    if isinstance(error, (exceptions.ReadTimeoutError, exceptions.ConnectTimeoutError)):
        return ProviderAway("Route 53: no answer in time")
    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        return ProviderAway(f"Route 53: no answer: {type(error).__name__}")
    if isinstance(error, (ResponseParserError, exceptions.IncompleteReadError)):
        return ProviderAway("Route 53: an answer that cannot be read")
    if isinstance(error, exceptions.ParamValidationError):
        words = " ".join(str(error).split())[:500]
        return (Rejected if is_change else OperatorNeeded)(f"Route 53: {words}")
    if isinstance(error, (exceptions.BotoCoreError, OSError)):
        return OperatorNeeded(f"Route 53: the credentials are not good: {_line(error)}")
    if isinstance(error, (KeyError, TypeError, ValueError)):
        return ProviderAway(f"Route 53: an answer that cannot be read: {type(error).__name__}")
    return None


def _refusal(error: exceptions.ClientError, is_change: bool) -> FeddnsError:
    answer: Mapping[str, Any] = error.response
    metadata = answer.get("ResponseMetadata", {})
    status, code = int(metadata.get("HTTPStatusCode", 0)), str(answer["Error"].get("Code", ""))
    said = _said(answer)
    words = f"Route 53: {said} ({code or status})"
    if code in _THROTTLES or status == 429:
        return Throttled(words, _after(metadata))
    if status >= 500 or status == 408 or status < 400:
        return ProviderAway(words)
    if is_change and (code in _OF_A_CHANGE or answer.get("Messages") or status == 413):
        return Outdated(words) if _is_outdated(said) else Rejected(words)
    if code == "NoSuchHostedZone":
        return Missing(words)
    if code in ("HostedZoneAlreadyExists", "ConflictingDomainExists"):
        return Exists(words)
    return OperatorNeeded(words)


def _said(answer: Mapping[str, Any]) -> str:
    """AWS' own words, in one line.

    An InvalidChangeBatch may have them under Messages, of which boto3 keeps one if it is the only.
    """
    told = answer["Error"].get("Message") or (answer.get("Messages") or {}).get("Message")
    return " ".join(told.split())[:1000] if told and isinstance(told, str) else "no explanation"


def _is_outdated(said: str) -> bool:
    """All that is said is about what is there or is not; see the module's docstring."""
    return all(_OUTDATED.fullmatch(one) for one in _NEXT.split(said.strip("[]")))


def _after(metadata: Mapping[str, Any]) -> float:
    told = str(metadata.get("HTTPHeaders", {}).get("retry-after", ""))
    return float(told) if told.isdigit() else _AFTER


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:300].rstrip(". ") or type(error).__name__
