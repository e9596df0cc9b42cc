"""The flags of `feddns-controllers`, each with its default and its limits, and what they become.

    flag                   --cluster-monitor-period 3s                 (wins)
    environment            FEDDNS_CLUSTER_MONITOR_PERIOD=3s
    default                10s                                         (loses)

    value        is written
    duration     3s, 500ms, 1m30s, 1h; 0.5s
    address      192.0.2.1:9090, [::1]:9090; none for nothing
    addresses    192.0.2.1:53,[2001:db8::1]:53
    controllers  services=true,secrets=false

Names and meanings are those of federation-v1.md 8.1 where it has them; what it has and nothing here
needs is accepted and left without effect, with a word in the log.  What cannot be used raises
`SettingRefused`, one line.  Pure.  Called by `cli`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from controllers import kinds
from controllers.clusters import Monitoring, Policy
from feddns import names
from feddns.config import SocketAddress, values
from feddns.errors import SettingRefused

ENVIRONMENT_PREFIX = "FEDDNS_"


class Times(NamedTuple):
    """Seconds that a Lease lasts, until it must be renewed, and between two tries."""

    duration: float = 15.0
    renew: float = 10.0
    retry: float = 2.0


class Options(msgspec.Struct, frozen=True):
    """What was chosen.  Seconds are floats."""

    federation_kubeconfig: str = ""
    federation_context: str = ""
    host_kubeconfig: str = ""
    host_context: str = ""
    in_cluster: bool = False
    federation_name: str = "federation"
    system_namespace: str = "federation-system"
    zone_name: str = ""
    zone_id: str = ""
    service_dns_suffix: str = ""
    dns_provider: str = ""
    dns_provider_config: str = ""
    dns_options: tuple[str, ...] = ()
    dns_owner_id: str = ""
    dns_txt_prefix: str = ""
    dns_txt_suffix: str = ""
    dns_txt_key_file: str = ""
    dns_policy: str = "sync"
    dns_dry_run: bool = False
    dns_ttl: float = 180.0
    when_none_healthy: str = "none"
    dns_removal_limit: int = 30
    dns_audit_period: float = 3600.0
    dns_resolvers: tuple[SocketAddress, ...] = ()
    dns_check_servers: str = "auto"
    monitor_period: float = 10.0
    monitor_timeout: float = 5.0
    monitor_misses: int = 3
    monitor_hits: int = 2
    grace_period: float = 40.0
    workers: int = 10
    member_connections: int = 8
    federation_connections: int = 16
    request_timeout: float = 10.0
    controllers: Mapping[str, bool] = {}
    leader_elect: bool = True
    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0
    identity: str = "feddns-controllers"
    metrics: SocketAddress | None = None
    log_format: str = "text"

    def monitoring(self) -> Monitoring:
        """How members are watched and spoken to."""
        policy = Policy(self.monitor_misses, self.monitor_hits)
        timeout = min(self.monitor_timeout, self.monitor_period / 3)
        return Monitoring(
            self.monitor_period, timeout, policy, self.member_connections, self.request_timeout
        )

    def lease_times(self) -> Times:
        """Of leader election."""
        return Times(self.lease_duration, self.renew_deadline, self.retry_period)

    def is_on(self, controller: str) -> bool:
        """Whether a kind is looked after; all are unless they are turned off."""
        return self.controllers.get(controller, True)


class Row(NamedTuple):
    """A flag.  `read` makes the value of a text, or raises ValueError."""

    flag: str
    field: str
    read: Callable[[str], Any]
    metavar: str
    why: str
    aliases: tuple[str, ...] = ()

    @property
    def variable(self) -> str:
        return ENVIRONMENT_PREFIX + self.flag.upper().replace("-", "_")

    @property
    def default(self) -> Any:
        one = next(one for one in _FIELDS if one.name == self.field)
        return {} if one.default is msgspec.NODEFAULT else one.default


_FIELDS = msgspec.structs.fields(Options)


# --- values --------------------------------------------------------------------------------------

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def duration(least: float, most: float) -> Callable[[str], float]:
    """Reads `3s` or `1m30s`, within limits."""

    def read(text: str) -> float:
        parts = _PART.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise ValueError(f"{text!r} is no duration; write 3s, 500ms or 1m30s")
        seconds: float = sum(float(number) * _UNITS[unit] for number, unit in parts)
        if not least <= seconds <= most:
            raise ValueError(f"{text!r} is not within {show(least)} to {show(most)}")
        return seconds

    return read


def show(seconds: float) -> str:
    """A duration as it is written: 500ms, 40s, 5m."""
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    return f"{seconds / 60:g}m" if seconds >= 60 and seconds % 60 == 0 else f"{seconds:g}s"


def number(least: int, most: int) -> Callable[[str], int]:
    """Reads a whole number within limits."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise ValueError(f"{text!r} is no whole number from {least} to {most}")
        return int(text)

    return read


def text(given: str) -> str:
    return given


def label(given: str) -> str:
    """A DNS label."""
    if not names.is_dns_label(given.encode("utf-8", "replace")):
        raise ValueError(f"{given!r} must be a DNS label (letters, digits and '-', at most 63)")
    return given.lower()


