"""Where claims are and what they say: external-dns' registry format, row by row.

The rows of names were taken from its own name mapper; `test_external_dns` asks it again.
"""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from feddns.errors import SettingRefused
from feddns.providers import claims
from feddns.providers.claims import Registry, registry
from feddns.providers.recordsets import Key

WEB = "web.shop.example.com."
NAMES = [
    # prefix, suffix, key of the record set, name of its claim
    ("_%{record_type}.", "", (WEB, "A"), "_a.web.shop.example.com."),
    ("_%{record_type}.", "", (WEB, "AAAA"), "_aaaa.web.shop.example.com."),
    ("_%{record_type}.", "", (WEB, "CNAME"), "_cname.web.shop.example.com."),
    ("", "", (WEB, "A"), "a-web.shop.example.com."),
    ("", "", (WEB, "AAAA"), "aaaa-web.shop.example.com."),
    ("", "", (WEB, "CNAME"), "cname-web.shop.example.com."),
    ("", "", ("a-web.shop.example.com.", "A"), "a-a-web.shop.example.com."),
    ("x-", "", (WEB, "A"), "x-a-web.shop.example.com."),
    ("txt.", "", (WEB, "A"), "txt.a-web.shop.example.com."),
    ("%{record_type}-txt.", "", (WEB, "AAAA"), "aaaa-txt.web.shop.example.com."),
    ("", "-txt", (WEB, "A"), "a-web-txt.shop.example.com."),
    ("", "-%{record_type}", (WEB, "CNAME"), "web-cname.shop.example.com."),
    ("", "-%{record_type}.txt", (WEB, "A"), "web-a.txt.shop.example.com."),
    ("", ".txt.x", (WEB, "A"), "a-web.txt.x.shop.example.com."),
    ("", "", ("*.shop.example.com.", "CNAME"), "cname-_any.shop.example.com."),
    ("_%{record_type}.", "", ("*.shop.example.com.", "A"), "_a._any.shop.example.com."),
]


@pytest.mark.parametrize(("prefix", "suffix", "key", "name"), NAMES)
def test_the_name_of_a_claim(prefix: str, suffix: str, key: Key, name: str) -> None:
    found = registry("me", prefix, suffix)
    assert found.name_of(key) == name
    assert found.claimed(name) == key


@pytest.mark.parametrize(("prefix", "suffix", "key", "name"), NAMES)
def test_an_alias_is_claimed_as_a(prefix: str, suffix: str, key: Key, name: str) -> None:
    if key[1] == "A":
        assert registry("me", prefix, suffix).name_of((key[0], "ALIAS")) == name


labels = st.from_regex(r"\A(\*|[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?)\Z")
affixes = st.sampled_from([(prefix, suffix) for prefix, suffix, _, _ in NAMES])


@given(affixes, labels, st.sampled_from(claims.CLAIMED_TYPES))
def test_a_claim_says_what_it_claims(affix: tuple[str, str], label: str, type: str) -> None:
    found = Registry("me", *affix)
    key = f"{label}.shop.example.com.", type
    assert found.claimed(found.name_of(key)) == key


@given(affixes, st.text("abc-_.%*", max_size=20))
def test_any_name_claims_one_record_set_or_none(affix: tuple[str, str], name: str) -> None:
    found = Registry("me", *affix)
    key = found.claimed(name)
    assert key is None or found.name_of(key) == name


@pytest.mark.parametrize("name", ["", ".", "example.com.", "_a.", "_a..", "_a.web", "_mx.web.x."])
def test_other_names_claim_nothing(name: str) -> None:
    assert registry("me").claimed(name) is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"owner": ""}, "owner id '' must be 1 to 100 letters"),
        ({"owner": "a,b"}, "owner id 'a,b' must be"),
        ({"owner": 'a"b'}, "must be 1 to 100 letters"),
        ({"owner": "a" * 101}, "must be 1 to 100 letters"),
        ({"prefix": "a.", "suffix": "-b"}, "a prefix or a suffix, not both"),
        ({"prefix": "a b"}, "'a b' makes no name for ownership records"),
        ({"prefix": "a..b"}, "'a..b' makes no name"),
        ({"prefix": "%{type}-"}, "'%{type}-' makes no name"),
        ({"suffix": "."}, "'.' makes no name"),
        ({"prefix": "p" * 60}, "makes no name"),
        ({"key": "short"}, "must be 32 octets"),
    ],
)
def test_settings_that_cannot_be(given: dict[str, str], words: str) -> None:
    with pytest.raises(SettingRefused, match=words.translate({ord("{"): r"\{", ord("("): r"\("})):
        registry(**{"owner": "me", **given})


def test_a_suffix_takes_the_place_of_the_usual_prefix() -> None:
    assert registry("me", suffix="-X").name_of((WEB, "A")) == "a-web-x.shop.example.com."


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("heritage=external-dns,external-dns/owner=me", {"external-dns/owner": "me"}),
        ("external-dns/owner=me,heritage=external-dns", {"external-dns/owner": "me"}),
        ("heritage=external-dns,word,a=b=c", {"a": "b=c"}),
        ("heritage=external-dns", {}),
        ("heritage=mate,external-dns/owner=me", None),
        ("external-dns/owner=me", None),
        ("v=spf1 -all", None),
        ("", None),
    ],
)
def test_what_a_text_says(text: str, labels: dict[str, str] | None) -> None:
    assert claims.read(text) == labels


def test_text_and_back() -> None:
    said = {"external-dns/owner": "feddns-ufp", "feddns/clusters": "c1+c2"}
    text = "heritage=external-dns,external-dns/owner=feddns-ufp,feddns/clusters=c1+c2"
    assert claims.write(said) == text
    assert claims.read(text) == said
