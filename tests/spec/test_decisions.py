"""Decisions 1 to 9, case by case, in the chain form and in the flattened one."""

import pytest

from tests.asking import Server

FEDERATION = """
federations fellowship=example.com
node n1 zone=z1 region=r1
cluster gondor zones=z1 region=r1
cluster rohan zones=z2 region=r1
cluster mordor zones=z3 region=r2
synced
"""

LOCAL = """
service default/web 10.96.0.1 http:80/tcp
slice default/web-a of web 10.244.0.1 http:8080/tcp
"""

REMOTE = "federated default/web http:80/tcp gondor=- mordor=198.51.100.7+198.51.100.8+2001:db8::7"

ZONE = "web.default.fellowship.svc.z1.r1.example.com."
REGION = "web.default.fellowship.svc.r1.example.com."
GLOBAL = "web.default.fellowship.svc.example.com."


def server(*parts: str, **given: object) -> Server:
    return Server("\n".join([FEDERATION, *parts]), **given)


# --- 1: the grammar ---------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["chain", "flattened"])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web.default.fellowship.svc", "found"),
        ("WEB.Default.FELLOWSHIP.Svc", "found"),
        ("web.default.stranger.svc", "NXDOMAIN"),
        ("default.fellowship.svc", "NODATA"),
        ("fellowship.svc", "NODATA"),
        ("nope.default.fellowship.svc", "NXDOMAIN"),
        ("web.nowhere.fellowship.svc", "NXDOMAIN"),
        ("nope.web.default.fellowship.svc", "NXDOMAIN"),
        ("nope.nope.web.default.fellowship.svc", "NXDOMAIN"),
        ("a.b.c.web.default.fellowship.svc", "NXDOMAIN"),
        ("web.default.fellowship.pod", "NXDOMAIN"),
        ("web.default.fellowship.svc.svc", "NXDOMAIN"),
        ("-web.default.fellowship.svc", "NXDOMAIN"),
        ("w_b.default.fellowship.svc", "NXDOMAIN"),
        ("*.default.fellowship.svc", "NXDOMAIN"),
        ("web.*.fellowship.svc", "NXDOMAIN"),
    ],
)
def test_1_grammar(name: str, expected: str, form: str) -> None:
    world = server(LOCAL, REMOTE, answer_form=form)
    if expected == "found":
        records = {
            "chain": """
                web.default.fellowship.svc CNAME web.default.svc
                web.default.svc A 10.96.0.1""",
            "flattened": "web.default.fellowship.svc A 10.96.0.1",
        }
        expected = records[form]
    world.expect(name, "A", expected)


@pytest.mark.parametrize("form", ["chain", "flattened"])
def test_1_a_namespace_called_like_a_federation_keeps_its_names(form: str) -> None:
    world = server(
        LOCAL, REMOTE,
        "service fellowship/default 10.96.7.7 http:80/tcp",
        "slice fellowship/default-a of default web=10.244.7.7 http:80/tcp",
        answer_form=form,
    )  # fmt: skip
    world.expect("fellowship.svc", "A", "NODATA")
    world.expect("default.fellowship.svc", "A", "default.fellowship.svc A 10.96.7.7")
    world.expect("web.default.fellowship.svc", "A", "web.default.fellowship.svc A 10.244.7.7")
    world.expect("_http._tcp.default.fellowship.svc", "SRV", """
        _http._tcp.default.fellowship.svc SRV 0 100 80 default.fellowship.svc
        ADDITIONAL
        default.fellowship.svc A 10.96.7.7""")  # fmt: skip
    world.happen("delete slice fellowship/default-a of default")
    records = {
        "chain": "web.default.fellowship.svc CNAME web.default.svc\nweb.default.svc A 10.96.0.1",
        "flattened": "web.default.fellowship.svc A 10.96.0.1",
    }
    world.expect("web.default.fellowship.svc", "A", records[form])


# --- 2: the local shard -----------------------------------------------------------------------

