"""What survives a restart, and what a later version may have written into it."""

import datetime
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.core.decision import JSON, Instant
from masakarimonitors.hostmonitor.core.observation import Work
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import Expected, NodeState
from masakarimonitors.hostmonitor.drivers.pacemaker.records.kept import kept, restored
from masakarimonitors.hostmonitor.drivers.pacemaker.records.record import (
    FRESH,
    Farewell,
    Fenced,
    Glance,
    HostRecord,
    observe,
)
from tests.unit.hostmonitor.drivers.pacemaker.glances import GONE, IN_HISTORY, NOW, WALL

LATER = Instant(50.0, WALL + datetime.timedelta(seconds=FRESH + 1))  # another start of the host, too


@given(
    st.builds(
        HostRecord,
        remote=st.booleans(),
        farewell=st.sampled_from([Farewell.NONE, Farewell.SAID]),
        seen_up=st.booleans(),
        crashed=st.booleans(),
        known=st.none() | st.just("k"),
        fenced_key=st.sampled_from(["", "k"]),
        fenced_at=st.none() | st.just(NOW),
        leaving_at=st.none() | st.just(NOW),
        rebooted=st.booleans(),
        work=st.sampled_from(Work),
    )
)
def test_what_is_kept_is_what_is_restored(record: HostRecord) -> None:
    before = HostRecord(
        remote=record.remote,
        farewell=record.farewell,
        seen_up=record.seen_up,
        crashed=record.crashed,
        known=record.known,
        fenced_key=record.fenced_key,
        fenced_at=record.fenced_at,
        leaving_at=record.leaving_at,
        rebooted=record.rebooted if record.fenced_key else True,
        work=record.work,
    )
    assert restored(kept(record), NOW) == before


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=30)
WORDS = st.sampled_from(
    [
        "remote",
        "up",
        "crashed",
        "work",
        "goodbye",
        "known",
        "fenced",
        "fenced_at",
        "leaving_at",
        "rebooted",
        "x",
    ]
)


@given(st.dictionaries(WORDS, SCALARS | st.lists(SCALARS, max_size=2)))
def test_whatever_stands_there_is_read(words: dict[str, JSON]) -> None:
    record = restored(words, NOW)
    assert record.looked_at is None and record.fenced is Fenced.NO


def test_a_proof_of_before_the_restart_is_as_old_as_it_is() -> None:
    crashed = HostRecord(remote=False, crashed=True, looked_at=after(-1.0))
    glance = Glance(node=GONE, seen=None, fencing=None, stonith=True)
    proven = observe(crashed, glance, NOW, 30.0)
    assert proven.fenced is Fenced.FRESH
    soon = Instant(10.0, WALL + datetime.timedelta(seconds=10))
    assert observe(restored(kept(proven), soon), glance, soon, 30.0).fenced is Fenced.FRESH
    assert observe(restored(kept(proven), LATER), glance, LATER, 30.0).fenced is Fenced.STALE


REMOTE = Glance(
    node=NodeState(
        id="r1",
        name="r1",
        remote=True,
        in_ccm=True,
        controller=None,
        expected=Expected.UNKNOWN,
        erased=True,
        fenced_at=0,
        goodbye=False,
    ),
    seen=None,
    fencing=None,
    stonith=False,
)
AWAY = replace(REMOTE, node=replace(REMOTE.node, in_ccm=False))


def after(seconds: float) -> Instant:
    return Instant(NOW.monotonic + seconds, NOW.wall + datetime.timedelta(seconds=seconds))


def test_a_goodbye_of_before_the_restart_still_counts() -> None:
    left = HostRecord(remote=True, farewell=Farewell.SAID, looked_at=after(-1.0))
    assert observe(restored(kept(left), NOW), AWAY, NOW, 30.0).farewell is Farewell.SAID


LOST_AFTER = [(5.0, Farewell.SAID), (20.0, Farewell.SAID), (90.0, Farewell.NONE)]


@pytest.mark.parametrize(("seconds", "farewell"), LOST_AFTER)
def test_a_goodbye_that_was_heard_before_the_restart_excuses_the_loss_during_it(
    seconds: float, farewell: Farewell
) -> None:
    """Only an alert told of it, and this monitor was away when the connection went."""
    up = observe(HostRecord(remote=True, looked_at=after(-10.0)), REMOTE, NOW, 30.0)
    leaving = observe(up, replace(REMOTE, goodbye_at=NOW.monotonic + 1), after(1.1), 30.0)
    began = after(seconds)
    again = restored(kept(leaving), began, looked_at=after(1.1))
    assert observe(again, AWAY, began, 30.0).farewell is farewell


def test_a_goodbye_that_a_return_has_followed_excuses_nothing_after_the_restart() -> None:
    up = observe(HostRecord(remote=True, looked_at=after(-10.0)), REMOTE, NOW, 30.0)
    heard = NOW.monotonic + 1
    left = observe(up, replace(AWAY, goodbye_at=heard), after(1.1), 30.0)
    assert left.farewell is Farewell.SAID
    back = observe(left, replace(REMOTE, goodbye_at=heard), after(3.0), 30.0)
    again = restored(kept(back), after(8.0), looked_at=after(3.0))
    assert observe(again, AWAY, after(8.0), 30.0).farewell is Farewell.NONE


def test_a_goodbye_of_the_first_moments_is_not_taken_for_one_of_before_the_connection() -> None:
    """The cluster has to settle before anything is looked at, and the alert came meanwhile."""
    first = observe(None, replace(REMOTE, goodbye_at=NOW.monotonic - 2), NOW, 30.0)
    lost = observe(first, replace(AWAY, goodbye_at=NOW.monotonic - 2), after(1.0), 30.0)
    assert (first.up, lost.farewell) == (True, Farewell.SAID)


def test_a_proof_from_the_future_is_no_proof() -> None:
    """The clock of this host was an hour ahead when it was kept, or has not been set since it was started."""
    proven = observe(
        HostRecord(remote=False, crashed=True, looked_at=after(-1.0), known=""), IN_HISTORY, NOW, 30.0
    )
    early = Instant(50.0, WALL - datetime.timedelta(hours=1))
    assert (
        observe(restored(kept(proven), early, Instant(49.0, early.wall)), IN_HISTORY, early, 30.0).fenced
        is Fenced.STALE
    )


def test_work_that_ends_while_the_monitor_is_away_ends_when_it_is_back() -> None:
    """So that a host which has to come back from it is given the time for that."""
    at_work = HostRecord(remote=False, seen_up=True, work=Work.MAINTENANCE)
    first = observe(restored(kept(at_work), LATER), IN_HISTORY, LATER, patience=30.0)
    assert (first.work, first.work_ended) == (Work.MAINTENANCE, LATER.monotonic)
