"""`feddns zone`: each command over a zone in a file, with the examples' federation."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import dns.message
import pytest
import yaml

from controllers import options as controllers_options
from feddns.cli import zoneoptions, zonework
from feddns.errors import OperatorNeeded, Throttled
from feddns.providers import catalogue, history, memory, plan, zonetext
from feddns.providers.base import Limits
from feddns.providers.memory import Memory
from feddns.providers.recordsets import RecordSet, record_set
from tests.app.upstream import Upstream, reply
from tests.cli import Ended, run
from tests.serving import EXAMPLES

ZONE = "example.com."
GLOBAL = f"nginx.default.fellowship.svc.{ZONE}"
EUROPE = f"nginx.default.fellowship.svc.europe-west1.{ZONE}"
WWW = record_set(f"www.{ZONE}", "A", 300, ["192.0.2.80"])
MAIL = record_set(ZONE, "MX", 300, [f"10 mail.{ZONE}"])


class World:
    """A federation in a folder, a zone in a file, and the command over both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.federation = folder / "federation"
        shutil.copytree(EXAMPLES / "federation", self.federation)
        self.file = folder / "zone"
        self.history = folder / "history"

    def run(self, command: str, *arguments: str) -> Ended:
        flags = [
            "--zone-name", "example.com", "--dns-provider", "zonefile",
            "--dns-option", f"path={self.file}", "--federation-name", "fellowship",
        ]  # fmt: skip
        if command in ("plan", "apply", "import"):
            flags += ["--federation-manifests", str(self.federation)]
        if command in ("apply", "import", "rollback"):
            flags += ["--history", str(self.history)]
        return run("zone", command, *flags, *arguments)

    def done(self, command: str, *arguments: str) -> str:
        ended = self.run(command, *arguments)
        assert (ended.status, ended.err) == (0, ""), ended
        return ended.out

    def refused(self, command: str, *arguments: str) -> str:
        """One line on standard error, and nothing else."""
        ended = self.run(command, *arguments)
        assert ended.status == 1, ended
        assert ended.err.count("\n") == 1, ended
        return ended.err.removeprefix("feddns: ").rstrip()

    def content(self) -> dict[tuple[str, str], RecordSet]:
        found = zonetext.read(self.file.read_text(), ZONE)
        return {record.key: record for record in found.records}

    def put(self, *records: RecordSet) -> None:
        """As somebody else who edits the file."""
        found = zonetext.read(self.file.read_text(), ZONE)
        changed = {record.key: record for record in (*found.records, *records)}
        self.file.write_text(zonetext.write(found.renewed(changed.values())))

    def edit(self, old: str, new: str) -> None:
        """Of the federation's Services."""
        path = self.federation / "services.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def without_services(self, *names: str) -> None:
        path = self.federation / "services.yaml"
        kept = [
            one
            for one in yaml.safe_load_all(path.read_text())
            if one["metadata"]["name"] not in names
        ]
        path.write_text(yaml.safe_dump_all(kept))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def kept(world: World) -> World:
    """With a zone that is as the federation wants it, and others' records."""
    world.done("apply")
    world.put(WWW, MAIL)
    return world


# --- plan and apply ------------------------------------------------------------------------------


def test_a_plan_is_a_diff_and_changes_nothing(world: World) -> None:
    ended = world.run("plan")
    assert ended.status == 2
    lines = ended.out.splitlines()
    assert re.fullmatch(r"plan [0-9a-f]{12} of example\.com\.: 35 names, 0 held", lines[0])
    assert f"@@ {EUROPE} (default/nginx): new" in lines
    assert f"+ {EUROPE} 180 A 198.51.100.43" in lines
    assert "TXT" not in ended.out
    assert 'TXT "heritage=external-dns,' in world.run("plan", "--claims").out
    assert world.content() == {}


def test_applied_there_is_nothing_left_to_plan(world: World) -> None:
    assert world.done("apply").endswith("changed 35 names in example.com.\n")
    assert world.content()[EUROPE, "A"].values == ("198.51.100.43",)
    ended = world.run("plan")
    assert ended.status == 0
    assert ended.out.endswith(": 0 names, 0 held\n")
    assert world.done("apply").endswith("nothing to change in example.com.\n")


