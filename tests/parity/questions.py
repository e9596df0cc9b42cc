"""The questions about a world: every name that it has, and many that it has not.

    of a Service           itself, its ports in all spellings, its endpoints by hostname and address
    of a namespace         itself in svc and pod, names below that do not exist
    of the zone            apex, svc, pod, dns, ns.dns, dns-version, deep and odd names
    of an address          PTR of each, of neighbours, of what is between, too long ones

Names of Services, namespaces and the zone are asked for every type, the others for those that they
may have and two more, in turn; some again in other cases, sizes, classes and over TCP.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterable, Iterator, Sequence

from tests.parity.comparing import Question
from tests.worldobjects import Object

ZONE = "cluster.local."
TYPES = ("A", "AAAA", "SRV", "PTR", "CNAME", "TXT", "NS", "SOA", "ANY", "MX", "HTTPS")
_WAYS: tuple[dict[str, object], ...] = (
    {"edns": None}, {"edns": 512}, {"edns": 1232, "want_dnssec": True}, {"edns": 4096},
    {"edns": 4096, "want_dnssec": True}, {"tcp": True}, {"tcp": True, "edns": None},
)  # fmt: skip


def make(objects: Sequence[Object]) -> list[Question]:
    """All questions, each once, in a fixed order."""
    names = list(dict.fromkeys(itertools.chain(of_zone(), of_objects(objects))))
    found = [Question(name, kind) for turn, name in enumerate(names) for kind in types(name, turn)]
    for name in names[::5]:
        found += [Question(spelled, kind) for spelled in cases(name) for kind in ("A", "SRV")]
    for name in [*names[::16], *(name for name in names if name.startswith("cr"))]:
        found += [
            Question(name, kind, **way)  # type: ignore[arg-type]
            for way in _WAYS
            for kind in ("A", "AAAA", "SRV", "PTR")
        ]
    found += [
        Question(name, "A", klass=klass) for name in names[::80] for klass in ("CH", "HS", "ANY")
    ]
    return list(dict.fromkeys(found))


def types(name: str, turn: int) -> Iterable[str]:
    """The types that a name is asked for."""
    if name.count(".") <= 5 or name.startswith(("ext-", "ns.", "dns")):
        return TYPES
    likely = ("PTR",) if name.endswith(".arpa.") else ("A", "AAAA", "SRV")
    return (*likely, *(TYPES[(2 * turn + more) % len(TYPES)] for more in (0, 1)))


def cases(name: str) -> tuple[str, str]:
    """The same name in capitals, and mixed."""
    mixed = "".join(c.upper() if i % 2 else c for i, c in enumerate(name))
    return name.upper(), mixed


def of_zone() -> Iterator[str]:
    for prefix in (
        "", "svc.", "pod.", "dns.", "ns.dns.", "x.ns.dns.", "dns-version.", "x.dns-version.",
        "nope.",
        "nope.svc.", "nope.nope.svc.", "nope.nope.nope.svc.", "a.b.c.d.e.svc.", "nope.pod.",
        "10-244-1-1.nope.pod.", "nodes.", "_tcp.", "_http._tcp.", "_http._tcp.svc.", "*.", "*.svc.",
        "*.zoo.svc.", "web.*.svc.", "any.zoo.svc.", "_.zoo.svc.", "b._dns-sd._udp.", "wpad.",
        "svc.svc.", "pod.svc.", "svc.pod.", "svc.cluster.local.svc.", "zoo.svc.cluster.local.",
        "zoo.", "web.zoo.", "\\000.zoo.svc.", "a\\.b.zoo.svc.", "web\\.zoo.svc.", "é.zoo.svc.",
        "x" * 63 + ".zoo.svc.", "-web.zoo.svc.", "web-.zoo.svc.", "we b.zoo.svc.",
    ):  # fmt: skip
        yield prefix.replace("é", "\\195\\169").replace(" ", "\\032") + ZONE
    yield from (".", "local.", "www.example.net.", "cluster.local.example.net.", "xcluster.local.")
    for zone in ("10.in-addr.arpa.", "d.f.ip6.arpa."):
        for prefix in ("", "svc.", "dns-version.", "ns.dns.", "pod.", "zoo.svc.", "x.", "0.", "96.",
                       "1.96.", "00.96.", "256.96.", "0.0.d.f.", "-1.96."):  # fmt: skip
            yield prefix + zone
    yield from (
        "in-addr.arpa.",
        "ip6.arpa.",
        "1.1.168.192.in-addr.arpa.",
        "1.0.0.127.in-addr.arpa.",
    )


def of_objects(objects: Sequence[Object]) -> Iterator[str]:
    slices = [each for each in objects if each["kind"] == "EndpointSlice"]
    for each in objects:
        name, namespace = each["metadata"]["name"], each["metadata"].get("namespace", "")
        if each["kind"] == "Namespace":
            yield from of_namespace(name)
        elif each["kind"] == "Service":
            mine = [one for one in slices if _service(one) == (namespace, name)]
            yield from of_service(each, mine)
        elif each["kind"] == "Pod":
            yield from of_addresses(namespace, [one["ip"] for one in each["status"]["podIPs"]])
            yield f"{name}.{namespace}.pod.{ZONE}"
    for each in slices:
        namespace, service = _service(each)
        below = f"{service or 'x'}.{namespace}.svc.{ZONE}"
        yield below
        for endpoint in (*each["endpoints"][:4], *each["endpoints"][-1:]):
            yield f"{endpoint.get('hostname', 'nope')}.{below}"
            yield f"{endpoint.get('targetRef', {}).get('name', 'nope')}.{below}"
            yield from (f"{dashed(address)}.{below}" for address in endpoint["addresses"])
            yield from of_addresses(namespace, endpoint["addresses"])


def _service(each: Object) -> tuple[str, str]:
    metadata = each["metadata"]
    return metadata["namespace"], metadata.get("labels", {}).get("kubernetes.io/service-name", "")


def of_namespace(name: str) -> Iterator[str]:
    for prefix in ("", "nope.", "nope.nope.", "a.b.c.", "_http._tcp.nope.", "10-244-1-1.", "*."):
        yield f"{prefix}{name}.svc.{ZONE}"
    for prefix in ("", "nope.", "10-244-1-1.", "x.10-244-1-1.", "10-244-7-1.", "--.", "10-244-1.",
                   "fd00--1.", "010-244-7-1.", "--ffff-af4-701."):  # fmt: skip
        yield f"{prefix}{name}.pod.{ZONE}"


def of_service(service: Object, slices: Iterable[Object]) -> Iterator[str]:
    metadata, spec = service["metadata"], service["spec"]
    name = f"{metadata['name']}.{metadata['namespace']}.svc.{ZONE}"
    yield name
    yield from (f"{prefix}.{name}" for prefix in (
        "nope", "x.nope", "_tcp", "_udp", "_sctp", "_nope._tcp", "_._tcp", "_http._", "_",
        "_http._tcp.nope"))  # fmt: skip
    ports = [*spec["ports"], *(port for each in slices for port in each["ports"])]
    for port in {(port["name"], port["protocol"].lower()): 0 for port in ports}:
        label, protocol = port
        for prefix in (f"_{label}._{protocol}", f"{label}.{protocol}", f"_{label}.{protocol}",
                       f"_{label}._udp", f"x._{label}._{protocol}"):  # fmt: skip
            if label or "_." in prefix:
                yield f"{prefix}.{name}"
    yield from of_addresses(metadata["namespace"], spec.get("clusterIPs", ()))
    yield from (f"{dashed(address)}.{name}" for address in spec.get("clusterIPs", ()))


def of_addresses(namespace: str, addresses: Iterable[str]) -> Iterator[str]:
    """The PTR name and the pod's name of each, and what is around the first."""
    for turn, text in enumerate(addresses):
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue
        pointer = address.reverse_pointer + "."
        yield from (pointer, f"{dashed(text)}.{namespace}.pod.{ZONE}")
        if turn == 0:
            yield from (f"x.{pointer}", f"1.{pointer}", pointer.partition(".")[2])
            yield (address + 100).reverse_pointer + "."


def dashed(address: str) -> str:
    """The label of an endpoint without a hostname."""
    text = address.replace(".", "-").replace(":", "-")
    return f"{text}0" if text.endswith("--") else text
