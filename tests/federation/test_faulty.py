"""Faulty objects hold up nobody: among good ones, on embedded APIs; and two controllers at once.

FEDDNS_FAULTY=200 has so many faulty objects among five times as many good ones; by default 20.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench.federation import objects, talking
from bench.federation.objects import Made
from controllers import conditions, copies
from tests.clusterapi import Api, Object
from tests.controllers import running
from tests.controllers.running import Federation
from tests.serving import environment, loopback

FAULTY = int(os.environ.get("FEDDNS_FAULTY", "20"))
GOOD = 5 * FAULTY
SLOWER, LEEWAY = 3.0, 5.0
"""How much longer it may take with the faulty ones among them; they are work, too, and so is
what else the machine does."""
MEMBERS = ("us", "eu")
NAME = "fellowship"
LEADER = "feddns_controllers_leader"
KNOWN = "feddns_controllers_objects"
OPERATIONS = "feddns_controllers_operations_total"
WRITES = "feddns_controllers_writes_total"


@pytest.fixture
def federation() -> Iterator[Federation]:
    with running.on_embedded(*MEMBERS) as made:
        yield made


def create(api: Api, namespace: str, made: list[Made]) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    talking.at_once(api, "POST", ((f"{path}/{plural}", one) for plural, one in made))


def named(api: Api, namespace: str, plural: str = "services") -> dict[str, Object]:
    found = api.request("GET", f"/api/v1/namespaces/{namespace}/{plural}")["items"]
    return {one["metadata"]["name"]: one for one in found}


def good(prefix: str) -> list[Made]:
    return [("services", objects.service(f"{prefix}-{number}")) for number in range(GOOD)]


def propagated(federation: Federation, namespace: str, made: list[Made]) -> float:
    """Make the objects; seconds until every good one is everywhere."""
    path = f"/api/v1/namespaces/{namespace}/services"
    began = time.monotonic()
    create(federation.api, namespace, made)
    with contextlib.ExitStack() as stack:
        lines = [talking.Line(one) for one in (federation.api, *federation.members.values())]
        for line in lines:
            stack.callback(line.close)
        federation.until(
            lambda: len({line.count(path) for line in lines}) == 1,
            "all the good ones are everywhere", 20.0 + GOOD / 10,
        )  # fmt: skip
    return time.monotonic() - began


@pytest.mark.slow
@pytest.mark.timeout(60 + 2 * GOOD // 5)
def test_the_good_are_propagated_in_the_usual_time(federation: Federation) -> None:
    faulty = dict(enumerate(objects.faulty(FAULTY)))
    namespace = federation.namespace()
    for member in federation.members.values():
        member.namespace(namespace)
        create(member, namespace, list(objects.in_the_way(FAULTY)))
    adopt = {"metadata": {"annotations": {copies.ADOPT: "true"}}}
    federation.api.patch(f"/api/v1/namespaces/{namespace}", adopt)
    with federation.controllers(NAME):
        for name in MEMBERS:
            federation.register(name)
            federation.until(lambda name=name: federation.is_ready(name), f"{name} is ready")
        usual = propagated(federation, namespace, good("good"))
        mixed = good("more")
        for number, (_, made) in faulty.items():
            mixed.insert(number * 6, made)
        took = propagated(federation, namespace, mixed)
        print(f"{GOOD} good ones: {usual:.2f} s; with {FAULTY} faulty among them: {took:.2f} s")
        assert took < usual * SLOWER + LEEWAY
        federation.until(
            lambda: told(federation, namespace) == dict.fromkeys(objects.FAULTS, FAULTY // 4),
            "each faulty one says what is wrong",
        )
    for name, member in federation.members.items():
        there = named(member, namespace, "configmaps")
        ours = {at for at, one in there.items() if copies.owner(one)}
        assert not ours, f"what is foreign in {name} was touched"
        assert Counter(one["data"]["from"] for one in there.values()) == {"the member": FAULTY // 2}


def told(federation: Federation, namespace: str) -> dict[str, int]:
    """By fault, how many objects say that there is something wrong, and what."""
    words = {"selector": "cluster-selector", "probe": "probe", "conflict": "federation",
             "refused": "immutable"}  # fmt: skip
    found: Counter[str] = Counter()
    for plural in ("configmaps", "services"):
        for name, one in named(federation.api, namespace, plural).items():
            note = (one["metadata"].get("annotations") or {}).get(conditions.STATUS, "")
            fault = name.partition("-")[0]
            if fault in words and words[fault] in note:
                found[fault] += 1
    return dict(found)


# --- two at once ---------------------------------------------------------------------------------


class Process:
    """`feddns-controllers` with leader election, quick."""

    def __init__(self, federation: Federation, name: str) -> None:
        self._log = federation.api.home / f"{name}.log"
        self._metrics = f"{loopback()}:9154"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-m", "controllers",
                    "--federation-kubeconfig", str(federation.api.kubeconfig),
                    "--federation-name", NAME, "--cluster-monitor-period", "1s",
                    "--leader-elect-lease-duration", "3s", "--leader-elect-renew-deadline", "2s",
                    "--leader-elect-retry-period", "500ms", "--metrics", self._metrics,
                ],
                stdout=log, stderr=log, env=environment(),
            )  # fmt: skip

    def sample(self, name: str) -> float:
        """The sum of the samples of this name; nothing as long as nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{self._metrics}/metrics", timeout=3) as page:
                text = page.read().decode()
        except OSError:
            return 0.0
        families = text_string_to_metric_families(text)
        return sum(one.value for each in families for one in each.samples if one.name == name)

    def written(self) -> float:
        """Operations in members, and writes in the federation."""
        return self.sample(OPERATIONS) + self.sample(WRITES)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)


@pytest.mark.slow
def test_one_of_two_writes_and_the_other_takes_over(federation: Federation) -> None:
    with contextlib.ExitStack() as stack:
        first = Process(federation, "first")
        stack.callback(first.kill)
        federation.until(lambda: first.sample(LEADER), "the first leads")
        second = Process(federation, "second")
        stack.callback(second.kill)
        for name in MEMBERS:
            federation.register(name)
        namespace = federation.namespace()
        propagated(federation, namespace, good("before"))
        federation.until(lambda: second.sample(KNOWN) >= GOOD, "the second is warm")
        before = {name: versions(member, namespace) for name, member in federation.members.items()}
        assert first.written() >= GOOD * len(MEMBERS)
        assert (second.sample(LEADER), second.written()) == (0, 0)
        first.kill()
        took = propagated(federation, namespace, good("after"))
        print(f"the second has taken over, and copied {GOOD}, after {took:.1f} s")
        assert second.sample(LEADER)
        for name, member in federation.members.items():
            now = versions(member, namespace)
            rewritten = [one for one, version in before[name].items() if now[one] != version]
            assert not rewritten, "what was as it should be was not written again"


def versions(member: Api, namespace: str) -> dict[str, str]:
    found = named(member, namespace).items()
    return {name: one["metadata"]["resourceVersion"] for name, one in found}
