"""From a person's wish to a silence: what is refused, what is shared first, and what the store is given back."""

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from masakarimonitors.core.silences.book import SilencesSeen
from masakarimonitors.core.silences.silence import LARGEST, MOST, Silence, merged, write
from masakarimonitors.core.silences.wish import Add, End, Wish
from masakarimonitors.silencing.desk import AGAIN, NotShared, SilenceDesk
from tests.fixtures.fake_clock import EPOCH, FakeClock, settle
from tests.fixtures.silences import ended, silence


class Store:
    """What all monitors share; `fault`: why nothing is taken."""

    def __init__(self) -> None:
        self.there: dict[str, Silence] = {}
        self.fault = ""
        self.lost = False
        self.asked = 0

    async def share(self, silences: Sequence[Silence]) -> None:
        self.asked += 1
        if self.fault and not self.lost:
            raise NotShared(self.fault)
        self.there = dict(merged(self.there.values(), silences))
        if self.lost:
            self.lost = False
            raise NotShared(self.fault)


class Stage:
    def __init__(self, store: Store | None, leads: bool = False, **more: Any) -> None:
        self.clock = FakeClock()
        self.store = store
        self.leads = leads
        self.desk = SilenceDesk(
            self.clock,
            kinds=("all", "host:", "domain:"),
            share=None if store is None else store.share,
            leads=lambda: self.leads,
            **more,
        )
        self.told: list[SilencesSeen] = []

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.get_running_loop().create_task(self.desk.run(self.told.append))
        try:
            await settle()
            yield
        finally:
            task.cancel()
            await settle()

    def wish(self, target: str = "host:node05", seconds: float = 3600.0, why: str = "firmware") -> Wish:
        until = self.clock.now().wall + datetime.timedelta(seconds=seconds)
        return Wish(what=Add(target=target, until=until), who="alice", why=why)

    def last(self) -> Silence:
        (one,) = self.told[-1].silences
        return one


async def test_what_is_asked_for_is_shared_first_and_told_then() -> None:
    store = Store()
    on = Stage(store)
    async with on.running():
        answer = await on.desk.ask(on.wish())
        await settle()
    (one,) = store.there.values()
    assert answer.done and one.key in answer.said and answer.key == one.key and on.last() == one
    assert (one.target, one.author, one.reason, one.made) == ("host:node05", "alice", "firmware", EPOCH)
    assert one.until == EPOCH + datetime.timedelta(hours=1)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"target": "node05"}, "nothing that can be silenced"),
        ({"target": "process:nova-compute"}, "does not report about"),
        ({"target": "domain:rack9"}, "no such rack"),
        ({"why": "  "}, "give a reason"),
        ({"seconds": 0.0}, "is over; this host's clock says 2026-01-01 00:00:00 UTC"),
        ({"seconds": 90_000.0}, "longest_silence, 86400 s allows: until 2026-01-02 00:00:00 UTC"),
    ],
)
async def test_what_is_refused(change: dict[str, Any], complaint: str) -> None:
    on = Stage(Store(), objection=lambda target: "no such rack" if target == "domain:rack9" else "")
    answer = await on.desk.ask(on.wish(**change))
    assert not answer.done and "Nothing is silenced: " in answer.said and complaint in answer.said
    assert on.store is not None and on.store.there == {} and on.told == []


async def test_no_more_than_the_most() -> None:
    on = Stage(None, known=[silence(f"s{n}", EPOCH) for n in range(MOST)])
    assert "already" in (await on.desk.ask(on.wish())).said
    await on.clock.advance(3 * 3600)
    assert (await on.desk.ask(on.wish())).done


async def test_what_cannot_be_shared_is_no_silence() -> None:
    store = Store()
    store.fault = "no leader"
    on = Stage(store)
    async with on.running():
        answer = await on.desk.ask(on.wish())
        await settle()
        assert not answer.done and "no leader" in answer.said
        assert on.last().ended is not None, "if it turns up all the same it holds nothing here"


async def test_one_that_was_written_though_nobody_heard_it_is_ended_in_the_store() -> None:
    store = Store()
    store.fault, store.lost = "no answer", True
    on = Stage(store)
    async with on.running():
        assert not (await on.desk.ask(on.wish())).done
        (one,) = store.there.values()
        store.fault = ""
        await on.clock.advance(AGAIN + 1)
        assert store.there[one.key].ended is not None


async def test_a_store_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(silences: Sequence[Silence]) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("masakarimonitors.silencing.desk.PATIENCE", 0.01)
    desk = SilenceDesk(FakeClock(), kinds=("host:",), share=hang)
    answer = await desk.ask(Stage(None).wish())
    assert not answer.done and "no answer in time" in answer.said


