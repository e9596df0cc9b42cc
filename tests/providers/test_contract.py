"""What every provider does, on every back end: the contract of `providers.base`."""

from __future__ import annotations

import contextlib
import logging
import re
import traceback
from collections.abc import Iterable

import pytest

from feddns.errors import OperatorNeeded, Outdated, ProviderTrouble, Rejected
from feddns.providers import base
from feddns.providers.base import Provider
from feddns.providers.recordsets import Change, RecordSet, quoted, record_set, unquoted
from tests.providers.backends import ZONE, Backend

LADDER = f"shop.fellowship.svc.a.eu.{ZONE}"
UP = f"shop.fellowship.svc.eu.{ZONE}"
CLAIM = "heritage=external-dns,external-dns/owner=feddns-fellowship,external-dns/resource="


def a(name: str, *addresses: str, ttl: int = 180) -> RecordSet:
    return record_set(f"{name}.{LADDER}", "A", ttl, addresses or ["192.0.2.1"])


def aaaa(name: str, *addresses: str) -> RecordSet:
    return record_set(f"{name}.{LADDER}", "AAAA", 180, addresses or ["2001:db8::1"])


def cname(name: str) -> RecordSet:
    return record_set(f"{name}.{LADDER}", "CNAME", 180, [f"{name}.{UP}"])


def txt(name: str, *values: str) -> RecordSet:
    return record_set(f"{name}.{LADDER}", "TXT", 180, values)


def claim(record: RecordSet, generation: int = 1) -> RecordSet:
    text = f"{CLAIM}service/shop/web,feddns/clusters=eu+us,feddns/generation={generation}"
    name = f"{record.type.lower()}-{record.name}"
    return record_set(name, "TXT", 180, [quoted(text)])


def put(*records: RecordSet, keeps: tuple[RecordSet, ...] = ()) -> Change:
    return Change(records[0].name, (), records, "shop/web", "new", keeps)


def swap(old: Iterable[RecordSet], new: Iterable[RecordSet], *keeps: RecordSet) -> Change:
    old, new = tuple(old), tuple(new)
    return Change((*old, *new)[0].name, old, new, "shop/web", "moved", keeps)


def listed(provider: Provider) -> set[RecordSet]:
    records = [record for page in provider.list() for record in page]
    assert len({record.key for record in records}) == len(records)
    return set(records)


@contextlib.contextmanager
def unchanged(backend: Backend) -> Iterable[None]:
    before = backend.content()
    yield
    assert backend.content() == before


# --- reading ------------------------------------------------------------------------------------


def test_an_empty_zone(backend: Backend, provider: Provider) -> None:
    assert provider.zone == ZONE
    assert listed(provider) == set() == backend.content()


def test_list_gives_every_type_as_it_is(backend: Backend, provider: Provider) -> None:
    there = {a("web", "192.0.2.1", "192.0.2.2"), aaaa("web"), cname("api"), txt("note", '"a b"')}
    there |= set(backend.traits.foreign)
    for record in there:
        backend.put(record)
    assert listed(provider) == there == backend.content()


def test_list_pages(backend: Backend, provider: Provider) -> None:
    """More than two pages where there are pages; each record set once, none lost."""
    count = 2 * backend.traits.page + 10 if backend.traits.page else 400
    wanted = [a(f"w{number}", f"192.0.2.{number % 250}") for number in range(count)]
    send(provider, [put(record) for record in wanted])
    pages = [[*page] for page in provider.list()]
    records = [record for page in pages for record in page]
    assert len(records) == count
    assert set(records) == set(wanted)
    if backend.traits.page:
        assert len(pages) >= 3
        assert max(map(len, pages)) <= backend.traits.page


def test_list_sees_what_others_did(backend: Backend, provider: Provider) -> None:
    """Again and again: what a provider remembers between two readings must not show."""
    backend.put(a("web"))
    assert listed(provider) == {a("web")}
    backend.put(a("web", "192.0.2.7", ttl=60))
    backend.put(aaaa("web"))
    assert listed(provider) == backend.content() == {a("web", "192.0.2.7", ttl=60), aaaa("web")}
    backend.remove(aaaa("web").key)
    provider.apply([swap([a("web", "192.0.2.7", ttl=60)], [a("web")])])
    assert listed(provider) == backend.content() == {a("web")}
    assert listed(provider) == {a("web")}


