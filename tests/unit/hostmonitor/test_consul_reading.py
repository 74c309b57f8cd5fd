"""What real answers of Consul, captured in each kind of failure, are read as."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.hostmonitor.observation import Link
from masakarimonitors.hostmonitor.sources import consul_reading as reading
from masakarimonitors.hostmonitor.sources.consul_increments import HealthReader
from masakarimonitors.hostmonitor.sources.consul_reading import Gossip, Listing, Member

DATA = Path(__file__).parents[2] / "data" / "consul"
ALL = {f"node0{n}" for n in range(1, 6)}


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
        reading.read_health(json.dumps(checks).encode()), reading.read_catalog(json.dumps(nodes).encode())
    )


def members(scenario: str, second: str, agent: str) -> dict[str, Member]:
    status, body = capture(scenario, second, agent, "v1_agent_members")
    assert status == 200
    return reading.read_members(json.dumps(body).encode())


def values(scenario: str, second: str, agent: str) -> dict[str, Link]:
    seen = reading.whole(listing(scenario, second, agent), members(scenario, second, agent))
    return {node: sighting.value for node, sighting in seen.items()}


def test_a_whole_cluster_is_up() -> None:
    health = reading.read_health((DATA / "baseline_health_state_any_m.json").read_bytes())
    catalog = reading.read_catalog((DATA / "baseline_catalog_nodes_m.json").read_bytes())
    gossip = reading.read_members((DATA / "baseline_agent_members_from_client_node04_m.json").read_bytes())
    assert {n: s.value for n, s in reading.whole(Listing(health, catalog), gossip).items()} == dict.fromkeys(
        ALL, Link.UP
    )
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
    assert values(scenario, second, agent) == dict.fromkeys(ALL, Link.UP) | {"node05": Link.DOWN}


@pytest.mark.parametrize("agent", ["node01-m", "node04-m"])
def test_a_leave_is_no_failure(agent: str) -> None:
    assert values("graceful_leave_node05", "10.0", agent)["node05"] is Link.LEFT
    before = Listing(dict.fromkeys(ALL, True), frozenset(ALL))
    after = listing("graceful_leave_node05", "10.0", agent)
    assert dict(reading.changes(before, after)) == {"node05": None}
    gossip = members("graceful_leave_node05", "10.0", agent)
    assert reading.gone(gossip["node05"], Link.UP) is reading.LEFT


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


BODIES = st.one_of(
    st.binary(max_size=40),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["Node", "CheckID", "Status", "Name", "Tags", "role"]), inner, max_size=4
            )
        ),
        max_leaves=8,
    ).map(lambda tree: json.dumps(tree).encode()),
)


@given(body=BODIES)
def test_an_answer_of_another_form_is_an_error_and_never_a_listing_of_nonsense(body: bytes) -> None:
    for read in (reading.read_health, reading.read_catalog, reading.read_members):
        try:
            read(body)
        except ValueError:
            continue


@given(
    member=st.none() | st.builds(Member, st.sampled_from([*Gossip, 0, 9]), st.booleans()),
    last=st.sampled_from([Link.UP, Link.DOWN, Link.UNKNOWN]),
)
def test_gossip_alone_never_says_down(member: Member | None, last: Link) -> None:
    seen = reading.gone(member, last)
    if seen.value is Link.DOWN:
        assert last is Link.DOWN
    if last is Link.DOWN and (member is None or member.status != Gossip.ALIVE):
        assert seen.value is Link.DOWN
    if seen.value is Link.LEFT:
        assert member is not None and (last is Link.UP or not member.server)


LISTINGS = st.builds(
    Listing,
    st.dictionaries(st.sampled_from("abcd"), st.booleans()),
    st.frozensets(st.sampled_from("abcd")),
)


@given(before=LISTINGS, after=LISTINGS)
def test_changes_on_top_of_a_listing_give_the_next_one(before: Listing, after: Listing) -> None:
    told = dict(reading.changes(before, after))
    for node in {*before.nodes, *after.nodes}:
        if node not in told:
            assert before.sighting(node) is after.sighting(node)
        else:
            assert told[node] is after.sighting(node)


CHECKS = st.lists(
    st.fixed_dictionaries(
        {
            "Node": st.sampled_from(["a", "b", "c,{", "d"]),
            "CheckID": st.sampled_from(["serfHealth", "disk"]),
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
        assert reader.read(body) == reading.read_health(body)


@given(body=BODIES)
def test_reading_only_what_is_new_refuses_what_reading_all_refuses(body: bytes) -> None:
    try:
        expected = reading.read_health(body)
    except ValueError:
        with pytest.raises(ValueError):
            HealthReader().read(body)
    else:
        assert HealthReader().read(body) == expected


def test_a_name_that_masakari_would_refuse_is_not_shown() -> None:
    odd = Listing({"node 1": False, "node01": True}, frozenset({"node 1", "node01"}))
    assert set(reading.whole(odd, {})) == {"node01"}
    assert dict(reading.changes(Listing({}, frozenset()), odd)) == {"node01": reading.UP}


def test_ten_thousand_equal_hosts_share_one_sighting() -> None:
    checks = [{"Node": f"c{i}", "CheckID": "serfHealth", "Status": "passing"} for i in range(10_000)]
    health = reading.read_health(json.dumps(checks).encode())
    seen = reading.whole(Listing(health, frozenset(health)), {})
    assert len(seen) == 10_000 and len({id(sighting) for sighting in seen.values()}) == 1
