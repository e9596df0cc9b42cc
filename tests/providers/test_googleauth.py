"""Who we are to Google: every way to be somebody, end to end, and quickly nobody."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from feddns.errors import OperatorNeeded, ProviderAway
from feddns.providers import catalogue
from tests.cloud.clouddns import PROJECT, CloudDns
from tests.cloud.googletokens import Tokens

clouddns = pytest.importorskip("feddns.providers.clouddns")
googleauth = pytest.importorskip("feddns.providers.googleauth")
BODY = '{"secret":"xyzzy-7"}'
Open = Callable[..., Any]


@pytest.fixture
def cloud() -> Iterator[CloudDns]:
    with CloudDns() as started:
        started.create("example", "example.com.")
        started.tokens = {"machine", "account", "service"}
        yield started


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Tokens]:
    """The metadata server of this machine; nothing else of the machine is looked at."""
    from google.auth.compute_engine import _metadata

    with Tokens(BODY) as started:
        monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", started.host)
        monkeypatch.setattr(_metadata, "_NO_GCE_CHECK", False)
        monkeypatch.setenv("GCE_METADATA_IP", started.host)
        monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
        monkeypatch.setenv("NO_PROXY", "*")
        for variable in ("GOOGLE_APPLICATION_CREDENTIALS", *googleauth._PROJECT_VARIABLES):
            monkeypatch.delenv(variable, raising=False)
        yield started


@pytest.fixture
def opening(cloud: CloudDns, tokens: Tokens) -> Iterator[Open]:
    opened: list[Any] = []

    def opening(**more: Any) -> Any:
        given = {"zone": "example.com.", "endpoint": cloud.url}
        opened.append(clouddns.open(clouddns.Settings(**given | more)))
        return opened[-1]

    yield opening
    for one in opened:
        one.close()


@pytest.fixture
def file(tokens: Tokens, tmp_path: Path) -> Path:
    """The key file of a service account."""
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    from cryptography.hazmat.primitives import serialization

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = tmp_path / "account.json"
    account = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": "dns@example.iam.gserviceaccount.com",
        "token_uri": f"http://{tokens.host}/oauth",
    }
    path.write_text(json.dumps(account))
    return path


def paths(tokens: Tokens) -> list[str]:
    return [path.partition("?")[0].rpartition("/")[2] for path, _ in tokens.asked]


def test_a_machine_s_own_account_and_project(opening: Open, tokens: Tokens) -> None:
    assert list(opening().list()) == [[]]
    assert "project-id" in paths(tokens)
    assert "token" in paths(tokens)


def test_a_service_account_s_file(opening: Open, tokens: Tokens, file: Path) -> None:
    assert list(opening(credentials_file=str(file)).list()) == [[]]
    assert paths(tokens) == ["oauth"]


def test_the_file_that_the_environment_names(
    opening: Open, tokens: Tokens, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    assert list(opening().list()) == [[]]
    assert paths(tokens) == ["oauth"]


def test_a_token_service_is_asked_by_the_machine_s_account(opening: Open, tokens: Tokens) -> None:
    url = f"http://{tokens.host}/service"
    assert list(opening(token_url=url, token_body=BODY).list()) == [[]]
    assert tokens.asked[-1] == ("/service", "Bearer machine")


def test_the_file_that_kubernetes_federation_had(
    cloud: CloudDns, tokens: Tokens, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "google.ini"
    url = f"http://{tokens.host}/service"
    file.write_text(f"[Global]\nproject-id = {PROJECT}\ntoken-url = {url}\ntoken-body = {BODY}\n")
    monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_DNS", cloud.url)
    choice = catalogue.choose("google-clouddns", "example.com", config=str(file))
    assert "xyzzy" not in repr(choice)
    provider = catalogue.open_provider(choice)
    assert list(provider.list()) == [[]]
    assert tokens.asked[-1] == ("/service", "Bearer machine")
    provider.close()


def test_a_token_service_of_a_machine_without_an_account(
    opening: Open, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(googleauth.compute_engine.Credentials, "refresh", _no_account)
    url = f"http://{tokens.host}/service"
    assert list(opening(token_url=url, token_body=BODY, project=PROJECT).list()) == [[]]
    assert tokens.asked == [("/service", "")]


def _no_account(self: object, request: object) -> None:
    raise googleauth.exceptions.RefreshError("there is none")


def test_token_url_nil_is_none(opening: Open, tokens: Tokens) -> None:
    opening(token_url="nil")
    assert "service" not in paths(tokens)


@pytest.mark.parametrize(
    ("status", "raises"), [(403, OperatorNeeded), (400, OperatorNeeded), (503, ProviderAway)]
)
def test_a_token_service_that_refuses_tells_no_secret(
    opening: Open, tokens: Tokens, status: int, raises: type[Exception]
) -> None:
    tokens.status = status
    with pytest.raises(raises, match=f"token service 127.0.0.1:.* answers {status}") as refused:
        opening(token_url=f"http://{tokens.host}/service?key=xyzzy-8", token_body=BODY)
    assert "xyzzy" not in str(refused.value)


def test_a_token_service_that_talks_of_something_else(opening: Open, tokens: Tokens) -> None:
    with pytest.raises(OperatorNeeded, match="without accessToken and expireTime"):
        opening(token_url=f"http://{tokens.host}/", token_body=BODY)


def test_a_silent_metadata_server_is_given_up_in_seconds(opening: Open, tokens: Tokens) -> None:
    tokens.is_silent = True
    begin = time.monotonic()
    with pytest.raises(
        OperatorNeeded, match=r"no credentials were found, .* name a service account"
    ):
        opening(project=PROJECT)
    assert time.monotonic() - begin < 5


def test_no_metadata_server_at_all(
    opening: Open, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(googleauth, "PATIENCE", 0.0)
    monkeypatch.setenv("GCE_METADATA_IP", "127.0.0.1:1")
    with pytest.raises(OperatorNeeded, match="name a service account's key file"):
        opening(project=PROJECT)


def test_a_metadata_server_that_falls_silent_is_away_not_gone(
    opening: Open, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(googleauth, "PATIENCE", 0.0)
    tokens.lifetime = 1
    provider = opening()
    monkeypatch.setattr(googleauth._metadata, "_GCE_METADATA_HOST", "127.0.0.1:1")
    with pytest.raises(ProviderAway, match=r"no token, 127\.0\.0\.1:1 does not answer"):
        list(provider.list())


def test_a_token_that_google_does_not_take(cloud: CloudDns, opening: Open, tokens: Tokens) -> None:
    cloud.tokens = {"another"}
    with pytest.raises(OperatorNeeded, match="invalid authentication credentials"):
        opening()
    assert cloud.calls.count("GET /managedZones") == 3, "the token was made anew twice"


def test_no_project(opening: Open, tokens: Tokens, file: Path) -> None:
    account = json.loads(file.read_text())
    del account["project_id"]
    file.write_text(json.dumps(account))
    tokens.answer = lambda path, body: None  # type: ignore[method-assign]
    with pytest.raises(OperatorNeeded, match="project"):
        opening(credentials_file=str(file))


def test_the_environment_s_project_counts_before_the_file_s(
    opening: Open, cloud: CloudDns, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "another")
    with pytest.raises(OperatorNeeded, match="project another"):
        opening(credentials_file=str(file))
    opening(credentials_file=str(file), project=PROJECT)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "not found|No such file"),
        ("xyzzy", "not a valid json"),
        ('"xyzzy"', "name a service account"),
        ('{"type":"xyzzy-type"}', "type"),
        ('{"type":"service_account","private_key":"xyzzy-key"}', "missing fields"),
        (
            '{"type":"service_account","private_key":"xyzzy-key","client_email":"a","token_uri":"b"}',
            "name a service account",
        ),
    ],
)
def test_a_file_that_is_none(
    opening: Open, tmp_path: Path, content: str | None, words: str
) -> None:
    path = tmp_path / "broken.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(OperatorNeeded, match=words) as refused:
        opening(credentials_file=str(path))
    assert "xyzzy-key" not in str(refused.value)
