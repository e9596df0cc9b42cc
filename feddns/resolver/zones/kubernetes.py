"""The names of one cluster: Kubernetes DNS specification 1.1.0, and what clients expect beyond it.

    case  name in front of the cluster domain   exists when                    has
    K1    (apex)                                always                         SOA, NS
    K2    dns-version                           always                         TXT "1.1.0"
    K3    dns · ns.dns                          always                         – · A, AAAA
    K4    svc · pod                             always                         –
    K5    <namespace>.svc · <namespace>.pod     the namespace exists           –
    K6-K8 <…>.<service>.<namespace>.svc         see `local`
    K9    <dashed address>.<namespace>.pod      as --pods says                 A, AAAA
    F1-F3 <…>.<service>.<namespace>.<federation>.svc: see `federated`

A namespace that is called like a federation keeps its own names: they are tried first
(decisions.md 1).  Where CoreDNS answers otherwise, coredns-behaviour.md has the row: unlike it,
K2 to K5 are NODATA for every type they lack, `_tcp.<service>` and `dns` exist (K-TXT-APEX,
K-VERSION-NODATA, K-ENT-PROTO, K-ENT-DNS), one-word ports and lone underscores do not
(K-BARE-WORDS, K-EMPTY-LABEL), and only SRV is found at a port (K-A-AT-PORT).
"""

from __future__ import annotations

from feddns import names, records
from feddns.names import Label
from feddns.records import TXT, RRset
from feddns.resolver.zones import MISSING, NO_DATA, Data, Lookup, Outcome, federated, local

VERSION = b"1.1.0"
VERSION_TTL = 28800


def find(lookup: Lookup, labels: list[Label]) -> Outcome:
    """What the cluster domain has at `labels`; the cases K2 to K9 (K1 is `zones.apex`)."""
    branch = labels[-1]
    if branch == b"svc":
        return _service_branch(lookup, labels[:-1])
    if branch == b"pod":
        return _pod_branch(lookup, labels[:-1])
    if labels == [b"dns-version"]:
        version = RRset(lookup.name, TXT, VERSION_TTL, (records.txt(VERSION),))
        return Data(version) if lookup.type == TXT else NO_DATA
    if labels == [b"dns"]:
        return NO_DATA
    if labels == [b"ns", b"dns"]:
        return local.addresses(lookup, lookup.name, lookup.settings.nameserver_address)
    return MISSING


def _service_branch(lookup: Lookup, labels: list[Label]) -> Outcome:
    """K4 to K8, and the federated names where the last label is a federation."""
    if not labels:
        return NO_DATA
    if labels[-1] in lookup.snapshot.federations:
        lookup.depends.append((labels[-1],))
        if lookup.snapshot.has_namespace(labels[-1]):
            own = local.find_service(lookup, labels)
            if own is not MISSING:
                return own
        return federated.find(lookup, labels)
    return local.find_service(lookup, labels)


# --- pods -------------------------------------------------------------------------------------


def _pod_branch(lookup: Lookup, labels: list[Label]) -> Outcome:
    """K4, K5 and K9 below `pod` (K-POD-LAX, K-POD-DEEP: only real addresses, nothing deeper)."""
    mode = lookup.settings.pods
    if not labels:
        return NO_DATA
    if mode == "disabled":
        return MISSING
    lookup.depends.append((labels[-1],))
    if not local.serves(lookup, labels[-1]) or len(labels) > 2:
        return MISSING
    if len(labels) == 1:
        return NO_DATA
    address = names.undashed(labels[0])
    if address is None:
        return MISSING
    if mode == "verified":
        lookup.depends.append((labels[1], address))
        if (labels[1], address) not in lookup.snapshot.pod_addresses:
            return MISSING
    return local.addresses(lookup, lookup.name, (address,))
