"""What proves that the leader is heard, and that what we know is what it says."""

import asyncio
import contextlib
import datetime
import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.observation import Membership, Observation, View
from masakarimonitors.hostmonitor.drivers.consul import restored
from masakarimonitors.hostmonitor.drivers.consul.agent import (
    LEADERS,
    Access,
    Agent,
    AgentFault,
    Answer,
    parse_address,
)
from masakarimonitors.hostmonitor.drivers.consul.datacentre import Datacentre, ProvenLinks
from masakarimonitors.hostmonitor.drivers.consul.prover import Freshness, NotShown, Prover
from masakarimonitors.hostmonitor.drivers.consul.rhythm import Rhythm
from tests.fixtures.fake_clock import EPOCH, FakeClock
from tests.fixtures.fake_consul import FakeConsul
from tests.fixtures.waiting import eventually
from tests.unit.hostmonitor.drivers.consul.hearing import FAST, IMPATIENT, OWN, all_answer, watching


async def test_a_list_without_ourselves_is_an_error(consul: FakeConsul) -> None:
    async with watching(consul, own="elsewhere") as heard:
        await heard.until(lambda: heard.proven is False)
        assert "'elsewhere'" in heard.why and "token" in heard.why
        assert not heard.values


async def test_a_token_that_may_read_only_its_own_node_sees_nothing(consul: FakeConsul) -> None:
    """Nor does an agent that nobody has joined: what would be called seen is nobody."""
    listed, members = list(consul.listed), dict(consul.members)
    consul.listed[:], consul.catalog[:] = [OWN], [OWN]
    consul.members = {OWN: 1}
    async with watching(consul) as heard:
        await heard.until(lambda: heard.proven is False)
        assert "no node but this one" in heard.why and "node_prefix" in heard.why
        with consul.edit():
            consul.listed[:], consul.catalog[:] = listed, listed
            consul.members = members
        await heard.until(lambda: heard.proven is True)


