"""◇ The DNS providers by name, what each may be told, and the one that was chosen, opened.

    a key of a provider is given by              e.g.                                   wins
    --dns-option KEY=VALUE                       --dns-option key-name=feddns           first
    a variable of its own                        FEDDNS_RFC2136_KEY_NAME=feddns         second
    the INI file of --dns-provider-config        key-name = feddns                      third
    the vendor's habit                           RFC2136_TSIG_KEY=feddns                last
    A secret is refused on the command line, where every user of the machine could read it.

    what is wrong                                raised
    no such provider or key, a bad value         SettingRefused, before anything is opened
    a file that cannot be read or parsed         SettingRefused, with its line
    the provider's library is not installed      OperatorNeeded, with the command that installs it
    no such zone, no permission, …               what the provider's `open` raises

No message has a value of a secret key, nor has the repr of what is here.  A provider's module is
imported when it is opened.  Called by the controllers and by `feddns zone`.
"""

from __future__ import annotations

import difflib
import importlib
import os
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import msgspec

from feddns.errors import DocumentRefused, NameRefused, OperatorNeeded, SettingRefused
from feddns.providers import inifile
from feddns.providers.base import Provider
from feddns.providers.recordsets import canonical
from feddns.providers.secret import Secret

PREFIX = "FEDDNS_"
OPTION = "--dns-option"
CONFIG = "--dns-provider-config"


class Key(NamedTuple):
    """A key of a provider.  `field`: of its `Settings`; `read` raises ValueError for bad text."""

    name: str
    field: str
    why: str
    read: Callable[[str], Any] = str
    is_secret: bool = False
    vendor: str = ""
    """A variable that people have set already."""


class Row(NamedTuple):
    """A provider.  `word`: in the names of its variables; `is_open`: takes any other key, too.

    `extra`: of `pip install 'feddns[…]'`; `has_ids`: its zones have an id.
    """

    name: str
    word: str
    module: str
    what: str
    keys: tuple[Key, ...] = ()
    extra: str = ""
    has_ids: bool = False
    is_open: bool = False

    def variable(self, key: str) -> str:
        return f"{PREFIX}{self.word}_{key.upper().replace('-', '_')}"


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What was chosen.  `values` are by the provider's keys; those of secret keys are `Secret`s."""

    provider: str
    zone: str
    zone_id: str = ""
    values: Mapping[str, Any] = {}
    where: str = ""
    """The file of `--dns-provider-config`, for messages."""


# --- values --------------------------------------------------------------------------------------


def truth(text: str) -> bool:
    known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in known:
        raise ValueError("it is neither true nor false")
    return known[text.lower()]


def several(text: str) -> tuple[str, ...]:
    """With commas or spaces between."""
    return tuple(re.split(r"[\s,]+", text.strip(", \t\n"))) if text.strip(", \t\n") else ()


