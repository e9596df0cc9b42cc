#!/usr/bin/env python3
"""Make feddns/apiserver/schema.msgpack.gz: the published schemas of the kinds that are served.

    tools/schemas.py                  from a kube-apiserver of tools/peers.sh, started for it
    tools/schemas.py KUBECONFIG       from another

Takes /openapi/v3 and what tools/gofields.py finds, leaves out the descriptions and what no served
kind refers to, and adds what a server publishes no more, or not yet: the extensions/v1beta1 of old
guides, and Cluster from deploy/crds.  Run by hand when tools/peers.sh gets another Kubernetes;
tests/apiserver/test_schema.py compares.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

from tools import gofields  # noqa: E402

VERSION = "v0.36.3"
"""Of the Go modules with the structs; tools/peers.sh brings them."""
ASSET = HERE / "feddns/apiserver/schema.msgpack.gz"
REF = "#/components/schemas/"
GROUPS = (
    "api/v1", "apis/apps/v1", "apis/events.k8s.io/v1", "apis/autoscaling/v1", "apis/autoscaling/v2",
    "apis/batch/v1", "apis/networking.k8s.io/v1", "apis/rbac.authorization.k8s.io/v1",
    "apis/apiextensions.k8s.io/v1", "apis/coordination.k8s.io/v1", "apis/discovery.k8s.io/v1",
    "apis/authentication.k8s.io/v1", "apis/authorization.k8s.io/v1",
)  # fmt: skip
OLD = "io.k8s.api.extensions.v1beta1"
CORE, META = "io.k8s.api.core.v1", "io.k8s.apimachinery.pkg.apis.meta.v1"
SERVED = {
    CORE: "ConfigMap Endpoints Event Namespace Node Pod Secret ServiceAccount Service Binding",
    "io.k8s.api.apps.v1": "DaemonSet Deployment ReplicaSet",
    "io.k8s.api.events.v1": "Event",
    "io.k8s.api.autoscaling.v1": "HorizontalPodAutoscaler Scale",
    "io.k8s.api.autoscaling.v2": "HorizontalPodAutoscaler",
    "io.k8s.api.batch.v1": "Job",
    "io.k8s.api.networking.v1": "Ingress",
    "io.k8s.api.rbac.v1": "ClusterRole ClusterRoleBinding Role RoleBinding",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1": "CustomResourceDefinition",
    "io.k8s.api.coordination.v1": "Lease",
    "io.k8s.api.discovery.v1": "EndpointSlice",
    "io.k8s.api.authentication.v1": "SelfSubjectReview TokenRequest TokenReview",
    "io.k8s.api.authorization.v1": "LocalSubjectAccessReview SelfSubjectAccessReview"
    " SelfSubjectRulesReview SubjectAccessReview",
    "io.k8s.api.policy.v1": "Eviction",
    META: "DeleteOptions Patch Status WatchEvent ObjectMeta ListMeta",
}  # fmt: skip
INGRESS = """
IngressBackend:
  type: object
  properties: {serviceName: {type: string}, servicePort: {$ref: IntOrString}}
HTTPIngressPath:
  type: object
  required: [backend]
  properties:
    path: {type: string}
    pathType: {type: string}
    backend: {$ref: IngressBackend}
HTTPIngressRuleValue:
  type: object
  required: [paths]
  properties: {paths: {type: array, items: {$ref: HTTPIngressPath}}}
IngressRule:
  type: object
  properties: {host: {type: string}, http: {$ref: HTTPIngressRuleValue}}
IngressTLS:
  type: object
  properties: {hosts: {type: array, items: {type: string}}, secretName: {type: string}}
IngressSpec:
  type: object
  properties:
    backend: {$ref: IngressBackend}
    ingressClassName: {type: string}
    rules: {type: array, items: {$ref: IngressRule}}
    tls: {type: array, items: {$ref: IngressTLS}}
