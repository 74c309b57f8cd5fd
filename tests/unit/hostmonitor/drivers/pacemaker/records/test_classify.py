"""What each recorded situation says of each host, and what no sequence of looks may ever say."""

import datetime
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.observation import Membership, Work
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.cib import read_cib
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.crm_mon import read_crm_mon
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import (
    Cib,
    Connection,
    CrmMon,
    Expected,
    Fencing,
    MonConnection,
    MonNode,
    NodeState,
    Worth,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.records.classify import (
    FORGOTTEN,
    Finding,
    Look,
    Own,
    Records,
    Rules,
    classify,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.records.record import (
    FRESH,
    GOODBYE,
    Farewell,
    Glance,
    HostRecord,
    observe,
    observe_anew,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.records.table import Condition

DATA = Path(__file__).parents[5] / "data" / "pacemaker"
OWN = Own(names=frozenset({"n1"}), node_id=1)
NOBODY = Own(names=frozenset({"nobody"}))
UP, SUSPECT, STOPPED, DOWN, UNSURE = Condition
# The recordings were made on this morning; all that they name was fenced minutes before, or after by other clocks.
RECORDED = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)


def at(second: float) -> Instant:
    return Instant(second, RECORDED + datetime.timedelta(seconds=second))


def documents(name: str) -> tuple[Cib, CrmMon]:
    return (
        read_cib((DATA / f"{name}.cib.xml").read_text()),
        read_crm_mon((DATA / f"{name}.crm_mon.xml").read_text()),
    )


class Story:
    """One look after another, a second apart unless told otherwise."""

    def __init__(self, rules: Rules | None = None, own: Own = OWN, records: Records | None = None) -> None:
        self.rules = rules or Rules()
        self.own = own
        self.records: Records = records or {}
        self.now = 1000.0

    def look(self, cib: Cib, mon: CrmMon, *, after: float = 1.0, **beside: Any) -> dict[str, Finding]:
        self.now += after
        look = Look(cib=cib, mon=mon, at=at(self.now), **beside)
        findings, self.records = classify(look, self.records, self.rules, self.own)
        return findings

    def recorded(self, name: str, after: float = 1.0) -> dict[str, Condition]:
        found = self.look(*documents(name), after=after)
        return {host: finding.condition for host, finding in found.items()}


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
        ("node-down-fenced", {"n2": SUSPECT}),
        ("remote-graceful-stop-3s", {"r1": SUSPECT}),
        ("remote-graceful-stop-13s", {"r1": SUSPECT}),
        ("remote-node-down-fence", {"r1": SUSPECT}),
        ("remote-node-down", {"r1": SUSPECT}),
        ("remote-down-4s", {"r1": SUSPECT}),
    ],
)
def test_every_recorded_situation_at_first_sight(name: str, others: dict[str, Condition]) -> None:
    """Who was fenced by reboot before this monitor looked may have come back without Pacemaker: a suspicion."""
    assert Story().recorded(name) == {"n2": UP, "n3": UP, "r1": UP} | others


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("node-down-fenced", "n2"),
        ("remote-graceful-stop-13s", "r1"),
        ("remote-node-down-fence", "r1"),
        ("remote-node-down", "r1"),
        ("remote-down-4s", "r1"),
    ],
)
def test_a_fencing_that_was_witnessed_is_proof_for_minutes_and_then_a_suspicion(name: str, host: str) -> None:
    story = Story()
    story.recorded("healthy")
    # What the recording of health has on record already is no news.
    assert story.records[host].known is not None
    found = story.look(*documents(name))[host]
    assert found.condition is DOWN and found.fenced_at in (at(story.now - 1), at(story.now))
    assert story.recorded(name, after=FRESH - 1)[host] is DOWN
    assert story.recorded(name, after=2)[host] is SUSPECT


@pytest.mark.parametrize(
    "name",
    [p.name.removesuffix(".cib.xml") for p in sorted(DATA.glob("*.cib.xml")) if p.stat().st_size],
)
def test_never_about_oneself(name: str) -> None:
    for own in (
        Own(names=frozenset({"n1"})),
        Own(names=frozenset(), node_id=2),
        Own(names=frozenset({"r1"})),
    ):
        found = Story(own=own).recorded(name)
        assert {None: next(iter(own.names), ""), 2: "n2"}[own.node_id] not in found


def test_names_are_compared_as_pacemaker_does_and_never_with_node_ids() -> None:
    cib, mon = documents("healthy")
    shouted = replace(cib, nodes=tuple(replace(n, name=n.name.upper()) for n in cib.nodes))
    assert "N1" not in Story().look(shouted, replace(mon, nodes={}))
    # A host whose name happens to be another's node id.
    assert Story(own=Own(names=frozenset({"2"}))).recorded("healthy").keys() == {"n1", "n2", "n3", "r1"}
    # A remote's id is its name: a number there is no member's node id.
    numbered = NodeState(
        id="1",
        name="1",
        remote=True,
        in_ccm=True,
        controller=None,
        expected=Expected.UNKNOWN,
        erased=True,
        fenced_at=0,
        goodbye=False,
    )
    assert "1" in Story().look(replace(cib, nodes=(numbered,)), replace(mon, nodes={}))


