"""The rules of Deployments, ReplicaSets, DaemonSets and Jobs.

Pure.
"""

from __future__ import annotations

import re
from typing import Any

from feddns import selectors
from feddns.apiserver.problems import (
    IMMUTABLE,
    Problems,
    check_labels,
    check_selector,
)
from feddns.apiserver.validation import pods

Object = dict[str, Any]

_PERCENT = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or"
    " '93%', regex used for validation is '[0-9]+%')"
)
_UNLABELLED = "`selector` does not match template `labels`"
_UID = "batch.kubernetes.io/controller-uid"


def deployment(obj: Object, old: Object | None, found: Problems) -> None:
    spec = obj["spec"]
    found.not_negative("spec.replicas", spec.get("replicas"))
    selector = spec.get("selector")
    _selector(selector, "deployment", found)
    _template(spec["template"], selector, "ReplicaSet", found)
    _deployment_strategy(spec["strategy"], found)
    ready, deadline = spec.get("minReadySeconds", 0), spec.get("progressDeadlineSeconds")
    found.not_negative("spec.minReadySeconds", ready)
    found.not_negative("spec.revisionHistoryLimit", spec.get("revisionHistoryLimit"))
    found.not_negative("spec.progressDeadlineSeconds", deadline)
    if deadline is not None and deadline <= ready:
        detail = "must be greater than minReadySeconds"
        found.invalid("spec.progressDeadlineSeconds", deadline, detail)
    _same_selector(selector, old, found)


def replica_set(obj: Object, old: Object | None, found: Problems) -> None:
    spec = obj["spec"]
    found.not_negative("spec.replicas", spec.get("replicas"))
    found.not_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    selector = spec.get("selector")
    _selector(selector, "replicaset", found)
    _template(spec["template"], selector, "ReplicaSet", found)
    _same_selector(selector, old, found)


def daemon_set(obj: Object, old: Object | None, found: Problems) -> None:
    spec = obj["spec"]
    selector = spec.get("selector")
    _same_selector(selector, old, found)
    if selector is not None:
        check_selector(selector, "spec.selector", found)
        if not selector:
            found.invalid("spec.selector", selector, "empty selector is invalid for daemonset")
    _template(spec["template"], selector, "DaemonSet", found)
    found.not_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    strategy = spec["updateStrategy"]
    if strategy["type"] not in ("RollingUpdate", "OnDelete"):
        shape = {"Type": strategy["type"], "RollingUpdate": strategy.get("rollingUpdate")}
        found.unsupported("spec.updateStrategy", shape, ("RollingUpdate", "OnDelete"))
    elif strategy["type"] == "RollingUpdate":
        _daemon_rolling(strategy["rollingUpdate"], "spec.updateStrategy.rollingUpdate", found)
    found.not_negative("spec.revisionHistoryLimit", spec.get("revisionHistoryLimit"))


def job(obj: Object, old: Object | None, found: Problems) -> None:
    spec = obj["spec"]
    selector, labels = spec.get("selector"), spec["template"]["metadata"].get("labels")
    if selector is None:
        found.required("spec.selector")
    else:
        check_selector(selector, "spec.selector", found)
    if not spec.get("manualSelector"):
        _generated(obj, selector or {}, found)
    for field in (
        "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit",
        "ttlSecondsAfterFinished",
    ):  # fmt: skip
        found.not_negative(f"spec.{field}", spec.get(field))
    found.one_of("spec.completionMode", spec["completionMode"], ("NonIndexed", "Indexed"))
    _pod_template(spec["template"], found)
    policy = spec["template"]["spec"]["restartPolicy"]
    if policy == "Always":
        detail = 'valid values: "OnFailure", "Never"'
        found.required("spec.template.spec.restartPolicy", detail)
    elif policy not in ("OnFailure", "Never"):
        found.unsupported("spec.template.spec.restartPolicy", policy, ("OnFailure", "Never"))
    if selector is None or not _matches(selector, labels or {}, found):
        found.invalid("spec.template.metadata.labels", labels, _UNLABELLED)
    if old:
        _job_changes(spec, old["spec"], found)


# --- selectors and templates ---------------------------------------------------------------------


def _selector(selector: Object | None, owner: str, found: Problems) -> None:
    if selector is None:
        found.required("spec.selector")
        return
    before = len(found)
    check_selector(selector, "spec.selector", found)
    if not selector:
        detail = f"empty selector is invalid for {owner}"
        found.invalid("spec.selector", selector, detail)
    elif len(found) > before:
        found.invalid("spec.selector", selector, "invalid label selector")


def _template(template: Object, selector: Object | None, owner: str, found: Problems) -> None:
    """Pods that are made from the template must be its owner's, and run until they are deleted."""
    labels = template["metadata"].get("labels")
    if selector is None or (selector and not _matches(selector, labels or {}, found)):
        found.invalid("spec.template.metadata.labels", labels, _UNLABELLED)
    _pod_template(template, found)
    spec = template["spec"]
    if spec["restartPolicy"] != "Always":
        found.unsupported("spec.template.spec.restartPolicy", spec["restartPolicy"], ("Always",))
    if "activeDeadlineSeconds" in spec:
        detail = f"activeDeadlineSeconds in {owner} is not Supported"
        found.forbidden("spec.template.spec.activeDeadlineSeconds", detail)


