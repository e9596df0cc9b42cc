"""The annotation `federation.feddns.dev/probe` of a federated Service: how its shards are probed.

    annotation                            each load-balancer address of a shard is asked
    missing                               tcp, from the first missed look at the member's API to
                                          the next good one; else not: every second first, every
                                          10 s when nothing changes
    none                                  never
    tcp  tcp:443  tcp:https               for a connection to the first TCP port, or to this one
    http://HOST:PORT/PATH                 GET PATH; HOST goes into the request only, and may be
                                          missing, as may PORT (the first TCP port) and PATH (/)
    https://HOST:PORT/PATH                the same by TLS; HOST is the server name (SNI), too

    words after it       default    least … most
    every=5s             10s        1s … 300s       between two outcomes
    timeout=500ms        2s         100ms … 60s     for one outcome; at most `every`
    rise=2               2          1 … 10          passes in a row until dead is alive
    fall=3               3          1 … 10          failures in a row until alive is dead
    expect=200-399       200-399    100 … 599       status of the answer: a code or a range
    verify=yes           no         yes, no         whether the certificate is checked

    https://shop.example.com/healthz every=5s expect=204

A shard passes when one of its addresses does.  Anything else is refused, with one line.
Pure.  Called by the controllers; `prober` does it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from feddns.errors import ObjectRefused

ANNOTATION = "federation.feddns.dev/probe"
_DURATION = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(ms|s|m)\Z", re.ASCII)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
_HOST = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9.]{0,251}[A-Za-z0-9])?\Z")
_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?\Z")
_VISIBLE = re.compile(r"[!-~]*\Z")


class Probe(msgspec.Struct, frozen=True):
    """How to probe.  `way`: none, tcp, http, https; `port`: a number, a name, or the first.

    `on_loss`: only while the member's API does not answer.
    """

    way: str = "tcp"
    host: str = ""
    port: str = ""
    path: str = "/"
    every: float = 10.0
    timeout: float = 2.0
    rise: int = 2
    fall: int = 3
    least: int = 200
    most: int = 399
    verify: bool = False
    on_loss: bool = False


DEFAULT = Probe(every=1.0, timeout=1.0, fall=2, on_loss=True)
"""Of a Service without the annotation.  Quick: names point at the shard until it is known dead."""


class Target(msgspec.Struct, frozen=True):
    """What is asked: an address (or a load balancer's hostname) and a port."""

    address: str
    port: int


@functools.lru_cache(1024)
def parse(annotation: str | None) -> Probe | None:
    """How to probe; None for not at all.  Raises `ObjectRefused`."""
    if annotation is None:
        return DEFAULT
    try:
        what, *words = annotation.split() or [""]
        if what == "none" and not words:
            return None
        probe = _with_words(_what(what), words)
    except ValueError as error:
        raise ObjectRefused(f"annotation {ANNOTATION} {annotation!r}: {error}") from error
    return probe


def _what(text: str) -> Probe:
    """The first word.  Raises ValueError."""
    way, colon, rest = text.partition(":")
    if way == "tcp":
        return Probe(port=_port(rest) if colon else "")
    if way in ("http", "https") and rest.startswith("//") and _VISIBLE.match(text):
        url = urlsplit(text)
        if url.username is not None or url.fragment:
            raise ValueError("no user and no fragment can stand in it")
        host, _, port = url.netloc.partition(":")
        if host and not _HOST.match(host):
            raise ValueError(f"{host!r} is no host name; leave it out to ask by address")
        query = f"?{url.query}" if url.query else ""
        path = (url.path or "/") + query
        return Probe(way, host, _port(port) if port else "", path)
    raise ValueError("begin with none, tcp, tcp:PORT, http://HOST:PORT/PATH or https://…")


def _port(text: str) -> str:
    is_number = text.isascii() and text.isdigit()
    if (is_number and 0 < int(text) < 65536) or (not is_number and _PORT_NAME.match(text)):
        return text
    raise ValueError(f"{text!r} is no port: a number from 1 to 65535, or the name of a port")


def _with_words(probe: Probe, words: Iterable[str]) -> Probe:
    changes: dict[str, Any] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name not in _WORDS:
            raise ValueError(f"{word!r} is none of {', '.join(f'{one}=…' for one in _WORDS)}")
        changes.update(_WORDS[name](name, value))
    probe = msgspec.structs.replace(probe, **changes)
    if "timeout" not in changes:
        probe = msgspec.structs.replace(probe, timeout=min(probe.timeout, probe.every))
    if probe.timeout > probe.every:
        raise ValueError(f"timeout={probe.timeout:g}s is longer than every={probe.every:g}s")
    return probe


def _duration(least: float, most: float) -> Callable[[str, str], Mapping[str, Any]]:
    def read(name: str, value: str) -> Mapping[str, Any]:
        found = _DURATION.match(value)
        seconds = float(found[1]) * _UNITS[found[2]] if found else -1.0
        if not least <= seconds <= most:
            raise ValueError(f"{name}={value} is no duration from {least:g}s to {most:g}s")
        return {name: seconds}

    return read


def _count(name: str, value: str) -> Mapping[str, Any]:
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= 10):
        raise ValueError(f"{name}={value} is no count from 1 to 10")
    return {name: int(value)}


def _codes(name: str, value: str) -> Mapping[str, Any]:
    low, dash, high = value.partition("-")
    ends = [low, high if dash else low]
    if not all(re.fullmatch("[1-5][0-9][0-9]", end, re.ASCII) for end in ends) or ends[0] > ends[1]:
        raise ValueError(f"{name}={value} is no status such as 200, and no range such as 200-399")
    return {"least": int(ends[0]), "most": int(ends[1])}


def _yes(name: str, value: str) -> Mapping[str, Any]:
    if value not in ("yes", "no"):
        raise ValueError(f"{name}={value} is neither yes nor no")
    return {name: value == "yes"}


_WORDS: Mapping[str, Callable[[str, str], Mapping[str, Any]]] = {
    "every": _duration(1, 300), "timeout": _duration(0.1, 60), "rise": _count, "fall": _count,
    "expect": _codes, "verify": _yes,
}  # fmt: skip


def targets(probe: Probe, service: Mapping[str, Any], entries: Iterable[Any]) -> list[Target]:
    """What to ask of a shard with these load-balancer entries; empty when there is no such port."""
    port = _number(probe.port, service)
    if port is None:
        return []
    return [Target(one.get("ip") or one["hostname"], port) for one in entries]


def _number(port: str, service: Mapping[str, Any]) -> int | None:
    if port.isdigit():
        return int(port)
    for one in (service.get("spec") or {}).get("ports") or ():
        is_tcp = one.get("protocol", "TCP") == "TCP"
        if is_tcp and port in ("", one.get("name")):
            return int(one["port"])
    return None