async def test_r1_whoever_is_called_critical_itself_accuses_nobody(
    consul: FakeConsul, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What may be a restored snapshot is believed that much later: not a matter of this test.
    monkeypatch.setattr(restored, "SET_RIGHT_IN", 0.5)
    consul.critical.update({OWN, "node05"})
    async with watching(consul) as heard:
        await heard.until(lambda: heard.proven is False)
        assert not heard.values
        with consul.edit():
            consul.critical.discard(OWN)
        await heard.until(lambda: heard.values.get("node05") is Membership.DOWN)


async def test_one_missed_probe_is_no_loss_of_sight(consul: FakeConsul) -> None:
    async with watching(
        consul, Rhythm(probe=0.05, alert=0.5, alert_span=1.0, patience=15.0, wait=2.0, load=15.0)
    ) as heard:
        await heard.until(lambda: bool(heard.values))
        consul.fail(leader=False)
        await consul.until_asked("/health/node/")
        consul.fail()
        seen = len(heard.all)
        await heard.until(lambda: any(isinstance(said, View) for said in heard.all[seen:]))
        assert all(said.proven for said in heard.all if isinstance(said, View))


async def test_a_view_lapses_by_itself_when_the_source_hangs(consul: FakeConsul) -> None:
    async with watching(consul, IMPATIENT) as heard:
        await heard.until(lambda: any(isinstance(said, View) for said in heard.all))
        views = [said for said in heard.all if isinstance(said, View)]
        assert all(0 < view.good_for < 10 for view in views)


@pytest.mark.parametrize("fault", ["refused", "hangs"])
async def test_a_leader_whose_list_does_not_come_proves_nothing(consul: FakeConsul, fault: str) -> None:
    """Probes succeed all the time; what they show is not followed."""
    async with watching(consul, IMPATIENT) as heard:
        await heard.until(lambda: bool(heard.values))
        consul.fail_list(**{fault: True})
        with consul.edit():
            consul.critical.add("node05")
        await consul.until_asked("/health/node/", times=2)
        before = len(heard.all)
        await heard.until(lambda: heard.proven is False)
        assert not [said for said in heard.all[before:] if isinstance(said, View) and said.proven]
        assert "has not come" in heard.why
        assert heard.values["node05"] is Membership.UP
        consul.fail_list()
        await heard.until(lambda: heard.proven is True)
        await heard.until(lambda: heard.values["node05"] is Membership.DOWN)


async def test_a_list_that_comes_again_in_time_is_no_loss_of_sight(consul: FakeConsul) -> None:
    patient = Rhythm(probe=0.05, alert=0.02, alert_span=1.0, patience=5.0, wait=600.0, load=5.0)
    async with watching(consul, patient) as heard:
        await heard.until(lambda: bool(heard.values) and heard.proven is True)
        consul.fail_list(hangs=True)
        with consul.edit():
            consul.critical.add("node05")
        await consul.until_asked("/health/node/", times=10)
        consul.fail_list()
        await heard.until(lambda: heard.values["node05"] is Membership.DOWN)
        assert all(said.proven for said in heard.all if isinstance(said, View))


async def test_a_list_that_changes_all_the_time_is_fresh(consul: FakeConsul) -> None:
    async with watching(consul) as heard:
        await heard.until(lambda: bool(heard.values))
        before = len(heard.all)
        for _ in range(200):
            with consul.edit():
                pass
            await consul.until_asked("state/any")
        assert any(isinstance(said, View) for said in heard.all[before:])
        assert all(said.proven for said in heard.all if isinstance(said, View))


class Played(Agent):
    """Gives these answers, one after another."""

    def __init__(self, *bodies: bytes) -> None:
        super().__init__(Access(address=parse_address("127.0.0.1:1")))
        self._bodies = iter(bodies)

    async def get(
        self, path: str, timeout: float, params: Mapping[str, str | int] = LEADERS, *, accept: int = 200
    ) -> Answer:
        return Answer(next(self._bodies), 7)


async def test_each_probe_is_judged_by_what_it_has_shown_itself() -> None:
    alive, critical = (
        json.dumps([{"Node": OWN, "CheckID": "serfHealth", "Status": status}]).encode()
        for status in ("passing", "critical")
    )
    prover = Prover(
        OWN,
        Played(b"", alive, alive, critical, alive, b"", critical, b"[]"),
        FakeClock(),
        Rhythm(),
        asyncio.Event(),
        on_fresh=lambda at, span: None,
        on_behind=lambda: None,
    )
    for fault in (AgentFault, None, None, NotShown, None, AgentFault, NotShown, NotShown):
        with pytest.raises(fault) if fault else contextlib.nullcontext():
            await prover.probe()


def moment(second: float) -> Instant:
    return Instant(second, EPOCH + datetime.timedelta(seconds=second))


async def test_a_view_is_as_old_as_the_question_whose_answer_proves_it(consul: FakeConsul) -> None:
    """This computer is suspended while a probe is under way: its answer is read an hour later."""
    clock = FakeClock()
    asked: list[Instant] = []
    told: list[bool] = []
    suspend = 0

    def hear(path: str) -> None:
        nonlocal suspend
        asked.append(clock.now())
        if suspend and "/health/node/" in path:
            suspend = 0
            clock.set_on(3600.0)

    def was_asked_since(moment: Instant) -> bool:
        return any(one.monotonic >= moment.monotonic and one.wall >= moment.wall for one in asked)

    def emit(said: Observation) -> None:
        if isinstance(said, View):
            told.append(said.proven and was_asked_since(said.at))

    consul.on_question = hear
    access = Access(address=parse_address(consul.address))
    source = Datacentre("storage", access, OWN, clock, ProvenLinks(), FAST, answers=all_answer)
    task = asyncio.get_running_loop().create_task(source.run(emit))
    try:
        await eventually(lambda: told, "the first view")
        suspend = 1
        for _ in range(5):
            before = len(told)
            while len(told) == before:
                await clock.advance(FAST.probe)
                await asyncio.sleep(0.001)
        assert not suspend and told == [True] * len(told)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_probe_counts_once_what_it_showed_is_followed() -> None:
    fresh = Freshness()
    fresh.read(moment(1.0), 10)
    assert (fresh.at, fresh.behind) == (moment(1.0), False)
    fresh.probed(moment(2.0), 10)
    assert (fresh.at, fresh.behind) == (moment(2.0), False)
    fresh.probed(moment(3.0), 12)
    fresh.probed(moment(4.0), 13)
    assert (fresh.at, fresh.behind) == (moment(2.0), True)
    fresh.followed(12)
    assert (fresh.at, fresh.behind) == (moment(3.0), True)
    fresh.read(moment(5.0), 13)
    assert (fresh.at, fresh.behind) == (moment(5.0), False)


def test_two_reads_whose_indexes_differ_for_good_do_not_blind_us() -> None:
    """A probe that looks at one table more than the list does shows a higher index."""
    fresh = Freshness()
    fresh.probed(moment(1.0), 99)
    fresh.read(moment(2.0), 10)
    fresh.probed(moment(3.0), 99)
    assert (fresh.at, fresh.behind) == (moment(3.0), False)


def test_after_a_restored_snapshot_what_was_followed_before_proves_nothing() -> None:
    fresh = Freshness()
    fresh.read(moment(1.0), 500)
    fresh.probed(moment(2.0), 500)
    fresh.probed(moment(3.0), 7)
    assert (fresh.at, fresh.behind) == (moment(2.0), True)
    fresh.read(moment(4.0), 7)
    assert (fresh.at, fresh.behind) == (moment(4.0), False)


@given(
    events=st.lists(st.sampled_from(["change", "ask", "answer", "follow", "ask all", "all"]), max_size=40),
    more=st.integers(0, 3),
)
def test_the_copy_is_never_called_fresher_than_it_is(events: list[str], more: int) -> None:
    """`more`: by how much the probe's index is always ahead of the list's."""
    fresh = Freshness()
    changed_at = [0.0]  # the moment of each change of the leader's list; its index is the place
    copy = 0
    probe: tuple[float, int] | None = None
    whole: tuple[float, int] | None = None
    for second, event in enumerate(events, 1):
        now = float(second)
        latest = len(changed_at) - 1
        match event:
            case "change":
                changed_at.append(now)
            case "ask":
                # Answered with what the leader knows at some moment after it was asked.
                probe = (now, latest)
            case "answer" if probe is not None:
                fresh.probed(moment(probe[0]), probe[1] + more)
                probe = None
            case "follow":
                copy = latest
                fresh.followed(latest)
            case "ask all":
                whole = (now, latest)
            case "all" if whole is not None and whole[1] >= copy:
                copy = whole[1]
                fresh.read(moment(whole[0]), whole[1])
                whole = None
        as_of = -1.0 if fresh.at is None else fresh.at.monotonic
        newer = [at for at in changed_at[copy + 1 :] if at <= as_of]
        assert not newer, events