def _matches(selector: Object, labels: dict[str, str], found: Problems) -> bool:
    """Also of a selector that is refused already: it is not compared then."""
    if any(cause.field.startswith("spec.selector.match") for cause in found):
        return True
    return selectors.matches(selectors.of_object(selector) or (), labels)


def _pod_template(template: Object, found: Problems) -> None:
    metadata = template["metadata"]
    if labels := metadata.get("labels"):
        check_labels(labels, "spec.template.labels", found)
    pods.check_spec(template["spec"], "spec.template.spec", found)


def _same_selector(selector: Object | None, old: Object | None, found: Problems) -> None:
    if old and old["spec"].get("selector") != selector:
        found.invalid("spec.selector", selector, IMMUTABLE)


# --- strategies ----------------------------------------------------------------------------------


def _deployment_strategy(strategy: Object, found: Problems) -> None:
    here, kind, rolling = "spec.strategy", strategy["type"], strategy.get("rollingUpdate")
    if kind == "Recreate":
        if rolling is not None:
            detail = "may not be specified when strategy `type` is 'Recreate'"
            found.forbidden(f"{here}.rollingUpdate", detail)
    elif kind != "RollingUpdate":
        shape = {"Type": kind, "RollingUpdate": rolling}
        found.unsupported(here, shape, ("Recreate", "RollingUpdate"))
    elif rolling is not None:
        here = f"{here}.rollingUpdate"
        missing, surge = rolling["maxUnavailable"], rolling["maxSurge"]
        _share(missing, f"{here}.maxUnavailable", found)
        _share(surge, f"{here}.maxSurge", found)
        if _nothing(missing) and _nothing(surge):
            found.invalid(f"{here}.maxUnavailable", missing, "may not be 0 when `maxSurge` is 0")
        _at_most_all(missing, f"{here}.maxUnavailable", found)


def _daemon_rolling(rolling: Object, here: str, found: Problems) -> None:
    missing, surge = rolling["maxUnavailable"], rolling["maxSurge"]
    _share(missing, f"{here}.maxUnavailable", found)
    _at_most_all(missing, f"{here}.maxUnavailable", found)
    _share(surge, f"{here}.maxSurge", found)
    _at_most_all(surge, f"{here}.maxSurge", found)
    if not _nothing(missing) and not _nothing(surge):
        detail = "may not be set when maxUnavailable is non-zero"
        found.invalid(f"{here}.maxSurge", surge, detail)
    elif _nothing(missing) and _nothing(surge):
        found.required(f"{here}.maxUnavailable", "cannot be 0 when maxSurge is 0")


def _share(value: int | str, here: str, found: Problems) -> None:
    if isinstance(value, int):
        found.not_negative(here, value)
    elif not re.fullmatch(r"[0-9]+%", value):
        found.invalid(here, value, _PERCENT)


def _nothing(value: int | str) -> bool:
    return value == 0 or (isinstance(value, str) and not value.rstrip("%").strip("0"))


def _at_most_all(value: int | str, here: str, found: Problems) -> None:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]+%", value):
        return
    digits = value[:-1].lstrip("0")
    if len(digits) > 3 or int(digits or "0") > 100:
        found.invalid(here, value, "must not be greater than 100%")


# --- Jobs ----------------------------------------------------------------------------------------


def _generated(obj: Object, selector: Object, found: Problems) -> None:
    """Without manualSelector nobody but the server writes the selector."""
    uid = obj["metadata"].get("uid", "")
    if selector.get("matchLabels") != {_UID: uid} or selector.get("matchExpressions"):
        found.invalid("spec.selector", selector, "`selector` not auto-generated")


def _job_changes(spec: Object, old: Object, found: Problems) -> None:
    if spec["completionMode"] != "Indexed" and spec.get("completions") != old.get("completions"):
        found.invalid("spec.completions", spec.get("completions"), IMMUTABLE)
    if spec.get("selector") != old.get("selector"):
        found.invalid("spec.selector", spec.get("selector"), IMMUTABLE)
    template, before = spec["template"], old["template"]
    if template != before and not (old.get("suspend") and _only_placement(template, before)):
        found.invalid("spec.template", template, IMMUTABLE)
    if spec["completionMode"] != old["completionMode"]:
        found.invalid("spec.completionMode", spec["completionMode"], IMMUTABLE)


def _only_placement(template: Object, before: Object) -> bool:
    """Where the Pods of a suspended Job will run may still be changed."""
    placed = ("nodeSelector", "affinity", "tolerations", "schedulingGates")
    strip = [
        {key: value for key, value in part["spec"].items() if key not in placed}
        for part in (template, before)
    ]
    return strip[0] == strip[1]
