"""What real answers of Consul, captured in each kind of failure, are read as."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.hostmonitor.core.observation import Membership, Sighting
from masakarimonitors.hostmonitor.drivers.consul import parse
from masakarimonitors.hostmonitor.drivers.consul.parse import (
    Catalog,
    Gossip,
    HealthReader,
    Known,
    Listing,
    Member,
)

DATA = Path(__file__).parents[4] / "data" / "consul"
ALL = {f"node0{n}" for n in range(1, 6)}


def unseen(_: str) -> Known:
    """Nothing is remembered of any node."""
    return Known.UNSEEN


def catalog(*nodes: str) -> Catalog:
    """These nodes, each of an address of its own."""
    return Catalog({node: f"10.0.0.{at}" for at, node in enumerate(nodes)})


def rows(nodes: Mapping[str, str]) -> bytes:
    """A catalogue's body: node -> address."""
    return json.dumps([{"Node": n, "ID": n, "Address": a, "Meta": {}} for n, a in nodes.items()]).encode()


def capture(scenario: str, second: str, agent: str, path: str) -> tuple[int, Any]:
    """One captured answer: its status and its body."""
    text = (DATA / f"{scenario}__t{second}s__from_{agent}__{path}.json").read_text()
    answer = json.loads(text)
    return answer["status"], answer["body"]


def listing(scenario: str, second: str, agent: str) -> Listing:
    health, checks = capture(scenario, second, agent, "v1_health_state_any")
    catalog, nodes = capture(scenario, second, agent, "v1_catalog_nodes")
    assert (health, catalog) == (200, 200)
    return Listing(
        parse.read_health(json.dumps(checks).encode()), parse.read_catalog(json.dumps(nodes).encode())
    )


def members(scenario: str, second: str, agent: str) -> dict[str, Member]:
    status, body = capture(scenario, second, agent, "v1_agent_members")
    assert status == 200
    return parse.read_members(json.dumps(body).encode())


def values(scenario: str, second: str, agent: str) -> dict[str, Membership]:
    seen = parse.whole(listing(scenario, second, agent), members(scenario, second, agent), unseen)
    return {node: sighting.value for node, sighting in seen.items()}


def test_a_whole_cluster_is_up() -> None:
    health = parse.read_health((DATA / "baseline_health_state_any_m.json").read_bytes())
    catalog = parse.read_catalog((DATA / "baseline_catalog_nodes_m.json").read_bytes())
    gossip = parse.read_members((DATA / "baseline_agent_members_from_client_node04_m.json").read_bytes())
    assert {
        n: s.value for n, s in parse.whole(Listing(health, catalog), gossip, unseen).items()
    } == dict.fromkeys(ALL, Membership.UP)
    assert {n for n, m in gossip.items() if m.server} == {"node01", "node02", "node03"}


@pytest.mark.parametrize(
    ("scenario", "second", "agent"),
    [
        ("kill9_client_agent", "12.0", "node01-m"),
        ("kill9_client_agent", "12.0", "node04-m"),
        ("cut_one_iface_node05_mgmt", "20.0", "node01-m"),
        ("cut_one_iface_node05_mgmt", "20.0", "node04-m"),
        ("carrier_loss_node05_tenant", "70.0", "node01-t"),
        ("silent_drop_node05_storage", "70.0", "node01-s"),
    ],
)
def test_a_lost_node_is_down_and_nobody_else(scenario: str, second: str, agent: str) -> None:
    assert values(scenario, second, agent) == dict.fromkeys(ALL, Membership.UP) | {"node05": Membership.DOWN}


@pytest.mark.parametrize("agent", ["node01-m", "node04-m"])
def test_a_leave_is_no_failure(agent: str) -> None:
    assert values("graceful_leave_node05", "10.0", agent)["node05"] is Membership.LEFT
    before = Listing(dict.fromkeys(ALL, True), catalog(*ALL))
    after = listing("graceful_leave_node05", "10.0", agent)
    assert dict(parse.changes(before, after)) == {"node05": None}
    gossip = members("graceful_leave_node05", "10.0", agent)
    assert parse.gone(gossip["node05"], Membership.UP, Known.UNSEEN, {}) is parse.LEFT


