"""Members of the playground behave like clusters."""

from __future__ import annotations

from collections import Counter

import pytest

from feddns.errors import SettingRefused
from feddns.playground import layout
from feddns.playground.kubelet import FAILED
from feddns.playground.objects import (
    DAEMON_SETS,
    DEPLOYMENTS,
    JOBS,
    NODES,
    PODS,
    REPLICA_SETS,
    SERVICES,
    SLICES,
    Json,
)
from tests.playground.members import Member, service, workload


def endpoints(member: Member) -> list[Json]:
    return [one for part in member.list(SLICES) for one in part["endpoints"] or ()]


def changed(member: Member, resource: tuple[str, str, str], one: Json, **spec: object) -> None:
    """The object is edited: its spec changes, and with it the generation."""
    metadata = one["metadata"] | {"generation": one["metadata"]["generation"] + 1}
    member.put(resource, one | {"metadata": metadata, "spec": one["spec"] | spec})


def failing(one: Json, why: str) -> Json:
    annotations = {FAILED: why} if why else {}
    return one | {"metadata": one["metadata"] | {"annotations": annotations}}


def test_a_deployment_gives_ready_pods_over_all_zones() -> None:
    member = Member()
    member.put(DEPLOYMENTS, workload("Deployment", "web", replicas=4))
    member.settle()
    assert len(member.pods()) == 4
    on = Counter(pod["spec"]["nodeName"] for pod in member.list(PODS))
    assert on == {"us-1": 1, "us-2": 1, "us-3": 1, "us-4": 1}
    (one,) = member.list(DEPLOYMENTS)
    assert one["status"]["readyReplicas"] == one["status"]["updatedReplicas"] == 4
    conditions = {each["type"]: each["status"] for each in one["status"]["conditions"]}
    assert conditions == {"Available": "True", "Progressing": "True"}


def test_a_deployment_is_scaled() -> None:
    member = Member()
    one = member.put(DEPLOYMENTS, workload("Deployment", "web", replicas=3))
    member.settle()
    changed(member, DEPLOYMENTS, one, replicas=1)
    member.settle()
    assert len(member.pods()) == 1
    changed(member, DEPLOYMENTS, one, replicas=0)
    member.settle()
    assert member.pods(ready=False) == []


def test_a_new_template_replaces_the_pods() -> None:
    member = Member()
    one = member.put(DEPLOYMENTS, workload("Deployment", "web", replicas=2))
    member.settle()
    before = member.pods()
    template = one["spec"]["template"]
    containers = [template["spec"]["containers"][0] | {"image": "newer"}]
    changed(member, DEPLOYMENTS, one, template=template | {"spec": {"containers": containers}})
    member.settle()
    after = member.pods(ready=False)
    assert len(after) == 2
    assert not set(before) & set(after)
    assert sorted(each["spec"]["replicas"] for each in member.list(REPLICA_SETS)) == [0, 2]


def test_the_broken_pod_goes_first() -> None:
    member = Member()
    one = member.put(DEPLOYMENTS, workload("Deployment", "web", replicas=3))
    member.settle()
    broken = sorted(member.list(PODS), key=lambda pod: str(pod["metadata"]["name"]))[1]
    member.put(PODS, failing(broken, "on purpose"))
    member.settle()
    changed(member, DEPLOYMENTS, one, replicas=2)
    member.settle()
    assert broken["metadata"]["name"] not in member.pods(ready=False)


def test_a_pod_that_has_ended_keeps_its_name() -> None:
    member = Member()
    member.put(DEPLOYMENTS, workload("Deployment", "web", replicas=2))
    member.settle()
    ended = sorted(member.list(PODS), key=lambda pod: str(pod["metadata"]["name"]))[0]
    member.put(PODS, ended | {"status": {"phase": "Failed"}})
    member.settle()
    assert len(member.pods()) == 2
    assert len(member.pods(ready=False)) == 3


def test_of_the_ready_pods_the_newest_goes_first() -> None:
    member = Member()
    one = member.put(DEPLOYMENTS, workload("Deployment", "web", replicas=3))
    member.settle()
    pods = sorted(member.list(PODS), key=lambda pod: str(pod["metadata"]["name"]))
    for pod, day in zip(pods, (1, 3, 2), strict=True):
        born = {"creationTimestamp": f"2026-01-0{day}T00:00:00Z"}
        member.put(PODS, pod | {"metadata": pod["metadata"] | born})
    changed(member, DEPLOYMENTS, one, replicas=2)
    member.settle()
    first, newest, second = (pod["metadata"]["name"] for pod in pods)
    assert member.pods() == [first, second]
    assert newest not in member.pods(ready=False)