def test_the_settings_of_names_and_records(world: World) -> None:
    world.done(
        "apply", "--service-dns-suffix", "fed.example.com", "--dns-ttl", "1m30s",
        "--when-none-healthy", "all", "--dns-owner-id", "me", "--dns-txt-prefix", "x-",
    )  # fmt: skip
    content = world.content()
    name = "nginx.default.fellowship.svc.europe-west1.fed.example.com."
    assert content[name, "A"].ttl == 90
    assert "external-dns/owner=me," in content[f"x-a-{name}", "TXT"].values[0]
    assert ("billing.default.fellowship.svc.fed.example.com.", "A") in content


def test_a_saved_plan_is_applied_as_it_is(kept: World) -> None:
    kept.edit("198.51.100.43", "198.51.100.99")
    ended = kept.run("plan", "--output", "json")
    assert ended.status == 2
    saved = kept.folder / "plan.json"
    saved.write_text(ended.out)
    made = plan.from_json(ended.out)
    assert {change.service for change in made.changes} == {"default/nginx"}
    kept.edit("198.51.100.99", "198.51.100.100")
    assert kept.done("apply", str(saved)).endswith("changed 4 names in example.com.\n")
    assert kept.content()[EUROPE, "A"].values == ("198.51.100.99",)
    again = kept.run("apply", str(saved))
    assert again.status == 1
    assert "was not changed: " in again.err
    assert again.out.endswith("changed 0 names in example.com.\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "PLAN {path}: no plan: "),
        ("nonsense", "PLAN {path}: no plan: "),
        ('{"id": "1", "zone": "example.com."}', "plan 1 has been changed since it was made"),
    ],
)
def test_a_bad_plan(kept: World, text: str, words: str) -> None:
    path = kept.folder / "plan.json"
    path.write_text(text)
    assert words.format(path=path) in kept.refused("apply", str(path))


def test_a_plan_of_another_zone_and_of_others_records(kept: World) -> None:
    path = kept.folder / "plan.json"
    path.write_bytes(plan.of("example.net.", ()).to_json())
    assert kept.refused("apply", str(path)) == (
        "the plan is for example.net., not for example.com."
    )
    path.write_bytes(plan.of(ZONE, [plan.Change(WWW.name, (WWW,))]).to_json())
    assert kept.refused("apply", str(path)) == (
        f"it would remove what is not ours: {WWW}; make a new plan"
    )
    assert kept.content()[WWW.key] == WWW


def test_many_removals_wait_for_the_operator(kept: World) -> None:
    before = kept.content()
    kept.without_services("nginx", "api", "reports", "billing", "cart")
    told = kept.run("plan").out.splitlines()
    found = re.match(r"plan ([0-9a-f]{12}) ", told[0])
    assert found
    assert told[-1].startswith(f"this waits for an operator: plan {found[1]} removes ")
    ended = kept.run("apply")
    assert ended.status == 1
    assert ended.err.rstrip().endswith(f"nothing was changed; if it is meant: --approve {found[1]}")
    assert "that was another plan" in kept.run("apply", "--approve", "0123456789ab").err
    assert kept.content() == before
    kept.done("apply", "--approve", found[1])
    assert set(kept.content()) == {WWW.key, MAIL.key}


def test_a_limit_of_ones_own(kept: World) -> None:
    kept.without_services("nginx")
    kept.done("apply", "--dns-removal-limit", "100")
    assert (GLOBAL, "A") not in kept.content()
    assert (f"api.default.fellowship.svc.{ZONE}", "A") in kept.content()


def test_what_cannot_be_read_removes_nothing(kept: World) -> None:
    before = kept.content()
    (kept.federation / "services.yaml").write_text("kind: Service\nmetadata: [\n")
    ended = kept.run("plan")
    assert ended.status == 0
    assert f"{kept.federation}/services.yaml:" in ended.err
    assert f"not read completely: {kept.federation}; so nothing is removed" in ended.out
    assert kept.run("apply").status == 0
    assert kept.content() == before


def test_others_records_are_never_in_the_plan(kept: World) -> None:
    mine = record_set(EUROPE, "A", 60, ["192.0.2.66"])
    kept.put(mine)
    claim = kept.content()[f"_a.{EUROPE}", "TXT"]
    kept.put(record_set(claim.name, "TXT", 300, ['"heritage=external-dns,external-dns/owner=x"']))
    ended = kept.run("plan")
    assert ended.status == 0
    assert f"! {EUROPE} A (default/nginx): Conflict: " in ended.out
    kept.done("apply")
    assert kept.content()[mine.key] == mine