LOCAL_SHARDS = [
    # what is here; whether it is usable; the addresses it has
    ("service default/web 10.96.0.1\nslice default/web-a of web 10.244.0.1", "A 10.96.0.1"),
    ("service default/web fd00:96::1\nslice default/web-a of web fd00::1", "AAAA fd00:96::1"),
    ("service default/web headless\nslice default/web-a of web 10.244.0.1", "A 10.244.0.1"),
    ("service default/web headless publish-not-ready\n"
     "slice default/web-a of web 10.244.0.1!unready", "A 10.244.0.1"),
    ("service default/web 10.96.0.1\nslice default/web-a of web 10.244.0.1!unready 10.244.0.2",
     "A 10.96.0.1"),
    ("service default/web 10.96.0.1\nslice default/web-a of web 10.244.0.1!unready\n"
     "slice default/web-b of web 10.244.0.2", "A 10.96.0.1"),
    ("service default/other 10.96.0.9\n"
     "service default/web external other.default.svc.cluster.local",
     "A 10.96.0.9"),
]  # fmt: skip

UNUSABLE = [
    "",
    "service default/web 10.96.0.1",
    "service default/web 10.96.0.1\nslice default/web-a of web",
    "service default/web 10.96.0.1\nslice default/web-a of web 10.244.0.1!unready",
    "service default/web 10.96.0.1\nslice default/web-a of web 10.244.0.1!terminating",
    "service default/web headless",
    "service default/web headless\nslice default/web-a of web 10.244.0.1!unready",
    "slice default/web-a of web 10.244.0.1",
    "service other/web 10.96.0.1\nslice other/web-a of web 10.244.0.1",
]


@pytest.mark.parametrize(("here", "record"), LOCAL_SHARDS)
def test_2_usable_chain(here: str, record: str) -> None:
    kind = record.split()[0]
    world = server(here, REMOTE)
    if "external" in here:
        world.expect("web.default.fellowship.svc", kind, f"""
            web.default.fellowship.svc CNAME web.default.svc
            web.default.svc CNAME other.default.svc
            other.default.svc {record}""")  # fmt: skip
        return
    world.expect("web.default.fellowship.svc", kind, f"""
        web.default.fellowship.svc CNAME web.default.svc
        web.default.svc {record}""")  # fmt: skip


@pytest.mark.parametrize(("here", "record"), LOCAL_SHARDS)
def test_2_usable_flattened(here: str, record: str) -> None:
    kind = record.split()[0]
    world = server(here, REMOTE, answer_form="flattened")
    if "external" in here:
        world.expect("web.default.fellowship.svc", kind, f"""
            web.default.fellowship.svc CNAME other.default.svc
            other.default.svc {record}""")  # fmt: skip
        return
    world.expect("web.default.fellowship.svc", kind, f"web.default.fellowship.svc {record}")


@pytest.mark.parametrize("here", UNUSABLE)
def test_2_not_usable_is_3(here: str) -> None:
    server(here, REMOTE).expect("web.default.fellowship.svc", "AAAA", f"""
        web.default.fellowship.svc CNAME {ZONE}
        {ZONE} CNAME {REGION}
        {REGION} CNAME {GLOBAL}
        {GLOBAL} AAAA 2001:db8::7""")  # fmt: skip
    server(here, REMOTE, answer_form="flattened").expect(
        "web.default.fellowship.svc", "AAAA", "web.default.fellowship.svc AAAA 2001:db8::7"
    )


def test_2_the_other_family_of_a_usable_shard_is_no_data() -> None:
    server(LOCAL, REMOTE).expect("web.default.fellowship.svc", "AAAA", """
        web.default.fellowship.svc CNAME web.default.svc
        AUTHORITY
        SOA cluster.local.""")  # fmt: skip
    server(LOCAL, REMOTE, answer_form="flattened").expect(
        "web.default.fellowship.svc", "AAAA", "NODATA"
    )


