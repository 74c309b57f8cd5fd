"""Elections under schedules that chance has made: never two leaders, and soon one, or all know that there is none.

That nothing is found means something only because an election that is broken is found out: the last tests break one.
"""

import random
from collections.abc import Awaitable, Callable

import pytest

from masakarimonitors.hostmonitor.core.observation import NoElection
from masakarimonitors.hostmonitor.drivers.kubernetes.leadership.elector import LeaseElector
from tests.fixtures import fake_loop
from tests.fixtures.fake_loop import FakeLoop
from tests.world.electing import QUIET, Contest, ElectionFault, disturb, mend
from tests.world.real_group import RealGroup
from tests.world.real_lease import RealLease
from tests.world.story import files
from tests.world.world import ENGINES

SEEDS = range(6)
Play = Callable[[Contest], Awaitable[None]]


def hold(engine: str, seed: int, play: Play | int, count: int = 0) -> None:
    """`play`: what happens, or how many things chance lets happen."""
    random.seed(seed)

    async def main(loop: FakeLoop) -> None:
        async with Contest(loop, engine, folder, seed, count or 3 + seed % 3) as contest:
            if isinstance(play, int):
                await disturb(contest, play)
                await mend(contest)
            else:
                await play(contest)

    with files() as folder:
        fake_loop.run(main)


def leader(contest: Contest) -> str:
    """Who leads; one does."""
    (name,) = [one.host for one in contest.all.values() if one.leads]
    return name


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", SEEDS)
def test_never_two_lead_and_soon_one_does(seed: int, engine: str) -> None:
    hold(engine, seed, 20 if engine != "consul" else 8)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_leader_without_a_way_to_masakari_gives_its_place_to_one_that_has_one(engine: str) -> None:
    async def play(contest: Contest) -> None:
        first = leader(contest)
        contest.all[first].set_path(False)
        await contest.wait(40.0)
        second = leader(contest)
        assert second != first
        for one in contest.all.values():
            one.set_path(one.host == first)
        await contest.wait(40.0)
        assert leader(contest) == first

    hold(engine, 1, play)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_leader_that_is_cut_off_has_stopped_before_another_begins(engine: str) -> None:
    async def play(contest: Contest) -> None:
        first = leader(contest)
        contest.link.split([first])
        await contest.wait(60.0)
        assert leader(contest) != first
        contest.link.join([first])
        await contest.wait(QUIET)

    for seed in range(3):
        hold(engine, seed, play)


def test_a_leader_whose_corosync_hangs_has_stopped_before_another_begins() -> None:
    async def play(contest: Contest) -> None:
        first = leader(contest)
        assert isinstance(contest.store, RealGroup)
        contest.store.hang(first)
        await contest.wait(QUIET)
        assert leader(contest) != first
        contest.store.hang(first, False)
        await contest.wait(QUIET)

    for seed in range(3):
        hold("pacemaker", seed, play)


@pytest.mark.parametrize("engine", ["kubernetes", "pacemaker"])
@pytest.mark.parametrize("seconds", [9.0, 16.0, 19.9, 21.0, 45.0])
def test_one_that_stood_still_does_not_lead_beside_another(engine: str, seconds: float) -> None:
    async def play(contest: Contest) -> None:
        for host in list(contest.all):
            contest.freeze(host)
            await contest.wait(seconds)
            contest.thaw(host)
            await contest.wait(QUIET)

    hold(engine, 3, play)


def test_a_lease_that_somebody_deletes_has_no_second_holder_beside_the_first() -> None:
    async def play(contest: Contest) -> None:
        assert isinstance(contest.store, RealLease)
        contest.store.lose()
        await contest.wait(QUIET)
        leader(contest)

    for seed in range(3):
        hold("kubernetes", seed, play)


@pytest.mark.parametrize("status", [403, 404, 422, 500])
def test_where_nobody_can_write_all_say_so_in_time(status: int) -> None:
    async def play(contest: Contest) -> None:
        assert isinstance(contest.store, RealLease)
        contest.store.refuse_writes(status)
        await contest.wait(60.0)
        words = [one.word for one in contest.all.values()]
        assert all(isinstance(word, NoElection) and contest.now - word.since > 20.0 for word in words)
        contest.store.admit()
        await contest.wait(QUIET)
        leader(contest)

    hold("kubernetes", 1, play)


def test_a_lease_that_is_believed_for_too_long_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its holder alone: the others wait for as long as ever."""
    believed = LeaseElector._renewed_for
    monkeypatch.setattr(LeaseElector, "_renewed_for", lambda self, _seconds, now: believed(self, 40.0, now))

    async def play(contest: Contest) -> None:
        assert isinstance(contest.store, RealLease)
        contest.store.mute.add(leader(contest))
        await contest.wait(60.0)

    with pytest.raises(ElectionFault, match="lead at one time"):
        hold("kubernetes", 1, play)


def test_a_group_whose_lost_leader_is_not_waited_for_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who wait: the one that leads believes in its own authority as ever."""
    monkeypatch.setattr("masakarimonitors.hostmonitor.drivers.pacemaker.corosync.election.AUTHORITY", 0.0)

    async def play(contest: Contest) -> None:
        assert isinstance(contest.store, RealGroup)
        contest.store.hang(leader(contest))
        await contest.wait(60.0)

    # Whether the two meet is chance: the lost one was heard of, and believes in itself, by its own beats.
    with pytest.raises(ElectionFault, match="lead at one time"):
        for seed in SEEDS:
            hold("pacemaker", seed, play)
