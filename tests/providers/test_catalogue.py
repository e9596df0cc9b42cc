"""The providers by name: their settings from everywhere, and secrets that nobody gets to see."""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import pickle
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from feddns.errors import FeddnsError, OperatorNeeded, SettingRefused
from feddns.providers import catalogue
from feddns.providers.catalogue import Choice, Row
from feddns.providers.recordsets import record_set
from feddns.providers.secret import Secret

SECRET = "c2VjcmV0IHRoYXQgbm9ib2R5IHNlZXM="
"""Good base64, as TSIG has it."""
PIECES = (SECRET, SECRET[:12], "secret that nobody sees")
NOWHERE = "127.0.0.1:1"
WITH_SECRETS = [(row.name, key.name) for row in catalogue.ROWS for key in row.keys if key.is_secret]
NEEDED = {"rfc2136": ["servers=127.0.0.1"], "zonefile": ["path=/nowhere/zone"]}


def chosen(provider: str, *options: str, **more: Any) -> Choice:
    more.setdefault("environment", {})
    return catalogue.choose(provider, "example.com", options=options, **more)


def refusal(provider: str, *options: str, **more: Any) -> str:
    with pytest.raises(SettingRefused) as refused:
        chosen(provider, *options, **more)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def ini(folder: Path, text: str) -> str:
    path = folder / "provider.ini"
    path.write_text(text)
    return str(path)


# --- the table -----------------------------------------------------------------------------------


@pytest.mark.parametrize("row", catalogue.ROWS, ids=lambda row: row.name)
def test_keys_are_settings_of_the_provider(row: Row) -> None:
    settings = importlib.import_module(f"feddns.providers.{row.module}").Settings
    fields = {field.name for field in msgspec.structs.fields(settings)}
    own = {key.field for key in row.keys} - {"config", "provider", "class", "content"}
    assert own <= fields
    assert row.has_ids == ("zone_id" in fields)
    variables = [row.variable(key.name) for key in row.keys]
    assert len(set(variables)) == len(variables) == len({key.name for key in row.keys})
    told = own | {"zone", "zone_id", "records", "limits", "page", "arguments", "provider"}
    assert fields - told <= {"is_anonymous"}


def test_the_names_are_those_of_the_original_and_more() -> None:
    assert set(catalogue.names()) == {
        "google-clouddns", "aws-route53", "coredns", "rfc2136", "octodns", "zonefile", "memory"
    }  # fmt: skip


# --- where a key comes from ----------------------------------------------------------------------


def test_a_flag_wins_over_a_variable_over_the_file_over_the_vendor(tmp_path: Path) -> None:
    where = ini(tmp_path, "[Global]\nkey-name = file\nkey-algorithm = file\nservers = file\n")
    environment = {
        "RFC2136_TSIG_KEY": "vendor", "RFC2136_TSIG_ALGORITHM": "vendor",
        "RFC2136_NAMESERVER": "vendor", "RFC2136_TSIG_SECRET": "vendor",
        "FEDDNS_RFC2136_KEY_NAME": "variable", "FEDDNS_RFC2136_KEY_ALGORITHM": "variable",
    }  # fmt: skip
    made = chosen("rfc2136", "key-name=flag", config=where, environment=environment)
    assert made.values == {
        "key-name": "flag", "key-algorithm": "variable", "servers": ("file",),
        "key-secret": Secret("vendor"),
    }  # fmt: skip
    assert (made.zone, made.provider, made.where) == ("example.com.", "rfc2136", where)


@pytest.mark.parametrize(
    ("provider", "option", "value"),
    [
        ("google-clouddns", "create-zone=true", True),
        ("google-clouddns", "networks=a, b c", ("a", "b", "c")),
        ("google-clouddns", "rate=2.5", 2.5),
        ("rfc2136", "timeout=3s", 3.0),
        ("rfc2136", "batch=10", 10),
        ("rfc2136", "servers=192.0.2.1,[2001:db8::1]:5353", ("192.0.2.1", "[2001:db8::1]:5353")),
        ("zonefile", "reload=knotc zone-reload 'example.com.'",
         ("knotc", "zone-reload", "example.com.")),
        ("zonefile", "path=a=b", "a=b"),
    ],
)  # fmt: skip
def test_values(provider: str, option: str, value: Any) -> None:
    assert chosen(provider, option).values[option.partition("=")[0]] == value


