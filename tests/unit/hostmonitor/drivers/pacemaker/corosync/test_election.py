"""Any number of monitors, one group: at every quiet moment exactly one is the leader, and knows the ledger."""

import datetime
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.election.candidate import Candidate, fitter
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync import election
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.election import (
    AUTHORITY,
    LOOK_MESSAGE,
    OLDER_BEAT,
    PATIENCE,
    WAY_MESSAGES,
    GroupChanged,
    GroupMessage,
    GroupView,
    Process,
)

AT = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
ENTRY = LedgerEntry(HostStatus.NORMAL, AT, True)


class World:
    """A perfect CPG group: one order of events for all members."""

    def __init__(self) -> None:
        self.now = 0.0
        self.views: dict[Process, GroupView] = {}
        self.queue: list[tuple[Process, bytes]] = []
        self.ways: dict[Process, bool] = {}
        # Of an older release: they say nothing of their ways.
        self.old: set[Process] = set()
        # They hear all, and say nothing.
        self.hung: set[Process] = set()
        # What those remember that have left the group and go on running.
        self.memories: dict[Process, GroupView] = {}

    @property
    def wall(self) -> datetime.datetime:
        return AT + datetime.timedelta(seconds=self.now)

    def settle(self) -> None:
        while self.queue:
            sender, payload = self.queue.pop(0)
            if sender not in self.views or sender in self.hung:
                continue  # it died before the message was ordered, or has not said it
            message = GroupMessage(sender, payload)
            for me, view in self.views.items():
                self.queue += [(me, reply) for reply in election.answer(view, message)]
                self.views[me] = election.received(view, message, self.now)

    def change(
        self, joined: tuple[Process, ...] = (), left: tuple[Process, ...] = (), *, remember: bool = False
    ) -> None:
        """`remember`: who joins has run since it left, and was not started anew."""
        for who in left:
            gone = self.views.pop(who)
            self.memories[who] = GroupView(serial=gone.serial, ledger=gone.ledger)
        for who in joined:
            self.views[who] = self.memories.pop(who, GroupView()) if remember else GroupView()
        event = GroupChanged(tuple(sorted(self.views)), joined, left)
        for me, view in list(self.views.items()):
            self.views[me], answers = election.changed(view, event, me, self.now)
            if joined and me not in self.old:
                self.queue.append((me, WAY_MESSAGES[self.ways.get(me)]))
            self.queue += [(me, answer) for answer in answers]

    def path(self, who: Process, works: bool) -> None:
        self.ways[who] = works
        if who in self.views and who not in self.old:
            self.queue.append((who, WAY_MESSAGES[works]))

    def publish(self, who: Process, ledger: election.Ledger) -> None:
        self.views[who], message = election.published(self.views[who], ledger, self.wall)
        self.queue.append((who, message))

    def wait(self, seconds: float, silent: frozenset[Process] = frozenset()) -> None:
        for _ in range(int(seconds)):
            self.now += 1.0
            for who in list(self.views):
                if who in silent or who in self.hung:
                    continue
                self.views[who], answer = election.waited(self.views[who], self.now, self.wall)
                if answer is not None:
                    self.queue.append((who, answer))
                self.queue.append((who, OLDER_BEAT if who in self.old else WAY_MESSAGES[self.ways.get(who)]))
            self.settle()

    def leaders(self) -> set[Process | None]:
        return {view.leader(self.now) for view in self.views.values()}


A, B, C = (1, 100), (2, 100), (3, 100)


def test_alone_one_is_the_leader_at_once_and_knows_no_ledger() -> None:
    world = World()
    world.change(joined=(B,))
    assert world.leaders() == {B} and world.views[B].ledger is None


def test_a_lower_newcomer_takes_over_with_the_ledger_at_one_point_of_the_order() -> None:
    world = World()
    world.change(joined=(B,))
    world.publish(B, {"n3": ENTRY})
    world.settle()
    world.change(joined=(A,))
    assert world.leaders() == {B}  # the ledger is on its way
    world.settle()
    assert world.leaders() == {A} and world.views[A].ledger == {"n3": ENTRY}


