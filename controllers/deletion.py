"""Deleting a federated object: what becomes of its copies, and when it may go.

    finalizers of the deleted object   the request was                      its copies are
    ours                               kubectl delete, cascade=background   deleted
    ours, foregroundDeletion           cascade=foreground                   deleted
    ours, orphan                       cascade=orphan                       left, unmarked
    none of these                      -                                    somebody else holds it

    member      copy                   deleted                  left
    ready       ours                   Delete                   Patch: the marks are removed
    ready       ours, being deleted    wait                     Patch
    ready       list not whole         wait                     wait
    ready       not ours, or none      done                     done
    not ready   unknown                done; owed (below)       done; remembered (below)

When all are done the finalizers are removed and the API ends the object (decisions.md 21).

What is owed to a member that was away is done when it returns: a copy with our mark whose
federated object is gone is

    remembered as left                       its marks are removed, and it is remembered no more
    not remembered, both lists are whole     deleted
    a list is not whole                      nothing: absence proves nothing
    copied from another API than this one    nothing: the federation's API was lost and made anew,
                                             and an empty one must not empty the members

Remembered is in a ConfigMap `feddns-orphans.<cluster>` of the system namespace, an item for each
copy.  When it is full the object waits for the member instead.

Pure.  Called by `propagation`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec

from controllers import copies, kinds
from controllers.world import Delete, Json, Key, Member, Operation, Patch, Plan, World, Write

FINALIZER = "federation.kubernetes.io/delete-from-underlying-clusters"
ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"
LOOK_AGAIN = 1.0
"""Seconds; only while the controllers start."""
_MOST = 6000
"""Items of a ConfigMap; with the longest names they stay below 1 MiB."""


def is_deleted(federated: Json) -> bool:
    return bool(federated["metadata"].get("deletionTimestamp"))


def is_orphaning(federated: Json) -> bool:
    """The copies are to be left."""
    return ORPHAN in (federated["metadata"].get("finalizers") or ())


def plan(key: Key, federated: Json, world: World) -> Plan:
    """What is to be done for a deleted object.  A Namespace is empty already (`namespaces`)."""
    finalizers = federated["metadata"].get("finalizers") or []
    kept = [one for one in finalizers if one not in (FINALIZER, ORPHAN, FOREGROUND)]
    if kept == finalizers:
        return Plan()
    orphans = is_orphaning(federated)
    operations: list[Operation] = []
    waiting = False
    for member in _in_order(world):
        if member.ready:
            operation, is_done = _of(member, key, world, orphans)
            operations += [operation] if operation else []
            waiting = waiting or not is_done
    memory, is_full = _remembering(key, world) if orphans else ((), False)
    if waiting or is_full:
        return Plan(memory, operations=tuple(operations))
    version = federated["metadata"]["resourceVersion"]
    release = Write(key, {"metadata": {"finalizers": kept or None}}, version)
    return Plan((*memory, release))


def _of(member: Member, key: Key, world: World, orphans: bool) -> tuple[Operation | None, bool]:
    """What a ready member needs, and whether it needs nothing."""
    copy = world.copy(member.name, key)
    if copy is None:
        return None, key.resource.plural in member.whole
    if copies.owner(copy) != world.federation:
        return None, True
    return _ending(member, key, copy, orphans), False


def _ending(member: Member, key: Key, copy: Json, orphans: bool) -> Operation | None:
    if orphans:
        return Patch(member.name, key, copies.unmarking(copy))
    if copy["metadata"].get("deletionTimestamp"):
        return None
    return Delete(member.name, key, copy["metadata"]["uid"])


def collect(key: Key, world: World) -> Plan:
    """What is to be done with copies whose federated object is gone."""
    if not world.whole(key.resource):
        return Plan(again=LOOK_AGAIN)
    marks = copies.marks(world)
    operations: list[Operation] = []
    writes: list[Write] = []
    for member in _in_order(world):
        if not member.ready or key.resource.plural not in member.whole:
            continue
        copy = world.copy(member.name, key)
        is_ours = copy is not None and copies.owner(copy) == world.federation
        if copy is not None and is_ours:
            orphans = is_remembered(key, member.name, world)
            if orphans or copies.is_made_by(marks, copy):
                ending = _ending(member, key, copy, orphans)
                operations += [ending] if ending else []
        else:
            writes += forgetting(key, member.name, world)
    return Plan(tuple(writes), operations=tuple(operations))


def _in_order(world: World) -> list[Member]:
    return [member for _, member in sorted(world.members().items())]


# --- the memory of what was left while a member was away ------------------------------------------


def _memory_key(cluster: str, world: World) -> Key:
    return Key(kinds.CONFIGMAPS, world.system_namespace, f"feddns-orphans.{cluster}")


def _item(key: Key) -> str:
    text = "/".join((key.resource.group, key.resource.plural, key.namespace, key.name))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def is_remembered(key: Key, cluster: str, world: World) -> bool:
    """The copy there is one of those that were to be left."""
    memory = world.federated(_memory_key(cluster, world))
    return memory is not None and _item(key) in (memory.get("data") or {})


def _remembering(key: Key, world: World) -> tuple[tuple[Write, ...], bool]:
    """The writes that remember a copy in each member that is away; and whether one is full."""
    writes: list[Write] = []
    is_full = False
    for member in _in_order(world):
        if member.ready or is_remembered(key, member.name, world):
            continue
        where = _memory_key(member.name, world)
        memory = world.federated(where)
        if memory is not None and len(memory.get("data") or {}) >= _MOST:
            is_full = True
            continue
        writes.append(_remember(key, where, memory))
    return tuple(writes), is_full


def _remember(key: Key, where: Key, memory: Json | None) -> Write:
    value = msgspec.json.encode((key.resource.plural, key.namespace, key.name)).decode()
    data = {"data": {_item(key): value}}
    if memory is not None:
        return Write(where, data, memory["metadata"]["resourceVersion"])
    metadata = {"name": where.name, "namespace": where.namespace}
    return Write(where, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **data}, "")


def forgetting(key: Key, cluster: str, world: World) -> list[Write]:
    """The write after which a copy is remembered no more, if it is."""
    if not is_remembered(key, cluster, world):
        return []
    where = _memory_key(cluster, world)
    memory = world.federated(where) or {"metadata": {}}
    return [Write(where, {"data": {_item(key): None}}, memory["metadata"]["resourceVersion"])]


def remembered(cluster: str, world: World) -> Iterator[Key]:
    """The keys of all copies that were to be left in a member; to be looked at when it returns."""
    resources = {row.resource.plural: row.resource for row in kinds.TABLE}
    memory = world.federated(_memory_key(cluster, world)) or {}
    for value in (memory.get("data") or {}).values():
        try:
            plural, namespace, name = msgspec.json.decode(value, type=tuple[str, str, str])
        except msgspec.DecodeError:
            continue
        if plural in resources:
            yield Key(resources[plural], namespace, name)