@pytest.mark.parametrize(
    ("provider", "options", "words"),
    [
        ("route53", (), "--dns-provider: there is no 'route53'; did you mean 'aws-route53'?"),
        ("rfc-2136", (), "did you mean 'rfc2136'?"),
        ("", (), "there are google-clouddns, "),
        ("azure-azuredns", (), "octodns has it now, as octodns_azure.AzureProvider"),
        (
            "rfc2136",
            ("server=a",),
            "--dns-option: rfc2136 has no 'server'; did you mean 'servers'?",
        ),
        ("rfc2136", ("nonsense=a",), "there are servers, key-file, "),
        ("rfc2136", ("key-name",), "'key-name' is no KEY=VALUE"),
        ("rfc2136", ("timeout=soon",), "timeout 'soon': it is no number of seconds"),
        ("rfc2136", ("timeout=0",), "it is no number of seconds"),
        ("rfc2136", ("batch=-1",), "it is no whole number"),
        ("google-clouddns", ("rate=0",), "it is no number of calls a second"),
        ("google-clouddns", ("create-zone=maybe",), "it is neither true nor false"),
        ("zonefile", ("reload='",), "No closing quotation"),
    ],
)
def test_bad_options(provider: str, options: tuple[str, ...], words: str) -> None:
    assert words in refusal(provider, *options)


def test_bad_files(tmp_path: Path) -> None:
    where = ini(tmp_path, "[Global]\n\nproject = p\n")
    assert refusal("google-clouddns", config=where) == (
        f"--dns-provider-config {where}: google-clouddns has no 'project'; "
        "did you mean 'project-id'?"
    )
    where = ini(tmp_path, "[Global]\n\nnonsense\n[Global\n")
    assert refusal("rfc2136", config=where).startswith(
        f"--dns-provider-config {where}, line 4: no `key = value`"
    )
    gone = str(tmp_path / "gone")
    assert refusal("rfc2136", config=gone) == (
        f"--dns-provider-config {gone}: No such file or directory"
    )
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    assert "it is no text" in refusal("rfc2136", config=str(tmp_path / "binary"))


def test_a_zone_without_an_id_and_a_bad_name() -> None:
    assert refusal("zonefile", zone_id="Z1") == (
        "--zone-id: zones of zonefile have no id; leave it out"
    )
    with pytest.raises(SettingRefused, match="--zone-name: "):
        catalogue.choose("memory", "a..b", environment={})


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        ("rfc2136", "--dns-provider rfc2136 needs servers: --dns-option servers=…, "
                    "FEDDNS_RFC2136_SERVERS, or a line in the file of --dns-provider-config"),
        ("zonefile", "needs path"),
        ("octodns", "needs class or config"),
    ],
)  # fmt: skip
def test_what_a_provider_cannot_do_without(provider: str, words: str) -> None:
    with pytest.raises(SettingRefused) as refused:
        catalogue.open_provider(chosen(provider))
    assert words in str(refused.value)


# --- opened --------------------------------------------------------------------------------------


def test_memory_with_a_content(tmp_path: Path) -> None:
    (tmp_path / "zone").write_text("www 60 IN A 192.0.2.1\n")
    provider = catalogue.open_provider(chosen("memory", f"content={tmp_path / 'zone'}"))
    assert [list(page) for page in provider.list()] == [
        [record_set("www.example.com.", "A", 60, ["192.0.2.1"])]
    ]
    (tmp_path / "zone").write_text("\nwww 60 IN A nonsense\n")
    with pytest.raises(SettingRefused, match="zone, line 2: "):
        catalogue.open_provider(chosen("memory", f"content={tmp_path / 'zone'}"))


def test_zonefile(tmp_path: Path) -> None:
    provider = catalogue.open_provider(chosen("zonefile", f"path={tmp_path / 'zone'}"))
    assert provider.zone == "example.com."
    assert "SOA" in (tmp_path / "zone").read_text()


