"""One engine for every kind: a key and the world → what is to be done.

    federated object             then
    left alone (`kinds`)         nothing
    ConfigMaps or Namespaces     nothing yet: they say what is to be left (`deletion`), and which
    were not read                API this is (`copies.marks`)
    gone                         `deletion.collect`: what is owed to members that return
    being deleted                `namespaces` for a Namespace that is held, then `deletion`
    there                        our finalizer first, then each member:

    member      copy                                 selected   then
    not ready   any                                  any        nothing: owed until it is ready
    ready       none, and the list is not whole      any        nothing: unknown
    ready       none                                 no         nothing
    ready       none, nor its Namespace              yes        nothing: owed until that is there
    ready       none                                 yes        Apply, new
    ready       ours, being deleted                  any        nothing: wait
    ready       ours                                 no         Delete
    ready       ours, different                      yes        Apply
    ready       ours, of an object before this one,  yes        Delete, then it is made anew
                and the member refuses the change
    ready       ours, with what others added to      yes        Patch
                exact fields
    ready       ours, as wanted                      yes        nothing
    ready       ours, left behind by an orphaning    any        Patch: nobody's
    ready       not ours                             no         nothing
    ready       not ours, to be adopted              yes        Apply
    ready       not ours                             yes        nothing: Conflict

    the selector cannot be read        nothing anywhere, copies stay; the object says so
    one member or object in trouble    stands in the note of the object; the others go on

The API server takes our finalizer and the note in one write, which comes before all operations.
A `Told` goes with each change of the note, and only with that, so nothing is told twice.

Pure.  `reconcile` is what the workers call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from controllers import conditions, copies, deletion, kinds, namespaces, selector, services
from controllers.conditions import Note
from controllers.kinds import NAMESPACES, SERVICES, Propagated
from controllers.services import Findings
from controllers.world import (
    Apply,
    Delete,
    Json,
    Key,
    Member,
    Operation,
    Patch,
    Plan,
    Trouble,
    World,
    Write,
    soonest,
)
from feddns.errors import ObjectRefused

LOOK_AGAIN = 60.0
"""Seconds until a member is asked again whether a name is free."""
LOOK_FOR_NAMESPACE = 5.0
"""Seconds; its coming is told, this is for when it is not."""


class Step(NamedTuple):
    """What one member needs: an operation, a trouble to be told, a time to look again."""

    operation: Operation | None = None
    trouble: Trouble | None = None
    again: float | None = None


class Case(NamedTuple):
    """One federated object: `said` is its note as it stands."""

    row: Propagated
    key: Key
    federated: Json
    said: Note
    world: World

    def annotation(self, name: str) -> str | None:
        return _annotation(self.federated, name)

    def tried(self, operation: Operation) -> Step:
        """The operation; with what went wrong before, until it goes well."""
        cluster, said = operation.cluster, self.said.clusters
        trouble = self.world.trouble(cluster, self.key)
        if trouble is None or trouble.reason in conditions.PASSING:
            trouble = said.get(cluster)
        return Step(operation, trouble)


def reconcile(key: Key, world: World) -> Plan:
    """Everything that is to be done for a key now."""
    federated = world.federated(key)
    if kinds.is_left_alone(key, federated, world.system_namespace):
        return Plan()
    if not (world.whole(kinds.CONFIGMAPS) and world.whole(NAMESPACES)):
        return Plan(again=deletion.LOOK_AGAIN)
    if federated is None:
        return deletion.collect(key, world)
    said = conditions.parse(_annotation(federated, conditions.STATUS))
    case = Case(kinds.of(key.resource), key, federated, said, world)
    return _ending(case) if deletion.is_deleted(federated) else _propagating(case)


def _ending(case: Case) -> Plan:
    """A deleted object; its shards go out of sight as they are deleted, not with the object."""
    key, federated, world = case.key, case.federated, case.world
    if key.resource == NAMESPACES and namespaces.is_filled(federated):
        return namespaces.plan(key, federated, world)
    plan = deletion.plan(key, federated, world)
    if any(one.key == key for one in plan.writes):
        return plan  # the object goes with this write
    steps = {one.cluster: case.tried(one) for one in plan.operations}
    mine = _writing(case, "", steps, _findings(case, lambda member: True))
    writes, again = plan.writes + mine.writes, soonest(plan.again, mine.again)
    return plan._replace(writes=writes, told=mine.told, again=again)


def _propagating(case: Case) -> Plan:
    members = case.world.members()
    try:
        wanted = selector.parse(case.annotation(selector.ANNOTATION))
    except ObjectRefused as refusal:
        return _writing(case, str(refusal), {}, _findings(case, lambda member: True))
    selected = {name: one for name, one in members.items() if wanted.matches(one.labels)}
    bodies = _bodies(case, selected)
    ready = [one for _, one in sorted(members.items()) if one.ready]
    steps = {one.name: _step(case, one, bodies.get(one.name)) for one in ready}
    plan = _writing(case, "", steps, _findings(case, lambda member: member.name in selected))
    return plan._replace(
        writes=(*plan.writes, *_forgetting(case, ready)),
        operations=tuple(one.operation for one in steps.values() if one.operation),
        again=soonest(plan.again, *(one.again for one in steps.values())),
    )


def _bodies(case: Case, selected: Mapping[str, Member]) -> dict[str, Json]:
    """By cluster, what it is to have.  All the same, unless the kind is scheduled."""
    row, federated, world = case.row, case.federated, case.world
    if row.schedule is None:
        body = copies.body(row, federated, copies.marks(world))
        return dict.fromkeys(selected, body)
    overrides = row.schedule(federated, list(selected.values()), world)
    return {
        cluster: copies.body(row, federated, copies.marks(world), override)
        for cluster, override in overrides.items()
    }


def _forgetting(case: Case, ready: list[Member]) -> list[Write]:
    """What was to be left in members, and is nobody's now, is remembered no more."""
    writes: list[Write] = []
    for member in ready:
        copy = case.world.copy(member.name, case.key)
        is_known = copy is not None or case.key.resource.plural in member.whole
        if is_known and (copy is None or copies.owner(copy) != case.world.federation):
            writes += deletion.forgetting(case.key, member.name, case.world)
    return writes


