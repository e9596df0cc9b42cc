"""A small API server in the test: over TLS or without, it answers as a script says."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import yaml

from feddns.kube.client import Connection
from feddns.kube.credentials import Credentials
from tests import certificates

HOST = "127.0.0.53"
Script = Callable[["Server", str, dict[str, str], asyncio.StreamWriter], Awaitable[None]]


def reply(status: int, body: bytes = b"", *fields: str) -> bytes:
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Server:
    """Answers as its script says; `requests` are targets with what was sent as authorization."""

    def __init__(self, folder: Path, script: Script, *, tls: bool = True) -> None:
        self.folder, self.script, self.tls = folder, script, tls
        self.requests: list[tuple[str, str]] = []
        self.connections = 0
        self.server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> Server:
        context = None
        if self.tls:
            if not (self.folder / "ca.crt").exists():
                certificates.make(self.folder, HOST)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.folder / "tls.crt", self.folder / "tls.key")
        self.server = await asyncio.start_server(self._serve, HOST, self.port, ssl=context)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    def stop(self) -> None:
        assert self.server is not None
        self.server.close()

    def kubeconfig(self, **user: Any) -> str:
        scheme = "https" if self.tls else "http"
        cluster = {"server": f"{scheme}://{HOST}:{self.port}"}
        if self.tls:
            cluster["certificate-authority"] = "ca.crt"
        content = {
            "current-context": "x",
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
            "clusters": [{"name": "x", "cluster": cluster}],
            "users": [{"name": "x", "user": user}],
        }
        path = self.folder / "new"
        path.write_text(yaml.safe_dump(content))
        os.replace(path, self.folder / "kubeconfig")
        return str(self.folder / "kubeconfig")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
                await reader.readexactly(int(fields.get("content-length", 0)))
                target = head[0].split(" ")[1]
                self.requests.append((target, fields.get("authorization", "")))
                await self.script(self, target, fields, writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def run(
    folder: Path,
    script: Script,
    talk: Callable[[Server, Connection], Awaitable[None]],
    *,
    tls: bool = True,
    **user: Any,
) -> None:
    """Let `talk` speak to a server that follows the script."""

    async def both() -> None:
        server = await Server(folder, script, tls=tls).start()
        connection = Connection(Credentials(server.kubeconfig(**user)))
        try:
            await talk(server, connection)
        finally:
            connection.close()
            server.stop()
            await asyncio.sleep(0.01)

    asyncio.run(both())
