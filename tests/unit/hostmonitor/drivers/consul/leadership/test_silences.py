"""Silences in Consul's key-value store, against a store that the test plays: what each monitor of the cluster hears."""

import asyncio

import pytest

from masakarimonitors.core.silences.silence import Silence, read, write
from masakarimonitors.hostmonitor.drivers.base import NotShared
from masakarimonitors.hostmonitor.drivers.consul.leadership.keys import ElectionKeys
from masakarimonitors.hostmonitor.drivers.consul.leadership.silences import StoredSilences
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_consul_store import FakeStore
from tests.fixtures.silences import ended, silence
from tests.fixtures.waiting import eventually
from tests.unit.hostmonitor.drivers.consul.electing import PREFIX, Monitor, Runs, follows, leads

CLOCK = SystemClock()
KEY = PREFIX + "silences"
ONE = silence("s1", CLOCK.now().wall)
TWO = silence("s2", CLOCK.now().wall, "all")


async def heard(monitor: Monitor, *wanted: Silence) -> None:
    """It has told its decision of these, last of all."""
    await eventually(
        lambda: monitor.silences and tuple(monitor.silences[-1].silences) == wanted,
        lambda: f"{wanted}; heard were {monitor.silences}",
    )


async def test_what_one_is_asked_for_all_hear_of_whoever_leads(run: Runs, store: FakeStore) -> None:
    a = run("a")
    await a.until(leads)
    b = run("b")
    await b.until(follows("a"))
    await b.elector.silences.share([ONE])
    await heard(a, ONE)
    await heard(b, ONE)
    await a.elector.silences.share([TWO])
    await heard(b, ONE, TWO)
    await a.elector.silences.share([ended(ONE)])
    await heard(b, ended(ONE), TWO)
    assert a.elector.leads, "and it changes nothing about who leads"


async def test_whoever_comes_later_hears_of_them(run: Runs, store: FakeStore) -> None:
    store.put(KEY, write([ONE]))
    await heard(run("a"), ONE)


async def test_two_that_write_at_the_same_moment_lose_nothing(run: Runs, store: FakeStore) -> None:
    a, b = run("a"), run("b")
    await a.until(lambda said: True)
    await b.until(lambda said: True)
    await asyncio.gather(a.elector.silences.share([ONE]), b.elector.silences.share([TWO]))
    assert read(store.keys[KEY][0]) == (ONE, TWO)


async def test_what_stands_there_is_not_written_again(run: Runs, store: FakeStore) -> None:
    store.put(KEY, write([ended(ONE)]))
    a = run("a")
    await heard(a, ended(ONE))
    written = store.written_at[KEY]
    await a.elector.silences.share([ONE])
    assert store.written_at[KEY] == written and read(store.keys[KEY][0]) == (ended(ONE),)


@pytest.mark.parametrize("fault", ["refused", "away", "raced"])
async def test_what_cannot_be_written_is_not_shared(run: Runs, store: FakeStore, fault: str) -> None:
    a = run("a")
    await a.until(leads)
    if fault == "refused":
        store.refuse_from.add("a")
    elif fault == "away":
        store.leader = False
    else:
        store.raced.add(KEY)
    with pytest.raises(NotShared):
        await a.elector.silences.share([ONE])
    assert a.silences == []


async def test_before_it_runs_nothing_is_shared(run: Runs, store: FakeStore) -> None:
    a = run("a")
    await a.until(leads)
    await a.stop()
    with pytest.raises(NotShared, match="does not run"):
        await a.elector.silences.share([ONE])


async def test_what_cannot_be_read_is_an_alarm_and_says_nothing(run: Runs, store: FakeStore) -> None:
    store.put(KEY, write([ONE]))
    a = run("a")
    await heard(a, ONE)
    store.put(KEY, b"what is this")
    await eventually(lambda: a.elector.silences.troubles, "an alarm")
    assert KEY in a.elector.silences.troubles[0]
    # Once, or once more when it had begun to lead.
    assert {tuple(said.silences) for said in a.silences} == {(ONE,)}
    await a.elector.silences.share([TWO])
    await heard(a, TWO)
    assert not a.elector.silences.troubles


async def test_whoever_begins_to_lead_hears_of_what_is_gone_from_the_store(
    run: Runs, store: FakeStore
) -> None:
    a = run("a")
    await a.until(leads)
    b = run("b")
    await b.until(follows("a"))
    await a.elector.silences.share([ONE])
    await heard(b, ONE)
    del store.keys[KEY]
    store.wake()
    await heard(b)
    told = len(b.silences)
    await a.stop()
    await b.until(leads)
    await eventually(lambda: len(b.silences) > told, "it is told once more, now that it must see to it")


def test_what_makes_no_sense_among_them_is_told_of() -> None:
    silences = StoredSilences(ElectionKeys(None, "m/", CLOCK, patience=1.0, wait=1.0), CLOCK)  # type: ignore[arg-type]
    silences.take((ONE,), 2)
    assert "2 of the silences in Consul's key m/silences make no sense" in silences.troubles[0]
    silences.take((ONE,))
    assert silences.troubles == ()
