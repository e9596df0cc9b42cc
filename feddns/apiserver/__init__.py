"""The embedded API: a Kubernetes API over one SQLite file, for a laptop, a test, a small site.

    bytes → requests → handling (verbs) → store → journal ◇
                          │ kinds, schema, defaults, validation, patch, apply, lifecycle
                          └ tables, discovery

Its truth is a real kube-apiserver: what kubectl and the clients see of the two must agree, and
`tests/apiserver` asks both.  Sans-I/O but for `journal` and `server`.
"""
