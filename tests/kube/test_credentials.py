"""Kubeconfig files, service accounts and exec plugins, and what is said when they are no use."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from feddns.errors import ApiTrouble, OperatorNeeded
from feddns.kube import credentials
from feddns.kube.credentials import Access, Credentials, Document
from tests import certificates


def write(folder: Path, user: dict[str, Any] | None = None, **cluster: Any) -> str:
    """A kubeconfig; its path."""
    cluster.setdefault("server", "https://192.0.2.1:6443/prefix")
    if not any(key.startswith(("certificate", "insecure")) for key in cluster):
        cluster["insecure-skip-tls-verify"] = True
    content = {
        "current-context": "main",
        "contexts": [{"name": "main", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user or {}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return str(path)


def access(path: str = "", context: str = "") -> Access:
    return asyncio.run(Credentials(path, context).access())


def plugin(folder: Path, script: str, **more: Any) -> dict[str, Any]:
    path = folder / "plugin"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"command": str(path), "apiVersion": version, **more}}


def test_where_it_is_and_who_we_are(tmp_path: Path) -> None:
    found = access(write(tmp_path, {"token": "secret"}))
    assert (found.host, found.port, found.prefix) == ("192.0.2.1", 6443, "/prefix")
    assert (found.authority, found.authorization) == ("192.0.2.1:6443", "Bearer secret")
    assert found.tls is not None


@pytest.mark.parametrize(
    ("user", "authorization"),
    [
        ({}, ""),
        ({"username": "a", "password": "b"}, "Basic YTpi"),
        ({"tokenFile": "token"}, "Bearer from-file"),
    ],
)
def test_users(tmp_path: Path, user: dict[str, Any], authorization: str) -> None:
    (tmp_path / "token").write_text("from-file\n")
    assert access(write(tmp_path, user)).authorization == authorization


def test_plain_http(tmp_path: Path) -> None:
    found = access(write(tmp_path, server="http://[2001:db8::1]"))
    assert (found.host, found.port, found.tls) == ("2001:db8::1", 80, None)


def test_certificates_as_files_and_as_data(tmp_path: Path) -> None:
    certificates.make(tmp_path, "192.0.2.1")
    files = {"client-certificate": "tls.crt", "client-key": "tls.key"}
    access(write(tmp_path, files, **{"certificate-authority": "ca.crt"}))
    data = {
        f"{name}-data": base64.b64encode((tmp_path / file).read_bytes()).decode()
        for name, file in files.items()
    }
    authority = base64.b64encode((tmp_path / "ca.crt").read_bytes()).decode()
    path = write(tmp_path, data, **{"certificate-authority-data": authority})
    assert access(path).tls is not None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"server": "192.0.2.1"}, "is no URL; write https://HOST:PORT"),
        ({"server": "https://192.0.2.1:port"}, "is no URL"),
        ({"proxy-url": "http://192.0.2.9"}, "which feddns does not use"),
        ({"certificate-authority": "missing.crt"}, "missing.crt cannot be read"),
        ({"certificate-authority-data": "%%"}, "is no base64"),
        ({"certificate-authority-data": "eA=="}, "the certificate authority is none"),
    ],
)
def test_a_cluster_that_is_no_use(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(OperatorNeeded, match=said):
        Credentials(write(tmp_path, **change)).check()


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ({"tokenFile": "missing"}, "missing cannot be read"),
        ({"auth-provider": {"name": "gcp"}}, "use an exec plugin"),
        ({"client-certificate-data": "eA==", "client-key-data": "eA=="}, "do not load"),
    ],
)
def test_a_user_that_is_no_use(tmp_path: Path, user: dict[str, Any], said: str) -> None:
    with pytest.raises(OperatorNeeded, match=said):
        Credentials(write(tmp_path, user)).check()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "has no current-context; name one by --context"),
        ("[1]", "write a kubeconfig"),
        ("a: [", "write a kubeconfig"),
        ("current-context: x", "has no context 'x'; it has none"),
        (
            "{current-context: x, contexts: [{name: x, context: {cluster: c}}]}",
            "has no cluster 'c'",
        ),
    ],
)
def test_a_kubeconfig_that_is_none(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(content)
    with pytest.raises(OperatorNeeded, match=said):
        Credentials(str(path)).check()


def test_a_kubeconfig_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(OperatorNeeded, match="cannot be read"):
        Credentials(str(tmp_path / "nothing")).check()


def test_another_context(tmp_path: Path) -> None:
    with pytest.raises(OperatorNeeded, match="has no context 'other'; it has main"):
        Credentials(write(tmp_path), "other").check()


def test_the_service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(OperatorNeeded, match="this is no Pod of a cluster"):
        Credentials().check()
    certificates.make(tmp_path, "192.0.2.1")
    (tmp_path / "token").write_text("one")
    monkeypatch.setattr(credentials, "SERVICE_ACCOUNT", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "2001:db8::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")

    async def rotate() -> None:
        account = Credentials()
        first = await account.access()
        assert (first.host, first.authorization) == ("2001:db8::1", "Bearer one")
        assert await account.access() is first
        (tmp_path / "new").write_text("another")
        os.replace(tmp_path / "new", tmp_path / "token")
        assert (await account.access()).authorization == "Bearer another"

    asyncio.run(rotate())


def test_what_was_refused_is_read_again(tmp_path: Path) -> None:
    async def again() -> None:
        who = Credentials(write(tmp_path, {"token": "x"}))
        first = await who.access()
        second = await who.access(first)
        assert second is not first
        assert await who.access(first) is second

    asyncio.run(again())


# --- exec plugins --------------------------------------------------------------------------------


def test_a_plugin_gives_a_token_until_it_expires(tmp_path: Path) -> None:
    count = tmp_path / "count"
    status = '{\\"status\\": {\\"token\\": \\"$N\\", \\"expirationTimestamp\\": \\"$AT\\"}}'
    script = f'echo x >> {count}; N=$(wc -l < {count}); AT=$(cat {tmp_path}/at); echo "{status}"'

    async def run() -> None:
        (tmp_path / "at").write_text("2100-01-01T00:00:00Z")
        who = Credentials(write(tmp_path, plugin(tmp_path, script)))
        first = await who.access()
        assert first.authorization == "Bearer 1"
        assert await who.access() is first
        (tmp_path / "at").write_text(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        assert (await who.access(first)).authorization == "Bearer 2"
        assert (await who.access()).authorization == "Bearer 3"

    asyncio.run(run())


def test_a_plugin_is_told_what_it_is_asked(tmp_path: Path) -> None:
    script = f"""echo "$KUBERNETES_EXEC_INFO" > {tmp_path}/info
