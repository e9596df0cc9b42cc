"""Objects and questions from a small pool of names, so that everything meets everything."""

from __future__ import annotations

from hypothesis import strategies as st

from feddns import names
from feddns.events import Event, Gone, Object, Put
from feddns.federations import Federation, Federations
from feddns.nameservers import Nameservers, StubDomain
from feddns.services import (
    Endpoint,
    FederatedService,
    Ingress,
    Kind,
    Namespace,
    Pod,
    Port,
    Service,
    Shard,
    Slice,
)
from feddns.topology import Cluster, Node
from tests.world import ip

NAMESPACES = [b"a", b"fed"]
"""The second is called like a federation."""
SERVICES = [b"web", b"a"]
ADDRESSES = [ip(text) for text in ("10.0.0.1", "10.0.0.2", "fd00::1")]
PUBLIC = [ip(text) for text in ("198.51.100.1", "198.51.100.2", "2001:db8::1")]
HOSTNAMES = [b"", b"", b"h", b"web"]
TARGETS = [
    names.parse(text)
    for text in ("web.a.svc.cluster.local", "a.a.svc.cluster.local", "web.a.fed.svc.cluster.local",
                 "www.example.net", "web.a.fed.svc.z1.r1.example.com")
]  # fmt: skip
ZONES = ["", "z1", "z2"]
REGIONS = ["", "r1", "r2"]
CLUSTERS = ["c1", "c2"]

_CLUSTER = [
    "svc", "a.svc", "fed.svc", "pod", "a.pod", "web.a.svc", "a.a.svc", "web.fed.svc", "a.fed.svc",
    "h.web.a.svc", "web.web.a.svc", "10-0-0-1.web.a.svc", "p.web.a.svc", "web.a.fed.svc",
    "a.a.fed.svc", "web.fed.fed.svc", "h.web.a.fed.svc", "web.a.two.svc", "_tcp.web.a.svc",
    "_tcp.a.a.fed.svc", "10-0-0-1.a.pod", "10-0-0-2.a.pod", "nope.a.svc", "nope.fed.svc",
    "more.a.svc", "dns-version", "ns.dns",
]  # fmt: skip
_PORTS = ["_http._tcp.web.a.svc", "_http._tcp.a.a.svc", "_http._tcp.web.a.fed.svc", "web.a.svc",
          "web.a.fed.svc", "a.fed.svc"]  # fmt: skip
_RUNGS = ["", "r1.", "r2.", "z1.r1.", "z2.r1.", "z1.r2."]
_REVERSE = [
    "1.0.0.10.in-addr.arpa.", "2.0.0.10.in-addr.arpa.", "0.0.10.in-addr.arpa.",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa.",
]  # fmt: skip

QUESTIONS = [
    *[(f"{name}.cluster.local.", "A") for name in _CLUSTER],
    *[(f"{name}.cluster.local.", "SRV") for name in _PORTS],
    *[(f"{name}.cluster.local.", "AAAA") for name in ("web.a.svc", "fd00--1.a.a.svc", "a.a.fed.svc",
                                                      "fd00--1.fed.pod", "nope.a.svc",
                                                      "h.web.a.svc", "web.a.fed.svc")],
    ("_http._tcp.web.a.svc.cluster.local.", "A"), ("_tcp.web.a.svc.cluster.local.", "TXT"),
    *[("web.a.fed.svc.cluster.local.", kind) for kind in ("CNAME", "ANY", "TXT")],
    *[(name, "PTR") for name in _REVERSE],
    *[(name, "TXT") for name in _REVERSE[:2]],
    *[(f"web.a.fed.svc.{rung}example.com.", "A") for rung in _RUNGS],
    *[(f"_http._tcp.web.a.fed.svc.{rung}example.com.", "SRV") for rung in _RUNGS[:2]],
    ("web.a.fed.svc.r1.example.org.", "A"), ("cluster.local.", "NS"), ("example.com.", "A"),
    ("www.example.net.", "A"),
]  # fmt: skip
"""Names and types, about every one of which can change with an event."""

