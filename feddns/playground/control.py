"""How `feddns playground fail`, `heal` and `status` speak with the playground that runs.

A request is a line of JSON: the words of the command.  The reply is another: {"text": …} or
{"error": why}.  The socket has a name in the abstract namespace (`@feddns-playground/127.10`, by
the network of the playground), so it leaves no file behind; only processes of the playground's own
user and root are listened to.

I/O.  Called by `playground` on one side, by the commands on the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from feddns.app.sockets import user_of
from feddns.errors import FeddnsError, OperatorNeeded

_PREFIX = "\0feddns-playground/"
_LISTENING = re.compile(r"^\S+ \S+ \S+ 00010000 0001 01 +\d+ @feddns-playground/(.+)$")
_LONGEST = 1 << 16
_PATIENCE = 30.0

Do = Callable[[list[str]], Awaitable[str]]


class _Reply(msgspec.Struct, omit_defaults=True):
    text: str = ""
    error: str = ""


async def serve(name: str, do: Do) -> asyncio.Server:
    """Listen; `do` gets the words and gives the text.  Raises `OperatorNeeded`."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError), contextlib.closing(writer):
            if user_of(writer.get_extra_info("socket")) in (0, os.geteuid()):
                reply = await _reply(do, await reader.readline())
                writer.write(msgspec.json.encode(reply) + b"\n")
                await writer.drain()

    try:
        return await asyncio.start_unix_server(answer, _PREFIX + name, limit=_LONGEST)
    except OSError as error:
        raise OperatorNeeded(f"another playground is on {name}: {error.strerror}") from error


async def _reply(do: Do, line: bytes) -> _Reply:
    try:
        words = msgspec.json.decode(line, type=list[str])
        return _Reply(text=await do(words))
    except (msgspec.DecodeError, FeddnsError) as error:
        return _Reply(error=str(error))


def names() -> list[str]:
    """The playgrounds that run in this network namespace."""
    lines = Path("/proc/net/unix").read_text(encoding="utf-8", errors="replace").splitlines()
    return sorted({found[1] for found in map(_LISTENING.match, lines) if found})


def ask(words: list[str], name: str = "") -> str:
    """What the playground of that name (or the only one) replies.  Raises `OperatorNeeded`."""
    there = names()
    if not name and len(there) != 1:
        raise OperatorNeeded(
            f"several playgrounds run, --network says which: {', '.join(there)}"
            if there else "no playground runs here: `feddns playground` starts one"
        )  # fmt: skip
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connected:
        connected.settimeout(_PATIENCE)
        try:
            connected.connect(_PREFIX + (name or there[0]))
            connected.sendall(msgspec.json.encode(words) + b"\n")
            reply = msgspec.json.decode(connected.makefile("rb").readline(), type=_Reply)
        except (OSError, msgspec.DecodeError) as error:
            raise OperatorNeeded(f"the playground {name or there[0]} does not answer") from error
    if reply.error:
        raise OperatorNeeded(reply.error)
    return reply.text
