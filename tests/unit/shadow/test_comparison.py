"""One monitor's comparison: read once a minute, kept on disk, and never a reason to stop."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.core.agreement.told import FAILED, Statement
from masakarimonitors.core.decision import Instant, Ruling, Verdict
from masakarimonitors.shadow import comparison
from masakarimonitors.shadow.comparison import EVERY, Comparison, compare
from masakarimonitors.shadow.theirs import AGAIN, Theirs
from tests.fixtures.fake_clock import FakeClock, settle
from tests.fixtures.fake_lists import FakeLists


@pytest.fixture
def lists() -> FakeLists:
    return FakeLists({"s": ["node05"]})


def made(lists: FakeLists, clock: FakeClock, path: Path | None = None, **more: Any) -> Comparison:
    return Comparison(Theirs(lists, "processmonitor", "node05"), clock, path, **more)


def told(clock: FakeClock) -> Statement:
    return Statement(subject="process:x", sense=FAILED, says="STOPPED", at=clock.now().wall)


def file(lists: FakeLists, clock: FakeClock, name: str = "x") -> None:
    payload = {"event": "STOPPED", "process_name": name}
    lists.file("node05", "PROCESS", payload, clock.now().wall.replace(tzinfo=None).isoformat())


def counts(one: Comparison) -> Any:
    return {state: count for state, count in dict(one.describe()["agreement"]).items() if count}  # type: ignore[arg-type]


async def test_both_have_told(lists: FakeLists) -> None:
    clock = FakeClock()
    one = made(lists, clock)
    assert one.describe()["trouble"] == "masakari was not asked yet"
    one.would_send(told(clock))
    file(lists, clock)
    await one.look()
    assert counts(one) == {"both": 1} and one.describe()["trouble"] == ""
    await one.close()


async def test_masakari_out_of_reach_decides_nothing_and_is_said(lists: FakeLists) -> None:
    clock = FakeClock()
    one = made(lists, clock)
    one.would_send(told(clock))
    lists.fails = "away"
    await clock.advance(10_000.0)
    await one.look()
    assert counts(one) == {"pending": 1} and "away" in str(one.describe()["trouble"])
    lists.fails = ""
    for _ in range(AGAIN):
        await one.look()
    assert counts(one) == {"only we": 1}
    await one.close()


async def test_our_verdict_and_our_blindness_are_the_reason(lists: FakeLists) -> None:
    clock = FakeClock()
    one = made(lists, clock, blind=lambda now: "processes: /proc hangs")
    one.ruled(Verdict("process:/usr/bin/x", Ruling.HELD, "it is restarted"), clock.now())
    file(lists, clock)
    await one.look()
    await clock.advance(301.0)
    await one.look()
    told: Any = one.describe()
    why = told["disagreements"][0]["why"]
    assert why.startswith("it did not see: processes: /proc hangs; held: it is restarted (")
    await one.close()


async def test_a_restart_loses_nothing(lists: FakeLists, tmp_path: Path) -> None:
    clock, path = FakeClock(), tmp_path / "processmonitor.agreement"
    first = made(lists, clock, path)
    await first.open()
    first.would_send(told(clock))
    await first.close()
    await clock.advance(100.0)
    second = made(lists, clock, path)
    await second.open()
    file(lists, clock)
    await second.look()
    assert counts(second) == {"both": 1}
    await second.close()
    book = comparison.read(path, clock.now(), own=False)
    assert book is not None and len(book.judged) == 1
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "no json", "[" * 100_000, '{"format": 9}'])
async def test_what_cannot_be_read_is_begun_anew(
    lists: FakeLists, tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "processmonitor.agreement"
    path.write_text(text)
    one = made(lists, FakeClock(), path)
    await one.open()
    assert "the comparison begins anew" in caplog.text
    await one.look()
    await one.close()
    assert comparison.read(path, FakeClock().now()) is not None


async def test_a_disk_that_takes_nothing_is_said(
    lists: FakeLists, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = made(lists, FakeClock(), tmp_path / "away" / "x.agreement")
    await one.look()
    await one.look()
    assert "the comparison is not kept" in str(one.describe()["trouble"])
    assert caplog.text.count("cannot be kept") == 1
    await one.close()


async def test_a_fault_inside_ends_nothing_and_is_said_until_it_is_over(
    lists: FakeLists, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    broken = True

    def blind(now: Instant) -> str:
        if broken:
            raise ZeroDivisionError("inside")
        return ""

    one, other = made(lists, clock, blind=blind), made(lists, clock)
    one.would_send(told(clock))
    file(lists, clock)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(compare([one, other], clock))
        await settle()
        assert "a fault of this program (ZeroDivisionError('inside'))" in str(one.describe()["trouble"])
        assert other.describe()["trouble"] == "" and counts(other) == {"pending": 1}
        await clock.advance(EVERY)
        assert caplog.text.count("Traceback") == 1, "once"
        broken = False
        await clock.advance(EVERY)
        assert one.describe()["trouble"] == "" and counts(one) == {"both": 1}
        task.cancel()
    for each in (one, other):
        await each.close()


async def test_a_report_that_cannot_be_compared_is_missed_for_good(
    lists: FakeLists, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    one = made(lists, clock)
    one.would_send(told(clock))
    # One without a zone has no distance from others.
    one.would_send(replace(told(clock), at=clock.now().wall.replace(tzinfo=None)))
    file(lists, clock)
    await one.look()
    assert "has missed something: a fault of this program (TypeError" in str(one.describe()["trouble"])
    assert counts(one) == {"both": 1} and caplog.text.count("Traceback") == 1
    await one.close()


async def test_masakari_is_read_once_a_minute_by_one_reader(lists: FakeLists) -> None:
    clock = FakeClock()
    both = [made(lists, clock), made(lists, clock)]
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(compare(both, clock))
        await settle()
        before = len(lists.asked)
        for _ in range(5):
            await clock.advance(EVERY)
        asked = lists.asked[before:]
        assert len(asked) == 10 and all("/notifications?" in path for path in asked)
        task.cancel()
    for one in both:
        await one.close()
