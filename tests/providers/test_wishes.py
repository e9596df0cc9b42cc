"""What each Service wants, and at which names that has changed."""

from __future__ import annotations

from feddns.providers.desired import Wanted
from feddns.providers.ownership import Mark
from feddns.providers.recordsets import RecordSet, record_set
from feddns.providers.wishes import Wishes

WEB = record_set("web.example.com", "A", 180, ["192.0.2.1"])
WEB6 = record_set("web.example.com", "AAAA", 180, ["2001:db8::1"])
EU = record_set("eu.web.example.com", "CNAME", 180, ["web.example.com"])
OTHER = record_set("eu.web.example.com", "CNAME", 60, ["web.example.com"])


def wanted(
    *records: RecordSet, service: str = "shop/web", generation: int = 1
) -> tuple[Wanted, ...]:
    mark = Mark(f"service/{service}", (), generation)
    return tuple(Wanted(record, mark) for record in records)


def test_names_that_change() -> None:
    wishes = Wishes()
    assert wishes.put("shop/web", wanted(WEB, WEB6, EU)) == [WEB.name, EU.name]
    assert wishes.put("shop/web", wanted(WEB, WEB6, EU)) == []
    assert wishes.put("shop/web", wanted(WEB6, WEB, EU)) == []
    assert wishes.put("shop/web", wanted(WEB, EU)) == [WEB.name]
    assert wishes.put("shop/web", wanted(WEB, OTHER)) == [EU.name]
    assert wishes.put("shop/web", wanted(WEB)) == [EU.name]
    assert wishes.put("shop/web", ()) == [WEB.name]
    assert wishes.put("shop/web", ()) == []
    assert wishes.names == {}


def test_where_it_comes_from_is_no_change_but_is_kept() -> None:
    wishes = Wishes()
    wishes.put("shop/web", wanted(WEB))
    assert wishes.put("shop/web", wanted(WEB, generation=2)) == []
    assert wishes.names[WEB.name][0].mark.generation == 2


def test_a_name_of_two() -> None:
    wishes = Wishes()
    one, other = wanted(WEB), wanted(WEB6, service="shop/other")
    wishes.put("shop/web", one)
    assert wishes.put("shop/other", other) == [WEB.name]
    assert set(wishes.names[WEB.name]) == {*one, *other}
    assert wishes.put("shop/web", ()) == [WEB.name]
    assert wishes.names == {WEB.name: other}


def test_names_that_are_left_are_known_until_they_are_gone() -> None:
    wishes = Wishes()
    wishes.put("shop/web", wanted(WEB, EU))
    wishes.put("shop/web", wanted(WEB))
    assert wishes.names_of("shop/web") == {WEB.name, EU.name}
    wishes.left("shop/web", {EU.name})
    assert wishes.names_of("shop/web") == {WEB.name}
    wishes.put("shop/web", ())
    assert wishes.names_of("shop/web") == {WEB.name}
    wishes.left("shop/web", {WEB.name})
    assert wishes.names_of("shop/web") == set()
    wishes.left("shop/web", {WEB.name})
