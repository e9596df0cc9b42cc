"""What a federated Service says of its shards, byte for byte; and for how long."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers import services
from feddns.healthwatch import observe
from feddns.kube import fields
from feddns.kube.federation import to_shards
from tests.controllers import fake as a
from tests.controllers.fake import Federation, annotation, key_of

WEB = key_of("Service default/web")


def federation(*addresses: str, type_: str = "LoadBalancer") -> Federation:
    """A Service in us, eu, asia; each address is a healthy shard."""
    fed = Federation("us", "eu", "asia")
    fed.create(a.service("default/web", type_))
    fed.settle()
    for name, address in zip(fed.places, addresses, strict=False):
        fed.balance(name, WEB, address)
        fed.endpoints(name, WEB, 1)
    fed.settle()
    return fed


def ingresses(fed: Federation) -> str:
    """`asia=192.0.2.3 eu=- …` of the annotation."""
    items = json.loads(annotation(fed.federated(WEB), "ingresses") or "{}").get("items", ())
    return " ".join(
        f"{one['cluster']}={'+'.join(x['ip'] for x in one['items']) if one['items'] else '-'}"
        for one in items
    )


def shards(fed: Federation) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]]
    found = json.loads(annotation(fed.federated(WEB), "shards") or "{}")
    return found


def known(fed: Federation) -> list[str]:
    status = (fed.federated(WEB) or {}).get("status") or {}
    return [one["ip"] for one in (status.get("loadBalancer") or {}).get("ingress") or ()]


# --- the format -----------------------------------------------------------------------------------


def test_the_originals_format_byte_for_byte() -> None:
    fed = federation("198.51.100.1", "198.51.100.2")
    fed.endpoints("us", WEB, 0)
    fed.settle()
    assert annotation(fed.federated(WEB), "ingresses") == (
        '{"items":[{"cluster":"eu","items":[{"ip":"198.51.100.2"}]},{"cluster":"us","items":null}]}'
    )


def test_addresses_stand_in_string_order_each_once_ip_first() -> None:
    fed = federation("198.51.100.1")
    entries = [
        {"hostname": "b.example.com"}, {"ip": "9.9.9.9"}, {"ip": "10.0.0.1", "ipMode": "VIP"},
        {"ip": "10.0.0.1"}, {"hostname": "a.example.com", "ip": "10.0.0.1"}, {},
    ]  # fmt: skip
    fed.places["us"].api.patch(WEB, {"status": {"loadBalancer": {"ingress": entries}}})
    fed.settle()
    assert annotation(fed.federated(WEB), "ingresses") == (
        '{"items":[{"cluster":"us","items":[{"hostname":"b.example.com"},{"ip":"10.0.0.1"},'
        '{"ip":"10.0.0.1","hostname":"a.example.com"},{"ip":"9.9.9.9"}]}]}'
    )


def test_nothing_is_written_as_long_as_there_was_never_a_load_balancer() -> None:
    fed = federation()
    assert annotation(fed.federated(WEB), "ingresses") is None
    assert known(fed) == []


def test_the_last_entry_leaves_an_empty_object() -> None:
    fed = federation("198.51.100.1")
    fed.balance("us", WEB)
    fed.settle()
    assert annotation(fed.federated(WEB), "ingresses") == "{}"
    assert known(fed) == []


def test_the_dns_server_reads_what_is_written() -> None:
    fed = federation("198.51.100.1", "198.51.100.2")
    fed.endpoints("us", WEB, 0)
    fed.settle()
    reasons: list[str] = []
    found = to_shards("x", annotation(fed.federated(WEB), "ingresses"), reasons)
    assert {one.cluster: len(one.ingresses) for one in found} == {"eu": 1, "us": 0}
    assert reasons == []


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"items": 7}', '{"items": [null, {}]}'])
def test_an_annotation_that_somebody_broke_is_written_anew(broken: str) -> None:
    fed = federation("198.51.100.1")
    names = {a.NAMES["ingresses"]: broken, a.NAMES["shards"]: broken}
    fed.api.patch(WEB, {"metadata": {"annotations": names}})
    fed.settle()
    assert ingresses(fed) == "us=198.51.100.1"
    assert set(shards(fed)) == {"asia", "eu"}
    fed.api.patch(WEB, {"metadata": {"annotations": {a.NAMES["shards"]: '{"us": {"ingress": 1}}'}}})
    fed.lose("us")
    fed.settle()
    assert ingresses(fed) == "us=198.51.100.1"


# --- shards of members that are ready -------------------------------------------------------------


def test_the_original_scenario() -> None:
    """federation-v1.md 3.4, step by step."""
    fed = Federation("cluster1", "cluster2")
    fed.create(a.service("default/web"))
    fed.settle()
    fed.balance("cluster1", WEB, "10.20.30.40")
    fed.settle()
    assert known(fed) == ["10.20.30.40"]
    fed.endpoints("cluster1", WEB, 1)
    fed.settle()
    assert ingresses(fed) == "cluster1=10.20.30.40"
    fed.balance("cluster2", WEB, "10.20.30.50")
    fed.settle()
    assert known(fed) == ["10.20.30.40", "10.20.30.50"]
    fed.endpoints("cluster2", WEB, 1)
    fed.settle()
    assert ingresses(fed) == "cluster1=10.20.30.40 cluster2=10.20.30.50"
    fed.endpoints("cluster1", WEB, 0)
    fed.settle()
    assert ingresses(fed) == "cluster1=- cluster2=10.20.30.50"
    fed.api.patch(WEB, {"spec": {"ports": [{"name": "http", "port": 8080}]}})
    fed.settle()
    assert fed.places["cluster1"].api.objects[WEB]["spec"]["ports"][0]["port"] == 8080
    fed.places["cluster1"].api.objects.pop(WEB)
    fed.settle()
    assert fed.places["cluster1"].api.get(WEB) is not None
    fed.delete(WEB)
    fed.settle()
    assert [place.api.get(WEB) for place in fed.places.values()] == [None, None]


def test_the_status_has_each_address_once_in_order() -> None:
    fed = federation("198.51.100.9", "198.51.100.10", "198.51.100.9")
    assert known(fed) == ["198.51.100.10", "198.51.100.9"]


def test_what_the_api_adds_to_the_status_is_no_change() -> None:
    fed = federation("198.51.100.1")
    entry = {"ip": "198.51.100.1", "ipMode": "VIP"}
    fed.api.patch(WEB, {"status": {"loadBalancer": {"ingress": [entry]}}})
    assert fed.settle() == 0


def test_a_shard_that_is_not_selected_or_not_registered_or_not_ours_has_no_entry() -> None:
    fed = federation("198.51.100.1", "198.51.100.2", "198.51.100.3")
    fed.become("eu", labels={"location": "europe"})
    selector = '[{"key": "location", "operator": "!"}]'
    fed.api.patch(WEB, {"metadata": {"annotations": {a.NAMES["selector"]: selector}}})
    plan = fed.plan(WEB)
    assert '"eu"' not in plan.writes[0].body["metadata"]["annotations"][a.NAMES["ingresses"]]
    fed.settle()
    assert ingresses(fed) == "asia=198.51.100.3 us=198.51.100.1"
    fed.places.pop("asia")
    fed.settle()
    assert ingresses(fed) == "us=198.51.100.1"
    assert known(fed) == ["198.51.100.1"]
    us = fed.places["us"]
    us.api.objects[WEB]["metadata"]["labels"] = {}
    us.met.add(WEB)
    plan = fed.plan(WEB)
    assert plan.writes[0].body["metadata"]["annotations"][a.NAMES["ingresses"]] == "{}"


def test_with_a_selector_that_cannot_be_read_health_is_still_followed() -> None:
    fed = federation("198.51.100.1", "198.51.100.2")
    fed.api.patch(WEB, {"metadata": {"annotations": {a.NAMES["selector"]: "?"}}})
    fed.endpoints("us", WEB, 0)
    fed.settle()
    assert ingresses(fed) == "eu=198.51.100.2 us=-"


def test_shards_go_out_of_sight_while_the_service_is_being_deleted() -> None:
    fed = federation("198.51.100.1", "198.51.100.2")
    fed.places["eu"].api.patch(WEB, {"metadata": {"finalizers": ["cloud"]}})
    fed.delete(WEB)
    fed.settle()
    assert ingresses(fed) == ""
    assert fed.federated(WEB) is not None


def test_lists_that_are_not_whole_say_nothing() -> None:
    fed = federation("198.51.100.1", "198.51.100.2")
    us = fed.places["us"]
    us.api, us.ready = a.Api("restarting"), {}
    fed.become("us", whole=frozenset({"services"}))
    fed.settle()
    assert ingresses(fed) == "eu=198.51.100.2 us=198.51.100.1"


@pytest.mark.parametrize(
    ("spec", "type_"),
    [({"clusterIP": "None"}, "Headless"), ({}, "ClusterIP"), ({"type": "NodePort"}, "NodePort"),
     ({"type": "LoadBalancer"}, "LoadBalancer")],
)  # fmt: skip
def test_shards_without_an_address_are_in_our_own_annotation(
    spec: dict[str, str], type_: str
) -> None:
    fed = Federation("us", "eu")
    fed.create(a._object("Service", "default/web", spec={"type": "ClusterIP", **spec}))
    fed.settle()
    fed.endpoints("eu", WEB, 3)
    fed.settle()
    assert annotation(fed.federated(WEB), "ingresses") is None
    assert annotation(fed.federated(WEB), "shards") == (
        f'{{"eu":{{"type":"{type_}","state":"healthy"}},'
        f'"us":{{"type":"{type_}","state":"unhealthy"}}}}'
    )


def test_a_type_that_changes_takes_the_entries_away() -> None:
    fed = federation("198.51.100.1", "198.51.100.2")
    fed.lose("eu")
    fed.api.patch(WEB, {"spec": {"type": "ClusterIP"}, "status": None})
    fed.settle()
    assert annotation(fed.federated(WEB), "ingresses") == "{}"
    assert shards(fed)["us"] == {"type": "ClusterIP", "state": "healthy"}


def test_a_probe_that_fails_empties_the_entry_and_remembers_the_address() -> None:
    fed = federation("198.51.100.1", "198.51.100.2")
    fed.answers("us", WEB, False)
    fed.settle()
    assert ingresses(fed) == "eu=198.51.100.2 us=-"
    assert shards(fed)["us"] == {
        "type": "LoadBalancer", "state": "unhealthy", "ingress": [{"ip": "198.51.100.1"}],
    }  # fmt: skip
    assert known(fed) == ["198.51.100.1", "198.51.100.2"]
    fed.answers("us", WEB, True)
    fed.settle()
    assert ingresses(fed) == "eu=198.51.100.2 us=198.51.100.1"
    assert "us" not in shards(fed)


def test_a_bad_probe_is_told_and_the_service_goes_out_all_the_same() -> None:
    fed = Federation("us")
    fed.create(a.annotated(a.service("default/web"), probe="ping"))
    fed.settle()
    assert fed.places["us"].api.get(WEB) is not None
    said = json.loads(annotation(fed.federated(WEB), "status") or "")["error"]
    assert said.startswith("annotation federation.feddns.dev/probe 'ping': begin with")
    assert said.endswith("; shards are not probed")


# --- members out of reach -------------------------------------------------------------------------


def test_an_entry_stays_for_the_grace_period() -> None:
    fed = federation("198.51.100.1", "198.51.100.2")
    fed.lose("eu")
    fed.settle()
    assert fed.again[WEB] == fed.now + 40
    fed.advance(39.9)
    assert ingresses(fed) == "eu=198.51.100.2 us=198.51.100.1"
    fed.advance(0.1)
    assert ingresses(fed) == "eu=- us=198.51.100.1"
    assert known(fed) == ["198.51.100.1", "198.51.100.2"]
    fed.advance(3600)
    assert ingresses(fed) == "eu=- us=198.51.100.1"
    fed.regain("eu")
    fed.settle()
    assert ingresses(fed) == "eu=198.51.100.2 us=198.51.100.1"


def test_the_grace_period_is_settable() -> None:
    fed = federation("198.51.100.1", "198.51.100.2")
    fed.grace = 5
    fed.lose("eu")
    fed.settle()
    fed.advance(5)
    assert ingresses(fed) == "eu=- us=198.51.100.1"


def test_longer_when_the_data_plane_answers() -> None:
    fed = federation("198.51.100.1", "198.51.100.2")
    fed.lose("eu")
    fed.answers("eu", WEB, True)
    fed.advance(3600)
    assert ingresses(fed) == "eu=198.51.100.2 us=198.51.100.1"
    fed.answers("eu", WEB, False)
    fed.settle()
    assert ingresses(fed) == "eu=- us=198.51.100.1"


def test_not_at_all_when_it_is_known_dead_and_others_are_known_good() -> None:
    fed = federation("198.51.100.1", "198.51.100.2")
    fed.answers("eu", WEB, False)
    fed.lose("eu")
    fed.settle()
    assert ingresses(fed) == "eu=- us=198.51.100.1"


def test_dead_but_nothing_else_is_good() -> None:
    fed = federation("198.51.100.1", "198.51.100.2")
    fed.endpoints("us", WEB, 0)
    fed.lose("eu")
    fed.answers("eu", WEB, False)
    fed.settle()
    assert ingresses(fed) == "eu=198.51.100.2 us=-"
    fed.advance(20)
    fed.endpoints("us", WEB, 1)  # now something is
    fed.settle()
    assert ingresses(fed) == "eu=- us=198.51.100.1"


def test_when_no_member_is_reached_it_is_us_who_are_cut_off() -> None:
    fed = federation("198.51.100.1", "198.51.100.2")
    for name in fed.places:
        fed.lose(name)
    fed.advance(3600)
    assert ingresses(fed) == "eu=198.51.100.2 us=198.51.100.1"
    fed.regain("asia")
    fed.settle()
    assert ingresses(fed) == "eu=- us=-"


def test_controllers_that_start_again_go_on_from_what_is_written() -> None:
    fed = federation("198.51.100.1", "198.51.100.2")
    fed.lose("eu")
    fed.settle()
    again = Federation("us", "eu", "asia")
    again.now, again.api = fed.now + 30, fed.api
    again.places = fed.places
    again.places["eu"].ready.clear()  # never seen by this process
    assert again.verdict("eu", WEB) == "unknown"
    again.settle()
    again.advance(9.9)
    assert ingresses(again) == "eu=198.51.100.2 us=198.51.100.1"
    again.advance(0.1)
    assert ingresses(again) == "eu=- us=198.51.100.1"
    assert known(again) == ["198.51.100.1", "198.51.100.2"]


# --- properties -----------------------------------------------------------------------------------

MEMBERS = ("us", "eu", "asia")
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("lose"), st.sampled_from(MEMBERS)),
        st.tuples(st.just("regain"), st.sampled_from(MEMBERS)),
        st.tuples(st.just("endpoints"), st.sampled_from(MEMBERS), st.integers(0, 2)),
        st.tuples(st.just("balance"), st.sampled_from(MEMBERS), st.integers(0, 3)),
        st.tuples(st.just("answers"), st.sampled_from(MEMBERS), st.booleans()),
        st.tuples(st.just("advance"), st.sampled_from([1, 10, 39, 41])),
    ),
    max_size=20,
)


@settings(max_examples=80, deadline=None)
@given(EVENTS)
def test_no_entry_of_a_dead_shard_outlives_the_grace_while_a_good_one_is_known(
    events: list[tuple[object, ...]],
) -> None:
    fed = federation("198.51.100.1", "198.51.100.2", "198.51.100.3")
    for verb, *words in events:
        if verb == "advance":
            fed.advance(float(str(words[0])))
        elif verb in ("lose", "regain"):
            name = str(words[0])
            if fed.places[name].seen.ready is (verb == "lose"):
                getattr(fed, str(verb))(name)
        elif verb == "balance":
            fed.balance(
                str(words[0]), WEB, *(f"192.0.2.{one}" for one in range(int(str(words[1]))))
            )
        else:
            getattr(fed, str(verb))(words[0], WEB, words[1])
        fed.settle()
        _promise(fed)
        assert fed.settle() == 0


def _promise(fed: Federation) -> None:
    items = json.loads(annotation(fed.federated(WEB), "ingresses") or "{}").get("items", ())
    entries = {one["cluster"]: one["items"] for one in items}
    assert list(entries) == sorted(entries)
    members = {name: place.seen for name, place in fed.places.items()}
    good = {name for name in entries if members[name].ready and entries[name]}
    for name, addresses in entries.items():
        member, copy = members[name], fed.places[name].api.get(WEB)
        if member.ready:
            assert bool(addresses) == (fed.verdict(name, WEB) == "healthy")
            assert addresses in (None, observe.ingresses(copy))
        elif addresses and any(one.ready for one in members.values()):
            verdict = fed.verdict(name, WEB)
            assert verdict == "healthy" or fed.now - member.since < fed.grace
            assert verdict != "unhealthy" or not good
    for name, member in members.items():
        if member.ready and fed.verdict(name, WEB) == "healthy":
            assert (name in good) == bool(observe.ingresses(fed.places[name].api.get(WEB)))


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.lists(st.sampled_from(["192.0.2.1", "192.0.2.2"])))
    )
)
def test_what_is_written_is_read_back(given_: list[tuple[str, list[str]]]) -> None:
    entries = {
        name: services.Entry(
            "LoadBalancer", "healthy", True, observe.tidy({"ip": ip} for ip in ips)
        )
        for name, ips in given_
    }
    text = services.to_ingresses(entries)
    metadata = {"annotations": {a.NAMES["ingresses"]: text}}
    read = services._read({"metadata": metadata})
    assert read.ingresses == {name: one.addresses or None for name, one in entries.items()}
    found = to_shards("x", text, [])
    packed = {name: len(one.addresses or ()) for name, one in entries.items()}
    assert {one.cluster: len(one.ingresses) for one in found} == packed
    assert all(
        fields.packed(item["ip"]) for one in entries.values() for item in one.addresses or ()
    )
    for order in itertools.islice(itertools.permutations(entries.items()), 6):
        assert services.to_ingresses(dict(order)) == text
