"""Any number of monitors, one group: at every quiet moment exactly one holds the office, and knows the ledger."""

import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from masakarimonitors.hostmonitor.observation import LedgerEntry
from masakarimonitors.hostmonitor.sources import pacemaker_office as office
from masakarimonitors.hostmonitor.sources.pacemaker_corosync import GroupChanged, GroupMessage, Process
from masakarimonitors.hostmonitor.sources.pacemaker_office import BEAT_MESSAGE, Chair
from masakarimonitors.notifications import HostStatus

AT = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
ENTRY = LedgerEntry(HostStatus.NORMAL, AT, True)


class World:
    """A perfect CPG group: one order of events for everybody."""

    def __init__(self) -> None:
        self.now = 0.0
        self.chairs: dict[Process, Chair] = {}
        self.queue: list[tuple[Process, bytes]] = []

    def settle(self) -> None:
        while self.queue:
            sender, payload = self.queue.pop(0)
            if sender not in self.chairs:
                continue  # it died before the message was ordered
            for me, chair in self.chairs.items():
                self.chairs[me] = office.received(chair, GroupMessage(sender, payload), self.now)

    def change(self, joined: tuple[Process, ...] = (), left: tuple[Process, ...] = ()) -> None:
        for who in left:
            del self.chairs[who]
        for who in joined:
            self.chairs[who] = Chair()
        event = GroupChanged(tuple(sorted(self.chairs)), joined, left)
        for me, chair in list(self.chairs.items()):
            self.chairs[me], answer = office.changed(chair, event, me, self.now)
            if answer is not None:
                self.queue.append((me, answer))

    def publish(self, who: Process, ledger: office.Ledger) -> None:
        self.chairs[who], message = office.published(self.chairs[who], ledger)
        self.queue.append((who, message))

    def wait(self, seconds: float, silent: frozenset[Process] = frozenset()) -> None:
        for _ in range(int(seconds)):
            self.now += 1.0
            for who in list(self.chairs):
                if who in silent:
                    continue
                self.chairs[who], answer = office.waited(self.chairs[who], self.now)
                if answer is not None:
                    self.queue.append((who, answer))
                self.queue.append((who, BEAT_MESSAGE))
            self.settle()

    def holders(self) -> set[Process | None]:
        return {chair.holder(self.now) for chair in self.chairs.values()}


A, B, C = (1, 100), (2, 100), (3, 100)


def test_alone_one_holds_the_office_at_once_and_knows_no_ledger() -> None:
    world = World()
    world.change(joined=(B,))
    assert world.holders() == {B} and world.chairs[B].ledger is None


def test_a_lower_newcomer_takes_over_with_the_ledger_at_one_point_of_the_order() -> None:
    world = World()
    world.change(joined=(B,))
    world.publish(B, {"n3": ENTRY})
    world.settle()
    world.change(joined=(A,))
    assert world.holders() == {B}  # the ledger is on its way
    world.settle()
    assert world.holders() == {A} and world.chairs[A].ledger == {"n3": ENTRY}


def test_the_holder_dies_before_it_told_the_newcomer() -> None:
    world = World()
    world.change(joined=(A,))
    world.change(joined=(C,))
    world.settle()
    world.publish(A, {"n9": ENTRY})
    world.settle()
    world.change(joined=(B,))
    world.change(left=(A,))  # its answer to B is lost with it
    world.settle()
    assert world.holders() == {B} and world.chairs[B].ledger == {"n9": ENTRY}


def test_a_member_that_hangs_is_passed_over_and_comes_back() -> None:
    world = World()
    world.change(joined=(A,))
    world.change(joined=(B,))
    world.settle()
    world.wait(30, silent=frozenset({A}))
    assert world.chairs[B].holder(world.now) == B
    world.wait(2)
    assert world.holders() == {A}


def test_a_holder_with_nothing_to_say_has_an_empty_ledger_in_the_end() -> None:
    world = World()
    world.change(joined=(B,))
    world.wait(7)
    world.change(joined=(A,))
    world.settle()
    assert world.chairs[A].ledger == {}


def test_newcomers_that_nobody_tells_help_themselves() -> None:
    world = World()
    world.change(joined=(A, B))  # both new at once: nobody was here before
    assert world.holders() == {None}
    world.wait(7)
    assert world.holders() == {A}


def test_the_ledger_survives_the_wire() -> None:
    ledger = {"n3": ENTRY, "r1": LedgerEntry(HostStatus.UNKNOWN, AT, False)}
    assert office.decode(office.encode(ledger, 7)) == (7, ledger)
    assert office.decode(office.encode(None, 0)) == (0, None)


@given(st.binary(max_size=80))
def test_what_cannot_be_read_is_a_beat(payload: bytes) -> None:
    chair = Chair(me=A, members=frozenset({A, B}), informed=frozenset({A}))
    after = office.received(chair, GroupMessage(B, payload), 5.0)
    assert after.heard[B] == 5.0
    assert after.ledger is None


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from("jlps"), st.integers(1, 4)), max_size=20))
def test_any_coming_and_going_ends_with_one_holder_who_knows_the_last_ledger(
    story: list[tuple[str, int]],
) -> None:
    world, last = World(), None
    for what, node in story:
        who = (node, 100)
        if what == "j" and who not in world.chairs:
            world.change(joined=(who,))
        elif what == "l" and who in world.chairs:
            world.settle()
            world.change(left=(who,))
            if not world.chairs:
                last = None
        elif what == "p" and len(holders := world.holders() - {None}) == 1:
            (holder,) = holders
            assert holder is not None
            last = {f"host{node}": ENTRY}
            world.publish(holder, last)
        elif what == "s":
            world.settle()
    world.settle()
    world.wait(7)
    if world.chairs:
        assert world.holders() == {min(world.chairs)}
        assert world.chairs[min(world.chairs)].ledger == (last if last is not None else {})
