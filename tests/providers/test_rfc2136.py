"""DNS UPDATE where the contract does not lead: keys, servers that misbehave, batches, IXFR."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import dns.message
import dns.rcode
import dns.rdtypes.ANY.TSIG
import dns.tsig
import pytest

from feddns.errors import OperatorNeeded, Outdated, ProviderAway, Rejected
from feddns.providers import rfc2136, tcpdns, transfers
from feddns.providers.recordsets import Change, RecordSet, record_set
from feddns.providers.rfc2136 import Rfc2136
from tests.providers.backends import ZONE
from tests.providers.nameservers import ALGORITHMS, KEY, SECRET, Knot, Named, NameServer
from tests.providers.test_transfers import message, soa


def a(name: str, *addresses: str) -> RecordSet:
    return record_set(f"{name}.{ZONE}", "A", 60, addresses or ["192.0.2.1"])


def put(*records: RecordSet) -> Change:
    return Change(records[0].name, (), records)


def listed(provider: Rfc2136) -> set[RecordSet]:
    (page,) = provider.list()
    return set(page)


@pytest.fixture(scope="module", params=["bind", "knot"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NameServer]:
    kind = {"bind": Named, "knot": Knot}[request.param]
    started = kind(tmp_path_factory.mktemp(request.param))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def knot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Knot]:
    started = Knot(tmp_path_factory.mktemp("knot"))
    yield started
    started.stop()


def opened(server: NameServer, **more: object) -> contextlib.closing[Rfc2136]:
    given = {
        "zone": ZONE,
        "servers": (f"{server.address}:{server.port}",),
        "key_file": str(server.key_file),
    }
    return contextlib.closing(rfc2136.open(rfc2136.Settings(**{**given, **more})))


both = pytest.mark.tool("named"), pytest.mark.tool("knotd")


def needs_both(test: Callable) -> Callable:
    for mark in both:
        test = mark(test)
    return test


# --- the key ------------------------------------------------------------------------------------


@pytest.mark.tool("knotd")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm(knot: Knot, algorithm: str) -> None:
    knot.hands.clear()
    key = {"key_file": "", "key_name": f"k-{algorithm}", "key_secret": SECRET}
    with opened(knot, **key, key_algorithm=algorithm) as provider:
        provider.apply([put(a("web"))])
        assert listed(provider) == {a("web")}
    words = f"BADKEY: it does not know the key k-{algorithm}"
    with (
        opened(knot, **key, key_algorithm=_another(algorithm)) as provider,
        pytest.raises(OperatorNeeded, match=words),
    ):
        listed(provider)


def _another(algorithm: str) -> str:
    return ALGORITHMS[ALGORITHMS.index(algorithm) - 1]


@needs_both
@pytest.mark.parametrize(("seconds", "words"), [(-4000, "ahead of ours"), (4000, "behind ours")])
def test_clocks_that_differ(
    server: NameServer, monkeypatch: pytest.MonkeyPatch, seconds: int, words: str
) -> None:
    clock = time.time
    with opened(server) as provider:
        monkeypatch.setattr(tcpdns.time, "time", lambda: clock() + seconds)
        for call in (lambda: listed(provider), lambda: provider.apply([put(a("late"))])):
            with pytest.raises(
                OperatorNeeded, match=rf"BADTIME: its clock is [34]\d\d\d s {words}"
            ):
                call()
        monkeypatch.undo()
        assert a("late") not in listed(provider)


@pytest.mark.tool("knotd")
def test_a_key_that_may_only_read(knot: Knot) -> None:
    with opened(knot, key_file="", key_name="reader", key_secret=SECRET) as provider:
        listed(provider)
        with pytest.raises(OperatorNeeded, match=r"BADKEY: .*, or the key may not do this"):
            provider.apply([put(a("web")), put(a("api"))])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"servers": ()}, "no name server"),
        ({"servers": ("a:b",)}, "'a:b' is no name server"),
        ({"servers": ("192.0.2.1:70000",)}, "is no name server"),
        ({"key_name": "feddns"}, "a name and a secret"),
        ({"key_secret": SECRET}, "a name and a secret"),
        ({"key_name": "feddns", "key_secret": "?not/base64?"}, "feddns is not base64"),
        (
            {"key_name": "feddns", "key_secret": SECRET, "key_algorithm": "md4"},
            "no algorithm 'md4'",
        ),
        ({"key_name": "fed..dns", "key_secret": SECRET}, "is no name"),
        ({"key_file": "/no/such/file"}, "/no/such/file: No such file"),
        ({"key_file": "/etc/hostname"}, "/etc/hostname has no `key"),
    ],
)
def test_settings_that_cannot_be(settings: dict, words: str) -> None:
    given = {"zone": ZONE, "servers": ("192.0.2.1",), **settings}
    with pytest.raises(OperatorNeeded, match=words) as caught:
        rfc2136.open(rfc2136.Settings(**given))
    assert SECRET not in str(caught.value)
    assert "not/base64" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [KEY, 'key feddns{algorithm HMAC-SHA256;\n  secret "' + SECRET + '";};',
     f"// made by hand\nkey \"feddns\" {{\n\talgorithm hmac-sha256;\n\tsecret {SECRET};\n}};\n"],
)  # fmt: skip
def test_key_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    name, secret, algorithm = rfc2136.read_key(str(path))
    assert (name, secret, algorithm.lower()) == ("feddns", SECRET, "hmac-sha256")


def test_the_secret_does_not_show() -> None:
    settings = rfc2136.Settings(
        zone=ZONE, servers=("192.0.2.1",), key_name="feddns", key_secret=SECRET
    )
    assert SECRET not in f"{settings!r} {settings} {tcpdns.Key('feddns', SECRET)!r}"


@pytest.mark.parametrize(
    ("text", "server"),
    [("192.0.2.1", ("192.0.2.1", 53)), ("ns.example.net:5353", ("ns.example.net", 5353)),
     ("2001:db8::1", ("2001:db8::1", 53)), ("[2001:db8::1]:53", ("2001:db8::1", 53)),
     ("[2001:db8::1]", ("2001:db8::1", 53))],
)  # fmt: skip
def test_servers_as_text(text: str, server: tuple[str, int]) -> None:
    assert tcpdns.server(text) == server
    assert tcpdns.server(str(tcpdns.server(text))) == server


# --- batches ------------------------------------------------------------------------------------


@needs_both
def test_one_to_blame_among_many_costs_few_messages(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.hands.clear()
    server.hands.change([], [a("w33", "198.51.100.1")])
    asked = []
    plain = tcpdns.Conversation.ask
    monkeypatch.setattr(
        tcpdns.Conversation, "ask", lambda *args, **more: asked.append(1) or plain(*args, **more)
    )
    with opened(server, batch=64) as provider:
        with pytest.raises(Outdated, match=r"w33\.example\.com\. A is in .* already") as caught:
            provider.apply([put(a(f"w{number}")) for number in range(64)])
        assert caught.value.done == 33
        assert len(asked) <= 2 * 6 + 2  # halves of 64, and one question for the words
        provider.apply([put(a(f"w{number}")) for number in range(34, 64)])
        assert len(listed(provider)) == 64


@needs_both
def test_one_name_twice_in_a_call(server: NameServer) -> None:
    """In order: prerequisites are looked at before the first update of a message."""
    server.hands.clear()
    one, two = a("web"), record_set(f"web.{ZONE}", "CNAME", 60, [f"up.{ZONE}"])
    with opened(server) as provider:
        provider.apply([put(one), Change("web", (one,), (two,)), Change("web", (two,))])
        assert listed(provider) == set()
        provider.apply([put(one), Change("web", (one,), (two,))])
        assert listed(provider) == {two}


@needs_both
def test_a_set_that_is_longer_than_a_message(server: NameServer) -> None:
    server.hands.clear()
    big = record_set(f"big.{ZONE}", "TXT", 60, [f'"{number:0255}"' for number in range(300)])
    with opened(server) as provider:
        with pytest.raises(Rejected, match="does not fit into a message") as caught:
            provider.apply([put(a("web")), put(big), put(a("api"))])
        assert caught.value.done == 1
        assert listed(provider) == {a("web")}


# --- reading ------------------------------------------------------------------------------------


@needs_both
def test_an_unchanged_zone_is_read_by_one_small_message(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.hands.clear()
    asked: list[int | None] = []
    plain = transfers.request
    monkeypatch.setattr(
        transfers, "request", lambda zone, serial: asked.append(serial) or plain(zone, serial)
    )
    fed = []
    feed = transfers.Transfer.feed
    monkeypatch.setattr(
        transfers.Transfer,
        "feed",
        lambda self, records: fed.append(len(records)) or feed(self, records),
    )
    with opened(server) as provider:
        provider.apply([put(a(f"w{number}")) for number in range(200)])
        first = listed(provider)
        assert asked == [None]
        fed.clear()
        assert listed(provider) == first
        assert fed == [1]
        server.hands.change([], [a("new")])
        assert listed(provider) == first | {a("new")}
        assert None not in asked[1:]
        assert sum(fed[1:]) == 5  # four SOAs and what came
        monkeypatch.setattr(rfc2136, "WHOLE_EVERY", -1.0)
        assert listed(provider) == first | {a("new")}
        assert asked[-1] is None


@pytest.mark.tool("knotd")
def test_a_signed_zone(tmp_path: Path) -> None:
    """The server's signatures are its own; feddns changes what they cover."""
    signed = Knot(tmp_path, is_signed=True)
    try:
        with opened(signed) as provider:
            apex = {record.type for record in listed(provider)}
            assert apex <= {"DNSKEY", "CDS", "CDNSKEY"}
            addresses = [a(f"w{number}") for number in range(5)]
            aliases, others = (
                [record_set(one.name, "CNAME", 60, [f"{up}.{ZONE}"]) for one in addresses]
                for up in ("up", "down")
            )
            provider.apply([put(one) for one in addresses])
            for old, new in ((addresses, aliases), (aliases, others), (others, addresses)):
                changes = [Change("w", (one,), (two,)) for one, two in zip(old, new, strict=True)]
                provider.apply(changes)
                found = {record for record in listed(provider) if record.name != ZONE}
                assert found == set(new)
            assert signed.hands.ask(addresses[0].name, "RRSIG").answer
    finally:
        signed.stop()


