"""Route 53: ministack and moto behind the shim of `tests.cloud`, asked by boto3.

The other hands are the shim's own, past its limits and faults; the other eyes ask the emulator.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from feddns.errors import OperatorNeeded, ProviderAway, Throttled
from feddns.providers import awsrecords
from feddns.providers.base import Provider
from feddns.providers.recordsets import Key, RecordSet, record_set
from tests.cloud import emulators
from tests.cloud import route53rules as rules
from tests.cloud.route53shim import BUSY, KEY, THROTTLED, Fault, Shim
from tests.providers.backends import ZONE, Maker, Traits, Trouble

_SECRET, _TOKEN = "not/for+anybody/at-all", "FwoG-not-for-anybody"
_LEAK = (
    "The request signature we calculated does not match the signature you provided. The Canonical "
    f"String for this request should have been 'x-amz-security-token:{_TOKEN}'"
)


class Backend:
    def __init__(self, name: str, folder: Path) -> None:
        self.name = f"route53-{name}"
        self.shim = Shim(name, folder)
        self.zone_id = ""
        self.traits = Traits(
            refused=RecordSet(f"bad.{ZONE}", "A", 60, ("192.0.2.256",)),
            refusal="is not a valid IPv4 address",
            page=300,
            secrets=(_SECRET, _TOKEN),
            programs={name: self.shim.emulator.version},
            troubles={
                "throttled": self._trouble(Throttled, "Rate exceeded", THROTTLED),
                "busy": self._trouble(Throttled, "PriorRequestNotComplete", BUSY),
                "away": self._trouble(ProviderAway, "internal error", Fault(500)),
                "no gateway": self._trouble(ProviderAway, "502", Fault(502, body=b"<html>")),
                "cut off": self._trouble(ProviderAway, "no answer", Fault(0)),
                "half an answer": self._trouble(
                    ProviderAway, "cannot be read", Fault(200, body=b"<Change")
                ),
                "not allowed": self._trouble(
                    OperatorNeeded, "not authorized",
                    Fault(403, "AccessDenied", "User: x is not authorized to perform: y"),
                ),
                "bad signature": self._trouble(
                    OperatorNeeded, "does not match", Fault(403, "SignatureDoesNotMatch", _LEAK)
                ),
            },
        )  # fmt: skip
        self.clear()

    def open(self) -> Provider:
        from feddns.providers import route53

        with _credentials():
            return route53.open(route53.Settings(zone=ZONE, endpoint=self.shim.url))

    def put(self, record: RecordSet) -> None:
        """As somebody would who writes UPSERT; the spelling is the record set's."""
        made = rules.made("ResourceRecordSet", Name=record.name, Type=record.type)
        (told,) = awsrecords.write(record)
        values = [
            rules.made("ResourceRecord", Value=one["Value"]) for one in told["ResourceRecords"]
        ]
        made.append(rules.made("TTL"))
        made[-1].text = str(record.ttl)
        made.append(rules.made("ResourceRecords", *values))
        answer = self.shim.change(self.zone_id, [("UPSERT", made)])
        assert answer.is_good, answer

    def remove(self, key: Key) -> None:
        for one in self.shim.content(self.zone_id):
            if rules.key_of(one)[:2] == (rules.stored(key[0]), key[1]):
                assert self.shim.change(self.zone_id, [("DELETE", one)]).is_good

    def content(self) -> frozenset[RecordSet]:
        found = []
        for one in self.shim.content(self.zone_id):
            name, type, _ = rules.key_of(one)
            if name != ZONE or type not in ("SOA", "NS"):
                values = [awsrecords.read_value(type, value) for value in rules.values_of(one)]
                ttl = int(one.findtext("TTL", "0"))
                found.append(record_set(awsrecords.read_name(name), type, ttl, values))
        return frozenset(found)

    def clear(self) -> None:
        self.shim.reset()
        self.shim.create("example.org.")
        self.zone_id = self.shim.create(ZONE)

    def close(self) -> None:
        self.shim.close()

    def _trouble(self, raises: type[Exception], words: str, fault: Fault) -> Trouble:
        @contextmanager
        def arrange() -> Iterator[Provider]:
            provider = self.open()
            self.shim.chance = lambda call: fault
            try:
                yield provider
            finally:
                self.shim.chance = lambda call: None
                provider.close()

        return Trouble(raises, words, arrange)


@contextmanager
def _credentials() -> Iterator[None]:
    """Whatever the machine has is none of ours; the client has read them when it is made."""
    ours = {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": _SECRET,
        "AWS_SESSION_TOKEN": _TOKEN,
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _missing(name: str) -> tuple[str, str] | None:
    import importlib.util

    if importlib.util.find_spec("boto3") is None:
        return "boto3", "pip install feddns[aws]"
    return emulators.missing(name)


MAKERS = {
    f"route53-{name}": Maker(partial(Backend, name), partial(_missing, name))
    for name in emulators.NAMES
}