@pytest.mark.parametrize(
    ("scenario", "second", "agent"),
    [
        ("cut_one_iface_node05_mgmt", "20.0", "node05-m"),
        ("quorum_loss_storage", "20.0", "node01-s"),
        ("quorum_loss_storage", "38.0", "node04-s"),
        ("isolated_linkdown_node05_storage", "95.0", "node05-s"),
        ("isolated_server_leader_tenant", "55.0", "node01-t"),
        ("isolated_server_leader_tenant", "55.0", "node02-t"),
        ("carrier_loss_node05_tenant", "70.0", "node05-t"),
        ("silent_drop_node05_storage", "70.0", "node05-s"),
    ],
)
def test_whoever_is_cut_off_gets_no_listing_at_all(scenario: str, second: str, agent: str) -> None:
    """Default consistency refuses; the stale answer, 200 and all passing, is the trap that nobody may ask."""
    status, _ = capture(scenario, second, agent, "v1_health_state_any")
    assert status != 200


KEYS = ["Node", "CheckID", "Status", "Name", "Tags", "role", "ID", "Address", "Addr", "Port"]
BODIES = st.one_of(
    st.binary(max_size=40),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(KEYS),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    ).map(lambda tree: json.dumps(tree).encode()),
)


def test_what_is_nested_without_end_is_an_error_and_a_status_of_another_kind_is_none() -> None:
    for read in (parse.read_health, parse.read_catalog, parse.read_members):
        with pytest.raises(ValueError, match="not what Consul answers"):
            read(b"[" * 100000)
    (member,) = parse.read_members(b'[{"Name": "n1", "Status": [4], "Tags": {}}]').values()
    assert member.status == Gossip.NONE


@given(body=BODIES)
def test_an_answer_of_another_form_is_an_error_and_never_a_listing_of_nonsense(body: bytes) -> None:
    for read in (parse.read_health, parse.read_catalog, parse.read_members):
        try:
            read(body)
        except ValueError:
            continue


def test_a_client_that_was_followed_until_it_left_is_not_buried_by_a_peer_that_missed_its_goodbye() -> None:
    """Gossip says `left` later."""
    lost, left = Member(Gossip.FAILED, server=False), Member(Gossip.LEFT, server=False)
    assert parse.gone(lost, Membership.UP, Known.FAILED, {}) is parse.REMOVED
    assert parse.gone(left, Membership.UP, Known.FAILED, {}) is parse.LEFT
    assert parse.gone(None, Membership.UP, Known.FAILED, {}) is parse.UNKNOWN_TO_GOSSIP
    # A server may have crashed, and its leader cleaned it up.
    assert parse.gone(Member(Gossip.FAILED, server=True), Membership.UP, Known.FAILED, {}) is parse.VANISHED


def test_a_client_that_nobody_followed_until_it_went_is_not_buried_by_gossip_alone() -> None:
    """A leader that is new takes out clients of which it has never heard; but it may have left, and that be unheard."""
    lost, left = Member(Gossip.FAILED, server=False), Member(Gossip.LEFT, server=False)
    assert parse.gone(lost, Membership.UNKNOWN, Known.FAILED, {}) is parse.VANISHED
    assert parse.gone(None, Membership.UNKNOWN, Known.FAILED, {}) is parse.VANISHED
    assert parse.gone(left, Membership.UNKNOWN, Known.FAILED, {}) is parse.LEFT
    for known in (Known.ALIVE, Known.LEFT, Known.SILENT, Known.UNSEEN):
        assert parse.gone(lost, Membership.UNKNOWN, known, {}) is parse.REMOVED
    # What its leader has called critical itself was lost.
    assert parse.gone(lost, Membership.UNKNOWN, Known.CRITICAL, {}) is parse.BURIED


def test_a_server_that_nobody_followed_until_it_went_is_not_buried_by_gossip_alone_either() -> None:
    """It may have left in order, and this agent not have heard of that, or late."""
    lost, left = Member(Gossip.FAILED, server=True), Member(Gossip.LEFT, server=True)
    assert parse.gone(lost, Membership.UNKNOWN, Known.FAILED, {}) is parse.VANISHED
    assert parse.gone(left, Membership.UNKNOWN, Known.FAILED, {}) is parse.CALLED_LEFT
    for member in (lost, left):
        assert parse.gone(member, Membership.UNKNOWN, Known.CRITICAL, {}) is parse.BURIED
        assert parse.gone(member, Membership.DOWN, Known.FAILED, {}) is parse.STILL_DOWN


