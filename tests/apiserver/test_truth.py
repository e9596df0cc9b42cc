"""The files of truth/ are still what a real kube-apiserver answers.

Not asked again: what depends on the objects that are there (changed.json, tables.json).
"""

from __future__ import annotations

import json
import re
from typing import Any

from feddns.apiserver import kinds, openapi
from tests.apiserver import truthful
from tests.apiserver.test_defaults import comparable
from tests.apiserver.truthful import Object
from tests.realcluster import ClusterFailed, RealCluster

REGISTRY = kinds.BUILTIN()


def create(cluster: RealCluster, sent: Object) -> Any:
    """What a real server says to the object: the object, or the words of the refusal."""
    kind = truthful.kind_of(REGISTRY, sent)
    place = openapi.base(kind.group, kind.version)
    place += "/namespaces/default" if kind.namespaced else ""
    try:
        return cluster.request("POST", f"{place}/{kind.plural}?dryRun=All", sent)
    except ClusterFailed as refused:
        return json.loads(str(refused).split(f" {refused.status} ", 1)[1])["message"]


def words(message: str | None) -> list[str]:
    """Go tells what is wrong in maps in any order."""
    return sorted(re.findall(r"[^\s,\[\]]+", message or ""))


def test_what_is_refused(cluster: RealCluster) -> None:
    for case in truthful.read("refused"):
        got = create(cluster, case["sent"])
        assert words(None if isinstance(got, dict) else got) == words(case["message"])


def test_what_is_filled_in(cluster: RealCluster) -> None:
    for case in truthful.read("filled"):
        got = create(cluster, case["sent"])
        assert isinstance(got, dict), got
        got["metadata"].pop("managedFields", None)
        before = json.dumps(case["got"]).replace(case["got"]["metadata"]["uid"], "uid")
        now = json.dumps(got).replace(got["metadata"]["uid"], "uid")
        assert comparable(json.loads(now)) == comparable(json.loads(before))