def test_a_policy(kept: World) -> None:
    kept.without_services("api")
    kept.edit("198.51.100.43", "198.51.100.99")
    ended = kept.run("plan", "--dns-policy", "upsert-only")
    assert "Policy: the policy upsert-only removes nothing that is there" in ended.out
    assert f"+ {EUROPE} 180 A 198.51.100.99" in ended.out
    ended = kept.run("plan", "--dns-policy", "create-only")
    assert ended.status == 0
    assert "the policy create-only changes nothing" in ended.out


# --- host names ----------------------------------------------------------------------------------


@pytest.fixture
def resolver() -> Iterator[Callable[[str], Upstream]]:
    """A resolver that knows one load balancer, or none."""
    running: list[Upstream] = []

    def make(*records: str) -> Upstream:
        def script(query: dns.message.Message, tcp: bool) -> dns.message.Message:
            kind = query.question[0].rdtype.name
            told = [one for one in records if f" {kind} " in one]
            return reply(query, *told, rcode="NOERROR" if records else "SERVFAIL")

        running.append(Upstream(script))
        return running[-1]

    yield make
    for one in running:
        one.close()


def test_host_names_are_resolved(kept: World, resolver: Callable[..., Upstream]) -> None:
    kept.edit('"ip":"198.51.100.43"', '"hostname":"lb.example.net"')
    server = resolver("lb.example.net. 60 A 198.51.100.7", "lb.example.net. 300 AAAA 2001:db8::7")
    at = ["--dns-resolvers", f"{server.address}:{server.port}"]
    kept.done("apply", *at)
    content = kept.content()
    assert content[EUROPE, "A"] == record_set(EUROPE, "A", 60, ["198.51.100.7"])
    assert content[EUROPE, "AAAA"].values == ("2001:db8::7",)
    cached = resolver("lb.example.net. 9 A 198.51.100.7", "lb.example.net. 8 AAAA 2001:db8::7")
    ended = kept.run("plan", "--dns-resolvers", f"{cached.address}:{cached.port}")
    assert ended.status == 0, ended  # what is left in a cache is no change
    silent = resolver()
    ended = kept.run("plan", "--dns-resolvers", f"{silent.address}:{silent.port}")
    assert ended.status == 0, ended  # what is not known now stays


# --- show ----------------------------------------------------------------------------------------


def test_show_is_a_table(kept: World) -> None:
    claim = '"heritage=external-dns,external-dns/owner=other,external-dns/resource=ingress/a/b"'
    kept.put(record_set(f"a-www.{ZONE}", "TXT", 300, [claim]))
    lines = kept.done("show").splitlines()
    assert lines[0].split() == [
        "NAME", "TTL", "TYPE", "VALUES", "OWNER", "SERVICE", "CLUSTERS", "GEN"
    ]  # fmt: skip
    rows = {tuple(line.split()[:3]): line.split()[3:] for line in lines[1:]}
    assert rows[EUROPE, "180", "A"] == [
        "198.51.100.43", "feddns-fellowship", "default/nginx", "gce-europe-west1"
    ]  # fmt: skip
    assert rows[WWW.name, "300", "A"] == ["192.0.2.80", "other", "ingress/a/b"]
    assert rows[ZONE, "300", "MX"] == ["10", f"mail.{ZONE}"]
    assert not any("_a.nginx" in line for line in lines)


def test_show_as_json_and_some_of_it(kept: World) -> None:
    found = json.loads(kept.done("show", "-o", "json", "--service", "default/nginx"))
    assert {row["resource"] for row in found} == {"service/default/nginx"}
    row = next(row for row in found if row["name"] == EUROPE)
    assert row == {
        "name": EUROPE, "type": "A", "ttl": 180, "values": ["198.51.100.43"], "is_ours": True,
        "owner": "feddns-fellowship", "resource": "service/default/nginx",
        "clusters": ["gce-europe-west1"], "generation": 0,
    }  # fmt: skip
    below = json.loads(kept.done("show", "-o", "json", f"europe-west1.{ZONE}", "www.example.com"))
    assert {row["name"].removesuffix(ZONE).split(".")[-2] for row in below} == {
        "europe-west1", "www"
    }  # fmt: skip
    assert all(row["is_ours"] for row in json.loads(kept.done("show", "--ours", "-o", "json")))


