"""The table of Pods: what a Pod is at, in one word.

    the Pod                                    the word
    phase                                      Pending, Running, Succeeded, Failed, Unknown
    status.reason                              instead of the phase: Evicted, NodeLost
    an init container is not through           Init:1/2, Init:<reason>, Init:ExitCode:1
    a container waits, or has ended            its reason: CrashLoopBackOff, Error, Completed
    one has ended well, another runs           Running when the Pod is ready, else NotReady
    is being deleted                           Terminating, unless it is over

Pure.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from feddns.apiserver.tables.cells import NONE, age, columns, created

Object = dict[str, Any]

COLUMNS = columns("Name,Ready,Status,Restarts,Age", "IP,Node,Nominated Node,Readiness Gates")


def row(obj: Object, now: datetime) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    seen = _look(obj)
    restarts = str(seen.restarts)
    if seen.restarts and seen.restarted:
        restarts += f" ({age(seen.restarted, now)} ago)"
    address = next((one.get("ip") for one in status.get("podIPs", ())), "")
    return [
        obj["metadata"]["name"], f"{seen.ready}/{_total(spec)}", seen.word, restarts,
        created(obj, now), address or NONE, spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE, _gates(spec, status),
    ]  # fmt: skip


class _Seen(NamedTuple):
    """`restarted`: when a container ended last and was started again."""

    word: str
    ready: int = 0
    restarts: int = 0
    restarted: str = ""


def _total(spec: Object) -> int:
    sidecars = sum(_stays(one) for one in spec.get("initContainers", ()))
    return len(spec["containers"] or ()) + sidecars


def _stays(container: Object) -> bool:
    """An init container that runs beside the others."""
    return bool(container.get("restartPolicy") == "Always")


def _look(obj: Object) -> _Seen:
    status = obj.get("status", {})
    phase = status.get("phase", "")
    word = status.get("reason") or phase
    if any(
        one["type"] == "PodScheduled" and one.get("reason") == "SchedulingGated"
        for one in status.get("conditions", ())
    ):
        word = "SchedulingGated"
    failing, ready, sidecars = _init(obj)
    if failing is None or _holds(status, "Initialized"):
        seen = _containers(obj, word, sidecars)
        seen = seen._replace(ready=seen.ready + ready)
    else:
        everyone = status.get("initContainerStatuses", ())
        seen = _Seen(failing, ready, *_restarts(everyone))
    if "deletionTimestamp" in obj["metadata"]:
        if status.get("reason") == "NodeLost":
            return seen._replace(word="Unknown")
        if phase not in ("Succeeded", "Failed"):
            return seen._replace(word="Terminating")
    return seen


def _restarts(statuses: Any) -> tuple[int, str]:
    times = [one.get("lastState", {}).get("terminated", {}).get("finishedAt") for one in statuses]
    count = sum(one.get("restartCount", 0) for one in statuses)
    return count, max((time for time in times if time), default="")


def _init(obj: Object) -> tuple[str | None, int, list[Object]]:
    """What the init containers wait for (None: nothing), ready sidecars, sidecars' statuses."""
    specs = {one["name"]: one for one in obj["spec"].get("initContainers", ())}
    ready, sidecars = 0, []
    for number, one in enumerate(obj.get("status", {}).get("initContainerStatuses", ())):
        stays = _stays(specs.get(one["name"], {}))
        if stays:
            sidecars.append(one)
        ended = one.get("state", {}).get("terminated")
        if ended and not ended.get("exitCode"):
            continue
        if stays and one.get("started"):
            ready += bool(one.get("ready"))
            continue
        waiting = one.get("state", {}).get("waiting", {}).get("reason", "")
        if ended:
            return f"Init:{_ending(ended)}", ready, sidecars
        if waiting and waiting != "PodInitializing":
            return f"Init:{waiting}", ready, sidecars
        return f"Init:{number}/{len(specs)}", ready, sidecars
    return None, ready, sidecars


def _ending(ended: Object) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    if ended.get("signal"):
        return f"Signal:{ended['signal']}"
    return f"ExitCode:{ended.get('exitCode', 0)}"


def _containers(obj: Object, word: str, sidecars: list[Object]) -> _Seen:
    status = obj.get("status", {})
    everyone = status.get("containerStatuses", ())
    ready, running, error = 0, False, ""
    for one in reversed(everyone):
        state = one.get("state", {})
        if waiting := state.get("waiting", {}).get("reason"):
            word = waiting
        elif "terminated" in state:
            word = _ending(state["terminated"])
            if state["terminated"].get("exitCode"):
                error = word
        elif one.get("ready") and "running" in state:
            running, ready = True, ready + 1
    if word == "Completed":
        if running and _holds(status, "Ready"):
            word = "Running"
        elif error or running:
            word = error or "NotReady"
    return _Seen(word, ready, *_restarts([*sidecars, *everyone]))


def _holds(status: Object, kind: str) -> bool:
    return any(
        one["type"] == kind and one["status"] == "True" for one in status.get("conditions", ())
    )


def _gates(spec: Object, status: Object) -> str:
    gates = spec.get("readinessGates", ())
    if not gates:
        return NONE
    open_ones = sum(_holds(status, gate["conditionType"]) for gate in gates)
    return f"{open_ones}/{len(gates)}"
