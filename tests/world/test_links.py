"""A link declares what its engine would: later than the truth, by a majority, and not while nobody leads."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from masakarimonitors.hostmonitor.core.observation import Membership
from tests.fixtures import fake_loop
from tests.fixtures.fake_loop import FakeLoop
from tests.world.links import Link, Promises

HOSTS = ["a", "b", "c", "d", "e"]
UP, DOWN, LEFT = Membership.UP, Membership.DOWN, Membership.LEFT


def watch(play: Callable[[Link], Awaitable[None]], voters: int = 3) -> None:
    async def main(loop: FakeLoop) -> None:
        promises = Promises(lost=(5.0, 7.0), back=(1.0, 2.0), left=(0.3, 0.5), voters=voters)
        await play(Link("net", promises, HOSTS, loop, random.Random(1)))

    fake_loop.run(main)


def test_a_loss_is_declared_later_and_so_is_its_end() -> None:
    async def play(link: Link) -> None:
        link.power("e", False)
        await asyncio.sleep(4.9)
        assert link.declared["e"] is UP and not link.lives("e")
        await asyncio.sleep(2.2)
        assert link.declared["e"] is DOWN
        link.power("e", True)
        await asyncio.sleep(2.1)
        assert link.declared["e"] is UP

    watch(play)


def test_a_cut_that_ends_in_time_is_never_declared() -> None:
    async def play(link: Link) -> None:
        link.split(["e"])
        await asyncio.sleep(4.0)
        link.join(["e"])
        await asyncio.sleep(20.0)
        assert link.since["e"] == 0.0

    watch(play)


def test_who_says_good_bye_has_left_and_is_not_missed_afterwards() -> None:
    async def play(link: Link) -> None:
        link.agent("e", False)
        await asyncio.sleep(1.0)
        assert link.declared["e"] is LEFT
        link.power("e", False)
        await asyncio.sleep(60.0)
        assert link.declared["e"] is LEFT

    watch(play)


def test_the_side_with_most_voters_sees_and_declares() -> None:
    async def play(link: Link) -> None:
        link.split(["a", "d"])
        assert [host for host in HOSTS if link.sees(host)] == ["b", "c", "e"]
        await asyncio.sleep(8.0)
        assert [host for host in HOSTS if link.declared[host] is DOWN] == ["a", "d"]
        assert link.reaches("a", "d") and not link.reaches("a", "b")

    watch(play)


def test_without_a_majority_nobody_sees_and_nothing_is_declared() -> None:
    async def play(link: Link) -> None:
        link.power("a", False)
        link.power("b", False)
        await asyncio.sleep(60.0)
        assert not any(link.sees(host) for host in HOSTS)
        assert set(link.declared.values()) == {UP}
        link.power("b", True)
        await asyncio.sleep(8.0)
        assert link.declared["a"] is DOWN

    watch(play)


def test_without_a_leader_it_waits() -> None:
    async def play(link: Link) -> None:
        link.lose_leader(30.0)
        link.power("e", False)
        await asyncio.sleep(29.0)
        assert link.declared["e"] is UP and not link.sees("a")
        await asyncio.sleep(9.0)
        assert link.declared["e"] is DOWN and link.sees("a")

    watch(play)


def test_a_control_plane_elsewhere_decides_alone() -> None:
    async def play(link: Link) -> None:
        link.split(["a", "b", "c", "d"])
        await asyncio.sleep(8.0)
        assert link.sees("e") and link.declared["a"] is DOWN

    watch(play, voters=0)