@given(
    member=st.none() | st.builds(Member, st.sampled_from([*Gossip, 9]), st.booleans()),
    last=st.sampled_from([Membership.UP, Membership.DOWN, Membership.UNKNOWN]),
    known=st.sampled_from(Known),
)
def test_gossip_alone_never_says_down(member: Member | None, last: Membership, known: Known) -> None:
    seen = parse.gone(member, last, known, {})
    if seen.value is Membership.DOWN:
        assert last is Membership.DOWN or known is Known.CRITICAL
        assert member is None or member.status != Gossip.ALIVE
    if last is Membership.DOWN and (member is None or member.status != Gossip.ALIVE):
        assert seen.value is Membership.DOWN
    if seen.value is Membership.LEFT:
        assert member is not None
        assert last is Membership.UP or known is Known.LEFT or not member.server


LISTINGS = st.builds(
    Listing,
    st.dictionaries(st.sampled_from("abcd"), st.booleans()),
    st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["10.0.0.1", "10.0.0.2", "127.0.0.1"])).map(
        lambda nodes: parse.read_catalog(rows(nodes))
    ),
)


@given(before=LISTINGS, after=LISTINGS)
def test_changes_on_top_of_a_listing_give_the_next_one(before: Listing, after: Listing) -> None:
    told = dict(parse.changes(before, after))
    for node in {*before.nodes, *after.nodes}:
        if node not in told:
            assert before.sighting(node) is after.sighting(node)
        else:
            assert told[node] is after.sighting(node)


CHECKS = st.lists(
    st.fixed_dictionaries(
        {
            "Node": st.sampled_from(["a", "b", "c,{", "d"]),
            "CheckID": st.sampled_from(
                ["serfHealth", "disk", "externalNodeHealth", "_node_maintenance", "_service_maintenance:},{"]
            ),
            "Status": st.sampled_from(["passing", "critical", "warning"]),
            "Output": st.sampled_from(["", "},{", "}]", "[{", "\\"]),
            "Definition": st.just({}),
            "ModifyIndex": st.integers(0, 3),
        }
    ),
    max_size=6,
    unique_by=lambda check: (check["Node"], check["CheckID"]),
)


@given(lists=st.lists(CHECKS, max_size=5), compact=st.booleans())
def test_reading_only_what_is_new_says_what_reading_all_says(
    lists: list[list[dict[str, Any]]], compact: bool
) -> None:
    reader = HealthReader()
    for checks in lists:
        body = json.dumps(checks, separators=(",", ":") if compact else None).encode()
        assert reader.read(body) == parse.read_checks(body)


@given(body=BODIES)
def test_reading_only_what_is_new_refuses_what_reading_all_refuses(body: bytes) -> None:
    try:
        expected = parse.read_checks(body)
    except ValueError:
        with pytest.raises(ValueError):
            HealthReader().read(body)
    else:
        assert HealthReader().read(body) == expected


MAINTENANCE = {
    "Node": "node05",
    "CheckID": "_node_maintenance",
    "Name": "Node Maintenance Mode",
    "Status": "critical",
    "Notes": "new DIMMs",
    "Output": "",
    "ServiceID": "",
    "ServiceName": "",
    "ServiceTags": [],
    "Type": "maintenance",
    "Definition": {},
    "CreateIndex": 14,
    "ModifyIndex": 14,
}
"""What Consul 1.8 answers after `consul maint -enable -reason 'new DIMMs'`, and below of one of the node's services."""

SERVICE = MAINTENANCE | {
    "CheckID": "_service_maintenance:nova1",
    "Name": "Service Maintenance Mode",
    "ServiceID": "nova1",
    "ServiceName": "nova-compute",
}
ALIVE = MAINTENANCE | {"CheckID": "serfHealth", "Name": "Serf Health Status", "Status": "passing", "Type": ""}


@pytest.mark.parametrize(
    ("checks", "work"),
    [
        ([ALIVE], set()),
        ([ALIVE, MAINTENANCE], {"node05"}),
        ([MAINTENANCE, SERVICE, ALIVE], {"node05"}),
        # A service alone is taken out, and its host lives on as before.
        ([ALIVE, SERVICE, SERVICE | {"Node": "node06"}], set()),
        ([ALIVE, MAINTENANCE | {"Status": "passing"}, MAINTENANCE | {"CheckID": "node_maintenance"}], set()),
    ],
)
def test_maintenance_mode_is_no_failure_and_is_told_apart(
    checks: list[dict[str, object]], work: set[str]
) -> None:
    body = json.dumps(checks, separators=(",", ":")).encode()
    reader = HealthReader()
    for _ in range(3):
        assert reader.read(body) == parse.read_checks(body) == parse.Checks({"node05": True}, frozenset(work))