# --- servers ------------------------------------------------------------------------------------


@needs_both
def test_the_next_server_when_the_first_is_away(server: NameServer) -> None:
    server.hands.clear()
    there = f"{server.address}:{server.port}"
    with opened(server, servers=("127.0.0.1:1", there)) as provider:
        provider.apply([put(a("web"))])
        assert listed(provider) == {a("web")}


class Scripted:
    """A name server of few words: `answer` makes replies of a message, or None to hang up."""

    def __init__(self, answer: Callable[[bytes], Sequence[bytes] | None]) -> None:
        self._answer = answer
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.05)
        self._is_over = False
        self.connections = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self._server.getsockname()[1]}"

    def _run(self) -> None:
        while not self._is_over:
            with contextlib.suppress(TimeoutError):
                connection, _ = self._server.accept()
                self.connections += 1
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(5)
                    self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        while size := connection.recv(2, socket.MSG_WAITALL):
            asked = connection.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL)
            replies = self._answer(asked)
            if replies is None:
                return
            for reply in replies:
                connection.sendall(len(reply).to_bytes(2, "big") + reply)

    def close(self) -> None:
        self._is_over = True
        self._thread.join()
        self._server.close()


@contextlib.contextmanager
def scripted(
    answer: Callable[[bytes], Sequence[bytes] | None], **more: object
) -> Iterator[tuple[Scripted, Rfc2136]]:
    server = Scripted(answer)
    given = {"zone": ZONE, "servers": (server.place,), **more}
    provider = rfc2136.open(rfc2136.Settings(**given))
    try:
        yield server, provider
    finally:
        provider.close()
        server.close()


