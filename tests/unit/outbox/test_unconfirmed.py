"""What is done with reports of the last life, by a monitor's word on each; and what people are told."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from masakarimonitors.core.decision import Command, Instant, Notify, Ruling
from masakarimonitors.core.notification import HostEvent, ProcessNotification, VmNotification
from masakarimonitors.core.unconfirmed import Unconfirmed, Word, confirm, forget, wait, withdraw
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.rows import Put
from masakarimonitors.outbox.storage.store import MemoryStore
from masakarimonitors.outbox.unconfirmed import PATIENCE, UnconfirmedReports
from tests.fixtures.fake_clock import FakeClock

CLOCK = FakeClock()
NOW = CLOCK.now()


def died(name: str, at: Instant = NOW) -> Notify:
    return Notify(ProcessNotification("c1", at.wall, HostEvent.STOPPED, name), "it died")


def later(seconds: float) -> Instant:
    return replace(NOW, monotonic=NOW.monotonic + seconds)


@contextlib.asynccontextmanager
async def adopted(*commands: Command) -> AsyncIterator[Outbox]:
    """The outbox of a second life, with the reports of these commands."""
    store = MemoryStore()
    first = Outbox(store, CLOCK)
    await first.open()
    first.submit(commands, NOW)
    await first.close()
    second = Outbox(store, CLOCK)
    await second.open()
    yield second
    await second.close()


def offered(outbox: Outbox) -> list[str]:
    return [row.subject for subject in outbox.subjects() for row in outbox.deliverable(subject)]


async def test_each_goes_where_its_word_sends_it() -> None:
    words = {
        "process:a": confirm("still down"),
        "process:b": withdraw("it runs"),
        "process:c": wait("not seen"),
        "process:d": forget("nobody lists it"),
    }
    async with adopted(*map(died, "abcd")) as outbox:
        reports = UnconfirmedReports(outbox, lambda report, now: words[report.subject], NOW)
        assert offered(outbox) == []
        told = {verdict.subject: verdict for verdict in reports.review(NOW)}
        assert offered(outbox) == ["process:a"] and "process:a" in outbox.take_ready()
        assert [row.subject for row in outbox.unconfirmed()] == ["process:c"]
        assert {subject: (one.ruling, one.alarm) for subject, one in told.items()} == {
            "process:a": (Ruling.REPORTED, False),
            "process:b": (Ruling.WITHDRAWN, False),
            "process:d": (Ruling.WITHDRAWN, True),
        }
        assert "look whether it was recovered" in told["process:d"].why
        assert not reports.review(NOW), "said once"


async def test_one_that_waits_is_shown_at_once_and_an_alarm_after_a_while() -> None:
    async with adopted(died("a")) as outbox:
        reports = UnconfirmedReports(outbox, lambda report, now: wait("it cannot be seen"), NOW)
        (row,) = reports.describe(NOW)
        assert (row.subject, row.state, row.held, row.alarm) == (
            "process:a",
            "unconfirmed",
            "unconfirmed",
            False,
        )
        assert not reports.review(later(PATIENCE - 1))
        (verdict,) = reports.review(later(PATIENCE))
        assert verdict.alarm and "it cannot be seen" in verdict.why and "by hand" in verdict.why
        assert not reports.review(later(86400)) and offered(outbox) == []
        assert reports.describe(later(PATIENCE))[0].alarm


async def test_a_monitor_is_asked_about_the_report_as_it_was_made() -> None:
    """With the whole name of its subject, and the time of the decision, also when it was offered with a later one."""
    asked: list[Unconfirmed] = []

    def judge(report: Unconfirmed, now: Instant) -> Word:
        asked.append(report)
        return wait("")

    store = MemoryStore()
    first = Outbox(store, CLOCK)
    await first.open()
    first.submit([died("/usr/bin/a")], NOW)
    await first.close()
    (row,) = store.load().pending
    store.write([Put(row.restamped(replace(NOW, wall=NOW.wall.replace(year=2030))))])
    second = Outbox(store, CLOCK)
    await second.open()
    UnconfirmedReports(second, judge, NOW).review(NOW)
    assert asked == [
        Unconfirmed("process:/usr/bin/a", ProcessNotification("c1", NOW.wall, HostEvent.STOPPED, "a"))
    ]


async def test_what_no_release_knows_or_a_bug_cannot_judge_stays(caplog: pytest.LogCaptureFixture) -> None:
    def judge(report: Unconfirmed, now: Instant) -> Word:
        raise RuntimeError("a bug")

    async with adopted(died("a"), died("b")) as outbox:
        first = outbox.unconfirmed()[0]
        outbox.settle(replace(first, body="{}", notification=None))
        reports = UnconfirmedReports(outbox, judge, NOW)
        for _ in range(3):
            assert not reports.review(NOW)
        unknown, broken = (row.detail for row in reports.describe(NOW))
        assert "does not understand what it says" in unknown and "a bug of this program" in broken
        assert offered(outbox) == []
    assert sum("could not be judged" in entry.message for entry in caplog.records) == 1


async def test_what_is_reported_anew_takes_the_place_of_what_waits() -> None:
    async with adopted(died("a"), died("b")) as outbox:
        moment = replace(NOW, wall=NOW.wall.replace(year=2030))
        outbox.submit([died("a", moment)], moment)
        assert [row.subject for row in outbox.unconfirmed()] == ["process:b"]
        assert outbox.waiting == 2


async def test_the_very_same_report_made_once_more_confirms_the_one_that_waits() -> None:
    async with adopted(died("a")) as outbox:
        (before,) = outbox.unconfirmed()
        outbox.submit([replace(died("a"), again=True, why="it fails still", since=NOW.wall)], later(60))
        (row,) = outbox.deliverable("process:a")
        assert (row.id, row.body, row.created) == (before.id, before.body, before.created)
        assert (row.in_doubt, row.why, row.since) == (True, "it fails still", NOW.wall)
        assert outbox.unconfirmed() == [] and outbox.waiting == 1


async def test_a_report_of_this_life_waits_for_none_of_the_last() -> None:
    def word(event: str, detail: str) -> Notify:
        told = VmNotification("c1", NOW.wall, event=event, instance_uuid="i", vir_domain_event=detail)
        return Notify(told, "seen")

    async with adopted(word("QEMU_GUEST_AGENT_ERROR", "STOPPED_FAILED")) as outbox:
        outbox.submit([word("LIFECYCLE", "STOPPED_FAILED")], NOW)
        assert offered(outbox) == [], "it is not on disk yet"
        await outbox.close()
        assert offered(outbox) == ["vm:i"] and len(outbox.unconfirmed()) == 1
