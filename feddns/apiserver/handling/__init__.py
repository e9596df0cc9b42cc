"""The verbs: a request becomes an answer.

    api            who asks, which kind, which verb            (the front door)
    presenting     objects, lists, Tables, metadata alone
    reading        get, list
    watching       watch
    bodies         what a client sent, as an object
    writing        create, update, patch
    subresources   status, scale, finalize, and what is not here
    deleting       delete, deletecollection
    tending        what kube-controller-manager does: namespaces emptied, dependents collected

Pure: bytes in, bytes out.  Called by `server`, and by the playground without HTTP.
"""
