"""The TXT record that says whose a record set is, in the registry format of external-dns.

    prefix            suffix              the claim of web.shop.example.com. A
    _%{record_type}.                      _a.web.shop.example.com.      what feddns uses
                                          a-web.shop.example.com.       what external-dns uses
    x-                                    x-a-web.shop.example.com.
                      -%{record_type}     web-a.shop.example.com.
    says: heritage=external-dns,external-dns/owner=…,external-dns/resource=…, and keys of our own,
    which external-dns skips; with a key it is sealed (`sealing`)

The prefix of feddns has a label of its own with an underscore: no Service can be called like a
claim (beside a Service `a-web` the claim `a-web` of `web` would share its name with a CNAME), and
no label gets longer than 63 octets.  A leading `*` is written as `wildcard` in claims.  An ALIAS
is claimed as A.

Source: external-dns 0.22, registry/mapper and endpoint/labels.go.  Pure.  Called by `ownership`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from feddns.providers.recordsets import Key

TEMPLATE = "%{record_type}"
PREFIX = f"_{TEMPLATE}."
WILDCARD = "_any"
LONGEST_OWNER = 100


class Registry(msgspec.Struct, frozen=True):
    """Who we are in a zone, and how claims are named.  `key`: 32 octets of AES, or none."""

    owner: str
    prefix: str = PREFIX
    suffix: str = ""
    key: bytes = b""
    wildcard: str = WILDCARD

    def name_of(self, key: Key) -> str:
        """The name of the TXT record that claims the record set.  May be too long for DNS."""
        raise NotImplementedError

    def claimed(self, name: str) -> Key | None:
        """The record set that a TXT record of this name claims; None when it is no such name."""
        raise NotImplementedError


def registry(owner: str, prefix: str = PREFIX, suffix: str = "", key: str = "") -> Registry:
    """The registry of these settings; `key` as external-dns takes it: 32 octets, or their base64.

    Raises `SettingRefused`.
    """
    raise NotImplementedError


def write(labels: Mapping[str, str]) -> str:
    """The text of a claim; keys without a slash are external-dns' own (`owner`, `resource`)."""
    raise NotImplementedError


def read(text: str) -> dict[str, str] | None:
    """The labels of a text; None when it is no claim of anybody's."""
    raise NotImplementedError
