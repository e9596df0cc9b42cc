"""`feddns serve`: from settings to running processes.

    1  the sources are there                             else one line and exit status 1
    2  the sockets are bound, or taken over (--takeover) else one line and exit status 1
    3  --processes 0: everything in this process's loop  `alone`
       else: supervisor, one watcher, N answering        `standing`

The composition root of the DNS server.  I/O.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import secrets
import socket
import time
from collections.abc import Callable
from functools import partial

import msgspec

from feddns import __version__
from feddns.app import alone, control, logs, sources
from feddns.app.configfile import ConfigFile
from feddns.app.control import Handover
from feddns.app.sockets import Sockets, open_sockets, own_addresses
from feddns.app.standing import Reading, Server
from feddns.config import Address, Settings

_log = logging.getLogger("feddns")


def run(read: Callable[[], Settings], config_file: str = "") -> int:
    """The exit status.  Raises `FeddnsError` for what can be seen before the first question.

    `read` gives the settings; it is called again when they are to be read again.
    """
    file = ConfigFile(config_file)
    asked = read()
    logs.set_up(asked.log_format)
    _raise_descriptor_limit()
    sources.check(asked)
    handover = _take_over(asked) if asked.takeover else None
    sockets = open_sockets(asked, handover.sockets if handover is not None else None)
    if handover is not None:
        for unwanted in handover.sockets.all() - sockets.all():
            unwanted.close()
    for listener in sockets.listeners:
        _log.info("feddns %s listens on %s", __version__, listener.address)
    secret = handover.cookie_secret if handover is not None else ""
    complete = partial(_complete, secret or secrets.token_hex(16))
    serial = int(time.time())
    if asked.processes == 0:
        return asyncio.run(alone.run(complete(asked, sockets), sockets, serial, handover))
    return Server(asked, Reading(read, complete, file), sockets, serial, handover).run()


def _raise_descriptor_limit() -> None:
    """Each TCP connection is a descriptor, and the usual soft limit is low."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _take_over(asked: Settings) -> Handover | None:
    handover = control.take(asked)
    if handover is None:
        name = asked.control or ", ".join(asked.listen)
        _log.info("no server to take over from at @feddns/%s: opening the sockets", name)
    return handover


def _complete(secret: str, asked: Settings, sockets: Sockets) -> Settings:
    """Fill in the defaults that only the machine knows; the secret stays the same over reloads."""
    return msgspec.structs.replace(
        asked,
        nameserver_address=asked.nameserver_address
        or tuple(Address(packed) for packed in own_addresses(sockets.listeners)),
        nsid=asked.nsid or socket.gethostname()[:64],
        cookie_secret=asked.cookie_secret or secret,
    )
