"""A stand-in for the Kubernetes API, enough for CoreDNS to list and watch one inventory.

    GET /api/v1/services, /api/v1/namespaces, /apis/discovery.k8s.io/v1/endpointslices
    ?watch=true                            kept open, with a bookmark a minute
    ?watch=true&sendInitialEvents=true     the objects first, then the bookmark that ends them

Objects come as JSON whatever the client prefers, as an API server may do, and never change: the
benchmark measures the DNS server, and needs of the API only that it fills it.  On the same port
over UDP every datagram is returned as REFUSED: the upstream that CoreDNS forwards to.  Run by
`__main__` as a process of its own (`python -m bench.kubeapi PORT SIZE`); it must not be counted
with any server.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from bench import inventory, manifests

VERSION = "10000000"
BOOKMARK_EVERY = 60.0


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind's ready bodies: the list, the events of a watch that lists, and its bookmarks."""

    listed: bytes
    events: bytes
    bookmark: bytes
    last_initial: bytes


def resource(api_version: str, kind: str, objects: Iterable[manifests.Object]) -> Resource:
    items = list(objects)
    listed = {
        "kind": f"{kind}List",
        "apiVersion": api_version,
        "metadata": {"resourceVersion": VERSION},
        "items": items,
    }
    ends = {"k8s.io/initial-events-end": "true"}
    return Resource(
        listed=json.dumps(listed).encode(),
        events=b"".join(_event("ADDED", item) for item in items),
        bookmark=_event("BOOKMARK", _bookmark(api_version, kind, {})),
        last_initial=_event("BOOKMARK", _bookmark(api_version, kind, ends)),
    )


def _event(kind: str, item: manifests.Object) -> bytes:
    return json.dumps({"type": kind, "object": item}).encode() + b"\n"


def _bookmark(api_version: str, kind: str, annotations: dict[str, str]) -> manifests.Object:
    metadata = {
        "resourceVersion": VERSION,
        "creationTimestamp": None,
        "annotations": annotations,
    }
    return {"kind": kind, "apiVersion": api_version, "metadata": metadata}


class Api:
    """The HTTP side: one coroutine per connection, GET only."""

    def __init__(self, size: int) -> None:
        world = inventory.make(size)
        self._resources = {
            "/api/v1/services": resource("v1", "Service", manifests.services(world)),
            "/api/v1/namespaces": resource("v1", "Namespace", manifests.namespaces(world)),
            "/apis/discovery.k8s.io/v1/endpointslices": resource(
                "discovery.k8s.io/v1", "EndpointSlice", manifests.endpoint_slices(world)
            ),
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await self._answer(head.split(b" ", 2)[1].decode("ascii"), writer)
        writer.close()

    async def _answer(self, target: str, writer: asyncio.StreamWriter) -> None:
        url = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        found = self._resources.get(url.path)
        if found is None:
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}
            await _send(writer, "404 Not Found", json.dumps(status).encode())
        elif query.get("watch") in ("true", "1"):
            await _watch(found, query, writer)
        else:
            await _send(writer, "200 OK", found.listed)


async def _send(writer: asyncio.StreamWriter, status: str, body: bytes) -> None:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode("ascii") + body)
    await writer.drain()


async def _watch(found: Resource, query: dict[str, str], writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
    writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
    if query.get("sendInitialEvents") == "true":
        await _chunk(writer, found.events + found.last_initial)
    deadline = asyncio.get_running_loop().time() + float(query.get("timeoutSeconds", "1800"))
    while (left := deadline - asyncio.get_running_loop().time()) > 0:
        await asyncio.sleep(min(BOOKMARK_EVERY, left))
        if query.get("allowWatchBookmarks") == "true":
            await _chunk(writer, found.bookmark)
    await _chunk(writer, b"")


async def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%b\r\n" % (len(data), data))
    await writer.drain()


class Refuser(asyncio.DatagramProtocol):
    """Returns each DNS query as a REFUSED response."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | int, int]) -> None:
        if len(data) >= 12:
            self._transport.sendto(data[:2] + b"\x81\x85" + data[4:], addr)


async def main(port: int, size: int) -> None:
    loop = asyncio.get_running_loop()
    api = Api(size)
    await loop.create_datagram_endpoint(Refuser, local_addr=("127.0.0.1", port))
    server = await asyncio.start_server(api.serve, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
