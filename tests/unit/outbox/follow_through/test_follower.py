"""Each delivered report is followed until masakari has ended with it; what it has not recovered is an alarm."""

import asyncio
import contextlib
import itertools
import logging
import random
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Notify
from masakarimonitors.core.notification import (
    ClusterStatus,
    HostEvent,
    HostNotification,
    HostStatus,
    Notification,
    ProcessNotification,
    ReportStatus,
    VmNotification,
)
from masakarimonitors.masakari_answers import Duplicate, Unreachable
from masakarimonitors.masakari_lists import ReportFinder
from masakarimonitors.outbox.delivery.arrivals import Arrivals
from masakarimonitors.outbox.delivery.delivery import Delivery, DeliveryPolicy
from masakarimonitors.outbox.follow_through.follower import LIMIT, Follower
from masakarimonitors.outbox.follow_through.let_go import KEY
from masakarimonitors.outbox.follow_through.shown import MOST, OLDER, READING
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.progress import FollowPolicy, Progress, Seen
from masakarimonitors.outbox.rows import Loaded, Row
from masakarimonitors.outbox.storage.disk import DEADLINE
from masakarimonitors.outbox.storage.store import MemoryStore
from masakarimonitors.status.health import Kind, Level, Shown, health
from masakarimonitors.status.model import OutboxRow, SubjectRow
from tests.fixtures.confirming import confirm_all
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.fake_engine import HOST, FakeEngine
from tests.fixtures.waiting import PATIENCE, eventually

POLICY = FollowPolicy()
# By then the first look has been made, whatever the spread.
FIRST = POLICY.early[0] + POLICY.spread + 1


@dataclass
class Stage:
    clock: FakeClock
    store: MemoryStore
    outbox: Outbox
    engine: FakeEngine
    delivery: Delivery
    follower: Follower
    well: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    async def deliver(self, *notifications: Notification) -> None:
        self.outbox.submit([Notify(one, "it failed") for one in notifications], self.clock.now())
        await self.clock.advance(0)

    def process(self, name: str = "nova-compute", event: HostEvent = HostEvent.STOPPED) -> Notification:
        return ProcessNotification(HOST, self.clock.now().wall, event, name)

    def host(self, status: HostStatus = HostStatus.NORMAL) -> Notification:
        return HostNotification(
            HOST,
            self.clock.now().wall,
            event=HostEvent.STOPPED,
            cluster_status=ClusterStatus.OFFLINE,
            host_status=status,
        )

    def instance(self, name: str = "i", detail: str = "STOPPED_FAILED") -> Notification:
        return VmNotification(
            HOST, self.clock.now().wall, event="LIFECYCLE", instance_uuid=name, vir_domain_event=detail
        )

    def says(self, status: str, which: int = 0) -> None:
        """masakari says so from now on."""
        self.engine.end(status, which=self.engine.known.notifications[which])

    def shown(self) -> list[tuple[str, str, bool]]:
        return [(row.subject, row.state, row.alarm) for row in self.follower.describe()]

    def health(self) -> list[tuple[Level, str]]:
        """What the monitor's health makes of it."""
        outbox = OutboxRow(where="", pending=0, counts={}, disk_fault="", api_trouble="")
        shown = Shown(
            at=self.clock.now(), sources=(), views=(), subjects=self.follower.describe(), outbox=outbox
        )
        return [(cause.level, cause.subject) for cause in health(shown).causes]

    def answers(self) -> list[str]:
        rows = sorted(self.store.recent(10), key=lambda row: row.id)
        return [row.answer.partition("; the engine: ")[2] for row in rows]

    def looks(self) -> int:
        return sum("/notifications/" in path for path in self.engine.known.asked)


@contextlib.asynccontextmanager
async def stage(
    on: Stage | None = None,
    *,
    policy: FollowPolicy = POLICY,
    arrivals: bool = False,
    limit: int = LIMIT,
    deadline: float = DEADLINE,
) -> AsyncIterator[Stage]:
    """A run without pacing; `on`: after another one, on its disk and before its engine."""
    clock = on.clock if on else FakeClock()
    store, engine = (on.store, on.engine) if on else (MemoryStore(), FakeEngine(clock))
    outbox, well, left = Outbox(store, clock, deadline=deadline), dict[str, str](), dict[str, str]()
    await outbox.open()
    confirm_all(outbox)
    finder = Arrivals(ReportFinder(engine)) if arrivals else None
    delivery = Delivery(outbox, engine, DeliveryPolicy(), clock, random.Random(1), arrivals=finder)
    follower = Follower(
        outbox,
        clock,
        engine,
        policy,
        is_well=lambda subject: well.get(subject, ""),
        left_to=lambda subject: left.get(subject, ""),
        rng=random.Random(1),
        limit=limit,
    )
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(part.run()) for part in (outbox, delivery, follower)]
        yield Stage(clock, store, outbox, engine, delivery, follower, well, left)
        for task in running:
            task.cancel()
    await outbox.close()