def reply(asked: bytes, rcode: int = 0) -> bytes:
    return asked[:2] + bytes((asked[2] | 0x80, rcode)) + bytes(8)


def of_the_same_id(asked: bytes, *lines: str) -> bytes:
    return asked[:2] + message(*lines)[2:]


MISBEHAVING = {
    "SERVFAIL": (lambda asked: [reply(asked, 2)], ProviderAway, "SERVFAIL"),
    "an rcode of its own": (lambda asked: [reply(asked, 12)], (ProviderAway, OperatorNeeded), "12"),
    "hangs up": (lambda asked: None, ProviderAway, "closed before the answer"),
    "is mute": (lambda asked: [], ProviderAway, "no answer in time"),
    "babbles": (lambda asked: [b"?"], ProviderAway, "cut off"),
    "answers something else": (lambda asked: [b"xx" + reply(asked)[2:]], ProviderAway, "else"),
    "takes no updates": (lambda asked: [reply(asked, 4)], OperatorNeeded, "NOTIMP"),
    "is not its server": (lambda asked: [reply(asked, 9)], OperatorNeeded, "NOTAUTH"),
    "refuses": (lambda asked: [reply(asked, 5)], OperatorNeeded, "REFUSED"),
}


@pytest.mark.parametrize("case", MISBEHAVING)
def test_a_server_that(case: str) -> None:
    answer, raises, words = MISBEHAVING[case]
    patience = 0.2 if case == "is mute" else 10.0
    with scripted(answer, timeout=patience) as (_, provider):
        for call in (lambda: listed(provider), lambda: provider.apply([put(a("web"))])):
            with pytest.raises(raises, match=words):
                call()