# --- 3 and 4: the ladder ----------------------------------------------------------------------

NEAREST = [
    # shards; the rung that has addresses; the addresses, all of the rung
    ("gondor=198.51.100.1 rohan=198.51.100.2 mordor=198.51.100.3", ZONE, ["198.51.100.1"]),
    ("gondor=- rohan=198.51.100.2 mordor=198.51.100.3", REGION, ["198.51.100.2"]),
    ("rohan=198.51.100.2 mordor=198.51.100.3", REGION, ["198.51.100.2"]),
    ("gondor=- rohan=- mordor=198.51.100.3", GLOBAL, ["198.51.100.3"]),
    ("mordor=198.51.100.3 angmar=198.51.100.4", GLOBAL, ["198.51.100.3"]),
    ("gondor=198.51.100.1 minas=198.51.100.5 rohan=198.51.100.2", ZONE,
     ["198.51.100.1", "198.51.100.5"]),
    ("rohan=198.51.100.2 edoras=198.51.100.6", REGION, ["198.51.100.2", "198.51.100.6"]),
    ("mordor=198.51.100.3+198.51.100.9 rhun=198.51.100.3+198.51.100.8", GLOBAL,
     ["198.51.100.3", "198.51.100.8", "198.51.100.9"]),
]  # fmt: skip
MORE_CLUSTERS = """
cluster minas zones=z1 region=r1
cluster edoras zones=z4 region=r1
cluster rhun zones=z5 region=r3
"""


@pytest.mark.parametrize(("shards", "rung", "addresses"), NEAREST)
def test_3_and_4_chain(shards: str, rung: str, addresses: list[str]) -> None:
    world = server(MORE_CLUSTERS, f"federated default/web http:80/tcp {shards}")
    ladder = [ZONE, REGION, GLOBAL]
    chain = ladder[: ladder.index(rung) + 1]
    owners = ["web.default.fellowship.svc", *chain[:-1]]
    lines = [f"{owner} CNAME {target}" for owner, target in zip(owners, chain, strict=True)]
    lines += [f"{rung} A {address}" for address in addresses]
    world.expect("web.default.fellowship.svc", "A", "\n".join(lines))


@pytest.mark.parametrize(("shards", "rung", "addresses"), NEAREST)
def test_3_and_4_flattened(shards: str, rung: str, addresses: list[str]) -> None:
    world = server(
        MORE_CLUSTERS, f"federated default/web http:80/tcp {shards}", answer_form="flattened"
    )
    lines = [f"web.default.fellowship.svc A {address}" for address in addresses]
    world.expect("web.default.fellowship.svc", "A", "\n".join(lines))


@pytest.mark.parametrize(("shards", "rung", "addresses"), NEAREST)
def test_3_who_follows_the_chain_by_asking_gets_the_same(
    shards: str, rung: str, addresses: list[str]
) -> None:
    world = server(MORE_CLUSTERS, f"federated default/web http:80/tcp {shards}")
    name = ZONE
    for _ in range(3):
        first = world.said(name, "CNAME").answer
        if not first:
            break
        name = first[0].rdata
    assert name == rung
    assert sorted(r.rdata for r in world.said(name).answer) == addresses


@pytest.mark.parametrize("form", ["chain", "flattened"])
def test_3_without_a_view_the_public_zone_knows(form: str) -> None:
    world = Server(FEDERATION.replace("cluster ", "; "), view=False, answer_form=form)
    for kind in ("A", "AAAA", "CNAME", "TXT", "SRV"):
        world.expect("web.default.fellowship.svc", kind, f"web.default.fellowship.svc CNAME {ZONE}")
    world.expect("h-0.web.default.fellowship.svc", "A",
                 f"h-0.web.default.fellowship.svc CNAME h-0.{ZONE}")  # fmt: skip
    world.expect("default.fellowship.svc", "A", "NODATA")
    assert world.said(ZONE).rcode == "REFUSED"
    world.happen(LOCAL)
    local = {
        "chain": "web.default.fellowship.svc CNAME web.default.svc\nweb.default.svc A 10.96.0.1",
        "flattened": "web.default.fellowship.svc A 10.96.0.1",
    }
    world.expect("web.default.fellowship.svc", "A", local[form])