def test_octodns_by_its_own_configuration(tmp_path: Path) -> None:
    (tmp_path / "zones").mkdir()
    (tmp_path / "zones/example.com.yaml").write_text(
        "www:\n  ttl: 60\n  type: A\n  value: 192.0.2.1\n"
    )
    config = tmp_path / "octodns.yaml"
    config.write_text(
        "providers:\n  out:\n    class: octodns.provider.yaml.YamlProvider\n"
        f"    directory: {tmp_path / 'zones'}\n"
    )
    for made in (
        chosen("octodns", config=str(config)),
        chosen("octodns", f"config={config}", "provider=out", "interval=0.5"),
        chosen("octodns", "class=octodns.provider.yaml.YamlProvider",
               f"directory={tmp_path / 'zones'}"),
    ):  # fmt: skip
        provider = catalogue.open_provider(made)
        assert [record.name for page in provider.list() for record in page] == ["www.example.com."]
    config.write_text("providers: {}\n")
    with pytest.raises(SettingRefused, match="no `providers`"):
        catalogue.open_provider(chosen("octodns", config=str(config)))


@pytest.mark.parametrize(
    ("provider", "library", "extra"),
    [
        ("google-clouddns", "google.cloud.dns", "google"),
        ("aws-route53", "boto3", "aws"),
        ("octodns", "octodns", "octodns"),
    ],
)
def test_a_missing_library_is_named(
    provider: str, library: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = library.partition(".")[0]
    for name in list(sys.modules):
        if name.startswith(("feddns.providers.", f"{library}.")) or name == library:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Missing(library), *sys.meta_path])
    with pytest.raises(OperatorNeeded) as needed:
        catalogue.open_provider(chosen(provider, *(["class=a.B"] if provider == "octodns" else [])))
    assert str(needed.value).startswith(f"--dns-provider {provider} needs {top}")
    assert str(needed.value).endswith(f"pip install 'feddns[{extra}]'")


class _Missing:
    """As if a library were not installed."""

    def __init__(self, library: str) -> None:
        self.library = library

    def find_spec(self, name: str, *_: object) -> None:
        if name == self.library or name.startswith(f"{self.library}."):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


# --- secrets -------------------------------------------------------------------------------------


def test_a_secret_shows_itself_to_nobody() -> None:
    one = Secret(SECRET)
    shown = [
        str(one), repr(one), f"{one}", f"{one!r}", f"{one:>20}", "%s" % one,  # noqa: UP031
        str([one]), str(msgspec.structs.replace(chosen("memory"), values={"key": one})),
    ]  # fmt: skip
    assert not any(piece in text for text in shown for piece in PIECES)
    for write in (pickle.dumps, json.dumps, msgspec.json.encode, msgspec.msgpack.encode):
        with pytest.raises(TypeError) as refused:
            write(one)
        assert not any(piece in str(refused.value) for piece in PIECES)
    assert one == Secret(SECRET)
    assert one != Secret("other")
    assert one != SECRET
    assert one.reveal() == SECRET
    assert not Secret("")


@pytest.mark.parametrize(("provider", "key"), WITH_SECRETS)
def test_a_secret_is_refused_on_the_command_line(provider: str, key: str) -> None:
    words = refusal(provider, f"{key}={SECRET}")
    assert catalogue.row(provider).variable(key) in words
    assert not any(piece in words for piece in PIECES)


def test_octodns_arguments_that_look_secret_are_refused_there_but_for_variables() -> None:
    words = refusal("octodns", "class=a.B", f"api-token={SECRET}")
    assert "api-token=env/NAME" in words
    assert SECRET not in words
    assert chosen("octodns", "class=a.B", "api-token=env/TOKEN").values["api-token"] == (
        Secret("env/TOKEN")
    )


