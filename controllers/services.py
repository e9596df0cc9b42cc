"""What a federated Service says of its shards: where it answers, and where it should not be asked.

    annotation federation.kubernetes.io/service-ingresses (federation-v1.md 1.3), by cluster name:

    member         its Service                        entry
    ready          no load-balancer address           none
    ready          addresses, the shard is healthy    the addresses
    ready          addresses, unhealthy               null
    ready          lists not whole, verdict unknown   as it was
    not ready      had none, or null                  as it was
    not ready      had addresses                      as `healthwatch.judge.fate` says: as it was,
                                                      or null (decisions.md 14)
    not registered, not selected, not ours            none

    annotation federation.feddns.dev/shards, what the other cannot say, for people and tools:

    {"asia": {"type": "Headless", "state": "healthy"},
     "eu": {"type": "LoadBalancer", "state": "unhealthy", "ingress": [{"ip": "198.51.100.1"}]}}

    shards without a load-balancer address; and of an entry that is null the addresses that it had

    status.loadBalancer   all addresses of all members, healthy or not, each once, sorted; those of
                          a member out of reach are remembered in the annotations

Both annotations have one spelling for one meaning, so that nothing is written when nothing
changed.  Pure.  Called by `propagation` for Services.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from controllers import copies
from controllers.copies import SHARDS
from controllers.world import Json, Key, Member, World, soonest
from feddns.errors import ObjectRefused
from feddns.healthwatch import judge, observe, probe
from feddns.healthwatch.judge import Verdict
from feddns.kube.federation import INGRESSES

Addresses = list[dict[str, str]]


class Findings(NamedTuple):
    """What is to be written: annotations (None: taken away) and `status.loadBalancer`."""

    annotations: dict[str, str | None]
    balancer: dict[str, Any] | None = None
    error: str = ""
    again: float | None = None


class Entry(NamedTuple):
    """One cluster's shard.

    `balanced`: it stands in service-ingresses; `addresses` None: with null.  `known`: addresses
    healthy or not.
    """

    type: str
    state: str
    balanced: bool
    addresses: Addresses | None = None
    known: Addresses = []  # noqa: RUF012 - shared and never changed


class _Said(NamedTuple):
    """What the annotations say already."""

    ingresses: dict[str, Addresses | None]
    shards: dict[str, Json]


def findings(key: Key, federated: Json, world: World, counts: Callable[[Member], bool]) -> Findings:
    """All that is to be written of a Service; `counts`: the member may have a shard."""
    said = _read(federated)
    members = {name: one for name, one in sorted(world.members().items()) if counts(one)}
    entries: dict[str, Entry] = {}
    again: float | None = None
    lost = [name for name, one in members.items() if not one.ready]
    for member in members.values():
        if member.ready:
            entries.update(_reached(key, member, world, said))
    for name in lost:
        entry, deadline = _out_of_reach(key, members[name], world, said, entries)
        entries.update({name: entry} if entry else {})
        again = soonest(again, deadline)
    if not _is_balanced(federated):
        entries = {name: one._replace(balanced=False, known=[]) for name, one in entries.items()}
    return Findings(
        _changes(federated, entries), _balancer(federated, entries), _probe_error(federated), again
    )


def _is_balanced(federated: Json) -> bool:
    return bool((federated.get("spec") or {}).get("type") == "LoadBalancer")


# --- one member -----------------------------------------------------------------------------------


def _reached(key: Key, member: Member, world: World, said: _Said) -> dict[str, Entry]:
    """The shard of a member that is ready, if it has one."""
    before = _before(member.name, said)
    if not {"services", "endpointslices"} <= member.whole:
        return {member.name: before} if before else {}
    service = world.shard(member.name, key).service
    if service is None or copies.owner(service) != world.federation:
        return {}
    if service["metadata"].get("deletionTimestamp"):
        return {}
    verdict = world.verdict(member.name, key)
    if verdict == Verdict.UNKNOWN and before:
        return {member.name: before}
    addresses = observe.ingresses(service)
    good = addresses if verdict == Verdict.HEALTHY else None
    entry = Entry(observe.type_of(service), verdict, bool(addresses), good, addresses)
    return {member.name: entry}


def _out_of_reach(
    key: Key, member: Member, world: World, said: _Said, reached: Mapping[str, Entry]
) -> tuple[Entry | None, float | None]:
    """The shard of a member that is not ready, as it was last known; and when that ends."""
    before = _before(member.name, said)
    if before is None or before.addresses is None:
        return before, None
    lost = judge.Lost(
        world.verdict(member.name, key),
        max(0.0, world.now - member.since),
        others_good=any(one.addresses for one in reached.values()),
        others_reached=any(one.ready for one in world.members().values()),
    )
    fate = judge.fate(lost, world.grace)
    if fate.stays:
        return before, fate.again
    return before._replace(state=lost.verdict, addresses=None), None


def _before(name: str, said: _Said) -> Entry | None:
    """What the annotations say of a cluster's shard."""
    shard = said.shards.get(name)
    if name in said.ingresses:
        good = said.ingresses[name]
        known = good or observe.tidy((shard or {}).get("ingress") or ())
        state = Verdict.HEALTHY if good else str((shard or {}).get("state", Verdict.UNHEALTHY))
        return Entry("LoadBalancer", state, True, good, known)
    if shard is None:
        return None
    return Entry(str(shard.get("type", "")), str(shard.get("state", "")), False)