MAKE: dict[str, Callable[[Stage], Notification]] = {
    "host": lambda on: on.host(),
    "process": lambda on: on.process(),
    "instance": lambda on: on.instance(),
}


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize(
    ("status", "state", "alarm"),
    [
        ("new", Progress.NOT_BEGUN, True),
        ("running", Progress.WORKED_ON, False),
        ("error", Progress.TRIED_ONCE, True),
        ("ignored", Progress.IGNORED, True),
        ("failed", Progress.FAILED, True),
        ("404", Progress.LOST, True),
    ],
)
async def test_each_kind_of_report_is_followed_and_what_is_not_recovered_is_named(
    kind: str, status: str, state: Progress, alarm: bool
) -> None:
    async with stage() as on:
        await on.deliver(MAKE[kind](on))
        ((subject, first, quiet),) = on.shown()
        assert (first, quiet) == (Progress.DELIVERED, False)
        if status == "404":
            on.engine.known.notifications.clear()
        elif status != "new":
            on.says(status)
        await on.clock.advance(FIRST)
        if status == "404":  # once is not believed: whatever stands before masakari may say so
            assert on.shown() == [(subject, Progress.DELIVERED, False)]
            await on.clock.advance(POLICY.begin + 60)
        assert on.shown() == [(subject, state, alarm)]
        assert on.follower.counts()[state] == 1
        (row,) = on.follower.describe()
        what = {
            "host": f"instances of {HOST}",
            "process": "not taken out of service",
            "instance": "instance i",
        }
        assert "notification-1" in row.detail and ((what[kind] in row.detail) is alarm)


async def test_what_masakari_has_finished_with_is_followed_no_longer_and_not_called_recovered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with stage() as on:
        await on.deliver(on.host())
        on.says("finished")
        await on.clock.advance(FIRST)
        assert (on.shown(), on.answers()) == ([], ["finished"])
        await on.clock.advance(4000)
        assert on.looks() == 1
    assert "no proof of a recovery" in caplog.text


@pytest.mark.parametrize("status", ["running", "error"])
async def test_what_stands_for_longer_than_any_wait_of_the_engine_is_stuck_until_it_goes_on(
    status: str,
) -> None:
    async with stage() as on:
        await on.deliver(on.host())
        on.says(status)
        await on.clock.advance(1200)
        assert Progress.STUCK not in [state for _, state, _ in on.shown()]
        await on.clock.advance(200)
        assert on.shown() == [(f"host:{HOST}", Progress.STUCK, True)]
        on.says("finished")
        await on.clock.advance(POLICY.late + POLICY.late_gap)
        assert on.shown() == []


async def test_an_engine_that_comes_back_ends_the_alarm() -> None:
    async with stage() as on:
        await on.deliver(on.process())
        await on.clock.advance(FIRST)
        assert on.shown() == [("process:nova-compute", Progress.NOT_BEGUN, True)]
        on.says("running")
        await on.clock.advance(200)
        assert on.shown() == [("process:nova-compute", Progress.WORKED_ON, False)]


async def test_a_report_that_waits_behind_another_one_of_its_host_is_no_sign_of_a_dead_engine() -> None:
    async with stage() as on:
        await on.deliver(on.process("a"), on.process("b"))
        on.says("running", which=0)
        await on.clock.advance(2 * FIRST)
        assert [state for _, state, _ in on.shown()] == [Progress.WORKED_ON, Progress.DELIVERED]
        on.says("finished", which=0)
        await on.clock.advance(1000)
        assert on.shown() == [("process:b", Progress.NOT_BEGUN, True)]