def test_show_tells_a_claim_without_its_record(kept: World) -> None:
    text = kept.file.read_text()
    kept.file.write_text(text.replace(f"{GLOBAL} 180 IN A ", "; "))
    row = next(line for line in kept.done("show").splitlines() if line.startswith(GLOBAL))
    assert "(gone)" in row


# --- export, diff, import ------------------------------------------------------------------------


def test_what_is_exported_is_the_zone(kept: World) -> None:
    exported = kept.folder / "exported"
    told = kept.done("export", str(exported))
    assert told == f"wrote 80 record sets of example.com. to {exported}\n"
    read = zonetext.read(exported.read_text(), ZONE)
    assert {record.key: record for record in read.records} == kept.content()
    assert read.soa is not None
    assert kept.done("show", "-o", "zone") == kept.done("export")
    assert kept.done("diff", str(exported)) == "example.com.: the same, 80 record sets\n"
    ours = zonetext.read(kept.done("export", "--ours", "--server", "ns.example.net."), ZONE)
    assert WWW not in ours.records
    assert len(ours.records) == 78
    assert ours.servers is not None
    assert ours.servers.values == ("ns.example.net.",)


def test_a_diff_with_a_file_and_with_another_provider(kept: World) -> None:
    exported = kept.folder / "exported"
    kept.done("export", str(exported))
    other = record_set(WWW.name, "A", 300, ["192.0.2.81"])
    kept.put(other)
    for flags in (
        [str(exported)],
        ["--with-provider", "zonefile", "--with-option", f"path={exported}"],
        ["--with-provider", "memory", "--with-option", f"content={exported}"],
    ):
        ended = kept.run("diff", *flags)
        assert (ended.status, ended.out) == (2, f"- {other}\n+ {WWW}\n"), ended
    assert kept.run("diff", "--ours", str(exported)).status == 0
    assert "one of them" in kept.refused("diff")
    assert "one of them" in kept.refused("diff", str(exported), "--with-provider", "memory")
    exported.write_text("www 60 IN A nonsense\n")
    assert f"the zone file {exported}, line 1: " in kept.refused("diff", str(exported))


def test_import_adds_what_is_not_there_and_is_not_ours(kept: World) -> None:
    exported = kept.folder / "exported"
    kept.done("export", str(exported))
    kept.file.unlink()
    kept.done("apply")
    other = record_set(ZONE, "MX", 300, [f"20 other.{ZONE}"])
    kept.put(other)
    before = kept.content()
    dry = kept.run("import", "--dry-run", str(exported))
    assert dry.status == 0
    assert kept.content() == before
    ended = kept.run("import", str(exported))
    assert ended.status == 0
    assert "39 record sets of the file are feddns' own; left out" in ended.err
    assert f"+ {WWW}" in ended.out
    assert f"! {ZONE} MX: Conflict: the zone has {other}" in ended.out
    assert kept.content() == before | {WWW.key: WWW}
    assert kept.run("import", str(exported)).out.endswith("nothing to change in example.com.\n")
    assert kept.run("plan").status == 0


def test_adopt_takes_over_what_another_program_kept(world: World) -> None:
    """The zone as the original left it: the same records, and nobody's claims."""
    world.done("apply")
    world.put(WWW)
    bare = {key: record for key, record in world.content().items() if record.type != "TXT"}
    stale = record_set(EUROPE, "A", 180, ["198.51.100.1"])
    bare[stale.key] = stale
    world.file.write_text(zonetext.write(zonetext.new(ZONE, "localhost.").renewed(bare.values())))
    assert world.run("plan").out.count("Conflict") > 30
    export = world.folder / "export"
    world.done("export", str(export))
    taken = record_set(GLOBAL, "A", 180, ["192.0.2.99"])
    world.put(taken)
    told = world.done("import", "--adopt", str(export))
    assert "no federated Service wants this name" in told
    assert f"! {GLOBAL} A: Conflict: the zone has {taken}" in told
    content = world.content()
    assert {key: one for key, one in content.items() if one.type != "TXT"} == bare | {
        taken.key: taken
    }
    assert (f"_a.{EUROPE}", "TXT") in content
    assert (f"_a.{WWW.name}", "TXT") not in content
    world.done("apply")
    assert world.content()[EUROPE, "A"].values == ("198.51.100.43",)
    assert world.content()[taken.key] == taken


