"""The APIs of a playground, made but not started: one for the federation, one for each member.

                embedded                            real
    is          a server in this process            etcd and kube-apiserver, see `real`
    a member    is made a cluster by `member`       has controllers, a scheduler and KWOK
    is kept     in a file, if that is asked for     in a folder, if the playground's is kept
    Cluster     is a kind that it knows             is a CRD, deploy/crds

I/O: looks for programs.  Called by `stage`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import yaml

from feddns.apiserver.handling.call import Settings
from feddns.apiserver.server import Options
from feddns.errors import OperatorNeeded
from feddns.playground import layout
from feddns.playground.apis import Api
from feddns.playground.embedded import Embedded
from feddns.playground.layout import Cluster, Layout
from feddns.playground.objects import Json
from feddns.playground.real import programs
from feddns.playground.real.commands import Plan, Ports
from feddns.playground.real.kubernetes import Kubernetes

LOGS = "logs"
"""The folder of the programs' logs."""


class Site(NamedTuple):
    """Where one API is.  The federation's name is its context's, which no member has."""

    name: str
    address: str
    service_cidr: str
    pod_cidr: str = ""

    @property
    def is_member(self) -> bool:
        return bool(self.pod_cidr)


def embedded(plan: Layout, folder: Path, *, keep: bool) -> dict[str, Api]:
    """By name; the federation's is ''."""

    def make(site: Site) -> Api:
        settings = Settings((site.service_cidr,), tends=site.is_member, loopback=True)
        data = folder / f"{site.name}.db" if keep else None
        listen = f"{site.address}:{layout.API_PORT}"
        return Embedded(Options(listen, data, site.name, settings))

    return _each(plan, make)


def real(plan: Layout, folder: Path) -> dict[str, Api]:
    """The same; raises `OperatorNeeded` when a program is not built."""
    missing = programs.missing(*programs.API_PROGRAMS, *programs.CONTROLLER_PROGRAMS)
    if missing:
        raise OperatorNeeded(f"--real: {', '.join(missing)} missing; {programs.BUILD} builds them")

    def make(site: Site) -> Api:
        ports = Ports(api=layout.API_PORT)
        home = folder / "real" / site.name
        told = Plan(home, site.address, ports, site.service_cidr, site.pod_cidr)
        definitions = () if site.is_member else (_cluster_definition(),)
        return Kubernetes(
            site.name, told, folder / LOGS, tends=site.is_member, definitions=definitions
        )

    return _each(plan, make)


def _each(plan: Layout, make: Callable[[Site], Api]) -> dict[str, Api]:
    federation = Site(layout.CONTEXT, plan.api, layout.FEDERATION_SERVICE_CIDR)
    return {"": make(federation)} | {one.name: make(_site(one)) for one in plan.clusters}


def _site(cluster: Cluster) -> Site:
    return Site(cluster.name, cluster.api, cluster.service_cidr, cluster.real_pod_cidr)


def _cluster_definition() -> Json:
    text = resources.files("feddns.playground.real").joinpath("cluster.yaml").read_text()
    found: Json = yaml.safe_load(text)
    return found
