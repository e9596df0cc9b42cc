"""How a pod's resolver completes a name: the search list and `ndots:5` of its /etc/resolv.conf.

    name                                       tried, in this order
    ends with a dot                            itself
    has fewer than 5 dots                      each search domain behind it, then itself
    has 5 dots or more                         itself, then each search domain behind it

Pure.  Called by `ask` and `why`.
"""

from __future__ import annotations

from feddns import names
from feddns.errors import NameRefused
from feddns.names import Name

NDOTS = 5


def candidates(text: str, namespace: str, cluster_domain: Name) -> list[Name]:
    """The absolute names a pod of `namespace` would ask.  Raises `NameRefused`."""
    name = names.parse(text)
    if text.endswith("."):
        return [name]
    searched = []
    for labels in ([namespace.encode(), b"svc"], [b"svc"], []):
        try:
            searched.append(names.join([*names.labels_of(name), *labels], cluster_domain))
        except NameRefused:
            continue  # too long with this search domain: a resolver goes on to the next
    if text.count(".") >= NDOTS:
        return [name, *searched]
    return [*searched, name]
