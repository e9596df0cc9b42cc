"""Settings from flags, environment and file: what wins, what is refused, and in which words."""

from __future__ import annotations

import pytest

from feddns import config, names
from feddns.config import Settings
from feddns.errors import SettingRefused

ROWS = {row.key: row for row in config.schema()}


def load(flags: dict | None = None, environment: dict | None = None, file: str | None = None):
    return config.load(
        flags or {}, environment or {}, None if file is None else file.encode(), "feddns.toml"
    )


def refusal(*sources: object) -> str:
    with pytest.raises(SettingRefused) as caught:
        load(*sources)
    return str(caught.value)


def reverse(*zones: str) -> tuple[bytes, ...]:
    return tuple(names.parse(zone) for zone in zones)


# key, as a flag or variable gives it, as TOML says it, what it becomes
GOOD = [
    ("listen", "192.0.2.1:53,[2001:db8::1]:5353", '["192.0.2.1:53", "[2001:db8::1]:5353"]',
     ("192.0.2.1:53", "[2001:db8::1]:5353")),
    ("manifests", "/a,/b", '["/a", "/b"]', ("/a", "/b")),
    ("federation-manifests", "/f", '["/f"]', ("/f",)),
    ("federation-name", "fellowship", '"fellowship"', "fellowship"),
    ("cluster-domain", "Corp.Example.", '"Corp.Example."', names.parse("corp.example")),
    ("reverse-zone", "10.0.0.0/8,fd00::/8", '["10.0.0.0/8", "fd00::/8"]',
     reverse("10.in-addr.arpa", "d.f.ip6.arpa")),
    ("pods", "verified", '"verified"', "verified"),
    ("namespaces", "a, b", '["a", "b"]', ("a", "b")),
    ("ttl", "30", "30", 30),
    ("answer-form", "flattened", '"flattened"', "flattened"),
    ("when-none-healthy", "all", '"all"', "all"),
    ("ignore-empty-services", "true", "true", True),
    ("endpoint-pod-names", "1", "true", True),
    ("nameserver-address", "192.0.2.53,2001:db8::53", '["192.0.2.53", "2001:db8::53"]',
     (bytes([192, 0, 2, 53]), bytes.fromhex("20010db8000000000000000000000053"))),
    ("edns-size", "4096", "4096", 4096),
    ("nsid", "here", '"here"', "here"),
    ("answer-cache", "0", "0", 0),
    ("tcp-connections", "2", "2", 2),
    ("tcp-connections-per-client", "3", "3", 3),
    ("tcp-idle", "2.5", "2.5", 2.5),
    ("metrics", "127.0.0.1:9999", '"127.0.0.1:9999"', "127.0.0.1:9999"),
    ("metrics", "none", '"none"', None),
    ("processes", "0", "0", 0),
    ("kubeconfig", "/k", '"/k"', "/k"),
    ("context", "c1", '"c1"', "c1"),
    ("federation-kubeconfig", "/k", '"/k"', "/k"),
    ("federation-context", "fellowship", '"fellowship"', "fellowship"),
    ("cluster-name", "c1", '"c1"', "c1"),
    ("config-map", "dns/settings", '"dns/settings"', "dns/settings"),
    ("snapshot", "/var/lib/feddns/snapshot", '"/var/lib/feddns/snapshot"',
     "/var/lib/feddns/snapshot"),
    ("max-stale", "3600", "3600", 3600),
    ("upstream", "192.0.2.1,[2001:db8::1]:5353,2001:db8::2",
     '["192.0.2.1", "[2001:db8::1]:5353", "2001:db8::2"]',
     ("192.0.2.1:53", "[2001:db8::1]:5353", "[2001:db8::2]:53")),
    ("forward", "false", "false", False),
    ("stub-domain", "Corp.Example=192.0.2.1:54 2001:db8::1",
     '["Corp.Example=192.0.2.1:54 2001:db8::1"]',
     ("corp.example.=192.0.2.1:54 [2001:db8::1]:53",)),
    ("upstream-policy", "random", '"random"', "random"),
    ("upstream-budget", "2.5", "2.5", 2.5),
    ("upstream-outstanding", "10", "10", 10),
    ("never-forward", "none", '["none"]', ("none",)),
    ("forward-cache", "2", "2", 2),
    ("forward-ttl", "60", "60", 60),
    ("forward-negative-ttl", "10", "10", 10),
    ("serve-stale", "0", "0", 0),
    ("rate-limit", "1000", "1000", 1000),
    ("rate-limit-ipv4-prefix", "24", "24", 24),
    ("rate-limit-ipv6-prefix", "56", "56", 56),
    ("cookies", "false", "false", False),
    ("cookie-secret", "00112233445566778899aabbccddeeff", '"00112233445566778899aabbccddeeff"',
     "00112233445566778899aabbccddeeff"),
    ("memory-limit", "128", "128", 128),
    ("lame-duck", "0.5", "0.5", 0.5),
    ("control", "here", '"here"', "here"),
    ("takeover", "true", "true", True),
    ("log-format", "json", '"json"', "json"),
    ("log-queries", "true", "true", True),
]  # fmt: skip


