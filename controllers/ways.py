"""How a member is reached: its address, and the credentials in its Secret.

    what there is                                the way
    no range that holds an address of ours       none, and why
    no secretRef                                 the address, as nobody
    the Secret is not there                      none, and why
    `token`, and `ca.crt`                        the address, with them
    `kubeconfig`                                 the address, with the rest of it
    another Secret, or one that cannot be used   none, and why

I/O (which addresses this machine has).  Called by `members`.
"""

from __future__ import annotations

import contextlib
import socket
from base64 import b64decode
from binascii import Error as BadBase64
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from controllers import clusters
from feddns.errors import OperatorNeeded
from feddns.kube.credentials import Credentials, Document
from feddns.kube.objects import ObjectTable


class Way(NamedTuple):
    """What makes another connection necessary when it changes; without a document, `trouble`."""

    document: Document | None
    trouble: str = ""


def find(cluster: Mapping[str, Any], secrets: ObjectTable, namespace: str) -> Way:
    """The way to a member, whose Secret is one of these in this namespace."""
    server = clusters.address(cluster.get("spec") or {}, own_addresses)
    if not server:
        return Way(None, "no clientCIDR of spec.serverAddressByClientCIDRs holds this client")
    secret, title = secret_of(cluster), f"cluster {cluster['metadata']['name']}"
    if not secret:
        return Way(Document(title, server=server))
    kept = secrets.get(namespace, secret)
    if kept is None:
        return Way(None, f"there is no Secret {namespace}/{secret} with its credentials")
    data = msgspec.msgpack.decode(kept, type=dict[str, str])
    return _credentials(f"{title} (Secret {secret})", server, data)


def secret_of(cluster: Mapping[str, Any]) -> str:
    """The name of the Secret; empty for none."""
    name: str = ((cluster.get("spec") or {}).get("secretRef") or {}).get("name") or ""
    return name


class _Secret(msgspec.Struct):
    data: dict[str, str] | None = None


_read_secret = msgspec.json.Decoder(_Secret).decode
_KEYS = ("kubeconfig", "token", "ca.crt")


def lean_secret(raw: bytes | msgspec.Raw) -> bytes | None:
    """What a Secret has of credentials; the rest is not kept."""
    try:
        data = _read_secret(raw).data or {}
    except (msgspec.DecodeError, UnicodeError):
        return None
    return msgspec.msgpack.encode({key: data[key] for key in _KEYS if key in data})


def _credentials(title: str, server: str, data: Mapping[str, str]) -> Way:
    try:
        found = {key: b64decode(value, validate=True) for key, value in data.items()}
    except (BadBase64, ValueError):
        return Way(None, f"{title}: its data is no base64")
    if found.get("token"):
        token = found["token"].decode("ascii", "replace").strip()
        document = Document(title, server=server, token=token, authority=found.get("ca.crt", b""))
    elif found.get("kubeconfig"):
        document = Document(title, found["kubeconfig"], server)
    else:
        return Way(None, f"{title}: it has neither kubeconfig nor token and ca.crt")
    try:
        Credentials(document=document).check()
    except OperatorNeeded as error:
        return Way(None, str(error))
    return Way(document)


def own_addresses() -> list[str]:
    """The addresses that this machine uses towards others, and its loopback."""
    found = ["127.0.0.1", "::1"]
    for family, far in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as one:
            one.connect((far, 9))
            found.append(one.getsockname()[0])
    return found