async def test_what_the_engine_only_files_is_not_followed() -> None:
    async with stage() as on:
        await on.deliver(
            on.host(HostStatus.UNKNOWN),
            on.process("x", HostEvent.STARTED),
            on.instance("j", "SUSPENDED_IOERROR"),
        )
        await on.clock.advance(4000)
        assert (on.shown(), on.looks(), len(on.engine.offers)) == ([], 0, 3)


async def test_a_restart_goes_on_following_and_tells_again_what_failed() -> None:
    async with stage() as first:
        await first.deliver(first.host(), first.process())
        first.says("failed", which=0)
        await first.clock.advance(FIRST)
        assert first.answers() == ["failed", "not begun at masakari"]
    async with stage(first) as on:
        await on.clock.advance(0)
        assert [state for _, state, _ in on.shown()] == [Progress.DELIVERED] * 2
        await on.clock.advance(80)
        assert {(subject, state) for subject, state, alarm in on.shown() if alarm} == {
            (f"host:{HOST}", Progress.FAILED),
            ("process:nova-compute", Progress.NOT_BEGUN),
        }
        assert on.answers() == ["failed", "not begun at masakari"]


async def test_a_lost_answer_is_followed_by_what_masakari_lists() -> None:
    async with stage(arrivals=True) as on:
        take = on.engine.answer

        def lose(told: dict[str, Any]) -> Duplicate:
            take(told)
            on.engine.answer = lambda told: Duplicate("409 duplicate")
            raise ConnectionError("lost")

        on.engine.answer = lose
        await on.deliver(on.process())
        await on.clock.advance(60)
        assert len(on.engine.offers) == 2
        on.says("failed")
        await on.clock.advance(FIRST)
        assert on.shown() == [("process:nova-compute", Progress.FAILED, True)]


async def test_a_masakari_that_may_not_be_read_is_said_once_and_is_one_alarm_after_twenty_minutes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with stage() as on:
        await on.deliver(*(on.process(f"p{number}") for number in range(20)))
        on.engine.known.fails = "403 Policy doesn't allow"
        await on.clock.advance(FIRST)
        assert on.shown()[-1] == (READING, "unread", False)
        await on.clock.advance(6 * 3600)
        assert [row for row in on.shown() if row[2]] == [(READING, "unread", True)]
        assert on.looks() <= 10 + 6 * 3600 / 3000
        said = [record for record in caplog.records if "cannot be read" in record.getMessage()]
        assert len(said) == 1 and "403" in said[0].getMessage()
        on.engine.known.fails = ""
        await on.clock.advance(4000)
        assert {state for _, state, _ in on.shown()} >= {Progress.NOT_BEGUN}
        assert READING not in [subject for subject, _, _ in on.shown()]


async def test_a_host_that_was_given_up_is_an_alarm_until_it_is_back_in_service() -> None:
    async with stage() as on:
        on.engine.known.on_maintenance.add(HOST)
        await on.deliver(on.host())
        on.says("failed")
        await on.clock.advance(FIRST + 5)
        on.well[f"host:{HOST}"] = "it is up"
        await on.clock.advance(3600)
        assert on.shown() == [(f"host:{HOST}", Progress.FAILED, True)]
        on.engine.known.on_maintenance.clear()
        await on.clock.advance(POLICY.late + POLICY.late_gap)
        assert (on.shown(), on.answers()) == ([], ["failed at masakari, over"])


async def test_a_host_that_never_was_on_maintenance_is_not_taken_for_put_back() -> None:
    async with stage() as on:
        await on.deliver(on.host())
        on.says("failed")
        await on.clock.advance(6 * 3600)
        assert on.shown() == [(f"host:{HOST}", Progress.FAILED, True)]


@pytest.mark.parametrize("status", ["failed", "ignored"])
async def test_an_instance_that_is_seen_to_run_needs_nobody_any_more(status: str) -> None:
    async with stage() as on:
        await on.deliver(on.instance())
        on.says(status)
        await on.clock.advance(FIRST + 60)
        assert on.shown()[0][2]
        on.well["vm:i"] = "it is up"
        await on.clock.advance(60)
        assert on.shown() == []


async def test_a_failure_that_is_told_anew_takes_the_place_of_the_one_that_masakari_gave_up() -> None:
    async with stage() as on:
        await on.deliver(on.host())
        on.says("failed")
        await on.clock.advance(FIRST + 5)
        await on.deliver(on.host())
        assert on.shown() == [(f"host:{HOST}", Progress.DELIVERED, False)]


