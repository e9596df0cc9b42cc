"""What can be broken, and what each takes down."""

from __future__ import annotations

import pytest

from feddns.errors import SettingRefused
from feddns.playground import layout
from feddns.playground.faults import Down, Fault, What, down, parse

LAYOUT = layout.make("east:us,west:us,eu", 10)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("pod east/nginx", Down(pods=frozenset({("east", "default", "nginx")}))),
        ("pod east/shop/cart", Down(pods=frozenset({("east", "shop", "cart")}))),
        ("zone west-b", Down(zones=frozenset({"west-b"}))),
        ("api eu", Down(apis=frozenset({"eu"}))),
        ("data eu", Down(data=frozenset({"eu"}))),
        ("cluster eu", Down(frozenset({"eu"}), frozenset({"eu"}), frozenset({"eu"}))),
        ("region us", Down(*[frozenset({"east", "west"})] * 3)),
        ("federation", Down(federation=True)),
    ],
)
def test_each_takes_down(words: str, expected: Down) -> None:
    fault = parse(words.split(), LAYOUT)
    assert down([fault], LAYOUT) == expected
    assert parse(str(fault).split(), LAYOUT) == fault


def test_faults_add_up() -> None:
    both = down([Fault(What.API, "eu"), Fault(What.CLUSTER, "west")], LAYOUT)
    assert both.apis == {"eu", "west"}
    assert both.data == {"west"}


@pytest.mark.parametrize(
    ("words", "word"),
    [
        ("", "cannot fail"),
        ("moon", "what can is: pod, zone"),
        ("zone", "one name is needed, for example zone east-a"),
        ("zone mars", "there are: east-a, east-b"),
        ("cluster mars", "there are: east, west, eu"),
        ("pod nginx", "CLUSTER/"),
        ("pod mars/nginx", "CLUSTER/"),
        ("pod east/shop/cart/1", "CLUSTER/"),
        ("federation now", "there is one only"),
    ],
)
def test_what_cannot_fail(words: str, word: str) -> None:
    with pytest.raises(SettingRefused, match=word):
        parse(words.split(), LAYOUT)
