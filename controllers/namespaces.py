"""Deleting a federated Namespace: first what lies in it, then its copies.

    finalizer `kubernetes`   in it                       then
    there                    objects                     each is deleted with the policy of the
                                                         Namespace's own deletion: Orphan or not
    there                    objects that are ending     wait
    there                    a list is not whole         wait
    there                    nothing                     the finalizer goes, by /finalize
    gone                     -                           `deletion.plan`, as for every kind

A federation has no kube-controller-manager, so nobody else would.  The original deleted what lay in
it in Background always, so that the copies of an orphaned Namespace went (federation-v1.md 5.3).

Pure.  Called by `propagation`.
"""

from __future__ import annotations

from controllers import deletion, kinds
from controllers.world import Json, Key, Plan, Remove, Told, World, Write

KUBERNETES = "kubernetes"
LOOK_AGAIN = 2.0
"""Seconds; what lies in it tells when it goes, this is for what is not followed."""


def is_filled(federated: Json) -> bool:
    """Whether the API holds the Namespace until it is empty."""
    return KUBERNETES in ((federated.get("spec") or {}).get("finalizers") or ())


def plan(key: Key, federated: Json, world: World) -> Plan:
    """What is to be done for a deleted Namespace that is still held."""
    if not all(world.whole(row.resource) for row in kinds.TABLE):
        return Plan(again=LOOK_AGAIN)
    policy = "Orphan" if deletion.is_orphaning(federated) else "Background"
    inside = [(one, world.federated(one)) for one in sorted(world.within(key.name), key=str)]
    removes = tuple(
        Remove(one, found["metadata"]["uid"], policy)
        for one, found in inside
        if found is not None and not deletion.is_deleted(found)
    )
    if inside:
        told = (Told(key, "Normal", "DeleteNamespace", _message(len(removes))),) if removes else ()
        return Plan(removes=removes, told=told, again=LOOK_AGAIN)
    spec = federated.get("spec") or {}
    kept = [one for one in spec.get("finalizers") or () if one != KUBERNETES]
    body = {**federated, "spec": {**spec, "finalizers": kept}}
    return Plan((Write(key, body, federated["metadata"]["resourceVersion"], "finalize"),))


def _message(count: int) -> str:
    return f"{count} object{'' if count == 1 else 's'} in it deleted"
