"""A change of the folder, seen by clients: soon, whole, and without a pause."""

from __future__ import annotations

import os
import socket
import time

import dns.message
import pytest

from tests import manifesting
from tests.serving import Serve, Server, until
from tests.streaming import Stream

NAME = "web.ns.svc.cluster.local."


def answer(asking: socket.socket, question: bytes) -> bytes:
    """The last address of the answer to a question that has one."""
    asking.send(question)
    return asking.recv(4096)


def asker(server: Server) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.settimeout(10)
    opened.connect((server.address, server.port))
    return opened


def question(name: str) -> bytes:
    return dns.message.make_query(name, "A", use_edns=False).to_wire()


def packed(address: str) -> bytes:
    return socket.inet_aton(address)


def seconds_until(server: Server, asking: socket.socket, name: str, address: str) -> float:
    started = time.perf_counter()
    message = question(name)
    while not answer(asking, message).endswith(packed(address)):
        assert time.perf_counter() - started < 10
    return time.perf_counter() - started


@pytest.mark.parametrize("processes", [0, 1])
def test_a_change_is_in_the_answers_within_100_ms(serve: Serve, processes: int) -> None:
    """The promise is 100 ms; what is asserted leaves room for a busy machine."""
    server = serve({"a.yaml": manifesting.service("web", "10.0.0.0")}, processes=processes)
    times = []
    with asker(server) as asking:
        for number in range(1, 11):
            server.write({"a.yaml": manifesting.service("web", f"10.0.0.{number}")})
            times.append(seconds_until(server, asking, NAME, f"10.0.0.{number}"))
    times.sort()
    print(
        f"\n--processes {processes}: a change is in the answers after "
        f"{times[5] * 1000:.0f} ms (median), {times[-1] * 1000:.0f} ms (worst)"
    )
    assert times[-1] < 1


