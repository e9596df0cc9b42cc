"""What is wrong with an object, collected in the order and the words of a kube-apiserver.

    required     spec.ports: Required value
    invalid      spec.replicas: Invalid value: -1: must be greater than or equal to 0
    unsupported  spec.type: Unsupported value: "x": supported values: "ClusterIP", "NodePort"
    duplicate    spec.ports[1].name: Duplicate value: "a"
    forbidden    spec.loadBalancerClass: Forbidden: may only be used when …
    too_long     metadata.annotations: Too long: may not be more than 262144 bytes
    not_found    …volumeMounts[0].name: Not found: "v"

Below them the forms that many fields share: names, labels, ports.  Each gives its complaints as
texts, none when the value is good.

Pure.  Used by `validation` and `crdschema`.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from feddns.apiserver.refusals import Cause

SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'example.com', regex used for"
    r" validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
WILDCARD = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which"
    " must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric"
    " character (e.g. '*.example.com', regex used for validation is"
    r" '\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must"
    " start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for"
    " validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
LABEL_1035 = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an"
    " alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123',"
    " regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_QUALIFIED = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an"
    " alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for"
    " validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_LABEL_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or"
    " '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_CONFIG_KEY = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name', "
    " or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
PORT = "must be between 1 and 65535, inclusive"
NOT_NEGATIVE = "must be greater than or equal to 0"
IMMUTABLE = "field is immutable"

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.A)
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", re.A)
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?", re.A)
_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]", re.A)
_KEY = re.compile(r"[-._a-zA-Z0-9]+", re.A)


class Problems(list[Cause]):
    """What was found so far."""

    loopback = False
    """Whether endpoints may be on this machine itself, as they are in a playground."""

    def endpoint_ip(self, field: str, address: str) -> None:
        """An address at which something can be reached from elsewhere."""
        self.each(field, address, endpoint_ip(address, loopback=self.loopback))

    def required(self, field: str, detail: str = "") -> None:
        self._add("FieldValueRequired", field, "Required value", detail)

    def invalid(self, field: str, value: Any, detail: str) -> None:
        self._add("FieldValueInvalid", field, f"Invalid value: {shown(value)}", detail)

    def of_type(self, field: str, value: Any, detail: str) -> None:
        self._add("FieldValueTypeInvalid", field, f"Invalid value: {shown(value)}", detail)

    def rule(self, field: str, detail: str) -> None:
        """A rule of the whole object; its value is not shown."""
        self._add("FieldValueInvalid", field, "Invalid value", detail)

    def unsupported(self, field: str, value: Any, supported: Iterable[str]) -> None:
        known = ", ".join(f'"{name}"' for name in supported)
        what = f"Unsupported value: {shown(value)}"
        self._add("FieldValueNotSupported", field, what, f"supported values: {known}")

    def duplicate(self, field: str, value: Any) -> None:
        self._add("FieldValueDuplicate", field, f"Duplicate value: {shown(value)}")

    def forbidden(self, field: str, detail: str) -> None:
        self._add("FieldValueForbidden", field, "Forbidden", detail)

    def not_found(self, field: str, value: Any) -> None:
        self._add("FieldValueNotFound", field, f"Not found: {shown(value)}")

    def too_long(self, field: str, limit: int) -> None:
        detail = f"may not be more than {limit} bytes"
        self._add("FieldValueTooLong", field, "Too long", detail)

    def too_many(self, field: str, value: int, limit: int) -> None:
        what = f"Too many: {value}"
        self._add("FieldValueTooMany", field, what, f"must have at most {limit} items")

    def each(self, field: str, value: Any, complaints: Iterable[str]) -> None:
        """One `invalid` for each complaint."""
        for complaint in complaints:
            self.invalid(field, value, complaint)

    def one_of(self, field: str, value: Any, supported: Iterable[str]) -> None:
        if value not in supported:
            self.unsupported(field, value, supported)

    def not_negative(self, field: str, value: Any) -> None:
        if value is not None and value < 0:
            self.invalid(field, value, NOT_NEGATIVE)

    def _add(self, reason: str, field: str, what: str, detail: str = "") -> None:
        self.append(Cause(reason, f"{what}: {detail}" if detail else what, field))


def shown(value: Any) -> str:
    """A value as errors print it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


Form = Callable[[str], list[str]]


# --- forms ---------------------------------------------------------------------------------------


def subdomain(value: str) -> list[str]:
    """RFC 1123 subdomain: the name of most objects."""
    found = [] if len(value) <= 253 else ["must be no more than 253 characters"]
    return found if _SUBDOMAIN.fullmatch(value) else [*found, SUBDOMAIN]


def wildcard(value: str) -> list[str]:
    """`*.` before an RFC 1123 subdomain: hosts of Ingresses."""
    found = [] if len(value) <= 253 else ["must be no more than 253 characters"]
    good = value.startswith("*.") and _SUBDOMAIN.fullmatch(value[2:])
    return found if good else [*found, WILDCARD]


def label(value: str) -> list[str]:
    """RFC 1123 label: namespaces, containers, Services."""
    found = [] if len(value) <= 63 else ["must be no more than 63 characters"]
    return found if _LABEL.fullmatch(value) else [*found, LABEL]


def label_1035(value: str) -> list[str]:
    """RFC 1035 label: the names of kinds and versions."""
    found = [] if len(value) <= 63 else ["must be no more than 63 characters"]
    return found if _LABEL_1035.fullmatch(value) else [*found, LABEL_1035]