def test_a_crash_is_suspect_then_down_and_up_again() -> None:
    story = Story()
    scenes = ["healthy", "node-down-unclean-fence-pending", "node-down-fenced", "healthy"]
    assert [story.recorded(name)["n2"] for name in scenes] == [UP, SUSPECT, DOWN, UP]
    assert not story.records["n2"].crashed


def test_a_clean_stop_of_a_host_that_was_fenced_long_ago_is_no_failure() -> None:
    # Its old fencing still stands in the history; only a fencing after it was last up is news.
    story = Story()
    story.recorded("node-standby")
    assert story.recorded("node-graceful-stop-all")["n2"] is STOPPED


def test_an_old_fencing_proves_nothing_though_the_history_is_gone() -> None:
    cib, mon = documents("node-down-fenced")
    up = HostRecord(remote=False, seen_up=True, known=mon.fenced["n2"].key)
    story = Story(records={"n2": up})
    assert story.look(cib, mon)["n2"].condition is UNSURE
    # It was in service and nobody says why it is away: somebody must be asked about it.
    assert story.look(cib, mon, after=30)["n2"].condition is SUSPECT


def test_down_without_a_record_is_proof_only_for_a_host_that_was_seen_to_crash() -> None:
    cib, mon = documents("node-down-fenced")
    bare = replace(mon, fenced={})
    assert Story().look(cib, bare)["n2"].condition is UNSURE
    story = Story()
    story.recorded("node-down-unclean-fence-pending")
    assert story.look(cib, bare)["n2"].condition is DOWN
    remembered = Story(records={"n2": HostRecord(remote=False, crashed=True)})
    assert remembered.look(cib, bare)["n2"].condition is SUSPECT  # who knows when


def test_restrict_to_remotes_says_nothing_of_members() -> None:
    assert Story(Rules(only_remotes=True)).recorded("node-down-fenced") == {"r1": UP}


def test_a_dead_remote_that_crm_mon_calls_online_is_down() -> None:
    cib, mon = documents("remote-node-down")
    assert mon.nodes["r1"].online
    story = Story()
    story.recorded("healthy")
    assert story.look(cib, mon)["r1"].condition is DOWN


@pytest.mark.parametrize("last", [True, False])
def test_of_two_states_of_one_host_the_living_one_is_meant(last: bool) -> None:
    cib, mon = documents("healthy")
    stale = replace(next(n for n in cib.nodes if n.name == "n2"), id="7", in_ccm=False, controller=False)
    both = (*cib.nodes, stale) if last else (stale, *cib.nodes)
    assert Story().look(replace(cib, nodes=both), mon)["n2"].condition is UP


def test_guests_are_no_hosts() -> None:
    cib, mon = documents("healthy")
    guest = replace(mon.nodes["r1"], guest=True)
    assert Story().look(cib, replace(mon, nodes={**mon.nodes, "r1": guest})).keys() == {"n2", "n3"}


# -- a member ------------------------------------------------------------------------------------

GONE = {"in_ccm": False, "controller": False, "expected": Expected.DOWN, "erased": True}


def member(**changes: Any) -> NodeState:
    return replace(
        NodeState(
            id="9",
            name="m9",
            remote=False,
            in_ccm=True,
            controller=True,
            expected=Expected.MEMBER,
            erased=False,
            fenced_at=0,
            goodbye=False,
        ),
        **changes,
    )


def member_look(story: Story, node: NodeState | None, *, unclean: bool = False, **mon: Any) -> Finding:
    beside = {"after": mon.pop("after", 1.0)}
    seen = MonNode(online=node is not None and node.in_ccm is True, unclean=unclean, guest=False)
    cib = Cib(quorate=True, nodes=(node,) if node is not None else ())
    return story.look(cib, CrmMon(quorate=True, nodes={"m9": seen}, **mon), **beside)["m9"]


@pytest.mark.parametrize("stonith", [True, False])
@pytest.mark.parametrize("controller", [True, False])
def test_who_is_in_corosyncs_membership_is_alive_however_unclean(controller: bool, stonith: bool) -> None:
    story = Story(own=NOBODY)
    member_look(story, member())
    for _ in range(50):
        found = member_look(story, member(controller=controller), unclean=True, stonith=stonith, after=10)
        assert found.condition is UNSURE


def test_a_member_that_a_restart_of_the_whole_cluster_leaves_behind_is_suspected() -> None:
    story = Story(own=NOBODY)
    member_look(story, member())
    assert member_look(story, None).condition is UNSURE
    assert member_look(story, None, after=30).condition is SUSPECT
    never_seen = Story(own=NOBODY)
    assert member_look(never_seen, None).condition is UNSURE
    assert member_look(never_seen, None, after=3000).condition is UNSURE


def test_a_member_that_stopped_cleanly_has_left_though_its_history_is_cleaned_up_later() -> None:
    story = Story(own=NOBODY)
    member_look(story, member())
    assert member_look(story, member(**{**GONE, "erased": False})).condition is STOPPED
    assert member_look(story, member(**GONE), after=300).condition is STOPPED