async def test_an_end_counts_at_once_and_is_shared_as_soon_as_it_can_be() -> None:
    one = silence("s1", EPOCH)
    store = Store()
    store.there = {"s1": one}
    on = Stage(store, known=[one])
    async with on.running():
        store.fault = "no leader"
        answer = await on.desk.ask(Wish(what=End("s1"), who="bob", why="done early"))
        await settle()
        assert answer.done and "cannot be told yet (no leader)" in answer.said
        assert on.last().ended_by == "bob: done early" and store.there["s1"].ended is None
        store.fault = ""
        await on.clock.advance(AGAIN + 1)
        assert store.there["s1"].ended is not None


@pytest.mark.parametrize("known", [[], [ended(silence("s1", EPOCH))], [silence("s1", EPOCH, seconds=1.0)]])
async def test_what_does_not_hold_is_not_ended(known: list[Silence]) -> None:
    on = Stage(None, known=known)
    await on.clock.advance(2)
    answer = await on.desk.ask(Wish(what=End("s1"), who="bob"))
    assert not answer.done and "No silence s1 holds here" in answer.said


async def test_where_nothing_is_shared_the_answer_says_so() -> None:
    on = Stage(None, alone="It is of this monitor alone.")
    answer = await on.desk.ask(on.wish())
    assert answer.done and answer.said.endswith("It is of this monitor alone.")


async def test_of_the_last_life_the_store_is_told_what_it_lacks() -> None:
    store = Store()
    one = silence("s1", EPOCH)
    async with Stage(store, known=[one]).running():
        await settle()
    assert store.there == {"s1": one}


@pytest.mark.parametrize("leads", [True, False])
async def test_only_the_one_that_leads_puts_back_what_the_store_has_lost(leads: bool) -> None:
    store = Store()
    one = silence("s1", EPOCH)
    on = Stage(store, leads=leads)
    async with on.running():
        on.desk.hear(SilencesSeen([one]))
        on.desk.hear(SilencesSeen([]))
        await settle()
    assert (store.there == {"s1": one}) is leads


async def test_whoever_knows_that_one_is_ended_tells_the_store() -> None:
    store = Store()
    one = silence("s1", EPOCH)
    on = Stage(store)
    async with on.running():
        on.desk.hear(SilencesSeen([ended(one)]))
        on.desk.hear(SilencesSeen([one]))
        await settle()
    assert store.there == {"s1": ended(one)}


async def test_a_store_that_takes_nothing_is_asked_now_and_then() -> None:
    store = Store()
    store.fault = "no leader"
    on = Stage(store, known=[silence("s1", EPOCH)])
    async with on.running():
        await on.clock.advance(10 * AGAIN + 1)
    assert 5 <= store.asked <= 12


async def test_what_is_past_is_nobodys_any_more() -> None:
    store = Store()
    on = Stage(store, leads=True, known=[silence("s1", EPOCH)])
    await on.clock.advance(3 * 3600)
    async with on.running():
        on.desk.hear(SilencesSeen([]))
        on.desk.hear("anything else")
        await settle()
    assert store.there == {}


async def test_they_leave_room_for_the_ledger_in_a_store_that_all_share() -> None:
    store = Store()
    on = Stage(store)
    async with on.running():
        answers = [await on.desk.ask(on.wish(why="\u0436" * 500)) for _ in range(30)]
        refused = [answer.said for answer in answers if not answer.done]
        assert refused and all("fill what all monitors share" in said for said in refused)
        assert len(write(store.there.values())) <= LARGEST and len(store.there) + len(refused) == 30
        for key in list(store.there):
            assert (await on.desk.ask(Wish(what=End(key), who="alice", why="\u0436" * 500))).done
    assert len(write(store.there.values())) < 2 * LARGEST
    alone = Stage(None)
    assert all([(await alone.desk.ask(alone.wish(why="\u0436" * 500))).done for _ in range(30)])


async def test_silences_of_the_far_future_leave_room_for_others() -> None:
    store = Store()
    on = Stage(store)
    async with on.running():
        year = EPOCH + datetime.timedelta(days=400)
        on.desk.hear(SilencesSeen([silence(f"s{n}", year) for n in range(MOST)]))
        assert (await on.desk.ask(on.wish())).done
        assert not (await on.desk.ask(Wish(what=End("s1"), who="bob"))).done, "it holds nothing here"


async def test_what_was_ended_leaves_room_for_others() -> None:
    on = Stage(None, known=[ended(silence(f"s{n}", EPOCH)) for n in range(MOST)])
    assert (await on.desk.ask(on.wish())).done
