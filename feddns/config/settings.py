"""Every setting of the DNS server, with its type, default, limits and why.

The fields' `Meta` is the schema: flags, `docs/settings.md` and errors are made from it.  Pure.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from feddns import names
from feddns.config.values import (
    PRIVATE_RANGES,
    Address,
    DomainName,
    Nameserver,
    ReverseZone,
    SocketAddress,
    StubDomain,
    reverse_zones,
)

LONGEST_STALE = 604_800
Ttl = Annotated[int, Meta(ge=0, le=604_800)]


class Settings(
    msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True
):
    """All settings of the DNS server."""

    listen: Annotated[
        tuple[SocketAddress, ...],
        Meta(
            min_length=1,
            title="ADDRESS:PORT",
            description="Answer here, over UDP and TCP. Unprivileged by default, so that a first "
            "try needs no root; a cluster's server wants 0.0.0.0:53 and [::]:53.",
        ),
    ] = (SocketAddress("127.0.0.1:5353"),)
    manifests: Annotated[
        tuple[str, ...],
        Meta(
            title="DIR",
            description="Folder with what `kubectl get -A -o yaml` prints for this cluster; it is "
            "followed while the server runs.",
        ),
    ] = ()
    federation_manifests: Annotated[
        tuple[str, ...],
        Meta(
            title="DIR",
            description="Folder with the federation's own Services and Clusters: the view from "
            "which remote shards are answered without asking anybody.",
        ),
    ] = ()
    federation_name: Annotated[
        str,
        Meta(
            title="NAME",
            description="Which federation the federation manifests belong to; may be left out when "
            "the kube-dns ConfigMap lists one.",
        ),
    ] = ""
    kubeconfig: Annotated[
        str,
        Meta(
            title="FILE",
            description="Follow the cluster's API that this kubeconfig names, instead of "
            "manifests. Inside a cluster nothing need be said: the Pod has a service account.",
        ),
    ] = ""
    context: Annotated[
        str,
        Meta(title="NAME", description="Context of --kubeconfig; by default its current one."),
    ] = ""
    federation_kubeconfig: Annotated[
        str,
        Meta(
            title="FILE",
            description="Follow the federation's API that this kubeconfig names: the view from "
            "which remote shards are answered without asking anybody.",
        ),
    ] = ""
    federation_context: Annotated[
        str,
        Meta(
            title="NAME",
            description="Context of --federation-kubeconfig; by default its current one.",
        ),
    ] = ""
    cluster_name: Annotated[
        str,
        Meta(
            title="NAME",
            description="The name that this cluster is registered under in the federation. Its own "
            "shards are then judged by its own endpoints, without waiting for the federation to "
            "notice, and its Cluster says where it is when no node does.",
        ),
    ] = ""
    config_map: Annotated[
        str,
        Meta(
            title="NAMESPACE/NAME",
            pattern="^[a-z0-9-]+/[a-z0-9.-]+$",
            description="ConfigMap with federations, stubDomains and upstreamNameservers, followed "
            "while the server runs.",
        ),
    ] = "kube-system/kube-dns"
    cluster_domain: Annotated[
        DomainName, Meta(title="DOMAIN", description="The zone of this cluster's names.")
    ] = DomainName(names.parse("cluster.local"))
    reverse_zone: Annotated[
        tuple[ReverseZone, ...],
        Meta(
            title="CIDR|ZONE",
            description="Address ranges whose PTR questions are answered here. Private ranges by "
            "default: PTR of public addresses belong to others.",
        ),
    ] = tuple(zone for text in PRIVATE_RANGES for zone in reverse_zones(text))
    pods: Annotated[
        Literal["disabled", "insecure", "verified"],
        Meta(
            description="Names of pods by address (10-1-2-3.<namespace>.pod): none; any address, "
            "as old clients expect; or only addresses that a Pod has, at the price of keeping "
            "every Pod in memory."
        ),
    ] = "disabled"
    namespaces: Annotated[
        tuple[str, ...],
        Meta(title="NAME", description="Serve these namespaces only; by default all."),
    ] = ()
    ttl: Annotated[
        Ttl,
        Meta(
            title="SECONDS",
            description="TTL of answers, negative ones too. Short, because a client follows a "
            "failover only when its copy has expired; a Service may have its own by the annotation "
            "federation.feddns.dev/cluster-ttl.",
        ),
    ] = 5
    answer_form: Annotated[
        Literal["chain", "flattened"],
        Meta(
            description="Federated names as kube-dns gave them, a chain of CNAMEs that shows the "
            "way; or flattened, the addresses under the asked name, for clients that stumble over "
            "CNAMEs."
        ),
    ] = "chain"
    when_none_healthy: Annotated[
        Literal["none", "all"],
        Meta(
            description="A federated Service without a healthy shard anywhere: no address, so that "
            "clients fail fast; or every known address, for who would rather try."
        ),
    ] = "none"
    ignore_empty_services: Annotated[
        bool,
        Meta(
            description="A ClusterIP Service without a ready endpoint does not exist (NXDOMAIN), "
            "instead of an address where nobody answers."
        ),
    ] = False
    endpoint_pod_names: Annotated[
        bool,
        Meta(
            description="An endpoint without a hostname is named after its Pod instead of its "
            "address."
        ),
    ] = False
    nameserver_address: Annotated[
        tuple[Address, ...],
        Meta(
            title="IP",
            description="Address of ns.dns.<cluster domain>; by default the addresses that are "
            "listened on.",
        ),
    ] = ()
    edns_size: Annotated[
        int,
        Meta(
            ge=512,
            le=4096,
            title="OCTETS",
            description="Largest answer over UDP. 1232 passes every path without fragments; more "
            "only where the network is known.",
        ),
    ] = 1232
    nsid: Annotated[
        str,
        Meta(
            max_length=64,
            title="TEXT",
            description="What a client that asks for the name server's identity (RFC 5001) gets; "
            "by default the host's name.",
        ),
    ] = ""
    snapshot: Annotated[
        str,
        Meta(
            title="FILE",
            description="Save what is known here now and then, and after a restart answer from it "
            "at once, marked stale (EDE 3), until the sources have been read.",
        ),
    ] = ""
    max_stale: Annotated[
        int,
        Meta(
            ge=0,
            le=LONGEST_STALE,
            title="SECONDS",
            description="Answer SERVFAIL when the cluster's API has not been followed for this "
            "long; 0 goes on with what is known for as long as it takes.",
        ),
    ] = 0
    upstream: Annotated[
        tuple[Nameserver, ...],
        Meta(
            title="ADDRESS[:PORT]",
            description="Forward questions outside the zones served here to this server. "
            "upstreamNameservers of the ConfigMap win over it; with neither, the nameservers of "
            "/etc/resolv.conf.",
        ),
    ] = ()
    forward: Annotated[
        bool,
        Meta(description="Forward questions outside the zones served here; else they are refused."),
    ] = True
    stub_domain: Annotated[
        tuple[StubDomain, ...],
        Meta(
            title="DOMAIN=ADDRESS[:PORT]",
            description="Forward questions in this domain to its own server; several addresses "
            "with spaces between, the longest domain wins. stubDomains of the ConfigMap come on "
            "top.",
        ),
    ] = ()
    upstream_policy: Annotated[
        Literal["sequential", "random", "least-latency"],
        Meta(
            description="Which of several upstream servers is asked first: in the order given, "
            "any, or the one that answered fastest lately. Servers that fail are asked last."
        ),
    ] = "least-latency"
    upstream_budget: Annotated[
        float,
        Meta(
            ge=0.1,
            le=30,
            title="SECONDS",
            description="A forwarded question is answered after this long at the latest, from a "
            "stale copy or by SERVFAIL: most clients give up after five seconds.",
        ),
    ] = 4.0
    upstream_outstanding: Annotated[
        int,
        Meta(
            ge=1,
            le=65_536,
            title="N",
            description="Forwarded questions without an answer yet, in one process; above, "
            "SERVFAIL with EDE 23, so that a dead upstream takes no memory.",
        ),
    ] = 1000
    never_forward: Annotated[
        tuple[str, ...],
        Meta(
            title="DOMAIN|CIDR",
            description="Names that must not leave: denied here (NXDOMAIN) unless a stub domain "
            "has them. By default the special and private names of RFC 6761, 6762, 7686, 8375, "
            "9476 and 6303; `none` for nothing.",
        ),
    ] = ("default",)
    forward_cache: Annotated[
        int,
        Meta(
            ge=0,
            le=4096,
            title="MEGABYTES",
            description="Bound of the answers from upstream that one process keeps.",
        ),
    ] = 16
    forward_ttl: Annotated[
        Ttl,
        Meta(
            title="SECONDS",
            description="Longest that an answer from upstream is kept, whatever its TTL.",
        ),
    ] = 3600
    forward_negative_ttl: Annotated[
        Ttl,
        Meta(
            title="SECONDS",
            description="Longest that a denial from upstream is kept (RFC 2308 §5).",
        ),
    ] = 300
    serve_stale: Annotated[
        int,
        Meta(
            ge=0,
            le=LONGEST_STALE,
            title="SECONDS",
            description="How long after its TTL an answer from upstream may still be given, marked "
            "(EDE 3), when no upstream answers (RFC 8767); 0 for never.",
        ),
    ] = 3600
    rate_limit: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000_000,
            title="N",
            description="Replies a second over UDP to one client prefix, from one process; above, "
            "silence or a truncated reply that a real client repeats over TCP. 0 for no limit. "
            "Clients with a valid cookie are exempt.",
        ),
    ] = 0
    rate_limit_ipv4_prefix: Annotated[
        int,
        Meta(
            ge=8, le=32, title="BITS", description="What --rate-limit takes for one client, IPv4."
        ),
    ] = 32
    rate_limit_ipv6_prefix: Annotated[
        int,
        Meta(
            ge=16, le=128, title="BITS", description="What --rate-limit takes for one client, IPv6."
        ),
    ] = 64
    cookies: Annotated[
        bool,
        Meta(
            description="Answer the DNS cookies of clients (RFC 7873), so that a forged source "
            "address can be told from a real one."
        ),
    ] = True
    cookie_secret: Annotated[
        str,
        Meta(
            title="HEX",
            pattern="^([0-9A-Fa-f]{32})?$",
            description="Secret of the server cookies (RFC 9018), 32 hexadecimal digits, the same "
            "for all servers behind one address; by default a new one at each start.",
        ),
    ] = ""
    answer_cache: Annotated[
        int,
        Meta(
            ge=0,
            le=4096,
            title="MEGABYTES",
            description="Bound of the ready wire answers of one process. They are never stale; "
            "more room only means fewer built anew.",
        ),
    ] = 32
    tcp_connections: Annotated[
        int,
        Meta(
            ge=1,
            le=65_536,
            title="N",
            description="TCP connections at a time on one address of one process; above, the one "
            "that was idle "
            "longest makes room.",
        ),
    ] = 1024
    tcp_connections_per_client: Annotated[
        int,
        Meta(
            ge=1,
            le=65_536,
            title="N",
            description="The same from one client, so that one cannot take them all.",
        ),
    ] = 128
    tcp_idle: Annotated[
        float,
        Meta(
            ge=0.1,
            le=3600,
            title="SECONDS",
            description="A TCP connection without a whole question, or that does not take its "
            "answers, is closed after this long (RFC 7766 §6.2.3).",
        ),
    ] = 10.0
    memory_limit: Annotated[
        int,
        Meta(
            ge=0,
            le=1_048_576,
            title="MEGABYTES",
            description="Memory of all processes together above which caches are given up; set it "
            "some way below the container's limit. 0 for no limit.",
        ),
    ] = 0
    metrics: Annotated[
        SocketAddress | None,
        Meta(
            title="ADDRESS:PORT|none",
            description="Serve /metrics, /healthz and /readyz over HTTP here; `none` for nothing.",
        ),
    ] = SocketAddress("127.0.0.1:9153")
    processes: Annotated[
        int,
        Meta(
            ge=0,
            le=64,
            title="N",
            description="Answering processes beside the supervisor and the watcher; 0 runs "
            "everything in one loop, for a debugger.",
        ),
    ] = 1
    lame_duck: Annotated[
        float,
        Meta(
            ge=0,
            le=600,
            title="SECONDS",
            description="After SIGTERM /readyz fails at once, and questions are answered for this "
            "long, so that nobody asks any more when the server ends. SIGINT ends it at once.",
        ),
    ] = 5.0
    control: Annotated[
        str,
        Meta(
            title="NAME",
            max_length=80,
            description="Name of the local control socket that `feddns status`, `why` and "
            "--takeover speak to; by default the first address that is listened on.",
        ),
    ] = ""
    takeover: Annotated[
        bool,
        Meta(
            description="Take the sockets over from the server that has them, without losing a "
            "question; it ends when this one is ready."
        ),
    ] = False
    log_format: Annotated[Literal["text", "json"], Meta(description="Form of the log lines.")] = (
        "text"
    )
    log_queries: Annotated[
        bool,
        Meta(description="Log each question with its rcode and time. Costs more than answering."),
    ] = False
