"""Where the embedded API differs from kube-apiserver on purpose, and why.

A row takes what its pattern matches out of both transcripts, in the steps that `where` matches
("scenario: step", and the lines that belong to it).  With an empty pattern only whether the step
failed is compared, with ANY not even that.  A row that no step needs is an error: the list of
differences is to be true.
Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple


class Difference(NamedTuple):
    where: str
    pattern: str
    reason: str


ANY = "(?s).*"

_KINDS = "kinds that neither a federation nor its members' services need are not served"
_NOT_RUN = "nothing runs here: logs, exec and their like are refused in words of their own"
_ALL_MAY = "who has a token may do everything: roles are kept, and not looked at"
_NO_CEL = "rules in CEL are kept, not evaluated; those of Cluster are done by hand"
_WORDS = "the words of Go's own libraries, and its names of fields"

DIFFERENCES: tuple[Difference, ...] = (
    # what it is
    Difference(r"kubectl version|--raw /version", r'^ *"(git|compiler|platform|build).*\n',
               "the version says whose program it is"),
    Difference(r"/metrics", ANY, "the embedded API has no metrics"),
    Difference(r"readyz\?verbose", ANY, "there is one check"),
    Difference(r"http-server: > GET /(api|openapi)", r"^(Vary|Cache-Control|Content-Type):.*\n",
               "nothing stands between that could keep answers"),
    Difference(r"http-server: ", r'^ *"storageVersionHash": .*\n',
               "no objects are migrated by others"),
    Difference(r"Accept: application/vnd.kubernetes.protobuf", ANY,
               "protobuf is read, but not written"),
    Difference(r"kubectl explain", r"^ {4,}(?!.*\t<).*\n|^\n",
               "schemas are served without their descriptions, a tenth of the size"),
    Difference(r"http-\w+: ", r'^ *"description": ".*",\n|"description": "(?:[^"\\]|\\.)*", ',
               "columns of tables have no descriptions: no printer shows them"),
    Difference(r"plaintext-openapiv2", ANY, "schemas are in /openapi/v3; /openapi/v2 is empty"),
    # what it has not
    Difference(r"kubectl create (cronjob|quota|poddisruptionbudget)", ANY, _KINDS),
    Difference(r"--from=cronjob", "", _KINDS),
    Difference(r"describe namespace", r"\n*^No (resource quota|LimitRange resource)\.", _KINDS),
    Difference(r"kubectl logs p\n", ANY, _NOT_RUN),
    Difference(r"kubectl (exec|attach|cp|port-forward|debug|top) ", ANY, _NOT_RUN),
    Difference(r"^delete: .* pod placed", ANY,
               "Pods go at once: no kubelet has anything of theirs to end"),
    # who may
    Difference(r"--as=eve", ANY, _ALL_MAY),
    Difference(r"can-i --list|selfsubjectrulesreviews", ANY, _ALL_MAY),
    # what it says
    Difference(r"custom: .*kubectl create(?s:.*)name: (bad|missing|negative)", ANY, _NO_CEL),
    Difference(r"^(custom|cluster): ", r"\n?^! Warning: spec.versions\S+ rules in CEL.*", _NO_CEL),
    Difference(r"custom: ", r'Invalid value: \[\{"[nN]ame":.*?\}\]', _WORDS),
    Difference(r"continue=nonsense", r"continue key is not valid: [^\"]*", "the token is our own"),
    Difference(r"dockerconfigjson=no", r"invalid character.*", _WORDS),
)  # fmt: skip


def without(shown: str, pattern: str) -> str:
    """What is compared of a step to which such a row applies."""
    if not pattern:
        return "failed" if re.search(r"^\? \d", shown, re.MULTILINE) else "done"
    return re.sub(pattern, "", shown, flags=re.MULTILINE)


def remaining(
    where: str, real: str, ours: str, rows: Sequence[Difference], used: set[Difference]
) -> tuple[str, str] | None:
    """What still differs, or None."""
    for row in rows:
        if real == ours:
            break
        if re.search(row.where, where):
            before = (real, ours)
            real, ours = without(real, row.pattern), without(ours, row.pattern)
            if before != (real, ours):
                used.add(row)
    return None if real == ours else (real, ours)