def test_names_of_any_case(backend: Backend, provider: Provider) -> None:
    """Upper case is the same name, and may be replaced as it was read."""
    if not backend.traits.keeps_case:
        pytest.skip("its names are lower case")
    odd = RecordSet(f"WEB.{LADDER}", "CNAME", 180, (f"Web.{UP}",))
    backend.put(odd)
    assert listed(provider) == {cname("web")}
    provider.apply([swap([cname("web")], [a("web")])])
    assert listed(provider) == {a("web")} == backend.content()


# --- changing -----------------------------------------------------------------------------------


def test_add_replace_remove(backend: Backend, provider: Provider) -> None:
    one, two = a("web"), a("web", "192.0.2.1", "192.0.2.2", "192.0.2.3")
    provider.apply([put(one, claim(one))])
    assert backend.content() == {one, claim(one)} == listed(provider)
    provider.apply([swap([one], [two], claim(one))])
    assert backend.content() == {two, claim(one)} == listed(provider)
    provider.apply([swap([two, claim(one)], [])])
    assert backend.content() == set() == listed(provider)


def test_both_families_with_their_claims(backend: Backend, provider: Provider) -> None:
    records = [a("web"), aaaa("web"), claim(a("web")), claim(aaaa("web"))]
    provider.apply([put(*records)])
    assert backend.content() == set(records)
    provider.apply([swap([records[1], records[3]], [], records[2])])
    assert backend.content() == {records[0], records[2]}


def test_addresses_and_an_alias_take_turns(backend: Backend, provider: Provider) -> None:
    """Down: a CNAME for A and AAAA, with the claims of the one for those of the other; and up."""
    up = [a("web", "192.0.2.1", "192.0.2.2"), aaaa("web"), claim(a("web")), claim(aaaa("web"))]
    down = [cname("web"), claim(cname("web"))]
    provider.apply([put(*up)])
    for old, new in ((up, down), (down, up), (up, down)):
        provider.apply([swap(old, new)])
        assert backend.content() == set(new) == listed(provider)


def test_another_ttl(backend: Backend, provider: Provider) -> None:
    if not backend.traits.has_ttl:
        pytest.skip("no TTL of its own")
    for old, new in ((180, 30), (30, 86_400), (86_400, 0)):
        backend.put(a("web", ttl=old))
        provider.apply([swap([a("web", ttl=old)], [a("web", ttl=new)])])
        assert backend.content() == {a("web", ttl=new)} == listed(provider)


def test_many_changes_at_once(backend: Backend, provider: Provider) -> None:
    """As many as a call takes, and as a keeper cuts more of them."""
    first = [a(f"w{n}") for n in range(300)]
    send(provider, [put(record, claim(record)) for record in first])
    assert backend.content() == {*first, *map(claim, first)}
    moved = [a(f"w{n}", "192.0.2.99") for n in range(300)]
    send(
        provider,
        [swap([old], [new], claim(old)) for old, new in zip(first, moved, strict=True)],
    )
    assert backend.content() == {*moved, *map(claim, first)} == listed(provider)
    send(provider, [swap([record, claim(record)], []) for record in moved])
    assert backend.content() == set()


def send(provider: Provider, changes: list[Change]) -> None:
    """As few calls as the limits allow."""
    while changes:
        batch = base.batch(changes, provider.limits)
        provider.apply(batch)
        changes = changes[len(batch) :]


def test_the_biggest_call(backend: Backend, provider: Provider) -> None:
    """Exactly what the limits say goes through."""
    size = min(provider.limits.changes or 1_000, 1_000)
    records = [a(f"w{number}") for number in range(size)]
    provider.apply([put(record) for record in records])
    assert backend.content() == set(records)


def test_nothing(backend: Backend, provider: Provider) -> None:
    backend.put(a("web"))
    with unchanged(backend):
        provider.apply([])


# --- texts --------------------------------------------------------------------------------------

