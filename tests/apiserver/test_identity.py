"""Who asks, and what they may."""

from __future__ import annotations

import pytest

from feddns.apiserver import identity
from feddns.apiserver.identity import ANONYMOUS, User
from feddns.apiserver.refusals import RequestRefused

JANE = User("jane", ("team",))
TOKENS = {"t": JANE}


@pytest.mark.parametrize(
    ("headers", "user"),
    [
        ({}, ANONYMOUS),
        ({"authorization": "Basic dDp0"}, ANONYMOUS),
        ({"authorization": "Bearer "}, ANONYMOUS),
        ({"authorization": "bearer t"}, JANE),
        ({"authorization": "Bearer t", "impersonate-user": "joe"},
         User("joe", ("system:authenticated",))),
        ({"authorization": "Bearer t", "impersonate-user": "joe", "impersonate-group": "a,b"},
         User("joe", ("a", "b", "system:authenticated"))),
        ({"impersonate-user": "joe"}, ANONYMOUS),
    ],
)  # fmt: skip
def test_users(headers: dict[str, str], user: User) -> None:
    assert identity.user_of(headers, TOKENS) == user


def test_a_token_that_is_not_known() -> None:
    with pytest.raises(RequestRefused) as caught:
        identity.user_of({"authorization": "Bearer x"}, TOKENS)
    assert caught.value.code == 401


def test_what_is_open() -> None:
    for path in ("/healthz", "/livez/", "/readyz", "/version", "/version/"):
        identity.check(ANONYMOUS, path, "get")
    for path in ("/healthzx", "/healthz/ping", "/versions", "/api", "/"):
        identity.check(JANE, path, "get")
        with pytest.raises(RequestRefused, match=f'cannot get path "{path}"'):
            identity.check(ANONYMOUS, path, "get")