def _annotation(federated: Json, name: str) -> str | None:
    annotations: Mapping[str, str] = federated["metadata"].get("annotations") or {}
    return annotations.get(name)


# --- one member -----------------------------------------------------------------------------------


def _step(case: Case, member: Member, body: Json | None) -> Step:
    """The table of the module, for a member that is ready; without a body it is not selected."""
    cluster, key, world = member.name, case.key, case.world
    copy = world.copy(cluster, key)
    if copy is None:
        return _absent(case, member, body)
    if copies.owner(copy) == world.federation:
        if deletion.is_remembered(key, cluster, world):
            return case.tried(Patch(cluster, key, copies.unmarking(copy)))
        return _ours(case, cluster, body, copy)
    if body is None or _is_ending(copy):
        return Step()
    if _is_adopted(case, copies.owner(copy)):
        return case.tried(Apply(cluster, key, body))
    return Step(trouble=conditions.conflict(key, copies.owner(copy)), again=LOOK_AGAIN)


def _absent(case: Case, member: Member, body: Json | None) -> Step:
    key, world = case.key, case.world
    if body is None or key.resource.plural not in member.whole:
        return Step()
    if key.resource.namespaced and key.namespace not in kinds.EVERYWHERE:
        where = Key(NAMESPACES, "", key.namespace)
        there = world.copy(member.name, where)
        if there is None or _is_ending(there):
            return Step(trouble=_left_out(where, member, world), again=LOOK_FOR_NAMESPACE)
    return case.tried(Apply(member.name, key, body, is_new=True))


def _left_out(where: Key, member: Member, world: World) -> Trouble | None:
    """A trouble when the Namespace is not meant to be in the member; else it will come."""
    federated = world.federated(where)
    try:
        wanted = selector.parse(_annotation(federated or {"metadata": {}}, selector.ANNOTATION))
    except ObjectRefused:
        return None
    if wanted.matches(member.labels):
        return None
    message = f"{where} is not in this cluster, as its cluster selector leaves it out"
    return Trouble(conditions.NAMESPACE_MISSING, message)


def _ours(case: Case, cluster: str, body: Json | None, copy: Json) -> Step:
    key, uid = case.key, copy["metadata"]["uid"]
    if _is_ending(copy):
        return Step()
    if body is None:
        return case.tried(Delete(cluster, key, uid))
    if not copies.is_as_wanted(body, copy, case.world.settled(cluster, key)):
        refused = case.world.trouble(cluster, key)
        if refused and refused.reason == "Invalid" and copies.origin(copy) != copies.origin(body):
            return case.tried(Delete(cluster, key, uid))
        return case.tried(Apply(cluster, key, body))
    patch = copies.surplus(case.row, body, copy)
    return case.tried(Patch(cluster, key, patch)) if patch else Step()


def _is_adopted(case: Case, owner: str) -> bool:
    """Another federation's copy is taken only when that is asked for: the two would fight."""
    said = case.annotation(copies.ADOPT)
    if said in ("true", "false"):
        return said == "true"
    return case.row.adopts and not owner


def _is_ending(copy: Json) -> bool:
    return bool(copy["metadata"].get("deletionTimestamp"))


# --- what the federated object says ---------------------------------------------------------------


def _findings(case: Case, counts: Callable[[Member], bool]) -> Findings:
    """What a Service says of its shards; `counts`: there may be one in the member."""
    if case.key.resource != SERVICES:
        return Findings({})
    return services.findings(case.key, case.federated, case.world, counts)


def _writing(case: Case, error: str, steps: Mapping[str, Step], found: Findings) -> Plan:
    """The writes of the federated object, with the Event of a new note."""
    key, federated = case.key, case.federated
    troubles = {name: one.trouble for name, one in steps.items() if one.trouble}
    note = Note("; ".join(one for one in (error, found.error) if one), troubles)
    before, after = case.annotation(conditions.STATUS), note.to_annotation()
    annotations = dict(found.annotations)
    if before != after:
        annotations[conditions.STATUS] = after
    metadata: dict[str, Any] = {"annotations": annotations} if annotations else {}
    finalizers = federated["metadata"].get("finalizers") or []
    if deletion.FINALIZER not in finalizers and not deletion.is_deleted(federated):
        metadata["finalizers"] = [*finalizers, deletion.FINALIZER]
    status: dict[str, Any] = {"loadBalancer": found.balancer} if found.balancer else {}
    if case.row.has_conditions:
        changed = conditions.with_conflict(federated, troubles, case.world.now)
        status |= {"conditions": changed} if changed else {}
    version = federated["metadata"]["resourceVersion"]
    writes = [Write(key, {"metadata": metadata}, version)] if metadata else []
    writes += [Write(key, {"status": status}, version, "status")] if status else []
    told = (note.told(key, before),) if before != after else ()
    return Plan(tuple(writes), told=told, again=found.again)
