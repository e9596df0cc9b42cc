"""What is refused, and in which words, is what a real kube-apiserver refuses."""

from __future__ import annotations

import pytest

from feddns.apiserver import kinds, problems, validation
from feddns.apiserver.refusals import Cause
from tests.apiserver import truthful
from tests.apiserver.truthful import Object

REGISTRY = kinds.BUILTIN()


@pytest.mark.parametrize("case", truthful.read("refused"), ids=truthful.called)
def test_refused_as_by_a_real_server(case: Object) -> None:
    answer = truthful.ask(REGISTRY, case["sent"])
    assert answer.message == case["message"]
    assert {*map(tuple, answer.causes)} == {*map(tuple, case["causes"])}
    assert answer.warnings == case["warnings"]


@pytest.mark.parametrize("case", truthful.read("changed"), ids=truthful.called)
def test_what_may_not_change(case: Object) -> None:
    answer = truthful.ask(REGISTRY, case["new"], old=case["old"])
    assert answer.message == case["message"]


@pytest.mark.parametrize("case", truthful.read("filled"), ids=truthful.called)
def test_what_a_real_server_keeps_is_good(case: Object) -> None:
    answer = truthful.ask(REGISTRY, case["got"], old=case["got"])
    assert answer.message is None


def test_the_same_words_are_told_once() -> None:
    kind = truthful.kind_of(REGISTRY, {"apiVersion": "apps/v1", "kind": "Deployment"})
    cause = Cause("FieldValueRequired", "Required value", "spec.selector")
    refused = validation.refuse(kind, "web", [cause, cause])
    assert refused.message == 'Deployment.apps "web" is invalid: spec.selector: Required value'
    assert refused.details == {"name": "web", "group": "apps", "kind": "Deployment"}
    assert refused.causes == (cause, cause)


def deployment(**rolling: object) -> Object:
    about = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [CONTAINER]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    return about | {"spec": {**spec, "strategy": {"rollingUpdate": rolling}}}


CONTAINER = {"name": "c", "image": "i"}


@pytest.mark.parametrize("share", ["101%", "0101%", "9" * 5000 + "%"])
def test_more_than_all(share: str) -> None:
    (told,) = truthful.ask(REGISTRY, deployment(maxUnavailable=share)).causes
    assert told == ["Invalid", "spec.strategy.rollingUpdate.maxUnavailable"]


@pytest.mark.parametrize("share", ["100%", "0100%", "99%", "0%", 101])
def test_no_more_than_all(share: str | int) -> None:
    assert truthful.ask(REGISTRY, deployment(maxUnavailable=share)).causes == []


def test_a_job_with_a_selector_of_no_known_operator() -> None:
    about = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}}
    template = {"spec": {"containers": [CONTAINER], "restartPolicy": "Never"}}
    selector = {"matchExpressions": [{"key": "a", "operator": "x"}]}
    spec = {"manualSelector": True, "selector": selector, "template": template}
    answer = truthful.ask(REGISTRY, {**about, "spec": spec})
    assert ["Invalid", "spec.selector.matchExpressions[0].operator"] in answer.causes


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ([CONTAINER], None, ["Required", "Forbidden"]),
        ([CONTAINER], [CONTAINER, CONTAINER | {"name": "d"}], ["Forbidden"]),
        ([CONTAINER], [CONTAINER | {"image": "j"}], []),
        ([CONTAINER], [CONTAINER | {"args": ["j"]}], ["Forbidden"]),
    ],
)
def test_containers_stay_in_a_pod(old: object, new: object, told: list[str]) -> None:
    about = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "uid": "uid"}}
    made = truthful.ask(REGISTRY, {**about, "spec": {"containers": old}}).made
    changed = {**about, "spec": {**made["spec"], "containers": new}}
    answer = truthful.ask(REGISTRY, changed, old=made)
    assert [reason for reason, _ in answer.causes] == told


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("192.0.2.1", ""), ("2001:db8::1", ""), ("224.0.1.1", ""), ("ff05::1", ""),
        ("fe80::1%eth0", "must be a valid IP"), ("2001:db8::1%1", "must be a valid IP"),
        ("::ffff:192.0.2.1", "must not be an IPv4-mapped"), ("0.0.0.0", "may not be unspecified"),
        ("127.1.2.3", "may not be in the loopback"), ("::1", "may not be in the loopback"),
        ("169.254.0.1", "may not be in the link-local r"), ("fe80::1", "may not be in the link"),
        *((one, "may not be in the link-local multicast")
          for one in ("224.0.0.9", "ff02::1", "ff02:1::1", "ff12::1")),
    ],
)  # fmt: skip
def test_addresses_of_endpoints(address: str, complaint: str) -> None:
    told = problems.endpoint_ip(address)
    assert [text.startswith(complaint) for text in told] == [True] * bool(complaint)


def cluster(name: str = "us", **spec: object) -> Object:
    about = {"apiVersion": "federation.feddns.dev/v1beta1", "kind": "Cluster"}
    pairs = [{"clientCIDR": "0.0.0.0/0", "serverAddress": "https://192.0.2.1"}]
    whole = {"serverAddressByClientCIDRs": pairs, **spec}
    return {**about, "metadata": {"name": name}, "spec": whole}


UNCHECKED = (
    "<nil>: Invalid value: null: some validation rules were not checked because the object was"
    " invalid; correct the existing errors to complete validation"
)
NAME = (
    "<nil>: Invalid value: metadata.name must be lower-case letters, digits and '-', start with a"
    " letter, and have no dot (at most 63 characters)"
)
PAIRS = "spec.serverAddressByClientCIDRs"


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (cluster(), None),
        (cluster("a.b"), NAME),
        (cluster(serverAddressByClientCIDRs=[]),
         f"{PAIRS}: Invalid value: 0: {PAIRS} in body should have at least 1 items"),
        (cluster(serverAddressByClientCIDRs=[{"clientCIDR": "0.0.0.0/0"}]),
         f"[{PAIRS}[0].serverAddress: Required value, {UNCHECKED}]"),
        (cluster(serverAddressByClientCIDRs=[{"clientCIDR": "x", "serverAddress": "a b"}]),
         f'[{PAIRS}[0].clientCIDR: Invalid value: "x": clientCIDR "x" is no address range; write'
         f' one such as 0.0.0.0/0, {PAIRS}[0].serverAddress: Invalid value: "a b": serverAddress'
         ' "a b" is no address; write a host, host:port or URL such as https://203.0.113.7:6443]'),
        (cluster(secretRef={"name": "A"}),
         'spec.secretRef.name: Invalid value: "A": secretRef.name must be the name of a Secret'
         " (lower-case letters, digits, '-' and '.')"),
    ],
)  # fmt: skip
def test_clusters_as_their_crd_says_in_cel(sent: Object, message: str | None) -> None:
    told = truthful.ask(REGISTRY, sent).message
    name = sent["metadata"]["name"]
    prefix = f'Cluster.federation.feddns.dev "{name}" is invalid: '
    assert told == (message and f"{prefix}{message}")
