"""The conformance list: the same steps against a real kube-apiserver and against the embedded API.

    scenarios/*.txt   the list: kubectl commands, HTTP requests, the names of clients' steps
    clients           the steps of the official Python client and of lightkube
    differences       where the embedded API differs on purpose, and why

    steps (text → steps) → playing ◇ (shell, probing ◇, clients ◇) → normalising → comparing

`python -m tests.apiserver.conformance` plays it by hand.
"""
