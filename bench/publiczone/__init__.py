"""What a public zone costs: calls to its provider, and time of ours.

`__main__` puts `contest` (what is measured) and `federation` (what is wanted) together.  The
provider is a zone in memory with the limits of Route 53, in virtual time: so calls, and the time
that they need at its rate, are counted, and CPU time is that of feddns alone.
"""