ports = st.lists(
    st.sampled_from(
        [Port(b"http", b"tcp", 80), Port(b"", b"tcp", 81), Port(b"http", b"udp", 80)]
    ),
    max_size=2, unique=True,
).map(tuple)  # fmt: skip
_namespaces = st.sampled_from(NAMESPACES)
_services = st.sampled_from(SERVICES)
_some_addresses = st.lists(
    st.sampled_from(ADDRESSES), min_size=1, max_size=2, unique=True
).map(tuple)  # fmt: skip


def _consistent(service: Service) -> Service:
    """Only a ClusterIP Service has addresses, only an ExternalName a target."""
    return Service(
        service.namespace, service.name, service.kind,
        service.addresses if service.kind is Kind.CLUSTER_IP else (), service.ports,
        service.external_name if service.kind is Kind.EXTERNAL_NAME else b"",
        service.publish_not_ready, service.ttl,
    )  # fmt: skip


services = st.builds(
    Service,
    _namespaces,
    _services,
    st.sampled_from(Kind),
    _some_addresses,
    ports,
    st.sampled_from(TARGETS),
    st.booleans(),
    st.sampled_from([None, None, 9]),
).map(_consistent)
endpoints = st.builds(
    Endpoint,
    _some_addresses,
    st.sampled_from(HOSTNAMES),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from([b"", b"p"]),
)
slices = st.builds(
    Slice,
    _namespaces,
    st.sampled_from([b"s1", b"s2"]),
    _services,
    st.lists(endpoints, max_size=3).map(tuple),
    ports,
)
one_service = st.builds(
    Service, st.just(b"a"), st.just(b"web"), st.sampled_from([Kind.HEADLESS, *Kind]),
    _some_addresses, ports, st.sampled_from(TARGETS), st.booleans(),
).map(_consistent)  # fmt: skip
its_slices = st.builds(
    Slice, st.just(b"a"), st.sampled_from([b"s1", b"s2"]), st.just(b"web"),
    st.lists(
        st.builds(
            Endpoint, _some_addresses, st.sampled_from(HOSTNAMES),
            ready=st.sampled_from([True, True, True, False]), pod=st.sampled_from([b"", b"p"]),
        ),
        max_size=2,
    ).map(tuple), ports,
)  # fmt: skip
"""Changes of one Service: where it stays ready, only records change."""
ingresses = st.one_of(
    st.builds(Ingress, st.sampled_from(PUBLIC)),
    st.just(Ingress(b"", names.parse("lb.example.net"))),
)
shards = st.builds(
    Shard, st.sampled_from([*CLUSTERS, "c9"]), st.lists(ingresses, max_size=2).map(tuple)
)
federated = st.builds(
    FederatedService,
    _namespaces,
    _services,
    ports,
    st.lists(shards, max_size=3, unique_by=lambda shard: shard.cluster).map(tuple),
    st.lists(ingresses, max_size=2).map(tuple),
    st.sampled_from([None, 3]),
    st.sampled_from(["", "", "none", "all"]),
)
_ONE = Federation(b"fed", names.parse("example.com"))
_TWO = Federation(b"two", names.parse("example.org"))
federations = st.lists(st.sampled_from([_ONE, _TWO]), unique=True).map(
    lambda items: Federations(tuple(items))
)
nameservers = st.sampled_from([
    Nameservers(),
    Nameservers((StubDomain(names.parse("corp.example"), ("192.0.2.1:53",)),), ("192.0.2.2:53",)),
])  # fmt: skip
nodes = st.builds(
    Node, st.sampled_from(["n1", "n2"]), st.sampled_from(ZONES), st.sampled_from(REGIONS)
)
pods = st.builds(
    Pod, _namespaces, st.sampled_from([b"p", b"q"]),
    st.lists(st.sampled_from(ADDRESSES), max_size=2).map(tuple),
)  # fmt: skip
objects: st.SearchStrategy[Object] = st.one_of(
    services,
    slices,
    services,
    slices,
    st.builds(Namespace, _namespaces),
    pods,
    pods,
    nodes,
    federations,
    nameservers,
    federated,
    federated,
    st.builds(Cluster, st.sampled_from(CLUSTERS),
              st.lists(st.sampled_from(["z1", "z2"]), unique=True).map(lambda z: tuple(sorted(z))),
              st.sampled_from(REGIONS)),
)  # fmt: skip
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(Put, objects), st.builds(Put, objects), st.builds(Gone, objects)
)

questions = st.sampled_from(QUESTIONS)