def test_the_old_pods_stay_until_the_new_ones_are_ready() -> None:
    member = Member()
    one = member.put(DEPLOYMENTS, workload("Deployment", "web", replicas=2))
    member.settle()
    before = member.pods()
    template = one["spec"]["template"]
    nowhere = template["spec"] | {"nodeSelector": {"disk": "gold"}}
    changed(member, DEPLOYMENTS, one, template=template | {"spec": nowhere})
    member.settle()
    assert member.pods() == before
    assert len(member.pods(ready=False)) == 4


def test_a_cordoned_node_takes_no_pod() -> None:
    member = Member()
    for name in ("us-1", "us-2", "us-3"):
        node = member.get(NODES, "", name)
        assert node is not None
        member.put(NODES, node | {"spec": {"unschedulable": True}})
    member.put(DEPLOYMENTS, workload("Deployment", "web", replicas=2))
    member.settle()
    assert {pod["spec"]["nodeName"] for pod in member.list(PODS)} == {"us-4"}


def test_pods_of_others_do_not_count_for_the_spread() -> None:
    """Two Pods on their own lie in zone a, and both zones get as many of the Deployment's."""
    member = Member()
    for name, node in (("one", "us-1"), ("two", "us-3")):
        spec = {"containers": [{"name": "c"}], "nodeName": node}
        member.put(PODS, {"metadata": {"name": name}, "spec": spec})
    member.put(DEPLOYMENTS, workload("Deployment", "web", replicas=4))
    member.settle()
    on = Counter(pod["spec"]["nodeName"] for pod in member.list(PODS))
    assert on == {"us-1": 2, "us-2": 1, "us-3": 2, "us-4": 1}


def test_a_pod_that_is_ending_is_no_ready_endpoint() -> None:
    member = Member()
    member.put(DEPLOYMENTS, workload("Deployment", "web", replicas=1))
    member.put(SERVICES, service("web"))
    member.settle()
    (pod,) = member.list(PODS)
    ending = {"deletionTimestamp": "2026-01-02T03:04:05Z"}
    member.put(PODS, pod | {"metadata": pod["metadata"] | ending})
    member.settle()
    conditions = {"ready": False, "serving": True, "terminating": True}
    assert conditions in [each["conditions"] for each in endpoints(member)]


def test_a_name_elsewhere_has_no_endpoints() -> None:
    member = Member()
    member.put(DEPLOYMENTS, workload("Deployment", "web", replicas=1))
    one = member.put(SERVICES, service("web"))
    member.settle()
    changed(member, SERVICES, one, type="ExternalName", externalName="example.com")
    member.settle()
    assert endpoints(member) == []


def test_a_daemon_set_has_a_pod_on_every_node() -> None:
    member = Member()
    member.put(DAEMON_SETS, workload("DaemonSet", "agent"))
    member.settle()
    assert sorted(pod["spec"]["nodeName"] for pod in member.list(PODS)) == [
        "us-1", "us-2", "us-3", "us-4",
    ]  # fmt: skip
    (one,) = member.list(DAEMON_SETS)
    assert one["status"]["numberReady"] == one["status"]["desiredNumberScheduled"] == 4


def test_a_job_completes() -> None:
    member = Member()
    member.put(JOBS, workload("Job", "sum", parallelism=2, completions=5))
    member.settle()
    (one,) = member.list(JOBS)
    assert one["status"]["succeeded"] == 5
    assert one["status"]["active"] == 0
    assert "Complete" in [each["type"] for each in one["status"]["conditions"]]


def test_a_load_balancer_has_an_address_and_ready_endpoints() -> None:
    member = Member()
    member.put(DEPLOYMENTS, workload("Deployment", "web", replicas=2))
    one = member.put(SERVICES, service("web", type="LoadBalancer"))
    member.settle()
    (now,) = member.list(SERVICES)
    assert now["status"]["loadBalancer"]["ingress"] == [{"ip": "127.11.192.1", "ipMode": "VIP"}]
    assert [each["conditions"]["ready"] for each in endpoints(member)] == [True, True]
    assert sorted(each["zone"] for each in endpoints(member)) == ["us-a", "us-b"]
    (part,) = member.list(SLICES)
    assert part["ports"] == [{"name": "web", "port": 80, "protocol": "TCP"}]
    assert part["metadata"]["labels"]["run"] == "web"
    changed(member, SERVICES, one | {"status": now["status"]}, type="ClusterIP")
    member.settle()
    (now,) = member.list(SERVICES)
    assert now["status"]["loadBalancer"] == {}


