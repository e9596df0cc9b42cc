"""The text of scenarios, and what is taken out of transcripts."""

from __future__ import annotations

import pytest

from tests.apiserver.conformance import differences, steps
from tests.apiserver.conformance.differences import Difference
from tests.apiserver.conformance.normalising import normalise
from tests.apiserver.conformance.steps import Request, Step

TEXT = """\
# prose
$ kubectl create -f - <<END
kind: ConfigMap
END
>& GET /x?watch=1
  Accept: application/yaml
  Show: .type
< 2

> POST /x
  {"a": 1}
= RV .metadata.resourceVersion
python official.crud
"""


def test_a_file_is_read_as_steps() -> None:
    assert list(steps.read(TEXT)) == [
        Step(2, "shell", "kubectl create -f - <<END", "kind: ConfigMap\nEND\n"),
        Step(5, "open", "GET /x?watch=1", "Accept: application/yaml\nShow: .type\n"),
        Step(8, "read", "2"),
        Step(10, "http", "POST /x", '{"a": 1}\n'),
        Step(12, "keep", "RV .metadata.resourceVersion"),
        Step(13, "python", "official.crud"),
    ]


def test_a_request_has_headers_a_body_and_what_is_ours() -> None:
    found = steps.request("PATCH /x", 'Content-Type: text/x\nAccept: -\n{"a": 1}\nShow: .a\n')
    headers = {"Content-Type": "text/x", "Accept": "-"}
    assert found == Request("PATCH", "/x", headers, {"Show": ".a"}, '{"a": 1}')


@pytest.mark.parametrize(
    ("said", "normal"),
    [
        ("uid: 0b52af9a-6f2d-4f2c-9a52-6f0a9e6f6f00", "uid: UID"),
        ('  resourceVersion: "1234"', '  resourceVersion: "N"'),
        ('resourceVersion: ""', 'resourceVersion: ""'),
        ("since 2026-01-02T03:04:05Z", "since TIME"),
        ("web   ClusterIP   10.96.3.4   <none>   80:31234/TCP   2m5s",
         "web  ClusterIP  CLUSTER-IP  <none>  80:NODE-PORT/TCP  AGE"),
        ("configmap/made-x7k2q created", "configmap/made-RANDOM created"),
        ("configmap/made-first created", "configmap/made-first created"),
        ("see https://127.0.0.1:6443/api", "see SERVER/api"),
        ("    image: i", "    image: i"),
        ("192.0.2.1", "192.0.2.1"),
    ],
)  # fmt: skip
def test_what_cannot_be_equal_is_replaced(said: str, normal: str) -> None:
    assert normalise(said) == normal


def test_managed_fields_are_in_an_order_of_their_own() -> None:
    entries = ["  - manager: b\n    time: x\n", "  - manager: a\n    fields:\n      x: {}\n"]
    texts = {f"  managedFields:\n{''.join(one)}  name: x\n" for one in (entries, entries[::-1])}
    assert len({normalise(text) for text in texts}) == 1


def test_what_is_wrong_with_a_map_is_in_an_order_of_its_own() -> None:
    wrong = ["! * metadata.labels: b\n", "! * metadata.labels: a\n"]
    texts = {f"! is invalid:\n{''.join(one)}! * spec: c\n" for one in (wrong, wrong[::-1])}
    assert {normalise(text) for text in texts} == {
        "! is invalid:\n! * metadata.labels: a\n! * metadata.labels: b\n! * spec: c\n"
    }


def test_a_difference_that_was_decided_is_taken_out_and_named() -> None:
    row = Difference("s: . kubectl version", r"v1\.\d+", "its own version")
    used: set[Difference] = set()
    left = differences.remaining("s: $ kubectl version", "v1.36 x", "v1.30 x", [row], used)
    assert (left, used) == (None, {row})
    assert differences.remaining("s: $ kubectl get", "a", "b", [row], used) == ("a", "b")


def test_a_row_without_a_pattern_compares_only_whether_it_failed() -> None:
    row = Difference(".", "", "words of another program")
    assert differences.remaining("s: x", "a\n? 1", "b\n? 2", [row], set()) is None
    assert differences.remaining("s: x", "a\n? 1", "b", [row], set()) == ("failed", "done")