def seconds(text: str) -> float:
    """`10`, `2.5`, `10s`."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?s?", text) or not float(text.rstrip("s")):
        raise ValueError("it is no number of seconds")
    return float(text.rstrip("s"))


def number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("it is no whole number")
    return int(text)


def rate(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) or not float(text):
        raise ValueError("it is no number of calls a second")
    return float(text)


def words(text: str) -> tuple[str, ...]:
    """A command as a shell splits it."""
    return tuple(shlex.split(text))


# --- the table -----------------------------------------------------------------------------------

_CREATE = "`true`: a zone that is not there is made."

ROWS = (
    Row("google-clouddns", "CLOUDDNS", "clouddns", "Google Cloud DNS", (
        Key("project-id", "project", "The project of the zone."),
        Key("credentials-file", "credentials_file", "A service account's key."),
        Key("token-url", "token_url", "A token service, as GKE's masters had it."),
        Key("token-body", "token_body", "What is posted there.", is_secret=True),
        Key("visibility", "visibility", "`public` or `private`, where both have the name."),
        Key("create-zone", "is_created", _CREATE, truth),
        Key("networks", "networks", "Of a private zone that is made.", several),
        Key("endpoint", "endpoint", "Another address of the API."),
        Key("rate", "rate", "Calls a second in the long run; 3.5 by default.", rate),
    ), extra="google", has_ids=True),
    Row("aws-route53", "ROUTE53", "route53", "Amazon Route 53", (
        Key("visibility", "visibility", "`public` or `private`, where both have the name."),
        Key("vpc-id", "vpc_id", "Of a private zone: the one for this VPC."),
        Key("vpc-region", "vpc_region", "Where the VPC is."),
        Key("create-zone", "is_created", _CREATE, truth),
        Key("region", "region", "Another region than the SDK finds."),
        Key("profile", "profile", "A profile of the SDK's files."),
        Key("endpoint", "endpoint", "Another address of the API."),
        Key("rate", "rate", "Calls a second in the long run; 5 by default.", rate),
    ), extra="aws", has_ids=True),
    Row("rfc2136", "RFC2136", "rfc2136", "BIND, Knot, PowerDNS: any server that takes DNS UPDATE", (
        Key("servers", "servers", "Name servers that take updates, the first that is there.",
            several, vendor="RFC2136_NAMESERVER"),
        Key("key-file", "key_file", "A key as `tsig-keygen` writes it, instead of the next three."),
        Key("key-name", "key_name", "The name of the TSIG key.", vendor="RFC2136_TSIG_KEY"),
        Key("key-secret", "key_secret", "Its secret, in base64.", is_secret=True,
            vendor="RFC2136_TSIG_SECRET"),
        Key("key-algorithm", "key_algorithm", "`hmac-sha256` by default.",
            vendor="RFC2136_TSIG_ALGORITHM"),
        Key("timeout", "timeout", "Seconds until an answer is given up; 10 by default.", seconds),
        Key("batch", "batch", "Changes in one message; 100 by default.", number),
    )),
    Row("coredns", "COREDNS", "coredns", "CoreDNS with its etcd plugin", (
        Key("etcd-endpoints", "endpoints", "etcd, in order; http://127.0.0.1:2379 by default.",
            several, vendor="ETCD_URLS"),
        Key("zones", "zones", "Those that CoreDNS serves from it; ours must be among them.",
            several),
        Key("coredns-endpoints", "servers", "Where CoreDNS answers, HOST:PORT.", several),
        Key("etcd-cert-file", "cert_file", "Our certificate for etcd.", vendor="ETCD_CERT_FILE"),
        Key("etcd-key-file", "key_file", "Its key.", vendor="ETCD_KEY_FILE"),
        Key("etcd-ca-file", "ca_file", "Who signed etcd's certificate.", vendor="ETCD_CA_FILE"),
        Key("etcd-user", "user", "A user of etcd, where it asks for one.",
            vendor="ETCD_USERNAME"),
        Key("etcd-password", "password", "The password.", is_secret=True,
            vendor="ETCD_PASSWORD"),
        Key("etcd-path", "prefix", "`path` of the plugin; `skydns` by default."),
        Key("timeout", "timeout", "Seconds until an answer is given up; 10 by default.", seconds),
    )),
    Row("zonefile", "ZONEFILE", "zonefile", "A zone file that BIND, Knot or NSD loads", (
        Key("path", "path", "The file; it is made where there is none."),
        Key("reload", "reload", "A command that tells the server: `knotc zone-reload …`.", words),
        Key("server", "server", "The name server of a file that is made."),
        Key("address", "address", "Its address, where it lies within the zone."),
    )),
    Row("octodns", "OCTODNS", "octodns", "What octoDNS has a provider for", (
        Key("config", "config", "octoDNS' own configuration, in YAML."),
        Key("provider", "provider", "Which of its `providers`, when there are several."),
        Key("class", "class", "Or the class, as in octodns_bind.Rfc2136Provider."),
        Key("create-zone", "is_created", _CREATE, truth),
        Key("interval", "interval", "Seconds between two calls; 10 by default.", seconds),
    ), extra="octodns", is_open=True),
    Row("memory", "MEMORY", "memory", "A zone in memory, gone with the process: to try things", (
        Key("content", "content", "A zone file that it begins with."),
    )),
)  # fmt: skip
_BY_NAME = {row.name: row for row in ROWS}


def names() -> tuple[str, ...]:
    """What `--dns-provider` may be."""
    return tuple(_BY_NAME)


def row(provider: str) -> Row:
    """Raises `SettingRefused` for a name that nobody has."""
    if provider == "azure-azuredns":
        raise SettingRefused(
            "--dns-provider azure-azuredns: octodns has it now, as octodns_azure.AzureProvider"
        )
    if (found := _BY_NAME.get(provider)) is None:
        raise SettingRefused(
            f"--dns-provider: there is no {provider!r}; {_hint(provider, names())}"
        )
    return found


def _hint(given: str, known: Iterable[str]) -> str:
    known = list(known)
    close = difflib.get_close_matches(given, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"


# --- choosing ------------------------------------------------------------------------------------


def choose(
    provider: str,
    zone: str,
    zone_id: str = "",
    config: str = "",
    options: Iterable[str] = (),
    environment: Mapping[str, str] = os.environ,
) -> Choice:
    """The choice, read and looked at.  `config` is a path, `options` are `KEY=VALUE`.

    Raises `SettingRefused`.
    """
    one = row(provider)
    if zone_id and not one.has_ids:
        raise SettingRefused(f"--zone-id: zones of {provider} have no id; leave it out")
    try:
        name = canonical(zone)
    except NameRefused as error:
        raise SettingRefused(f"--zone-name: {error}") from error
    given = _from_vendor(one, environment)
    given |= _from_file(one, config)
    given |= _from_variables(one, environment)
    given |= _from_options(one, options)
    return Choice(provider=provider, zone=name, zone_id=zone_id, values=given, where=config)


def _from_vendor(one: Row, environment: Mapping[str, str]) -> dict[str, Any]:
    return {
        key.name: _read(key, environment[key.vendor], key.vendor)
        for key in one.keys
        if environment.get(key.vendor)
    }


def _from_variables(one: Row, environment: Mapping[str, str]) -> dict[str, Any]:
    return {
        key.name: _read(key, environment[variable], variable)
        for key in one.keys
        if environment.get(variable := one.variable(key.name))
    }


def _from_options(one: Row, options: Iterable[str]) -> dict[str, Any]:
    found = {}
    for option in options:
        name, equals, value = option.partition("=")
        name = name.strip().lower()
        if not equals:
            raise SettingRefused(f"{OPTION}: {name!r} is no KEY=VALUE, as in rate=5")
        key = _key(one, name, OPTION)
        if key.is_secret and not (one.is_open and value.startswith("env/")):
            way = f"{name}=env/NAME" if one.is_open else one.variable(name)
            raise SettingRefused(
                f"{OPTION} {name}: a secret on the command line is for all to read; give it by "
                f"{way}, or in the file of {CONFIG}"
            )
        found[key.name] = _read(key, value, f"{OPTION} {name}")
    return found


def _from_file(one: Row, config: str) -> dict[str, Any]:
    if not config:
        return {}
    if one.name == "octodns" and config.endswith((".yaml", ".yml")):
        return {"config": config}
    where = f"{CONFIG} {config}"
    try:
        found = inifile.read(read_text(config, CONFIG))
    except DocumentRefused as error:
        raise SettingRefused(f"{where}, line {error.line}: {error}") from None
    values = {}
    for name, text in found.items():
        key = _key(one, name, where)
        values[key.name] = _read(key, text, f"{where}: {name}")
    return values


def _key(one: Row, name: str, where: str) -> Key:
    for key in one.keys:
        if key.name == name:
            return key
    if one.is_open:  # which of them are secret is not known
        return Key(name, name, "", is_secret=_looks_secret(name) or not where.startswith(OPTION))
    known = [key.name for key in one.keys]
    raise SettingRefused(f"{where}: {one.name} has no {name!r}; {_hint(name, known)}")


def _looks_secret(name: str) -> bool:
    return any(part in name for part in ("secret", "token", "password", "key", "credential"))


def _read(key: Key, text: str, where: str) -> Any:
    try:
        value = key.read(text)
    except ValueError as error:
        shown = "" if key.is_secret else f" {text!r}"
        raise SettingRefused(f"{where}{shown}: {error}") from None
    return Secret(value) if key.is_secret else value


def read_text(path: str, flag: str) -> str:
    """A file that a flag names.  Raises `SettingRefused`."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SettingRefused(f"{flag} {path}: it is no text") from None
    except OSError as error:
        raise SettingRefused(f"{flag} {path}: {error.strerror}") from None