def fenced(action: str, minutes: float) -> dict[str, Fencing]:
    done = at(1001.0).wall - datetime.timedelta(minutes=minutes)
    return {"m9": Fencing(succeeded=True, key=f"{done}", by="n1", reboot=action == "reboot", completed=done)}


@pytest.mark.parametrize(
    ("action", "minutes", "condition"),
    [
        ("off", 1, DOWN),
        ("off", 3, DOWN),
        ("off", 6, SUSPECT),
        ("reboot", 1, SUSPECT),
        ("reboot", 60 * 24 * 300, SUSPECT),
    ],
)
def test_what_nobody_here_has_witnessed_proves_little(
    action: str, minutes: float, condition: Condition
) -> None:
    assert (
        member_look(Story(own=NOBODY), member(**GONE), fenced=fenced(action, minutes)).condition is condition
    )


def test_what_happened_while_the_monitors_restarted_was_witnessed() -> None:
    before = HostRecord(remote=False, seen_up=True, known="", looked_at=at(980.0))
    story = Story(own=NOBODY, records={"m9": before})
    assert member_look(story, member(**GONE), fenced=fenced("reboot", 0.1)).condition is DOWN
    long_ago = HostRecord(remote=False, seen_up=True, known="", looked_at=at(1001.0 - FRESH - 1))
    story = Story(own=NOBODY, records={"m9": long_ago})
    assert member_look(story, member(**GONE), fenced=fenced("reboot", 0.1)).condition is SUSPECT


def test_a_history_that_was_missing_for_a_moment_makes_no_old_fencing_new() -> None:
    story = Story(own=NOBODY)
    old = fenced("off", 60 * 24)
    member_look(story, member(), fenced=old)
    member_look(story, member())
    assert member_look(story, member(**GONE), fenced=old).condition is UNSURE
    story = Story(own=NOBODY)
    member_look(story, member())
    assert member_look(story, member(**GONE), fenced=old).condition is SUSPECT


def test_after_a_gap_in_which_nobody_looked_a_reboot_was_not_witnessed() -> None:
    story = Story(own=NOBODY)
    member_look(story, member())
    found = member_look(story, member(**GONE), fenced=fenced("reboot", -100), after=FRESH + 1)
    assert found.condition is SUSPECT


def test_a_fencing_by_devices_that_prove_nothing_is_a_suspicion() -> None:
    story = Story(own=NOBODY)
    member_look(story, member())
    cib = Cib(quorate=True, nodes=(member(**GONE),))
    mon = CrmMon(quorate=True, nodes={}, fenced=fenced("off", 0))
    found = story.look(cib, mon, worth={"m9": Worth("st-null (stonith:null) switches nothing off")})["m9"]
    assert found.condition is SUSPECT and "st-null" in found.evidence and not found.switched_off


@pytest.mark.parametrize("seconds", [1.0, FRESH + 1])
def test_one_that_was_seen_to_be_switched_off_says_so_however_long_ago(seconds: float) -> None:
    """Then a BMC that says on has something to say, and one that says nothing leaves the order to switch off."""
    story = Story(own=NOBODY)
    member_look(story, member())
    mon = CrmMon(quorate=True, nodes={}, fenced=fenced("off", 0))
    cib = Cib(quorate=True, nodes=(member(**GONE),))
    assert story.look(cib, mon)["m9"].switched_off
    later = story.look(cib, mon, after=seconds)["m9"]
    assert later.condition is (SUSPECT if seconds > FRESH else DOWN) and later.switched_off


def test_devices_that_only_reset_a_host_prove_what_a_reboot_proves() -> None:
    """SBD, a watchdog, kdump: what ran there has ended, and it is about to be up again."""
    resets = {"m9": Worth(resets=True)}
    cib = Cib(quorate=True, nodes=(member(**GONE),))
    mon = CrmMon(quorate=True, nodes={}, fenced=fenced("off", 0))
    story = Story(own=NOBODY)
    member_look(story, member())
    assert story.look(cib, mon, worth=resets)["m9"].condition is DOWN
    later = story.look(cib, mon, worth=resets, after=FRESH + 1)["m9"]
    assert later.condition is SUSPECT and not later.switched_off
    assert Story(own=NOBODY).look(cib, mon, worth=resets)["m9"].condition is SUSPECT


# -- a remote ------------------------------------------------------------------------------------


def remote(in_ccm: bool | None = False, fenced_at: int = 0, goodbye: bool = False) -> NodeState:
    return NodeState(
        id="r9",
        name="r9",
        remote=True,
        in_ccm=in_ccm,
        controller=None,
        expected=Expected.UNKNOWN,
        erased=True,
        fenced_at=fenced_at,
        goodbye=goodbye,
    )