def test_every_setting_is_tried() -> None:
    assert {row[0] for row in GOOD} == set(ROWS)


@pytest.mark.parametrize(("key", "text", "toml", "value"), GOOD)
def test_every_source_gives_the_same(key: str, text: str, toml: str, value: object) -> None:
    field = key.replace("-", "_")
    variable = "FEDDNS_" + field.upper()
    for settings in (
        load({key: text}),
        load({}, {variable: text}),
        load({}, {}, f"{key} = {toml}"),
    ):
        assert getattr(settings, field) == value
        others = {name for name in settings.__struct_fields__ if name != field}
        default = Settings()
        assert all(getattr(settings, name) == getattr(default, name) for name in others)


@pytest.mark.parametrize(("key", "text", "toml", "value"), GOOD)
def test_flag_wins_over_environment_over_file(
    key: str, text: str, toml: str, value: object
) -> None:
    field = key.replace("-", "_")
    other = {"true": "false", "1": "false"}.get(text, str(_default_text(key)))
    environment = {"FEDDNS_" + field.upper(): text}
    assert getattr(load({}, environment, f"{key} = {_toml(key)}"), field) == value
    if other:
        overruled = getattr(load({key: other}, environment, f"{key} = {toml}"), field)
        assert overruled == getattr(Settings(), field)


def _default_text(key: str) -> object:
    default = ROWS[key].default
    if key == "reverse-zone":
        return ",".join(config.PRIVATE_RANGES)
    return ",".join(map(str, default)) if isinstance(default, tuple) else default


def _toml(key: str) -> str:
    default = _default_text(key)
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, int | float):
        return str(default)
    if ROWS[key].repeatable:
        return str([part for part in str(default).split(",") if part])
    return f'"{default}"'


def test_defaults() -> None:
    settings = load()
    assert settings == Settings()
    assert settings.listen[0].address == "127.0.0.1"
    assert settings.listen[0].port == 5353
    assert str(settings.cluster_domain) == "cluster.local."
    assert (settings.ttl, settings.edns_size, settings.pods) == (5, 1232, "disabled")
    assert {str(zone) for zone in settings.reverse_zone} == {
        "10.in-addr.arpa.", "168.192.in-addr.arpa.", "c.f.ip6.arpa.", "d.f.ip6.arpa.",
        *(f"{number}.172.in-addr.arpa." for number in range(16, 32)),
    }  # fmt: skip


def test_lists_of_flags() -> None:
    assert load({"namespaces": ["a,b", "c"]}).namespaces == ("a", "b", "c")
    assert load({"namespaces": ""}).namespaces == ()


@pytest.mark.parametrize(
    ("text", "zones"),
    [
        ("192.0.2.0/24", ["2.0.192.in-addr.arpa"]),
        ("10.0.0.0/7", ["10.in-addr.arpa", "11.in-addr.arpa"]),
        ("192.169.0.0/15", None),
        ("172.16.0.0/15", ["16.172.in-addr.arpa", "17.172.in-addr.arpa"]),
        ("192.0.2.4/30", [f"{n}.2.0.192.in-addr.arpa" for n in (4, 5, 6, 7)]),
        ("192.0.2.9", ["9.2.0.192.in-addr.arpa"]),
        ("2001:db8::/32", ["8.b.d.0.1.0.0.2.ip6.arpa"]),
        ("fc00::/7", ["c.f.ip6.arpa", "d.f.ip6.arpa"]),
        ("2.0.192.in-addr.arpa", ["2.0.192.in-addr.arpa"]),
        ("IN-ADDR.ARPA.", ["in-addr.arpa"]),
        ("8.b.d.0.1.0.0.2.ip6.arpa.", ["8.b.d.0.1.0.0.2.ip6.arpa"]),
    ],
)
def test_reverse_zones(text: str, zones: list[str] | None) -> None:
    if zones is None:
        assert "reverse-zone" in refusal({"reverse-zone": text})
    else:
        assert load({"reverse-zone": text}).reverse_zone == reverse(*zones)


# --- refused ----------------------------------------------------------------------------------

BAD = [
    ("listen", "localhost:53"), ("listen", "127.0.0.1"), ("listen", "127.0.0.1:65536"),
    ("listen", "127.0.0.1:x"), ("listen", ""), ("listen", "127.0.0.1:-1"),
    ("cluster-domain", ""), ("cluster-domain", "."), ("cluster-domain", "a..b"),
    ("cluster-domain", "a" * 64), ("cluster-domain", "é.example"),
    ("cluster-domain", ".".join(["a" * 60] * 4)),
    ("reverse-zone", "10.0.0.1/8"), ("reverse-zone", "example.com"),
    ("reverse-zone", "10.0.0.0/33"),
    ("pods", "maybe"), ("pods", "Verified"), ("ttl", "-1"), ("ttl", "604801"), ("ttl", "x"),
    ("ttl", "1.5"), ("answer-form", "both"), ("when-none-healthy", ""),
    ("ignore-empty-services", "perhaps"), ("nameserver-address", "ns.example.com"),
    ("edns-size", "511"), ("edns-size", "4097"), ("nsid", "x" * 65), ("answer-cache", "-1"),
    ("answer-cache", "4097"), ("tcp-connections", "0"), ("tcp-connections", "65537"),
    ("tcp-connections-per-client", "0"), ("tcp-idle", "0"), ("tcp-idle", "3601"),
    ("metrics", "9153"), ("processes", "-1"), ("processes", "65"), ("log-format", "xml"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "text"), BAD)
