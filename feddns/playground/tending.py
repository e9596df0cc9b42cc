"""What controllers, a scheduler and kubelets do to an object, in a cluster that has none.

    kind                                      done by
    Deployment, ReplicaSet, DaemonSet, Job    `workloads`
    Node, Pod                                 `kubelet`
    Service                                   `services`, but for its load balancer
    any other                                 nobody

Pure.  Called by `member`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from feddns.playground import kubelet, services, workloads
from feddns.playground.objects import (
    DAEMON_SETS,
    DEPLOYMENTS,
    JOBS,
    NODES,
    PODS,
    REPLICA_SETS,
    SERVICES,
    Change,
    Json,
    Objects,
    Resource,
)

_VERSION = "v1.36.0"


def changes(
    objects: Objects, resource: Resource, one: Json, take_address: Callable[[], str], now: datetime
) -> list[Change]:
    """What is wanted now, in UTC; `take_address` gives a free address for a Pod."""
    moment = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    if resource == NODES:
        return kubelet.node_status(one, _VERSION, moment)
    if resource == DEPLOYMENTS:
        return workloads.deployment(objects, one, moment)
    if resource == REPLICA_SETS:
        return workloads.replica_set(objects, one)
    if resource == DAEMON_SETS:
        return workloads.daemon_set(objects, one)
    if resource == JOBS:
        return workloads.job(objects, one, moment)
    if resource == PODS:
        return kubelet.pod(objects, one, take_address, moment)
    if resource == SERVICES:
        micro = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return services.endpoint_slices(objects, one, micro)
    return []
