"""Everything that can change our view of the world: an object is there, or it is gone.

An event carries the object whole, never a difference; applying one twice is applying it once.
Sources (`manifests`, `kube` informers) make events, `feed` carries them between processes,
`snapshot.apply` eats them.
"""

from __future__ import annotations

import msgspec

from feddns.federations import Federations
from feddns.nameservers import Nameservers
from feddns.services import FederatedService, Namespace, Pod, Service, Slice
from feddns.topology import Cluster, Node

Local = Service | Slice | Namespace | Node | Pod | Federations | Nameservers
"""An object of the cluster."""

Object = Local | FederatedService | Cluster
"""The same, or one of the federation view."""


class Put(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The object is there, in this form.

    `triggered`: Unix time in seconds of what made the change, where the object tells (an
    EndpointSlice, by `endpoints.kubernetes.io/last-change-trigger-time`); else 0.
    """

    object: Object
    triggered: float = 0.0


class Gone(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The object is there no more; this was its last form."""

    object: Object


class Synced(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A source has been read whole once: the cluster's, or the federation's.

    What the federation's tells is of no effect before: half a view would deny what is there.
    """

    federation: bool = False


class Stale(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The cluster's objects are not followed since this Unix time; 0 when they are again."""

    since: float


Event = Put | Gone | Synced | Stale
