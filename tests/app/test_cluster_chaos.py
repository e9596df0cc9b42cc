"""`feddns serve --kubeconfig` on a real API server that breaks in every way: answers stay right.

    what happens to the API                       answers until then    a change is seen within
    stopped and started again                     as before             10 s
    killed, away for more than 10 s               as before, EDE 3      30 s of its return
    watch cut, history compacted (410)            as before             10 s
    watch cut in the middle of an event           as before             5 s
    slow: late and narrow                         as before             5 s
    stalled: nothing comes, nothing is closed     as before             2 s after it goes on
    new certificates and a new authority          as before             10 s
    token expired                                 as before             10 s after a new one
    ConfigMap made, bad, changed, deleted         as before             1 s
    a right taken away                            as before, a line     15 s after it is given back
    gone when the server starts (--snapshot)      as saved, EDE 3       10 s of its return

One name that nobody changes is asked all the time; not one of its answers may be wrong or missing.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import dns.edns
import pytest

from tests import worldobjects
from tests.clusterprograms import ClusterFailed
from tests.clusters import require_cluster
from tests.realcluster import RealCluster
from tests.serving import Serve, Server, until
from tests.tcpproxy import Proxy

pytestmark = pytest.mark.slow

STEADY = "192.0.2.53"  # never changes
_numbers = itertools.count(1)


def rule(group: str, *resources: str, verbs: Sequence[str] = ("list", "watch")) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


SERVICES = rule("", "services")
SLICES = rule("discovery.k8s.io", "endpointslices")
PLACES = rule("", "namespaces", "nodes")
CONFIG = rule("", "configmaps", "events", verbs=("get", "list", "watch", "create"))
EVERYTHING = [SERVICES, SLICES, PLACES, CONFIG]


@pytest.fixture(scope="module")
def _broken(pytestconfig: pytest.Config) -> Iterator[RealCluster]:
    with RealCluster("chaos") as cluster:
        yield cluster


@pytest.fixture
def api(request: pytest.FixtureRequest) -> Iterator[RealCluster]:
    """A cluster that tests may break; mended before the next."""
    require_cluster(request.config)
    cluster: RealCluster = request.getfixturevalue("_broken")
    yield cluster
    if "kube-apiserver" not in cluster.processes:
        cluster.start_api()


class World:
    """A namespace with a Service that stays and one that changes, and a way to the API."""

    def __init__(self, cluster: RealCluster) -> None:
        self.cluster = cluster
        number = next(_numbers)
        self.namespace, self.user = f"chaos-{number}", f"dns-{number}"
        cluster.user_kubeconfig(self.user, EVERYTHING)
        self.proxy: Proxy = cluster.proxy()
        self.kubeconfig = str(cluster.kubeconfig_for(self.user, self.proxy))
        worldobjects.happen(cluster, f"""
            namespace {self.namespace}
            service {self.namespace}/steady headless http:80/tcp
            slice {self.namespace}/steady-a of steady {STEADY} http:80/tcp
            service {self.namespace}/db headless pg:5432/tcp
            service {self.namespace}/web headless http:80/tcp""")  # fmt: skip
        self.change("192.0.2.1")

    def change(self, *addresses: str) -> None:
        """The Service that changes has these endpoints now."""
        worldobjects.happen(
            self.cluster,
            f"slice {self.namespace}/db-a of db {' '.join(addresses)} pg:5432/tcp",
        )

    def change_in_etcd(self, *addresses: str) -> None:
        """The same, with no API server between."""
        (made,) = worldobjects.objects(
            f"slice {self.namespace}/db-a of db {' '.join(addresses)} pg:5432/tcp"
        )
        self.cluster.put_slices_in_etcd(made)

    def name(self, service: str = "db") -> str:
        return f"{service}.{self.namespace}.svc.cluster.local."

    def sees(self, server: Server, *addresses: str, within: float) -> float:
        """The seconds until the answer is these addresses."""
        return until(
            lambda: server.says(self.name(), *addresses),
            f"{addresses} is the answer",
            within=within,
        )


@pytest.fixture
def world(api: RealCluster) -> World:
    return World(api)


@contextlib.contextmanager
def steady(world: World, server: Server) -> Iterator[None]:
    """Ask for what nobody changes all the time; every answer is right."""
    wrong: list[str] = []
    asked = 0
    over = threading.Event()

    def ask() -> None:
        nonlocal asked
        while not over.wait(0.01):
            asked += 1
            try:
                found = server.addresses(world.name("steady"), timeout=2.0)
            except Exception as error:
                found = [repr(error)]
            if found != [STEADY]:
                wrong.append(f"{time.monotonic():.3f} {found}")

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert asked
    assert not wrong, wrong[:10]


def start(serve: Serve, world: World, *flags: str, ready: bool = True) -> Server:
    return serve(None, "--kubeconfig", world.kubeconfig, *flags, ready=ready)


def is_marked(server: Server, name: str) -> bool:
    """Whether the answer says that it may be stale (EDE 3)."""
    reply = server.ask(name, use_edns=0)
    return any(isinstance(one, dns.edns.EDEOption) and one.code == 3 for one in reply.options)


# --- the API goes away ---------------------------------------------------------------------------


def test_the_api_server_is_stopped_and_comes_back(serve: Serve, world: World) -> None:
    server = start(serve, world)
    with steady(world, server):
        world.cluster.stop_api()
        world.change_in_etcd("192.0.2.2")
        assert server.addresses(world.name()) == ["192.0.2.1"]
        world.cluster.start_api()
        world.sees(server, "192.0.2.2", within=10)
        world.change("192.0.2.3")
        world.sees(server, "192.0.2.3", within=2)


def test_an_api_server_that_is_killed_and_stays_away(serve: Serve, world: World) -> None:
    """After ten seconds the answers say that they may be stale, until the API is back."""
    server = start(serve, world)
    assert not is_marked(server, world.name())
    with steady(world, server):
        world.cluster.kill_api()
        world.change_in_etcd("192.0.2.2")
        until(lambda: is_marked(server, world.name()), "answers are marked as stale", within=20)
        assert server.addresses(world.name()) == ["192.0.2.1"]
        world.cluster.start_api()
        world.sees(server, "192.0.2.2", within=20)
        until(lambda: not is_marked(server, world.name()), "and no more", within=10)


# --- the watch ends ------------------------------------------------------------------------------


def test_the_history_is_gone_when_the_watch_comes_back(serve: Serve, world: World) -> None:
    server = start(serve, world)
    with steady(world, server):
        world.proxy.refuse()
        worldobjects.happen(world.cluster, f"delete service {world.namespace}/web")
        worldobjects.happen(world.cluster, f"service {world.namespace}/late external example.com")
        world.change("192.0.2.4", "192.0.2.5")
        world.cluster.compact_etcd()
        world.proxy.accept()
        world.sees(server, "192.0.2.4", "192.0.2.5", within=10)
        errors = "feddns_kubernetes_informer_errors_total"
        until(lambda: server.metric(errors, reason="expired"), "it was told so (410)", within=5)
        assert server.rcode(world.name("web")) == "NXDOMAIN"
        until(lambda: server.ask(world.name("late"), "CNAME").answer, "late is there", within=10)


def test_the_watch_is_cut_within_events(serve: Serve, world: World) -> None:
    server = start(serve, world)
    with steady(world, server):
        for turn in range(12):
            # An event of a hundred endpoints is 13 KB: the cut is somewhere within it.
            world.proxy.cut_after(500 + 1000 * turn)
            crowd = [f"198.51.100.{n}" for n in range(1, 101)]
            world.change(*crowd, f"192.0.2.{turn + 10}")
            until(
                lambda turn=turn, crowd=crowd: (
                    server.addresses(world.name(), tcp=True)
                    == sorted([*crowd, f"192.0.2.{turn + 10}"])
                ),
                f"turn {turn} is seen", within=5,
            )  # fmt: skip


def test_every_connection_is_cut_again_and_again(serve: Serve, world: World) -> None:
    server = start(serve, world)
    with steady(world, server):
        for turn in range(10):
            world.proxy.cut()
            world.change(f"192.0.2.{turn + 10}")
        world.sees(server, "192.0.2.19", within=10)


# --- the way is bad ------------------------------------------------------------------------------


def test_a_slow_api(serve: Serve, world: World) -> None:
    world.proxy.delay = 0.1
    world.proxy.bandwidth = 100_000
    server = start(serve, world)
    with steady(world, server):
        for turn in range(3):
            world.change(f"192.0.2.{turn + 10}")
            world.sees(server, f"192.0.2.{turn + 10}", within=5)


def test_a_stalled_api(serve: Serve, world: World) -> None:
    server = start(serve, world)
    with steady(world, server):
        world.proxy.stall()
        world.change("192.0.2.6")
        time.sleep(2.0)
        assert server.addresses(world.name()) == ["192.0.2.1"]
        world.proxy.resume()
        world.sees(server, "192.0.2.6", within=2)


def test_an_api_that_stalls_at_the_start(serve: Serve, world: World) -> None:
    world.proxy.stall()
    server = start(serve, world, ready=False)
    until(lambda: server.get("/healthz").status == 200, "the server runs")
    time.sleep(0.5)
    assert server.rcode(world.name()) == "SERVFAIL"
    assert server.get("/readyz").status == 503
    world.proxy.resume()
    world.sees(server, "192.0.2.1", within=5)
    until(lambda: server.get("/readyz").status == 200, "the server is ready", within=5)


# --- who we are, and what we may -----------------------------------------------------------------


def test_new_certificates(serve: Serve, world: World) -> None:
    server = start(serve, world)
    with steady(world, server):
        world.cluster.rotate_certificates()
        world.change("192.0.2.7")
        world.sees(server, "192.0.2.7", within=10)


def test_an_authority_that_nobody_told_us_about(serve: Serve, world: World) -> None:
    """The kubeconfig is renewed later than the certificates."""
    server = start(serve, world)
    with steady(world, server):
        world.cluster.rotate_certificates(renew=False)
        world.change("192.0.2.7")
        until(lambda: "certificate" in server.log(), "the log says so", within=10)
        assert server.addresses(world.name()) == ["192.0.2.1"]
        world.cluster.renew_kubeconfigs()
        world.sees(server, "192.0.2.7", within=10)


def test_a_token_that_expires(serve: Serve, world: World) -> None:
    server = start(serve, world)
    with steady(world, server):
        world.cluster.expire_token(world.user, restart=True)
        world.change("192.0.2.8")
        until(lambda: "401" in server.log(), "the log says so", within=10)
        assert server.addresses(world.name()) == ["192.0.2.1"]
        world.cluster.renew_token(world.user)
        world.sees(server, "192.0.2.8", within=10)


@pytest.mark.parametrize(
    ("left", "missing"),
    [([SERVICES, SLICES, CONFIG], "nodes"), ([SERVICES, SLICES, PLACES], "configmaps")],
)
def test_without_a_right_the_rest_goes_on(
    serve: Serve, world: World, left: list[dict[str, Any]], missing: str
) -> None:
    world.cluster.user_kubeconfig(world.user, left)
    server = start(serve, world)
    until(lambda: missing in server.log() and "rule" in server.log(), "the log names the rule")
    world.change("192.0.2.9")
    world.sees(server, "192.0.2.9", within=2)
    world.cluster.user_kubeconfig(world.user, EVERYTHING)


def test_a_right_that_is_taken_away_and_given_back(serve: Serve, world: World) -> None:
    server = start(serve, world)
    with steady(world, server):
        world.cluster.user_kubeconfig(world.user, [SERVICES, PLACES, CONFIG])
        time.sleep(0.5)  # the authorizer of the API server follows the roles
        world.proxy.cut()
        world.change("192.0.2.10")
        until(lambda: "endpointslices" in server.log(), "the log names the rule", within=10)
        assert server.addresses(world.name()) == ["192.0.2.1"]
        world.cluster.user_kubeconfig(world.user, EVERYTHING)
        world.sees(server, "192.0.2.10", within=15)


def test_without_services_nothing_is_answered(serve: Serve, world: World) -> None:
    world.cluster.user_kubeconfig(world.user, [SLICES, PLACES, CONFIG])
    server = start(serve, world, ready=False)
    until(lambda: "services" in server.log(), "the log names the rule")
    assert server.rcode(world.name()) == "SERVFAIL"
    world.cluster.user_kubeconfig(world.user, EVERYTHING)
    world.sees(server, "192.0.2.1", within=15)


# --- the ConfigMap -------------------------------------------------------------------------------


def configure(cluster: RealCluster, **data: str) -> None:
    metadata = {"name": "kube-dns", "namespace": "kube-system"}
    cluster.apply([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}])


def unconfigure(cluster: RealCluster) -> None:
    with contextlib.suppress(ClusterFailed):
        cluster.request("DELETE", "/api/v1/namespaces/kube-system/configmaps/kube-dns")


def test_the_config_map_is_followed(serve: Serve, world: World) -> None:
    unconfigure(world.cluster)
    server = start(serve, world)
    federated = f"db.{world.namespace}.{{}}.svc.cluster.local."

    def is_federation(name: str) -> bool:
        return server.says(federated.format(name), "192.0.2.1")

    try:
        with steady(world, server):
            assert not is_federation("fellowship")
            configure(world.cluster, federations="fellowship=example.com")
            until(lambda: is_federation("fellowship"), "the federation is known", within=1)
            configure(world.cluster, federations="other=example.com, bad domain=..")
            until(lambda: is_federation("other"), "the good item is in force", within=1)
            assert not is_federation("fellowship")
            until(lambda: "bad domain" in server.log(), "the bad item is named", within=1)
            configure(world.cluster, federations="fellowship=example.org", stubDomains="{")
            until(lambda: is_federation("fellowship"), "the rest is in force", within=1)
            until(lambda: "stubDomains" in server.log(), "the bad key is named", within=1)
            unconfigure(world.cluster)
            until(lambda: not is_federation("fellowship"), "no federation is left", within=1)
            configure(world.cluster, federations="last=example.org")
            until(lambda: is_federation("last"), "it is followed still", within=1)
        events = world.cluster.kubectl("get", "events", "-n", "kube-system")
        assert "bad domain" in events
    finally:
        unconfigure(world.cluster)


# --- starting without the API --------------------------------------------------------------------


def test_a_warm_start(serve: Serve, world: World) -> None:
    saved = str(world.cluster.home / f"{world.namespace}.snapshot")
    first = start(serve, world, "--snapshot", saved)
    world.sees(first, "192.0.2.1", within=2)
    assert first.stop() == 0
    world.cluster.kill_api()
    second = start(serve, world, "--snapshot", saved, ready=False)
    until(lambda: second.says(world.name(), "192.0.2.1"), "the saved answers come", within=5)
    assert is_marked(second, world.name())
    world.change_in_etcd("192.0.2.11")
    with steady(world, second):
        world.cluster.start_api()
        world.sees(second, "192.0.2.11", within=10)
    until(lambda: not is_marked(second, world.name()), "the answers are fresh", within=10)