# --- opening -------------------------------------------------------------------------------------


def open_provider(choice: Choice) -> Provider:
    """The zone at its provider.  Raises as the module's docstring has it."""
    one = row(choice.provider)
    try:
        module = importlib.import_module(f"feddns.providers.{one.module}")
        settings = _SETTINGS.get(one.name, _plain)(module, choice)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("feddns"):
            raise
        raise OperatorNeeded(
            f"--dns-provider {one.name} needs {error.name}, which is not here: "
            f"pip install 'feddns[{one.extra}]'"
        ) from None
    provider: Provider = module.open(settings)
    return provider


def _revealed(value: Any) -> Any:
    return value.reveal() if isinstance(value, Secret) else value


def _fields(choice: Choice, *leave_out: str) -> dict[str, Any]:
    """Fields of the provider's `Settings`."""
    one = row(choice.provider)
    found = {
        key.field: _revealed(choice.values[key.name])
        for key in one.keys
        if key.name in choice.values and key.name not in leave_out
    }
    return found | ({"zone_id": choice.zone_id} if choice.zone_id else {})


def _plain(module: ModuleType, choice: Choice) -> Any:
    return module.Settings(zone=choice.zone, **_fields(choice))


def _needs(choice: Choice, *keys: str) -> None:
    """One of the keys must be there."""
    if not any(choice.values.get(key) for key in keys):
        one = row(choice.provider)
        raise SettingRefused(
            f"--dns-provider {one.name} needs {' or '.join(keys)}: {OPTION} {keys[0]}=…, "
            f"{one.variable(keys[0])}, or a line in the file of {CONFIG}"
        )


