"""What each recorded situation says of each host, and what no sequence of looks may ever say."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.hostmonitor.observation import Link
from masakarimonitors.hostmonitor.sources.pacemaker_cib import (
    Cib,
    CrmMon,
    Expected,
    Fencing,
    MonNode,
    NodeState,
    read_cib,
    read_crm_mon,
)
from masakarimonitors.hostmonitor.sources.pacemaker_judgement import (
    Condition,
    Finding,
    Memory,
    Rules,
    judge,
)

DATA = Path(__file__).parents[2] / "data" / "pacemaker"
OWN = frozenset({"n1", "1"})
NOBODY = frozenset({"nobody"})
UP, SUSPECT, STOPPED, DOWN, UNSURE = Condition


def documents(name: str) -> tuple[Cib, CrmMon]:
    return (
        read_cib((DATA / f"{name}.cib.xml").read_text()),
        read_crm_mon((DATA / f"{name}.crm_mon.xml").read_text()),
    )


def look(
    name: str, memory: Memory | None = None, rules: Rules | None = None
) -> tuple[dict[str, Condition], Memory]:
    cib, mon = documents(name)
    findings, after = judge(cib, mon, memory or Memory(), rules or Rules(), OWN)
    return {host: finding.condition for host, finding in findings.items()}, after


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("healthy", {}),
        ("node-standby", {}),
        ("node-maintenance", {}),
        ("cluster-maintenance-mode", {}),
        ("peer-controld-killed-1s", {}),
        ("stonith-mixed-agents-config", {}),
        ("node-graceful-stop-all", {"n2": STOPPED}),
        ("node-graceful-stop-pacemaker-corosync-up", {"n2": STOPPED}),
        ("node-down-unclean-fence-pending", {"n2": SUSPECT}),
        ("node-down-fenced", {"n2": DOWN}),
        ("remote-graceful-stop-3s", {"r1": SUSPECT}),
        ("remote-graceful-stop-13s", {"r1": DOWN}),
        ("remote-node-down-fence", {"r1": DOWN}),
        ("remote-node-down", {"r1": DOWN}),
        ("remote-down-4s", {"r1": DOWN}),
    ],
)
def test_every_recorded_situation_at_first_sight(name: str, others: dict[str, Condition]) -> None:
    assert look(name)[0] == {"n2": UP, "n3": UP, "r1": UP} | others


@pytest.mark.parametrize(
    "name",
    [p.name.removesuffix(".cib.xml") for p in sorted(DATA.glob("*.cib.xml")) if p.stat().st_size],
)
def test_never_about_oneself(name: str) -> None:
    cib, mon = documents(name)
    for own in ("n1", "2", "r1"):
        findings, _ = judge(cib, mon, Memory(), Rules(), frozenset({own}))
        assert {"2": "n2"}.get(own, own) not in findings


def test_a_crash_is_suspect_then_down_and_up_again() -> None:
    story = ["healthy", "node-down-unclean-fence-pending", "node-down-fenced", "healthy"]
    memory, seen = Memory(), []
    for name in story:
        conditions, memory = look(name, memory)
        seen.append(conditions["n2"])
    assert seen == [UP, SUSPECT, DOWN, UP]
    assert "n2" not in memory.crashed


def test_a_clean_stop_of_a_host_that_was_fenced_long_ago_is_no_failure() -> None:
    # Its old fencing still stands in the history; only a fencing after it was last up is news.
    _, memory = look("node-standby")
    assert look("node-graceful-stop-all", memory)[0]["n2"] is STOPPED
    assert look("node-graceful-stop-all")[0]["n2"] is STOPPED


def test_an_old_fencing_proves_nothing_though_the_history_is_gone() -> None:
    cib, mon = documents("node-down-fenced")
    memory = Memory(seen_up=frozenset({"n2"}), before_fencing={"n2": mon.fenced["n2"].key})
    findings, _ = judge(cib, mon, memory, Rules(), OWN)
    assert findings["n2"].condition is UNSURE


def test_down_without_a_record_is_proof_only_for_a_host_that_was_seen_to_crash() -> None:
    cib, mon = documents("node-down-fenced")
    bare = replace(mon, fenced={})
    assert judge(cib, bare, Memory(), Rules(), OWN)[0]["n2"].condition is UNSURE
    crashed = Memory(crashed=frozenset({"n2"}))
    assert judge(cib, bare, crashed, Rules(), OWN)[0]["n2"].condition is DOWN


def test_restrict_to_remotes_says_nothing_of_members() -> None:
    assert look("node-down-fenced", rules=Rules(only_remotes=True))[0] == {"r1": UP}


def test_a_dead_remote_that_crm_mon_calls_online_is_down() -> None:
    cib, mon = documents("remote-node-down")
    assert mon.nodes["r1"].online
    assert judge(cib, mon, Memory(), Rules(), OWN)[0]["r1"].condition is DOWN


def test_guests_are_no_hosts() -> None:
    cib, mon = documents("healthy")
    guest = replace(mon.nodes["r1"], guest=True)
    findings, _ = judge(cib, replace(mon, nodes={**mon.nodes, "r1": guest}), Memory(), Rules(), OWN)
    assert findings.keys() == {"n2", "n3"}


def remote(in_ccm: bool = False, fenced_at: int = 0, goodbye: bool = False) -> NodeState:
    return NodeState("r9", "r9", True, in_ccm, None, Expected.UNKNOWN, True, fenced_at, goodbye)


def remote_look(
    node: NodeState,
    memory: Memory | None = None,
    *,
    stonith: bool = False,
    wanted: bool = True,
    unclean: bool = False,
    proof: bool = True,
) -> tuple[Finding, Memory]:
    cib = Cib(True, stonith, (node,), {"r9": wanted}, {})
    mon = CrmMon(True, {"r9": MonNode(False, unclean, False, False)}, {}, {}, frozenset())
    findings, after = judge(cib, mon, memory or Memory(), Rules(proof_follows=proof), NOBODY)
    return findings["r9"], after


def test_a_remote_whose_resource_is_stopped_has_left() -> None:
    assert remote_look(remote(), wanted=False)[0].condition is STOPPED


def test_a_remote_that_said_goodbye_has_left_though_its_word_is_wiped_later() -> None:
    first, memory = remote_look(remote(in_ccm=True, goodbye=True))
    assert first.condition is UP
    assert remote_look(remote(), memory)[0].condition is STOPPED
    assert remote_look(remote(), memory, proof=False)[0].condition is STOPPED


def test_a_remote_that_said_goodbye_and_is_fenced_is_down() -> None:
    _, memory = remote_look(remote(in_ccm=True, goodbye=True), stonith=True)
    assert remote_look(remote(), memory, stonith=True, unclean=True)[0].condition is SUSPECT
    assert remote_look(remote(fenced_at=1795335541), memory, stonith=True)[0].condition is DOWN


def test_without_fencing_a_lost_remote_is_suspect_where_somebody_proves_or_saw_it() -> None:
    assert remote_look(remote(), proof=True)[0].condition is SUSPECT
    assert remote_look(remote(), proof=False)[0].condition is UNSURE
    _, memory = remote_look(remote(in_ccm=True), proof=False)
    assert remote_look(remote(), memory, proof=False)[0].condition is SUSPECT


def test_with_fencing_a_lost_remote_is_suspect_only_once_it_is_to_be_fenced() -> None:
    _, memory = remote_look(remote(in_ccm=True), stonith=True)
    assert remote_look(remote(), memory, stonith=True)[0].condition is UNSURE
    suspect, memory = remote_look(remote(), memory, stonith=True, unclean=True)
    assert suspect.condition is SUSPECT
    assert remote_look(remote(), memory, stonith=True)[0].condition is SUSPECT


# -- properties: any look after any other -----------------------------------------------------------

MEMBERS = st.builds(
    NodeState,
    id=st.just("2"),
    name=st.just("n2"),
    remote=st.just(False),
    in_ccm=st.sampled_from([True, False, None]),
    controller=st.sampled_from([True, False, None]),
    expected=st.sampled_from(Expected),
    erased=st.booleans(),
    fenced_at=st.just(0),
    goodbye=st.booleans(),
)
REMOTES = st.builds(
    NodeState,
    id=st.just("n2"),
    name=st.just("n2"),
    remote=st.just(True),
    in_ccm=st.sampled_from([True, False, None]),
    controller=st.none(),
    expected=st.just(Expected.UNKNOWN),
    erased=st.booleans(),
    fenced_at=st.sampled_from([0, 1795335541]),
    goodbye=st.booleans(),
)
FENCINGS = st.none() | st.sampled_from([Fencing(True, "old", "n3"), Fencing(True, "new", "n3")])


@st.composite
def looks(draw: st.DrawFn) -> tuple[Cib, CrmMon]:
    node = draw(MEMBERS | REMOTES)
    fencing = draw(FENCINGS)
    seen = MonNode(draw(st.booleans()), draw(st.booleans()), False, False)
    mon = CrmMon(
        True,
        {"n2": seen} if draw(st.booleans()) else {"n3": seen},
        {"n2": fencing} if fencing else {},
        {},
        draw(st.sampled_from([frozenset[str](), frozenset({"n2"})])),
    )
    return Cib(True, draw(st.booleans()), (node,), {"n2": draw(st.booleans())}, {}), mon


@given(st.lists(looks(), min_size=1, max_size=8), st.booleans())
def test_proof_of_death_needs_fencing_or_a_crash_seen_and_never_a_live_membership(
    story: list[tuple[Cib, CrmMon]], proof: bool
) -> None:
    memory = Memory()
    for cib, mon in story:
        before = memory
        findings, memory = judge(cib, mon, memory, Rules(proof_follows=proof), NOBODY)
        node, finding = cib.nodes[0], findings["n2"]
        if finding.condition is Condition.DOWN:
            assert node.in_ccm is False
            if node.remote:
                assert node.fenced_at > 0
            else:
                assert node.erased and node.expected is Expected.DOWN
                known = before.before_fencing.get("n2", "")
                assert "n2" in before.crashed or ("n2" in mon.fenced and mon.fenced["n2"].key != known)
        if node.in_ccm is None:
            assert finding.sighting.value in (Link.UNKNOWN, Link.DOWN)
            assert finding.sighting.value is Link.UNKNOWN or mon.nodes["n2"].unclean
        if finding.condition is Condition.UP:
            assert node.in_ccm


@given(st.lists(looks(), min_size=1, max_size=8))
def test_a_host_that_is_up_is_remembered_as_nothing_else(story: list[tuple[Cib, CrmMon]]) -> None:
    memory = Memory()
    for cib, mon in story:
        findings, memory = judge(cib, mon, memory, Rules(), NOBODY)
        if findings["n2"].condition is Condition.UP:
            assert "n2" not in memory.crashed
            assert "n2" in memory.seen_up
