"""A real cluster on this machine, without containers: what its programs are and are told.

    programs ◇    where tools/peers.sh has put them, and their versions
    keys ◇        certificates, the key of service accounts, the administrator's token
    commands      what each program is started with
    stages        what KWOK makes of nodes and Pods, also of those that fail on purpose
    kubernetes ◇  one cluster of them for the playground

The tests' clusters are made of the first three too.
"""
