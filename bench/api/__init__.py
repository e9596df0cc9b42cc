"""The embedded API beside kube-apiserver and etcd: writing, watching, reading, memory, start.

`__main__` puts `contest` (what is measured), `contenders` ◇ (the two servers) and `load` ◇ (the
clients) together.
"""