class Remote(Story):
    """Looks at r9 alone, whose connection a member n1 holds."""

    def __init__(
        self, *, stonith: bool = True, records: Records | None = None, rules: Rules | None = None
    ) -> None:
        super().__init__(rules, own=NOBODY, records=records)
        self.stonith = stonith
        self.resource: MonConnection | None = MonConnection(stopped=False, managed=True)
        self.configured = True
        self.mon: dict[str, Any] = {}
        self.member = MonNode(online=True, unclean=False, guest=False)

    def see(
        self,
        node: NodeState | None,
        *,
        unclean: bool = False,
        after: float = 1.0,
        goodbye_at: float | None = None,
    ) -> Finding:
        online = node is not None and node.in_ccm is True
        seen = MonNode(online=online, unclean=unclean, guest=False, remote=True)
        mon = CrmMon(
            quorate=True,
            nodes={"n1": self.member, "r9": seen},
            connections={"r9": self.resource} if self.resource else {},
            stonith=self.stonith,
            **self.mon,
        )
        cib = Cib(
            quorate=True,
            nodes=(node,) if node is not None else (),
            connections={"r9": Connection("10.0.0.9")} if self.configured else {},
        )
        goodbyes = {"r9": goodbye_at} if goodbye_at is not None else {}
        return self.look(cib, mon, after=after, goodbyes=goodbyes)["r9"]

    def up(self, after: float = 1.0) -> None:
        assert self.see(remote(in_ccm=True), after=after).condition is UP

    def work(self) -> Work:
        return self.records["r9"].work


def test_a_remote_lost_with_its_connection_host_is_asked_about_in_the_end() -> None:
    """Pacemaker 2.1.5 never calls it unclean and never fences it."""
    story = Remote()
    story.up()
    assert story.see(remote()).condition is UNSURE
    assert story.see(remote(), after=29).condition is UNSURE
    assert story.see(remote()).condition is SUSPECT
    assert story.see(remote(), after=3000).condition is SUSPECT
    story.up()
    assert story.see(remote()).condition is UNSURE


def test_a_remote_that_was_lost_while_every_monitor_restarted_is_asked_about() -> None:
    for stonith in (True, False):
        story = Remote(stonith=stonith)
        assert story.see(remote()).condition is UNSURE
        assert story.see(remote(), after=30).condition is SUSPECT


def test_a_remote_without_a_node_state_after_a_restart_of_the_cluster_is_asked_about() -> None:
    story = Remote()
    assert story.see(None).condition is UNSURE
    assert story.see(None, after=30).condition is SUSPECT


def test_a_remote_lost_in_maintenance_is_planned_work_and_asked_about_when_that_is_over() -> None:
    story = Remote()
    story.up()
    story.mon = {"maintenance": True}
    story.up()
    story.see(remote())
    assert story.see(remote(), after=600).condition is SUSPECT and story.work() is Work.MAINTENANCE
    story.mon = {}
    assert story.see(remote()).condition is SUSPECT
    assert story.work() is Work.MAINTENANCE  # the cluster is given a while to connect again
    story.see(remote(), after=31)
    assert story.work() is Work.NONE


@pytest.mark.parametrize("stonith", [True, False])
def test_a_remote_whose_loss_was_taken_back_is_missed_all_the_same(stonith: bool) -> None:
    """Pacemaker 2.1.5 does that now and then in maintenance mode; crm_mon says for how long it is not connected."""
    story = Remote(stonith=stonith)
    story.up()
    story.resource = MonConnection(stopped=False, managed=False, down=True)
    story.up()
    story.up(after=29)
    assert story.see(remote(in_ccm=True)).condition is UNSURE
    assert story.see(remote(in_ccm=True), after=30).condition is SUSPECT and story.work() is Work.MAINTENANCE
    story.resource = MonConnection(stopped=False, managed=True, down=True)
    story.see(remote(in_ccm=True))
    assert story.see(remote(in_ccm=True), after=31).condition is SUSPECT and story.work() is Work.NONE
    story.resource = MonConnection(stopped=False, managed=True)
    story.up()


@pytest.mark.parametrize("stonith", [True, False])
def test_planned_work_is_not_over_for_a_remote_whose_loss_was_taken_back(stonith: bool) -> None:
    """The loss is written once more when Pacemaker begins to connect again, and then it is no new one."""
    story = Remote(stonith=stonith)
    story.up()
    story.resource = MonConnection(stopped=False, managed=False, down=True)
    story.up()
    story.resource = MonConnection(stopped=False, managed=True, down=True)
    story.up()
    assert story.work() is Work.MAINTENANCE
    for _second in range(20):
        story.see(remote())
        assert story.work() is Work.MAINTENANCE
    story.resource = MonConnection(stopped=False, managed=True)
    story.up()
    assert story.work() is Work.NONE


def test_a_remote_whose_connection_moves_or_is_looked_for_anew_is_up() -> None:
    story = Remote()
    story.up()
    for _again in range(5):
        story.resource = MonConnection(stopped=False, managed=True, down=True)
        story.up(after=20)
        story.resource = MonConnection(stopped=False, managed=True)
        story.up()


def at_work() -> Remote:
    story = Remote()
    story.up()
    story.mon = {"maintenance": True}
    story.see(remote())
    assert story.work() is Work.MAINTENANCE
    return story


