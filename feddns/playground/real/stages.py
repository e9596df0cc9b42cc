"""What KWOK makes of nodes and Pods: its own stages, and those for what fails on purpose.

    object                                                        becomes
    a Node with the annotation FAILED                             not Ready, and stays so
    a running Pod with it                                         not Ready
    a running Pod that is not Ready, without it                   Ready

KWOK looks at one object at a time, so the Pods of a failed node need the annotation themselves.
Of several stages that fit it takes any: its own leave a failed node alone, as they make it Ready.

Pure.  Called by `kubernetes`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from feddns.playground.kubelet import FAILED

_READY = '.status.conditions.[] | select( .type == "Ready" ) | .status'
_MARKED = f'.metadata.annotations["{FAILED}"]'

Json = dict[str, Any]


def with_failures(text: str) -> str:
    """KWOK's stages, and ours."""
    known = [one for one in yaml.safe_load_all(text) if one]
    for one in known:
        if one["spec"]["resourceRef"]["kind"] == "Node":
            one["spec"]["selector"]["matchExpressions"].append(_marked("DoesNotExist"))
    return yaml.safe_dump_all([*known, *_ours()])


def _ours() -> Iterator[Json]:
    yield _stage("Node", "node-failed", [_marked("Exists"), _ready("True")], _failed("Ready"))
    running: Json = {"key": ".status.phase", "operator": "In", "values": ["Running"]}
    kinds = "Ready", "ContainersReady"
    failed = _failed(*kinds) + _containers("false")
    yield _stage("Pod", "pod-failed", [running, _marked("Exists"), _ready("True")], failed)
    stays: Json = {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"}
    mended = [running, stays, _marked("DoesNotExist"), _ready("False")]
    healed = _conditions("True", kinds) + _containers("true")
    yield _stage("Pod", "pod-healed", mended, healed)


def _stage(kind: str, name: str, expressions: list[Json], status: str) -> Json:
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Stage", "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": kind},
            "selector": {"matchExpressions": expressions},
            "next": {"statusTemplate": status},
        },
    }  # fmt: skip


def _marked(operator: str) -> Json:
    return {"key": _MARKED, "operator": operator}


def _ready(status: str) -> Json:
    return {"key": _READY, "operator": "In", "values": [status]}


def _failed(*kinds: str) -> str:
    words = (
        f'  reason: Failed\n  message: {{{{ index .metadata.annotations "{FAILED}" | Quote }}}}\n'
    )
    return _conditions("False", kinds, words)


def _conditions(status: str, kinds: tuple[str, ...], words: str = "") -> str:
    """A template of Go's that gives YAML."""
    return "conditions:\n" + "".join(
        f'- type: {kind}\n  status: "{status}"\n'
        f"  lastTransitionTime: {{{{ Now | Quote }}}}\n{words}"
        for kind in kinds
    )


def _containers(ready: str) -> str:
    """The list is replaced as a whole, so all that it has is said again."""
    return (
        "containerStatuses:\n"
        "{{ range .status.containerStatuses }}"
        "- name: {{ .name | Quote }}\n"
        "  image: {{ .image | Quote }}\n"
        f"  ready: {ready}\n"
        "  restartCount: {{ .restartCount }}\n"
        "  state: {running: {startedAt: {{ .state.running.startedAt | Quote }}}}\n"
        "{{ end }}"
    )
