"""A short way to say no: names of Services that do not exist, below a namespace that does.

Search paths and floods of random names ask for `<anything>.<namespace>.svc.<cluster domain>`.  Of
such a question all but the first label is the same again and again, so it is learnt from one that
went the long way, in two halves, and compared as bytes:

    branch    the name without its first label, lower-cased   → the namespace
    form      the message without id and name                 → head and OPT record of its denial

    the question                                              this module
    has a branch and a form that are known                    goes on
    its namespace is a federation, nothing is synced          leaves it to the long way
    its first label is a Service or has slices                leaves it to the long way
    else                                                      NXDOMAIN, in the bytes of the long way

Nothing about which names exist is learnt, only how questions are written: the snapshot is asked
each time.  Pure; called by `responder` before everything else.
"""

from __future__ import annotations

from typing import NamedTuple

from feddns.names import LONGEST_LABEL, Label, Name
from feddns.resolver.wire import Query
from feddns.snapshot import ServiceKey, Snapshot

_MOST_BRANCHES = 4096
_MOST_FORMS = 256
_PLAIN, _WITH_OPT = 4, 15  # type and class; and an OPT record without options


class Form(NamedTuple):
    """`head` goes before the question, `opt` at the end; `slot` is where the reply is counted."""

    head: bytes
    opt: bytes
    slot: int


Denial = tuple[bytes, int, ServiceKey]
"""A reply without its id, where it is counted, and the Service whose making would change it."""


class Shortcut:
    """What was learnt, for one transport of one responder."""

    def __init__(self, cluster_domain: Name) -> None:
        self._services = b"\x03svc" + cluster_domain
        self._branches: dict[bytes, tuple[Label, dict[int, bytes]]] = {}
        self._forms: dict[bytes, Form] = {}

    def learn(self, message: bytes, query: Query, denials: dict[int, bytes], form: Form) -> None:
        """From a denial that went the long way; `denials` are its zone's SOA by length of name.

        Questions of another kind teach nothing.
        """
        name, offsets = query.name, query.offsets
        tail = message[12 + len(name) :]
        if len(tail) not in (_PLAIN, _WITH_OPT) or len(offsets) < 3:
            return
        if name[offsets[2] :] != self._services:
            return
        if len(self._branches) >= _MOST_BRANCHES:
            self._branches.clear()
        if len(self._forms) >= _MOST_FORMS:
            self._forms.clear()
        self._branches[name[offsets[1] :]] = (name[offsets[1] + 1 : offsets[2]], denials)
        self._forms[message[2:12] + tail] = form

    def forget(self) -> None:
        """Replies look different from now on."""
        self._forms.clear()

    def deny(self, message: bytes, snapshot: Snapshot) -> Denial | None:
        """The denial of a question of this kind; None for all others."""
        if len(message) < 32:
            return None
        length = message[12]
        end = len(message) - (_WITH_OPT if message[11] else _PLAIN)
        branch = self._branches.get(message[13 + length : end].lower())
        if branch is None or not 0 < length <= LONGEST_LABEL:
            return None
        namespace, denials = branch
        form = self._forms.get(message[2:12] + message[end:])
        denial = denials.get(end - 12)
        if form is None or denial is None or not snapshot.synced:
            return None
        label = message[13 : 13 + length].lower()
        services = snapshot.namespaces.get(namespace)
        if services is None or label in services or namespace in snapshot.federations:
            return None
        head, opt, slot = form
        return head + message[12 : end + 4] + denial + opt, slot, (namespace, label)
