"""The scene of a stage: what its APIs hold, and what each member's DNS answers.

I/O.  Called by `desk`.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype

from feddns.errors import ObjectRefused
from feddns.kube.federation import INGRESSES, to_shards
from feddns.playground import layout
from feddns.playground.faults import Fault, What
from feddns.playground.layout import Cluster
from feddns.playground.objects import SERVICES
from feddns.playground.stage import Stage
from feddns.playground.view import ClusterRow, Scene, ServiceRow

_PATIENCE = 0.4
_MOST = 6
"""So many Services are shown."""


async def scene(stage: Stage, said: str = "") -> Scene:
    """As it is now."""
    services = [
        one
        for one in stage.federation.list(SERVICES)
        if (one["metadata"]["namespace"], one["metadata"]["name"]) != ("default", "kubernetes")
    ]
    rows = await asyncio.gather(*(_service(stage, one) for one in services[:_MOST]))
    clusters = tuple(_cluster(stage, one) for one in stage.layout.clusters)
    is_away = Fault(What.FEDERATION) in stage.faults
    return Scene(clusters, tuple(rows), said, len(services) - len(rows), is_away)


def _cluster(stage: Stage, cluster: Cluster) -> ClusterRow:
    broken = [str(fault) for fault in stage.faults if _concerns(fault, cluster)]
    dns = f"dig @{cluster.dns}" + ("" if stage.dns_port == 53 else f" -p {stage.dns_port}")
    return ClusterRow(
        cluster.name,
        f"{cluster.region}: {', '.join(cluster.zones)}",
        stage.condition(cluster.name),
        ", ".join(broken),
        dns,
    )


def _concerns(fault: Fault, cluster: Cluster) -> bool:
    """Whether it breaks something of the cluster."""
    match fault.what:
        case What.ZONE:
            return fault.name in cluster.zones
        case What.REGION:
            return fault.name == cluster.region
        case What.POD:
            return fault.name.partition("/")[0] == cluster.name
        case _:
            return fault.name == cluster.name


async def _service(stage: Stage, one: dict[str, Any]) -> ServiceRow:
    metadata = one["metadata"]
    namespace, name = metadata["namespace"], metadata["name"]
    clusters = stage.layout.clusters
    answers = await asyncio.gather(
        *(_answer(stage, cluster, f"{name}.{namespace}") for cluster in clusters)
    )
    return ServiceRow(
        name if namespace == "default" else f"{namespace}/{name}",
        {cluster.name: _shard(stage, cluster, one) for cluster in clusters},
        {cluster.name: text for cluster, text in zip(clusters, answers, strict=True)},
    )


def _shard(stage: Stage, cluster: Cluster, one: dict[str, Any]) -> str:
    """Pods that are ready in the cluster, and the addresses that the federation gives out."""
    metadata = one["metadata"]
    ready, count = stage.members[cluster.name].pods(metadata["namespace"], metadata["name"])
    annotation = metadata.get("annotations", {}).get(INGRESSES)
    given: list[str] = []
    with contextlib.suppress(ObjectRefused):
        for shard in to_shards(metadata["name"], annotation, []):
            if shard.cluster == cluster.name:
                given = [".".join(map(str, each.address)) for each in shard.ingresses]
    pods = f"{ready} of {count} ready" if count else "no pods"
    return f"{'' if given else '! '}{pods} {' '.join(given)}".strip()


async def _answer(stage: Stage, cluster: Cluster, name: str) -> str:
    """The addresses at the end of the federated name, as a pod of the cluster would get them."""
    question = f"{name}.{layout.FEDERATION}.svc.cluster.local."
    query = dns.message.make_query(question, "A")
    try:
        reply = await dns.asyncquery.udp(query, cluster.dns, _PATIENCE, stage.dns_port)
    except (dns.exception.DNSException, OSError):
        return "no answer"
    found = [
        each.address for rrset in reply.answer if rrset.rdtype == dns.rdatatype.A for each in rrset
    ]
    if found:
        return " ".join(sorted(found))
    rcode = reply.rcode()
    return "no address" if rcode == dns.rcode.NOERROR else dns.rcode.to_text(rcode)