def test_3_the_view_is_of_one_federation() -> None:
    two = FEDERATION.replace("=example.com", "=example.com,league=example.org")
    unclear = Server(two + REMOTE)
    unclear.expect("web.default.fellowship.svc", "A", f"web.default.fellowship.svc CNAME {ZONE}")
    told = Server(two + REMOTE, federation="fellowship")
    assert len(told.said("web.default.fellowship.svc").answer) == 5
    league = "web.default.league.svc"
    told.expect(league, "A", f"{league} CNAME {league}.z1.r1.example.org.")
    assert told.said("web.default.league.svc.z1.r1.example.org.").rcode == "REFUSED"


# --- 5: nobody healthy ------------------------------------------------------------------------

NOBODY = "federated default/web http:80/tcp gondor=- mordor=- known=198.51.100.3+198.51.100.1"


@pytest.mark.parametrize("form", ["chain", "flattened"])
@pytest.mark.parametrize("kind", ["A", "AAAA", "SRV", "CNAME", "TXT"])
def test_5_none(form: str, kind: str) -> None:
    server(NOBODY, answer_form=form).expect("web.default.fellowship.svc", kind, "NODATA")


@pytest.mark.parametrize("shards", ["", "gondor=-", "angmar=198.51.100.4"])
def test_5_none_registered(shards: str) -> None:
    server(f"federated default/web {shards}").expect("web.default.fellowship.svc", "A", "NODATA")


def test_5_the_public_names_say_the_same() -> None:
    world = server(NOBODY)
    world.expect(GLOBAL, "A", "NODATA")
    world.expect(ZONE, "A", f"""
        {ZONE} CNAME {REGION}
        {REGION} CNAME {GLOBAL}
        AUTHORITY
        SOA example.com.""")  # fmt: skip


def test_5_all() -> None:
    by_server = server(NOBODY, when_none_healthy="all")
    by_service = server(NOBODY + " when-none-healthy=all")
    for world in (by_server, by_service):
        world.expect("web.default.fellowship.svc", "A", f"""
            web.default.fellowship.svc CNAME {ZONE}
            {ZONE} CNAME {REGION}
            {REGION} CNAME {GLOBAL}
            {GLOBAL} A 198.51.100.1
            {GLOBAL} A 198.51.100.3""")  # fmt: skip
    server(NOBODY, when_none_healthy="all", answer_form="flattened").expect(
        "web.default.fellowship.svc", "A", """
        web.default.fellowship.svc A 198.51.100.1
        web.default.fellowship.svc A 198.51.100.3""")  # fmt: skip


def test_5_all_counts_only_when_none_is_healthy() -> None:
    world = server(NOBODY.replace("mordor=-", "mordor=198.51.100.3"), when_none_healthy="all")
    assert [r.rdata for r in world.said(GLOBAL).answer] == ["198.51.100.3"]


def test_5_the_service_wins_over_the_server() -> None:
    world = server(NOBODY + " when-none-healthy=none", when_none_healthy="all")
    world.expect("web.default.fellowship.svc", "A", "NODATA")


# --- 6: where this cluster is -----------------------------------------------------------------

