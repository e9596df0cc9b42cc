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

import functools
import re
from collections.abc import Mapping

import msgspec

from feddns import names
from feddns.errors import NameRefused, SettingRefused
from feddns.providers import sealing
from feddns.providers.recordsets import AAAA, ALIAS, CNAME, A, Key

TEMPLATE = "%{record_type}"
PREFIX = f"_{TEMPLATE}."
WILDCARD = "_any"
CLAIMED_TYPES = (A, AAAA, CNAME)

_HERITAGE = "heritage=external-dns"
_OWNER = re.compile(r"[A-Za-z0-9][-._:/A-Za-z0-9]{0,99}\Z")
_AFFIX = re.compile(r"[-_.a-z0-9]*\Z")


class Registry(msgspec.Struct, frozen=True):
    """Who we are in a zone, and how claims are named.  `key`: 32 octets of AES, or none.

    Settings come through `registry`, which looks at them.
    """

    owner: str
    prefix: str = PREFIX
    suffix: str = ""
    key: bytes = b""
    wildcard: str = WILDCARD

    def name_of(self, key: Key) -> str:
        """The name of the TXT record that claims the record set.  May be too long for DNS."""
        name, type = key
        head, _, tail = name.partition(".")
        if head == "*":
            head = self.wildcard or head
        before, behind = _affixes(self.prefix, self.suffix, A if type == ALIAS else type)
        return f"{before}{head}{behind}.{tail}"

    def claimed(self, name: str) -> Key | None:
        """The record set that a TXT record of this name claims; None when it is no such name."""
        for type in CLAIMED_TYPES:
            before, behind = _affixes(self.prefix, self.suffix, type)
            if not name.startswith(before):
                continue
            labels = name[len(before) :].split(".")
            count = behind.count(".") + 1
            head, tail = ".".join(labels[:count]), ".".join(labels[count:])
            if not head.endswith(behind):
                continue
            head = head[: len(head) - len(behind)]
            if head and tail and "." not in head:
                return f"{'*' if head == self.wildcard else head}.{tail}", type
        return None


@functools.lru_cache(64)
def _affixes(prefix: str, suffix: str, type: str) -> tuple[str, str]:
    """What stands in front of a name and behind its first label."""
    word = type.lower()
    if TEMPLATE not in prefix + suffix:
        prefix += f"{word}-"
    return prefix.replace(TEMPLATE, word), suffix.replace(TEMPLATE, word)


def registry(owner: str, prefix: str = PREFIX, suffix: str = "", key: str = "") -> Registry:
    """The registry of these settings; `key` as external-dns takes it: 32 octets, or their base64.

    Raises `SettingRefused`.
    """
    if not _OWNER.match(owner):
        raise SettingRefused(
            f"owner id {owner!r} must be 1 to 100 letters, digits and -._:/, as it "
            "stands in TXT records"
        )
    if suffix and prefix == PREFIX:
        prefix = ""
    if prefix and suffix:
        raise SettingRefused("ownership records have a prefix or a suffix, not both")
    prefix, suffix = prefix.lower(), suffix.lower()
    before, behind = _affixes(prefix, suffix, AAAA)
    try:
        if not _AFFIX.match(before + behind):
            raise NameRefused("characters")
        names.parse(f"{before}web{behind}.example.com.")
    except NameRefused as error:
        raise SettingRefused(
            f"{prefix or suffix!r} makes no name for ownership records; letters, digits, -, _ and "
            f"dots between them may stand around {TEMPLATE}"
        ) from error
    return Registry(owner, prefix, suffix, sealing.read_key(key))


# --- what a claim says --------------------------------------------------------------------------


def write(labels: Mapping[str, str]) -> str:
    """The text of a claim; its keys with what is in front of their slash, in this order."""
    return ",".join([_HERITAGE, *(f"{key}={value}" for key, value in labels.items())])


def read(text: str) -> dict[str, str] | None:
    """The labels of a text; None when it is no claim of anybody's."""
    labels = {}
    for item in text.split(","):
        key, equals, value = item.partition("=")
        if equals:
            labels[key] = value
    return labels if f"heritage={labels.pop('heritage', '')}" == _HERITAGE else None
