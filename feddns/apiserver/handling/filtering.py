"""Which objects a list or a watch is about: namespace, label selector, field selector.

Pure.  Called by `reading`, `watching` and `deleting`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from feddns import selectors
from feddns.apiserver.handling.call import Call, bad_request
from feddns.apiserver.kinds import Kind
from feddns.apiserver.store import Entry
from feddns.errors import SelectorRefused
from feddns.selectors import FieldRequirement, Selector

_EVENT = (
    "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
    "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath",
    "reason", "reportingComponent", "source", "type",
)  # fmt: skip
# Fields that can be selected by, beside name and namespace; in the stored version.
_FIELDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "Pod"): (
        "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
        "spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName",
    ),
    ("", "Event"): _EVENT,
    ("", "Secret"): ("type",),
    ("", "Namespace"): ("status.phase", "name"),
    ("", "Node"): ("spec.unschedulable",),
    ("", "Service"): ("spec.clusterIP", "spec.type"),
    ("apps", "ReplicaSet"): ("status.replicas",),
    ("batch", "Job"): ("status.successful",),
}  # fmt: skip
_ABSENT = {
    "spec.unschedulable": "false", "spec.hostNetwork": "false", "status.replicas": "0",
    "status.successful": "0",
}  # fmt: skip
_OTHERWISE = {"name": "metadata.name", "source": "source.component"}
_ALWAYS = ("metadata.name", "metadata.namespace")


class Filter(NamedTuple):
    """What an entry must be to be told."""

    prefix: str
    """`namespace/`, or nothing."""
    labels: Selector
    fields: tuple[FieldRequirement, ...]

    @property
    def is_open(self) -> bool:
        """Whether everything in the namespace is told."""
        return not (self.labels or self.fields)

    def matches(self, entry: Entry) -> bool:
        if not entry.key.startswith(self.prefix):
            return False
        if self.labels and not selectors.matches(self.labels, entry.labels):
            return False
        return not self.fields or self._has_fields(entry.object())

    def _has_fields(self, obj: dict[str, Any]) -> bool:
        return all((_value(obj, one.path) == one.value) is one.equal for one in self.fields)


def of(call: Call) -> Filter:
    """What the query says.  Raises `RequestRefused`: 400."""
    try:
        labels = selectors.parse(call.options.label_selector)
        fields = selectors.parse_fields(call.options.field_selector)
    except SelectorRefused as error:
        raise bad_request(str(error)) from None
    _check(call.stored, fields)
    namespace = call.target.namespace
    return Filter(f"{namespace}/" if namespace else "", labels, fields)


def _check(kind: Kind, fields: tuple[FieldRequirement, ...]) -> None:
    own = _FIELDS.get((kind.group, kind.kind))
    if kind.custom:
        own = tuple(path.removeprefix(".") for path in kind.custom.selectable)
    for one in fields:
        if one.path in _ALWAYS or one.path in (own or ()):
            continue
        if own:
            raise bad_request(f"field label not supported: {one.path}")
        known = ", ".join(f'"{path}"' for path in _ALWAYS)
        raise bad_request(f'"{one.path}" is not a known field selector: only {known}')


def _value(obj: dict[str, Any], path: str) -> str:
    found = selectors.field(obj, _OTHERWISE.get(path, path))
    if not found and path == "source":
        return selectors.field(obj, "reportingComponent")
    return found or _ABSENT.get(path, "")