"""
"""Ingress as it was in extensions/v1beta1."""

Schemas = dict[str, Any]


def make(published: Schemas, crd: dict[str, Any]) -> bytes:
    """The asset, the same bytes for the same schemas."""
    published = {name: bare(schema) for name, schema in published.items()}
    served = [f"{package}.{kind}" for package, kinds in SERVED.items() for kind in kinds.split()]
    served += [name for kind in served if (name := f"{kind}List") in published]
    chosen: Schemas = {}
    for name in served:
        collect(name, published, chosen)
    chosen |= old_versions(chosen)
    chosen |= clusters(crd)
    structs = gofields.read(chosen, VERSION)
    for kind in ("DaemonSet", "Deployment", "ReplicaSet", "Ingress"):
        group = "networking" if kind == "Ingress" else "apps"
        structs[f"{OLD}.{kind}"] = structs[f"io.k8s.api.{group}.v1.{kind}"]
    whole = {"schemas": chosen, "structs": structs}
    packed = msgspec.msgpack.encode(whole, order="sorted")
    return gzip.compress(packed, 9, mtime=0)


def bare(schema: Any) -> Any:
    """The schema without descriptions; a property of that name stays."""
    if isinstance(schema, list):
        return [bare(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for key, part in schema.items():
        if key == "properties":
            kept[key] = {name: bare(field) for name, field in part.items()}
        elif key != "description":
            kept[key] = part if key in ("default", "enum") else bare(part)
    return kept


def collect(name: str, published: Schemas, chosen: Schemas) -> None:
    """Take a definition with everything it refers to."""
    if name in chosen:
        return
    chosen[name] = published[name]
    for other in references(published[name]):
        collect(other, published, chosen)


def references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, part in schema.items():
            if key == "$ref" and isinstance(part, str):
                yield part.removeprefix(REF)
            else:
                yield from references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from references(part)


def old_versions(known: Schemas) -> Schemas:
    """extensions/v1beta1: workloads as in apps/v1, and Ingress as it was."""
    names = {"IntOrString": f"{REF}io.k8s.apimachinery.pkg.util.intstr.IntOrString"}
    own = yaml.safe_load(INGRESS)
    names |= {name: f"{REF}{OLD}.{name}" for name in own}
    made = {f"{OLD}.{name}": renamed(schema, names) for name, schema in own.items()}
    for kind in ("DaemonSet", "Deployment", "ReplicaSet", "Ingress"):
        group = "networking" if kind == "Ingress" else "apps"
        whole = json.loads(json.dumps(known[f"io.k8s.api.{group}.v1.{kind}"]))
        if kind == "Ingress":
            whole["properties"]["spec"] = {"$ref": f"{REF}{OLD}.IngressSpec"}
        made |= with_list(OLD, "extensions", kind, whole)
    return made


def renamed(schema: Any, names: dict[str, str]) -> Any:
    if isinstance(schema, dict):
        return {k: names[v] if k == "$ref" else renamed(v, names) for k, v in schema.items()}
    return schema


def clusters(crd: dict[str, Any]) -> Schemas:
    """Cluster in both its groups, with our own descriptions."""
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    about = {
        "apiVersion": {"type": "string"}, "kind": {"type": "string"},
        "metadata": {"$ref": f"{REF}{META}.ObjectMeta"},
    }  # fmt: skip
    whole = schema | {"properties": about | schema["properties"]}
    made: Schemas = {}
    for group in (crd["spec"]["group"], "federation"):
        package = ".".join(reversed(group.split(".")))
        made |= with_list(f"{package}.v1beta1", group, "Cluster", whole)
    return made


def with_list(package: str, group: str, kind: str, schema: dict[str, Any]) -> Schemas:
    def gvk(name: str) -> list[dict[str, str]]:
        return [{"group": group, "version": "v1beta1", "kind": name}]

    key = "x-kubernetes-group-version-kind"
    items = {"type": "array", "items": {"$ref": f"{REF}{package}.{kind}"}}
    of_list = {
        "type": "object", "required": ["items"], key: gvk(f"{kind}List"),
        "properties": {
            "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "items": items,
            "metadata": {"$ref": f"{REF}{META}.ListMeta"},
        },
    }  # fmt: skip
    return {f"{package}.{kind}": schema | {key: gvk(kind)}, f"{package}.{kind}List": of_list}


def published(kubeconfig: str) -> Schemas:
    """Every schema that a server publishes for the served groups."""
    schemas: Schemas = {}
    for group in GROUPS:
        told = subprocess.run(
            ["kubectl", "--kubeconfig", kubeconfig, "get", "--raw", f"/openapi/v3/{group}"],
            check=True, capture_output=True,
        )  # fmt: skip
        schemas |= json.loads(told.stdout)["components"]["schemas"]
    return schemas


def crd() -> dict[str, Any]:
    documents = yaml.safe_load_all((HERE / "deploy/crds/cluster.yaml").read_text())
    return next(document for document in documents if document)


def main() -> None:
    if len(sys.argv) > 1:
        made = make(published(sys.argv[1]), crd())
    else:
        from tests.realcluster import RealCluster

        with RealCluster("schemas") as cluster:
            made = make(published(str(cluster.kubeconfig)), crd())
    ASSET.write_bytes(made)
    print(f"{ASSET.relative_to(HERE)}: {len(made)} bytes")


if __name__ == "__main__":
    main()
