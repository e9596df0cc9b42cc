"""Measurements on a real kube-apiserver and etcd: the second table of `python -m bench`.

    stage         the cluster, the inventory in it, the servers: what every piece is given
    filling       objects and changes straight into etcd
    follow        endpoint changed → answer changed
    storm         questions while a thousand slices change each second
    footprint     memory by the number of Services, and through a relist
    restart       exec → first right answer with 100,000 Services, warm and cold
    forward       questions for names outside, from the cache and not

`pieces` is the table of them, and the only module that `bench.__main__` calls.
"""