def test_a_name_that_masakari_would_refuse_is_not_shown() -> None:
    odd = Listing({"node 1": False, "node01": True}, catalog("node 1", "node01"))
    assert set(parse.whole(odd, {}, unseen)) == {"node01"}
    assert dict(parse.changes(Listing({}, parse.NO_CATALOG), odd)) == {"node01": parse.UP}


def test_ten_thousand_equal_hosts_share_one_sighting() -> None:
    checks = [{"Node": f"c{i}", "CheckID": "serfHealth", "Status": "passing"} for i in range(10_000)]
    health = parse.read_health(json.dumps(checks).encode())
    seen = parse.whole(Listing(health, catalog(*health)), {}, unseen)
    assert len(seen) == 10_000 and len({id(sighting) for sighting in seen.values()}) == 1


def test_a_node_that_only_consul_esm_checks_is_judged_by_that() -> None:
    """consul-esm probes nodes that run no agent; where there is one, its serfHealth counts."""
    checks = [
        {"Node": "a", "CheckID": "externalNodeHealth", "Status": "critical"},
        {"Node": "b", "CheckID": "externalNodeHealth", "Status": "passing"},
        {"Node": "c", "CheckID": "externalNodeHealth", "Status": "critical"},
        {"Node": "c", "CheckID": "serfHealth", "Status": "passing"},
    ]
    assert parse.read_health(json.dumps(checks).encode()) == {"a": False, "b": True, "c": True}


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (("id-1", "10.0.0.1"), ("id-1", "10.0.0.2"), parse.elsewhere("new")),
        (("id-1", "10.0.0.1"), ("id-2", "10.0.0.1"), parse.at_its_address("new")),
        (("id-1", "10.0.0.1"), ("id-2", "10.0.0.2"), None),
        (("", "127.0.0.1"), ("", "127.0.0.1"), None),
        (("id-1", "::1"), ("id-2", "::1"), None),
    ],
)
def test_an_agent_that_lives_under_another_name_is_not_down(
    first: tuple[str, str], second: tuple[str, str], told: Sighting | None
) -> None:
    nodes = [{"Node": n, "ID": i, "Address": a} for n, (i, a) in (("old", first), ("new", second))]
    listed = parse.read_catalog(json.dumps(nodes).encode())
    before = Listing({"old": False, "new": False}, listed)
    assert before.sighting("old") is parse.DOWN
    now = Listing({"old": False, "new": True}, listed)
    assert now.sighting("old") is (told or parse.DOWN)
    assert now.sighting("old", just_lost=True) is (parse.elsewhere("new") if told else parse.DOWN)
    assert dict(parse.changes(before, now)).get("old") is told
    members = [
        {"Name": n, "Status": s, "Addr": a, "Port": 8301, "Tags": {"id": i, "role": "consul"}}
        for n, s, (i, a) in (("old", 3, first), ("new", 1, second))
    ]
    gossip = parse.read_members(json.dumps(members).encode())
    alive = parse.living(gossip)
    assert parse.gone(gossip["old"], Membership.DOWN, Known.FAILED, alive) is (told or parse.STILL_DOWN)
    late = parse.gone(gossip["old"], Membership.DOWN, Known.FAILED, alive, lives=True)
    assert late is (parse.elsewhere("new") if told else parse.LEFT_LATE)


def test_a_member_is_read_with_its_place_and_its_id() -> None:
    gossip = parse.read_members((DATA / "baseline_agent_members_from_client_node04_m.json").read_bytes())
    assert gossip["node04"] == Member(
        Gossip.ALIVE, False, ("192.168.101.4", 8501), "7ba3d158-1ffd-2d16-ea1c-049a482100bf"
    )


@pytest.mark.parametrize(
    "odd", [{"CheckID": None}, {"CheckID": 1}, {"Status": None}, {"Status": ["critical"]}]
)
def test_a_check_without_a_name_or_a_state_is_not_what_consul_answers(odd: dict[str, Any]) -> None:
    check = {"Node": "a", "CheckID": "serfHealth", "Status": "critical", **odd}
    for read in (parse.read_health, parse.read_checks):
        with pytest.raises(ValueError, match="not what Consul answers"):
            read(json.dumps([check]).encode())