def test_adopt_leaves_what_another_claims(world: World) -> None:
    world.done("apply", "--dns-owner-id", "other")
    export = world.folder / "export"
    world.done("export", str(export))
    before = world.content()
    told = world.done("import", "--adopt", str(export))
    assert "it is claimed by 'other'; make that let it go first" in told
    assert world.content() == before


# --- rollback ------------------------------------------------------------------------------------


def test_rollback_to_a_time(kept: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = kept.content()
    (done,) = [history.from_json(line) for line in kept.history.read_bytes().splitlines()]
    kept.edit("198.51.100.43", "198.51.100.99")
    kept.done("apply")
    lines = kept.history.read_bytes().splitlines()
    assert len(lines) == 2
    told = kept.done("rollback", "--to", f"{done.time!r}", "--dry-run")
    assert f"+ {EUROPE} 180 A 198.51.100.43" in told
    assert kept.content() != before
    kept.done("rollback", "--to", f"{done.time!r}")
    assert kept.content() == before
    assert len(kept.history.read_bytes().splitlines()) == 3
    ended = kept.run("rollback", "--to", "15m")
    assert "the history begins at " in ended.err
    assert "nothing was changed; if it is meant: --approve " in ended.err
    assert kept.content() == before


def test_rollback_leaves_what_others_have_changed(kept: World) -> None:
    (done,) = [history.from_json(line) for line in kept.history.read_bytes().splitlines()]
    kept.edit("198.51.100.43", "198.51.100.99")
    kept.done("apply")
    mine = record_set(EUROPE, "A", 60, ["192.0.2.66"])
    kept.put(mine)
    ended = kept.run("rollback", "--to", f"{done.time!r}")
    assert ended.status == 1
    assert f"{EUROPE} was not changed: " in ended.err
    assert kept.content()[mine.key] == mine
    assert "198.51.100.43" in kept.content()[GLOBAL, "A"].values


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("yesterday", "'yesterday' is no time"),
        ("2026-11-21T09:30:00", "is no time; write 2026-11-21T09:30:00Z, with its zone"),
        ("2999-01-01T00:00:00Z", "is still to come"),
        ("", "'' is no time"),
    ],
)
def test_rollback_to_no_time(kept: World, to: str, words: str) -> None:
    ended = kept.run("rollback", "--to", to)
    assert ended.status == 2
    assert words in ended.err


def test_rollback_without_a_history(world: World) -> None:
    assert world.refused("rollback", "--to", "1h").startswith(f"--history {world.history}: ")
    world.history.touch()
    assert world.refused("rollback", "--to", "1h").startswith("there is no history: ")
    world.history.write_text("nonsense\n")
    assert ", line 1: no applied plan: " in world.refused("rollback", "--to", "1h")


# --- the options ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "flag",
    [
        flag
        for flag in (*zoneoptions.FEDERATION, *zoneoptions.ZONE, *zoneoptions.WISHES)
        if flag.name != "federation-manifests"
    ],
    ids=lambda flag: flag.name,
)
def test_options_are_those_of_the_controllers(flag: zoneoptions.Flag) -> None:
    (row,) = [row for row in controllers_options.ROWS if row.flag == flag.name]
    assert (row.metavar, f"FEDDNS_{flag.name.upper().replace('-', '_')}") == (
        flag.metavar, row.variable
    )  # fmt: skip
    default = controllers_options.default_text(row)
    assert (flag.default or "none") == default