async def test_nothing_is_followed_for_longer_than_the_engine_itself_takes() -> None:
    async with stage() as on:
        await on.deliver(on.process("a"), on.process("b"))
        on.says("failed")
        await on.clock.advance(POLICY.day - 60)
        assert len(on.shown()) == 2
        await on.clock.advance(120)
        assert on.shown() == [] and on.outbox.followed() == []


async def test_looks_are_few_and_never_two_within_a_second() -> None:
    """Reports of one monitor that masakari does not end with: early looks for each, then one for all."""
    count, hours = 30, 12
    moments: list[float] = []

    async with stage() as on:
        show = on.engine.known.show

        def note(path: str) -> tuple[int, dict[str, object]]:
            moments.append(on.clock.now().monotonic)
            return show(path)

        on.engine.known.show = note  # type: ignore[method-assign]
        await on.deliver(*(on.process(f"p{number}") for number in range(count)))
        await on.clock.advance(hours * 3600)
    assert min(b - a for a, b in itertools.pairwise(moments)) >= POLICY.gap
    # Each first look may find that it waits; what the engine is at is asked for all of a host at once, each minute.
    lines = POLICY.spread / 60 + 1
    assert len(moments) <= len(POLICY.early) * count + lines + hours * 3600 / POLICY.late_gap


async def test_a_report_behind_another_monitors_is_no_sign_of_a_dead_engine() -> None:
    """Nor where the pacing has looked; it is one when nobody is worked on, or one that is worked on for too long."""
    async with stage() as on:
        await on.deliver(on.instance())
        theirs = on.engine.report_host(status="running")
        theirs["updated_at"] = on.clock.now().wall.replace(tzinfo=None).isoformat()
        await on.clock.advance(FIRST)
        on.follower.seen({"notification-1": Seen(status="new", seconds=FIRST)})
        await on.clock.advance(2)
        assert on.shown() == [("vm:i", Progress.DELIVERED, False)]
        looks = on.looks()
        for _ in range(10):
            on.follower.seen({"notification-1": Seen(status="new", seconds=FIRST)})
            await on.clock.advance(2)
        assert on.looks() == looks, "the pacing looks often, and this is no reason to do so as well"
        await on.clock.advance(POLICY.late + POLICY.late_gap)
        assert on.shown() == [("vm:i", Progress.NOT_BEGUN, True)]


