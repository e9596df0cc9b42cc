"""The public zone: what it should hold, what is to be changed for that, and who changes it.

    recordsets   the words: a record set, a change
    base         the contract of a provider: list, apply, limits, errors
    desired      a federated Service → its record sets
    ownership    which record sets of a zone are ours: TXT records beside them
    plan         wanted, found → changes, with what stops them
    keeper       what to do next for one zone, as a state machine without a clock
    the others ◇ providers

Nothing here knows the DNS server; both read `feddns.ladder`.
"""