# --- reading and writing --------------------------------------------------------------------------


class _Item(msgspec.Struct):
    cluster: str = ""
    items: list[dict[str, Any] | None] | None = None


class _Items(msgspec.Struct):
    items: list[_Item | None] | None = None


def _read(federated: Json) -> _Said:
    """What cannot be read says nothing, and is written anew."""
    annotations = federated["metadata"].get("annotations") or {}
    try:
        read = msgspec.json.decode(annotations.get(INGRESSES) or "{}", type=_Items)
    except (msgspec.DecodeError, RecursionError):
        read = _Items()
    try:
        shards = msgspec.json.decode(
            annotations.get(SHARDS) or "{}", type=dict[str, dict[str, Any]]
        )
    except (msgspec.DecodeError, RecursionError):
        shards = {}
    entries: dict[str, Addresses | None] = {}
    for one in read.items or ():
        if one is not None and one.cluster:
            entries[one.cluster] = observe.tidy(item for item in one.items or () if item) or None
    return _Said(entries, {name: one for name, one in shards.items() if _is_readable(one)})


def _is_readable(shard: Json) -> bool:
    ingress = shard.get("ingress") or []
    return isinstance(ingress, list) and all(isinstance(one, dict) for one in ingress)


def to_ingresses(entries: Mapping[str, Entry]) -> str:
    """The value of service-ingresses, byte for byte as the original spells it."""
    items = [
        {"cluster": name, "items": one.addresses or None}
        for name, one in sorted(entries.items())
        if one.balanced
    ]
    return msgspec.json.encode({"items": items} if items else {}).decode()


def to_shards(entries: Mapping[str, Entry]) -> str | None:
    """The value of shards; None when there is nothing to say."""
    said: dict[str, Any] = {}
    for name, one in sorted(entries.items()):
        if not one.balanced:
            said[name] = {"type": one.type, "state": one.state}
        elif one.addresses is None:
            said[name] = {"type": one.type, "state": one.state, "ingress": one.known}
    return msgspec.json.encode(said).decode() if said else None


def _changes(federated: Json, entries: Mapping[str, Entry]) -> dict[str, str | None]:
    """The annotations that are not as they should be."""
    there = federated["metadata"].get("annotations") or {}
    ingresses: str | None = to_ingresses(entries)
    if ingresses == "{}" and INGRESSES not in there:
        ingresses = None  # nothing was ever said, and there is nothing to say
    wanted = {INGRESSES: ingresses, SHARDS: to_shards(entries)}
    return {name: value for name, value in wanted.items() if there.get(name) != value}


def _balancer(federated: Json, entries: Mapping[str, Entry]) -> dict[str, Any] | None:
    """The merge patch of `status.loadBalancer`; None when it is right.

    Only ip and hostname are compared: an API adds `ipMode` by itself.
    """
    if not _is_balanced(federated):
        return None  # the API empties it with the change of the type
    wanted = observe.tidy(address for one in entries.values() for address in one.known)
    there = ((federated.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    reduced = [{part: one[part] for part in ("ip", "hostname") if one.get(part)} for one in there]
    return None if reduced == wanted else {"ingress": wanted or None}


def _probe_error(federated: Json) -> str:
    try:
        probe.parse((federated["metadata"].get("annotations") or {}).get(probe.ANNOTATION))
    except ObjectRefused as refusal:
        return f"{refusal}; shards are not probed"
    return ""