def domain(given: str) -> str:
    """A domain name, without its final dot."""
    return names.format(values.domain_name(given)).rstrip(".")


def truth(given: str) -> bool:
    """true or false, as flags of Kubernetes programs are written."""
    known = {"true": True, "false": False, "1": True, "0": False}
    if given.lower() not in known:
        raise ValueError(f"{given!r} is neither true nor false")
    return known[given.lower()]


def listening(given: str) -> SocketAddress | None:
    return None if given == "none" else values.socket_address(given)


def one_of(*known: str) -> Callable[[str], str]:
    """Reads one of some words."""

    def read(given: str) -> str:
        if given not in known:
            raise ValueError(f"{given!r} is none of {', '.join(known)}")
        return given

    return read


def addresses(given: str) -> tuple[SocketAddress, ...]:
    """Addresses with ports, with commas between."""
    items = (part.strip() for part in given.split(","))
    return tuple(values.socket_address(item) for item in items if item)


def lines(given: str) -> tuple[str, ...]:
    """Of a flag that may be given several times, each on a line."""
    return tuple(filter(None, (line.strip() for line in given.split("\n"))))


def checked(given: str) -> str:
    """Whom to ask: auto, none, or addresses with ports."""
    if given not in ("auto", "none"):
        addresses(given)
    return given


def switches(known: Iterable[str]) -> Callable[[str], dict[str, bool]]:
    """Reads `services=true,secrets=false`."""
    names_known = sorted(known)

    def read(given: str) -> dict[str, bool]:
        found: dict[str, bool] = {}
        for item in filter(None, (part.strip() for part in given.split(","))):
            name, equals, value = item.partition("=")
            if name not in names_known:
                close = difflib.get_close_matches(name, names_known, n=1)
                hint = f"did you mean {close[0]!r}" if close else f"there are {names_known}"
                raise ValueError(f"{name!r} is no controller; {hint}")
            found[name] = truth(value) if equals else True
        return found

    return read


# --- the table -----------------------------------------------------------------------------------

CONTROLLERS = tuple(row.resource.plural for row in kinds.TABLE)

ROWS = (
    Row("federation-kubeconfig", "federation_kubeconfig", text, "FILE",
        "The federation's API; without it, the cluster that this runs in.", ("kubeconfig",)),
    Row("federation-context", "federation_context", text, "NAME",
        "Context of that kubeconfig, unless the current one."),
    Row("host-kubeconfig", "host_kubeconfig", text, "FILE",
        "The host cluster, where the Secrets with the members' credentials are; by default the "
        "cluster that this runs in, and else the federation's API."),
    Row("host-context", "host_context", text, "NAME",
        "Context of that kubeconfig; without one, of the federation's."),
    Row("federation-name", "federation_name", label, "NAME",
        "Name of the federation, the third label of federated names."),
    Row("federation-system-namespace", "system_namespace", label, "NAME",
        "Namespace of those Secrets, and of the Lease in the federation's API; never propagated.",
        ("federation-only-namespace",)),
    Row("zone-name", "zone_name", domain, "DOMAIN", "The public zone."),
    Row("zone-id", "zone_id", text, "ID",
        "The zone at the provider, where several have its name."),
    Row("service-dns-suffix", "service_dns_suffix", domain, "DOMAIN",
        "What public names end with, unless the zone's name."),
    Row("dns-provider", "dns_provider", text, "NAME",
        "Who has the public zone; without one, none is kept."),
    Row("dns-provider-config", "dns_provider_config", text, "FILE",
        "How the provider is reached, as an INI file."),
    Row("dns-option", "dns_options", lines, "KEY=VALUE",
        "The same, a key each time; a secret is given by its variable instead."),
    Row("dns-owner-id", "dns_owner_id", text, "ID",
        "Whose the records are, as the TXT records beside them say; by default `feddns-` and the "
        "federation's name."),
    Row("dns-txt-prefix", "dns_txt_prefix", text, "TEXT",
        "What the names of those TXT records begin with, if not `_%{record_type}.`"),
    Row("dns-txt-suffix", "dns_txt_suffix", text, "TEXT",
        "What their first label ends with, instead of a prefix."),
    Row("dns-txt-key-file", "dns_txt_key_file", text, "FILE",
        "Has the key with which they are sealed (AES-256): 32 octets, or their base64."),
    Row("dns-policy", "dns_policy", one_of("sync", "upsert-only", "create-only"), "POLICY",
        "`sync`; `upsert-only` removes nothing, `create-only` changes nothing that is there."),
    Row("dns-dry-run", "dns_dry_run", truth, "BOOL",
        "Only say what would be changed in the zone."),
    Row("dns-ttl", "dns_ttl", duration(1, 604800), "DURATION",
        "TTL of public records, unless the Service says another."),
    Row("when-none-healthy", "when_none_healthy", one_of("none", "all"), "none|all",
        "What the global name has when no shard is healthy, unless the Service says it."),
    Row("dns-removal-limit", "dns_removal_limit", number(0, 100), "PERCENT",
        "How many of at least 10 records may go until an operator is asked."),
    Row("dns-audit-period", "dns_audit_period", duration(60, 86400), "DURATION",
        "How often the zone is read as a whole."),
    Row("dns-resolvers", "dns_resolvers", addresses, "ADDRESS:PORT,…",
        "Who is asked for host names of load balancers and for the zone's servers, instead of the "
        "machine's own."),
    Row("dns-check-servers", "dns_check_servers", checked, "auto|none|ADDRESS:PORT,…",
        "Who is asked whether a change has come through: the servers that the zone is delegated "
        "to, nobody, or these."),
    Row("cluster-monitor-period", "monitor_period", duration(0.1, 3600), "DURATION",
        "How often each member is asked for its health."),
    Row("cluster-monitor-timeout", "monitor_timeout", duration(0.05, 600), "DURATION",
        "How long it may take to answer; a third of the period at most."),
    Row("cluster-monitor-misses", "monitor_misses", number(1, 100), "NUMBER",
        "Answers in a row that a member may miss until it is not ready."),
    Row("cluster-monitor-hits", "monitor_hits", number(1, 100), "NUMBER",
        "Good answers in a row until it is ready again."),
    Row("grace-period", "grace_period", duration(0, 86400), "DURATION",
        "How long a member that is not reachable keeps its addresses."),
    Row("concurrent-service-syncs", "workers", number(1, 1000), "NUMBER",
        "Objects that are looked at side by side, of all kinds."),
    Row("member-connections", "member_connections", number(1, 100), "NUMBER",
        "Requests that are under way in one member."),
    Row("federation-connections", "federation_connections", number(1, 100), "NUMBER",
        "Requests that are under way in the federation's API."),
    Row("request-timeout", "request_timeout", duration(0.1, 600), "DURATION",
        "How long one request may take."),
    Row("controllers", "controllers", switches(CONTROLLERS), "NAME=BOOL,…",
        f"Kinds to look after, all by default: {', '.join(CONTROLLERS)}."),
    Row("leader-elect", "leader_elect", truth, "BOOL",
        "Only one of several processes acts, the others stand by."),
    Row("leader-elect-lease-duration", "lease_duration", duration(1, 3600), "DURATION",
        "How long another waits after the leader was heard last."),
    Row("leader-elect-renew-deadline", "renew_deadline", duration(0.5, 3600), "DURATION",
        "How long the leader tries to renew until it stops; less than the duration."),
    Row("leader-elect-retry-period", "retry_period", duration(0.1, 600), "DURATION",
        "How often that is tried."),
    Row("metrics", "metrics", listening, "ADDRESS:PORT",
        "Serve /metrics, /healthz and /readyz over HTTP here; `none` for nothing."),
    Row("log-format", "log_format", one_of("text", "json"), "text|json",
        "Log lines for people, or JSON."),
)  # fmt: skip