def _rfc2136(module: ModuleType, choice: Choice) -> Any:
    _needs(choice, "servers")
    return _plain(module, choice)


def _zonefile(module: ModuleType, choice: Choice) -> Any:
    _needs(choice, "path")
    return _plain(module, choice)


def _memory(module: ModuleType, choice: Choice) -> Any:
    from feddns.providers import zonetext

    path = choice.values.get("content", "")
    if not path:
        return module.Settings(zone=choice.zone)
    try:
        found = zonetext.read(read_text(path, "content"), choice.zone)
    except DocumentRefused as error:
        raise SettingRefused(f"content {path}, line {error.line}: {error}") from error
    return module.Settings(zone=choice.zone, records=found.records)


def _octodns(module: ModuleType, choice: Choice) -> Any:
    from feddns.providers import octodnsconfig

    _needs(choice, "class", "config")
    own = ("config", "provider", "create-zone", "interval")
    try:
        if path := choice.values.get("config", ""):
            text, name = read_text(path, CONFIG), choice.values.get("provider", "")
            kind, arguments = octodnsconfig.read_config(text, path, name)
        else:
            keys = {key: _revealed(value) for key, value in choice.values.items() if key not in own}
            kind, arguments = octodnsconfig.read_keys(keys, choice.where or OPTION)
    except DocumentRefused as error:
        raise SettingRefused(str(error)) from None
    fields = _fields(choice, "config", "provider", "class")
    return module.Settings(zone=choice.zone, provider=kind, arguments=arguments, **fields)


_SETTINGS: dict[str, Callable[[ModuleType, Choice], Any]] = {
    "rfc2136": _rfc2136,
    "zonefile": _zonefile,
    "memory": _memory,
    "octodns": _octodns,
}