def test_planned_work_is_over_at_once_for_a_host_that_is_there() -> None:
    story = at_work()
    story.mon = {}
    story.see(remote(in_ccm=True))
    assert story.work() is Work.NONE and story.records["r9"].work_ended is None


def test_planned_work_is_over_at_once_for_a_host_that_is_fenced_after_it() -> None:
    story = at_work()
    story.mon = {}
    story.see(remote())
    assert story.work() is Work.MAINTENANCE
    assert story.see(remote(fenced_at=1795335541)).condition is DOWN
    assert story.work() is Work.NONE and story.records["r9"].fenced_after_work


def test_what_was_fenced_while_somebody_worked_on_it_is_given_a_while_to_come_back() -> None:
    """It was restarted as part of the work, and Pacemaker connects to it again only when it manages it."""
    story = at_work()
    story.see(remote(fenced_at=1795335541))
    story.mon = {}
    assert story.see(remote(fenced_at=1795335541)).condition is DOWN
    assert story.work() is Work.MAINTENANCE and not story.records["r9"].fenced_after_work
    story.see(remote(fenced_at=1795335541), after=31)
    assert story.work() is Work.NONE and not story.records["r9"].fenced_after_work


def test_an_unmanaged_connection_is_planned_work() -> None:
    story = Remote()
    story.resource = MonConnection(stopped=False, managed=False)
    story.up()
    assert story.work() is Work.MAINTENANCE


def deleted(story: Remote) -> None:
    story.resource, story.configured = None, False


def stopped(story: Remote) -> None:
    story.resource = MonConnection(stopped=True, managed=True)


def stop_all(story: Remote) -> None:
    story.mon = {"stop_all": True}


def all_standby(story: Remote) -> None:
    story.member = replace(story.member, standby=True)


@pytest.mark.parametrize("stonith", [True, False])
@pytest.mark.parametrize("unwant", [deleted, stopped, stop_all, all_standby])
def test_a_remote_that_nobody_wants_has_left(unwant: Any, stonith: bool) -> None:
    story = Remote(stonith=stonith)
    story.up()
    unwant(story)
    assert story.see(remote()).condition is STOPPED
    assert story.see(remote(), after=3000).condition is STOPPED


def test_a_remote_disabled_on_purpose_with_an_old_fencing_is_no_failure() -> None:
    story = Remote()
    stopped(story)
    assert story.see(remote(fenced_at=1735719510)).condition is STOPPED


def test_a_remote_that_is_wanted_again_gets_the_time_to_connect() -> None:
    story = Remote(stonith=False)
    story.up()
    stopped(story)
    story.see(remote())
    story.resource = MonConnection(stopped=False, managed=True)
    assert story.see(remote(), after=600).condition is UNSURE
    assert story.see(remote(), after=30).condition is SUSPECT


def test_a_remote_that_said_goodbye_has_left_though_its_word_is_wiped_later() -> None:
    for stonith in (True, False):
        story = Remote(stonith=stonith)
        assert story.see(remote(in_ccm=True, goodbye=True)).condition is UP
        assert story.see(remote()).condition is STOPPED
        assert story.see(remote(), after=3000).condition is STOPPED


@pytest.mark.parametrize("early", [-1.0, 0.0, 0.9])
def test_a_goodbye_of_which_only_an_alert_told_counts(early: float) -> None:
    """The attribute lives for 50 ms; no look finds it."""
    story = Remote(stonith=False)
    story.up()
    goodbye_at = story.now + early
    if early < 0:
        assert story.see(remote(in_ccm=True), goodbye_at=story.now, after=0.1).condition is UP
        goodbye_at = story.now - 0.1
    assert story.see(remote(), goodbye_at=goodbye_at).condition is STOPPED
    assert story.see(remote(), goodbye_at=goodbye_at, after=3000).condition is STOPPED


def test_a_goodbye_by_alert_is_about_one_loss_only() -> None:
    story = Remote(stonith=False)
    story.up()
    goodbye_at = story.now + 0.5
    assert story.see(remote(), goodbye_at=goodbye_at).condition is STOPPED
    assert story.see(remote(in_ccm=True), goodbye_at=goodbye_at).condition is UP
    assert story.see(remote(), goodbye_at=goodbye_at).condition is UNSURE
    assert story.see(remote(), goodbye_at=goodbye_at, after=GOODBYE + 1).condition is SUSPECT
    assert story.see(remote(), goodbye_at=goodbye_at, after=60).condition is SUSPECT


def test_a_goodbye_by_alert_that_no_loss_follows_is_void() -> None:
    story = Remote(stonith=False)
    story.up()
    goodbye_at = story.now
    assert story.see(remote(in_ccm=True), goodbye_at=goodbye_at, after=20).condition is UP
    assert story.see(remote(), goodbye_at=goodbye_at).condition is UNSURE
    assert story.see(remote(), goodbye_at=goodbye_at, after=GOODBYE + 1).condition is SUSPECT