def test_the_leader_dies_before_it_told_the_newcomer() -> None:
    world = World()
    world.change(joined=(A,))
    world.change(joined=(C,))
    world.settle()
    world.publish(A, {"n9": ENTRY})
    world.settle()
    world.change(joined=(B,))
    world.change(left=(A,))  # its answer to B is lost with it
    world.settle()
    assert world.leaders() == {B} and world.views[B].ledger == {"n9": ENTRY}


def test_a_member_that_hangs_is_passed_over_and_comes_back() -> None:
    world = World()
    world.change(joined=(A,))
    world.change(joined=(B,))
    world.settle()
    world.wait(30, silent=frozenset({A}))
    assert world.views[B].leader(world.now) == B
    world.wait(2)
    assert world.leaders() == {A}


def test_a_newcomer_knows_of_one_that_is_lost_and_may_still_lead() -> None:
    lost, stays, new = (2, 5), (3, 6), (1, 7)
    view = GroupView(
        me=stays, members=frozenset({lost, stays}), informed=frozenset({lost, stays}), heard={lost: 90.0}
    )
    view, _ = election.changed(view, GroupChanged((stays,), left=(lost,), lost=(lost,)), stays, 98.0)
    assert view.clear_at == 90.0 + AUTHORITY
    change = GroupChanged((new, stays), joined=(new,))
    view, told = election.changed(view, change, stays, 99.0)
    newcomer, _ = election.changed(GroupView(), change, new, 99.0)
    for payload in told:
        newcomer = election.received(newcomer, GroupMessage(stays, payload), 99.0)
    assert newcomer.leader(99.0) == new
    assert newcomer.clear_at == 90.0 + AUTHORITY


def test_one_that_has_left_is_waited_for_by_nobody() -> None:
    left, stays = (2, 5), (3, 6)
    view = GroupView(
        me=stays, members=frozenset({left, stays}), informed=frozenset({left, stays}), heard={left: 90.0}
    )
    view, _ = election.changed(view, GroupChanged((stays,), left=(left,)), stays, 91.0)
    assert view.clear_at < 91.0


def three(now: float) -> GroupView:
    """B's own view of a group of three in which all are informed and A has led for long."""
    beats = {A: now, B: now, C: now}
    all_three = frozenset(beats)
    return GroupView(me=B, members=all_three, informed=all_three, heard=beats, led={A: now})


def lost(view: GroupView, who: Process, now: float) -> GroupView:
    members = tuple(sorted(view.members - {who}))
    view, _ = election.changed(view, GroupChanged(members, left=(who,), lost=(who,)), B, now)
    return view


def test_one_that_never_led_is_waited_for_by_nobody_however_often_it_is_lost() -> None:
    view, now = three(100.0), 100.0
    for _ in range(5):
        view = lost(view, C, now + 2)
        view, _ = election.changed(view, GroupChanged((A, B, C), joined=(C,)), B, now + 4)
        for who in (A, B, C):
            view = election.received(view, GroupMessage(who, election.encode({}, 1)), now + 4)
        now += 4
    view, _ = election.changed(view, GroupChanged((B, C), left=(A,)), B, now)
    assert view.leader(now) == B and view.clear_at < now


def test_one_that_led_until_a_moment_ago_is_waited_for_though_another_leads() -> None:
    view = three(100.0)
    for who, way in ((B, b"way yes"), (C, b"way yes"), (A, b"way no")):
        view = election.received(view, GroupMessage(who, way), 101.0)
    assert view.leader(101.0) == B
    assert lost(view, A, 105.0).clear_at == 101.0 + AUTHORITY
    for at in (105.0, 110.0, 114.0):
        for who in (A, B, C):
            view = election.received(view, GroupMessage(who, WAY_MESSAGES[who != A]), at)
    # Whatever it had led by has run out since.
    assert lost(view, A, 115.0).clear_at < 115.0


def test_whoever_has_just_come_waits_for_any_that_was_there() -> None:
    view, _ = election.changed(GroupView(), GroupChanged((A, B, C), joined=(B,)), B, 100.0)
    view = election.received(view, GroupMessage(A, election.encode({}, 1)), 100.0)
    assert lost(view, C, 103.0).clear_at == 100.0 + AUTHORITY


