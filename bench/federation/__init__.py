"""Measurements on a whole federation: the third table of `python -m bench`.

    stage         the APIs, the controllers, the DNS servers: what every piece is given
    objects       federated Services, their slices, and objects that are faulty
    talking       many requests at once, one after the other over a kept connection, a watch
    failover      endpoint gone → annotation written → another member's answer
    deadcluster   a cluster dies → its addresses are in no answer
    fanout        a thousand Services into five members; with faulty ones among them; rest
    event         CPU of the controllers for a change, by the number of federated objects

`pieces` is the table of them, and the only module that `bench.__main__` calls.
"""
