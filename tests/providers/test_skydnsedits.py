"""What a change does to keys of etcd, and which it does not: keys of others, names above and below,
somebody who is quicker; with a real etcd, and a real CoreDNS that says what would come of it.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable, Iterator, Mapping

import pytest

from feddns.errors import Outdated, ProviderAway, Rejected, Throttled
from feddns.providers.coredns import CoreDns
from feddns.providers.recordsets import Change, RecordSet, record_set
from tests.providers.backends import ZONE
from tests.providers.corednszone import (
    GLOBAL,
    REGION,
    Zone,
    a,
    aaaa,
    add,
    answer,
    claim,
    cname,
    listed,
    opened,
    told,
    txt,
)


@pytest.fixture
def zone(coredns_server: Zone) -> Zone:
    coredns_server.hands.clear()
    return coredns_server


@pytest.fixture
def provider(zone: Zone) -> Iterator[CoreDns]:
    with contextlib.closing(opened(zone)) as provider:
        yield provider


# --- keys of others -------------------------------------------------------------------------------

PATH = "/skydns/com/example"


def key(value: Mapping[str, object]) -> bytes:
    return json.dumps({"ttl": 60, **value}).encode()


IN_THE_WAY = {
    "a key at the name itself": (
        {f"{PATH}/nginx": {"host": "198.51.100.1"}}, aaaa(f"nginx.{ZONE}"), "not be answered any",
    ),
    "a key at a name above": (
        {f"{PATH}/nginx": {"host": "198.51.100.1"}}, a(f"eu.nginx.{ZONE}"), "not be answered any",
    ),
    "a key at a name above, for a text": (
        {f"{PATH}/nginx": {"host": "198.51.100.1"}}, txt(f"_a.nginx.{ZONE}", "ours"),
        "not be answered any",
    ),
    "no group above": (
        {f"{PATH}/nginx/x1": {"host": "198.51.100.1", "targetstrip": 1}}, a(f"eu.nginx.{ZONE}"),
        r"has no group: CoreDNS would answer eu\.nginx",
    ),
    "no group below": (
        {f"{PATH}/nginx/eu/x1": {"host": "198.51.100.1", "targetstrip": 1}}, a(f"nginx.{ZONE}"),
        r"no group of its own: CoreDNS would answer eu\.nginx",
    ),
    "a group of its own below, at the same place": (
        {f"{PATH}/nginx/eu": {"host": "198.51.100.1", "group": "g"}}, a(f"nginx.{ZONE}"),
        r"no group of its own: CoreDNS would answer eu\.nginx",
    ),
    "no JSON": ({f"{PATH}/nginx/eu/x1": None}, a(f"nginx.{ZONE}"), "SERVFAIL"),
}  # fmt: skip


@pytest.mark.parametrize("case", IN_THE_WAY)
def test_what_coredns_would_mix_is_refused(zone: Zone, provider: CoreDns, case: str) -> None:
    theirs, ours, words = IN_THE_WAY[case]
    before = {place: b"{broken" if value is None else key(value) for place, value in theirs.items()}
    zone.etcd.put(before)
    answered = answer(zone, f"nginx.{ZONE}", "A"), answer(zone, f"eu.nginx.{ZONE}", "A")
    listed(provider)
    with pytest.raises(Rejected, match=words) as caught:
        add(provider, ours)
    assert caught.value.done == 0
    assert zone.hands.keys() == before
    assert answered == (answer(zone, f"nginx.{ZONE}", "A"), answer(zone, f"eu.nginx.{ZONE}", "A"))


@pytest.mark.parametrize("case", [case for case in IN_THE_WAY if "text" not in case])
def test_and_rightly(zone: Zone, provider: CoreDns, case: str) -> None:
    """Were it done all the same, an answer for theirs or for ours would be another."""
    theirs, ours, _ = IN_THE_WAY[case]
    add(provider, ours)
    before = {place: b"{broken" if value is None else key(value) for place, value in theirs.items()}
    mine = zone.hands.keys()
    asked = {f"nginx.{ZONE}", f"eu.nginx.{ZONE}"}
    alone = {(name, type): answer(zone, name, type) for name in asked for type in ("A", "AAAA")}
    assert alone[ours.name, ours.type] == told(ours)
    zone.hands.clear()
    zone.etcd.put(before)
    theirs_alone = {one: answer(zone, *one) for one in alone}
    zone.etcd.put(mine)
    their_names = {f"{'eu.' if '/eu' in place else ''}nginx.{ZONE}" for place in before}
    together = {one: answer(zone, *one) for one in alone}
    assert together[ours.name, ours.type] != told(ours) or any(
        together[name, type] != theirs_alone[name, type]
        for name in their_names
        for type in ("A", "AAAA")
    )


def test_what_is_in_the_way_no_more(zone: Zone, provider: CoreDns) -> None:
    """It is looked at again, also when it was gone since the zone was read."""
    theirs = f"{PATH}/nginx/x1"
    zone.etcd.put({theirs: key({"host": "198.51.100.1", "targetstrip": 1})})
    listed(provider)
    with pytest.raises(Rejected):
        add(provider, a(f"eu.nginx.{ZONE}"))
    zone.etcd.put({theirs: key({"host": "198.51.100.1", "targetstrip": 1, "group": "nginx"})})
    add(provider, a(f"eu.nginx.{ZONE}"))
    assert answer(zone, f"nginx.{ZONE}", "A") == told(a(f"nginx.{ZONE}", "198.51.100.1", ttl=60))


def test_other_keys_stay_byte_for_byte(zone: Zone, provider: CoreDns) -> None:
    odd = {
        f"{PATH}/www": b'{ "host" : "198.51.100.1",\n "unknown": [1, 2] }',
        f"{PATH}/lists/x1": b'{"host":"198.51.100.2","text":"\\"heritage=external-dns\\""}',
        f"{PATH}/WEB/x1": b'{"host":"198.51.100.3"}',
        f"{PATH}/dns/ns/x1": b'{"host":"198.51.100.4"}',
        f"{PATH}/bad": b"no JSON",
        f"{PATH}//x": b'{"host":"198.51.100.5"}',
        "/skydns/org/example/x1": b'{"host":"198.51.100.6"}',
        "/skydns/com/example-2/x1": b'{"host":"198.51.100.7"}',
        "/registry/services/x": b"\x00\xff",
    }
    zone.etcd.put(odd)
    before = listed(provider)
    assert before == {
        a(f"www.{ZONE}", "198.51.100.1", ttl=300),
        a(f"x1.lists.{ZONE}", "198.51.100.2", ttl=300),
        record_set(f"x1.lists.{ZONE}", "TXT", 300, ['"\\"heritage=external-dns\\""']),
        a(f"x1.ns.dns.{ZONE}", "198.51.100.4", ttl=300),
    }
    one, two = a(GLOBAL), cname(GLOBAL, REGION)
    add(provider, one, claim(one))
    provider.apply([Change(GLOBAL, (one, claim(one)), (two, claim(two)))])
    provider.apply([Change(GLOBAL, (two, claim(two)))])
    assert zone.hands.keys() == odd
    assert listed(provider) == before


def test_one_key_with_two_records(zone: Zone, provider: CoreDns) -> None:
    """As external-dns writes them: what is not ours of it stays."""
    place = f"{PATH}/web/x1"
    both = {"host": "198.51.100.1", "text": "mine", "owner": "them", "targetstrip": 1}
    zone.etcd.put({place: key(both)})
    address = a(f"web.{ZONE}", "198.51.100.1", ttl=60)
    text = record_set(f"web.{ZONE}", "TXT", 60, ['"mine"'])
    assert listed(provider) == {address, text}
    provider.apply([Change(address.name, (address,))])
    assert json.loads(zone.hands.keys()[place]) == {
        "ttl": 60, "text": "mine", "owner": "them", "targetstrip": 1
    }  # fmt: skip
    zone.etcd.put({place: key(both)})
    provider.apply([Change(address.name, (address, text), (a(f"web.{ZONE}"),))])
    assert listed(provider) == {a(f"web.{ZONE}")}


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (a(f"any.test.{ZONE}"), "the label any for any name"),
        (a(f"*.test.{ZONE}"), "has a-z"),
        (a(f"a/b.{ZONE}"), "has a-z"),
        (a(f"a\\.b.{ZONE}"), "has a-z"),
        (cname(f"nginx.{ZONE}", f"eu.nginx.{ZONE}"), "for a loop"),
        (cname(f"nginx.{ZONE}", f"nginx.{ZONE}"), "for a loop"),
        (record_set(f"web.{ZONE}", "CNAME", 60, ["a.example.net.", "b.example.net."]), "2 CNAME"),
        (record_set(f"web.{ZONE}", "ALIAS", 60, ["a.example.net."]), "only A, AAAA"),
        (record_set(f"web.{ZONE}", "MX", 60, ["10 mx.example.net."]), "only A, AAAA"),
        (aaaa(f"web.{ZONE}", "::ffff:192.0.2.1"), "does not take"),
        (RecordSet(f"web.{ZONE}", "A", 60, ("192.0.2.256",)), "does not take"),
    ],
)
def test_what_cannot_be_there(zone: Zone, provider: CoreDns, record: RecordSet, words: str) -> None:
    with pytest.raises(Rejected, match=words):
        add(provider, record)
    assert zone.hands.keys() == {}


# --- one after the other, and at once -------------------------------------------------------------


def test_the_keys(zone: Zone, provider: CoreDns) -> None:
    """As Kubernetes Federation made them, so far as CoreDNS wants nothing else."""
    add(provider, a(GLOBAL, "1.2.3.4", "192.0.2.1"), txt(f"note.{ZONE}", "hello"))
    assert zone.hands.keys() == {
        f"{PATH}/svc/ufp/test/nginx/74445065": b'{"host":"1.2.3.4","ttl":180,"targetstrip":1,'
        b'"group":"nginx.test.ufp.svc.example.com"}',
        f"{PATH}/svc/ufp/test/nginx/05ecbdd8": b'{"host":"192.0.2.1","ttl":180,"targetstrip":1,'
        b'"group":"nginx.test.ufp.svc.example.com"}',
        f"{PATH}/note/4f9f2cab": b'{"text":"hello","ttl":180,"targetstrip":1,'
        b'"group":"note.example.com"}',
    }


def test_keys_of_federation_v1(zone: Zone, provider: CoreDns) -> None:
    """It wrote no targetstrip, and the name as the group: one record set all the same."""
    group = GLOBAL.rstrip(".")
    zone.etcd.put({
        f"{PATH}/svc/ufp/test/nginx/74445065": key({"host": "1.2.3.4", "group": group}),
        f"{PATH}/svc/ufp/test/nginx/05ecbdd8": key({"host": "192.0.2.1", "group": group}),
    })  # fmt: skip
    assert listed(provider) == {a(GLOBAL, "1.2.3.4", "192.0.2.1", ttl=60)}


def test_what_stays_is_not_written(zone: Zone, provider: CoreDns) -> None:
    before, after = a(GLOBAL, "192.0.2.1", "192.0.2.2"), a(GLOBAL, "192.0.2.2", "192.0.2.3")
    add(provider, before)
    kept = _revision(zone, f"{PATH}/svc/ufp/test/nginx/08ecc291")
    provider.apply([Change(GLOBAL, (before,), (after,))])
    assert answer(zone, GLOBAL, "A") == told(after)
    assert _revision(zone, f"{PATH}/svc/ufp/test/nginx/08ecc291") == kept


def _revision(zone: Zone, place: str) -> int:
    found = zone.etcd.call("/v3/kv/range", {"key": base64.b64encode(place.encode()).decode()})
    return int(found["kvs"][0]["mod_revision"])


def test_calls(zone: Zone, provider: CoreDns) -> None:
    """Changes share transactions: 250 of two keys each take far fewer calls than 250."""
    records = [a(f"w{number}.{ZONE}") for number in range(250)]
    calls = counted(provider)
    provider.apply([Change(one.name, (), (one, claim(one))) for one in records])
    assert len(listed(provider)) == 500
    assert calls["/v3/kv/txn"] < 20
    assert calls["/v3/kv/range"] == 1


def counted(provider: CoreDns) -> dict[str, int]:
    gateway, calls = provider._gateway, dict.fromkeys(("/v3/kv/txn", "/v3/kv/range"), 0)
    exchange = gateway._exchange

    def counting(path: str, body: Mapping[str, object]) -> object:
        calls[path] += 1
        return exchange(path, body)

    gateway._exchange = counting  # type: ignore[assignment]
    return calls


def meddling(provider: CoreDns, meddle: Callable[[], None]) -> None:
    """Somebody is quicker, once: after the names were looked at, before they are changed."""
    gateway = provider._gateway
    change = gateway.change

    def meddled(transaction: Mapping[str, object]) -> bool:
        gateway.change = change  # type: ignore[method-assign]
        meddle()
        return change(transaction)

    gateway.change = meddled  # type: ignore[method-assign]


@pytest.mark.parametrize("place", [0, 3, 9])
def test_somebody_who_is_quicker(zone: Zone, provider: CoreDns, place: int) -> None:
    """The one change is outdated; those before it are done, those after it are not."""
    records = [a(f"w{number}.{ZONE}") for number in range(10)]
    theirs = a(f"w{place}.{ZONE}", "198.51.100.9")
    meddling(provider, lambda: zone.hands.put(theirs))
    with pytest.raises(Outdated, match=f"w{place}") as caught:
        provider.apply([Change(one.name, (), (one, claim(one))) for one in records])
    assert caught.value.done == place
    done = records[:place]
    assert listed(provider) == {theirs, *done, *map(claim, done)}


@pytest.mark.parametrize("what", ["its value", "its claim", "it is gone"])
def test_somebody_who_is_quicker_with_what_goes(zone: Zone, provider: CoreDns, what: str) -> None:
    one, two = a(GLOBAL), a(GLOBAL, "192.0.2.2")
    add(provider, one, claim(one))
    theirs = {
        "its value": lambda: zone.hands.put(a(GLOBAL, "198.51.100.9")),
        "its claim": lambda: zone.hands.remove(claim(one).key),
        "it is gone": lambda: zone.hands.remove(one.key),
    }[what]
    meddling(provider, theirs)
    with pytest.raises(Outdated):
        provider.apply([Change(GLOBAL, (one,), (two,), keeps=(claim(one),))])
    assert two not in listed(provider)


def test_somebody_elsewhere_is_in_nobodys_way(zone: Zone, provider: CoreDns) -> None:
    meddling(provider, lambda: zone.hands.put(a(f"mail.{ZONE}")))
    add(provider, a(GLOBAL), claim(a(GLOBAL)))
    assert listed(provider) == {a(GLOBAL), claim(a(GLOBAL)), a(f"mail.{ZONE}")}


def test_changes_of_one_call_that_nest(zone: Zone, provider: CoreDns) -> None:
    """Each sees what the one before it did."""
    above, below = a(f"nginx.{ZONE}"), a(f"eu.nginx.{ZONE}", "192.0.2.2")
    moved = a(f"nginx.{ZONE}", "192.0.2.3")
    provider.apply([
        Change(above.name, (), (above,)),
        Change(below.name, (), (below,)),
        Change(above.name, (above,), (moved,)),
    ])  # fmt: skip
    assert listed(provider) == {moved, below}


@pytest.mark.parametrize("page", [1, 2, 7])
def test_a_name_with_more_keys_than_a_page(zone: Zone, page: int) -> None:
    """All that is at a name is looked at, however many pages that takes."""
    addresses = [f"198.51.100.{number}" for number in range(1, 20)]
    one, two = a(GLOBAL, *addresses), a(GLOBAL, *addresses[1:], "192.0.2.1")
    with contextlib.closing(opened(zone, page=page)) as provider:
        add(provider, one, claim(one))
        provider.apply([Change(GLOBAL, (one,), (two,), keeps=(claim(one),))])
        assert zone.hands.content() == {two, claim(one)}
        with pytest.raises(Outdated):
            provider.apply([Change(GLOBAL, (one,), keeps=(claim(one),))])
        provider.apply([Change(GLOBAL, (two, claim(one)))])
    assert zone.hands.keys() == {}


def test_a_transaction_that_is_refused_is_sent_one_by_one(zone: Zone, provider: CoreDns) -> None:
    """Together they are too large for etcd, and one of them is for itself."""
    records = [a(f"w{number}.{ZONE}") for number in range(5)]
    change = provider._gateway.change

    def small(transaction: Mapping[str, list]) -> bool:
        puts = transaction["success"]
        if len(puts) > 1 or "w3" in base64.b64decode(puts[0]["request_put"]["key"]).decode():
            raise Rejected("etcdserver: request is too large")
        return change(transaction)

    provider._gateway.change = small  # type: ignore[method-assign, assignment]
    with pytest.raises(Rejected, match="too large") as caught:
        provider.apply([Change(one.name, (), (one,)) for one in records])
    assert caught.value.done == 3
    assert listed(provider) == {*records[:3]}


def test_nobody_knows_what_was_done_of_a_change_without_an_answer(
    zone: Zone, provider: CoreDns
) -> None:
    one = a(GLOBAL)
    change = provider._gateway.change

    def lost(transaction: Mapping[str, object]) -> bool:
        change(transaction)
        raise ProviderAway("no answer in time")

    provider._gateway.change = lost  # type: ignore[method-assign]
    with pytest.raises(ProviderAway) as caught:
        add(provider, one)
    assert caught.value.done is None
    assert listed(provider) == {one}


def test_what_was_done_before_it_is_too_much(zone: Zone, provider: CoreDns) -> None:
    """Transactions of one call: those before the one that was not taken are done."""
    records = [a(f"w{number}.{ZONE}", *(f"192.0.2.{n}" for n in range(50))) for number in range(5)]
    change, calls = provider._gateway.change, iter(range(9))

    def busy(transaction: Mapping[str, object]) -> bool:
        if next(calls) == 1:
            error = Throttled("etcdserver: too many requests")
            error.done = 0
            raise error
        return change(transaction)

    provider._gateway.change = busy  # type: ignore[method-assign]
    with pytest.raises(Throttled) as caught:
        provider.apply([Change(one.name, (), (one,)) for one in records])
    assert caught.value.done == 2
    assert listed(provider) == {*records[:2]}