def label_name(value: str) -> list[str]:
    """A label as the name of an object: a dot gets a word of its own."""
    return (
        ["must not contain dots"]
        if "." in value
        and _LABEL.fullmatch(value.replace(".", "-").lower())
        and value == value.lower()
        else label(value)
    )


def segment(value: str) -> list[str]:
    """A name that may be anything that fits between two slashes of a path: RBAC."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{bad}'" for bad in "/%" if bad in value]


@lru_cache(maxsize=4096)
def qualified_name(value: str) -> tuple[str, ...]:
    """[prefix/]name: keys of labels and annotations, finalizers."""
    parts = value.split("/")
    if len(parts) > 2:
        return (
            f"a valid label key {_QUALIFIED} with an optional DNS subdomain prefix and '/'"
            " (e.g. 'example.com/MyName')",
        )
    found = []
    if len(parts) == 2:
        if not parts[0]:
            found.append("prefix part must be non-empty")
        else:
            found += [f"prefix part {complaint}" for complaint in subdomain(parts[0])]
    name = parts[-1]
    if not name:
        found.append("name part must be non-empty")
    elif len(name.encode()) > 63:
        found.append("name part must be no more than 63 bytes")
    if not _NAME.fullmatch(name):
        found.append(f"name part {_QUALIFIED}")
    return tuple(found)


@lru_cache(maxsize=4096)
def label_value(value: str) -> tuple[str, ...]:
    found = [] if len(value.encode()) <= 63 else ["must be no more than 63 bytes"]
    if value and not _NAME.fullmatch(value):
        found.append(_LABEL_VALUE)
    return tuple(found)


def config_key(value: str) -> list[str]:
    """A key of a ConfigMap or Secret: the name of a file."""
    found = [] if len(value) <= 253 else ["must be no more than 253 characters"]
    if not _KEY.fullmatch(value):
        found.append(_CONFIG_KEY)
    if value in (".", ".."):
        found.append(f"must not be '{value}'")
    elif value.startswith(".."):
        found.append("must not start with '..'")
    return found


def port_name(value: str) -> list[str]:
    """A name of a port as IANA gives them."""
    found = [] if len(value) <= 15 else ["must be no more than 15 characters"]
    if not re.fullmatch(r"[-a-z0-9]+", value):
        found.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search(r"[a-z]", value):
        found.append("must contain at least one letter (a-z)")
    if "--" in value:
        found.append("must not contain consecutive hyphens")
    if value[:1] == "-" or value[-1:] == "-":
        found.append("must not begin or end with a hyphen")
    return found


def port_or_name(value: int | str) -> list[str]:
    if isinstance(value, str):
        return port_name(value)
    return [] if 0 < value < 65536 else [PORT]


def ip(value: str) -> list[str]:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return [IP]
    if "%" in value:  # of a zone of this machine
        return [IP]
    if address.version == 6 and address.ipv4_mapped:
        return ["must not be an IPv4-mapped IPv6 address"]
    return []


def endpoint_ip(value: str, *, loopback: bool = False) -> list[str]:
    """An address at which something can be reached from elsewhere."""
    if found := ip(value):
        return found
    address = ipaddress.ip_address(value)
    if address.is_unspecified:
        return [f"may not be unspecified ({address})"]
    if address.is_loopback and not loopback:
        return ["may not be in the loopback range (127.0.0.0/8, ::1/128)"]
    if address.is_link_local:
        return ["may not be in the link-local range (169.254.0.0/16, fe80::/10)"]
    if _is_local_multicast(address):
        return ["may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"]
    return []


def _is_local_multicast(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Of groups that no router passes on; in IPv6 whatever the flags."""
    first, second, third = address.packed[:3]
    if address.version == 4:
        return (first, second, third) == (224, 0, 0)
    return first == 0xFF and second & 15 == 2


def cidr(value: str) -> list[str]:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return [CIDR]
    if "/" not in value:
        return [CIDR]
    try:
        ipaddress.ip_network(value)
    except ValueError:
        return ["must not have bits set beyond the prefix length"]
    return []


# --- what several kinds have ---------------------------------------------------------------------


def check_labels(labels: dict[str, str], field: str, found: Problems) -> None:
    for key, value in labels.items():
        if wrong := qualified_name(key):
            found.each(field, key, wrong)
        if wrong := label_value(value):
            found.each(field, value, wrong)


def check_selector(selector: dict[str, Any], field: str, found: Problems) -> None:
    """A LabelSelector: matchLabels and matchExpressions."""
    check_labels(selector.get("matchLabels", {}), f"{field}.matchLabels", found)
    for number, expression in enumerate(selector.get("matchExpressions", ())):
        here = f"{field}.matchExpressions[{number}]"
        operator, values = expression.get("operator", ""), expression.get("values", [])
        if operator in ("In", "NotIn"):
            if not values:
                detail = "must be specified when `operator` is 'In' or 'NotIn'"
                found.required(f"{here}.values", detail)
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                found.forbidden(f"{here}.values", detail)
        else:
            found.invalid(f"{here}.operator", operator, "not a valid selector operator")
        found.each(f"{here}.key", expression.get("key", ""), qualified_name(expression["key"]))
        for place, value in enumerate(values):
            found.each(f"{here}.values[{place}]", value, label_value(value))