LOCATIONS = [
    # nodes; the rung the answer starts at, with a view and without
    ("", GLOBAL, GLOBAL),
    ("node n1", GLOBAL, GLOBAL),
    ("node n1 zone=z1", GLOBAL, GLOBAL),
    ("node n1 region=r1", REGION, REGION),
    ("node n1 region=r9", GLOBAL, "web.default.fellowship.svc.r9.example.com."),
    ("node n1 zone=z9 region=r1", REGION, "web.default.fellowship.svc.z9.r1.example.com."),
    ("node n1 zone=z9 region=r9", GLOBAL, "web.default.fellowship.svc.z9.r9.example.com."),
    ("node n1\nnode n2 zone=z1 region=r1", ZONE, ZONE),
    ("node n1 region=r2\nnode n2 region=r2\nnode n3 zone=z1 region=r1", ZONE, ZONE),
    ("node n1 zone=z1 region=r1\nnode n2 zone=z2 region=r1\nnode n3 zone=z1 region=r1", ZONE, ZONE),
    ("node n1 zone=z2 region=r1\nnode n2 zone=z1 region=r1", ZONE, ZONE),
]


@pytest.mark.parametrize(("nodes", "viewed", "unviewed"), LOCATIONS)
def test_6_start(nodes: str, viewed: str, unviewed: str) -> None:
    bare = FEDERATION.replace("node n1 zone=z1 region=r1", nodes)
    said = Server(bare + REMOTE).said("web.default.fellowship.svc", "CNAME")
    assert said.rcode == "NOERROR"
    assert [record.rdata for record in said.answer] == [viewed]
    unclear = Server(bare.replace("cluster ", "; "), view=False)
    said = unclear.said("web.default.fellowship.svc", "CNAME")
    assert [record.rdata for record in said.answer] == [unviewed]


# --- 7: types ---------------------------------------------------------------------------------


def test_7_cname_gets_the_cname() -> None:
    server(LOCAL, REMOTE).expect("web.default.fellowship.svc", "CNAME",
                                 "web.default.fellowship.svc CNAME web.default.svc")  # fmt: skip
    server(REMOTE).expect("web.default.fellowship.svc", "CNAME",
                          f"web.default.fellowship.svc CNAME {ZONE}")  # fmt: skip
    server(REMOTE).expect(ZONE, "CNAME", f"{ZONE} CNAME {REGION}")
    server(REMOTE).expect(GLOBAL, "CNAME", "NODATA")
    flat = server(LOCAL, REMOTE, answer_form="flattened")
    flat.expect("web.default.fellowship.svc", "CNAME", "NODATA")


def test_7_any() -> None:
    server(REMOTE).expect("web.default.fellowship.svc", "ANY",
                          f"web.default.fellowship.svc CNAME {ZONE}")  # fmt: skip
    server(REMOTE, answer_form="flattened").expect(
        "web.default.fellowship.svc", "ANY", 'web.default.fellowship.svc HINFO RFC8482 ""'
    )


@pytest.mark.parametrize("kind", ["SRV", "A", "TXT", "CNAME"])
def test_7_a_port_name_is_an_alias_of_the_local_one_for_every_type(kind: str) -> None:
    alias = "_http._tcp.web.default.fellowship.svc CNAME _http._tcp.web.default.svc"
    negative = "AUTHORITY\nSOA cluster.local."
    srv = """
        _http._tcp.web.default.svc SRV 0 100 80 web.default.svc
        ADDITIONAL
        web.default.svc A 10.96.0.1"""
    follows = {"SRV": srv, "CNAME": ""}.get(kind, negative)
    server(LOCAL, REMOTE).expect(
        "_http._tcp.web.default.fellowship.svc", kind, f"{alias}\n{follows}"
    )


def test_7_srv_local_flattened() -> None:
    flat = server(LOCAL, REMOTE, answer_form="flattened")
    flat.expect("_http._tcp.web.default.fellowship.svc", "SRV", """
        _http._tcp.web.default.fellowship.svc SRV 0 100 80 web.default.svc
        ADDITIONAL
        web.default.svc A 10.96.0.1""")  # fmt: skip
    flat.expect("_http._tcp.web.default.fellowship.svc", "A", "NODATA")