def test_one_that_was_not_informed_yet_is_waited_for() -> None:
    """What it knew before it came, say on its side of a parted network, nobody has heard."""
    view, _ = election.changed(three(100.0), GroupChanged((A, B, C, (4, 1)), joined=((4, 1),)), B, 101.0)
    assert lost(view, (4, 1), 102.0).clear_at == 101.0 + AUTHORITY


@pytest.mark.parametrize(
    "payload", [b"gone ", b"gone -5", b"gone 1.5", b"gone 9999999999", b"gone x", b"5 null"]
)
def test_what_says_nothing_of_one_that_is_lost(payload: bytes) -> None:
    assert election.decode_gone(payload) is None


def test_nobody_is_waited_for_longer_than_one_can_lead() -> None:
    assert election.decode_gone(b"gone 999999999") == AUTHORITY


def test_a_leader_with_nothing_to_say_has_an_empty_ledger_in_the_end() -> None:
    world = World()
    world.change(joined=(B,))
    world.wait(7)
    world.change(joined=(A,))
    world.settle()
    assert world.views[A].ledger == {}


def test_newcomers_that_nobody_tells_help_themselves() -> None:
    world = World()
    world.change(joined=(A, B))  # both new at once: nobody was here before
    assert world.leaders() == {None}
    world.wait(7)
    assert world.leaders() == {A}


def test_the_ledger_survives_the_wire() -> None:
    ledger = {"n3": ENTRY, "r1": LedgerEntry(HostStatus.UNKNOWN, AT, False)}
    assert election.decode(election.encode(ledger, 7)) == (7, ledger)
    assert election.decode(election.encode(None, 0)) == (0, None)


def test_the_messages_are_those_of_the_monitors_that_run_already() -> None:
    # Members of two releases elect one leader together: a byte that changes here splits them.
    entry = b'{"n3":{"host_status":"NORMAL","reported_at":"2026-11-22T08:00:00+00:00","delivered":true}}'
    assert election.encode({"n3": ENTRY}, 7) == b"7 " + entry
    assert election.encode(None, 0) == b"0 null"
    assert election.encode({}, 12) == b"12 {}"
    assert LOOK_MESSAGE == b"look"


def test_what_is_said_of_the_ways_is_a_beat_to_a_member_of_an_older_release() -> None:
    """It reads a message whose first word is a number as a ledger, and every other one as a sign of life."""
    told = [*WAY_MESSAGES.values(), election.encode_ways({A: True, B: None})]
    assert told == [b"way yes", b"way no", b"way unknown", b'ways {"1:100":true,"2:100":null}']
    assert [election.decode(message) for message in told] == [None] * 4


def test_whose_way_does_not_work_comes_last() -> None:
    world = World()
    world.change(joined=(A,))
    world.change(joined=(B,))
    world.settle()
    assert world.leaders() == {A}
    world.path(A, False)
    world.settle()
    assert world.leaders() == {B}
    world.path(B, False)
    world.settle()
    assert world.leaders() == {A}, "as bad as each other: the order alone"


WAYS = st.dictionaries(
    st.tuples(st.integers(1, 5), st.just(7)), st.sampled_from([True, False, None]), min_size=1
)


@given(WAYS)
def test_nobody_is_fitter_than_the_leader_by_the_rank_of_all_drivers(
    ways: dict[Process, bool | None],
) -> None:
    """Whoever is in the group sees its one link; what can differ is the way to masakari."""
    members = frozenset(ways)
    view = GroupView(me=min(members), members=members, informed=members, delivers=ways)
    leader = view.leader(0.0)
    assert leader is not None
    link = frozenset({"cluster"})
    chosen = Candidate(str(leader), link, ways[leader])
    assert not any(fitter(Candidate(str(one), link, works), chosen, link) for one, works in ways.items())


def test_a_newcomer_knows_the_ways_of_those_who_were_there_before_it_counts() -> None:
    world = World()
    world.path(A, False)
    world.change(joined=(A,))
    world.change(joined=(B,))
    world.settle()
    world.change(joined=(C,))
    for _ in range(len(world.queue)):
        sender, payload = world.queue.pop(0)
        for me, view in world.views.items():
            world.views[me] = election.received(view, GroupMessage(sender, payload), world.now)
        informed = [view for view in world.views.values() if view.me in view.informed]
        assert len({view.leader(0.0) for view in informed}) == 1
    assert world.leaders() == {B}


