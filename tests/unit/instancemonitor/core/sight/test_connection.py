"""The table of how a libvirt stands: right after every order of all that can come, and two of them in the core."""

from collections.abc import Iterator
from itertools import product

import pytest

from masakarimonitors.core.decision import JSON, Instant, Notify, Woken
from masakarimonitors.instancemonitor.core.decision import Decider
from masakarimonitors.instancemonitor.core.evidence.first_look import FIRST_LOOK
from masakarimonitors.instancemonitor.core.memory import restore
from masakarimonitors.instancemonitor.core.observation import (
    Census,
    Identity,
    LibvirtAway,
    LibvirtBack,
    Observation,
)
from masakarimonitors.instancemonitor.core.sight.connection import TABLE, Connection, Libvirt, Shift, move
from masakarimonitors.instancemonitor.core.state import Policy, State
from masakarimonitors.libvirt.domain_state import ShutoffReason
from tests.fixtures.instance_play import Play, off, running

NOW = Play().now


def test_the_table_is_whole() -> None:
    assert set(TABLE) == {(connection, shift) for connection in Connection for shift in Shift}


def last(shifts: tuple[Shift, ...], *of: Shift) -> int:
    """Where the last of these came, counted from 1; 0: none did."""
    return max((at for at, shift in enumerate(shifts, 1) if shift in of), default=0)


@pytest.mark.parametrize(("begin", "count"), [(Connection.AWAITED, 5), (Connection.UNREAD, 3)])
def test_each_state_is_what_has_happened(begin: Connection, count: int) -> None:
    """All orders of so many shifts, each judged by itself: from the whole past, and not from a state."""
    for shifts in product(Shift, repeat=count):
        now = begin
        for shift in shifts:
            now = move(now, shift)
        taken, judged = last(shifts, Shift.TAKEN), last(shifts, Shift.JUDGED)
        away = last(shifts, Shift.LOST) > last(shifts, Shift.HEARD)
        assert now.is_away is away, shifts
        assert now.is_read is (taken > 0), shifts
        given_up = Shift.GIVEN_UP in shifts
        assert now.is_awaited is (begin is Connection.AWAITED and not taken and not given_up), shifts
        assert now.is_due is (taken > judged), shifts
        first = shifts.index(Shift.TAKEN) if taken else len(shifts)
        assert now.is_noted is (Shift.JUDGED in shifts[first:]), shifts
        assert (now is Connection.SETTLED) is is_settled(shifts), shifts


def is_settled(shifts: tuple[Shift, ...]) -> bool:
    """Whether it was heard from its last look on until that was judged, and no loss and no other look came since."""
    taken = last(shifts, Shift.TAKEN)
    if not taken or Shift.JUDGED not in shifts[taken:]:
        return False
    judged = shifts.index(Shift.JUDGED, taken)
    heard = last(shifts[:taken], Shift.LOST) <= last(shifts[:taken], Shift.HEARD)
    return heard and Shift.LOST not in shifts[taken:] and Shift.BEGINS not in shifts[judged:]


@pytest.mark.parametrize("connection", Connection)
def test_one_that_is_lost_and_heard_again_is_as_it_was_but_behind(connection: Connection) -> None:
    lost = move(connection, Shift.LOST)
    assert lost.is_away and move(lost, Shift.LOST) is lost
    back = move(lost, Shift.HEARD)
    as_it_was = move(connection, Shift.HEARD)
    behind = {
        Connection.SETTLED: Connection.BEHIND,
        Connection.READ: Connection.READ_MISSED,
        Connection.READ_AGAIN: Connection.READ_AGAIN_MISSED,
    }
    assert back is behind.get(as_it_was, as_it_was)


def test_what_is_new_was_not_read() -> None:
    assert Libvirt().shifted(Shift.LOST).sight is Connection.AWAY_UNREAD
    assert State().libvirt("qemu:///new") == Libvirt() and not State().away and not State().awaited


# ---- two libvirts, and one instance at each that was up: the core as a whole, breadth-first

HERE, THERE = "qemu:///here", "qemu:///there"
URIS = (HERE, THERE)


def restored() -> State:
    memory: dict[str, dict[str, JSON]] = {
        f"machine:{at}": {"name": f"instance-{at}", "uri": uri, "condition": "up", "since": 500.0}
        for at, uri in enumerate(URIS)
    }
    return restore(memory, "b", URIS)


def what_may_come(state: State) -> Iterator[Observation | Woken]:
    for at, uri in enumerate(URIS):
        identity = Identity(str(at), f"instance-{at}", uri)
        yield LibvirtAway(uri, "gone")
        yield LibvirtBack(uri)
        yield Census(uri, (running(identity),), 0)
        yield Census(uri, (off(ShutoffReason.CRASHED, instance=identity),), 0)
    if state.waits_until is not None:
        yield Woken(FIRST_LOOK)


def test_of_two_libvirts_nobody_is_accused_while_the_other_one_is_awaited() -> None:
    decide, seen, ahead = Decider(Policy("compute-1", boot_id="b")), set(), [restored()]
    while ahead:
        state = ahead.pop()
        for thing in what_may_come(state):
            seconds = NOW.monotonic if state.waits_until is None else state.waits_until
            after, decision = decide(state, thing, Instant(seconds, NOW.wall))
            read = thing.uri if isinstance(thing, Census) else ""
            accused = any(isinstance(command, Notify) for command in decision.commands)
            assert not (accused and after.awaited - {read}), thing
            waiting = {uri for uri, _ in after.aside}
            for uri in URIS:
                sight = after.libvirt(uri).sight
                assert sight.is_due is (uri in waiting), "what waits is all that keeps a look from the disk"
                assert sight.is_noted is (uri in after.looked)
            key = (
                tuple(after.libvirt(uri).sight for uri in URIS),
                tuple(one.phase for one in after.instances.values()),
                frozenset(waiting),
            )
            if key not in seen:
                seen.add(key)
                ahead.append(after)
    assert {sight for sights, *_ in seen for sight in sights} == set(Connection), "each is met"