def test_what_was_sent_may_have_been_done() -> None:
    """After a message was sent nobody knows; before, it is known that nothing was done."""
    with scripted(lambda asked: None) as (_, provider), pytest.raises(ProviderAway) as caught:
        provider.apply([put(a("web"))])
    assert caught.value.done is None
    nobody = rfc2136.Settings(zone=ZONE, servers=("127.0.0.1:1",))
    with pytest.raises(ProviderAway) as caught:
        rfc2136.open(nobody).apply([put(a("web"))])
    assert caught.value.done == 0


def test_an_answer_without_a_signature() -> None:
    key = {"key_name": "feddns", "key_secret": SECRET}
    with (
        scripted(lambda asked: [reply(asked)], **key) as (_, provider),
        pytest.raises(OperatorNeeded, match="answers without a signature"),
    ):
        provider.apply([put(a("web"))])


class Signing:
    """A server that signs the first and the last message of a transfer (RFC 8945 §5.3.1)."""

    def __init__(self, *, secret: str = SECRET, forged: bool = False, last: bool = True) -> None:
        self._key = dns.tsig.Key("feddns.", secret, "hmac-sha256")
        self._known = dns.tsig.Key("feddns.", SECRET, "hmac-sha256")
        self._forged, self._last = forged, last
        self._context: object = None

    def __call__(self, asked: bytes) -> list[bytes]:
        mac = dns.message.from_wire(asked, keyring=self._known).mac
        first, middle, last = (
            of_the_same_id(asked, *lines)
            for lines in ([soa(5), NS], ["api 60 A 192.0.2.2"], [WEB, soa(5)])
        )
        signed = self._signed(first, mac)
        self._context.update(middle)  # type: ignore[attr-defined]
        if self._forged:
            middle = of_the_same_id(asked, "api 60 A 198.51.100.66")
        return [signed, middle, self._signed(last, mac) if self._last else last]

    def _signed(self, message: bytes, mac: bytes) -> bytes:
        tsig = dns.rdtypes.ANY.TSIG.TSIG(
            255, 250, self._key.algorithm, int(time.time()), 300, b"", message[1] | message[0] << 8,
            0, b"",
        )  # fmt: skip
        tsig, self._context = dns.tsig.sign(
            message, self._key, tsig, tsig.time_signed, mac, self._context, True
        )
        octets = tsig.to_wire()
        head = b"\x06feddns\0" + b"\0\xfa\0\xff" + bytes(4) + len(octets).to_bytes(2, "big")
        return message[:10] + b"\0\1" + message[12:] + head + octets


KEYED = {"key_name": "feddns", "key_secret": SECRET}


def test_a_transfer_of_which_not_all_messages_are_signed() -> None:
    with scripted(Signing(), **KEYED) as (_, provider):
        assert listed(provider) == {a("web"), a("api", "192.0.2.2")}


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (Signing(forged=True), "is not signed by the key feddns"),
        (Signing(secret="c29tZWJvZHkgZWxzZSBhbHRvZ2V0aGVyIQ=="), "is not signed by the key feddns"),
    ],
    ids=["a message that was changed", "another secret"],
)
def test_a_transfer_that_somebody_else_had_in_his_hands(server: Signing, words: str) -> None:
    with (
        scripted(server, **KEYED) as (_, provider),
        pytest.raises(OperatorNeeded, match=words),
    ):
        listed(provider)


def test_a_transfer_whose_end_is_not_signed() -> None:
    """RFC 8945 §5.3.1: the last message has a TSIG; without one somebody may have cut it."""
    with (
        scripted(Signing(last=False), **KEYED) as (_, provider),
        pytest.raises(OperatorNeeded, match="without a signature"),
    ):
        listed(provider)