def test_with_a_member_of_an_older_release_all_go_by_the_order_that_it_knows() -> None:
    world = World()
    world.old.add(C)
    world.path(A, False)
    world.change(joined=(A,))
    world.change(joined=(B,))
    world.change(joined=(C,))
    world.settle()
    assert world.leaders() == {A}
    world.change(left=(C,))
    assert world.leaders() == {B}


@given(st.binary(max_size=80))
def test_what_cannot_be_read_is_a_beat(payload: bytes) -> None:
    view = GroupView(me=A, members=frozenset({A, B}), informed=frozenset({A}))
    after = election.received(view, GroupMessage(B, payload), 5.0)
    assert after.heard[B] == 5.0
    assert after.ledger is None


OLD, NEW = {"dead-long-ago": ENTRY}, {"dead-now": ENTRY}


def test_an_old_memory_does_not_overwrite_what_monitors_that_were_started_anew_have_written() -> None:
    world = World()
    world.change(joined=(A,))
    for _ in range(57):
        world.publish(A, OLD)
    world.change(left=(A,))
    world.wait(60)
    world.change(joined=(B,))
    world.wait(7)
    world.change(joined=(C,))
    world.settle()
    world.publish(B, NEW)
    world.settle()
    world.change(joined=(A,), remember=True)
    world.settle()
    assert world.leaders() == {A}
    assert [view.ledger for view in world.views.values()] == [NEW] * 3


def test_who_comes_back_first_with_an_old_memory_learns_of_a_newer_one() -> None:
    """All were out of the group for some time, and one of them for longer."""
    world = World()
    for who in (A, B):
        world.change(joined=(who,))
        world.settle()
    world.publish(A, OLD)
    world.settle()
    world.change(left=(A,))
    world.wait(60)
    world.publish(B, NEW)
    world.settle()
    world.change(left=(B,))
    for who in (A, B):
        world.change(joined=(who,), remember=True)
        world.settle()
    assert world.leaders() == {A}
    assert [view.ledger for view in world.views.values()] == [NEW] * 2


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from("jrlpswn"), st.integers(1, 4)), max_size=20))
def test_any_coming_and_going_ends_with_one_leader_who_knows_the_last_ledger(
    story: list[tuple[str, int]],
) -> None:
    world, last = World(), None
    for what, node in story:
        who = (node, 100)
        if what in "jr" and who not in world.views:
            world.change(joined=(who,), remember=what == "r" and last is not None)
        elif what == "l" and who in world.views:
            world.settle()
            world.change(left=(who,))
            if not world.views:
                last = None
        elif what == "p" and len(leaders := world.leaders() - {None}) == 1:
            (leader,) = leaders
            assert leader is not None
            last = {f"host{node}": ENTRY}
            world.publish(leader, last)
        elif what == "s":
            world.settle()
        elif what in "wn":
            world.path(who, what == "w")
    world.settle()
    world.wait(7)
    if world.views:
        best = min(world.views, key=lambda who: (world.ways.get(who) is False, who))
        assert world.leaders() == {best}
        assert world.views[best].ledger == (last if last is not None else {})


def test_one_that_hangs_informs_nobody_and_yet_two_never_take_themselves_for_the_leader() -> None:
    """The lowest informed one hangs; another rejoins: whoever is informed by that is so for all, at one point."""
    hangs, new, stays = (1, 1), (2, 2), (3, 3)
    old = frozenset({hangs, stays})
    kept = GroupView(me=stays, members=old, informed=old, serial=7, ledger={"h": ENTRY})
    change = GroupChanged((hangs, new, stays), joined=(new,))
    views = {stays: election.changed(kept, change, stays, 100.0)[0]}
    views[new], _ = election.changed(GroupView(serial=3), change, new, 100.0)
    views[new], plea = election.waited(views[new], 100.0 + PATIENCE, AT)
    assert plea is not None and views[new].leader(105.0) == hangs
    message = GroupMessage(new, plea)
    told = election.answer(views[stays], message)
    assert told and not election.answer(views[new], message)
    for said in (message, *(GroupMessage(stays, payload) for payload in told)):
        views = {me: election.received(view, said, 105.0) for me, view in views.items()}
    for now in (105.0, 119.0, 120.0, 124.0):
        assert views[new].leader(now) == views[stays].leader(now)
    assert views[new].leader(124.0) == new and views[new].ledger == {"h": ENTRY}
    assert views[new].clear_at == 100.0 + AUTHORITY


