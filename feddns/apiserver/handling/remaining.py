"""What a Namespace that is Terminating says of what is still in it: its conditions.

    condition                                     here
    NamespaceDeletionDiscoveryFailure             False: all kinds are known
    NamespaceDeletionGroupVersionParsingFailure   False
    NamespaceDeletionContentFailure               False: all was deleted, or marked
    NamespaceContentRemaining                     True: how many of which kind are left; False
    NamespaceFinalizersRemaining                  True: which finalizers hold them; False

Pure.  Called by `tending`.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from feddns.apiserver.kinds import Kind

Object = dict[str, Any]

_NO_FAILURES = (
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered",
     "All resources successfully discovered"),
    ("NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions",
     "All legacy kube types successfully parsed"),
    ("NamespaceDeletionContentFailure", "ContentDeleted",
     "All content successfully deleted, may be waiting on finalization"),
)  # fmt: skip
_NOTHING_LEFT = (
    ("False", "ContentRemoved", "All content successfully removed"),
    ("False", "ContentHasNoFinalizers", "All content-preserving finalizers finished"),
)


def conditions(left: list[tuple[Kind, Object]], before: list[Object], now: str) -> list[Object]:
    """The conditions, with the time of the last change of each."""
    of_kinds = Counter(f"{kind.plural}.{kind.group}" for kind, _ in left)
    of_finalizers = Counter(
        finalizer for _, obj in left for finalizer in obj["metadata"].get("finalizers") or ()
    )
    told = [(name, "False", reason, message) for name, reason, message in _NO_FAILURES]
    content, finalizers = _NOTHING_LEFT
    if of_kinds:
        content = (
            "True", "SomeResourcesRemain",
            f"Some resources are remaining: {_counted(of_kinds, 'has ')}",
        )  # fmt: skip
    if of_finalizers:
        finalizers = (
            "True", "SomeFinalizersRemain",
            "Some content in the namespace has finalizers remaining: "
            f"{_counted(of_finalizers, 'in ')}",
        )  # fmt: skip
    told.append(("NamespaceContentRemaining", *content))
    told.append(("NamespaceFinalizersRemaining", *finalizers))
    was = {one["type"]: one for one in before}
    return [_condition(*one, was.get(one[0]), now) for one in told]


def _counted(counts: Counter[str], word: str) -> str:
    return ", ".join(
        f"{name} {word}{count} resource instances" for name, count in sorted(counts.items())
    )


def _condition(
    kind: str, status: str, reason: str, message: str, was: Object | None, now: str
) -> Object:
    since = was["lastTransitionTime"] if was and was["status"] == status else now
    return {
        "type": kind, "status": status, "lastTransitionTime": since, "reason": reason,
        "message": message,
    }  # fmt: skip
