"""What is wanted and what was found → changes, and what is not done, each with its reason.

    wanted at the name     found there                  sources     what happens
    something              nothing                      any         added, with its claim
    the same               ours, the same               any         nothing; provenance is no change
    something else         ours                         complete    changed
    something else         ours, and nothing is lost    any         changed
    something else         ours, and something is lost  not         held: SourceIncomplete
    nothing                ours                         complete    removed, with its claim
    nothing                ours                         not         held: SourceIncomplete
    nothing                a claim of ours alone        complete    the claim is removed
    something              a claim of ours alone        any         added, the claim renewed
    something new          foreign, in its way          any         held: Conflict; never touched
    nothing                nothing of ours              any         nothing

Lost is a type, or a value of one.  In the way is an address (A, AAAA, ALIAS, CNAME) that is not
ours, to a CNAME anything that is not ours, and another's TXT at the name of the claim; what is ours
already at such a name is changed and removed as elsewhere.  Of two Services that want one name the
one that has it keeps it, else the first by name gets it; the other is held: Conflict.

    policy         added   changed   removed
    sync           yes     yes       yes
    upsert-only    yes     yes       held: Policy, but for what cannot stay beside what is wanted
    create-only    yes     held      held: Policy

A record set and its claim go, change and come in one `Change`, as does all of one name: from CNAME
to A is one.  Wider names come first and go last, so that no CNAME points at what is not there yet.

Pure.  `keeper` calls `make` for the names that something happened to; `feddns zone plan` for all.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from feddns.errors import DocumentRefused, NameRefused
from feddns.providers import ownership
from feddns.providers.desired import Wanted
from feddns.providers.ownership import Holdings, Owned, Registry
from feddns.providers.recordsets import AAAA, ALIAS, CNAME, TXT, A, Change, Key, RecordSet

SHARE, LEAST = 0.30, 10
"""A plan that removes more than this share of at least so many record sets waits (decision 15)."""

_ADDRESSES = (A, AAAA, ALIAS, CNAME)


class Policy(enum.StrEnum):
    SYNC = "sync"
    UPSERT_ONLY = "upsert-only"
    CREATE_ONLY = "create-only"


class Reason(enum.StrEnum):
    """Why something is not done."""

    CONFLICT = "Conflict"
    INCOMPLETE = "SourceIncomplete"
    POLICY = "Policy"
    REJECTED = "Rejected"
    WAITS = "WaitsForApproval"


class Source(msgspec.Struct, frozen=True):
    """What the wishes were made from, and how far it was read: `services` at resourceVersion 77."""

    name: str
    version: str = ""
    is_complete: bool = True


Proof = tuple[Source, ...]


class Held(msgspec.Struct, frozen=True):
    """What is not done; `type` is empty when it is all of a name."""

    name: str
    type: str
    service: str
    reason: Reason
    why: str


class Terms(msgspec.Struct, frozen=True):
    """Of one zone: whose it is, and what may be done to it."""

    zone: str
    registry: Registry
    policy: Policy = Policy.SYNC


class Plan(msgspec.Struct, frozen=True):
    """A value: it can be printed, saved, refused.  `id` is made of the zone and the changes alone.

    The same changes have the same id in another process, whatever the sources' versions are.
    """

    id: str
    zone: str
    changes: tuple[Change, ...] = ()
    held: tuple[Held, ...] = ()
    proof: Proof = ()

    def to_json(self) -> bytes:
        return msgspec.json.encode(self)


def from_json(raw: bytes | str) -> Plan:
    """A plan as `to_json` wrote it.  Raises `DocumentRefused`; for an id of other changes too."""
    try:
        read = msgspec.json.decode(raw, type=Plan)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DocumentRefused(f"no plan: {error}") from error
    if read.id != _id(read.zone, read.changes):
        raise DocumentRefused(f"plan {read.id} has been changed since it was made; make a new one")
    return read


def make(
    holdings: Holdings,
    wanted: Mapping[str, Sequence[Wanted]],
    names: Iterable[str],
    terms: Terms,
    proof: Proof = (),
) -> Plan:
    """What is to be done at `names`: `everything(holdings, wanted)`, or those that have changed.

    `wanted` is by name, and need not have those that nothing is wanted of.
    """
    names_ = _Names(holdings, terms, is_complete(proof))
    changes: list[Change] = []
    for name in names:
        if change := names_.look(name, wanted.get(name, ())):
            changes.append(change)
    return of(terms.zone, changes, names_.held, proof)


def everything(holdings: Holdings, wanted: Mapping[str, Sequence[Wanted]]) -> set[str]:
    """All names at which something is wanted or ours."""
    return set(wanted) | {name for name, _ in holdings.ours}


def of(zone: str, changes: Iterable[Change], held: Iterable[Held] = (), proof: Proof = ()) -> Plan:
    """The plan of these changes, in the order in which they are to be done."""
    ordered = tuple(sorted(changes, key=order))
    return Plan(_id(zone, ordered), zone, ordered, tuple(held), proof)


def order(change: Change) -> tuple[int, str]:
    """Wider names first; what only goes comes after it, wider names last."""
    depth = change.name.count(".")
    return (1000 - depth if is_removal(change) else depth), change.name


def is_complete(proof: Proof) -> bool:
    """All sources were read to their end.  No source is no proof."""
    return bool(proof) and all(source.is_complete for source in proof)


def is_removal(change: Change) -> bool:
    """Nothing is there of the name afterwards, that was ours."""
    return bool(change.removals) and not change.additions


def removed(changes: Iterable[Change]) -> int:
    """How many record sets go and get no successor at their name; claims are not counted."""
    return sum(
        sum(record.type != TXT for record in change.removals)
        for change in changes
        if is_removal(change)
    )


def guard(plan: Plan, owned: int, share: float = SHARE, least: int = LEAST, before: int = 0) -> str:
    """Why it waits for an operator, or "".

    `before`: record sets that were removed lately; `owned`: those of ours before all that.
    """
    going = removed(plan.changes)
    if owned < least or going + before <= share * owned:
        return ""
    lately = f" after {before} lately" if before else ""
    return (
        f"plan {plan.id} removes {going} of {owned} record sets of ours in {plan.zone}{lately}, "
        f"more than {share:.0%}; look at it, then: feddns zone approve {plan.id}"
    )


def text(plan: Plan) -> Iterator[str]:
    """Lines as of a diff: what goes, what comes, and with `!` what is not done."""
    count = len(plan.changes)
    names = "1 name" if count == 1 else f"{count} names"
    yield f"plan {plan.id} of {plan.zone}: {names}, {len(plan.held)} held"
    for change in plan.changes:
        whose = f" ({change.service})" if change.service else ""
        yield f"@@ {change.name}{whose}: {change.why}"
        yield from (f"- {record}" for record in change.removals)
        yield from (f"+ {record}" for record in change.additions)
    for held in plan.held:
        what = f"{held.name} {held.type}".rstrip()
        whose = f" ({held.service})" if held.service else ""
        yield f"! {what}{whose}: {held.reason}: {held.why}"
    if missing := [source.name for source in plan.proof if not source.is_complete]:
        yield f"not read completely: {', '.join(missing)}; so nothing is removed"


class _Names:
    """The decision, name by name."""

    def __init__(self, holdings: Holdings, terms: Terms, is_complete: bool) -> None:
        self._holdings, self._terms, self._is_complete = holdings, terms, is_complete
        self.held: list[Held] = []

    def look(self, name: str, wanted: Sequence[Wanted]) -> Change | None:
        owned = self._holdings.owned_at(name)
        if not wanted and not owned:
            return None
        wishes = self._winners(wanted, owned)
        draft = _Draft(name, owned, {wish.record.key: wish for wish in wishes})
        if draft.is_done():
            return None
        self._mind_others(draft)
        self._mind_policy(draft)
        if not self._is_complete and (lost := draft.lost()):
            self._hold(draft, lost, Reason.INCOMPLETE, "its sources are not read completely")
            return None
        return draft.change()

    def _winners(self, wanted: Sequence[Wanted], owned: Sequence[Owned]) -> list[Wanted]:
        """The wishes of the one Service that gets the name."""
        services = {wish.mark.service for wish in wanted}
        if len(services) < 2:
            return list(wanted)
        having = services & {own.mark.service for own in owned if own.record}
        winner = min(having or services)
        for loser in sorted(services - {winner}):
            why = f"{winner} has this name; take it out of one of the two"
            self.held.append(Held(wanted[0].record.name, "", loser, Reason.CONFLICT, why))
        return [wish for wish in wanted if wish.mark.service == winner]

    def _mind_others(self, draft: _Draft) -> None:
        """Gives each addition its claim; drops those that something foreign is in the way of."""
        foreign = self._holdings.foreign_at(draft.name)
        for key, wish in list(draft.changing()):
            try:
                claim = ownership.claim(wish.record, wish.mark, self._terms.registry)
            except NameRefused as error:
                draft.drop(key)
                self._hold(draft, [key[1]], Reason.REJECTED, f"it cannot be claimed: {error}")
                continue
            why = "" if draft.has(key) else _in_the_way(key[1], foreign)
            if why := why or _in_the_way_of_claim(claim, self._holdings):
                self._hold(draft, [key[1]], Reason.CONFLICT, why)
                draft.drop(key)
            else:
                draft.claims[key] = claim

    def _mind_policy(self, draft: _Draft) -> None:
        policy = self._terms.policy
        if policy == Policy.SYNC:
            return
        if policy == Policy.CREATE_ONLY:
            late = [key for key in draft.wishes if draft.has(key) or draft.excludes(key)]
            late = [key for key in late if key in draft.claims]
            for key in late:
                draft.drop(key)
            self._hold(draft, [type for _, type in late], Reason.POLICY, _policy("changes", policy))
        if staying := draft.stay():
            self._hold(draft, staying, Reason.POLICY, _policy("removes", policy))

    def _hold(self, draft: _Draft, types: Iterable[str], reason: Reason, why: str) -> None:
        self.held += [Held(draft.name, type, draft.service, reason, why) for type in types]


def _policy(does: str, policy: Policy) -> str:
    return f"the policy {policy} {does} nothing that is there"


def _in_the_way(type: str, foreign: Sequence[RecordSet]) -> str:
    for record in foreign:
        if type == CNAME or record.type in _ADDRESSES:
            return f"a record set that is not ours is in the way: {record}"
    return ""


def _in_the_way_of_claim(claim: RecordSet, holdings: Holdings) -> str:
    for type in (TXT, CNAME):
        if there := holdings.foreign.get((claim.name, type)):
            return f"a record set that is not ours is in the way of the claim: {there}"
    return ""


class _Draft:
    """One name: what is ours, what is wished, and which of it will be done.

    `owned` and `orphans` are by the key of the record set, `claims` by that of what is to be added.
    """

    def __init__(self, name: str, owned: Sequence[Owned], wishes: dict[Key, Wanted]) -> None:
        self.name, self.wishes = name, wishes
        self.service = _service(owned, wishes)
        self.claims: dict[Key, RecordSet] = {}
        self._owned = {own.record.key: own for own in owned if own.record}
        self._orphans = [own for own in owned if own.record is None]

    def has(self, key: Key) -> bool:
        return key in self._owned

    def is_done(self) -> bool:
        """All is as wished already."""
        return (
            not self._orphans
            and len(self._owned) == len(self.wishes)
            and not any(True for _ in self.changing())
        )

    def changing(self) -> Iterator[tuple[Key, Wanted]]:
        """The wishes that are not fulfilled."""
        for key, wish in self.wishes.items():
            own = self._owned.get(key)
            if own is None or own.record is None or not same(own.record, wish.record):
                yield key, wish

    def drop(self, key: Key) -> None:
        """The wish will not be fulfilled: what is there of it stays, or nothing comes."""
        self.claims.pop(key, None)
        wish = self.wishes.pop(key)
        if own := self._owned.get(key):
            assert own.record
            self.wishes[key] = wish._replace(record=own.record)

    def excludes(self, key: Key) -> bool:
        """It cannot be there beside what is ours now."""
        return any(not _together(key[1], type) for _, type in self._owned if type != key[1])

    def stay(self) -> list[str]:
        """Keeps what need not go for what comes.  Returns the types that stay unwished."""
        comes = [type for _, type in self.wishes]
        stays = [
            key
            for key in self._owned
            if key not in self.wishes and all(_together(key[1], type) for type in comes)
        ]
        for key in stays:
            del self._owned[key]
        taken = {claim.key for claim in self.claims.values()}
        orphans = [own for own in self._orphans if own.claim.key not in taken]
        self._orphans = [own for own in self._orphans if own.claim.key in taken]
        return [type for _, type in stays] + [TXT for _ in orphans]

    def lost(self) -> list[str]:
        """Types that go, or have a value less."""
        found = []
        for key, own in self._owned.items():
            wish = self.wishes.get(key)
            assert own.record
            if wish is None or not set(own.record.values) <= set(wish.record.values):
                found.append(key[1])
        taken = {claim.key for claim in self.claims.values()}
        return found + [TXT for own in self._orphans if own.claim.key not in taken]

    def change(self) -> Change | None:
        going = [own for key, own in self._owned.items() if self._goes(key)]
        old = {own.claim.key: own.claim for own in (*going, *self._orphans)}
        new = {claim.key: claim for claim in self.claims.values()}
        kept = [claim for key, claim in old.items() if new.get(key) == claim]
        removals = [own.record for own in going if own.record]
        removals += [claim for claim in old.values() if claim not in kept]
        additions = [self.wishes[key].record for key in self.claims]
        additions += [claim for claim in new.values() if claim not in kept]
        if not removals and not additions:
            return None
        why = self._why(bool(going), bool(additions))
        return Change(
            self.name, tuple(removals), tuple(additions), self.service, why, tuple(kept)
        )  # fmt: skip

    def _goes(self, key: Key) -> bool:
        return key in self.claims or key not in self.wishes

    def _why(self, goes: bool, comes: bool) -> str:
        if comes:
            return "changed" if goes else "new"
        return "not wanted any more" if goes else "a claim whose record set is gone"


def same(one: RecordSet, other: RecordSet) -> bool:
    """Equal; the TTL of an ALIAS is the provider's."""
    return one == other or (
        one.type == ALIAS and one.key == other.key and one.values == other.values
    )


def _together(one: str, other: str) -> bool:
    """Both can be at one name."""
    return CNAME not in (one, other) and ALIAS not in (one, other)


def _service(owned: Sequence[Owned], wishes: Mapping[Key, Wanted]) -> str:
    """Whose doing it is: of who wants it, else of who had it."""
    for wish in wishes.values():
        return wish.mark.service
    return owned[0].mark.service if owned else ""


def _id(zone: str, changes: Sequence[Change]) -> str:
    raw = msgspec.json.encode((zone, changes))
    return hashlib.sha256(raw).hexdigest()[:12]
