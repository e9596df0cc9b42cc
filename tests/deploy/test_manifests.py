"""deploy/ on a real API server: the manifests are taken, and give the rights needed and no more."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from feddns.cli.serve import command
from tests.clusterprograms import ClusterFailed
from tests.realcluster import RealCluster

DEPLOY = Path(__file__).resolve().parent.parent.parent / "deploy"
MANIFESTS = ["feddns.yaml", "rbac-pods.yaml", "rbac-federation.yaml", "crds/cluster.yaml"]
WRITING = ("create", "update", "patch", "delete", "deletecollection")

# verb, resource, namespace ("" for all), may
FEDDNS = [
    *[
        (verb, resource, "", True)
        for verb in ("list", "watch")
        for resource in ("services", "endpointslices.discovery.k8s.io", "namespaces", "nodes")
    ],
    *[(verb, "configmaps/kube-dns", "kube-system", True) for verb in ("get", "list", "watch")],
    ("create", "events", "kube-system", True),
    # Never: to write what is read, …
    *[
        (verb, resource, "", False)
        for verb in WRITING
        for resource in ("services", "endpointslices.discovery.k8s.io", "namespaces", "nodes")
    ],
    *[(verb, "configmaps/kube-dns", "kube-system", False) for verb in WRITING],
    *[(verb, "events", "kube-system", False) for verb in ("get", "list", "patch", "delete")],
    ("create", "events", "default", False),
    # … or to read what is no business of DNS.
    *[("list", resource, "", False) for resource in (
        "secrets", "pods", "configmaps", "serviceaccounts", "events", "deployments.apps")],
    *[("get", resource, "", False) for resource in ("services", "nodes", "secrets", "namespaces")],
    ("get", "configmaps/coredns", "kube-system", False),
    ("list", "configmaps", "kube-system", False),
    ("get", "secrets", "kube-system", False),
    ("create", "serviceaccounts/token", "kube-system", False),
    ("impersonate", "users", "", False),
    ("bind", "clusterroles.rbac.authorization.k8s.io", "", False),
    ("escalate", "clusterroles.rbac.authorization.k8s.io", "", False),
    ("create", "pods/exec", "kube-system", False),
    ("*", "*", "", False),
]  # fmt: skip
FEDERATION = [
    *[
        (verb, resource, "", True)
        for verb in ("list", "watch")
        for resource in ("services", "clusters.federation.feddns.dev")
    ],
    *[
        (verb, resource, "", False)
        for verb in ("get", *WRITING)
        for resource in ("services", "clusters.federation.feddns.dev")
    ],
    ("patch", "clusters.federation.feddns.dev/status", "", False),
    ("list", "secrets", "", False),
    ("get", "secrets", "federation-system", False),
    ("list", "configmaps", "", False),
]


@pytest.mark.parametrize("name", MANIFESTS)
def test_the_api_takes_the_manifest(cluster: RealCluster, name: str) -> None:
    text = (DEPLOY / name).read_text()
    cluster.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: federation-system}")
    said = cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)
    assert len(said.splitlines()) == sum(1 for each in yaml.safe_load_all(text) if each)


def may(cluster: RealCluster, account: str, verb: str, resource: str, namespace: str) -> bool:
    """What `kubectl auth can-i` asks, without its 100 ms; after the / a sub-resource or a name."""
    kind, _, name = resource.partition("/")
    sub = ""
    if name in ("status", "exec", "token"):
        sub, name = name, ""
    kind, _, group = kind.partition(".")
    attributes = {
        "verb": verb, "resource": kind, "group": group or ("*" if kind == "*" else ""),
        "subresource": sub, "name": name, "namespace": namespace,
    }  # fmt: skip
    space, _, user = account.partition("/")
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{space}", "system:authenticated"]
    review = cluster.request(
        "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        {"spec": {"user": f"system:serviceaccount:{space}:{user}", "groups": groups,
                  "resourceAttributes": attributes}},
    )  # fmt: skip
    allowed: bool = review["status"]["allowed"]
    return allowed


def test_the_server_has_the_rights_it_needs_and_no_other(cluster: RealCluster) -> None:
    cluster.apply((DEPLOY / "feddns.yaml").read_text())
    wrong = [
        (verb, resource, namespace)
        for verb, resource, namespace, allowed in FEDDNS
        if may(cluster, "kube-system/feddns", verb, resource, namespace) is not allowed
    ]
    assert not wrong


def test_kubectl_says_the_same(cluster: RealCluster) -> None:
    """One row of each kind, by the users' own way to ask."""
    cluster.apply((DEPLOY / "feddns.yaml").read_text())
    account = "--as=system:serviceaccount:kube-system:feddns"
    assert cluster.kubectl("auth", "can-i", "watch", "endpointslices", "-A", account) == "yes\n"
    space = ("-n", "kube-system")
    for verb in ("get", "list", "watch"):
        said = cluster.kubectl("auth", "can-i", verb, "configmap/kube-dns", *space, account)
        assert said == "yes\n"
    with pytest.raises(ClusterFailed):
        cluster.kubectl("auth", "can-i", "list", "secrets", "-A", account)


def test_the_one_config_map_is_read_by_its_name(cluster: RealCluster) -> None:
    """list and watch of one name are granted only with the field selector."""
    cluster.apply((DEPLOY / "feddns.yaml").read_text())
    cluster.account_kubeconfig("feddns", "kube-system")
    cluster.kubectl("get", "configmaps", "-n", "kube-system", "--field-selector",
                    "metadata.name=kube-dns", as_user="feddns")  # fmt: skip
    with pytest.raises(ClusterFailed, match="forbidden"):
        cluster.kubectl("get", "configmaps", "-n", "kube-system", as_user="feddns")


def test_verified_pods_need_the_extra_manifest(cluster: RealCluster) -> None:
    account = "kube-system/feddns"
    cluster.apply((DEPLOY / "feddns.yaml").read_text())
    cluster.apply((DEPLOY / "rbac-pods.yaml").read_text())
    try:
        assert may(cluster, account, "watch", "pods", "")
        assert not any(may(cluster, account, verb, "pods", "") for verb in ("get", *WRITING))
    finally:
        cluster.kubectl("delete", "-f", str(DEPLOY / "rbac-pods.yaml"))


def test_the_reader_of_the_federation(cluster: RealCluster) -> None:
    cluster.apply((DEPLOY / "rbac-federation.yaml").read_text())
    wrong = [
        (verb, resource, namespace)
        for verb, resource, namespace, allowed in FEDERATION
        if may(cluster, "federation-system/feddns", verb, resource, namespace) is not allowed
    ]
    assert not wrong


def test_the_flags_of_the_deployment_are_settings() -> None:
    """The container starts: `feddns serve` has each of the flags."""
    (container,) = (
        each["spec"]["template"]["spec"]["containers"][0]
        for each in yaml.safe_load_all((DEPLOY / "feddns.yaml").read_text())
        if each["kind"] == "Deployment"
    )
    assert container["command"] == ["feddns", "serve"]
    flags = {flag for parameter in command.params for flag in parameter.opts}
    assert {argument.partition("=")[0] for argument in container["args"]} <= flags
