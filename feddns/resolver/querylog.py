"""One line for each question, in the form CoreDNS writes them (`--log-queries`).

    192.0.2.7:40212 - 4711 "A IN web.default.svc.cluster.local. udp 60 false 1232" NOERROR qr,aa 76

Address and id of the question; type, class, name, transport, size, DO and the size offered;
rcode, flags and size of the reply, `SILENCE` when there is none.  Pure; called by `udp` and `tcp`.
"""

from __future__ import annotations

import struct

from feddns import names, records
from feddns.errors import Unanswerable
from feddns.resolver import wire
from feddns.resolver.responder import Peer

_FLAGS = (("qr", 0x8000), ("aa", 0x400), ("tc", 0x200), ("rd", 0x100), ("ra", 0x80), ("cd", 0x10))


def line(peer: Peer, message: bytes, reply: bytes | None) -> str:
    """The line, without a time: the logger has one."""
    host = f"[{peer.address}]" if ":" in peer.address else peer.address
    transport = "tcp" if peer.tcp else "udp"
    ident = int.from_bytes(message[:2], "big")
    version = 0
    try:
        query = wire.read_query(message)
    except Unanswerable as error:
        question = f'"- {transport} {len(message)}" ({error})'
    else:
        klass = "IN" if query.klass == records.IN else f"CLASS{query.klass}"
        do, size = (query.edns.do, query.edns.size) if query.edns else (False, 512)
        version = query.edns.version if query.edns else 0
        name = names.format(query.question[:-4])
        question = (
            f'"{records.type_name(query.type)} {klass} {name} {transport} {len(message)} '
            f'{str(do).lower()} {size}"'
        )
    return f"{host}:{peer.port} - {ident} {question} {_outcome(reply, version)}"


def _outcome(reply: bytes | None, version: int) -> str:
    if reply is None:
        return "SILENCE"
    (flags,) = struct.unpack_from("!H", reply, 2)
    shown = ",".join(name for name, bit in _FLAGS if flags & bit)
    rcode = records.BADVERS if version else flags & 15
    return f"{records.RCODE_NAMES.get(rcode, rcode)} {shown} {len(reply)}"
