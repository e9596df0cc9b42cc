"""The options of `feddns zone`, named and meant as those of the controllers, and what they become.

    group         decides
    federation    what the zone should hold: an API, or folders of manifests
    zone          which zone, at which provider, and which records in it are ours
    wishes        what names and record sets are like, and what may be done
    Each is an environment variable, too: --zone-name is FEDDNS_ZONE_NAME.

A bad value raises `SettingRefused`.  Called by the commands of `feddns zone`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import click
import msgspec

from feddns.errors import FeddnsError, SettingRefused
from feddns.providers import catalogue, desired, ownership, plan
from feddns.providers.base import Limits
from feddns.providers.catalogue import Choice
from feddns.providers.desired import Naming
from feddns.providers.ownership import Registry
from feddns.providers.plan import Policy, Terms


class Flag(NamedTuple):
    """An option: its default is as one would write it, empty for none."""

    name: str
    metavar: str
    why: str
    default: str = ""
    is_repeated: bool = False


FEDERATION = (
    Flag("federation-kubeconfig", "FILE",
         "The federation's API; without it, the cluster that this runs in."),
    Flag("federation-context", "NAME", "Context of that kubeconfig, unless the current one."),
    Flag("federation-manifests", "FOLDER",
         "Instead of an API: a folder with the federation's Services and Clusters, as "
         "`kubectl get -o yaml` prints them. Can be repeated.", is_repeated=True),
    Flag("federation-system-namespace", "NAME",
         "Namespace of the ConfigMaps that the controllers keep about the zone.",
         "federation-system"),
)  # fmt: skip
ZONE = (
    Flag("federation-name", "NAME",
         "Name of the federation, the third label of federated names.", "federation"),
    Flag("zone-name", "DOMAIN", "The public zone."),
    Flag("zone-id", "ID", "The zone at the provider, where several have its name."),
    Flag("dns-provider", "NAME", f"Who has the public zone: {', '.join(catalogue.names())}."),
    Flag("dns-provider-config", "FILE", "How the provider is reached, as an INI file."),
    Flag("dns-option", "KEY=VALUE",
         "A key of that file, said here; not for secrets. Can be repeated.", is_repeated=True),
    Flag("dns-owner-id", "ID",
         "Whose the records are, as the TXT records beside them say; by default `feddns-` and the "
         "federation's name."),
    Flag("dns-txt-prefix", "TEXT",
         "What the names of those TXT records begin with, if not `_%{record_type}.`"),
    Flag("dns-txt-suffix", "TEXT", "What their first label ends with, instead of a prefix."),
    Flag("dns-txt-key-file", "FILE",
         "Has the key with which they are sealed (AES-256): 32 octets, or their base64."),
)  # fmt: skip
WISHES = (
    Flag("service-dns-suffix", "DOMAIN", "What public names end with, unless the zone's name."),
    Flag("dns-policy", "POLICY",
         "`sync`; `upsert-only` removes nothing, `create-only` changes nothing that is there.",
         "sync"),
    Flag("dns-ttl", "DURATION", "TTL of public records, unless the Service says another.", "3m"),
    Flag("when-none-healthy", "none|all",
         "What the global name has when no shard is healthy, unless the Service says it.", "none"),
    Flag("dns-removal-limit", "PERCENT",
         "How many of at least 10 records may go until an operator is asked.", "30"),
    Flag("dns-resolvers", "ADDRESS:PORT,…",
         "Who is asked for host names of load balancers, instead of the machine's own."),
)  # fmt: skip

Flags = dict[str, Any]


def options(*groups: tuple[Flag, ...]) -> Callable[[Any], Any]:
    """Adds the options of these groups; the command gets them as keyword arguments."""

    def decorate(command: Any) -> Any:
        for flag in reversed([flag for group in groups for flag in group]):
            default = f"  [default: {flag.default}]" if flag.default else ""
            command = click.option(
                f"--{flag.name}", metavar=flag.metavar, help=f"{flag.why}{default}",
                envvar=f"FEDDNS_{flag.name.upper().replace('-', '_')}",
                multiple=flag.is_repeated, default=None if flag.is_repeated else flag.default,
            )(command)  # fmt: skip
        return command

    return decorate


class _Misused(click.UsageError):
    exit_code = 1


class ScriptCommand(click.Command):
    """Exit status 2 has a meaning of its own: what is wrong with the command line is 1, too."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*args, **extra)
        except click.UsageError as error:
            raise _Misused(error.format_message(), error.ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SettingRefused as error:
            raise FeddnsError(str(error)) from error


# --- what they become ----------------------------------------------------------------------------


def choice(flags: Flags) -> Choice:
    """The provider and the zone."""
    if not flags["dns_provider"]:
        known = ", ".join(catalogue.names())
        raise SettingRefused(f"--dns-provider must say who has the zone: {known}")
    if not flags["zone_name"]:
        raise SettingRefused("--zone-name must say which zone it is")
    return catalogue.choose(
        flags["dns_provider"], flags["zone_name"], flags["zone_id"],
        flags["dns_provider_config"], flags["dns_option"],
    )  # fmt: skip


def registry(flags: Flags) -> Registry:
    """Whose records are ours."""
    owner = flags["dns_owner_id"] or f"feddns-{flags['federation_name']}"
    path = flags["dns_txt_key_file"]
    key = catalogue.read_text(path, "--dns-txt-key-file").strip() if path else ""
    given = {"prefix": flags["dns_txt_prefix"], "suffix": flags["dns_txt_suffix"]}
    return ownership.registry(owner, **{key: text for key, text in given.items() if text}, key=key)


def terms(flags: Flags, zone: str) -> Terms:
    known = [str(policy) for policy in Policy]
    if (policy := flags.get("dns_policy") or Policy.SYNC) not in known:
        raise SettingRefused(f"--dns-policy: {policy!r} is none of {', '.join(known)}")
    return Terms(zone, registry(flags), Policy(policy))


def naming(flags: Flags, limits: Limits) -> Naming:
    """How names and record sets are made, for a provider of these limits."""
    if (none_healthy := flags["when_none_healthy"]) not in ("none", "all"):
        raise SettingRefused(f"--when-none-healthy: {none_healthy!r} is none of none, all")
    made = desired.naming(
        flags["federation_name"], flags["zone_name"], flags["service_dns_suffix"], limits
    )
    return msgspec.structs.replace(made, ttl=_ttl(flags["dns_ttl"]), none_healthy=none_healthy)


def share(flags: Flags) -> float:
    """The part of a zone that may go."""
    if not re.fullmatch("100|[0-9]{1,2}", flags["dns_removal_limit"]):
        given = flags["dns_removal_limit"]
        raise SettingRefused(f"--dns-removal-limit: {given!r} is no number from 0 to 100")
    return int(flags["dns_removal_limit"]) / 100


_PART = re.compile(r"([0-9]{1,6})([smh])")
_UNITS = {"s": 1, "m": 60, "h": 3600}
_LONGEST_TTL = 604_800


def seconds(text: str) -> int | None:
    """`180s`, `1m30s`, `2h`; None for anything else."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def _ttl(text: str) -> int:
    found = seconds(text)
    if found is None or not 1 <= found <= _LONGEST_TTL:
        raise SettingRefused(f"--dns-ttl: {text!r} is no duration from 1s to 168h; write 180s, 3m")
    return found


def guard_words(made: plan.Plan, owned: int, flags: Flags) -> str:
    """Why the plan is not done without being asked for, or empty."""
    return plan.guard(made, owned, share(flags)).partition("; look at it")[0]
