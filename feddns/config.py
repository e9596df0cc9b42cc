"""Settings: one schema for flags, environment and TOML file, each with default, limits and a why.

    flag                --cluster-domain corp.example      (wins)
    environment         FEDDNS_CLUSTER_DOMAIN=corp.example
    file (--config F)   cluster-domain = "corp.example"
    default             cluster.local                      (loses)

A setting that may be given several times takes a list in the file, and commas in the environment
and in one flag.  `Settings` is frozen; the fields' `Meta` is the schema, and the text of the
flags, of `docs/settings.md` and of every error comes from it.  Pure: the caller brings the
environment and the file's bytes.  Called by `cli`, read by everybody.
"""

from __future__ import annotations

import difflib
import ipaddress
import tomllib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from feddns import names
from feddns.errors import NameRefused, SettingRefused

ENVIRONMENT_PREFIX = "FEDDNS_"


class SocketAddress(str):
    """An IP address and a port, in the canonical text `192.0.2.1:53` or `[2001:db8::1]:53`."""

    @property
    def address(self) -> str:
        return self.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.rpartition(":")[2])


class DomainName(bytes):
    """A lower-case wire name that was given as text."""

    def __str__(self) -> str:
        return names.format(self)


class ReverseZone(DomainName):
    """A zone under in-addr.arpa or ip6.arpa, given as such or as a CIDR on a label boundary."""


class Address(bytes):
    """A packed IP address that was given as text."""

    def __str__(self) -> str:
        return str(ipaddress.ip_address(bytes(self)))


_LONGEST_ZONE = 120
PRIVATE_RANGES = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")


def _socket_address(text: str) -> SocketAddress:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{text!r} is not ADDRESS:PORT, for example 127.0.0.1:5353 or [::1]:5353")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise ValueError(f"{host!r} is no IP address; 0.0.0.0 and [::] mean every one") from None
    return SocketAddress(f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}")


def _domain_name(text: str) -> DomainName:
    try:
        name = names.parse(text).lower()
    except NameRefused as error:
        raise ValueError(str(error)) from None
    if name == names.ROOT:
        raise ValueError("the root is not ours to serve")
    if len(name) > _LONGEST_ZONE:
        raise ValueError(f"{text!r} leaves no room for names below it")
    return DomainName(name)