echo '{{"status": {{"token": "'$1$WHO'"}}}}'"""
    env = [{"name": "WHO", "value": "-me"}]
    user = plugin(tmp_path, script, args=["arg"], env=env, provideClusterInfo=True)
    assert access(write(tmp_path, user)).authorization == "Bearer arg-me"
    info = json.loads((tmp_path / "info").read_text())
    assert info["spec"]["cluster"]["server"] == "https://192.0.2.1:6443/prefix"


@pytest.mark.parametrize(
    ("script", "more", "said"),
    [
        ("echo sorry >&2; exit 3", {}, "ended with 3: sorry"),
        ("echo hello", {}, "printed no ExecCredential"),
        ("true", {"apiVersion": "client.authentication.k8s.io/v1alpha1"}, "update it"),
        ("true", {"command": "/no/such", "installHint": "get it"}, "cannot be run .*; get it"),
    ],
)
def test_a_plugin_that_is_no_use(
    tmp_path: Path, script: str, more: dict[str, Any], said: str
) -> None:
    with pytest.raises((ApiTrouble, OperatorNeeded), match=said):
        access(write(tmp_path, plugin(tmp_path, script, **more)))


# --- what a Secret holds --------------------------------------------------------------------------


def held(document: Document) -> Access:
    return asyncio.run(Credentials(document=document).access())


def test_a_kubeconfig_of_a_secret(tmp_path: Path) -> None:
    content = Path(write(tmp_path, {"token": "secret"})).read_bytes()
    assert held(Document("Secret x", content)).authority == "192.0.2.1:6443"
    found = held(Document("Secret x", content, server="https://198.51.100.1"))
    assert (found.host, found.port, found.authorization) == ("198.51.100.1", 443, "Bearer secret")


def test_a_token_and_an_authority_of_a_secret(tmp_path: Path) -> None:
    certificates.make(tmp_path, "127.0.0.1")
    authority = (tmp_path / "ca.crt").read_bytes()
    found = held(Document("x", server="https://192.0.2.1", token="t", authority=authority))
    assert found.authorization == "Bearer t"
    assert found.tls is not None
    assert found.tls.verify_mode == ssl.CERT_REQUIRED
    nobody = held(Document("x", server="https://192.0.2.1"))
    assert nobody.authorization == ""
    assert nobody.tls is not None
    assert nobody.tls.verify_mode == ssl.CERT_NONE


@pytest.mark.parametrize(
    ("user", "cluster"),
    [
        ({"tokenFile": "/var/run/token"}, {}),
        ({"client-certificate": "a", "client-key": "b"}, {}),
        ({"exec": {"command": "reboot", "apiVersion": "client.authentication.k8s.io/v1"}}, {}),
        ({}, {"certificate-authority": "/etc/ca.crt"}),
    ],
)
def test_a_secret_reads_no_file_and_runs_nothing_here(
    tmp_path: Path, user: dict[str, Any], cluster: dict[str, Any]
) -> None:
    content = Path(write(tmp_path, user, **cluster)).read_bytes()
    with pytest.raises(OperatorNeeded, match=r"^Secret shop/eu names files .*; embed them"):
        held(Document("Secret shop/eu", content))


def test_a_secret_that_holds_no_kubeconfig() -> None:
    with pytest.raises(OperatorNeeded, match=r"^Secret x: .*; write a kubeconfig$"):
        Credentials(document=Document("Secret x", b"[")).check()
