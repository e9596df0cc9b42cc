"""Which etcd is asked, and as whom: endpoints, users, certificates; settings that cannot be."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from feddns.errors import OperatorNeeded, ProviderAway
from feddns.providers import coredns
from feddns.providers.coredns import CoreDns
from feddns.providers.recordsets import Change
from tests import peers, programs
from tests.providers import corednszone
from tests.providers.backend_coredns import PASSWORD, guarded, scripted
from tests.providers.backends import ZONE
from tests.providers.corednszone import GLOBAL, REGION, Zone, a, add, claim, listed, opened
from tests.tcpproxy import Proxy


@pytest.fixture
def zone(coredns_server: Zone) -> Zone:
    coredns_server.hands.clear()
    return coredns_server


@pytest.fixture
def provider(zone: Zone) -> Iterator[CoreDns]:
    with contextlib.closing(opened(zone)) as provider:
        yield provider


def test_several_endpoints(zone: Zone) -> None:
    """The first that takes a connection; a reading goes on at the next one, a change does not."""
    leaderless = '{"code":14,"message":"etcdserver: no leader"}'
    dead = "http://127.0.0.1:1"
    with scripted(503, leaderless) as sick:
        provider = opened(zone, endpoints=(dead, sick, zone.endpoint))
        assert listed(provider) == set()
        add(provider, a(GLOBAL))
        assert listed(provider) == {a(GLOBAL)}
        provider.close()
        provider = opened(zone, endpoints=(sick, zone.endpoint))
        add(provider, a(REGION))
        provider._gateway._shunned.clear()
        provider.close()
        with pytest.raises(ProviderAway, match="no leader"):
            provider._gateway.change({})
        provider.close()
    assert zone.hands.content() == {a(GLOBAL), a(REGION)}


def test_a_connection_that_was_closed(zone: Zone, provider: CoreDns) -> None:
    add(provider, a(GLOBAL))
    connection = provider._gateway._connection
    assert connection is not None
    connection.sock.close()
    connection.close()
    provider._gateway._connection = None
    add(provider, a(REGION))
    assert listed(provider) == {a(GLOBAL), a(REGION)}


@pytest.fixture
def proxy(zone: Zone) -> Iterator[Proxy]:
    made = Proxy((zone.address, zone.etcd_port))
    yield made
    made.close()


@pytest.mark.parametrize("after", [0, 1, 100, 300, 600, 5_000])
def test_a_connection_that_breaks(zone: Zone, proxy: Proxy, after: int) -> None:
    """Wherever it does: the change is whole, or not there, and the next call makes a new one."""
    provider = opened(zone, endpoints=(f"http://{zone.address}:{proxy.port}",))
    one, two = a(GLOBAL), a(GLOBAL, "192.0.2.2", "192.0.2.3")
    add(provider, one, claim(one))
    proxy.cut_after(after)
    with contextlib.suppress(ProviderAway):
        provider.apply([Change(GLOBAL, (one,), (two,), keeps=(claim(one),))])
        assert listed(provider) == {two, claim(one)}
    assert zone.hands.content() in ({one, claim(one)}, {two, claim(one)})
    proxy.cut()
    for _ in range(3):
        with contextlib.suppress(ProviderAway):
            listed(provider)
    assert listed(provider) == zone.hands.content()
    provider.close()


def test_an_etcd_that_says_nothing_for_a_while(zone: Zone, proxy: Proxy) -> None:
    endpoint = f"http://{zone.address}:{proxy.port}"
    provider = opened(zone, endpoints=(endpoint,), timeout=0.2)
    assert listed(provider) == set()
    proxy.stall()
    with pytest.raises(ProviderAway, match="no answer in time"):
        listed(provider)
    with pytest.raises(ProviderAway, match="no answer in time"):
        add(provider, a(GLOBAL))
    proxy.resume()
    add(provider, a(REGION))
    provider.close()
    provider = opened(zone, endpoints=(endpoint, zone.endpoint), timeout=0.2)
    proxy.stall()
    assert a(REGION) in listed(provider), "the next endpoint is asked"
    proxy.resume()
    provider.close()


def test_a_user_of_the_zone_alone(zone: Zone) -> None:
    """With rights for the keys below the zone; a token that is not good any more is asked anew."""
    provider = opened(zone, user="feddns", password=PASSWORD)
    add(provider, a(f"open.{ZONE}"))  # etcd asks nobody yet
    with guarded(zone, may=True):
        add(provider, a(GLOBAL))
        assert listed(provider) == {a(GLOBAL), a(f"open.{ZONE}")}
    assert listed(provider) == {a(GLOBAL), a(f"open.{ZONE}")}
    with guarded(zone, may=True):
        provider.apply([Change(GLOBAL, (a(GLOBAL),))])
        assert listed(provider) == {a(f"open.{ZONE}")}
        with pytest.raises(OperatorNeeded, match="permission denied"):
            provider._gateway.read({"key": "L3g="})
    provider.close()


def test_certificates(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """etcd that wants a certificate of ours: with it, without it, and of another authority."""
    if lacking := corednszone.missing():
        programs.leave_out(request.config, *lacking)
    with secured(tmp_path) as endpoint:
        good = {
            "endpoints": (endpoint,), "ca_file": str(tmp_path / "ca.crt"),
            "cert_file": str(tmp_path / "us.crt"), "key_file": str(tmp_path / "us.key"),
        }  # fmt: skip
        provider = coredns.open(coredns.Settings(zone=ZONE, **good))
        add(provider, a(GLOBAL))
        assert listed(provider) == {a(GLOBAL)}
        provider.close()
        for change, words in (
            ({"cert_file": "", "key_file": ""}, "does not take our certificate"),
            ({"ca_file": str(tmp_path / "other" / "ca.crt")}, "its certificate is not good"),
        ):
            with contextlib.closing(
                coredns.open(coredns.Settings(zone=ZONE, **{**good, **change}))
            ) as provider:
                with pytest.raises(OperatorNeeded, match=words):
                    listed(provider)
                with pytest.raises(OperatorNeeded, match=words):
                    add(provider, a(REGION))


@contextlib.contextmanager
def secured(folder: Path) -> Iterator[str]:
    from tests.providers.securing import certificates

    certificates(folder)
    certificates(folder / "other")
    port, peer = corednszone.free_port(), corednszone.free_port()
    endpoint = f"https://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        started = subprocess.Popen(
            [str(peers.path("etcd")), f"--data-dir={folder}/etcd", "--unsafe-no-fsync",
             "--client-cert-auth", f"--trusted-ca-file={folder}/ca.crt",
             f"--cert-file={folder}/etcd.crt", f"--key-file={folder}/etcd.key",
             f"--listen-client-urls={endpoint}", f"--advertise-client-urls={endpoint}",
             f"--listen-peer-urls=http://127.0.0.1:{peer}",
             f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
             f"--initial-cluster=default=http://127.0.0.1:{peer}"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        corednszone.wait(lambda: re.search(b"serving client traffic", _log(folder)), started)
        yield endpoint
    finally:
        started.terminate()
        started.wait()


def _log(folder: Path) -> bytes:
    return (folder / "log").read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"endpoints": ()}, "no endpoint of etcd"),
        ({"endpoints": ("ftp://x",)}, "'ftp://x' is no endpoint"),
        ({"endpoints": ("http://x:y",)}, "no endpoint of etcd"),
        ({"endpoints": ("http://x/v3",)}, "no endpoint of etcd"),
        ({"endpoints": ("http://root:mellon@x",)}, "has no user in it"),
        ({"zones": ("example.org", "example.net.")}, "not among the zones of CoreDNS: example.org"),
        ({"user": "feddns"}, "one of them is missing"),
        ({"endpoints": ("https://x",), "cert_file": "a"}, "belong together"),
        ({"endpoints": ("https://x",), "ca_file": "/no/ca"}, "/no/ca: No such file"),
        ({"endpoints": ("https://x",), "cert_file": "/c", "key_file": "/k"}, "/c or /k: No such"),
        ({"endpoints": ("https://x",), "ca_file": "/dev/null"}, "/dev/null"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(change: dict[str, object], words: str) -> None:
    with pytest.raises(OperatorNeeded, match=words) as caught:
        coredns.open(coredns.Settings(**{"zone": ZONE, **change}))
    assert "mellon" not in str(caught.value)


def test_settings_show_no_password() -> None:
    assert PASSWORD not in repr(coredns.Settings(zone=ZONE, user="feddns", password=PASSWORD))
    made = coredns.open(
        coredns.Settings(zone=ZONE, zones=("example.com",), user="feddns", password=PASSWORD)
    )
    assert PASSWORD not in repr(vars(made._gateway))
