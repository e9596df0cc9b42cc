"""The playground: a federation of clusters on one machine, in one terminal.

    one process      the federation's API and one API for each member, all embedded
                     members that behave like clusters: `workloads`, `kubelet`, `services`
                     addresses on which ready pods really answer: `web` ◇
    children ◇       feddns-controllers, and `feddns serve` for each member
                     with --real the APIs and the members' controllers too: `real`

`layout` says who has which name, address and port; `faults` what is broken on purpose.
"""