@pytest.mark.parametrize("late", [0.03, 1.1, GOODBYE])
@pytest.mark.parametrize("patience", [0.0, 5.0, 30.0])
def test_a_goodbye_that_is_heard_after_the_loss_is_as_good_as_one_before_it(
    late: float, patience: float
) -> None:
    """The agent has to be started, and another monitor passes it on: on a busy computer both take their time."""
    story = Remote(stonith=False, rules=Rules(patience=patience))
    story.up()
    for after in (1.0, late - 0.02):  # up to the moment before it is heard
        waiting = story.see(remote(), after=after)
        assert waiting.condition is UNSURE and waiting.passing and "good-bye" in waiting.evidence
    assert story.see(remote(), goodbye_at=story.now + 0.02, after=0.1).condition is STOPPED
    assert story.see(remote(), after=3000).condition is STOPPED


def test_a_goodbye_that_comes_too_late_excuses_nothing() -> None:
    story = Remote(stonith=False)
    story.up()
    story.see(remote())
    goodbye_at = story.now + GOODBYE + 0.1
    assert story.see(remote(), goodbye_at=goodbye_at, after=GOODBYE + 0.2).condition is SUSPECT


def test_a_host_that_nobody_names_for_a_day_is_forgotten() -> None:
    """It was deleted; another that gets its name is not called crashed for it."""
    story = Remote(stonith=False)
    story.up()
    story.see(remote())
    assert story.see(remote(), after=GOODBYE + 1).condition is SUSPECT
    healthy = documents("healthy")
    story.look(*healthy)
    assert "r9" in story.records
    story.look(*healthy, after=FORGOTTEN - 1)
    assert "r9" in story.records, "it may be back"
    story.look(*healthy, after=2)
    assert story.records.keys() == {"n1", "n2", "n3", "r1"}
    story.up()


def test_what_was_kept_of_hosts_that_are_gone_is_forgotten_after_a_restart_too() -> None:
    kept = {name: HostRecord(remote=True, crashed=True, looked_at=at(990.0)) for name in ("r8", "r9")}
    story = Story(records=kept)
    story.recorded("healthy")
    assert {"r8", "r9"} < story.records.keys()
    story.recorded("healthy", after=FORGOTTEN + 1)
    assert story.records.keys() == {"n2", "n3", "r1"}


def test_time_in_which_nothing_could_be_read_is_none_of_the_day_after_which_a_host_is_forgotten() -> None:
    """What this monitor did not see, before its start or while it was blind, may have named the host."""
    story = Story(records={"r9": HostRecord(remote=True, crashed=True, looked_at=at(1000.0 - 2 * FORGOTTEN))})
    healthy = documents("healthy")
    story.look(*healthy)
    story.look(*healthy, after=FORGOTTEN - 60)
    story.look(*healthy, after=2 * FORGOTTEN, unread=2 * FORGOTTEN)
    assert story.records["r9"].crashed, "what was read counts on, and it is less than a day"
    story.look(*healthy, after=61)
    assert "r9" not in story.records


def test_a_host_that_is_named_again_is_forgotten_after_another_day() -> None:
    story = Story(records={"n2": HostRecord(remote=False, unnamed_since=at(1000.0 - FORGOTTEN))})
    story.recorded("healthy")
    assert story.records["n2"].unnamed_since is None


def test_a_remote_that_said_goodbye_and_is_fenced_is_down() -> None:
    story = Remote()
    story.see(remote(in_ccm=True, goodbye=True))
    assert story.see(remote(), unclean=True).condition is SUSPECT
    assert story.see(remote(fenced_at=1795335541)).condition is DOWN
    assert story.see(remote(fenced_at=1795335541), after=FRESH + 1).condition is SUSPECT


def test_without_fencing_a_dropped_connection_is_suspect_once_no_goodbye_can_come_any_more() -> None:
    story = Remote(stonith=False)
    story.up()
    assert story.see(remote()).condition is UNSURE
    assert story.see(remote(), after=GOODBYE).condition is UNSURE
    assert story.see(remote(), after=0.1).condition is SUSPECT
    assert story.see(remote(), unclean=True).condition is SUSPECT


def test_with_fencing_a_lost_remote_is_suspect_at_once_when_it_is_to_be_fenced() -> None:
    story = Remote()
    story.up()
    assert story.see(remote()).condition is UNSURE
    assert story.see(remote(), unclean=True).condition is SUSPECT
    assert story.see(remote()).condition is SUSPECT


def test_a_connection_that_is_called_up_after_a_fencing_is_doubted() -> None:
    story = Remote()
    story.up()
    contradiction = remote(in_ccm=True, fenced_at=1795335541)
    assert story.see(contradiction).condition is UNSURE
    assert story.see(contradiction, after=30).condition is SUSPECT


def test_the_old_and_the_new_name_of_the_option_for_fencing() -> None:
    text = (DATA / "remote-graceful-stop-3s.crm_mon.xml").read_text()
    cib = documents("remote-graceful-stop-3s")[0]
    assert Look(cib=cib, mon=read_crm_mon(text), at=at(0)).stonith
    new = text.replace('stonith-enabled="true"', 'fencing-enabled="false"')
    assert not Look(cib=cib, mon=read_crm_mon(new), at=at(0)).stonith
    silent = text.replace('stonith-enabled="true"', "")
    assert Look(cib=cib, mon=read_crm_mon(silent), at=at(0)).stonith is cib.stonith


