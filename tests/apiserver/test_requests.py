"""Paths, verbs and options of requests."""

from __future__ import annotations

import pytest

from feddns.apiserver import requests
from feddns.apiserver.refusals import RequestRefused
from feddns.apiserver.requests import Target


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/api/v1/pods", Target("", "v1", "pods")),
        ("/api/v1/namespaces", Target("", "v1", "namespaces")),
        ("/api/v1/namespaces/a", Target("", "v1", "namespaces", "", "a")),
        ("/api/v1/namespaces/a/status", Target("", "v1", "namespaces", "", "a", "status")),
        ("/api/v1/namespaces/a/finalize", Target("", "v1", "namespaces", "", "a", "finalize")),
        ("/api/v1/namespaces/a/pods", Target("", "v1", "pods", "a")),
        ("/api/v1/namespaces/a/pods/b/log", Target("", "v1", "pods", "a", "b", "log")),
        ("/apis/apps/v1/namespaces/a/deployments/b", Target("apps", "v1", "deployments", "a", "b")),
        ("/api/v1/nodes/n/proxy/x/y", Target("", "v1", "nodes", "", "n", "proxy/x/y")),
        ("/api/v1/namespaces/a/pods/b%62", Target("", "v1", "pods", "a", "b%62")),
        ("/api/v1/namespaces//pods", Target("", "v1", "pods")),
        ("/api/v1", None), ("/apis/apps/v1", None), ("/", None), ("/version", None),
    ],
)  # fmt: skip
def test_paths(path: str, target: Target | None) -> None:
    assert requests.target(path) == target


def test_old_watch_paths() -> None:
    assert requests.watch_path("/api/v1/watch/pods") == "/api/v1/pods"
    assert requests.watch_path("/apis/apps/v1/watch/deployments") == "/apis/apps/v1/deployments"
    assert requests.watch_path("/api/v1/pods") == ""
    assert requests.watch_path("/version") == ""


def test_verbs() -> None:
    assert requests.verb("GET", False, True) == "watch"
    assert requests.verb("GET", True, True) == "get"
    assert requests.verb("DELETE", False, False) == "deletecollection"
    assert requests.verb("PUT", False, False) == ""
    assert requests.verb("HEAD", True, False) == ""


@pytest.mark.parametrize("text", ["1", "t", "True", "yes", "x"])
def test_booleans_are_true_unless_plainly_false(text: str) -> None:
    assert requests.options(f"watch={text}", "list").watch
    for no in ("", "0", "false", "False"):
        assert not requests.options(f"watch={no}", "list").watch


@pytest.mark.parametrize(
    ("query", "verb", "code", "words"),
    [
        ("limit=x", "list", 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("limit=1_0", "list", 400, 'parsing "1_0": invalid syntax'),
        ("limit=%201", "list", 400, 'parsing " 1": invalid syntax'),
        ("limit=-", "list", 400, 'parsing "-": invalid syntax'),
        (f"limit={1 << 63}", "list", 400, f'ParseInt: parsing "{1 << 63}": value out of range'),
        ("timeoutSeconds=" + "9" * 5000, "list", 400, "value out of range"),
        ("dryRun=x", "create", 422, 'CreateOptions.meta.k8s.io "" is invalid: dryRun'),
        ("resourceVersionMatch=Exact", "list", 422, "forbidden unless resourceVersion is provided"),
        ("resourceVersionMatch=X&resourceVersion=1", "list", 422, "supported values"),
        ("resourceVersionMatch=Exact&resourceVersion=0", "list", 422, 'for resourceVersion "0"'),
        ("watch=1&sendInitialEvents=1", "list", 422, "requires setting resourceVersionMatch"),
        ("watch=1&resourceVersionMatch=NotOlderThan", "list", 422, "forbidden for watch unless"),
        ("sendInitialEvents=1", "list", 422, "sendInitialEvents is forbidden for list"),
        ("fieldValidation=x", "create", 422, "fieldValidation"),
        ("fieldManager=" + "a" * 129, "create", 422, "may not be more than 128 bytes"),
        ("force=1", "patch", 422, "may not be specified for non-apply patch"),
        ("fieldManager=a%0Ab", "update", 422, "invalid character U+000A (at position 1)"),
    ],
)
def test_options_that_are_refused(query: str, verb: str, code: int, words: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        requests.options(query, verb)
    assert caught.value.code == code
    assert words in caught.value.message


def test_revisions() -> None:
    assert requests.revision("", "list") == 0
    assert requests.revision("17", "list") == 17
    assert requests.revision(str((1 << 64) - 1), "list") == (1 << 64) - 1
    with pytest.raises(RequestRefused, match=r"strconv\.ParseUint: .* value out of range"):
        requests.revision(str(1 << 64), "list")
    with pytest.raises(RequestRefused, match="invalid syntax"):
        requests.revision("+1", "list")


def test_options_that_mean_nothing_for_the_verb() -> None:
    query = f"dryRun=x&fieldValidation=x&force=1&fieldManager={'a' * 129}"
    assert requests.options(query, "get").dry_run
    assert requests.options("fieldManager=" + "a" * 128, "patch").field_manager == "a" * 128


def test_numbers() -> None:
    for text, limit in (("%2B7", 7), ("007", 7), ("-7", 0), (str((1 << 63) - 1), (1 << 63) - 1)):
        assert requests.options(f"limit={text}", "list").limit == limit
    assert requests.options(f"timeoutSeconds={-(1 << 63)}", "list").timeout == -(1 << 63)


def test_delete_options() -> None:
    assert requests.delete_options("") == {"propagationPolicy": ""}
    query = "propagationPolicy=Fore%67round&orphanDependents=false&dryRun=All&gracePeriodSeconds=5"
    assert requests.delete_options(query) == {
        "propagationPolicy": "Foreground", "orphanDependents": False, "dryRun": ["All"],
    }  # fmt: skip
    with pytest.raises(RequestRefused, match='parsing "x": invalid syntax'):
        requests.delete_options("gracePeriodSeconds=x")


def test_what_is_no_revision() -> None:
    for verb, code in (("list", 400), ("watch", 500), ("get", 500)):
        with pytest.raises(RequestRefused) as caught:
            requests.revision("x", verb)
        assert caught.value.code == code
