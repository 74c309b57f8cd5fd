"""What a real masakari says of our reports after it has taken them, and what a monitor makes of that."""

from pathlib import Path

import pytest

from masakarimonitors.core.notification import ClusterStatus, HostEvent, HostNotification, HostStatus
from masakarimonitors.outbox.progress import FollowPolicy, Progress
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.waiting import eventually
from tests.integration.cloud.engine.recovery import Recovery
from tests.integration.cloud.way import Way, way

pytestmark = pytest.mark.xdist_group("cloud")

SOON = FollowPolicy(early=(0.1,), spread=0.0, late=0.2, gap=0.1, late_gap=0.2)


def report(on: Way, host: str) -> None:
    told = HostNotification(
        host,
        SystemClock().now().wall,
        event=HostEvent.STOPPED,
        cluster_status=ClusterStatus.OFFLINE,
        host_status=HostStatus.NORMAL,
    )
    on.report(told)


def stands(on: Way) -> list[tuple[str, bool]]:
    return [(row.state, row.alarm) for row in on.follower.describe()]


async def until(on: Way, *expected: tuple[str, bool]) -> None:
    await eventually(lambda: stands(on) == list(expected), lambda: stands(on))


async def until_word(on: Way, word: str) -> None:
    await on.until(lambda rows: bool(rows) and rows[-1].answer.endswith(f"the engine: {word}"))


async def test_a_host_that_is_evacuated_is_worked_on_and_then_finished(
    engine: Recovery, tmp_path: Path
) -> None:
    engine.add("follow-dies")
    engine.nova.kill("follow-dies")
    async with way(engine.client(), tmp_path, follow=SOON) as on:
        report(on, "follow-dies")
        await until_word(on, "finished")
        assert stands(on) == [] and engine.statuses("follow-dies") == ["finished"]


async def test_a_report_that_is_ignored_for_its_segment_is_an_alarm(engine: Recovery, tmp_path: Path) -> None:
    engine.cloud.add_segment("follow-disabled", enabled=False)
    engine.cloud.register("follow-asleep", segment="follow-disabled")
    async with way(engine.client(), tmp_path, follow=SOON) as on:
        report(on, "follow-asleep")
        await until(on, (Progress.IGNORED, True))
        await until_word(on, "ignored")


async def test_a_host_that_nova_still_sees_up_is_an_alarm_at_the_first_try(
    engine: Recovery, tmp_path: Path
) -> None:
    # A segment of its own: as long as one of its reports is in error, no maintenance of it can be ended.
    engine.cloud.add_segment("follow-alone")
    engine.cloud.register("follow-up", segment="follow-alone")
    engine.nova.add("follow-up", 1)
    async with way(engine.client(), tmp_path, follow=SOON) as on:
        report(on, "follow-up")
        await until(on, (Progress.TRIED_ONCE, True))
        await until_word(on, "error")
