"""What a keeper has to tell: for Events, one line each, until it is fetched.

    reason                  about          when
    RecordsUpdated          a Service      changes of it were done
    RecordConflict          a Service      something that is not ours is in the way
    RecordRejected          a Service      the provider does not take it, in its own words
    RecordDrift             a Service      an audit found what somebody else made of a record set
    ZoneWaitsForApproval    the zone       removals wait for an operator
    ZoneApproved            the zone       they may go
    ProviderAway, Throttled, OperatorNeeded, …   the zone   the first of its kind in a row
    ProviderBack            the zone       changes are taken again

Pure.  Called by `keeper`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from feddns.errors import FeddnsError
from feddns.providers.ownership import Holdings
from feddns.providers.plan import Held, Plan, Reason
from feddns.providers.recordsets import Change, Key

_OF_HELD = {Reason.CONFLICT: "RecordConflict", Reason.REJECTED: "RecordRejected"}


class News(NamedTuple):
    """For an Event: `reason` in its form; `service` is empty when it is about the zone."""

    reason: str
    service: str
    message: str
    is_warning: bool = False


class Telling:
    """See the module's docstring."""

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._news: list[News] = []

    def take(self) -> list[News]:
        news, self._news = self._news, []
        return news

    def updated(self, changes: Iterable[Change]) -> None:
        names: dict[str, list[str]] = {}
        for change in changes:
            names.setdefault(change.service, []).append(change.name)
        for service, found in names.items():
            self._tell("RecordsUpdated", service, f"{_some(found)} in {self._zone}")

    def held(self, held: Held) -> None:
        if reason := _OF_HELD.get(held.reason):
            what = f"{held.name} {held.type}".rstrip()
            self._tell(reason, held.service, f"{what}: {held.why}", is_warning=True)

    def rejected(self, change: Change, words: str) -> None:
        message = f"{self._zone} does not take {change.name}: {words}"
        self._tell("RecordRejected", change.service, message, is_warning=True)

    def drifted(self, before: Holdings, keys: Iterable[Key]) -> None:
        """These were ours, as `before` has them."""
        services: dict[str, list[str]] = {}
        for key in keys:
            services.setdefault(before.ours[key].mark.service, []).append(" ".join(key))
        for service, found in services.items():
            words = f"changed by somebody else in {self._zone}: {_some(found)}"
            self._tell("RecordDrift", service, words, is_warning=True)

    def waits(self, words: str) -> None:
        self._tell("ZoneWaitsForApproval", "", words, is_warning=True)

    def approved(self, plan: Plan) -> None:
        words = f"plan {plan.id} of {self._zone}: {len(plan.changes)} names may go"
        self._tell("ZoneApproved", "", words)

    def trouble(self, error: FeddnsError) -> None:
        self._tell(type(error).__name__, "", f"{self._zone}: {error}", is_warning=True)

    def is_back(self) -> None:
        self._tell("ProviderBack", "", f"{self._zone}: changes are taken again")

    def _tell(self, reason: str, service: str, message: str, is_warning: bool = False) -> None:
        self._news.append(News(reason, service, message, is_warning))


def _some(names: Sequence[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")
