"""Whether the shards of a federated Service are well, seen from outside.

    Service, EndpointSlices ─► observe ─┐
    is its API reached?  ───────────────┼─► judge ─► healthy, unhealthy, unknown
    probe ─► prober ◇ ─► outcomes ──────┘

Losing a member's API (its control plane) and losing what answers behind its load balancers (its
data plane) are two signals: neither stands for the other.  All but `prober` is pure.
"""