def test_refusals_name_their_source(key: str, text: str) -> None:
    variable = "FEDDNS_" + key.upper().replace("-", "_")
    assert refusal({key: text}).startswith(f"--{key}: ")
    assert refusal({}, {variable: text}).startswith(f"{variable}: ")
    if ROWS[key].repeatable and text:
        assert refusal({}, {}, f'{key} = ["{text}"]').startswith(f"feddns.toml: {key}: ")
    elif not text.lstrip("-").replace(".", "").isdigit():
        assert refusal({}, {}, f'{key} = "{text}"').startswith(f"feddns.toml: {key}: ")


@pytest.mark.parametrize(
    "toml",
    ["listen = 53", "listen = [53]", "cluster-domain = 1", "cluster-domain = []",
     "reverse-zone = 1", "reverse-zone = [1]", "reverse-zone = [1.5]", "reverse-zone = [[]]",
     'reverse-zone = ["10.0.0.0/8", 1]', "reverse-zone = [{}]", "pods = 1", "namespaces = [1]",
     "ttl = []", "ttl = 1979-05-27", "ignore-empty-services = []", "nameserver-address = [1]",
     "metrics = 1", "nsid = 7", "tcp-idle = nan", "tcp-idle = inf"],
)  # fmt: skip
def test_values_of_another_type(toml: str) -> None:
    assert refusal({}, {}, toml).startswith(f"feddns.toml: {toml.partition(' ')[0]}: ")


def test_the_words() -> None:
    assert refusal({"ttl": "-1"}) == "--ttl: '-1' is not within 0 to 604800"
    assert refusal({"pods": "x"}) == "--pods: 'x' is none of disabled, insecure, verified"
    assert refusal({"log-queries": "x"}) == "--log-queries: 'x' is neither true nor false"
    assert refusal({}, {"FEDDNS_LISTEN": "here"}) == (
        "FEDDNS_LISTEN: 'here' is not ADDRESS:PORT, for example 127.0.0.1:5353 or [::1]:5353"
    )
    assert refusal({}, {}, 'reverse-zone = ["10.0.0.1/8"]') == (
        "feddns.toml: reverse-zone: "
        "'10.0.0.1/8' is neither a CIDR without host bits nor a zone of .arpa"
    )


@pytest.mark.parametrize(
    ("key", "hint"),
    [("tll", "; did you mean 'ttl'?"), ("cluster_domain", "; did you mean 'cluster-domain'?"),
     ("namespace", "; did you mean 'namespaces'?"), ("xyzzy", "")],
)  # fmt: skip
def test_unknown_keys(key: str, hint: str) -> None:
    assert refusal({}, {}, f"{key} = 1") == f"feddns.toml: '{key}' is no setting{hint}"


@pytest.mark.parametrize("file", ["ttl = ", "ttl = 1\nttl = 2", "= 1", "[ttl"])
def test_files_that_are_no_toml(file: str) -> None:
    assert refusal({}, {}, file).startswith("feddns.toml: ")


def test_a_file_that_is_no_text() -> None:
    with pytest.raises(SettingRefused, match=r"^feddns\.toml: "):
        config.load({}, {}, b"ttl = \xff", "feddns.toml")


def test_other_variables_are_not_ours() -> None:
    assert load({}, {"TTL": "9", "FEDDNS": "9", "HOME": "/"}) == Settings()


# --- the schema -------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ROWS)
def test_every_setting_says_why(key: str) -> None:
    row = ROWS[key]
    assert row.why.endswith(".")
    assert len(row.why) > 20
    assert row.metavar or isinstance(row.default, bool)


@pytest.mark.parametrize(
    ("key", "limits"),
    [("ttl", "0 to 604800"), ("edns-size", "512 to 4096"), ("processes", "0 to 64"),
     ("tcp-idle", "0.1 to 3600"), ("answer-cache", "0 to 4096"), ("pods", ""), ("listen", "")],
)  # fmt: skip
def test_limits(key: str, limits: str) -> None:
    assert ROWS[key].limits == limits


def test_what_can_be_given_several_times() -> None:
    assert {row.key for row in config.schema() if row.repeatable} == {
        "listen", "manifests", "federation-manifests", "reverse-zone", "namespaces",
        "nameserver-address", "upstream", "stub-domain", "never-forward",
    }  # fmt: skip


def test_settings_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Settings().ttl = 9  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [("127.0.0.1:53", "127.0.0.1", 53), ("[::1]:0", "::1", 0),
     ("[2001:DB8::0001]:65535", "2001:db8::1", 65535)],
)  # fmt: skip
def test_socket_addresses(text: str, address: str, port: int) -> None:
    [made] = load({"listen": text}).listen
    assert (made.address, made.port) == (address, port)
