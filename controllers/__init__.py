"""The federation's controllers: they make every member hold what the federation says.

    federation API ─► informers ─► world ─► reconcile (pure: world, key → plan) ─► executor ─► APIs
    member APIs    ─►           ┘                                              ◇ members, federation

`feddns-controllers` is the program.  What is pure knows no clock, socket or chance.
"""
