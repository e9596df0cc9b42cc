"""Where an API is and who we are there: kubeconfig files, and the service account of a Pod.

    source                                     read again
    kubeconfig FILE, and the files it names    when one of them has another stamp, before a new
    the service account's token and ca.crt     request; after a 401 and after a failed handshake
    what an exec plugin printed                when it expires (a minute before), and after a 401
    a `Document`: what a Secret holds          never; its owner makes other credentials of it

    user of the kubeconfig              what is sent
    token, tokenFile                    Authorization: Bearer
    exec (v1, v1beta1)                  the same, or the client certificate that it gives
    client-certificate(-data), key      in the TLS handshake
    username, password                  Authorization: Basic

What cannot be used raises `OperatorNeeded`, in a line that names the file and the way out.  Read by
our own structs: a client library for this costs 9 MB of the watcher's memory.  A document that
comes from an API must hold everything itself: one that names files of this machine, or a program to
be run, is refused.  I/O.  Called by `kube.client`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import ssl
import tempfile
import time
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
import yaml
from msgspec.structs import replace

from feddns.errors import OperatorNeeded
from feddns.kube import plugins
from feddns.kube.plugins import Granted, Plugin

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_EARLY = 60.0


class Access(NamedTuple):
    """How to reach the API.  `tls` is None for http; `expires` is Unix time, 0 for never."""

    host: str
    port: int
    prefix: str
    authority: str
    tls: ssl.SSLContext | None
    server_name: str
    authorization: str
    expires: float


class Document(NamedTuple):
    """Credentials that somebody else has read.  `title` is what messages call them.

    `server`: counts instead of the one in the kubeconfig.  Without a kubeconfig the `token` and the
    `authority` (PEM) count; without both nobody is presented and nothing is checked.
    """

    title: str
    kubeconfig: bytes = b""
    server: str = ""
    token: str = ""
    authority: bytes = b""


class _Kebab(msgspec.Struct, rename="kebab"):
    pass


class _Cluster(_Kebab):
    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""


class _User(_Kebab):
    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    username: str = ""
    password: str = ""
    exec: Plugin | None = None
    auth_provider: Any = None


class _Context(_Kebab):
    cluster: str
    user: str = ""


class _NamedCluster(_Kebab):
    name: str
    cluster: _Cluster


class _NamedUser(_Kebab):
    name: str
    user: _User | None = None


class _NamedContext(_Kebab):
    name: str
    context: _Context


class _Kubeconfig(_Kebab):
    clusters: list[_NamedCluster] | None = None
    users: list[_NamedUser] | None = None
    contexts: list[_NamedContext] | None = None
    current_context: str = ""


class Credentials:
    """The API of one kubeconfig, or of the cluster that the process runs in."""

    def __init__(
        self, kubeconfig: str = "", context: str = "", document: Document | None = None
    ) -> None:
        """`kubeconfig`: a path; empty for the service account, or when there is a document."""
        self._kubeconfig = kubeconfig
        self._context = context
        self._document = document
        self._stamps: dict[str, tuple[int, int, int]] = {}
        self._access: Access | None = None
        self._granted: Granted | None = None
        self._lock = asyncio.Lock()

    @property
    def where(self) -> str:
        """What messages call it."""
        if self._document is not None:
            return self._document.title
        return f"kubeconfig {self._kubeconfig}" if self._kubeconfig else "the service account"

    def check(self) -> None:
        """Raises `OperatorNeeded` when the files cannot be used."""
        self._stamps = {}
        cluster, user = self._read()
        self._make(cluster, user, Granted())

    async def access(self, refused: Access | None = None) -> Access:
        """How to reach the API now.

        `refused`: what the server did not take; everything is then read again.  Raises
        `OperatorNeeded`.
        """
        async with self._lock:
            known = self._access
            renew = known is None or known is refused
            if known is not None and not renew and self._is_current(known):
                return known
            if renew or (known is not None and _is_over(known)):
                self._granted = None
            self._stamps = {}
            cluster, user = self._read()
            if user.exec is not None and self._granted is None:
                self._granted = await plugins.run(user.exec, _info(cluster))
            self._access = self._make(cluster, user, self._granted or Granted())
            return self._access

    def _is_current(self, access: Access) -> bool:
        return not _is_over(access) and all(
            _stamp(path) == stamp for path, stamp in self._stamps.items()
        )

    # --- files -----------------------------------------------------------------------------------

    def _read(self) -> tuple[_Cluster, _User]:
        if self._document is not None:
            return self._read_document(self._document)
        if self._kubeconfig:
            content = self._content(self._kubeconfig)
            return _parse(content, self._context, f"kubeconfig {self._kubeconfig}")
        return self._read_service_account()

    def _read_document(self, document: Document) -> tuple[_Cluster, _User]:
        if document.kubeconfig:
            cluster, user = _parse(document.kubeconfig, self._context, document.title)
        else:
            authority = base64.b64encode(document.authority).decode("ascii")
            cluster = _Cluster(
                certificate_authority_data=authority, insecure_skip_tls_verify=not authority
            )
            user = _User(token=document.token)
        foreign = (
            cluster.certificate_authority, user.token_file, user.client_certificate,
            user.client_key, user.exec,
        )  # fmt: skip
        if any(foreign):
            raise OperatorNeeded(
                f"{document.title} names files or a program of the machine where it was made; "
                "embed them (kubectl config view --flatten), or use a token"
            )
        return (replace(cluster, server=document.server) if document.server else cluster), user

    def _read_service_account(self) -> tuple[_Cluster, _User]:
        host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
        port = os.environ.get("KUBERNETES_SERVICE_PORT", "443")
        if not host:
            raise OperatorNeeded(
                "this is no Pod of a cluster (KUBERNETES_SERVICE_HOST is not set); give a "
                "kubeconfig by --kubeconfig"
            )
        host = f"[{host}]" if ":" in host else host
        cluster = _Cluster(
            server=f"https://{host}:{port}", certificate_authority=f"{SERVICE_ACCOUNT}/ca.crt"
        )
        return cluster, _User(token_file=f"{SERVICE_ACCOUNT}/token")

    def _content(self, path: str) -> bytes:
        try:
            self._stamps[path] = _stamp(path)
            with open(path, "rb") as file:
                return file.read()
        except OSError as error:
            raise OperatorNeeded(
                f"{path} cannot be read ({error.strerror}); {self.where} needs it"
            ) from error

    def _file(self, path: str) -> str:
        """A path as the kubeconfig means it: relative to itself."""
        return os.path.join(os.path.dirname(os.path.abspath(self._kubeconfig)), path)

    # --- values ----------------------------------------------------------------------------------

    def _make(self, cluster: _Cluster, user: _User, granted: Granted) -> Access:
        if user.auth_provider is not None:
            raise OperatorNeeded(
                f"{self.where} uses auth-provider, which Kubernetes gave up; use an exec plugin"
            )
        if cluster.proxy_url:
            raise OperatorNeeded(
                f"{self.where} names a proxy-url, which feddns does not use; give it a way without"
            )
        url = urlsplit(cluster.server)
        try:
            host, port = url.hostname or "", url.port
        except ValueError:
            host, port = "", None
        if url.scheme not in ("http", "https") or not host:
            raise OperatorNeeded(
                f"{self.where}: server {cluster.server!r} is no URL; write https://HOST:PORT"
            )
        secure = url.scheme == "https"
        return Access(
            host=host,
            port=port or (443 if secure else 80),
            prefix=url.path.rstrip("/"),
            authority=url.netloc.rpartition("@")[2],
            tls=self._tls(cluster, user, granted) if secure else None,
            server_name=cluster.tls_server_name or host,
            authorization=self._authorization(user, granted),
            expires=_expires(granted.expiration_timestamp),
        )

    def _authorization(self, user: _User, granted: Granted) -> str:
        if user.token_file:
            return f"Bearer {self._token(user.token_file)}"
        if user.token or granted.token:
            return f"Bearer {user.token or granted.token}"
        if user.username:
            pair = base64.b64encode(f"{user.username}:{user.password}".encode())
            return f"Basic {pair.decode('ascii')}"
        return ""

    def _token(self, path: str) -> str:
        token = self._content(self._file(path)).decode("ascii", "replace").strip()
        if not token.isascii():
            raise OperatorNeeded(f"{self._file(path)} holds no token; {self.where} needs it")
        return token

    def _tls(self, cluster: _Cluster, user: _User, granted: Granted) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.set_alpn_protocols(["http/1.1"])
        if cluster.insecure_skip_tls_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            self._trust(context, cluster)
        certificate = self._data(user.client_certificate_data, user.client_certificate)
        key = self._data(user.client_key_data, user.client_key)
        certificate = certificate or granted.client_certificate_data.encode()
        key = key or granted.client_key_data.encode()
        if certificate:
            self._identify(context, certificate, key)
        return context

    def _trust(self, context: ssl.SSLContext, cluster: _Cluster) -> None:
        authority = self._data(cluster.certificate_authority_data, cluster.certificate_authority)
        try:
            if authority:
                context.load_verify_locations(cadata=authority.decode("latin-1"))
            else:
                context.load_default_certs()
        except (ssl.SSLError, ValueError) as error:
            raise OperatorNeeded(
                f"{self.where}: the certificate authority is none ({error}); write PEM"
            ) from error

    def _identify(self, context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
        # OpenSSL takes a chain from a file only; the file is ours alone and gone at once.
        with tempfile.NamedTemporaryFile() as file:
            file.write(certificate + b"\n" + key)
            file.flush()
            try:
                context.load_cert_chain(file.name)
            except (ssl.SSLError, OSError) as error:
                raise OperatorNeeded(
                    f"{self.where}: the client's certificate and key do not load ({error}); "
                    "write both as PEM"
                ) from error

    def _data(self, inline: str, path: str) -> bytes:
        """The value of a field that may be there as base64 or as the path of a file."""
        if not inline:
            return self._content(self._file(path)) if path else b""
        try:
            return base64.b64decode(inline, validate=True)
        except (binascii.Error, ValueError) as error:
            raise OperatorNeeded(f"{self.where}: a *-data field is no base64 ({error})") from error


def _parse(content: bytes, context_name: str, where: str) -> tuple[_Cluster, _User]:
    """What a kubeconfig says of a context, of the current one by default."""
    try:
        given = msgspec.convert(yaml.load(content, Loader=yaml.CSafeLoader), _Kubeconfig)
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeError) as error:
        said = " ".join(str(error).split())
        raise OperatorNeeded(f"{where}: {said}; write a kubeconfig") from error
    name = context_name or given.current_context
    if not name:
        raise OperatorNeeded(f"{where} has no current-context; name one by --context")
    contexts = {item.name: item.context for item in given.contexts or ()}
    if name not in contexts:
        known = ", ".join(sorted(contexts)) or "none"
        raise OperatorNeeded(f"{where} has no context {name!r}; it has {known}")
    context = contexts[name]
    clusters = {item.name: item.cluster for item in given.clusters or ()}
    users = {item.name: item.user or _User() for item in given.users or ()}
    if context.cluster not in clusters:
        raise OperatorNeeded(f"{where} has no cluster {context.cluster!r}; add it")
    if context.user and context.user not in users:
        raise OperatorNeeded(f"{where} has no user {context.user!r}; add it")
    return clusters[context.cluster], users[context.user] if context.user else _User()


def _info(cluster: _Cluster) -> dict[str, Any]:
    """What a plugin may want to know of the cluster."""
    return {
        "server": cluster.server,
        "tls-server-name": cluster.tls_server_name,
        "certificate-authority-data": cluster.certificate_authority_data,
        "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
    }


def _stamp(path: str) -> tuple[int, int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return (0, 0, 0)
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def _is_over(access: Access) -> bool:
    return bool(access.expires) and time.time() > access.expires - _EARLY


def _expires(timestamp: str) -> float:
    if not timestamp:
        return 0.0
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except (ValueError, OverflowError):
        return 0.0