@pytest.mark.parametrize("form", ["chain", "flattened"])
def test_7_srv_remote(form: str) -> None:
    world = server(REMOTE, answer_form=form)
    world.expect("_http._tcp.web.default.fellowship.svc", "SRV", f"""
        _http._tcp.web.default.fellowship.svc SRV 0 100 80 {GLOBAL}
        ADDITIONAL
        {GLOBAL} A 198.51.100.7
        {GLOBAL} A 198.51.100.8
        {GLOBAL} AAAA 2001:db8::7""")  # fmt: skip
    world.expect("_http._udp.web.default.fellowship.svc", "SRV", "NXDOMAIN")
    world.expect("_nope._tcp.web.default.fellowship.svc", "SRV", "NXDOMAIN")
    world.expect("_http._tcp.web.default.fellowship.svc", "A", "NODATA")
    world.expect("_tcp.web.default.fellowship.svc", "A", "NODATA")


def test_7_srv_at_the_name_itself() -> None:
    srv = f"""
        {GLOBAL} SRV 0 100 80 {GLOBAL}
        ADDITIONAL
        {GLOBAL} A 198.51.100.7
        {GLOBAL} A 198.51.100.8
        {GLOBAL} AAAA 2001:db8::7"""
    server(REMOTE).expect("web.default.fellowship.svc", "SRV", f"""
        web.default.fellowship.svc CNAME {ZONE}
        {ZONE} CNAME {REGION}
        {REGION} CNAME {GLOBAL}
        {srv}""")  # fmt: skip
    flat = srv.replace(f"{GLOBAL} SRV", "web.default.fellowship.svc SRV")
    server(REMOTE, answer_form="flattened").expect("web.default.fellowship.svc", "SRV", flat)
    server(LOCAL, REMOTE).expect("web.default.fellowship.svc", "SRV", """
        web.default.fellowship.svc CNAME web.default.svc
        web.default.svc SRV 0 100 80 web.default.svc
        ADDITIONAL
        web.default.svc A 10.96.0.1""")  # fmt: skip


def test_7_srv_without_a_view_when_the_ports_are_known_here() -> None:
    bare = FEDERATION.replace("cluster ", "; ")
    world = Server(bare + "service default/web 10.96.0.1 http:80/tcp", view=False)
    world.expect("_http._tcp.web.default.fellowship.svc", "SRV",
                 f"_http._tcp.web.default.fellowship.svc SRV 0 100 80 {ZONE}")  # fmt: skip


HEADLESS = """
service default/db headless
slice default/db-a of db db-0=10.244.0.2 db-1=10.244.0.3!unready pg:5432/tcp
federated default/db pg:5432/tcp gondor=- mordor=198.51.100.7
"""


def test_7_headless() -> None:
    world = server(HEADLESS)
    world.expect("db-0.db.default.fellowship.svc", "A", """
        db-0.db.default.fellowship.svc CNAME db-0.db.default.svc
        db-0.db.default.svc A 10.244.0.2""")  # fmt: skip
    world.expect("db-1.db.default.fellowship.svc", "A", "NXDOMAIN")
    world.expect("_pg._tcp.db.default.fellowship.svc", "SRV", """
        _pg._tcp.db.default.fellowship.svc CNAME _pg._tcp.db.default.svc
        _pg._tcp.db.default.svc SRV 0 100 5432 db-0.db.default.svc
        ADDITIONAL
        db-0.db.default.svc A 10.244.0.2""")  # fmt: skip
    flat = server(HEADLESS, answer_form="flattened")
    flat.expect("db-0.db.default.fellowship.svc", "A",
                "db-0.db.default.fellowship.svc A 10.244.0.2")  # fmt: skip
    flat.expect("db-1.db.default.fellowship.svc", "A", "NXDOMAIN")


# --- 8: TTL and case --------------------------------------------------------------------------