def _reverse_zones(text: str) -> tuple[ReverseZone, ...]:
    """The zones of a CIDR (several when it ends between label boundaries), or the zone named."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        name = _domain_name(text)
        if not (names.is_under(name, names.IN_ADDR_ARPA) or names.is_under(name, names.IP6_ARPA)):
            raise ValueError(
                f"{text!r} is neither a CIDR without host bits nor a zone of .arpa"
            ) from None
        return (ReverseZone(name),)
    bits = 8 if network.version == 4 else 4
    length = max(bits, -(-network.prefixlen // bits) * bits)
    arpa = names.IN_ADDR_ARPA if network.version == 4 else names.IP6_ARPA
    spare = (network.max_prefixlen - length) // bits
    return tuple(
        ReverseZone(names.join(names.reverse_labels(part.network_address.packed)[spare:], arpa))
        for part in network.subnets(new_prefix=max(length, network.prefixlen))
    )


def _address(text: str) -> Address:
    try:
        return Address(ipaddress.ip_address(text).packed)
    except ValueError:
        raise ValueError(f"{text!r} is no IP address") from None


Ttl = Annotated[int, Meta(ge=0, le=604_800)]


class Settings(
    msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True
):
    """All settings of the DNS server."""

    listen: Annotated[
        tuple[SocketAddress, ...],
        Meta(
            min_length=1,
            title="ADDRESS:PORT",
            description="Answer here, over UDP and TCP. Unprivileged by default, so that a first "
            "try needs no root; a cluster's server wants 0.0.0.0:53 and [::]:53.",
        ),
    ] = (SocketAddress("127.0.0.1:5353"),)
    manifests: Annotated[
        tuple[str, ...],
        Meta(
            title="DIR",
            description="Folder with what `kubectl get -A -o yaml` prints for this cluster; it is "
            "followed while the server runs.",
        ),
    ] = ()
    federation_manifests: Annotated[
        tuple[str, ...],
        Meta(
            title="DIR",
            description="Folder with the federation's own Services and Clusters: the view from "
            "which remote shards are answered without asking anybody.",
        ),
    ] = ()
    federation_name: Annotated[
        str,
        Meta(
            title="NAME",
            description="Which federation the federation manifests belong to; may be left out when "
            "the kube-dns ConfigMap lists one.",
        ),
    ] = ""
    cluster_domain: Annotated[
        DomainName, Meta(title="DOMAIN", description="The zone of this cluster's names.")
    ] = DomainName(names.parse("cluster.local"))
    reverse_zone: Annotated[
        tuple[ReverseZone, ...],
        Meta(
            title="CIDR|ZONE",
            description="Address ranges whose PTR questions are answered here. Private ranges by "
            "default: PTR of public addresses belong to others.",
        ),
    ] = tuple(zone for text in PRIVATE_RANGES for zone in _reverse_zones(text))
    pods: Annotated[
        Literal["disabled", "insecure", "verified"],
        Meta(
            description="Names of pods by address (10-1-2-3.<namespace>.pod): none; any address, "
            "as old clients expect; or only addresses that a Pod has, at the price of keeping "
            "every Pod in memory."
        ),
    ] = "disabled"
    namespaces: Annotated[
        tuple[str, ...],
        Meta(title="NAME", description="Serve these namespaces only; by default all."),
    ] = ()
    ttl: Annotated[
        Ttl,
        Meta(
            title="SECONDS",
            description="TTL of answers, negative ones too. Short, because a client follows a "
            "failover only when its copy has expired; a Service may have its own by the annotation "
            "federation.feddns.dev/cluster-ttl.",
        ),
    ] = 5
    answer_form: Annotated[
        Literal["chain", "flattened"],
        Meta(
            description="Federated names as kube-dns gave them, a chain of CNAMEs that shows the "
            "way; or flattened, the addresses under the asked name, for clients that stumble over "
            "CNAMEs."
        ),
    ] = "chain"
    when_none_healthy: Annotated[
        Literal["none", "all"],
        Meta(
            description="A federated Service without a healthy shard anywhere: no address, so that "
            "clients fail fast; or every known address, for who would rather try."
        ),
    ] = "none"
    ignore_empty_services: Annotated[
        bool,
        Meta(
            description="A ClusterIP Service without a ready endpoint does not exist (NXDOMAIN), "
            "instead of an address where nobody answers."
        ),
    ] = False
    endpoint_pod_names: Annotated[
        bool,
        Meta(
            description="An endpoint without a hostname is named after its Pod instead of its "
            "address."
        ),
    ] = False
    nameserver_address: Annotated[
        tuple[Address, ...],
        Meta(
            title="IP",
            description="Address of ns.dns.<cluster domain>; by default the addresses that are "
            "listened on.",
        ),
    ] = ()
    edns_size: Annotated[
        int,
        Meta(
            ge=512,
            le=4096,
            title="OCTETS",
            description="Largest answer over UDP. 1232 passes every path without fragments; more "
            "only where the network is known.",
        ),
    ] = 1232
    nsid: Annotated[
        str,
        Meta(
            max_length=64,
            title="TEXT",
            description="What a client that asks for the name server's identity (RFC 5001) gets; "
            "by default the host's name.",
        ),
    ] = ""
    answer_cache: Annotated[
        int,
        Meta(
            ge=0,
            le=4096,
            title="MEGABYTES",
            description="Bound of the ready wire answers of one process. They are never stale; "
            "more room only means fewer built anew.",
        ),
    ] = 32
    tcp_connections: Annotated[
        int,
        Meta(
            ge=1,
            le=65_536,
            title="N",
            description="TCP connections at a time on one address of one process; above, the one "
            "that was idle "
            "longest makes room.",
        ),
    ] = 1024
    tcp_connections_per_client: Annotated[
        int,
        Meta(
            ge=1,
            le=65_536,
            title="N",
            description="The same from one client, so that one cannot take them all.",
        ),
    ] = 128
    tcp_idle: Annotated[
        float,
        Meta(
            ge=0.1,
            le=3600,
            title="SECONDS",
            description="A TCP connection without a whole question, or that does not take its "
            "answers, is closed after this long (RFC 7766 §6.2.3).",
        ),
    ] = 10.0
    metrics: Annotated[
        SocketAddress | None,
        Meta(
            title="ADDRESS:PORT|none",
            description="Serve /metrics, /healthz and /readyz over HTTP here; `none` for nothing.",
        ),
    ] = SocketAddress("127.0.0.1:9153")
    processes: Annotated[
        int,
        Meta(
            ge=0,
            le=64,
            title="N",
            description="Answering processes beside the supervisor and the watcher; 0 runs "
            "everything in one loop, for a debugger.",
        ),
    ] = 1
    log_format: Annotated[Literal["text", "json"], Meta(description="Form of the log lines.")] = (
        "text"
    )
    log_queries: Annotated[
        bool,
        Meta(description="Log each question with its rcode and time. Costs more than answering."),
    ] = False


class Setting(NamedTuple):
    """One row of the schema, for flags and documents."""

    key: str
    type: Any
    default: Any
    metavar: str
    why: str
    repeatable: bool
    limits: str


def schema() -> list[Setting]:
    """All settings in the order they are declared."""
    return [_row(field) for field in msgspec.structs.fields(Settings)]


def _row(field: msgspec.structs.FieldInfo) -> Setting:
    meta: Meta = field.type.__metadata__[-1]
    inner: Any = field.type.__origin__
    repeatable = getattr(inner, "__origin__", None) is tuple
    choices = "|".join(inner.__args__) if getattr(inner, "__origin__", None) is Literal else ""
    limits = [f"{low.ge} to {low.le}" for low in field.type.__metadata__ if low.ge is not None]
    return Setting(
        key=field.encode_name,
        type=field.type,
        default=field.default,
        metavar=choices or meta.title or "",
        why=meta.description or "",
        repeatable=repeatable,
        limits=limits[0] if limits else "",
    )


# --- from the three sources -------------------------------------------------------------------


def load(
    flags: Mapping[str, Any], environment: Mapping[str, str], file: bytes | None, path: str = ""
) -> Settings:
    """Merge the sources; keys are those of the schema.  Raises `SettingRefused`."""
    known = {row.key: row for row in schema()}
    given: dict[str, Any] = {}
    for key, value in (_read_file(file, path) if file is not None else {}).items():
        if key not in known:
            raise SettingRefused(f"{path}: {key!r} is no setting{_did_you_mean(key, known)}")
        given[key] = _convert(known[key], value, f"{path}: {key}")
    for row in known.values():
        variable = ENVIRONMENT_PREFIX + row.key.upper().replace("-", "_")
        if variable in environment:
            given[row.key] = _convert(row, environment[variable], variable)
    for key, value in flags.items():
        given[key] = _convert(known[key], value, f"--{key}")
    return Settings(**{key.replace("-", "_"): value for key, value in given.items()})


def _read_file(file: bytes, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(file.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingRefused(f"{path}: {error}") from error


def _did_you_mean(key: str, known: Mapping[str, Setting]) -> str:
    close = difflib.get_close_matches(key.replace("_", "-"), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _convert(row: Setting, value: Any, source: str) -> Any:
    """The value of one setting.  A text is split at commas when the setting is repeatable."""
    if row.repeatable:
        parts = value.split(",") if isinstance(value, str) else value
        if isinstance(parts, (list, tuple)) and all(isinstance(part, str) for part in parts):
            value = [item.strip() for part in parts for item in part.split(",") if item.strip()]
    if row.key == "reverse-zone" and isinstance(value, list):
        value = [zone for text in value for zone in _each_reverse_zone(text, source)]
        return tuple(dict.fromkeys(value))
    if row.key == "metrics" and value == "none":
        return None
    try:
        return msgspec.convert(value, row.type, strict=False, dec_hook=_dec_hook)
    except msgspec.ValidationError as error:
        raise SettingRefused(f"{source}: {_reason(row, value, error)}") from error


def _reason(row: Setting, value: Any, error: msgspec.ValidationError) -> str:
    if row.limits:
        return f"{value!r} is not within {row.limits}"
    if "|" in row.metavar and row.metavar.islower():
        return f"{value!r} is none of {row.metavar.replace('|', ', ')}"
    if row.default in (True, False):
        return f"{value!r} is neither true nor false"
    return str(error).split(" - at ")[0]


def _each_reverse_zone(text: object, source: str) -> tuple[ReverseZone, ...]:
    if not isinstance(text, str):
        raise SettingRefused(f"{source}: expected text, not {text!r}")
    try:
        return _reverse_zones(text)
    except ValueError as error:
        raise SettingRefused(f"{source}: {error}") from None


_PARSERS: dict[Any, Any] = {
    SocketAddress: _socket_address,
    DomainName: _domain_name,
    Address: _address,
}


def _dec_hook(kind: Any, value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError(f"expected text, not {value!r}")
    return _PARSERS[kind](value)
