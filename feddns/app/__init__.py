"""Composition roots: the only place that knows all parts, and the processes they live in.

supervisor   owns the sockets, starts the others again when they die, never parses a packet
  ├── watching    APIs, manifests → events → feed; metrics over HTTP; the control socket
  └── answering   feed → store → responder; UDP and TCP on the inherited sockets; forwarding
"""