def test_every_option_is_a_variable_too(kept: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDDNS_ZONE_NAME", "example.com")
    monkeypatch.setenv("FEDDNS_DNS_PROVIDER", "zonefile")
    monkeypatch.setenv("FEDDNS_ZONEFILE_PATH", str(kept.file))
    monkeypatch.setenv("FEDDNS_FEDERATION_NAME", "fellowship")
    monkeypatch.setenv("FEDDNS_FEDERATION_MANIFESTS", str(kept.federation))
    assert run("zone", "plan").status == 0


_GOOD = ("--zone-name", "example.com", "--dns-provider", "memory",
         "--federation-manifests", str(EXAMPLES / "federation"))  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing says where the federation is: --federation-kubeconfig FILE, or "
             "--federation-manifests FOLDER"),
        (_GOOD[4:], "--dns-provider must say who has the zone: google-clouddns, "),
        (_GOOD[2:], "--zone-name must say which zone it is"),
        ((*_GOOD, "--dns-provider", "bind"), "--dns-provider: there is no 'bind'"),
        ((*_GOOD, "--zone-name", "a..b"), "--zone-name: "),
        ((*_GOOD, "--dns-policy", "all"), "--dns-policy: 'all' is none of sync, "),
        ((*_GOOD, "--dns-ttl", "3"), "--dns-ttl: '3' is no duration"),
        ((*_GOOD, "--dns-ttl", "0s"), "--dns-ttl: '0s' is no duration"),
        ((*_GOOD, "--when-none-healthy", "some"), "--when-none-healthy: 'some' is none of"),
        ((*_GOOD, "--dns-removal-limit", "101"), "--dns-removal-limit: '101' is no number"),
        ((*_GOOD, "--dns-resolvers", "x"), "--dns-resolvers: "),
        ((*_GOOD, "--federation-name", "A.B"), "federation 'A.B' must be a lower-case DNS label"),
        ((*_GOOD, "--service-dns-suffix", "example.net"), "is not in the zone example.com."),
        ((*_GOOD, "--dns-owner-id", "a b"), "owner id 'a b' must be "),
        ((*_GOOD, "--dns-txt-prefix", "a-", "--dns-txt-suffix", "-b"), "a prefix or a suffix"),
        ((*_GOOD, "--dns-txt-key-file", "/nowhere"), "--dns-txt-key-file /nowhere: No such file"),
        ((*_GOOD, "--dns-provider-config", "/nowhere"), "--dns-provider-config /nowhere: No such"),
        ((*_GOOD, "--dns-option", "path=/x"), "--dns-option: memory has no 'path'"),
        ((*_GOOD, "--federation-manifests", "/nowhere"), "folder /nowhere does not exist"),
        ((*_GOOD, "--federation-kubeconfig", "/x"), "take one of them"),
        ((*_GOOD[:4], "--federation-kubeconfig", "/nowhere"), "/nowhere"),
        ((*_GOOD, "--nonsense"), "No such option '--nonsense'"),
        ((*_GOOD, "-o", "yaml"), "'yaml' is not one of 'text', 'json'"),
    ],
)  # fmt: skip
def test_errors_are_one_line(
    arguments: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    ended = run("zone", "plan", *arguments)
    assert ended.status == 1, ended
    lines = [
        line for line in ended.err.splitlines() if line and not line.startswith(("Usage: ", "Try "))
    ]
    assert len(lines) == 1, lines
    assert words in lines[0]
    assert ended.out == ""


# --- a provider that does what it should not -----------------------------------------------------


class Spoiled(Memory):
    """Raises what no provider should, with a secret in it."""

    def list(self) -> Iterator[Iterable[RecordSet]]:  # type: ignore[override]
        raise KeyError("hunter2")


def test_no_word_of_a_foreign_error_is_shown(kept: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "open", Spoiled)
    ended = run("zone", "show", "--zone-name", "example.com", "--dns-provider", "memory")
    assert ended.status == 1
    assert ended.err.startswith("feddns: memory: KeyError in list, ")
    assert "hunter2" not in ended.err + ended.out
    assert ended.err.count("\n") == 1


def test_what_open_raises_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Any) -> Memory:
        raise OperatorNeeded("no zone example.com. here; make it")

    monkeypatch.setattr(memory, "open", refuse)
    ended = run("zone", "show", "--zone-name", "example.com", "--dns-provider", "memory")
    assert (ended.status, ended.err) == (1, "feddns: no zone example.com. here; make it\n")


