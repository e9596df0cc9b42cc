"""What each Service wants of a zone, by Service and by name; and at which names that has changed.

    wanted by a Service                      its names that are to be looked at
    the same record sets                     none; where they come from may be said anew
    others                                   those where a record set came, went, or is another
    nothing any more                         all that it had

Pure.  Called by `keeper`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from feddns.providers.desired import Wanted


class Wishes:
    """`names`: what is wanted at each name, of all Services; for reading."""

    def __init__(self) -> None:
        self.names: dict[str, tuple[Wanted, ...]] = {}
        self._services: dict[str, tuple[Wanted, ...]] = {}
        self._leaving: dict[str, set[str]] = {}

    def put(self, service: str, wanted: tuple[Wanted, ...]) -> list[str]:
        """All that it wants from now on.  Returns the names at which that is something else."""
        old = self._services.get(service, ())
        if wanted == old:
            return []
        before, after = _by_name(old), _by_name(wanted)
        changed = [name for name in {**after, **before} if _differ(before, after, name)]
        for name in {**before, **after}:
            self._put(service, name, after.get(name, ()))
        if wanted:
            self._services[service] = wanted
        else:
            self._services.pop(service, None)
        if gone := before.keys() - after.keys():
            self._leaving.setdefault(service, set()).update(gone)
        return changed

    def _put(self, service: str, name: str, wanted: tuple[Wanted, ...]) -> None:
        others = [wish for wish in self.names.get(name, ()) if wish.mark.service != service]
        if others or wanted:
            self.names[name] = (*others, *wanted)
        else:
            self.names.pop(name, None)

    def names_of(self, service: str) -> set[str]:
        """Where it wants something, and where it did and is perhaps not gone yet: see `left`."""
        wanted = {wish.record.name for wish in self._services.get(service, ())}
        return wanted | self._leaving.get(service, set())

    def left(self, service: str, gone: Iterable[str]) -> None:
        """At these names nothing of it is left."""
        if leaving := self._leaving.get(service):
            leaving.difference_update(gone)
            if not leaving:
                del self._leaving[service]


def _by_name(wanted: Iterable[Wanted]) -> dict[str, tuple[Wanted, ...]]:
    found: dict[str, tuple[Wanted, ...]] = {}
    for wish in wanted:
        found[wish.record.name] = (*found.get(wish.record.name, ()), wish)
    return found


def _differ(
    before: Mapping[str, Sequence[Wanted]], after: Mapping[str, Sequence[Wanted]], name: str
) -> bool:
    one = sorted(wish.record for wish in before.get(name, ()))
    return one != sorted(wish.record for wish in after.get(name, ()))
