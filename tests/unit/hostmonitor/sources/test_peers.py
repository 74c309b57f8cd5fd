"""What one monitor tells those of other hosts, and what it makes of what they tell; no harm comes of either."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.election.reporter import Reporter, Standing
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.outages.host import new_host
from masakarimonitors.hostmonitor.core.peers.announcement import Announcement, Part, decode, encode
from masakarimonitors.hostmonitor.core.state import Policy, Segments, State, restore
from masakarimonitors.hostmonitor.sources.peers import Peers
from masakarimonitors.monitor import OwnStanding
from masakarimonitors.silencing.desk import NotShared
from masakarimonitors.status.health import Health, Kind, Sight, StandingView, View
from masakarimonitors.status.model import OutboxRow
from tests.fixtures.fake_clock import FakeClock, settle

POLICY = Policy(own="node01", matrix=matrix.single("cluster"), elected=True)


class Store:
    """A dictionary; `fault` is what every act raises."""

    def __init__(self, *, reporter_alone: bool = True) -> None:
        self.reporter_alone = reporter_alone
        self.words: dict[str, bytes] = {}
        self.fault: Exception | None = None
        self.writes = self.reads = 0
        self.mute: set[str] = set()

    def cannot_tell(self, node: str) -> bool:
        return node in self.mute

    async def tell(self, node: str, value: bytes) -> None:
        if self.fault is not None:
            raise self.fault
        self.writes += 1
        self.words[node] = value

    async def read(self) -> Mapping[str, bytes]:
        if self.fault is not None:
            raise self.fault
        self.reads += 1
        return dict(self.words)


class Stage:
    """The monitor of node01 among three hosts."""

    def __init__(self, standing: Standing = Standing.LEADER, **more: Any) -> None:
        self.clock = FakeClock()
        self.store = Store(**more)
        self.peers = Peers("test", POLICY, self.store, self.clock)
        self.state: State = restore(POLICY, {})
        hosts = {name: new_host(1) for name in ("node02", "node03")}
        self.state = replace(self.state, hosts=hosts)
        self.health = Health(at=self.clock.now())
        self.outbox = OutboxRow(where="", pending=0, counts={}, disk_fault="", api_trouble="")
        self.stand(standing)
        self.peers.watch_standing(lambda: OwnStanding(self.state, self.health, self.outbox))

    def stand(self, standing: Standing) -> None:
        leader = "node02" if standing is Standing.FOLLOWER else ""
        reporter = Reporter(standing=standing, leader=leader, since=self.clock.now().monotonic)
        self.state = replace(self.state, cluster=replace(self.state.cluster, reporter=reporter))

    def see(self, sight: Sight) -> None:
        view = StandingView(view=View("link:cluster", sight), since=self.clock.now(), proven_at=None)
        self.health = Health(at=self.clock.now(), views=[view])

    def other(self, node: str, **changes: Any) -> None:
        own = decode("node01", self.store.words["node01"])
        assert own is not None
        word = replace(
            own, **{"node": node, "reports": False, "reporter": "node01", "told": self.now.wall, **changes}
        )
        self.store.words[node] = encode(word)

    @property
    def now(self) -> Instant:
        return self.clock.now()

    @property
    def said(self) -> Announcement | None:
        value = self.store.words.get("node01")
        return None if value is None else decode("node01", value)

    @property
    def shown(self) -> Any:
        return json.loads(json.dumps(self.peers.shown(self.state)))

    def states(self) -> dict[str, str]:
        return {row["host"]: row["state"] for row in self.shown["hosts"]}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.get_running_loop().create_task(self.peers.run(lambda observation: None))
        try:
            await settle()
            yield
        finally:
            task.cancel()
            await settle()


async def test_it_tells_how_it_is_soon_and_seldom_again() -> None:
    on = Stage(Standing.FOLLOWER)
    on.outbox = replace(on.outbox, pending=2, oldest=on.now.monotonic - 30.0)
    async with on.running():
        await on.clock.advance(10)
        assert on.said is not None
        assert (on.said.reporter, on.said.reports, on.said.pending) == ("node02", False, 2)
        assert on.said.oldest is not None and on.said.oldest < on.said.started
        await on.clock.advance(500)
        assert on.store.writes == 1
        await on.clock.advance(200)
        assert on.store.writes == 2


async def test_what_changes_is_told_within_a_minute_and_as_it_is_then() -> None:
    on = Stage(Standing.FOLLOWER)
    async with on.running():
        await on.clock.advance(10)
        on.see(Sight.BLIND)
        await on.clock.advance(30)
        on.stand(Standing.LEADER)
        await on.clock.advance(60)
    assert on.store.writes == 2
    assert on.said is not None and on.said.blind == ("link:cluster",)
    assert (on.said.reporter, on.said.reports) == ("node01", True)


async def test_whose_lease_has_ended_does_not_say_that_it_reports() -> None:
    """As after it was stopped for a while: another may report by now, and it has decided nothing since."""
    on = Stage()
    reporter = replace(on.state.cluster.reporter, until=on.now.monotonic + 8.0)
    on.state = replace(on.state, decided=on.now, cluster=replace(on.state.cluster, reporter=reporter))
    on.clock.stand_still(100.0)
    async with on.running():
        await on.clock.advance(10)
    assert on.said is not None and (on.said.reports, on.said.reporter) == (False, "")


async def test_nothing_is_told_before_it_is_known_whom_to_ask() -> None:
    clock, store = FakeClock(), Store()
    peers = Peers("test", POLICY, store, clock)
    task = asyncio.get_running_loop().create_task(peers.run(lambda observation: None))
    await clock.advance(700)
    task.cancel()
    await settle()
    assert (store.writes, store.reads) == (0, 0)


async def test_by_the_name_that_the_election_has_for_it_nobody_takes_another_for_the_reporter() -> None:
    on = Stage(Standing.LEADER)
    on.peers = Peers("test", POLICY, on.store, on.clock, own=lambda: "n1")
    on.peers.watch_standing(lambda: OwnStanding(on.state, on.health, on.outbox))
    async with on.running():
        await on.clock.advance(10)
        said = decode("n1", on.store.words["n1"])
        assert said is not None and (said.node, said.reporter) == ("n1", "n1")
        on.store.words["node02"] = encode(replace(said, node="node02", reports=False, told=on.now.wall))
        await on.clock.advance(60)
        on.store.words["node02"] = encode(replace(said, node="node02", reports=False, told=on.now.wall))
        await on.clock.advance(120)
        assert "node02" not in on.states()


async def test_the_reporter_alone_reads_and_others_say_who_does() -> None:
    on = Stage(Standing.FOLLOWER)
    async with on.running():
        await on.clock.advance(300)
        assert on.store.reads == 0 and on.shown["seen_by"] == "node02" and "counts" not in on.shown
        on.stand(Standing.LEADER)
        await on.clock.advance(10)
        assert on.store.reads == 1 and on.shown["seen_by"] == "" and on.shown["counts"]["never heard"] == 2
        await on.clock.advance(600)
        assert 15 <= on.store.reads <= 17
        before = on.store.reads
        on.stand(Standing.FOLLOWER)
        assert "counts" not in on.shown
        await on.clock.advance(300)
        assert on.store.reads == before and not on.peers.alarms()


async def test_where_reading_costs_nothing_everybody_reads() -> None:
    on = Stage(Standing.FOLLOWER, reporter_alone=False)
    async with on.running():
        await on.clock.advance(10)
        assert on.shown["counts"]["as others"] == 1 and on.shown["seen_by"] == ""


async def test_other_rules_are_an_alarm_until_they_are_the_same() -> None:
    on = Stage()
    async with on.running():
        await on.clock.advance(10)
        on.other("node02")
        on.other("node03", rules={Part.MATRIX: "0000"})
        await on.clock.advance(60)
        (row,) = on.peers.alarms()
        assert row.alarm and row.harms is Kind.FLEET and "matrix: node03" in row.detail
        assert on.states() == {"node03": "differs"}
        on.other("node03")
        await on.clock.advance(60)
        assert not on.peers.alarms() and on.states() == {}


async def test_it_tells_of_the_rules_that_are_in_force_now() -> None:
    on = Stage()
    async with on.running():
        await on.clock.advance(10)
        assert on.said is not None
        before = on.said.rules
        on.state = replace(on.state, domains={"node02": "rack 1"})
        await on.clock.advance(120)
        assert on.said is not None
        assert {part for part in Part if on.said.rules[part] != before[part]} == {Part.DOMAINS}


async def test_one_that_is_not_heard_for_long_is_never_called_well() -> None:
    on = Stage()
    async with on.running():
        await on.clock.advance(10)
        on.other("node02")
        await on.clock.advance(1400)
        assert on.states()["node03"] == "never heard" and "node02" not in on.states()
        await on.clock.advance(300)
        assert on.states()["node02"] == "silent" and not on.peers.alarms()


async def test_nobody_misses_one_that_has_no_way_to_tell_anything() -> None:
    on = Stage()
    on.store.mute = {"node03"}
    async with on.running():
        await on.clock.advance(10)
    assert on.states() == {"node02": "never heard"}


async def test_nothing_is_told_before_it_has_looked_but_for_half_a_minute() -> None:
    on = Stage(Standing.UNKNOWN)
    on.see(Sight.UNKNOWN)
    async with on.running():
        await on.clock.advance(20)
        assert on.store.words == {}
        await on.clock.advance(20)
        assert on.said is not None and on.said.blind == ("link:cluster",)


async def test_masakaris_hosts_are_those_that_need_a_monitor() -> None:
    on = Stage()
    segments = Segments(hosts={"node03": "node03", "node07": "node07"})
    on.state = replace(on.state, cluster=replace(on.state.cluster, segments=segments))
    async with on.running():
        await on.clock.advance(10)
    assert on.states() == {"node03": "never heard", "node07": "never heard"}


async def test_what_others_write_there_breaks_nothing() -> None:
    on = Stage()
    async with on.running():
        await on.clock.advance(10)
        on.store.words |= {
            "node02": b"\xff" * 100_000,
            "node03": b"[" * 4000,
            "../../x": b"{}",
            "": b"null",
            "\x1b[2J": b'{"node": "\\u001b[2J"}',
        }
        await on.clock.advance(60)
    assert on.states() == {"node02": "never heard", "node03": "never heard"} and on.shown["strangers"] == 0


@pytest.mark.parametrize("fault", [NotShared("403: the token needs a right"), TimeoutError()])
async def test_a_store_that_does_not_work_is_said_and_tried_ever_more_slowly(fault: Exception) -> None:
    on = Stage()
    on.store.fault = fault
    async with on.running():
        await on.clock.advance(30)
        assert "right" in on.shown["not_told"] or "no answer" in on.shown["not_told"]
        assert on.shown["not_read"] and "counts" not in on.shown and not on.peers.alarms()
        on.store.fault = None
        await on.clock.advance(61)
        assert on.shown["not_told"] == on.shown["not_read"] == "" and on.store.writes == 1


async def test_a_fault_of_this_program_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    on = Stage()
    on.store.fault = KeyError("a fault of ours")
    async with on.running():
        await on.clock.advance(30)
        assert "fault of this program" in on.shown["not_read"]
        on.store.fault = None
        await on.clock.advance(70)
        assert on.shown["counts"]["as others"] == 1
    assert "by a fault of this program" in caplog.text


async def test_a_fault_of_this_program_is_tried_again_ever_more_slowly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    on = Stage()
    on.store.fault = KeyError("a fault of ours")
    async with on.running():
        await on.clock.advance(3600)
        assert "fault of this program" in on.shown["not_read"]
        told = len(caplog.records)
        assert 7 <= told <= 14, "each with its traceback: at 5, 10, 20 s, and every ten minutes in the end"
        on.store.fault = None
        await on.clock.advance(700)
        assert on.shown["not_read"] == "" and len(caplog.records) <= told + 1
