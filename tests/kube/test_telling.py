"""Events about what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from feddns.kube import resources, telling
from feddns.kube.client import Connection
from feddns.kube.credentials import Credentials
from feddns.kube.fields import Metadata
from feddns.kube.resources import Role
from feddns.kube.table import Report
from feddns.kube.telling import Teller
from tests.kube.scripted import Server, reply, run

NODE = resources.KINDS[Role.CLUSTER]["v1", "Node"]
SERVICE = resources.KINDS[Role.CLUSTER]["v1", "Service"]
METADATA = Metadata(name="web", namespace="ns", uid="1-2", resource_version="7")


def test_an_event() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    report = Report(METADATA, ("x" * 2000,))
    event = telling.write_event("v1", SERVICE, report, report.reasons[0], now)
    assert event["metadata"] == {"generateName": "web.", "namespace": "ns"}
    assert event["involvedObject"] == {
        "apiVersion": "v1", "kind": "Service", "name": "web", "namespace": "ns", "uid": "1-2",
        "resourceVersion": "7",
    }  # fmt: skip
    assert event["lastTimestamp"] == "2026-01-02T03:04:05Z"
    assert len(event["message"]) == 1000


def test_an_object_without_a_namespace_has_its_events_in_the_default_one() -> None:
    report = Report(Metadata(name="n1"), ("bad",))
    event = telling.write_event("v1", NODE, report, "bad", datetime.now(UTC))
    assert event["metadata"]["namespace"] == "default"
    assert "namespace" not in event["involvedObject"]


def answering(status: int) -> Callable[..., Awaitable[None]]:
    async def script(server: Server, _: str, __: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(status, b"{}"))

    return script


async def tell(teller: Teller, server: Server, *reports: Report, requests: int) -> None:
    running = asyncio.create_task(teller.run())
    for report in reports:
        teller.tell("v1", SERVICE, report)
    while len(server.requests) < requests:
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_a_reason_is_told_once_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk(server: Server, _: Connection) -> None:
        teller = Teller(Credentials(str(tmp_path / "kubeconfig")), "cluster API")
        one, two = Report(METADATA, ("one",)), Report(METADATA, ("one", "two"))
        await tell(teller, server, one, one, two, requests=2)
        assert [target for target, _ in server.requests] == ["/api/v1/namespaces/ns/events"] * 2
        monkeypatch.setattr(telling, "AGAIN_AFTER", 0.0)
        await tell(teller, server, one, requests=3)

    run(tmp_path, answering(201), talk, tls=False)


def test_events_that_cannot_be_written_are_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def talk(server: Server, _: Connection) -> None:
        teller = Teller(Credentials(str(tmp_path / "kubeconfig")), "cluster API")
        await tell(teller, server, Report(METADATA, ("one", "two")), requests=2)

    run(tmp_path, answering(403), talk, tls=False)
    (record,) = caplog.records
    assert 'resources: ["events"], verbs: [create]' in record.getMessage()


def test_too_many_at_once_are_left_out(tmp_path: Path) -> None:
    async def script() -> None:
        teller = Teller(Credentials("kubeconfig"), "cluster API")
        for number in range(telling.MOST_WAITING + 50):
            teller.tell("v1", SERVICE, Report(METADATA, (f"reason {number}",)))
        assert teller._waiting.qsize() == telling.MOST_WAITING

    asyncio.run(script())
