"""The elections of the made-up cloud keep the promises of the real ones: never two leaders that may both be sure."""

import asyncio
import datetime
import random
from collections.abc import Awaitable, Callable

from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from tests.fixtures import fake_loop
from tests.fixtures.fake_loop import FakeLoop
from tests.world.elections import Group, Lock, SessionPromise
from tests.world.links import Link, Promises

HOSTS = ["a", "b", "c"]
ENTRY = {"x": LedgerEntry(HostStatus.NORMAL, datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))}
SESSION = SessionPromise(renew=5.0, sure=10.0, lapse=(10.0, 20.0), bound=True)


def hold(play: Callable[[Link, Lock, Group], Awaitable[None]]) -> None:
    async def main(loop: FakeLoop) -> None:
        promises = Promises(lost=(5.0, 7.0), back=(1.0, 2.0), voters=3)
        link = Link("net", promises, HOSTS, loop, random.Random(1))
        await play(link, Lock(link, loop, random.Random(2), SESSION), Group(link, loop))

    fake_loop.run(main)


def test_the_lock_has_one_holder_who_renews_it() -> None:
    async def play(link: Link, lock: Lock, group: Group) -> None:
        assert lock.take_part("a", True).good_for == 10.0
        assert lock.take_part("b", True).holder == "a"
        await asyncio.sleep(6.0)
        assert lock.take_part("a", True).good_for == 10.0
        await asyncio.sleep(3.0)
        assert lock.take_part("a", True).good_for == 7.0

    hold(play)


def test_nobody_follows_a_holder_before_that_one_has_stopped_being_sure() -> None:
    async def play(link: Link, lock: Lock, group: Group) -> None:
        lock.take_part("a", True)
        lock.refuse_writes()
        for second in range(1, 40):
            await asyncio.sleep(1.0)
            own = lock.take_part("a", True)
            assert (own.good_for > 0) == (second < 10)
            if second < 10:
                assert lock.take_part("b", True).holder == "a"
        assert not lock.take_part("b", True).holder
        lock.admit()
        assert lock.take_part("b", True).holder == "b"

    hold(play)


def test_a_session_ends_with_its_node_and_at_a_clean_stop() -> None:
    async def play(link: Link, lock: Lock, group: Group) -> None:
        lock.take_part("a", True)
        lock.leave("a")
        assert lock.take_part("b", True).holder == "b"
        link.power("b", False)
        await asyncio.sleep(8.0)
        assert lock.take_part("c", True).holder == "c"

    hold(play)


def test_whoever_has_a_way_goes_first_and_the_ledger_is_the_holders() -> None:
    async def play(link: Link, lock: Lock, group: Group) -> None:
        lock.take_part("b", True)
        assert lock.write("b", ENTRY) and lock.ledger == ENTRY
        assert lock.write("c", {}) and lock.ledger == ENTRY
        lock.take_part("c", True)
        assert not lock.take_part("b", False).good_for
        standing = lock.take_part("c", True)
        assert (standing.holder, standing.ledger) == ("c", ENTRY)
        lock.lose()
        assert lock.take_part("a", True).ledger is None

    hold(play)


def test_the_groups_first_informed_member_leads_and_its_ledger_lives_in_its_members() -> None:
    async def play(link: Link, lock: Lock, group: Group) -> None:
        assert not group.take_part("b", True).holder
        await asyncio.sleep(5.0)
        assert group.take_part("b", True).holder == "b"
        assert group.write("b", ENTRY)
        group.take_part("a", True)
        assert group.take_part("b", True).holder == "b"
        await asyncio.sleep(0.3)
        standing = group.take_part("a", True)
        assert (standing.holder, standing.ledger) == ("a", ENTRY)
        assert group.take_part("a", False).holder == "b"
        group.leave("a")
        group.leave("b")
        assert group.ledger is None

    hold(play)


def test_who_is_not_with_the_majority_is_in_no_election() -> None:
    async def play(link: Link, lock: Lock, group: Group) -> None:
        link.split(["a"])
        assert not lock.take_part("a", True).holder
        assert not group.take_part("a", True).holder
        assert not lock.write("a", ENTRY) and not group.write("a", ENTRY)

    hold(play)
