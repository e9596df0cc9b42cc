"""The control socket: what it answers, to whom, and that bad requests hurt nobody."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest

from feddns.app import control
from feddns.app.notice import Board
from feddns.app.sockets import CONTROL_PREFIX
from feddns.config import Settings, changes, load
from feddns.errors import OperatorNeeded
from feddns.report import Notice
from tests import manifesting
from tests.serving import Serve, Server, environment, feddns, until

FILES = {
    "a.yaml": manifesting.service("web", "10.0.0.1"),
    "b.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: Bad_Name, namespace: ns}\n",
}


def name_of(server: Server) -> str:
    return f"{server.address}:{server.port}"


def said(server: Server, line: bytes) -> str:
    """The raw reply to a raw line."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(CONTROL_PREFIX + name_of(server))
        client.sendall(line)
        client.shutdown(socket.SHUT_WR)
        return client.makefile().read()


@pytest.mark.parametrize("processes", [0, 1])
def test_status(serve: Serve, processes: int) -> None:
    server = serve(FILES, processes=processes)
    for _ in range(5):
        server.ask("web.ns.svc.cluster.local.")
    until(lambda: control.status(name_of(server)).caches[0].misses > 0, "they are counted")
    report = control.status(name_of(server))
    assert report.listen == [name_of(server)]
    assert report.notice.supervisor == server.pid
    roles = ["supervisor", "watching", "answering-0"] if processes else ["answering-0"]
    assert [process.role for process in report.processes] == roles
    assert all(process.ready and process.memory for process in report.processes)
    assert {process.pid for process in report.processes} == {server.pid, *server.children()}
    assert report.objects == {"Service": 1}
    assert [row.title for row in report.sources] == [str(server.folder)]
    (refused,) = report.refused
    assert "b.yaml" in refused.where
    assert "Bad_Name" in refused.reason
    assert name_of(server) in control.names()
    printed = feddns("status", "--control", name_of(server))
    assert printed.returncode == 0, printed.stderr
    assert f"listens on   {name_of(server)}" in printed.stdout
    assert "Bad_Name" in printed.stdout
    as_json = json.loads(feddns("status", "--json", "--control", name_of(server)).stdout)
    assert as_json["listen"] == [name_of(server)]


def test_bad_requests(serve: Serve) -> None:
    server = serve(FILES)
    assert json.loads(said(server, b'{"request":"ready"}\n')) == {}
    for line, why in (
        (b"\n", "not a request"),
        (b"\xff\x00\n", "not a request"),
        (b"[]\n", "not a request"),
        (b'{"request":"reboot"}\n', "no such request: reboot"),
        (b'{"request":"retire"}\n', "meant for another server"),
        (b'{"request":"' + b"x" * 9000 + b'"}\n', ""),
        (b"", "not a request"),
    ):
        assert why in json.loads(said(server, line))["error"]
    assert server.addresses("web.ns.svc.cluster.local.") == ["10.0.0.1"]
    assert server.process.poll() is None
    assert "Traceback" not in server.log()


def test_who_has_nobody_to_ask(serve: Serve) -> None:
    with pytest.raises(OperatorNeeded, match="no server has the control socket @feddns/nobody"):
        control.status("nobody")
    ended = feddns("why", "web.ns", "--control", "nobody")
    assert ended.returncode == 1
    assert "no server has the control socket" in ended.stderr


def test_choosing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "names", list)
    with pytest.raises(OperatorNeeded, match="no feddns serves here"):
        control.choose("")
    monkeypatch.setattr(control, "names", lambda: ["a", "b"])
    with pytest.raises(OperatorNeeded, match="--control NAME says which: a, b"):
        control.choose("")
    assert control.choose("c") == "c"
    monkeypatch.setattr(control, "names", lambda: ["a"])
    assert control.choose("") == "a"


def test_another_user_is_not_listened_to(serve: Serve) -> None:
    server = serve(FILES)
    program = (
        "import os, socket, sys\n"
        "os.setuid(65534)\n"
        "client = socket.socket(socket.AF_UNIX)\n"
        f"client.connect({CONTROL_PREFIX + name_of(server)!r})\n"
        'client.sendall(b\'{"request":"takeover"}\\n\')\n'
        "sys.stdout.write(client.makefile().read())\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False,
        timeout=20, env=environment(),
    )  # fmt: skip
    if "PermissionError" in ran.stderr:
        pytest.skip("only root can be somebody else")
    assert json.loads(ran.stdout) == {"error": "only root and the server's own user may ask"}


def test_why_asks_the_running_server(serve: Serve) -> None:
    """With its settings, and with how old its world is."""
    server = serve(FILES, "--ttl", "17")
    ended = feddns("why", "web.ns.svc.cluster.local.", "--control", name_of(server))
    assert ended.returncode == 0, ended.stderr
    assert "web.ns.svc.cluster.local. 17 IN A 10.0.0.1" in ended.stdout
    assert f"server          {name_of(server)}, last change " in ended.stdout
    server.write({"a.yaml": manifesting.service("web", "10.0.0.2")})
    until(lambda: server.says("web.ns.svc.cluster.local.", "10.0.0.2"), "the change is there")
    story = json.loads(feddns("why", "--json", "web.ns", "--control", name_of(server)).stdout)
    assert story["answer"][0][-1] == "10.0.0.2"
    assert story["server"] == name_of(server)
    assert story["stale"] == 0


def test_upstreams_in_the_status(serve: Serve) -> None:
    """Those that some domain has are there before anybody asks them."""
    server = serve(FILES, "--stub-domain", "corp.example=127.0.0.1:9", "--upstream", "127.0.0.2:9")
    (row,) = [one for one in control.status(name_of(server)).upstreams if one.domain]
    assert (row.address, row.domain) == ("127.0.0.1:9", "corp.example.")
    titles = [cache.title for cache in control.status(name_of(server)).caches]
    assert titles == ["ready answers", "from upstream"]


# --- parts ---------------------------------------------------------------------------------------


def test_the_notice_board() -> None:
    board = Board(Notice(supervisor=1))
    for number in range(5):
        board.change(reloads=number, trouble="x" * 10_000)
        assert board.read().reloads == number
        assert board.read().supervisor == 1
    assert len(board.read().trouble) == 500
    board.change(settings={str(number): "y" * 100 for number in range(5000)})
    assert board.read().settings == {}


def test_settings_as_flags_are_the_same_settings() -> None:
    given = {
        "listen": ["[::1]:53", "192.0.2.1:53"], "metrics": "none", "reverse-zone": ["10.0.0.0/9"],
        "stub-domain": ["corp.example=192.0.2.1 192.0.2.2:54"], "cluster-domain": "corp.example",
        "nameserver-address": ["2001:db8::1"], "tcp-idle": 2.5, "forward": False,
        "upstream": ["192.0.2.9"], "never-forward": ["none"],
    }  # fmt: skip
    for settings in (Settings(), load(given, {}, None)):
        again = load(changes.to_flags(settings), {}, None)
        assert changes.between(settings, again) == []
    assert "cookie-secret" not in changes.to_flags(Settings())
    assert changes.between(Settings(ttl=1), Settings(ttl=2, takeover=True)) == ["ttl"]