def test_8_ttl() -> None:
    said = server(LOCAL, REMOTE, ttl=30).said("web.default.fellowship.svc")
    assert {record.ttl for record in said.answer} == {30}
    said = server(REMOTE + " ttl=2", ttl=30).said("web.default.fellowship.svc")
    assert {record.ttl for record in said.answer} == {2}
    said = server(REMOTE + " ttl=90", ttl=30).said("web.default.fellowship.svc")
    assert {record.ttl for record in said.answer} == {30}
    slow = server(LOCAL.replace("http:80/tcp", "http:80/tcp ttl=90"), REMOTE)
    assert slow.said("web.default.svc").answer[0].ttl == 90


def test_8_case_of_the_question_is_kept() -> None:
    reply = server(LOCAL, REMOTE).ask("WeB.Default.FellowShip.SVC.Cluster.Local.")
    assert reply.question[0].name.to_text() == "WeB.Default.FellowShip.SVC.Cluster.Local."
    assert reply.answer[0].name.to_text() == "WeB.Default.FellowShip.SVC.Cluster.Local."


# --- 9: followed, not read once ---------------------------------------------------------------


def test_9_location_is_followed() -> None:
    world = server(REMOTE)
    for nodes, rung in (
        ("node n1 zone=z3 region=r2", "web.default.fellowship.svc.z3.r2.example.com."),
        ("node n1", GLOBAL),
        ("node n1 region=r1", REGION),
        ("node n1 zone=z1 region=r1", ZONE),
        ("delete node n1", GLOBAL),
    ):
        world.happen(nodes)
        assert world.said("web.default.fellowship.svc", "CNAME").answer[0].rdata == rung


def test_10_federations_are_followed() -> None:
    world = server(REMOTE)
    world.happen("federations fellowship=example.org")
    moved = ZONE.replace(".com", ".org")
    assert world.said("web.default.fellowship.svc", "CNAME").answer[0].rdata == moved
    assert world.said(ZONE).rcode == "REFUSED"
    world.happen("federations league=example.org")
    world.expect("web.default.fellowship.svc", "A", "NXDOMAIN")
    world.expect("fellowship.svc", "A", "NXDOMAIN")
    world.happen("delete federations league=example.org")
    world.expect("web.default.league.svc", "A", "NXDOMAIN")


# --- 11, as far as this server answers public names -------------------------------------------


def test_11_every_zone_of_a_cluster_of_several_has_its_name() -> None:
    world = server("cluster wide zones=za,zb region=r5", REMOTE.replace("mordor=", "wide="))
    for zone in ("za", "zb"):
        name = f"web.default.fellowship.svc.{zone}.r5.example.com."
        assert [record.rdata for record in world.said(name).answer] == [
            "198.51.100.7", "198.51.100.8"
        ]  # fmt: skip


def test_11_every_registered_cluster_has_its_ladder() -> None:
    world = server(REMOTE)
    world.expect("web.default.fellowship.svc.z2.r1.example.com.", "CNAME",
                 f"web.default.fellowship.svc.z2.r1.example.com. CNAME {REGION}")  # fmt: skip
    world.expect("web.default.fellowship.svc.z9.r1.example.com.", "A", "NXDOMAIN")
    world.expect("nope.default.fellowship.svc.z1.r1.example.com.", "A", "NXDOMAIN")


@pytest.mark.parametrize(
    "name",
    ["example.com.", "www.example.com.", "svc.example.com.", "a.b.c.svc.example.com.",
     "web.default.stranger.svc.example.com."],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["A", "SOA", "NS", "ANY"])
def test_what_else_lies_in_the_domain_is_not_ours(name: str, kind: str) -> None:
    assert server(REMOTE).said(name, kind) == ("REFUSED", [], [], [])


def test_host_names_of_load_balancers_are_the_end_of_the_chain() -> None:
    world = server("federated default/web http:80/tcp mordor=lb.example.net")
    world.expect("web.default.fellowship.svc", "A", f"""
        web.default.fellowship.svc CNAME {ZONE}
        {ZONE} CNAME {REGION}
        {REGION} CNAME {GLOBAL}
        {GLOBAL} CNAME lb.example.net.""")  # fmt: skip
