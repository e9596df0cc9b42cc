"""The cluster selector of a federated object: which members get it.

    annotation federation.alpha.kubernetes.io/cluster-selector: a JSON list of requirements

    operator                      values         a cluster is selected when its label is
    in In                         1 or more      present, and one of them
    notin NotIn                   1 or more      absent, or none of them
    = ==                          exactly 1      present and equal
    !=                            exactly 1      absent or different
    exists Exists                 none           present
    ! DoesNotExist                none           absent
    gt Gt >                       1 integer      present, an integer, greater
    lt Lt <                       1 integer      present, an integer, smaller

    annotation                    outcome
    missing, [], null             every cluster
    empty, not JSON, not a list   refused
    other operators or counts     refused, as are keys and values that no label can have

All requirements must match (federation-v1.md 3.5).  A refusal is one line that names the
requirement.  Pure.  Called by `propagation`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

import msgspec

from feddns.errors import ObjectRefused

ANNOTATION = "federation.alpha.kubernetes.io/cluster-selector"

_OPERATORS = {
    "in": "In", "In": "In", "notin": "NotIn", "NotIn": "NotIn",
    "=": "Equals", "==": "Equals", "!=": "Differs",
    "exists": "Exists", "Exists": "Exists", "!": "DoesNotExist", "DoesNotExist": "DoesNotExist",
    "gt": "Gt", "Gt": "Gt", ">": "Gt", "lt": "Lt", "Lt": "Lt", "<": "Lt",
}  # fmt: skip
_WAYS_OUT = "in, notin, =, ==, !=, exists, !, gt, lt"
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}\Z", re.ASCII)
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?\Z")
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_MOST = 253
"""Characters of a label key's prefix."""


class Requirement(msgspec.Struct, frozen=True):
    """One item of the annotation; `operator` as it was spelled."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] | None = None

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a cluster with these labels is selected by this requirement."""
        label, values = labels.get(self.key), self.values or ()
        match _OPERATORS[self.operator]:
            case "In" | "Equals":
                return label is not None and label in values
            case "NotIn" | "Differs":
                return label is None or label not in values
            case "Exists":
                return label is not None
            case "DoesNotExist":
                return label is None
            case comparison:
                return _compares(comparison, label, values[0])


class Selector(msgspec.Struct, frozen=True):
    """All of an annotation; without requirements it selects every cluster."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a cluster with these labels is selected."""
        return all(one.matches(labels) for one in self.requirements)


_read = msgspec.json.Decoder(tuple[Requirement, ...] | None).decode


@functools.lru_cache(1024)
def parse(annotation: str | None) -> Selector:
    """The selector that an annotation's value is.  Raises `ObjectRefused`."""
    if annotation is None:
        return Selector()
    try:
        requirements = _read(annotation) or ()
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ObjectRefused(
            f"annotation {ANNOTATION}: {error}; write a JSON list such as "
            '[{"key": "location", "operator": "in", "values": ["europe"]}]'
        ) from error
    for index, requirement in enumerate(requirements):
        if reason := _reason_against(requirement):
            raise ObjectRefused(f"annotation {ANNOTATION}: [{index}]: {reason}")
    return Selector(requirements)


def _reason_against(requirement: Requirement) -> str:
    """What is wrong with a requirement, or nothing."""
    operator = _OPERATORS.get(requirement.operator)
    values = requirement.values or ()
    if operator is None:
        return f"operator {requirement.operator!r} is none of {_WAYS_OUT}"
    if not _is_label_key(requirement.key):
        return f"key {requirement.key!r} is no label key, such as environment or example.com/tier"
    if reason := _reason_against_count(operator, len(values)):
        return f"operator {requirement.operator!r} {reason}, not {len(values)}"
    if operator in ("Gt", "Lt") and _integer(values[0]) is None:
        return f"operator {requirement.operator!r} takes an integer, not {values[0]!r}"
    for value in values:
        if not _VALUE.match(value):
            return (
                f"value {value!r} is no label value (at most 63 letters, digits, '-', '_', '.'; "
                "first and last a letter or digit)"
            )
    return ""


def _reason_against_count(operator: str, count: int) -> str:
    if operator in ("In", "NotIn"):
        return "" if count else "takes one or more values"
    if operator in ("Exists", "DoesNotExist"):
        return "takes no values" if count else ""
    return "" if count == 1 else "takes exactly one value"


def _is_label_key(key: str) -> bool:
    """A name of 63 characters, or `prefix/name` with a DNS subdomain before the slash."""
    prefix, slash, name = key.rpartition("/")
    if slash and not (len(prefix) <= _MOST and _PREFIX.match(prefix)):
        return False
    return bool(name and _VALUE.match(name))


def _compares(comparison: str, label: str | None, value: str) -> bool:
    found, bound = _integer(label or ""), _integer(value)
    if found is None or bound is None:
        return False
    return found > bound if comparison == "Gt" else found < bound


def _integer(text: str) -> int | None:
    """A 64-bit integer in decimal, or None."""
    if not _INTEGER.match(text):
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None
