"""The rules of Cluster that are CEL in deploy/crds, with the same messages.

The rest (`required`, lengths) goes by its schema, as for every CRD.

Pure.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from feddns.apiserver import crdschema, schema
from feddns.apiserver.problems import Problems

Object = dict[str, Any]

_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?", re.A)
_ADDRESS = re.compile(
    r"(https?://)?(\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f:]+|[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?)"
    r"(:[0-9]{1,5})?(/[^\s]*)?",
    re.A,
)
_SECRET = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", re.A)
_BLOCKING = (
    "FieldValueRequired", "FieldValueNotSupported", "FieldValueTooLong", "FieldValueTooMany",
    "FieldValueTypeInvalid",
)  # fmt: skip
"""After these a server does not look at rules in CEL."""
_TYPE = schema.named("dev.feddns.federation.v1beta1.Cluster")


def cluster(obj: Object, old: Object | None, found: Problems) -> None:
    wrong = crdschema.check(_TYPE, obj)
    found += wrong
    if any(cause.reason in _BLOCKING for cause in wrong):
        detail = "some validation rules were not checked because the object was invalid; correct"
        found.invalid("<nil>", None, f"{detail} the existing errors to complete validation")
        return
    spec, name = obj["spec"], obj["metadata"].get("name", "")
    if not _NAME.fullmatch(name) or len(name) > 63:
        found.rule(
            "<nil>",
            "metadata.name must be lower-case letters, digits and '-', start with a letter, and"
            " have no dot (at most 63 characters)",
        )  # fmt: skip
    for number, pair in enumerate(spec["serverAddressByClientCIDRs"]):
        _address(pair, f"spec.serverAddressByClientCIDRs[{number}]", found)
    secret = spec.get("secretRef", {}).get("name")
    if secret is not None and not _SECRET.fullmatch(secret):
        found.invalid(
            "spec.secretRef.name", secret,
            "secretRef.name must be the name of a Secret (lower-case letters, digits, '-' and '.')",
        )  # fmt: skip


def _address(pair: Object, here: str, found: Problems) -> None:
    range, address = pair["clientCIDR"], pair["serverAddress"]
    try:
        ipaddress.ip_network(range, strict=False)
        good = "/" in range
    except ValueError:
        good = False
    if not good:
        detail = f'clientCIDR "{range}" is no address range; write one such as 0.0.0.0/0'
        found.invalid(f"{here}.clientCIDR", range, detail)
    if not _ADDRESS.fullmatch(address):
        detail = f'serverAddress "{address}" is no address; write a host, host:port or URL such as'
        found.invalid(f"{here}.serverAddress", address, f"{detail} https://203.0.113.7:6443")
