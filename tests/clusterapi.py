"""What a test asks of a cluster's API: kubectl, plain requests, and the objects that tests need.

Where the API says no, `ClusterFailed` has its words and its status.  Imports nothing of pytest;
`tests.realcluster` is built on it.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.clusterprograms import PATIENCE, ClusterFailed, Programs

Object = Mapping[str, Any]
ADMIN = "admin"
ADMIN_TOKEN = "admin-token"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_PATHS = {
    "ClusterRole": f"{_RBAC}/clusterroles",
    "ClusterRoleBinding": f"{_RBAC}/clusterrolebindings",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
    "Namespace": "/api/v1/namespaces",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Role": f"{_RBAC}/namespaces/{{}}/roles",
    "RoleBinding": f"{_RBAC}/namespaces/{{}}/rolebindings",
    "Service": "/api/v1/namespaces/{}/services",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
}


@dataclass
class User:
    """Who may come, and the kubeconfigs that say so: path → server."""

    token: str
    account: tuple[str, str] = ("", "")
    """Namespace and name of the service account."""
    bound_to: str = ""
    """The Secret that its token ends with."""
    kubeconfigs: dict[Path, str] = field(default_factory=dict)


class Api(Programs):
    """The API at `url`, asked as the administrator unless it is said otherwise."""

    def __init__(self, name: str, url: str) -> None:
        super().__init__(name)
        self.url = url
        self.kubeconfig = self.home / "admin.kubeconfig"
        self.users = {ADMIN: User(ADMIN_TOKEN, kubeconfigs={self.kubeconfig: url})}

    def kubectl(self, *arguments: str, stdin: str | None = None, as_user: str = ADMIN) -> str:
        """What kubectl prints.  Raises `ClusterFailed` with its words when it fails."""
        path = next(iter(self.users[as_user].kubeconfigs))
        ran = subprocess.run(
            ["kubectl", f"--kubeconfig={path}", f"--cache-dir={self.home}/cache", *arguments],
            input=stdin, text=True, capture_output=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        if ran.returncode:
            raise ClusterFailed(
                f"kubectl {' '.join(arguments)}: {(ran.stderr or ran.stdout).strip()}"
            )
        return ran.stdout

    def apply(self, manifests: str | Iterable[Object]) -> str:
        """`kubectl apply` of YAML, or of objects."""
        if not isinstance(manifests, str):
            manifests = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
        return self.kubectl("apply", "-f", "-", stdin=manifests)

    def request(
        self, method: str, path: str, body: Object | None = None, *, token: str = ADMIN_TOKEN,
        content_type: str = "application/json",
    ) -> dict[str, Any]:  # fmt: skip
        """One call of the API, without kubectl's 100 ms."""
        request = urllib.request.Request(
            self.url + path, method=method, data=json.dumps(body).encode() if body else None,
            headers={"Authorization": f"Bearer {token}", "Content-Type": content_type},
        )  # fmt: skip
        context = ssl.create_default_context(cafile=str(self.home / "certs/ca.crt"))
        try:
            with urllib.request.urlopen(request, timeout=10, context=context) as reply:
                found: dict[str, Any] = json.load(reply)
                return found
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode(errors="replace")
            raise ClusterFailed(f"{method} {path}: {error.code} {said}", error.code) from error

    def put(self, made: Object) -> None:
        """The object is there: made, or replaced with its status, as its kind has one."""
        metadata = made["metadata"]
        path = path_of(made["kind"], metadata.get("namespace", ""))
        one = f"{path}/{metadata['name']}"
        try:
            before = self.request("GET", one)["metadata"]
        except ClusterFailed as error:
            if error.status != 404:
                raise
            self.request("POST", path, made)
        else:
            metadata = {**metadata, "resourceVersion": before["resourceVersion"]}
            self.request("PUT", one, {**made, "metadata": metadata})
        if "status" in made:
            self.patch(f"{one}/status", {"status": made["status"]})

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """The object is gone; a Namespace too, whose controller may not run."""
        one = f"{path_of(kind, namespace)}/{name}"
        found = self.request("DELETE", f"{one}?gracePeriodSeconds=0")
        if kind == "Namespace":
            self.request("PUT", f"{one}/finalize", {**found, "spec": {"finalizers": []}})

    def patch(self, path: str, change: Object) -> None:
        """A merge patch of the object at this path."""
        self.request("PATCH", path, change, content_type="application/merge-patch+json")

    def namespace(self, name: str) -> str:
        """Make a namespace; its name."""
        self.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    def add_node(self, name: str, zone: str = "", region: str = "") -> None:
        """A node with the labels that say where it is; KWOK, when it runs, makes it Ready."""
        labels = {"topology.kubernetes.io/zone": zone, "topology.kubernetes.io/region": region}
        metadata = {"name": name, "labels": {key: value for key, value in labels.items() if value}}
        self.request("POST", "/api/v1/nodes", {"metadata": metadata})

    def deploy(self, namespace: str, name: str, replicas: int, port: int = 80) -> None:
        """A Deployment of pods that do nothing, and its Service."""
        labels = {"app": name}
        container = {"name": "main", "image": "none", "ports": [{"containerPort": port}]}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        metadata = {"name": name, "namespace": namespace}
        self.apply([
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {
                "replicas": replicas, "selector": {"matchLabels": labels}, "template": template}},
            {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {
                "selector": labels, "ports": [{"name": "http", "port": port}]}},
        ])  # fmt: skip

    def scale(self, namespace: str, name: str, replicas: int) -> None:
        """As many pods as that; the controllers do the rest."""
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale"
        self.patch(path, {"spec": {"replicas": replicas}})

    def set_load_balancer(self, namespace: str, name: str, *addresses: str) -> None:
        """The Service is of type LoadBalancer and has these addresses, as a cloud gives them."""
        service = f"/api/v1/namespaces/{namespace}/services/{name}"
        self.patch(service, {"spec": {"type": "LoadBalancer"}})
        ingress = [{"ip": address} for address in addresses]
        self.patch(f"{service}/status", {"status": {"loadBalancer": {"ingress": ingress}}})


def path_of(kind: str, namespace: str = "") -> str:
    """Where the objects of a kind are."""
    return _PATHS[kind].format(namespace)
