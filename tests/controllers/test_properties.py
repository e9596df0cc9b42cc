"""What must hold whatever users, clusters and people with kubectl in a member do, in any order."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from controllers import copies
from controllers.kinds import CONFIGMAPS
from tests.controllers import fake as a
from tests.controllers.fake import Federation, annotation, key_of

EUROPE = '[{"key": "location", "operator": "=", "values": ["europe"]}]'


def federation(*names: str) -> Federation:
    """With the Namespace shop in all members."""
    fed = Federation(*names)
    fed.create(a.namespace("shop"))
    fed.settle()
    return fed


NAMES = ("us", "eu", "asia")
PLACES = ("shop/x", "shop/y", "default/x")
MAKERS = {
    "ConfigMap": lambda place, n: a.config_map(place, a=str(n)),
    "Service": lambda place, n: a.service(place, "NodePort", {"name": "a", "port": 80 + n}),
    "DaemonSet": lambda place, n: a.daemon_set(place, "app"),
}
OBJECTS = st.tuples(st.sampled_from(list(MAKERS)), st.sampled_from(PLACES), st.integers(0, 2))
MEMBER = st.sampled_from(NAMES)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), OBJECTS),
        st.tuples(st.just("change"), OBJECTS),
        st.tuples(st.just("select"), OBJECTS, st.sampled_from([EUROPE, "nonsense", None])),
        st.tuples(
            st.just("delete"), OBJECTS, st.sampled_from(["Background", "Orphan", "Foreground"])
        ),
        st.tuples(st.just("foreign"), OBJECTS, MEMBER),
        st.tuples(st.just("drift"), OBJECTS, MEMBER),
        st.tuples(st.just("lose"), MEMBER),
        st.tuples(st.just("regain"), MEMBER),
        st.tuples(st.just("relabel"), MEMBER, st.sampled_from(["europe", "asia"])),
        st.tuples(st.just("settle")),
        st.tuples(st.just("advance"), st.integers(1, 100)),
    ),
    max_size=25,
)


class Story:
    """Anything that users and clusters do, in any order; the reconcilers now and then."""

    def __init__(self) -> None:
        self.fed = federation(*NAMES)

    def play(self, verb: str, *words: object) -> None:
        getattr(self, verb)(*words)

    def create(self, what: tuple[str, str, int]) -> None:
        given_ = self._make(what)
        if not self.fed.federated(key_of(given_)):
            self.fed.create(given_)

    def change(self, what: tuple[str, str, int]) -> None:
        given_ = self._make(what)
        if self.fed.federated(key_of(given_)):
            body = {part: given_[part] for part in ("spec", "data") if part in given_}
            self.fed.api.patch(key_of(given_), body)

    def select(self, what: tuple[str, str, int], value: str | None) -> None:
        key = key_of(self._make(what))
        if self.fed.federated(key):
            self.fed.api.patch(key, {"metadata": {"annotations": {a.NAMES["selector"]: value}}})

    def delete(self, what: tuple[str, str, int], policy: str) -> None:
        key = key_of(self._make(what))
        if self.fed.federated(key):
            self.fed.delete(key, policy)

    def foreign(self, what: tuple[str, str, int], name: str) -> None:
        given_ = self._make(what)
        api = self.fed.places[name].api
        if given_["kind"] != "Service" and key_of(given_) not in api.objects:
            given_["metadata"]["labels"] = {"whose": "theirs"}
            api.create(given_)

    def drift(self, what: tuple[str, str, int], name: str) -> None:
        key = key_of(self._make(what))
        api = self.fed.places[name].api
        labels = api.objects.get(key, {}).get("metadata", {}).get("labels", {})
        if key in api.objects and key.resource == CONFIGMAPS and "whose" not in labels:
            api.patch(key, {"data": {"a": "hand", "b": "hand"}})

    def lose(self, name: str) -> None:
        self.fed.lose(name)

    def regain(self, name: str) -> None:
        self.fed.regain(name)

    def relabel(self, name: str, location: str) -> None:
        self.fed.become(name, labels={"location": location})

    def settle(self) -> None:
        self.fed.settle()

    def advance(self, seconds: int) -> None:
        self.fed.advance(seconds)

    def _make(self, what: tuple[str, str, int]) -> a.Object:
        kind, place, number = what
        return MAKERS[kind](place, number)

    def untouched(self) -> dict[tuple[str, a.Key], str]:
        """What is nobody's, or somebody else's, and which version it is."""
        return {
            (name, key): json.dumps(found, sort_keys=True)
            for name, place in self.fed.places.items()
            for key, found in place.api.objects.items()
            if found["metadata"].get("labels", {}).get("whose") == "theirs"
        }


@settings(max_examples=80, deadline=None)
@given(STEPS)
def test_plan_after_executing_is_empty_and_nothing_foreign_is_touched(
    steps: list[tuple[object, ...]],
) -> None:
    story = Story()
    seen: dict[tuple[str, a.Key], str] = {}
    for verb, *words in steps:
        story.play(str(verb), *words)
        now = story.untouched()
        assert {at: now[at] for at in seen} == seen
        seen = now
    story.settle()
    for name in NAMES:
        story.regain(name)
    story.settle()
    assert {at: story.untouched()[at] for at in seen} == seen
    fed = story.fed
    for key in list(fed.keys()):
        plan = fed.plan(key)
        assert plan._replace(operations=(), again=None).is_empty
        assert all((one.cluster, key) in fed.troubles for one in plan.operations), plan
    for key, federated in fed.api.objects.items():
        assert not federated["metadata"].get("deletionTimestamp"), "nothing holds it any more"
        assert key.namespace != fed.system_namespace or not federated.get("data"), "forgotten"
    _holds_what_it_should(fed)


def _holds_what_it_should(fed: Federation) -> None:
    """Each member has exactly the selected objects, and no copy of anything else."""
    for name, place in fed.places.items():
        for key, found in place.api.objects.items():
            if copies.owner(found) != fed.federation:
                continue
            federated = fed.federated(key)
            assert federated is not None, f"{key} in {name} is nobody's"
            annotations = federated["metadata"].get("annotations", {})
            if annotations.get(a.NAMES["selector"]) == EUROPE:
                assert place.seen.labels.get("location") == "europe"
            if annotations.get(a.NAMES["selector"]) != "nonsense" and "data" in federated:
                assert found["data"] == federated["data"]


@settings(max_examples=60, deadline=None)
@given(st.permutations(NAMES), st.permutations([80, 81, 82]))
def test_the_order_of_members_and_ports_does_not_matter(
    names: list[str], numbers: list[int]
) -> None:
    outcomes = []
    for order in (NAMES, names):
        fed = federation(*order)
        ports = [{"name": f"p{one}", "port": one} for one in numbers]
        key = fed.create(a.service("shop/web", "LoadBalancer", *ports))
        fed.settle()
        for index, name in enumerate(NAMES):
            fed.balance(name, key, f"198.51.100.{index + 1}")
            fed.endpoints(name, key, index)
        fed.settle()
        found = fed.federated(key)
        assert found is not None
        outcomes.append(
            (annotation(found, "ingresses"), annotation(found, "shards"), found["status"])
        )
        operations = {name: place.api.get(key) for name, place in fed.places.items()}
        for copy in operations.values():
            assert copy is not None
            assert {port["port"] for port in copy["spec"]["ports"]} == set(numbers)
    assert outcomes[0] == outcomes[1]


@settings(max_examples=40, deadline=None)
@given(st.sets(MEMBER), st.booleans(), st.booleans())
def test_a_member_that_is_not_ready_gets_no_operation(
    away: set[str], is_deleted: bool, is_changed: bool
) -> None:
    fed = federation(*NAMES)
    key = fed.create(a.config_map("shop/c", a="1"))
    fed.settle()
    for name in away:
        fed.lose(name)
    if is_changed:
        fed.api.patch(key, {"data": {"a": "2"}})
    if is_deleted:
        fed.delete(key)
    touched = {one.cluster for one in fed.plan(key).operations}
    assert touched == (set(NAMES) - away if is_changed or is_deleted else set())