@contextlib.contextmanager
def leaks(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    """Fails when what is said, logged or raised in here has a piece of the secret."""
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    yield said.append
    said += [caplog.text, *capsys.readouterr()]
    assert not [piece for piece in PIECES if any(piece in text for text in said)]


def _read(choice: Choice) -> None:
    provider = catalogue.open_provider(choice)
    try:
        list(provider.list())
    finally:
        provider.close()


def failed(choice: Choice) -> str:
    """All that is known of the error of a provider that cannot be opened and read."""
    with pytest.raises(FeddnsError) as raised:
        _read(choice)
    return "".join(traceback.format_exception(raised.value)) + repr(raised.value)


_UNREACHABLE: dict[str, tuple[list[str], str]] = {
    "rfc2136": ([f"servers={NOWHERE}", "key-name=feddns"], "key-secret"),
    "coredns": ([f"etcd-endpoints=http://{NOWHERE}", "etcd-user=feddns"], "etcd-password"),
    "google-clouddns": ([f"token-url=http://{NOWHERE}/t", "project-id=p"], "token-body"),
}


def test_each_provider_with_a_secret_key_is_looked_at() -> None:
    assert sorted(_UNREACHABLE) == sorted({provider for provider, _ in WITH_SECRETS})
    assert all(_UNREACHABLE[provider][1] == key for provider, key in WITH_SECRETS)


@pytest.mark.parametrize(
    ("provider", "way"),
    [(provider, way) for provider in _UNREACHABLE for way in ("variable", "file")]
    + [("rfc2136", "vendor"), ("coredns", "vendor")],
)
def test_no_error_has_a_secret(
    provider: str, way: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    options, key = _UNREACHABLE[provider]
    row = catalogue.row(provider)
    variable = next(one.vendor for one in row.keys if one.name == key)
    given: dict[str, Any] = {"environment": {row.variable(key): SECRET}}
    if way == "file":
        given = {"config": ini(tmp_path, f"[Global]\n{key} = {SECRET}\n")}
    elif way == "vendor":
        given = {"environment": {variable: SECRET}}
    with leaks(capsys, caplog) as say:
        choice = chosen(provider, *options, **given)
        assert choice.values[key] == Secret(SECRET)
        say(repr(choice))
        say(str(choice))
        module = importlib.import_module(f"feddns.providers.{row.module}")
        say(repr(catalogue._plain(module, choice)))
        say(failed(choice))


@pytest.mark.parametrize("text", [
    "[Global]\nkey-secret = {}\nnonsense\n=",
    "[Global]\nkey-secret {}\n",
    '[Global]\nkey-secret = "{}\n',
    "[Global]\nkey-secrets = {}\n",
    "key-secret = {}\n",
    "[Global]\nkey-secret = {}\nkey-secret = {}\n",
    "{}\n",
])  # fmt: skip
def test_no_bad_file_has_one_in_its_error(text: str, tmp_path: Path) -> None:
    words = refusal("rfc2136", config=ini(tmp_path, text.replace("{}", SECRET)))
    assert not any(piece in words for piece in PIECES)


def test_a_bad_secret_is_not_said(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    bad = f"{SECRET}!!"
    environment = {"FEDDNS_RFC2136_KEY_SECRET": bad, "FEDDNS_RFC2136_KEY_NAME": "feddns"}
    with leaks(capsys, caplog) as say:
        say(failed(chosen("rfc2136", f"servers={NOWHERE}", environment=environment)))


def test_no_key_file_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "key").write_text(f'key "feddns" {{ algorithm hmac-md4; secret "{SECRET}"; }};\n')
    (tmp_path / "half").write_text(f'key "feddns" {{ secret "{SECRET}"; }};\n')
    (tmp_path / "account.json").write_text(
        json.dumps({"type": "service_account", "private_key": SECRET, "client_email": "a@b"})
    )
    with leaks(capsys, caplog) as say:
        for name in ("key", "half"):
            say(failed(chosen("rfc2136", f"servers={NOWHERE}", f"key-file={tmp_path / name}")))
        path = tmp_path / "account.json"
        say(failed(chosen("google-clouddns", f"credentials-file={path}", "project-id=p")))


@pytest.mark.parametrize("text", [
    "providers:\n  out:\n    class: octodns_bind.Rfc2136Provider\n    key_secret: {}\n  : :\n",
    "providers:\n  out:\n    key_secret: [{}\n",
    "providers:\n  out:\n    class: octodns_bind.Rfc2136Provider\n    secret: {}\n    other: {}\n",
    "providers:\n  out:\n    class: octodns_bind.Nothing\n    key_secret: {}\n",
    "providers:\n  out:\n    class: 7\n    key_secret: {}\n",
    "providers:\n  out: {}\n",
    "{}: [\n",
])  # fmt: skip
def test_no_octodns_configuration_is_told(
    text: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    config = tmp_path / "octodns.yaml"
    config.write_text(text.replace("{}", SECRET))
    with leaks(capsys, caplog) as say:
        say(failed(chosen("octodns", config=str(config))))


def test_the_accounts_of_the_aws_sdk_are_not_told(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", SECRET)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with leaks(capsys, caplog) as say:
        say(failed(chosen("aws-route53", f"endpoint=http://{NOWHERE}")))
