"""What a real masakari says of our reports after it has taken them, and what a monitor makes of that."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from masakarimonitors.core.notification import ClusterStatus, HostEvent, HostNotification, HostStatus
from masakarimonitors.outbox.follower import Follower
from masakarimonitors.outbox.progress import FollowPolicy, Progress
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.waiting import eventually
from tests.integration.cloud.recovery import Recovery
from tests.integration.cloud.way import Way, way

pytestmark = pytest.mark.xdist_group("cloud")

SOON = FollowPolicy(early=(0.1,), spread=0.0, late=0.2, gap=0.1, late_gap=0.2)


@dataclass
class Following:
    """A way out, and who follows what went it."""

    out: Way
    follower: Follower

    def report(self, host: str) -> None:
        told = HostNotification(
            host,
            SystemClock().now().wall,
            event=HostEvent.STOPPED,
            cluster_status=ClusterStatus.OFFLINE,
            host_status=HostStatus.NORMAL,
        )
        self.out.report(told)

    def stands(self) -> list[tuple[str, bool]]:
        return [(row.state, row.alarm) for row in self.follower.describe()]

    async def until(self, *expected: tuple[str, bool]) -> None:
        await eventually(lambda: self.stands() == list(expected), self.stands)

    async def until_word(self, word: str) -> None:
        await self.out.until(lambda rows: bool(rows) and rows[-1].answer.endswith(f"the engine: {word}"))


@contextlib.asynccontextmanager
async def following(engine: Recovery, folder: Path) -> AsyncIterator[Following]:
    reader = engine.client()
    async with way(engine.client(), folder) as out:
        follower = Follower(out.outbox, SystemClock(), reader, SOON)
        task = asyncio.get_running_loop().create_task(follower.run())
        yield Following(out, follower)
        task.cancel()
    reader.close()


async def test_a_host_that_is_evacuated_is_worked_on_and_then_finished(
    engine: Recovery, tmp_path: Path
) -> None:
    engine.add("follow-dies")
    engine.nova.kill("follow-dies")
    async with following(engine, tmp_path) as on:
        on.report("follow-dies")
        await on.until_word("finished")
        assert on.stands() == [] and engine.statuses("follow-dies") == ["finished"]


async def test_a_report_that_is_ignored_for_its_segment_is_an_alarm(engine: Recovery, tmp_path: Path) -> None:
    engine.cloud.add_segment("follow-disabled", enabled=False)
    engine.cloud.register("follow-asleep", segment="follow-disabled")
    async with following(engine, tmp_path) as on:
        on.report("follow-asleep")
        await on.until((Progress.IGNORED, True))
        await on.until_word("ignored")


async def test_a_host_that_nova_still_sees_up_is_an_alarm_at_the_first_try(
    engine: Recovery, tmp_path: Path
) -> None:
    # A segment of its own: as long as one of its reports is in error, no maintenance of it can be ended.
    engine.cloud.add_segment("follow-alone")
    engine.cloud.register("follow-up", segment="follow-alone")
    engine.nova.add("follow-up", 1)
    async with following(engine, tmp_path) as on:
        on.report("follow-up")
        await on.until((Progress.TRIED_ONCE, True))
        await on.until_word("error")