TEXTS = [
    "plain",
    "",
    'with "quotes" and a \\ in it',
    "heritage=external-dns,external-dns/owner=me;x=y z,(a)@$",
    "two  blanks,\ttab",
    "ümlaut, 漢字",
    "x" * 255,
    "y" * 700,
    '\\"' * 200,
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_texts_come_back_in_the_same_spelling(
    backend: Backend, provider: Provider, text: str
) -> None:
    if len(text) > 255 and not backend.traits.keeps_strings:
        pytest.skip("its strings are cut otherwise")
    record = txt("note", quoted(text))
    if backend.traits.spoils and re.search(backend.traits.spoils, text):
        with unchanged(backend), pytest.raises(Rejected):
            provider.apply([put(record)])
        return
    provider.apply([put(record)])
    (found,) = listed(provider)
    assert found == record
    assert unquoted(found.values[0]) == text
    assert backend.content() == {record}
    provider.apply([swap([found], [txt("note", '"other"')])])
    assert backend.content() == {txt("note", '"other"')}


def test_several_texts_at_a_name(backend: Backend, provider: Provider) -> None:
    record = txt("note", '"one"', '"two \\" \\\\"', quoted("three" * 80))
    if not backend.traits.keeps_strings:
        record = txt("note", '"one"', '"two \\""', '"three"')
    provider.apply([put(record)])
    assert listed(provider) == {record} == backend.content()


def test_strings_stay_as_they_were_cut(backend: Backend, provider: Provider) -> None:
    if not backend.traits.keeps_strings:
        pytest.skip("its strings are cut otherwise")
    record = txt("note", '"a" "b c" ""')
    backend.put(record)
    assert listed(provider) == {record}
    with unchanged(backend):
        provider.apply([put(a("web"))])
        provider.apply([swap([a("web")], [])])


# --- what is in the way -------------------------------------------------------------------------


def test_foreign_records_stay_byte_for_byte(backend: Backend, provider: Provider) -> None:
    beside = a("web", "198.51.100.7")
    for record in (*backend.traits.foreign, beside):
        backend.put(record)
    before = backend.content()
    ours = [aaaa("web"), claim(aaaa("web")), a("api"), cname("db")]
    provider.apply([put(ours[0], ours[1]), put(ours[2]), put(ours[3])])
    assert backend.content() == before | set(ours)
    provider.apply([swap(ours[:2], []), swap([ours[2]], [cname("api")]), swap([ours[3]], [])])
    provider.apply([swap([cname("api")], [])])
    assert backend.content() == before


OUTDATED = {
    "is there already": swap([], [a("web", "192.0.2.9")]),
    "is there already, the same": swap([], [a("web")]),
    "its claim is there already": swap([], [aaaa("web"), claim(a("web"))]),
    "other values": swap([a("web", "192.0.2.9")], [a("web", "192.0.2.10")]),
    "fewer values": swap([a("web", "192.0.2.1", "192.0.2.2")], []),
    "is not there": swap([aaaa("web")], [aaaa("web", "2001:db8::9")]),
    "no such name": swap([a("nobody")], []),
    "another type": swap([cname("web")], [a("web")]),
    "its claim is another one": swap([a("web"), claim(a("web"), 2)], []),
    "what it keeps is not there": swap([a("web")], [], claim(aaaa("web"))),
    "what it keeps is another one": swap([a("web")], [], claim(a("web"), 2)),
}


@pytest.mark.parametrize("case", OUTDATED)
def test_a_zone_that_is_not_as_it_was_read(backend: Backend, provider: Provider, case: str) -> None:
    change = OUTDATED[case]
    if change.keeps and not backend.traits.looks_at_keeps:
        pytest.skip("it does not look at what is kept")
    backend.put(a("web"))
    backend.put(claim(a("web")))
    with unchanged(backend), pytest.raises(Outdated) as caught:
        provider.apply([change])
    assert caught.value.done in (0, None)


def test_another_ttl_than_was_read(backend: Backend, provider: Provider) -> None:
    if not (backend.traits.tells_ttls and backend.traits.has_ttl):
        pytest.skip("it does not tell")
    backend.put(a("web", ttl=60))
    with unchanged(backend), pytest.raises(Outdated):
        provider.apply([swap([a("web")], [a("web", "192.0.2.9")])])


@pytest.mark.parametrize("beside", ["MX", "A", "CNAME"])
def test_a_cname_and_anything_else_exclude_each_other(
    backend: Backend, provider: Provider, beside: str
) -> None:
    """Others' records stay, and nothing of the change is done."""
    there = {
        "MX": record_set(f"web.{LADDER}", "MX", 180, ["10 mx.example.net."]),
        "A": a("web"),
        "CNAME": cname("web"),
    }[beside]
    backend.put(there)
    new = aaaa("web") if beside == "CNAME" else cname("web")
    with unchanged(backend), pytest.raises((Outdated, Rejected)):
        provider.apply([put(new, claim(new))])


def test_a_cname_in_place_of_a_part(backend: Backend, provider: Provider) -> None:
    """The A goes, but an AAAA of somebody else is there: the CNAME cannot come, so the A stays."""
    backend.put(a("web"))
    backend.put(aaaa("web"))
    with unchanged(backend), pytest.raises((Outdated, Rejected)):
        provider.apply([swap([a("web")], [cname("web")])])


@pytest.mark.parametrize("place", [0, 7, 19])
def test_one_outdated_change_among_many(backend: Backend, provider: Provider, place: int) -> None:
    """None of an atomic call is done; else those before it, and the error says how many."""
    records = [a(f"w{number:02}") for number in range(20)]
    backend.put(a(f"w{place:02}", "198.51.100.1"))
    before = backend.content()
    with pytest.raises(Outdated) as caught:
        provider.apply([put(record, claim(record)) for record in records])
    check_done(backend, provider, caught.value, before, records[:place])


@pytest.mark.parametrize("place", [0, 7, 19])
def test_one_refused_change_among_many(backend: Backend, provider: Provider, place: int) -> None:
    refused = backend.traits.refused
    if refused is None:
        pytest.skip("nothing is refused")
    records = [a(f"w{number:02}") for number in range(20)]
    changes = [put(record, claim(record)) for record in records]
    changes[place] = put(refused)
    with pytest.raises(Rejected, match=backend.traits.refusal) as caught:
        provider.apply(changes)
    check_done(backend, provider, caught.value, frozenset(), records[:place])


def check_done(
    backend: Backend, provider: Provider, error: ProviderTrouble, before: frozenset[RecordSet],
    ahead: list[RecordSet],
) -> None:  # fmt: skip
    """Of those ahead of the culprit the first ones are done, whole; the error knows how many."""
    after = backend.content()
    done = sum(record in after for record in ahead)
    assert after == before | {*ahead[:done], *map(claim, ahead[:done])}
    assert error.done in (done, None)
    if provider.limits.is_atomic:
        assert done == 0


def test_a_refused_change_alone(backend: Backend, provider: Provider) -> None:
    """The provider's own words; its neighbours go on."""
    refused = backend.traits.refused
    if refused is None:
        pytest.skip("nothing is refused")
    with unchanged(backend), pytest.raises(Rejected, match=backend.traits.refusal) as caught:
        provider.apply([put(a("web"), refused)])
    assert caught.value.done in (0, None)
    provider.apply([put(a("web"))])
    assert backend.content() == {a("web")}


def test_a_cname_beside_our_own(backend: Backend, provider: Provider) -> None:
    """Which no zone takes, whatever is there."""
    with unchanged(backend), pytest.raises(Rejected):
        provider.apply([put(a("web"), cname("web"))])


@pytest.mark.parametrize("name", [f"web.{ZONE[:-1]}.org.", "example.org.", f"not{ZONE}"])
def test_a_name_outside_the_zone(backend: Backend, provider: Provider, name: str) -> None:
    with unchanged(backend), pytest.raises(Rejected):
        provider.apply([put(record_set(name, "A", 180, ["192.0.2.1"]))])


# --- trouble ------------------------------------------------------------------------------------


def test_trouble_in_our_words(
    backend: Backend, caplog: pytest.LogCaptureFixture, subtests: pytest.Subtests
) -> None:
    """Each ends in its error, on reading and on changing, without a secret; then all is well."""
    caplog.set_level(logging.DEBUG)
    backend.put(a("web"))
    for name, trouble in backend.traits.troubles.items():
        with subtests.test(name), trouble.arrange() as provider:
            for call in (lambda: listed(provider), lambda: provider.apply([put(a("new"))])):
                with pytest.raises(trouble.raises, match=trouble.words) as caught:
                    call()
                assert isinstance(caught.value, ProviderTrouble | OperatorNeeded)
                check_secrets(backend, caught.value, provider, caplog.text)
    backend.clear()
    with contextlib.closing(backend.open()) as provider:
        provider.apply([put(a("web"))])
        assert listed(provider) == {a("web")}


def check_secrets(backend: Backend, error: BaseException, provider: Provider, log: str) -> None:
    said = "".join(traceback.format_exception(error)) + repr(provider) + repr(vars(provider)) + log
    for secret in backend.traits.secrets:
        assert re.search(re.escape(secret), said) is None


def test_two_at_the_same_zone(backend: Backend, provider: Provider) -> None:
    """What one did, the other's change meets, and its next reading sees."""
    assert listed(provider) == set()
    with contextlib.closing(backend.open()) as other:
        other.apply([put(a("web"))])
        with pytest.raises(Outdated):
            provider.apply([put(a("web", "192.0.2.9"))])
        assert listed(provider) == {a("web")}
        provider.apply([swap([a("web")], [cname("web")])])
        with pytest.raises(Outdated):
            other.apply([swap([a("web")], [])])
        assert listed(other) == {cname("web")} == backend.content()
