"""Questions outside our zones: who is asked, what came back, and what is kept of it.

    relay      the question and its reply; chains that leave our zones
    routing    which servers know a name, and which names never leave
    forwarder  one question in flight for all who ask it: tries, time-outs, stale copies
    inflight   what it moves: questions, exchanges, who waits
    servers    health and latency of each server, learned from live questions
    loops      whether an upstream leads back here
    copies     the cache
    messages   bytes to and from upstream
    transport  ◇ the sockets

All but `transport` are pure: time, chance and the sockets are handed in.
"""