def test_a_connection_that_was_closed_meanwhile_is_made_again() -> None:
    """Servers close what is idle; that is seen before anything is sent."""
    answered: list[bytes] = []

    def answer(asked: bytes) -> list[bytes] | None:
        answered.append(asked)
        return [reply(asked)]

    with scripted(answer) as (server, provider):
        provider.apply([put(a("web"))])
        provider.apply([put(a("api"))])
        assert server.connections == 1
        connection = provider._conversation._socket
        assert connection is not None
        connection.shutdown(socket.SHUT_WR)  # the other end hangs up
        connection.settimeout(5)
        assert connection.recv(1, socket.MSG_PEEK) == b""
        provider.apply([put(a("db"))])
        assert server.connections == 2
        assert len(answered) == 3


def test_a_server_that_answers_no_questions() -> None:
    """A hidden primary: what is not as it was read cannot be told, and is said all the same."""

    def answer(asked: bytes) -> list[bytes]:
        is_update = asked[2] >> 3 & 15 == 5
        return [reply(asked, 7 if is_update else 5)]

    with (
        scripted(answer) as (_, provider),
        pytest.raises(
            Outdated, match=r"web\.example\.com\. is not as it was read; .* REFUSED"
        ) as it,
    ):
        provider.apply([put(a("web"))])
    assert it.value.done == 0


def test_an_alias_that_was_passed_over_and_does_not_come() -> None:
    """NOERROR for the change, no for its alias, and YXDOMAIN when it is to come: read again."""
    said = iter([0, 8, 6])
    alias = record_set(f"web.{ZONE}", "CNAME", 60, [f"up.{ZONE}"])
    with (
        scripted(lambda asked: [reply(asked, next(said))]) as (_, provider),
        pytest.raises(ProviderAway, match="left out the CNAME of web") as caught,
    ):
        provider.apply([Change("web", (a("web"),), (alias,))])
    assert caught.value.done is None


def test_nobody_knows_of_an_alias_when_the_server_goes_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alias = record_set(f"web.{ZONE}", "CNAME", 60, [f"up.{ZONE}"])
    plain, asked = tcpdns.Conversation.ask, []

    def ask(self: tcpdns.Conversation, message: bytes) -> transfers.Reply:
        asked.append(message)
        if len(asked) > 1:
            raise tcpdns.Unreachable("gone")
        return plain(self, message)

    monkeypatch.setattr(tcpdns.Conversation, "ask", ask)
    with scripted(lambda asked: [reply(asked)]) as (_, provider):
        with pytest.raises(ProviderAway) as caught:
            provider.apply([Change("web", (a("web"),), (alias,))])
        assert caught.value.done is None


WEB, NS = "web 60 A 192.0.2.1", "@ 300 NS ns"


def test_a_transfer_that_breaks_off() -> None:
    def answer(asked: bytes) -> list[bytes]:
        return [of_the_same_id(asked, soa(5), NS, WEB)]

    with (
        scripted(answer, timeout=0.3) as (_, provider),
        pytest.raises(ProviderAway, match="no answer in time"),
    ):
        listed(provider)


@pytest.mark.parametrize(
    "second",
    [
        lambda asked: [reply(asked, 4)],
        lambda asked: [reply(asked, 5)],
        lambda asked: [
            of_the_same_id(asked, soa(6), soa(5), "gone 60 A 192.0.2.9", soa(6), soa(6))
        ],
        lambda asked: [of_the_same_id(asked, WEB)],
        lambda asked: [reply(asked)],
    ],
    ids=["NOTIMP", "REFUSED", "does not fit", "no SOA", "nothing"],
)
def test_without_ixfr_it_is_read_whole(second: Callable[[bytes], list[bytes]]) -> None:
    asked: list[str] = []

    def answer(raw: bytes) -> list[bytes]:
        type = dns.message.from_wire(raw).question[0].rdtype
        asked.append(type.name)
        if type.name == "IXFR":
            return second(raw)
        return [of_the_same_id(raw, soa(5), NS, WEB, soa(5))]

    with scripted(answer) as (_, provider):
        for _ in range(2):
            assert listed(provider) == {a("web")}
    assert asked == ["AXFR", "IXFR", "AXFR"]