def test_endpoints_follow_the_selector() -> None:
    member = Member()
    member.put(DEPLOYMENTS, workload("Deployment", "web", replicas=2))
    member.put(DEPLOYMENTS, workload("Deployment", "other", replicas=1))
    one = member.put(SERVICES, service("web"))
    member.settle()
    assert len(endpoints(member)) == 2
    changed(member, SERVICES, one, selector={"app": "other"})
    member.settle()
    assert len(endpoints(member)) == 1
    changed(member, SERVICES, one, selector={"app": "none"})
    member.settle()
    assert endpoints(member) == []
    changed(member, SERVICES, one, selector=None)
    member.settle()
    assert list(member.list(SLICES)) == []


def test_more_than_a_hundred_endpoints_are_several_slices() -> None:
    member = Member()
    member.put(DEPLOYMENTS, workload("Deployment", "web", replicas=120))
    member.put(SERVICES, service("web"))
    member.settle()
    assert sorted(len(part["endpoints"]) for part in member.list(SLICES)) == [20, 100]


def test_a_failed_pod_is_not_ready_and_heals() -> None:
    member = Member()
    member.put(DEPLOYMENTS, workload("Deployment", "web", replicas=1))
    member.put(SERVICES, service("web"))
    member.settle()
    (pod,) = member.list(PODS)
    member.put(PODS, failing(pod, "on purpose"))
    member.settle()
    assert member.pods() == []
    (endpoint,) = endpoints(member)
    assert endpoint["conditions"] == {"ready": False, "serving": False, "terminating": False}
    (pod,) = member.list(PODS)
    member.put(PODS, failing(pod, ""))
    member.settle()
    assert len(member.pods()) == 1
    assert endpoints(member)[0]["conditions"]["ready"]


def test_a_failed_zone_takes_its_pods_with_it() -> None:
    member = Member()
    member.put(DEPLOYMENTS, workload("Deployment", "web", replicas=4))
    member.settle()
    for node in list(member.list(NODES)):
        if node["metadata"]["labels"]["topology.kubernetes.io/zone"] == "us-a":
            member.put(NODES, failing(node, "zone us-a is down"))
    member.settle()
    assert len(member.pods()) == 2
    member.put(PODS, {"metadata": {"name": "late"}, "spec": {"containers": [{"name": "c"}]}})
    member.settle()
    late = member.get(PODS, "default", "late")
    assert late is not None
    assert late["spec"]["nodeName"] in ("us-2", "us-4")


def test_a_pod_that_no_node_takes_is_pending() -> None:
    member = Member()
    spec = {"containers": [{"name": "c"}], "nodeSelector": {"disk": "gold"}}
    member.put(PODS, {"metadata": {"name": "picky"}, "spec": spec})
    member.settle()
    picky = member.get(PODS, "default", "picky")
    assert picky is not None
    assert picky["status"]["phase"] == "Pending"
    assert picky["status"]["conditions"][0]["reason"] == "Unschedulable"


def test_the_layout() -> None:
    made = layout.make("us,eu:europe", 20)
    assert made.api == "127.20.0.1"
    us, eu = made.clusters
    assert (us.region, us.zones, us.api, us.dns) == (
        "us", ("us-a", "us-b"), "127.21.0.1", "127.21.0.53",
    )  # fmt: skip
    assert (eu.region, eu.service_cidr) == ("europe", "127.22.128.0/18")
    assert next(eu.pods()) == "127.22.2.1"
    assert next(eu.balancers()) == "127.22.192.1"


@pytest.mark.parametrize(
    ("clusters", "word"),
    [
        ("", "1 to 8"),
        ("us,us", "different"),
        ("Us", "lower-case"),
        ("a,b,c,d,e,f,g,h,i", "1 to 8"),
        ("federation-cluster", "own context"),
        ("us:", "us"),
    ],
)
def test_bad_layouts(clusters: str, word: str) -> None:
    if clusters == "us:":
        assert layout.make(clusters, 10).clusters[0].region == "us"
        return
    with pytest.raises(SettingRefused, match=word):
        layout.make(clusters, 10)