WITHOUT_EFFECT = (
    "concurrent-replicaset-syncs", "concurrent-job-syncs", "federated-api-qps",
    "federated-api-burst", "kube-api-content-type", "profiling", "contention-profiling",
    "leader-elect-resource-lock", "master", "port", "address", "hpa-scale-forbidden-window",
)  # fmt: skip
"""Flags of the original that are accepted, and change nothing."""


def load(flags: Mapping[str, str], environment: Mapping[str, str], host: str = "") -> Options:
    """Flags by their names, the environment, and who we are.  Raises `SettingRefused`."""
    given: dict[str, Any] = {"in_cluster": bool(environment.get("KUBERNETES_SERVICE_HOST"))}
    if host:
        given["identity"] = host
    for row in ROWS:
        if row.flag in flags:
            given[row.field] = _read(row, flags[row.flag], f"--{row.flag}")
        elif row.variable in environment:
            given[row.field] = _read(row, environment[row.variable], row.variable)
    options = Options(**given)
    if options.leader_elect and not options.renew_deadline < options.lease_duration:
        raise SettingRefused(
            f"--leader-elect-renew-deadline {show(options.renew_deadline)} must be less than "
            f"--leader-elect-lease-duration {show(options.lease_duration)}"
        )
    if options.leader_elect and not options.retry_period < options.renew_deadline:
        raise SettingRefused(
            f"--leader-elect-retry-period {show(options.retry_period)} must be less than "
            f"--leader-elect-renew-deadline {show(options.renew_deadline)}"
        )
    _check_zone(options)
    return options


def _check_zone(options: Options) -> None:
    if not options.dns_provider:
        return
    if not options.zone_name:
        raise SettingRefused("--dns-provider: --zone-name must say which zone it has")
    suffix = f".{options.service_dns_suffix or options.zone_name}"
    if not suffix.endswith(f".{options.zone_name}"):
        raise SettingRefused(
            f"--service-dns-suffix {options.service_dns_suffix} is not in the zone "
            f"{options.zone_name}"
        )


def _read(row: Row, given: str, source: str) -> Any:
    try:
        return row.read(given)
    except ValueError as error:
        raise SettingRefused(f"{source}: {error}") from error


def default_text(row: Row) -> str:
    """The default as one would write it."""
    value = row.default
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return show(value)
    return str(value) if value else "none" if row.field != "controllers" else "all"