# -- properties: any look after any other -----------------------------------------------------------

NAME = "n2"
MEMBERS = st.builds(
    NodeState,
    id=st.just("2"),
    name=st.just(NAME),
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
    id=st.just(NAME),
    name=st.just(NAME),
    remote=st.just(True),
    in_ccm=st.sampled_from([True, False, None]),
    controller=st.none(),
    expected=st.just(Expected.UNKNOWN),
    erased=st.booleans(),
    fenced_at=st.sampled_from([0, 1795335541]),
    goodbye=st.booleans(),
)


def fencing(key: str, reboot: bool, age: float | None) -> Fencing:
    done = at(1000.0 - age).wall if age is not None else None
    return Fencing(succeeded=True, key=key, by="n3", reboot=reboot, completed=done)


FENCINGS = st.none() | st.builds(
    fencing, st.sampled_from(["old", "new"]), st.booleans(), st.sampled_from([None, 30.0, 1e6])
)


@st.composite
def looks(draw: st.DrawFn, of_remotes: bool) -> tuple[Cib, CrmMon, float]:
    node = draw(REMOTES if of_remotes else MEMBERS)
    done = draw(FENCINGS)
    seen = MonNode(
        online=draw(st.booleans()),
        unclean=draw(st.booleans()),
        guest=False,
        remote=of_remotes,
        maintenance=draw(st.booleans()),
    )
    mon = CrmMon(
        quorate=True,
        nodes={NAME: seen} if draw(st.booleans()) else {"n3": replace(seen, remote=False)},
        connections={NAME: MonConnection(stopped=draw(st.booleans()), managed=True)},
        stonith=draw(st.sampled_from([True, False, None])),
        stop_all=draw(st.booleans()),
        fenced={NAME: done} if done else {},
        under_way=draw(st.sampled_from([frozenset[str](), frozenset({NAME})])),
    )
    return Cib(quorate=True, nodes=(node,)), mon, draw(st.sampled_from([0.2, 1.0, 60.0, 1000.0]))


STORIES = st.booleans().flatmap(lambda of_remotes: st.lists(looks(of_remotes), min_size=1, max_size=8))


def told(
    looked: list[tuple[Cib, CrmMon, float]],
) -> Iterator[tuple[Cib, CrmMon, HostRecord | None, HostRecord, Finding]]:
    story = Story(own=NOBODY)
    for cib, mon, after in looked:
        before = story.records.get(NAME)
        finding = story.look(cib, mon, after=after)[NAME]
        yield cib, mon, before, story.records[NAME], finding


@given(STORIES)
def test_proof_of_death_needs_a_fencing_of_late_and_never_a_live_membership(
    looked: list[tuple[Cib, CrmMon, float]],
) -> None:
    for cib, mon, before, record, finding in told(looked):
        node = cib.nodes[0]
        if finding.condition is Condition.DOWN:
            assert node.in_ccm is False
            assert record.fenced_at is not None and finding.fenced_at == record.fenced_at
            assert record.looked_at is not None
            assert record.looked_at.monotonic - record.fenced_at.monotonic <= FRESH
            if node.remote:
                assert node.fenced_at > 0
            else:
                assert node.erased and node.expected is Expected.DOWN
                known = before.known if before is not None else None
                crashed = before is not None and before.crashed
                assert crashed or (NAME in mon.fenced and mon.fenced[NAME].key != known)
        if finding.condition is Condition.UP:
            assert node.in_ccm
        if not node.remote and node.in_ccm:
            assert finding.sighting.value is not Membership.DOWN


@given(STORIES)
def test_a_host_that_is_up_is_remembered_as_nothing_else(looked: list[tuple[Cib, CrmMon, float]]) -> None:
    for _cib, _mon, _before, record, finding in told(looked):
        if finding.condition is Condition.UP:
            assert record.seen_up and not record.crashed and record.lost_since is None


@given(STORIES)
def test_who_is_missed_is_never_unsure_for_ever(looked: list[tuple[Cib, CrmMon, float]]) -> None:
    *_, (cib, mon, _before, record, finding) = told(looked)
    if finding.condition is not Condition.UNSURE:
        return
    story = Story(own=NOBODY, records={NAME: record})
    assert record.looked_at is not None
    story.now = record.looked_at.monotonic
    story.look(cib, mon)
    ended = story.look(cib, mon, after=Rules().patience)[NAME].condition
    alive = cib.nodes[0].in_ccm and not cib.nodes[0].remote
    unwanted = record.farewell is Farewell.UNWANTED
    never_up = not cib.nodes[0].remote and not record.seen_up
    no_word = cib.nodes[0].in_ccm is None and NAME in mon.nodes and mon.nodes[NAME].online
    assert ended is not Condition.UNSURE or alive or unwanted or never_up or no_word


