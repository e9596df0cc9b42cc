"""A server that stands: it drains, takes new settings, and gives its sockets to the next one."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import manifesting, serving
from tests.serving import PATIENCE, ROOT, Serve, Server, is_alive, until
from tests.streaming import Load, Stream

NAME = "web.ns.svc.cluster.local."
FILES = {"a.yaml": manifesting.service("web", "10.0.0.1") + manifesting.many(50)}


class Loading:
    """A stream of questions from a thread."""

    def __init__(self, server: Server) -> None:
        names = [f"s{number}.ns.svc.cluster.local." for number in range(50)]
        self._stream = Stream(server.address, server.port, names, window=20, pause=0.001)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.load: Load | None = None

    def _run(self) -> None:
        with self._stream as stream:
            stream.run(time.monotonic() + 60, self._stop.is_set)
            self.load = stream.finish()

    def stop(self) -> Load:
        self._stop.set()
        self._thread.join()
        assert self.load is not None
        return self.load

    def start(self) -> None:
        self._thread.start()


@contextmanager
def loaded(server: Server) -> Iterator[None]:
    """Nothing that is asked meanwhile is lost, and no answer is wrong."""
    loading = Loading(server)
    loading.start()
    try:
        yield
    finally:
        load = loading.stop()
    print(f"\n{load.asked} asked, worst {load.worst * 1000:.0f} ms")
    assert (load.lost, load.wrong) == (0, 0)
    assert load.asked > 20


def log_says(server: Server, text: str) -> None:
    until(lambda: text in server.log(), f"the log says {text!r}")


def in_force(server: Server, times: int = 1) -> None:
    until(lambda: server.log().count("the new settings are in force") == times, "settings in force")


def ttl(server: Server) -> int:
    return int(server.ask(NAME).answer[0].ttl)


# --- the end -------------------------------------------------------------------------------------


@pytest.mark.parametrize("processes", [0, 2])
def test_the_lame_duck_answers_and_is_not_ready(serve: Serve, processes: int) -> None:
    server = serve(FILES, "--lame-duck", "0.6", processes=processes)
    with loaded(server):
        server.process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        until(lambda: server.get("/readyz").status == 503, "it is not ready any more")
        assert "[-]server failed: draining\n" in server.get("/readyz").text
        assert server.get("/healthz").status == 200
        assert server.metric("feddns_draining") == 1
        assert time.monotonic() - started < 0.5
        assert server.process.poll() is None
        time.sleep(max(0.0, started + 0.45 - time.monotonic()))
    assert server.process.wait(PATIENCE) == 0
    assert time.monotonic() - started >= 0.6
    assert "Traceback" not in server.log()


@pytest.mark.parametrize("processes", [0, 1])
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_lame_duck(
    serve: Serve, processes: int, second: signal.Signals
) -> None:
    server = serve(FILES, "--lame-duck", "60", processes=processes)
    server.process.send_signal(signal.SIGTERM)
    until(lambda: server.get("/readyz").status == 503, "it is a lame duck")
    assert server.addresses(NAME) == ["10.0.0.1"]
    server.process.send_signal(second)
    assert server.process.wait(5) == 0


def test_a_process_that_dies_in_the_lame_duck_comes_back(serve: Serve) -> None:
    server = serve(FILES, "--lame-duck", "60")
    server.process.send_signal(signal.SIGTERM)
    until(lambda: server.get("/readyz").status == 503, "it is a lame duck")
    os.kill(server.answering()[0], signal.SIGKILL)
    until(lambda: server.says(NAME, "10.0.0.1"), "it answers again")
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(5) == 0


# --- new settings --------------------------------------------------------------------------------


def test_new_settings_by_signal_and_by_file(serve: Serve) -> None:
    """The answering process is another one, the watching process the same, the counts go on."""
    server = serve(FILES, config="ttl = 11", processes=1)
    watching, (answering,) = server.watching(), server.answering()
    assert ttl(server) == 11
    with loaded(server):
        server.configure("ttl = 12")
        server.process.send_signal(signal.SIGHUP)
        in_force(server)
        assert ttl(server) == 12
        server.configure("ttl = 13")  # nobody is told: the file is looked at
        in_force(server, 2)
        assert ttl(server) == 13
    assert not is_alive(answering)
    assert server.watching() == watching
    until(lambda: server.metric("feddns_dns_requests_total") > 20, "counts go on")
    assert server.metric("feddns_config_reloads_total") == 2
    assert server.metric("feddns_process_restarts_total") == 0
    assert "settings read again: ttl changed" in server.log()


def test_sources_that_change_need_a_new_watching_process(serve: Serve) -> None:
    server = serve(FILES, config="ttl = 5", processes=2)
    watching = server.watching()
    other = server.home / "other"
    other.mkdir()
    more = manifesting.service("more", "10.0.0.2")
    (other / "b.yaml").write_text(FILES["a.yaml"] + more)
    with loaded(server):
        server.configure(f'manifests = ["{other}"]')
        server.process.send_signal(signal.SIGHUP)
        in_force(server)
        assert server.addresses("more.ns.svc.cluster.local.") == ["10.0.0.2"]
    until(lambda: not is_alive(watching), "the old one is gone")
    (other / "b.yaml").write_text(FILES["a.yaml"] + more.replace("10.0.0.2", "10.0.0.3"))
    until(lambda: server.says("more.ns.svc.cluster.local.", "10.0.0.3"), "changes come through")
    assert server.get("/readyz").status == 200


def test_bad_settings_change_nothing(serve: Serve) -> None:
    server = serve(FILES, config="ttl = 11", processes=1)
    before = server.children()
    for bad, why in (
        ("ttl = -1", "ttl"),
        ("tll = 5", "did you mean 'ttl'"),
        ("ttl = ", "Invalid value"),
        ('manifests = ["/nowhere"]', "/nowhere"),
        ('listen = ["192.0.2.1:53"]', "192.0.2.1:53"),
    ):
        server.configure(bad)
        server.process.send_signal(signal.SIGHUP)
        line = "settings not taken, the old ones stay in force: "
        until(lambda line=line, why=why: any(
            line in said and why in said for said in server.log().splitlines()
        ), bad)  # fmt: skip
    assert server.children() == before
    assert ttl(server) == 11
    assert server.metric("feddns_config_last_reload_successful") == 0
    assert server.metric("feddns_config_reload_failed_total") >= 5
    assert server.get("/readyz") == (200, "ok\n")
    assert "[!]settings not taken" in server.get("/readyz?verbose").text
    server.configure("ttl = 11")
    server.process.send_signal(signal.SIGHUP)
    until(lambda: server.metric("feddns_config_last_reload_successful") == 1, "all is well")
    assert "Traceback" not in server.log()


def test_addresses_and_processes_come_and_go(serve: Serve) -> None:
    server = serve(FILES, config="ttl = 5", processes=1)
    first, second = f"{server.address}:{server.port}", f"127.0.0.1:{server.port}"
    with loaded(server):
        server.configure(f'listen = ["{first}", "{second}"]\nprocesses = 3')
        server.process.send_signal(signal.SIGHUP)
        in_force(server)
        assert server.ask(NAME, at="127.0.0.1").answer
        assert server.ask(NAME, at="127.0.0.1", tcp=True).answer
        until(lambda: len(server.children()) == 4, "there are three, and the watching process")
        server.configure("processes = 1")
        server.process.send_signal(signal.SIGHUP)
        in_force(server, 2)
    until(lambda: len(server.children()) == 2, "there is one again")
    with pytest.raises(OSError):  # noqa: PT011 - refused, as nobody has the socket any more
        server.ask(NAME, at="127.0.0.1", tcp=True)


# --- another server ------------------------------------------------------------------------------


def follow(serve: Serve, server: Server, *flags: str, **more: object) -> Server:
    """Another server in the place of this one."""
    return serve(
        None, "--takeover", *flags, address=server.address, port=server.port, http=server.http,
        folder=server.folder, ready=False, **more,
    )  # fmt: skip


@pytest.mark.parametrize(("old", "new"), [(1, 1), (2, 1), (0, 1), (1, 0)])
def test_a_takeover_loses_nothing(serve: Serve, old: int, new: int) -> None:
    server = serve(FILES, "--lame-duck", "60", processes=old)
    with loaded(server):
        other = follow(serve, server, processes=new)
        assert server.process.wait(PATIENCE) == 0
        assert server.addresses(NAME) == ["10.0.0.1"]
        assert server.addresses(NAME, tcp=True) == ["10.0.0.1"]
    until(lambda: other.get("/readyz").status == 200, "the new one serves HTTP")
    assert other.process.poll() is None
    assert "Traceback" not in server.log() + other.log()


def test_one_after_the_other(serve: Serve) -> None:
    server = serve(FILES)
    with loaded(server):
        for _ in range(5):
            other = follow(serve, server)
            assert server.process.wait(PATIENCE) == 0
            server = other


def test_a_new_server_that_dies_leaves_the_old_one(serve: Serve) -> None:
    server = serve(FILES)
    children = server.children()
    with loaded(server):
        other = follow(serve, server, processes=1)
        log_says(other, "listens on")
        os.kill(other.pid, signal.SIGSTOP)
        for pid in (*other.children(), other.pid):
            os.kill(pid, signal.SIGKILL)
        other.process.wait()
        assert server.process.poll() is None or server.process.returncode == 0
        if server.process.poll() is not None:
            pytest.skip("it was quicker")
        assert server.addresses(NAME) == ["10.0.0.1"]
    assert server.children() == children
    assert server.get("/readyz").status == 200


def test_nobody_to_take_over_from(serve: Serve) -> None:
    server = serve(FILES, "--takeover")
    assert "no server to take over from" in server.log()
    assert server.addresses(NAME) == ["10.0.0.1"]


def test_without_takeover_the_address_is_taken(serve: Serve) -> None:
    server = serve(FILES)
    other = serve(FILES, address=server.address, port=server.port, ready=False)
    assert other.process.wait(PATIENCE) == 1
    assert "something else does" in other.log()
    named = serve(FILES, "--control", f"{server.address}:{server.port}", ready=False)
    assert named.process.wait(PATIENCE) == 1
    assert "--takeover takes that server's place" in named.log()


KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
"""


def test_a_source_that_does_not_come_leaves_all_as_it_is(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A new server, or new settings, whose API cannot be reached: nothing is whole in time."""
    (tmp_path / "sitecustomize.py").write_text(
        "import feddns.app.standing as standing\nstanding.READY_WITHIN = 1.0\n"
    )
    (tmp_path / "config").write_text(KUBECONFIG)
    monkeypatch.setattr(serving, "PATHS", f"{tmp_path}:{ROOT}")
    server = serve(FILES, config="ttl = 11", processes=1)
    children = server.children()
    with loaded(server):
        server.configure(f'manifests = []\nkubeconfig = "{tmp_path}/config"')
        server.process.send_signal(signal.SIGHUP)
        log_says(server, "settings not taken, the old ones stay in force: answering-0 is not ready")
        other = follow(serve, server, "--kubeconfig", f"{tmp_path}/config")
        assert other.process.wait(PATIENCE) == 1
        assert "not taken over, the other server goes on: answering-0 is not" in other.log()
        assert server.addresses(NAME) == ["10.0.0.1"]
    until(lambda: server.children() == children, "only the old processes are there")
    assert ttl(server) == 11
