"""Everything that can change our view of the world: an object is there, or it is gone.

An event carries the object whole, never a difference; applying one twice is applying it once.
Sources (`manifests`, later `kube` informers) make events, `feed` carries them between processes,
`snapshot.apply` eats them.
"""

from __future__ import annotations

import msgspec

from feddns.federations import Federations
from feddns.services import FederatedService, Namespace, Pod, Service, Slice
from feddns.topology import Cluster, Node

Object = Service | Slice | Namespace | Node | Pod | Federations | FederatedService | Cluster
"""An object of the cluster (the first six) or of the federation view (the last two)."""


class Put(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The object is there, in this form."""

    object: Object


class Gone(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The object is there no more; this was its last form."""

    object: Object


class Synced(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The sources have been read whole once."""


Event = Put | Gone | Synced