def test_all_that_know_answer_one_that_nobody_has_informed() -> None:
    """As many as there are of the lowest may hang."""
    members = frozenset((node, 1) for node in range(1, 11))
    informed = frozenset((node, 1) for node in range(1, 9))
    view = GroupView(members=members, informed=informed, delivers={(1, 1): True}, serial=1, ledger={})
    plea, ways = GroupMessage((9, 1), election.encode(None, 0)), election.encode_ways({(1, 1): True})
    assert {election.answer(replace(view, me=me), plea) for me in informed} == {
        (ways, election.encode({}, 1))
    }
    # Who is not informed, the sender among them, may be the only one that knows the ways.
    assert {election.answer(replace(view, me=me), plea) for me in members - informed} == {(ways,)}
    assert election.answer(replace(view, me=(1, 1), ledger=None), plea) == (ways,)
    assert not election.answer(replace(view, me=(9, 1), delivers={}), plea)


@pytest.mark.parametrize("reported", [True, False])
def test_one_that_joins_while_the_three_lowest_hang_neither_leads_beside_another_nor_forgets(
    reported: bool,
) -> None:
    """It would go by the order alone, for nobody tells it that those who hang have said that their ways work."""
    world, newcomer, stays = World(), (4, 100), (5, 100)
    lowest = [(node, 100) for node in (1, 2, 3)]
    world.change(joined=(*lowest, stays))
    world.path(newcomer, False)
    world.settle()
    if reported:
        world.wait(PATIENCE + 1)
        world.views[lowest[0]], message = election.published(world.views[lowest[0]], {"h": ENTRY}, world.wall)
        world.queue.append((lowest[0], message))
        world.settle()
    world.wait(1)
    world.hung.update(lowest)
    world.change(joined=(newcomer,))
    for _ in range(40):
        world.wait(1)
        leading = {me for me in (newcomer, stays) if world.views[me].leader(world.now) == me}
        assert len(leading) <= 1
    assert leading == {stays}
    assert all(world.views[me].ledger == ({"h": ENTRY} if reported else {}) for me in (newcomer, stays))


def test_a_newcomer_learns_the_way_of_one_that_hangs_from_whoever_informs_it() -> None:
    """Without it, it would go by another order than the others until that one is passed over, and lead beside one."""
    world = World()
    world.change(joined=(A, B, C))
    world.wait(PATIENCE + 1)
    world.hung.add(B)
    world.wait(PATIENCE)
    world.change(left=(A,))
    world.path(A, False)
    world.change(joined=(A,))
    for _ in range(30):
        world.wait(1)
        leading = {me for me, view in world.views.items() if me != B and view.leader(world.now) == me}
        assert len(leading) <= 1
    assert leading == {C}


def test_whether_the_ways_count_does_not_hang_on_who_is_silent() -> None:
    """Who is silent one member learns before another, and in between two would lead: each by another order."""
    world = World()
    world.old.add(B)
    world.path(A, False)
    for who in (A, B, C):
        world.change(joined=(who,))
    world.settle()
    knows = world.views[A]
    heard = {**knows.heard, B: -election.SILENCE}
    assert knows.leader(0.0) == A == replace(knows, me=C, heard=heard).leader(0.0)


def test_the_leader_speaks_for_one_that_hangs_before_it_has_said_anything_of_its_way() -> None:
    world = World()
    world.path(A, False)
    world.change(joined=(A,))
    world.change(joined=(C,))
    world.settle()
    world.change(joined=(B,))
    world.hung.add(B)
    world.settle()
    assert world.leaders() == {A}
    world.wait(election.SILENCE + 2)
    assert {world.views[me].leader(world.now) for me in (A, C)} == {C}
    # It goes on, and is of an older release, which knows no ways.
    world.hung.clear()
    world.old.add(B)
    world.wait(1)
    assert world.leaders() == {A}
