"""Every record that any sequence of looks can lead to, found breadth first, and what must hold in each.

A record's times are taken relative to the look and cut into those that make a difference, so that there are
finitely many; from each, every glance that there can be is tried after every wait that makes a difference.
"""

import datetime
import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.observation import Work
from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import (
    Expected,
    Fencing,
    MonNode,
    NodeState,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.records.record import (
    FRESH,
    GOODBYE,
    Farewell,
    Fenced,
    Glance,
    HostRecord,
    Presence,
    Trouble,
    observe,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.records.table import Condition, line_of
from tests.fixtures.collecting import seldom

PATIENCE = 30.0
WAITS = (1.0, PATIENCE, FRESH + 1)
WALL = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
NOW = 10_000.0
LOOKED = Instant(NOW, WALL)
FENCINGS = (
    None,
    Fencing(succeeded=True, key="new", by="n3", reboot=False, completed=WALL),
)


def members() -> Iterator[Glance]:
    """Every glance at a member; what says nothing new is left out."""
    for in_ccm, controller, expected, erased, unclean, fencing in itertools.product(
        (True, False, None), (True, False), Expected, (True, False), (True, False), FENCINGS
    ):
        if controller and not in_ccm:
            continue  # its controller is asked about only where it is a member
        node = NodeState(
            id="2",
            name="n2",
            remote=False,
            in_ccm=in_ccm,
            controller=controller,
            expected=expected,
            erased=erased,
            fenced_at=0,
            goodbye=False,
        )
        seen = MonNode(online=in_ccm is True and controller, unclean=unclean, guest=False)
        yield Glance(node=node, seen=seen, fencing=fencing, stonith=True)


def remotes(*works: Work) -> Iterator[Glance]:
    """Every glance at a remote, with these kinds of planned work."""
    goodbyes: tuple[tuple[bool, float | None], ...] = ((False, None), (True, None), (False, NOW))
    fencings: tuple[tuple[bool, bool], ...] = ((False, False), (False, True), (True, True))
    if works != (Work.NONE,):  # it has to do with nothing but whether the host is there
        goodbyes, fencings = ((False, None),), ((False, True),)
    for in_ccm, fenced, (goodbye, alerted), (unclean, stonith), wanted, work in itertools.product(
        (True, False, None), (0, 1795335541), goodbyes, fencings, (True, False), works
    ):
        node = NodeState(
            id="r1",
            name="r1",
            remote=True,
            in_ccm=in_ccm,
            controller=None,
            expected=Expected.UNKNOWN,
            erased=True,
            fenced_at=fenced,
            goodbye=goodbye,
        )
        seen = MonNode(online=in_ccm is True, unclean=unclean, guest=False, remote=True)
        yield Glance(
            node=node,
            seen=seen,
            fencing=None,
            stonith=stonith,
            wanted=wanted,
            work=work,
            goodbye_at=alerted,
        )


def cut(record: HostRecord) -> HostRecord:
    """The record with its times as if the look had been at NOW, and as coarse as they matter."""
    assert record.looked_at is not None
    shift = NOW - record.looked_at.monotonic

    def since(second: float | None, *marks: float) -> float | None:
        if second is None:
            return None
        age = NOW - second - shift
        return NOW - next((mark for mark in marks if age <= mark), marks[-1])

    def moment(at: Instant | None, *marks: float) -> Instant | None:
        age = since(at.monotonic, *marks) if at is not None else None
        return Instant(age, WALL) if age is not None else None

    return replace(
        record,
        looked_at=LOOKED,
        connected_since=None,  # it spends good-byes of before it, and none that is heard here is older than a look
        lost_since=since(record.lost_since, 0.0, GOODBYE, PATIENCE - 1, PATIENCE),
        fenced_at=moment(record.fenced_at, 0.0, FRESH, FRESH + 1),
        leaving_at=moment(record.leaving_at, GOODBYE, GOODBYE + 1),
        work_ended=NOW - 1 if record.work_ended is not None else None,
    )


def explored(glances: list[Glance], start: HostRecord) -> dict[HostRecord, list[tuple[Glance, HostRecord]]]:
    """Each record that can be reached -> what each glance makes of it (uncut, as it is judged)."""
    found: dict[HostRecord, list[tuple[Glance, HostRecord]]] = {}
    waiting = [start]
    while waiting:
        before = waiting.pop()
        if before in found:
            continue
        moves = found[before] = []
        for glance, wait in itertools.product(glances, WAITS):
            now = Instant(NOW + wait, WALL + datetime.timedelta(seconds=wait))
            after = observe(before, glance, now, PATIENCE)
            moves.append((glance, after))
            waiting.append(cut(after))
    return found


GLANCES = {
    "members": list(members()),
    "remotes": list(remotes(Work.NONE)),
    "remotes at work": list(remotes(Work.NONE, Work.MAINTENANCE)),
}


@pytest.fixture(
    scope="module",
    # What is found costs seconds and is the same for all of them: one worker finds it, for its tests.
    params=[pytest.param(name, marks=pytest.mark.xdist_group(f"records of {name}")) for name in GLANCES],
)
def moves(request: pytest.FixtureRequest) -> list[tuple[HostRecord, Glance, HostRecord]]:
    glances = GLANCES[request.param]
    with seldom():
        found = explored(glances, HostRecord(remote=glances[0].node.remote, looked_at=LOOKED))
        assert len(found) > 30
        return [(before, glance, after) for before, ends in found.items() for glance, after in ends]


Moves = list[tuple[HostRecord, Glance, HostRecord]]


def test_proof_is_a_fencing_that_is_fresh_and_new(moves: Moves) -> None:
    for before, glance, after in moves:
        if line_of(after).condition is Condition.DOWN:
            assert glance.node.in_ccm is False and after.fenced_at is not None and after.looked_at is not None
            assert after.looked_at.monotonic - after.fenced_at.monotonic <= FRESH
            assert after.fenced_key != after.known or glance.node.remote
            assert glance.node.fenced_at or before.crashed or glance.fencing is not None


def test_who_is_there_is_up_and_forgives_everything(moves: Moves) -> None:
    for _before, _glance, after in moves:
        if line_of(after).condition is Condition.UP:
            assert after.seen_up and not after.crashed and after.lost_since is None
            assert after.fenced is Fenced.NO and after.trouble is Trouble.CALM


def test_whoever_is_away_has_a_reason_or_a_limit(moves: Moves) -> None:
    for _before, glance, after in moves:
        row = line_of(after)
        if row.condition is not Condition.UNSURE or after.presence in (Presence.HERE, Presence.HALF):
            continue
        never_in_service = not glance.node.remote and not after.seen_up
        if after.trouble is Trouble.DROPPED:
            assert after.lost_since is not None and after.looked_at is not None
            assert after.looked_at.monotonic - after.lost_since <= GOODBYE
        else:
            assert row.bounded
        assert after.lost_since is not None or never_in_service or glance.online


def test_nobody_has_left_without_a_word_or_a_will(moves: Moves) -> None:
    for before, glance, after in moves:
        if line_of(after).condition is not Condition.AGENT_STOPPED:
            continue
        told = glance.goodbye_at is not None or before.leaving_at is not None
        said = glance.node.goodbye or told or before.farewell is Farewell.SAID
        stopped = not glance.node.remote and glance.node.expected is Expected.DOWN
        assert said or stopped or not glance.wanted


def test_a_crash_is_not_excused_afterwards(moves: Moves) -> None:
    for before, glance, after in moves:
        if before.crashed and after.presence is Presence.AWAY and glance.wanted:
            assert line_of(after).condition in (Condition.SUSPECT, Condition.DOWN)


def test_planned_work_ends(moves: Moves) -> None:
    for before, glance, after in moves:
        if glance.work is Work.NONE and after.work is not Work.NONE:
            assert after.work_ended is not None and after.looked_at is not None
            assert after.looked_at.monotonic - PATIENCE < after.work_ended <= after.looked_at.monotonic
            assert before.work is after.work and not after.up