def test_a_file_that_is_written_in_place(serve: Serve) -> None:
    """As an editor or `kubectl … > file` does: what is half written is not read."""
    server = serve({"a.yaml": manifesting.service("web", "10.0.0.1")})
    text = manifesting.service("web", "10.0.0.2")
    with asker(server) as asking, (server.folder / "a.yaml").open("w") as file:
        for character in text[: len(text) // 2]:
            file.write(character)
            file.flush()
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            assert answer(asking, question(NAME)).endswith(packed("10.0.0.1"))
        file.write(text[len(text) // 2 :])
        file.close()
        assert seconds_until(server, asking, NAME, "10.0.0.2") < 1
    assert "WARNING" not in server.log()


def version(number: int) -> str:
    """Two Services, and a headless one in three slices: all of one version."""
    slices = "".join(
        manifesting.endpoints(f"set{part}", [f"10.3.{part}.{number}"]).replace(
            f"service-name: set{part}", "service-name: set"
        )
        for part in range(3)
    )
    return (
        manifesting.service("one", f"10.1.0.{number}")
        + manifesting.service("two", f"10.2.0.{number}")
        + manifesting.service("set")
        + slices
    )


@pytest.mark.parametrize("processes", [0, 1])
def test_a_file_changes_as_one_step(serve: Serve, processes: int) -> None:
    """Two Services changed in one file are never seen half, in whichever order they are asked."""
    server = serve({"a.yaml": version(0)}, processes=processes)
    one, two, whole = (question(f"{name}.ns.svc.cluster.local.") for name in ("one", "two", "set"))
    looked = 0
    with asker(server) as asking:
        for number in range(1, 16):
            server.write({"a.yaml": version(number)})
            seen = number - 1
            end = time.monotonic() + 10
            while seen != number:
                assert time.monotonic() < end
                versions = [answer(asking, message)[-1] for message in (one, two, one)]
                assert versions == sorted(versions)
                reply = answer(asking, whole)
                parts = {reply[-1], reply[-17], reply[-33]}
                assert reply[7] == 3
                assert len(parts) == 1
                seen = parts.pop()
                assert number >= seen >= versions[-1] >= number - 1
                looked += 1
    print(f"\n{looked} looks at 15 changes")
    assert looked > 15


def test_a_broken_file_keeps_the_answers_and_says_why(serve: Serve) -> None:
    server = serve({"a.yaml": manifesting.service("web", "10.0.0.1")})
    server.write({"a.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: [}\n"})
    until(lambda: "a.yaml:3: " in server.log(), "the log names file and line")
    (line,) = [line for line in server.log().splitlines() if "a.yaml:3: " in line]
    assert " WARNING " in line
    assert line.partition("a.yaml:3: ")[2]
    assert server.addresses(NAME) == ["10.0.0.1"]
    until(lambda: server.metric("feddns_refused") == 1, "it is counted")
    server.write({"a.yaml": manifesting.service("web", "10.0.0.2")})
    until(lambda: server.says(NAME, "10.0.0.2"), "a mended file counts again")
    until(lambda: server.metric("feddns_refused") == 0, "nothing is refused any more")


def test_a_broken_file_at_the_start(serve: Serve) -> None:
    server = serve({"a.yaml": manifesting.service("web", "10.0.0.1"), "b.yaml": "kind: {\n"})
    assert server.addresses(NAME) == ["10.0.0.1"]
    assert "b.yaml:" in server.log()
    os.kill(server.watching(), 9)
    until(lambda: server.log().count("b.yaml:") == 2, "the next watcher says it too")
    assert server.addresses(NAME) == ["10.0.0.1"]


def test_many_files_at_once(serve: Serve) -> None:
    """300 files written, then changed, then removed; nothing is forgotten."""
    server = serve({"a.yaml": manifesting.service("web", "10.0.0.1")})
    for network in ("10.5", "10.6"):
        started = time.perf_counter()
        server.write(
            {
                f"f{number}.yaml": manifesting.service(
                    f"f{number}", manifesting.address(number, network)
                )
                for number in range(300)
            }
        )
        for number in (0, 150, 299):
            address = manifesting.address(number, network)
            name = f"f{number}.ns.svc.cluster.local."
            until(lambda name=name, address=address: server.says(name, address), name)
        print(f"\n300 files after {time.perf_counter() - started:.2f} s")
        for number in range(300):
            address = manifesting.address(number, network)
            until(
                lambda number=number, address=address: server.says(
                    f"f{number}.ns.svc.cluster.local.", address
                ),
                f"f{number}",
            )
    for number in range(300):
        (server.folder / f"f{number}.yaml").unlink()
    until(lambda: server.metric("feddns_objects", kind="Service") == 1, "only one is left")
    until(lambda: server.rcode("f299.ns.svc.cluster.local.") == "NXDOMAIN", "gone")
    assert server.addresses(NAME) == ["10.0.0.1"]


def test_the_folder_goes_and_comes_back(serve: Serve) -> None:
    server = serve({"a.yaml": manifesting.service("web", "10.0.0.1")})
    away = server.folder.with_name("away")
    server.folder.rename(away)
    until(lambda: server.rcode(NAME) == "NXDOMAIN", "what it held is gone")
    assert "the folder is gone" in server.log()
    away.rename(server.folder)
    until(lambda: server.says(NAME, "10.0.0.1"), "it is back")


@pytest.mark.parametrize("processes", [1, 2])
def test_a_large_change_pauses_nobody(serve: Serve, processes: int) -> None:
    """5,000 Services change at once under a steady stream of questions."""
    count = 5000
    server = serve(
        {"a.yaml": manifesting.service("web", "10.0.0.1"),
         "big.yaml": manifesting.many(count, "10.100")},
        processes=processes,
    )  # fmt: skip
    last = f"s{count - 1}.ns.svc.cluster.local."
    with Stream(server.address, server.port, [NAME], window=1, pause=0.0005) as stream:
        stream.run(time.monotonic() + 0.5)
        quiet = max(stream.waits)
        stream.waits.clear()
        for network in ("10.101", "10.102"):
            text = manifesting.many(count, network)
            started = time.monotonic()
            server.write({"big.yaml": text})
            done = manifesting.address(count - 1, network)
            next_look = [started]

            def settled(next_look: list[float] = next_look, done: str = done) -> bool:
                if time.monotonic() < next_look[0]:
                    return False
                next_look[0] = time.monotonic() + 0.1
                return server.says(last, done)

            stream.run(started + 20, settled)
            took = time.monotonic() - started
            until(lambda done=done: server.says(last, done), "each process has it")
        stream.run(time.monotonic() + 0.3)
        load = stream.finish()
    waits = sorted(stream.waits)
    print(
        f"\n{count} Services changed in {took:.2f} s; answers meanwhile: median "
        f"{waits[len(waits) // 2] * 1000:.2f} ms, worst {load.worst * 1000:.1f} ms "
        f"(before: {quiet * 1000:.1f} ms) of {load.asked}"
    )
    assert load.lost == load.wrong == 0
    assert load.worst < 1
