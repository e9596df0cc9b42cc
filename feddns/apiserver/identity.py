"""Who asks: tokens, and what a client may ask about itself.

    Authorization            who                                             may
    none, or no token        system:anonymous                                health and version
    a token that is known    its user, in its groups                         everything
    a token that is not      401
    Impersonate-User         that user, asked for by one who may everything  as above

There is one right, everything, and who has a token has it: an API of this size has an owner.  The
reviews (kubectl auth can-i, whoami) say just that.

Pure.  Called by `handling`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

from feddns.apiserver.refusals import Cause, RequestRefused
from feddns.apiserver.requests import Target

_OPEN = ("/healthz", "/livez", "/readyz", "/version")
MASTERS = "system:masters"


class User(NamedTuple):
    name: str
    groups: tuple[str, ...] = ()

    @property
    def may_everything(self) -> bool:
        return self.name != ANONYMOUS.name


ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))


def user_of(headers: Mapping[str, str], tokens: Mapping[str, User]) -> User:
    """Who asks.  Raises `RequestRefused`: 401."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        return ANONYMOUS
    user = tokens.get(token)
    if user is None:
        raise RequestRefused(401, "Unauthorized", "Unauthorized")
    other = headers.get("impersonate-user")
    if other:
        groups = tuple(filter(None, headers.get("impersonate-group", "").split(",")))
        return User(other, (*groups, "system:authenticated"))
    return user


def check(user: User, path: str, verb: str) -> None:
    """Raises `RequestRefused` (403) when the user may not."""
    if user.may_everything or path.rstrip("/") in _OPEN:
        return
    message = f'forbidden: User "{user.name}" cannot {verb} path "{path}"'
    raise RequestRefused(403, "Forbidden", message, {})


def check_target(user: User, target: Target, verb: str) -> None:
    """The same for objects."""
    if user.may_everything:
        return
    what = f"{target.plural}/{target.subresource}" if target.subresource else target.plural
    named = {"name": target.name, "group": target.group, "kind": target.plural}
    full = f"{target.plural}.{target.group}" if target.group else target.plural
    about = f'{full} "{target.name}"' if target.name else full
    where = (
        f' in the namespace "{target.namespace}"' if target.namespace else " at the cluster scope"
    )
    raise RequestRefused(
        403, "Forbidden",
        f'{about} is forbidden: User "{user.name}" cannot {verb} resource "{what}" in API group '
        f'"{target.group}"{where}',
        {key: value for key, value in named.items() if value},
    )  # fmt: skip


def review(kind: str, asked: dict[str, Any], user: User) -> dict[str, Any] | None:
    """The answer to one of the reviews; None where the kind is none."""
    spec = asked.get("spec") or {}
    if kind.endswith("AccessReview"):
        _check_asked(spec)
    match kind:
        case "SelfSubjectReview":
            status: dict[str, Any] = {"userInfo": _info(user)}
        case "SelfSubjectAccessReview":
            status = _verdict(user.may_everything)
        case "SubjectAccessReview" | "LocalSubjectAccessReview":
            status = _verdict(spec.get("user") != ANONYMOUS.name)
        case "SelfSubjectRulesReview":
            status = {
                "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
                "incomplete": False,
            }
        case _:
            return None
    return {**asked, "metadata": asked.get("metadata") or {}, "status": status}


def _check_asked(spec: dict[str, Any]) -> None:
    if bool(spec.get("resourceAttributes")) == bool(spec.get("nonResourceAttributes")):
        why = (
            "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must "
            "be specified"
        )
        group, field = "authorization.k8s.io", "spec.resourceAttributes"
        raise RequestRefused(
            422, "Invalid", f'.{group} "" is invalid: {field}: {why}', {"group": group},
            [Cause("FieldValueInvalid", why, field)],
        )  # fmt: skip


def token_review(asked: dict[str, Any], tokens: Mapping[str, User]) -> dict[str, Any]:
    """The answer to a TokenReview."""
    user = tokens.get((asked.get("spec") or {}).get("token", ""))
    status = {"authenticated": True, "user": _info(user)} if user else {}
    return {**asked, "metadata": asked.get("metadata") or {}, "status": status}


def _info(user: User) -> dict[str, Any]:
    number = uuid.uuid5(uuid.NAMESPACE_OID, user.name)
    return {"username": user.name, "uid": str(number), "groups": list(user.groups)}


def _verdict(allowed: bool) -> dict[str, Any]:
    return {"allowed": allowed}