@given(STORIES)
def test_the_short_way_for_hosts_that_are_as_they_were_leads_to_the_same(
    looked: list[tuple[Cib, CrmMon, float]],
) -> None:
    records: list[HostRecord | None] = [None]
    now = 1000.0
    for cib, mon, after in looked:
        now += after
        seen = mon.nodes.get(NAME)
        glance = Glance(
            node=cib.nodes[0],
            seen=seen,
            fencing=mon.fenced.get(NAME),
            stonith=mon.stonith is not False,
            wanted=not mon.stop_all,
            work=Work.MAINTENANCE if seen is not None and seen.maintenance else Work.NONE,
        )
        record = observe(records[-1], glance, at(now), 30.0)
        assert record == observe_anew(records[-1], glance, at(now), 30.0)
        records.append(record)


RECORDINGS = sorted(
    path.name.removesuffix(".cib.xml")
    for path in DATA.glob("*.cib.xml")
    # Of these nothing is ever classified: no document, and no quorum.
    if path.name not in ("own-corosync-dead.cib.xml", "no-quorum-isolated-no-stonith.cib.xml")
)


@pytest.mark.parametrize("name", RECORDINGS)
def test_of_a_remote_pacemaker_3_writes_nothing_and_the_same_is_said(name: str) -> None:
    """Its node_state has a zero while it is connected, too."""
    cib, mon = documents(name)
    nodes = tuple(replace(node, in_ccm=False, zeroed=True) if node.remote else node for node in cib.nodes)
    assert any(node.zeroed for node in nodes)
    assert Story(own=NOBODY).look(replace(cib, nodes=nodes), mon) == Story(own=NOBODY).look(cib, mon)


@pytest.mark.parametrize("zeroed", [False, True])
def test_a_remote_whose_connection_is_held_by_a_member_that_is_away_is_missed_after_a_while(
    zeroed: bool,
) -> None:
    """Pacemaker calls it connected until that member is fenced, which may never come about; both may have died."""
    cib, mon = documents("node-down-unclean-fence-pending")
    nodes = (
        replace(node, in_ccm=False, zeroed=True) if zeroed and node.remote else node for node in cib.nodes
    )
    cib = replace(cib, nodes=tuple(nodes))
    assert mon.connections["r1"].on == {"n1"} and mon.nodes["r1"].online
    held = {"r1": replace(mon.connections["r1"], on=frozenset({"n2"}))}
    story = Story(own=Own(names=frozenset({"n3"}), node_id=3))
    story.recorded("healthy")
    assert story.look(cib, replace(mon, connections=held))["r1"].condition is UP
    assert story.look(cib, replace(mon, connections=held), after=30)["r1"].condition is UNSURE
    assert story.look(cib, replace(mon, connections=held), after=30)["r1"].condition is SUSPECT
    assert story.look(cib, mon)["r1"].condition is UP  # it was fenced, and another member holds it


def test_a_remote_of_which_only_crm_mon_tells_is_not_connected_because_failures_are_ignored() -> None:
    cib, mon = documents("healthy")
    nodes = (replace(node, in_ccm=False, zeroed=True) if node.remote else node for node in cib.nodes)
    ignored = {"r1": replace(mon.connections["r1"], ignored=True)}
    story = Story()
    assert (
        story.look(replace(cib, nodes=tuple(nodes)), replace(mon, connections=ignored))["r1"].condition
        is UNSURE
    )
    assert story.look(cib, replace(mon, connections=ignored))["r1"].condition is UP  # node_state says so


def test_a_remote_of_pacemaker_3_that_dies_is_missed() -> None:
    def zeroed(name: str) -> tuple[Cib, CrmMon]:
        cib, mon = documents(name)
        nodes = (replace(node, in_ccm=False, zeroed=True) if node.remote else node for node in cib.nodes)
        return replace(cib, nodes=tuple(nodes)), mon

    story, before = Story(own=NOBODY), Story(own=NOBODY)
    for name in ("healthy", "remote-down-4s", "remote-node-down"):
        assert story.look(*zeroed(name))["r1"] == before.look(*documents(name))["r1"], name
    assert story.look(*zeroed("remote-node-down"))["r1"].condition is not UP


def test_a_dead_remote_that_pacemaker_3_calls_online_while_a_start_of_its_connection_lasts_stays_missed() -> (
    None
):
    """Each start that fails would make a return of it, and where fencing is off it would never be called lost."""
    cib, mon = documents("healthy")
    nodes = (replace(node, in_ccm=False, zeroed=True) if node.remote else node for node in cib.nodes)
    cib = replace(cib, nodes=tuple(nodes))
    assert mon.connections["r1"].on == {"n1"} and mon.nodes["r1"].online
    starting = replace(cib, unconnected={"r1": frozenset({"n1", "n2"})})
    story = Story(own=NOBODY)
    assert story.look(cib, mon)["r1"].condition is UP
    assert story.look(starting, mon)["r1"].condition is UNSURE
    assert story.look(starting, mon, after=30)["r1"].condition is SUSPECT
    elsewhere = replace(cib, unconnected={"r1": frozenset({"n2"})})
    assert story.look(elsewhere, mon)["r1"].condition is UP, "of who holds it nothing like that is known"