async def test_whether_masakari_has_it_is_an_alarm_until_its_subject_is_well(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with stage() as on:
        answers = iter((Unreachable("lost", maybe_accepted=True), Duplicate("409")))
        on.engine.answer = lambda told: next(answers)
        on.engine.known.fails = "it may not read"
        await on.deliver(on.process())
        await on.clock.advance(60)
        assert [row.status for row in on.store.recent(1)] == [ReportStatus.DELIVERED]
        assert on.shown() == [("process:nova-compute", Progress.UNSEEN, True)]
        assert on.health() == [(Level.DEGRADED, "process:nova-compute")]
        assert "not known whether masakari has the report about process:nova-compute" in caplog.text
        assert on.looks() == 0
    async with stage(on) as again:
        again.engine.known.fails = ""
        await again.clock.advance(2 * FIRST)
        assert again.shown() == [("process:nova-compute", Progress.UNSEEN, True)] and again.looks() == 0
        again.well["process:nova-compute"] = "it runs"
        await again.clock.advance(60)
        assert again.shown() == [] and again.outbox.followed() == []
        assert again.health() == []


async def test_what_the_pacing_has_looked_at_is_not_looked_at_again() -> None:
    async with stage() as on:
        await on.deliver(on.instance())
        for _ in range(60):
            await on.clock.advance(60)
            on.follower.seen({"notification-1": Seen(status="running", seconds=60)})
        assert (on.looks(), on.shown()) == (0, [("vm:i", Progress.WORKED_ON, False)])
        on.follower.seen({"notification-1": Seen(status="failed", seconds=0)})
        assert on.shown() == [("vm:i", Progress.FAILED, True)]


async def test_of_very_many_the_oldest_are_one_row_and_their_alarm_stays() -> None:
    async with stage() as on:
        await on.deliver(on.instance("first"), on.instance("second"))
        await on.clock.advance(FIRST)
        running = Seen(status="running", seconds=0)
        on.follower.seen({"notification-1": Seen(status="failed", seconds=0), "notification-2": running})
        await on.deliver(*(on.process(f"p{number}") for number in range(MOST)))
        for _ in range(50):
            await on.clock.advance(1)
        assert len(on.shown()) == MOST + 1 and len(on.outbox.followed()) == MOST + 2
        assert on.shown()[-1] == (OLDER, "followed", True)
        (row,) = [row for row in on.follower.describe() if row.subject == OLDER]
        assert "2 older reports" in row.detail and f"{Progress.FAILED.value}: 1" in row.detail
        on.well["vm:first"] = "it is up"
        on.follower.seen({"notification-2": running})
        await on.clock.advance(30)
        await on.deliver(on.process("more"))
        await on.clock.advance(1)
        assert on.shown()[-1] == (OLDER, "followed", False)
        assert on.follower.counts()[Progress.FAILED.value] == 0


async def test_no_more_are_followed_than_memory_is_meant_for_and_those_are_told_of_until_they_are_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with stage(limit=5) as on:

        def rest() -> list[SubjectRow]:
            return [row for row in on.follower.describe() if row.subject == OLDER]

        await on.deliver(*(on.process(f"p{number}") for number in range(8)))
        await on.clock.advance(1)
        assert len(on.shown()) == 6 and len(on.outbox.followed()) == 5
        assert sum("is followed no longer" in record.getMessage() for record in caplog.records) == 3
        (row,) = rest()
        assert row.alarm and row.harms is Kind.UNSURE and "3 are followed no longer" in row.detail
        assert "process:p0 (delivered), process:p1 (delivered), process:p2 (delivered)" in row.detail
        on.well["process:p0"] = "it runs"
        await on.clock.advance(60)
        assert "2 are followed no longer" in rest()[0].detail
        # What is reported anew is followed, and another one is let go for it.
        await on.deliver(on.process("p1"))
        await on.clock.advance(1)
        assert "process:p1" in [row.subject for row in on.follower.describe()]
        assert "process:p1" not in rest()[0].detail and "process:p3" in rest()[0].detail
        await on.clock.advance(POLICY.day + 60)
        assert rest() == []


async def test_a_restart_does_not_end_the_alarm_of_those_that_were_too_many() -> None:
    async with stage(limit=2) as on:
        await on.deliver(*(on.process(f"p{number}") for number in range(5)))
        await on.clock.advance(1)
    async with stage(on, limit=2) as after:

        def rest() -> list[str]:
            return [row.detail for row in after.follower.describe() if row.subject == OLDER and row.alarm]

        assert "3 are followed no longer" in rest()[0] and "process:p2 (delivered)" in rest()[0]
        after.well["process:p0"] = "it runs"
        await after.clock.advance(60)
        assert "2 are followed no longer" in rest()[0]
        assert len([key for key in after.outbox.memory if key.startswith(KEY)]) == 2
        await after.clock.advance(POLICY.day)
        assert rest() == [] and not [key for key in after.outbox.memory if key.startswith(KEY)]


class Hung(MemoryStore):
    """The store of an earlier run, on a disk that does not answer before `thaw`."""

    blocks = True

    def __init__(self, earlier: MemoryStore) -> None:
        super().__init__()
        self.__dict__.update(earlier.__dict__)
        self.thaw = threading.Event()

    def load(self) -> Loaded:
        self.thaw.wait(PATIENCE)
        return super().load()


async def test_those_that_were_too_many_are_told_of_when_the_outbox_could_be_read_only_later() -> None:
    async with stage(limit=2) as on:
        await on.deliver(*(on.process(f"p{number}") for number in range(5)))
        await on.clock.advance(1)
    on.store = hung = Hung(on.store)
    async with stage(on, limit=2, deadline=0.05) as after:

        def rest() -> list[str]:
            return [row.detail for row in after.follower.describe() if row.subject == OLDER and row.alarm]

        def followed() -> list[str]:
            return [row.subject for row in after.outbox.followed()]

        await after.deliver(after.process("p1"))
        await eventually(lambda: followed() == ["process:p1"], "the report to leave from memory")
        assert rest() == []
        hung.thaw.set()
        await eventually(lambda: bool(rest()), "the outbox to be read")
        # p1 was reported anew and is followed since; of the older ones, p3 had to go for it.
        assert "3 are followed no longer" in rest()[0]
        assert {f"p{number}" for number in range(5) if f"process:p{number} " in rest()[0]} == {
            "p0",
            "p2",
            "p3",
        }
        assert sorted(followed()) == ["process:p1", "process:p4"]
        told = {key.removeprefix(KEY) for key in after.outbox.memory if key.startswith(KEY)}
        assert told == {"process:p0", "process:p2", "process:p3"}


async def test_a_word_that_is_not_known_is_no_work(caplog: pytest.LogCaptureFixture) -> None:
    async with stage() as on:
        await on.deliver(on.process())
        on.says("paus\x1b[2Jed")
        await on.clock.advance(FIRST)
        assert on.shown() == [("process:nova-compute", Progress.UNCLEAR, True)]
        (row,) = on.follower.describe()
        assert r"as 'paus\x1b[2Jed', which this release does not know" in row.detail
        on.says("running")
        await on.clock.advance(2 * FIRST)
        assert on.shown() == [("process:nova-compute", Progress.WORKED_ON, False)]


async def test_an_odd_answer_is_no_end_of_following() -> None:
    async with stage() as on:
        await on.deliver(on.process())
        on.engine.known.notifications[0]["created_at"] = 17
        await on.clock.advance(FIRST)
        assert on.shown()[-1][:2] == (READING, "unread")
        on.engine.known.notifications[0]["created_at"] = "2026-01-01T00:00:00"
        await on.clock.advance(400)
        assert on.shown() == [("process:nova-compute", Progress.NOT_BEGUN, True)]


async def test_a_bug_in_what_is_only_told_ends_neither_watching_nor_delivery(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with stage() as on:

        def broken(_subject: str) -> str:
            raise RuntimeError("a bug")

        follower = Follower(on.outbox, on.clock, on.engine, POLICY, is_well=broken)
        task = asyncio.get_running_loop().create_task(follower.run())
        await on.deliver(on.process())
        on.says("failed")
        await on.clock.advance(FIRST + 60)
        assert "could not be followed" in caplog.text and not task.done()
        assert [row.state for row in follower.describe() if row.subject == READING] == ["unread"]
        await on.deliver(on.process("x"))
        assert len(on.engine.offers) == 2
        task.cancel()


async def test_what_another_monitor_has_delivered_is_followed_from_the_present_on_and_over_a_restart() -> (
    None
):
    async with stage() as on:
        uuid = on.engine.report_host(status="running")["notification_uuid"]
        on.follower.take_over(on.host(), uuid, "taken over")
        on.follower.take_over(on.host(), uuid, "taken over")
        await on.clock.advance(2)
        assert on.shown() == [(f"host:{HOST}", "being worked on", False)] and on.looks() == 1
        assert on.follower.follows(f"HOST:{HOST.upper()}") and not on.follower.follows("host:compute-2")
        assert on.outbox.counts[ReportStatus.DELIVERED] == 0, "it is not this monitor that has delivered it"
    async with stage(on) as after:
        after.says("ignored")
        await after.clock.advance(FIRST)
        assert after.shown() == [(f"host:{HOST}", "ignored by masakari", True)]
        assert after.store.recent(1)[0].answer.startswith(f"by another monitor: {uuid}")


async def test_what_another_monitor_follows_by_now_is_left_to_it_with_its_alarm() -> None:
    async with stage() as on:
        await on.deliver(on.host(), on.process())
        on.says("ignored", 0)
        on.says("ignored", 1)
        await on.clock.advance(FIRST + 5)
        assert [alarm for _, _, alarm in on.shown()] == [True, True]
        on.left[f"host:{HOST}"] = "n9"
        await on.clock.advance(31)
        assert [subject for subject, _, _ in on.shown()] == ["process:nova-compute"], "which is its own"
        assert on.answers()[0] == "followed by n9"


async def test_what_masakari_may_not_even_have_is_left_to_nobody() -> None:
    async with stage() as on:
        row = replace(
            Row.new(7, on.host(), "it failed", on.clock.now()),
            status=ReportStatus.DELIVERED,
            followed="unseen:7",
        )
        on.outbox._followed[7] = row
        on.left[f"host:{HOST}"] = "n9"
        on.outbox.followed_news.set()
        await on.clock.advance(31)
        assert on.shown() == [(f"host:{HOST}", "not known whether masakari has it", True)]