# --- secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", ["plan", "apply", "show", "diff", "export", "import", "approve", "rollback"]
)
def test_help_shows_no_variable(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for row in catalogue.ROWS:
        for key in row.keys:
            monkeypatch.setenv(row.variable(key.name), "hunter2")
            monkeypatch.setenv(key.vendor or "FEDDNS_NOTHING", "hunter2")
    for flag in (*zoneoptions.FEDERATION, *zoneoptions.ZONE, *zoneoptions.WISHES):
        monkeypatch.setenv(f"FEDDNS_{flag.name.upper().replace('-', '_')}", "hunter2")
    ended = run("zone", command, "--help")
    assert (ended.status, ended.err) == (0, "")
    assert "hunter2" not in ended.out


@pytest.mark.parametrize(
    ("provider", "secret", "others"),
    [
        ("rfc2136", "FEDDNS_RFC2136_KEY_SECRET",
         {"FEDDNS_RFC2136_SERVERS": "127.0.0.1:1", "FEDDNS_RFC2136_KEY_NAME": "feddns"}),
        ("coredns", "FEDDNS_COREDNS_ETCD_PASSWORD",
         {"FEDDNS_COREDNS_ETCD_ENDPOINTS": "http://127.0.0.1:1", "FEDDNS_COREDNS_ETCD_USER": "me"}),
        ("aws-route53", "AWS_SECRET_ACCESS_KEY",
         {"FEDDNS_ROUTE53_ENDPOINT": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "AKIA"}),
    ],
)  # fmt: skip
def test_no_command_says_a_secret(
    provider: str, secret: str, others: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(secret, "aHVudGVyMg==")
    for name, value in others.items():
        monkeypatch.setenv(name, value)
    federation = ["--federation-manifests", str(EXAMPLES / "federation")]
    for command, *more in (("plan", *federation), ("apply", *federation), ("show",), ("export",)):
        ended = run(
            "zone", command, "--zone-name", "example.com", "--dns-provider", provider, *more
        )
        assert (ended.status, ended.out, ended.err.count("\n")) == (1, "", 1), ended
        assert "aHVudGVyMg" not in ended.err
        assert "hunter2" not in ended.err


# --- what is asked, and kept ---------------------------------------------------------------------


class Terminal(io.StringIO):
    """Somebody who types this."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "status"), [("y\n", 0), ("n\n", 1), ("\n", 1)])
def test_on_a_terminal_the_operator_is_asked(
    kept: World, typed: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = kept.content()
    kept.without_services("nginx", "api", "reports", "billing", "cart")
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    ended = kept.run("apply")
    assert ended.status == status, ended
    assert "Remove them? [y/N]: " in ended.err
    assert (kept.content() == before) == bool(status)


def test_what_is_kept_in_no_history_is_said(world: World) -> None:
    ended = world.run("apply", "--history", "")
    assert ended.status == 0
    assert "this is kept in no history; --history FILE would" in ended.out.splitlines()
    assert not world.history.exists()


def test_a_history_that_cannot_be_kept_is_said(world: World) -> None:
    words = world.run("apply", "--history", "/nowhere/history").err
    assert words == (
        "feddns: the zone was changed, but the history is not kept: "
        "--history /nowhere/history: No such file or directory\n"
    )
    assert (EUROPE, "A") in world.content()


class Busy(Memory):
    """Answers the third time; then no faster than it may."""

    refusals = 2

    def list(self) -> Iterator[Sequence[RecordSet]]:
        if self.refusals:
            self.refusals -= 1
            raise Throttled("slowly", 3.0)
        yield from super().list()


def test_a_provider_that_is_asked_too_much_is_asked_again() -> None:
    records = tuple(record_set(f"n{number}.{ZONE}", "A", 60, ["192.0.2.1"]) for number in range(5))
    provider = Busy(memory.Settings(zone=ZONE, records=records, page=2))
    provider.limits = Limits(rate=4.0, burst=1)
    slept: list[float] = []
    assert zonework.records(provider, slept.append) == list(records)
    assert slept[:2] == [3.0, 3.0]
    assert slept[2:] == [0.25] * 3
    provider.refusals = 99
    with pytest.raises(Throttled):
        zonework.records(provider, slept.append)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("approve", "0123456789ab"), "feddns: nothing says where the federation is: "
                                      "--federation-kubeconfig FILE\n"),
        (("rollback", "--to", "1h"), "feddns: nothing says where the history is: "
                                     "--federation-kubeconfig FILE, or --history FILE\n"),
    ],
)  # fmt: skip
def test_what_needs_an_api_says_so(
    arguments: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    ended = run("zone", *arguments)
    assert (ended.status, ended.out, ended.err) == (2, "", words)
